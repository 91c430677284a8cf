# SPDX-License-Identifier: MIT
"""Our agent against the real step-ca: enrols, renews, enrols again; and what goes wrong ends within its time, with
a message that names the cause and leaves what was there untouched."""
import grp
import json
import os
import pwd
import re
import socket
import ssl
import time
import urllib.error
import urllib.request

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from p11kit_rpc import Connection
from rig_ca import Authority, load_chain, names_of, new_key, now, spki
from rig_process import Daemon, eventually, run
from rig_programs import cli, directory, program

SOON = 60  # seconds in which a plain failure must end, sanitizers included
DEADLINE = 200


@pytest.fixture
def device(server, stepca, new_device):
    """Enrolled in the inventory as "framework"."""
    d = new_device(server, stepca)
    server.enroll(d.tpm.ek_hash(), 'framework')
    yield d
    server.forget_all()


def leaf_of(device):
    return load_chain(device.file('device.crt'))[0]


def snapshot(device):
    return {n: device.file(n) for n in ('device.crt', 'device.tss')} if device.exists('device.crt') else None


def sign_through_tpm(device, directory):
    """A signature made by the TPM with device.tss, verified with the certificate: 'Verified OK'."""
    r = run('/bin/bash', f'{os.path.dirname(os.path.abspath(__file__))}/../tpm-sign', f'{device.state}/device.tss',
            f'{device.state}/device.crt', directory, env={'TPM2TOOLS_TCTI': device.tpm.tcti})
    return r.stdout


# ---- It works

def test_enrol(device, stepca, server, scratch):
    device.enroll(stepca, server)
    chain = load_chain(device.file('device.crt'))
    leaf = chain[0]
    assert names_of(leaf)[0] == ['framework']
    assert isinstance(leaf.public_key(), ec.EllipticCurvePublicKey)
    assert leaf.issuer == stepca.intermediate.name and len(chain) == 2
    run('openssl', 'verify', '-CAfile', stepca.root_file, '-untrusted', f'{device.state}/device.crt', '-ignore_critical',
        f'{device.state}/device.crt')
    assert 'Verified OK' in sign_through_tpm(device, scratch)
    status = device.status()
    assert status['enrolled'] is True and status['name'] == 'framework'
    assert status['acme-server'] == stepca.url() and status['attestation-server'] == server.url
    assert status['chain-pem'].encode() == device.file('device.crt')
    assert device.property('State') == 'enrolled'
    assert abs(device.property('NotAfter') - leaf.not_valid_after.timestamp()) < 2 or time.timezone
    assert oct(os.stat(f'{device.state}/device.tss').st_mode & 0o777) == '0o640'
    assert oct(os.stat(f'{device.state}/device.crt').st_mode & 0o777) == '0o644'


def test_the_host_name_does_not_matter(device, stepca, server):
    """The inventory says what the device is called; the host is called device-0."""
    assert socket.gethostname() == 'device-0'
    device.enroll(stepca, server)
    assert names_of(leaf_of(device))[0] == ['framework']


def test_several_names(server, stepca, new_device):
    """None is the host's: the error lists them. One is: that. --name chooses."""
    device = new_device(server, stepca)
    server.enroll(device.tpm.ek_hash(), 'one', 'two')
    r = device.enroll(stepca, server, check=False)
    assert r.returncode == 1 and 'one' in r.stderr and 'two' in r.stderr, r.stderr
    device.enroll(stepca, server, '--name', 'two')
    assert names_of(leaf_of(device))[0] == ['two']
    assert 'could not enrol itself' not in device.agent.log # nobody told it to
    server.forget_all()
    server.enroll(device.tpm.ek_hash(), 'one', 'device-0')
    cli('unenroll')
    device.enroll(stepca, server)
    assert names_of(leaf_of(device))[0] == ['device-0']
    server.forget_all()


