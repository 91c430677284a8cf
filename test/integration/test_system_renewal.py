# SPDX-License-Identifier: MIT
"""Renewal on a machine that runs systemd: the agent is woken, goes, comes back, and root's programs hear of it."""
import datetime
import json
import os
import time

import pytest

from rig_ca import load_chain
from rig_process import eventually
from test_system_token import Program, main_pid, tokens, TOKEN

AGENT = 'attezt-agent.service'
STATE = '/var/lib/attezt'


def leaf_of(machine):
    return load_chain(machine.read(f'{STATE}/device.crt').encode())[0]


def is_up(machine, unit=AGENT):
    return machine.show(unit, 'ActiveState') == 'active'


def goes(machine, timeout=60):
    eventually(lambda: not is_up(machine), 'the agent goes', timeout, pause=0.2)
    assert machine.show(AGENT, 'Result') == 'success'


def impatient(machine):
    """The agent goes after a second."""
    machine.drop_in(AGENT, '[Unit]\nStartLimitIntervalSec=0\n[Service]\nExecStart=\nExecStart=/usr/libexec/attezt/attezt-agent --exit-idle-time 1s\n',
                    name='60-impatient')
    machine.systemctl('stop', AGENT)


@pytest.fixture(scope='module')
def device(packages, tpms, machines):
    m = machines(packages, tpms.start())
    m.use_software_tpm()
    m.add_user('bob', 'attezt')
    m.write('/etc/attezt/renewed.d/10-note', '#!/bin/sh\necho "$ATTEZT_GENERATION" >>/root/heard\n', mode=0o755)
    m.write('/etc/attezt/agent.conf', '[Agent]\nReloadUnits=noted.service absent.service\n')
    m.write('/etc/systemd/system/noted.service', '[Service]\nExecStart=/bin/sleep infinity\n'
            'ExecReload=/bin/sh -c "echo reloaded >>/root/heard"\n')
    m.systemctl('daemon-reload')
    m.systemctl('start', 'noted.service')
    yield m


def heard(machine, n):
    def lines():
        if machine.exec('test', '-e', '/root/heard', check=False).returncode != 0:
            return None
        found = machine.read('/root/heard').splitlines()
        return found if len(found) >= n else None
    return eventually(lines, f'{n} lines are heard')


def test_a_new_certificate_is_heard_of(device):
    device.servers.enroll()
    assert heard(device, 2) == ['reloaded', '1']
    device.exec('attezt', 'renew')
    assert heard(device, 4) == ['reloaded', '1', 'reloaded', '2']
    # A start for nothing new says nothing.
    device.systemctl('start', 'attezt-renewed.service')
    assert len(heard(device, 4)) == 4
    st = device.exec('stat', '-c', '%U %a', '/var/lib/attezt-renewed/device.crt').stdout.split()
    assert st == ['root', '644']


# ---- What those who watch a machine see: message IDs of attezt-agent(8) and attezt-renewed(8)

BEGUN, ENDED = '5d2f0b536c184e1a9d7c38c2941e6a02', '7e841dc902b54f638a40d16b57f30c9e'
FAILED, TOLD, HOOK_FAILED = ('c10e4f7a932d4b588e610bf42a97d53c', 'a45e710c2f8b4d96b31a7ce95064d821',
                             'f6039bd741ae427c85c03e129db85f64')


def last(machine, message_id, unit, **fields):
    """The last entry with that ID, once it has such fields, too."""
    def found():
        lines = machine.exec('journalctl', '-q', '-n', '1', '-o', 'json', f'MESSAGE_ID={message_id}',
                             f'_SYSTEMD_UNIT={unit}', check=False).stdout.splitlines()
        entry = json.loads(lines[-1]) if lines else {}
        return entry if entry and all(entry.get(f'ATTEZT_{k}') == v for k, v in fields.items()) else None
    return eventually(found, f'{message_id} with {fields}', 30)


