# SPDX-License-Identifier: MIT
"""The real step-ca, with device-attest-01 against a root of ours, and the step client."""
import base64
import json
import os
import re
import ssl
import urllib.request

from rig_ca import Authority, write
from rig_process import CACHE_BIN, RIG, Daemon, eventually, free_port, run

CLAIMS = {'minTLSCertDuration': '5m', 'maxTLSCertDuration': '24h', 'defaultTLSCertDuration': '24h'}


class StepCa:
    """Provisioners: acme-da as we tell people to make it; acme-renewable without disableRenewal, to show what
    that is for; acme-short, for lives of seconds; acme-dns, which knows no device-attest-01."""
    started = 0

    def __init__(self, attestation_root, backdate='1m0s', webhooks=(), admin=False, trust=None):
        """webhooks: of acme-da. admin: with the admin API, which alone can give a webhook its secret. trust: another
        root for what step-ca itself asks."""
        self.webhooks, self.admin, self.trust = list(webhooks), admin, trust
        StepCa.started += 1
        self.directory = f'{RIG}/stepca-{StepCa.started}'
        os.makedirs(self.directory)
        self.root = Authority('Test step-ca Root')
        self.intermediate = Authority('Test step-ca Intermediate', parent=self.root, path_length=0)
        self.root_file = write(f'{self.directory}/root.crt', self.root.certificate)
        write(f'{self.directory}/intermediate.crt', self.intermediate.certificate)
        write(f'{self.directory}/intermediate.key', self.intermediate.key, mode=0o600)
        self.port = free_port()
        self.attestation_root, self.backdate = attestation_root, backdate
        self.daemon = None
        self.start()

    def provisioner(self, name, challenges, **claims):
        return {'type': 'ACME', 'name': name, 'challenges': challenges, 'attestationFormats': ['tpm'],
                'attestationRoots': base64.b64encode(self.attestation_root.encode()).decode(),
                'claims': {**CLAIMS, **claims},
                **({'options': {'webhooks': self.webhooks}} if self.webhooks and name == 'acme-da' else {})}

    def start(self):
        config = {
            'root': self.root_file, 'crt': f'{self.directory}/intermediate.crt',
            'key': f'{self.directory}/intermediate.key', 'address': f'127.0.0.1:{self.port}',
            'dnsNames': ['ca.test', 'localhost', '127.0.0.1'], 'logger': {'format': 'text'},
            'db': {'type': 'badgerv2', 'dataSource': f'{self.directory}/db', 'badgerFileLoadingMode': ''},
            'authority': {'backdate': self.backdate, 'enableAdmin': self.admin, 'provisioners': [
                self.provisioner('acme-da', ['device-attest-01'], disableRenewal=True),
                self.provisioner('acme-renewable', ['device-attest-01']),
                self.provisioner('acme-short', ['device-attest-01'], disableRenewal=True, minTLSCertDuration='5s'),
                self.provisioner('acme-dns', ['http-01']),
            ]},
        }
        write(f'{self.directory}/ca.json', json.dumps(config).encode())
        write(f'{self.directory}/password', b'admin\n', mode=0o600)
        self.daemon = Daemon(CACHE_BIN + '/step-ca', '--password-file', f'{self.directory}/password',
                             f'{self.directory}/ca.json', env={'SSL_CERT_FILE': self.trust} if self.trust else None)
        eventually(self.healthy, 'step-ca is healthy')

    def healthy(self):
        assert self.daemon.process.poll() is None, self.daemon.log
        try:
            with urllib.request.urlopen(f'https://localhost:{self.port}/health', context=self.tls()) as r:
                return json.load(r) == {'status': 'ok'}
        except OSError:
            return False

    def tls(self):
        return ssl.create_default_context(cafile=self.root_file)

    def url(self, provisioner='acme-da', host='ca.test'):
        return f'https://{host}:{self.port}/acme/{provisioner}'

    def add_webhook(self, name, url):
        """By the admin API, as its administrator would; the secret that step prints."""
        r = run(CACHE_BIN + '/step', 'ca', 'provisioner', 'webhook', 'add', 'acme-da', name, '--kind', 'AUTHORIZING',
                '--cert-type', 'X509', '--url', url, '--admin-subject', 'step', '--admin-provisioner', 'Admin JWK',
                '--admin-password-file', f'{self.directory}/password', '--ca-url', f'https://ca.test:{self.port}',
                '--root', self.root_file, env={'STEPPATH': f'{self.directory}/step'})
        return re.search(r'^Secret: (\S+)', r.stdout, re.M)[1]

    def stop(self):
        if self.daemon is not None:
            self.daemon.stop(expect=None)
            self.daemon = None


class StepCli:
    """The step client of one device: its own $STEPPATH and TPM storage."""
    def __init__(self, stepca, tpm, server, directory):
        self.stepca, self.tpm, self.server, self.directory = stepca, tpm, server, str(directory)
        os.makedirs(f'{self.directory}/tpm', exist_ok=True)
        self.keys = 0

    def certificate(self, subject, key=None, provisioner='acme-da', options=(), check=True):
        """(exit status and output, certificate file) of an order for that name."""
        self.keys += 1
        path = f'{self.directory}/{self.keys}.crt'
        r = run(CACHE_BIN + '/step', 'ca', 'certificate', subject, path, f'{self.directory}/{self.keys}.key',
                '--ca-url', f'https://ca.test:{self.stepca.port}', '--root', self.stepca.root_file,
                '--provisioner', provisioner,
                '--attestation-uri', f'tpmkms:name={key or f"key-{self.keys}"};device={self.tpm.device}',
                '--attestation-ca-url', self.server.url, '--attestation-ca-root', self.server.tls_root,
                '--tpm-storage-directory', f'{self.directory}/tpm', '--force', *options,
                env={'STEPPATH': f'{self.directory}/step'}, check=check, timeout=120)
        return r, path
