# SPDX-License-Identifier: MIT
"""Many clients, honest and not, each in a network namespace of its own: who floods has to wait, who is honest never
does, however many stand behind one address, and memory stays bounded."""
import contextlib
import json
import os
import re
import socket
import threading

import pytest

import rig_device as dev
from rig_ca import write
from rig_device import Client, SoftAk, SoftEk, attest_request, b64
from rig_namespace import Namespace
from rig_process import ENVIRONMENT, RIG, Daemon, children, free_port
from rig_programs import Server, directory, program

MEMORY_KB = 24 * 1024  # more than this is no table of ours, but something that grows
GARBAGE = b'{"ek": 1}'


@pytest.fixture(scope='module')
def places():
    made = {name: Namespace(name, n, addresses=3) for n, name in enumerate(('honest', 'hostile', 'proxy'), start=1)}
    yield made
    for place in made.values():
        place.remove()


@pytest.fixture(scope='module')
def ak():
    return SoftAk()


class Site(Server):
    def __init__(self, ek_roots, places, *settings):
        home = directory(f'{RIG}/limits-{Server.started}')
        config = write(f'{home}/atteztd.conf', '\n'.join(['[HTTP]', *settings, '']).encode())
        super().__init__(ek_roots, tls=False, listen=f'0.0.0.0:{free_port()}', options=['--allow-plaintext', '--config', config])
        self.places = places
        self.create_ca()

    def start(self):
        # What a sanitizer keeps of freed memory is not to be taken for growth.
        options = ENVIRONMENT.get('ASAN_OPTIONS', '') + ':quarantine_size_mb=1:thread_local_quarantine_size_kb=64'
        self.daemon = Daemon(program('atteztd'), *self.options, user='atteztd', notify=True,
                             env={'ASAN_OPTIONS': options.lstrip(':')})
        self.daemon.wait_ready()
        self.find_url()

    def client(self, place):
        """To be used within place.entered()."""
        return Client(f'http://{place.host}:{self.port}')

    def front(self):
        return next(iter(children(self.daemon.pid)))

    def memory(self):
        total = 0
        for pid in (self.daemon.pid, self.front()):
            with open(f'/proc/{pid}/status') as f:
                total += int(re.search(r'VmRSS:\s+(\d+) kB', f.read())[1])
        return total


@pytest.fixture
def site(bus, ek_roots, places):
    made = []

    def make(*settings):
        made.append(Site(ek_roots, places, *settings))
        return made[-1]
    yield make
    for s in made:
        s.stop()


@pytest.fixture
def enrolled(vendor):
    def make(site, name):
        ek = SoftEk(authority=vendor)
        site.enroll(ek.hash, name)
        return ek
    return make


def waits(status, headers, answer):
    assert status == 429, (status, answer)
    assert answer['error'] == 'too-many-requests' and answer['detail']
    assert 1 <= int(headers['Retry-After']) <= 3600
    return True


def issue(client, ek, ak):
    status, answer = client.issue(ek, ak)
    assert status == 200, (status, answer)


# ---- Sources

def test_U5_whoever_has_much_refused_waits_and_nobody_else_does(site, places, enrolled, ak):
    s = site('RefusalLimit=5/10min')
    ek = enrolled(s, 'honest')
    with places['hostile'].entered() as p:
        c = s.client(p)
        for _ in range(5):
            assert c.request('POST', '/attest', GARBAGE)[0] == 400
        waits(*c.request('POST', '/attest', GARBAGE))
        waits(*c.request('POST', '/secret', {'secret': b64(bytes(32))}))
        waits(*c.request('POST', '/attest', attest_request(ek, ak.evidence())))
        # It is the address that counts, not the connection.
        waits(*s.client(p).request('POST', '/attest', GARBAGE))
    with places['honest'].entered() as p:
        issue(s.client(p), ek, ak)


@pytest.mark.parametrize('kind', ['unknown-device', 'unknown-secret', 'F1-certificate-of-another-ek'])
def test_every_refusal_counts(site, places, vendor, ak, kind):
    s = site('RefusalLimit=3/10min')
    stranger, other = SoftEk(authority=vendor), SoftEk(authority=vendor)
    with places['hostile'].entered() as p:
        c = s.client(p)

        def once():
            if kind == 'unknown-device':
                return c.issue(SoftEk(authority=vendor), ak)[0]
            if kind == 'unknown-secret':
                return c.secret(os.urandom(32))[0]
            return c.attest(stranger, ak, ek=b64(other.spki))[0]
        assert [once() for _ in range(3)] == [403] * 3
        waits(*c.request('POST', '/attest', attest_request(stranger, ak.evidence())))


