# SPDX-License-Identifier: MIT
"""attezt-tpm-signer, spoken to as attezt-agent does."""
import hashlib
import socket
import struct

from cryptography.hazmat.primitives import hashes

from rig_ca import load_chain, spki
from rig_process import PATIENCE, Daemon, eventually
from rig_programs import program

SIGN_PKCS1, SIGN_PSS, RAW, DECRYPT_PKCS1, DECRYPT_OAEP, SIGN_ECDSA = range(1, 7)
STATUS = ['ok', 'bad-length', 'bad-data', 'key-gone', 'no-tpm', 'lockout', 'timeout', 'busy', 'failed']
HASHES = [None, hashes.SHA1(), hashes.SHA224(), hashes.SHA256(), hashes.SHA384(), hashes.SHA512()]
NONE, SHA1, SHA224, SHA256, SHA384, SHA512 = range(6)
OPERATION_SIZE, RESULT_SIZE = 694, 520


class Key:
    """What the agent knows of an enrolment's key."""
    def __init__(self, state_dir, generation):
        self.state_dir, self.generation = state_dir, generation
        with open(f'{state_dir}/generations/{generation}/device.crt', 'rb') as f:
            self.public = load_chain(f.read())[0].public_key()
        self.hash = hashlib.sha256(spki(self.public)).digest()

    def operation(self, kind, data, hash=NONE, mgf=NONE, salt=0, label=b''):
        return (struct.pack('>4sQ32s4B3H', b'atq\1', self.generation, self.hash, kind, hash, mgf, 0, salt, len(label),
                            len(data)) + label.ljust(128, b'\0') + data.ljust(512, b'\0'))


class Signer:
    """The program as the agent's child, at a socket of its own."""
    def __init__(self, state_dir, tcti, *options, user='attezt'):
        self.socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            argv = [program('attezt-tpm-signer'), '--state-dir', state_dir, '--tcti', tcti, *options]
            self.daemon = Daemon('/bin/bash', '-c', f'exec "$@" 3<&{theirs.fileno()} {theirs.fileno()}<&-'
                                 if theirs.fileno() != 3 else 'exec "$@"', '-', *argv, user=user,
                                 name='attezt-tpm-signer', pass_fds=[theirs.fileno()])
        self.socket.settimeout(PATIENCE)

    def send(self, packet):
        self.socket.send(packet)

    def receive(self):
        packet = self.socket.recv(RESULT_SIZE + 1)
        assert len(packet) == RESULT_SIZE, packet
        magic, status, size = struct.unpack_from('>4sHH', packet)
        assert magic == b'ata\1' and not any(packet[8 + size:]), packet
        return STATUS[status], packet[8:8 + size]

    def ask(self, *arguments, **kwargs):
        """Status and answer; arguments: a Key and what its operation() takes."""
        key, *rest = arguments
        self.send(key.operation(*rest, **kwargs))
        return self.receive()

    def answer(self, *arguments, **kwargs):
        status, data = self.ask(*arguments, **kwargs)
        assert status == 'ok', (status, self.daemon.log)
        return data

    def said(self, n):
        """Its first n lines, when there are as many and no more."""
        eventually(lambda: len(self.daemon.lines) >= n, f'{n} lines')
        assert len(self.daemon.lines) == n, self.daemon.log
        return self.daemon.lines

    def ended(self):
        """The connection's end, and the exit status."""
        assert self.socket.recv(1) == b''
        return self.daemon.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()
        if self.daemon in Daemon.running:
            self.daemon.wait()
