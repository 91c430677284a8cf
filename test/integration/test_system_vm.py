# SPDX-License-Identifier: MIT
"""A machine with a TPM device of its kernel's, in which every limit of the sandbox holds, and whose clock can be set."""
import shutil

import pytest

from rig_process import RIG, eventually
from rig_system import PACKAGES, Servers

KEY = 'pkcs11:token=Attestation%20Trust;object=Attezt%20TPM%20key;type=private'
SLOW = 120      # seconds for what takes a few elsewhere


@pytest.fixture(scope='module')
def vm(packages, tpms, ek_roots):
    from rig_vm import Vm
    state = f'{RIG}/vm-tpm'
    shutil.copytree(tpms.manufacture('usual', 0), state)
    m = Vm([packages[p] for p in PACKAGES], state)
    m.servers = Servers(m, ek_roots[0])
    yield m
    m.power_off()


def signs(vm, user=None):
    r = vm.exec('p11tool', '--test-sign', KEY, user=user, check=False, timeout=SLOW)
    return r.stderr.count('... ok') == 3


def test_the_device_is_enrolled_by_the_kernels_tpm(vm):
    vm.servers.enroll()
    assert 'framework' in vm.exec('attezt', 'status').stdout
    assert signs(vm)
    assert vm.exec('stat', '-c', '%U:%G %a', '/dev/tpmrm0').stdout.strip() == 'tss:tss 660'


def test_the_sandbox_has_the_tpm_only_where_it_belongs(vm):
    """What a shell in their place can open."""
    vm.drop_in('attezt-agent.service', '[Service]\nExecStartPre=/bin/sh -c "! test -e /dev/tpmrm0 && ! test -e /dev/vda"\n')
    # Root's own rights, too: that leaves the control group as what forbids.
    vm.drop_in('attezt-tpm-signer.service', '[Service]\nExecStartPre=/bin/sh -c "cat /dev/null <>/dev/tpmrm0"\n'
               'ExecStartPre=!/bin/sh -c "! cat /dev/null </dev/vda"\n'
               'ExecStartPre=!/bin/sh -c "! cat /dev/null <>/dev/tpm0"\n')
    try:
        vm.systemctl('restart', 'attezt-agent.service')
        assert signs(vm)
    finally:
        vm.remove_drop_in('attezt-agent.service')
        vm.remove_drop_in('attezt-tpm-signer.service')


def test_limits_that_hold_are_not_met(vm):
    """What the kernel counted for each."""
    for name in ('atteztd', 'attezt-http', 'attezt-agent'):
        group = f'/sys/fs/cgroup/system.slice/{name}.service'
        peak, limit = (int(vm.exec('cat', f'{group}/memory.{f}').stdout) for f in ('peak', 'max'))
        events = vm.exec('cat', f'{group}/memory.events', f'{group}/pids.events').stdout.split()
        print(f'{name}: {peak >> 20} of {limit >> 20} MiB, {events}')
        assert peak < limit / 2
        assert dict(zip(events[::2], events[1::2]))['max'] == '0'


def renew(vm):
    """When the agent does not do so already, since it has seen the clock jump."""
    return eventually(lambda: (lambda r: r if 'Another job' not in r.stderr else None)(
        vm.exec('attezt', 'renew', check=False, timeout=SLOW)), 'no other job runs', SLOW, pause=1)


def set_clock(vm, change):
    """step-ca makes its own TLS certificate at its start, and would keep one of another time."""
    vm.exec('date', '-s', change)
    vm.systemctl('restart', 'step-ca.service')
    eventually(lambda: vm.exec('curl', '-sf', '--cacert', '/srv/step-ca/root.crt', 'https://ca.test:9443/health',
                               check=False).returncode == 0, 'step-ca is up', SLOW, pause=1)


def serial(vm):
    """Of the device certificate."""
    return vm.exec('openssl', 'x509', '-in', '/var/lib/attezt/device.crt', '-noout', '-serial').stdout


def test_the_clock_two_years_on_and_back(vm):
    """Nothing dies of it; what is refused is said, and afterwards it works again."""
    vm.exec('date', '-s', '+2 years')
    try:
        r = renew(vm)
        assert r.returncode != 0 and 'is not valid at the time of this machine' in r.stderr, r
        status = vm.exec('attezt', 'status')
        assert 'framework' in status.stdout and 'is not valid at the time of this machine' in status.stderr, status
        assert signs(vm), 'the key is there, whatever its certificate says'
    finally:
        set_clock(vm, '-2 years')
    assert renew(vm).returncode == 0
    assert signs(vm)
    assert vm.systemctl('--failed', '--no-legend').stdout == ''


def test_a_certificate_that_has_expired_is_renewed_by_itself(vm):
    """The servers' own certificates last longer."""
    before = serial(vm)
    vm.systemctl('stop', 'attezt-agent.service') # as when it had nothing to do: a timer sees the clock, too
    set_clock(vm, '+2 days')
    try:
        eventually(lambda: serial(vm) != before, 'there is a new certificate', SLOW, pause=2)
        assert signs(vm)
    finally:
        set_clock(vm, '-2 days')
    # That one is of the future now.
    assert renew(vm).returncode == 0
    assert signs(vm)
