# SPDX-License-Identifier: MIT
"""Chromium without a screen, driven over --remote-debugging-pipe: JSON messages that end with a NUL byte."""
import fcntl
import json
import os
import select
import shutil
import time

from rig_pkcs11 import CLIENT, Database
from rig_process import PATIENCE, RIG, Daemon

POLICIES = '/etc/chromium/policies/managed'
OPTIONS = ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
           '--disable-dev-shm-usage', '--disable-background-networking', '--disable-component-update',
           '--disable-sync', '--disable-breakpad', '--disable-crash-reporter', '--remote-debugging-pipe']


def select_certificates_of(issuer, *patterns):
    """The policy by which the browser asks nobody: that issuer's certificate at these addresses."""
    os.makedirs(POLICIES, exist_ok=True)
    rules = [json.dumps({'pattern': p, 'filter': {'ISSUER': {'CN': issuer}}}) for p in patterns]
    with open(f'{POLICIES}/attezt.json', 'w') as f:
        json.dump({'AutoSelectCertificateForUrls': rules}, f)


class Browser:
    started = 0

    def __init__(self, trusted, environment, module=CLIENT):
        Browser.started += 1
        self.home = f'{RIG}/browser-{Browser.started}'
        self.prepare(trusted, environment, module)
        to_us, to_it = os.pipe(), os.pipe()
        # Numbers that the shell may move to 3 and 4.
        its = [fcntl.fcntl(fd, fcntl.F_DUPFD, 100) for fd in (to_it[0], to_us[1])]
        self.output, self.input = to_it[1], to_us[0]
        self.daemon = Daemon('/bin/bash', '-c', f'exec "$@" 3<&{its[0]} 4>&{its[1]} {its[0]}<&- {its[1]}>&-', 'bash',
                             'chromium', *OPTIONS, f'--user-data-dir={self.home}/data', 'about:blank',
                             env={'HOME': self.home, **environment}, name='chromium', pass_fds=its)
        for fd in (*its, to_it[0], to_us[1]):
            os.close(fd)
        self.buffer, self.events, self.number = b'', [], 0
        target = self.call('Target.createTarget', url='about:blank')['targetId']
        self.session = self.call('Target.attachToTarget', targetId=target, flatten=True)['sessionId']
        self.call('Page.enable')

    def prepare(self, trusted, environment, module):
        os.makedirs(f'{self.home}/.pki')
        Database(f'{self.home}/.pki/nssdb', module, environment).trust(trusted)

    def receive(self, end):
        """The next message."""
        while b'\0' not in self.buffer:
            if not select.select([self.input], [], [], max(0, end - time.monotonic()))[0]:
                raise AssertionError('the browser does not answer')
            part = os.read(self.input, 1 << 16)
            assert part, 'the browser has ended:\n' + self.daemon.log
            self.buffer += part
        message, _, self.buffer = self.buffer.partition(b'\0')
        return json.loads(message)

    def call(self, method, timeout=PATIENCE, **parameters):
        self.number += 1
        message = {'id': self.number, 'method': method, 'params': parameters}
        if hasattr(self, 'session'):
            message['sessionId'] = self.session
        os.write(self.output, json.dumps(message).encode() + b'\0')
        end = time.monotonic() + timeout
        while True:
            m = self.receive(end)
            if m.get('id') == self.number:
                assert 'error' not in m, m
                return m['result']
            self.events.append(m)

    def wait_event(self, method, timeout=PATIENCE):
        end = time.monotonic() + timeout
        while True:
            for n, m in enumerate(self.events):
                if m.get('method') == method:
                    return self.events.pop(n)
            self.events.append(self.receive(end))

    def load(self, url):
        """The text of a page, or the browser's word on why there is none."""
        self.events.clear()
        answer = self.call('Page.navigate', url=url)
        if answer.get('errorText'):
            return answer['errorText']
        self.wait_event('Page.loadEventFired')
        return self.call('Runtime.evaluate', expression='document.body.innerText')['result']['value']

    def stop(self):
        self.daemon.kill()
        os.close(self.output)
        os.close(self.input)
        shutil.rmtree(self.home, ignore_errors=True)
