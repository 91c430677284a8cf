# SPDX-License-Identifier: MIT
"""Clients of p11-kit 0.24.1, 0.25.5 and 0.26.4: the byte streams that they send, which differ in the version byte,
in how a mechanism is written, and in a few habits. Debian 12's own 0.24.1 is tested by its tools in test_pkcs11.py;
here every byte is ours."""
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, utils

import p11kit_rpc as rpc
from p11kit_rpc import CLIENTS, Connection, refused, u32, u64

DIGEST = bytes(range(32))
MESSAGE = b'What is signed or kept secret here.'


@pytest.fixture(params=list(CLIENTS))
def client(request, token):
    """(connection, session, key) of a client of that version."""
    with Connection(token.p11kit, client=request.param) as c:
        s = c.open_session()
        yield c, s, c.device_key(s)


def only(kind):
    return pytest.mark.parametrize('token', [kind], indirect=True)


def ecdsa_der(signature):
    return utils.encode_dss_signature(int.from_bytes(signature[:32], 'big'), int.from_bytes(signature[32:], 'big'))


# ---- The examples of the protocol's description, byte for byte

PSS = '0000000d{}000000000000025000000000000000020000000000000020'
STREAMS = {
    '0.24.1': {'pss': PSS.format(''), 'sha256': '00000040ffffffff', 'pkcs': '00000001ffffffff'},
    '0.25.5': {'pss': PSS.format(''), 'sha256': '00000040ffffffff', 'pkcs': '00000001ffffffff'},
    '0.26.4': {'pss': PSS.format('01'), 'sha256': '00000040', 'pkcs': '00000001'},
}


@only('rsa-2048')
@pytest.mark.parametrize('version', list(CLIENTS))
@pytest.mark.parametrize('name', ['pss', 'sha256', 'pkcs'])
def test_recorded_mechanisms(token, version, name):
    public = token.leaf.public_key()
    with Connection(token.p11kit, client=version) as c:
        s = c.open_session()
        c.call(42, 'uMu', u64(s) + bytes.fromhex(STREAMS[version][name]) + u64(c.device_key(s)), '').end()
        if name == 'pss':
            public.verify(c.sign(s, DIGEST), DIGEST, padding.PSS(padding.MGF1(hashes.SHA256()), 32),
                          utils.Prehashed(hashes.SHA256()))
        elif name == 'sha256':
            public.verify(c.sign(s, MESSAGE), MESSAGE, padding.PKCS1v15(), hashes.SHA256())
        else:
            info = bytes.fromhex('3031300d060960864801650304020105000420') + DIGEST
            public.verify(c.sign(s, info), DIGEST, padding.PKCS1v15(), utils.Prehashed(hashes.SHA256()))


# ---- Each mechanism from each client

@only('rsa-2048')
@pytest.mark.parametrize('salt', [0, 20, 32, 222])
def test_pss(token, client, salt):
    c, s, key = client
    c.sign_init(s, key, rpc.CKM_RSA_PKCS_PSS, rpc.pss(rpc.CKM_SHA256, rpc.CKG_MGF1_SHA256, salt))
    token.leaf.public_key().verify(c.sign(s, DIGEST), DIGEST, padding.PSS(padding.MGF1(hashes.SHA256()), salt),
                                   utils.Prehashed(hashes.SHA256()))


@only('rsa-2048')
def test_pss_that_hashes(token, client):
    """Only clients since 0.25 pass it on."""
    c, s, key = client
    if c.version == 0:
        return
    c.sign_init(s, key, rpc.CKM_SHA256_RSA_PKCS_PSS, rpc.pss(rpc.CKM_SHA256, rpc.CKG_MGF1_SHA256, 32))
    token.leaf.public_key().verify(c.sign(s, MESSAGE), MESSAGE, padding.PSS(padding.MGF1(hashes.SHA256()), 32),
                                   hashes.SHA256())


@only('rsa-2048')
@pytest.mark.parametrize('label', [b'', b'a label of OAEP'])
@pytest.mark.parametrize('mechanism,mgf,kind', [(rpc.CKM_SHA_1, rpc.CKG_MGF1_SHA1, hashes.SHA1),
                                                (rpc.CKM_SHA256, rpc.CKG_MGF1_SHA256, hashes.SHA256)])
def test_oaep(token, client, mechanism, mgf, kind, label):
    c, s, key = client
    secret = token.leaf.public_key().encrypt(MESSAGE, padding.OAEP(padding.MGF1(kind()), kind(), label or None))
    c.decrypt_init(s, key, rpc.CKM_RSA_PKCS_OAEP, rpc.oaep(mechanism, mgf, label))
    assert c.decrypt(s, secret) == MESSAGE
    assert refused(c.decrypt, s, secret) == rpc.CKR_OPERATION_NOT_INITIALIZED


@only('rsa-2048')
def test_decrypt(token, client):
    c, s, key = client
    secret = token.leaf.public_key().encrypt(MESSAGE, padding.PKCS1v15())
    c.decrypt_init(s, key, rpc.CKM_RSA_PKCS)
    size = c.decrypt(s, secret, room=0)
    assert len(MESSAGE) <= size <= 256
    assert c.decrypt(s, secret, room=size) == MESSAGE


@only('rsa-2048')
def test_raw(token, client):
    c, s, key = client
    numbers = token.leaf.public_key().public_numbers()
    block = b'\0' + bytes(range(255))
    c.sign_init(s, key, rpc.CKM_RSA_X_509)
    signature = c.sign(s, block)
    assert pow(int.from_bytes(signature, 'big'), numbers.e, numbers.n) == int.from_bytes(block, 'big')


