# SPDX-License-Identifier: MIT
"""What strangers send to the front: each is refused with a 4xx, changes nothing, and the server goes on."""
import base64
import json
import re
import socket
import struct
import threading
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

import rig_device as dev
from rig_ca import Authority, names_of, now, spki
from rig_device import Client, SoftAk, SoftEk, attest_request, b64, chain_of
from rig_process import eventually
from rig_programs import Server

BODY_LIMIT = 64 * 1024


@pytest.fixture(scope='module')
def ek(vendor, server):
    """An honest device: its EK, enrolled as "honest"."""
    e = SoftEk(authority=vendor)
    server.enroll(e.hash, 'honest')
    return e


@pytest.fixture(scope='module')
def ak():
    return SoftAk()


@pytest.fixture(scope='module')
def keys():
    """Keys that are slow to make, once."""
    return {kind: dev.new_key(kind) for kind in ('rsa1024', 'rsa2048', 'rsa3072', 'p224', 'p256', 'p384')}


@pytest.fixture(autouse=True)
def nothing_changes(server, ek, ak, client):
    """The fixture that gives the rows their meaning: devices, certificates and pending secrets are as before,
    and an honest device is served."""
    status, answer = client.issue(ek, ak)
    assert status == 200, answer
    before = server.counts()
    yield before
    after = server.counts()
    if before.get('may-change'):
        return
    assert after == before
    status, answer = client.issue(ek, ak)
    assert status == 200, answer


def refused(status, answer, *wanted):
    assert 400 <= status < 500, (status, answer)
    assert not wanted or status in wanted, (status, answer)
    assert set(answer) == {'error', 'detail'} and answer['error'] and answer['detail'], answer


# ---- The honest device first: what all the rows below are bent from

def test_honest_device_gets_a_certificate_for_its_ak(client, ek, ak, server, scratch, nothing_changes):
    nothing_changes['may-change'] = True
    status, answer = client.issue(ek, ak)
    assert status == 200
    chain = [x509.load_der_x509_certificate(c) for c in chain_of(answer)]
    assert spki(chain[0].public_key()) == spki(ak.key)
    identifiers, uris, directory = names_of(chain[0])
    assert identifiers == ['honest']
    assert uris == ['urn:ek:sha256:' + b64(bytes.fromhex(ek.hash))]
    # From the EK certificate, not from the client's tpmInfo.
    assert directory == {'2.23.133.2.1': 'id:54455354', '2.23.133.2.2': 'soft', '2.23.133.2.3': 'id:00020001'}
    with open(scratch + '/chain.pem', 'wb') as f:
        for c in chain[1:]:
            f.write(c.public_bytes(serialization.Encoding.PEM))
    with open(scratch + '/leaf.pem', 'wb') as f:
        f.write(chain[0].public_bytes(serialization.Encoding.PEM))
    from rig_process import run
    run('openssl', 'verify', '-x509_strict', '-CAfile', server.root_file, '-untrusted', scratch + '/chain.pem',
        scratch + '/leaf.pem')
    life = chain[0].not_valid_after - now()
    assert 23 * 3600 < life.total_seconds() <= 24 * 3600


def test_F12_U9_profile_of_an_ak_certificate(client, ek, ak, nothing_changes):
    nothing_changes['may-change'] = True
    status, answer = client.issue(ek, ak)
    assert status == 200
    leaf, intermediate = [x509.load_der_x509_certificate(c) for c in chain_of(answer)]
    assert leaf.not_valid_after <= intermediate.not_valid_after
    assert (leaf.not_valid_after - leaf.not_valid_before).days < 2
    assert leaf.serial_number.bit_length() > 64 and leaf.subject == x509.Name([])
    assert {e.oid._name: e.critical for e in leaf.extensions} == {
        'subjectAltName': True, 'basicConstraints': True, 'keyUsage': True, 'extendedKeyUsage': False,
        'subjectKeyIdentifier': False, 'authorityKeyIdentifier': False}
    assert not leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    usage = leaf.extensions.get_extension_for_class(x509.KeyUsage).value
    assert usage.digital_signature and not usage.key_cert_sign and not usage.key_encipherment


# ---- EK and its certificate

def other_ek(vendor):
    return SoftEk(authority=vendor)


