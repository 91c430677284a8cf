# SPDX-License-Identifier: MIT
"""Software TPMs as a manufacturer would deliver them: with EK certificates of a test CA in their NV memory."""
import hashlib
import os
import re
import shutil
import signal

from rig_process import RIG, dies, eventually, run

HOME = RIG + '/tpm'
# A TPM of each kind, and the NV indices of its EK certificates.
RSA2048, P256, P384, RSA3072 = 0x01c00002, 0x01c0000a, 0x01c00016, 0x01c0001c
KINDS = {
    'usual': (RSA2048, P256, P384),     # as swtpm_setup makes it, and a P-256 EK as most real TPMs have one
    'rsa3072': (RSA3072, P384),
    'bare': (),                         # EKs, but no certificate
}


class Maker:
    """The manufacturer. Each (kind, number) is one TPM with EKs of its own, made once per run and copied."""
    def __init__(self):
        self.made = {}
        self.started = 0
        for d in ('ca', 'conf', 'made', 'run'):
            os.makedirs(f'{HOME}/{d}', exist_ok=True)
        os.chmod(HOME, 0o755)
        with open(f'{HOME}/conf/swtpm_setup.conf', 'w') as f:
            f.write('create_certs_tool = /usr/bin/swtpm_localca\n'
                    f'create_certs_tool_config = {HOME}/conf/localca.conf\n'
                    f'create_certs_tool_options = {HOME}/conf/localca.options\n'
                    'active_pcr_banks = sha256\n')
        with open(f'{HOME}/conf/localca.conf', 'w') as f:
            f.write(f'statedir = {HOME}/ca\nsigningkey = {HOME}/ca/signkey.pem\n'
                    f'issuercert = {HOME}/ca/issuercert.pem\ncertserial = {HOME}/ca/certserial\n')
        with open(f'{HOME}/conf/localca.options', 'w') as f:
            f.write('--platform-manufacturer TestCo\n--platform-version 2.1\n--platform-model Rig\n')

    def roots(self, directory):
        """Fills a directory as --ek-roots wants it: the root, and the intermediate beside it."""
        if not os.path.exists(f'{HOME}/ca/issuercert.pem'):
            self.manufacture('usual', 0)
        os.makedirs(directory, exist_ok=True)
        for name in ('swtpm-localca-rootca-cert.pem', 'issuercert.pem'):
            shutil.copy(f'{HOME}/ca/{name}', directory)
            os.chmod(f'{directory}/{name}', 0o644)
        return directory

    def manufacture(self, kind, number):
        if (kind, number) not in self.made:
            state = f'{HOME}/made/{kind}-{number}'
            os.makedirs(state)
            options = {'usual': ['--create-ek-cert', '--create-platform-cert', '--lock-nvram'],
                       'rsa3072': ['--create-ek-cert', '--rsa-keysize', '3072', '--lock-nvram'],
                       'bare': []}[kind]
            run('swtpm_setup', '--tpm2', '--tpmstate', state, *options, '--not-overwrite',
                '--config', f'{HOME}/conf/swtpm_setup.conf', '--vmid', f'{kind}-{number}')
            if kind == 'usual':
                self._add_p256(state, f'{kind}-{number}')
            self.made[kind, number] = state
        return self.made[kind, number]

    def _add_p256(self, state, vmid):
        """swtpm_setup makes no P-256 EK certificate: asks its CA for one and stores it as the template wants."""
        with Tpm(state) as tpm:
            d = tpm.directory
            tpm.tool('createek', '-Q', '-c', f'{d}/ek.ctx', '-G', 'ecc256', '-u', f'{d}/ek.pub')
            tpm.tool('readpublic', '-Q', '-c', f'{d}/ek.ctx', '-f', 'pem', '-o', f'{d}/ek.pem')
            tpm.tool('flushcontext', '-t')
            text = run('openssl', 'pkey', '-pubin', '-in', f'{d}/ek.pem', '-noout', '-text').stdout
            point = ''.join(re.search(r'pub:(.*?)ASN1', text, re.DOTALL)[1].split()).replace(':', '')
            run('swtpm_localca', '--type', 'ek', '--ek', f'x={point[2:66]},y={point[66:130]},id=secp256r1',
                '--dir', d, '--vmid', vmid, '--tpm-spec-family', '2.0', '--tpm-spec-level', '0',
                '--tpm-spec-revision', '164', '--tpm-manufacturer', 'id:00001014', '--tpm-model', 'swtpm',
                '--tpm-version', 'id:20191023', '--tpm2', '--configfile', f'{HOME}/conf/localca.conf',
                '--optsfile', f'{HOME}/conf/localca.options')
            tpm.tool('nvdefine', '-Q', hex(P256), '-C', 'p', '-s', str(os.path.getsize(f'{d}/ek.cert')), '-a',
                     'ppwrite|writedefine|ppread|ownerread|authread|no_da|platformcreate')
            tpm.tool('nvwrite', '-Q', hex(P256), '-C', 'p', '-i', f'{d}/ek.cert')
            tpm.tool('nvwritelock', '-Q', hex(P256), '-C', 'p')

    def start(self, kind='usual', number=0):
        """A running TPM in the state of its delivery: what earlier tests did to it is not there."""
        self.started += 1
        state = f'{HOME}/run/{self.started}'
        shutil.copytree(self.manufacture(kind, number), state)
        return Tpm(state, KINDS[kind])


