# SPDX-License-Identifier: MIT
"""The load of test_kill_campaign: devices in software that attest, commands that change the inventory and are killed
at random moments, and what is known of all that."""
import collections
import http.client
import ssl
import subprocess
import threading
import time

from cryptography import x509

import rig_device as dev
from rig_ca import Authority, write
from rig_device import Client, SoftEk, attest_request, chain_of
from rig_process import ENVIRONMENT, PATIENCE
from rig_programs import program

TEMPORARY = 75
IMPORTED = 200        # devices at once
KILLED_OF_TEN = 7     # commands
# Whoever is killed while leaks are looked for complains; other tests look for them.
QUICK = {**ENVIRONMENT, 'ASAN_OPTIONS': ENVIRONMENT['ASAN_OPTIONS'] + ':detect_leaks=0'}
PASSPHRASE = 'correct horse battery staple'

# How long a command takes, by and large: it is killed within. The random moment should hit all of it.
SECONDS = {'import': 0.4, 'backup': 0.5, 'trust-add': 0.3}
SECONDS_USUAL = 0.2


class Fact:
    """What may be true of something: one value when it was acknowledged, two while nobody knows. Who has two is left
    alone until a check, behind a restart, has looked: what is under way could come after what follows it."""
    def __init__(self, value):
        self.possible = [value]

    @property
    def settled(self):
        return len(self.possible) == 1

    @property
    def value(self):
        assert self.settled
        return self.possible[0]

    def see(self, value):
        assert value in self.possible, f'is {value}, may be {self.possible}'
        self.possible = [value]


class Known:
    """Shared by all that make load. Facts are by EK hash, by fingerprint, or by the number of an import."""
    def __init__(self):
        self.lock = threading.Lock()
        self.devices = {}      # hash: None, or (names, note, disabled)
        self.imports = {}      # number: True or False
        self.imported = {}     # number: its hashes
        self.trust = {}        # fingerprint: True or False
        self.files = {}        # fingerprint: file
        self.certificates = {} # serial: hash, acknowledged
        self.revocable = []    # of those, what nobody has revoked or is about to
        self.revoked = set()   # serials, acknowledged
        self.waiting = {}      # hashes of devices that were told to wait; gone from it when somebody approves
        self.uncertain = collections.Counter()  # secrets sent in, by hash
        self.backups = []      # (file, what was known before and after it)
        self.done = collections.Counter()
        self.odd = []
        self.killed = 0        # commands; and how many of them may be killed by now
        self.allowed = 0

    def settled(self):
        """For a backup: what it has to hold, unless it changes meanwhile."""
        with self.lock:
            return ({h: f.value for h, f in self.devices.items() if f.settled},
                    {n: f.value for n, f in self.imports.items() if f.settled},
                    {t: f.value for t, f in self.trust.items() if f.settled},
                    set(self.certificates), set(self.revoked))


class Worker:
    def __init__(self, known, rng):
        self.known, self.rng = known, rng
        self.over = threading.Event()
        self.thread = None

    def start(self):
        self.over.clear()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def stop(self):
        self.over.set()
        if self.thread is not None:
            self.thread.join(2 * PATIENCE)
            assert not self.thread.is_alive(), f'{self} hangs'
            self.thread = None

    def run(self):
        try:
            while not self.over.is_set():
                self.step()
        except Exception as e:  # the test has to hear of it, and not the thread's standard error
            self.strange(repr(e))

    def strange(self, what):
        with self.known.lock:
            self.known.odd.append(what)


class Attesting(Worker):
    """One enrolled device that gets certificate after certificate, and now and then one that nobody knows."""
    def __init__(self, server, known, ak, vendor, number, rng):
        super().__init__(known, rng)
        self.server, self.ak, self.vendor = server, ak, vendor
        self.ek = self.new_ek()
        server.enroll(self.ek.hash, f'worker-{number}')
        known.devices[self.ek.hash] = Fact((f'worker-{number}', '', False))

    def new_ek(self):
        ek = SoftEk(authority=self.vendor)
        ek.body = attest_request(ek, self.ak.evidence())
        return ek

    def step(self):
        client = Client(self.server.url, self.server.tls_root, timeout=20)
        try:
            while not self.over.is_set():
                if self.rng.random() < 0.1:
                    self.ask(client, self.new_ek())
                else:
                    self.ask(client, self.ek)
        except (OSError, http.client.HTTPException, ssl.SSLError):
            self.over.wait(0.01)  # nobody listens at the moment
        finally:
            client.close()

    def ask(self, client, ek):
        known = self.known
        status, answer = client.post('/attest', ek.body)
        if status == 200:
            with known.lock:
                known.uncertain[ek.hash] += 1
            status, answer = client.secret(dev.activate(ek, self.ak, answer))
        with known.lock:
            if status == 200:
                serial = f'{x509.load_der_x509_certificate(chain_of(answer)[0]).serial_number:032x}'
                known.certificates[serial] = ek.hash
                known.revocable.append(serial)
                known.done['certificate'] += 1
            elif status == 403 and answer['error'] == 'waiting':
                known.waiting[ek.hash] = True
                known.done['waits'] += 1
            elif status not in (403, 503):  # 403: the challenge was lost with the process
                known.odd.append(f'{status} {answer}')


