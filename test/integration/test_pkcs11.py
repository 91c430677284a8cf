# SPDX-License-Identifier: MIT
"""The device's token as real programs see and use it, once with each kind of device key."""
import os
import re
import struct

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

from rig_ca import load_chain
from rig_pkcs11 import (CERTIFICATE, CERTIFICATE_LABEL, CLIENT, INTERMEDIATE_KEY_LABEL, INTERMEDIATE_LABEL, KEY,
                        KEY_LABEL, PROXY, TOKEN, Database, ModuleFile, address, page_of)
from rig_process import Daemon, free_port, run
from rig_programs import cli

SHA256_INFO = bytes.fromhex('3031300d060960864801650304020105000420')  # of a DigestInfo
MESSAGE = b'What is signed or kept secret here.'


def only(kind):
    """Skips a test of the other kind of key; it is no test of that."""
    return pytest.mark.parametrize('token', [kind], indirect=True)


@pytest.fixture(params=['environment', 'module-file'])
def way(request, token):
    """(module, environment) by which a client finds the token: told by a variable, or by nothing but the file that
    a package installs."""
    if request.param == 'environment':
        yield CLIENT, address(token.p11kit)
    else:
        with ModuleFile(token.p11kit):
            yield PROXY, {}


@pytest.fixture
def pkcs11_tool(token):
    def tool(*arguments, **kwargs):
        return run('pkcs11-tool', '--module', CLIENT, *arguments, env=address(token.p11kit), **kwargs)
    return tool


def digest(data, kind=hashes.SHA256):
    h = hashes.Hash(kind())
    h.update(data)
    return h.finalize()


# ---- pkcs11-tool

def test_slot(token, way):
    module, env = way
    text = run('pkcs11-tool', '--module', module, '-L', env=env).stdout
    slot = text[text.index('Attezt Attestation Agent'):] if module == PROXY else text
    for line in ('token label *: Attestation Trust', 'token manufacturer *: attezt', 'token model *: attezt-agent',
                 'token flags *: .*readonly', 'token flags *: .*token initialized', r'serial num *: \S{8,16}'):
        assert re.search(line, slot), (line, text)
    assert not re.search('login required', slot.split('\nSlot')[0]), text


def objects_of(text):
    """[(first line, {name: value})] of pkcs11-tool -O."""
    found = []
    for line in text.splitlines():
        if not line.startswith(' '):
            found.append((line, {}))
        elif ':' in line and found:
            name, _, value = line.partition(':')
            found[-1][1][name.strip()] = value.strip()
    return found


def test_objects(token, pkcs11_tool):
    objects = objects_of(pkcs11_tool('-O').stdout)
    by = {(first.split(';')[0], values.get('label')): (first, values) for first, values in objects}
    first, values = by['Private Key Object', KEY_LABEL]
    rsa_key = token.kind == 'rsa-2048'
    assert ('RSA' if rsa_key else 'EC') in first
    assert values['Usage'] == ('decrypt, sign' if rsa_key else 'sign')
    assert values['Access'] == 'sensitive, always sensitive, never extractable, local'
    identity = values['ID']
    ski = token.leaf.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    assert identity == ski.hex()
    first, values = by['Certificate Object', CERTIFICATE_LABEL]
    assert values['ID'] == identity and 'X.509 cert' in first
    assert int(values['serial'], 16) == token.leaf.serial_number
    _, values = by['Certificate Object', INTERMEDIATE_LABEL]
    assert values['ID'] != identity and 'CN=Test step-ca Intermediate' in values['subject']
    _, values = by['Public Key Object', INTERMEDIATE_KEY_LABEL]
    assert values['ID'] == by['Certificate Object', INTERMEDIATE_LABEL][1]['ID']
    public = [v for (kind, label), (_, v) in by.items() if kind == 'Public Key Object' and v['ID'] == identity]
    assert len(public) == 1 and len(objects) == 5, objects


def test_objects_are_the_files(token, pkcs11_tool, scratch):
    for label, certificate in ((CERTIFICATE_LABEL, token.leaf), (INTERMEDIATE_LABEL, token.intermediate)):
        out = f'{scratch}/{label[:6]}.der'
        pkcs11_tool('--read-object', '--type', 'cert', '--label', label, '-o', out)
        with open(out, 'rb') as f:
            assert f.read() == certificate.public_bytes(serialization.Encoding.DER)


