# SPDX-License-Identifier: MIT
"""attezt setup networkmanager: a network that wants 802.1X lets the device in by its certificate, and nobody else gets
what the device has to say."""
import pytest

from rig_ca import write
from rig_network import RADIUS_PORT, RADIUS_SECRET, EapServer, NetworkManager, Wire
from rig_pkcs11 import CERTIFICATE, KEY
from rig_process import run
from rig_programs import cli, cli_json

OK, FAILED, USAGE, NOT_FOUND, DENIED, TEMPORARY = 0, 1, 2, 4, 5, 75
PEAP = ['802-1x.eap', 'peap', '802-1x.phase2-auth', 'mschapv2', '802-1x.identity', 'someone',
        '802-1x.password', 'secret', '802-1x.auth-timeout', '5', 'connection.auth-retries', '1']


@pytest.fixture(scope='module')
def clients(host):
    return [host.stepca.root.certificate, host.stepca.intermediate.certificate]


@pytest.fixture(scope='module')
def nm(bus, host):
    with Wire():
        n = NetworkManager()
        yield n
        n.stop()


@pytest.fixture
def network(nm, clients, scratch):
    s = EapServer(scratch, clients)
    yield s
    s.stop()


@pytest.fixture
def profile(nm):
    """profile('office', *settings): a connection for one test."""
    made = []

    def add(name, *settings):
        nm.add(name, *settings)
        made.append(name)
        return name
    yield add
    for name in made:
        nm.delete(name)


def of_8021x(settings):
    return {k[7:]: v for k, v in settings.items() if k.startswith('802-1x.')}


def test_the_network_lets_the_device_in(nm, network, profile):
    name = profile('office', *PEAP, '802-1x.ca-cert', network.root, '802-1x.domain-suffix-match', 'radius.test')
    before = nm.settings(name)
    cli('setup', 'networkmanager', name)
    x = of_8021x(nm.settings(name))
    assert (x['eap'], x['identity'], x['client-cert'], x['private-key']) == ('tls', 'framework', CERTIFICATE, KEY)
    r = nm.up(name)
    assert r.returncode == OK, r.stderr
    network.daemon.wait_line('CTRL-EVENT-EAP-SUCCESS')
    nm.down(name)
    cli('setup', 'networkmanager', name, '--remove')
    assert nm.settings(name) == before
    assert 'nothing to change' in cli('setup', 'networkmanager', name, '--remove').stderr


def test_twice_and_back(nm, network, profile):
    """What there was before the first time comes back, and what others keep in the profile stays."""
    name = profile('office', *PEAP, '802-1x.ca-cert', network.root, '802-1x.domain-suffix-match', 'radius.test',
                   'connection.zone', 'work', '802-3-ethernet.mtu', '1400')
    before = nm.settings(name)
    cli('setup', 'networkmanager', name)
    cli('setup', 'networkmanager', name, '--identity', 'host/framework')
    after = nm.settings(name)
    assert after['802-1x.identity'] == 'host/framework' and after['802-1x.password'] == 'secret'
    assert {k for k in after if after[k] != before[k]} <= {f'802-1x.{k}' for k in (
        'eap', 'identity', 'client-cert', 'client-cert-password-flags', 'private-key', 'private-key-password-flags')}
    cli('setup', 'networkmanager', name, '--remove')
    assert nm.settings(name) == before


def test_a_connection_without_8021x(nm, network, profile):
    name = profile('plain')
    before = nm.settings(name)
    r = cli('setup', 'networkmanager', name, check=False)
    assert r.returncode == FAILED and '--ca' in r.stderr and nm.settings(name) == before
    cli('setup', 'networkmanager', name, '--ca', network.root, '--server-name', 'radius.test')
    r = nm.up(name)
    assert r.returncode == OK, r.stderr
    nm.down(name)
    cli('setup', 'networkmanager', name, '--remove')
    assert nm.settings(name) == before


@pytest.mark.parametrize('settings,word', [
    ([], '--ca'),
    (['802-1x.domain-suffix-match', 'radius.test'], '--ca'),
    (['802-1x.ca-cert', 'ROOT'], '--server-name'),
    (['802-1x.system-ca-certs', 'yes'], '--server-name'),
])
def test_refuses_a_network_that_anybody_could_be(nm, network, profile, settings, word):
    name = profile('careless', *PEAP, *(network.root if s == 'ROOT' else s for s in settings))
    before = nm.settings(name)
    r = cli('setup', 'networkmanager', name, check=False)
    assert r.returncode == FAILED and word in r.stderr and nm.settings(name) == before


