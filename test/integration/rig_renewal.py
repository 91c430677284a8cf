# SPDX-License-Identifier: MIT
"""A step-ca that gives certificates for seconds, and devices with settings of their own."""
import datetime

import pytest

import rig_bus
from rig_ca import load_chain, write
from rig_process import eventually
from rig_programs import AGENT
from rig_stepca import StepCa

UTC = datetime.timezone.utc


@pytest.fixture(scope='module')
def stepca(server):
    s = StepCa(server.root_pem, backdate='0s')
    yield s
    s.stop()


def owner_of(name):
    """The process that has the name, or None."""
    try:
        return rig_bus.call('org.freedesktop.DBus', '/org/freedesktop/DBus', 'org.freedesktop.DBus',
                            'GetConnectionUnixProcessID', 's', name)[0]
    except rig_bus.BusError:
        return None


@pytest.fixture
def device(server, stepca, new_device):
    """Known to the CA, not enrolled yet; with settings of its own."""
    d = new_device(server, stepca, start=False)
    plain_start = d.start

    def start():
        plain_start()
        eventually(lambda: owner_of(AGENT[0]) == d.agent.pid or d.agent.ended, 'the agent is on the bus')
    d.start = start
    d.config = f'{d.home}/agent.conf'
    d.options += ['--config', d.config]
    server.enroll(d.tpm.ek_hash(), 'framework')
    yield d
    server.forget_all()


def configure(device, *lines):
    write(device.config, '\n'.join(['[Agent]', *lines, '']).encode())


def enroll(device, stepca, server, lifetime):
    device.enroll(stepca, server, '--lifetime', lifetime, provisioner='acme-short')
    return leaf_of(device)


def leaf_of(device):
    return load_chain(device.file('device.crt'))[0]


def end_of(leaf):
    return leaf.not_valid_after.replace(tzinfo=UTC).timestamp()
