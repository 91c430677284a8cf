# SPDX-License-Identifier: MIT
"""Clients of the p11-kit socket that mean harm: whatever they send or hold back, the agent's memory stays bounded,
and others are served."""
import os
import random
import socket
import time

import pytest

import p11kit_rpc as rpc
from p11kit_rpc import Connection, connect, connect_as, u32, u64
from rig_process import eventually

FRAME_MAX = 64 * 1024
GROWTH = 96 * 1024      # kB; the sanitizers keep 32 MB of what was freed
IN_TIME = 2             # seconds for another client's listing
FEW = 8                 # connections that a user has in any case


@pytest.fixture
def agent(token):
    """The device; afterwards it has not grown, and serves."""
    serves(token)
    before = token.agent.memory()
    yield token
    eventually(lambda: serves(token), 'others are served')
    grown = token.agent.memory() - before
    assert grown < GROWTH, f'grew by {grown} kB'


def only_one(test):
    """The kind of the device key makes no difference here."""
    return pytest.mark.parametrize('token', ['p-256'], indirect=True)(test)


def serves(device):
    """Another user's client, while something goes on."""
    started = time.monotonic()
    with Connection(sock=connect_as('root', device.p11kit)) as c:
        s = c.open_session()
        assert len(c.find(s)) == 5
    assert time.monotonic() - started < IN_TIME
    return True


def hostile(device, **kwargs):
    """From a user who sees the token: all code can be reached."""
    return Connection(device.p11kit, **kwargs)


def closes(connection):
    """The agent hangs up on it (or answers with an error first, then lives on: False)."""
    connection.sock.settimeout(5)
    try:
        while True:
            _, call, _, _ = connection.answer()
            if call == 0:
                return False
    except rpc.Closed:
        return True


def header(code, options, body):
    return u32(code) + u32(options) + u32(body)


# ---- Frames

@only_one
@pytest.mark.parametrize('name,frame', [
    ('code 0', header(0, 0, 8) + bytes(8)),
    ('4 GiB body', header(16, 0, 0xffffffff)),
    ('4 GiB options', header(16, 0xffffffff, 0)),
    ('sum wraps around', header(16, 0xfffffff0, 0x20)),
    ('sum wraps to nothing', header(16, 0x80000000, 0x80000000)),
    ('2 GiB', header(16, 0, 0x7fffffff)),
    ('just too long', header(16, 0, FRAME_MAX)),
])
def test_frames_that_are_none(agent, name, frame):
    with hostile(agent) as c:
        c.send(frame)
        assert closes(c), name
    # Also as the first words.
    with hostile(agent, initialize=False) as c:
        c.greet()
        c.send(frame)
        assert closes(c), name


@only_one
@pytest.mark.parametrize('body', [b'', b'\0', bytes(4), bytes(8), u32(1) + u32(0xffffffff), u32(1) + u32(0xfffffff0),
                                  u32(4) + u32(3) + b'yf', u32(4) + u32(3) + b'yfu' + b'\1', u32(4) + u32(0),
                                  u32(4) + u32(3) + b'yfu' + b'\1' + u32(8) + b'more', u32(4) + u32(3) + b'xyz',
                                  u32(26) + u32(3) + b'uaA' + u64(1) + u32(0xffffffff),
                                  u32(24) + u32(4) + b'uufA' + u64(1) + u64(1) + u32(0xffffffff)])
def test_bodies_that_are_none(agent, body):
    """Closed or refused; never more than that."""
    with hostile(agent) as c:
        c.send(header(99, 0, len(body)) + body)
        closes(c)


@only_one
def test_zero_length_frames(agent):
    with hostile(agent) as c:
        try:
            c.send(header(16, 0, 0) * 5000)
        except rpc.Closed:
            pass
        closes(c)


@only_one
def test_largest_frame(agent):
    """What is allowed is served."""
    with hostile(agent) as c:
        options = b'x' * (FRAME_MAX - 12 - len(c.request(4, 'yfu', b'\1' + u32(8), b'')) + 12)
        c.send(c.request(4, 'yfu', b'\1' + u32(8), options))
        assert c.reply(4, 'au').numbers()


