# SPDX-License-Identifier: MIT
"""attezt setup: other programs find the certificate, keep what they had, and have it back afterwards."""
import contextlib
import json
import os
import shutil
import stat

import pytest

from rig_browser import POLICIES, Browser
from rig_doctor import complaints, mode, moved, read
from rig_firefox import Firefox
from rig_pkcs11 import CERTIFICATE_LABEL, LIBRARIES, PROXY, Database, WebServer, page_of
from rig_ca import load_chain, write
from rig_process import run
from rig_programs import PROGRAMS, cli, cli_json

CHROMIUM, CHROME = f'{POLICIES}/attezt.json', '/etc/opt/chrome/policies/managed/attezt.json'
FIREFOX = '/etc/firefox/policies/policies.json'
OPENSC = f'{LIBRARIES}/opensc-pkcs11.so'
OK, FAILED, USAGE, NOT_ENROLLED, DENIED = 0, 1, 2, 3, 5


@pytest.fixture
def home(scratch):
    os.makedirs(f'{scratch}/home')
    return f'{scratch}/home'


@pytest.fixture
def nss(home):
    """attezt setup nss for a user with that home."""
    def setup(*options, **kwargs):
        return cli('setup', 'nss', *options, env={'HOME': home}, **kwargs)
    setup.directory, setup.file = f'{home}/.pki/nssdb', f'{home}/.pki/nssdb/pkcs11.txt'
    return setup


@pytest.fixture(autouse=True)
def nothing_left():
    yield
    for path in (CHROMIUM, CHROME, FIREFOX):
        if os.path.lexists(path):
            os.unlink(path)


@contextlib.contextmanager
def gone(path):
    """As on a machine that never had it."""
    with moved(path) if os.path.lexists(path) else contextlib.nullcontext():
        try:
            yield
        finally:
            shutil.rmtree(path, ignore_errors=True)


def modules(directory):
    return run('modutil', '-list', '-dbdir', f'sql:{directory}').stdout


def certificates(directory):
    return run('certutil', '-L', '-h', 'all', '-d', f'sql:{directory}').stdout


# ---- NSS

def test_nss_from_nothing(host, nss):
    nss()
    assert PROXY in modules(nss.directory) and CERTIFICATE_LABEL in certificates(nss.directory)
    before = read(nss.file)
    assert 'nothing to change' in nss().stderr and read(nss.file) == before
    nss('--remove')
    assert PROXY not in modules(nss.directory) and CERTIFICATE_LABEL not in certificates(nss.directory)
    assert 'nothing to change' in nss('--remove').stderr


def test_nss_keeps_what_is_there(host, nss):
    Database(nss.directory, OPENSC)
    os.chmod(nss.file, 0o640)
    before = read(nss.file)
    nss()
    assert OPENSC in modules(nss.directory) and CERTIFICATE_LABEL in certificates(nss.directory)
    assert stat.S_IMODE(os.stat(nss.file).st_mode) == 0o640
    # NSS's own tool writes the file anew.
    run('modutil', '-force', '-dbdir', f'sql:{nss.directory}', '-delete', 'attezt')
    assert OPENSC not in modules(nss.directory) and CERTIFICATE_LABEL in certificates(nss.directory)
    Database(nss.directory, OPENSC)
    os.chmod(nss.file, 0o640)
    before = read(nss.file)
    nss()
    nss('--remove')
    assert read(nss.file) == before


def test_nss_with_somebody_elses_entry(host, nss):
    Database(nss.directory, PROXY)
    before = read(nss.file)
    assert 'nothing to change' in nss().stderr
    nss('--remove')
    assert read(nss.file) == before


def test_nss_database_option_and_other_place(host, nss, home, scratch):
    os.makedirs(f'{home}/.local/share/pki/nssdb')
    nss()
    assert PROXY in modules(f'{home}/.local/share/pki/nssdb') and not os.path.exists(nss.directory)
    nss('--database', f'{scratch}/db')
    assert PROXY in modules(f'{scratch}/db')


@pytest.mark.parametrize('whose', ['home', 'database'])
def test_nss_root_leaves_other_users_alone(host, nss, home, whose):
    """As with "sudo --preserve-env=HOME"."""
    os.makedirs(nss.directory)
    os.chown(home if whose == 'home' else nss.directory, 65534, 65534)
    for options in ([], ['--remove'], ['--dry-run']):
        r = nss(*options, check=False)
        assert r.returncode == FAILED and 'sudo -H -u nobody attezt setup nss' in r.stderr, r.stderr
    assert os.listdir(nss.directory) == []


