# SPDX-License-Identifier: MIT
"""What attezt-http reaches for while it serves: the system calls say that neither a key of the CA nor the inventory is
among it, and the kernel would refuse both."""
import base64
import hashlib
import hmac
import json
import os
import re
import shutil
import signal

import pytest

from rig_ca import Authority, write
from rig_device import Client, SoftAk, SoftEk, b64
from rig_process import ENVIRONMENT, RIG, Daemon, as_user, eventually, run
from rig_programs import SERVER, cli, directory, program
from rig_bus import call
from rig_unit import Unit, seqpacket

# With what strace prints of a call: its name, and all texts among its arguments.
LINE = re.compile(r'^\d+ +(\w+)\((.*)')
TEXT = re.compile(r'"((?:[^"\\]|\\.)*)"')
SECRET = base64.b64encode(bytes(range(32))).decode()
# The leak sanitizer is a tracer, too, and there can be one only.
NO_LEAKS = {'ASAN_OPTIONS': ENVIRONMENT['ASAN_OPTIONS'] + ':detect_leaks=0'}


def traced(log, *argv):
    """argv as user attezt-http under strace, which is its grandchild: each call with a path, and what is received."""
    return ['strace', '-D', '-f', '-s', '4096', '-e', 'trace=%file,recvmsg', '-o', log, *as_user('attezt-http', argv)]


def calls(log, name):
    """[(call, [path…], rest of the line)] from where the program of that name begins."""
    with open(log, encoding='utf-8', errors='backslashreplace') as f:
        lines = f.read().splitlines()
    start = next(n for n, line in enumerate(lines) if re.match(rf'\d+ +execve\("{re.escape(name)}"', line))
    return [(m[1], TEXT.findall(m[2]), m[2]) for m in map(LINE.match, lines[start:]) if m]


def reached(log, name, state):
    """Paths below the server's state that were named in any call, but for what is there for the fronts."""
    return {p for _, paths, _ in calls(log, name) for p in paths
            if os.path.normpath(p).startswith(state + '/') and not os.path.normpath(p).startswith(f'{state}/public')}


class Host:
    """A CA host as its units have it: two daemons, two users, one socket between them."""
    def __init__(self, bus, ek_roots):
        shutil.rmtree(f'{RIG}/reach', ignore_errors=True)
        self.home = directory(f'{RIG}/reach')
        self.state = directory(f'{self.home}/state', 'atteztd')
        self.log = f'{self.home}/front.strace'
        listener = seqpacket(f'{self.home}/front')
        shutil.chown(f'{self.home}/front', 'attezt-http')
        os.chmod(f'{self.home}/front', 0o600)
        self.server = Unit([listener], ['front'], [program('atteztd'), '--state-dir', self.state], user='atteztd')
        authority = Authority('Test TLS Root')
        self.tls_root = write(f'{self.home}/tls-root.crt', authority.certificate)
        certificate, key = authority.server('attest.test', directory=self.home)
        write(f'{self.home}/webhook', f'{SECRET}\n'.encode(), mode=0o644)
        self.front = Daemon(*traced(self.log, program('attezt-http'), '--listen', '127.0.0.1:0', '--backend',
                                    f'{self.home}/front', '--public-dir', f'{self.state}/public', '--tls-cert',
                                    certificate, '--tls-key', key, '--webhook-secret', f'{self.home}/webhook',
                                    '--verbose', *(o for d in ek_roots for o in ('--ek-roots', d))),
                            name='attezt-http', notify=True, env=NO_LEAKS)
        self.front.wait_ready()
        self.port = self.front.wait_line(r'Listening on https://\S+:(\d+)')[1]
        bus.wait_name(SERVER[0])
        call(*SERVER, 'CreateCA', 'sa{sv}', 'Test', 0)

    def client(self):
        return Client(f'https://attest.test:{self.port}', self.tls_root)

    def stop(self):
        if self.front.process.poll() is None:
            self.front.stop()
        self.server.stop()


@pytest.fixture
def host(bus, ek_roots):
    h = Host(bus, ek_roots)
    yield h
    h.stop()


