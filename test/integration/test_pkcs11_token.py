# SPDX-License-Identifier: MIT
"""What the token of an enrolled device answers, call by call, once with each kind of device key."""
import re

import p11kit_rpc as rpc
from p11kit_rpc import Connection, refused
from rig_pkcs11 import DIGEST, SLOT_FLAGS, begin, signature_of, verify

TOKEN_FLAGS = 0x402  # WRITE_PROTECTED, TOKEN_INITIALIZED


def test_flags_and_names(token):
    with Connection(token.p11kit) as c:
        [slot] = c.slots()
        assert c.slots(present=False) == [slot] and c.slots(room=0) == 1
        info = c.slot_info(slot)
        assert info['description'] == 'Attezt Attestation Agent' and info['manufacturer'] == 'attezt'
        assert info['flags'] == SLOT_FLAGS
        info = c.token_info(slot)
        assert (info['label'], info['manufacturer'], info['model']) == ('Attestation Trust', 'attezt', 'attezt-agent')
        assert info['flags'] == TOKEN_FLAGS
        assert re.fullmatch(r'[0-9A-Za-z]{8,16}', info['serial']), info
        assert info['serial'].lower() not in token.tpm.ek_hash()
        assert c.info()['version'] == (2, 40)


def test_key_attributes(token):
    rsa_key = token.kind == 'rsa-2048'
    expected = {rpc.CKA_TOKEN: 1, rpc.CKA_PRIVATE: 0, rpc.CKA_SENSITIVE: 1, rpc.CKA_ALWAYS_SENSITIVE: 1,
                rpc.CKA_NEVER_EXTRACTABLE: 1, rpc.CKA_EXTRACTABLE: 0, rpc.CKA_LOCAL: 1, rpc.CKA_SIGN: 1,
                rpc.CKA_DECRYPT: int(rsa_key), rpc.CKA_ALWAYS_AUTHENTICATE: 0, rpc.CKA_KEY_TYPE: 0 if rsa_key else 3}
    with Connection(token.p11kit) as c:
        s = c.open_session()
        key = c.device_key(s)
        values, rv = c.attributes(s, key, *expected)
        assert (values, rv) == (expected, rpc.OK)
        secret = rpc.CKA_PRIVATE_EXPONENT if rsa_key else rpc.CKA_VALUE
        values, rv = c.attributes(s, key, secret, rpc.CKA_LABEL)
        assert values[secret] is None and rv == rpc.CKR_ATTRIBUTE_SENSITIVE
        values, rv = c.attributes(s, key, 0x7fffffff)
        assert values == {0x7fffffff: None} and rv == rpc.CKR_ATTRIBUTE_TYPE_INVALID
        assert 0 < key < 1 << 32
        numbers = token.leaf.public_key().public_numbers()
        if rsa_key:
            assert int.from_bytes(c.attribute(s, key, rpc.CKA_MODULUS), 'big') == numbers.n
        else:
            point = b'\4' + numbers.x.to_bytes(32, 'big') + numbers.y.to_bytes(32, 'big')
            assert c.attribute(s, key, rpc.CKA_EC_POINT) == b'\x04\x41' + point


def test_dates(token):
    """The encoding of a date differs from all others."""
    with Connection(token.p11kit) as c:
        s = c.open_session()
        handle, _ = c.device_certificate(s)
        values, rv = c.attributes(s, handle, rpc.CKA_START_DATE, rpc.CKA_END_DATE)
        if rv == rpc.OK:
            assert values[rpc.CKA_END_DATE] == token.leaf.not_valid_after.strftime('%Y%m%d').encode()


def test_writes_are_refused(token):
    with Connection(token.p11kit) as c:
        s = c.open_session(flags=rpc.CKF_SERIAL_SESSION | rpc.CKF_RW_SESSION)
        template = rpc.template({rpc.CKA_CLASS: 0})
        assert refused(c.call, 20, 'uaA', rpc.u64(s) + template, 'u') == rpc.CKR_TOKEN_WRITE_PROTECTED
        assert refused(c.call, 22, 'uu', rpc.u64(s) + rpc.u64(c.device_key(s)), '') == rpc.CKR_TOKEN_WRITE_PROTECTED
        assert refused(c.call, 64, 'ufy', rpc.u64(s) + rpc.u32(16), 'ay') == rpc.CKR_RANDOM_NO_RNG
        assert refused(c.call, 65, 'u', rpc.u64(0), 'u') == rpc.CKR_FUNCTION_NOT_SUPPORTED
        assert refused(c.call, 999, '', b'', '') == rpc.CKR_FUNCTION_NOT_SUPPORTED
        c.call(18, 'uuay', rpc.u64(s) + rpc.u64(1) + rpc.array_of(b'1234'), '').end()  # C_Login is for nothing
        c.call(19, 'u', rpc.u64(s), '').end()


def test_size_query_asks_no_tpm_and_keeps_the_operation(token):
    size = 64 if token.kind == 'p-256' else 256
    with Connection(token.p11kit) as c:
        s = c.open_session()
        begin(c, s, c.device_key(s), token.kind)
        token.tpm.hang()
        try:
            for room in (0, 1, size - 1, rpc.NULL):
                assert c.sign(s, DIGEST, room=room) == size
        finally:
            token.tpm.wake()
        verify(token.leaf, c.sign(s, DIGEST))
        assert refused(c.sign, s, DIGEST) == rpc.CKR_OPERATION_NOT_INITIALIZED


def test_handles_hold_for_all_connections(token):
    with Connection(token.p11kit) as a, Connection(token.p11kit) as b:
        s, t = a.open_session(), b.open_session()
        assert sorted(a.find(s)) == sorted(b.find(t)) and len(set(a.find(s))) == 5
        a.close_session(s)
        verify(token.leaf, signature_of(b, t, b.device_key(t), token.kind))
        with Connection(token.p11kit) as c:
            u = c.open_session()
            assert sorted(c.find(u)) == sorted(b.find(t))
