# SPDX-License-Identifier: MIT
"""attezt's programs, each as its own user, as units/ would run them."""
import json
import os
import shutil

import rig_bus
from rig_ca import Authority, write
from rig_process import ACTIVATE, RIG, Daemon, as_user, eventually, run

PROGRAMS = os.environ['RIG_PROGRAMS']
SERVER = ('dev.attezt.Server1', '/dev/attezt/Server1', 'dev.attezt.Server1')
AGENT = ('dev.attezt.Agent1', '/dev/attezt/Agent1', 'dev.attezt.Agent1')


def program(name):
    return f'{PROGRAMS}/{name}'


def directory(path, user=None, mode=0o755):
    os.makedirs(path, exist_ok=True)
    os.chmod(path, mode)
    if user:
        shutil.chown(path, user, user)
    return path


def cli(*arguments, user=None, check=True, **kwargs):
    """The command attezt; root unless told otherwise."""
    return run(program('attezt'), *arguments, user=user, check=check, **kwargs)


def cli_json(*arguments, **kwargs):
    return json.loads(cli(*arguments, '--json', **kwargs).stdout)


class Server:
    """atteztd with the front that it starts itself. TLS by default, on a port of the kernel's choice."""
    started = 0

    def __init__(self, ek_roots=(), options=(), state=None, tls=True, port=0, listen=None, start=True):
        Server.started += 1
        home = directory(f'{RIG}/server-{Server.started}')
        self.state = state or directory(f'{home}/state', 'atteztd')
        self.listen = listen or f'127.0.0.1:{port}'
        self.options = ['--state-dir', self.state, '--listen', self.listen]
        for d in ek_roots:
            self.options += ['--ek-roots', d]
        self.tls_root = None
        if tls:
            self.authority = Authority('Test TLS Root')
            self.tls_root = write(f'{home}/tls-root.crt', self.authority.certificate)
            certificate, key = self.authority.server('attest.test', 'localhost', '127.0.0.1', directory=home)
            self.options += ['--tls-cert', certificate, '--tls-key', key]
        self.options += options
        self.daemon, self.env = None, None
        if start:
            self.start()

    def start(self):
        self.daemon = Daemon(program('atteztd'), *self.options, user='atteztd', notify=True, env=self.env)
        self.daemon.wait_ready()
        self.find_url()

    def find_url(self, start=0):
        m = self.daemon.wait_line(r'Listening on (https?)://(\S+):(\d+)', start=start)
        host = 'attest.test' if m[1] == 'https' else '127.0.0.1'
        self.port = int(m[3])
        self.url = f'{m[1]}://{host}:{m[3]}'
        return self.url

    def stop(self):
        if self.daemon is not None:
            self.daemon.stop()
            self.daemon = None

    def restart(self):
        self.stop()
        self.start()

    # The administrator's calls, as root over the bus.

    def call(self, method, signature=None, *arguments, **kwargs):
        return rig_bus.call(*SERVER, method, signature, *arguments, **kwargs)

    def create_ca(self):
        fingerprint, self.root_pem = self.call('CreateCA', 'sa{sv}', 'Test', 0)
        self.root_file = write(f'{RIG}/attestation-root.pem', self.root_pem.encode())
        return fingerprint

    def enroll(self, ek_hash, *names, **options):
        """options: any_name, pinned (bool), ak_lifetime (seconds), note."""
        types = {'any_name': 'b', 'pinned': 'b', 'ak_lifetime': 't', 'note': 's'}
        dictionary = []
        for key, value in options.items():
            text = str(value).lower() if isinstance(value, bool) else value
            dictionary += [key.replace('_', '-'), types[key], text]
        return self.call('Enroll', 'sasa{sv}', ek_hash, len(names), *names, len(options), *dictionary)[0]

    def remove(self, device):
        return self.call('Remove', 'sa{sv}', device, 0)[0]

    def look_up(self, device):
        return self.call('LookUp', 'sa{sv}', device, 0)[0]

    def devices(self):
        found, cursor = [], ''
        while True:
            page, cursor = self.call('List', 'sua{sv}', cursor, 100, 0)
            found += page
            if not cursor:
                return found

    def counts(self):
        return self.call('GetCounts', 'a{sv}', 0)[0]

    def forget_all(self):
        for device in self.devices():
            self.remove(device['ek-hash'])


