# SPDX-License-Identifier: MIT
"""Where the front listens, and with what: sockets of systemd's, --listen, plain HTTP, TLS, a changed certificate."""
import os
import re
import shutil
import socket
import ssl
import time

import pytest

from rig_ca import Authority, write
from rig_device import Client, SoftAk, SoftEk
from rig_process import ACTIVATE, ENVIRONMENT, RIG, Daemon, eventually, run
from rig_programs import Server, directory, program


@pytest.fixture
def state():
    path = f'{RIG}/listen-state'
    shutil.rmtree(path, ignore_errors=True)
    return directory(path, 'atteztd')


def test_plain_http_on_loopback(bus, ek_roots, vendor, state):
    s = Server(ek_roots, tls=False, state=state)
    try:
        s.create_ca()
        ek, ak = SoftEk(authority=vendor), SoftAk()
        s.enroll(ek.hash, 'plain')
        assert s.url.startswith('http://127.0.0.1:')
        assert Client(s.url).issue(ek, ak)[0] == 200
    finally:
        s.stop()


def test_front_of_root_becomes_a_user_of_its_own(bus, ek_roots, state):
    s = Server(ek_roots, tls=False, state=state, start=False)
    # Whoever changes his user cannot be traced, so not by the leak sanitizer either.
    s.daemon = Daemon(program('atteztd'), *s.options, notify=True,
                      env={'ASAN_OPTIONS': ENVIRONMENT['ASAN_OPTIONS'] + ':detect_leaks=0'})
    try:
        s.daemon.wait_ready()
        s.find_url()
        children = run('ps', '-o', 'user:32=', '--ppid', str(s.daemon.process.pid)).stdout.split()
        assert children == ['attezt-http'], children
        s.create_ca()
        status, _, pem = Client(s.url).request('GET', '/root.pem')
        assert status == 200 and pem.startswith(b'-----BEGIN CERTIFICATE-----')
    finally:
        s.stop()


def test_plain_http_on_ipv6_loopback(bus, ek_roots, state):
    s = Server(ek_roots, tls=False, state=state, listen='[::1]:0', start=False)
    s.daemon = Daemon(program('atteztd'), *s.options, user='atteztd', notify=True)
    try:
        port = s.daemon.wait_line(r'Listening on http://\[::1\]:(\d+)')[1]
        with socket.create_connection(('::1', int(port))) as c:
            c.sendall(b'GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n')
            assert c.recv(100).startswith(b'HTTP/1.1 404')
    finally:
        s.stop()


def test_two_addresses(bus, ek_roots, state):
    s = Server(ek_roots, tls=False, state=state, options=['--listen', '[::1]:0'])
    try:
        s.daemon.wait_line(r'Listening on http://\[::1\]:')
        s.daemon.wait_line(r'Listening on http://127\.0\.0\.1:')
    finally:
        s.stop()


@pytest.mark.parametrize('address', ['0.0.0.0:0', '[::]:0', '127.0.0.1.nip.io:0'])
def test_F14_U8_plain_http_elsewhere_is_refused(bus, ek_roots, state, address):
    d = Daemon(program('atteztd'), '--state-dir', state, '--listen', address, '--no-bus', user='atteztd')
    assert d.wait() != 0
    assert re.search('plain|TLS|Cannot listen', d.log, re.IGNORECASE), d.log


@pytest.mark.parametrize('address', ['8080', 'nonsense', '127.0.0.1:99999'])
def test_no_address_is_wrong_usage(bus, ek_roots, state, address):
    d = Daemon(program('atteztd'), '--state-dir', state, '--listen', address, '--no-bus', user='atteztd')
    assert d.wait() == 2, d.log


def test_plain_http_elsewhere_by_setting(bus, ek_roots, state):
    s = Server(ek_roots, tls=False, state=state, listen='0.0.0.0:0', options=['--allow-plaintext'])
    s.stop()


def test_F14_U8_front_refuses_plain_http_elsewhere(state):
    d = Daemon(program('attezt-http'), '--listen', '0.0.0.0:0', '--backend', f'{state}/none', user='attezt-http')
    assert d.wait() != 0


@pytest.mark.parametrize('options', [
    ['--listen', 'nonsense'], ['--listen', '127.0.0.1:99999'], ['--nonsense'], ['argument'],
    ['--secret-lifetime', 'soon'], ['--tls-cert', '/nonexistent', '--tls-key', '/nonexistent', '--listen', '127.0.0.1:0'],
])
def test_wrong_options(state, options):
    d = Daemon(program('atteztd'), '--state-dir', state, '--no-bus', *options, user='atteztd')
    assert d.wait() != 0
    assert d.lines


def test_port_in_use(state):
    with socket.create_server(('127.0.0.1', 0)) as taken:
        d = Daemon(program('attezt-http'), '--listen', f'127.0.0.1:{taken.getsockname()[1]}', '--backend',
                   f'{state}/none', user='attezt-http')
        assert d.wait() != 0
        assert 'in use' in d.log


