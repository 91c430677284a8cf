# SPDX-License-Identifier: MIT
"""Firefox without a screen, driven over Marionette: JSON messages, each behind its length."""
import json
import os
import shutil
import socket

from rig_process import PATIENCE, RIG, Daemon, eventually, free_port


class Firefox:
    started = 0

    def __init__(self):
        Firefox.started += 1
        self.home = f'{RIG}/firefox-{Firefox.started}'
        port = free_port()
        os.makedirs(f'{self.home}/profile')
        with open(f'{self.home}/profile/user.js', 'w') as f:
            f.write(f'user_pref("marionette.port", {port});\n'
                    'user_pref("network.captive-portal-service.enabled", false);\n'
                    'user_pref("network.dns.disableIPv6", true);\n')
        self.daemon = Daemon('firefox-esr', '--headless', '--marionette', '--no-remote', '--profile',
                             f'{self.home}/profile', env={'HOME': self.home, 'MOZ_DISABLE_CONTENT_SANDBOX': '1'})
        self.buffer, self.number = b'', 0
        self.socket = eventually(lambda: self.connect(port), 'Firefox listens', timeout=2 * PATIENCE)
        self.socket.settimeout(PATIENCE)
        self.receive()  # its greeting
        self.call('WebDriver:NewSession')

    @staticmethod
    def connect(port):
        try:
            return socket.create_connection(('127.0.0.1', port))
        except OSError:
            return None

    def receive(self):
        while b':' not in self.buffer or len(self.buffer) < self.end():
            part = self.socket.recv(1 << 16)
            assert part, 'Firefox has ended:\n' + self.daemon.log
            self.buffer += part
        begin, end = self.buffer.index(b':') + 1, self.end()
        message, self.buffer = self.buffer[begin:end], self.buffer[end:]
        return json.loads(message)

    def end(self):
        n = self.buffer.index(b':')
        return n + 1 + int(self.buffer[:n])

    def call(self, command, **parameters):
        self.number += 1
        message = json.dumps([0, self.number, command, parameters]).encode()
        self.socket.sendall(b'%d:%s' % (len(message), message))
        _, number, error, result = self.receive()
        assert number == self.number
        return error or result

    def load(self, url):
        """A page as text, or Firefox's word on why there is none."""
        answer = self.call('WebDriver:Navigate', url=url)
        if isinstance(answer, dict) and answer.get('error'):
            return answer['message']
        return self.call('WebDriver:GetPageSource')['value']

    def stop(self):
        self.socket.close()
        self.daemon.kill()
        shutil.rmtree(self.home, ignore_errors=True)
