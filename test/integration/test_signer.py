# SPDX-License-Identifier: MIT
"""attezt-tpm-signer against software TPMs, with keys of real enrolments, judged by another implementation."""
import hashlib
import os
import shutil
import socket
import subprocess
import time

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, padding, utils

from rig_ca import write
from rig_process import ACTIVATE, ENVIRONMENT, RIG, Daemon, as_user, eventually, run
from rig_programs import Device, cli, program
from rig_signer import (DECRYPT_OAEP, DECRYPT_PKCS1, HASHES, OPERATION_SIZE, RAW, SHA1, SHA224, SHA256, SHA384,
                        SHA512, SIGN_ECDSA, SIGN_PKCS1, SIGN_PSS, Key, Signer)

DIGEST_INFO = bytes.fromhex('3031300d060960864801650304020105000420')
TEXT = b'what nobody else may read'


class Enrolled:
    """A device that has been enrolled, its agent gone."""
    def __init__(self, tpms, server, stepca, number, *options, renew=False):
        self.tpm = tpms.start('usual', number)
        device = Device(self.tpm, [server.tls_root, stepca.root_file])
        server.enroll(self.tpm.ek_hash(), f'device-{number}')
        device.enroll(stepca, server, '--name', f'device-{number}', *options)
        if renew:
            cli('renew', timeout=240)
        device.stop()
        self.state = device.state
        self.keys = [Key(self.state, n) for n in ((1, 2) if renew else (1,))]
        self.key = self.keys[-1]

    def signer(self, *options):
        return Signer(self.state, self.tpm.tcti, *options)


@pytest.fixture(scope='module')
def p256(tpms, server, stepca):
    d = Enrolled(tpms, server, stepca, 0, renew=True)
    yield d
    d.tpm.power_off()


@pytest.fixture(scope='module')
def rsa(tpms, server, stepca):
    d = Enrolled(tpms, server, stepca, 1, '--key', 'rsa-2048')
    yield d
    d.tpm.power_off()


def digest(number):
    return hashlib.new(HASHES[number].name, TEXT).digest()


def modulus(key):
    return key.public.public_numbers().n


def check_ecdsa(key, signature, data, hash):
    assert len(signature) == 64
    r, s = int.from_bytes(signature[:32], 'big'), int.from_bytes(signature[32:], 'big')
    key.public.verify(utils.encode_dss_signature(r, s), data, ec.ECDSA(utils.Prehashed(HASHES[hash])))


def sign_and_check(signer, key):
    check_ecdsa(key, signer.answer(key, SIGN_ECDSA, digest(SHA256)), digest(SHA256), SHA256)


def transient(tpm):
    return tpm.tool('getcap', 'handles-transient').stdout.split()


# ---- The six kinds

def test_ecdsa(p256):
    with p256.signer() as signer:
        for hash in (SHA1, SHA224, SHA256, SHA384, SHA512):
            check_ecdsa(p256.key, signer.answer(p256.key, SIGN_ECDSA, digest(hash)), digest(hash), hash)


def test_rsa_pkcs1(rsa):
    with rsa.signer() as signer:
        signature = signer.answer(rsa.key, SIGN_PKCS1, DIGEST_INFO + digest(SHA256))
        rsa.key.public.verify(signature, digest(SHA256), padding.PKCS1v15(), utils.Prehashed(HASHES[SHA256]))
        # What is no DigestInfo: TLS 1.0's MD5 and SHA-1, the longest there is, nothing at all.
        for data in (bytes(36), b'x' * 245, b''):
            signature = signer.answer(rsa.key, SIGN_PKCS1, data)
            n = pow(int.from_bytes(signature, 'big'), 65537, modulus(rsa.key))
            assert n.to_bytes(256, 'big') == b'\0\1' + b'\xff' * (253 - len(data)) + b'\0' + data
        assert signer.ask(rsa.key, SIGN_PKCS1, b'x' * 246) == ('bad-length', b'')


@pytest.mark.parametrize('hash,mgf,salt', [(SHA256, SHA256, 32), (SHA1, SHA1, 20), (SHA384, SHA256, 0),
                                           (SHA512, SHA512, 190), (SHA224, SHA1, 17)])