EK_ROWS = {
    'F1-certificate-of-another-ek': lambda ek, keys, v: dict(ek=b64(spki(keys['p256']))),
    'certificate-of-another-ek-rsa': lambda ek, keys, v: dict(ek=b64(spki(keys['rsa2048']))),
    'p224': lambda ek, keys, v: dict(ek=b64(spki(keys['p224'])), ekCerts=None),
    'rsa1024': lambda ek, keys, v: dict(ek=b64(spki(keys['rsa1024'])), ekCerts=None),
    'ed25519': lambda ek, keys, v: dict(ek=b64(spki(ed25519.Ed25519PrivateKey.generate())), ekCerts=None),
    'trailing-byte': lambda ek, keys, v: dict(ek=b64(ek.spki + b'\0')),
    'truncated': lambda ek, keys, v: dict(ek=b64(ek.spki[:-1])),
    'empty': lambda ek, keys, v: dict(ek=''),
    'point-not-on-curve': lambda ek, keys, v: dict(ek=b64(ek.spki[:-1] + bytes([ek.spki[-1] ^ 1])), ekCerts=None),
    'certificate-garbage': lambda ek, keys, v: dict(ekCerts=[b64(b'\x30\x03\x02\x01\x00')]),
    'certificate-empty': lambda ek, keys, v: dict(ekCerts=['']),
    'certificates-too-many': lambda ek, keys, v: dict(ekCerts=[b64(ek.certificate)] * 64),
}


@pytest.mark.parametrize('row', EK_ROWS)
def test_F1_F8_ek_refused(client, ek, ak, keys, vendor, row):
    refused(*client.attest(ek, ak, **EK_ROWS[row](ek, keys, vendor)))


UNTRUSTED_ROWS = {
    'F2-no-certificates': lambda key, v: [],
    'other-vendor': lambda key, v: [Authority('Test TPM Vendor').ek(key)],
    'not-yet': lambda key, v: [v.ek(key, not_before=now().replace(year=now().year + 1))],
    'F4-no-ek-usage': lambda key, v: [v.ek(key, eku=x509.ObjectIdentifier('2.23.133.8.3'))],
    'is-a-ca': lambda key, v: [v.ek(key, ca=True)],
    'wrong-key-usage': lambda key, v: [v.ek(key, key_usage=x509.KeyUsage(True, *[False] * 8))],
    'issuer-not-a-ca': lambda key, v: [(lambda a: a.ek(key))(Authority('Not a CA', parent=v, ca=False))],
}


@pytest.mark.parametrize('row', UNTRUSTED_ROWS)
def test_F2_F4_U2_untrusted_ek_is_challenged_and_refused_at_secret(client, server, vendor, ak, row, nothing_changes):
    """Its entry in the inventory, if not pinned, is of no use to it."""
    e = SoftEk()
    certificates = [c.public_bytes(serialization.Encoding.DER) for c in UNTRUSTED_ROWS[row](e.key.public_key(), vendor)]
    server.enroll(e.hash, 'untrusted')
    try:
        status, answer = client.attest(e, ak, ekCerts=[b64(c) for c in certificates])
        assert status == 200, answer
        refused(*client.secret(dev.activate(e, ak, answer)), 403)
    finally:
        server.remove(e.hash)


def test_F3_U3_nothing_is_fetched_from_a_clients_certificate(client, server, ak):
    with socket.create_server(('127.0.0.1', 0)) as listener:
        evil = Authority('Evil')
        e = SoftEk(authority=evil, aia=f'http://127.0.0.1:{listener.getsockname()[1]}/evil.der')
        server.enroll(e.hash, 'aia')
        try:
            status, answer = client.attest(e, ak)
            assert status == 200, answer
            refused(*client.secret(dev.activate(e, ak, answer)), 403)
        finally:
            server.remove(e.hash)
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.accept()


def test_F10_pinned_device_needs_no_certificate_and_its_word_is_not_taken(client, server, ak, nothing_changes):
    nothing_changes['may-change'] = True
    e = SoftEk()
    server.enroll(e.hash, 'pinned', pinned=True)
    try:
        status, answer = client.issue(e, ak)
        assert status == 200, answer
        leaf = x509.load_der_x509_certificate(chain_of(answer)[0])
        identifiers, _, directory = names_of(leaf)
        assert identifiers == ['pinned']
        # F10: nothing of the client's word in it.
        assert not {'1229081856', 'SW   TPM', '8217.4131'} & set(directory.values())
        assert set(directory) == {'2.23.133.2.1', '2.23.133.2.2', '2.23.133.2.3'} and all(directory.values())
    finally:
        server.remove(e.hash)


