# SPDX-License-Identifier: MIT
"""Packages over their life: upgraded, removed, brought back, purged."""
import filecmp
import os
import re

import pytest

from rig_process import eventually
from rig_system import PACKAGES, ROOT, build_packages
from test_system_token import TOKEN, Program, main_pid, tokens

AGENT, SERVER, FRONT = 'attezt-agent.service', 'atteztd.service', 'attezt-http.service'
# What a package manager and a running system write.
NOT_OURS = re.compile(r'^/(var/(lib/(dpkg|apt|systemd|pam)|log|cache|tmp|backups)|tmp|root|home|etc/(passwd|group|shadow|'
                      r'gshadow|subuid|subgid)-?$|etc/(\.pwd\.lock|machine-id|ld\.so\.cache|\.updated)$)')


def same(one, other):
    """Two files, or something of another kind, that is there in both cases."""
    if os.path.islink(one) or not os.path.isfile(one):
        return os.path.lexists(other)
    return os.path.isfile(other) and filecmp.cmp(one, other, shallow=False)


def files(machine):
    """Every file that is not, or not so, in what the machine was made from."""
    top = f'{machine.home}/upper'
    found = set()
    for directory, names, plain in os.walk(top):
        for name in names + plain:
            path = os.path.join(directory, name)[len(top):]
            ours = machine.path(path)
            if not NOT_OURS.match(path) and os.path.lexists(ours) and not same(ours, ROOT + path):
                found.add(path)
    return found


def traces(machine):
    """Files that bear our name, wherever they are."""
    return {f for f in files(machine) if 'attezt' in f}


@pytest.fixture(scope='module')
def newer():
    return build_packages('/tmp/packages-newer', version='0.2')


@pytest.fixture(scope='module')
def device(packages, tpms, machines):
    m = machines(packages, tpms.start())
    m.use_software_tpm()
    m.servers.enroll()
    m.add_user('bob', 'attezt')
    yield m


def version(machine):
    return machine.exec('dpkg-query', '-W', '-f', '${Version}', 'attezt-agent').stdout


def test_an_upgrade_keeps_everything_and_restarts(device, newer):
    device.write('/etc/attezt/agent.conf', '[Agent]\nLifetime=12h\n')
    device.exec('attezt', 'renew')  # wakes those that had nothing to do while the packages were built
    before = {unit: main_pid(device, unit) for unit in (AGENT, SERVER, FRONT)}
    assert all(before.values()), before
    listening = device.exec('ss', '-Hltn').stdout
    status = device.exec('attezt', 'status').stdout
    with Program(device, 'bob') as p:
        assert p.ask('sign').startswith('ok ')
        device.install([newer[name] for name in PACKAGES])
        assert version(device) == '0.2'
        for unit, pid in before.items():
            assert main_pid(device, unit) not in (0, pid), f'{unit} is the old one'
        assert p.ask('sign').startswith('ok '), 'and the program that runs did not notice'
    assert device.exec('ss', '-Hltn').stdout == listening
    assert device.exec('attezt', 'status').stdout == status
    assert 'framework' in device.exec('attezt', 'ca', 'list').stdout
    assert device.read('/etc/attezt/agent.conf') == '[Agent]\nLifetime=12h\n'
    device.exec('attezt', 'renew')
    assert device.systemctl('--failed', '--no-legend').stdout == ''


def test_an_upgrade_starts_nothing_that_did_not_run(device, packages, newer):
    device.systemctl('stop', AGENT, FRONT, SERVER)
    device.systemctl('disable', '--now', 'attezt-https.socket', 'attezt-agent.socket')
    device.exec('dpkg', '-i', *(packages_in(device, packages)))
    assert device.show(AGENT, 'ActiveState') == 'inactive'
    assert device.show('attezt-https.socket', 'ActiveState') == 'inactive'
    assert device.show('attezt-agent.socket', 'ActiveState') == 'inactive', 'an administrator has disabled it'
    device.systemctl('enable', '--now', 'attezt-https.socket', 'attezt-agent.socket')
    assert TOKEN in tokens(device, 'bob')