def test_no_ca_but_that_one(nm, network, profile, scratch):
    """--ca takes the place of all that there was, until it is taken back; without it that stays."""
    name = profile('wide', *PEAP, '802-1x.system-ca-certs', 'yes', '802-1x.ca-path', scratch, '802-1x.domain-suffix-match',
                   'radius.test')
    before = nm.settings(name)
    cli('setup', 'networkmanager', name)
    x = of_8021x(nm.settings(name))
    assert (x['system-ca-certs'], x['ca-path']) == ('yes', scratch)
    cli('setup', 'networkmanager', name, '--ca', network.root)
    x = of_8021x(nm.settings(name))
    assert x['system-ca-certs'] == 'no' and x['ca-path'] == '' and network.root in x['ca-cert']
    cli('setup', 'networkmanager', name, '--remove')
    assert nm.settings(name) == before


@pytest.mark.parametrize('settings', [
    ['wifi-sec.key-mgmt', 'wpa-psk', 'wifi-sec.psk', 'secret secret'], [],
    ['wifi-sec.key-mgmt', 'wpa-eap', *PEAP[:-2]],
])
def test_wifi_that_would_not_use_it(nm, network, settings):
    try:
        run('nmcli', 'connection', 'add', 'type', 'wifi', 'ssid', 'air', 'con-name', 'air', 'autoconnect', 'no', *settings)
        before = nm.settings('air')
        r = cli('setup', 'networkmanager', 'air', '--ca', network.root, '--server-name', 'radius.test', check=False)
        if 'wpa-eap' in settings:
            assert r.returncode == OK and nm.settings('air')['802-1x.eap'] == 'tls', r.stderr
        else:
            assert r.returncode == FAILED and nm.settings('air') == before
            assert f'key-mgmt is {"wpa-psk" if settings else "none"}' in r.stderr
    finally:
        nm.delete('air')


def test_without_the_certificate_the_network_stays_closed(nm, network, profile):
    """The control: it is the certificate that opened it."""
    name = profile('office', *PEAP, '802-1x.ca-cert', network.root, '802-1x.domain-suffix-match', 'radius.test')
    assert nm.up(name).returncode != OK


def test_another_server_is_not_believed(nm, clients, profile, scratch):
    """The right CA, another name: the device does not log in."""
    server = EapServer(scratch, clients, name='evil.test')
    try:
        name = profile('office', *PEAP, '802-1x.ca-cert', server.root, '802-1x.domain-suffix-match', 'radius.test')
        cli('setup', 'networkmanager', name)
        assert nm.up(name).returncode != OK
        assert 'CTRL-EVENT-EAP-SUCCESS' not in server.daemon.log
    finally:
        server.stop()


def test_dry_run_json_and_names(nm, network, profile):
    name = profile('office', *PEAP, '802-1x.ca-cert', network.root, '802-1x.domain-match', 'radius.test')
    before = nm.settings(name)
    assert '"tls"' in cli('setup', 'networkmanager', name, '--dry-run').stdout and nm.settings(name) == before
    assert cli('setup', 'networkmanager', 'nowhere', check=False).returncode == NOT_FOUND
    profile('office')
    r = cli('setup', 'networkmanager', name, check=False)
    assert r.returncode == USAGE and 'UUID' in r.stderr
    assert cli_json('setup', 'networkmanager', before['connection.uuid'])['eap'] == ['tls']


def test_denied(nm, network, profile):
    name = profile('office', *PEAP, '802-1x.ca-cert', network.root, '802-1x.domain-match', 'radius.test')
    before = nm.settings(name)
    r = cli('setup', 'networkmanager', name, '--no-ask-password', user='nobody', check=False)
    assert r.returncode == DENIED and r.stderr.count('\n') == 1, r.stderr
    assert nm.settings(name) == before


def test_without_networkmanager(bus, host, nm):
    nm.daemon.stop(expect=None)
    r = cli('setup', 'networkmanager', 'office', check=False)
    assert r.returncode == TEMPORARY and 'does not run' in r.stderr
    nm.supplicant.stop(expect=None)
    nm.__init__()


def test_wpa_supplicants_own_configuration(host, clients, scratch):
    """Without NetworkManager: what README says to write, tried by eapol_test."""
    server = EapServer(scratch, clients, radius=True)
    try:
        write(f'{scratch}/network.conf', f'''network={{
    key_mgmt=IEEE8021X
    eap=TLS
    identity="framework"
    ca_cert="{server.root}"
    domain_suffix_match="radius.test"
    client_cert="{CERTIFICATE}"
    private_key="{KEY}"
}}
'''.encode())
        r = run('eapol_test', '-a', '127.0.0.1', '-p', str(RADIUS_PORT), '-s', RADIUS_SECRET, '-t', '20', '-c',
                f'{scratch}/network.conf', check=False)
        assert r.returncode == OK and r.stdout.endswith('SUCCESS\n'), r.stdout[-2000:]
    finally:
        server.stop()