@pytest.mark.parametrize('padding', [b'\0' * 100, b'\xff' * 100])
def test_certificate_with_padding_of_nv_memory_is_accepted(client, ek, ak, padding, nothing_changes):
    nothing_changes['may-change'] = True
    status, answer = client.issue(ek, ak, ekCerts=[b64(ek.certificate + padding)])
    assert status == 200, answer


def test_U17_ek_that_says_rsaesoaep_is_the_same_device(client, server, vendor, ak, nothing_changes):
    """As old Infineon and STMicroelectronics EK certificates have their key."""
    nothing_changes['may-change'] = True
    e = SoftEk('rsa2048', authority=vendor)
    rsa_encryption, rsaes_oaep = (bytes.fromhex('06092a864886f70d0101') + n for n in (b'\x01', b'\x07'))
    assert e.spki.count(rsa_encryption) == 1
    server.enroll(e.hash, 'oaep')
    try:
        status, answer = client.issue(e, ak, ek=b64(e.spki.replace(rsa_encryption, rsaes_oaep)))
        assert status == 200, answer
        identifiers, uris, _ = names_of(x509.load_der_x509_certificate(chain_of(answer)[0]))
        assert identifiers == ['oaep'] and uris == ['urn:ek:sha256:' + b64(bytes.fromhex(e.hash))]
    finally:
        server.remove(e.hash)


def test_certificates_of_other_eks_do_no_harm(client, ek, ak, vendor, nothing_changes):
    nothing_changes['may-change'] = True
    others = [SoftEk(authority=vendor).certificate, SoftEk(authority=Authority('Other')).certificate]
    status, answer = client.issue(ek, ak, ekCerts=[b64(c) for c in (*others, ek.certificate)])
    assert status == 200, answer


# ---- AK: what it is

AK_ROWS = {
    'fixedTPM-clear': dict(attributes=dev.AK_ATTRIBUTES & ~dev.FIXED_TPM),
    'fixedParent-clear': dict(attributes=dev.AK_ATTRIBUTES & ~dev.FIXED_PARENT),
    'sensitiveDataOrigin-clear': dict(attributes=dev.AK_ATTRIBUTES & ~dev.SENSITIVE_DATA_ORIGIN),
    'restricted-clear': dict(attributes=dev.AK_ATTRIBUTES & ~dev.RESTRICTED),
    'sign-clear': dict(attributes=dev.AK_ATTRIBUTES & ~dev.SIGN),
    'F9-decrypt-and-sign': dict(attributes=dev.AK_ATTRIBUTES | dev.DECRYPT),
    'reserved-attribute': dict(attributes=dev.AK_ATTRIBUTES | 1),
    'attributes-none': dict(attributes=0),
    'name-sha1': dict(name_alg=dev.SHA1),
    'name-sha384': dict(name_alg=dev.SHA384),
    'policy': dict(policy=bytes(32)),
    'symmetric': dict(symmetric=dev.AES),
    'scheme-null': dict(scheme=dev.NULL),
    'scheme-pss': dict(scheme=dev.RSAPSS),
    'scheme-sha1': dict(scheme_hash=dev.SHA1),
    'scheme-sha384': dict(scheme_hash=dev.SHA384),
    'exponent-3': dict(exponent=3),
    'bits-wrong': dict(bits=1024),
    'modulus-short': dict(unique=b'\xff' * 128),
    'modulus-empty': dict(unique=b''),
}


@pytest.mark.parametrize('row', AK_ROWS)
def test_F9_ak_of_another_shape_refused(client, ek, keys, row):
    refused(*client.attest(ek, SoftAk(key=keys['rsa2048'], **AK_ROWS[row])))


@pytest.mark.parametrize('kind', ['rsa1024', 'rsa3072', 'p224', 'p384'])
def test_F9_ak_of_another_size_refused(client, ek, keys, kind):
    refused(*client.attest(ek, SoftAk(key=keys[kind])))


