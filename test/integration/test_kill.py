# SPDX-License-Identifier: MIT
"""kill -9 of atteztd and of its front at random moments during enrolments and issuing: what was acknowledged is
there after the restart, nothing hangs, and either goes on without the other."""
import http.client
import os
import random
import ssl
import threading
import time

import pytest

import rig_bus
import rig_device as dev
from rig_device import Client, SoftAk, SoftEk, attest_request
from rig_front import behind_socket
from rig_process import RIG, SANITIZER_WORDS, Daemon, children, dies, eventually, free_port
from rig_programs import SERVER, Server, directory, program

KILLS = 200
WORKERS = 2


def front_pid(server):
    kids = [pid for pid, comm in children(server.daemon.pid).items() if comm.startswith('attezt-http')]
    return kids[0] if kids else None


class Load:
    """Devices that are enrolled and get certificates, for as long as the server answers. What was acknowledged
    is written down: hash -> certificates."""
    def __init__(self, server, ak, hashes, eks):
        self.server, self.ak = server, ak
        self.hashes, self.eks = hashes, eks
        self.enrolled, self.issued, self.odd = [], {}, []
        self.uncertain = {}
        self.lock = threading.Lock()
        self.over = threading.Event()

    def enroll(self):
        while not self.over.is_set():
            with self.lock:
                ek_hash, name = self.hashes.pop()
            try:
                self.server.enroll(ek_hash, name)
            except (rig_bus.BusError, AssertionError) as e:
                with self.lock:
                    self.odd.append(str(e))
            else:
                with self.lock:
                    self.enrolled.append((ek_hash, name))

    def issue(self, number):
        ek = self.eks[number]
        while not self.over.is_set():
            client = Client(self.server.url, self.server.tls_root, timeout=20)
            try:
                while not self.over.is_set():
                    status, answer = client.post('/attest', self.body(ek))
                    if status == 200:
                        with self.lock:
                            self.uncertain[ek.hash] = self.uncertain.get(ek.hash, 0) + 1
                        status, answer = client.secret(dev.activate(ek, self.ak, answer))
                    if status == 200:
                        with self.lock:
                            self.issued[ek.hash] = self.issued.get(ek.hash, 0) + 1
                    elif status not in (403, 503):  # 403: the challenge was lost with the process
                        with self.lock:
                            self.odd.append(f'{status} {answer}')
            except (OSError, http.client.HTTPException, ssl.SSLError):
                self.over.wait(0.01)  # nobody listens at the moment
            finally:
                client.close()

    def body(self, ek):
        return ek.body

    def run(self):
        self.threads = [threading.Thread(target=self.enroll)]
        self.threads += [threading.Thread(target=self.issue, args=(n,)) for n in range(WORKERS)]
        for t in self.threads:
            t.start()

    def stop(self):
        self.over.set()
        for t in self.threads:
            t.join(60)
            assert not t.is_alive(), 'a client hangs'
        self.over.clear()