def serve_all(host, vendor):
    """Each thing that the front has an answer for, and refusals."""
    client, ek, ak = host.client(), SoftEk(authority=vendor), SoftAk()
    call(*SERVER, 'Enroll', 'sasa{sv}', ek.hash, 1, 'framework', 0)
    status, answer = client.issue(ek, ak)
    assert status == 200, answer
    assert client.attest(ek, ak, ek=b64(SoftEk().spki))[0] == 403
    assert client.post('/attest', {})[0] == 400
    assert client.secret(bytes(32))[0] == 403
    stranger = SoftEk(authority=vendor)
    assert client.issue(stranger, ak)[0] == 403
    for path in ('/root.pem', '/crl.pem'):
        status, _, body = client.request('GET', path)
        assert status == 200 and b'-----BEGIN' in body, path
    body = json.dumps({'attestationData': {'permanentIdentifier': 'framework'}}).encode()
    signed = hmac.new(base64.b64decode(SECRET), body, hashlib.sha256).hexdigest()
    for signature, expected in ((signed, 200), ('0' * 64, 401)):
        status, _, answer = client.request('POST', '/webhook', body, {'X-Smallstep-Signature': signature})
        assert status == expected, (status, answer)
    for path in ('/../ca/root.key', '/public/../inventory.tdb', '/%2e%2e/ca/intermediate.key'):
        assert client.request('GET', path)[0] == 404


def test_front_opens_neither_key_nor_inventory(host, vendor):
    serve_all(host, vendor)
    # What is new is read anew: another intermediate, a revocation, a root, and all of it at once.
    cli('ca', 'rotate')
    cli('ca', 'revoke', 'framework')
    cli('ca', 'trust', 'add', write(f'{host.home}/vendor.pem', Authority('Another Vendor').certificate), '--yes')
    host.front.signal(signal.SIGHUP)
    serve_more = SoftEk(authority=vendor)
    call(*SERVER, 'Enroll', 'sasa{sv}', serve_more.hash, 1, 'later', 0)
    assert host.client().issue(serve_more, SoftAk())[0] == 200
    host.front.stop()
    found = calls(host.log, program('attezt-http'))
    opened = {p for name, paths, _ in found if name in ('open', 'openat') for p in paths}
    # strace has seen what it should see …
    for path in (f'{host.state}/public/root.pem', f'{host.home}/webhook', f'{host.home}/server.key'):
        assert path in opened, path
    assert any(name == 'recvmsg' for name, _, _ in found)
    # … and nothing else of the server's, nor was a descriptor handed over.
    assert reached(host.log, program('attezt-http'), host.state) == set()
    assert not [rest for name, _, rest in found if name == 'recvmsg' and 'SCM_RIGHTS' in rest]
    assert not [p for p in opened if re.search(r'root\.key|intermediate\.key|inventory|/proc/(?!self|\d+/task)\d', p)]
    # It started nobody who could.
    assert [name for name, _, _ in found].count('execve') == 1


def test_the_kernel_would_refuse_it(host):
    """EACCES for each file of the server's that is not public, for the processes of another user, and for strace's
    eyes: the trace of the test above would show it."""
    names = {'ca/root.key', 'ca/intermediate.key', 'inventory.tdb'}
    for name in names:
        assert os.path.exists(f'{host.state}/{name}'), name
        log = f'{host.home}/cat.strace'
        d = Daemon(*traced(log, '/bin/cat', f'{host.state}/{name}'), name='cat')
        assert d.wait() == 1 and 'Permission denied' in d.log
        eventually(lambda: 'exited with 1' in open(log).read(), 'strace has written it all')
        assert reached(log, '/bin/cat', host.state) == {f'{host.state}/{name}'}
        assert any(name in ('open', 'openat') and 'EACCES' in rest for name, _, rest in calls(log, '/bin/cat'))
    readable = run('find', host.state, '-type', 'f', '-readable', user='attezt-http', check=False).stdout.split()
    assert readable and all(p.startswith(f'{host.state}/public/') for p in readable), readable
    assert run('find', host.state, '-writable', user='attezt-http', check=False).stdout == ''
    server = host.server.daemon.pid
    for path in (f'/proc/{server}/mem', f'/proc/{server}/environ', f'/proc/{server}/fd/'):
        r = run('ls' if path.endswith('/') else 'cat', path, user='attezt-http', check=False)
        assert r.returncode != 0 and 'Permission denied' in r.stderr, (path, r.stderr)
