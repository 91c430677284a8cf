# SPDX-License-Identifier: MIT
"""The token through a device's life: before the enrolment, renewed, restarted, given up; who sees it; and that nobody
waits for the TPM but the one who asked for a signature."""
import os
import re
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

import p11kit_rpc as rpc
from p11kit_rpc import Connection, connect_as, refused
from rig_ca import load_chain
from rig_pkcs11 import (CLIENT, DIGEST, INTERMEDIATE_KEY_LABEL, INTERMEDIATE_LABEL, SLOT_FLAGS, address, begin,
                        signature_of, verify)
from rig_process import children, eventually, run
from rig_programs import cli

AT_ONCE = 0.005                 # seconds
SIGNER = 'attezt-tpm-sign'      # as the kernel has it: 15 characters


@pytest.fixture
def device(server, stepca, new_device):
    """Known to the CA, not enrolled yet."""
    d = new_device(server, stepca)
    server.enroll(d.tpm.ek_hash(), 'framework')
    yield d
    server.forget_all()


@pytest.fixture
def enrolled(device, server, stepca):
    device.enroll(stepca, server)
    return device


def leaf_of(device):
    return load_chain(device.file('device.crt'))[0]


def signer_runs(device):
    return SIGNER in children(device.agent.pid).values()


# ---- Stable and different

def serial_of(device):
    with Connection(device.p11kit) as c:
        return c.token_info(c.slots()[0])['serial']


def test_serial_and_handles_survive(enrolled):
    serial = serial_of(enrolled)
    with Connection(enrolled.p11kit) as c:
        handles = c.find(c.open_session())
    enrolled.stop()
    enrolled.start()
    assert serial_of(enrolled) == serial
    with Connection(enrolled.p11kit) as c:
        assert c.find(c.open_session()) == handles
    cli('renew')
    assert serial_of(enrolled) == serial


def test_U15_serial_differs_between_devices(enrolled, new_device, server, stepca):
    serial = serial_of(enrolled)
    enrolled.stop()
    other = new_device(server, stepca, number=1)
    server.enroll(other.tpm.ek_hash(), 'another')
    other.enroll(stepca, server)
    assert serial_of(other) != serial


def test_uris(enrolled):
    before = cli('certificate', '--uri').stdout
    certificate, key = before.splitlines()
    for line in (certificate, key):
        assert line.startswith('pkcs11:') and 'token=Attestation%20Trust' in line
    assert 'type=cert' in certificate and 'type=private' in key
    cli('renew')
    assert cli('certificate', '--uri').stdout == before
    found = run('p11tool', '--provider', CLIENT, '--export', certificate, env=address(enrolled.p11kit)).stdout
    assert load_chain(found[found.index('-----BEGIN'):]) == [leaf_of(enrolled)]


# ---- Before and after

def test_no_token_before_the_enrolment(device, server, stepca):
    """A slot, so that a client that is there already finds the token later."""
    with Connection(device.p11kit) as c:
        [slot] = c.slots(present=False)
        assert c.slots() == []
        assert c.slot_info(slot)['flags'] == SLOT_FLAGS & ~1
        assert refused(c.token_info, slot) == rpc.CKR_TOKEN_NOT_PRESENT
        assert refused(c.open_session, slot) == rpc.CKR_TOKEN_NOT_PRESENT
        device.enroll(stepca, server)
        assert c.slots() == [slot] and c.slot_info(slot)['flags'] == SLOT_FLAGS
        s = c.open_session()
        verify(leaf_of(device), signature_of(c, s, c.device_key(s)))


def test_token_vanishes_with_the_enrolment(enrolled):
    with Connection(enrolled.p11kit) as c:
        s = c.open_session()
        key = c.device_key(s)
        cli('unenroll')
        assert c.slots() == []
        assert refused(c.session_info, s) in (rpc.CKR_SESSION_HANDLE_INVALID, rpc.CKR_DEVICE_REMOVED)
        [slot] = c.slots(present=False)
        assert refused(c.token_info, slot) == rpc.CKR_TOKEN_NOT_PRESENT
        assert refused(c.open_session, slot) == rpc.CKR_TOKEN_NOT_PRESENT
        assert refused(signature_of, c, s, key) != rpc.OK