def test_p256_ak_accepted(client, ek, keys, nothing_changes):
    nothing_changes['may-change'] = True
    ak = SoftAk(key=keys['p256'])
    status, answer = client.issue(ek, ak)
    assert status == 200, answer
    assert spki(x509.load_der_x509_certificate(chain_of(answer)[0]).public_key()) == spki(ak.key)


@pytest.mark.parametrize('shape', [dict(curve=0x0004), dict(scheme=dev.NULL), dict(kdf=0x0022), dict(scheme=0x001a)])
def test_F9_p256_ak_of_another_shape_refused(client, ek, keys, shape):
    refused(*client.attest(ek, SoftAk(key=keys['p256'], **shape)))


# ---- AK: its evidence

EVIDENCE_ROWS = {
    'type-certify': dict(type=dev.CERTIFY),
    'type-quote': dict(type=0x8018),
    'magic': dict(magic=0xff544348),
    'magic-zero': dict(magic=0),
    'name-of-another': dict(name=b'\0\x0b' + bytes(32)),
    'name-empty': dict(name=b''),
    'creation-hash': dict(creation_hash=bytes(32)),
    'creation-hash-empty': dict(creation_hash=b''),
    'signature-sha384': dict(hash_alg=dev.SHA384),
    'signature-sha1': dict(hash_alg=dev.SHA1),
    'signature-pss': dict(scheme=dev.RSAPSS),
    'public-empty': dict(public=b'', name=b'\0\x0b' + bytes(32)),
    'create-data-empty': dict(create_data=b''),
    'attest-empty': dict(attest=b''),
    'signature-empty': dict(signature=b''),
    'signature-null': dict(signature=struct.pack('>H', dev.NULL)),
}


@pytest.mark.parametrize('row', EVIDENCE_ROWS)
def test_evidence_refused(client, ek, ak, row):
    refused(*client.post('/attest', attest_request(ek, ak.evidence(**EVIDENCE_ROWS[row]))))


def test_signature_by_another_key_refused(client, ek, ak, keys):
    refused(*client.post('/attest', attest_request(ek, ak.evidence(signer=keys['rsa2048']))))


BLOBS = ('public', 'createData', 'createAttestation', 'createSignature')


@pytest.mark.parametrize('blob', BLOBS)
def test_F9_trailing_bytes_refused(client, ek, ak, blob):
    evidence = ak.evidence()
    for tail in (b'\0', b'\0\0', b'\xff' * 8):
        refused(*client.post('/attest', attest_request(ek, {**evidence, blob: evidence[blob] + tail})), 400, 403)


@pytest.mark.parametrize('blob', BLOBS)
def test_truncation_at_every_byte_refused(client, ek, ak, blob):
    evidence = ak.evidence()
    for n in range(len(evidence[blob])):
        refused(*client.post('/attest', attest_request(ek, {**evidence, blob: evidence[blob][:n]})), 400, 403)


@pytest.mark.parametrize('blob', BLOBS)
def test_a_flipped_bit_in_any_byte_refused(client, ek, ak, blob):
    evidence = ak.evidence()
    for n in range(len(evidence[blob])):
        bent = bytearray(evidence[blob])
        bent[n] ^= 1 << (n % 8)
        refused(*client.post('/attest', attest_request(ek, {**evidence, blob: bytes(bent)})), 400, 403)


@pytest.mark.parametrize('blob', BLOBS)
def test_long_blob_refused(client, ek, ak, blob):
    refused(*client.post('/attest', attest_request(ek, {**ak.evidence(), blob: bytes(8192)})))


# ---- JSON

def honest_json(ek, ak):
    return json.dumps(attest_request(ek, ak.evidence()))


