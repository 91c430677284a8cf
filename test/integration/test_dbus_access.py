# SPDX-License-Identifier: MIT
"""Questions to polkit that stay open: how many there may be, and what becomes of them."""
import os
import re
import resource
import signal
import subprocess

import pytest

from rig_bus import Monitor, call, error_of, popen
from rig_device import Client, SoftAk, SoftEk, activate
from rig_process import RIG, Daemon, eventually, run
from rig_programs import AGENT, SERVER, Server, cli

OPEN_MAX, OPEN_PER_UID_MAX = 16, 4  # src/shared/access.h
USERS = ['games', 'man', 'mail', 'news', 'uucp']
LIMITS = 'org.freedesktop.DBus.Error.LimitsExceeded'


@pytest.fixture
def deaf_polkit(bus, server):
    """A polkitd that hears and does not answer."""
    os.kill(bus.polkit.pid, signal.SIGSTOP)
    yield bus.polkit
    os.kill(bus.polkit.pid, signal.SIGCONT)


class Asker:
    """A call that waits for polkit."""
    def __init__(self, user):
        self.process = popen('gdbus', 'call', '--system', '--timeout', '200', '--dest', SERVER[0], '--object-path',
                             SERVER[1], '--method', f'{SERVER[2]}.GetCounts', '@a{sv} {}', user=user)

    def ended(self):
        return self.process.poll() is not None

    def error(self):
        return self.process.communicate()[1]

    def leave(self):
        self.process.kill()
        self.process.communicate()


def ask(monitor, askers, user, n):
    """n calls of a user, known to have reached polkitd."""
    def questions():
        return sum(m.get('member') == 'CheckAuthorization' and m.get('type') == 'method_call'
                   for m in monitor.messages())
    before = questions()
    askers += [Asker(user) for _ in range(n)]
    eventually(lambda: questions() == before + n, f'{n} questions about {user}')


def refused(user):
    return error_of(*SERVER, 'GetCounts', '@a{sv} {}', user=user) == LIMITS


