# SPDX-License-Identifier: MIT
"""A device whose TPM is this file: EK, AK, their evidence, and ActivateCredential, honest unless told otherwise."""
import base64
import hashlib
import hmac
import http.client
import json
import ssl
import struct

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from rig_ca import der, new_key, spki

RSA, ECC, NULL, RSASSA, RSAPSS, ECDSA, AES, CFB = 0x0001, 0x0023, 0x0010, 0x0014, 0x0016, 0x0018, 0x0006, 0x0043
SHA1, SHA256, SHA384 = 0x0004, 0x000b, 0x000c
HASHES = {SHA1: hashlib.sha1, SHA256: hashlib.sha256, SHA384: hashlib.sha384}
CURVES = {'secp224r1': 0x0002, 'secp256r1': 0x0003, 'secp384r1': 0x0004, 'secp521r1': 0x0005}
MAGIC, CERTIFY, CREATION = 0xff544347, 0x8017, 0x801a
AK_ATTRIBUTES = 0x00050472  # fixedTPM fixedParent sensitiveDataOrigin userWithAuth noDA restricted sign
FIXED_TPM, FIXED_PARENT, SENSITIVE_DATA_ORIGIN, RESTRICTED, DECRYPT, SIGN = (1 << n for n in (1, 4, 5, 16, 17, 18))


def b64(data):
    return base64.b64encode(data).decode()


def tpm2b(data):
    return struct.pack('>H', len(data)) + data