def test_events_are_in_the_journal(device):
    """Of a job, of those who are told, of a failure; each with its fields and its explanation."""
    generation = int(heard(device, 2)[-1])
    device.write('/etc/attezt/renewed.d/20-bad', '#!/bin/sh\nexit 7\n', mode=0o755)
    device.exec('attezt', 'renew')
    last(device, BEGUN, AGENT, JOB='renew')
    assert 'is done' in last(device, ENDED, AGENT, JOB='renew', OUTCOME='done')['MESSAGE']
    told = last(device, TOLD, 'attezt-renewed.service', GENERATION=str(generation + 1))
    assert told['PRIORITY'] == '6' and 'something failed' in told['MESSAGE'], told
    bad = last(device, HOOK_FAILED, 'attezt-renewed.service', HOOK='20-bad')
    assert bad['PRIORITY'] == '3' and 'exit status 7' in bad['MESSAGE'], bad
    device.exec('rm', '/etc/attezt/renewed.d/20-bad')
    device.exec('attezt', 'ca', 'set', 'framework', '--disabled')
    try:
        assert device.exec('attezt', 'renew', check=False).returncode != 0
        failed = last(device, FAILED, AGENT, FAILURES='1')
        ended = last(device, ENDED, AGENT, JOB='renew', OUTCOME=failed['ATTEZT_OUTCOME'])
        assert ended['PRIORITY'] == failed['PRIORITY'] == '4', (ended, failed)
        end = leaf_of(device).not_valid_after.strftime('%Y-%m-%dT%H:%M:%SZ')
        assert failed['ATTEZT_NOT_AFTER'] == end and failed['ATTEZT_NEXT'] < end, failed
    finally:
        device.exec('attezt', 'ca', 'set', 'framework', '--enabled')
    explained = device.exec('journalctl', '-q', '-x', '-n', '1', f'MESSAGE_ID={FAILED}').stdout
    assert 'Subject: The device certificate could not be renewed' in explained, explained
    device.exec('attezt', 'renew')


def test_a_resume_looks_whether_it_is_due(device):
    """The machine's part of a sleep is left out; what systemd does after it is not."""
    device.drop_in('systemd-suspend.service', '[Service]\nExecStart=\nExecStart=/bin/true\n')
    before = device.show('attezt-renew.service', 'InvocationID')
    try:
        device.systemctl('start', 'suspend.target')
        eventually(lambda: device.show('attezt-renew.service', 'InvocationID') != before, 'it is started', 30)
        eventually(lambda: device.show('attezt-renew.service', 'ActiveState') == 'inactive', 'it ends', 60)
        assert device.show('attezt-renew.service', 'Result') == 'success'
    finally:
        device.remove_drop_in('systemd-suspend.service')


def test_the_agent_goes_and_comes_back(device):
    """By its socket, and by the bus, in the middle of its going too; a client that is there keeps it."""
    impatient(device)
    assert TOKEN in tokens(device, 'bob')
    goes(device)
    with Program(device, 'bob') as p:
        assert p.ask('list').startswith('ok')
        time.sleep(4)
        assert is_up(device)
    goes(device)
    pids = set()
    for n in range(20):
        time.sleep(0.9 + n % 5 * 0.1)
        if n % 2:
            assert TOKEN in tokens(device, 'bob')
        else:
            assert 'Enrollment status: true' in device.exec('attezt', 'status').stdout
        pids.add(main_pid(device, AGENT))
    print(f'{len(pids)} agents in 20 calls')
    assert len(pids) >= 5
    journal = device.journal(AGENT)
    assert 'Failed' not in journal and 'Killing' not in journal, journal
    goes(device)
    assert not is_up(device, 'attezt-tpm-signer.service')


def another_boot(machine):
    """Clocks cannot be moved here, and go on over a reboot: the agent comes to remember that the last boot was earlier."""
    machine.systemctl('stop', AGENT)
    path = '/var/lib/attezt-agent/renewal.json'
    state = json.loads(machine.read(path))
    state['booted'] -= 7200
    state['up'] = 3600
    machine.write('/root/renewal.json', json.dumps(state))
    machine.shell(f'cat /root/renewal.json >{path}')


def test_the_timer_wakes_it(device):
    timers = device.systemctl('list-timers', '--all', '--plain', '--no-legend').stdout
    assert 'attezt-renew.timer' in timers
    device.exec('attezt', 'enroll', '--lifetime', '90s')
    before = leaf_of(device)
    device.systemctl('stop', AGENT)
    time.sleep(60)
    assert leaf_of(device) == before
    device.systemctl('start', 'attezt-renew.service')
    eventually(lambda: leaf_of(device) != before, 'it is renewed', 40, pause=0.5)
    assert device.show('attezt-renew.service', 'Result') == 'success'
    assert leaf_of(device).serial_number != before.serial_number


def test_a_boot_renews_what_is_past_a_third(device):
    device.exec('attezt', 'enroll', '--lifetime', '4min')
    before = leaf_of(device)
    end = before.not_valid_after.replace(tzinfo=datetime.timezone.utc).timestamp()
    time.sleep(max(0, end - 185 - time.time()))
    assert leaf_of(device) == before
    another_boot(device)
    device.reboot()
    eventually(lambda: leaf_of(device) != before, 'it is renewed', 60, pause=0.5)
    assert 'A certificate is due: the device was started' in device.journal(AGENT)
    heard(device, 1)


