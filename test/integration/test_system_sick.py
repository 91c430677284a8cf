# SPDX-License-Identifier: MIT
"""A sick agent hurts nobody: every program that uses p11-kit connects to its socket, and must not wait there."""
import json
import re
import time

import pytest

from rig_process import RIG, eventually
from test_system_token import TOKEN, Program, main_pid, tokens

AGENT, SOCKET, RETRY = 'attezt-agent.service', 'attezt-agent.socket', 'attezt-retry@attezt-agent.timer'
SIGNER, SIGNER_SOCKET = 'attezt-tpm-signer.service', 'attezt-tpm-signer.socket'
PATIENCE_OF_USERS = 5   # seconds
METRICS, SERVER = 'attezt-agent-metrics.socket', 'atteztd.service'
PATIENCE_OF_ADMINISTRATORS = 10
CRASH = '/bin/sh -c "kill -SEGV $$$$"'


@pytest.fixture(scope='module')
def device(packages, tpms, machines):
    m = machines(packages, tpms.start())
    m.use_software_tpm()
    m.servers.enroll()
    m.add_user('bob', 'attezt')
    yield m


@pytest.fixture
def healthy(device):
    """What a test did to it is mended after it."""
    yield device
    for unit in (AGENT, SIGNER):
        if device.exec('test', '-e', f'/etc/systemd/system/{unit}.d/50-test.conf', check=False).returncode == 0:
            device.remove_drop_in(unit)
    device.systemctl('stop', AGENT, SIGNER)
    device.systemctl('reset-failed')
    device.systemctl('start', SOCKET, SIGNER_SOCKET)


def replace_program(machine, unit, command):
    machine.systemctl('stop', unit)
    machine.systemctl('reset-failed')
    machine.drop_in(unit, f'[Service]\nExecStart=\nExecStart={command}\n')


def p11kit_takes(machine):
    """Seconds that a program of p11-kit's takes, which works whatever the agent does."""
    started = time.monotonic()
    r = machine.exec('p11-kit', 'list-modules', check=False)
    took = time.monotonic() - started
    assert 'p11-kit-trust' in r.stdout, r.stdout + r.stderr
    assert took < PATIENCE_OF_USERS, took
    return took


def closed(machine):
    return machine.show(SOCKET, 'ActiveState') in ('failed', 'inactive')


@pytest.mark.parametrize('command, seconds', [('/bin/false', 2), (CRASH, 2), ('/bin/sleep infinity', 4)],
                         ids=['fails', 'crashes', 'never ready'])
def test_a_sick_agent_closes_its_socket(healthy, command, seconds):
    replace_program(healthy, AGENT, command)
    started = time.monotonic()
    p11kit_takes(healthy)
    eventually(lambda: closed(healthy), 'the socket is closed', seconds)
    print(f'closed after {time.monotonic() - started:.1f} s')
    assert healthy.show(RETRY, 'ActiveState') == 'active'
    assert p11kit_takes(healthy) < 1
    assert healthy.exec('curl', '-sS', '--cacert', '/etc/attezt/ca.d/tls.pem', 'https://attest.test/root.pem',
                        check=False).returncode == 0
    assert healthy.exec('gnutls-cli', '--x509cafile', '/etc/attezt/ca.d/tls.pem', 'attest.test', input='',
                        timeout=PATIENCE_OF_USERS).returncode == 0


def says_that_it_does_not_start(machine, service, *command):
    started = time.monotonic()
    r = machine.exec('attezt', *command, check=False)
    took = time.monotonic() - started
    assert r.returncode == 75 and f'{service} does not start' in r.stderr, r
    assert f'journalctl -u {service}' in r.stderr and r.stdout == '', r
    assert took < PATIENCE_OF_ADMINISTRATORS, took
    print(f'{command[0]}: {took:.1f} s')


@pytest.mark.parametrize('command', ['/bin/false', CRASH, '/bin/sleep infinity'],
                         ids=['fails', 'crashes', 'never ready'])
def test_commands_say_that_it_does_not_start(healthy, command):
    """The bus itself waits for 25 seconds, and its caller would with it; the second call finds it waiting."""
    replace_program(healthy, AGENT, command)
    for verb in ('status', 'renew', 'certificate'):
        says_that_it_does_not_start(healthy, 'attezt-agent', verb)
    r = healthy.exec('attezt', 'doctor', '--device', '--json', check=False)
    agent = next(c for c in json.loads(r.stdout) if c['id'] == 'agent')
    assert agent['status'] == 'failed' and 'does not start' in agent['text'] and 'journalctl' in agent['command'], agent
    healthy.remove_drop_in(AGENT)
    healthy.systemctl('reset-failed')
    healthy.systemctl('restart', AGENT)
    assert healthy.exec('attezt', 'status').returncode == 0


