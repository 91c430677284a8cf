# SPDX-License-Identifier: MIT
"""The agent goes when nothing is to be done, and nobody notices."""
import os
import random
import select
import signal
import socket
import threading
import time

import dbus
import dbus.bus
import dbus.lowlevel
import pytest

from p11kit_rpc import Connection
from rig_ca import write
from rig_fdstore import Manager
from rig_pkcs11 import signature_of, verify
from rig_process import ENVIRONMENT, Daemon, as_user, eventually, run
from rig_programs import AGENT, cli, directory, program
from rig_renewal import device, enroll, leaf_of, stepca  # noqa: F401, fixtures among them


AGAIN = 75  # the exit status of an agent that wants to be started again


class Supervisor:
    """systemd's part: has the socket, starts the agent when somebody is there, and again."""
    def __init__(self, device):
        self.device = device
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(device.p11kit)
        os.chmod(device.p11kit, 0o666)
        self.listener.listen(64)
        self.manager = device.manager = Manager()
        device.options += ['--exit-idle-time', '1s']
        self.starts = 0
        self.stopping = False

    def launch(self):
        self.manager.stored.append(('p11kit', os.dup(self.listener.fileno())))
        self.device.start()
        self.starts += 1

    def keep(self):
        """A thread's main function."""
        again = False
        while not self.stopping:
            if again or select.select([self.listener], [], [], 0.05)[0]:
                self.launch()
                code = self.device.agent.wait()
                assert code in (0, AGAIN)
                again = code == AGAIN

    def stop(self):
        self.stopping = True
        self.listener.close()
        self.manager.stop()


def test_ends_when_idle(device, server, stepca):
    device.start()
    enroll(device, stepca, server, '24h')
    device.stop()
    os.path.exists(device.p11kit) and os.unlink(device.p11kit)
    s = Supervisor(device)
    s.launch()
    with Connection(device.p11kit) as c:
        time.sleep(4)
        assert device.agent.process.poll() is None
        assert len(c.slots()) == 1
    assert device.agent.wait() == 0
    assert any('STOPPING' in m for m in s.manager.messages)
    s.launch()
    assert device.agent.wait() == 0  # nobody came
    s.stop()


def test_does_not_end_when_something_is_due_soon(device, server, stepca):
    device.start()
    enroll(device, stepca, server, '30m')
    device.stop()
    os.path.exists(device.p11kit) and os.unlink(device.p11kit)
    s = Supervisor(device)
    s.launch()
    time.sleep(4)
    assert device.agent.process.poll() is None
    device.stop()
    s.stop()


@pytest.mark.seconds(200)
def test_nobody_notices_that_it_ends(device, server, stepca):
    """Clients that come at any moment of its going."""
    device.start()
    leaf = enroll(device, stepca, server, '24h')
    device.stop()
    os.path.exists(device.p11kit) and os.unlink(device.p11kit)
    s = Supervisor(device)
    thread = threading.Thread(target=s.keep, daemon=True)
    thread.start()
    rng = random.Random(5)
    for n in range(40):
        time.sleep(rng.uniform(0.9, 1.3))
        with Connection(device.p11kit) as c:
            t = c.open_session()
            if n % 8 == 0:
                verify(leaf, signature_of(c, t, c.device_key(t)))
    s.stopping = True
    thread.join(60)
    assert s.starts >= 5, s.starts
    s.stop()