def test_any_name_takes_the_host_name(server, stepca, new_device):
    device = new_device(server, stepca)
    server.enroll(device.tpm.ek_hash(), any_name=True)
    device.enroll(stepca, server)
    assert names_of(leaf_of(device))[0] == ['device-0']
    server.forget_all()


def test_no_name_is_the_hash(server, stepca, new_device):
    device = new_device(server, stepca)
    server.enroll(device.tpm.ek_hash())
    device.enroll(stepca, server)
    assert names_of(leaf_of(device))[0] == [device.tpm.ek_hash()]
    server.forget_all()


def test_renew_makes_a_new_key_and_keeps_the_ak(device, stepca, server, scratch):
    device.enroll(stepca, server)
    before, ak = leaf_of(device), cli('certificate', 'ak').stdout
    key = device.file('device.tss')
    cli('renew')
    after = leaf_of(device)
    assert after.serial_number != before.serial_number
    assert spki(after.public_key()) != spki(before.public_key()) and device.file('device.tss') != key
    assert names_of(after)[0] == ['framework']
    assert spki(load_chain(ak)[0].public_key()) == spki(load_chain(cli('certificate', 'ak').stdout)[0].public_key())
    assert 'Verified OK' in sign_through_tpm(device, scratch)


def test_enrol_again_without_arguments(device, stepca, server):
    """Servers, roots and name are those recorded."""
    device.enroll(stepca, server)
    before = leaf_of(device)
    cli('enroll')
    after = leaf_of(device)
    assert after.serial_number != before.serial_number and names_of(after)[0] == ['framework']


def test_B5_U14_one_account_for_all_orders(device, stepca, server):
    """B5: an account key per directory, kept."""
    device.enroll(stepca, server)
    accounts = sorted(os.listdir(f'{device.state}/accounts'))
    first = [open(f'{device.state}/accounts/{a}').read() for a in accounts]
    cli('renew')
    assert accounts == sorted(os.listdir(f'{device.state}/accounts')) and len(accounts) == 1
    assert first == [open(f'{device.state}/accounts/{a}').read() for a in accounts]
    assert oct(os.stat(f'{device.state}/accounts/{accounts[0]}').st_mode & 0o777) == '0o600'


def test_rsa_key(device, stepca, server, scratch):
    device.enroll(stepca, server, '--key', 'rsa-2048')
    key = leaf_of(device).public_key()
    assert isinstance(key, rsa.RSAPublicKey) and key.key_size == 2048
    assert 'Verified OK' in sign_through_tpm(device, scratch)
    cli('renew')  # as recorded
    assert isinstance(leaf_of(device).public_key(), rsa.RSAPublicKey)


def test_shorter_lifetime(device, stepca, server):
    device.enroll(stepca, server, '--lifetime', '1h')
    leaf = leaf_of(device)
    assert 3600 <= (leaf.not_valid_after - leaf.not_valid_before).total_seconds() <= 3600 + 120
    cli('renew')  # as recorded
    leaf = leaf_of(device)
    assert (leaf.not_valid_after - leaf.not_valid_before).total_seconds() <= 3600 + 120


def test_lifetime_that_step_ca_refuses(device, stepca, server):
    r = device.enroll(stepca, server, '--lifetime', '30d', check=False)
    assert r.returncode == 1 and r.stderr.strip(), r.stderr
    assert not device.exists('device.crt')


def test_ca_file_travels_and_is_kept(server, stepca, new_device):
    """Contents, not paths: the agent could not read the file."""
    device = new_device()  # knows no root
    server.enroll(device.tpm.ek_hash(), 'travelling')
    path = f'{device.home}/roots.pem'
    with open(path, 'wb') as f:
        for root in (server.tls_root, stepca.root_file):
            f.write(open(root, 'rb').read())
    os.chmod(path, 0o600)
    r = device.enroll(stepca, server, check=False)
    assert r.returncode == 1 and re.search('root|trust|certificate', r.stderr), r.stderr
    device.enroll(stepca, server, '--ca-file', path)
    os.unlink(path)
    cli('renew')
    server.forget_all()


