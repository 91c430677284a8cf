# SPDX-License-Identifier: MIT
"""What goes wrong on a machine that is left alone ends in a state that "attezt status" explains, and is mended by the
next try."""
import pytest

from rig_process import eventually
from test_system_token import TOKEN, Program, tokens

TEMPORARY = 75


@pytest.fixture(scope='module')
def device(packages, tpms, machines):
    m = machines(packages, tpms.start())
    m.use_software_tpm()
    m.servers.enroll()
    m.add_user('bob', 'attezt')
    yield m


def renew(machine):
    return machine.exec('attezt', 'renew', check=False)


def explained(machine, *words):
    """By the status, also of a user without privilege."""
    r = machine.exec('attezt', 'status', user='bob')
    text = r.stdout + r.stderr
    for word in words:
        assert word in text, text


def recovers(machine):
    machine.exec('attezt', 'renew')
    with Program(machine, 'bob') as p:
        assert p.ask('sign').startswith('ok ')
    assert machine.systemctl('--failed', '--no-legend').stdout == ''


def test_the_tpm_is_cleared(device):
    """Its storage keys are new: what was sealed to the old ones is lost, and made anew when asked for."""
    device.systemctl('stop', 'attezt-tpm-signer.service')
    device.tpm.tool('clear')
    with Program(device, 'bob') as p:
        assert p.ask('list') == f'ok {TOKEN}'
        assert p.ask('sign').startswith('C_Sign 0x')
    assert 'framework' in device.exec('attezt', 'status').stdout
    recovers(device)


def test_the_attestation_server_is_down(device):
    device.systemctl('stop', 'attezt-https.socket', 'attezt-http.service')
    try:
        r = renew(device)
        assert r.returncode == TEMPORARY, r
        explained(device, 'attest.test', 'cannot be reached')
        assert TOKEN in tokens(device, 'bob')
    finally:
        device.systemctl('start', 'attezt-https.socket')
    recovers(device)


def test_the_acme_server_is_down(device):
    device.systemctl('stop', 'step-ca.service')
    try:
        r = renew(device)
        assert r.returncode == TEMPORARY, r
        explained(device, 'ca.test', 'cannot be reached')
    finally:
        device.systemctl('start', 'step-ca.service')
    eventually(lambda: device.exec('curl', '-sf', '--cacert', '/srv/step-ca/root.crt', 'https://ca.test:9443/health',
                                   check=False).returncode == 0, 'step-ca is up')
    recovers(device)


def test_the_servers_disk_is_full(device):
    """It hands nothing out that it cannot record."""
    device.systemctl('stop', 'atteztd.service')
    device.shell('cp -a /var/lib/atteztd /tmp/copy; size=$(du -sk /tmp/copy | cut -f1); '
                 'mount -t tmpfs -o size=$((size + 8192))k tmpfs /var/lib/atteztd; cp -a /tmp/copy/. /var/lib/atteztd/; '
                 'rm -r /tmp/copy; dd if=/dev/zero of=/var/lib/atteztd/full bs=4k status=none || true')
    try:
        r = device.shell('for n in $(seq 3000); do attezt ca enroll --pinned $(printf %064x $n) >/dev/null 2>/tmp/said || '
                         'exit 9; done', check=False, timeout=120)
        said = device.exec('cat', '/tmp/said').stdout
        assert r.returncode == 9 and 'No space left' in said, said
        assert renew(device).returncode != 0
        device.exec('rm', '/var/lib/atteztd/full')
        recovers(device)
        device.exec('attezt', 'ca', 'enroll', '--pinned', '%064x' % 9999)
        assert 'framework' in device.exec('attezt', 'ca', 'list').stdout
    finally:
        device.systemctl('stop', 'atteztd.service')
        device.exec('umount', '/var/lib/atteztd')


def test_var_is_read_only_and_a_renewal_says_so(device):
    device.systemctl('stop', 'attezt-enroll.socket', 'attezt-enroll.service')
    device.shell('mount --bind /var/lib/attezt /var/lib/attezt; mount -o remount,bind,ro /var/lib/attezt')
    device.systemctl('start', 'attezt-enroll.socket')
    try:
        r = renew(device)
        assert r.returncode != 0 and 'Read-only' in r.stdout + r.stderr, r
        explained(device, 'Read-only')
        with Program(device, 'bob') as p:
            assert p.ask('sign').startswith('ok ')
    finally:
        device.exec('umount', '/var/lib/attezt')
    recovers(device)


def test_a_device_that_was_disabled_is_told_so(device):
    device.exec('attezt', 'ca', 'set', 'framework', '--disabled')
    try:
        r = renew(device)
        assert r.returncode not in (0, TEMPORARY), r
        explained(device, 'refuses this TPM', 'attezt ca lookup')
    finally:
        device.exec('attezt', 'ca', 'set', 'framework', '--enabled')
    recovers(device)
