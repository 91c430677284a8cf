# SPDX-License-Identifier: MIT
"""The system bus with its stock configuration, the real polkitd, and calls through busctl."""
import json
import os
import subprocess

from rig_process import Daemon, PATIENCE, eventually, run

SOCKET = '/run/dbus/system_bus_socket'
RULES = '/etc/polkit-1/rules.d'


class Bus:
    def __init__(self):
        self.daemon = Daemon('dbus-daemon', '--system', '--nofork', '--nopidfile')
        self.polkit = None
        eventually(lambda: os.path.exists(SOCKET) and run(
            'busctl', 'call', 'org.freedesktop.DBus', '/org/freedesktop/DBus', 'org.freedesktop.DBus', 'GetId',
            check=False).returncode == 0,
                   'the bus answers')

    def start_polkit(self):
        if self.polkit is None:
            self.polkit = Daemon('/usr/lib/polkit-1/polkitd')
            self.wait_name('org.freedesktop.PolicyKit1')

    def stop_polkit(self):
        if self.polkit is not None:
            self.polkit.stop(expect=None)
            self.polkit = None
            eventually(lambda: not self.has_name('org.freedesktop.PolicyKit1'), 'polkitd is off the bus')

    def has_name(self, name):
        r = call('org.freedesktop.DBus', '/org/freedesktop/DBus', 'org.freedesktop.DBus', 'NameHasOwner', 's', name)
        return r[0]

    def wait_name(self, name):
        eventually(lambda: self.has_name(name), f'{name} is on the bus')

    def stop(self):
        self.stop_polkit()
        self.daemon.stop(expect=None)


class BusError(Exception):
    """text is what busctl says; the D-Bus error's name is not shown by it."""


def call(destination, path, interface, method, signature=None, *arguments, user=None, timeout=PATIENCE):
    """One method call; gives the list of values it returns, in busctl's plain JSON."""
    argv = ['busctl', '--system', '--json=short', f'--timeout={timeout}', 'call', destination, path, interface,
            method]
    if signature:
        argv += [signature, *(str(a) for a in arguments)]
    r = run(*argv, user=user, check=False, timeout=timeout + 5)
    if r.returncode != 0:
        raise BusError(r.stderr.strip())
    return plain(json.loads(r.stdout)['data']) if r.stdout.strip() else []


def plain(value):
    """busctl writes a variant as {"type", "data"}: keeps the data."""
    if isinstance(value, dict):
        if set(value) == {'type', 'data'}:
            return plain(value['data'])
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, list):
        return [plain(v) for v in value]
    return value


def get_property(destination, path, interface, name, user=None):
    r = run('busctl', '--system', '--json=short', 'get-property', destination, path, interface, name, user=user)
    return plain(json.loads(r.stdout))


class Rule:
    """A polkit rule while a with statement lasts. polkitd notices the file by itself, and says when it has."""
    def __init__(self, bus, text, name='10-test.rules'):
        self.bus, self.text, self.path = bus, text, os.path.join(RULES, name)

    def __enter__(self):
        n = len(self.bus.polkit.lines)
        new = '/etc/polkit-1/new'  # not where polkitd looks
        with open(new, 'w') as f:
            f.write(self.text)
        os.chmod(new, 0o644)
        os.rename(new, self.path)
        self._read(n)
        return self

    def __exit__(self, *_):
        n = len(self.bus.polkit.lines)
        os.unlink(self.path)
        self._read(n)

    def _read(self, n):
        self.bus.polkit.wait_line('Finished loading, compiling and executing', start=n)


class Monitor:
    """Everything that crosses the bus, as dbus-monitor sees it; lines are JSON of busctl monitor."""
    def __init__(self, *arguments):
        self.daemon = Daemon('busctl', '--system', '--json=short', 'monitor', *arguments, name='monitor')
        self.daemon.wait_line('Monitoring bus message stream')

    def messages(self):
        return [json.loads(line) for line in self.daemon.lines if line.startswith('{')]

    def stop(self):
        self.daemon.kill()


def popen(*argv, user=None):
    from rig_process import ENVIRONMENT, as_user
    return subprocess.Popen(as_user(user, argv), env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            text=True)


def error_of(destination, path, interface, method, *arguments, user=None):
    """The name of the D-Bus error that a call gets, or None. arguments are GVariant texts, for gdbus."""
    import re
    r = run('gdbus', 'call', '--system', '--dest', destination, '--object-path', path, '--method',
            f'{interface}.{method}', *arguments, user=user, check=False)
    if r.returncode == 0:
        return None
    m = re.search(r'GDBus\.Error:([\w.]+)', r.stderr)
    assert m, r.stderr
    return m[1]
