# SPDX-License-Identifier: MIT
"""The CA's own life: its certificates, its keys at rest, another intermediate, backup and restore."""
import ctypes
import datetime
import grp
import os
import re
import shutil
import urllib.request

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from rig_ca import Authority, load_chain, write
from rig_device import Client, SoftAk, SoftEk, chain_of
from rig_process import RIG, Daemon, eventually, run
from rig_programs import Server, cli, cli_json, directory, program

PASSPHRASE = 'correct horse battery staple'


class Keyed(Server):
    """With a wrapping key, as systemd would hand it over."""
    def __init__(self, *args, wrapping_key=None, **kwargs):
        self.wrapping_key = wrapping_key
        super().__init__(*args, tls=False, **kwargs)

    def start(self):
        env = {}
        if self.wrapping_key is not None:
            d = directory(f'{RIG}/credentials-{Server.started}', 'atteztd', 0o700)
            shutil.chown(write(f'{d}/atteztd.wrapping-key', self.wrapping_key.encode(), mode=0o400), 'atteztd')
            env['CREDENTIALS_DIRECTORY'] = d
        self.daemon = Daemon(program('atteztd'), *self.options, user='atteztd', notify=True, env=env)
        self.daemon.wait_ready()
        self.find_url()

    def ca_file(self, name):
        with open(f'{self.state}/ca/{name}', 'rb') as f:
            return f.read()


@pytest.fixture
def new_server(bus, ek_roots):
    made = []

    def make(**kwargs):
        for other in made:
            other.stop()  # there is one on the bus
        made.append(Keyed(ek_roots, **kwargs))
        return made[-1]
    yield make
    for s in made:
        s.stop()


@pytest.fixture
def passphrase(scratch):
    return write(f'{scratch}/passphrase', f'{PASSPHRASE}\n'.encode(), mode=0o600)


class Attested:
    def __init__(self, server, *names):
        self.ek, self.ak = SoftEk(), SoftAk()
        server.enroll(self.ek.hash, *names, pinned=True)
        self.again(server)

    def again(self, server):
        status, answer = Client(server.url).issue(self.ek, self.ak)
        assert status == 200, answer
        self.chain = [x509.load_der_x509_certificate(c) for c in chain_of(answer)]
        return self.chain


def verify(server, chain, directory):
    write(f'{directory}/root', server.root_pem.encode())
    write(f'{directory}/intermediate', chain[1])
    write(f'{directory}/leaf', chain[0])
    with urllib.request.urlopen(f'{server.url}/crl.pem') as r:
        write(f'{directory}/crl', r.read())
    r = run('openssl', 'verify', '-crl_check', '-ignore_critical', '-CAfile', f'{directory}/root', '-untrusted',
            f'{directory}/intermediate', '-CRLfile', f'{directory}/crl', f'{directory}/leaf', check=False)
    return r.returncode == 0, r.stdout + r.stderr


# ---- Certificates

def test_U10_F18_serials_key_identifiers_path_lengths(new_server):
    serials, identifiers = set(), set()
    for _ in range(2):
        server = new_server()
        server.create_ca()
        root, = load_chain(server.ca_file('root.pem'))
        intermediate, = load_chain(server.ca_file('intermediate.pem'))
        serials |= {root.serial_number, intermediate.serial_number}
        for c, length in ((root, 1), (intermediate, 0)):
            assert c.serial_number.bit_length() > 64
            basic = c.extensions.get_extension_for_class(x509.BasicConstraints)
            assert basic.critical and basic.value.ca and basic.value.path_length == length
            usage = c.extensions.get_extension_for_class(x509.KeyUsage).value
            assert usage.key_cert_sign and usage.crl_sign and not usage.digital_signature
            identifiers.add(c.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest)
            authority = c.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
            assert authority == root.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    assert len(identifiers) == 4 and {len(i) for i in identifiers} == {20}
    assert len(serials) == 4 and not serials & {0, 1}


# ---- Keys at rest

