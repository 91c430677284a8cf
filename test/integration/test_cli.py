# SPDX-License-Identifier: MIT
"""The command attezt: what it prints, to the letter where it was promised, and how it ends."""
import json
import re
import shutil

import pytest

from rig_ca import load_chain, write
from rig_device import SoftEk
from rig_process import RIG, run
from rig_programs import Server, cli, cli_json, program

HASH = 'ab' * 32
OK, FAILED, USAGE, NOT_ENROLLED, NOT_FOUND, DENIED, TEMPORARY = 0, 1, 2, 3, 4, 5, 75
VERBS = ['ca create', 'ca root', 'ca enroll', 'ca list', 'ca lookup', 'ca set', 'ca replace', 'ca remove', 'ca import',
         'ca export', 'ca pending', 'ca approve', 'ca deny', 'ca trust list', 'ca trust add',
         'ca trust remove', 'ca trust import', 'ca trust test', 'status', 'enroll', 'renew',
         'unenroll', 'certificate', 'doctor', 'notify', 'setup nss', 'setup chromium', 'setup firefox',
         'setup networkmanager']


@pytest.fixture
def device(server, stepca, new_device):
    d = new_device(server, stepca)
    yield d
    server.forget_all()


# ---- status

BEFORE = r'''Status:
    Endorsement Key: {hash}
  Enrollment status: false
(         ACME Server: *\n)?( Attestation Server: *\n)?'''

AFTER = r'''Status:
    Endorsement Key: {hash}
  Enrollment status: true
        ACME Server: {acme}
 Attestation Server: {attestation}
       Next renewal: \d\d\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ \(two thirds of its life are over\)

Certificate chain:
X\.509v3 TLS Certificate \({key}\) \[Serial: \d{{4}}\.\.\.\d{{4}}\]
  Subject:     {name}
  Issuer:      Test step-ca Intermediate
  Provisioner: acme-da
  Valid from:  \d\d\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ
          to:  \d\d\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ

X\.509v3 Intermediate CA Certificate \(ECDSA P-256\) \[Serial: \d{{4}}\.\.\.\d{{4}}\]
  Subject:     Test step-ca Intermediate
  Issuer:      Test step-ca Root
  Valid from:  \d\d\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ
          to:  \d\d\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ
'''


def matches(pattern, text, **words):
    pattern = pattern.format(**{k: v if k == 'key' else re.escape(v) for k, v in words.items()})
    assert re.fullmatch(pattern, text), text


def test_status_before_enrolment(device):
    matches(BEFORE, cli('status').stdout, hash=device.tpm.ek_hash())


@pytest.mark.parametrize('option,key', [([], r'ECDSA P-256'), (['--key', 'rsa-2048'], r'RSA 2048')])
def test_status_after_enrolment(device, server, stepca, option, key):
    server.enroll(device.tpm.ek_hash(), 'framework')
    device.enroll(stepca, server, *option)
    text = cli('status').stdout
    matches(AFTER, text, hash=device.tpm.ek_hash(), acme=stepca.url(), attestation=server.url, key=key,
            name='framework')
    leaf = load_chain(device.file('device.crt'))[0]
    serial = str(leaf.serial_number)
    assert f'[Serial: {serial[:4]}...{serial[-4:]}]' in text
    assert leaf.not_valid_before.strftime('Valid from:  %Y-%m-%dT%H:%M:%SZ') in text
    assert leaf.not_valid_after.strftime('to:  %Y-%m-%dT%H:%M:%SZ') in text


def test_status_json(device, server, stepca):
    before = cli_json('status')
    assert before['ek-hash'] == device.tpm.ek_hash() and before['enrolled'] is False
    server.enroll(device.tpm.ek_hash(), 'framework')
    device.enroll(stepca, server)
    after = cli_json('status')
    assert after['enrolled'] is True and after['acme-server'] == stepca.url() and after['name'] == 'framework'


def test_status_without_agent(bus):
    assert cli('status', check=False).returncode not in (OK, USAGE)


# ---- certificate

def test_certificate(device, server, stepca):
    assert cli('certificate', check=False).returncode == NOT_ENROLLED
    server.enroll(device.tpm.ek_hash(), 'framework')
    device.enroll(stepca, server)
    assert cli('certificate').stdout.encode() == device.file('device.crt')
    ak = load_chain(cli('certificate', 'ak').stdout)
    assert len(ak) == 2 and ak[0].subject.rfc4514_string() == ''
    assert cli('certificate', 'nonsense', check=False).returncode == USAGE


# ---- enrol: what it prints

def test_data_to_stdout_talk_to_stderr(device, server, stepca):
    server.enroll(device.tpm.ek_hash(), 'framework')
    r = device.enroll(stepca, server)
    assert 'Status:' not in r.stderr
    assert 'framework' in r.stdout + r.stderr
    r = cli('ca', 'lookup', 'framework')
    assert 'framework' in r.stdout and r.stderr == ''


