# SPDX-License-Identifier: MIT
"""An ACME client in a page, for certificates whose device key is a file; it shows what a TPM's key may not do."""
import base64
import hashlib
import json
import ssl
import struct
import urllib.error
import urllib.request

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

import rig_device as dev
from rig_ca import new_key, write


def url64(data):
    data = json.dumps(data).encode() if isinstance(data, dict) else data
    return base64.urlsafe_b64encode(data).rstrip(b'=').decode()


def cbor(value):
    """Just enough of it for an attestation object."""
    def head(major, n):
        for i, (limit, form) in enumerate(((24, None), (1 << 8, '>B'), (1 << 16, '>H'), (1 << 32, '>I'))):
            if n < limit:
                return bytes([major << 5 | (n if form is None else 23 + i)]) + (struct.pack(form, n) if form else b'')
        raise ValueError(n)
    if isinstance(value, int):
        return head(0, value) if value >= 0 else head(1, -1 - value)
    if isinstance(value, bytes):
        return head(2, len(value)) + value
    if isinstance(value, str):
        return head(3, len(value)) + value.encode()
    if isinstance(value, list):
        return head(4, len(value)) + b''.join(cbor(v) for v in value)
    return head(5, len(value)) + b''.join(cbor(k) + cbor(v) for k, v in value.items())


class Account:
    def __init__(self, base, root_file):
        self.context = ssl.create_default_context(cafile=root_file)
        self.key = new_key()
        n = self.key.public_key().public_numbers()
        self.jwk = {'crv': 'P-256', 'kty': 'EC', 'x': url64(dev.field(n.x, self.key.curve)),
                    'y': url64(dev.field(n.y, self.key.curve))}
        self.thumbprint = url64(hashlib.sha256(json.dumps(self.jwk, sort_keys=True, separators=(',', ':'))
                                               .encode()).digest())
        self.directory = json.loads(self.http(base + '/directory')[1])
        self.kid = None
        self.nonce = self.http(self.directory['newNonce'])[0]['Replay-Nonce']
        self.kid = self.post(self.directory['newAccount'], {'termsOfServiceAgreed': True})[0]['Location']

    def http(self, url, data=None):
        request = urllib.request.Request(url, data, {'Content-Type': 'application/jose+json'} if data else {})
        try:
            with urllib.request.urlopen(request, context=self.context) as r:
                return r.headers, r.read()
        except urllib.error.HTTPError as e:
            raise AssertionError(f'{url}: {e.code} {e.read()}') from None

    def post(self, url, payload):
        protected = {'alg': 'ES256', 'nonce': self.nonce, 'url': url}
        protected.update({'kid': self.kid} if self.kid else {'jwk': self.jwk})
        signed = url64(protected) + '.' + (url64(payload) if payload is not None else '')
        r, s = utils.decode_dss_signature(self.key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        body = {'protected': signed.split('.')[0], 'payload': signed.split('.')[1],
                'signature': url64(dev.field(r, self.key.curve) + dev.field(s, self.key.curve))}
        headers, data = self.http(url, json.dumps(body).encode())
        self.nonce = headers['Replay-Nonce']
        return headers, data


def order_certificate(base, root_file, name, ak, ak_chain, directory):
    """(chain file, key file) of a certificate for name, attested by a SoftAk."""
    account = Account(base, root_file)
    headers, data = account.post(account.directory['newOrder'],
                                 {'identifiers': [{'type': 'permanent-identifier', 'value': name}]})
    order_url, order = headers['Location'], json.loads(data)
    challenge = json.loads(account.post(order['authorizations'][0], None)[1])['challenges'][0]
    key = new_key()
    public = dev.public_area(key, attributes=0x00040472, scheme=dev.NULL)
    extra = hashlib.sha256(f'{challenge["token"]}.{account.thumbprint}'.encode()).digest()
    certify = (struct.pack('>IH', dev.MAGIC, dev.CERTIFY) + dev.tpm2b(ak.name) + dev.tpm2b(extra) +
               struct.pack('>QIIBQ', 4712, 1, 0, 1, 0x2019102300163636) + dev.tpm2b(dev.name_of(public)) +
               dev.tpm2b(dev.name_of(public)))
    statement = {'ver': '2.0', 'alg': -257, 'x5c': ak_chain, 'sig': ak.sign(certify), 'certInfo': certify,
                 'pubArea': public}
    answer = json.loads(account.post(challenge['url'],
                                     {'attObj': url64(cbor({'fmt': 'tpm', 'attStmt': statement}))})[1])
    assert answer['status'] == 'valid', answer
    csr = (x509.CertificateSigningRequestBuilder()
           .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])).sign(key, hashes.SHA256()))
    account.post(order['finalize'], {'csr': url64(csr.public_bytes(Encoding.DER))})
    order = json.loads(account.post(order_url, None)[1])
    chain = account.post(order['certificate'], None)[1]
    return write(f'{directory}/software.crt', chain), write(f'{directory}/software.key', key)
