# SPDX-License-Identifier: MIT
"""What the daemons tell on their metrics sockets: numbers that go up, and nobody's name."""
import os
import re
import shutil
import socket
import time

import pytest

from p11kit_rpc import Connection
from rig_bus import call
from rig_ca import write
from rig_device import Client, SoftAk, SoftEk, activate, attest_request, b64
from rig_pkcs11 import signature_of
from rig_process import RIG, eventually, run
from rig_programs import directory, program
from rig_unit import Unit, seqpacket, stream, tcp

SERVER = ('dev.attezt.Server1', '/dev/attezt/Server1', 'dev.attezt.Server1')
# For clients that the proxy here speaks for; the others are on loopback, and have none.
LIMITS = b'[Server]\nMaxPending=4\n[HTTP]\nTrustedProxies=127.0.0.1\nRefusalLimit=2/1h\nUnansweredLimit=3/1h\nDeviceLimit=1/1h\n'
LINE = re.compile(r'(attezt_\w+)(\{(\w+)="([^"\\]*)"\})? (-?\d+)')


def scrape(path):
    """By curl, as a collector does; {name or (name, label's value): number}."""
    r = run('curl', '-sS', '--max-time', '10', '-D', '/dev/stderr', '--unix-socket', path, 'http://localhost/metrics')
    assert 'application/openmetrics-text; version=1.0.0; charset=utf-8' in r.stderr
    with open(f'{RIG}/tree/man/attezt-metrics.7') as f:
        page = f.read()
    lines = r.stdout.splitlines()
    assert lines[-1] == '# EOF' and r.stdout.endswith('\n')
    samples, families = {}, {}
    for line in lines[:-1]:
        if line.startswith('# TYPE '):
            _, _, name, kind = line.split()
            assert name not in families
            families[name] = kind
        elif not line.startswith('# HELP '):
            m = LINE.fullmatch(line)
            assert m, line
            assert re.search(rf'\b{m[1]}\b', page), f'{m[1]} is not in attezt-metrics(7)'
            name = m[1].removesuffix('_total') if m[1].endswith('_total') else m[1]
            assert families[name] == ('counter' if name != m[1] else 'gauge'), line
            samples[(m[1], m[4]) if m[2] else m[1]] = int(m[5])
    return samples


@pytest.fixture
def host(ek_roots):
    shutil.rmtree(f'{RIG}/metrics', ignore_errors=True)
    home = directory(f'{RIG}/metrics')
    state = directory(f'{home}/state', 'atteztd')
    listener, web = seqpacket(f'{home}/front'), tcp()
    shutil.chown(f'{home}/front', 'attezt-http')
    roots = [o for d in ek_roots for o in ('--ek-roots', d)]
    server = Unit([listener, stream(f'{home}/ca')], ['front', 'metrics'],
                  [program('atteztd'), '--state-dir', state, '--config', write(f'{home}/atteztd.conf', LIMITS)],
                  user='atteztd')
    front = Unit([web, stream(f'{home}/http')], ['http', 'metrics'],
                 [program('attezt-http'), '--backend', f'{home}/front', '--public-dir', f'{state}/public', '--config',
                  write(f'{home}/atteztd.conf', LIMITS), *roots],
                 user='attezt-http')
    host = type('Host', (), {'url': f'http://127.0.0.1:{web.getsockname()[1]}', 'ca': f'{home}/ca',
                             'http': f'{home}/http', 'server': server})
    yield host
    front.stop()
    server.stop()


def test_server_and_front(bus, host, vendor):
    before = scrape(host.ca) # which starts it
    assert before[('attezt_ca_verdicts_total', 'issued')] == 0
    assert before['attezt_ca_not_after_timestamp_seconds'] == before['attezt_ca_devices'] == 0
    bus.wait_name(SERVER[0])
    call(*SERVER, 'CreateCA', 'sa{sv}', 'Metrics CA', 0)
    ek, other, ak = SoftEk(authority=vendor), SoftEk(authority=vendor), SoftAk()
    call(*SERVER, 'Enroll', 'sasa{sv}', ek.hash, 1, 'counted', 0)
    c = Client(host.url)
    assert [c.issue(ek, ak)[0], c.issue(ek, ak)[0], c.issue(other, ak)[0]] == [200, 200, 403]
    assert c.attest(ek, ak)[0] == 200 and c.secret(bytes(32))[0] == 403
    ca = scrape(host.ca)
    assert ca[('attezt_ca_challenges_total', 'ok')] == 4
    assert ca[('attezt_ca_verdicts_total', 'issued')] == 2
    assert ca[('attezt_ca_verdicts_total', 'unknown-device')] == 1
    assert ca[('attezt_ca_verdicts_total', 'unknown-secret')] == 1
    assert (ca['attezt_ca_devices'], ca['attezt_ca_issued_records'], ca['attezt_ca_pending_secrets']) == (1, 2, 1)
    assert ca['attezt_ca_not_after_timestamp_seconds'] > time.time() and ca['attezt_ca_failures_total'] == 0
    assert ca['attezt_ca_waiting_devices'] == 1 and ca[('attezt_ca_no_room_total', 'all')] == 0
    front = scrape(host.http)
    assert front[('attezt_http_answers_total', '200')] == 6 and front[('attezt_http_answers_total', '403')] == 2
    assert front['attezt_http_open_connections'] == front['attezt_http_connections_total'] == 1
    assert front['attezt_http_ek_roots'] > 0
    text = run('curl', '-sS', '--unix-socket', host.ca, 'http://x/').stdout
    assert ek.hash not in text and 'counted' not in text