@pytest.mark.parametrize('where', ['links', 'above', 'link', 'writable', 'not there'])
def test_nss_root_follows_no_links_of_users(host, nss, home, scratch, where):
    """Nor with --database, whatever the user has put there."""
    theirs, outside = f'{scratch}/theirs', f'{scratch}/outside'
    os.makedirs(outside)
    os.makedirs(f'{theirs}/db')
    for name in ('cert9.db', 'key4.db', 'pkcs11.txt'):
        os.symlink(f'{outside}/{name}', f'{theirs}/db/{name}')
    named = f'{theirs}/db'
    if where == 'writable':
        os.chmod(theirs, 0o777)
    elif where == 'not there':
        os.chmod(theirs, 0o1777)
        named = f'{theirs}/new/db'
    else:
        os.chown(f'{theirs}/db' if where == 'links' else theirs, 65534, 65534)
        if where == 'link':
            os.symlink(theirs, f'{scratch}/link')
            named = f'{scratch}/link/db'
    for options in ([], ['--remove'], ['--dry-run']):
        r = nss('--database', named, *options, check=False)
        assert r.returncode == FAILED and os.listdir(outside) == [], r.stderr
        wanted = 'Others than root' if where == 'writable' else 'Everybody may' if where == 'not there' else \
            f'sudo -H -u nobody attezt setup nss --database {named}'
        assert wanted in r.stderr, r.stderr
    # In a directory that all share, one that is there is nobody else's.
    if where == 'not there':
        os.makedirs(f'{theirs}/new')
        nss('--database', named)
        assert PROXY in modules(named)


def test_nss_what_it_does_not_know_it_leaves_alone(host, nss):
    Database(nss.directory)
    write(nss.file, b'nonsense\n')
    r = nss(check=False)
    assert r.returncode == FAILED and 'left as it is' in r.stderr and read(nss.file) == b'nonsense\n'


def test_nss_dry_run(host, nss):
    r = nss('--dry-run')
    assert not os.path.exists(nss.directory) and nss.directory in r.stderr
    Database(nss.directory, OPENSC)
    before = read(nss.file)
    r = nss('--dry-run')
    assert read(nss.file) == before and f'library={PROXY}\n' in r.stdout and f'library={OPENSC}\n' in r.stdout


# ---- Chromium

def rules():
    return [json.loads(r) for r in json.loads(read(CHROMIUM))['AutoSelectCertificateForUrls']]


def test_chromium_policy(host):
    cli('setup', 'chromium', 'https://a.test', 'https://[*.]b.test:8443/')
    assert rules() == [{'pattern': p, 'filter': {'ISSUER': {'CN': 'Test step-ca Intermediate'}}}
                       for p in ('https://a.test', 'https://[*.]b.test:8443')]
    assert stat.S_IMODE(os.stat(CHROMIUM).st_mode) == 0o644
    cli('setup', 'chromium', 'https://c.test')
    assert len(rules()) == 3
    assert 'nothing to change' in cli('setup', 'chromium', 'https://c.test').stderr
    cli('setup', 'chromium', '--remove', 'https://a.test')
    assert [r['pattern'] for r in rules()] == ['https://[*.]b.test:8443', 'https://c.test']
    cli('setup', 'chromium', '--remove')
    assert not os.path.exists(CHROMIUM)
    cli('setup', 'chromium', '--chrome', 'https://a.test')
    assert os.path.exists(CHROME) and not os.path.exists(CHROMIUM)


def test_chromium_keeps_what_is_there(host):
    others = {'HomepageLocation': 'https://a.test', 'Deep': {'n': [1.25, None, 'é']}}
    os.makedirs(POLICIES, exist_ok=True)
    write(CHROMIUM, json.dumps(others).encode())
    cli('setup', 'chromium', 'https://a.test')
    assert {k: v for k, v in json.loads(read(CHROMIUM)).items() if k in others} == others and len(rules()) == 1
    cli('setup', 'chromium', '--remove')
    assert json.loads(read(CHROMIUM)) == others


@pytest.mark.parametrize('content', [b'{', b'[]', b'{} // policy', b'{"AutoSelectCertificateForUrls": "x"}',
                                     b'{"n": 12345678901234567890123}', b'\xff'])
def test_chromium_what_it_cannot_read_it_leaves_alone(host, content):
    os.makedirs(POLICIES, exist_ok=True)
    write(CHROMIUM, content)
    for options in ([], ['--remove']):
        r = cli('setup', 'chromium', *options, 'https://a.test', check=False)
        assert r.returncode == FAILED and r.stderr.count('\n') == 1 and read(CHROMIUM) == content, r.stderr