JSON_ROWS = {
    'empty': lambda t: '',
    'not-json': lambda t: 'attest me',
    'array': lambda t: f'[{t}]',
    'string': lambda t: '"x"',
    'number': lambda t: '1',
    'null': lambda t: 'null',
    'nothing-in-it': lambda t: '{}',
    'something-behind': lambda t: t + '{}',
    'nan': lambda t: t.replace('"version": 2', '"version": NaN'),
    'single-quotes': lambda t: t.replace('"ek"', "'ek'"),
    'comment': lambda t: '/* */' + t,
    'trailing-comma': lambda t: t[:-1] + ',}',
    'duplicate-member': lambda t: '{"ek": "AAAA", ' + t[1:],
    'duplicate-inside': lambda t: t.replace('"public"', '"public": "AAAA", "public"'),
    'nul-in-member-name': lambda t: '{"ek\\u0000x": "AAAA", ' + t[1:],
    'nul-byte': lambda t: t + '\0',
    'deep': lambda t: '{"x": ' + '[' * 200 + ']' * 200 + ', ' + t[1:],
    'deep-objects': lambda t: '{"x":' * 200 + '1' + '}' * 200,
    'latin-1': lambda t: t.replace('SW   TPM', '\udcff\udcfe'),
    'escape-unknown': lambda t: t.replace('SW   TPM', '\\x41'),
    'surrogate-alone': lambda t: t.replace('SW   TPM', '\\ud800'),
}


@pytest.mark.parametrize('row', JSON_ROWS)
def test_json_refused(client, ek, ak, row):
    body = JSON_ROWS[row](honest_json(ek, ak)).encode('utf-8', 'surrogateescape')
    refused(*client.post('/attest', body), 400, 413)


def test_json_truncated_at_every_byte_refused(client, ek, ak):
    body = honest_json(ek, ak).encode()
    for n in range(0, len(body)):
        refused(*client.post('/attest', body[:n]), 400)


def members(value, path=()):
    for k, v in value.items():
        yield (*path, k)
        if isinstance(v, dict):
            yield from members(v, (*path, k))


@pytest.mark.parametrize('bend', ['null', 'number', 'object', 'array', 'true', 'gone'])
def test_F8_member_of_another_type_refused(client, ek, ak, bend):
    value = {'null': None, 'number': 1, 'object': {'a': 1}, 'array': [1], 'true': True, 'gone': None}[bend]
    request = attest_request(ek, ak.evidence())
    needed = {('ek',), ('params',), *(('params', b) for b in BLOBS)}
    for path in members(request):
        if bend == 'number' and path == ('tpmInfo', 'version'):
            continue
        if bend in ('null', 'gone') and path not in needed:
            continue  # may be left out
        if bend == 'object' and path == ('tpmInfo',):
            continue  # it is one
        bent = json.loads(json.dumps(request))
        where = bent
        for k in path[:-1]:
            where = where[k]
        if bend == 'gone':
            del where[path[-1]]
        else:
            where[path[-1]] = value
        status, answer = client.post('/attest', bent)
        assert status == 400, (path, status, answer)
        refused(status, answer)


BASE64_ROWS = {
    'url-alphabet': lambda s: s.replace('/', '_').replace('+', '-'),
    'no-padding': lambda s: s.rstrip('='),
    'more-padding': lambda s: s + '=',
    'space': lambda s: s[:8] + ' ' + s[8:],
    'garbage': lambda s: '!' + s[1:],
    'stray-bits': lambda s: re.sub('[AQgw](?==)', lambda m: chr(ord(m[0]) + 1), s),
}


@pytest.mark.parametrize('row', BASE64_ROWS)
def test_base64_refused(client, ek, ak, row):
    request = attest_request(ek, ak.evidence())
    bent = 0
    for where, name in [(request, 'ek'), *((request['params'], b) for b in BLOBS)]:
        good = where[name]
        where[name] = BASE64_ROWS[row](good)
        if where[name] != good:
            bent += 1
            refused(*client.post('/attest', request), 400)
        where[name] = good
    assert bent


def test_nul_in_model_is_carried(client, ek, ak, nothing_changes):
    """Real TPMs have it: "NPCT75x\\0"!!4rls"."""
    nothing_changes['may-change'] = True
    info = {'version': 2, 'manufacturer': '1314145024', 'model': 'NPCT75x\0"!!4rls', 'firmwareVersion': '7.2'}
    status, answer = client.issue(ek, ak, tpmInfo=info)
    assert status == 200, answer


def test_unknown_members_are_ignored(client, ek, ak, nothing_changes):
    nothing_changes['may-change'] = True
    status, answer = client.issue(ek, ak, akCert='', x={'y': [1, 2, {'z': None}]})
    assert status == 200, answer