def test_refusal_says_what_to_do(device, server, stepca):
    r = device.enroll(stepca, server, check=False)
    assert r.returncode == TEMPORARY
    m = re.search(r'attezt (ca approve .* --name (\S+))$', r.stderr, re.M)
    assert m, r.stderr
    # The very command works.
    cli(*m[1].split())
    device.enroll(stepca, server)
    # A renewal proposes the name that the device had, not that of its host.
    name = m[2] + '.recorded'
    cli('ca', 'set', device.tpm.ek_hash(), '--name', name)
    device.enroll(stepca, server)
    server.remove(name)
    r = cli('renew', check=False)
    assert re.search(f'attezt ca approve .* --name {name}$', r.stderr, re.MULTILINE), r.stderr
    # One that is refused for good is told what to look at.
    server.enroll(device.tpm.ek_hash(), name)
    cli('ca', 'set', name, '--disabled')
    r = cli('renew', check=False)
    assert r.returncode == FAILED and f'attezt ca lookup {device.tpm.ek_hash()}' in r.stderr, r.stderr


def test_unknown_issuer_names_it_and_the_ways_out(bus, server, stepca, new_device):
    """Another server, that knows no vendor root."""
    server.stop()
    other = Server([], state=None)
    try:
        other.create_ca()
        device = new_device(other, stepca)
        other.enroll(device.tpm.ek_hash(), 'framework')
        r = device.enroll(stepca, other, check=False)
        assert r.returncode == FAILED
        assert 'swtpm-localca' in r.stderr and '--pinned' in r.stderr and 'ca trust add' in r.stderr, r.stderr
    finally:
        other.stop()
        server.start()


# ---- ca

def test_ca_create_and_root(bus, ek_roots, server):
    server.stop()
    other = Server(ek_roots)
    try:
        assert cli('ca', 'root', check=False).returncode != OK
        r = cli('ca', 'create')
        text = r.stdout + r.stderr
        assert 'step ca provisioner add' in text and '--disable-renewal' in text and '--attestation-roots' in text
        root = cli('ca', 'root').stdout
        write(f'{RIG}/cli-root.pem', root.encode())
        digest = run('openssl', 'x509', '-in', f'{RIG}/cli-root.pem', '-noout', '-fingerprint', '-sha256').stdout
        digest = digest.split('=')[1].strip().replace(':', '').lower()
        assert digest in text.replace(':', '').lower()
        assert cli_json('ca', 'root')['fingerprint'].replace(':', '').lower() == digest
        again = cli('ca', 'create', check=False)
        assert again.returncode == FAILED and cli('ca', 'root').stdout == root
        import os
        assert oct(os.stat(f'{other.state}/public/root.pem').st_mode & 0o777) == '0o644'
        for directory, _, files in os.walk(f'{other.state}/ca'):
            for name in files:
                path = os.path.join(directory, name)
                with open(path, 'rb') as f:
                    if b'PRIVATE KEY' in f.read():
                        assert os.stat(path).st_mode & 0o077 == 0, path
    finally:
        other.stop()
        server.start()


def test_ca_enroll_list_lookup_remove(server):
    cli('ca', 'enroll', HASH, 'one', 'two', '--ak-lifetime', '1y', '--note', 'rack 4')
    d = cli_json('ca', 'lookup', 'TWO')
    assert d['ek-hash'] == HASH and d['names'] == ['one', 'two'] and d['note'] == 'rack 4'
    assert 365 * 86400 <= d['ak-lifetime'] <= 366 * 86400
    assert HASH in cli('ca', 'list').stdout and 'one' in cli('ca', 'list').stdout
    listed = cli_json('ca', 'list')
    assert [x['ek-hash'] for x in (listed['devices'] if isinstance(listed, dict) else listed)] == [HASH]
    assert cli('ca', 'enroll', HASH, check=False).returncode == FAILED
    cli('ca', 'remove', 'one')
    assert cli('ca', 'lookup', 'one', check=False).returncode == NOT_FOUND
    assert cli('ca', 'remove', 'one', check=False).returncode == NOT_FOUND
    assert HASH not in cli('ca', 'list').stdout


def test_ca_list_of_many_devices(server):
    for n in range(120):
        server.enroll(f'{n:064x}', f'many-{n}')
    listed = cli_json('ca', 'list')
    assert len(listed['devices'] if isinstance(listed, dict) else listed) == 120
    assert len([line for line in cli('ca', 'list').stdout.splitlines() if 'many-' in line]) == 120
    server.forget_all()