@only_one
def test_before_initialize(agent):
    """Calls without C_Initialize."""
    with hostile(agent, initialize=False) as c:
        c.greet()
        c.send(c.request(10, 'uu', u64(0) + u64(4)))
        closes(c)


@only_one
def test_half_frames_held_open(agent):
    """As many as a user may have; each waits for the rest, which never comes."""
    held = []
    for n in range(40):
        try:
            c = hostile(agent, initialize=False)
            c.send(b'\0' if n % 2 else b'')
            if n % 2:
                c.send((header(16, 0, FRAME_MAX - 12) + bytes(FRAME_MAX - 24))[:FRAME_MAX - 20 - n])
            held.append(c)
        except rpc.Closed:
            pass
    with Connection(sock=connect_as('nobody', agent.p11kit)) as c:
        assert len(c.slots(present=False)) == 1
    for c in held:
        c.close()


# ---- Templates

def find(session, attributes):
    return u64(session) + attributes


@only_one
@pytest.mark.parametrize('kind', [rpc.CKA_WRAP_TEMPLATE, rpc.CKA_UNWRAP_TEMPLATE, 0x40000213])
def test_deep_templates(agent, kind):
    """p11-kit's own server dies of it."""
    for depth in (1, 2, 10, 1000, 4500):
        inner = u32(0)
        for _ in range(depth):
            inner = u32(1) + u32(kind) + b'\1' + u32(0) + inner
        with hostile(agent) as c:
            s = c.open_session()
            c.send(c.request(26, 'uaA', u64(s) + inner))
            closes_or_answers(c)
            question = u32(0)
            for _ in range(depth):
                question = u32(1) + u32(kind) + u32(16) + question
        with hostile(agent, client='0.26.4') as c:
            s = c.open_session()
            c.send(c.request(24, 'uufA', u64(s) + u64(c.device_key(s)) + question))
            closes_or_answers(c)


def closes_or_answers(connection):
    connection.sock.settimeout(5)
    try:
        connection.answer()
    except rpc.Closed:
        pass


@only_one
def test_many_attributes(agent):
    """400 000 of them are a frame too long; as many as fit are an error; and 65 are one too many."""
    for n in (65, 5000):
        with hostile(agent) as c:
            s = c.open_session()
            c.send(c.request(26, 'uaA', u64(s) + u32(n) + (u32(1) + b'\1' + u32(1) + b'\1') * n))
            assert not closes(c)
            c.send(c.request(24, 'uufA', u64(s) + u64(c.device_key(s)) + u32(n) + (u32(0) + u32(8)) * n))
            assert not closes(c)
    n = 400000
    with hostile(agent) as c:
        s = c.open_session()
        with pytest.raises(rpc.Closed):
            c.send(c.request(26, 'uaA', u64(s) + u32(n) + (u32(1) + b'\1' + u32(1) + b'\1') * n))
            c.answer()
    for n in (400000, 0xffffffff, 0x20000000):  # said, but not there
        with hostile(agent) as c:
            s = c.open_session()
            c.send(c.request(26, 'uaA', u64(s) + u32(n)))
            closes(c)


# ---- Numbers

@only_one
def test_buffers_of_4_gib(agent):
    """Asked for in every call that has a buffer: nothing is laid out for it."""
    with hostile(agent) as c:
        slot = c.slots()[0]
        s = c.open_session(slot)
        key = c.device_key(s)
        for room in (0xffffffff, 0xfffffffe, 0x80000000):
            c.slots(room=room)
            c.mechanisms(slot, room=room)
            c.call(26, 'uaA', u64(s) + u32(0), '').end()
            c.call(27, 'ufu', u64(s) + u32(room), 'au').numbers()
            c.call(28, 'u', u64(s), '').end()
        for room in (0xffffffff, 0xfffffffe, 0x7fffffff, 1 << 30):
            values, rv = c.attributes(s, key, rpc.CKA_LABEL, room=room)
            assert rv in (rpc.OK, rpc.CKR_BUFFER_TOO_SMALL), rv
            c.sign_init(s, key, rpc.CKM_ECDSA)
            answer = c.sign(s, bytes(32), room=room)
            if answer == 64:  # ffffffff is a buffer of no length
                assert room == 0xffffffff
                answer = c.sign(s, bytes(32))
            assert len(answer) == 64
        for n in (0xffffffff, 1 << 30):
            assert rpc.refused(c.call, 64, 'ufy', u64(s) + u32(n), 'ay') == rpc.CKR_RANDOM_NO_RNG