def test_F6_U8_body_over_the_limit(server, client, ek, ak):
    # Announced, but not sent: refused on the announcement.
    for n in (BODY_LIMIT + 1, 4000000000, 10 ** 18):
        status, _ = raw(server, b'POST /attest HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n' % n)
        assert status == 413
    # Sent all the same: the server need not read it, so the answer may be lost with the connection.
    body = json.dumps({**attest_request(ek, ak.evidence()), 'x': 'x' * BODY_LIMIT}).encode()
    status, _ = raw(server, b'POST /attest HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n' % len(body) + body)
    assert status in (0, 413)
    # Chunked: no announcement.
    chunk = b'1000\r\n' + b' ' * 0x1000 + b'\r\n'
    status, _ = raw(server, b'POST /attest HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n' + chunk * 17)
    assert status in (0, 413)
    # At the limit: read, and refused for what it says.
    status, _ = client.post('/attest', b' ' * BODY_LIMIT)
    assert status == 400


# ---- HTTP

def raw(server, data, timeout=30):
    """(status or 0 for a closed connection, everything) that bytes get over TLS."""
    import ssl
    context = ssl.create_default_context(cafile=server.tls_root)
    with socket.create_connection(('127.0.0.1', server.port), timeout=timeout) as tcp, \
            context.wrap_socket(tcp, server_hostname='attest.test') as s:
        answer = b''
        try:
            s.sendall(data)
            while b'\r\n\r\n' not in answer:
                more = s.recv(65536)
                if not more:
                    break
                answer += more
        except (ConnectionError, ssl.SSLError):
            pass
    return (int(answer.split()[1]) if answer.startswith(b'HTTP/1.1 ') else 0), answer


HTTP_ROWS = {
    'no-host': b'POST /attest HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}',
    'two-lengths': b'POST /attest HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{} ',
    'length-and-chunked': b'POST /attest HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n'
                          b'2\r\n{}\r\n0\r\n\r\n',
    'negative-length': b'POST /attest HTTP/1.1\r\nHost: x\r\nContent-Length: -2\r\n\r\n{}',
    'bad-chunk': b'POST /attest HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n',
    'long-header': b'POST /attest HTTP/1.1\r\nHost: x\r\nX: ' + b'x' * 100000 + b'\r\n\r\n',
    'long-path': b'GET /' + b'x' * 100000 + b' HTTP/1.1\r\nHost: x\r\n\r\n',
    'two-hosts': b'GET /root.pem HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n',
    'no-http': b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n',
}


@pytest.mark.parametrize('row', HTTP_ROWS)
def test_http_refused(server, row):
    status, answer = raw(server, HTTP_ROWS[row])
    assert status == 0 or 400 <= status < 500, answer


def test_space_before_a_colon_smuggles_no_request(server):
    """RFC 9112, 5.1: what stands before us may take the length that we do not."""
    import ssl
    context = ssl.create_default_context(cafile=server.tls_root)
    with socket.create_connection(('127.0.0.1', server.port), timeout=30) as tcp, \
            context.wrap_socket(tcp, server_hostname='attest.test', suppress_ragged_eofs=True) as s:
        s.sendall(b'POST /secret HTTP/1.1\r\nHost: x\r\nContent-Length : 17\r\n\r\n{"secret":"AAAA"}'
                  b'GET /root.pem HTTP/1.1\r\nHost: x\r\n\r\n')
        answer = b''
        while more := s.recv(65536):
            answer += more
    assert answer.startswith(b'HTTP/1.1 400 ') and answer.count(b'HTTP/1.1 ') == 1, answer


@pytest.mark.parametrize('method,path,allow', [
    ('GET', '/attest', {'POST'}), ('PUT', '/attest', {'POST'}), ('DELETE', '/secret', {'POST'}),
    ('GET', '/secret', {'POST'}), ('POST', '/root.pem', {'GET', 'HEAD'}), ('FROB', '/root.pem', {'GET', 'HEAD'}),
])
def test_F15_other_methods(client, method, path, allow):
    status, headers, answer = client.request(method, path)
    refused(status, answer, 405)
    assert set(headers['Allow'].replace(',', ' ').split()) == allow


@pytest.mark.parametrize('path', ['/', '/attest/', '/attest/x', '//attest', '/root', '/root.pem/..', '/%61ttest/../x',
                                  '/crl', '/../etc/passwd', '/favicon.ico'])
