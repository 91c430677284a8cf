# SPDX-License-Identifier: MIT
"""README's commands, typed as a new user would: a host for the CA and a device, on a network of their own."""
import base64
import hashlib
import hmac
import json
import re

import pytest

from rig_process import RIG, eventually
from rig_system import connect

HASH_OF_THE_README = '2ea8888a4a935bfd418e6a700785655b0d2711abc52e71f1dbeeee03e9650396'
HOSTS = '10.1.0.1 ca.example.org attezt.example.org intranet.example.org\n10.1.0.2 device'
PATIENCE_OF_TYPISTS = 60


@pytest.fixture(scope='module')
def readme():
    with open(f'{RIG}/tree/README') as f:
        text = f.read()
    return re.sub(r' *\\\n *', ' ', text)


@pytest.fixture
def type_in(readme):
    """type_in(machine, words, replace={…}, user=None): the one command of README that begins with these words."""
    def type_it(machine, words, replace=(), before='', **kwargs):
        lines = {line.strip() for line in readme.splitlines() if line.startswith('    ' + words)}
        assert len(lines) == 1, (words, lines)
        command = lines.pop()
        for a, b in dict(replace).items():
            assert a in command
            command = command.replace(a, b)
        return machine.shell(f'cd\n{before}{command}', timeout=PATIENCE_OF_TYPISTS, **kwargs)
    return type_it


@pytest.fixture(scope='module')
def ca_host(packages, machines):
    yield machines(packages, servers=False, which=('attezt', 'attezt-server'), hostname='ca-host', hosts=HOSTS)


@pytest.fixture(scope='module')
def device(packages, machines, tpms, ca_host):
    m = machines(packages, tpms.start(), servers=False, which=('attezt', 'attezt-agent'), hostname='device', hosts=HOSTS)
    connect(ca_host, '10.1.0.1', m, '10.1.0.2')
    m.use_software_tpm()
    m.add_user('carol')
    yield m


def test_the_ca_host(ca_host, device, ek_roots, type_in):
    import os
    from rig_ca import Authority, pem
    type_in(ca_host, 'attezt ca create')
    # Its administrator has a TLS certificate, the vendors' roots, and a step-ca.
    authority = Authority('Example Root')
    os.makedirs(f'{ca_host.home}/tls')
    certificate, key = authority.server('attezt.example.org', 'intranet.example.org', directory=f'{ca_host.home}/tls')
    for source, name in ((certificate, 'fullchain.pem'), (key, 'key.pem')):
        with open(source) as f:
            ca_host.write(f'/etc/attezt/tls/{name}', f.read())
    ca_host.write('/etc/attezt/atteztd.conf', '[HTTP]\nTLSCertificate=/etc/attezt/tls/fullchain.pem\n'
                                              'TLSKey=/etc/attezt/tls/key.pem\n')
    ca_host.shell('chmod 0600 /etc/attezt/tls/key.pem')
    type_in(ca_host, 'chgrp attezt-http')
    device.write('/etc/attezt/ca.d/example.pem', pem(authority.certificate))
    for name in os.listdir(ek_roots[0]):
        with open(f'{ek_roots[0]}/{name}') as f:
            ca_host.write(f'/etc/attezt/ek-roots.d/{name}', f.read())
    type_in(ca_host, 'systemctl enable --now attezt-https.socket')

    ca_host.shell('cd /root; echo secret >password; step ca init --deployment-type standalone --name Example --dns '
                  'ca.example.org --address :9443 --provisioner admin --password-file password >&2')
    type_in(ca_host, 'attezt ca root')
    type_in(ca_host, 'step ca provisioner add')
    ca_host.exec('systemd-run', '--unit=step-ca', '-E', 'HOME=/root', '/opt/peers/step-ca', '--password-file',
                 '/root/password', '/root/.step/config/ca.json')
    device.write('/etc/attezt/ca.d/step-ca.pem', ca_host.read('/root/.step/certs/root_ca.crt'))
    eventually(lambda: ca_host.exec('curl', '-sf', '--cacert', '/root/.step/certs/root_ca.crt',
                                    'https://ca.example.org:9443/health', check=False).returncode == 0, 'step-ca is up')


def test_the_device(ca_host, device, type_in):
    status = type_in(device, 'attezt status  ', user='carol').stdout
    found = re.search(r'Endorsement Key: *([0-9a-f]{64})', status)[1]
    type_in(ca_host, 'attezt ca enroll', {HASH_OF_THE_README: found})
    assert 'framework' in type_in(ca_host, 'attezt ca list').stdout
    type_in(device, 'attezt enroll', {'ca.example.org': 'ca.example.org:9443'})
    type_in(device, 'attezt certificate >')
    assert 'BEGIN CERTIFICATE' in device.read('/root/device.crt')
    assert 'framework' in device.exec('attezt', 'status', user='carol').stdout


