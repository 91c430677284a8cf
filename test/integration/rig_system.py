# SPDX-License-Identifier: MIT
"""Machines that boot systemd: a Debian 12 root (test/setup made it) under an overlay of its own, in systemd-nspawn, with
a network of its own. They have no TPM device; the directory of a software TPM is at /tpm."""
import glob
import os
import re
import secrets
import shutil
import subprocess

from rig_process import CACHE_BIN, PATIENCE, RIG, Daemon, children, eventually, run

ROOT = RIG + '/cache/root'
PACKAGES = ('attezt', 'attezt-agent', 'attezt-server')
TCTI = 'swtpm:path=/tpm/s'
# The host's control groups may be of the old kind: nspawn gets the new kind, and leaves nothing in the host's.
BOOT = '''
umount -R /sys/fs/cgroup && mount -t cgroup2 cgroup2 /sys/fs/cgroup && mkdir -p "/sys/fs/cgroup/$0" &&
echo $$ >"/sys/fs/cgroup/$0/cgroup.procs" && exec systemd-nspawn "$@"
'''
FORGET = '''
umount -R /sys/fs/cgroup && mount -t cgroup2 cgroup2 /sys/fs/cgroup && cd "/sys/fs/cgroup/$0" &&
echo 1 >cgroup.kill && cd / && find "/sys/fs/cgroup/$0" -depth -type d -exec rmdir {} +
'''
BOOT_SECONDS = 60
HELPERS = ('attezt-enroll', 'attezt-tpm-signer')


def build_packages(directory, user=None, env=None, version=None):
    """dpkg-buildpackage from a copy of the tree, without the unit tests, which test/run runs; the paths of the .deb
    files by package. version: another than the tree's."""
    os.makedirs(directory)
    shutil.copytree(f'{RIG}/tree', f'{directory}/attezt', ignore=shutil.ignore_patterns('__pycache__'))
    if version:
        path = f'{directory}/attezt/debian/changelog'
        with open(path) as f:
            text = f.read()
        with open(path, 'w') as f:
            f.write(re.sub(r'\(.*?\)', f'({version})', text.split('\n\n')[0]) + text[text.index('\n\n'):])
    if user:
        run('chown', '-R', user, directory)
    r = run('dpkg-buildpackage', '-b', '-us', '-uc', user=user, cwd=f'{directory}/attezt', timeout=600, check=False,
            env={'DEB_BUILD_OPTIONS': 'nocheck parallel=2', **(env or {})})
    assert r.returncode == 0, (r.stdout + r.stderr)[-4000:]
    found = {os.path.basename(p).split('_')[0]: p for p in glob.glob(f'{directory}/*.deb')}
    assert set(PACKAGES) <= set(found), found
    return found


class System:
    """What the tests do in a machine, however it runs. Subclasses have exec() and write()."""
    def shell(self, script, **kwargs):
        return self.exec('sh', '-ec', script, **kwargs)

    def systemctl(self, *arguments, **kwargs):
        return self.exec('systemctl', *arguments, **kwargs)

    def show(self, unit, key):
        return self.exec('systemctl', 'show', '-P', key, unit).stdout.strip()

    def journal(self, *units):
        which = [f'--unit={u}' for u in units]
        return self.exec('journalctl', '--no-pager', '-q', '-o', 'short-monotonic', *which).stdout

    def state(self):
        """running or degraded, None before."""
        state = self.exec('systemctl', 'is-system-running', check=False).stdout.strip()
        return state if state in ('running', 'degraded') else None

    def group_of(self, user):
        return self.exec('id', '-gn', user).stdout.strip()

    def become(self, user):
        """What goes before a command of a user's."""
        if not user:
            return []
        return ['setpriv', '--reuid', user, '--regid', self.group_of(user), '--init-groups', '--inh-caps=-all',
                '--no-new-privs', '--']

    def install(self, packages):
        """.deb files, as an administrator would."""
        for p in packages:
            shutil.copy(p, f'{self.home}/files')
        return self.exec('apt-get', 'install', '-y', '--no-install-recommends',
                         *(f'/files/{os.path.basename(p)}' for p in packages), timeout=180)

    def drop_in(self, unit, text, name='50-test'):
        self.write(f'/etc/systemd/system/{unit}.d/{name}.conf', text)
        self.systemctl('daemon-reload')

    def remove_drop_in(self, unit, name='50-test'):
        self.exec('rm', f'/etc/systemd/system/{unit}.d/{name}.conf')
        self.systemctl('daemon-reload')

    def add_user(self, name, *groups):
        self.exec('useradd', '-m', '-s', '/bin/bash', *(['-G', ','.join(groups)] if groups else []), name)
        return name

    def log_in(self, user, seat='seat0'):
        """A session that lasts until log_out(); its unit."""
        unit = f'session-of-{user}'
        self.exec('systemd-run', f'--unit={unit}', '-p', 'PAMName=login', '-p', f'User={user}',
                  *(['-E', f'XDG_SEAT={seat}'] if seat else []), 'sleep', 'infinity')
        eventually(lambda: user in self.exec('loginctl', '--no-legend', 'list-sessions').stdout, f'{user} is logged in')
        return unit

    def log_out(self, unit):
        self.systemctl('stop', unit)

    def ek_hash(self):
        text = self.exec('attezt', 'status').stdout
        return re.search(r'Endorsement Key: *([0-9a-f]{64})', text)[1]


