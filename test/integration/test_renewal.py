# SPDX-License-Identifier: MIT
"""The agent gets certificates by itself, with certificates that live for seconds: in time, through failures, restarts
and a missing network; and it goes when nothing is to be done."""
import http.server
import json
import os
import re
import shutil
import ssl
import threading
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

import p11kit_rpc as rpc
from p11kit_rpc import Connection
from rig_bus import Monitor
from rig_ca import Authority, load_chain, pem, write
from rig_pkcs11 import signature_of, verify
from rig_process import eventually
from rig_programs import cli, cli_json
from rig_renewal import UTC, configure, device, end_of, enroll, leaf_of, stepca  # noqa: F401, fixtures among them

NEVER = 10  # seconds in which something does not happen


def spki(leaf):
    return leaf.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def renewed(device, before, timeout=60):
    """Waits for the next certificate, and gives it with the moment."""
    eventually(lambda: leaf_of(device).serial_number != before.serial_number, 'a new certificate', timeout)
    moment = time.time()
    device.idle()
    return leaf_of(device), moment


def remembered(device):
    with open(f'{device.renewal_dir}/renewal.json') as f:
        return json.load(f)


# ---- In time

def test_renews_by_itself(device, server, stepca):
    """At two thirds, with a new key; everybody can see it, and what is seen names nobody."""
    device.start()
    before = enroll(device, stepca, server, '60s')
    begin = before.not_valid_before.replace(tzinfo=UTC).timestamp()
    planned = device.property('NextRenewal', user='nobody')
    assert begin + 34 <= planned <= begin + 46
    assert 'Next renewal: ' in cli('status').stdout
    assert cli('renew', '--if-due').stderr.strip() == 'Nothing is due.'
    assert leaf_of(device) == before
    monitor = Monitor()
    after, moment = renewed(device, before)
    assert planned - 1 <= moment <= planned + 15
    assert spki(after) != spki(before)
    status = cli_json('status')
    assert status['renewal-failures'] == 0 and status['last-outcome'] == 'done' and status['last-error'] == ''
    assert abs(status['last-renewal'] - moment) < 15 and status['next-renewal'] > moment
    assert status['next-renewal-reason'] in ('age', 'just-came')
    assert device.property('NextRenewal') == status['next-renewal']
    changes = [json.dumps(m['payload']) for m in monitor.messages() if m.get('member') == 'PropertiesChanged']
    monitor.stop()
    for name in ('NextRenewal', 'LastRenewal', 'NotAfter'):
        assert any(name in c for c in changes), (name, changes)
    assert not any('framework' in c or device.tpm.ek_hash() in c for c in changes)


def test_renew_before(device, server, stepca):
    configure(device, 'RenewBefore=30s')
    device.start()
    leaf = enroll(device, stepca, server, '60s')
    assert end_of(leaf) - 41 <= device.property('NextRenewal') <= end_of(leaf) - 29
    assert cli_json('status')['next-renewal-reason'] == 'set'


def test_expired_while_off(device, server, stepca):
    device.start()
    before = enroll(device, stepca, server, '15s')
    device.stop()
    time.sleep(max(0, end_of(before) + 1 - time.time()))
    started = time.time()
    device.start()
    after, moment = renewed(device, before)
    assert moment - started < 20 and end_of(after) > moment


def test_boot_past_a_third(device, server, stepca):
    """After another boot, as the file has it, a third is enough; in the same boot it is not."""
    device.start()
    before = enroll(device, stepca, server, '90s')
    planned = device.property('NextRenewal')
    device.stop()
    time.sleep(max(0, end_of(before) - 57 - time.time()))
    device.start()
    assert device.property('NextRenewal') == planned
    device.stop()
    state = remembered(device)
    state['booted'] -= 7200
    state['up'] = 3600
    write(f'{device.renewal_dir}/renewal.json', json.dumps(state).encode())
    device.start()
    assert device.property('NextRenewal') < planned - 5
    assert cli_json('status')['next-renewal-reason'] == 'boot'
    renewed(device, before, 60)
    assert cli_json('status')['next-renewal-reason'] in ('age', 'just-came')


# ---- Failures

