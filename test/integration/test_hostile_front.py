# SPDX-License-Identifier: MIT
"""The other side of the split: a captured front speaks to atteztd's socket as it likes, and gets no certificate
for an AK that is not in the TPM that holds the EK."""
import struct

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

import rig_bus
import rig_front as front
from rig_ca import new_key, pem, spki
from rig_device import SoftAk, SoftEk
from rig_front import ATTEST_REPLY, BUSY, DENIED, OK, SECRET_REPLY, WAITING, Front, attest, secret
from rig_process import RIG, eventually
from rig_programs import SERVER, directory

PATH = f'{RIG}/hostile-front.sock'


class World:
    """atteztd behind its socket, an honest device in it, and one that is not enrolled."""
    def __init__(self, tpms):
        self.daemon = front.behind_socket(PATH, directory(f'{RIG}/hostile-front', 'atteztd'))
        Front(PATH).socket.close()  # starts it
        eventually(lambda: rig_bus.call('org.freedesktop.DBus', '/org/freedesktop/DBus', 'org.freedesktop.DBus',
                                        'NameHasOwner', 's', SERVER[0])[0], 'atteztd is on the bus')
        rig_bus.call(*SERVER, 'CreateCA', 'sa{sv}', 'Test', 0)
        self.ek, self.ak, self.other_ak = SoftEk(), SoftAk(), SoftAk()
        self.stranger = SoftEk()
        self.enroll(self.ek.hash, 'honest')

    def enroll(self, ek_hash, name):
        rig_bus.call(*SERVER, 'Enroll', 'sasa{sv}', ek_hash, 1, name, 0)

    def counts(self):
        return rig_bus.call(*SERVER, 'GetCounts', 'a{sv}', 0)[0]

    def honest(self):
        """The whole way, on a connection of its own: leaf certificate."""
        with Front(PATH) as f:
            kind, _, status, credential = f.ask(attest(self.ek.key, self.ak.key))
            assert (kind, status) == (ATTEST_REPLY, OK)
            kind, _, status, chain = f.ask(secret(self.ek.activate(*credential, self.ak.name)))
            assert (kind, status) == (SECRET_REPLY, OK)
            return x509.load_der_x509_certificate(chain[0])


@pytest.fixture(scope='module')
def world(bus, tpms):
    w = World(tpms)
    yield w
    w.daemon.stop()


@pytest.fixture(autouse=True)
def goes_on(world):
    yield
    assert spki(world.honest().public_key()) == spki(world.ak.key)


def test_honest_front(world):
    assert spki(world.honest().public_key()) == spki(world.ak.key)


def closed(packet):
    with Front(PATH) as f:
        answer = f.ask(packet)
        assert answer is None, answer


def good(world):
    return attest(world.ek.key, world.ak.key)


PACKETS = {
    'one-byte': b'\1',
    'zeros': bytes(100),
    'large': bytes(8000),
    'larger': bytes(60000),
    'type-0': front.header(0, 1) + bytes(1736),
    'type-255': front.header(255, 1),
    'reply-from-a-front': front.header(ATTEST_REPLY, 1) + bytes(1 + 2 + front.ID_OBJECT + 2 + front.ENCRYPTED_SECRET),
    'secret-reply-from-a-front': front.header(SECRET_REPLY, 1) + b'\1\0' + bytes(2 * (2 + front.CERTIFICATE)),
    'changed-from-a-front': front.header(front.CHANGED, 0),
}


@pytest.mark.parametrize('name', PACKETS)
def test_nonsense_closes_the_connection(world, name):
    closed(PACKETS[name])


def test_empty_packet_closes_the_connection(world):
    with Front(PATH) as f:
        f.send(b'')
        assert f.receive() is None


def test_another_version_closes_the_connection(world):
    closed(b'\2' + good(world)[1:])


