# SPDX-License-Identifier: MIT
"""Questions to polkit that stay open: how many there may be, and what becomes of them."""
import os
import signal
import subprocess

import pytest

from rig_bus import Monitor, error_of, popen
from rig_process import eventually
from rig_programs import SERVER

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
