# SPDX-License-Identifier: MIT
"""attezt doctor on a machine that runs systemd: green when all was installed and enrolled as the manual says, and what it
says mends mends."""
import json

import pytest

from rig_process import eventually
from rig_system import TCTI


@pytest.fixture(scope='module')
def enrolled(packages, tpms, machines):
    """CA host and device in one."""
    m = machines(packages, tpms.start())
    m.use_software_tpm()
    m.write('/etc/attezt/agent.conf', f'[Agent]\nTCTI={TCTI}\n')
    m.servers.enroll()
    m.write('/root/passphrase', 'correct horse battery staple\n', 0o600)
    m.exec('attezt', 'ca', 'backup', '/root/backup', '--passphrase-file', '/root/passphrase')
    m.add_user('alice')
    return m


def examine(machine, *options, user=None):
    r = machine.exec('attezt', 'doctor', '--json', *options, user=user, check=False, timeout=120)
    checks = json.loads(r.stdout)
    assert r.returncode == any(c['status'] == 'failed' for c in checks), r.stderr
    return {c['id']: c for c in checks}


def complaints(checks):
    return {i: c for i, c in checks.items() if c['status'] in ('failed', 'warning')}


def test_green(enrolled):
    for user in (None, 'alice'):
        checks = examine(enrolled, user=user)
        assert complaints(checks) == {}, user
        assert {c['side'] for c in checks.values()} == {'device', 'ca'}
    assert examine(enrolled)['listeners']['status'] == examine(enrolled)['ek-certificate']['status'] == 'ok'


def test_idle_services_are_no_fault(enrolled):
    """They are started by the look at them."""
    enrolled.systemctl('stop', 'attezt-agent.service', 'atteztd.service', 'attezt-http.service')
    assert complaints(examine(enrolled)) == {}


@pytest.mark.parametrize('plant,check', [
    ('rm /run/attezt/p11kit.socket', 'token-access'),
    ('rm /run/attezt/p11kit.socket; python3 -c \'import socket; s = socket.socket(socket.AF_UNIX); '
     's.bind("/run/attezt/p11kit.socket")\'; chmod 0666 /run/attezt/p11kit.socket', 'token-answer'),
    ('chmod 0700 /run/attezt', 'token-access'),
    ('systemctl stop attezt-renew.timer', 'renewal'),
    ('systemctl disable --now attezt-https.socket; systemctl stop attezt-http.service', 'listeners'),
    ('systemctl stop attezt-https.socket attezt-http.service', 'listeners'),
    ('chmod 0600 /etc/attezt/tls/key.pem', 'tls-certificate'),
    ('mv /usr/share/p11-kit/modules/attezt.module /root/', 'token-module'),
    ('systemctl stop step-ca', 'acme-connection'),
], ids=['socket-gone', 'socket-stale', 'socket-directory', 'timer', 'socket-disabled', 'socket-stopped', 'tls-key', 'module',
        'acme-server'])
def test_fault(enrolled, plant, check):
    enrolled.shell(plant)
    found = complaints(examine(enrolled))
    assert check in found and set(found) <= {check, 'attestation-connection'}, found
    enrolled.shell(found[check]['command'])
    eventually(lambda: complaints(examine(enrolled)) == {}, 'all is well again')


def test_https_without_a_certificate(enrolled):
    """A socket that somebody enabled, and no word of a certificate in the settings."""
    settings = '/etc/attezt/atteztd.conf'
    enrolled.shell(f'cp -a {settings} /root/; sed -i /^TLS/d {settings}; systemctl restart atteztd; '
                   'systemctl stop attezt-http.service; systemctl restart attezt-https.socket')
    try:
        checks = examine(enrolled, '--ca')
        found = complaints(checks)
        assert 'set TLSCertificate= and TLSKey=' in found['tls-certificate']['text']
        assert found['tls-certificate']['command'] == f'editor {settings}'
        # Nothing that is restarted has a certificate then.
        assert 'listeners' not in found and '"tls-certificate" is mended' in checks['listeners']['text']
    finally:
        enrolled.shell(f'mv /root/atteztd.conf {settings}; systemctl restart atteztd; systemctl stop attezt-http.service; '
                       'systemctl restart attezt-https.socket')
    eventually(lambda: complaints(examine(enrolled)) == {}, 'all is well again')


def test_no_user_and_no_group(enrolled):
    enrolled.shell('gpasswd -d attezt-tpm tss; chmod 0660 /tpm/s; chgrp tss /tpm/s')
    try:
        found = complaints(examine(enrolled))
        assert 'usermod -a -G tss attezt-tpm' in found['tpm-access']['command'], found
        enrolled.shell(found['tpm-access']['command'])
        assert complaints(examine(enrolled)) == {}
    finally:
        enrolled.shell('chmod 0666 /tpm/s')