@pytest.mark.parametrize('form', ['certificate-der', 'certificate-pem', 'public-key-pem', 'public-key-der'])
def test_ca_enroll_by_certificate(server, vendor, scratch, form):
    from cryptography import x509
    from rig_ca import pem
    from cryptography.hazmat.primitives import serialization
    ek = SoftEk(authority=vendor)
    data = {'certificate-der': ek.certificate,
            'certificate-pem': pem(x509.load_der_x509_certificate(ek.certificate)),
            'public-key-der': ek.spki,
            'public-key-pem': ek.key.public_key().public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)}[form]
    path = write(f'{scratch}/ek', data)
    cli('ca', 'enroll', '--certificate', path, 'by-file')
    assert server.look_up('by-file')['ek-hash'] == ek.hash
    server.remove('by-file')
    write(path, b'nonsense')
    assert cli('ca', 'enroll', '--certificate', path, 'by-file', check=False).returncode in (FAILED, USAGE)


def test_flags_of_ca_enroll(server):
    cli('ca', 'enroll', HASH, '--any-name', '--pinned')
    d = server.look_up(HASH)
    assert d['any-name'] is True and d['pinned'] is True
    server.remove(HASH)


# ---- everything

@pytest.mark.parametrize('verb', VERBS)
def test_help(verb):
    r = cli(*verb.split(), '--help', user='nobody')
    assert r.stdout.strip() and r.stderr == ''


def test_help_of_setup():
    r = cli('setup', '--help')
    assert r.stdout.startswith('attezt [OPTIONS…] setup VERB …\n') and 'firefox' in r.stdout and 'ca create' not in r.stdout


def test_help_of_ca_has_a_head_and_the_options():
    r = cli('ca', '--help')
    assert r.stdout.startswith('attezt [OPTIONS…] ca VERB …\n') and '--json' in r.stdout and 'unenroll' not in r.stdout


@pytest.mark.parametrize('line', [
    'enroll --acme https://ca.test/x --attestation https://attest.test --ca-file /nonexistent',
    'enroll --acme https://ca.test/x --attestation https://attest.test --eab-kid x --eab-key-file /nonexistent',
    'ca enroll x --certificate /etc/passwd',
])
def test_one_line_for_a_file_that_does_not_serve(server, device, line):
    r = cli(*line.split(), check=False)
    assert r.returncode == FAILED and len(r.stderr.splitlines()) == 1 and 'Invalid argument' not in r.stderr, r.stderr


def test_unenroll_of_what_is_not_enrolled_gives_no_advice_to_enrol(server, device):
    r = cli('unenroll', check=False)
    assert r.returncode == NOT_ENROLLED and 'attezt enroll' not in r.stderr, r.stderr


@pytest.mark.parametrize('line', [
    'nonsense', 'ca', 'ca nonsense', 'setup', 'setup nonsense', 'setup chromium', 'setup chromium https://a.test/page', 'ca enroll', 'ca lookup', 'ca set', 'ca replace', 'ca remove', 'ca lookup a b', '--nonsense',
    'status --nonsense', 'status extra', 'ca enroll xyz', 'enroll --key', 'enroll --key nonsense',
    'enroll --lifetime soon', 'ca enroll ' + HASH + ' --ak-lifetime soon',
])
def test_wrong_usage(server, line):
    r = cli(*line.split(), check=False)
    assert r.returncode == USAGE, (r.returncode, r.stdout, r.stderr)
    assert r.stderr.strip() and r.stdout == ''


@pytest.mark.parametrize('line', ['ca list', 'ca lookup x', 'ca enroll ' + HASH, 'ca remove x', 'ca create',
                                  'renew', 'unenroll',
                                  'enroll --acme https://ca.test/x --attestation https://attest.test'])
def test_denied(server, device, line):
    r = cli(*line.split(), '--no-ask-password', user='nobody', check=False)
    assert r.returncode == DENIED, (r.returncode, r.stderr)
    assert r.stderr.strip()


def test_every_local_user_sees_status_and_certificate(server, device):
    assert device.tpm.ek_hash() in cli('status', '--no-ask-password', user='nobody').stdout
    assert cli('certificate', '--no-ask-password', user='nobody', check=False).returncode == NOT_ENROLLED


def test_verbs_without_a_server(bus, server):
    server.stop()
    try:
        assert cli('ca', 'list', check=False).returncode in (FAILED, TEMPORARY)
    finally:
        server.start()


def test_strange_text_reaches_the_terminal_escaped(server):
    cli('ca', 'enroll', HASH, 'escaped', '--note', 'a\x1b[31mb\x07')
    assert '\x1b' not in cli('ca', 'lookup', 'escaped').stdout and '\x07' not in cli('ca', 'list').stdout
    assert json.loads(cli('ca', 'lookup', 'escaped', '--json').stdout)
    server.remove(HASH)
