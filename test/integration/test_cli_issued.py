# SPDX-License-Identifier: MIT
"""What was issued, what was revoked, and the record of what was signed."""
import datetime
import os
import re
import shutil
import subprocess
import urllib.request

import pytest
from cryptography import x509

from rig_ca import write
from rig_device import Client, SoftAk, SoftEk, chain_of
from rig_process import RIG, eventually, run
from rig_programs import Server, cli, cli_json


@pytest.fixture(scope='module')
def server(bus, ek_roots):
    s = Server(ek_roots, tls=False)
    s.create_ca()
    yield s
    s.stop()


@pytest.fixture(autouse=True)
def empty(server):
    yield
    server.forget_all()


class Attested:
    """A device in software, and its AK certificates."""
    def __init__(self, server, *names, **options):
        self.server, self.ek, self.ak = server, SoftEk(), SoftAk()
        self.hash = self.ek.hash
        server.enroll(self.hash, *names, pinned=True, **options)
        self.certificate = self.again()

    def again(self):
        status, answer = Client(self.server.url).issue(self.ek, self.ak)
        assert status == 200, answer
        self.chain = [x509.load_der_x509_certificate(c) for c in chain_of(answer)]
        return self.chain[0]

    def serial(self):
        return serial_of(self.certificate)


def serial_of(certificate):
    return f'{certificate.serial_number:032x}'


def ends_at(device):
    return device.certificate.not_valid_after.replace(tzinfo=datetime.timezone.utc).timestamp()


def crl(server):
    with urllib.request.urlopen(f'{server.url}/crl.pem') as r:
        assert r.headers['Content-Type'] == 'application/x-pem-file'
        return x509.load_pem_x509_crl(r.read())


def on_list(server):
    return {f'{r.serial_number:032x}': r for r in crl(server)}


def verify(server, certificate, intermediate, directory):
    """openssl's word, with the list as it is served."""
    files = {n: f'{directory}/{n}.pem' for n in ('leaf', 'intermediate', 'root', 'crl')}
    write(files['leaf'], certificate)
    write(files['intermediate'], intermediate)
    write(files['root'], server.root_pem.encode())
    with urllib.request.urlopen(f'{server.url}/crl.pem') as r:
        write(files['crl'], r.read())
    r = run('openssl', 'verify', '-crl_check', '-ignore_critical', '-CAfile', files['root'], '-untrusted',
            files['intermediate'], '-CRLfile', files['crl'], files['leaf'], check=False)
    return r.returncode == 0, r.stdout + r.stderr


# ---- issued

def test_issued(server):
    one, two = Attested(server, 'one'), Attested(server, 'two')
    two.again()
    rows = cli_json('ca', 'issued')
    assert [r['ek-hash'] for r in rows[:3]] == [two.hash, two.hash, one.hash]
    assert rows[2]['serial'] == one.serial() and rows[2]['revoked'] == 0 and rows[2]['reason'] == ''
    assert rows[2]['not-after'] == one.certificate.not_valid_after.replace(tzinfo=__import__('datetime').timezone.utc).timestamp()
    assert [r['serial'] for r in cli_json('ca', 'issued', 'ONE')] == [one.serial()]
    assert len(cli_json('ca', 'issued', two.hash)) == 2
    table = cli('ca', 'issued', 'one').stdout.splitlines()
    assert len(table) == 2 and one.serial() in table[1] and table[1].endswith('valid')
    assert cli('ca', 'issued', 'nobody', check=False).returncode == 4


def test_issued_in_pages(server):
    device = Attested(server, 'many')
    for _ in range(5):
        device.again()
    found, cursor = [], ''
    while True:
        page, cursor = server.call('ListIssued', 'ssua{sv}', 'many', cursor, 2, 0)
        assert len(page) <= 2
        found += [p['serial'] for p in page]
        if not cursor:
            break
    assert len(found) == len(set(found)) == 6 and found[-1] == device.serial()


# ---- revoke, crl.pem

def test_F5_revoke_a_certificate(server, scratch):
    device = Attested(server, 'laptop')
    good, said = verify(server, device.certificate, device.chain[1], scratch)
    assert good, said
    before = crl(server)
    end = cli_json('ca', 'revoke', device.serial(), '--reason', 'key-compromise')
    assert end['revoked'] == 1 and end['ak-until'] > 0 and 'ek-hash' not in end
    entry = eventually(lambda: on_list(server).get(device.serial()), 'it is on the list')
    reason = entry.extensions.get_extension_for_class(x509.CRLReason).value
    assert reason.reason == x509.ReasonFlags.key_compromise
    good, said = verify(server, device.certificate, device.chain[1], scratch)
    assert not good and 'revoked' in said
    after = crl(server)
    number = lambda c: c.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
    assert number(after) > number(before)
    assert after.next_update > after.last_update
    text = run('openssl', 'crl', '-in', f'{scratch}/crl.pem', '-noout', '-text', '-CAfile', f'{scratch}/intermediate.pem')
    assert 'Key Compromise' in text.stdout and 'verify OK' in text.stderr
    # Again is no error, and the device gets another.
    assert cli_json('ca', 'revoke', device.serial())['revoked'] == 0
    device.certificate = device.again()
    assert cli_json('ca', 'issued', 'laptop')[1]['reason'] == 'key-compromise'
    assert cli('ca', 'revoke', '00' * 16, check=False).returncode == 4
    assert cli('ca', 'revoke', 'laptop', '--reason', 'boredom', check=False).returncode == 2


