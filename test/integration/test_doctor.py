# SPDX-License-Identifier: MIT
"""attezt doctor: finds what is wrong, says what mends it, and finds nothing else."""
import contextlib
import datetime
import json
import os
import re
import shlex
import shutil
import socket
import ssl

import pytest

from cryptography import x509

from rig_ca import Authority, new_key, now, pem, write
from rig_doctor import (AGENT_STATE, MODULE, SERVER_STATE, SETTINGS, SOCKET, complaints, examine, liar, mode, moved,
                        read, replaced)
from rig_process import ENVIRONMENT, eventually, free_port, run
from rig_programs import PROGRAMS, cli

DAY = datetime.timedelta(days=1)


def green(*options):
    checks = examine(*options, status=0)
    assert complaints(checks) == {}
    return checks


def test_green(host):
    checks = green()
    skipped = {i for i, c in checks.items() if c['status'] == 'skipped'}
    assert not skipped & {'tpm', 'tpm-access', 'ek-certificate', 'agent', 'enrollment', 'certificate', 'clock',
                          'acme-answer', 'attestation-answer', 'token-answer', 'token-module', 'database', 'ca-certificates', 'backup', 'root-key',
                          'tls-certificate', 'listeners', 'ek-roots'}, skipped


def test_sides(host):
    assert {c['side'] for c in green('--device').values()} == {'device'}
    assert {c['side'] for c in green('--ca').values()} == {'ca'}
    assert {c['side'] for c in green().values()} == {'device', 'ca'}


def test_text(host):
    text = cli('doctor').stdout
    assert text.startswith('device:\n') and '\nca:\n' in text and re.search(r'\n  ok +token-answer ', text)
    with mode('/run/attezt', 0o700):
        r = cli('doctor', '--device', check=False)
        assert r.returncode == 1
        assert re.search(r'\n  failed +token-access .*\n +-> chmod 0755 /run/attezt\n', r.stdout), r.stdout


def test_unprivileged(host):
    """Says what it cannot see, and that it was not looked at is no fault."""
    checks = examine(user='nobody', status=0)
    assert complaints(checks) == {}
    assert checks['token-answer']['status'] == checks['certificate']['status'] == 'ok'
    for i in ('enrollment', 'database'):
        assert checks[i]['status'] == 'skipped' and checks[i]['command'] == 'sudo attezt doctor', checks[i]
    with mode('/run/attezt', 0o700):
        assert 'token-access' in complaints(examine(user='nobody', status=1))


# ---- Faults. Each is planted for a while; what has to be found: {check: (words of the text, command)}

class Listener:
    """Something at the place of the agent's socket."""
    def __init__(self, stays=True):
        self.stays = stays

    def __enter__(self):
        self.moved = moved(SOCKET)
        self.moved.__enter__()
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(SOCKET)
        os.chmod(SOCKET, 0o666)
        self.socket.listen(64)
        if not self.stays:
            self.socket.close()

    def __exit__(self, *_):
        self.socket.close()
        self.moved.__exit__(None, None, None)


def certificate(days):
    """One that ends so many days from now; negative: has ended."""
    a = Authority('Elsewhere')
    return pem(a.issue(new_key().public_key(), x509.Name([]), not_before=now() + (days - 1) * DAY,
                       not_after=now() + days * DAY))


@contextlib.contextmanager
def power_cut(tpm):
    tpm.power_off()
    try:
        yield
    finally:
        tpm.power_on()


@contextlib.contextmanager
def stopped(thing):
    thing.stop()
    try:
        yield
    finally:
        thing.start()


@contextlib.contextmanager
def other_tpm(host, kind, number, enrolled):
    first = host.tpm
    host.tpm = host.tpms.start(kind, number)
    host.configure()
    try:
        with contextlib.nullcontext() if enrolled else moved(f'{AGENT_STATE}/current'):
            yield
    finally:
        host.tpm.power_off()
        host.tpm = first
        host.configure(f'ACMEServer={host.stepca.url()}', f'AttestationServer={host.server.url}')


@contextlib.contextmanager
def without_name(name):
    with open('/etc/hosts') as f:
        text = f.read()
    with replaced('/etc/hosts', text.replace(name, 'renamed.test').encode()):
        yield


