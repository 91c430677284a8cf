# SPDX-License-Identifier: MIT
"""A client of p11-kit's RPC protocol that can also misbehave: it speaks as the clients of 0.24.1, 0.25.5 and 0.26.4
do (they differ in the version byte and in how they write a mechanism), sends whatever bytes a test wants, and
never waits longer than told."""
import array
import os
import pwd
import socket
import struct

OK = 0
CKR_HOST_MEMORY, CKR_GENERAL_ERROR, CKR_FUNCTION_FAILED = 0x2, 0x5, 0x6
CKR_ARGUMENTS_BAD, CKR_DATA_LEN_RANGE = 0x7, 0x21
CKR_ATTRIBUTE_SENSITIVE, CKR_ATTRIBUTE_TYPE_INVALID = 0x11, 0x12
CKR_DEVICE_ERROR, CKR_DEVICE_MEMORY, CKR_DEVICE_REMOVED = 0x30, 0x31, 0x32
CKR_ENCRYPTED_DATA_INVALID, CKR_ENCRYPTED_DATA_LEN_RANGE = 0x40, 0x41
CKR_FUNCTION_NOT_SUPPORTED = 0x54
CKR_KEY_HANDLE_INVALID, CKR_KEY_TYPE_INCONSISTENT = 0x60, 0x63
CKR_MECHANISM_INVALID, CKR_MECHANISM_PARAM_INVALID = 0x70, 0x71
CKR_OBJECT_HANDLE_INVALID = 0x82
CKR_OPERATION_ACTIVE, CKR_OPERATION_NOT_INITIALIZED = 0x90, 0x91
CKR_SESSION_COUNT, CKR_SESSION_HANDLE_INVALID = 0xb1, 0xb3
CKR_TOKEN_NOT_PRESENT, CKR_TOKEN_WRITE_PROTECTED = 0xe0, 0xe2
CKR_RANDOM_NO_RNG, CKR_BUFFER_TOO_SMALL = 0x121, 0x150

CKA_CLASS, CKA_TOKEN, CKA_PRIVATE, CKA_LABEL, CKA_VALUE = 0x0, 0x1, 0x2, 0x3, 0x11
CKA_CERTIFICATE_TYPE, CKA_ISSUER, CKA_SERIAL_NUMBER, CKA_CERTIFICATE_CATEGORY = 0x80, 0x81, 0x82, 0x87
CKA_KEY_TYPE, CKA_SUBJECT, CKA_ID, CKA_SENSITIVE, CKA_DECRYPT, CKA_SIGN = 0x100, 0x101, 0x102, 0x103, 0x105, 0x108
CKA_MODULUS, CKA_MODULUS_BITS, CKA_PUBLIC_EXPONENT, CKA_PRIVATE_EXPONENT = 0x120, 0x121, 0x122, 0x123
CKA_START_DATE, CKA_END_DATE = 0x110, 0x111
CKA_EXTRACTABLE, CKA_LOCAL, CKA_NEVER_EXTRACTABLE, CKA_ALWAYS_SENSITIVE = 0x162, 0x163, 0x164, 0x165
CKA_MODIFIABLE = 0x170
CKA_EC_PARAMS, CKA_EC_POINT, CKA_ALWAYS_AUTHENTICATE = 0x180, 0x181, 0x202
CKA_WRAP_TEMPLATE, CKA_UNWRAP_TEMPLATE = 0x40000211, 0x40000212
CKO_CERTIFICATE, CKO_PUBLIC_KEY, CKO_PRIVATE_KEY = 1, 2, 3
CKM_RSA_PKCS, CKM_RSA_X_509, CKM_RSA_PKCS_OAEP, CKM_RSA_PKCS_PSS = 0x1, 0x3, 0x9, 0xd
CKM_SHA256_RSA_PKCS, CKM_SHA256_RSA_PKCS_PSS = 0x40, 0x43
CKM_SHA_1, CKM_SHA256, CKM_SHA384, CKM_SHA512 = 0x220, 0x250, 0x260, 0x270
CKM_ECDSA, CKM_ECDSA_SHA1, CKM_ECDSA_SHA256 = 0x1041, 0x1042, 0x1044
CKG_MGF1_SHA1, CKG_MGF1_SHA256 = 1, 2
CKF_SERIAL_SESSION, CKF_RW_SESSION = 4, 2