def test_roots_are_read_again_for_each_job(server, stepca, new_device):
    import shutil
    device = new_device()
    server.enroll(device.tpm.ek_hash(), 'later')
    assert device.enroll(stepca, server, check=False).returncode == 1
    shutil.copy(server.tls_root, f'{device.ca_dir}/a.pem')
    shutil.copy(stepca.root_file, f'{device.ca_dir}/b.pem')
    device.enroll(stepca, server)
    server.forget_all()


def test_enrolment_survives_the_agent(device, stepca, server):
    device.enroll(stepca, server)
    before = snapshot(device)
    device.stop()
    device.start()
    assert device.property('State') == 'enrolled' and snapshot(device) == before
    cli('renew')


def test_B2_U11_nothing_depends_on_the_working_directory(device, stepca, server, scratch):
    """Enrolled in one, renewed in another: all of it is in the state directory, nothing in either."""
    device.stop()
    for name in ('one', 'two'):
        where = directory(f'{scratch}/{name}', 'attezt')
        device.agent = Daemon('env', f'--chdir={where}', program('attezt-agent'), *device.options, user='attezt',
                              notify=True)
        device.agent.wait_ready()
        assert os.readlink(f'/proc/{device.agent.pid}/cwd') == where
        if name == 'one':
            device.enroll(stepca, server)
            before = snapshot(device)
        else:
            assert device.property('State') == 'enrolled' and snapshot(device) == before
            cli('renew')
        device.stop()
        assert os.listdir(where) == []
    assert snapshot(device) != before


def test_U12_a_chain_of_one_certificate(device, stepca, server):
    """An ACME server may leave the intermediate out: all that reads the chain goes on."""
    device.enroll(stepca, server)
    device.stop()
    end = b'-----END CERTIFICATE-----\n'
    with open(f'{device.state}/device.crt', 'r+b') as f:
        leaf = f.read().split(end)[0] + end
        f.seek(0)
        f.write(leaf)
        f.truncate()
    device.start()
    assert device.status()['enrolled'] is True and 'framework' in cli('status').stdout
    assert load_chain(cli('certificate').stdout) == load_chain(leaf)
    with Connection(device.p11kit) as c:
        session = c.open_session()
        assert len(c.find(session)) == 3
        c.device_key(session)
    cli('renew')
    assert len(load_chain(device.file('device.crt'))) == 2


def test_tpm_cleared_since(device, stepca, server):
    """Keys that no longer load are made anew, and said."""
    device.enroll(stepca, server)
    device.tpm.tool('clear', '-c', 'p')
    r = cli('renew', check=False)
    if r.returncode != 0:
        pytest.fail(r.stderr)
    assert names_of(leaf_of(device))[0] == ['framework']


def test_helper_of_another_user(server, stepca, new_device, scratch):
    """As under systemd: the agent has neither TPM nor the right to write what attezt-enroll writes."""
    device = new_device(server, stepca, start=False, owner='attezt-tpm')
    device.start_helper_socket('attezt-enroll', '--ca-dir', device.ca_dir)
    device.start()
    server.enroll(device.tpm.ek_hash(), 'two-users')
    device.enroll(stepca, server)
    cli('renew')
    assert names_of(leaf_of(device))[0] == ['two-users']
    for name, mode in (('device.crt', 0o644), ('device.tss', 0o640), ('ak.tss', 0o600)):
        s = os.stat(f'{device.state}/{name}')
        assert (pwd.getpwuid(s.st_uid).pw_name, s.st_mode & 0o777) == ('attezt-tpm', mode), name
    assert grp.getgrgid(os.stat(f'{device.state}/device.tss').st_gid).gr_name == 'tss'
    assert 'Verified OK' in sign_through_tpm(device, scratch)
    cli('unenroll')
    assert not device.exists('device.crt')
    server.forget_all()