def through(machine):
    """Nobody is told any more; the state in which that has ended."""
    state = eventually(lambda: {'inactive': 'inactive', 'failed': 'failed'}.get(
        machine.show('attezt-renewed.service', 'ActiveState')), 'all are told', pause=0.5)
    return state


def test_a_boot_does_not_wait_for_programs(device):
    """Whoever was not told of a certificate is told at the next boot, beside it."""
    device.write('/etc/attezt/agent.conf', '')
    device.shell('rm -f /root/heard')
    device.exec('attezt', 'enroll', '--lifetime', '1h')
    heard(device, 1)
    assert through(device) == 'inactive'
    device.write('/etc/attezt/renewed.d/20-slow', '#!/bin/sh\nsleep 40\necho slow >>/root/heard\n', mode=0o755)
    device.shell('rm /var/lib/attezt-renewed/handled /root/heard')
    device.reboot()
    assert device.show('multi-user.target', 'ActiveState') == 'active'
    assert device.show('attezt-renewed.service', 'SubState') == 'running'
    assert 'slow' not in (heard(device, 1) or [])
    eventually(lambda: 'slow' in heard(device, 1), 'it is told all the same', 60, pause=1)
    device.shell('rm /etc/attezt/renewed.d/20-slow')
    assert through(device) == 'inactive'


def test_what_failed_is_tried_again(device):
    """attezt-renew.timer starts attezt-renew.service, and that tells again."""
    device.write('/etc/attezt/renewed.d/30-fails', '#!/bin/sh\ntest -e /root/mended\n', mode=0o755)
    device.shell('rm -f /root/heard')
    device.exec('attezt', 'enroll', '--lifetime', '1h')
    for tries in (1, 2):
        eventually(lambda: f'Told of it: failed for 30-fails (tried {tries} of 5' in device.exec('attezt', 'status').stdout,
                   'status names it', pause=0.5)
        assert through(device) == 'failed'
        time.sleep(11)  # one enrolment starts it several times
        if tries == 2:
            device.write('/root/mended', '')
        device.systemctl('start', 'attezt-renew.service')
    eventually(lambda: 'Told of it' not in device.exec('attezt', 'status').stdout, 'it is mended', pause=0.5)
    assert through(device) == 'inactive'
    assert len(heard(device, 1)) == 1  # who has heard is left alone
    device.shell('rm /etc/attezt/renewed.d/30-fails')


@pytest.mark.seconds(200)
def test_enrols_itself_at_boot(device):
    """An image on a machine that the CA has never heard of: it waits for approval, and needs nobody on the device."""
    device.exec('attezt', 'unenroll')
    hash_ = device.ek_hash()
    device.systemctl('stop', AGENT, 'attezt-http.service', 'atteztd.service')
    device.shell('rm /var/lib/atteztd/inventory.tdb')  # the CA's memory of it
    device.shell('rm -f /var/lib/attezt-agent/renewal.json')
    device.write('/etc/attezt/agent.conf', f'[Agent]\nAutoEnroll=yes\nACMEServer={device.servers.acme}\n'
                 f'AttestationServer={device.servers.attestation}\n')
    device.reboot()

    def outcome():
        return device.exec('attezt', 'status', '--json', check=False).stdout
    eventually(lambda: '"waiting"' in outcome(), 'it waits for approval', 60, pause=0.5)
    words = json.loads(outcome())['words']
    there, = json.loads(device.exec('attezt', 'ca', 'pending', '--json').stdout)
    assert there['words'] == words and there['ek-hash'] == hash_ and not there['removed']
    device.exec('attezt', 'ca', 'approve', words, '--name', 'framework')
    eventually(lambda: '"enrolled": true' in outcome().replace('":true', '": true'), 'it is enrolled', 120, pause=1)
    assert os.path.exists(device.path(f'{STATE}/device.crt')) or leaf_of(device)


def test_purge_takes_all_of_it(device):
    device.exec('apt-get', 'purge', '-y', 'attezt-agent')
    for path in (STATE, '/var/lib/attezt-agent', '/var/lib/attezt-renewed'):
        assert device.exec('test', '-e', path, check=False).returncode != 0, path
    assert device.exec('test', '-e', '/etc/attezt/renewed.d/10-note').returncode == 0  # a user made it
