# SPDX-License-Identifier: MIT
"""attezt ca trust: a trust store that people manage."""
import datetime
import hashlib
import json
import os
import pty
import select
import subprocess
import time

import pytest
from cryptography import x509

import rig_bus
import rig_device as dev
from rig_bus import Rule
from rig_ca import Authority, der, now, pem, write
from rig_device import Client, SoftAk, SoftEk, b64
from rig_doctor import examine
from rig_process import ENVIRONMENT, RIG, eventually, run
from rig_programs import SERVER, cli, cli_json, program

OK, FAILED, USAGE, NOT_FOUND, DENIED = 0, 1, 2, 4, 5
STORE = '/var/lib/atteztd/public/ek-roots'


@pytest.fixture
def server(configured_server):
    """Nothing of an earlier test is kept."""
    def forget():
        for c in listed():
            if 'added' in c:
                cli('ca', 'trust', 'remove', c['fingerprint'])
    forget()
    yield configured_server
    forget()


def fingerprint(authority):
    return hashlib.sha256(der(authority.certificate)).hexdigest()


def listed(*options):
    return cli_json('ca', 'trust', 'list', *options)


def find(authority):
    return next((c for c in listed() if c['fingerprint'] == fingerprint(authority)), None)


class Tpm:
    """A device of an authority's, enrolled; believed() asks the server."""
    def __init__(self, server, authority):
        self.server, self.ek, self.ak = server, SoftEk(authority=authority), SoftAk()
        server.enroll(self.ek.hash, 'trusting')

    def believed(self):
        client = Client(self.server.url, self.server.tls_root)
        status, answer = client.attest(self.ek, self.ak)
        assert status == 200, answer
        status, _ = client.secret(dev.activate(self.ek, self.ak, answer))
        client.close()
        return status == 200

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.remove(self.ek.hash)


# ---- add, list, remove

@pytest.mark.parametrize('name,content', [('root.PEM', pem), ('Root', der), ('a.b.crt', pem)])
def test_F16_U4_add_list_remove_without_restart(server, scratch, name, content):
    authority = Authority('Added TPM Root')
    path = write(f'{scratch}/{name}', content(authority.certificate))
    with Tpm(server, authority) as tpm:
        assert not tpm.believed()
        before = time.time()
        r = cli('ca', 'trust', 'add', '--vendor', 'Infineon', '--yes', path)
        assert fingerprint(authority) in r.stderr and 'Infineon' in r.stderr and 'Added TPM Root' in r.stderr, r.stderr
        assert 'Added 1 certificates, 1 of them roots' in r.stdout
        eventually(tpm.believed, 'the front has heard of it')
        c = find(authority)
        assert c['kind'] == 'root' and c['vendor'] == 'IFX' and c['source'] == path and c['uid'] == 0, c
        assert before - 2 <= c['added'] <= time.time() + 2 and c['subject'] == 'CN=Added TPM Root'
        text = cli('ca', 'trust', 'list').stdout
        assert fingerprint(authority) in text and path in text and 'by uid 0' in text
        server.restart()
        assert tpm.believed()
        cli('ca', 'trust', 'remove', fingerprint(authority)[:12].upper())
        eventually(lambda: not tpm.believed(), 'the front has heard of it')
        assert find(authority) is None