def test_keys_are_encrypted_at_rest(new_server, scratch):
    server = new_server(wrapping_key='k' * 43 + '\n')
    server.create_ca()
    for name in ('root.key', 'intermediate.key'):
        assert b'BEGIN ENCRYPTED PRIVATE KEY' in server.ca_file(name), name
        assert oct(os.stat(f'{server.state}/ca/{name}').st_mode & 0o777) == '0o600'
    run('openssl', 'pkey', '-in', f'{server.state}/ca/root.key', '-passin', f'pass:{"k" * 43}', '-noout')
    device = Attested(server, 'one')
    server.restart()
    device.again(server)
    cli('ca', 'rotate')
    device.again(server)
    assert b'ENCRYPTED' in server.ca_file('intermediate.key')
    # What is no credential is no reason to go on with plain keys.
    server.stop()
    server.wrapping_key = 'short'
    with pytest.raises(AssertionError, match='too short'):
        server.start()
    server.daemon = None
    server.wrapping_key = 'k' * 43
    server.start()
    device.again(server)
    assert 'k' * 43 not in server.daemon.log


def test_an_upgrade_encrypts_plain_keys(new_server):
    server = new_server()
    server.create_ca()
    device = Attested(server, 'one')
    assert b'BEGIN PRIVATE KEY' in server.ca_file('intermediate.key')
    server.stop()
    server.wrapping_key = 'w' * 64
    server.start()
    assert b'BEGIN ENCRYPTED PRIVATE KEY' in server.ca_file('intermediate.key')
    device.again(server)


# ---- The root's key, and another intermediate

def test_F18_root_key_offline_and_rotate(new_server, passphrase, scratch):
    server = new_server()
    server.create_ca()
    device = Attested(server, 'one')
    first = device.chain
    file = f'{scratch}/root.key'
    r = cli('ca', 'export-root-key', file, '--passphrase-file', passphrase)
    assert 'remove-root-key' in r.stdout
    assert oct(os.stat(file).st_mode & 0o777) == '0o600'
    with open(file, 'rb') as f:
        key = serialization.load_pem_private_key(f.read(), PASSPHRASE.encode())
    root, = load_chain(server.root_pem)
    assert key.public_key().public_numbers() == root.public_key().public_numbers()
    assert cli('ca', 'export-root-key', file, '--passphrase-file', passphrase, check=False).returncode == 1
    # Only what proves that there is a copy removes it.
    wrong = write(f'{scratch}/wrong', b'another passphrase\n')
    other = write(f'{scratch}/other.key', server.ca_file('intermediate.key'))
    for f, p, words in ((file, wrong, 'another passphrase'), (other, passphrase, 'another key'),
                        (passphrase, passphrase, 'no key')):
        r = cli('ca', 'remove-root-key', f, '--passphrase-file', p, check=False)
        assert r.returncode == 1 and words in r.stderr, r.stderr
    assert os.path.exists(f'{server.state}/ca/root.key')
    cli('ca', 'remove-root-key', file, '--passphrase-file', passphrase)
    assert not os.path.exists(f'{server.state}/ca/root.key')
    server.restart()
    device.again(server)
    r = cli('ca', 'rotate', check=False)
    assert r.returncode == 4 and "not on this machine" in r.stderr
    r = cli('ca', 'rotate', '--root-key', other, '--passphrase-file', passphrase, check=False)
    assert r.returncode != 0 and 'not the key' in r.stderr
    cli('ca', 'rotate', '--root-key', file, '--passphrase-file', passphrase)
    assert not os.path.exists(f'{server.state}/ca/root.key')
    # What is served is new, what was signed stays good, and both can be revoked.
    second = device.again(server)
    assert second[1].serial_number != first[1].serial_number and second[1].subject != first[1].subject
    assert 'Intermediate CA 2' in second[1].subject.rfc4514_string()
    eventually(lambda: verify(server, first, scratch)[0], 'the first is good')
    eventually(lambda: verify(server, second, scratch)[0], 'the second is good')
    cli('ca', 'revoke', f'{first[0].serial_number:032x}')
    eventually(lambda: 'revoked' in verify(server, first, scratch)[1], 'the first is revoked')
    assert verify(server, second, scratch)[0]
    server.restart()
    device.again(server)
    assert 'revoked' in verify(server, first, scratch)[1]
    entries = cli_json('ca', 'log', 'list')
    assert [e['kind'] for e in entries].count('intermediate') == 2
    assert cli('ca', 'log', 'verify').returncode == 0