@pytest.mark.parametrize('kind', ['p-256', 'rsa-2048'])
def test_renewal(device, server, stepca, kind):
    device.enroll(stepca, server, '--key', kind)
    before = leaf_of(device)
    with Connection(device.p11kit) as c:
        s = c.open_session()
        key = c.device_key(s)
        old = set(c.find(s))
        begin(c, s, key, kind)
        cli('renew')
        after = leaf_of(device)
        assert after != before
        # The sessions say that the token was changed. What was begun ends well.
        assert refused(c.session_info, s) == rpc.CKR_SESSION_HANDLE_INVALID
        verify(before, c.sign(s, DIGEST))
        assert c.slots()
        t = c.open_session()
        assert c.session_info(t)[0] == c.slots()[0]
        new = set(c.find(t))
        assert len(new) == 5 and c.device_key(t) != key
        assert new & old <= {h for label in (INTERMEDIATE_LABEL, INTERMEDIATE_KEY_LABEL)
                             for h in c.find(t, LABEL=label.encode())}
        verify(after, signature_of(c, t, c.device_key(t), kind))
        verify(before, signature_of(c, t, key, kind))
        identity = c.attribute(t, c.device_key(t), rpc.CKA_ID)
        assert identity == after.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
        assert c.device_certificate(t)[1] == after.public_bytes(Encoding.DER)
    with Connection(device.p11kit) as c:  # nor in a connection that never saw it
        t = c.open_session()
        verify(before, signature_of(c, t, key, kind))
    # And after a restart.
    device.stop()
    device.start()
    with Connection(device.p11kit) as c:
        t = c.open_session()
        assert set(c.find(t)) == new
        verify(before, signature_of(c, t, key, kind))
        verify(after, signature_of(c, t, c.device_key(t), kind))


def test_clean_end(enrolled):
    """Without a service manager that keeps them, the connections end with the agent; nobody is left hanging."""
    c = Connection(enrolled.p11kit)
    enrolled.stop()
    with pytest.raises(rpc.Closed):
        c.info()
    c.close()


# ---- Who sees it

@pytest.fixture
def member():
    """A user in the group attezt."""
    run('useradd', '--no-create-home', '--groups', 'attezt', 'member')
    yield 'member'
    run('userdel', 'member')


def sees(device, user, **kwargs):
    with Connection(sock=connect_as(user, device.p11kit, **kwargs)) as c:
        [slot] = c.slots(present=False)
        seen = c.slots() == [slot]
        if seen:
            c.token_info(slot)
            s = c.open_session(slot)
            verify(leaf_of(device), signature_of(c, s, c.device_key(s)))
        else:
            assert c.slot_info(slot)['flags'] & 1 == 0
            assert refused(c.token_info, slot) == rpc.CKR_TOKEN_NOT_PRESENT
            assert refused(c.open_session, slot) == rpc.CKR_TOKEN_NOT_PRESENT
        return seen


def test_users(enrolled, member):
    assert os.stat(enrolled.p11kit).st_mode & 0o777 == 0o666
    assert sees(enrolled, 'root')
    assert sees(enrolled, member)
    assert not sees(enrolled, member, groups=[])  # what counts is what the process has
    assert not sees(enrolled, 'nobody')
    for user, seen in (('root', True), (member, True), ('nobody', False)):
        text = run('p11tool', '--provider', CLIENT, '--list-tokens', user=user, env=address(enrolled.p11kit),
                   check=False).stdout
        assert ('Attestation Trust' in text) == seen, (user, text)