@pytest.mark.seconds(900)
def test_200_kills(bus, ek_roots, vendor):
    seed = int(os.environ.get('ATTEZT_TEST_SEED') or random.SystemRandom().randrange(1 << 32))
    print(f'ATTEZT_TEST_SEED={seed}')
    rng = random.Random(seed)
    server = Server(ek_roots, port=free_port(), tls=False)  # TLS would take the time that the kills are for
    server.create_ca()
    ak = SoftAk()
    eks = [SoftEk(authority=vendor) for _ in range(WORKERS)]
    for n, ek in enumerate(eks):
        server.enroll(ek.hash, f'worker-{n}')
        ek.body = attest_request(ek, ak.evidence())
    hashes = [(rng.randbytes(32).hex(), f'victim-{n}') for n in range(100000)]
    load = Load(server, ak, hashes, eks)
    killed = {'atteztd': 0, 'attezt-http': 0}
    try:
        load.run()
        for n in range(KILLS):
            time.sleep(rng.uniform(0, 0.3))
            victim = rng.choice(('atteztd', 'attezt-http'))
            if victim == 'attezt-http':
                pid = front_pid(server)
                if pid is None:
                    victim = 'atteztd'
                else:
                    seen = len(server.daemon.lines)
                    dies(pid)
                    server.find_url(start=seen)  # atteztd started another
            if victim == 'atteztd':
                front = front_pid(server)
                server.daemon.kill()
                assert not SANITIZER_WORDS.search(server.daemon.log), server.daemon.log
                if front:
                    eventually(lambda: not os.path.exists(f'/proc/{front}'), 'the front ends with its atteztd')
                server.start()
            killed[victim] += 1
            if n % 20 == 19:
                load.stop()
                check(server, load)
                load.run()
        load.stop()
        check(server, load)
    finally:
        load.over.set()
        server.stop()
    print(f'{killed}, {len(load.enrolled)} enrolments and {load.issued} certificates acknowledged')
    assert min(killed.values()) > KILLS / 4
    assert len(load.enrolled) > KILLS / 4 and sum(load.issued.values()) > KILLS / 2
    busless = [o for o in load.odd if not any(w in o for w in (
        'NoReply', 'no reply', 'Remote peer disconnected', 'disconnected', 'ServiceUnknown', 'not provided by any',
        'Could not activate', 'name is not activatable', 'does not exist'))]
    assert not busless, busless[:5]


def check(server, load):
    there = {d['ek-hash']: d for d in server.devices()}
    for ek_hash, name in load.enrolled:
        assert ek_hash in there and there[ek_hash]['names'] == [name]
    for ek_hash, n in load.issued.items():
        # More may be recorded than was acknowledged: the answer may have been lost.
        assert n <= there[ek_hash]['issued'] <= load.uncertain[ek_hash]
    counts = server.counts()
    assert counts['devices'] == len(there)
    assert counts['issued'] >= sum(load.issued.values())


def test_front_without_atteztd_answers_503_at_once(bus, ek_roots, vendor, scratch):
    """A front that systemd started, whose atteztd is not there: 503, not a hang; and it finds it when it comes."""
    path = f'{RIG}/front.sock'
    state = directory(f'{RIG}/kill-front', 'atteztd')
    front = Daemon(program('attezt-http'), '--listen', '127.0.0.1:0', '--backend', path, '--public-dir',
                   f'{state}/public', '--ek-roots', vendor.roots, user='attezt-http', notify=True)
    try:
        m = front.wait_line(r'Listening on (http://\S+)')
        client = Client(m[1])
        ek, ak = SoftEk(authority=vendor), SoftAk()
        started = time.monotonic()
        assert client.attest(ek, ak)[0] == 503
        assert client.secret(bytes(32))[0] == 503
        assert time.monotonic() - started < 5
        server = behind_socket(path, state)
        try:
            eventually(lambda: client.attest(ek, ak)[0] == 503, 'no CA yet: still 503')
            wait_for_server()
            call = rig_bus.call
            call(*SERVER, 'CreateCA', 'sa{sv}', 'Test', 0)
            call(*SERVER, 'Enroll', 'sasa{sv}', ek.hash, 1, 'one', 0)
            eventually(lambda: client.attest(ek, ak)[0] == 200, 'the front has found atteztd')
            assert client.issue(ek, ak)[0] == 200
            assert client.request('GET', '/root.pem')[0] == 200
            # In flight when atteztd dies: an answer, soon.
            status, answer = client.attest(ek, ak)
            dies(server.pid)
            server.wait()
            started = time.monotonic()
            assert client.secret(dev.activate(ek, ak, answer))[0] == 503
            assert time.monotonic() - started < 5
        finally:
            server.kill()
        server = behind_socket(path, state)
        try:
            eventually(lambda: client.attest(ek, ak)[0] == 200, 'the front is connected again')
            assert client.issue(ek, ak)[0] == 200
        finally:
            server.stop()
    finally:
        front.stop()


def wait_for_server():
    eventually(lambda: rig_bus.call('org.freedesktop.DBus', '/org/freedesktop/DBus', 'org.freedesktop.DBus',
                                    'NameHasOwner', 's', SERVER[0])[0], 'atteztd is on the bus')