def test_bad_files_are_named_and_skipped_and_duplicates_merged(server, scratch):
    good, other = Authority('Good Root'), Authority('Other Root')
    below = Authority('Below Good', parent=good)
    bad = write(f'{scratch}/bad.crt', b'nothing of the kind')
    mixed = write(f'{scratch}/mixed', b'# a bundle\n', good.certificate, b'-----BEGIN CERTIFICATE-----\nAAAA\n'
                  b'-----END CERTIFICATE-----\n', below.certificate)
    leaf = write(f'{scratch}/leaf.pem', good.ek(SoftEk().key.public_key()))
    again = write(f'{scratch}/again.der', der(good.certificate))
    r = cli('ca', 'trust', 'add', '--yes', '--json', bad, mixed, leaf, again, f'{scratch}/missing')
    answer = json.loads(r.stdout)
    assert sorted(answer['added']) == sorted([fingerprint(good), fingerprint(below)]) and answer['known'] == 0
    assert {s['name'].split('/')[-1] for s in answer['skipped']} == {'bad.crt', 'mixed', 'leaf.pem', 'missing'}
    for name in ('bad.crt', 'mixed', 'leaf.pem', 'missing'):
        assert name in r.stderr, r.stderr
    assert 'not the certificate of a CA for EKs' in r.stderr
    # Once more: nothing is new, and nobody is asked.
    r = cli('ca', 'trust', 'add', mixed, again)
    assert 'Added 0 certificates' in r.stdout and '3 were there already' in r.stdout, r.stdout
    r = cli('ca', 'trust', 'add', '--yes', bad, check=False)
    assert r.returncode == FAILED and 'nothing in it' in r.stderr
    assert find(other) is None


def test_U3_roots_want_a_yes(server, scratch):
    authority = Authority('Doubtful Root')
    path = write(f'{scratch}/root.pem', authority.certificate)
    r = cli('ca', 'trust', 'add', path, check=False)
    assert r.returncode == FAILED and fingerprint(authority) in r.stderr and '--yes' in r.stderr, r.stderr
    assert find(authority) is None
    for answer, kept in ((b'\n', False), (b'n\n', False), (b'y\n', True)):
        status, text = on_terminal(answer, 'ca', 'trust', 'add', path)
        assert fingerprint(authority) in text and 'Trust it? [y/N]' in text, text
        assert (status == OK) == kept and (find(authority) is not None) == kept, text


def on_terminal(answer, *arguments):
    terminal, slave = pty.openpty()
    p = subprocess.Popen([program('attezt'), *arguments], stdin=slave, stdout=slave, stderr=slave, env=ENVIRONMENT)
    os.close(slave)
    text, end = b'', time.monotonic() + 60
    while time.monotonic() < end:
        if not select.select([terminal], [], [], 1)[0]:
            continue
        try:
            part = os.read(terminal, 4096)
        except OSError:
            break
        text += part
        if part and b'[y/N]' in text and answer:
            os.write(terminal, answer)
            answer = b''
    os.close(terminal)
    return p.wait(60), text.decode(errors='replace')


def test_anchor_by_order(server, scratch):
    """A CA whose own issuer nobody has."""
    authority = Authority('Middle', parent=Authority('Unknown Root'))
    path = write(f'{scratch}/middle.pem', authority.certificate)
    with Tpm(server, authority) as tpm:
        cli('ca', 'trust', 'add', path)  # an intermediate needs no yes: it lends no trust
        assert find(authority)['kind'] == 'intermediate'
        time.sleep(0.5)
        assert not tpm.believed()
        r = cli('ca', 'trust', 'add', '--anchor', path, check=False)
        assert r.returncode == FAILED and '--yes' in r.stderr
        cli('ca', 'trust', 'add', '--anchor', '--yes', path)
        assert find(authority)['kind'] == 'anchor'
        eventually(tpm.believed, 'the front has heard of it')


def test_remove_of_what_a_directory_has(server, vendor):
    """It stays where it is, and does not count."""
    with Tpm(server, vendor) as tpm:
        assert tpm.believed()
        r = cli('ca', 'trust', 'remove', fingerprint(vendor))
        assert 'still has it' in r.stderr
        try:
            assert find(vendor)['kind'] == 'distrusted'
            eventually(lambda: not tpm.believed(), 'the front has heard of it')
            server.restart()
            assert not tpm.believed()
            cli('ca', 'trust', 'add', '--yes', f'{vendor.roots}/root.pem')
            eventually(tpm.believed, 'the front has heard of it')
        finally:
            cli('ca', 'trust', 'remove', fingerprint(vendor), check=False)
        assert find(vendor)['kind'] == 'distrusted'
        cli('ca', 'trust', 'remove', fingerprint(vendor))
        eventually(tpm.believed, 'the front has heard of it')


