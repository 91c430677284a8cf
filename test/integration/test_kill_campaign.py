# SPDX-License-Identifier: MIT
"""kill -9 of atteztd, attezt-http and the command attezt, 1 000 times at random moments, while devices get certificates
and the inventory is changed in every way there is: what was acknowledged is there after the restart, what was not is
there whole or not at all, and the backups taken meanwhile restore."""
import os
import random
import subprocess
import time

import pytest

from rig_ca import write
from rig_device import SoftAk
from rig_kill_check import check, check_backups
from rig_kill_load import PASSPHRASE, QUICK, Attesting, Commands, Known
from rig_process import SANITIZER_WORDS, children, dies, eventually, free_port
from rig_programs import Server, cli, directory, program

KILLS = {'atteztd': 200, 'attezt-http': 100, 'attezt': 700}  # atteztd's cost the most time
BETWEEN = 0.15       # seconds at most between a restart and the next kill of a daemon
COMMANDS = 3         # that run side by side
KILLS_PER_CHECK = 50  # of a daemon
BACKUPS_RESTORED = 4

# The load refuses itself nothing: that limits work is tested elsewhere.
SETTINGS = b'[HTTP]\nRefusalLimit=no\nUnansweredLimit=no\nDeviceLimit=no\n'


def front_pid(server):
    kids = [pid for pid, comm in children(server.daemon.pid).items() if comm.startswith('attezt-http')]
    return kids[0] if kids else None


def kill_front(server):
    """False when there is none at the moment. atteztd starts another one, the later the more often it died."""
    pid = front_pid(server)
    if pid is None:
        return False
    seen = len(server.daemon.lines)
    dies(pid)
    server.find_url(start=seen)
    return True


def kill_server(server):
    front = front_pid(server)
    server.daemon.kill()
    assert not SANITIZER_WORDS.search(server.daemon.log), server.daemon.log
    if front:
        eventually(lambda: not os.path.exists(f'/proc/{front}'), 'the front ends with its atteztd')
    server.start()


class Campaign:
    def __init__(self, server, known, load, rng):
        self.server, self.known, self.load, self.rng = server, known, load, rng
        self.victims = [v for v in ('atteztd', 'attezt-http') for _ in range(KILLS[v])]
        rng.shuffle(self.victims)
        self.killed = {'atteztd': 0, 'attezt-http': 0}

    def start(self):
        for each in self.load:
            each.start()

    def pause(self):
        for each in self.load:
            each.stop()

    def check(self):
        """What is under way when the load ends would only come later: it ends here, too."""
        self.pause()
        kill_server(self.server)
        check(self.server, self.known)
        print(f'checked after {self.killed} and {self.known.killed} commands', flush=True)
        assert not self.known.odd, self.known.odd[:5]

    def run(self):
        self.start()
        for n, victim in enumerate(self.victims):
            self.known.allowed = KILLS['attezt'] * (n + 1) // len(self.victims)
            time.sleep(self.rng.uniform(0, BETWEEN))
            if victim == 'atteztd':
                kill_server(self.server)
            else:
                eventually(lambda: kill_front(self.server), 'there is a front')
            self.killed[victim] += 1
            if n % KILLS_PER_CHECK == KILLS_PER_CHECK - 1:
                self.check()
                self.start()
        eventually(lambda: self.known.killed >= KILLS['attezt'], 'so many commands were killed', timeout=300)
        self.check()


@pytest.mark.seconds(1800)
def test_1000_kills(bus, ek_roots, vendor, scratch):
    seed = int(os.environ.get('ATTEZT_TEST_SEED') or random.SystemRandom().randrange(1 << 32))
    print(f'ATTEZT_TEST_SEED={seed}')
    rng = random.Random(seed)
    settings = write(f'{scratch}/atteztd.conf', SETTINGS)
    server = Server(ek_roots, ['--config', settings], port=free_port(), tls=False)  # TLS would take the time of kills
    server.create_ca()
    known, ak = Known(), SoftAk()
    folder = directory(f'{scratch}/files')
    load = [Attesting(server, known, ak, vendor, n, random.Random(rng.randrange(1 << 32))) for n in range(2)]
    load += [Commands(known, folder, n, random.Random(rng.randrange(1 << 32))) for n in range(COMMANDS)]
    campaign = Campaign(server, known, load, rng)
    begun = time.monotonic()
    try:
        campaign.run()
        took = time.monotonic() - begun
        restored = check_backups(server, known, ek_roots, folder, rng, BACKUPS_RESTORED)
    finally:
        campaign.pause()
        server.stop()
    print(f'{campaign.killed}, commands: {known.killed} in {took:.0f} s; acknowledged: {known.done}; '
          f'{len(known.backups)} backups, {restored} of them restored')
    for what in ('enroll', 'set', 'remove', 'import', 'revoke', 'revoke-device', 'approve', 'trust-add', 'trust-remove',
                 'backup', 'certificate', 'waits'):
        assert known.done[what] >= 3, (what, known.done)


def test_backup_that_would_be_too_large_is_refused(bus, ek_roots, scratch):
    """And not assembled until there is no memory left; the limit can be set."""
    rows = write(f'{scratch}/rows.csv', b'hash\n' + b''.join(b'%064x\n' % (n << 32) for n in range(4000)))
    passphrase = write(f'{scratch}/passphrase', f'{PASSPHRASE}\n'.encode(), mode=0o600)
    arguments = ('ca', 'backup', f'{scratch}/backup', '--passphrase-file', passphrase)
    server = Server(ek_roots, ['--config', write(f'{scratch}/atteztd.conf', b'[Server]\nMaxBackupSize=1\n')], tls=False)
    try:
        server.create_ca()
        cli('ca', 'import', rows)
        assert os.stat(f'{server.state}/inventory.tdb').st_size > 1 << 20
        r = cli(*arguments, check=False)
        assert r.returncode == 1 and 'larger than 1 MiB' in r.stderr and 'MaxBackupSize=' in r.stderr, r.stderr
        assert not os.path.exists(f'{scratch}/backup')
        write(f'{scratch}/atteztd.conf', b'[Server]\nMaxBackupSize=20\n')
        server.restart()
        cli(*arguments)
    finally:
        server.stop()


def test_killed_backup_leaves_nothing_that_looks_like_one(bus, ek_roots, scratch):
    server = Server(ek_roots, tls=False)
    try:
        server.create_ca()
        passphrase = write(f'{scratch}/passphrase', f'{PASSPHRASE}\n'.encode(), mode=0o600)
        folder = directory(f'{scratch}/backups')
        p = subprocess.Popen([program('attezt'), 'ca', 'backup', f'{folder}/backup', '--passphrase-file', passphrase],
                             env=QUICK)
        eventually(lambda: os.listdir(folder), 'it has begun to write', pause=0.001)
        p.kill()
        assert p.wait() == -9, 'it took no time at all'
        assert 'backup' not in os.listdir(folder)
        cli('ca', 'backup', f'{folder}/backup', '--passphrase-file', passphrase)
        assert os.stat(f'{folder}/backup').st_mode & 0o777 == 0o600
        assert cli('ca', 'backup', f'{folder}/backup', '--passphrase-file', passphrase, check=False).returncode == 1
        assert len(os.listdir(folder)) == 2
    finally:
        server.stop()
