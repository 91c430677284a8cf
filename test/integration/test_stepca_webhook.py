# SPDX-License-Identifier: MIT
"""The end of a device is an end: the real step-ca asks our webhook before it signs. Once with a secret, which takes
step-ca's admin API, and once with a plain ca.json, where it has its TLS certificate to show."""
import base64
import hashlib
import hmac
import http.client
import json
import signal
import ssl

import pytest

from rig_acme import order_certificate
from rig_ca import load_chain, names_of, write
from rig_device import Client, SoftAk, SoftEk, chain_of
from rig_process import RIG, children, eventually
from rig_programs import Server, directory
from rig_stepca import StepCa

SECRET = base64.b64encode(bytes(range(32))).decode()


class Site:
    """atteztd, and a step-ca that asks it."""
    def __init__(self, kind, ek_roots):
        self.kind = kind
        self.home = directory(f'{RIG}/webhook-{kind}')
        self.secret_file, self.roots_file = f'{self.home}/webhook-secret', f'{self.home}/step-ca-root.pem'
        settings = {'secret': f'WebhookSecret={self.secret_file}\n',
                    'certificate': f'WebhookClientRoots={self.roots_file}\nWebhookClientName=ca.test\n'}[kind]
        write(f'{self.home}/atteztd.conf', f'[HTTP]\n{settings}'.encode())
        self.server = Server(ek_roots, options=['--config', f'{self.home}/atteztd.conf'])
        self.server.create_ca()
        url = f'{self.server.url}/webhook'
        if kind == 'secret':
            self.stepca = StepCa(self.server.root_pem, admin=True, trust=self.server.tls_root)
            self.secret = self.stepca.add_webhook('attezt', url)
            write(self.secret_file, f'# of step-ca\n{self.secret}\n'.encode(), mode=0o644)
        else:
            self.stepca = StepCa(self.server.root_pem, trust=self.server.tls_root, webhooks=[
                {'name': 'attezt', 'url': url, 'kind': 'AUTHORIZING', 'certType': 'X509'}])
            self.secret = SECRET
            with open(self.stepca.root_file, 'rb') as f:
                write(self.roots_file, f.read())

    def reload(self):
        """As systemctl reload attezt-http does."""
        import os
        for pid in children(self.server.daemon.pid):
            os.kill(pid, signal.SIGHUP)

    def stop(self):
        self.stepca.stop()
        self.server.stop()


@pytest.fixture(scope='module', params=['secret', 'certificate'])
def site(request, bus, ek_roots):
    s = Site(request.param, ek_roots)
    yield s
    s.stop()


class Attested:
    """A device in software with a valid AK certificate for these names."""
    def __init__(self, site, *names, **options):
        self.site, self.ek, self.ak = site, SoftEk(), SoftAk()
        site.server.enroll(self.ek.hash, *names, pinned=True, **options)
        status, answer = Client(site.server.url, site.server.tls_root).issue(self.ek, self.ak)
        assert status == 200, answer
        self.chain = chain_of(answer)

    def order(self, name, directory):
        return order_certificate(self.site.stepca.url(), self.site.stepca.root_file, name, self.ak, self.chain,
                                 directory)

    def refused(self, name, directory):
        with pytest.raises(AssertionError, match='/finalize|/order') as e:
            self.order(name, directory)
        return str(e.value)


@pytest.fixture(autouse=True)
def empty(site):
    yield
    site.server.forget_all()


def test_before_the_files_are_read_nobody_is_heard(site, scratch):
    """What is not there lets nobody in, and step-ca then makes no certificate; then the files are read."""
    device = Attested(site, 'framework')
    device.refused('framework', scratch)
    site.reload()
    eventually(lambda: works(device, scratch), 'the webhook knows its caller')


def works(device, scratch, name='framework'):
    try:
        return device.order(name, scratch)
    except AssertionError:
        return None


def test_F13_a_live_name_works(site, scratch):
    """The name is that of the entry; so is the hash, of one without names."""
    device = Attested(site, 'Framework', 'second')
    site.reload()  # where this test is the first one
    eventually(lambda: works(device, scratch, 'Framework'), 'the webhook knows its caller')
    for name in ('Framework', 'second'):
        certificate, _ = device.order(name, scratch)
        with open(certificate) as f:
            assert names_of(load_chain(f.read())[0])[0] == [name]
    nameless = Attested(site)
    nameless.order(nameless.ek.hash, scratch)
    site.server.daemon.wait_line('A certificate for Framework may be made')


def test_removed_renamed_other_case_and_wildcard(site, scratch):
    """Each with an AK certificate that is valid and carries the name."""
    device = Attested(site, 'mine')
    device.refused('*.mine', scratch)
    site.server.remove('mine')
    device.refused('mine', scratch)
    site.server.daemon.wait_line('No certificate for mine .*no entry of the inventory has this name')
    site.server.enroll(device.ek.hash, 'renamed', pinned=True)
    device.refused('mine', scratch)
    site.server.remove('renamed')
    site.server.enroll(device.ek.hash, 'MINE', pinned=True)
    device.refused('mine', scratch)
    site.server.daemon.wait_line('No certificate for mine .*not exactly the name')
    site.server.remove('MINE')
    site.server.enroll(device.ek.hash, 'mine', pinned=True)
    device.order('mine', scratch)