def test_chromium_another_file_with_the_policy(host):
    """Chromium takes one of them and forgets the other: ours must not be that one, nor the other."""
    other = f'{POLICIES}/site.json'
    os.makedirs(POLICIES, exist_ok=True)
    write(other, b'{ /* ours */ "AutoSelectCertificateForUrls": [] }')
    try:
        r = cli('setup', 'chromium', 'https://a.test', check=False)
        assert r.returncode == FAILED and other in r.stderr and not os.path.exists(CHROMIUM)
        r = cli('setup', 'chromium', '--dry-run', 'https://a.test')
        assert other in r.stderr and len(json.loads(r.stdout)['AutoSelectCertificateForUrls']) == 1
        assert not os.path.exists(CHROMIUM)
    finally:
        os.unlink(other)


def test_dry_run_and_json(host):
    r = cli('setup', 'chromium', '--dry-run', 'https://a.test')
    assert len(json.loads(r.stdout)['AutoSelectCertificateForUrls']) == 1 and not os.path.exists(CHROMIUM)
    assert 'SecurityDevices' in cli('setup', 'firefox', '--dry-run').stdout and not os.path.exists(FIREFOX)
    assert cli_json('setup', 'chromium', 'https://a.test') == {'file': CHROMIUM, 'done': 'written'}


# Chromium's own directory is there already, from its package.
@pytest.mark.parametrize('top,line', [('/etc/opt/chrome', 'setup chromium --chrome https://a.test'),
                                      ('/etc/firefox', 'setup firefox')])
def test_everybody_reads_it_whatever_roots_umask(host, top, line):
    with gone(top):
        run('/bin/sh', '-c', 'umask 077; exec "$0" "$@"', f'{PROGRAMS}/attezt', *line.split())
        found = run('find', top, '-name', '*.json', user='nobody').stdout.split()
        assert found and json.loads(run('cat', *found, user='nobody').stdout)


def test_without_permission(host):
    for line in ('setup chromium https://a.test', 'setup firefox'):
        r = cli(*line.split(), user='nobody', check=False)
        assert r.returncode == DENIED and r.stderr.count('\n') == 1, r.stderr


@pytest.fixture
def web(host):
    w = WebServer(host.stepca.root.certificate, host.stepca.intermediate.certificate)
    yield w
    w.stop()


@pytest.fixture
def leaf(host):
    return load_chain(host.file('device.crt'))[0]


class SetUpBrowser(Browser):
    """All that it knows of the token it knows from attezt setup."""
    def prepare(self, trusted, environment, module):
        os.makedirs(self.home)
        cli('setup', 'nss', env={'HOME': self.home})
        run('certutil', '-A', '-n', 'web', '-t', 'C,,', '-i', trusted, '-d', f'sql:{self.home}/.pki/nssdb')


def test_chromium_shows_the_page(host, web, leaf):
    cli('setup', 'chromium', web.url())
    b = SetUpBrowser(web.root_file, {})
    try:
        assert page_of(leaf) in b.load(web.url())
    finally:
        b.stop()


# ---- Firefox

def test_firefox_policy(host):
    cli('setup', 'firefox')
    assert json.loads(read(FIREFOX)) == {'policies': {'SecurityDevices': {'Add': {'attezt': PROXY}}}}
    assert 'nothing to change' in cli('setup', 'firefox').stderr
    cli('setup', 'firefox', '--remove')
    assert not os.path.exists(FIREFOX)
    assert 'nothing to change' in cli('setup', 'firefox', '--remove').stderr


@pytest.mark.parametrize('others', [
    {'policies': {'DisableTelemetry': True}, 'note': 'mine'},
    {'policies': {'SecurityDevices': {'Add': {'card': '/usr/lib/card.so'}, 'Delete': ['old']}}},
    {'policies': {'SecurityDevices': {'card': '/usr/lib/card.so'}}},
])
def test_firefox_keeps_what_is_there(host, others):
    os.makedirs(os.path.dirname(FIREFOX), exist_ok=True)
    write(FIREFOX, json.dumps(others).encode(), mode=0o600)
    cli('setup', 'firefox')
    assert PROXY in read(FIREFOX).decode() and 'card' in read(FIREFOX).decode() or 'note' in others
    assert stat.S_IMODE(os.stat(FIREFOX).st_mode) == 0o600
    cli('setup', 'firefox', '--remove')
    assert json.loads(read(FIREFOX)) == others


