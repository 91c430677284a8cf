# SPDX-License-Identifier: MIT
"""Programs under test and their peers: started, waited for by event, stopped, and their last words kept."""
import glob
import os
import re
import signal
import socket
import subprocess
import threading
import time

RIG = '/run/attezt-test'
CACHE_BIN = RIG + '/cache/bin'
SANITIZER_LOGS = RIG + '/sanitizer'
PATIENCE = 60  # seconds for anything that should come at once; sanitizers and two cores are slow
SANITIZER_WORDS = re.compile(r'runtime error:|ERROR: (Address|Leak)Sanitizer|AddressSanitizer:DEADLYSIGNAL')

ENVIRONMENT = {
    'PATH': '/usr/sbin:/usr/bin:/sbin:/bin',
    'LANG': 'C.UTF-8',
    'HOME': RIG + '/home',
    'ASAN_OPTIONS': 'abort_on_error=0:detect_stack_use_after_return=1:strict_string_checks=1:'
                    'quarantine_size_mb=32:'  # or memory could not be measured
                    f'log_path={SANITIZER_LOGS}/asan',
    'UBSAN_OPTIONS': f'print_stacktrace=1:halt_on_error=1:log_path={SANITIZER_LOGS}/ubsan',
}
# systemd-socket-activate hands on what it is told to.
ACTIVATE = ['systemd-socket-activate', *(f'--setenv={v}' for v in ('ASAN_OPTIONS', 'UBSAN_OPTIONS', 'LANG'))]


def as_user(user, argv):
    """argv, to be run as that user with all his groups and no privilege."""
    if user is None:
        return list(argv)
    return ['setpriv', '--reuid', user, '--regid', primary_group(user), '--init-groups', '--inh-caps=-all',
            '--no-new-privs', '--', *argv]


def primary_group(user):
    import grp
    import pwd
    return grp.getgrgid(pwd.getpwnam(user).pw_gid).gr_name


def run(*argv, user=None, check=True, env=None, input=None, timeout=PATIENCE, cwd=None):
    """A command that ends by itself; its output is text, complete, and in the exception if it fails."""
    r = subprocess.run(as_user(user, argv), env={**ENVIRONMENT, **(env or {})}, input=input, cwd=cwd or '/',
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding='utf-8', errors='backslashreplace',
                       timeout=timeout)
    if check and r.returncode != 0:
        raise AssertionError(f'{argv} ended with {r.returncode}\n{r.stdout}{r.stderr}')
    return r


class Daemon:
    """A program that runs until told not to."""
    running = []

    def __init__(self, *argv, user=None, env=None, name=None, notify=False, silent=False, pass_fds=()):
        self.argv = as_user(user, argv)
        self.name = name or os.path.basename(argv[0])
        self.lines = []
        self.ended = False
        self.more = threading.Condition()
        environment = {**ENVIRONMENT, **(env or {})}
        self.notify_socket = None
        if notify:
            self.notify_socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self.notify_socket.bind(b'')  # an abstract name of the kernel's choice
            environment['NOTIFY_SOCKET'] = '@' + self.notify_socket.getsockname()[1:].decode()
        self.process = subprocess.Popen(self.argv, env=environment, cwd='/', stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL if silent else subprocess.PIPE,
                                        stderr=subprocess.STDOUT, pass_fds=pass_fds)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        Daemon.running.append(self)

    def _read(self):
        with open(f'{RIG}/log/{self.name}-{self.process.pid}.log', 'wb', buffering=0) as log:
            for line in self.process.stdout or ():
                log.write(line)
                with self.more:
                    self.lines.append(line.decode('utf-8', 'backslashreplace').rstrip('\n'))
                    self.more.notify_all()
        with self.more:
            self.ended = True
            self.more.notify_all()

    @property
    def pid(self):
        return self.process.pid

    @property
    def log(self):
        with self.more:
            return '\n'.join(self.lines)

    def wait_line(self, pattern, start=0, timeout=PATIENCE):
        """The match of the first line from number start on that holds the pattern."""
        wanted = re.compile(pattern)
        end = time.monotonic() + timeout
        n = start
        with self.more:
            while True:
                for line in self.lines[n:]:
                    n += 1
                    m = wanted.search(line)
                    if m:
                        return m
                if self.ended or not self.more.wait(max(0, end - time.monotonic())):
                    what = 'ended' if self.ended else f'said in {timeout} s'
                    raise AssertionError(f'{self.name} {what} without {pattern!r}:\n' + '\n'.join(self.lines))

    def wait_ready(self, timeout=PATIENCE):
        """Until sd_notify(READY=1)."""
        end = time.monotonic() + timeout
        while True:
            # The end of the program is noticed between two short waits; readiness at once.
            self.notify_socket.settimeout(0.2)
            try:
                if b'READY=1' in self.notify_socket.recv(4096).split(b'\n'):
                    return self
            except socket.timeout:
                pass
            if self.process.poll() is not None:
                raise AssertionError(f'{self.name} ended with {self.process.returncode}:\n{self.log}')
            if time.monotonic() > end:
                raise AssertionError(f'{self.name} not ready in {timeout} s:\n{self.log}')

    def wait(self, timeout=PATIENCE):
        try:
            rc = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f'{self.name} does not end:\n{self.log}') from None
        self.reader.join(5)
        if self.notify_socket:
            self.notify_socket.close()
        if self in Daemon.running:
            Daemon.running.remove(self)
        return rc

    def stop(self, expect=0):
        """Ends it as a service manager would, and looks how it went."""
        if self.process.poll() is None:
            self.process.terminate()
        rc = self.wait()
        assert expect is None or rc == expect, f'{self.name} ended with {rc}:\n{self.log}'
        return rc

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        return self.wait()

    def signal(self, number):
        self.process.send_signal(number)

    def memory(self):
        with open(f'/proc/{self.pid}/status') as f:
            return int(re.search(r'VmRSS:\s+(\d+) kB', f.read())[1])


def sanitizer_reports():
    """What the sanitizers wrote since the last call."""
    text = ''
    for path in sorted(glob.glob(SANITIZER_LOGS + '/*')):
        with open(path, errors='backslashreplace') as f:
            text += f.read()
        os.unlink(path)
    return text


def children(pid):
    """Processes whose parent is pid: {pid: comm}."""
    found = {}
    for path in glob.glob(f'/proc/{pid}/task/*/children'):
        try:
            with open(path) as f:
                kids = f.read().split()
            for kid in kids:
                with open(f'/proc/{kid}/comm') as f:
                    found[int(kid)] = f.read().strip()
        except (FileNotFoundError, ProcessLookupError):
            pass
    return found


def eventually(condition, what, timeout=PATIENCE, pause=0.02):
    """For states that nobody announces: asks again and again, and gives what the condition gave."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f'not in {timeout} s: {what}'
        time.sleep(pause)


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def port_open(port, host='127.0.0.1'):
    with socket.socket() as s:
        return s.connect_ex((host, port)) == 0


def dies(process, number=signal.SIGKILL):
    """kill(2) and waits until the process is gone, whoever its parent is."""
    try:
        fd = os.pidfd_open(process)
    except ProcessLookupError:
        return
    try:
        signal.pidfd_send_signal(fd, number)
        import select
        assert select.select([fd], [], [], PATIENCE)[0], f'{process} does not die'
    finally:
        os.close(fd)
