# SPDX-License-Identifier: MIT
"""The approval queue: a device that nobody has added proves its EK, waits, and is let in or kept out by a person who
compares six words."""
import ctypes
import hashlib
import os
import re
import subprocess
import time

import pytest

import rig_bus
from rig_bus import Monitor, Rule
from rig_ca import Authority
from rig_device import Client, SoftAk, SoftEk, activate, b64
from rig_process import ENVIRONMENT, eventually
from rig_programs import AGENT, SERVER, cli, cli_json, program

FAILED, USAGE, NOT_FOUND, DENIED, TEMPORARY = 1, 2, 4, 5, 75
LATER = 60  # seconds: a device asks again within 30 and a quarter, and then has to enrol


@pytest.fixture(autouse=True)
def nobody_waits(server):
    yield
    for d in pending():
        cli('ca', 'deny', d['ek-hash'])
    server.forget_all()


def pending():
    return cli_json('ca', 'pending')


def words_shown(text):
    m = re.search(r'its words are:\n +((?:[a-z]{4,7} ){5}[a-z]{4,7})\n', text)
    assert m, text
    return m[1]


def enrolled():
    return cli_json('status')['enrolled']


def asking(server):
    return Client(server.url, server.tls_root)


def test_proved_pending_compared_approved_enrolled(server, stepca, new_device):
    """The whole way, as README shows it: nothing is typed on the device but the first command."""
    device = new_device(server, stepca)
    r = device.enroll(stepca, server, '--name', 'framework', check=False)
    assert r.returncode == TEMPORARY and 'waits for approval' in r.stderr and 'error' not in r.stderr
    words = words_shown(r.stderr)
    command = re.search(r'attezt (ca approve .* --name framework)$', r.stderr, re.M)[1]
    assert 'Waits for approval: ' + words in cli('status').stdout and cli_json('status')['words'] == words

    there, = pending()
    assert there['words'] == words and there['ek-hash'] == device.tpm.ek_hash()
    assert there['ek-certificate'] == 'trusted' and not there['removed'] and 'swtpm' in there['model']
    text = cli('ca', 'pending').stdout
    assert words in text and 'from a trusted issuer' in text
    server.daemon.wait_line(f'attezt ca approve {words} --name NAME')

    cli(*command.split())
    assert pending() == [] and server.look_up('framework')['ek-hash'] == device.tpm.ek_hash()
    eventually(enrolled, 'the agent has asked again', LATER)
    assert cli_json('status')['name'] == 'framework' and 'words' not in cli_json('status')
    assert not os.path.exists(f'{device.renewal_dir}/waiting-job')


def test_wait(server, stepca, new_device):
    """--wait stays until it is answered. Approved without a name, the device has its hash."""
    device = new_device(server, stepca)
    p = subprocess.Popen([program('attezt'), 'enroll', '--acme', stepca.url(), '--attestation', server.url, '--wait'],
                         env=ENVIRONMENT, stderr=subprocess.PIPE, text=True)
    eventually(pending, 'it waits')
    assert p.poll() is None
    cli('ca', 'approve', device.tpm.ek_hash())
    _, text = p.communicate(timeout=LATER)
    assert p.returncode == 0 and 'enrolled' in text and words_shown(text)
    assert cli_json('status')['name'] == device.tpm.ek_hash()
    assert device.enroll(stepca, server, '--name', 'framework', check=False).returncode == FAILED
    cli('ca', 'set', device.tpm.ek_hash(), '--name', 'framework')
    device.enroll(stepca, server)
    assert cli_json('status')['name'] == 'framework'