def test_whoever_has_to_wait_is_counted(bus, host, vendor):
    scrape(host.ca)
    bus.wait_name(SERVER[0])
    call(*SERVER, 'CreateCA', 'sa{sv}', 'Metrics CA', 0)
    ek, ak, c = SoftEk(authority=vendor), SoftAk(), Client(host.url)
    call(*SERVER, 'Enroll', 'sasa{sv}', ek.hash, 1, 'counted', 0)
    request = attest_request(ek, ak.evidence())

    def post(client, body, path='/attest'):
        status, _, answer = c.request('POST', path, body, {'X-Forwarded-For': client})
        return status, answer
    assert [post('192.0.2.1', {})[0] for _ in range(5)] == [400] * 2 + [429] * 3
    assert [post('192.0.2.2', request)[0] for _ in range(5)] == [200] * 3 + [429] * 2
    answer = post('192.0.2.3', request)[1]
    assert post('192.0.2.3', {'secret': b64(activate(ek, ak, answer))}, '/secret')[0] == 200
    assert post('192.0.2.3', request)[0] == 429
    front = scrape(host.http)
    assert {limit: front[('attezt_http_limited_requests_total', limit)] for limit in ('refusals', 'unanswered', 'device')} == {
        'refusals': 3, 'unanswered': 2, 'device': 1}
    assert front[('attezt_http_answers_total', '429')] == 6


def test_who_finds_no_place_to_wait_is_counted(bus, host, vendor):
    scrape(host.ca)
    bus.wait_name(SERVER[0])
    call(*SERVER, 'CreateCA', 'sa{sv}', 'Metrics CA', 0)
    c = Client(host.url)

    def error(client, **members):
        ek, ak, where = SoftEk(**members), SoftAk(), {'X-Forwarded-For': client}
        _, _, answer = c.request('POST', '/attest', attest_request(ek, ak.evidence()), where)
        return c.request('POST', '/secret', {'secret': b64(activate(ek, ak, answer))}, where)[2]['error']
    assert [error(f'192.0.2.{i}') for i in (1, 1, 2, 3)] == ['waiting', 'busy', 'waiting', 'busy']
    assert [error(f'192.0.2.{i}', authority=vendor) for i in (4, 5, 6, 7)] == ['waiting', 'waiting', 'busy', 'busy']
    ca = scrape(host.ca)
    assert ca['attezt_ca_waiting_devices'] == 4
    assert [ca[('attezt_ca_no_room_total', places)] for places in ('source', 'untrusted', 'all')] == [1, 1, 2]


def test_collectors_that_misbehave(bus, host):
    """They are few, short, and delay nobody."""
    scrape(host.ca)
    idle = []
    for _ in range(40):
        s = socket.socket(socket.AF_UNIX)
        s.connect(host.ca)
        idle.append(s)
    flood = socket.socket(socket.AF_UNIX)
    flood.settimeout(5)
    flood.connect(host.ca)
    with pytest.raises(OSError):
        while True:
            flood.sendall(bytes(65536))
    started = time.monotonic()
    call(*SERVER, 'GetCounts', 'a{sv}', 0)
    assert time.monotonic() - started < 2
    for s in idle:
        s.settimeout(10)
        while s.recv(65536): # the text, or nothing, but an end
            pass
        s.close()

    def served():
        r = run('curl', '-sS', '--max-time', '2', '--unix-socket', host.ca, 'http://x/', check=False)
        return r.stdout.endswith('# EOF\n')
    eventually(served, 'the text again', timeout=10)
    assert host.server.starts == 1


def test_agent(server, stepca, new_device):
    d = new_device(server, stepca)
    server.enroll(d.tpm.ek_hash(), 'framework')
    d.enroll(stepca, server)
    d.stop()
    home = directory(f'{RIG}/agent-metrics')
    for f in os.listdir(home):
        os.unlink(f'{home}/{f}')
    unit = Unit([stream(f'{home}/p11', 0o666), stream(f'{home}/metrics')], ['p11kit', 'metrics'],
                [program('attezt-agent'), *d.options], user='attezt')
    try:
        m = scrape(f'{home}/metrics')
        assert m['attezt_agent_enrolled'] == 1
        assert m['attezt_agent_not_before_timestamp_seconds'] < time.time()
        assert m['attezt_agent_not_after_timestamp_seconds'] > time.time()
        # Not yet known is not 0, which means that none is planned.
        assert m.get('attezt_agent_next_renewal_timestamp_seconds', time.time() + 1) > time.time()
        eventually(lambda: scrape(f'{home}/metrics')['attezt_agent_next_renewal_timestamp_seconds'] > time.time(),
                   'a plan')
        assert m[('attezt_agent_operations_total', 'ok')] == m['attezt_agent_token_connections'] == 0
        with Connection(f'{home}/p11') as c:
            s = c.open_session()
            signature_of(c, s, c.device_key(s))
            m = scrape(f'{home}/metrics')
        assert m[('attezt_agent_operations_total', 'ok')] == m['attezt_agent_token_connections'] == 1
        assert m['attezt_agent_renewal_failures'] == m[('attezt_agent_jobs_total', 'done')] == 0
    finally:
        unit.stop()
        server.forget_all()