def test_device_that_waits_for_approval_counts_once(site, places, vendor, ak):
    s = site('RefusalLimit=2/10min', 'UnansweredLimit=2/10min')
    ek = SoftEk(authority=vendor)
    with places['honest'].entered() as p:
        c = s.client(p)
        for _ in range(10):
            status, answer = c.issue(ek, ak)
            assert (status, answer['error']) == (403, 'waiting')


@pytest.mark.seconds(280)
def test_honest_crowd_behind_one_address_never_waits(site, places, enrolled, ak):
    """All ask before the first of them answers: more than may be refused, and more than once."""
    s = site('RefusalLimit=2/1h', 'UnansweredLimit=60/1h')
    crowd = [enrolled(s, f'crowd-{n}') for n in range(50)]
    with places['honest'].entered() as p:
        c = s.client(p)
        for _ in range(3):
            answers = [c.attest(ek, ak) for ek in crowd]
            assert {status for status, _ in answers} == {200}
            for ek, (_, answer) in zip(crowd, answers):
                assert c.secret(dev.activate(ek, ak, answer))[0] == 200


def test_challenges_that_nobody_answers_are_limited(site, places, enrolled, ak):
    s = site('UnansweredLimit=10/1h')
    ek = enrolled(s, 'honest')
    with places['hostile'].entered() as p:
        c = s.client(p)
        assert [c.attest(ek, ak)[0] for _ in range(10)] == [200] * 10
        waits(*c.request('POST', '/attest', attest_request(ek, ak.evidence())))
    with places['honest'].entered() as p:
        issue(s.client(p), ek, ak)


def test_known_device_gets_through_beside_an_attacker(site, places, enrolled, ak):
    """The attacker shares its address, and has used up what is allowed there."""
    s = site('RefusalLimit=3/1h')
    ek, late = enrolled(s, 'known'), enrolled(s, 'late')
    with places['honest'].entered() as p:
        c, attacker = s.client(p), s.client(p)
        issue(c, ek, ak)
        for _ in range(3):
            assert attacker.request('POST', '/attest', GARBAGE)[0] == 400
        waits(*attacker.request('POST', '/attest', GARBAGE))
        for _ in range(5):
            issue(c, ek, ak)
        waits(*attacker.request('POST', '/secret', {'secret': b64(bytes(32))}))
        waits(*c.request('POST', '/attest', attest_request(late, ak.evidence())))


# ---- Devices

def test_replayed_request_locks_nobody_out(site, places, enrolled, ak):
    """An attest request can be copied: the copy proves nothing, so it counts for whoever sends it."""
    s = site('DeviceLimit=3/1h', 'UnansweredLimit=20/1h')
    ek = enrolled(s, 'honest')
    request = json.dumps(attest_request(ek, ak.evidence())).encode()
    with places['hostile'].entered() as p:
        statuses = [s.client(p).request('POST', '/attest', request)[0] for _ in range(40)]
    assert statuses == [200] * 20 + [429] * 20
    with places['honest'].entered() as p:
        for _ in range(3):
            issue(s.client(p), ek, ak)


def test_device_that_proves_itself_too_often_waits(site, places, enrolled, ak):
    s = site('DeviceLimit=3/1h')
    ek, neighbour = enrolled(s, 'busy'), enrolled(s, 'neighbour')
    with places['honest'].entered() as p:
        c = s.client(p)
        for _ in range(3):
            issue(c, ek, ak)
        waits(*c.request('POST', '/attest', attest_request(ek, ak.evidence())))
        issue(c, neighbour, ak)
    with places['proxy'].entered() as p:  # from elsewhere it may
        issue(s.client(p), ek, ak)


def test_no_limit_when_told_so(site, places, enrolled, ak):
    s = site('RefusalLimit=no', 'DeviceLimit=no', 'UnansweredLimit=no')
    ek = enrolled(s, 'honest')
    with places['honest'].entered() as p:
        c = s.client(p)
        for _ in range(60):
            assert c.request('POST', '/attest', GARBAGE)[0] == 400
        for _ in range(25):
            issue(c, ek, ak)


# ---- Reverse proxies

def forwarded(c, client, body=GARBAGE, header='X-Forwarded-For'):
    return c.request('POST', '/attest', body, {header: client})