def make_overlay(home):
    """A Debian root of one's own: its path. What is written goes to home/upper."""
    for d in ('upper', 'work', 'root', 'files'):
        os.makedirs(f'{home}/{d}')
    run('mount', '-t', 'overlay', '-o',
        f'lowerdir={os.path.realpath(ROOT)},upperdir={home}/upper,workdir={home}/work', 'overlay', f'{home}/root')
    # A test starts it when it wants it.
    os.unlink(f'{home}/root/etc/systemd/system/multi-user.target.wants/nginx.service')
    return f'{home}/root'


def write_file(path, text, mode=0o644):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'wb' if isinstance(text, bytes) else 'w') as f:
        f.write(text)
    os.chmod(path, mode)


class Machine(System):
    """packages: installed before the first boot's end. tpm: a rig_tpm.Tpm."""
    started = 0

    def __init__(self, packages=(), tpm=None, hostname='device-0', hosts='127.0.0.1 ca.test attest.test'):
        Machine.started += 1
        self.name = f'attezt-test-{secrets.token_hex(4)}'  # another suite may run at the same time
        self.home = f'{RIG}/machine-{Machine.started}'
        self.hostname, self.tpm = hostname, tpm
        self.leader = None
        self.root = make_overlay(self.home)
        self.write('/etc/hostname', hostname + '\n')
        self.write('/etc/hosts', f'127.0.0.1 localhost {hostname}\n::1 localhost\n{hosts}\n')
        self.boot()
        if packages:
            self.install(packages)

    # ---- Power

    def boot(self):
        binds = [f'--bind-ro={RIG}/cache/bin:/opt/peers', f'--bind-ro={RIG}/tree:/opt/tree',
                 f'--bind-ro={self.home}/files:/files']
        if self.tpm:
            binds.append(f'--bind={self.tpm.directory}:/tpm')
        self.daemon = Daemon('unshare', '--mount', '--propagation', 'private', 'sh', '-c', BOOT, self.name,
                             '-D', self.root, '-M', self.name, '--hostname', self.hostname, '--register=no',
                             '--keep-unit', '--private-network', '--link-journal=no', '--console=read-only',
                             '--kill-signal=SIGRTMIN+3', *binds, '-b', name=self.name)
        self.wait_booted()

    def wait_booted(self):
        self.leader = eventually(self._find_leader, 'the machine starts its systemd', BOOT_SECONDS)
        state = eventually(self.state, 'the machine is up', BOOT_SECONDS)
        failed = '' if state == 'running' else self.exec('systemctl', '--failed', '--plain', '--no-legend').stdout
        assert state == 'running', f'{state}: {failed}'

    def _find_leader(self):
        assert self.daemon.process.poll() is None, self.daemon.log
        for pid, comm in children(self.daemon.pid).items():
            if comm == 'systemd':
                return pid
        return None

    def reboot(self):
        """nspawn ends with a number by which its service would start it again."""
        self.exec('systemctl', '--no-block', 'reboot')
        assert self.daemon.wait() == 133, self.daemon.log
        self.boot()

    def stop(self):
        self.daemon.stop(expect=None)
        self.power_off()

    def power_off(self):
        """At once, as when the plug is pulled."""
        self.daemon.kill()
        eventually(self._forgotten, "the machine's control groups are gone")
        run('umount', self.root)
        shutil.rmtree(self.home, ignore_errors=True)

    def _forgotten(self):
        """They can be removed when the last process has died."""
        return run('unshare', '--mount', '--propagation', 'private', 'sh', '-c', FORGET, self.name,
                   check=False).returncode == 0

    # ---- Commands in it

    def inside(self, *argv, user=None):
        """argv of the same command in the machine."""
        home = '/root' if user in (None, 'root') else f'/home/{user}'
        return ['nsenter', '-t', str(self.leader), '-a', '--', 'env', '-i', 'LANG=C.UTF-8', 'TERM=dumb', f'HOME={home}',
                'DEBIAN_FRONTEND=noninteractive', 'PATH=/usr/sbin:/usr/bin:/sbin:/bin:/opt/peers', *self.become(user),
                *argv]

    def exec(self, *argv, user=None, **kwargs):
        return run(*self.inside(*argv, user=user), **kwargs)

    def popen(self, *argv, user=None):
        """A program that a test talks to over its standard input and output, in text."""
        return subprocess.Popen(self.inside(*argv, user=user), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                encoding='utf-8', bufsize=1)

    # ---- Files in it

    def path(self, path):
        """Its file as a path of ours; also below /run, which is another file system there."""
        return f'/proc/{self.leader}/root{path}' if path.startswith(('/run/', '/tmp/')) else f'{self.root}{path}'

    def write(self, path, text, mode=0o644):
        write_file(self.path(path), text, mode)

    def read(self, path):
        with open(self.path(path)) as f:
            return f.read()

    # ---- What the tests need in it

    def use_software_tpm(self):
        """There is no TPM device: the helpers get to know another way to it."""
        for name in HELPERS:
            self.drop_in(f'{name}.service', '[Service]\nExecStart=\n'
                         f'ExecStart=/usr/libexec/attezt/{name} --tcti {TCTI}\n', name='10-tpm')