@pytest.mark.parametrize('text,status', [('00' * 32, NOT_FOUND), ('abc', USAGE), ('x' * 64, USAGE), ('0' * 65, USAGE)])
def test_remove_of_nothing(server, text, status):
    assert cli('ca', 'trust', 'remove', text, check=False).returncode == status


# ---- import

class Collection:
    """As in TrustedTpm.cab: a folder for each vendor, roots and intermediates in folders below; AIK CAs; and a text."""
    def __init__(self, directory):
        self.directory = directory
        self.stm, self.ifx = Authority('Cab STM Root'), Authority('Cab IFX Root', kind='rsa2048')
        self.below = Authority('Cab STM Intermediate', parent=self.stm)
        root = Authority('Cab AIK Root')
        self.aik = root.issue(Authority('Cab AIK CA').key.public_key(), Authority('Cab AIK CA').name, [
            (x509.BasicConstraints(True, None), True),
            (x509.ExtendedKeyUsage([x509.ObjectIdentifier('2.23.133.8.3')]), False),
            (x509.KeyUsage(*[False] * 5, True, True, False, False), True)])
        for path, content in (('STMicro/RootCA/a.crt', der(self.stm.certificate)),
                              ('STMicro/IntermediateCA/b.CER', pem(self.below.certificate)),
                              ('Infineon/RootCA/c.der', der(self.ifx.certificate)),
                              ('Infineon/RootCA/again.crt', pem(self.ifx.certificate)),
                              ('Microsoft/IntermediateCA/aik.cer', der(self.aik)), ('version.txt', b'1.0\r\n')):
            os.makedirs(os.path.dirname(f'{directory}/{path}'), exist_ok=True)
            write(f'{directory}/{path}', content)

    def cab(self, path):
        files = sorted(os.path.relpath(f'{d}/{f}', self.directory)
                       for d, _, names in os.walk(self.directory) for f in names)
        run('gcab', '-c', '-z', path, *files, cwd=self.directory)
        return path


@pytest.mark.parametrize('as_cab', [False, True])
def test_import(server, scratch, as_cab):
    c = Collection(f'{scratch}/TrustedTpm')
    r = cli('ca', 'trust', 'import', '--yes', c.cab(f'{scratch}/TrustedTpm.cab') if as_cab else c.directory)
    assert 'Added 3 certificates, 2 of them roots' in r.stdout and '2 were left out' in r.stdout, r.stdout + r.stderr
    assert 'aik.cer' in r.stderr and 'version.txt' in r.stderr
    assert find(c.stm)['vendor'] == 'STM' and find(c.ifx)['vendor'] == 'IFX'
    assert find(c.below)['kind'] == 'intermediate' and 'b.CER' in find(c.below)['source']
    assert fingerprint_of(c.aik) not in {x['fingerprint'] for x in listed()}
    with Tpm(server, c.below) as tpm:
        eventually(tpm.believed, 'the front has heard of it')


def fingerprint_of(certificate):
    return hashlib.sha256(der(certificate)).hexdigest()


def test_import_of_what_is_no_cab(server, scratch):
    c = Collection(f'{scratch}/TrustedTpm')
    with open(c.cab(f'{scratch}/whole.cab'), 'rb') as f:
        whole = f.read()
    for content in (b'', b'MSCF', whole[:60], whole[:-40], whole[:36] + b'\xff' * (len(whole) - 36),
                    b'PK\3\4' + b'\0' * 99):
        path = write(f'{scratch}/broken.cab', content)
        r = cli('ca', 'trust', 'import', '--yes', path, check=False)
        assert r.returncode == FAILED and 'broken.cab' in r.stderr, (content[:8], r.stdout, r.stderr)
        assert not any('added' in x for x in listed())
    assert cli('ca', 'trust', 'import', f'{scratch}/nowhere', check=False).returncode == FAILED


