# SPDX-License-Identifier: MIT
"""Clients with addresses of their own: network namespaces, each at the end of a cable to this one."""
import contextlib
import ctypes
import os

from rig_process import run

CLONE_NEWNET = 0x40000000
libc = ctypes.CDLL(None, use_errno=True)


class Namespace:
    """Number n is 10.66.n.0/24 (ours is .1, its own .2 and, if wanted, more) and fd66:n::/64."""
    def __init__(self, name, n, addresses=1):
        self.name, self.cable = name, f'cable{n}'
        self.host = f'10.66.{n}.1'
        self.addresses = [f'10.66.{n}.{2 + i}' for i in range(addresses)]
        run('ip', 'netns', 'add', name)
        run('ip', 'link', 'add', self.cable, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name)
        run('ip', 'addr', 'add', f'{self.host}/24', 'dev', self.cable)
        run('ip', 'link', 'set', self.cable, 'up')
        for address in self.addresses:
            run('ip', '-n', name, 'addr', 'add', f'{address}/24', 'dev', 'eth0')
        run('ip', '-n', name, 'link', 'set', 'lo', 'up')
        run('ip', '-n', name, 'link', 'set', 'eth0', 'up')

    @contextlib.contextmanager
    def entered(self):
        """This thread, and it alone."""
        home = os.open('/proc/thread-self/ns/net', os.O_RDONLY)
        there = os.open(f'/run/netns/{self.name}', os.O_RDONLY)
        try:
            self._enter(there)
            yield self
        finally:
            self._enter(home)
            os.close(home)
            os.close(there)

    @staticmethod
    def _enter(fd):
        if libc.setns(fd, CLONE_NEWNET) < 0:
            raise OSError(ctypes.get_errno(), 'setns')

    def remove(self):
        run('ip', 'netns', 'del', self.name, check=False)
        run('ip', 'link', 'del', self.cable, check=False)