@contextlib.contextmanager
def recorded(host, **members):
    path = f'{AGENT_STATE}/current/enrollment.json'
    with open(path) as f:
        settings = json.load(f)
    with replaced(path, json.dumps({**settings, **members}).encode()):
        yield


@contextlib.contextmanager
def wrong_clock(host):
    with liar(host.server) as url, recorded(host, **{'attestation-server': url}):
        yield


@contextlib.contextmanager
def damaged_database(server):
    server.stop()
    try:
        with replaced(f'{SERVER_STATE}/inventory.tdb', damage(f'{SERVER_STATE}/inventory.tdb')):
            yield
    finally:
        server.start()


@contextlib.contextmanager
def nearly_full(server):
    server.configure('[Server]', 'MaxBackupSize=1')
    server.restart()
    try:
        yield
    finally:
        server.configure()
        server.restart()


@contextlib.contextmanager
def unusable_ca(server):
    server.stop()
    try:
        with replaced(f'{SERVER_STATE}/ca/intermediate.pem', b'nonsense\n'):
            server.start()
            yield
            server.stop()
    finally:
        server.start()


def damage(path):
    """A record's contents are others; the file's own structure is whole."""
    data = read(path)
    assert b'framework' in data
    return data.replace(b'framework', b'frameworx')


@contextlib.contextmanager
def extra_listener(server):
    server.configure(f'Listen=127.0.0.1:{free_port()}')
    try:
        yield
    finally:
        server.configure()


@contextlib.contextmanager
def no_vendor_roots(host, scratch):
    server = host.server
    roots, server.ek_roots = server.ek_roots, [scratch]
    server.configure()
    try:
        yield
    finally:
        server.ek_roots = roots
        server.configure()


