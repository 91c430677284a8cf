# SPDX-License-Identifier: MIT
"""Daemons behind systemd's sockets end when there is nothing to do, and nobody notices."""
import os
import shutil
import time

from rig_bus import call
from rig_device import Client, SoftAk, SoftEk, activate
from rig_process import RIG, eventually
from rig_programs import Server, directory, program
from rig_unit import Unit, seqpacket, tcp

SERVER = ('dev.attezt.Server1', '/dev/attezt/Server1', 'dev.attezt.Server1')


class Host:
    """A CA host as its units have it; each daemon ends after a second of idleness."""
    def __init__(self, ek_roots, idle='1s', front_idle='1s'):
        shutil.rmtree(f'{RIG}/idle', ignore_errors=True)
        home = directory(f'{RIG}/idle')
        state = directory(f'{home}/state', 'atteztd')
        self.path = f'{home}/front'
        listener, web = seqpacket(self.path), tcp()
        shutil.chown(self.path, 'attezt-http')
        os.chmod(self.path, 0o600)
        self.url = f'http://127.0.0.1:{web.getsockname()[1]}'
        roots = [o for d in ek_roots for o in ('--ek-roots', d)]
        self.server = Unit([listener], ['front'], [program('atteztd'), '--state-dir', state, '--exit-idle-time', idle],
                           user='atteztd')
        self.front = Unit([web], ['http'], [program('attezt-http'), '--backend', self.path, '--public-dir',
                                            f'{state}/public', '--exit-idle-time', front_idle, *roots],
                          user='attezt-http')

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.front.stop()
        self.server.stop()


def wake(host, bus):
    """The bus has no activation here: a connection of the front's starts atteztd."""
    assert Client(host.url).request('GET', '/root.pem')[0] in (200, 503)
    bus.wait_name(SERVER[0])


def test_end_and_come_back(bus, ek_roots, vendor):
    with Host(ek_roots) as host:
        wake(host, bus)
        call(*SERVER, 'CreateCA', 'sa{sv}', 'Idle CA', 0)
        ek, ak = SoftEk(authority=vendor), SoftAk()
        call(*SERVER, 'Enroll', 'sasa{sv}', ek.hash, 1, 'idler', 0)
        for n in range(1, 4):
            eventually(lambda: not host.front.running and not host.server.running, 'both to end', timeout=30)
            assert host.front.codes == host.server.codes == [0] * n
            assert not bus.has_name(SERVER[0])
            status, chain = Client(host.url).issue(ek, ak)[:2]
            assert status == 200, chain
            assert Client(host.url).request('GET', '/root.pem')[0] == 200


def test_many_in_the_moment_of_the_end(bus, ek_roots, vendor):
    """Requests at all distances from the end: each is answered."""
    with Host(ek_roots) as host:
        wake(host, bus)
        call(*SERVER, 'CreateCA', 'sa{sv}', 'Idle CA', 0)
        ek, ak = SoftEk(authority=vendor), SoftAk()
        call(*SERVER, 'Enroll', 'sasa{sv}', ek.hash, 1, 'idler', 0)
        for i in range(12):
            time.sleep(1 + i * 0.06)
            assert Client(host.url).issue(ek, ak)[0] == 200, i
        assert host.front.starts >= 2 and set(host.front.codes) == {0}


def test_a_pending_secret_keeps_it(bus, ek_roots, vendor):
    """And the certificate is issued though the front has come and gone."""
    with Host(ek_roots) as host:
        wake(host, bus)
        call(*SERVER, 'CreateCA', 'sa{sv}', 'Idle CA', 0)
        ek, ak = SoftEk(authority=vendor), SoftAk()
        call(*SERVER, 'Enroll', 'sasa{sv}', ek.hash, 1, 'slow', 0)
        client = Client(host.url)
        status, answer = client.attest(ek, ak)
        assert status == 200
        client.close()
        eventually(lambda: not host.front.running, 'the front to end', timeout=30)
        time.sleep(3)
        assert host.server.running and host.server.starts == 1
        assert client.secret(activate(ek, ak, answer))[0] == 200


def test_calls_keep_it(bus, ek_roots):
    with Host(ek_roots) as host:
        wake(host, bus)
        eventually(lambda: not host.front.running, 'the front to end', timeout=30)
        for _ in range(12):
            call(*SERVER, 'GetCounts', 'a{sv}', 0)
            time.sleep(0.25)
        assert host.server.starts == 1 and host.server.running
        eventually(lambda: not host.server.running, 'the end', timeout=30)


def test_without_systemd_it_stays(bus, ek_roots):
    """Nobody would start it again."""
    s = Server(ek_roots, tls=False)
    try:
        time.sleep(1)
        assert s.daemon.process.poll() is None and Client(s.url).request('GET', '/root.pem')[0] == 503
    finally:
        s.stop()