@pytest.mark.seconds(120)
def test_served_to_the_end(device, server, stepca, bus):
    """A call that came with the bus's last message may take minutes: the token does not wait for it, and who came to
    it meanwhile is there after the next start, too."""
    device.start()
    enroll(device, stepca, server, '24h')
    device.stop()
    os.path.exists(device.p11kit) and os.unlink(device.p11kit)
    s = Supervisor(device)
    caller = dbus.bus.BusConnection('unix:path=/run/dbus/system_bus_socket')
    call = dbus.lowlevel.MethodCallMessage(*AGENT[:1], AGENT[1], AGENT[2], 'Renew')
    call.append(dbus.Dictionary({}, signature='sv'), signature='a{sv}')
    stepca.daemon.signal(signal.SIGSTOP)
    try:
        s.launch()
        eventually(lambda: bus.has_name(AGENT[0]), 'the agent is on the bus')
        bus.daemon.signal(signal.SIGSTOP)
        caller.send_message(call)
        caller.flush()
        eventually(lambda: any('STOPPING' in m for m in s.manager.messages), 'it goes')
        bus.daemon.signal(signal.SIGCONT)
        eventually(lambda: any('begins' in line for line in device.agent.lines), 'the job begins')
        with Connection(device.p11kit, timeout=5) as c:
            assert len(c.slots()) == 1
            assert device.agent.process.poll() is None
            stepca.daemon.signal(signal.SIGCONT)
            assert device.agent.wait() == AGAIN
            s.launch()
            assert len(c.slots()) == 1
    finally:
        bus.daemon.signal(signal.SIGCONT)
        stepca.daemon.signal(signal.SIGCONT)
    assert device.agent.wait() == 0
    s.stop()


def test_without_a_service_manager_it_stays(device):
    device.start()
    time.sleep(3)
    assert device.agent.process.poll() is None


# ---- On the bus

BUS = '''<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <listen>unix:path={home}/socket</listen>
  <auth>EXTERNAL</auth>
  <servicedir>{home}/services</servicedir>
  <policy context="default"><allow user="*"/><allow own="*"/><allow send_destination="*"/><allow receive_sender="*"/>
    <allow send_type="signal"/><allow send_requested_reply="true"/><allow receive_requested_reply="true"/></policy>
</busconfig>
'''


class ActivatingBus:
    """A bus that starts the agent itself, as one without systemd does: that one has gone before the next one comes, or
    it has not, and the bus does not care."""
    def __init__(self, device):
        home = directory(f'{device.home}/bus')
        directory(f'{home}/services')
        write(f'{home}/bus.conf', BUS.format(home=home).encode())
        self.starts = f'{home}/starts'
        start = ' '.join([*as_user('attezt', [program('attezt-agent')]), '--config', device.config, '--ca-dir',
                          device.ca_dir, '--renewal-dir', device.renewal_dir, *device.helper_options,
                          '--exit-idle-time', '1s'])  # and no socket: the one before may still have it
        variables = ' '.join(f'{k}={v}' for k, v in ENVIRONMENT.items())
        write(f'{home}/start', (f'#!/bin/sh\necho >>{self.starts}\nexport DBUS_SYSTEM_BUS_ADDRESS={self.address(home)} '
                                f'{variables}\nexec {start} 2>>{home}/log\n').encode())
        os.chmod(f'{home}/start', 0o755)
        write(f'{home}/services/{AGENT[0]}.service',
              f'[D-BUS Service]\nName={AGENT[0]}\nExec={home}/start\n'.encode())
        self.home = home
        self.env = {'DBUS_SYSTEM_BUS_ADDRESS': self.address(home)}
        self.daemon = Daemon('dbus-daemon', '--config-file', f'{home}/bus.conf', '--nofork', '--nopidfile')
        eventually(lambda: os.path.exists(f'{home}/socket'), 'the bus listens')

    @staticmethod
    def address(home):
        return f'unix:path={home}/socket'

    def agents(self):
        with open(self.starts) as f:
            return len(f.readlines())

    def stop(self):
        self.daemon.stop(expect=None)


@pytest.mark.seconds(250)
def test_nobody_on_the_bus_notices(device, server, stepca):
    """Calls at any moment of its going, jobs among them: each is answered, and does what it says."""
    device.start()
    leaf = enroll(device, stepca, server, '24h')
    device.stop()
    bus = ActivatingBus(device)
    rng = random.Random(7)
    renewals = 0
    for n in range(50):
        time.sleep(rng.uniform(0.9, 1.25))
        if n % 10 == 9:
            cli('renew', env=bus.env)
            assert leaf_of(device) != leaf
            leaf = leaf_of(device)
            renewals += 1
        else:
            r = run('busctl', '--system', 'get-property', *AGENT, 'State', env=bus.env)
            assert r.stdout.strip() == 's "enrolled"'
    agents = bus.agents()
    bus.stop()
    with open(f'{bus.home}/log') as f:
        assert 'ERROR' not in f.read()
    assert renewals == 5 and agents >= 5, agents