# ---- It does not work

def fails(device, before, run_it, *words, code=1, within=SOON):
    """The cause is named, in time, and what was there is untouched."""
    started = time.monotonic()
    r = run_it()
    took = time.monotonic() - started
    assert r.returncode == code, (r.returncode, r.stdout, r.stderr)
    for word in words:
        assert re.search(word, r.stderr, re.IGNORECASE), (word, r.stderr)
    assert took < within, took
    assert snapshot(device) == before
    device.idle()
    return r.stderr


@pytest.fixture(params=['fresh', 'enrolled'])
def before(request, device, stepca, server):
    """Each failure once on a fresh device, once over an enrolment that must survive."""
    if request.param == 'enrolled':
        device.enroll(stepca, server)
    return snapshot(device)


def test_unknown_device(device, before, stepca, server):
    server.forget_all()
    text = fails(device, before, lambda: device.enroll(stepca, server, check=False), 'waits for approval',
                 'attezt ca approve ', code=75)
    assert 'goes on asking' in text


def test_disabled_device(device, before, stepca, server):
    cli('ca', 'set', device.tpm.ek_hash(), '--disabled')
    fails(device, before, lambda: device.enroll(stepca, server, check=False), device.tpm.ek_hash(),
          'attezt ca lookup ' + device.tpm.ek_hash())


def test_removed_device_cannot_renew(device, stepca, server):
    device.enroll(stepca, server)
    before = snapshot(device)
    server.remove('framework')
    fails(device, before, lambda: cli('renew', check=False), device.tpm.ek_hash(), 'attezt ca approve ', code=75)


def test_wrong_name(device, before, stepca, server):
    """Caught on the device, with both names."""
    fails(device, before, lambda: device.enroll(stepca, server, '--name', 'router', check=False), 'router', 'framework')


def test_wrong_case(device, before, stepca, server):
    fails(device, before, lambda: device.enroll(stepca, server, '--name', 'FRAMEWORK', check=False), 'FRAMEWORK',
          'framework')


def test_wrong_provisioner(device, before, stepca, server):
    fails(device, before, lambda: device.enroll(stepca, server, provisioner='nothing', check=False), 'nothing')


def test_provisioner_without_device_attest(device, before, stepca, server):
    fails(device, before, lambda: device.enroll(stepca, server, provisioner='acme-dns', check=False),
          'device-attest-01')


def test_B4_step_ca_with_another_attestation_root(device, before, server, new_device):
    """step-ca answers 200 and an invalid challenge (B4): its words come through."""
    from rig_ca import pem
    from rig_stepca import StepCa
    import shutil
    other = StepCa(pem(Authority('Other Attestation Root').certificate).decode())
    shutil.copy(other.root_file, f'{device.ca_dir}/other.pem')
    try:
        fails(device, before, lambda: device.enroll(other, server, check=False), 'x5c is not valid|attestation')
    finally:
        other.stop()


def test_step_ca_down(device, before, stepca, server):
    stepca.stop()
    try:
        fails(device, before, lambda: device.enroll(stepca, server, check=False), 'ca.test', code=75)
    finally:
        stepca.start()


def test_server_down(device, before, stepca, server):
    url = server.url
    server.stop()
    try:
        fails(device, before, lambda: device.enroll(stepca, url, check=False), 'attest.test', code=75)
    finally:
        server.start()


def test_server_name_unknown(device, before, stepca, server):
    fails(device, before, lambda: device.enroll(stepca, 'https://nowhere.test', check=False), 'nowhere.test', code=75)


@pytest.mark.seconds(280)
def test_server_that_never_answers(device, before, stepca, server):
    with socket.create_server(('127.0.0.1', 0)) as silent:
        url = f'https://attest.test:{silent.getsockname()[1]}'
        fails(device, before, lambda: device.enroll(stepca, url, check=False), 'attest.test', code=75, within=DEADLINE)