def test_backoff_survives_a_restart(device, server, stepca):
    device.start()
    before = enroll(device, stepca, server, '15s')
    cli('ca', 'set', 'framework', '--disabled')
    eventually(lambda: device.property('RenewalFailures') >= 2, 'attempts fail')
    device.idle()
    assert device.property('LastOutcome', user='nobody') == 'unknown-device'
    assert device.tpm.ek_hash() in device.status()['last-error']
    assert leaf_of(device) == before
    device.agent.wait_line(r'could not be renewed \(unknown-device\); the next attempt is at \d{4}-')
    device.agent.wait_line(r'The certificate has ended')
    assert re.search(rf'^ *Certificate: ended at {before.not_valid_after:%FT%TZ}, and is not renewed yet$',
                     cli('status').stdout, re.M)
    assert cli_json('status')['certificate'] == 'ended'
    status = device.status()
    device.stop()
    device.start()
    again = device.status()
    assert again['renewal-failures'] == status['renewal-failures'] > 0
    assert again['next-renewal'] == status['next-renewal'] or again['next-renewal'] <= time.time()
    assert re.search(r'The last \d+ attempts to get a certificate failed', cli('status').stderr)
    cli('ca', 'set', 'framework', '--enabled')
    after, _ = renewed(device, before)
    assert device.property('RenewalFailures') == 0 and device.status()['last-error'] == ''
    assert after != before and cli_json('status')['certificate'] == 'valid'
    assert ' Certificate: ' not in cli('status').stdout


def test_what_cannot_be_remembered(device, server, stepca):
    """Neither a missing place nor rubbish in it keeps the agent from renewing."""
    write(f'{device.renewal_dir}/renewal.json', b'{"failures": -1')
    os.chmod(f'{device.renewal_dir}/renewal.json', 0o644)
    device.start()
    device.agent.wait_line('cannot be read')
    device.stop()
    os.unlink(f'{device.renewal_dir}/renewal.json')
    os.rmdir(device.renewal_dir)
    device.start()
    device.agent.wait_line('cannot be remembered over a restart')
    renewed(device, enroll(device, stepca, server, '20s'))


class Hosts:
    """No name is known, while a with statement lasts: the nearest to no network that loopback has."""
    def __enter__(self):
        with open('/etc/hosts') as f:
            self.text = f.read()
        with open('/etc/hosts', 'w') as f:
            f.write('127.0.0.1 localhost\n')

    def __exit__(self, *_):
        with open('/etc/hosts', 'w') as f:
            f.write(self.text)


@pytest.mark.seconds(200)
def test_no_network(device, server, stepca):
    """Looked for every half minute, without the TPM, without lengthening anything, and without a word each time."""
    device.start()
    before = enroll(device, stepca, server, '15s')
    with Hosts():
        eventually(lambda: device.property('LastOutcome') == 'no-network', 'the network is missed')
        status = cli_json('status')
        assert status['next-renewal-reason'] == 'no-network' and status['renewal-failures'] == 0
        assert 0 < status['next-renewal'] - time.time() <= 31
        assert 'No server can be reached' in cli('status').stderr
        device.tpm.hang()  # who asks it now waits for ever
        n = len(device.agent.lines)
        eventually(lambda: device.property('NextRenewal') > status['next-renewal'], 'it is looked for again', 45)
        assert device.property('RenewalFailures') == 0 and device.property('State') == 'enrolled'
        assert [line for line in device.agent.lines[n:] if 'has ended' not in line] == []
        device.tpm.wake()
    back = time.time()
    after, moment = renewed(device, before)
    assert moment - back < 45 and after != before


def test_status_while_the_network_is_looked_for(device, server, stepca):
    """Who asks for the EK in that moment gets it."""
    configure(device, f'ACMEServer={stepca.url()}', f'AttestationServer={server.url}', 'AutoEnroll=yes')
    with Hosts():
        device.start()
        eventually(lambda: device.property('LastOutcome') == 'no-network', 'the network is missed')
        for _ in range(20):
            assert device.status()['ek-hash'] == device.tpm.ek_hash()


def test_server_that_is_down_is_backed_off(device, server, stepca):
    """Who refuses connections is no missing network."""
    device.start()
    enroll(device, stepca, server, '15s')
    stepca.stop()
    try:
        eventually(lambda: device.property('RenewalFailures') >= 2, 'attempts fail')
        assert device.property('LastOutcome') == 'unreachable'
    finally:
        stepca.start()
    eventually(lambda: device.property('RenewalFailures') == 0, 'it is renewed')