def test_a_rotation_that_was_cut_off(new_server):
    """Between its two renames the new pair counts; before them the old one."""
    server = new_server()
    server.create_ca()
    device = Attested(server, 'one')
    ca = f'{server.state}/ca'
    old = {n: server.ca_file(f'intermediate.{n}') for n in ('pem', 'key')}
    cli('ca', 'rotate')
    new = {n: server.ca_file(f'intermediate.{n}') for n in ('pem', 'key')}
    server.stop()
    write(f'{ca}/intermediate.pem', old['pem'])
    write(f'{ca}/next.pem', new['pem'])
    for n in ('intermediate.pem', 'next.pem'):
        shutil.chown(f'{ca}/{n}', 'atteztd', 'atteztd')
    server.start()
    assert server.ca_file('intermediate.pem') == new['pem'] and not os.path.exists(f'{ca}/next.pem')
    assert device.again(server)[1] == load_chain(new['pem'])[0]
    server.stop()
    for n in ('pem', 'key'):
        write(f'{ca}/intermediate.{n}', old[n])
        write(f'{ca}/next.{n}', new[n])
        for f in ('intermediate', 'next'):
            shutil.chown(f'{ca}/{f}.{n}', 'atteztd', 'atteztd')
    server.start()
    assert device.again(server)[1] == load_chain(old['pem'])[0]


def test_passphrases_come_from_files_and_descriptors_only(new_server, scratch):
    server = new_server()
    server.create_ca()
    short = write(f'{scratch}/short', b'short\n')
    r = cli('ca', 'export-root-key', f'{scratch}/k', '--passphrase-file', short, check=False)
    assert r.returncode == 1 and '8 characters' in r.stderr
    assert cli('ca', 'export-root-key', f'{scratch}/k', '--passphrase', 'x', check=False).returncode == 2
    r = cli('ca', 'export-root-key', f'{scratch}/k', check=False)
    assert r.returncode == 1 and '--passphrase-file' in r.stderr and not os.path.exists(f'{scratch}/k')
    r = cli('ca', 'export-root-key', f'{scratch}/k', '--passphrase-fd', '0', input=PASSPHRASE + '\n')
    assert os.path.exists(f'{scratch}/k')


# ---- Backup and restore

CLOSED = '/etc/attezt/atteztd.conf.d/60-closed.conf'


def settings():
    """Something in /etc/attezt to be found again."""
    os.makedirs('/etc/attezt/atteztd.conf.d', exist_ok=True)
    os.makedirs('/etc/attezt/ek-roots.d/vendor', exist_ok=True)
    write('/etc/attezt/atteztd.conf.d/50-test.conf', b'[Server]\nAKLifetime=2h\n')
    shutil.chown(write(CLOSED, b'[Server]\n', mode=0o640), group='atteztd')
    write('/etc/attezt/ek-roots.d/vendor/one.pem', b'a root\n')


def forget_settings():
    for path in ('/etc/attezt/atteztd.conf.d', '/etc/attezt/ek-roots.d'):
        shutil.rmtree(path, ignore_errors=True)