# name: (side, how it is planted, what is found, does the command mend it when it is typed?)
FAULTS = {
    'socket-directory': ('--device', lambda h, s: mode('/run/attezt', 0o750),
                         {'token-access': ('mode is 0750', 'chmod 0755 /run/attezt')}, True),
    'socket-mode': ('--device', lambda h, s: mode(SOCKET, 0o600),
                    {'token-access': ('mode is 0600', f'chmod 0666 {SOCKET}')}, True),
    'dead-socket': ('--device', lambda h, s: Listener(),
                    {'token-answer': ('does not answer', 'systemctl restart attezt-agent.socket$')}, False),
    'stale-socket': ('--device', lambda h, s: Listener(stays=False),
                     {'token-answer': ('Nobody listens', 'systemctl restart attezt-agent.socket$')}, False),
    'no-socket': ('--device', lambda h, s: moved(SOCKET),
                  {'token-access': ('no PKCS#11 socket', 'systemctl restart attezt-agent.socket$')}, False),
    'no-agent': ('--device', lambda h, s: stopped(h),
                 {'agent': ('does not run', 'systemctl start attezt-agent'),
                  'token-access': ('no PKCS#11 socket', 'systemctl restart attezt-agent.socket$')}, False),
    'expired-certificate': ('--device', lambda h, s: replaced(f'{AGENT_STATE}/current/device.crt', certificate(-1)),
                            {'certificate': ('expired at', 'attezt renew')}, True),
    'future-certificate': ('--device', lambda h, s: replaced(f'{AGENT_STATE}/current/device.crt', certificate(9)),
                           {'certificate': ('clock is behind', 'timedatectl set-ntp true')}, False),
    'clock': ('--device', lambda h, s: wrong_clock(h),
              {'clock': ('seconds behind', 'timedatectl set-ntp true')}, False),
    'damaged-enrolment': ('--device', lambda h, s: replaced(f'{AGENT_STATE}/current/enrollment.json', b'{'),
                          {'enrollment': ('damaged', 'attezt enroll --acme https')}, True),
    'damaged-key': ('--device', lambda h, s: replaced(f'{AGENT_STATE}/current/device.tss', b'x' * 400),
                    {'enrollment': ('key .*damaged', 'attezt enroll')}, True),
    'not-enrolled': ('--device', lambda h, s: moved(f'{AGENT_STATE}/current'),
                     {'enrollment': ('not enrolled', 'attezt enroll')}, False),
    'module-missing': ('--device', lambda h, s: moved(MODULE),
                       {'token-module': ('no module file', 'printf')}, True),
    'module-elsewhere': ('--device', lambda h, s: replaced(MODULE, b'remote: unix:path=/run/elsewhere\n'),
                         {'token-module': ('points elsewhere', 'printf')}, True),
    'module-unreadable': ('--device', lambda h, s: replaced(MODULE, b'nonsense\n'),
                          {'token-module': ('ignores the module file', 'printf')}, True),
    'server-down': ('--device', lambda h, s: stopped(h.server),
                    {'attestation-connection': ('Connection refused', 'attezt doctor --ca')}, False),
    'acme-down': ('--device', lambda h, s: stopped(h.stepca),
                  {'acme-connection': ('Connection refused', 'systemctl start step-ca')}, False),
    'wrong-root': ('--device', lambda h, s: replaced(f'{SETTINGS}/ca.d/0.pem', read(f'{SETTINGS}/ca.d/1.pem')),
                   {'attestation-tls': ('not trusted here', 'install -m 0644 ROOT.pem')}, False),
    'root-not-pem': ('--device', lambda h, s: replaced(f'{SETTINGS}/ca.d/0.pem', b'nonsense\n'),
                     {'roots': ('no certificates in PEM', f'rm {SETTINGS}/ca.d/0.pem'),
                      'attestation-tls': ('not trusted here', 'install -m 0644 ROOT.pem')}, False),
    'no-such-name': ('--device', lambda h, s: without_name('attest.test'),
                     {'attestation-name': ('does not resolve', 'getent ahosts attest.test')}, False),
    'wrong-url': ('--device', lambda h, s: recorded(h, **{'acme-server': h.stepca.url('nothing')}),
                  {'acme-answer': ('no ACME directory', 'attezt enroll --acme URL')}, False),
    'no-tpm': ('--device', lambda h, s: power_cut(h.tpm),
               {'tpm': ('There is no', 'editor /etc/attezt/agent.conf')}, False),
    'tpm-permissions': ('--device', lambda h, s: mode(h.tpm.socket, 0o600),
                        {'tpm-access': ('may not use', 'chgrp tss')}, True),
    'no-ek-certificate': ('--device', lambda h, s: other_tpm(h, 'bare', 0, False),
                          {'ek-certificate': ('no EK certificate', 'attezt ca enroll'),
                           'enrollment': ('not enrolled', 'attezt enroll')}, False),
    'another-tpm': ('--device', lambda h, s: other_tpm(h, 'usual', 7, True),
                    {'ek-certificate': ('another TPM', 'attezt enroll')}, False),
    'settings': ('--device', lambda h, s: appended('agent.conf', 'nonsense'),
                 {'settings': (r'^/etc/attezt/agent.conf:\d+: this is not "\[Section\]", "Key=value" or a comment',
                               'editor /etc/attezt/agent.conf$')}, False),
    'settings-closed': ('--device', lambda h, s: mode(f'{SETTINGS}/agent.conf', 0o600),
                        {'settings': ('attezt-agent may not read /etc/attezt/agent.conf', 'chmod a\\+rX ')}, True),
    'server-settings': ('--ca', lambda h, s: appended('atteztd.conf', 'nonsense'),
                        {'server-settings': (r'/etc/attezt/atteztd.conf:\d+: this is not "\[Section\]"',
                                             'editor /etc/attezt/atteztd.conf$')}, False),
    'server-settings-closed': ('--ca', lambda h, s: mode(f'{SETTINGS}/atteztd.conf', 0o600),
                               {'server-settings': ('atteztd may not read /etc/attezt/atteztd.conf', 'chmod a\\+rX ')},
                               True),
    'no-atteztd': ('--ca', lambda h, s: stopped(h.server),
                   {'server': ('does not run', 'systemctl start atteztd'),
                    'listeners': ('Nobody serves', 'systemctl restart attezt-http.socket$')}, False),
    'damaged-database': ('--ca', lambda h, s: damaged_database(h.server),
                         {'server': ('does not run', 'systemctl start atteztd'),
                          'database': ('inventory is damaged', 'mv .* attezt ca restore --force BACKUP'),
                          'listeners': ('Nobody serves', '')}, False),
    'nearly-full': ('--ca', lambda h, s: nearly_full(h.server),
                    {'database': (r'file has \d+ MiB of 1, .*KeepIssued=', 'editor /etc/attezt/atteztd.conf ')}, False),
    'unusable-ca': ('--ca', lambda h, s: unusable_ca(h.server),
                    {'server': ('The CA cannot be used: its files are damaged', 'attezt ca restore --force BACKUP$'),
                     'ca-certificates': ('intermediate certificate.*cannot be read', 'attezt ca create')}, False),
    'expired-root': ('--ca', lambda h, s: replaced(f'{SERVER_STATE}/public/root.pem', certificate(-1)),
                     {'ca-certificates': ('root certificate expired', 'attezt ca create')}, False),
    'expired-intermediate': ('--ca', lambda h, s: replaced(f'{SERVER_STATE}/ca/intermediate.pem', certificate(-1)),
                             {'ca-certificates': ('intermediate certificate expired', 'attezt ca rotate')}, False),
    'no-backup': ('--ca', lambda h, s: moved(f'{SERVER_STATE}/public/last-backup'),
                  {'backup': ('no backup of the CA', 'attezt ca backup')}, False),
    'tls-certificate-expired': ('--ca', lambda h, s: tls(h.server, -1),
                                {'tls-certificate': ('expired at', 'install -m 0644 NEW.pem')}, False),
    'tls-certificate-ending': ('--ca', lambda h, s: tls(h.server, 1),
                               {'tls-certificate': ('has not been renewed', 'install -m 0644 NEW.pem')}, False),
    'tls-key': ('--ca', lambda h, s: mode(h.server.key, 0o600),
                {'tls-certificate': ('may not read the TLS key', 'chgrp attezt-http')}, True),
    'listener': ('--ca', lambda h, s: extra_listener(h.server),
                 {'listeners': ('Nobody serves', 'systemctl restart attezt-http.socket$')}, False),
    'no-vendor-roots': ('--ca', lambda h, s: no_vendor_roots(h, s),
                        {'ek-roots': ('no roots of TPM vendors', 'attezt ca trust add VENDOR-ROOT.pem')}, False),
}