def test_open_questions(server, deaf_polkit):
    monitor, askers = Monitor(), []
    try:
        ask(monitor, askers, 'games', OPEN_PER_UID_MAX)
        assert refused('games')
        for user in USERS[1:OPEN_MAX // OPEN_PER_UID_MAX]:
            ask(monitor, askers, user, OPEN_PER_UID_MAX)
        assert refused(USERS[-1])
        # Root is not asked about, so it is not kept out.
        assert server.counts()['devices'] == 0

        # Who leaves takes his question along, and makes room.
        cancelled = [m for m in monitor.messages() if m.get('member') == 'CancelCheckAuthorization']
        assert cancelled == []
        askers[0].leave()
        eventually(lambda: any(m.get('member') == 'CancelCheckAuthorization' for m in monitor.messages()),
                   'the question is withdrawn')
        ask(monitor, askers, USERS[-1], 1)
        assert refused(USERS[-1])

        assert not any(a.ended() for a in askers[1:])
        os.kill(deaf_polkit.pid, signal.SIGCONT)
        for a in askers[1:]:
            assert 'InteractiveAuthorizationRequired' in a.error() or 'AccessDenied' in a.error()
    finally:
        monitor.stop()
        for a in askers:
            if not a.ended():
                a.leave()


def test_stop_while_questions_are_open(server, deaf_polkit):
    """They do not keep the server from ending, and are refused."""
    monitor, askers = Monitor(), []
    try:
        ask(monitor, askers, 'games', 2)
        server.stop()
        for a in askers:
            assert 'AccessDenied' in a.error()
    except subprocess.TimeoutExpired:
        pytest.fail('a caller hangs')
    finally:
        monitor.stop()
        if server.daemon is None:
            server.start()


# ---- Floods

FLOOD = """
import os, sys, time, dbus, dbus.lowlevel
from dbus.bus import BusConnection
where, connections, each, descriptors, seconds = sys.argv[1].split(), *map(int, sys.argv[2:6])
all = [BusConnection('unix:path=/run/dbus/system_bus_socket') for _ in range(connections)]
null = os.open('/dev/null', os.O_RDONLY)
end = time.monotonic() + seconds
while True:
    for c in all:
        for _ in range(each):
            m = dbus.lowlevel.MethodCallMessage(*where)
            m.append(dbus.Dictionary({f'o{i}': dbus.types.UnixFd(null) for i in range(descriptors)}, signature='sv'),
                     signature='a{sv}')
            m.set_no_reply(True)
            c.send_message(m)
        c.flush()
    if time.monotonic() >= end:
        break
"""


def flood(who, method, connections, each, descriptors=0, seconds=0):
    return popen('/usr/bin/python3', '-c', FLOOD, ' '.join([*who, method]), str(connections), str(each),
                 str(descriptors), str(seconds), user='games')


def owner(who):
    return call('org.freedesktop.DBus', '/org/freedesktop/DBus', 'org.freedesktop.DBus', 'GetNameOwner', 's', who[0])


def limit_of(unit):
    """As the unit has it."""
    path = os.path.join(os.path.dirname(__file__), f'../../units/{unit}.service.in')
    with open(path) as f:
        return int(re.search(r'^LimitNOFILE=(\d+)$', f.read(), re.M)[1])


def start_within(unit, start):
    """With the limit that the unit sets."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit_of(unit), before[1]))
    try:
        return start()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.parametrize('who', ['atteztd', 'attezt-agent'])
def test_a_flood_of_descriptors(server, new_device, who):
    """Sixty connections of one user, with all the descriptors that a message may have."""
    if who == 'atteztd':
        start_within(who, server.restart)
        daemon, where, method = server.daemon, SERVER, 'GetCounts'
    else:
        daemon, where, method = start_within(who, new_device).agent, AGENT, 'Renew'
    before = owner(where)
    for _ in range(3):
        p = flood(where, method, 60, 8, descriptors=16)
        assert p.wait(60) == 0, p.communicate()
    assert owner(where) == before, 'it is on the bus as before'
    eventually(lambda: len(os.listdir(f'/proc/{daemon.process.pid}/fd')) < 100, 'they are closed')
    assert server.counts()['devices'] == 0


def test_a_flood_keeps_nobody_else_out(server):
    p = flood(SERVER, 'GetCounts', 12, 20, seconds=4)
    n = 0
    while p.poll() is None:
        assert cli('ca', 'list', '--json').returncode == 0
        n += 1
    assert n > 3 and p.wait() == 0


def test_a_message_that_is_too_long(server):
    """It would be kept until it is known who sent it."""
    script = FLOOD.split('null =')[0] + """
import dbus
bus = all[0]
bus.call_blocking(where[0], where[1], where[2], where[3], 'a{sv}', ({'note': 'x' * int(sys.argv[6])},))
"""
    def send(n, user):
        p = popen('/usr/bin/python3', '-c', script, ' '.join([*SERVER, 'GetCounts']), '1', '0', '0', '0', str(n), user=user)
        return p.communicate()[1]
    for user in ('games', None):
        assert LIMITS in send(20_000_000, user) and 'too long' in send(140_000, user)
        assert LIMITS not in send(120_000, user)


# ---- No bus

class OtherBus:
    """One that comes and goes."""
    path = f'{RIG}/other-bus'

    def start(self):
        self.daemon = Daemon('dbus-daemon', '--system', '--nofork', '--nopidfile', f'--address=unix:path={self.path}',
                             name='other-bus')

    def stop(self):
        self.daemon.stop(expect=None)
        os.path.exists(self.path) and os.unlink(self.path)

    def has(self, who):
        r = run('busctl', f'--address=unix:path={self.path}', 'get-property', *who, 'Version', check=False)
        return r.returncode == 0


def test_the_server_outlives_its_bus(server, ek_roots):
    """Devices are served, what was pending is still so, and the name is had again."""
    bus, ek, ak = OtherBus(), SoftEk(), SoftAk()
    server.stop()
    s = Server(ek_roots, tls=False)
    try:
        s.create_ca()
        s.enroll(ek.hash, 'device', pinned=True)
        s.stop()
        s.env = {'DBUS_SYSTEM_BUS_ADDRESS': f'unix:path={bus.path}'}
        s.start()  # there is none
        client = Client(s.url)
        status, answer = client.attest(ek, ak)
        assert status == 200, answer
        bus.start()
        eventually(lambda: bus.has(SERVER), 'it is on the bus', timeout=20)
        for _ in range(2):
            bus.stop()
            s.daemon.wait_line('connection to the system bus has ended')
            status, answer = client.secret(activate(ek, ak, answer))
            assert status == 200
            status, answer = client.attest(ek, ak)
            assert status == 200
            bus.start()
            eventually(lambda: bus.has(SERVER), 'it is there again', timeout=20)
    finally:
        s.stop()
        bus.stop()
        server.start()
