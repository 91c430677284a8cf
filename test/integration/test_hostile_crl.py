# SPDX-License-Identifier: MIT
"""A large revocation list that many ask for and do not read: it is in memory once."""
import os
import socket
import urllib.request

import pytest

from rig_ca import Authority, write
from rig_process import RIG, children, eventually
from rig_programs import Server, cli

SIZE = 8 << 20
CLIENTS = 24


@pytest.fixture
def server(bus, ek_roots):
    s = Server(ek_roots, tls=False)
    s.create_ca()
    eventually(lambda: os.path.exists(f'{s.state}/public/crl.pem'), 'its own list, which is made but once')
    yield s
    s.stop()


def memory(pid):
    with open(f'/proc/{pid}/status') as f:
        return next(int(line.split()[1]) for line in f if line.startswith('VmRSS:')) * 1024


def fetch(server):
    with urllib.request.urlopen(f'{server.url}/crl.pem') as r:
        return r.read()


def serve(server, text, name):
    """Another list; the front reads it when the trust store changes."""
    write(f'{server.state}/public/crl.pem', text)
    start = len(server.daemon.lines)
    cli('ca', 'trust', 'add', write(f'{RIG}/crl-{name}.pem', Authority(name).certificate), '--yes')
    server.daemon.wait_line('EK issuers loaded', start=start)
    assert fetch(server) == text


def test_list_is_in_memory_once(server):
    front = next(iter(children(server.daemon.pid)))
    text = (b'-' * 63 + b'\n') * (SIZE // 64)
    serve(server, text, 'First')
    before = memory(front)
    clients = []
    for n in range(CLIENTS):
        s = socket.create_connection(('127.0.0.1', server.port))
        if n > 0:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.sendall(b'GET /crl.pem HTTP/1.1\r\nHost: a\r\n\r\n')
        assert s.recv(15).startswith(b'HTTP/1.1 200')
        clients.append(s)
    assert memory(front) - before < 3 * SIZE, 'one copy for each of them'
    # The list changes while they have half of it: each goes on with what it began.
    other = (b'+' * 63 + b'\n') * (SIZE // 64)
    serve(server, other, 'Second')
    body = b''
    while len(body) < SIZE:
        more = clients[0].recv(1 << 20)
        assert more, 'it was cut short'
        body += more
    assert body.endswith(text[-4096:]) and b'+' not in body
    for s in clients:
        s.close()
    assert fetch(server) == other