@only_one
def test_wrong_handles(agent):
    with hostile(agent) as c:
        s = c.open_session()
        key = c.device_key(s)
        for n in (0, 1, 0xffffffff, 1 << 63, (1 << 64) - 1, key + 1 << 32 | key):
            if n != s:
                assert rpc.refused(c.session_info, n) == rpc.CKR_SESSION_HANDLE_INVALID
                assert rpc.refused(c.find, n) == rpc.CKR_SESSION_HANDLE_INVALID
            assert rpc.refused(c.attributes, s, n, rpc.CKA_CLASS) == rpc.CKR_OBJECT_HANDLE_INVALID
            assert rpc.refused(c.sign_init, s, n, rpc.CKM_ECDSA) == rpc.CKR_KEY_HANDLE_INVALID
        certificate, _ = c.device_certificate(s)
        assert rpc.refused(c.sign_init, s, certificate, rpc.CKM_ECDSA) in (
            rpc.CKR_KEY_HANDLE_INVALID, rpc.CKR_KEY_TYPE_INCONSISTENT)
        assert rpc.refused(c.sign_init, s, key, rpc.CKM_RSA_PKCS) in (
            rpc.CKR_MECHANISM_INVALID, rpc.CKR_KEY_TYPE_INCONSISTENT)
        assert rpc.refused(c.sign_init, s, key, 0x80001234) == rpc.CKR_MECHANISM_INVALID


@only_one
def test_sessions_without_end(agent):
    with hostile(agent) as c:
        slot = c.slots()[0]
        n = 0
        try:
            while n < 100000:
                c.open_session(slot)
                n += 1
        except rpc.RpcError as e:
            assert e.rv in (rpc.CKR_SESSION_COUNT, rpc.CKR_HOST_MEMORY, rpc.CKR_DEVICE_MEMORY), hex(e.rv)
        assert n == 64
        c.call(12, 'u', u64(slot), '').end()
        c.open_session(slot)


@only_one
def test_input_without_end(agent):
    """C_SignUpdate over and over, of a mechanism that hashes and of one that keeps what it gets."""
    with hostile(agent) as c:
        s = c.open_session()
        key = c.device_key(s)
        part = rpc.array_of(bytes(30000))
        for kind in (rpc.CKM_ECDSA_SHA256, rpc.CKM_ECDSA):
            c.sign_init(s, key, kind)
            try:
                for _ in range(500):
                    c.call(44, 'uay', u64(s) + part, '')
            except rpc.RpcError:
                continue
            try:
                c.call(45, 'ufy', u64(s) + u32(128), 'ay')
            except rpc.RpcError:
                pass


# ---- Connections

@only_one
@pytest.mark.parametrize('speaks', [False, True])
def test_a_thousand_connections(agent, speaks):
    """Of one user; root and others are served meanwhile, and he again when he has let go."""
    held = []
    for _ in range(8):
        held += connect_as('nobody', agent.p11kit, 125)
    if speaks:
        for sock in held:
            try:
                sock.sendall(b'\0')
            except OSError:
                pass
    with Connection(sock=connect_as('games', agent.p11kit)) as c:
        assert len(c.slots(present=False)) == 1
    serves(agent)
    for sock in held:
        sock.close()

    def again():
        try:
            with Connection(sock=connect_as('nobody', agent.p11kit)) as c:
                return c.slots(present=False)
        except rpc.Closed:
            return None
    eventually(again, 'nobody is served again')


@only_one
def test_coming_and_going(agent):
    for n in range(1000):
        s = connect(agent.p11kit)
        if n % 3:
            s.sendall(b'\0' * (n % 3))
        s.close()


