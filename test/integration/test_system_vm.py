# SPDX-License-Identifier: MIT
"""A machine with a TPM device of its kernel's, in which every limit of the sandbox holds, and whose clock can be set."""
import json
import os
import shutil
import time

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
    vm.servers.enroll(tries=5) # a handshake can last longer here than clients wait for it
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


def nothing_failed(vm):
    """Of ours."""
    return vm.systemctl('list-units', '--state=failed', '--no-legend', 'attezt*').stdout == ''


def renew(vm):
    """When the agent does not do so already, since it has seen the clock jump."""
    return eventually(lambda: (lambda r: r if 'Another job' not in r.stderr else None)(
        vm.exec('attezt', 'renew', check=False, timeout=SLOW)), 'no other job runs', SLOW, pause=1)


def start_step_ca(vm):
    """It makes its own TLS certificate at its start, and would keep one of another time."""
    vm.systemctl('restart', 'step-ca.service')
    eventually(lambda: vm.exec('curl', '-sf', '--cacert', '/srv/step-ca/root.crt', 'https://ca.test:9443/health',
                               check=False).returncode == 0, 'step-ca is up', SLOW, pause=1)


def set_clock(vm, change):
    vm.exec('date', '-s', change)
    start_step_ca(vm)


def clock_back(vm):
    """To the host's, whichever change was made or not."""
    set_clock(vm, f'@{int(time.time())}')


def serial(vm):
    """Of the device certificate."""
    return vm.exec('openssl', 'x509', '-in', '/var/lib/attezt/device.crt', '-noout', '-serial').stdout


def renews(vm, before, seconds=SLOW):
    """By itself; else what it thought is printed."""
    try:
        eventually(lambda: serial(vm) != before, 'there is a new certificate', seconds, pause=1)
    except AssertionError:
        print(vm.exec('date').stdout, vm.exec('attezt', 'status', check=False),
              vm.exec('journalctl', '-n', '60', '--no-pager', '-u', 'attezt*', '-u', 'step-ca').stdout)
        raise


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
        clock_back(vm)
    assert renew(vm).returncode == 0
    assert signs(vm)
    assert nothing_failed(vm)


def test_a_certificate_that_has_expired_is_renewed_by_itself(vm):
    """The servers' own certificates last longer."""
    before = serial(vm)
    vm.systemctl('stop', 'attezt-agent.service') # as when it had nothing to do: a timer sees the clock, too
    set_clock(vm, '+2 days')
    try:
        renews(vm, before)
        assert signs(vm)
    finally:
        clock_back(vm)
    # That one is of the future now.
    assert renew(vm).returncode == 0
    assert signs(vm)


def status(vm):
    return json.loads(vm.exec('attezt', 'status', '--json').stdout)


def test_the_timer_wakes_the_agent_and_it_renews(vm):
    """By itself, with nothing else that hears of the time."""
    before = serial(vm)
    # A moment that has passed counts as that of the boot, plus this machine's own part of the delay: that may be minutes.
    vm.drop_in('attezt-renew.timer', '[Timer]\nRandomizedDelaySec=0\n')
    vm.systemctl('restart', 'attezt-renew.timer') # its second start: from now on it knows when there was a first
    vm.systemctl('stop', 'attezt-renew-clock.timer', 'attezt-agent.service')
    try:
        set_clock(vm, '+2 days')
        renews(vm, before)
        assert signs(vm)
        assert vm.systemctl('show', '-P', 'Result', 'attezt-renew.service').stdout.strip() == 'success'
    finally:
        vm.remove_drop_in('attezt-renew.timer')
        vm.systemctl('start', 'attezt-renew-clock.timer')
        clock_back(vm)
    assert renew(vm).returncode == 0


def test_the_network_comes_back_late(vm):
    """The certificate ended while the machine was off, and names resolve again 20 minutes after it is back."""
    assert renew(vm).returncode == 0 # whatever came before: without failures
    before = serial(vm)
    hosts = vm.read('/etc/hosts')
    vm.systemctl('stop', 'attezt-agent.service')
    vm.write('/etc/hosts', '127.0.0.1 localhost\n')
    try:
        vm.exec('date', '-s', '+2 days')
        eventually(lambda: status(vm)['last-outcome'] == 'no-network', 'an attempt finds no network', SLOW, pause=1)
        vm.exec('date', '-s', '+20 minutes')
        eventually(lambda: status(vm)['next-renewal-reason'] == 'no-network', 'it goes on looking', SLOW, pause=1)
        now = status(vm)
        assert now['renewal-failures'] == 0 and 'Could not resolve host' in now['last-error'], now
        assert serial(vm) == before
        vm.exec('sh', '-c', 'echo "127.0.0.1 ca.test attest.test" >>/etc/hosts')
        start_step_ca(vm)
        renews(vm, before, 60)
        assert status(vm)['last-error'] == '' and signs(vm)
    finally:
        vm.write('/etc/hosts', hosts)
        clock_back(vm)
    assert renew(vm).returncode == 0


def test_a_week_without_the_server(vm):
    """It says so, keeps what it has, and renews within its longest pause when the server is back."""
    before = serial(vm)
    vm.systemctl('stop', 'step-ca.service')
    try:
        for day in range(7):
            vm.exec('date', '-s', '+1 day')
            today = int(vm.exec('date', '+%s').stdout)
            now = eventually(lambda: (lambda s: s if s['last-error'] and s['next-renewal'] >= today else None)(status(vm)),
                             f'an attempt on day {day + 1}', SLOW, pause=1)
            assert 'cannot be reached' in now['last-error'] and now['enrolled'], now
        assert serial(vm) == before and signs(vm)
        assert nothing_failed(vm)
        start_step_ca(vm)
        vm.exec('date', '-s', '+61 minutes')
        renews(vm, before)
        assert status(vm)['last-error'] == '' and signs(vm)
    finally:
        clock_back(vm)
    assert renew(vm).returncode == 0


@pytest.mark.seconds(420)
def test_the_tpm_goes_and_comes_back(vm):
    """As with a driver that lost it: the device node itself is gone, and comes back with another number."""
    (found,) = vm.exec('sh', '-c', 'ls -d /sys/bus/*/drivers/tpm_tis/*:*').stdout.split()
    driver, device = os.path.split(found)
    before = serial(vm)
    vm.write(f'{driver}/unbind', device)
    try:
        assert vm.exec('test', '-e', '/dev/tpmrm0', check=False).returncode == 1
        assert not signs(vm)
        assert 'Model: attezt-agent' in vm.exec('p11tool', '--list-tokens').stdout
        r = renew(vm)
        assert r.returncode != 0 and '/dev/tpmrm0' in r.stderr, r
        assert serial(vm) == before
        assert '/dev/tpmrm0' in status(vm)['last-error']
    finally:
        vm.write(f'{driver}/bind', device)
    try:
        eventually(lambda: signs(vm), 'the key signs again', 2 * SLOW, pause=1)
    except AssertionError:
        print(vm.exec('sh', '-c', 'ls -l /dev/tpm*; systemctl status --no-pager -n 0 "attezt-tpm-signer*"').stdout,
              vm.exec('journalctl', '-n', '40', '--no-pager', '-u', 'attezt*').stdout)
        raise
    assert renew(vm).returncode == 0
    assert serial(vm) != before and status(vm)['last-error'] == '' and signs(vm)
    assert nothing_failed(vm)