def test_U9_revoke_a_device(server, scratch):
    """All that it has, and nothing new."""
    device = Attested(server, 'lost')
    device.again()
    r = cli('ca', 'revoke', 'lost', '--reason', 'privilege-withdrawn')
    assert '2 AK certificates were revoked' in r.stdout and 'Disabled: yes' in r.stdout
    eventually(lambda: {r['serial'] for r in cli_json('ca', 'issued', 'lost')} <= set(on_list(server)), 'both listed')
    assert Client(server.url).issue(device.ek, device.ak)[0] == 403
    assert server.look_up('lost')['disabled'] is True


def test_removal_revokes_and_says_until_when(server):
    device = Attested(server, 'gone', ak_lifetime=3600)
    ends = ends_at(device)
    r = cli_json('ca', 'remove', 'gone')
    assert r['revoked'] == 1 and r['ak-until'] == ends and r['held-until'] == ends + 86400
    eventually(lambda: device.serial() in on_list(server), 'it is on the list')
    rows = cli_json('ca', 'issued', device.hash)
    assert rows[0]['revoked'] > 0 and rows[0]['reason'] == 'cessation-of-operation'
    server.enroll('ab' * 32, 'never-seen')
    text = cli('ca', 'remove', 'never-seen').stdout
    assert 'Nothing that it holds is valid any more' in text


def test_a_change_says_until_when(server):
    """It revokes nothing; who adds something is not told."""
    device = Attested(server, 'moved', ak_lifetime=3600)
    held = {'ak-until': ends_at(device), 'held-until': ends_at(device) + 86400}
    for change in (['--disabled'], ['--name', 'other'], ['--remove-name', 'other'], ['--no-name'], ['--enabled', '--note', 'x']):
        r = cli_json('ca', 'set', device.hash, *change)
        assert r | held == r and 'revoked' not in r
    text = cli('ca', 'set', device.hash, '--disabled').stdout
    assert f'attezt ca revoke {device.hash}' in text and 'does not ask the webhook' in text
    assert 'ACME' not in cli('ca', 'set', device.hash, '--enabled', '--add-name', 'more').stdout
    assert device.serial() not in on_list(server)
    assert cli_json('ca', 'issued', device.hash)[0]['revoked'] == 0


def test_a_new_board_and_what_the_old_one_holds(server):
    device = Attested(server, 'repaired', ak_lifetime=3600)
    text = cli('ca', 'replace', 'repaired', 'cd' * 32).stdout
    assert f'Of the old one, {device.hash}:' in text and f'attezt ca revoke {device.hash}' in text
    assert 'the webhook knows names only' in text and 'disable the new entry' in text
    r = cli_json('ca', 'replace', 'repaired', 'ce' * 32)
    assert r['replaced'] == 'cd' * 32 and r['held-until'] == 0
    assert cli_json('ca', 'revoke', device.hash)['revoked'] == 1


def test_the_list_survives_a_restart_and_is_made_anew(server, scratch):
    device = Attested(server, 'kept')
    cli('ca', 'revoke', device.serial())
    eventually(lambda: device.serial() in on_list(server), 'it is on the list')
    path = f'{server.state}/public/crl.pem'
    with open(path, 'rb') as f:
        before = f.read()
    server.restart()
    with open(path, 'rb') as f:
        assert f.read() == before
    os.unlink(path)
    server.restart()
    eventually(lambda: os.path.exists(path), 'it is back')
    with open(path, 'rb') as f:
        assert f.read() == before
    # A short life: made anew at half of it.
    write(f'{scratch}/atteztd.conf', b'[Server]\nCRLLifetime=4\n')
    server.stop()
    server.options += ['--config', f'{scratch}/atteztd.conf']
    server.start()
    number = lambda: crl(server).extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
    first = number()
    cli('ca', 'revoke', 'kept')
    server.enroll('cd' * 32, 'other')
    eventually(lambda: number() >= first + 2, 'two more lists')
    del server.options[-2:]
    server.restart()
    assert device.serial() in on_list(server)


def test_who_may_revoke(server):
    device = Attested(server, 'mine')
    r = cli('ca', 'revoke', 'mine', user='nobody', check=False)
    assert r.returncode == 5, r.stderr
    assert cli('ca', 'issued', user='nobody', check=False).returncode == 5
    assert cli('ca', 'log', 'list', user='nobody', check=False).returncode == 5
    assert device.serial() not in on_list(server)


# ---- The record of what was signed