def test_other_paths(client, path):
    status, _, answer = client.request('GET', path)
    refused(status, answer, 404)


def test_root_certificate(client, server):
    status, headers, body = client.request('GET', '/root.pem')
    assert status == 200 and body.decode() == server.root_pem
    assert headers['Content-Type'] == 'application/x-pem-file'
    status, headers, body = client.request('HEAD', '/root.pem')
    assert status == 200 and body == b''


def test_slow_clients_hold_up_nobody(server, client, ek, ak, nothing_changes):
    nothing_changes['may-change'] = True
    slow = []
    try:
        for _ in range(40):
            s = socket.create_connection(('127.0.0.1', server.port))
            s.sendall(b'\x16\x03\x01')  # a TLS handshake that never goes on
            slow.append(s)
        started = time.monotonic()
        fresh = Client(server.url, server.tls_root)
        status, answer = fresh.issue(ek, ak)
        assert status == 200, answer
        assert time.monotonic() - started < 5
    finally:
        for s in slow:
            s.close()


def test_F7_U7_a_refusal_has_its_status_and_words(client, ek, ak, vendor):
    """Nothing but what was asked for is a 200, and each refusal is JSON with the members that clients read."""
    good = attest_request(ek, ak.evidence())
    other = attest_request(SoftEk(authority=vendor), ak.evidence())
    rows = [('POST', '/attest', b'', 400), ('POST', '/attest', {}, 400), ('POST', '/attest', {**good, 'ek': 'x'}, 400),
            ('POST', '/attest', {**good, 'params': None}, 400), ('POST', '/attest', {**good, 'ek': other['ek']}, 403),
            ('POST', '/attest', b'x' * (BODY_LIMIT + 1), 413), ('POST', '/secret', {'secret': b64(bytes(32))}, 403),
            ('POST', '/secret', {}, 400), ('GET', '/attest', None, 405), ('GET', '/nothing', None, 404)]
    for method, path, body, wanted in rows:
        status, headers, answer = client.request(method, path, body)
        refused(status, answer, wanted)
        assert headers['Content-Type'] == 'application/json', (method, path)
        assert re.fullmatch('[a-z][A-Za-z-]+', answer['error']) and ' ' in answer['detail'], answer


# ---- /secret

def test_secret_unknown(client):
    refused(*client.secret(bytes(32)), 403)


@pytest.mark.parametrize('size', [0, 1, 31, 33, 64, 1000])
def test_secret_of_another_size(client, size):
    refused(*client.secret(bytes(size)), 400, 403)


@pytest.mark.parametrize('body', ['', '{}', '[]', '{"secret": null}', '{"secret": 1}', '{"secret": ""}',
                                  '{"secret": "A"}', '{"secret": "AAAA", "secret": "AAAA"}', '{"Secret": "AAAA"}'])
def test_secret_json(client, body):
    refused(*client.post('/secret', body.encode()), 400, 403)


def test_F5_U5_secret_twice(client, ek, ak, nothing_changes):
    nothing_changes['may-change'] = True
    status, answer = client.attest(ek, ak)
    secret = dev.activate(ek, ak, answer)
    assert client.secret(secret)[0] == 200
    refused(*client.secret(secret), 403)


def test_secret_with_one_bit_wrong_does_not_use_up_the_right_one(client, ek, ak, nothing_changes):
    nothing_changes['may-change'] = True
    _, answer = client.attest(ek, ak)
    secret = dev.activate(ek, ak, answer)
    refused(*client.secret(bytes([secret[0] ^ 1]) + secret[1:]), 403)
    assert client.secret(secret)[0] == 200


def test_device_not_enrolled_is_challenged_and_refused(client, server, vendor, ak):
    """The answer to /attest does not tell who is enrolled."""
    stranger = SoftEk(authority=vendor)
    status, answer = client.attest(stranger, ak)
    assert status == 200, answer
    refused(*client.secret(dev.activate(stranger, ak, answer)), 403)