def test_import_within_limits(server, scratch):
    """A file that unpacks to more than a file may have is left out, and does not fill the memory."""
    c = Collection(f'{scratch}/TrustedTpm')
    with open(f'{c.directory}/huge.crt', 'wb') as f:
        f.truncate(40 * 1024 * 1024)
    r = cli('ca', 'trust', 'import', '--yes', c.cab(f'{scratch}/TrustedTpm.cab'))
    assert 'huge.crt is left out: it is too large' in r.stderr and 'Added 3' in r.stdout, r.stderr
    for n in range(5):
        os.link(f'{c.directory}/huge.crt', f'{c.directory}/huge{n}.crt')
    r = cli('ca', 'trust', 'import', c.cab(f'{scratch}/many.cab'), check=False)
    assert r.returncode in (OK, FAILED)


# ---- test

def steps(*arguments):
    r = cli('ca', 'trust', 'test', '--json', *arguments, check=False)
    answer = json.loads(r.stdout)
    assert r.returncode == (OK if answer['accepted'] else FAILED)
    assert answer['accepted'] == (not any(s['result'] == 'bad' for s in answer['steps'])), answer
    return answer


def test_explanations(server, scratch, vendor):
    def file(name, certificate):
        return write(f'{scratch}/{name}', der(certificate))
    key = SoftEk().key.public_key()
    good = file('good', vendor.ek(key))
    a = steps(good)
    assert a['accepted'] and a['verdict'] == 'trusted' and a['ek-hash'] == hashlib.sha256(dev.spki(key)).hexdigest()
    text = cli('ca', 'trust', 'test', good).stdout
    assert 'signed by CN=Test TPM Vendor' in text and text.rstrip().endswith('Accepted.'), text

    unknown = Authority('Unheard-of')
    a = steps(file('unknown', unknown.ek(key)))
    assert a['verdict'] == 'EK certificate of an unknown issuer' and a['issuer'] == 'CN=Unheard-of'
    text = cli('ca', 'trust', 'test', f'{scratch}/unknown', check=False).stdout
    assert 'CN=Unheard-of' in text and 'claims' in text and 'attezt ca trust add' in text, text
    # With an intermediate beside it, its issuer is what is missing.
    below = Authority('Beside', parent=vendor)
    leaf = file('below', below.ek(key))
    assert not steps(leaf)['accepted']
    assert steps(leaf, file('beside', below.certificate))['accepted']
    assert not steps(file('aik', vendor.ek(key, eku=x509.ObjectIdentifier('2.23.133.8.3'))))['accepted']
    assert not steps(file('ca', vendor.certificate))['accepted']
    assert not steps(write(f'{scratch}/text', b'hello'))['accepted']
    padded = write(f'{scratch}/nv', bytes.fromhex('10010004001002') + der(vendor.ek(key)) + b'\xff' * 99)
    assert steps(padded)['accepted']
    # A directory alone, and no service.
    empty = f'{scratch}/empty'
    os.makedirs(empty)
    assert not steps('--ek-roots', empty, good)['accepted']
    assert steps('--ek-roots', vendor.roots, good)['accepted']


def test_the_explanation_is_the_verdict(server, vendor, scratch):
    """What is explained is what the front does."""
    for n, options in enumerate(({}, {'ca': True}, {'eku': None}, {'key_usage': x509.KeyUsage(True, *[False] * 8)})):
        with Tpm(server, vendor) as tpm:
            certificate = vendor.ek(tpm.ek.key.public_key(), **options)
            client = Client(server.url, server.tls_root)
            status, answer = client.attest(tpm.ek, tpm.ak, ekCerts=[b64(der(certificate))])
            assert status == 200
            status, _ = client.secret(dev.activate(tpm.ek, tpm.ak, answer))
            client.close()
            assert steps(write(f'{scratch}/{n}', der(certificate)))['accepted'] == (status == 200), options


# ---- Who may, and what the bus is offered

ALLOW = '''polkit.addRule(function(action, subject) {{
    if (action.id == "dev.attezt.server.{action}" && subject.user == "nobody" && {condition}) return polkit.Result.YES;
}});'''