def connect(one, address_one, other, address_other):
    """A cable between two machines."""
    run('ip', 'link', 'add', 'cable', 'netns', str(one.leader), 'type', 'veth', 'peer', 'name', 'cable', 'netns',
        str(other.leader))
    for machine, address in ((one, address_one), (other, address_other)):
        machine.exec('ip', 'address', 'add', f'{address}/24', 'dev', 'cable')
        machine.exec('ip', 'link', 'set', 'cable', 'up')


class Servers:
    """On a machine: atteztd and attezt-http as its packages run them, and step-ca, all over TLS."""
    def __init__(self, machine, ek_roots):
        from rig_ca import Authority, pem
        self.machine = machine
        tls = Authority('Test TLS Root')
        home = f'{machine.home}/tls'
        os.makedirs(home)
        certificate, key = tls.server('attest.test', 'localhost', directory=home)
        machine.write('/etc/attezt/ca.d/tls.pem', pem(tls.certificate))
        for source, name in ((certificate, 'fullchain.pem'), (key, 'key.pem')):
            with open(source) as f:
                machine.write(f'/etc/attezt/tls/{name}', f.read())
        machine.shell('chmod 0640 /etc/attezt/tls/key.pem; chgrp attezt-http /etc/attezt/tls/key.pem')
        machine.write('/etc/attezt/atteztd.conf', '[HTTP]\nTLSCertificate=/etc/attezt/tls/fullchain.pem\n'
                                                  'TLSKey=/etc/attezt/tls/key.pem\n')
        for name in os.listdir(ek_roots):
            with open(f'{ek_roots}/{name}') as f:
                machine.write(f'/etc/attezt/ek-roots.d/{name}', f.read())
        machine.systemctl('enable', '--now', 'attezt-https.socket')
        machine.exec('attezt', 'ca', 'create')
        self.start_step_ca(machine.exec('attezt', 'ca', 'root').stdout)

    def start_step_ca(self, attestation_root):
        import base64
        import json
        from rig_ca import Authority, pem
        m = self.machine
        root = Authority('Test step-ca Root')
        intermediate = Authority('Test step-ca Intermediate', parent=root, path_length=0)
        m.write('/srv/step-ca/root.crt', pem(root.certificate))
        m.write('/etc/attezt/ca.d/step-ca.pem', pem(root.certificate))
        m.write('/srv/step-ca/intermediate.crt', pem(intermediate.certificate))
        m.write('/srv/step-ca/intermediate.key', pem(intermediate.key), mode=0o600)
        self.root, self.intermediate = root, intermediate
        config = {
            'root': '/srv/step-ca/root.crt', 'crt': '/srv/step-ca/intermediate.crt',
            'key': '/srv/step-ca/intermediate.key', 'address': ':9443', 'dnsNames': ['ca.test'],
            'logger': {'format': 'text'}, 'db': {'type': 'badgerv2', 'dataSource': '/srv/step-ca/db'},
            'authority': {'provisioners': [{
                'type': 'ACME', 'name': 'acme-da', 'challenges': ['device-attest-01'], 'attestationFormats': ['tpm'],
                'attestationRoots': base64.b64encode(attestation_root.encode()).decode(),
                'claims': {'disableRenewal': True, 'minTLSCertDuration': '1m', 'maxTLSCertDuration': '48h',
                           'defaultTLSCertDuration': '24h'}}]}}
        m.write('/srv/step-ca/ca.json', json.dumps(config))
        m.write('/etc/systemd/system/step-ca.service', '[Service]\nExecStart=/opt/peers/step-ca /srv/step-ca/ca.json\n'
                'Restart=on-failure\n[Install]\nWantedBy=multi-user.target\n')
        m.systemctl('daemon-reload')
        m.systemctl('enable', '--now', 'step-ca.service')
        eventually(lambda: m.exec('curl', '-sf', '--cacert', '/srv/step-ca/root.crt', 'https://ca.test:9443/health',
                                  check=False).returncode == 0, 'step-ca is up')

    acme = 'https://ca.test:9443/acme/acme-da'
    attestation = 'https://attest.test'

    def enroll(self, name='framework', device=None, options=(), tries=1):
        """An administrator enrols the device, and the device itself; 75 says that it may try again."""
        device = device or self.machine
        self.machine.exec('attezt', 'ca', 'enroll', device.ek_hash(), name)
        for left in reversed(range(tries)):
            r = device.exec('attezt', 'enroll', '--acme', self.acme, '--attestation', self.attestation, *options,
                            check=left == 0, timeout=PATIENCE)
            if r.returncode == 0:
                return r
            assert r.returncode == 75, r
