# SPDX-License-Identifier: MIT
"""What test_kill_campaign looks at after a restart, and in a backup."""
import collections
import os
import urllib.request

from cryptography import x509

from rig_process import eventually
from rig_programs import Server, cli, cli_json


def there():
    """hash: (name, note, disabled)."""
    return {d['ek-hash']: (d['names'][0] if d['names'] else '', d['note'], d['disabled'])
            for d in cli_json('ca', 'list')}


def kept_roots():
    return {c['fingerprint'] for c in cli_json('ca', 'trust', 'list') if 'added' in c}


def issued():
    return {c['serial']: c for c in cli_json('ca', 'issued')}


def on_list(server):
    with urllib.request.urlopen(f'{server.url}/crl.pem') as r:
        return {f'{e.serial_number:032x}' for e in x509.load_pem_x509_crl(r.read())}


def part_of_import(hashes, devices):
    """None: neither whole nor not at all."""
    n = len(devices.keys() & set(hashes))
    return n > 0 if n in (0, len(hashes)) else None


def check(server, known):
    """Nothing is under way."""
    devices = there()
    for ek_hash, fact in known.devices.items():
        fact.see(devices.get(ek_hash))
    for number, fact in known.imports.items():
        fact.see(part_of_import(known.imported[number], devices))
    ours = set(known.devices) | {h for hashes in known.imported.values() for h in hashes}
    assert devices.keys() <= ours, 'a device that nobody has added'
    roots = kept_roots()
    for fingerprint, fact in known.trust.items():
        fact.see(fingerprint in roots)
    check_certificates(known)
    waiting = {d['ek-hash'] for d in cli_json('ca', 'pending')}
    assert known.waiting.keys() <= waiting, 'a device that was told to wait'
    if known.revoked:
        eventually(lambda: known.revoked <= on_list(server), 'the list has all that was revoked')
    counts = server.counts()
    assert counts['devices'] == len(devices)
    cli('ca', 'log', 'verify')


def check_certificates(known):
    certificates = issued()
    for serial, ek_hash in known.certificates.items():
        assert certificates[serial]['ek-hash'] == ek_hash
    for serial in known.revoked:
        assert certificates[serial]['revoked'] > 0
    # More may be recorded than was acknowledged: the answer may have been lost.
    for ek_hash, n in collections.Counter(c['ek-hash'] for c in certificates.values()).items():
        assert n <= known.uncertain[ek_hash]


# ---- Backups

def check_backups(server, known, ek_roots, folder, rng, n):
    """The first, the last, and some between restore on another machine. A file with the name of a backup is one,
    whether its command lived or not."""
    acknowledged = {path: (before, after) for path, before, after in known.backups}
    orphans = [f'{folder}/{f}' for f in sorted(os.listdir(folder))
               if f.startswith('backup-') and '.' not in f and f'{folder}/{f}' not in acknowledged]
    paths = list(acknowledged)
    chosen = [paths[0], paths[-1], *rng.sample(paths[1:-1], min(n - 2, len(paths) - 2))] + orphans[:1]
    server.stop()
    for path in chosen:
        other = Server(ek_roots, tls=False)
        try:
            cli('ca', 'restore', path, '--passphrase-file', f'{folder}/passphrase', '--force')
            assert other.daemon.wait() == 0
            other.start()
            check_restored(other, known, *acknowledged.get(path, (None, None)))
        finally:
            other.stop()
    return len(chosen)


def check_restored(other, known, before, after):
    cli('ca', 'log', 'verify')
    devices = there()
    for hashes in known.imported.values():
        assert part_of_import(hashes, devices) is not None
    if before is None:
        return
    # Notes and hashes never come twice: what was so when it began and when it ended was so all the time.
    looks = devices.get, lambda n: part_of_import(known.imported[n], devices), kept_roots().__contains__
    for wanted, later, look in zip(before, after, looks):
        for key, value in wanted.items():
            if key in later and later[key] == value:
                assert look(key) == value, key
    certificates = issued()
    assert before[3] <= certificates.keys()
    assert all(certificates[serial]['revoked'] for serial in before[4])
    if before[4]:
        eventually(lambda: before[4] <= on_list(other), 'the list has all that was revoked')