@contextlib.contextmanager
def tls(server, days):
    """A certificate and key of the same authority; a front that runs takes them up."""
    c, key = server.authority.server('attest.test', '127.0.0.1', days=days) if days > 0 else expired(server.authority)
    with replaced(server.key, pem(key)), replaced(server.certificate, pem(c)):
        yield


def expired(authority):
    key = new_key()
    return authority.issue(key.public_key(), x509.Name([]), not_before=now() - 2 * DAY, not_after=now() - DAY), key


def type_in(command):
    """As a person who believes what he reads."""
    return run('/bin/sh', '-c', command, env={'PATH': f'{PROGRAMS}:{ENVIRONMENT["PATH"]}'}, timeout=240)


@pytest.mark.parametrize('name', FAULTS)
def test_fault(host, scratch, name):
    side, plant, expected, mends = FAULTS[name]
    with plant(host, scratch):
        found = complaints(examine(side))
        assert set(found) == set(expected), found
        for check, (words, command) in expected.items():
            text, _, told = found[check].partition(' -> ')
            assert re.search(words, text) and re.search(command, told), found[check]
        if mends:
            type_in(told)
            green(side)
    green(side)


MISTAKES = [
    ('agent.conf', '[agent]\nLifetime=1h', r':\d+: Unknown section \[agent\], ignored'),
    ('agent.conf', 'AutoEnrol=yes', r':\d+: Unknown setting AutoEnrol=, ignored'),
    ('agent.conf', 'ACMEServer=foo', r':\d+: ACMEServer= cannot be "foo"'),
    ('agent.conf', 'AutoEnroll=maybe', r':\d+: AutoEnroll= cannot be "maybe"'),
    ('agent.conf', 'Key=rsa-1024', r':\d+: Key= cannot be "rsa-1024"'),
    ('agent.conf', 'AutoEnroll=yes\nACMEServer=\nAttestationServer=', 'AutoEnroll=yes wants ACMEServer= and'),
    ('agent.conf', 'ReloadUnits=nginx', r'ReloadUnits=: nginx is no name of a unit \(such as nginx.service\)'),
    ('agent.conf', 'TokenUsers=whoever', r'TokenUsers= names "whoever"'),
    ('agent.conf', 'RootsFile=/nowhere', 'RootsFile=/nowhere: No such file'),
    ('agent.conf', 'EABKeyFile=/nowhere', 'EABKeyID= wants EABKeyFile=.*EABKeyFile=/nowhere: No such file'),
    ('atteztd.conf', '[Server]\nAKLifetime=forever', r':\d+: AKLifetime= cannot be "forever"'),
    ('atteztd.conf', '[Server]\nLifetime=1h', r':\d+: unknown setting "Lifetime"'),
    ('atteztd.conf', 'AllowPlaintext=maybe', r':\d+: AllowPlaintext= cannot be "maybe"'),
    ('atteztd.conf', 'MaxConnections=many', r':\d+: MaxConnections= cannot be "many"'),
    ('atteztd.conf', '[Foo]\nBar=1', r':\d+: unknown section \[Foo\]'),
]


