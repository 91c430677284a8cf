# SPDX-License-Identifier: MIT
"""Certificates that ended long ago are dropped; the record of what was signed stays whole."""
import re
import time

import pytest

from rig_device import Client, SoftAk, SoftEk, chain_of
from rig_process import RIG, eventually
from rig_programs import Server, cli, cli_json
from test_cli_issued import TAMPER, on_list, serial_of
from rig_ca import write
from rig_process import run

from cryptography import x509


@pytest.fixture
def new_server(bus, ek_roots):
    servers = []

    def make(*settings):
        config = write(f'{RIG}/keep-{len(servers)}.conf', '\n'.join(['[Server]', *settings, '']).encode())
        s = Server(ek_roots, ['--config', config], tls=False)
        servers.append(s)
        s.create_ca()
        return s
    yield make
    for s in servers:
        s.stop()


def issue(server, ek, ak):
    status, answer = Client(server.url).issue(ek, ak)
    assert status == 200, answer
    return serial_of(x509.load_der_x509_certificate(chain_of(answer)[0]))


def listed():
    return [c['serial'] for c in cli_json('ca', 'issued')]


def head():
    return cli_json('ca', 'log', 'verify')['head']


def test_a_longer_time_than_before(new_server):
    """Nobody can tell it from somebody who took certificates away, and says that they were dropped."""
    server = new_server('KeepIssued=1s')
    ek, ak = SoftEk(), SoftAk()
    server.enroll(ek.hash, 'short', pinned=True, ak_lifetime=2)
    gone, last = issue(server, ek, ak), issue(server, ek, ak)
    eventually(lambda: listed() == [last], 'it is dropped', 20)
    assert cli_json('ca', 'log', 'verify')['good']
    write(server.options[server.options.index('--config') + 1], b'[Server]\nKeepIssued=30d\n')
    server.restart()
    r = cli('ca', 'log', 'verify', check=False)
    assert r.returncode == 1 and gone in r.stderr and 'if it was raised since' in r.stderr


def test_dropped_while_it_runs(new_server):
    server = new_server('KeepIssued=1s')
    short, long, ak = SoftEk(), SoftEk(), SoftAk()
    server.enroll(short.hash, 'short', pinned=True, ak_lifetime=2)
    server.enroll(long.hash, 'long', pinned=True)
    first = [issue(server, short, ak) for _ in range(3)]
    stays = issue(server, long, ak)
    cli('ca', 'revoke', stays)
    eventually(lambda: stays in on_list(server), 'it is on the list')
    before = head()
    eventually(lambda: listed() == [stays, first[2]], 'all but the last one of each device are gone', 20)
    # The record is as it was, and says what is gone and why; so does the list of revocations.
    r = cli('ca', 'log', 'verify', '--head', before)
    assert 'But for 2 that ended before' in r.stdout and 'KeepIssued=' in r.stdout
    answer = cli_json('ca', 'log', 'verify', '--head', before)
    assert answer['good'] and answer['dropped'] == 2 and 0 < answer['dropped-until'] <= time.time()
    entries = {e['serial']: e for e in cli_json('ca', 'log', 'list')}
    assert set(first) <= entries.keys() and all(0 < entries[s]['not-after'] < answer['dropped-until'] for s in first[:2])
    assert stays in on_list(server)
    counts = server.counts()
    assert counts['issued'] == 4 and counts['issued-held'] == 2
    server.daemon.wait_line('Dropped [12] AK certificates that ended')
    # A device that is removed keeps none; one that comes back begins anew.
    server.remove('short')
    eventually(lambda: listed() == [stays], 'the last one is gone with the device', 20)
    server.enroll(short.hash, 'short', pinned=True, ak_lifetime=3600)
    again = issue(server, short, ak)
    assert [c['serial'] for c in cli_json('ca', 'issued', 'short')] == [again]
    server.restart()
    assert sorted(listed()) == sorted([stays, again]) and cli('ca', 'log', 'verify').returncode == 0


def test_a_deleted_certificate_is_found(new_server):
    """One that had not ended long enough ago to be dropped; the same record, taken away by hand."""
    source, program = f'{RIG}/tamper-keep.c', f'{RIG}/tamper-keep'
    write(source, TAMPER.encode())
    run('cc', '-o', program, source, '-ltdb')
    server = new_server('KeepIssued=1s')
    ek, ak = SoftEk(), SoftAk()
    server.enroll(ek.hash, 'laptop', pinned=True, ak_lifetime=2)
    gone = [issue(server, ek, ak) for _ in range(2)]
    server.call('Change', 'sa{sv}', 'laptop', 1, 'ak-lifetime', 't', 3600)
    deleted = issue(server, ek, ak)
    eventually(lambda: listed() == [deleted], 'the others are dropped', 20)
    assert cli_json('ca', 'log', 'verify')['dropped'] == 2
    server.stop()
    run(program, f'{server.state}/inventory.tdb', '69' + deleted)
    server.start()
    r = cli('ca', 'log', 'verify', check=False)
    assert r.returncode == 1 and f'An entry of the record has no certificate: serial number {deleted}.' in r.stderr
    assert not set(gone) & set(re.findall('[0-9a-f]{32}', r.stderr))


def test_nothing_is_dropped(new_server):
    server = new_server('KeepIssued=infinity')
    ek, ak = SoftEk(), SoftAk()
    server.enroll(ek.hash, 'laptop', pinned=True, ak_lifetime=1)
    for _ in range(3):
        issue(server, ek, ak)
    time.sleep(2.5)
    server.restart()
    time.sleep(0.5)
    assert len(listed()) == 3
    answer = cli_json('ca', 'log', 'verify')
    assert (answer['dropped'], answer['dropped-until']) == (0, 0)


def test_killed_while_it_drops(new_server):
    """Whenever that happens: what is gone ended long ago, and the record verifies."""
    server = new_server('KeepIssued=2s')
    ek, ak = SoftEk(), SoftAk()
    server.enroll(ek.hash, 'laptop', pinned=True, ak_lifetime=1)
    for _ in range(100):
        issue(server, ek, ak)
    server.call('Change', 'sa{sv}', 'laptop', 1, 'ak-lifetime', 't', 3600)
    stays = issue(server, ek, ak)
    known = head()
    server.stop()
    time.sleep(3)
    for n in range(8):
        server.start()
        time.sleep(0.004 * n)
        server.daemon.kill()
    server.start()
    eventually(lambda: listed() == [stays], 'all are gone', 20)
    answer = cli_json('ca', 'log', 'verify', '--head', known)
    assert answer['good'] and answer['dropped'] == 100


def test_wrong_values(new_server):
    server = new_server('KeepIssued=0', 'KeepIssued=3651d', 'KeepIssued=forever', 'KeepIssued=3650d')
    for value in ('0', '3651d', 'forever'):
        server.daemon.wait_line(f'KeepIssued= cannot be "{value}": ignored')


def test_a_file_that_is_nearly_full(new_server):
    server = new_server('MaxBackupSize=4')
    assert 'The inventory\'s file has' not in server.daemon.log
    n = 0
    while server.counts()['bytes'] < 3 << 20:
        rows = '\n'.join(f'{i:064x},device-{i}' for i in range(n, n + 2000))
        path = write(f'{RIG}/many.csv', f'hash,names\n{rows}\n'.encode())
        cli('ca', 'import', path)
        n += 2000
    server.restart()
    server.daemon.wait_line('The inventory\'s file has [0-9]+ MiB of 4: beyond that there is no backup')
    assert server.counts()['bytes-max'] == 4 << 20