@only('p-256')
@pytest.mark.parametrize('mechanism,data,kind', [(rpc.CKM_ECDSA, DIGEST, utils.Prehashed(hashes.SHA256())),
                                                 (rpc.CKM_ECDSA_SHA1, MESSAGE, hashes.SHA1()),
                                                 (rpc.CKM_ECDSA_SHA256, MESSAGE, hashes.SHA256())])
def test_ecdsa(token, client, mechanism, data, kind):
    c, s, key = client
    c.sign_init(s, key, mechanism)
    token.leaf.public_key().verify(ecdsa_der(c.sign(s, data)), data, ec.ECDSA(kind))


def test_in_parts(token, client):
    """C_SignUpdate and C_SignFinal, as some use them for what is long."""
    c, s, key = client
    if token.kind == 'rsa-2048':
        c.sign_init(s, key, rpc.CKM_SHA256_RSA_PKCS)
    else:
        c.sign_init(s, key, rpc.CKM_ECDSA_SHA256)
    for _ in range(5):
        c.call(44, 'uay', u64(s) + rpc.array_of(MESSAGE * 300), '').end()
    size = c.call(45, 'ufy', u64(s) + u32(0), 'ay').array()
    signature = c.call(45, 'ufy', u64(s) + u32(size), 'ay').array()
    if token.kind == 'rsa-2048':
        token.leaf.public_key().verify(signature, MESSAGE * 1500, padding.PKCS1v15(), hashes.SHA256())
    else:
        token.leaf.public_key().verify(ecdsa_der(signature), MESSAGE * 1500, ec.ECDSA(hashes.SHA256()))
    assert refused(c.call, 45, 'ufy', u64(s) + u32(1024), 'ay') == rpc.CKR_OPERATION_NOT_INITIALIZED


# ---- Habits of one version

@pytest.mark.parametrize('version', ['0.25.5', '0.26.4'])
def test_cancelling(token, version):
    """Since 0.25.3: a mechanism of nothing but ffffffff."""
    with Connection(token.p11kit, client=version) as c:
        s = c.open_session()
        key = c.device_key(s)
        kind = rpc.CKM_ECDSA if token.kind == 'p-256' else rpc.CKM_RSA_PKCS
        c.sign_init(s, key, kind)
        assert refused(c.sign_init, s, key, kind) == rpc.CKR_OPERATION_ACTIVE
        c.call(42, 'uMu', u64(s) + u32(0xffffffff) + u64(0), '').end()
        assert refused(c.sign, s, DIGEST) == rpc.CKR_OPERATION_NOT_INITIALIZED
        c.sign_init(s, key, kind)
        assert isinstance(c.sign(s, DIGEST), bytes)


@pytest.mark.parametrize('version', ['0.25.5', '0.26.4'])
def test_calls_that_older_clients_do_not_know(token, version):
    """Whatever the version byte promised: none of them is for us, and the connection lives on."""
    with Connection(token.p11kit, client=version) as c:
        s = c.open_session()
        for call in (*range(66, 90), 200, 0x7fffffff):
            assert refused(c.call, call, 'u', u64(s), '') == rpc.CKR_FUNCTION_NOT_SUPPORTED, call
        assert c.slots()


@pytest.mark.parametrize('byte', [0, 1, 2, 3, 17, 255])
def test_version_byte(token, byte):
    """The answer is always 0, so that nobody changes an encoding under us."""
    with Connection(token.p11kit, initialize=False) as c:
        c.send(bytes([byte]))
        assert c.receive(1) == b'\0'
        c.initialize()
        assert c.slots()


def test_everything_in_one_write(token):
    """Version byte and several requests at once, as threads of one client may send them; answers in order."""
    with Connection(token.p11kit, initialize=False) as c:
        first = c.request(1, 'ayyay', rpc.array_of(rpc.MAGIC) + b'\0' + rpc.array_of(b'\0'))
        rest = [c.request(4, 'yfu', b'\1' + u32(8)) for _ in range(20)]
        c.send(b'\0' + first + b''.join(rest))
        assert c.receive(1) == b'\0'
        codes = [c.answer()[0] for _ in range(21)]
        assert codes == list(range(0x10, 0x10 + 21))


def test_byte_by_byte(token):
    with Connection(token.p11kit, initialize=False) as c:
        for b in b'\0' + c.request(1, 'ayyay', rpc.array_of(rpc.MAGIC) + b'\0' + rpc.array_of(b'\0')):
            c.send(bytes([b]))
        assert c.receive(1) == b'\0'
        c.reply(1, '').end()


def test_nested_templates(token):
    """Since 0.25.4 a question for CKA_WRAP_TEMPLATE and its like has a template inside."""
    with Connection(token.p11kit, client='0.26.4') as c:
        s = c.open_session()
        key = c.device_key(s)
        inner = u32(2) + u32(rpc.CKA_CLASS) + u32(8) + u32(rpc.CKA_LABEL) + u32(64)
        body = u64(s) + u64(key) + u32(2) + u32(rpc.CKA_WRAP_TEMPLATE) + u32(64) + inner + u32(rpc.CKA_ID) + u32(64)
        try:
            r = c.call(24, 'uufA', body, 'aAu')
        except rpc.RpcError:
            pass  # refused is an answer too
        else:
            assert r.u32() == 2
            assert r.attribute() == (rpc.CKA_WRAP_TEMPLATE, None)
            assert r.attribute()[0] == rpc.CKA_ID
            assert r.u64() == rpc.CKR_ATTRIBUTE_TYPE_INVALID
        assert c.slots()