def test_waits_over_a_restart(server, stepca, new_device):
    """Of the agent; of atteztd: test_reason_without_a_trusted_issuer."""
    device = new_device(server, stepca)
    assert device.enroll(stepca, server, '--name', 'framework', '--key', 'rsa-2048', check=False).returncode == TEMPORARY
    assert os.stat(f'{device.renewal_dir}/waiting-job').st_mode & 0o777 == 0o600
    device.stop()
    device.start()
    words = pending()[0]['words']
    cli('ca', 'approve', *words.upper().split(), '--name', 'framework')
    eventually(enrolled, 'the agent has asked again', LATER)
    assert 'RSA 2048' in cli('status').stdout  # the job was kept as it was typed


def test_denied_stays_denied(server, stepca, new_device):
    device = new_device(server, stepca)
    device.enroll(stepca, server, check=False)
    words = pending()[0]['words']
    assert 'was denied' in cli('ca', 'deny', words).stdout
    assert pending() == [] and '[denied]' in cli('ca', 'list').stdout
    # It is told so when it asks again, does not come up, and stops asking.
    r = device.enroll(stepca, server, check=False)
    assert r.returncode == FAILED and pending() == []
    assert not os.path.exists(f'{device.renewal_dir}/waiting-job')
    server.daemon.wait_line('the device was denied')
    assert cli('ca', 'approve', words, '--name', 'late', check=False).returncode == NOT_FOUND
    cli('ca', 'approve', device.tpm.ek_hash(), '--name', 'late')
    device.enroll(stepca, server)


def test_removed_comes_up_marked(server, stepca, new_device):
    """F5: what was removed gets nothing, whatever it holds; a person sees that it was there before."""
    device = new_device(server, stepca)
    server.enroll(device.tpm.ek_hash(), 'framework')
    device.enroll(stepca, server)
    server.remove('framework')
    r = cli('renew', check=False)
    assert r.returncode == TEMPORARY and 'waits for approval' in r.stderr
    there, = pending()
    assert there['removed'] and 'was removed' in cli('ca', 'pending').stdout
    cli('ca', 'approve', there['words'], '--name', 'framework')
    cli('renew')


def test_all_words_or_the_whole_hash(server, new_device):
    ek = SoftEk()
    status, answer = try_it(server, ek)
    assert status == 403 and answer['error'] == 'waiting'
    words = pending()[0]['words'].split()
    for part in (words[:5], words[:1], [ek.hash[:40]], words[:5] + ['nonsense'], words + ['acorn']):
        assert cli('ca', 'approve', *part, '--name', 'x', '--pinned', check=False).returncode == USAGE, part
    other = ['zebra' if words[0] != 'zebra' else 'apple', *words[1:]]
    r = cli('ca', 'approve', '-'.join(words[1:] + words[:1]), '--name', 'x', '--pinned', check=False)
    assert r.returncode == NOT_FOUND or words[1:] + words[:1] == words, r.stderr
    assert cli('ca', 'approve', *other, '--name', 'x', '--pinned', check=False).returncode in (NOT_FOUND, USAGE)
    assert len(pending()) == 1
    cli('ca', 'approve', '-'.join(words), '--name', 'x', '--pinned')


def try_it(server, ek, ak=None):
    client = asking(server)
    try:
        return client.issue(ek, ak or SoftAk())[:2]
    finally:
        client.close()


def test_reason_without_a_trusted_issuer(server):
    """One without EK certificate, or of an issuer that nobody trusts: the reason is there, and only --pinned lets it in."""
    none, untrusted = SoftEk(), SoftEk(authority=Authority('Some Vendor'))
    for ek in (none, untrusted):
        assert try_it(server, ek)[0] == 403
    server.restart()
    there = {d['ek-hash']: d for d in pending()}
    assert there[none.hash]['ek-certificate'] == 'none'
    assert there[untrusted.hash]['ek-certificate'] == 'untrusted' and 'Some Vendor' in there[untrusted.hash]['issuer']
    text = cli('ca', 'pending').stdout
    assert 'claims to be from' in text and 'Some Vendor' in text
    r = cli('ca', 'approve', untrusted.hash, '--name', 'one', check=False)
    assert r.returncode == USAGE and 'No trusted issuer' in r.stderr
    cli('ca', 'approve', untrusted.hash, '--name', 'one', '--pinned')
    assert try_it(server, untrusted)[0] == 200
    # The same when it was denied first.
    cli('ca', 'deny', none.hash)
    r = cli('ca', 'approve', none.hash, '--name', 'two', check=False)
    assert r.returncode == USAGE and 'No trusted issuer' in r.stderr and server.look_up(none.hash)['denied']
    cli('ca', 'approve', none.hash, '--name', 'two', '--pinned')
    assert try_it(server, none)[0] == 200


