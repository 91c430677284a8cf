# SPDX-License-Identifier: MIT
"""What people are told in time: that the CA ends, and that there is no backup of it."""
import datetime
import os
import re
import shutil

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from rig_ca import load_chain, now, write
from rig_device import Client, SoftAk, SoftEk
from rig_doctor import SERVER_STATE
from rig_journal import UNDER_SYSTEMD, Journal
from rig_process import Daemon, eventually
from rig_programs import Server, cli, program

ENDING = '6bf1dd0de1f74f45a25e76f76a59b27b'  # units/attezt-server.catalog
REMINDER = 'There is no backup of this CA yet: attezt ca backup FILE.'


def ending_in(certificate, key, days):
    """The same certificate, but for its dates."""
    end = now() + datetime.timedelta(days=days, hours=1)
    b = (x509.CertificateBuilder().issuer_name(certificate.issuer).subject_name(certificate.subject)
         .public_key(certificate.public_key()).serial_number(certificate.serial_number)
         .not_valid_before(end - datetime.timedelta(days=3650)).not_valid_after(end))
    for e in certificate.extensions:
        b = b.add_extension(e.value, e.critical)
    return b.sign(key, hashes.SHA256())


@pytest.fixture
def server(bus, ek_roots):
    s = Server(ek_roots, tls=False)
    s.create_ca()
    yield s
    s.stop()


def age(server, root_days, intermediate_days):
    """Stops it; its CA then ends so many days from now."""
    server.stop()
    ca = f'{server.state}/ca'
    with open(f'{ca}/root.key', 'rb') as f:
        key = serialization.load_pem_private_key(f.read(), None)
    for name, days in (('root', root_days), ('intermediate', intermediate_days)):
        with open(f'{ca}/{name}.pem') as f:
            [certificate] = load_chain(f.read())
        shutil.chown(write(f'{ca}/{name}.pem', ending_in(certificate, key, days)), 'atteztd', 'atteztd')


def warnings(server):
    return re.findall(r"warning: The CA's (.*)", server.daemon.log)


@pytest.mark.parametrize('root,intermediate,expected', [
    (3650, 61, []),
    (3650, 59, ['intermediate certificate ends in 59 days: attezt ca rotate.']),
    (3650, 0, ['intermediate certificate ends in 0 days: attezt ca rotate.']),
    (3650, -5, ['intermediate certificate ended 4 days ago: attezt ca rotate.']),
    (30, 300, ['root certificate ends in 30 days: make another CA, and give its root to the ACME server.']),
    (30, -5, ['root certificate ends in 30 days: make another CA, and give its root to the ACME server.',
              'intermediate certificate ended 4 days ago: attezt ca rotate.']),
])
def test_ca_that_ends_soon(server, root, intermediate, expected):
    age(server, root, intermediate)
    server.start()
    assert warnings(server) == expected
    if root > 60:
        # What it says to do mends it, now and for the next start.
        cli('ca', 'rotate')
        ek = SoftEk()
        server.enroll(ek.hash, 'framework', pinned=True)
        assert Client(server.url).issue(ek, SoftAk())[0] == 200
        server.restart()
        assert warnings(server) == []


def test_ca_that_ends_soon_in_the_journal(server):
    """With the MESSAGE_ID of the catalog, and as a warning."""
    age(server, 3650, 7)
    journal = Journal()
    try:
        server.daemon = Daemon(*UNDER_SYSTEMD, program('atteztd'), *server.options, user='atteztd', notify=True)
        server.daemon.wait_ready()
        entry = journal.wait(lambda e: e.get('MESSAGE_ID') == [ENDING], 'the warning')
        assert entry['PRIORITY'] == ['4'] and entry['ATTEZT_REASON'] == ['intermediate certificate']
        assert entry['SYSLOG_IDENTIFIER'] == ['atteztd'] and 'attezt ca rotate' in entry['MESSAGE'][0]
        server.stop()
    finally:
        journal.close()


def test_the_first_reminder_comes_with_the_ca(bus):
    from rig_doctor import ConfiguredServer, forget
    server = ConfiguredServer([])
    try:
        r = cli('ca', 'create')
        assert REMINDER in r.stderr and os.path.exists(f'{SERVER_STATE}/public/root.pem')
    finally:
        server.stop()
        forget()


def test_reminder_until_there_is_a_backup(configured_server, scratch):
    note = f'{SERVER_STATE}/public/last-backup'
    os.unlink(note)
    hashes_of = [f'{n:064x}' for n in range(1, 4)]
    table = write(f'{scratch}/devices.csv', f'hash,names\n{hashes_of[2]},imported\n'.encode())
    root = write(f'{scratch}/vendor.pem', configured_server.authority.certificate)
    changes = [('ca', 'enroll', hashes_of[0], 'one'), ('ca', 'set', 'one', '--note', 'x'),
               ('ca', 'replace', 'one', hashes_of[1]), ('ca', 'import', table), ('ca', 'revoke', 'imported'),
               ('ca', 'remove', 'imported'), ('ca', 'trust', 'add', root, '--yes'), ('ca', 'rotate')]
    for words in changes:
        r = cli(*words)
        assert r.stderr.count(REMINDER) == 1 and REMINDER not in r.stdout, (words, r.stdout, r.stderr)
    # Not where nothing changed, nor in what programs read, nor after a failure.
    for words in (('ca', 'list'), ('ca', 'lookup', 'one'), ('ca', 'trust', 'list'), ('ca', 'issued'),
                  ('ca', 'enroll', '77' * 32, '--json')):
        assert REMINDER not in cli(*words).stderr, words
    assert REMINDER not in cli('ca', 'remove', 'nobody', check=False).stderr
    passphrase = write(f'{scratch}/passphrase', b'correct horse battery staple\n', mode=0o600)
    cli('ca', 'backup', f'{scratch}/backup', '--passphrase-file', passphrase)
    eventually(lambda: os.path.exists(note), 'the server has noted it')
    for words in (('ca', 'enroll', '88' * 32), ('ca', 'rotate'), ('ca', 'remove', '88' * 32)):
        assert REMINDER not in cli(*words).stderr, words