def test_the_webhooks_secret(ca_host, device, type_in):
    """As it would have come from step ca; attezt-http takes whoever signs with it for step-ca."""
    secret = base64.b64encode(bytes(range(64))).decode()
    body = json.dumps({'timestamp': '2026-03-21T21:24:05Z', 'attestationData': {'permanentIdentifier': 'framework'}})
    signed = hmac.new(bytes(range(64)), body.encode(), hashlib.sha256).hexdigest()

    def ask(*options):
        return ca_host.exec('curl', '-s', '-w', ' %{http_code}', '--cacert', '/root/example.pem', '-d', body, '-H',
                            'Content-Type: application/json', *options, 'https://attezt.example.org/webhook').stdout
    ca_host.write('/root/example.pem', device.read('/etc/attezt/ca.d/example.pem'))
    type_in(ca_host, 'install -d -m 700 /etc/credstore')
    type_in(ca_host, 'install -m 600 /dev/stdin', before=f'echo {secret} | ')
    type_in(ca_host, 'systemctl restart attezt-http')
    assert ask().endswith(' 401')
    answer = ask('-H', f'X-Smallstep-Signature: {signed}')
    assert answer.endswith(' 200') and '"allow":true' in answer.replace(' :', ':').replace(': ', ':'), answer
    assert ca_host.exec('stat', '-c', '%a', '/etc/credstore', '/etc/credstore/attezt-http.webhook-secret').stdout.split() \
        == ['700', '600']


def test_an_unprivileged_user_sees_and_does_not_enrol(device):
    """Nor anybody who came over ssh, until a rule of polkit's says so."""
    command = ('attezt', 'enroll', '--acme', 'https://ca.example.org:9443/acme/acme-da', '--attestation',
               'https://attezt.example.org')
    assert device.exec(*command, user='carol', check=False).returncode == 5
    device.write('/etc/polkit-1/rules.d/50-carol.rules', 'polkit.addRule(function(action, subject) {\n'
                 '  if (action.id == "dev.attezt.agent.enroll" && subject.user == "carol") return "yes";\n});\n')
    eventually(lambda: device.exec(*command, user='carol', check=False).returncode == 0, 'polkitd reads it', 30)


def test_the_certificate_is_used(ca_host, device, readme, type_in):
    """By a user at the device's seat, against a web server that wants it."""
    ca_host.shell('cat /root/.step/certs/root_ca.crt /root/.step/certs/intermediate_ca.crt >/etc/nginx/step-ca.pem')
    directives = ''.join(line + '\n' for line in readme.splitlines() if line.startswith('    ssl_'))
    assert 'ssl_verify_client on' in directives
    ca_host.write('/etc/nginx/conf.d/intranet.conf',
                  'server {\n listen 8443 ssl;\n ssl_certificate /etc/attezt/tls/fullchain.pem;\n'
                  ' ssl_certificate_key /etc/attezt/tls/key.pem;\n'
                  f'{directives} location / {{ return 200 "$ssl_client_s_dn\\n"; }}\n}}\n')
    ca_host.systemctl('start', 'nginx.service')
    site = {'https://intranet.example.org/': 'https://intranet.example.org:8443/ --cacert /etc/attezt/ca.d/example.pem -sS'}
    names = '\n'.join(line.strip() for line in readme.splitlines() if re.match(r'    (CERT|KEY)=', line)) + '\n'

    refused = type_in(device, 'curl --cert', site, before=names, user='carol', check=False)
    assert refused.returncode != 0, 'carol is not at the seat'
    session = device.log_in('carol')
    try:
        assert 'framework' in type_in(device, 'curl --cert', site, before=names, user='carol').stdout
        port = {'intranet.example.org': 'intranet.example.org:8443 --x509cafile /etc/attezt/ca.d/example.pem </dev/null'}
        assert '- Handshake was completed' in type_in(device, 'gnutls-cli', port, before=names, user='carol').stdout
        listed = type_in(device, 'pkcs11-tool', {'p11-kit-proxy.so': '/usr/lib/x86_64-linux-gnu/p11-kit-proxy.so'},
                         user='carol').stdout
        assert 'Attezt TPM key' in listed
    finally:
        device.log_out(session)


def test_after_both_have_been_rebooted(ca_host, device, type_in):
    """Nothing has to be typed again but what is not attezt's."""
    for m in (ca_host, device):
        m.reboot()
    connect(ca_host, '10.1.0.1', device, '10.1.0.2')
    ca_host.exec('systemd-run', '--unit=step-ca', '-E', 'HOME=/root', '/opt/peers/step-ca', '--password-file',
                 '/root/password', '/root/.step/config/ca.json')
    eventually(lambda: ca_host.exec('curl', '-sf', '--cacert', '/root/.step/certs/root_ca.crt',
                                    'https://ca.example.org:9443/health', check=False).returncode == 0, 'step-ca is up')
    session = device.log_in('carol')
    try:
        r = device.exec('p11tool', '--test-sign',
                        'pkcs11:token=Attestation%20Trust;object=Attezt%20TPM%20key;type=private', user='carol')
        assert r.stderr.count('... ok') == 3, r.stderr
    finally:
        device.log_out(session)
    device.exec('attezt', 'renew', timeout=PATIENCE_OF_TYPISTS)
    assert 'framework' in device.exec('attezt', 'status', user='carol').stdout


def test_the_calls_over_the_bus(ca_host, device, readme):
    """busctl's, as README shows them."""
    for line in readme.splitlines():
        if line.startswith('    busctl '):
            (device if 'Agent1' in line else ca_host).shell(line.strip())