def test_log_verify(server):
    device = Attested(server, 'logged')
    r = cli('ca', 'log', 'verify')
    assert 'The record is whole' in r.stdout
    entries = cli_json('ca', 'log', 'list')
    assert [e['number'] for e in entries] == list(range(1, len(entries) + 1))
    kinds = {e['kind'] for e in entries}
    assert kinds == {'root', 'intermediate', 'crl', 'ak-certificate'}
    mine = [e for e in entries if e['serial'] == device.serial()]
    assert len(mine) == 1 and mine[0]['ek-hash'] == device.hash
    # The journal's head.
    m = server.daemon.wait_line(f'AK certificate {device.serial()} for logged; record ([0-9]+:[0-9a-f]{{64}})')
    assert cli('ca', 'log', 'verify', '--head', m[1]).returncode == 0
    count, head = m[1].split(':')
    wrong = f'{count}:{head[:-1]}{"0" if head[-1] != "0" else "1"}'
    r = cli('ca', 'log', 'verify', '--head', wrong, check=False)
    assert r.returncode == 1 and 'rewritten' in r.stderr
    r = cli('ca', 'log', 'verify', '--head', f'{int(count) + 1000}:{head}', check=False)
    assert r.returncode == 1 and 'shortened' in r.stderr
    assert cli('ca', 'log', 'verify', '--head', 'x', check=False).returncode == 2
    answer = cli_json('ca', 'log', 'verify')
    assert answer['good'] is True and answer['entries'] == len(cli_json('ca', 'log', 'list'))


TAMPER = r'''
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tdb.h>

/* tamper FILE DELETE-KEY-HEX: takes one record away; tamper FILE: lists keys. */
static int show(struct tdb_context *t, TDB_DATA k, TDB_DATA v, void *u) {
        for (size_t i = 0; i < k.dsize; i++) printf("%02x", k.dptr[i]);
        puts("");
        return 0;
}

int main(int argc, char **argv) {
        struct tdb_context *t = tdb_open(argv[1], 0, TDB_NOMMAP | TDB_INCOMPATIBLE_HASH, O_RDWR, 0);
        unsigned char key[128];
        if (!t) return 2;
        if (argc == 2) return tdb_traverse_read(t, show, NULL) < 0;
        size_t n = strlen(argv[2]) / 2;
        for (size_t i = 0; i < n; i++) sscanf(argv[2] + 2 * i, "%2hhx", key + i);
        int r = tdb_delete(t, (TDB_DATA) { key, n });
        tdb_close(t);
        return r != 0;
}
'''


@pytest.fixture(scope='module')
def tamper():
    """tamper(server, key): takes a record out of the file of a server that is stopped."""
    source, program = f'{RIG}/tamper.c', f'{RIG}/tamper'
    write(source, TAMPER.encode())
    run('cc', '-o', program, source, '-ltdb')

    def delete(server, key):
        server.stop()
        shutil.copy(f'{server.state}/inventory.tdb', f'{RIG}/inventory.before')
        run(program, f'{server.state}/inventory.tdb', key)
        server.start()
    return delete


def restore(server):
    server.stop()
    shutil.copy(f'{RIG}/inventory.before', f'{server.state}/inventory.tdb')
    server.start()


def test_log_finds_what_was_taken_away(server, tamper):
    device = Attested(server, 'victim')
    entry = [e for e in cli_json('ca', 'log', 'list') if e['serial'] == device.serial()][0]
    last = cli_json('ca', 'log', 'list')[-1]['number']
    for key, words in (
            (f'69{device.serial()}', f'An entry of the record has no certificate: .* {device.serial()}'),
            (f'7a6c{entry["number"]:016x}', f'ends with entry {entry["number"] - 1}, but should with {last}'),
            (f'7a6c{last:016x}', f'ends with entry {last - 1}, but should with {last}')):
        tamper(server, key)
        r = cli('ca', 'log', 'verify', check=False)
        assert r.returncode != 0 and re.search(words, r.stderr), (key, r.stderr)
        restore(server)
    assert cli('ca', 'log', 'verify').returncode == 0
    # An older copy of the whole file is whole in itself: only the head tells.
    head = cli_json('ca', 'log', 'verify')['head']
    server.stop()
    shutil.copy(f'{server.state}/inventory.tdb', f'{RIG}/inventory.before')
    server.start()
    device.again()
    newer = server.daemon.wait_line(r'for victim; record (\S+)\.$')[1]
    restore(server)
    assert cli('ca', 'log', 'verify').returncode == 0
    assert cli('ca', 'log', 'verify', '--head', head).returncode == 0
    r = cli('ca', 'log', 'verify', '--head', newer, check=False)
    assert r.returncode == 1 and 'shortened' in r.stderr


def test_U6_F6_no_secret_and_no_body_in_the_log(server):
    """The whole log of this file's server, after all of its journeys."""
    import base64
    from rig_device import activate, attest_request
    device = SoftEk()
    server.enroll(device.hash, 'quiet', pinned=True)
    ak = SoftAk()
    client = Client(server.url)
    status, answer = client.attest(device, ak)
    assert status == 200
    secret = activate(device, ak, answer)
    assert client.secret(secret)[0] == 200
    client.post('/secret', {'secret': 'AAAA'})
    log = server.daemon.log
    for s in (secret.hex(), base64.b64encode(secret).decode(), answer['credential'], answer['secret'],
              'createData', 'ekCerts', '"params"', 'PRIVATE KEY'):
        assert s not in log, s
