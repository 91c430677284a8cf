# SPDX-License-Identifier: MIT
"""One browser that keeps running while the certificate is renewed and the agent restarted: its connection to the token
goes through the service manager's descriptor store."""
import time

import pytest

import p11kit_rpc as rpc
from rig_ca import load_chain
from rig_fdstore import Manager
from rig_pkcs11 import page_of
from rig_process import eventually
from rig_programs import cli

NSS_LOOKS_AGAIN = 1.2   # seconds; it believes for one that a token is what it was


@pytest.fixture
def device(server, stepca, new_device):
    d = new_device(server, stepca, start=False)
    d.manager = Manager()
    d.start()
    server.enroll(d.tpm.ek_hash(), 'framework')
    yield d
    server.forget_all()
    d.stop()
    d.manager.stop()


@pytest.fixture
def enrolled(device, server, stepca):
    device.enroll(stepca, server)
    return device


def leaf_of(device):
    return load_chain(device.file('device.crt'))[0]


def restart(device):
    """As systemctl restart does it."""
    device.stop()
    assert device.manager.stored, f'no connection was kept: {device.manager.messages}'
    device.start()
    time.sleep(NSS_LOOKS_AGAIN)  # until then it does not ask whether its sessions are still good, and finds nothing


# ---- The same browser, and what changes under it

def reaches(browser, url, *certificates):
    text = browser.load(url)
    assert any(page_of(c) in text for c in certificates), text


def test_renewal(enrolled, web, browse):
    """A host it never saw gets the new certificate; one that it knows, the new one or the old, which is still good."""
    b = browse(enrolled)
    before = leaf_of(enrolled)
    reaches(b, web.url(), before)
    for host in ('one.test', 'two.test'):
        cli('renew')
        after = leaf_of(enrolled)
        time.sleep(NSS_LOOKS_AGAIN)
        reaches(b, web.url(host=host), after)
        reaches(b, web.url(), before, after)


def test_restart(enrolled, web, browse):
    b = browse(enrolled)
    leaf = leaf_of(enrolled)
    reaches(b, web.url(), leaf)
    for host in ('one.test', 'two.test'):
        restart(enrolled)
        reaches(b, web.url(), leaf)
        reaches(b, web.url(host=host), leaf)


def test_restart_and_renewal(enrolled, web, browse):
    b = browse(enrolled)
    before = leaf_of(enrolled)
    reaches(b, web.url(), before)
    restart(enrolled)
    cli('renew')
    after = leaf_of(enrolled)
    time.sleep(NSS_LOOKS_AGAIN)
    reaches(b, web.url(host='one.test'), after)
    restart(enrolled)
    reaches(b, web.url(), before, after)
    reaches(b, web.url(host='two.test'), after)


def test_started_before_the_enrolment(device, server, stepca, web, browse):
    b = browse(device)
    assert 'No required SSL certificate was sent' in b.load(web.url())
    device.enroll(stepca, server)
    time.sleep(NSS_LOOKS_AGAIN)
    reaches(b, web.url(host='one.test'), leaf_of(device))
    # It remembers for a host that it has sent none, until it forgets or the user goes on.
    eventually(lambda: page_of(leaf_of(device)) in b.load(web.url(web.port12)), 'another port')


def test_enrolled_again(enrolled, server, stepca, web, browse):
    """Without a token for a while."""
    b = browse(enrolled)
    reaches(b, web.url(), leaf_of(enrolled))
    cli('unenroll')
    time.sleep(NSS_LOOKS_AGAIN)
    assert 'verify=SUCCESS' not in b.load(web.url(host='one.test'))
    enrolled.enroll(stepca, server)
    time.sleep(NSS_LOOKS_AGAIN)
    reaches(b, web.url(host='two.test'), leaf_of(enrolled))


# ---- The store itself

def test_what_goes_to_the_store(enrolled):
    """Only connections at rest, between two frames; they work on with the next agent, whose sessions are new."""
    rest, half, early = rpc.Connection(enrolled.p11kit), rpc.Connection(enrolled.p11kit), rpc.connect(enrolled.p11kit)
    s = rest.open_session()
    handles = rest.find(s)
    half.send(rpc.u32(16) + rpc.u32(0))
    time.sleep(0.2)
    enrolled.stop()
    assert sorted(name for name, _ in enrolled.manager.stored) == ['p11conn', 'p11new']
    enrolled.start()
    early.sendall(b'\0')
    assert early.recv(1) == b'\0', 'who had said nothing yet is greeted now'
    assert rpc.refused(rest.session_info, s) == rpc.CKR_SESSION_HANDLE_INVALID
    t = rest.open_session()
    assert rest.find(t) == handles
    rest.sign_init(t, rest.device_key(t), rpc.CKM_ECDSA)
    assert len(rest.sign(t, bytes(32))) == 64
    with pytest.raises(rpc.Closed):
        half.receive(1)
    with rpc.Connection(enrolled.p11kit) as c:  # and it listens
        assert c.slots()
    early.close()
    rest.close()
    half.close()


def test_a_signature_at_the_end(enrolled):
    """SIGTERM while a signature is under way: it is finished or fails, and the connection lives or ends; no hanging."""
    with rpc.Connection(enrolled.p11kit) as c:
        s = c.open_session()
        c.sign_init(s, c.device_key(s), rpc.CKM_ECDSA)
        enrolled.tpm.hang()
        c.send_sign(s, bytes(32))
        try:
            enrolled.agent.process.terminate()
            time.sleep(0.3)
        finally:
            enrolled.tpm.wake()
        enrolled.stop()
        enrolled.start()
        try:
            c.reply(43, 'ay')
        except rpc.RpcError:
            pass
        except rpc.Closed:
            return
        assert c.slots()


def test_users_of_stored_connections(enrolled):
    """Who made a connection still decides what it shows."""
    with rpc.Connection(sock=rpc.connect_as('nobody', enrolled.p11kit)) as stranger, \
            rpc.Connection(enrolled.p11kit) as root:
        assert stranger.slots() == [] and root.slots() != []
        restart(enrolled)
        assert stranger.slots() == [] and root.slots() != []