class Tpm:
    def __init__(self, state, certificates=()):
        self.directory = state
        self.certificates = certificates
        self.socket = f'{state}/s'
        self.tcti = f'swtpm:path={self.socket}'
        self.device = self.socket  # what step's tpmkms takes
        self.pid = None
        self.log_level = 1  # 20 shows each command
        self.power_on()

    def _remove_sockets(self):
        for path in (self.socket, self.socket + '.ctrl'):
            if os.path.exists(path):
                os.unlink(path)

    def power_on(self):
        self._remove_sockets()
        run('swtpm', 'socket', '--tpm2', '--tpmstate', f'dir={self.directory}',
            '--server', f'type=unixio,path={self.socket},mode=0666',
            '--ctrl', f'type=unixio,path={self.socket}.ctrl,mode=0666', '--flags', 'not-need-init,startup-clear',
            '--pid', f'file={self.directory}/pid', '--log', f'file={self.directory}/log,level={self.log_level}',
            '--daemon')
        self.pid = eventually(self._read_pid, 'swtpm has written its pid')

    def _read_pid(self):
        with open(f'{self.directory}/pid') as f:
            return int(f.read() or 0)

    def tool(self, name, *arguments, **kwargs):
        return run('tpm2_' + name, *arguments, env={'TPM2TOOLS_TCTI': self.tcti}, **kwargs)

    def hang(self):
        os.kill(self.pid, signal.SIGSTOP)

    def wake(self):
        os.kill(self.pid, signal.SIGCONT)

    def power_off(self):
        if self.pid is not None:
            self.wake()
            dies(self.pid, signal.SIGTERM)
            self.pid = None
            self._remove_sockets()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.power_off()

    def ek_certificate(self, index=None):
        """DER of the EK certificate at an NV index, RSA-2048's if there are several."""
        path = f'{self.directory}/nv.der'
        self.tool('nvread', '-Q', hex(index or self.certificates[0]), '-o', path)
        with open(path, 'rb') as f:
            return f.read()

    def ek_public(self, index=None):
        """DER SubjectPublicKeyInfo of an EK."""
        if self.certificates:
            from cryptography import x509
            from cryptography.hazmat.primitives import serialization
            return x509.load_der_x509_certificate(self.ek_certificate(index)).public_key().public_bytes(
                serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        d = self.directory
        self.tool('createek', '-Q', '-c', f'{d}/ek.ctx', '-G', 'rsa', '-u', f'{d}/ek.pub')
        self.tool('readpublic', '-Q', '-c', f'{d}/ek.ctx', '-f', 'der', '-o', f'{d}/ek.spki')
        self.tool('flushcontext', '-t')
        with open(f'{d}/ek.spki', 'rb') as f:
            return f.read()

    def ek_hash(self, index=None):
        return hashlib.sha256(self.ek_public(index)).hexdigest()

    def persistent_handles(self):
        return self.tool('getcap', 'handles-persistent').stdout.split()[1::2]

    def transient_handles(self):
        return [h for h in self.tool('getcap', 'handles-transient').stdout.split() if h.startswith('0x')]