def test_untrusted_attestation_server(device, before, stepca, server):
    authority = Authority('Unknown Root')
    other = TlsServer(authority)
    with other:
        fails(device, before, lambda: device.enroll(stepca, other.url('attest.test'), check=False), 'attest.test',
              'trust|root|certificate')


def test_untrusted_acme_server(device, before, stepca, server):
    other = TlsServer(Authority('Unknown Root'))
    with other:
        fails(device, before, lambda: device.enroll(other.url('ca.test') + '/acme/acme-da', server, check=False),
              'ca.test', 'trust|root|certificate')


def test_plain_http_is_not_spoken(device, before, stepca, server):
    fails(device, before, lambda: device.enroll(stepca, 'http://attest.test:1', check=False), 'https', code=2)


def test_hung_tpm(device, before, stepca, server):
    """It cannot be cancelled; the job ends all the same, the agent answers meanwhile, and the next one works."""
    device.tpm.hang()
    try:
        from rig_bus import popen
        job = popen(program('attezt'), 'enroll', '--acme', stepca.url(), '--attestation', server.url)
        eventually(lambda: device.property('State') == 'working', 'the job runs')
        started = time.monotonic()
        assert device.property('State') == 'working'
        assert time.monotonic() - started < 2
        out, err = job.communicate(timeout=DEADLINE)
        assert job.returncode != 0 and 'TPM' in err, err
        assert snapshot(device) == before
    finally:
        device.tpm.wake()
    device.idle()
    device.enroll(stepca, server)


def test_the_agent_is_ended_half_way(device, stepca, server):
    """A TPM without resource manager keeps what is loaded: nothing is left in it, and the next job finds room."""
    from rig_bus import popen
    with socket.create_server(('127.0.0.1', 0)) as silent:
        silent.settimeout(SOON)
        for _ in range(3):
            job = popen(program('attezt'), 'enroll', '--acme', stepca.url(), '--attestation',
                        f'https://attest.test:{silent.getsockname()[1]}')
            connection, _ = silent.accept()  # EK and AK are loaded, and nobody answers
            device.stop()
            job.communicate(timeout=SOON)
            assert job.returncode != 0
            device.start()
            connection.close()
    device.enroll(stepca, server)
    assert device.tpm.transient_handles() == []


def test_B8_no_tpm(server, stepca, new_device):
    device = new_device(server, stepca)
    device.tpm.power_off()
    r = device.enroll(stepca, server, check=False)
    assert r.returncode != 0 and 'TPM' in r.stderr, r.stderr


def test_U12_renew_and_certificate_when_not_enrolled(device):
    assert cli('renew', check=False).returncode == 3
    assert cli('certificate', check=False).returncode == 3
    assert cli('unenroll', check=False).returncode == 3
    assert device.agent.process.poll() is None and device.property('State') == 'unenrolled'


def test_second_job_is_busy(device, stepca, server):
    from rig_bus import popen
    device.tpm.hang()
    try:
        job = popen(program('attezt'), 'enroll', '--acme', stepca.url(), '--attestation', server.url)
        eventually(lambda: device.property('State') == 'working', 'the job runs')
        r = device.enroll(stepca, server, check=False)
        assert r.returncode == 75 and re.search('busy|running|another', r.stderr, re.IGNORECASE), r.stderr
    finally:
        device.tpm.wake()
    job.communicate(timeout=DEADLINE)
    assert job.returncode == 0


def test_a_caller_that_leaves_cancels_nothing(device, stepca, server):
    from rig_bus import popen
    device.tpm.hang()
    job = popen(program('attezt'), 'enroll', '--acme', stepca.url(), '--attestation', server.url)
    eventually(lambda: device.property('State') == 'working', 'the job runs')
    job.kill()
    job.communicate()
    device.tpm.wake()
    eventually(lambda: device.property('State') == 'enrolled', 'the job ends well')