def test_trusted_proxy_tells_the_client(site, places, enrolled, ak):
    s = site('RefusalLimit=3/1h', f'TrustedProxies={places["proxy"].addresses[0]} 10.99.0.0/16')
    ek = enrolled(s, 'honest')
    with places['proxy'].entered() as p:
        c = s.client(p)
        for _ in range(3):
            assert forwarded(c, '198.51.100.9')[0] == 400
        waits(*forwarded(c, '198.51.100.9'))
        # What the client itself wrote stands before it; a second proxy may stand behind it.
        waits(*forwarded(c, '203.0.113.1, 198.51.100.9'))
        waits(*forwarded(c, '203.0.113.1, 198.51.100.9, 10.99.3.4'))
        # The other header is the client's.
        waits(*c.request('POST', '/attest', GARBAGE, {'X-Forwarded-For': '198.51.100.9', 'Forwarded': 'for=192.0.2.1'}))
        # All of an IPv6 /64 is one source.
        for n in range(3):
            assert forwarded(c, f'2001:db8::{n + 1}')[0] == 400
        waits(*forwarded(c, '2001:db8::ffff:1'))
        assert forwarded(c, '2001:db8:0:1::1')[0] == 400
        # Others behind the same proxy go on, without a limit of its connections.
        status, _, answer = c.request('POST', '/attest', attest_request(ek, ak.evidence()), {'X-Forwarded-For': '198.51.100.10'})
        assert status == 200
        secret = {'secret': b64(dev.activate(ek, ak, answer))}
        assert c.request('POST', '/secret', secret, {'X-Forwarded-For': '198.51.100.10'})[0] == 200
        # atteztd's audit has the client, too.
        assert c.request('POST', '/secret', {'secret': b64(bytes(32))}, {'X-Forwarded-For': '198.51.100.11'})[0] == 403
    s.daemon.wait_line(r'POST /attest from 198\.51\.100\.9 refused with 400')
    s.daemon.wait_line(r'No certificate \(198\.51\.100\.11\)')


def test_lines_of_a_header_are_read_to_the_last(site, places):
    """A proxy that adds a line instead of an element; and more of it than is kept."""
    s = site('RefusalLimit=1/1h', f'TrustedProxies={places["proxy"].addresses[0]}')
    with places['proxy'].entered() as p:
        for before in ('203.0.113.1', ', '.join(['203.0.113.1'] * 300)):
            with socket.create_connection((p.host, s.port), timeout=30) as c:
                c.sendall(f'POST /attest HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: {before}\r\n'
                          f'X-Forwarded-For: 198.51.100.20\r\nContent-Length: 2\r\n\r\n'.encode() + b'{}')
                c.recv(1000)
        waits(*forwarded(s.client(p), '198.51.100.20'))
    assert '203.0.113.1' not in s.daemon.log


def test_header_forwarded(site, places):
    s = site('RefusalLimit=1/1h', f'TrustedProxies={places["proxy"].addresses[0]}', 'ForwardedHeader=Forwarded')
    with places['proxy'].entered() as p:
        c = s.client(p)
        assert forwarded(c, 'for=192.0.2.1;proto=https, For="[2001:db8::7]:4711"', header='Forwarded')[0] == 400
        waits(*forwarded(c, 'for="[2001:db8::7]"', header='Forwarded'))
        # X-Forwarded-For is the client's now, and says nothing: this is the proxy's own request.
        assert forwarded(c, '2001:db8::7')[0] == 400
    s.daemon.wait_line('POST /attest from 2001:db8::7 refused')


def test_nobody_else_is_believed(site, places):
    s = site('RefusalLimit=3/1h', f'TrustedProxies={places["proxy"].addresses[0]}')
    with places['hostile'].entered() as p:
        c = s.client(p)
        for n in range(3):
            assert forwarded(c, f'198.51.100.{n}')[0] == 400
        waits(*forwarded(c, '198.51.100.99'))
    s.daemon.wait_line(f'POST /attest from {p.addresses[0]}:')
    assert '198.51.100.' not in s.daemon.log


# ---- Connections, time, memory

def connections(site, place, n, what=b'POST /attest HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n'):
    """Those that were accepted; each then says what, and no more."""
    held = contextlib.ExitStack()
    with place.entered():
        for i in range(n):
            c = held.enter_context(socket.create_connection((place.host, site.port), timeout=30))
            with contextlib.suppress(OSError):
                c.sendall(what)
    return held


@pytest.mark.parametrize('what', [b'', b'P', b'POST /attest HTTP/1.1\r\nHost: x\r\nX', b'POST /attest HTTP/1.1\r\nHost: x\r\n'
                                  b'Content-Length: 60000\r\n\r\n{'], ids=['nothing', 'method', 'headers', 'body'])
