# SPDX-License-Identifier: MIT
"""A service behind a socket, as systemd has it: started when somebody is there, and again when it has ended."""
import os
import select
import socket
import threading

from rig_process import Daemon

# Whatever their numbers, they become 3, 4, …
RENUMBER = 'n=3; for fd in $FDS; do eval "exec $n<&$fd"; n=$((n+1)); done; LISTEN_PID=$$ exec "$@"'


class Unit:
    def __init__(self, sockets, names, argv, user=None, env=None):
        self.sockets, self.names, self.argv, self.user, self.env = sockets, names, argv, user, env or {}
        self.starts, self.daemon, self.ending, self.codes = 0, None, threading.Event(), []
        for s in sockets:
            s.setblocking(False)
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        while not self.ending.is_set():
            if not select.select(self.sockets, [], [], 0.05)[0]:
                continue
            fds = [s.fileno() for s in self.sockets]
            env = {**self.env, 'LISTEN_FDS': str(len(fds)), 'LISTEN_FDNAMES': ':'.join(self.names),
                   'FDS': ' '.join(str(fd) for fd in fds)}
            self.starts += 1
            self.daemon = Daemon('bash', '-c', RENUMBER, '-', *self.argv, user=self.user, env=env, pass_fds=fds,
                                 name=self.argv[0].rpartition('/')[2])
            self.codes.append(self.daemon.wait(timeout=None))

    @property
    def running(self):
        return self.starts > len(self.codes)

    def stop(self):
        self.ending.set()
        if self.running:
            self.daemon.process.terminate()
        self.thread.join()
        for s in self.sockets:
            s.close()


def seqpacket(path):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    s.bind(path)
    s.listen()
    return s


def stream(path, mode=0o600):
    s = socket.socket(socket.AF_UNIX)
    s.bind(path)
    os.chmod(path, mode)
    s.listen()
    return s


def tcp():
    s = socket.create_server(('127.0.0.1', 0), backlog=64)
    return s
