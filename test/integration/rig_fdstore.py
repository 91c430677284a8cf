# SPDX-License-Identifier: MIT
"""The service manager's part in a restart: hears a service's notifications, keeps the descriptors that it is given,
and hands them to the next one."""
import array
import fcntl
import os
import socket
import threading
import time

from rig_process import PATIENCE


class Manager:
    def __init__(self):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(b'')
        self.address = '@' + self.socket.getsockname()[1:].decode()
        self.stored = []        # (name, descriptor)
        self.messages = []
        self.more = threading.Condition()
        self.thread = threading.Thread(target=self._listen, daemon=True)
        self.thread.start()

    def _listen(self):
        while True:
            message, ancillary, _, _ = self.socket.recvmsg(1 << 16, socket.CMSG_SPACE(253 * 4))
            fds = array.array('i')
            for level, kind, content in ancillary:
                if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                    fds.frombytes(content[:len(content) // 4 * 4])
            fields = dict(line.partition('=')[::2] for line in message.decode().splitlines())
            if fields.get('end') == 'now':
                return
            with self.more:
                if 'FDSTOREREMOVE' in fields:
                    self._drop(fields.get('FDNAME'))
                elif 'FDSTORE' in fields:
                    self.stored += [(fields.get('FDNAME', 'stored'), fd) for fd in fds]
                    fds = ()
                for fd in fds:  # of BARRIER=1, which waits for that
                    os.close(fd)
                self.messages.append(fields)
                self.more.notify_all()

    def _drop(self, name):
        for stored in [s for s in self.stored if s[0] == name]:
            os.close(stored[1])
            self.stored.remove(stored)

    def wait_ready(self, service, start=0):
        """Until that Daemon says so, beyond the messages that there were."""
        def over():
            return service.process.poll() is not None or any('READY' in m for m in self.messages[start:])
        with self.more:
            end = time.monotonic() + PATIENCE
            while not over() and time.monotonic() < end:
                self.more.wait(0.2)
        assert any('READY' in m for m in self.messages[start:]), f'{service.name} is not ready:\n{service.log}'

    def environment(self):
        return {'NOTIFY_SOCKET': self.address}

    def launch(self, argv):
        """(argv, descriptors) of the same command with what is stored, from number 3 on as systemd passes it."""
        with self.more:
            stored, self.stored = self.stored, []
        if not stored:
            return list(argv), []
        fds = [fcntl.fcntl(fd, fcntl.F_DUPFD, 200) for _, fd in stored]
        moves = ' '.join(f'{n + 3}<&{fd} {fd}<&-' for n, fd in enumerate(fds))
        names = ':'.join(name for name, _ in stored)
        for _, fd in stored:
            os.close(fd)
        # A shell has the pid that its exec'ed command will have.
        script = f'export LISTEN_FDS={len(fds)} LISTEN_FDNAMES={names} LISTEN_PID=$$; exec "$@" {moves}'
        return ['/bin/bash', '-c', script, 'bash', *argv], fds

    def stop(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            s.sendto(b'end=now', self.socket.getsockname())
        self.thread.join()
        for _, fd in self.stored:
            os.close(fd)
        self.socket.close()