BYTES_OF = {CKA_TOKEN, CKA_PRIVATE, CKA_SENSITIVE, CKA_DECRYPT, CKA_SIGN, CKA_EXTRACTABLE, CKA_LOCAL, CKA_MODIFIABLE,
            CKA_NEVER_EXTRACTABLE, CKA_ALWAYS_SENSITIVE, CKA_ALWAYS_AUTHENTICATE, *range(0x104, 0x10d), 0x86, 0x171}
NUMBERS = {CKA_CLASS, CKA_CERTIFICATE_TYPE, CKA_CERTIFICATE_CATEGORY, CKA_KEY_TYPE, CKA_MODULUS_BITS, 0x161, 0x166}
DATES = {CKA_START_DATE, CKA_END_DATE}

NULL = 0xffffffff       # a length
MAGIC = b'PRIVATE-GNOME-KEYRING-PKCS11-PROTOCOL-V-1'
PATIENCE = 60           # seconds

# Which version byte a client sends first, and how it writes a mechanism.
CLIENTS = {'0.24.1': (0, 'old'), '0.25.5': (1, 'old'), '0.26.4': (2, 'new')}


class RpcError(Exception):
    def __init__(self, rv):
        super().__init__(f'CKR {rv:#x}')
        self.rv = rv


class Closed(Exception):
    """The other side has closed the connection."""


def u32(n):
    return struct.pack('>I', n)


def u64(n):
    return struct.pack('>Q', n)


def data(value):
    """bytes, or None for NULL."""
    return u32(NULL) if value is None else u32(len(value)) + value


def array_of(value):
    """`ay`."""
    return b'\1' + data(value)


def attribute(kind, value):
    if kind in BYTES_OF:
        return u32(kind) + b'\1' + u32(1) + bytes([value])
    if kind in NUMBERS:
        return u32(kind) + b'\1' + u32(8) + u64(value)
    return u32(kind) + b'\1' + u32(len(value)) + data(value)


def template(attributes):
    """`aA` from a dictionary."""
    return u32(len(attributes)) + b''.join(attribute(k, v) for k, v in attributes.items())


def mechanism(kind, parameter=None, style='old'):
    if parameter is None:
        return u32(kind) + (u32(NULL) if style == 'old' else b'')
    return u32(kind) + (b'' if style == 'old' else b'\1') + parameter


def pss(hash_mechanism, mgf, salt):
    return u64(hash_mechanism) + u64(mgf) + u64(salt)


def oaep(hash_mechanism, mgf, label=b''):
    """The source is CKZ_DATA_SPECIFIED."""
    return u64(hash_mechanism) + u64(mgf) + u64(1) + data(label or None)


class Reader:
    def __init__(self, text):
        self.text, self.at = text, 0

    def take(self, n):
        assert self.at + n <= len(self.text), f'answer is too short: {self.text.hex()}'
        self.at += n
        return self.text[self.at - n:self.at]

    def byte(self):
        return self.take(1)[0]

    def u32(self):
        return struct.unpack('>I', self.take(4))[0]

    def u64(self):
        return struct.unpack('>Q', self.take(8))[0]

    def data(self):
        n = self.u32()
        return None if n == NULL else self.take(n)

    def array(self):
        """`ay`: bytes, or a number where there is only a length."""
        return self.data() if self.byte() else self.u32()

    def numbers(self):
        """`au`: likewise."""
        if not self.byte():
            return self.u32()
        return [self.u64() for _ in range(self.u32())]

    def attribute(self):
        """(type, value): None where it is not available."""
        kind = self.u32()
        if not self.byte():
            return kind, None
        length = self.u32()
        if kind in BYTES_OF:
            assert length == 1
            return kind, self.byte()
        if kind in NUMBERS:
            assert length == 8
            return kind, self.u64()
        value = self.data()
        # Clients before 0.25 take the one length, later ones the other.
        assert value is None or len(value) == length, (kind, length, value)
        return kind, length if value is None else value

    def end(self):
        assert self.at == len(self.text), f'{len(self.text) - self.at} bytes too many'


