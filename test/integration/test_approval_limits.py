# SPDX-License-Identifier: MIT
"""How many devices wait for approval, and how often they ask, is set in atteztd.conf."""
import re

import pytest

import rig_device as dev
from rig_bus import Rule
from rig_ca import write
from rig_device import Client, SoftAk, SoftEk, attest_request, b64
from rig_programs import Server, cli, cli_json, program
from test_cli_passphrase import Terminal

FAILED, USAGE, DENIED = 1, 2, 5


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


def test_a_queue_that_somebody_filled_is_cleared(bus, new_server, vendor):
    server = new_server([], ['TrustedProxies=127.0.0.1'])
    ak, one, other, real = SoftAk(), SoftEk(), SoftEk(), SoftEk(authority=vendor)

    def waiting(*options):
        return {d['ek-hash'] for d in cli_json('ca', 'pending', *options)}
    for ek, source in ((one, '192.0.2.1'), (other, '2001:db8::1'), (real, '192.0.2.1')):
        assert ask(server, ek, ak, source)[2] == 'waiting'
    assert waiting('--source', '192.0.2.1') == {one.hash, real.hash}
    assert waiting('--source', '2001:db8::2') == waiting('--source', '2001:db8::2', '--untrusted') == {other.hash}
    assert waiting('--untrusted') == {one.hash, other.hash}
    for wrong in (['--source', '192.0.2.1:80', '--clear'], ['--source', 'nowhere'], ['--yes']):
        assert cli('ca', 'pending', *wrong, check=False).returncode == USAGE, wrong
    r = cli('ca', 'pending', '--clear', check=False)
    assert r.returncode == FAILED and 'say --yes' in r.stderr and len(waiting()) == 3

    rule = """polkit.addRule(function(action, subject) {
        if (action.id == "dev.attezt.server.deny" && subject.user == "games" && action.lookup("untrusted") == "true" &&
            action.lookup("source") == "192.0.2.1" && action.lookup("hash") == "(several)")
                return polkit.Result.YES; });"""
    clear = ['ca', 'pending', '--clear', '--yes']
    with Rule(bus, rule):
        assert cli(*clear, user='games', check=False).returncode == DENIED
        assert cli(*clear, '--source', '192.0.2.1', user='games', check=False).returncode == DENIED
        r = cli(*clear, '--source', '192.0.2.1', '--untrusted', user='games')
    assert '1 device was forgotten' in r.stdout and waiting() == {other.hash, real.hash}

    with Terminal(program('attezt'), 'ca', 'pending', '--clear') as t:
        t.wait(r'Forget all devices that wait for approval\? \[y/N\] ')
        t.type('n\n')
        assert 'Nothing is changed.' in t.ended(FAILED) and len(waiting()) == 2
    with Terminal(program('attezt'), 'ca', 'pending', '--clear', '--untrusted', '--source', '2001:db8::') as t:
        t.wait(r'Forget all devices from 2001:db8:: without a trusted EK certificate that wait for approval\?')
        t.type('y\n')
        assert '1 device was forgotten' in t.ended(0) and waiting() == {real.hash}
    assert cli_json(*clear) == {'cleared': 1} and waiting() == set() and cli_json('ca', 'list') == []
    server.daemon.wait_line('Forgotten: 1 device that waited for approval')
    assert ask(server, one, ak, '192.0.2.1')[2] == 'waiting' and not cli_json('ca', 'pending')[0]['removed']


def test_impossible_settings_are_told_and_change_nothing(new_server, vendor):
    bad = ['MaxPending=0', 'MaxPending=8193', 'MaxPending=many', 'PendingLifetime=59min', 'PendingLifetime=2y']
    bad_of_front = ['PendingRetry=0', 'PendingRetry=61min']
    server = new_server(bad, bad_of_front)
    for line in bad + bad_of_front:
        key, _, value = line.partition('=')
        assert re.search(rf'{key}= cannot be "{value}": ignored', server.daemon.log), line
    status, headers, error = ask(server, SoftEk(authority=vendor), SoftAk())
    assert error == 'waiting' and headers['Retry-After'] == '30'
