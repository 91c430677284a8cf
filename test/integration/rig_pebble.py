# SPDX-License-Identifier: MIT
"""Pebble, Let's Encrypt's strict ACME test server. It issues nothing to devices; it minds RFC 8555."""
import http.client
import http.server
import json
import os
import ssl
import threading
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
        eventually(self._answers, 'Pebble answers')
        self.front = Front(self, certificate, key)
        self.url = f'https://acme.test:{self.front.server_port}'

    def _answers(self):
        assert self.daemon.process.poll() is None, self.daemon.log
        try:
            context = ssl.create_default_context(cafile=self.root_file)
            with urllib.request.urlopen(f'https://localhost:{self.port}/dir', context=context) as r:
                return 'newNonce' in json.load(r)
        except OSError:
            return False

    def restart(self):
        """With an empty database."""
        self.daemon.kill()
        self.daemon = Daemon(*self.daemon.argv, env={'PEBBLE_WFE_NONCEREJECT': '0'})
        eventually(self._answers, 'Pebble answers again')

    def stop(self):
        self.front.shutdown()
        self.front.server_close()
        self.daemon.stop(expect=None)


class Front(http.server.ThreadingHTTPServer):
    """Pebble's directory is at /dir, for us a directory is at BASE/directory: this stands before it and says
    so. Pebble builds its URLs from the Host it is asked under, so all of them lead here."""
    daemon_threads = True

    def __init__(self, pebble, certificate, key):
        super().__init__(('127.0.0.1', 0), Handler)
        self.pebble = pebble
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self.socket = context.wrap_socket(self.socket, server_side=True)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request, client_address):
        pass  # a client that left


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def forward(self):
        context = ssl.create_default_context(cafile=self.server.pebble.root_file)
        c = http.client.HTTPSConnection('localhost', self.server.pebble.port, context=context, timeout=30)
        body = self.rfile.read(int(self.headers.get('Content-Length', 0)))
        c.request(self.command, '/dir' if self.path == '/directory' else self.path, body or None, dict(self.headers))
        r = c.getresponse()
        data = r.read()
        self.send_response(r.status)
        for name, value in r.headers.items():
            if name not in ('Connection', 'Transfer-Encoding', 'Content-Length'):
                self.send_header(name, value)
        self.send_header('Content-Length', str(len(data)))
        self.end_headers()
        if self.command != 'HEAD':
            self.wfile.write(data)
        c.close()

    do_GET = do_HEAD = do_POST = forward

    def log_message(self, *_):
        pass
