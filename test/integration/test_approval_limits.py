# SPDX-License-Identifier: MIT
"""How many devices wait for approval, and how often they ask, is set in atteztd.conf."""
import re

import pytest

import rig_device as dev
from rig_ca import write
from rig_device import Client, SoftAk, SoftEk, attest_request, b64
from rig_programs import Server, cli_json


@pytest.fixture
def new_server(bus, ek_roots, scratch):
    made = []

    def make(server=(), front=()):
        for other in made:
            other.stop()
        text = '\n'.join(['[Server]', *server, '[HTTP]', *front, ''])
        made.append(Server(ek_roots, ['--config', write(f'{scratch}/atteztd.conf', text.encode())], tls=False))
        made[-1].create_ca()
        return made[-1]
    yield make
    for s in made:
        s.stop()


def ask(server, ek, ak, source=None):
    """(status, headers, error). source: where it comes from, by a trusted proxy's word."""
    client = Client(server.url)
    where = {'X-Forwarded-For': source} if source else {}
    status, _, answer = client.request('POST', '/attest', attest_request(ek, ak.evidence()), where)
    assert status == 200
    status, headers, answer = client.request('POST', '/secret', {'secret': b64(dev.activate(ek, ak, answer))}, where)
    return status, headers, answer.get('error')


def test_settings_count(new_server, vendor):
    server = new_server(['MaxPending=2', 'PendingLifetime=1h'], ['PendingRetry=7s'])
    ak, eks = SoftAk(), [SoftEk(authority=vendor) for _ in range(3)]
    for ek in eks[:2]:
        status, headers, error = ask(server, ek, ak)
        assert (status, error) == (403, 'waiting') and headers['Retry-After'] == '7'
    status, headers, error = ask(server, eks[2], ak)
    assert (status, error) == (503, 'busy')
    assert ask(server, eks[0], ak)[2] == 'waiting'  # it waits already
    assert {d['ek-hash'] for d in cli_json('ca', 'pending')} == {ek.hash for ek in eks[:2]}
    server.daemon.wait_line('too many devices wait for approval already')


def test_made_up_keys_leave_places_to_devices(new_server, vendor):
    """Without a trusted EK certificate: half of the places, and few of one source. Who waits is not driven out."""
    server = new_server(['MaxPending=4'], ['TrustedProxies=127.0.0.1'])
    ak, made_up = SoftAk(), [SoftEk() for _ in range(5)]

    def asks(ek, source):
        return ask(server, ek, ak, source)[2]
    assert asks(made_up[0], '192.0.2.1') == 'waiting'
    assert asks(made_up[1], '192.0.2.1') == 'busy'
    server.daemon.wait_line(rf'{made_up[1].hash} \(192.0.2.1\) .* from its address already')
    assert asks(made_up[2], '2001:db8::1') == 'waiting'
    assert asks(made_up[3], '2001:db8:1::1') == 'busy'
    server.daemon.wait_line(rf'{made_up[3].hash} .* without a trusted EK certificate wait .* MaxPending=')
    real = [SoftEk(authority=vendor) for _ in range(3)]
    assert [asks(ek, '192.0.2.1') for ek in real] == ['waiting', 'waiting', 'busy']
    assert asks(made_up[2], '2001:db8::ffff') == 'waiting'
    assert {d['ek-hash'] for d in cli_json('ca', 'pending')} == {made_up[0].hash, made_up[2].hash, *[e.hash for e in real[:2]]}


def test_impossible_settings_are_told_and_change_nothing(new_server, vendor):
    bad = ['MaxPending=0', 'MaxPending=8193', 'MaxPending=many', 'PendingLifetime=59min', 'PendingLifetime=2y']
    bad_of_front = ['PendingRetry=0', 'PendingRetry=61min']
    server = new_server(bad, bad_of_front)
    for line in bad + bad_of_front:
        key, _, value = line.partition('=')
        assert re.search(rf'{key}= cannot be "{value}": ignored', server.daemon.log), line
    status, headers, error = ask(server, SoftEk(authority=vendor), SoftAk())
    assert error == 'waiting' and headers['Retry-After'] == '30'