def test_any_name_is_none_of_its_own(site, scratch):
    """Where the webhook is asked, a device that may order any name gets those of live entries at most."""
    device = Attested(site, any_name=True)
    device.refused('whatever', scratch)
    device.refused(device.ek.hash, scratch)


def post(site, body, headers=None, certificate=None, path='/webhook', method='POST'):
    """(status, answer): a caller of our own."""
    context = ssl.create_default_context(cafile=site.server.tls_root)
    if certificate:
        context.load_cert_chain(*certificate)
    connection = http.client.HTTPSConnection('attest.test', site.server.port, timeout=30, context=context)
    connection.request(method, path, body, headers or {})
    r = connection.getresponse()
    answer = r.read()
    connection.close()
    return r.status, json.loads(answer)


def question(name):
    return json.dumps({'timestamp': '2026-03-21T21:24:05Z', 'attestationData': {'permanentIdentifier': name}}).encode()


def signature(secret, body):
    return {'X-Smallstep-Signature': hmac.new(base64.b64decode(secret), body, hashlib.sha256).hexdigest()}


def own_certificate(site, authority, *names, common_name=None):
    """A client certificate of that authority: (certificate, key)."""
    from cryptography import x509
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
    from rig_ca import new_key
    key = new_key()
    extensions = [(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), False)]
    if names:
        extensions.append((x509.SubjectAlternativeName([x509.DNSName(n) for n in names]), False))
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name or 'client')])
    certificate = authority.issue(key.public_key(), subject, extensions)
    return (write(f'{site.home}/client.crt', certificate, site.stepca.intermediate.certificate),
            write(f'{site.home}/client.key', key, mode=0o600))


def test_who_may_ask(site):
    """Only whoever has the secret or that certificate; a device certificate of the same ACME server is neither."""
    Attested(site, 'asked')
    body = question('asked')
    good = signature(site.secret, body)
    ours = own_certificate(site, site.stepca.intermediate, 'ca.test')
    expected = {'secret': (200, 401), 'certificate': (401, 200)}[site.kind]
    assert post(site, body, good)[0] == expected[0]
    assert post(site, body, certificate=ours)[0] == expected[1]
    assert post(site, body)[0] == 401
    assert post(site, body + b' ', good)[0] == 401
    assert post(site, body, signature(base64.b64encode(b'x' * 32).decode(), body))[0] == 401
    assert post(site, body, {'X-Smallstep-Signature': 'x'})[0] == 401
    from rig_ca import Authority
    assert post(site, body, certificate=own_certificate(site, Authority('Another'), 'ca.test'))[0] == 401
    # What a device may have from the same intermediate: its name as common name, a wildcard, another name.
    for names, common_name in (((), 'ca.test'), (('*.test',), None), (('ca.test.other',), None), (('CA.TEST',), None)):
        certificate = own_certificate(site, site.stepca.intermediate, *names, common_name=common_name)
        assert post(site, body, certificate=certificate)[0] == 401, names


def test_answers(site):
    Attested(site, 'asked')
    ours = own_certificate(site, site.stepca.intermediate, 'ca.test')

    def ask(body):
        return post(site, body, signature(site.secret, body), ours)
    assert ask(question('asked')) == (200, {'allow': True})
    for name in ('Asked', '*.asked', 'other', '', 'x' * 300, 'a\0b', 'asked ', 'ü'):
        status, answer = ask(question(name))
        assert status == 200 and answer['allow'] is False and answer['error']['code'] == 'notLive', name
    assert ask(b'{"x509Certificate":{}}')[1]['allow'] is False
    for body in (b'', b'[]', b'{"attestationData":{"permanentIdentifier":1}}', b'{"attestationData":7}'):
        assert ask(body)[0] == 400, body
    assert post(site, question('asked'), method='GET')[0] == 405


def test_the_secret_is_in_no_log(site):
    log = site.server.daemon.log
    assert site.secret not in log and base64.b64decode(site.secret).hex() not in log
    assert 'permanentIdentifier' not in log


def test_plaintext_and_unconfigured_servers_have_none(site, bus, ek_roots):
    """On its HTTPS listener only, and only when somebody set it up; or behind a proxy on this machine, which then speaks
    HTTPS, and only signed: it could not pass on a client certificate."""
    site.server.stop()
    body = question('asked')

    def ask(config):
        plain = Server(ek_roots, tls=False, options=['--config', config])
        plain.create_ca()
        connection = http.client.HTTPConnection('127.0.0.1', plain.port, timeout=30)
        connection.request('POST', '/webhook', body, signature(site.secret, body))
        r = connection.getresponse()
        answer = json.loads(r.read())
        connection.close()
        plain.stop()
        return r.status, answer
    try:
        status, answer = ask(f'{site.home}/atteztd.conf')
        assert status == 403 and 'TrustedProxies=' in answer['detail'], answer
        with open(f'{site.home}/atteztd.conf') as f:
            settings = f.read()
        for proxy, expected in (('127.0.0.1', {'secret': 200, 'certificate': 401}[site.kind]), ('192.0.2.1', 403)):
            config = write(f'{site.home}/behind-{proxy}.conf', f'{settings}TrustedProxies={proxy}\n'.encode())
            assert ask(config)[0] == expected, proxy
        none = Server(ek_roots, tls=False)
        status, answer = Client(none.url).post('/webhook', json.loads(body))
        assert status == 404, answer
        none.stop()
    finally:
        site.server.start()
