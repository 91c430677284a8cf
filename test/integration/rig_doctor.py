# SPDX-License-Identifier: MIT
"""A CA host and a device on one machine, where installed ones have their settings, state and sockets: what
"attezt doctor" looks at."""
import contextlib
import http.server
import json
import os
import shutil
import ssl
import threading
import time

from rig_ca import write
from rig_pkcs11 import MODULES
from rig_process import Daemon, free_port
from rig_programs import Device, Server, cli, directory, program

SETTINGS = '/etc/attezt'
AGENT_STATE, SERVER_STATE = '/var/lib/attezt', '/var/lib/atteztd'
SOCKET = '/run/attezt/p11kit.socket'
MODULE = f'{MODULES}/attezt.module'


def forget():
    """A machine on which nothing was ever set up."""
    for path in (AGENT_STATE, SERVER_STATE, f'{SETTINGS}/ca.d'):
        shutil.rmtree(path, ignore_errors=True)
    for path in (f'{SETTINGS}/agent.conf', f'{SETTINGS}/atteztd.conf'):
        if os.path.exists(path):
            os.unlink(path)
    directory(f'{SETTINGS}/ca.d')


class ConfiguredServer(Server):
    """atteztd without an option: all that it knows is in its settings file."""
    def __init__(self, ek_roots):
        forget()
        super().__init__(start=False, state=directory(SERVER_STATE, 'atteztd'))
        self.home = os.path.dirname(self.tls_root)
        self.certificate, self.key = f'{self.home}/server.crt', f'{self.home}/server.key'
        self.port = free_port()
        self.ek_roots = list(ek_roots)
        self.configure()
        self.start()

    def configure(self, *more):
        lines = ['[HTTP]', f'Listen=127.0.0.1:{self.port}', f'TLSCertificate={self.certificate}', f'TLSKey={self.key}',
                 *(f'EKRoots={d}' for d in self.ek_roots), *more]
        write(f'{SETTINGS}/atteztd.conf', '\n'.join(lines).encode() + b'\n')

    def start(self):
        self.daemon = Daemon(program('atteztd'), user='atteztd', notify=True)
        self.daemon.wait_ready()
        self.find_url()


class ConfiguredDevice(Device):
    """attezt-agent likewise."""
    def __init__(self, tpm, roots):
        super().__init__(tpm, start=False)
        self.state, self.ca_dir, self.p11kit = directory(AGENT_STATE, 'attezt'), directory(f'{SETTINGS}/ca.d'), SOCKET
        directory('/run/attezt', 'attezt')
        for n, root in enumerate(roots):
            shutil.copy(root, f'{self.ca_dir}/{n}.pem')
        self.options = []

    def configure(self, *lines):
        write(f'{SETTINGS}/agent.conf', '\n'.join(['[Agent]', f'TCTI={self.tpm.tcti}', *lines]).encode() + b'\n')


def examine(*options, user=None, status=None):
    """{id: check}; status: how the program has to end."""
    r = cli('doctor', '--json', *options, user=user, check=False, timeout=240)
    checks = json.loads(r.stdout)
    wrong = any(c['status'] == 'failed' for c in checks)
    assert r.returncode == (1 if wrong else 0) and r.stderr == '', (r.returncode, r.stderr)
    assert status is None or r.returncode == status, complaints(checks)
    for c in checks:
        assert c['status'] in ('ok', 'warning', 'failed', 'skipped') and c['text'] and c['side'] in ('device', 'ca'), c
        assert c['status'] not in ('warning', 'failed') or c['command'], c
    return {c['id']: c for c in checks}


def complaints(checks):
    checks = checks.values() if isinstance(checks, dict) else checks
    return {c['id']: f'{c["text"]} -> {c.get("command")}' for c in checks if c['status'] in ('warning', 'failed')}


def read(path):
    with open(path, 'rb') as f:
        return f.read()


@contextlib.contextmanager
def moved(path):
    """What is there is away for a while; what has come in its place then goes."""
    os.rename(path, path + '.away')
    try:
        yield path
    finally:
        if os.path.lexists(path):
            shutil.rmtree(path) if os.path.isdir(path) and not os.path.islink(path) else os.unlink(path)
        os.rename(path + '.away', path)


@contextlib.contextmanager
def replaced(path, content):
    """Another content, with the owner and mode of before."""
    with open(path, 'rb') as f:
        before = f.read()
    st = os.stat(path)

    def put(data):
        write(path, data, mode=st.st_mode & 0o7777)
        os.chown(path, st.st_uid, st.st_gid)
    put(content)
    try:
        yield
    finally:
        put(before)


@contextlib.contextmanager
def mode(path, bits):
    before = os.stat(path).st_mode & 0o7777
    os.chmod(path, bits)
    try:
        yield
    finally:
        os.chmod(path, before)


class Liar(http.server.BaseHTTPRequestHandler):
    """A web server whose clock is a day ahead."""
    protocol_version = 'HTTP/1.1'

    def do_GET(self):
        self.send_response(200)
        self.send_header('Content-Length', '0')
        self.end_headers()

    def date_time_string(self, timestamp=None):
        return super().date_time_string(time.time() + 86400)

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def liar(server):
    """Its URL. It has the server's own certificate and key."""
    s = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Liar)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server.certificate, server.key)
    s.socket = context.wrap_socket(s.socket, server_side=True)
    threading.Thread(target=s.serve_forever, daemon=True).start()
    try:
        yield f'https://attest.test:{s.server_address[1]}'
    finally:
        s.shutdown()
        s.server_close()