@pytest.mark.parametrize('packet', ['attest', 'secret'])
def test_every_other_length_closes_the_connection(world, packet):
    whole = good(world) if packet == 'attest' else secret(bytes(32))
    for n in list(range(1, len(whole), 7)) + [len(whole) - 1]:
        closed(whole[:n])
    closed(whole + b'\0')


def test_every_bent_byte_of_an_attest_message(world):
    """Whatever is bent: a certificate comes only for the AK that the TPM has, for an EK that is enrolled, and
    only when that TPM gave the secret out."""
    packet = good(world)
    issued = refused = challenged = 0
    for at in range(len(packet)):
        bent = bytearray(packet)
        bent[at] ^= 1 << (at % 8)
        with Front(PATH) as f:
            answer = f.ask(bytes(bent))
            if answer is None or answer[2] != OK:
                refused += 1
                continue
            assert answer[0] == ATTEST_REPLY
            challenged += 1
            # The TPM has the honest AK, and no other.
            try:
                value = world.ek.activate(*answer[3], world.ak.name)
            except ValueError:  # a point that is not on the EK's curve: made for another EK
                continue
            if value is None:
                continue
            _, _, status, chain = f.ask(secret(value))
            if status == OK:
                issued += 1
                assert spki(x509.load_der_x509_certificate(chain[0]).public_key()) == spki(world.ak.key)
    assert refused > 1000 and challenged > 50 and issued > 10, (refused, challenged, issued)


@pytest.mark.parametrize('evidence', [front.TRUSTED, front.UNTRUSTED, front.NONE])
def test_an_ak_in_software_is_challenged_in_vain(world, evidence):
    """The credential is made for the Name that this AK would have in a TPM; the TPM has no such object."""
    with Front(PATH) as f:
        _, _, status, credential = f.ask(attest(world.ek.key, world.other_ak.key, evidence))
        assert status == OK
        assert world.ek.activate(*credential, world.ak.name) is None
        # The same key in another shape has another Name: unrestricted, say.
        shaped = SoftAk(key=world.other_ak.key, attributes=0x00040472)
        assert world.ek.activate(*credential, shaped.name) is None


def test_a_device_that_is_not_enrolled(world):
    with Front(PATH) as f:
        _, _, status, credential = f.ask(attest(world.stranger.key, world.ak.key))
        assert status == OK
        assert f.ask(secret(world.stranger.activate(*credential, world.ak.name)))[2] == WAITING


@pytest.mark.parametrize('kind', ['p384', 'rsa3072'])
def test_an_ak_of_another_size_is_refused(world, kind):
    with Front(PATH) as f:
        answer = f.ask(attest(world.ek.key, new_key(kind)))
        assert answer is None or answer[2] not in (OK,)


def test_secrets_that_were_never_given_out(world):
    with Front(PATH) as f:
        for n in range(300):
            assert f.ask(secret(struct.pack('>Q', n) * 4))[2] == DENIED


def test_a_secret_is_good_once_on_any_connection(world):
    with Front(PATH) as one, Front(PATH) as two:
        credential = one.ask(attest(world.ek.key, world.ak.key))[3]
        value = world.ek.activate(*credential, world.ak.name)
        assert two.ask(secret(value))[2] == OK
        assert one.ask(secret(value))[2] == DENIED == two.ask(secret(value))[2]


def test_a_front_that_does_not_read_is_no_trouble_for_another(world):
    import socket
    with Front(PATH) as deaf:
        deaf.socket.settimeout(0)
        try:
            for n in range(100000):
                deaf.send(secret(bytes(32), n))
        except (BlockingIOError, BrokenPipeError, ConnectionResetError):
            pass
        else:
            pytest.fail('100000 messages queued')
        world.honest()
        assert isinstance(deaf.socket, socket.socket)


