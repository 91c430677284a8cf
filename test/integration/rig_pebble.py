# SPDX-License-Identifier: MIT
"""Pebble, Let's Encrypt's strict ACME test server. It issues nothing to devices; it minds RFC 8555."""
import json
import os
import ssl
import urllib.request

from rig_ca import Authority, write
from rig_process import CACHE_BIN, RIG, Daemon, eventually, free_port

EAB_KID, EAB_KEY = 'kid-1', 'zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W'


class Pebble:
    started = 0

    def __init__(self, reject_nonces=0, eab=False):
        Pebble.started += 1
        d = f'{RIG}/pebble-{Pebble.started}'
        os.makedirs(d)
        self.root = Authority('Test Pebble TLS Root')
        self.root_file = write(f'{d}/root.crt', self.root.certificate)
        certificate, key = self.root.server('acme.test', 'localhost', '127.0.0.1', directory=d)
        self.port = free_port()
        config = {'pebble': {
            'listenAddress': f'127.0.0.1:{self.port}', 'managementListenAddress': '',
            'certificate': certificate, 'privateKey': key, 'httpPort': 5002, 'tlsPort': 5001,
            'externalAccountBindingRequired': eab, 'ocspResponderURL': '',
            'externalAccountMACKeys': {EAB_KID: EAB_KEY},
            'domainBlocklist': [], 'retryAfter': {'authz': 1, 'order': 1}, 'keyAlgorithm': 'ecdsa',
            'profiles': {'default': {'description': 'the only one', 'validityPeriod': 86400}},
        }}
        path = write(f'{d}/pebble.json', json.dumps(config).encode())
        self.daemon = Daemon(CACHE_BIN + '/pebble', '-config', path, '-strict',
                             env={'PEBBLE_WFE_NONCEREJECT': str(reject_nonces), 'PEBBLE_VA_NOSLEEP': '1'})
        self.url = f'https://acme.test:{self.port}'
        eventually(self._answers, 'Pebble answers')

    def _answers(self):
        assert self.daemon.process.poll() is None, self.daemon.log
        try:
            context = ssl.create_default_context(cafile=self.root_file)
            with urllib.request.urlopen(f'{self.url}/dir', context=context) as r:
                return 'newNonce' in json.load(r)
        except OSError:
            return False

    def stop(self):
        self.daemon.stop(expect=None)