class TdbData(ctypes.Structure):
    _fields_ = [('data', ctypes.c_void_p), ('size', ctypes.c_size_t)]

    def __bytes__(self):
        return ctypes.string_at(self.data, self.size)


def tdb_bytes(data):
    return TdbData(ctypes.cast(ctypes.create_string_buffer(data, len(data)), ctypes.c_void_p), len(data))


def plant_twin(inventory):
    """Beside the first device that waits another one with the same words: their hashes differ in the last byte."""
    lib = ctypes.CDLL('libtdb.so.1')
    lib.tdb_open.restype, lib.tdb_fetch.restype = ctypes.c_void_p, TdbData
    lib.tdb_fetch.argtypes = [ctypes.c_void_p, TdbData]
    lib.tdb_store.argtypes = [ctypes.c_void_p, TdbData, TdbData, ctypes.c_int]
    lib.tdb_close.argtypes = [ctypes.c_void_p]
    incompatible_hash, no_mmap = 2048, 8
    tdb = lib.tdb_open(inventory.encode(), 0, no_mmap | incompatible_hash, os.O_RDWR, 0)
    record = bytearray(bytes(lib.tdb_fetch(tdb, tdb_bytes(b'w\0\0')))[:-8]) # without its checksum
    record[32] ^= 1
    key = b'w\0\1'
    checksum = bytes(b ^ 0xff for b in hashlib.sha256(key + record).digest()[:8])  # as that of a padded record
    assert lib.tdb_store(tdb, tdb_bytes(key), tdb_bytes(bytes(record) + checksum), 0) == 0
    lib.tdb_close(tdb)


def test_words_of_two_devices(server):
    """Nobody has made such keys; but then the message says what to do."""
    ek = SoftEk()
    try_it(server, ek)
    server.stop()
    plant_twin(f'{server.state}/inventory.tdb')
    server.start()
    (words, other), hashes = [d['words'] for d in pending()], {d['ek-hash'] for d in pending()}
    assert words == other and len(hashes) == 2 and ek.hash in hashes
    for verb in (['approve', words, '--name', 'which', '--pinned'], ['deny', words]):
        r = cli('ca', *verb, check=False)
        assert r.returncode == USAGE and 'have these words' in r.stderr and 'whole hash' in r.stderr, r.stderr
    assert len(pending()) == 2
    cli('ca', 'approve', ek.hash, '--name', 'which', '--pinned')
    cli('ca', 'deny', words)
    assert {d['ek-hash']: d['denied'] for d in server.devices()} == {h: h != ek.hash for h in hashes}


def test_only_a_proof_gets_that_far(server):
    """F1, F2: a stranger's EK certificate, or none, gets nobody into the queue; the TPM has to answer."""
    ek, ak = SoftEk(), SoftAk()
    client = asking(server)
    client.attest(ek, ak)
    assert client.secret(os.urandom(32))[0] == 403 and pending() == []
    assert client.secret(os.urandom(32))[1]['error'] == 'denied'
    client.close()


def test_retry_after(server):
    """An error like any other for those who do not know it, as step's client."""
    client, ek, ak = asking(server), SoftEk(), SoftAk()
    answer = client.attest(ek, ak)[1]
    status, headers, body = client.request('POST', '/secret', {'secret': b64(activate(ek, ak, answer))})
    client.close()
    assert status == 403 and set(body) == {'error', 'detail'} and body['error'] == 'waiting'
    assert headers['Retry-After'] == '30'


