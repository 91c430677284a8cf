# SPDX-License-Identifier: MIT
"""A person at a desktop hears that the certificate cannot be renewed."""
import json
import os
import re
import time

import pytest

from rig_process import RIG, Daemon, eventually
from rig_programs import cli, cli_json, directory
from rig_renewal import device, end_of, enroll, stepca  # noqa: F401, fixtures among them

PERSON = 'games'


class Desktop:
    """A session's bus with a notification service, both as a user without rights."""
    def __init__(self, home):
        self.runtime = directory(f'{home}/session', PERSON, 0o700)
        self.bus = Daemon('dbus-daemon', '--session', '--nofork', '--nopidfile',
                          f'--address=unix:path={self.runtime}/bus', user=PERSON, name='session-bus')
        eventually(lambda: os.path.exists(f'{self.runtime}/bus'), 'the session has a bus')
        self.env = {'DBUS_SESSION_BUS_ADDRESS': f'unix:path={self.runtime}/bus', 'XDG_RUNTIME_DIR': self.runtime}
        self.service = None

    def show(self):
        self.service = Daemon('/usr/bin/python3', f'{RIG}/tree/test/integration/notifications.py', user=PERSON,
                              env=self.env, name='notifications')
        self.service.wait_line('ready')

    def notify(self, check=True):
        """What the person has seen until then."""
        self.result = cli('notify', user=PERSON, env=self.env, check=check)
        return [json.loads(line) for line in self.service.lines if line.startswith('{')] if self.service else []

    def stop(self):
        if self.service:
            self.service.stop(expect=None)
        self.bus.stop(expect=None)


@pytest.fixture
def desktop(device):
    d = Desktop(device.home)
    yield d
    d.stop()


def test_told_once_before_and_once_after_the_end(desktop, device, server, stepca):
    desktop.show()
    device.start()
    assert desktop.notify() == []
    leaf = enroll(device, stepca, server, '60s')
    cli('ca', 'set', 'framework', '--disabled')
    assert desktop.notify() == []
    eventually(lambda: device.property('RenewalFailures') > 0, 'a renewal fails')
    time.sleep(max(0, end_of(leaf) - 9 - time.time()))
    [soon] = desktop.notify()
    assert cli_json('status')['certificate'] == 'ends-soon'
    assert ', and could not be renewed yet' in cli('status').stdout
    assert soon['summary'] == "This device's certificate ends soon" and soon['urgency'] == 1
    assert re.match(r'It ends at \d{4}-\d\d-\d\d \d\d:\d\d, and could not be renewed: unknown-device\.', soon['body'])
    assert desktop.notify() == [soon]
    time.sleep(max(0, end_of(leaf) + 1 - time.time()))
    before, ended = desktop.notify()
    assert before == soon and 'has ended' in ended['summary'] and ended['urgency'] == 2
    assert len(desktop.notify()) == 2


def test_nobody_shows_it(desktop, device, server, stepca):
    device.start()
    leaf = enroll(device, stepca, server, '15s')
    server.remove('framework')
    time.sleep(max(0, end_of(leaf) + 1 - time.time()))
    eventually(lambda: device.property('LastOutcome') == 'waiting', 'a renewal waits for approval')
    desktop.notify(check=False)
    assert desktop.result.returncode == 75 and 'shows no notification' in desktop.result.stderr
    desktop.show()  # later it is told
    assert len(desktop.notify()) == 1
    device.stop()
    desktop.notify(check=False)
    assert desktop.result.returncode == 75
