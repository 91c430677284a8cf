# SPDX-License-Identifier: MIT
"""A front that says what it likes: src/protocol/front-wire.h from outside."""
import os
import shutil
import socket
import struct

from cryptography.hazmat.primitives.asymmetric import rsa

from rig_device import field
from rig_process import ACTIVATE, Daemon, PATIENCE, as_user
from rig_programs import program

VERSION = 1
ATTEST, SECRET, ATTEST_REPLY, SECRET_REPLY, CHANGED = 1, 2, 3, 4, 5
OK, BUSY, DENIED, UNAVAILABLE, FAILED, WAITING = range(6)
NONE, UNTRUSTED, TRUSTED = range(3)
KEY_SIZE, TPM_TEXT, ISSUER_TEXT, PEER_TEXT = 512, 65, 256, 64
ID_OBJECT, ENCRYPTED_SECRET, CERTIFICATE = 86, 514, 2048


def key(k):
    public = k.public_key()
    if isinstance(public, rsa.RSAPublicKey):
        kind, size, exponent = 1, public.key_size // 8, 65537
        body = public.public_numbers().n.to_bytes(size, 'big')
    else:
        kind, size, exponent = {256: 2, 384: 3}[public.curve.key_size], public.curve.key_size // 8, 0
        body = field(public.public_numbers().x, public.curve) + field(public.public_numbers().y, public.curve)
    return struct.pack('>BHI', kind, size, exponent) + body.ljust(KEY_SIZE, b'\0')


def text(s, size):
    return s.encode().ljust(size, b'\0')


def header(kind, number):
    return struct.pack('>BBQ', VERSION, kind, number)


def attest(ek, ak, evidence=TRUSTED, tpm=('id:54455354', 'soft', 'id:1'), issuer='', number=7):
    """ek and ak are keys of cryptography's."""
    if evidence != TRUSTED:
        tpm = ('', '', '')
    return (header(ATTEST, number) + key(ek) + key(ak) + bytes([evidence]) + b''.join(text(t, TPM_TEXT) for t in tpm) +
            text(issuer, ISSUER_TEXT) + text('127.0.0.1', PEER_TEXT))


def secret(value, number=8):
    return header(SECRET, number) + value + text('127.0.0.1', PEER_TEXT)


def sized(data, size):
    n = struct.unpack('>H', data[:2])[0]
    assert n <= size and not any(data[2 + n:2 + size])
    return data[2:2 + n], data[2 + size:]


class Front:
    """One connection."""
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(path)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, packet):
        self.socket.send(packet)

    def receive(self):
        """(type, number, status, contents), or None when the other end closed."""
        while True:
            try:
                packet = self.socket.recv(65536)
            except ConnectionResetError:
                return None
            if not packet:
                return None
            version, kind, number = struct.unpack('>BBQ', packet[:10])
            assert version == VERSION
            if kind != CHANGED:
                break
        rest = packet[11:]
        if kind == ATTEST_REPLY:
            credential, rest = sized(rest, ID_OBJECT)
            encrypted, rest = sized(rest, ENCRYPTED_SECRET)
            contents = (credential, encrypted)
        else:
            assert kind == SECRET_REPLY
            n, rest, contents = rest[0], rest[33:], []  # between them the hash of the EK
            for i in range(2):
                certificate, rest = sized(rest, CERTIFICATE)
                if i < n:
                    contents.append(certificate)
        assert not rest
        return kind, number, packet[10], contents

    def ask(self, packet):
        try:
            self.send(packet)
        except (BrokenPipeError, ConnectionResetError):
            return None
        return self.receive()


def behind_socket(path, state, *options, user='atteztd'):
    """atteztd behind a listening socket for fronts, as its unit has it: it starts with the first connection."""
    if os.path.exists(path):
        os.unlink(path)
    d = Daemon(*ACTIVATE, '--seqpacket', '--fdname=front', '--listen', path,
               *as_user(user, [program('atteztd'), '--state-dir', state, *options]), name='atteztd')
    d.wait_line('Listening on')
    shutil.chown(path, 'attezt-http')
    os.chmod(path, 0o600)
    return d
