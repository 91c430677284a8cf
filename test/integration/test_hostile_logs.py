# SPDX-License-Identifier: MIT
"""No secret and no body of a request reaches a log: all that daemons and the command say over a whole journey, as loud
as they can be, is searched for all that was secret in it, in each encoding that one might log it in."""
import base64
import copy
import glob
import hashlib
import hmac
import json
import os
import re
import secrets
import shutil

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import padding

import p11kit_rpc as rpc
from p11kit_rpc import Connection
from rig_ca import load_chain, write
from rig_device import Client, SoftAk, SoftEk, activate, attest_request, b64, chain_of
from rig_journal import UNDER_SYSTEMD, Journal
from rig_process import RIG, Daemon, eventually, free_port, port_open
from rig_programs import Server, cli, directory, program
from rig_stepca import StepCa

PASSPHRASE, WRONG_PASSPHRASE = 'a passphrase of the test', 'another one of the test'
WRAPPING_KEY = secrets.token_hex(32)
MARKER = 'marker<' + secrets.token_hex(8) + '>'
SETTINGS_SECRET = secrets.token_bytes(32)       # the webhook's
EAB_KEY = secrets.token_bytes(32)
SIGNED, SEALED = secrets.token_bytes(32), secrets.token_bytes(24)


# ---- What to look for

def escaped(data):
    """As log_escape() would have it."""
    return ''.join(chr(c) if 0x20 <= c < 0x7f and c != 0x5c else f'\\x{c:02x}' for c in data).encode()