def test_backup_and_restore_on_another_machine(new_server, passphrase, scratch):
    settings()
    try:
        server = new_server(wrapping_key='a' * 64)
        server.create_ca()
        device = Attested(server, 'one')
        gone = Attested(server, 'gone')
        cli('ca', 'rotate')
        cli('ca', 'remove', 'gone')
        root = write(f'{scratch}/vendor.pem', Authority('Backed-up Vendor').certificate)
        cli('ca', 'trust', 'add', root, '--yes')
        kept = cli_json('ca', 'trust', 'list')
        file = f'{scratch}/backup'
        r = cli('ca', 'backup', file, '--passphrase-file', passphrase)
        assert 'attezt ca restore' in r.stdout and oct(os.stat(file).st_mode & 0o777) == '0o600'
        assert os.path.exists(f'{server.state}/public/last-backup')
        with open(file, 'rb') as f:
            data = f.read()
        for secret in (b'PRIVATE KEY', device.ek.hash.encode(), b'attezt backup', b'AKLifetime'):
            assert secret not in data
        # Opened without us.
        run('openssl', 'cms', '-decrypt', '-binary', '-inform', 'DER', '-in', file, '-pwri_password', PASSPHRASE, '-out',
            f'{scratch}/plain')
        with open(f'{scratch}/plain', 'rb') as f:
            assert f.read(16) == b'attezt backup 1\n'
        os.unlink(f'{scratch}/plain')
        assert cli('ca', 'backup', file, '--passphrase-file', passphrase, check=False).returncode == 1
        head = cli_json('ca', 'log', 'verify')['head']
        before = server.look_up('one')
        forget_settings()

        other = new_server(wrapping_key='b' * 64)
        wrong = write(f'{scratch}/wrong', b'another passphrase\n')
        r = cli('ca', 'restore', file, '--passphrase-file', wrong, check=False)
        assert r.returncode == 1 and 'another passphrase' in r.stderr
        for bend in (100, len(data) // 2, len(data) - 20):
            write(f'{scratch}/bent', data[:bend] + bytes([data[bend] ^ 1]) + data[bend + 1:])
            r = cli('ca', 'restore', f'{scratch}/bent', '--passphrase-file', passphrase, check=False)
            assert r.returncode == 1 and re.search('was changed|no backup', r.stderr), (bend, r.stderr)
        run('openssl', 'cms', '-decrypt', '-inform', 'DER', '-in', file, '-pwri_password', PASSPHRASE, '-out',
            f'{scratch}/plain')
        run('openssl', 'cms', '-encrypt', '-binary', '-aes256', '-in', f'{scratch}/plain', '-pwri_password', PASSPHRASE,
            '-outform', 'DER', '-out', f'{scratch}/malleable')
        r = cli('ca', 'restore', f'{scratch}/malleable', '--passphrase-file', passphrase, check=False)
        assert r.returncode == 1 and 'no backup' in r.stderr
        assert not os.path.exists('/etc/attezt/atteztd.conf.d/50-test.conf')
        cli('ca', 'restore', file, '--passphrase-file', passphrase)
        assert other.daemon.wait() == 0
        other.start()
        other.daemon.wait_line('are those of a backup')
        # The same CA, the same devices, the same record; clients notice nothing.
        other.root_pem = server.root_pem
        assert cli('ca', 'root').stdout == server.root_pem
        assert other.look_up('one') == before
        assert cli('ca', 'log', 'verify', '--head', head).returncode == 0
        chain = device.again(other)
        good, said = eventually(lambda: verify(other, chain, scratch), 'verified')
        assert good, said
        with urllib.request.urlopen(f'{other.url}/crl.pem') as r:
            assert gone.chain[0].serial_number in {e.serial_number for e in all_entries(r.read())}
        assert b'BEGIN ENCRYPTED PRIVATE KEY' in other.ca_file('intermediate.key')
        with open('/etc/attezt/atteztd.conf.d/50-test.conf') as f:
            assert 'AKLifetime=2h' in f.read()
        # Readable for whom it was: the others as they ever were.
        st = os.stat(CLOSED)
        assert (st.st_mode & 0o7777, st.st_uid, st.st_gid) == (0o640, 0, grp.getgrnam('atteztd').gr_gid)
        st = os.stat('/etc/attezt/atteztd.conf.d/50-test.conf')
        assert (st.st_mode & 0o7777, st.st_gid) == (0o644, 0)
        with open('/etc/attezt/ek-roots.d/vendor/one.pem') as f:
            assert f.read() == 'a root\n'
        assert cli_json('ca', 'trust', 'list') == kept
        # Not over what is there, unless told to; and what was there is kept.
        r = cli('ca', 'restore', file, '--passphrase-file', passphrase, check=False)
        assert r.returncode != 0 and '--force' in r.stderr
        other.enroll('ee' * 32, 'since')
        cli('ca', 'restore', file, '--passphrase-file', passphrase, '--force')
        assert other.daemon.wait() == 0
        other.start()
        assert cli('ca', 'lookup', 'since', check=False).returncode == 4
        assert os.path.exists(f'{other.state}/inventory.tdb.before-restore')
        assert os.path.exists(f'{other.state}/ca.before-restore/root.pem')
        assert PASSPHRASE not in server.daemon.log if server.daemon else True
        assert PASSPHRASE not in other.daemon.log
    finally:
        forget_settings()


def all_entries(pem):
    end = b'-----END X509 CRL-----\n'
    return [e for part in pem.split(end)[:-1] for e in x509.load_pem_x509_crl(part + end)]


def test_a_damaged_inventory_is_restored_as_doctor_says(new_server, passphrase, scratch):
    server = new_server()
    server.create_ca()
    device = Attested(server, 'one')
    file = f'{scratch}/backup'
    cli('ca', 'backup', file, '--passphrase-file', passphrase)
    server.stop()
    inventory = f'{server.state}/inventory.tdb'
    os.rename(inventory, f'{inventory}.damaged')
    server.start()
    assert cli_json('ca', 'list') == []
    cli('ca', 'restore', '--force', file, '--passphrase-file', passphrase)
    assert server.daemon.wait() == 0
    server.start()
    assert server.look_up('one')['ek-hash'] == device.ek.hash


def test_what_programs_are_told(new_server, passphrase, scratch):
    """--json of the verbs that write and read files."""
    server = new_server()
    fingerprint = server.create_ca()
    file, key, secret = f'{scratch}/backup', f'{scratch}/root.key', ('--passphrase-file', passphrase)

    def done(words, path):
        answer = cli_json('ca', *words, path, *secret)
        assert answer.pop('path') == path and answer.pop('bytes') == os.stat(path).st_size > 0
        return answer
    assert done(('backup',), file) == {'fingerprint': fingerprint}
    assert done(('export-root-key',), key) == {'fingerprint': fingerprint}
    assert done(('remove-root-key',), key) == {'fingerprint': fingerprint}
    assert not os.path.exists(f'{server.state}/ca/root.key')
    end = cli_json('ca', 'rotate', '--root-key', key, *secret)
    chain = Attested(server, 'one').chain
    assert end == {'not-after': int(chain[1].not_valid_after.replace(tzinfo=datetime.timezone.utc).timestamp())}
    assert done(('restore', '--force'), file) == {}
    assert server.daemon.wait() == 0


def make_unreadable(server):
    write(f'{server.state}/ca/intermediate.pem', b'nonsense\n')


@pytest.mark.parametrize('key, spoil, words', [
    (None, None, 'its keys are encrypted, and systemd gave no credential'),
    ('x' * 43, None, 'its keys are encrypted, and not with the credential'),
    ('k' * 43, make_unreadable, 'its files are damaged'),
], ids=['no credential', 'another credential', 'damaged'])
def test_a_ca_that_cannot_be_used_is_restored(new_server, passphrase, scratch, key, spoil, words):
    """The server runs for that alone: whoever has lost the credential has the backup."""
    server = new_server(wrapping_key='k' * 43)
    server.create_ca()
    device = Attested(server, 'one')
    file = f'{scratch}/backup'
    cli('ca', 'backup', file, '--passphrase-file', passphrase)
    server.stop()
    if spoil:
        spoil(server)
    server.wrapping_key = key
    server.start()
    server.daemon.wait_line(f'cannot be used: {words}')
    # Nobody is certified, no key given out or made anew, and each refusal says why.
    assert Client(server.url).attest(device.ek, device.ak)[0] == 503
    for verb in (('root',), ('rotate',), ('backup', f'{scratch}/b', '--passphrase-file', passphrase),
                 ('export-root-key', f'{scratch}/k', '--passphrase-file', passphrase)):
        r = cli('ca', *verb, check=False)
        assert r.returncode == 1 and words in r.stderr and 'WHEN THE CA CANNOT BE USED' in r.stderr, (verb, r.stderr)
    r = cli('ca', 'create', check=False)
    assert r.returncode == 1 and words in r.stderr and 'WHEN THE CA CANNOT BE USED' in r.stderr, r.stderr
    r = cli('ca', 'log', 'verify', '--json', check=False)
    assert r.returncode == 1 and 'were not compared with the record' in r.stderr and '"entries"' in r.stdout
    # What needs no key works: a removed device is out at once.
    assert server.look_up('one')['ek-hash'] == device.ek.hash
    r = cli('ca', 'restore', file, '--passphrase-file', passphrase, check=False)
    assert r.returncode == 1 and '--force' in r.stderr
    cli('ca', 'restore', '--force', file, '--passphrase-file', passphrase)
    assert server.daemon.wait() == 0
    server.start()
    device.again(server)
    assert (b'ENCRYPTED' in server.ca_file('intermediate.key')) == (key is not None)
    assert cli('ca', 'log', 'verify').returncode == 0
    assert os.path.exists(f'{server.state}/ca.before-restore/root.key')


def test_without_a_bus_a_ca_that_cannot_be_used_ends_the_server(new_server):
    """Nobody could restore it there; --check says the same."""
    server = new_server(wrapping_key='k' * 43)
    server.create_ca()
    server.stop()
    server.wrapping_key = 'x' * 43
    for option in ('--no-bus', '--check'):
        options = server.options
        server.options = [*options, option]
        with pytest.raises(AssertionError, match='not with the credential'):
            server.start()
        server.daemon, server.options = None, options


def noted(server):
    return os.path.exists(f'{server.state}/public/last-backup')


def test_a_backup_counts_when_it_is_on_disk(new_server, passphrase, scratch):
    """Handed out is not kept: the disk may be full, the command killed, the caller another program."""
    server = new_server()
    server.create_ca()
    run('busctl', '--system', 'call', 'dev.attezt.Server1', '/dev/attezt/Server1', 'dev.attezt.Server1', 'Backup',
        'a{sv}', '0')
    small = f'{scratch}/small'
    os.mkdir(small)
    run('mount', '-t', 'tmpfs', '-o', 'size=16k', 'tmpfs', small)
    try:
        r = cli('ca', 'backup', f'{small}/b', '--passphrase-file', passphrase, check=False)
        assert r.returncode == 1 and 'No space left' in r.stderr, r.stderr
        assert os.listdir(small) == []
    finally:
        run('umount', small)
    r = run('strace', '-qq', '-o', '/dev/null', '-e', 'trace=fsync', '-e', 'inject=fsync:signal=SIGKILL', program('attezt'),
            'ca', 'backup', f'{scratch}/killed', '--passphrase-file', passphrase, check=False)
    assert r.returncode != 0 and not os.path.exists(f'{scratch}/killed'), r
    server.daemon.wait_line('has not kept it')
    assert not noted(server)
    r = cli('ca', 'backup', f'{scratch}/kept', '--passphrase-file', passphrase)
    assert noted(server) and r.stderr == ''


def test_a_place_that_cannot_be_is_said_before_the_passphrase(new_server, scratch):
    """None is given here: whoever is asked for it first gets another message."""
    server = new_server()
    server.create_ca()
    there = write(f'{scratch}/there', b'')
    os.symlink('/nowhere', f'{scratch}/link')
    os.mkdir(f'{scratch}/ro')
    run('mount', '-t', 'tmpfs', '-o', 'ro', 'tmpfs', f'{scratch}/ro')
    for path, words in ((f'{scratch}/none/b', 'none: No such file or directory'), (there, 'is there already'),
                        (f'{scratch}/link', 'is there already'), (f'{there}/b', 'Not a directory'),
                        (f'{scratch}/ro/b', 'Read-only'), (scratch, 'is there already')):
        r = cli('ca', 'backup', path, check=False)
        assert r.returncode == 1 and words in r.stderr and 'passphrase' not in r.stderr, (path, r.stderr)
    run('umount', f'{scratch}/ro')
    assert not noted(server)


def seal(plain, sealed):
    """As attezt does: openssl(1) has no word for a key of AES-CBC around contents in AES-GCM."""
    c = ctypes.CDLL('libcrypto.so.3')
    for f in ('BIO_new_file', 'CMS_encrypt', 'CMS_add0_recipient_password', 'EVP_aes_256_gcm', 'EVP_aes_256_cbc',
              'CRYPTO_strdup'):
        getattr(c, f).restype = ctypes.c_void_p
    pointer, flags = ctypes.c_void_p, 0x80 | 0x1000 | 0x4000  # CMS_BINARY, CMS_STREAM, CMS_PARTIAL
    source, to = (pointer(c.BIO_new_file(path.encode(), mode)) for path, mode in ((plain, b'rb'), (sealed, b'wb')))
    cms = pointer(c.CMS_encrypt(None, source, pointer(c.EVP_aes_256_gcm()), flags))
    phrase = pointer(c.CRYPTO_strdup(PASSPHRASE.encode(), b'', 0))
    assert c.CMS_add0_recipient_password(cms, -1, 0, 0, phrase, ctypes.c_ssize_t(len(PASSPHRASE)),
                                         pointer(c.EVP_aes_256_cbc()))
    assert c.i2d_CMS_bio_stream(to, cms, source, flags) == 1
    for bio in (source, to):
        c.BIO_free_all(bio)


SECRET = '/etc/credstore/attezt-http.webhook-secret'


def test_what_no_backup_holds_is_named(new_server, passphrase, scratch):
    """When it is made, while it can still be copied; and where it is missing after a restore."""
    named = {k: f'{scratch}/{k}' for k in ('tls.pem', 'tls.key', 'client-roots', 'vendors')}
    for path in (*named.values(), SECRET):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        write(path, b'')
    os.makedirs('/etc/attezt', exist_ok=True)
    server = new_server()
    server.create_ca()
    write('/etc/attezt/atteztd.conf', f"""[HTTP]
TLSCertificate={scratch}/another
TLSCertificate={named["tls.pem"]}
TLSKey={named["tls.key"]}
WebhookClientRoots={named["client-roots"]}
EKRoots={named["vendors"]}
EKRoots=/etc/attezt/ek-roots.d
WebhookSecret={scratch}/never-was
""".encode())
    try:
        r = cli('ca', 'backup', f'{scratch}/b', '--passphrase-file', passphrase)
        said = r.stdout.split('to be kept as well:\n')[1].split()
        assert sorted(said) == sorted([*named.values(), SECRET])
        os.unlink('/etc/attezt/atteztd.conf')
        other = new_server()
        os.unlink(SECRET)
        os.unlink(named['tls.key'])
        r = cli('ca', 'restore', f'{scratch}/b', '--passphrase-file', passphrase)
        assert '\n    systemctl try-restart atteztd.service attezt-http.service\n' in r.stdout
        said = r.stdout.split('Missing here, ')[1].split('\n', 1)[1].split()
        assert sorted(said) == sorted([named['tls.key'], SECRET])
        other.daemon.wait()
        # One of before there was such a list: what its settings name.
        run('openssl', 'cms', '-decrypt', '-binary', '-inform', 'DER', '-in', f'{scratch}/b', '-pwri_password', PASSPHRASE,
            '-out', f'{scratch}/plain')
        with open(f'{scratch}/plain', 'rb') as f:
            data = f.read()
        write(f'{scratch}/plain', data[:data.index(b'\1\0\x0detc/elsewhere')] + b'\0')
        seal(f'{scratch}/plain', f'{scratch}/old')
        os.unlink('/etc/attezt/atteztd.conf')
        other = new_server()
        r = cli('ca', 'restore', '--force', f'{scratch}/old', '--passphrase-file', passphrase)
        assert r.stdout.split('Missing here, ')[1].split('\n', 1)[1].split() == [named['tls.key'], f'{scratch}/never-was']
        other.daemon.wait()
    finally:
        os.unlink('/etc/attezt/atteztd.conf')
        shutil.rmtree('/etc/credstore')


def test_who_may_back_up(new_server, passphrase, scratch):
    server = new_server()
    server.create_ca()
    for verb in (('backup', f'{scratch}/b'), ('export-root-key', f'{scratch}/b')):
        readable = write(f'{scratch}/p', f'{PASSPHRASE}\n'.encode())
        os.chmod(scratch, 0o777)
        r = cli('ca', *verb, '--passphrase-file', readable, user='nobody', check=False)
        assert r.returncode == 5, r.stderr
    assert cli('ca', 'rotate', user='nobody', check=False).returncode == 5


def test_backup_while_everything_goes_on(new_server, passphrase, scratch):
    server = new_server()
    server.create_ca()
    device = Attested(server, 'one')
    for n in range(3):
        device.again(server)
        cli('ca', 'backup', f'{scratch}/b{n}', '--passphrase-file', passphrase)
        server.enroll(f'{n:064x}', f'device-{n}')
    other = new_server()
    cli('ca', 'restore', f'{scratch}/b2', '--passphrase-file', passphrase)
    other.daemon.wait()
    other.start()
    assert {d['names'][0] for d in other.devices()} == {'one', 'device-0', 'device-1'}
    assert cli('ca', 'log', 'verify').returncode == 0