def test_rsa_pss(rsa, hash, mgf, salt):
    with rsa.signer() as signer:
        signature = signer.answer(rsa.key, SIGN_PSS, digest(hash), hash, mgf, salt)
        rsa.key.public.verify(signature, digest(hash), padding.PSS(padding.MGF1(HASHES[mgf]), salt),
                              utils.Prehashed(HASHES[hash]))


def test_rsa_pss_too_much_salt(rsa):
    with rsa.signer() as signer:
        assert signer.ask(rsa.key, SIGN_PSS, digest(SHA512), SHA512, SHA512, 191) == ('bad-length', b'')


def test_rsa_raw(rsa):
    n = modulus(rsa.key)
    with rsa.signer() as signer:
        for number in (1, 2, n // 3, n - 1):
            answer = signer.answer(rsa.key, RAW, number.to_bytes(256, 'big').lstrip(b'\0'))
            assert len(answer) == 256
            assert pow(int.from_bytes(answer, 'big'), 65537, n) == number
        for number in (n, n + 1, 2 ** 2048 - 1):
            assert signer.ask(rsa.key, RAW, number.to_bytes(256, 'big')) == ('bad-data', b'')
        assert signer.ask(rsa.key, RAW, bytes(257)) == ('bad-length', b'')


def test_rsa_decrypt_pkcs1(rsa):
    with rsa.signer() as signer:
        for text in (TEXT, b'', b'x' * 245):
            cipher = rsa.key.public.encrypt(text, padding.PKCS1v15())
            assert signer.answer(rsa.key, DECRYPT_PKCS1, cipher) == text
        assert signer.ask(rsa.key, DECRYPT_PKCS1, cipher[:-1]) == ('bad-length', b'')
        assert signer.ask(rsa.key, DECRYPT_PKCS1, bytes(255) + b'\2') == ('bad-data', b'')


@pytest.mark.parametrize('hash,mgf', [(SHA1, SHA1), (SHA256, SHA256), (SHA256, SHA1), (SHA512, SHA384)])
def test_rsa_decrypt_oaep(rsa, hash, mgf):
    with rsa.signer() as signer:
        for label in (b'', b'label', bytes(128)):
            oaep = padding.OAEP(padding.MGF1(HASHES[mgf]), HASHES[hash], label or None)
            cipher = rsa.key.public.encrypt(TEXT, oaep)
            assert signer.answer(rsa.key, DECRYPT_OAEP, cipher, hash, mgf, label=label) == TEXT
            assert signer.ask(rsa.key, DECRYPT_OAEP, cipher, hash, mgf, label=b'another') == ('bad-data', b'')


def test_kind_and_key_do_not_fit(p256, rsa):
    with p256.signer() as signer:
        assert signer.ask(p256.key, SIGN_PKCS1, b'x') == ('failed', b'')
        sign_and_check(signer, p256.key)
    with rsa.signer() as signer:
        assert signer.ask(rsa.key, SIGN_ECDSA, digest(SHA256)) == ('failed', b'')
        signer.answer(rsa.key, SIGN_PKCS1, b'x')


# ---- Which key

def test_two_generations(p256):
    old, new = p256.keys
    assert old.hash != new.hash
    with p256.signer() as signer:
        for key in (new, old, old, new):
            sign_and_check(signer, key)
        assert signer.daemon.lines == []


def test_no_such_key(p256):
    with p256.signer() as signer:
        key = Key(p256.state, 2)
        for generation in (0, 3, 2 ** 63, 2 ** 64 - 1):
            key.generation = generation
            assert signer.ask(key, SIGN_ECDSA, b'x') == ('key-gone', b'')
        key.generation = 1  # with the hash of the other
        assert signer.ask(key, SIGN_ECDSA, b'x') == ('key-gone', b'')
        sign_and_check(signer, p256.key)
        assert signer.ask(key, SIGN_ECDSA, b'x') == ('key-gone', b'')
        sign_and_check(signer, p256.key)


def test_bent_key_file(p256, scratch):
    state = f'{scratch}/state'
    shutil.copytree(p256.state, state, symlinks=True)
    path = f'{state}/generations/2/device.tss'
    with Signer(state, p256.tpm.tcti, user=None) as signer:
        for content in (b'', b'nonsense', bytes(20000)):
            write(path, content)
            assert signer.ask(p256.key, SIGN_ECDSA, b'x') == ('key-gone', b'')
        os.unlink(path)
        os.mkfifo(path)
        assert signer.ask(p256.key, SIGN_ECDSA, b'x') == ('key-gone', b'')
        os.unlink(path)
        assert signer.ask(p256.key, SIGN_ECDSA, b'x') == ('key-gone', b'')
        shutil.copy(f'{p256.state}/generations/2/device.tss', path)
        sign_and_check(signer, p256.key)


def test_key_of_another_tpm(p256, rsa):
    with Signer(p256.state, rsa.tpm.tcti) as signer:
        assert signer.ask(p256.key, SIGN_ECDSA, b'x') == ('key-gone', b'')
        assert signer.ask(p256.key, SIGN_ECDSA, b'x') == ('key-gone', b'')
        # One line for both, that says what and why.
        assert 'key-gone: TPM2_Load: ' in signer.said(1)[0]


def test_tpm_that_was_cleared(tpms, server, stepca):
    d = Enrolled(tpms, server, stepca, 2)
    with d.tpm, d.signer() as signer:
        sign_and_check(signer, d.key)
        d.tpm.tool('clear')
        assert signer.ask(d.key, SIGN_ECDSA, b'x') == ('key-gone', b'')


# ---- The TPM comes and goes

def test_no_tpm(p256, scratch):
    with Signer(p256.state, f'swtpm:path={scratch}/nothing') as signer:
        assert signer.ask(p256.key, SIGN_ECDSA, b'x') == ('no-tpm', b'')
        assert 'no-tpm: Cannot open the TPM' in signer.said(1)[0]
    with Signer(p256.state, f'device:{scratch}/nothing') as signer:
        assert signer.ask(p256.key, SIGN_ECDSA, b'x') == ('no-tpm', b'')
        assert f'Cannot open the TPM {scratch}/nothing: No such file or directory' in signer.said(1)[0]


def test_tpm_gone_and_back(p256):
    with p256.signer() as signer:
        sign_and_check(signer, p256.key)
        p256.tpm.power_off()
        try:
            assert signer.ask(p256.key, SIGN_ECDSA, b'x') == ('no-tpm', b'')
            assert signer.ask(p256.key, SIGN_ECDSA, b'x') == ('no-tpm', b'')
        finally:
            p256.tpm.power_on()
        sign_and_check(signer, p256.key)
        p256.tpm.power_off()  # and back before anybody noticed
        p256.tpm.power_on()
        sign_and_check(signer, p256.key)
        signer.said(1)


def test_tpm_gone_for_long(p256):
    """The next process may be allowed what this one is not: it ends, although it is asked all the time."""
    with p256.signer() as signer:
        p256.tpm.power_off()
        try:
            begin = time.monotonic()
            while signer.daemon.process.poll() is None and time.monotonic() < begin + 8:
                assert signer.ask(p256.key, SIGN_ECDSA, b'x') == ('no-tpm', b'')
                time.sleep(0.3)
            assert time.monotonic() > begin + 2 and signer.ended() == 0
        finally:
            p256.tpm.power_on()


@pytest.mark.parametrize('when', ['while the key is flushed', 'later'])
def test_tpm_hangs(p256, when):
    with p256.signer('--limit', '2') as signer:
        sign_and_check(signer, p256.key)
        if when == 'later':
            time.sleep(0.5)
        p256.tpm.hang()
        try:
            assert signer.ask(p256.key, SIGN_ECDSA, b'x') == ('timeout', b'')
            assert signer.ended() == 3
        finally:
            p256.tpm.wake()
            p256.tpm.power_off()
            p256.tpm.power_on()


def test_beside_an_enrolment(server, stepca, new_device):
    """A bare TPM has three places, and attezt-enroll needs them all: the signer lets it have them, and waits."""
    device = new_device(server, stepca, number=3)
    server.enroll(device.tpm.ek_hash(), 'device-3')
    device.enroll(stepca, server, '--name', 'device-3')
    with Signer(device.state, device.tpm.tcti) as signer:
        old = Key(device.state, 1)
        sign_and_check(signer, old)
        cli('renew', timeout=240)
        for key in (Key(device.state, 2), old):
            sign_and_check(signer, key)
        renewal = subprocess.Popen([program('attezt'), 'renew'], env=ENVIRONMENT, stdout=subprocess.DEVNULL)
        signed = 0
        while renewal.poll() is None:
            sign_and_check(signer, Key(device.state, 2))
            signed += 1
        assert renewal.wait() == 0 and signed > 10
        sign_and_check(signer, Key(device.state, 3))
        assert signer.daemon.lines == []


def test_key_is_given_back(p256):
    """Soon after the last operation, and after a while in the middle of many."""
    with p256.signer() as signer:
        sign_and_check(signer, p256.key)
        eventually(lambda: transient(p256.tpm) == [], 'the key to be flushed', timeout=5)
        gone = 0
        for _ in range(400):
            sign_and_check(signer, p256.key)
            gone += transient(p256.tpm) == []
            if gone == 3:
                break
        assert gone == 3


# ---- Its life

def test_nothing_before_the_first_operation(p256):
    with p256.signer('--idle', '1') as signer:
        p256.tpm.tool('getrandom', '8')
        assert signer.ended() == 0
        assert signer.daemon.lines == []


def test_idle_end(p256):
    with p256.signer('--idle', '2') as signer:
        for _ in range(2):
            sign_and_check(signer, p256.key)
            # It gives the TPM back before it ends.
            eventually(lambda: transient(p256.tpm) == [], 'the key is flushed')
            assert signer.daemon.process.poll() is None
        assert signer.ended() == 0
        assert signer.daemon.lines == []


def test_told_to_end(p256):
    with p256.signer() as signer:
        sign_and_check(signer, p256.key)
        assert signer.daemon.stop() == 0
    assert transient(p256.tpm) == []


def test_agent_goes(p256):
    with p256.signer() as signer:
        signer.send(p256.key.operation(SIGN_ECDSA, b'x'))
    assert transient(p256.tpm) == []


def bend(packet, at, value):
    return packet[:at] + bytes([value]) + packet[at + 1:]


@pytest.mark.parametrize('what', ['short', 'long', 'magic', 'kind', 'reserved', 'hash', 'salt', 'size', 'tail'])
def test_bent_packets(p256, what):
    packet = p256.key.operation(SIGN_ECDSA, digest(SHA256))
    assert len(packet) == OPERATION_SIZE
    with p256.signer() as signer:
        sign_and_check(signer, p256.key)
        signer.send({'short': packet[:-1], 'long': packet + b'\0', 'magic': bend(packet, 3, 2),
                     'kind': bend(packet, 44, 7), 'reserved': bend(packet, 47, 1), 'hash': bend(packet, 45, 1),
                     'salt': bend(packet, 49, 1), 'size': bend(packet, 52, 0xff),
                     'tail': bend(packet, OPERATION_SIZE - 1, 1)}[what])
        assert signer.ended() == 1
        assert len(signer.daemon.lines) == 1
    assert transient(p256.tpm) == []


def test_many_at_once(p256):
    with p256.signer() as signer:
        for _ in range(8):
            signer.send(p256.key.operation(SIGN_ECDSA, digest(SHA256)))
        for _ in range(8):
            status, signature = signer.receive()
            assert status == 'ok'
            check_ecdsa(p256.key, signature, digest(SHA256), SHA256)


def test_socket_of_systemd(p256):
    path = f'{RIG}/signer.socket'
    listener = Daemon(*ACTIVATE, '--seqpacket', '--listen', path,
                      *as_user('attezt', [program('attezt-tpm-signer'), '--state-dir', p256.state, '--tcti',
                                          p256.tpm.tcti, '--idle', '1']), name='attezt-tpm-signer')
    listener.wait_line('Listening on')
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
        s.connect(path)
        signer = Signer.__new__(Signer)
        signer.socket, signer.daemon = s, listener
        sign_and_check(signer, p256.key)
        assert s.recv(1) == b''
        assert listener.wait() == 0
    os.unlink(path)


def test_usage():
    r = run(program('attezt-tpm-signer'), '--help')
    assert '--idle' in r.stdout and r.stderr == ''
    assert run(program('attezt-tpm-signer'), '--version').stdout.startswith('attezt-tpm-signer ')
    for wrong in (['--idle', '0'], ['--idle', 'x'], ['--limit', '601'], ['--nonsense'], ['word']):
        assert run(program('attezt-tpm-signer'), *wrong, check=False).returncode == 2
    assert run(program('attezt-tpm-signer'), check=False).returncode == 1  # no socket
