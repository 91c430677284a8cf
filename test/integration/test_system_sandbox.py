# SPDX-License-Identifier: MIT
"""How much of the machine each service can reach. That everything works inside is what the other files show."""
import glob
import os
import re
import time

import pytest

from rig_process import eventually
from rig_system import HELPERS

# systemd-analyze security: 0 is nothing to reach, 10 everything.
LIMITS = {'atteztd': 1.5, 'attezt-http': 1.5, 'attezt-agent': 1.5, 'attezt-enroll': 2.5, 'attezt-tpm-signer': 2.5}


@pytest.mark.parametrize('name', LIMITS)
def test_exposure(machine, name):
    text = machine.exec('systemd-analyze', 'security', '--no-pager', f'{name}.service').stdout
    score = float(re.search(r'Overall exposure level for \S+: ([0-9.]+)', text)[1])
    print(f'{name}: {score}')
    print('\n'.join(line for line in text.splitlines() if line.startswith('✗')))
    assert score <= LIMITS[name]


def test_the_agent_sees_who_connects(machine):
    """With PrivateUsers= every client would be user 65534; the same for the front as atteztd sees it."""
    for name in ('attezt-agent', 'atteztd'):
        assert machine.show(f'{name}.service', 'PrivateUsers') == 'no'


# ---- How much memory and what else they need at most, which is what the units leave them

FULL_TOKEN = '''
import sys
sys.path.insert(0, '/opt/tree/test/integration')
import p11kit_rpc as rpc
kept = []
for _ in range(int(sys.argv[1])):
    c = rpc.Connection('/run/attezt/p11kit.socket')
    slot = c.slots()[0]
    for _ in range(60):
        c.open_session(slot)
    for _ in range(12):  # answers that are not read
        c.send(c.request(7, 'ufu', rpc.u64(slot) + rpc.u32(64)))
    c.send(rpc.u32(1) + rpc.u32(0) + rpc.u32(65000) + bytes(64900))
    kept.append(c)
print(len(kept), flush=True)
sys.stdin.read()
'''
FULL_FRONT = '''
import socket, ssl, sys
context = ssl.create_default_context(cafile='/etc/attezt/ca.d/tls.pem')
kept = []
for _ in range(int(sys.argv[1])):
    s = context.wrap_socket(socket.create_connection(('127.0.0.1', 443)), server_hostname='attest.test')
    s.sendall(b'POST /attest HTTP/1.1\\r\\nHost: attest.test\\r\\nContent-Length: 65000\\r\\n\\r\\n' + bytes(64900))
    kept.append(s)
print(len(kept), flush=True)
sys.stdin.read()
'''


@pytest.fixture(scope='module')
def device(packages, tpms, machines):
    m = machines(packages, tpms.start())
    m.use_software_tpm()
    m.servers.enroll()
    yield m


def memory(machine, unit):
    """The most that it ever had, in bytes."""
    pid = machine.show(unit, 'MainPID')
    return 1024 * int(re.search(r'VmHWM:\s+(\d+) kB', machine.exec('cat', f'/proc/{pid}/status').stdout)[1])


def fits(machine, unit):
    pid = machine.show(unit, 'MainPID')
    tasks = len(machine.exec('ls', f'/proc/{pid}/task').stdout.split())
    files = len(machine.exec('ls', f'/proc/{pid}/fd').stdout.split())
    used, limit = memory(machine, unit), int(machine.show(unit, 'MemoryMax'))
    print(f'{unit}: {used >> 20} of {limit >> 20} MiB, {tasks} tasks of {machine.show(unit, "TasksMax")}, '
          f'{files} descriptors of {machine.show(unit, "LimitNOFILE")}')
    assert used < 0.75 * limit
    assert 2 * tasks <= int(machine.show(unit, 'TasksMax'))
    assert 2 * files <= int(machine.show(unit, 'LimitNOFILE'))