def field(n, curve):
    return n.to_bytes((curve.key_size + 7) // 8, 'big')


def kdfa(alg, key, label, u, v, bits):
    out, i = b'', 1
    while len(out) * 8 < bits:
        out += hmac.new(key, struct.pack('>I', i) + label + b'\0' + u + v + struct.pack('>I', bits),
                        HASHES[alg]).digest()
        i += 1
    return out[:bits // 8]


def kdfe(alg, z, label, u, v, bits):
    out, i = b'', 1
    while len(out) * 8 < bits:
        out += HASHES[alg](struct.pack('>I', i) + z + label + b'\0' + u + v).digest()
        i += 1
    return out[:bits // 8]


class SoftEk:
    """An EK in software. certificate: as the authority issues it, if there is one."""
    def __init__(self, kind='p256', authority=None, **options):
        self.key = new_key(kind)
        self.spki = spki(self.key)
        self.hash = hashlib.sha256(self.spki).hexdigest()
        self.certificate = der(authority.ek(self.key.public_key(), **options)) if authority else None
        large = kind in ('p384', 'rsa3072', 'rsa4096')
        self.alg, self.aes = (SHA384, 256) if large else (SHA256, 128)

    def _seed(self, secret):
        size = struct.unpack('>H', secret[:2])[0]
        assert len(secret) == 2 + size, 'secret is no TPM2B'
        secret = secret[2:]
        h = hashes.SHA384() if self.alg == SHA384 else hashes.SHA256()
        if isinstance(self.key, rsa.RSAPrivateKey):
            return self.key.decrypt(secret, padding.OAEP(padding.MGF1(h), h, b'IDENTITY\0'))
        curve = self.key.curve
        n = (curve.key_size + 7) // 8
        assert len(secret) == 2 * (2 + n) and secret[:2] == secret[2 + n:4 + n] == struct.pack('>H', n)
        x, y = secret[2:2 + n], secret[4 + n:]
        point = ec.EllipticCurvePublicNumbers(int.from_bytes(x, 'big'), int.from_bytes(y, 'big'), curve).public_key()
        mine = field(self.key.public_key().public_numbers().x, curve)
        return kdfe(self.alg, self.key.exchange(ec.ECDH(), point), b'IDENTITY', x, mine, h.digest_size * 8)

    def activate(self, credential, secret, name):
        """TPM2_ActivateCredential with an object of that name loaded: the secret, or None where a TPM says
        TPM_RC_INTEGRITY."""
        size, dlen = struct.unpack('>HH', credential[:4])
        assert len(credential) == 2 + size and dlen == HASHES[self.alg]().digest_size, 'credential is no TPM2B'
        tag, identity = credential[4:4 + dlen], credential[4 + dlen:]
        seed = self._seed(secret)
        key = kdfa(self.alg, seed, b'INTEGRITY', b'', b'', dlen * 8)
        if not hmac.compare_digest(hmac.new(key, identity + name, HASHES[self.alg]).digest(), tag):
            return None
        cipher = Cipher(algorithms.AES(kdfa(self.alg, seed, b'STORAGE', name, b'', self.aes)), modes.CFB(bytes(16)))
        plain = cipher.decryptor().update(identity)
        assert struct.unpack('>H', plain[:2])[0] == len(plain) - 2
        return plain[2:]


def public_area(key, name_alg=SHA256, attributes=AK_ATTRIBUTES, policy=b'', symmetric=NULL, scheme=None,
                scheme_hash=SHA256, exponent=0, unique=None, kdf=NULL, bits=None, curve=None):
    """TPMT_PUBLIC of a key; what is not said is as an AK of ours has it."""
    public = key.public_key()
    is_rsa = isinstance(public, rsa.RSAPublicKey)
    scheme = scheme if scheme is not None else (RSASSA if is_rsa else ECDSA)
    b = struct.pack('>HHI', RSA if is_rsa else ECC, name_alg, attributes) + tpm2b(policy)
    b += struct.pack('>H', symmetric) + (struct.pack('>HH', 128, CFB) if symmetric != NULL else b'')
    b += struct.pack('>H', scheme) + (struct.pack('>H', scheme_hash) if scheme != NULL else b'')
    if is_rsa:
        n = unique if unique is not None else public.public_numbers().n.to_bytes(public.key_size // 8, 'big')
        return b + struct.pack('>HI', bits or public.key_size, exponent) + tpm2b(n)
    numbers = public.public_numbers()
    return (b + struct.pack('>HH', curve or CURVES[public.curve.name], kdf) +
            tpm2b(field(numbers.x, public.curve)) + tpm2b(field(numbers.y, public.curve)))


def name_of(public):
    alg = struct.unpack('>H', public[2:4])[0]
    return public[2:4] + HASHES[alg](public).digest()


class SoftAk:
    """An AK in software, with the evidence that TPM2_CertifyCreation would give. Every part can be bent:
    public, create_data, attest, signature replace it; magic, type, name, creation_hash bend what is signed."""
    def __init__(self, kind='rsa2048', key=None, **shape):
        self.key = key or new_key(kind)
        self.public = public_area(self.key, **shape)
        self.name = name_of(self.public)

    def sign(self, data, key=None, hash_alg=SHA256, scheme=None):
        """TPMT_SIGNATURE over data."""
        key = key or self.key
        h = {SHA1: hashes.SHA1(), SHA256: hashes.SHA256(), SHA384: hashes.SHA384()}[hash_alg]
        if isinstance(key, rsa.RSAPrivateKey):
            scheme = scheme or RSASSA
            pad = padding.PKCS1v15() if scheme == RSASSA else padding.PSS(padding.MGF1(h), h.digest_size)
            return struct.pack('>HH', scheme, hash_alg) + tpm2b(key.sign(data, pad, h))
        r, s = utils.decode_dss_signature(key.sign(data, ec.ECDSA(h)))
        return struct.pack('>HH', ECDSA, hash_alg) + tpm2b(field(r, key.curve)) + tpm2b(field(s, key.curve))

    def evidence(self, public=None, create_data=None, attest=None, signature=None, magic=MAGIC, type=CREATION,
                 name=None, creation_hash=None, extra_data=b'', signer=None, hash_alg=SHA256, scheme=None):
        public = self.public if public is None else public
        if create_data is None:
            hierarchy = tpm2b(struct.pack('>I', 0x4000000b))
            create_data = (struct.pack('>I', 0) + tpm2b(hashlib.sha256().digest()) + b'\1' +
                           struct.pack('>H', NULL) + hierarchy + hierarchy + tpm2b(b''))
        if attest is None:
            attest = (struct.pack('>IH', magic, type) + tpm2b(name_of(self.public)) + tpm2b(extra_data) +
                      struct.pack('>QIIBQ', 4711, 1, 0, 1, 0x2019102300163636) +
                      tpm2b(name_of(public) if name is None else name) +
                      tpm2b(hashlib.sha256(create_data).digest() if creation_hash is None else creation_hash))
        if signature is None:
            signature = self.sign(attest, signer, hash_alg, scheme)
        return {'public': public, 'createData': create_data, 'createAttestation': attest,
                'createSignature': signature}


def attest_request(ek, evidence, /, **members):
    """The JSON of POST /attest as step's client writes it, as a dict; members replace or (None) remove."""
    certificates = [ek.certificate] if ek.certificate else []
    body = {'tpmInfo': {'version': 2, 'manufacturer': '1229081856', 'model': 'SW   TPM',
                        'firmwareVersion': '8217.4131'},
            'ek': b64(ek.spki), 'ekCerts': [b64(c) for c in certificates],
            'params': {k: b64(v) for k, v in evidence.items()}}
    body.update(members)
    return {k: v for k, v in body.items() if v is not None}


class Client:
    """Speaks to a server by HTTP, over one connection as long as it lasts."""
    def __init__(self, url, cafile=None, timeout=30):
        scheme, _, rest = url.partition('://')
        self.host = rest
        if scheme == 'https':
            self.connection = http.client.HTTPSConnection(rest, timeout=timeout,
                                                          context=ssl.create_default_context(cafile=cafile))
        else:
            self.connection = http.client.HTTPConnection(rest, timeout=timeout)

    def request(self, method, path, body=None, headers=None):
        """(status, headers, body): the body decoded if it is JSON."""
        if isinstance(body, (dict, list)):
            body = json.dumps(body).encode()
        try:
            self.connection.request(method, path, body, headers or {})
            r = self.connection.getresponse()
            data = r.read()
        except (http.client.HTTPException, OSError):
            self.connection.close()
            raise
        if r.headers.get('Content-Type', '').startswith('application/json'):
            data = json.loads(data)
        return r.status, r.headers, data

    def post(self, path, body):
        status, _, data = self.request('POST', path, body)
        return status, data

    def close(self):
        self.connection.close()

    def attest(self, ek, ak, /, **members):
        """POST /attest as an honest device: (status, answer)."""
        return self.post('/attest', attest_request(ek, ak.evidence(), **members))

    def secret(self, secret):
        return self.post('/secret', {'secret': b64(secret)})

    def issue(self, ek, ak, /, **members):
        """Both steps: (status, answer) of /secret; anything but 200 from /attest is a failure."""
        status, answer = self.attest(ek, ak, **members)
        assert status == 200, (status, answer)
        return self.secret(activate(ek, ak, answer))


def activate(ek, ak, answer):
    return ek.activate(base64.b64decode(answer['credential'], validate=True),
                       base64.b64decode(answer['secret'], validate=True), ak.name)


def chain_of(answer):
    return [base64.b64decode(c, validate=True) for c in answer['chain']]