def test_help_and_version():
    for name in ('atteztd', 'attezt-http', 'attezt-agent', 'attezt-enroll', 'attezt'):
        assert '--help' in run(program(name), '--help', user='nobody').stdout
        assert re.fullmatch(r'\S+ \d+\.\d+.*\n', run(program(name), '--version', user='nobody').stdout)
        r = run(program(name), '--nonsense', user='nobody', check=False)
        assert r.returncode == 2 and len(r.stderr.splitlines()) == 1 and 'nonsense' in r.stderr, (name, r.stderr)


def activate(*command, listen, names, user):
    """systemd-socket-activate, which starts the command at the first connection."""
    argv = [*ACTIVATE, '--fdname=' + ':'.join(names)]
    for address in listen:
        argv.append(f'--listen={address}')
    d = Daemon(*argv, *command, user=user, name='activated')
    for _ in listen:
        d.wait_line('Listening on')
    return d


def test_front_takes_sockets_of_systemd(state, vendor):
    with socket.create_server(('127.0.0.1', 0)) as s:
        port = s.getsockname()[1]
    d = activate(program('attezt-http'), '--backend', f'{state}/none', '--ek-roots', vendor.roots,
                 listen=[f'127.0.0.1:{port}'], names=['http'], user='attezt-http')
    try:
        # The connection that starts it is served by it.
        assert Client(f'http://127.0.0.1:{port}').request('GET', '/nothing')[0] == 404
    finally:
        d.stop(expect=None)


def test_front_takes_plain_and_tls_sockets(state, vendor, scratch):
    authority = Authority('Listen Root')
    root = write(f'{scratch}/root.crt', authority.certificate)
    certificate, key = authority.server('localhost', directory=scratch)
    ports = []
    for _ in range(2):
        with socket.create_server(('127.0.0.1', 0)) as s:
            ports.append(s.getsockname()[1])
    d = activate(program('attezt-http'), '--backend', f'{state}/none', '--tls-cert', certificate, '--tls-key', key,
                 listen=[f'127.0.0.1:{p}' for p in ports], names=['http', 'https'], user='attezt-http')
    try:
        assert Client(f'http://127.0.0.1:{ports[0]}').request('GET', '/nothing')[0] == 404
        assert Client(f'https://localhost:{ports[1]}', root).request('GET', '/nothing')[0] == 404
    finally:
        d.stop(expect=None)


def served_serial(port, root):
    context = ssl.create_default_context(cafile=root)
    with socket.create_connection(('127.0.0.1', port)) as tcp, \
            context.wrap_socket(tcp, server_hostname='localhost') as s:
        return int(s.getpeercert()['serialNumber'], 16)


def test_changed_tls_certificate_is_served_without_restart(bus, ek_roots, state, scratch):
    authority = Authority('Live Root')
    root = write(f'{scratch}/root.crt', authority.certificate)
    one, key = authority.server('localhost')
    certificate_file, key_file = write(f'{scratch}/c.pem', one), write(f'{scratch}/k.pem', key)
    s = Server(ek_roots, tls=False, state=state, options=['--tls-cert', certificate_file, '--tls-key', key_file])
    try:
        assert s.url.startswith('https://')
        assert served_serial(s.port, root) == one.serial_number
        # A keep-alive connection from before lives on.
        old = Client(f'https://localhost:{s.port}', root)
        assert old.request('GET', '/nothing')[0] == 404
        two, key = authority.server('localhost')
        # Key and certificate cannot change in one moment; in between the old pair is served, not a mixture.
        write(key_file, key)
        assert served_serial(s.port, root) == one.serial_number
        write(certificate_file, two)
        eventually(lambda: served_serial(s.port, root) == two.serial_number, 'the new certificate is served',
                   timeout=20)
        assert old.request('GET', '/nothing')[0] == 404
        # Rubbish does not replace what works.
        write(certificate_file, b'rubbish')
        for _ in range(5):
            assert served_serial(s.port, root) == two.serial_number
        three, key = authority.server('localhost')
        write(key_file, key)
        write(certificate_file, three)
        eventually(lambda: served_serial(s.port, root) == three.serial_number, 'and goes on', timeout=20)
    finally:
        s.stop()


def test_ek_roots_are_read_again_on_sighup(bus, vendor, state, scratch):
    roots = directory(f'{scratch}/roots')
    s = Server([roots], state=state)
    try:
        s.create_ca()
        ek, ak = SoftEk(authority=vendor), SoftAk()
        s.enroll(ek.hash, 'later')
        client = Client(s.url, s.tls_root)
        assert client.issue(ek, ak)[0] == 403
        shutil.copy(f'{vendor.roots}/root.pem', roots)
        from rig_process import children
        front = next(pid for pid, comm in children(s.daemon.pid).items() if comm.startswith('attezt-http'))
        os.kill(front, 1)
        eventually(lambda: client.issue(ek, ak)[0] == 200, 'the new root counts', timeout=20)
    finally:
        s.stop()


def test_many_connections_at_once(bus, ek_roots, vendor, state):
    s = Server(ek_roots, tls=False, state=state)
    try:
        s.create_ca()
        clients = [socket.create_connection(('127.0.0.1', s.port)) for _ in range(200)]
        started = time.monotonic()
        assert Client(s.url).request('GET', '/root.pem')[0] == 200
        assert time.monotonic() - started < 5
        for c in clients:
            c.close()
    finally:
        s.stop()