def test_unenroll(device, stepca, server):
    device.enroll(stepca, server)
    cli('unenroll')
    assert not device.exists('device.crt') and not device.exists('device.tss')
    assert not device.exists('accounts') or not os.listdir(f'{device.state}/accounts')
    assert device.property('State') == 'unenrolled' and device.status()['enrolled'] is False
    device.enroll(stepca, server)


def test_unenroll_and_revoke(device, stepca, server):
    device.enroll(stepca, server)
    n = len(stepca.daemon.lines)
    cli('unenroll', '--revoke')
    assert not device.exists('device.crt')
    stepca.daemon.wait_line('revoke-cert', start=n)


def test_unenroll_with_the_ca_down(device, stepca, server):
    """What is here goes, even when the CA cannot be told; without --revoke nobody is asked."""
    device.enroll(stepca, server)
    stepca.stop()
    try:
        cli('unenroll')
        assert not device.exists('device.crt')
    finally:
        stepca.start()


# ---- step-ca's own ways around attestation

def renew_at_step_ca(stepca, chain_file, key_file, path='/renew', body=b''):
    """(status, answer) of step-ca's mutual-TLS API for a certificate whose key is a file."""
    context = ssl.create_default_context(cafile=stepca.root_file)
    context.load_cert_chain(chain_file, key_file)
    request = urllib.request.Request(f'https://ca.test:{stepca.port}{path}', body, method='POST',
                                     headers={'Content-Type': 'application/json'})
    try:
        with urllib.request.urlopen(request, context=context) as r:
            return r.status, r.read()
    except urllib.error.HTTPError as e:
        return e.code, e.read()


@pytest.mark.parametrize('provisioner,expected', [('acme-da', 401), ('acme-renewable', 201)])
def test_renew_and_rekey_are_refused_to_a_device_certificate(device, stepca, server, scratch, provisioner, expected):
    """As we tell people to configure it, 401; the other row shows what that setting prevents. Mutual TLS needs the
    TPM's key: curl has no way to it, so the proof of possession is made through a device key in software,
    certified by the same AK in software."""
    certificate, key = software_device_certificate(stepca, server, provisioner, scratch)
    status, answer = renew_at_step_ca(stepca, certificate, key)
    assert status == expected, answer
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.serialization import Encoding
    software = new_key()
    csr = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(software, hashes.SHA256())
    body = json.dumps({'csr': csr.public_bytes(Encoding.PEM).decode()}).encode()
    status, answer = renew_at_step_ca(stepca, certificate, key, '/rekey', body)
    assert status == expected, answer


def software_device_certificate(stepca, server, provisioner, directory):
    """A certificate as step-ca gives it to devices, whose key is a file: a small ACME client (rig_acme) with
    rig_device's EK and AK."""
    from rig_acme import order_certificate
    from rig_device import Client, SoftAk, SoftEk, chain_of
    ek, ak = SoftEk(), SoftAk()
    server.enroll(ek.hash, 'software', pinned=True)
    status, answer = Client(server.url, server.tls_root).issue(ek, ak)
    assert status == 200, answer
    return order_certificate(stepca.url(provisioner), stepca.root_file, 'software', ak, chain_of(answer), directory)


class TlsServer:
    """Something with a certificate of an unknown root, to be turned away from."""
    def __init__(self, authority):
        import threading
        import tempfile
        d = tempfile.mkdtemp()
        certificate, key = authority.server('attest.test', 'ca.test', directory=d)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate, key)
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.thread = threading.Thread(target=self.serve, daemon=True)

    def url(self, host):
        return f'https://{host}:{self.listener.getsockname()[1]}'

    def serve(self):
        while True:
            try:
                c, _ = self.listener.accept()
            except OSError:
                return
            try:
                with self.context.wrap_socket(c, server_side=True) as s:
                    s.recv(1)
            except (ssl.SSLError, OSError):
                pass

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.listener.close()