def test_mechanisms(token, pkcs11_tool):
    """Those that a client of 0.24.1 can pass on."""
    text = pkcs11_tool('-M').stdout
    if token.kind == 'p-256':
        assert re.search(r'^ *ECDSA, keySize=\{256,\d+\},.*sign', text, re.MULTILINE), text
        assert 'RSA' not in text
    else:
        for name, use in (('RSA-PKCS', 'decrypt.*sign'), ('RSA-PKCS-PSS', 'sign'), ('RSA-PKCS-OAEP', 'decrypt'),
                          ('RSA-X-509', 'sign|decrypt'), ('SHA256-RSA-PKCS', 'sign')):
            assert re.search(rf'^ *{name}, keySize=\{{2048,\d+\}},.*({use})', text, re.MULTILINE), (name, text)
        assert 'ECDSA' not in text


def test_nothing_can_be_written(token, pkcs11_tool):
    """Neither made nor removed, and no secret is told."""
    for arguments in (['--keypairgen', '--key-type', 'EC:prime256v1', '--label', 'x'],
                      ['--delete-object', '--type', 'privkey', '--label', KEY_LABEL]):
        assert pkcs11_tool(*arguments, check=False).returncode != 0
    assert len(objects_of(pkcs11_tool('-O').stdout)) == 5


class Files:
    def __init__(self, directory):
        self.directory = directory

    def write(self, data):
        with open(f'{self.directory}/in', 'wb') as f:
            f.write(data)
        return f'{self.directory}/in'

    @property
    def out(self):
        return f'{self.directory}/out'

    def read(self):
        with open(self.out, 'rb') as f:
            return f.read()


@pytest.fixture
def sign(pkcs11_tool, scratch):
    """sign(mechanism, data, options…): the signature."""
    def do(mechanism, data, *options):
        f = Files(scratch)
        pkcs11_tool('--sign', '-m', mechanism, '--label', KEY_LABEL, '-i', f.write(data), '-o', f.out, *options)
        return f.read()
    return do


@pytest.fixture
def decrypt(pkcs11_tool, scratch):
    def do(mechanism, data, *options):
        f = Files(scratch)
        pkcs11_tool('--decrypt', '-m', mechanism, '--label', KEY_LABEL, '-i', f.write(data), '-o', f.out, *options)
        return f.read()
    return do


@only('rsa-2048')
def test_sign_rsa_pkcs(token, sign):
    signature = sign('RSA-PKCS', SHA256_INFO + digest(MESSAGE))
    token.leaf.public_key().verify(signature, MESSAGE, padding.PKCS1v15(), hashes.SHA256())


@only('rsa-2048')
@pytest.mark.parametrize('name,kind', [('SHA1', hashes.SHA1), ('SHA256', hashes.SHA256), ('SHA384', hashes.SHA384),
                                       ('SHA512', hashes.SHA512)])
def test_sign_hash_rsa_pkcs(token, sign, name, kind):
    """The token hashes; with a message of one call and one of several."""
    for message in (MESSAGE, MESSAGE * 1000):
        signature = sign(f'{name}-RSA-PKCS', message)
        token.leaf.public_key().verify(signature, message, padding.PKCS1v15(), kind())


@only('rsa-2048')
@pytest.mark.parametrize('name,kind,salt', [('SHA256', hashes.SHA256, 32), ('SHA256', hashes.SHA256, 0),
                                            ('SHA256', hashes.SHA256, 20), ('SHA384', hashes.SHA384, 48),
                                            ('SHA512', hashes.SHA512, 64), ('SHA-1', hashes.SHA1, 20)])
def test_sign_rsa_pss(token, sign, name, kind, salt):
    """With the caller's hash and length of salt, whatever TPMs may think of that."""
    options = ['--hash-algorithm', name, '--mgf', 'MGF1-' + name.replace('-', ''), '--salt-len', str(salt)]
    signature = sign('RSA-PKCS-PSS', digest(MESSAGE, kind), *options)
    token.leaf.public_key().verify(signature, digest(MESSAGE, kind), padding.PSS(padding.MGF1(kind()), salt),
                                   utils.Prehashed(kind()))


@only('p-256')
@pytest.mark.parametrize('kind', [hashes.SHA1, hashes.SHA256, hashes.SHA384, hashes.SHA512])
def test_sign_ecdsa(token, sign, kind):
    """A digest shorter than the curve, as long, and longer, of which the left part counts."""
    signature = sign('ECDSA', digest(MESSAGE, kind))
    assert len(signature) == 64
    der = utils.encode_dss_signature(int.from_bytes(signature[:32], 'big'), int.from_bytes(signature[32:], 'big'))
    token.leaf.public_key().verify(der, digest(MESSAGE, kind), ec.ECDSA(utils.Prehashed(kind())))