def encodings(data):
    """In each of which it is found, wherever it begins in what was encoded."""
    hexadecimal = data.hex()
    yield from (data, escaped(data), hexadecimal.encode(), hexadecimal.upper().encode(),
                ':'.join(f'{c:02x}' for c in data).encode(), ' '.join(f'{c:02x}' for c in data).encode())
    for before in range(3):
        text = base64.b64encode(bytes(before) + data)[4 if before else 0:len(data) // 3 * 4]
        yield from (text, text.replace(b'+', b'-').replace(b'/', b'_'))


def found(needles, haystack):
    return {name for name, data in needles.items() if any(e in haystack for e in encodings(data))}


def test_the_search_finds_what_is_there():
    secret = bytes(range(0xe0, 0x100))
    needles = {'secret': secret, 'other': bytes(32)}
    for text in (secret, secret.hex().encode(), secret.hex().upper().encode(), escaped(secret),
                 base64.b64encode(secret), base64.urlsafe_b64encode(secret), base64.b64encode(b'x' + secret + b'y'),
                 base64.b64encode(b'xy' + secret + b'z'), base64.urlsafe_b64encode(b'xyz' + secret)):
        assert found(needles, b'atteztd: the secret is ' + text + b'.\n') == {'secret'}, text
    assert found(needles, b'atteztd: Enrolled: ' + hashlib.sha256(secret).hexdigest().encode()) == set()


# ---- Who speaks

class Loud(Server):
    """With all that it can be given in secret, and --verbose."""
    def __init__(self, ek_roots, wrapper):
        self.wrapper = wrapper
        home = directory(f'{RIG}/loud-{Server.started}')
        webhook = write(f'{home}/webhook', base64.b64encode(SETTINGS_SECRET) + b'\n', mode=0o644)
        config = write(f'{home}/atteztd.conf', f'[HTTP]\nWebhookSecret={webhook}\n'.encode())
        self.credentials = directory(f'{home}/credentials', 'atteztd', 0o700)
        shutil.chown(write(f'{self.credentials}/atteztd.wrapping-key', WRAPPING_KEY.encode(), mode=0o400), 'atteztd')
        super().__init__(ek_roots, port=free_port(), options=['--config', config, '--verbose'])
        self.create_ca()

    def start(self):
        self.daemon = Daemon(*self.wrapper, program('atteztd'), *self.options, user='atteztd', notify=True,
                             name='atteztd', env={'CREDENTIALS_DIRECTORY': self.credentials})
        self.daemon.wait_ready()
        self.port = int(self.listen.rpartition(':')[2])
        eventually(lambda: port_open(self.port), 'the front listens')
        self.url = f'https://attest.test:{self.port}'


class World:
    def __init__(self, ek_roots, new_device, journal):
        shutil.rmtree(f'{RIG}/log')
        os.makedirs(f'{RIG}/log')
        self.journal, self.said, self.needles = journal, b'', {}
        self.wrapper = UNDER_SYSTEMD if journal else []
        self.server = Loud(ek_roots, self.wrapper)
        self.stepca = StepCa(self.server.root_pem)
        self.device = new_device(self.server, self.stepca, start=False, owner='attezt-tpm', options=['--verbose'])
        self.device.start_helper_socket('attezt-enroll', '--ca-dir', self.device.ca_dir, '--verbose')
        self.device.start_helper_socket('attezt-tpm-signer', '--verbose')
        self.device.agent = Daemon(*self.wrapper, program('attezt-agent'), *self.device.options, user='attezt',
                                   notify=True, name='attezt-agent')
        self.device.agent.wait_ready()

    def cli(self, *words, **kwargs):
        r = cli('--verbose', *words, check=False, timeout=240, **kwargs)
        self.said += (r.stdout + r.stderr).encode()
        return r

    def all_that_was_said(self):
        text = self.said + (self.journal.raw if self.journal else b'')
        for path in glob.glob(f'{RIG}/log/attezt*.log'):
            with open(path, 'rb') as f:
                text += f.read()
        return text


@pytest.fixture(params=['lines', 'journal'])
def world(request, bus, ek_roots, new_device):
    journal = Journal() if request.param == 'journal' else None
    w = World(ek_roots, new_device, journal)
    yield w
    w.stepca.stop()
    w.server.stop()
    if journal:
        journal.close()


# ---- The journey

def a_device_enrols_and_signs(w):
    w.server.enroll(w.device.tpm.ek_hash(), 'framework')
    eab = write(f'{w.server.state}/../eab', base64.urlsafe_b64encode(EAB_KEY).rstrip(b'=') + b'\n', mode=0o600)
    r = w.cli('enroll', '--acme', w.stepca.url(), '--attestation', w.server.url, '--key', 'rsa-2048',
              '--eab-kid', 'kid-1', '--eab-key-file', eab)
    assert r.returncode == 0, r.stderr
    assert w.cli('renew').returncode == 0
    leaf = load_chain(w.device.file('device.crt'))[0]
    with Connection(w.device.p11kit) as c:
        session = c.open_session()
        key = c.device_key(session)
        c.sign_init(session, key, rpc.CKM_RSA_PKCS)
        signature = c.sign(session, SIGNED)
        sealed = leaf.public_key().encrypt(SEALED, padding.PKCS1v15())
        c.decrypt_init(session, key, rpc.CKM_RSA_PKCS)
        assert c.decrypt(session, sealed) == SEALED
    w.needles.update({'signed data': SIGNED, 'decrypted data': SEALED, 'sealed data': sealed, 'signature': signature,
                      'EAB key': EAB_KEY})
    for path in glob.glob(f'{w.device.state}/accounts/*'):
        with open(path, 'rb') as f:
            text = f.read()
        for n, word in enumerate(re.findall(rb'[A-Za-z0-9+/_-]{40,}', text)):
            w.needles[f'account key {n}'] = word
    assert 'account key 0' in w.needles
    assert w.cli('status').returncode == 0


def a_device_in_software_proves_itself(w):
    """Rightly, once more, and wrongly."""
    client, ek, ak = Client(w.server.url, w.server.tls_root), SoftEk(), SoftAk()
    w.server.enroll(ek.hash, 'soft', pinned=True)
    evidence = ak.evidence()
    status, answer = client.post('/attest', attest_request(ek, evidence))
    assert status == 200
    secret, wrong = activate(ek, ak, answer), secrets.token_bytes(32)
    status, chain = client.secret(secret)
    assert status == 200
    assert client.secret(secret)[0] == 403 and client.secret(wrong)[0] == 403
    w.needles.update({'secret': secret, 'wrong secret': wrong, 'certificate': chain_of(chain)[0]})
    w.needles.update({f'answer {k}': base64.b64decode(v) for k, v in answer.items()})
    w.needles.update({f'params {k}': v for k, v in evidence.items()})


def with_marker_at(request, path, value):
    bent = copy.deepcopy(request)
    where = bent
    for k in path[:-1]:
        where = where[k]
    where[path[-1]] = value
    return bent


def places(value, path=()):
    for k, v in value.items() if isinstance(value, dict) else enumerate(value):
        yield (*path, k)
        if isinstance(v, (dict, list)):
            yield from places(v, (*path, k))


def bodies_with_markers(request):
    for path in places(request):
        for value in (MARKER, b64(MARKER.encode()), [MARKER], {MARKER: MARKER}):
            yield json.dumps(with_marker_at(request, path, value)).encode()
    text = json.dumps(request)
    yield from (f'{MARKER}{text}'.encode(), f'{text}{MARKER}'.encode(),
                f'{{"{MARKER}": "{MARKER}", {text[1:]}'.encode(),
                text.replace('": "', f'": {MARKER} "', 1).encode(), f'"{MARKER}"'.encode(), MARKER.encode(),
                (MARKER * 4000).encode(), b'\xff\xfe' + MARKER.encode(), MARKER.encode() + b'\0' + text.encode())


def strangers_send_markers(w):
    ek, ak = SoftEk(), SoftAk()
    request = attest_request(ek, ak.evidence(), ekCerts=[b64(b'no certificate')])
    headers = {'Authorization': f'Bearer {MARKER}', 'Cookie': MARKER, 'X-Smallstep-Signature': MARKER,
               'X-Marker': MARKER, 'Content-Type': MARKER}
    question = {'timestamp': 'now', 'x509CertificateRequest': {'raw': 'AAAA', 'subject': {'commonName': 'x'}},
                'attestationData': {'permanentIdentifier': 'framework'}, 'authorizationPrincipal': 'x'}
    sent = 0
    for method, path, body_of in (('POST', '/attest', request), ('POST', '/secret', {'secret': b64(bytes(32))}),
                                  ('POST', '/webhook', question), ('PUT', '/attest', {'x': 1}),
                                  ('POST', '/root.pem', {'x': 1})):
        for body in bodies_with_markers(body_of):
            try:
                status, _, _ = Client(w.server.url, w.server.tls_root).request(method, path, body, headers)
            except OSError:
                continue  # not read to its end, and closed
            assert status != 500, body
            sent += 1
    assert sent > 100
    w.needles['marker'] = MARKER.encode()


def a_webhook_asks(w):
    """Signed, so that it is read; the name that it asks about is the only thing of it that the record may have."""
    client = Client(w.server.url, w.server.tls_root)
    question = {'timestamp': MARKER,
                'x509Certificate': {'raw': MARKER, 'subject': {'commonName': MARKER}, MARKER: MARKER},
                'authorizationPrincipal': MARKER, 'attestationData': {'permanentIdentifier': 'framework', 'x': MARKER}}
    for name, expected in (('framework', True), ('nobody', False)):
        body = json.dumps(with_marker_at(question, ('attestationData', 'permanentIdentifier'), name)).encode()
        signature = hmac.new(SETTINGS_SECRET, body, hashlib.sha256).digest()
        status, _, answer = client.request('POST', '/webhook', body, {'X-Smallstep-Signature': signature.hex()})
        assert status == 200 and answer['allow'] is expected, answer
        w.needles[f'signature of the webhook {name}'] = signature
    w.needles['secret of the webhook'] = SETTINGS_SECRET


def people_manage_the_ca(w, scratch):
    good = write(f'{scratch}/good', PASSPHRASE.encode(), mode=0o600)
    wrong = write(f'{scratch}/wrong', WRONG_PASSPHRASE.encode(), mode=0o600)
    with open(f'{w.server.state}/ca/root.key', 'rb') as f:
        keys = {'root key': f.read()}
    for words, status in ((('rotate',), 0), (('backup', f'{scratch}/backup', '--passphrase-file', good), 0),
                          (('restore', f'{scratch}/backup', '--passphrase-file', wrong), 1),
                          (('export-root-key', f'{scratch}/root.key', '--passphrase-file', good), 0),
                          (('remove-root-key', f'{scratch}/root.key', '--passphrase-file', wrong), 1),
                          (('revoke', 'soft'), 0), (('issued',), 0), (('log', 'list'), 0), (('log', 'verify'), 0),
                          (('restore', f'{scratch}/backup', '--passphrase-file', good, '--force'), 0)):
        r = w.cli('ca', *words)
        assert r.returncode == status, (words, r.stderr)
    assert w.server.daemon.wait() == 0
    w.server.start()
    with open(f'{w.server.state}/ca/intermediate.key', 'rb') as f:
        keys['intermediate key'] = f.read()
    for name, pem in keys.items():
        key = serialization.load_pem_private_key(pem, WRAPPING_KEY.encode())
        w.needles[name] = key.private_numbers().private_value.to_bytes(32, 'big')
        w.needles[f'{name}, sealed'] = base64.b64decode(b''.join(pem.splitlines()[1:-1]))[-48:]
    w.needles.update({'passphrase': PASSPHRASE.encode(), 'wrong passphrase': WRONG_PASSPHRASE.encode(),
                      'wrapping key': WRAPPING_KEY.encode()})


@pytest.mark.seconds(600)
def test_F6_U6_no_secret_and_no_body_reaches_a_log(world, scratch):
    a_device_enrols_and_signs(world)
    a_device_in_software_proves_itself(world)
    strangers_send_markers(world)
    a_webhook_asks(world)
    people_manage_the_ca(world, scratch)
    world.device.stop()
    said = world.all_that_was_said()
    if world.journal:
        assert {'atteztd', 'attezt-http', 'attezt-agent'} <= {e['SYSLOG_IDENTIFIER'][0] for e in world.journal.entries}
    # Each of them has spoken, and what is not secret is there: of strangers, of devices, of jobs.
    ek = world.device.tpm.ek_hash()
    for words in (ek, 'refused with 40', 'framework', 'Job "enroll" begins', 'the secret was never given out',
                  'A certificate for framework may be made', 'No certificate for nobody', 'attezt: '):
        assert words.encode() in said, words
    assert len(world.needles) > 20
    assert found({**world.needles, 'EK': bytes.fromhex(ek)}, said) == {'EK'}
    # Nor anything that is part of a body, such as what the device's own secret came and went in: JSON, JWS, PEM.
    for words in (b'"secret"', b'"credential"', b'"ekCerts"', b'"params"', b'"protected"', b'eyJ', b'PRIVATE KEY'):
        assert words not in said, words