def test_refusals_at_secret_look_alike(client, server, vendor, ak):
    """One that is denied, one without a certificate, and a secret that nobody has; only who has proved an EK that is
    unknown hears more, of itself."""
    unwanted, uncertified = SoftEk(authority=vendor), SoftEk()
    server.enroll(uncertified.hash)

    def try_it(e):
        _, answer = client.attest(e, ak)
        return client.secret(dev.activate(e, ak, answer))
    try:
        status, answer = try_it(unwanted)
        assert status == 403 and answer['error'] == 'waiting'
        server.call('Deny', 'sa{sv}', unwanted.hash, 0)
        assert try_it(unwanted) == try_it(uncertified) == client.secret(bytes(32))
    finally:
        server.remove(uncertified.hash)
        server.remove(unwanted.hash)


def test_F5_device_removed_in_between(client, server, vendor, ak):
    e = SoftEk(authority=vendor)
    server.enroll(e.hash, 'removed')
    _, answer = client.attest(e, ak)
    server.remove(e.hash)
    refused(*client.secret(dev.activate(e, ak, answer)), 403)


def test_replayed_attest_neither_replaces_nor_blocks(client, ek, ak, nothing_changes):
    """An attest request carries no freshness: anyone may have seen it and send it again."""
    nothing_changes['may-change'] = True
    _, first = client.attest(ek, ak)
    for _ in range(20):
        status, again = client.attest(ek, ak)
        assert status == 200, again
    assert client.secret(dev.activate(ek, ak, first))[0] == 200


def test_credential_is_of_no_use_to_another_ak(client, ek, ak, keys, nothing_changes):
    nothing_changes['may-change'] = True
    other = SoftAk(key=keys['rsa2048'])
    _, answer = client.attest(ek, ak)
    assert dev.activate(ek, ak, answer) is not None
    assert dev.activate(ek, other, answer) is None


# ---- Servers of their own

@pytest.fixture
def other_server(server, ek_roots):
    """Another atteztd, off the bus, with the state of the first: options as wanted."""
    import shutil
    from rig_process import RIG
    made = []

    def make(*options):
        server.stop()
        state = f'{RIG}/hostile-state-{len(made)}'
        shutil.rmtree(state, ignore_errors=True)
        shutil.copytree(server.state, state)
        from rig_process import run
        run('chown', '-R', 'atteztd:atteztd', state)
        made.append(Server(ek_roots, options=options, state=state))
        return made[-1]
    yield make
    for s in made:
        s.stop()
    server.start()


def test_F5_U5_secret_expired(other_server, ek, ak, nothing_changes):
    nothing_changes['may-change'] = True
    s = other_server('--secret-lifetime', '1')
    c = Client(s.url, s.tls_root)
    _, answer = c.attest(ek, ak)
    secret = dev.activate(ek, ak, answer)
    eventually(lambda: s.counts()['pending'] == 0, 'the secret expires', timeout=20)
    refused(*c.secret(secret), 403)
    assert c.issue(ek, ak)[0] == 200


@pytest.mark.seconds(280)
def test_F5_U5_flood_is_bounded_and_passes(other_server, ek, ak, nothing_changes):
    """More devices than there is room for get a 503 with Retry-After; memory does not follow them."""
    nothing_changes['may-change'] = True
    s = other_server('--secret-lifetime', '60')
    flood = [SoftEk() for _ in range(5000)]
    evidence = ak.evidence()
    bodies = [json.dumps(attest_request(e, evidence)).encode() for e in flood]
    statuses = {}
    lock = threading.Lock()

    def send(part):
        c = Client(s.url, s.tls_root)
        for body in part:
            status, headers, _ = c.request('POST', '/attest', body)
            with lock:
                statuses[status] = statuses.get(status, 0) + 1
                assert status != 503 or int(headers['Retry-After']) > 0

    def pour():
        threads = [threading.Thread(target=send, args=(bodies[n::8],)) for n in range(8)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        return s.daemon.memory()
    full = pour()
    assert set(statuses) == {200, 503} and sum(statuses.values()) == len(flood), statuses
    assert s.counts()['pending'] <= 5000
    assert pour() - full < 24 * 1024, 'kB'
    # Those who have a manufacturer's certificate are served all the while, and it passes for the others, too.
    c = Client(s.url, s.tls_root)
    assert c.attest(ek, ak)[0] == 200
    eventually(lambda: c.attest(flood[-1], ak)[0] == 200, 'room again', timeout=90, pause=0.5)