def test_helpdesk(bus, server):
    """The rule of the manual: approving, within bounds, and nothing else."""
    ek = SoftEk()
    try_it(server, ek)
    with open(os.path.join(os.path.dirname(__file__), '../../man/dev.attezt.Server1.5.in'), encoding='utf-8') as f:
        text = f.read()
    rule = re.search(r'50-attezt-helpdesk.rules\n(.*?)^\.Ed', text, re.M | re.S)[1]
    rule = rule.replace('!subject.isInGroup("helpdesk")', 'subject.user != "games"').replace(
        'action.lookup("pinned") == "false"', 'action.lookup("hash") == "' + ek.hash + '"')
    with Rule(bus, rule):
        assert cli_json('ca', 'pending', user='games')[0]['ek-hash'] == ek.hash
        words = pending()[0]['words']
        for wrong in (['ca', 'approve', words, '--name', 'server', '--pinned'], ['ca', 'deny', words], ['ca', 'list'],
                      ['ca', 'approve', words, '--name', 'laptop-1', '--name', 'server', '--pinned'],
                      ['ca', 'approve', words, '--name', 'laptop-1', '--ak-lifetime', '1y', '--pinned'],
                      ['ca', 'enroll', ek.hash, 'laptop-1']):
            assert cli(*wrong, user='games', check=False).returncode == DENIED, wrong
        cli('ca', 'approve', words, '--name', 'laptop-1', '--pinned', user='games')
        assert server.look_up('laptop-1')['ek-hash'] == ek.hash

        # What was removed or denied is not for it to let in.
        approve = ['ca', 'approve', ek.hash, '--name', 'laptop-1', '--pinned']
        server.remove('laptop-1')
        assert try_it(server, ek)[0] == 403 and pending()[0]['removed']
        assert cli(*approve, user='games', check=False).returncode == DENIED
        assert cli('ca', 'approve', words, '--name', 'laptop-1', '--pinned', user='games', check=False).returncode == DENIED
        cli('ca', 'deny', words)
        assert cli(*approve, user='games', check=False).returncode == DENIED
    with Rule(bus, rule.replace('lookup("removed") == "false"', 'lookup("removed") == "true"')):
        assert cli(*approve, user='games', check=False).returncode == DENIED
        server.remove(ek.hash)
        assert try_it(server, ek)[0] == 403
        assert cli(*approve, user='games', check=False).returncode == DENIED # it was denied, too
        cli(*approve)
        server.remove('laptop-1')
        assert try_it(server, ek)[0] == 403
        cli(*approve, user='games')


def test_signals_name_nobody(server):
    monitor = Monitor()
    ek = SoftEk()
    try_it(server, ek)
    cli('ca', 'deny', ek.hash)

    def signals():
        return [m for m in monitor.messages() if m.get('type') == 'signal' and m.get('member') == 'PendingChanged']
    eventually(lambda: len(signals()) == 2, 'two signals')
    assert all(m['payload']['data'] == [] for m in signals())
    monitor.stop()


def test_one_place_for_one_device(server):
    """However often it asks. That a full queue evicts nobody, the unit test inventory-waiting shows."""
    ek = SoftEk()
    for _ in range(5):
        assert try_it(server, ek)[0] == 403
    assert len(pending()) == 1


def test_agent_does_not_count_it_as_failure(server, stepca, new_device):
    device = new_device(server, stepca)
    device.enroll(stepca, server, check=False)
    first = pending()[0]
    status = cli_json('status')
    assert status['renewal-failures'] == 0 and status['last-outcome'] == 'waiting'
    assert status['next-renewal-reason'] == 'approval' and status['next-renewal'] - time.time() < 40
    device.idle()
    assert rig_bus.get_property(*AGENT, 'State') == 'unenrolled'
    assert first['ek-hash'] == status['ek-hash']