class Device:
    """A machine with a TPM and attezt-agent on it. Only one agent at a time can be on the bus."""
    started = 0

    def __init__(self, tpm, roots=(), options=(), start=True, owner='attezt'):
        Device.started += 1
        self.tpm = tpm
        self.home = directory(f'{RIG}/device-{Device.started}')
        self.state = directory(f'{self.home}/state', owner)
        self.ca_dir = directory(f'{self.home}/ca.d')
        self.renewal_dir = directory(f'{self.home}/renewal', 'attezt', 0o700)
        self.p11kit = f'{directory(self.home + "/run", "attezt")}/p11kit.socket'
        self.manager = None  # or a rig_fdstore.Manager, to which the agent gives its connections when it ends
        for n, root in enumerate(roots):
            shutil.copy(root, f'{self.ca_dir}/{n}.pem')
        self.helper_options = ['--state-dir', self.state, '--tcti', tpm.tcti]
        self.options = [*self.helper_options, '--ca-dir', self.ca_dir, '--p11kit-socket', self.p11kit,
                        '--renewal-dir', self.renewal_dir, '--exit-idle-time', '0', *options]
        self.agent = None
        self.helpers = {}
        if start:
            self.start()

    def start_helper_socket(self, name='attezt-enroll', *options):
        """A helper as a user of its own behind a socket, as its unit has it."""
        path = f'/run/{name}/socket'
        directory(os.path.dirname(path))
        helper = Daemon(*ACTIVATE, '--seqpacket', '--accept', '--listen', path,
                        *as_user('attezt-tpm', [program(name), *self.helper_options, *options]), name=name)
        helper.wait_line('Listening on')
        shutil.chown(path, 'attezt')
        os.chmod(path, 0o600)
        self.helpers[name] = helper

    def start(self):
        if self.manager is None:
            self.agent = Daemon(program('attezt-agent'), *self.options, user='attezt', notify=True)
            self.agent.wait_ready()
            return
        said = len(self.manager.messages)
        # Its environment passes setpriv, its pid too.
        argv, fds = self.manager.launch(as_user('attezt', [program('attezt-agent'), *self.options]))
        self.agent = Daemon(*argv, env=self.manager.environment(), name='attezt-agent', pass_fds=fds)
        for fd in fds:
            os.close(fd)
        self.manager.wait_ready(self.agent, said)

    def stop(self):
        if self.agent is not None:
            self.agent.stop()
            self.agent = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.agent is not None and self.agent.process.poll() is None:
            self.stop()
        for name, helper in self.helpers.items():
            helper.stop(expect=None)
            shutil.rmtree(f'/run/{name}')
        self.tpm.power_off()

    def enroll(self, stepca, server, *options, provisioner='acme-da', check=True, user=None):
        return cli('enroll', '--acme', stepca if isinstance(stepca, str) else stepca.url(provisioner),
                   '--attestation', server if isinstance(server, str) else server.url, *options, check=check,
                   user=user, timeout=240)

    def status(self, user=None):
        return rig_bus.call(*AGENT, 'GetStatus', 'a{sv}', 0, user=user)[0]

    def property(self, name, user=None):
        return rig_bus.get_property(*AGENT, name, user=user)

    def file(self, name):
        with open(f'{self.state}/{name}', 'rb') as f:
            return f.read()

    def exists(self, name):
        return os.path.exists(f'{self.state}/{name}')

    def idle(self):
        eventually(lambda: self.property('State') != 'working', 'no job is open')