def test_a_full_agent_has_room(device):
    names = [f'user{n}' for n in range(6)] # named, since members of a group share fewer places
    users = [device.add_user(name) for name in names]
    device.write('/etc/attezt/agent.conf', f'[Agent]\nTokenUsers={" ".join(names)}\n')
    device.systemctl('restart', 'attezt-agent.service')
    programs = [device.popen('python3', '-B', '-c', FULL_TOKEN, '40', user=u) for u in users]
    try:
        assert [p.stdout.readline().strip() for p in programs] == ['40'] * 6
        fits(device, 'attezt-agent.service')
    finally:
        for p in programs:
            p.stdin.close()
            p.wait(10)
        device.exec('rm', '/etc/attezt/agent.conf')
        device.systemctl('restart', 'attezt-agent.service')


def test_a_full_front_has_room(device):
    program = device.popen('python3', '-B', '-c', FULL_FRONT, '250')
    try:
        assert program.stdout.readline().strip() == '250'
        fits(device, 'attezt-http.service')
        fits(device, 'atteztd.service')
    finally:
        program.stdin.close()
        program.wait(10)


OTHERS = ('/run/dbus/system_bus_socket', '/run/systemd/private', '/run/attezt/p11kit.socket')


def test_no_sockets_of_others(device):
    """What parses strangers' bytes, or has the network or the TPM, has nobody there to talk to."""
    connect = ('python3', '-c', 'import socket, sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])')
    pid = device.show('attezt-http.service', 'MainPID')
    for path in OTHERS: # of a single socket there is an empty one in its place
        assert device.exec(*connect, path, check=False).returncode == 0
        assert device.exec('nsenter', '-t', pid, '-m', *connect, path, check=False).returncode == 1
    helpers = [f'{name}.service' for name in ('attezt-enroll', 'attezt-tpm-signer')]
    for unit in helpers:
        device.drop_in(unit, '[Service]\n' +
                       ''.join(f'ExecStartPre=/bin/sh -c "! test -w {path}"\n' for path in OTHERS))
    try:
        device.exec('sh', '-c', "attezt renew && p11tool --test-sign "
                    "'pkcs11:token=Attestation%20Trust;object=Attezt%20TPM%20key;type=private'")
    finally:
        for unit in helpers:
            device.remove_drop_in(unit)


def test_the_helpers_have_room(device):
    """They are soon gone: somebody has to look while they run."""
    peak = dict.fromkeys((name[:15] for name in HELPERS), 0)  # as the kernel keeps them
    program = device.popen('sh', '-c', 'attezt renew; p11tool --test-sign '
                           "'pkcs11:token=Attestation%20Trust;object=Attezt%20TPM%20key;type=private'")
    while program.poll() is None:
        for path in glob.glob('/proc/[0-9]*/comm'):
            try:
                with open(path) as f:
                    name = f.read().strip()
                if name in peak:
                    with open(os.path.dirname(path) + '/status') as f:
                        peak[name] = max(peak[name], 1024 * int(re.search(r'VmHWM:\s+(\d+) kB', f.read())[1]))
            except (FileNotFoundError, ProcessLookupError, TypeError):
                pass
    for name in HELPERS:
        used, limit = peak[name[:15]], int(device.show(f'{name}.service', 'MemoryMax'))
        print(f'{name}: {used >> 20} of {limit >> 20} MiB')
        assert 0 < used < 0.75 * limit
        assert device.show(f'{name}.service', 'Result') == 'success'


# ---- A service that hangs is started anew

@pytest.mark.parametrize('name', ['atteztd', 'attezt-http'])
def test_the_watchdog(device, name):
    unit = f'{name}.service'
    assert int(device.show(unit, 'WatchdogUSec').rstrip('min s')) > 0
    device.drop_in(unit, '[Service]\nWatchdogSec=1s\nTimeoutAbortSec=1s\n')
    try:
        device.systemctl('restart', unit)
        before = device.show(unit, 'MainPID')
        time.sleep(3)  # there is nothing to wait for: it must live longer than the watchdog is patient
        assert device.show(unit, 'MainPID') == before
        device.systemctl('kill', '--signal=STOP', unit)
        eventually(lambda: device.show(unit, 'MainPID') not in ('0', before), 'there is another', 10)
        eventually(lambda: device.show(unit, 'ActiveState') == 'active', 'and it is ready')
    finally:
        device.remove_drop_in(unit)
        device.systemctl('restart', unit)
    assert device.exec('curl', '-sS', '--cacert', '/etc/attezt/ca.d/tls.pem', 'https://attest.test/').returncode == 0