def appended(name, text):
    return replaced(f'{SETTINGS}/{name}', read(f'{SETTINGS}/{name}') + f'{text}\n'.encode())


@pytest.mark.parametrize('name,text,words', MISTAKES)
def test_settings_that_are_not_understood(host, name, text, words):
    """In the words of the daemons: they go on, so it is a warning."""
    side, check = ('--device', 'settings') if name == 'agent.conf' else ('--ca', 'server-settings')
    with appended(name, text):
        found = examine(side, status=0)[check]
        assert found['status'] == 'warning' and re.search(words, found['text']), found
        assert found['text'].count(re.search(words, found['text'])[0]) == 1
        assert found['command'] == f'editor {SETTINGS}/{name}'


def test_settings_before_any_section(host):
    for name, check in ('agent.conf', 'settings'), ('atteztd.conf', 'server-settings'):
        path = f'{SETTINGS}/{name}'
        with replaced(path, b'Name=x\n' + read(path)):
            assert f'{path}:1: Name= comes before any [Section]' in examine()[check]['text']


def test_settings_in_dropins(host):
    """A drop-in of others than root is not for attezt-renewed, and one that is closed not for the agent."""
    directory = f'{SETTINGS}/agent.conf.d'
    os.mkdir(directory)
    try:
        path = f'{directory}/10-here.conf'
        with open(path, 'w') as f:
            f.write('[Agent]\nReloadUnits=nginx.service\n')
        os.chmod(path, 0o664)
        found = examine('--device')['settings']
        assert f'ReloadUnits= is not used. {path}: others than root may write to it' in found['text'], found
        assert found['command'] == f'editor {path}'
        os.chmod(path, 0o644)
        green('--device')
        for place, bits in (path, 0o600), (directory, 0o700):
            with mode(place, bits):
                found = examine('--device', status=1)['settings']
                assert f'may not read {place}: its user is attezt' in found['text'], found
                type_in(found['command'])
                green('--device')
        with mode(path, 0o600):
            found = examine('--device', user='nobody')['settings']
            assert found['status'] == 'skipped' and found['command'] == 'sudo attezt doctor', found
    finally:
        shutil.rmtree(directory)


def test_device_alone(host):
    """What is typed on a server's host is not told on another machine."""
    with moved(f'{SETTINGS}/atteztd.conf'), moved(SERVER_STATE), stopped(host.stepca):
        assert {c['side'] for c in examine(status=1).values()} == {'device'}
        found = complaints(examine(status=1))
    assert set(found) == {'acme-connection'} and 'step-ca' not in str(found), found
    assert found['acme-connection'].endswith(f'-> curl -v --connect-timeout 5 {host.stepca.url()}/directory')
    green()


def test_damaged_enrolment_is_made_anew_by_the_settings(host):
    """The agent has read it before it was damaged; attezt-enroll cannot."""
    with replaced(f'{AGENT_STATE}/current/enrollment.json', b'{'):
        cli('enroll', timeout=240)
        green('--device')


