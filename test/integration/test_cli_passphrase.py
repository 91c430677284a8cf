# SPDX-License-Identifier: MIT
"""A passphrase that is typed: the command on a terminal of its own, with a shell in front, as a person has it."""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

import pytest

from rig_process import ENVIRONMENT, PATIENCE, run
from rig_programs import Server, cli, program

PASSPHRASE = 'correct horse battery staple'
# The shell survives what the keys send, and tells what the terminal is like before and after.
SHELL = ('echo "before $(stty -g)"; trap : INT QUIT TERM HUP; "$@"; echo "status $?"; echo "after $(stty -g)"; '
         'read -r end')
# And one with jobs, which brings it back when it is told to.
STOPPING_SHELL = ('echo "before $(stty -g)"; set -m; "$@"; echo "stopped $? $(stty -g)"; read -r word; fg >/dev/null; '
                  'echo "status $?"; echo "after $(stty -g)"; read -r end')
CTRL_C, CTRL_D, CTRL_Z, CTRL_BACKSLASH = '\x03', '\x04', '\x1a', '\x1c'


class Terminal:
    def __init__(self, *argv, shell=SHELL):
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack('HHHH', 50, 400, 0, 0))
        self.process = subprocess.Popen(['/bin/sh', '-c', shell, 'sh', *argv], stdin=slave, stdout=slave, stderr=slave,
                                        env=ENVIRONMENT, cwd='/', start_new_session=True,
                                        preexec_fn=self.take_terminal)
        os.close(slave)
        self.shown = ''

    @staticmethod
    def take_terminal():
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):  # whatever started the tests may ignore them
            signal.signal(number, signal.SIG_DFL)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        os.close(self.master)

    def wait(self, pattern, count=1):
        """Until the terminal shows it for the count-th time; gives the last match."""
        end = time.monotonic() + PATIENCE
        while True:
            found = list(re.finditer(pattern, self.shown))
            if len(found) >= count:
                return found[count - 1]
            assert select.select([self.master], [], [], max(0, end - time.monotonic()))[0], self.shown
            self.shown += os.read(self.master, 4096).decode()

    def echoes(self):
        """A pty's two ends have one termios."""
        return bool(termios.tcgetattr(self.master)[3] & termios.ECHO)

    def type(self, text):
        os.write(self.master, text.encode())

    def asked(self, what, count=1):
        self.wait(what, count)
        assert not self.echoes()

    def ended(self, status):
        """With this, and the terminal is as it was; all that it showed."""
        assert int(self.wait(r'status (\d+)')[1]) == status, self.shown
        after = self.wait(r'after (\S+)\r\n')[1]
        assert after == self.wait(r'before (\S+)\r\n')[1], self.shown
        assert self.echoes()
        return self.shown


@pytest.fixture(scope='module')
def server(bus, ek_roots):
    s = Server(ek_roots, tls=False)
    s.create_ca()
    yield s
    s.stop()


def attezt(*words):
    return Terminal(program('attezt'), *words)


def test_typed_twice_not_shown_and_good(server, scratch):
    file = f'{scratch}/backup'
    with attezt('ca', 'backup', file) as t:
        t.asked('Passphrase for the backup: ')
        t.type(PASSPHRASE + '\n')
        t.asked('Passphrase for the backup, again: ')
        assert not os.path.exists(file)
        t.type(PASSPHRASE + '\n')
        assert PASSPHRASE not in t.ended(0)
    plain = run('openssl', 'cms', '-decrypt', '-binary', '-inform', 'DER', '-in', file, '-pwri_password', PASSPHRASE,
                '-out', f'{scratch}/plain', check=False)
    assert plain.returncode == 0, plain.stderr
    # It is asked for once to open it, and a wrong one opens nothing.
    with attezt('ca', 'restore', file) as t:
        t.asked('Passphrase of the backup: ')
        t.type('another passphrase\n')
        shown = t.ended(1)
        assert 'another passphrase, or it was changed' in shown and 'again' not in shown
    with attezt('ca', 'restore', file) as t:
        t.asked('Passphrase of the backup: ')
        t.type(PASSPHRASE + '\n')
        shown = t.ended(1)  # the CA is there: that is what it says, so the passphrase was right
        assert '--force' in shown and PASSPHRASE not in shown


@pytest.mark.parametrize('verb,asked', [('backup', 'Passphrase for the backup'),
                                        ('export-root-key', "Passphrase for the root's key")])
def test_mismatch_and_short_ones_are_refused(server, scratch, verb, asked):
    file = f'{scratch}/file'
    for first, second, words in ((PASSPHRASE, PASSPHRASE + 'r', 'two different passphrases'),
                                 (PASSPHRASE, '', 'No passphrase was given'), ('short', 'short', '8 characters')):
        with attezt('ca', verb, file) as t:
            t.asked(f'{asked}: ')
            t.type(first + '\n')
            t.asked(f'{asked}, again: ')
            t.type(second + '\n')
            shown = t.ended(1)
            assert words in shown and PASSPHRASE not in shown, shown
        assert not os.path.exists(file)


@pytest.mark.parametrize('second', [False, True])
@pytest.mark.parametrize('key,status', [(CTRL_D, 1), (CTRL_C, 128 + signal.SIGINT),
                                        (CTRL_BACKSLASH, 128 + signal.SIGQUIT)])
def test_given_up(server, scratch, key, status, second):
    """End of file and the keys that interrupt, at the first question and the second: the echo is back."""
    file = f'{scratch}/file'
    with attezt('ca', 'backup', file) as t:
        t.asked('Passphrase for the backup: ')
        if second:
            t.type(PASSPHRASE + '\n')
            t.asked('Passphrase for the backup, again: ')
        elif key != CTRL_D:
            t.type('half of i')
        t.type(key)
        shown = t.ended(status)
        assert key != CTRL_D or 'No passphrase was given' in shown
        assert PASSPHRASE not in shown and 'half of i' not in shown
    assert not os.path.exists(file)


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGHUP])
def test_ended_from_outside(server, scratch, number):
    with attezt('ca', 'restore', f'{scratch}/none') as t:
        t.asked('Passphrase of the backup: ')
        [pid] = run('pgrep', '-P', str(t.process.pid)).stdout.split()
        os.kill(int(pid), number)
        t.ended(128 + number)


def test_stopped_and_continued(server, scratch):
    """Whoever puts it aside has his terminal back, and is asked again afterwards."""
    file = f'{scratch}/backup'
    with Terminal(program('attezt'), 'ca', 'backup', file, shell=STOPPING_SHELL) as t:
        t.asked('Passphrase for the backup: ')
        t.type('half of i' + CTRL_Z)
        assert t.wait(r'stopped (\d+) (\S+)\r\n')[1] == str(128 + signal.SIGTSTP)
        assert t.wait(r'stopped (\d+) (\S+)\r\n')[2] == t.wait(r'before (\S+)\r\n')[1] and t.echoes()
        t.type('\n')
        t.asked('Passphrase for the backup: ', count=2)
        t.type(PASSPHRASE + '\n')
        t.asked('again: ')
        t.type(PASSPHRASE + '\n')
        assert PASSPHRASE not in t.ended(0)


def test_only_a_terminal_is_asked(server, scratch):
    """What comes through a pipe is no answer to a question; and making a CA asks nothing."""
    r = cli('ca', 'backup', f'{scratch}/file', input=f'{PASSPHRASE}\n{PASSPHRASE}\n', check=False)
    assert r.returncode == 1 and '--passphrase-file' in r.stderr and not os.path.exists(f'{scratch}/file')
    with attezt('ca', 'create') as t:
        assert 'assphrase' not in t.ended(1)
