# SPDX-License-Identifier: MIT
"""journald's socket: what daemons send there natively, with all fields."""
import array
import os
import socket
import threading
import time

from rig_process import PATIENCE
from rig_programs import directory

PATH = '/run/systemd/journal/socket'
# Whose standard error is what this says believes that it runs under systemd.
UNDER_SYSTEMD = ['/bin/sh', '-c', 'export JOURNAL_STREAM=$(stat -L -c %d:%i /dev/stderr); exec "$@"', 'sh']


def parse(data):
    """{name: [value…]} of an entry in the native protocol."""
    entry = {}
    while data:
        line, _, rest = data.partition(b'\n')
        name, equals, value = line.partition(b'=')
        if not equals:
            size = int.from_bytes(rest[:8], 'little')
            value, rest = rest[8:8 + size], rest[9 + size:]
        entry.setdefault(name.decode(), []).append(value.decode(errors='backslashreplace'))
        data = rest
    return entry


class Journal:
    def __init__(self):
        directory(os.path.dirname(PATH))
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(PATH)
        os.chmod(PATH, 0o666)
        self.raw, self.entries, self.more = b'', [], threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        while True:
            try:
                data, control, _, _ = self.socket.recvmsg(1 << 20, socket.CMSG_SPACE(4))
            except OSError:
                return
            for _, _, fds in control:  # an entry that is too long for a message
                for fd in array.array('i', fds):
                    data = os.pread(fd, os.fstat(fd).st_size, 0)
                    os.close(fd)
            if not data:
                continue
            with self.more:
                self.raw += data
                self.entries.append(parse(data))
                self.more.notify_all()

    def wait(self, condition, what):
        """The first entry that is such a one."""
        end = time.monotonic() + PATIENCE
        n = 0
        with self.more:
            while True:
                for entry in self.entries[n:]:
                    n += 1
                    if condition(entry):
                        return entry
                assert self.more.wait(max(0, end - time.monotonic())), (what, [e.get('MESSAGE') for e in self.entries])

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        os.unlink(PATH)