class BusyServer(http.server.ThreadingHTTPServer):
    """An ACME server that says when to come again."""
    def __init__(self, directory, seconds):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.server.asked += 1
                self.send_response(503)
                self.send_header('Retry-After', str(seconds))
                self.send_header('Content-Length', '0')
                self.end_headers()

            def log_message(self, *_):
                pass
        super().__init__(('127.0.0.1', 0), Handler)
        self.asked = 0
        authority = Authority('Test Busy Root')
        self.root = write(f'{directory}/busy-root.pem', authority.certificate)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*authority.server('acme.test', directory=directory))
        self.socket = context.wrap_socket(self.socket, server_side=True)
        self.url = f'https://acme.test:{self.server_address[1]}/acme'
        threading.Thread(target=self.serve_forever, daemon=True).start()


def test_retry_after(device, server):
    busy = BusyServer(device.home, 700)
    write(f'{device.ca_dir}/busy.pem', open(busy.root, 'rb').read())
    configure(device, f'ACMEServer={busy.url}', f'AttestationServer={server.url}', 'AutoEnroll=yes')
    device.start()
    eventually(lambda: device.property('RenewalFailures') == 1, 'an attempt fails')
    status = device.status()
    assert status['next-renewal-reason'] == 'retry-after'
    assert 690 < status['next-renewal'] - time.time() < 1200
    asked = busy.asked
    device.stop()
    device.start()
    assert device.status()['next-renewal'] == status['next-renewal']
    time.sleep(2)
    assert busy.asked == asked
    busy.shutdown()


def test_an_enrolment_that_fails_beside_a_certificate(device, server, stepca):
    """A slip of the hand, or another server's wish to be left alone, keeps nobody from renewing."""
    device.start()
    before = enroll(device, stepca, server, '40s')
    status = device.status()
    busy = BusyServer(device.home, 99999999999)
    for _ in range(2):
        r = cli('enroll', '--acme', busy.url, '--attestation', server.url, '--ca-file', busy.root, check=False)
        assert r.returncode == 75 and busy.asked > 0
    after = device.status()
    for member in ('next-renewal', 'next-renewal-reason', 'renewal-failures', 'last-outcome'):
        assert after[member] == status[member], (member, status, after)
    assert 'attempts to get a certificate' not in cli('status').stderr
    device.stop()
    device.start()
    assert device.property('NextRenewal') == status['next-renewal']
    _, moment = renewed(device, before)
    assert moment < end_of(before)
    busy.shutdown()


def test_waits_elsewhere_and_renews_meanwhile(device, server, stepca):
    """What waits for approval at another server does not take the place of the renewal."""
    device.start()
    before = enroll(device, stepca, server, '40s')
    server.remove('framework')
    r = cli('enroll', '--acme', stepca.url(), '--attestation', server.url, check=False)
    assert r.returncode == 75 and cli_json('status')['words']
    assert cli_json('status')['renewal-failures'] == 0 and device.property('LastOutcome') == 'done'
    eventually(lambda: device.property('LastOutcome') == 'waiting', 'the renewal is tried as well', 60)
    cli('ca', 'approve', device.tpm.ek_hash(), '--name', 'framework')
    renewed(device, before, 90)
    assert os.path.exists(f'{device.state}/current')


# ---- The key

def test_a_new_key_each_time_or_never(device, server, stepca):
    device.start()
    one = enroll(device, stepca, server, '1h')
    cli('renew')
    two = leaf_of(device)
    assert spki(two) != spki(one)
    configure(device, 'RekeyEvery=never')
    device.agent.signal(1)
    device.agent.wait_ready()
    with Connection(device.p11kit) as c:
        identity = c.attribute(s := c.open_session(), c.device_key(s), rpc.CKA_ID)
    cli('renew')
    three = leaf_of(device)
    assert three.serial_number != two.serial_number and spki(three) == spki(two)
    with Connection(device.p11kit) as c:
        s = c.open_session()
        assert c.attribute(s, c.device_key(s), rpc.CKA_ID) == identity
        assert identity == three.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
        verify(three, signature_of(c, s, c.device_key(s)))


def test_a_new_key_after_a_time(device, server, stepca):
    configure(device, 'RekeyEvery=10s')
    device.start()
    one = enroll(device, stepca, server, '1h')
    cli('renew')
    assert spki(leaf_of(device)) == spki(one)
    time.sleep(11)
    cli('renew')
    assert spki(leaf_of(device)) != spki(one)