def test_planted_url_stays_one_word(host):
    """The user of attezt-enroll writes what is recorded, root types what doctor says."""
    url = 'https://attest.test/$(touch${IFS}/run/typed);x&\'y'
    with recorded(host, **{'acme-server': url}), replaced(f'{AGENT_STATE}/current/device.tss', b'x' * 400):
        command = examine('--device', status=1)['enrollment']['command']
    words = run('/bin/sh', '-c', command.replace('attezt enroll', "printf '%s\\n'")).stdout.splitlines()
    assert words == shlex.split(command)[2:] and len(words) == 4 and words[0] == '--acme'
    assert not os.path.exists('/run/typed')
    with recorded(host, **{'acme-server': '$(touch /run/typed);x'}):
        found = complaints(examine('--device', status=1))
    assert 'damaged' in found['enrollment'] and 'typed' not in str(found)


def test_strangers_text_is_escaped(host):
    with replaced(MODULE, 'remote: unix:\x1b[2Jé\u202e\n'.encode()):
        text = examine('--device', status=1)['token-module']['text']
    assert text.isascii() and text.isprintable() and 'unix:' in text


def test_copies_of_the_root_key(host, scratch):
    """The key is offline only when what a restore has left is gone, too; another CA's is nobody's copy."""
    p = write(f'{scratch}/passphrase', b'correct horse battery staple\n', mode=0o600)
    cli('ca', 'export-root-key', f'{scratch}/root.key', '--passphrase-file', p)
    ca = f'{SERVER_STATE}/ca'
    kept = read(f'{ca}/root.key')
    copies = [f'{SERVER_STATE}/ca.before-restore', f"{SERVER_STATE}/ca.of Bob's"]
    for copy in copies:
        shutil.copytree(ca, copy)
    another = f'{SERVER_STATE}/ca.old'
    shutil.copytree(ca, another)
    write(f'{another}/root.pem', certificate(9))
    try:
        assert 'is on this machine' in green('--ca')['root-key']['text']
        r = cli('ca', 'remove-root-key', f'{scratch}/root.key', '--passphrase-file', p)
        assert 'Backups that were made before' in r.stdout
        command, = [line for line in r.stdout.splitlines() if line.startswith('    rm ')]
        assert set(shlex.split(command)) == {'rm', *(f'{copy}/root.key' for copy in copies)}
        found = examine('--ca', status=0)['root-key']
        assert found['status'] == 'warning' and shlex.split(found['command']) == shlex.split(command), found
        assert examine('--ca', user='nobody')['root-key']['status'] == 'skipped'
        type_in(command)
        assert 'not on this machine' in green('--ca')['root-key']['text']
        assert os.path.exists(f'{another}/root.key')
    finally:
        write(f'{ca}/root.key', kept, mode=0o600)
        shutil.chown(f'{ca}/root.key', 'atteztd', 'atteztd')
        for path in (*copies, another):
            shutil.rmtree(path)
    green()


def served_by(server):
    return x509.load_pem_x509_certificate(ssl.get_server_certificate(('127.0.0.1', server.port)).encode())


def test_plain_http_and_the_proxy_before_it(host):
    """Whoever has no certificate has a proxy: the limits and the webhook want to know which."""
    for proxies, asked in ((b'', True), (b'TrustedProxies=127.0.0.1\n', False)):
        with replaced(f'{SETTINGS}/atteztd.conf', b'[HTTP]\n' + proxies):
            check = examine('--ca')['tls-certificate']
        assert check['status'] == 'skipped' and ('TrustedProxies=' in check['text']) == asked, check


def test_tls_key_that_becomes_readable_is_taken_up(host):
    """What mends its mode needs no restart: nothing in the file has changed, but who may read it."""
    server = host.server
    certificate_now, key = server.authority.server('attest.test', '127.0.0.1')
    said = len(server.daemon.lines)
    with mode(server.key, 0o600), replaced(server.certificate, pem(certificate_now)), replaced(server.key, pem(key)):
        eventually(lambda: served_by(server) and 'could not be loaded' in '\n'.join(server.daemon.lines[said:]),
                   'the front has tried')
        assert served_by(server) != certificate_now
        os.chmod(server.key, 0o644)
        eventually(lambda: served_by(server) == certificate_now, 'the front has it')
        os.chmod(server.key, 0o600)
    os.chmod(server.key, 0o644)
    eventually(lambda: served_by(server) != certificate_now, 'the front has the first one again')


def test_tpm_that_hangs(host):
    """Nothing waits for ever."""
    host.tpm.hang()
    try:
        assert 'ek-certificate' in complaints(examine('--device', status=1))
    finally:
        host.tpm.wake()
    green('--device')