@only('p-256')
def test_sign_ecdsa_sha1(token, sign):
    signature = sign('ECDSA-SHA1', MESSAGE)
    der = utils.encode_dss_signature(int.from_bytes(signature[:32], 'big'), int.from_bytes(signature[32:], 'big'))
    token.leaf.public_key().verify(der, MESSAGE, ec.ECDSA(hashes.SHA1()))


@only('rsa-2048')
def test_decrypt_pkcs1(token, decrypt):
    for plain in (b'x', MESSAGE, b'z' * 245):
        assert decrypt('RSA-PKCS', token.leaf.public_key().encrypt(plain, padding.PKCS1v15())) == plain


@only('rsa-2048')
@pytest.mark.parametrize('name,kind', [('SHA-1', hashes.SHA1), ('SHA256', hashes.SHA256), ('SHA384', hashes.SHA384)])
def test_decrypt_oaep(token, decrypt, name, kind):
    secret = token.leaf.public_key().encrypt(MESSAGE, padding.OAEP(padding.MGF1(kind()), kind(), None))
    mgf = 'MGF1-' + name.replace('-', '')
    assert decrypt('RSA-PKCS-OAEP', secret, '--hash-algorithm', name, '--mgf', mgf) == MESSAGE


@only('rsa-2048')
def test_decrypt_raw(token, decrypt):
    numbers = token.leaf.public_key().public_numbers()
    plain = b'\0' * 100 + b'\1' * 156
    secret = pow(int.from_bytes(plain, 'big'), numbers.e, numbers.n).to_bytes(256, 'big')
    assert decrypt('RSA-X-509', secret) == plain


@only('rsa-2048')
def test_broken_secret(token, pkcs11_tool, scratch):
    f = Files(scratch)
    for data in (b'\0' * 256, b'\xff' * 256, b'short'):
        r = pkcs11_tool('--decrypt', '-m', 'RSA-PKCS', '--label', KEY_LABEL, '-i', f.write(data), '-o', f.out,
                        check=False)
        assert r.returncode != 0 and 'CKR_' in r.stderr, r.stderr


# ---- GnuTLS

def test_p11tool_list(token, way):
    module, env = way
    provider = ['--provider', CLIENT] if module == CLIENT else []
    tokens = run('p11tool', *provider, '--list-tokens', env=env).stdout
    assert 'Label: Attestation Trust' in tokens and 'Requires login' not in tokens.split('Attestation Trust')[-1]
    text = run('p11tool', *provider, '--list-all', 'pkcs11:token=Attestation%20Trust', env=env).stdout
    labels = re.findall(r'Label: (.*)', text)
    for label in (CERTIFICATE_LABEL, KEY_LABEL, INTERMEDIATE_LABEL, INTERMEDIATE_KEY_LABEL):
        assert label in labels, text
    assert len(labels) == 5 and 'CKA_NEVER_EXTRACTABLE' in text and 'CKA_SENSITIVE' in text, text
    found = run('p11tool', *provider, '--export', CERTIFICATE, env=env).stdout
    assert load_chain(found[found.index('-----BEGIN'):]) == [token.leaf]


def test_p11tool_sign(token, way):
    module, env = way
    provider = ['--provider', CLIENT] if module == CLIENT else []
    r = run('p11tool', *provider, '--test-sign', KEY, env=env)
    words = r.stdout + r.stderr
    assert words.count('ok') >= 2 and 'Cannot' not in words, words


# ---- TLS clients and nginx

def serves(text, token, protocol):
    assert page_of(token.leaf) + f'protocol={protocol}' in text, text


PROTOCOLS = pytest.mark.parametrize('protocol', ['TLSv1.3', 'TLSv1.2'])


def port_of(web, protocol):
    return web.port if protocol == 'TLSv1.3' else web.port12


@PROTOCOLS
def test_curl(token, way, web, protocol):
    """Through the engine; its module is the one that reads module files unless it is told another."""
    module, env = way
    if module == CLIENT:
        env = {**env, 'PKCS11_MODULE_PATH': CLIENT}
    r = run('curl', '-sS', '--cacert', web.root_file, '--cert', CERTIFICATE, '--key', KEY,
            web.url(port_of(web, protocol)), env=env)
    serves(r.stdout, token, protocol)