def test_too_many_connections_of_one_user(enrolled):
    """He alone is refused, and served again when he has closed some."""
    def answered(connections):
        n = 0
        for sock in connections:
            try:
                Connection(sock=sock).slots(present=False)
                n += 1
            except rpc.Closed:
                pass
        return n
    many = connect_as('nobody', enrolled.p11kit, 120)
    got = answered(many)
    assert 8 <= got < 64, got
    for user in ('games', 'root'):
        with Connection(sock=connect_as(user, enrolled.p11kit)) as c:
            assert len(c.slots(present=False)) == 1
    for sock in many:
        sock.close()

    def again():
        with connect_as('nobody', enrolled.p11kit) as sock:
            return answered([sock])
    eventually(again, 'nobody is served again')


# ---- Nobody waits for the TPM but who asked

def read_everything(connection):
    slot = connection.slots()[0]
    connection.token_info(slot)
    connection.mechanisms(slot)
    s = connection.open_session(slot)
    for handle in connection.find(s):
        connection.attributes(s, handle, rpc.CKA_CLASS, rpc.CKA_LABEL, rpc.CKA_ID, rpc.CKA_VALUE, rpc.CKA_MODULUS)
    connection.close_session(s)


def test_listing_asks_the_tpm_nothing(enrolled):
    """Counted in swtpm's log; and no process with a TPM is there."""
    enrolled.stop()
    enrolled.tpm.power_off()
    enrolled.tpm.log_level = 20
    enrolled.tpm.power_on()

    def commands():
        with open(f'{enrolled.tpm.directory}/log', errors='replace') as f:
            return f.read().count('SWTPM_IO_Read')
    enrolled.start()
    n = commands()
    for _ in range(3):
        with Connection(enrolled.p11kit) as c:
            read_everything(c)
            key = c.device_key(s := c.open_session())
            begin(c, s, key)
            assert c.sign(s, DIGEST, room=0) == 64
    run('p11tool', '--provider', CLIENT, '--list-all', 'pkcs11:token=Attestation%20Trust', env=address(enrolled.p11kit))
    run('pkcs11-tool', '--module', CLIENT, '-L', '-O', '-M', env=address(enrolled.p11kit))
    assert commands() == n and not signer_runs(enrolled)
    with Connection(enrolled.p11kit) as c:
        s = c.open_session()
        verify(leaf_of(enrolled), signature_of(c, s, c.device_key(s)))
    assert commands() > n and signer_runs(enrolled)


def test_nobody_waits_while_the_tpm_is_busy(enrolled):
    """A hung TPM is the longest signature there is."""
    with Connection(enrolled.p11kit) as busy:
        s = busy.open_session()
        begin(busy, s, busy.device_key(s))
        enrolled.tpm.hang()
        try:
            busy.send_sign(s, DIGEST)
            eventually(lambda: signer_runs(enrolled), 'the signer is asked')
            took = []
            for _ in range(50):
                started = time.monotonic()
                with Connection(enrolled.p11kit):
                    took.append(time.monotonic() - started)
            with Connection(enrolled.p11kit) as c:
                started = time.monotonic()
                read_everything(c)
                assert time.monotonic() - started < 0.5
        finally:
            enrolled.tpm.wake()
        verify(leaf_of(enrolled), busy.reply(43, 'ay').array())
    # One may have met the scheduler at a bad moment.
    assert sorted(took)[-5] < AT_ONCE, took


def test_a_client_that_goes_away(enrolled):
    """Its signature is dropped, the next one's is not."""
    enrolled.tpm.hang()
    for _ in range(5):
        with Connection(enrolled.p11kit) as c:
            s = c.open_session()
            begin(c, s, c.device_key(s))
            c.send_sign(s, DIGEST)
    enrolled.tpm.wake()
    with Connection(enrolled.p11kit) as c:
        s = c.open_session()
        verify(leaf_of(enrolled), signature_of(c, s, c.device_key(s)))


def test_several_sign_at_once(enrolled):
    connections = [Connection(enrolled.p11kit) for _ in range(8)]
    for c in connections:
        c.s = c.open_session()
        begin(c, c.s, c.device_key(c.s))
        c.send_sign(c.s, DIGEST)
    for c in connections:
        verify(leaf_of(enrolled), c.reply(43, 'ay').array())
        c.close()