def connect(path, timeout=PATIENCE):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    s.connect(path)  # without a time limit, which would make it fail where the other side's queue is full
    s.settimeout(timeout)
    return s


def connect_as(user, path, n=1, groups=None):
    """n connections that another user made: the kernel remembers who called connect(2). groups: instead of his."""
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    entry = pwd.getpwnam(user)
    if groups is None:
        groups = os.getgrouplist(user, entry.pw_gid)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.setgroups(groups)
            os.setresgid(entry.pw_gid, entry.pw_gid, entry.pw_gid)
            os.setresuid(entry.pw_uid, entry.pw_uid, entry.pw_uid)
            for _ in range(n):
                s = connect(path, 10)
                there.sendmsg([b'.'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [s.fileno()]))])
                s.close()
            status = 0
        finally:
            os._exit(status)
    made = []
    here.settimeout(PATIENCE)
    for _ in range(n):
        _, fds, _, _ = socket.recv_fds(here, 1, 1)
        made.append(socket.socket(fileno=fds[0]))
        made[-1].settimeout(PATIENCE)
    _, status = os.waitpid(child, 0)
    here.close()
    there.close()
    assert status == 0
    return made if n > 1 else made[0]


class Connection:
    """version None: says nothing at all, for a test that wants to speak first."""
    def __init__(self, path=None, client='0.24.1', sock=None, initialize=True, timeout=PATIENCE):
        self.sock = sock if sock is not None else connect(path, timeout)
        self.version, self.style = CLIENTS[client]
        self.code = 0x0f
        if initialize:
            self.greet()
            self.initialize()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()

    # ---- Bytes

    def receive(self, n):
        got = b''
        while len(got) < n:
            try:
                part = self.sock.recv(n - len(got))
            except ConnectionResetError:
                part = b''
            if not part:
                raise Closed()
            got += part
        return got

    def send(self, text):
        try:
            self.sock.sendall(text)
        except (BrokenPipeError, ConnectionResetError):
            raise Closed() from None

    def greet(self):
        self.send(bytes([self.version]))
        answer = self.receive(1)
        assert answer == b'\0', answer
        return answer

    def request(self, call, signature, arguments=b'', options=b'client', code=None):
        """The bytes of one frame."""
        self.code += 1
        body = u32(call) + data(signature.encode()) + arguments
        return u32(self.code if code is None else code) + u32(len(options)) + u32(len(body)) + options + body

    def answer(self):
        """(code, call, signature, Reader of the arguments)."""
        code, options, size = struct.unpack('>III', self.receive(12))
        assert options == 0 and size < 1 << 20, (options, size)
        r = Reader(self.receive(size))
        return code, r.u32(), r.data().decode(), r

    def call(self, call, signature, arguments, expected):
        self.send(self.request(call, signature, arguments))
        return self.reply(call, expected)

    def reply(self, call, expected):
        code, answered, signature, r = self.answer()
        assert code == self.code, (code, self.code)
        if answered == 0:
            assert signature == 'u'
            rv = r.u64()
            r.end()
            assert rv != OK
            raise RpcError(rv)
        assert (answered, signature) == (call, expected), (answered, signature)
        return r

    # ---- Calls

    def initialize(self):
        self.call(1, 'ayyay', array_of(MAGIC) + b'\0' + array_of(b'\0'), '').end()

    def finalize(self):
        self.call(2, '', b'', '').end()

    def info(self):
        r = self.call(3, '', b'', 'vsusv')
        version = tuple(r.take(2))
        return {'version': version, 'manufacturer': r.data(), 'flags': r.u64(), 'description': r.data()}

    def slots(self, present=True, room=16):
        return self.call(4, 'yfu', bytes([present]) + u32(room), 'au').numbers()

    def slot_info(self, slot):
        r = self.call(5, 'u', u64(slot), 'ssuvv')
        return {'description': r.data().decode().rstrip(), 'manufacturer': r.data().decode().rstrip(), 'flags': r.u64()}

    def token_info(self, slot):
        r = self.call(6, 'u', u64(slot), 'ssssuuuuuuuuuuuvvs')
        label, manufacturer, model, serial = (r.data().decode().rstrip() for _ in range(4))
        return {'label': label, 'manufacturer': manufacturer, 'model': model, 'serial': serial, 'flags': r.u64()}

    def mechanisms(self, slot, room=64):
        return self.call(7, 'ufu', u64(slot) + u32(room), 'au').numbers()

    def mechanism_info(self, slot, kind):
        r = self.call(8, 'uu', u64(slot) + u64(kind), 'uuu')
        return r.u64(), r.u64(), r.u64()

    def open_session(self, slot=None, flags=CKF_SERIAL_SESSION):
        slot = self.slots()[0] if slot is None else slot
        return self.call(10, 'uu', u64(slot) + u64(flags), 'u').u64()

    def close_session(self, session):
        self.call(11, 'u', u64(session), '').end()

    def session_info(self, session):
        r = self.call(13, 'u', u64(session), 'uuuu')
        return [r.u64() for _ in range(4)]

    def find(self, session, room=16, **wanted):
        """Handles of the objects whose CKA_… are these: find(s, CLASS=3)."""
        attributes = {globals()['CKA_' + k]: v for k, v in wanted.items()}
        self.call(26, 'uaA', u64(session) + template(attributes), '').end()
        found = []
        while True:
            some = self.call(27, 'ufu', u64(session) + u32(room), 'au').numbers()
            found += some
            if not some:
                break
        self.call(28, 'u', u64(session), '').end()
        return found

    def attributes(self, session, handle, *kinds, room=4096):
        """({type: value}, the CK_RV inside the answer)."""
        body = u64(session) + u64(handle) + u32(len(kinds)) + b''.join(u32(k) + u32(room) for k in kinds)
        r = self.call(24, 'uufA', body, 'aAu')
        values = dict(r.attribute() for _ in range(r.u32()))
        rv = r.u64()
        r.end()
        assert list(values) == list(kinds)
        return values, rv

    def attribute(self, session, handle, kind):
        values, rv = self.attributes(session, handle, kind)
        assert rv == OK, hex(rv)
        return values[kind]

    def init(self, call, session, key, kind, parameter=None, style=None):
        m = mechanism(kind, parameter, style or self.style)
        self.call(call, 'uMu', u64(session) + m + u64(key), '').end()

    def sign_init(self, session, key, kind, parameter=None, style=None):
        self.init(42, session, key, kind, parameter, style)

    def sign(self, session, text, room=1024):
        """The signature, or its size if there is no room for it."""
        return self.call(43, 'uayfy', u64(session) + array_of(text) + u32(room), 'ay').array()

    def send_sign(self, session, text, room=1024):
        """Asks, and does not wait; the answer is reply(43, 'ay').array()."""
        self.send(self.request(43, 'uayfy', u64(session) + array_of(text) + u32(room)))

    def decrypt_init(self, session, key, kind, parameter=None, style=None):
        self.init(33, session, key, kind, parameter, style)

    def decrypt(self, session, text, room=1024):
        return self.call(34, 'uayfy', u64(session) + array_of(text) + u32(room), 'ay').array()

    def device_key(self, session):
        keys = self.find(session, CLASS=CKO_PRIVATE_KEY)
        assert len(keys) == 1, keys
        return keys[0]

    def device_certificate(self, session):
        """(handle, DER) of the certificate that has a private key."""
        identity = self.attribute(session, self.device_key(session), CKA_ID)
        found = self.find(session, CLASS=CKO_CERTIFICATE, ID=identity)
        assert len(found) == 1, found
        return found[0], self.attribute(session, found[0], CKA_VALUE)


def refused(call, *arguments, **kwargs):
    """The CK_RV of a call that fails."""
    try:
        value = call(*arguments, **kwargs)
    except RpcError as e:
        return e.rv
    raise AssertionError(f'answered: {value}')