def test_a_crash_that_is_mended_ends_no_command(healthy):
    once = '/var/lib/attezt-agent/crashed'
    replace_program(healthy, AGENT, f'/bin/sh -c "test -e {once} || {{ touch {once}; kill -SEGV $$$$; }}; '
                                    'exec /usr/libexec/attezt/attezt-agent"')
    try:
        assert 'Enrollment status: true' in healthy.exec('attezt', 'status').stdout
        assert healthy.show(AGENT, 'NRestarts') == '1'
    finally:
        healthy.shell(f'rm {once}')


@pytest.mark.parametrize('command', ['/bin/false', CRASH], ids=['fails', 'crashes'])
def test_commands_say_that_the_server_does_not_start(healthy, command):
    replace_program(healthy, SERVER, command)
    try:
        for verb in ('list', 'root'):
            says_that_it_does_not_start(healthy, 'atteztd', 'ca', verb)
    finally:
        healthy.remove_drop_in(SERVER)
        healthy.systemctl('restart', SERVER)
    healthy.exec('attezt', 'ca', 'list')


def scrape(machine):
    return machine.exec('curl', '-sS', '--max-time', '10', '--unix-socket', '/run/attezt/metrics', 'http://localhost/',
                        check=False).stdout


def test_metrics_come_back_too(healthy):
    healthy.systemctl('stop', AGENT)
    healthy.systemctl('enable', '--now', METRICS)
    try:
        assert 'attezt_agent_enrolled 1' in scrape(healthy)
        replace_program(healthy, AGENT, CRASH)
        scrape(healthy)
        eventually(lambda: healthy.show(METRICS, 'ActiveState') == 'failed', 'its socket is closed, too', 5)
        healthy.remove_drop_in(AGENT)
        eventually(lambda: healthy.show(METRICS, 'ActiveState') == 'active', 'the timer opens it', 60, pause=0.5)
        assert 'attezt_agent_enrolled 1' in scrape(healthy)
    finally:
        healthy.systemctl('disable', '--now', METRICS)


def test_metrics_are_opened_as_their_page_says(healthy):
    """While the daemons run."""
    with open(f'{RIG}/tree/man/attezt-metrics.7') as f:
        examples = re.findall(r'^\.Bd .*\n((?:.*\n)*?)\.Ed', f.read().split('.Sh EXAMPLES')[1], re.M)
    assert len(examples) == 2
    healthy.systemctl('start', SERVER, 'attezt-http.service', AGENT)
    try:
        for text in examples:
            assert healthy.shell(text).stdout.count('# EOF') == text.count('curl')
            assert 'active' == healthy.show(re.search(r'\S+-metrics.socket', text)[0], 'ActiveState')
    finally:
        healthy.systemctl('disable', '--now', METRICS, 'atteztd-metrics.socket', 'attezt-http-metrics.socket')


def test_the_timer_tries_again(healthy):
    replace_program(healthy, AGENT, CRASH)
    p11kit_takes(healthy)
    eventually(lambda: closed(healthy), 'the socket is closed', 2)
    healthy.remove_drop_in(AGENT)
    assert TOKEN not in tokens(healthy, 'bob')
    eventually(lambda: healthy.show(SOCKET, 'ActiveState') == 'active', 'the timer opens the socket', 40, pause=0.5)
    assert healthy.show(RETRY, 'ActiveState') == 'inactive'
    assert TOKEN in tokens(healthy, 'bob')


def test_while_it_is_sick_the_timer_goes_on_trying(healthy):
    healthy.drop_in(RETRY, '[Timer]\nOnActiveSec=\nOnActiveSec=1s\n')
    try:
        replace_program(healthy, AGENT, '/bin/false')
        for _ in range(3):
            p11kit_takes(healthy)
            eventually(lambda: healthy.show(RETRY, 'ActiveState') == 'active', 'the timer runs', 5)
            eventually(lambda: healthy.show(SOCKET, 'ActiveState') == 'active', 'and opens the socket', 10)
    finally:
        healthy.remove_drop_in(RETRY)


def test_a_crash_is_mended_at_once(healthy):
    with Program(healthy, 'bob') as p:
        assert p.ask('list') == f'ok {TOKEN}'
        before = main_pid(healthy, AGENT)
        healthy.systemctl('kill', '--signal=SEGV', AGENT)
        eventually(lambda: main_pid(healthy, AGENT) not in (0, before), 'the agent is back', 5)
    assert TOKEN in tokens(healthy, 'bob')


def test_administrators_may_restart_it_as_they_like(healthy):
    with Program(healthy, 'bob') as p:
        for _ in range(10):
            healthy.systemctl('restart', AGENT)
        assert p.ask('list') == f'ok {TOKEN}'
    assert TOKEN in tokens(healthy, 'bob')