def test_curl_by_the_uris_that_we_print(token, web):
    """And with the file of the chain, the intermediate reaches a server that knows the root only."""
    certificate, key = cli('certificate', '--uri').stdout.split()
    with ModuleFile(token.p11kit):
        r = run('curl', '-sS', '--cacert', web.root_file, '--cert', certificate, '--key', key, web.url())
        serves(r.stdout, token, 'TLSv1.3')
        r = run('curl', '-sS', '--cacert', web.root_file, '--cert', f'{token.state}/device.crt', '--key', key,
                '--key-type', 'ENG', '--engine', 'pkcs11', web.url(web.port_root))
        serves(r.stdout, token, 'TLSv1.3')


@PROTOCOLS
def test_no_certificate_no_page(web, protocol):
    r = run('curl', '-sS', '-w', '%{http_code}', '--cacert', web.root_file, web.url(port_of(web, protocol)))
    assert r.stdout.endswith('400') and 'No required SSL certificate was sent' in r.stdout


@PROTOCOLS
def test_gnutls_cli(token, way, web, protocol):
    module, env = way
    provider = ['--provider', CLIENT] if module == CLIENT else []
    r = run('gnutls-cli', *provider, '--x509cafile', web.root_file, '--x509certfile', CERTIFICATE, '--x509keyfile', KEY,
            '-p', str(port_of(web, protocol)), 'localhost', input='GET / HTTP/1.0\r\n\r\n', env=env)
    serves(r.stdout, token, protocol)


def test_openssl_engine(token, web):
    with ModuleFile(token.p11kit):
        r = run('openssl', 's_client', '-engine', 'pkcs11', '-keyform', 'engine', '-key', KEY,
                '-cert', f'{token.state}/device.crt', '-cert_chain', f'{token.state}/device.crt',
                '-CAfile', web.root_file, '-quiet', '-connect', f'localhost:{web.port_root}',
                input='GET / HTTP/1.0\r\n\r\n', check=False)
    serves(r.stdout, token, 'TLSv1.3')


# ---- NSS

def test_nss(token, way, web, scratch):
    module, env = way
    database = Database(f'{scratch}/nss', module, env)
    database.trust(web.root_file)
    modules = run('modutil', '-dbdir', database.directory, '-list', 'attezt', env=env).stdout
    assert TOKEN in modules and 'Attezt Attestation Agent' in modules, modules
    certificates = database.tool('certutil', '-L', '-h', 'all').stdout
    assert re.search(rf'{TOKEN}:{CERTIFICATE_LABEL} +u,u,u', certificates), certificates
    keys = database.tool('certutil', '-K', '-h', TOKEN).stdout
    assert KEY_LABEL in keys or CERTIFICATE_LABEL in keys, keys
    with open(f'{scratch}/request', 'w') as f:
        f.write('GET / HTTP/1.0\r\n\r\n')
    for port, protocol in ((web.port, 'TLSv1.3'), (web.port12, 'TLSv1.2'), (web.port_root, 'TLSv1.3')):
        r = database.tool('tstclnt', '-4', '-h', 'localhost', '-p', str(port), '-V', 'tls1.2:tls1.3', '-A',
                          f'{scratch}/request', '-n', f'{TOKEN}:{CERTIFICATE_LABEL}', check=False)
        serves(r.stdout, token, protocol)


# ---- SSH

def test_ssh_keygen(token):
    text = run('ssh-keygen', '-D', CLIENT, env=address(token.p11kit)).stdout
    key = token.leaf.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    assert key.decode() in text, text


# ---- Without PKCS#11: the key's file

@PROTOCOLS
def test_tpm2_openssl(token, protocol):
    """OpenSSL's provider for TPMs loads device.tss; nothing of ours runs. As a server, since this provider lets the
    TPM check the peer's signature too, for which three objects without a resource manager are not enough."""
    port = free_port()
    server = Daemon('openssl', 's_server', '-provider', 'default', '-provider', 'tpm2', '-propquery',
                    '?tpm2.signature=yes', '-key', f'{token.state}/device.tss', '-cert', f'{token.state}/device.crt',
                    '-accept', f'127.0.0.1:{port}', '-www', '-' + protocol.lower().replace('v', '').replace('.', '_'),
                    env={'TPM2OPENSSL_TCTI': token.tpm.tcti})
    try:
        server.wait_line('ACCEPT')
        r = run('openssl', 's_client', '-connect', f'127.0.0.1:{port}', '-showcerts')
        assert f'{protocol}, Cipher is' in r.stdout and 'Peer signature type' in r.stdout, r.stdout + server.log
        assert load_chain(r.stdout[r.stdout.index('-----BEGIN'):])[0] == token.leaf
    finally:
        server.kill()