def test_firefox_what_it_cannot_read_it_leaves_alone(host):
    os.makedirs(os.path.dirname(FIREFOX), exist_ok=True)
    for content in (b'{', b'{"policies": {"SecurityDevices": []}}'):
        write(FIREFOX, content)
        for options in ([], ['--remove']):
            r = cli('setup', 'firefox', *options, check=False)
            assert r.returncode == FAILED and read(FIREFOX) == content, (options, r.stderr)


def test_firefox_through_a_link(host, scratch):
    """Who keeps the file elsewhere keeps it there."""
    os.makedirs(os.path.dirname(FIREFOX), exist_ok=True)
    write(f'{scratch}/policies.json', b'{}')
    os.symlink(f'{scratch}/policies.json', FIREFOX)
    cli('setup', 'firefox')
    assert os.path.islink(FIREFOX) and PROXY in read(f'{scratch}/policies.json').decode()


def test_firefox_shows_the_page(host, web, leaf):
    os.makedirs(os.path.dirname(FIREFOX), exist_ok=True)
    write(FIREFOX, json.dumps({'policies': {
        'Certificates': {'Install': [web.root_file]},
        'Preferences': {'security.default_personal_cert': {'Value': 'Select Automatically', 'Status': 'locked'}},
    }}).encode())
    cli('setup', 'firefox')
    f = Firefox()
    try:
        assert page_of(leaf) in f.load(web.url())
    finally:
        f.stop()


# ---- doctor on what was set up

def test_doctor(host, nss, home):
    def look(user=None):
        r = cli('doctor', '--device', '--json', env={'HOME': home}, user=user, check=False)
        return {c['id']: c for c in json.loads(r.stdout)}
    assert all(look()[i]['status'] == 'skipped' for i in ('nss', 'chromium', 'firefox'))
    assert 'command' not in look()['nss'] and look('nobody')['nss']['command'] == 'attezt setup nss'
    nss()
    cli('setup', 'chromium', 'https://a.test')
    cli('setup', 'firefox')
    assert all(look()[i]['status'] == 'ok' for i in ('nss', 'chromium', 'firefox'))
    write(CHROMIUM, read(CHROMIUM).replace(b'step-ca', b'other'))
    write(FIREFOX, read(FIREFOX).replace(b'p11-kit-proxy', b'p11-kit-poxy'))
    write(nss.file, read(nss.file).replace(LIBRARIES.encode(), b'/nowhere'))
    found = complaints(look())
    assert set(found) == {'nss', 'chromium', 'firefox'}
    assert 'another issuer' in found['chromium'] and 'not there' in found['firefox'] and 'not there' in found['nss']
    write(CHROMIUM, b'{')
    assert 'ignores it' in complaints(look())['chromium']


def checked(name, user=None):
    checks = json.loads(cli('doctor', '--device', '--json', user=user, check=False).stdout)
    return next(c for c in checks if c['id'] == name)


@pytest.mark.parametrize('name,path,closed,command', [
    ('chromium', os.path.dirname(CHROMIUM), 0o700, 'chmod a+rx'), ('chromium', CHROMIUM, 0o600, 'chmod a+r'),
    ('chromium', os.path.dirname(POLICIES), 0o750, 'chmod a+rx'), ('firefox', '/etc/firefox', 0o700, 'chmod a+rx'),
    ('firefox', os.path.dirname(FIREFOX), 0o700, 'chmod a+rx'), ('firefox', FIREFOX, 0o640, 'chmod a+r')])
def test_doctor_sees_policies_that_users_cannot_read(host, name, path, closed, command):
    cli('setup', 'chromium', 'https://a.test')
    cli('setup', 'firefox')
    assert checked(name)['status'] == 'ok'
    with mode(path, closed):
        for user in (None, 'nobody'):
            c = checked(name, user)
            assert c['status'] == 'failed' and f'mode is {closed:04o}' in c['text'], c
            assert c['command'] == f'{command} {path}'
        run('/bin/sh', '-c', c['command'])
        assert checked(name)['status'] == checked(name, 'nobody')['status'] == 'ok'


def test_doctor_names_the_other_file_with_the_policy(host):
    other = f'{POLICIES}/site.json'
    cli('setup', 'chromium', 'https://a.test')
    ours = read(CHROMIUM)
    write(other, b'{"AutoSelectCertificateForUrls": []}')
    try:
        c = checked('chromium')
        assert c['status'] == 'failed' and other in c['text'] and c['command'] == f'editor {other}', c
        os.unlink(CHROMIUM)
        c = checked('chromium')
        assert c['status'] == 'skipped' and other in c['text'] and '--dry-run' in c['text'], c
        write(other, ours)
        c = checked('chromium')
        assert c['status'] == 'ok' and other in c['text'], c
    finally:
        os.unlink(other)
