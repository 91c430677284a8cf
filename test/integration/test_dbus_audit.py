# SPDX-License-Identifier: MIT
"""The journal says of every change of the CA and its inventory which user asked for it."""
import os
import pwd
import re

import pytest

from rig_bus import Rule
from rig_ca import Authority, write
from rig_device import Client, SoftAk, SoftEk
from rig_journal import UNDER_SYSTEMD, Journal
from rig_process import Daemon, eventually, free_port, port_open
from rig_programs import Server, cli, cli_json, program

USER = 'games'
RULE = f"""polkit.addRule(function(action, subject) {{
    if (action.id.indexOf("dev.attezt.server.") == 0 && subject.user == "{USER}") return polkit.Result.YES; }});"""


def event_ids():
    """{name: MESSAGE_ID} as the program has them."""
    with open(os.path.join(os.path.dirname(__file__), '../../src/server/events.h'), encoding='utf-8') as f:
        return {m[1]: m[2].replace(',', '') for m in re.finditer(r'EVENT_(\w+) SD_ID128_MAKE\((\S+)\)', f.read())}


class JournalledServer(Server):
    def start(self):
        self.daemon = Daemon(*UNDER_SYSTEMD, program('atteztd'), *self.options, user='atteztd', notify=True)
        self.daemon.wait_ready()
        port = int(self.listen.rpartition(':')[2])
        eventually(lambda: port_open(port), 'the front listens')
        self.url = f'http://127.0.0.1:{port}'


@pytest.fixture
def journal(bus):
    j = Journal()
    yield j
    j.close()


@pytest.fixture
def server(bus, journal, ek_roots):
    s = JournalledServer(ek_roots, tls=False, port=free_port())
    yield s
    s.stop()


def test_who_asked_for_it(bus, server, journal, scratch):
    ids, uid, told = event_ids(), str(pwd.getpwnam(USER).pw_uid), set()
    os.chmod(scratch, 0o777)
    passphrase = write(f'{scratch}/passphrase', b'correct horse battery staple\n', mode=0o644)
    sealed = ['--passphrase-file', passphrase]
    root = write(f'{scratch}/vendor.pem', Authority('Some Vendor').certificate)
    devices = write(f'{scratch}/devices.csv', f'hash,names\n{"ef" * 32},imported\n'.encode())
    client, ak = Client(server.url), SoftAk()

    def says(event, n, *verb):
        """The command makes one more such event, its n-th, which names its user."""
        def entries():
            return [e for e in journal.entries if e.get('MESSAGE_ID') == [ids[event]]]
        cli(*verb, user=USER)
        eventually(lambda: len(entries()) >= n, event)
        there = entries()
        assert len(there) == n and there[-1].get('ATTEZT_UID') == [uid], (event, there)
        told.add(event)

    def waits():
        ek = SoftEk()
        assert client.issue(ek, ak)[1]['error'] == 'waiting'
        return ek

    with Rule(bus, RULE):
        says('CA_CREATED', 1, 'ca', 'create')
        says('APPROVED', 1, 'ca', 'approve', waits().hash, '--name', 'one', '--pinned')
        says('REFUSED', 1, 'ca', 'deny', waits().hash)
        waits()
        says('PENDING_CLEARED', 1, 'ca', 'pending', '--clear', '--yes')
        known = SoftEk()
        says('ENROLLED', 1, 'ca', 'enroll', known.hash, 'two', '--pinned')
        assert client.issue(known, ak)[0] == 200
        says('CHANGED', 1, 'ca', 'set', 'one', '--note', 'mended')
        says('REPLACED', 1, 'ca', 'replace', 'one', 'cd' * 32)
        says('REVOKED', 1, 'ca', 'revoke', cli_json('ca', 'issued', 'two')[0]['serial'])
        says('REMOVED', 1, 'ca', 'remove', 'two')
        says('IMPORTED', 1, 'ca', 'import', devices)
        says('TRUST_CHANGED', 1, 'ca', 'trust', 'add', root, '--yes')
        says('CA_CHANGED', 1, 'ca', 'rotate')
        says('CA_CHANGED', 2, 'ca', 'export-root-key', f'{scratch}/root.key', *sealed)
        says('CA_CHANGED', 3, 'ca', 'remove-root-key', f'{scratch}/root.key', *sealed)
        says('BACKUP', 1, 'ca', 'backup', f'{scratch}/backup', *sealed)
        says('RESTORE_ASKED', 1, 'ca', 'restore', f'{scratch}/backup', '--force', *sealed)
    # What remains is nobody's wish.
    assert set(ids) - told == {'ISSUED', 'DENIED', 'NAME_ALLOWED', 'NAME_DENIED', 'WAITING', 'ATTESTED', 'SIGNED',
                               'CA_ENDING', 'CA_UNUSABLE', 'INVENTORY_LARGE', 'RESTORED'}
