# SPDX-License-Identifier: MIT
"""The credential that opens the CA's keys is lost with the machine's secret: what doctor and the manual say then is typed
in, and the CA is back."""
import json
import re

import pytest

from rig_process import RIG, eventually

SERVER = 'atteztd.service'
SECRET = '/var/lib/systemd/credential.secret'
CREDENTIAL = '/etc/credstore.encrypted/atteztd.wrapping-key'
KEY = '/var/lib/atteztd/ca/intermediate.key'


@pytest.fixture(scope='module')
def ca_host(packages, machines):
    m = machines(packages, servers=False, which=('attezt', 'attezt-server'))
    m.write('/root/passphrase', 'correct horse battery staple\n', 0o600)
    m.exec('attezt', 'ca', 'create')
    m.exec('attezt', 'ca', 'enroll', 'ab' * 32, 'one')
    m.exec('attezt', 'ca', 'backup', '/root/backup', '--passphrase-file', '/root/passphrase')
    assert b'ENCRYPTED' in as_bytes(m.read(KEY))
    return m


def as_bytes(text):
    return text if isinstance(text, bytes) else text.encode()


def as_doctor_says(machine):
    r = machine.exec('attezt', 'doctor', '--ca', '--json', check=False)
    database = next(c for c in json.loads(r.stdout) if c['id'] == 'database')
    assert database['status'] == 'failed' and 'cannot decrypt the credential' in database['text'], database
    return database['command']


def as_the_page_says(machine):
    with open(f'{RIG}/tree/man/atteztd.8') as f:
        section = f.read().split('.Sh WHEN THE CA CANNOT BE USED')[1].split('.Sh ')[0]
    found, = [e for e in re.findall(r'^\.Bd .*\n((?:.*\n)*?)\.Ed', section, re.M) if 'systemd-creds' in e]
    return found.replace('\\e\n', '\\\n')


@pytest.mark.parametrize('commands', [as_doctor_says, as_the_page_says], ids=['doctor', 'page'])
def test_the_machines_secret_is_lost(ca_host, commands):
    m = ca_host
    root = m.exec('attezt', 'ca', 'root').stdout
    m.systemctl('stop', SERVER)
    m.exec('mv', SECRET, f'{SECRET}.gone')
    m.systemctl('start', SERVER, check=False)
    eventually(lambda: m.show(SERVER, 'ExecMainStatus') == '243', 'systemd cannot decrypt it')
    text = commands(m)
    assert 'BACKUP' in text
    m.shell(text.replace('BACKUP', '/root/backup --passphrase-file /root/passphrase'))
    assert m.exec('attezt', 'ca', 'root').stdout == root
    assert 'one' in m.exec('attezt', 'ca', 'list').stdout
    assert b'ENCRYPTED' in as_bytes(m.read(KEY))
    m.systemctl('restart', SERVER)
    assert m.exec('attezt', 'ca', 'root').stdout == root


def test_the_file_of_the_credential_is_lost(ca_host):
    m = ca_host
    root = m.exec('attezt', 'ca', 'root').stdout
    m.systemctl('stop', SERVER)
    m.exec('rm', CREDENTIAL)
    r = m.exec('attezt', 'ca', 'root', check=False)
    assert r.returncode == 1 and 'systemd gave no credential' in r.stderr, r
    assert 'cannot be used' in m.show(SERVER, 'StatusText')
    checks = json.loads(m.exec('attezt', 'doctor', '--ca', '--json', check=False).stdout)
    server = next(c for c in checks if c['id'] == 'server')
    assert server['status'] == 'failed' and 'systemd gave no credential' in server['text'], server
    m.shell(server['command'].replace('BACKUP', '/root/backup --passphrase-file /root/passphrase'))
    assert m.exec('attezt', 'ca', 'root').stdout == root