def packages_in(machine, packages):
    return [f'/files/{os.path.basename(packages[name])}' for name in PACKAGES]


def test_removed_it_is_gone_but_for_state_and_settings(device):
    """Also what tells of a certificate, and has not finished."""
    device.write('/etc/attezt/renewed.d/slow', '#!/bin/sh\nsleep 80\n', 0o755)
    device.exec('attezt', 'renew')
    eventually(lambda: device.exec('pgrep', '-f', 'renewed.d/slow', check=False).stdout, 'it runs')
    device.exec('rm', '-r', '/etc/attezt/renewed.d')
    device.exec('apt-get', 'remove', '-y', *PACKAGES)
    assert not device.exec('pgrep', '-f', 'renewed.d/slow', check=False).stdout
    assert device.exec('sh', '-c', 'ps -eo comm | grep attez || true').stdout == ''
    assert device.systemctl('list-units', '--plain', '--no-legend', 'attez*').stdout == ''
    assert TOKEN not in device.exec('p11-kit', 'list-modules').stdout
    left = traces(device)
    assert {'/var/lib/attezt/device.tss', '/var/lib/atteztd/inventory.tdb', '/etc/attezt/agent.conf'} <= left
    assert not any(f.startswith('/usr/') for f in left), left


def test_brought_back_it_goes_on(device, packages):
    device.exec('dpkg', '-i', *packages_in(device, packages))
    with Program(device, 'bob') as p:
        assert p.ask('sign').startswith('ok ')
    assert 'framework' in device.exec('attezt', 'ca', 'list').stdout
    device.exec('attezt', 'renew')


def test_purged_nothing_is_left_but_what_people_made(device):
    """Also never a key of a CA, and it is said where that is."""
    keys = {f: device.read(f) for f in ('/var/lib/atteztd/ca/root.key', '/var/lib/atteztd/ca/intermediate.key')}
    r = device.exec('apt-get', 'purge', '-y', *PACKAGES)
    assert '/var/lib/atteztd' in r.stdout + r.stderr
    if device.exec('test', '-e', '/etc/credstore.encrypted/atteztd.wrapping-key', check=False).returncode == 0:
        assert all(words in r.stdout + r.stderr for words in ('credential.secret', 'TPM', 'attezt ca backup'))
    for path, text in keys.items():
        assert device.read(path) == text
    left = {f for f in traces(device) if not f.startswith('/var/lib/atteztd')}
    # What opens the keys stays with them, if this machine could make one.
    left -= {'/etc/credstore.encrypted', '/etc/credstore.encrypted/atteztd.wrapping-key'}
    # The tests' own: drop-ins, settings, roots.
    made = {f for f in left if re.match(r'/etc/(attezt(/(ca\.d|ek-roots\.d|tls))?(/[^/]+)?|systemd/system/attezt-.*\.d.*)$', f)}
    assert left == made, left - made
    assert not device.exec('sh', '-c', 'ls -d /run/attezt* || true').stdout


def test_installed_and_purged_unused_there_is_no_trace(packages, machines):
    """Installed, started, its commands tried, and purged: as if it had never been there."""
    m = machines(packages, servers=False, which=())
    before = files(m)
    m.install([packages[name] for name in PACKAGES])
    m.exec('attezt', 'status', check=False)
    m.exec('attezt', 'ca', 'list')
    m.exec('p11-kit', 'list-modules')
    eventually(lambda: m.show('attezt-enroll.service', 'ActiveState') == 'inactive', 'the helper is gone')
    m.exec('apt-get', 'purge', '-y', *PACKAGES)
    # The key of systemd's own for credentials, made when the first was encrypted.
    assert files(m) - before <= {'/var/lib/systemd/credential.secret'}
    assert not m.exec('sh', '-c', 'ls -d /run/attez* || true').stdout
    assert m.systemctl('--failed', '--no-legend').stdout == ''