def test_others_need_polkits_word(bus, server, scratch):
    authority = Authority('Of Nobody')
    os.chmod(scratch, 0o755)
    path = write(f'{scratch}/root.pem', authority.certificate)
    arguments = ['--no-ask-password', 'ca', 'trust', 'add', '--yes', path]
    assert cli(*arguments, user='nobody', check=False).returncode == DENIED
    with Rule(bus, ALLOW.format(action='read', condition='true')):
        assert cli(*arguments, user='nobody', check=False).returncode == DENIED
        assert find(authority) is None
        condition = f'action.lookup("fingerprint") == "{fingerprint(authority)}" && action.lookup("change") == "add"'
        with Rule(bus, ALLOW.format(action='trust', condition=condition), name='11-test.rules'):
            cli(*arguments, user='nobody')
            c = find(authority)
            uid = int(run('id', '-u', 'nobody').stdout)
            assert c['uid'] == uid
            assert cli('--no-ask-password', 'ca', 'trust', 'remove', c['fingerprint'], user='nobody',
                       check=False).returncode == DENIED
    assert f'by uid {uid}' in server.daemon.log


def add_trust(certificate, **options):
    types = {'vendor': 's', 'anchor': 'b', 'source': 's', 'operation': 's'}
    arguments = [t for key, value in options.items() for t in (key, types[key], value)]
    return rig_bus.call(*SERVER, 'AddTrust', 'aya{sv}', len(certificate), *certificate, len(options), *arguments)


def test_what_the_bus_is_offered(server):
    good = der(Authority('By Bus').certificate)
    before = sorted(os.listdir(STORE)) if os.path.exists(STORE) else []
    for certificate, options in ((b'', {}), (b'hello', {}), (good[:-1], {}), (good + b'\0', {}), (b'0' * 17000, {}),
                                 (good, {'vendor': '../../x'}), (good, {'vendor': 'anchors'}), (good, {'vendor': '.x'}),
                                 (good, {'source': 'x' * 513}), (good, {'operation': 'x'})):
        with pytest.raises(rig_bus.BusError):
            add_trust(certificate, **options)
    for text in ('', '..', '/etc/passwd', 'a' * 63, 'g' * 64):
        with pytest.raises(rig_bus.BusError):
            rig_bus.call(*SERVER, 'RemoveTrust', 'sa{sv}', text, 0)
    assert (sorted(os.listdir(STORE)) if os.path.exists(STORE) else []) == before
    name, added = add_trust(good, vendor='stmicroelectronics', source='by\nbus\x7f')
    assert added and name == hashlib.sha256(good).hexdigest()
    assert os.listdir(f'{STORE}/STM') == [f'{name}.pem']
    assert os.stat(f'{STORE}/STM/{name}.pem').st_mode & 0o777 == 0o644
    assert add_trust(good, vendor='IFX')[1] is False
    assert os.listdir(f'{STORE}/STM') == [] and os.listdir(f'{STORE}/IFX') == [f'{name}.pem']


def test_pages(server, scratch):
    """More than one page of ListTrust."""
    authorities = [Authority(f'Many {n}') for n in range(70)]
    cli('ca', 'trust', 'add', '--yes', write(f'{scratch}/many.pem', *(a.certificate for a in authorities)))
    assert {fingerprint(a) for a in authorities} <= {c['fingerprint'] for c in listed()}


def test_doctor_knows_the_trust_store(server, scratch):
    checks = examine()
    assert checks['ek-roots']['status'] == 'ok' and 'of them roots' in checks['ek-roots']['text'], checks['ek-roots']
    authority = Authority('Ending Root')
    authority.certificate = authority.issue(authority.key.public_key(), authority.name, [
        (x509.BasicConstraints(True, None), True), (x509.KeyUsage(*[False] * 5, True, True, False, False), True)],
        not_after=now() + datetime.timedelta(days=20))
    cli('ca', 'trust', 'add', '--yes', write(f'{scratch}/ending.pem', authority.certificate))
    check = examine()['ek-roots']
    assert check['status'] == 'warning' and 'Ending Root' in check['text'], check