def test_a_key_that_is_lost_is_made_anew(device, server, stepca):
    configure(device, 'RekeyEvery=never')
    device.start()
    one = enroll(device, stepca, server, '1h')
    device.tpm.tool('clear', '-c', 'p')
    cli('renew')
    device.agent.wait_line('the TPM was cleared')
    two = leaf_of(device)
    assert spki(two) != spki(one)
    with Connection(device.p11kit) as c:
        s = c.open_session()
        verify(two, signature_of(c, s, c.device_key(s)))


# ---- AutoEnroll=

@pytest.mark.seconds(200)
def test_enrols_itself(device, server, stepca):
    """And goes on asking while the server does not know it; what a hand has undone stays so."""
    server.remove('framework')
    configure(device, f'ACMEServer={stepca.url()}', f'AttestationServer={server.url}', 'AutoEnroll=yes', 'Lifetime=1h')
    device.start()
    eventually(lambda: device.property('LastOutcome') == 'waiting', 'it asks to be enrolled')
    device.idle()
    status = device.status()
    assert 0 < status['next-renewal'] - time.time() <= 61 and status['next-renewal-reason'] == 'approval'
    r, words = cli('status'), cli_json('status')['words']
    assert 'Next attempt: ' in r.stdout
    told = re.search(r'\n    (attezt ca approve [a-z ]+ --name \S+)\n', status['last-error'])[1]
    assert re.search(rf'^Last error: \S.*\n {{8}}\S.*\n {{12}}{words}\n', r.stderr, re.M), r.stderr
    checks = {c['id']: c for c in json.loads(cli('doctor', '--device', '--json', check=False).stdout)}
    assert f'waits for approval, as "{words}"' in checks['renewal']['text'], checks['renewal']
    assert checks['enrollment']['status'] == 'warning' and checks['enrollment']['text'] == checks['renewal']['text']
    assert checks['renewal']['command'] == f'attezt ca approve {device.tpm.ek_hash()} --name NAME', checks['renewal']
    cli(*told.split()[1:-1], 'framework')  # in place of the host's name, which is what it proposes
    eventually(lambda: device.property('State') == 'enrolled', 'it is enrolled', 90)
    assert device.status()['name'] == 'framework'
    cli('unenroll')
    for _ in range(2):
        time.sleep(NEVER / 2)
        assert device.property('State') == 'unenrolled' and device.property('NextRenewal') == 0
        device.stop()
        device.start()
    cli('enroll')
    assert device.property('State') == 'enrolled'


def test_the_roots_are_a_setting(device, server, stepca):
    """And for the configured servers only. A root that changes there reaches a device that is enrolled."""
    shutil.rmtree(device.ca_dir)
    roots = write(f'{device.home}/roots.pem', b'not yet')
    servers = [f'ACMEServer={stepca.url()}', f'AttestationServer={server.url}']
    configure(device, *servers, f'RootsFile={roots}')
    device.start()
    r = cli('enroll', check=False)
    assert r.returncode == 1 and f'RootsFile={roots}: not certificates in PEM form' in r.stderr
    both = b''.join(open(f, 'rb').read() for f in (stepca.root_file, server.tls_root))
    write(roots, both)
    r = cli('enroll', '--acme', stepca.url('acme-short'), check=False)
    assert r.returncode == 1 and 'certificate' in r.stderr, 'another server is not trusted by it'
    cli('enroll')
    first = leaf_of(device)
    assert open(f'{device.state}/current/ca.pem', 'rb').read() == both
    # Roots that do not hold any more, as after a change of the servers': recorded now, by a renewal that still worked.
    other = pem(Authority('Another root').certificate)
    write(roots, both + other)
    cli('renew')
    assert leaf_of(device) != first and open(f'{device.state}/current/ca.pem', 'rb').read() == both + other
    os.unlink(roots)
    cli('renew')
    assert device.agent.wait_line('Going on with the roots that are recorded.')


def test_auto_enrol_needs_servers(device):
    configure(device, 'AutoEnroll=yes', 'ACMEServer=https://ca.test/acme/da')
    device.start()
    device.agent.wait_line('AutoEnroll= needs ACMEServer= and AttestationServer=')
    assert device.property('NextRenewal') == 0
