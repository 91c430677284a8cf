# SPDX-License-Identifier: MIT
"""attezt doctor on a machine that runs systemd: green when all was installed and enrolled as the manual says, and what it
says mends mends."""
import json

import pytest

from rig_process import eventually
from rig_system import HELPERS, TCTI


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


# ---- What doctor and the daemons say of the same thing

def stop_helpers(machine):
    machine.systemctl('stop', 'attezt-enroll.service', 'attezt-tpm-signer.service', 'attezt-agent.service')


def test_tcti_of_the_settings_is_not_for_helpers_of_systemds(enrolled):
    """status, which asks such a helper, and doctor agree, whichever of both is set."""
    m = enrolled
    try:
        m.exec('mv', '/etc/attezt/agent.conf', '/root/')
        stop_helpers(m)
        assert complaints(examine(m)) == {}
        m.exec('mv', '/root/agent.conf', '/etc/attezt/')
        for name in HELPERS:
            m.remove_drop_in(f'{name}.service', name='10-tpm')
        stop_helpers(m)
        found = examine(m, '--device')
        assert found['tpm']['status'] == 'failed' and 'no /dev/tpmrm0. TCTI= in agent.conf is for' in found['tpm']['text']
        assert found['tpm']['command'] == 'systemctl edit attezt-enroll.service attezt-tpm-signer.service'
        m.use_software_tpm()
        m.remove_drop_in('attezt-tpm-signer.service', name='10-tpm')
        found = complaints(examine(m, '--device'))
        assert 'are told different TPMs' in found['tpm']['text'] and found['tpm']['status'] == 'warning', found
    finally:
        m.use_software_tpm()
        stop_helpers(m)
    assert complaints(examine(m)) == {}


def test_database_while_systemd_tries_on(enrolled):
    """No second atteztd is in the way, and nobody misses a credential that only systemd hands over."""
    m = enrolled
    since = m.shell('date +"%F %T"').stdout.strip()
    m.drop_in('atteztd.service', '[Service]\nExecStart=\nExecStart=/bin/false\n')
    m.shell('systemctl restart atteztd || true')
    try:
        found = examine(m, '--ca')['database']
        assert 'again and again' in found['text'] and found['command'] == 'journalctl -u atteztd -n 20', found
        m.drop_in('atteztd.service', '[Service]\nExecStart=\nExecStart=/bin/sh -c "exit 65"\n')
        m.shell('systemctl restart atteztd || true')
        assert 'inventory is damaged: restore' in examine(m, '--ca')['database']['text']
        m.drop_in('atteztd.service', '[Service]\nRestart=no\nExecStart=\nExecStart=/bin/false\n')
        m.shell('systemctl stop attezt-https.socket attezt-http.service atteztd.socket atteztd; systemctl mask atteztd')
        found = examine(m, '--ca')['database']
        assert found['status'] == 'skipped' and 'encrypted, and only the service can open them' in found['text'], found['text']
    finally:
        m.remove_drop_in('atteztd.service')
        m.shell('systemctl unmask atteztd; systemctl reset-failed atteztd.service atteztd.socket; systemctl restart atteztd.socket atteztd; '
                'systemctl start attezt-https.socket')
    eventually(lambda: complaints(examine(m)) == {}, 'all is well again')
    assert 'Another atteztd' not in m.exec('journalctl', '-q', '-u', 'atteztd', '--since', since).stdout


def test_without_polkit(enrolled):
    m = enrolled
    m.systemctl('mask', '--now', 'polkit.service')
    try:
        found = complaints(examine(m))
        assert set(found) == {'polkit', 'server-polkit'} and all(c['status'] == 'warning' for c in found.values()), found
        r = m.exec('attezt', 'status', user='alice', check=False)
        assert r.returncode == 5 and 'polkit could not be asked.' in r.stderr and 'apt install polkitd' in r.stderr, r
        m.shell(found['polkit']['command'])
    finally:
        m.systemctl('unmask', 'polkit.service')
    assert complaints(examine(m)) == {}


def test_masked_agent(enrolled):
    m = enrolled
    m.shell('systemctl stop attezt-agent.service; systemctl mask attezt-agent.service')
    try:
        r = m.exec('attezt', 'status', check=False)
        assert r.returncode == 75 and 'Unmask it: systemctl unmask attezt-agent.' in r.stderr, r
        found = complaints(examine(m, '--device'))
        assert 'masked' in found['agent']['text'], found
        m.shell(found['agent']['command'])
    finally:
        m.shell('systemctl unmask attezt-agent.service; systemctl stop attezt-agent.service; '
                'systemctl restart attezt-agent.socket')
    eventually(lambda: complaints(examine(m)) == {}, 'all is well again')


@pytest.mark.parametrize('unit,name,verb,words,check,package', [
    ('atteztd', 'Server1', ('ca', 'list'), 'no attestation CA on this machine', 'server', 'attezt-server'),
    ('attezt-agent', 'Agent1', ('status',), 'attezt-agent is not installed', 'agent', 'attezt-agent'),
], ids=['server', 'agent'])
def test_what_is_not_installed(enrolled, unit, name, verb, words, check, package):
    """Nobody can start it."""
    m = enrolled
    files = f'/usr/lib/systemd/system/{unit}.service /usr/share/dbus-1/system-services/dev.attezt.{name}.service'
    m.shell(f'mkdir /root/away; systemctl stop {unit}.service {unit}.socket; cp {files} /root/away/; rm {files}; '
            'systemctl daemon-reload')
    try:
        def told():
            r = m.exec('attezt', *verb, check=False)
            return r.returncode == 75 and words in r.stderr and f'apt install {package}' in r.stderr
        eventually(told, 'the package is named')
        found = complaints(examine(m))[check]
        assert found['command'] == f'apt install {package}', found
    finally:
        for f in files.split():
            m.shell(f'mv /root/away/{f.split("/")[-1]} {f}')
        m.shell(f'rmdir /root/away; systemctl daemon-reload; systemctl start {unit}.socket')
    eventually(lambda: complaints(examine(m)) == {}, 'all is well again')
