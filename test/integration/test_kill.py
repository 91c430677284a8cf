# SPDX-License-Identifier: MIT
"""Either of atteztd and its front goes on without the other. (kill -9 at random moments: test_kill_campaign.)"""
import time

import rig_bus
import rig_device as dev
from rig_device import Client, SoftAk, SoftEk
from rig_front import behind_socket
from rig_process import RIG, Daemon, dies, eventually
from rig_programs import SERVER, directory, program


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