def test_whoever_starts_it_too_early_does_not_stop_the_retry(healthy):
    """A call on the bus while it is given up starts its socket, which ends the timer."""
    healthy.drop_in(AGENT, f'[Service]\nExecStart=\nExecStart={CRASH}\n')
    healthy.systemctl('restart', AGENT, check=False)
    eventually(lambda: healthy.show(SOCKET, 'ActiveState') == 'failed', 'the socket is closed', 10)
    healthy.systemctl('start', AGENT, check=False)
    healthy.remove_drop_in(AGENT)
    eventually(lambda: healthy.show(SOCKET, 'ActiveState') == 'active', 'the socket is open again', 60)
    assert TOKEN in tokens(healthy, 'bob')


def test_an_agent_that_hangs_is_replaced(healthy):
    healthy.drop_in(AGENT, '[Service]\nWatchdogSec=1s\nTimeoutAbortSec=1s\n')
    assert TOKEN in tokens(healthy, 'bob')
    healthy.systemctl('kill', '--signal=STOP', AGENT)
    eventually(lambda: healthy.show(AGENT, 'Result') == 'watchdog', 'the watchdog bites', 10)
    p11kit_takes(healthy)


def test_with_a_read_only_var_the_token_works(healthy):
    healthy.systemctl('stop', AGENT, SIGNER)
    healthy.shell('mount --bind /var /var; mount -o remount,bind,ro /var')
    try:
        p11kit_takes(healthy)
        with Program(healthy, 'bob') as p:
            assert p.ask('sign').startswith('ok ')
    finally:
        healthy.systemctl('stop', AGENT, SIGNER)
        healthy.exec('umount', '/var')


def test_with_a_full_var_the_token_works_and_a_renewal_says_why_not(healthy):
    healthy.systemctl('stop', AGENT, SIGNER)
    healthy.shell('for d in /var/lib/attezt /var/lib/attezt-agent; do cp -a $d /tmp/copy; '
                  'mount -t tmpfs -o size=256k,mode=0755 tmpfs $d; cp -a /tmp/copy/. $d/; rm -r /tmp/copy; '
                  'dd if=/dev/zero of=$d/full bs=4k status=none || true; done')
    try:
        p11kit_takes(healthy)
        with Program(healthy, 'bob') as p:
            assert p.ask('sign').startswith('ok ')
        r = healthy.exec('attezt', 'renew', check=False)
        assert r.returncode != 0 and 'No space left' in r.stdout + r.stderr, r
        healthy.shell('rm /var/lib/attezt*/full')
        healthy.exec('attezt', 'renew')
        with Program(healthy, 'bob') as p:
            assert p.ask('sign').startswith('ok ')
    finally:
        healthy.systemctl('stop', AGENT, SIGNER)
        healthy.shell('umount /var/lib/attezt /var/lib/attezt-agent')


def test_without_tpm_the_token_is_listed_and_comes_back(healthy):
    healthy.tpm.power_off()
    try:
        healthy.systemctl('stop', SIGNER)
        p11kit_takes(healthy)
        with Program(healthy, 'bob') as p:
            assert p.ask('list') == f'ok {TOKEN}'
            assert p.ask('sign').startswith('C_Sign 0x3')  # CKR_DEVICE_…
            assert 'tpm' in healthy.journal(SIGNER).lower()
            healthy.tpm.power_on()
            assert p.ask('sign').startswith('ok ')
    finally:
        if healthy.tpm.pid is None:
            healthy.tpm.power_on()


@pytest.mark.parametrize('command', ['/bin/false', '/bin/true', CRASH], ids=['fails', 'does nothing', 'crashes'])
def test_a_sick_helper_is_given_up_and_tried_again(healthy, command):
    healthy.drop_in('attezt-retry@attezt-tpm-signer.timer', '[Timer]\nOnActiveSec=\nOnActiveSec=2s\n')
    try:
        replace_program(healthy, SIGNER, command)
        with Program(healthy, 'bob') as p:
            started = time.monotonic()
            assert p.ask('sign').startswith('C_Sign ')
            print(f'answered after {time.monotonic() - started:.1f} s')
            assert p.ask('list') == f'ok {TOKEN}'
            eventually(lambda: healthy.show(SIGNER, 'SubState') in ('failed', 'dead'), 'nothing goes on starting', 5)
            healthy.remove_drop_in(SIGNER)
            healthy.drop_in(SIGNER, '[Unit]\n')
            eventually(lambda: p.ask('sign').startswith('ok '), 'and then it signs', 15, pause=0.5)
    finally:
        healthy.remove_drop_in('attezt-retry@attezt-tpm-signer.timer')
