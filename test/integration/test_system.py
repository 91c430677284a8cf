# SPDX-License-Identifier: MIT
"""The packages: how they are built, and what they do to a machine."""
import os

from rig_process import RIG, run
from rig_system import PACKAGES


def test_packages_are_the_same_bytes_wherever_they_are_built(packages):
    """Another place, user, umask, time zone and language."""
    from rig_system import build_packages
    again = build_packages('/tmp/packages-again', user='nobody', env={
        'TZ': 'Asia/Kathmandu', 'LANG': 'C', 'DEB_BUILD_OPTIONS': 'nocheck parallel=1', 'HOME': '/nonexistent'})
    for name, path in packages.items():
        assert run('sha256sum', path).stdout.split()[0] == run('sha256sum', again[name]).stdout.split()[0], name


def test_lintian_finds_nothing(packages):
    changes = [f for f in os.listdir(os.path.dirname(packages['attezt'])) if f.endswith('.changes')]
    r = run('lintian', '--allow-root', '--fail-on', 'error,warning',
            f'{os.path.dirname(packages["attezt"])}/{changes[0]}', check=False, timeout=120)
    print(r.stdout)
    assert r.returncode == 0, r.stdout + r.stderr


def test_install_honours_destdir_and_prefix():
    options = ['-Dtests=false', '-Dprefix=/opt/attezt']
    run('meson', 'setup', '/tmp/build-prefix', f'{RIG}/tree', *options, timeout=120)
    run('ninja', '-C', '/tmp/build-prefix', timeout=300)
    run('meson', 'install', '-C', '/tmp/build-prefix', env={'DESTDIR': '/tmp/destination'})
    top = [os.path.join(d, f)[len('/tmp/destination'):] for d, _, files in os.walk('/tmp/destination') for f in files]
    assert top and all(f.startswith('/opt/attezt/') for f in top), top
    assert '/opt/attezt/lib/systemd/system/attezt-agent.service' in top
    with open('/tmp/destination/opt/attezt/lib/systemd/system/atteztd.service') as f:
        assert 'ExecStart=/opt/attezt/sbin/atteztd' in f.read()


def test_another_prefix(machines):
    """As README says: where polkit, the bus and p11-kit look, and systemd does by itself."""
    with open(f'{RIG}/tree/README') as f:
        lines = [line.strip() for line in f.read().split('With another prefix')[1].split('\n\n')[1].splitlines()]
    links = [line for line in lines if line.startswith('ln -s ')]
    assert len(lines) == 2 + len(links) == 5
    m = machines({}, servers=False, which=())
    run('/bin/sh', '-ec', lines[0].replace(' build ', ' /tmp/build-local -Dtests=false '), cwd=f'{RIG}/tree', timeout=120)
    run('/bin/sh', '-ec', lines[1].replace(' build', ' /tmp/build-local'), timeout=300, env={'DESTDIR': m.root})
    m.shell('\n'.join(['systemd-sysusers; systemd-tmpfiles --create; systemctl daemon-reload', *links,
                       'systemctl restart dbus polkit',
                       'systemctl enable --now atteztd.socket attezt-agent.socket attezt-enroll.socket']))
    m.add_user('alice')
    attezt = '/usr/local/bin/attezt'
    assert 'Enrollment status: false' in m.exec(attezt, 'status', user='alice').stdout
    m.exec(attezt, 'ca', 'create')
    assert m.exec(attezt, 'ca', 'create', user='alice', check=False).returncode == 5
    actions = m.exec('pkaction').stdout
    assert 'dev.attezt.agent.enroll' in actions and 'dev.attezt.server.' in actions
    assert 'attezt' in m.exec('p11-kit', 'list-modules').stdout


def test_installing_opens_no_network(machine):
    listening = machine.exec('ss', '-Hltn').stdout
    assert listening == '', listening
    enabled = machine.exec('systemctl', 'list-unit-files', '--state=enabled', '--plain', '--no-legend').stdout
    assert {line.split()[0] for line in enabled.splitlines() if 'attezt' in line} == {
        'attezt-agent.socket', 'attezt-enroll.socket', 'attezt-tpm-signer.socket', 'atteztd.socket', 'atteztd.timer',
        'attezt-renew.service', 'attezt-renew.timer',
        'attezt-renew-clock.timer', 'attezt-renewed.path', 'attezt-renewed.service'}
    assert machine.exec('dpkg', '--audit').stdout == ''


def test_presets_say_what_installing_does(machine):
    for unit, state in (('attezt-agent.socket', 'enabled'), ('atteztd.socket', 'enabled'),
                        ('attezt-renew.timer', 'enabled'), ('attezt-renewed.path', 'enabled'),
                        ('attezt-http.socket', 'disabled'), ('attezt-https.socket', 'disabled')):
        columns = machine.exec('systemctl', 'list-unit-files', '--plain', '--no-legend', unit).stdout.split()
        assert columns[1:] == [state, state], columns
    columns = machine.exec('systemctl', '--global', 'list-unit-files', '--plain', '--no-legend',
                           'attezt-notify.timer').stdout.split()
    assert columns[1:] == ['enabled', 'enabled'], columns


def test_devices_do_not_wake_at_one_moment(machine):
    """Each has its own moment, and keeps it; one that was off at its moment has another."""
    shown = machine.exec('systemctl', 'show', '-p', 'RandomizedDelayUSec,FixedRandomDelay,Persistent',
                         'attezt-renew.timer').stdout
    assert set(shown.split()) == {'RandomizedDelayUSec=10min', 'FixedRandomDelay=yes', 'Persistent=yes'}, shown


def test_nothing_is_needed_of_etc(machine):
    """No file of ours is there but what systemctl enable makes."""
    assert [f for p in PACKAGES for f in machine.exec('dpkg', '-L', p).stdout.split() if f.startswith('/etc/')] == []
    machine.exec('rm', '-rf', '/etc/attezt')
    for unit in ('atteztd.service', 'attezt-agent.service'):
        machine.systemctl('restart', unit)
        assert machine.show(unit, 'ActiveState') == 'active'


def test_units_are_understood(machine):
    units = machine.exec('sh', '-c', 'ls /lib/systemd/system/attezt*').stdout.split()
    r = machine.exec('systemd-analyze', 'verify', '--recursive-errors=one', '--man=no',
                     *(u for u in units if '@' not in u), '/lib/systemd/system/attezt-retry@attezt-agent.timer',
                     check=False)
    assert 'attezt' not in r.stderr, r.stderr


def test_files_belong_to_one_package(machine):
    for name in PACKAGES:
        assert machine.exec('dpkg', '-V', name).stdout == ''