def test_with_a_real_tpm(world, tpms, scratch):
    """The TPM itself refuses: its EK, and a key of ours loaded beside it."""
    with tpms.start() as tpm:
        d = scratch
        ek = serialization.load_der_public_key(tpm.ek_public())
        world.enroll(tpm.ek_hash(), 'real')
        tool = tpm.tool

        class Key:  # what attest() wants
            def __init__(self, public):
                self.public_key = lambda: public

        def activate(ak_context, credential):
            with open(f'{d}/credential', 'wb') as f:
                f.write(struct.pack('>II', 0xbadcc0de, 1) + b''.join(credential))
            tool('flushcontext', '-t')  # all are saved in files; there is room for three
            tool('startauthsession', '-S', f'{d}/session', '--policy-session')
            tool('policysecret', '-Q', '-S', f'{d}/session', '-c', 'e')
            r = tool('activatecredential', '-Q', '-c', ak_context, '-C', '0x81010001', '-P', f'session:{d}/session',
                     '-i', f'{d}/credential', '-o', f'{d}/secret', check=False)
            tool('flushcontext', f'{d}/session')
            return r

        # An AK as it should be: in the TPM.
        tool('createprimary', '-Q', '-C', 'e', '-G', 'rsa2048:rsassa-sha256:null', '-c', f'{d}/ak.ctx', '-a',
             'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda|restricted|sign')
        tool('readpublic', '-Q', '-c', f'{d}/ak.ctx', '-f', 'pem', '-o', f'{d}/ak.pem')
        with open(f'{d}/ak.pem', 'rb') as f:
            ak = serialization.load_pem_public_key(f.read())
        with Front(PATH) as f:
            credential = f.ask(attest(Key(ek), Key(ak)))[3]
            r = activate(f'{d}/ak.ctx', credential)
            assert r.returncode == 0, r.stderr
            with open(f'{d}/secret', 'rb') as s:
                _, _, status, chain = f.ask(secret(s.read()))
            assert status == OK
            assert spki(x509.load_der_x509_certificate(chain[0]).public_key()) == spki(ak)
            tool('flushcontext', '-t')

            # One in software, loaded from outside, and one in the TPM that signs whatever it is given.
            software = new_key('rsa2048')
            with open(f'{d}/software.pem', 'wb') as out:
                out.write(pem(software))
            tool('loadexternal', '-Q', '-C', 'n', '-G', 'rsa2048:rsassa-sha256:null', '-r', f'{d}/software.pem', '-c',
                 f'{d}/software.ctx', '-a', 'userwithauth|noda|sign')
            credential = f.ask(attest(Key(ek), software))[3]
            assert activate(f'{d}/software.ctx', credential).returncode != 0
            tool('flushcontext', '-t')
            tool('createprimary', '-Q', '-C', 'e', '-G', 'rsa2048:rsassa-sha256:null', '-c', f'{d}/free.ctx', '-a',
                 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda|sign')
            tool('readpublic', '-Q', '-c', f'{d}/free.ctx', '-f', 'pem', '-o', f'{d}/free.pem')
            with open(f'{d}/free.pem', 'rb') as f2:
                free = serialization.load_pem_public_key(f2.read())
            credential = f.ask(attest(Key(ek), Key(free)))[3]
            assert activate(f'{d}/free.ctx', credential).returncode != 0


def test_U5_full_table_has_a_place_for_the_last_certified_ak(world):
    """The last of this file: the table stays full for two minutes. Somebody has one genuine EK certificate, and makes
    AKs for it; nobody is evicted, and the others are busy, but for whom was certified before. (The tests before have
    left some in the table.)"""
    world.honest()
    flood = SoftEk()
    newcomer, newer_ak = SoftEk(), SoftAk()
    with Front(PATH) as f:
        statuses = [f.ask(attest(flood.key, new_key('p256')))[2] for _ in range(4200)]
        full = statuses.index(BUSY)
        assert 3000 < full <= 4096 and set(statuses[:full]) == {OK} and set(statuses[full:]) == {BUSY}
        assert f.ask(attest(newcomer.key, world.ak.key))[2] == BUSY
        assert f.ask(attest(world.ek.key, newer_ak.key))[2] == BUSY
        assert f.ask(attest(world.ek.key, world.ak.key))[2] == OK
    world.honest()