@only_one
def test_a_client_that_reads_nothing(agent):
    """Its answers wait, up to a bound; then it is not read from any more, or closed."""
    readers = []
    for _ in range(FEW):
        c = hostile(agent)
        c.sock.setblocking(False)
        s = c.request(3, '', b'') * 200
        sent = 0
        end = time.monotonic() + 2
        try:
            while sent < 32 << 20 and time.monotonic() < end:
                try:
                    sent += c.sock.send(s)
                except BlockingIOError:
                    time.sleep(0.05)
        except (BrokenPipeError, ConnectionResetError):
            pass
        assert sent < 16 << 20, 'all of it was taken'
        readers.append(c)
        serves(agent)
    for c in readers:
        c.close()


@only_one
def test_half_closed(agent):
    """Who closes his side after a question still gets the answer."""
    with hostile(agent) as c:
        c.send(c.request(3, '', b''))
        c.sock.shutdown(socket.SHUT_WR)
        c.reply(3, 'vsusv')
        with pytest.raises(rpc.Closed):
            c.receive(1)


@only_one
def test_finalize_ends_the_connection(agent):
    with hostile(agent) as c:
        c.finalize()
        with pytest.raises(rpc.Closed):
            c.receive(1)


@only_one
def test_many_waiting_for_a_hung_tpm(agent):
    """More signatures than the queue holds: some are refused, and when the TPM is back all is well."""
    agent.tpm.hang()
    waiting = []
    try:
        for _ in range(16):
            try:
                c = hostile(agent)
                s = c.open_session()
                c.sign_init(s, c.device_key(s), rpc.CKM_ECDSA)
                c.send_sign(s, bytes(32))
                waiting.append(c)
            except rpc.Closed:
                break
        assert len(waiting) >= FEW
        with Connection(sock=connect_as('nobody', agent.p11kit)) as c:
            assert len(c.slots(present=False)) == 1
    finally:
        agent.tpm.wake()
    for c in waiting[::2]:
        c.close()
    for c in waiting[1::2]:
        try:
            assert len(c.reply(43, 'ay').array()) == 64
        except rpc.RpcError:
            pass
        c.close()


# ---- Noise

@only_one
def test_noise(agent):
    """Frames of a good conversation with some bytes changed. The seed is in the log."""
    seed = int(os.environ.get('ATTEZT_TEST_SEED') or random.randrange(1 << 32))
    print('seed', seed)
    dice = random.Random(seed)
    with hostile(agent) as c:
        s = c.open_session()
        key = c.device_key(s)
        frames = [
            c.request(4, 'yfu', b'\1' + u32(8)), c.request(6, 'u', u64(c.slots()[0])),
            c.request(26, 'uaA', u64(s) + rpc.template({rpc.CKA_CLASS: 3, rpc.CKA_TOKEN: 1, rpc.CKA_LABEL: b'x'})),
            c.request(27, 'ufu', u64(s) + u32(8)), c.request(28, 'u', u64(s)),
            c.request(24, 'uufA', u64(s) + u64(key) + u32(3) + (u32(3) + u32(64)) * 3),
            c.request(42, 'uMu', u64(s) + rpc.mechanism(rpc.CKM_RSA_PKCS_PSS, rpc.pss(0x250, 2, 32)) + u64(key)),
            c.request(33, 'uMu',
                      u64(s) + rpc.mechanism(rpc.CKM_RSA_PKCS_OAEP, rpc.oaep(0x250, 2, b'l'), 'new') + u64(key)),
            c.request(42, 'uMu', u64(s) + rpc.mechanism(rpc.CKM_ECDSA) + u64(key)),
            c.request(43, 'uayfy', u64(s) + rpc.array_of(bytes(32)) + u32(0)),
        ]
    for _ in range(600):
        with hostile(agent) as c:
            c.open_session()
            for _ in range(dice.randrange(1, 8)):
                frame = bytearray(dice.choice(frames))
                for _ in range(dice.randrange(4)):
                    frame[dice.randrange(4 if dice.random() < .1 else 12, len(frame))] = dice.choice(
                        [0, 1, 0x7f, 0x80, 0xff, dice.randrange(256)])
                try:
                    c.send(bytes(frame))
                except rpc.Closed:
                    break