class Commands(Worker):
    """The command attezt, most of the time killed: one after the other, on devices that no other worker touches."""
    def __init__(self, known, folder, number, rng):
        super().__init__(known, rng)
        self.folder, self.number = folder, number
        self.count = 0
        self.mine = []   # hashes
        self.roots = []  # fingerprints
        self.passphrase = write(f'{folder}/passphrase', f'{PASSPHRASE}\n'.encode(), mode=0o600)

    def next(self):
        self.count += 1
        return f'{self.number}-{self.count}'

    def attezt(self, what, *arguments):
        """Whether it was acknowledged."""
        p = subprocess.Popen([program('attezt'), 'ca', *arguments], env=QUICK, cwd='/', stdin=subprocess.DEVNULL,
                             stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        try:
            if self.rng.randrange(10) < KILLED_OF_TEN:
                p.wait(self.rng.uniform(0, SECONDS.get(what, SECONDS_USUAL)))
            else:
                p.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            p.kill()
        said = p.stderr.read()
        p.stderr.close()
        p.wait()
        with self.known.lock:
            if p.returncode == -9:
                self.known.killed += 1
            elif p.returncode == 0:
                self.known.done[what] += 1
            elif p.returncode != TEMPORARY:
                self.known.odd.append(f'{arguments}: {p.returncode} {said}')
        if p.returncode == TEMPORARY:
            self.over.wait(0.05)  # atteztd is not there at the moment
        return p.returncode == 0

    def change(self, fact, after, what, *arguments):
        """Two possibilities from the moment that it begins."""
        fact.possible = [fact.value, after]
        acknowledged = self.attezt(what, *arguments)
        if acknowledged:
            fact.possible = [after]
        return acknowledged

    def pick(self, facts, mine, wanted):
        some = [k for k in mine if facts[k].settled and wanted(facts[k].value)]
        return self.rng.choice(some) if some else None

    def step(self):
        if self.known.killed >= self.known.allowed:
            self.over.wait(0.05)  # the daemons' turn
            return
        work = {self.enroll: 5, self.set: 4, self.remove: 2, self.import_: 1, self.revoke: 4, self.revoke_device: 2,
                self.approve: 5, self.trust_add: 3, self.trust_remove: 2,
                self.backup: 1}  # a passphrase takes its time
        self.rng.choices(list(work), list(work.values()))[0]()

    # What has nothing to work on does nothing.

    def enroll(self):
        ek_hash, name = self.rng.randbytes(32).hex(), f'device-{self.next()}'
        fact = Fact(None)
        with self.known.lock:
            self.known.devices[ek_hash] = fact
        self.mine.append(ek_hash)
        self.change(fact, (name, '', False), 'enroll', 'enroll', ek_hash, name)

    def set(self):
        ek_hash = self.pick(self.known.devices, self.mine, lambda d: d is not None)
        if ek_hash is None:
            return
        fact, note = self.known.devices[ek_hash], f'note {self.next()}'
        name, _, disabled = fact.value
        self.change(fact, (name, note, disabled), 'set', 'set', ek_hash, '--note', note)

    def remove(self):
        ek_hash = self.pick(self.known.devices, self.mine, lambda d: d is not None)
        if ek_hash is not None:
            self.change(self.known.devices[ek_hash], None, 'remove', 'remove', ek_hash)

    def import_(self):
        number = self.next()
        hashes = [self.rng.randbytes(32).hex() for _ in range(IMPORTED)]
        text = 'hash,names,note\n' + ''.join(f'{h},import-{number}-{n},{number}\n' for n, h in enumerate(hashes))
        path = write(f'{self.folder}/import-{number}.csv', text.encode())
        fact = Fact(False)
        with self.known.lock:
            self.known.imported[number] = hashes
            self.known.imports[number] = fact
        self.change(fact, True, 'import', 'import', path)

    def revoke(self):
        with self.known.lock:
            if not self.known.revocable:
                return
            serial = self.known.revocable.pop(self.rng.randrange(len(self.known.revocable)))
        if self.attezt('revoke', 'revoke', serial):
            with self.known.lock:
                self.known.revoked.add(serial)

    def revoke_device(self):
        ek_hash = self.pick(self.known.devices, self.mine, lambda d: d is not None and not d[2])
        if ek_hash is None:
            return
        fact = self.known.devices[ek_hash]
        name, note, _ = fact.value
        self.change(fact, (name, note, True), 'revoke-device', 'revoke', name)

    def approve(self):
        with self.known.lock:
            if not self.known.waiting:
                return
            ek_hash = self.rng.choice(sorted(self.known.waiting))
            del self.known.waiting[ek_hash]
            fact = self.known.devices[ek_hash] = Fact(None)
        self.mine.append(ek_hash)
        name = f'approved-{self.next()}'
        self.change(fact, (name, '', False), 'approve', 'approve', ek_hash, '--name', name)

    def trust_add(self):
        root = Authority(f'Root {self.next()}').certificate
        fingerprint = root.fingerprint(x509_sha256()).hex()
        path = write(f'{self.folder}/{fingerprint}.pem', root)
        fact = Fact(False)
        with self.known.lock:
            self.known.trust[fingerprint] = fact
        self.roots.append(fingerprint)
        self.change(fact, True, 'trust-add', 'trust', 'add', '--yes', path)

    def trust_remove(self):
        fingerprint = self.pick(self.known.trust, self.roots, lambda there: there)
        if fingerprint is not None:
            self.change(self.known.trust[fingerprint], False, 'trust-remove', 'trust', 'remove', fingerprint)

    def backup(self):
        path = f'{self.folder}/backup-{self.next()}'
        before = self.known.settled()
        if self.attezt('backup', 'backup', path, '--passphrase-file', self.passphrase):
            after = self.known.settled()
            with self.known.lock:
                self.known.backups.append((path, before, after))


def x509_sha256():
    from cryptography.hazmat.primitives import hashes
    return hashes.SHA256()