def test_U8_F14_slow_loris_with_500_connections(site, places, enrolled, ak, what):
    s = site()
    ek = enrolled(s, 'honest')
    before = s.memory()
    with connections(s, places['hostile'], 500, what), places['honest'].entered() as p:
        for _ in range(5):
            c = s.client(p)
            issue(c, ek, ak)
            c.close()
        assert s.memory() - before < MEMORY_KB
        open_files = os.listdir(f'/proc/{s.front()}/fd')
        assert len(open_files) < 32 + 40, open_files


@pytest.mark.parametrize('setting,what,after', [
    ('HandshakeTimeout=1s', b'', 'handshake'), ('RequestTimeout=1s', b'POST /attest HTTP/1.1\r\nHost: x\r\n', 'headers'),
    ('IdleTimeout=1s', b'GET /root.pem HTTP/1.1\r\nHost: x\r\n\r\n', 'an answer')])
def test_F14_deadlines_can_be_set(site, places, setting, what, after):
    s = site('HandshakeTimeout=1h', 'RequestTimeout=1h', 'IdleTimeout=1h', setting)
    with places['hostile'].entered() as p, socket.create_connection((p.host, s.port), timeout=20) as c:
        c.sendall(what)
        with contextlib.suppress(ConnectionResetError):
            while c.recv(10000):
                pass


def test_F6_sizes_and_numbers_can_be_set(site, places):
    s = site('MaxBodySize=8192', 'MaxHeaderSize=4096', 'MaxConnections=8', 'MaxConnectionsPerSource=2')
    with places['hostile'].entered() as p:
        assert s.client(p).request('POST', '/attest', b'x' * 8193)[0] == 413
        assert s.client(p).request('POST', '/attest', b'x' * 8192)[0] == 400
        assert s.client(p).request('GET', '/root.pem', headers={'X': 'x' * 5000})[0] == 431
        with contextlib.ExitStack() as held:
            for _ in range(2):
                c = held.enter_context(contextlib.closing(s.client(p)))
                assert c.request('GET', '/root.pem')[0] == 200
            with pytest.raises(OSError):
                s.client(p).request('GET', '/root.pem')


def test_bad_settings_are_told_and_change_nothing(site, places):
    bad = ['RefusalLimit=many', 'DeviceLimit=0/1h', 'TrustedProxies=proxy.test', 'MaxConnections=100000', 'MaxBodySize=1',
           'IdleTimeout=0', 'ForwardedHeader=X-Real-IP']
    s = site(*bad)
    for line in bad:
        key, _, value = line.partition('=')
        assert re.search(rf'{key}= cannot be "{re.escape(value)}": ignored', s.daemon.log), key
    with places['honest'].entered() as p:
        assert s.client(p).request('GET', '/root.pem')[0] == 200


@pytest.mark.seconds(280)
def test_U5_flood_of_10000_beside_an_honest_client(site, places, enrolled, ak):
    """From one address, on eight connections: refused at first, then told to wait, and memory does not follow. The
    honest client, at another address, is served every time."""
    s = site()
    ek = enrolled(s, 'honest')
    replay = json.dumps(attest_request(ek, ak.evidence())).encode()
    before, statuses, lock, done = s.memory(), {}, threading.Lock(), threading.Event()

    def flood(n):
        with places['hostile'].entered() as p:
            c = s.client(p)
            for i in range(1250):
                status = c.request('POST', '/attest', replay if i % 5 == n % 5 else GARBAGE)[0]
                with lock:
                    statuses[status] = statuses.get(status, 0) + 1
    threads = [threading.Thread(target=flood, args=(n,)) for n in range(8)]
    for t in threads:
        t.start()
    served = 0
    with places['honest'].entered() as p:
        c = s.client(p)
        while any(t.is_alive() for t in threads) and not done.is_set():
            # One device may not have so many certificates: it is each time from another of its addresses, or a copy.
            if served < 15:
                issue(c, ek, ak)
                served += 1
            else:
                assert c.attest(SoftEk(), ak)[0] == 200
                done.wait(0.2)
    for t in threads:
        t.join()
    assert served > 0
    assert sum(statuses.values()) == 10000 and set(statuses) <= {200, 400, 429}, statuses
    assert statuses[429] > 9000 and statuses.get(200, 0) + statuses[400] < 1000, statuses
    assert s.memory() - before < MEMORY_KB