@pytest.mark.seconds(200)
def test_tpm_that_hangs_for_ever(enrolled):
    """The client is told, and when the TPM answers again the next signature comes."""
    with Connection(enrolled.p11kit) as c:
        s = c.open_session()
        key = c.device_key(s)
        begin(c, s, key)
        enrolled.tpm.hang()
        try:
            started = time.monotonic()
            assert refused(c.sign, s, DIGEST) in (rpc.CKR_DEVICE_ERROR, rpc.CKR_GENERAL_ERROR, rpc.CKR_FUNCTION_FAILED)
            assert time.monotonic() - started < 60
        finally:
            enrolled.tpm.wake()
        verify(leaf_of(enrolled), signature_of(c, s, key))


def test_tpm_that_is_gone_and_comes_back(enrolled):
    with Connection(enrolled.p11kit) as c:
        s = c.open_session()
        key = c.device_key(s)
        verify(leaf_of(enrolled), signature_of(c, s, key))
        enrolled.tpm.power_off()
        n = len(enrolled.agent.lines)
        assert refused(signature_of, c, s, key) in (rpc.CKR_DEVICE_ERROR, rpc.CKR_DEVICE_REMOVED, rpc.CKR_GENERAL_ERROR)
        eventually(lambda: [line for line in enrolled.agent.lines[n:] if 'TPM' in line], 'the journal tells')
        read_everything(c)
        enrolled.tpm.power_on()
        verify(leaf_of(enrolled), signature_of(c, s, key))


def test_tpm_that_was_cleared(enrolled, server, stepca):
    """The key is lost; the device can be enrolled again."""
    with Connection(enrolled.p11kit) as c:
        s = c.open_session()
        key = c.device_key(s)
        enrolled.tpm.tool('clear', '-c', 'p')
        n = len(enrolled.agent.lines)
        assert refused(signature_of, c, s, key) in (
            rpc.CKR_DEVICE_ERROR, rpc.CKR_GENERAL_ERROR, rpc.CKR_KEY_HANDLE_INVALID)
        eventually(lambda: [line for line in enrolled.agent.lines[n:] if re.search('key', line)], 'the journal tells')
        cli('renew')
        t = c.open_session()
        verify(leaf_of(enrolled), signature_of(c, t, c.device_key(t)))


def test_tpm_restarted_between_two_signatures(enrolled):
    """As after a suspend: what was loaded is gone, and loaded again."""
    with Connection(enrolled.p11kit) as c:
        s = c.open_session()
        key = c.device_key(s)
        for _ in range(2):
            verify(leaf_of(enrolled), signature_of(c, s, key))
            enrolled.tpm.power_off()
            enrolled.tpm.power_on()
        verify(leaf_of(enrolled), signature_of(c, s, key))


def test_the_signer_leaves_nothing_in_the_tpm(enrolled):
    """Idle, it goes, and a bare TPM has its room for three objects again; meanwhile an enrolment fits beside it."""
    with Connection(enrolled.p11kit) as c:
        s = c.open_session()
        verify(leaf_of(enrolled), signature_of(c, s, c.device_key(s)))
        cli('renew')
        t = c.open_session()
        verify(leaf_of(enrolled), signature_of(c, t, c.device_key(t)))
        eventually(lambda: not signer_runs(enrolled), 'the signer goes')
        assert enrolled.tpm.transient_handles() == []
        verify(leaf_of(enrolled), signature_of(c, t, c.device_key(t)))


def test_signer_killed(enrolled):
    with Connection(enrolled.p11kit) as c:
        s = c.open_session()
        key = c.device_key(s)
        verify(leaf_of(enrolled), signature_of(c, s, key))
        for pid, name in children(enrolled.agent.pid).items():
            if name == SIGNER:
                os.kill(pid, 9)
        eventually(lambda: not signer_runs(enrolled), 'it is gone')
        verify(leaf_of(enrolled), signature_of(c, s, key))
