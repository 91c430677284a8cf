# SPDX-License-Identifier: MIT
"""attezt-renewed: those who use the certificate hear of a new one, once; and nobody but root says what root runs."""
import os
import shutil
import threading
import time

import pytest

from rig_ca import load_chain, write
from rig_process import RIG, run
from rig_programs import cli, cli_json, directory, program


class Hooks:
    """A directory of executables, settings, and a systemctl that only writes down what it is told."""
    def __init__(self, device):
        self.device = device
        self.home = directory(f'{device.home}/hooks')
        self.scripts = directory(f'{self.home}/renewed.d')
        self.memory = f'{self.home}/memory'
        self.config = f'{self.home}/agent.conf'
        self.said = f'{self.home}/said'
        self.path = directory(f'{self.home}/bin')
        self.interval = '0'
        self.script('systemctl', f'echo systemctl "$@" >>{self.said}', directory=self.path)

    def script(self, name, text, mode=0o755, directory=None):
        path = write(f'{directory or self.scripts}/{name}', f'#!/bin/sh\n{text}\n'.encode())
        os.chmod(path, mode)
        return path

    def tells(self, name, **kwargs):
        return self.script(name, f'echo {name} "$@" >>{self.said}', **kwargs)

    def settings(self, *lines):
        write(self.config, '\n'.join(['[Agent]', *lines, '']).encode())

    def run(self, *options, check=True):
        """What was said."""
        if os.path.exists(self.said):
            os.unlink(self.said)
        self.start(*options, check=check)
        return self.heard()

    def start(self, *options, check=True):
        interval = ['--interval', self.interval] if self.interval else []
        self.result = run(program('attezt-renewed'), '--state-dir', self.device.state, '--hooks', self.scripts,
                          '--memory', self.memory, '--config', self.config, *interval, *options, check=False,
                          env={'PATH': f'{self.path}:/usr/bin:/bin', 'SECRET': 'of the caller'})
        if check:
            assert self.result.returncode == 0, self.result.stderr

    def heard(self):
        if not os.path.exists(self.said):
            return []
        with open(self.said) as f:
            return f.read().splitlines()


@pytest.fixture
def hooks(server, stepca, new_device):
    d = new_device(server, stepca)
    server.enroll(d.tpm.ek_hash(), 'framework')
    d.enroll(stepca, server)
    yield Hooks(d)
    server.forget_all()


def test_once_for_each_certificate(hooks):
    hooks.tells('20-second')
    hooks.tells('10-first')
    assert hooks.run() == ['10-first renewed', '20-second renewed']
    assert hooks.run() == []
    assert hooks.run('--again') == ['10-first renewed', '20-second renewed']
    cli('renew')
    assert hooks.run() == ['10-first renewed', '20-second renewed']
    assert hooks.run() == []
    # Numbers begin anew: the next first one is another.
    cli('unenroll')
    assert hooks.run() == []
    cli('enroll', '--acme', hooks.device.acme, '--attestation', hooks.device.attestation)
    assert hooks.run() != []


def put_again(device):
    """What user attezt-tpm can do: the same certificate, in another generation, with another inode and time."""
    state = device.state
    number = int(os.path.basename(os.readlink(f'{state}/current')))
    shutil.copytree(f'{state}/generations/{number}', f'{state}/generations/{number + 1}')
    os.symlink(f'generations/{number + 1}', f'{state}/new')
    os.rename(f'{state}/new', f'{state}/current')


def test_the_same_certificate_again(hooks):
    hooks.settings('ReloadUnits=nginx.service')
    hooks.tells('hook')
    assert len(hooks.run()) == 2
    current = f'{hooks.device.state}/current'
    os.utime(os.path.realpath(current))
    assert hooks.run() == []
    for _ in range(3):
        put_again(hooks.device)
        assert hooks.run() == []
    assert os.path.realpath(current).endswith('/4')


def test_two_in_quick_succession(hooks):
    """The one that comes too early is told of, later; of those that come while it waits, the last one."""
    hooks.interval = '6s'
    hooks.script('hook', f'echo $(date +%s.%N) "$ATTEZT_GENERATION" >>{hooks.said}')
    hooks.run()
    cli('renew')
    waits = threading.Thread(target=hooks.start)
    waits.start()
    time.sleep(1)
    cli('renew')
    waits.join()
    (first, one), (second, three) = (line.split() for line in hooks.heard())
    assert (one, three) == ('1', '3')
    assert float(second) - float(first) > 5.5
    # Three, one after the other: two of them wait.
    cli('renew')
    hooks.start()
    hooks.start()
    times = [float(line.split()[0]) for line in hooks.heard()]
    assert len(times) == 3 and times[2] - times[1] > 5.5
    # Whoever asks for it by hand does not wait.
    hooks.start('--again')
    assert float(hooks.heard()[3].split()[0]) - times[2] < 5.5


def test_looks_again_for_a_while(hooks):
    """What starts it is the first of many changes, and whoever watches may miss the last."""
    hooks.tells('hook')
    assert hooks.run() == ['hook renewed']
    time.sleep(2)
    hooks.interval = '20s'
    before = time.monotonic()
    looks = threading.Thread(target=hooks.start)
    looks.start()
    cli('renew')
    looks.join()
    assert hooks.heard() == ['hook renewed'] * 2 and time.monotonic() - before > 9.5


def test_ten_seconds(hooks):
    """Unless it is told otherwise."""
    hooks.script('hook', f'date +%s.%N >>{hooks.said}')
    hooks.interval = None
    hooks.run()
    cli('renew')
    hooks.start()
    first, second = map(float, hooks.heard())
    assert second - first > 9.5


@pytest.fixture(autouse=True)
def servers(hooks, server, stepca):
    hooks.device.acme, hooks.device.attestation = stepca.url(), server.url


def test_not_enrolled(hooks):
    hooks.tells('hook')
    hooks.device.state = f'{hooks.home}/nothing'
    assert hooks.run() == []


def test_what_a_program_is_told(hooks):
    """The certificate, a copy that is root's; nothing of the caller's but PATH, and nothing secret."""
    hooks.script('hook', f'env >>{hooks.said}; cat >>{hooks.said}; cat "$ATTEZT_CERTIFICATE" >>{hooks.said}')
    lines = hooks.run()
    names = {line.partition('=')[0] for line in lines if '=' in line and not line.endswith('=')}
    assert names - {'_', 'PWD', 'SHLVL', 'OLDPWD'} == {'PATH', 'ATTEZT_CERTIFICATE', 'ATTEZT_GENERATION'}, lines
    values = dict(line.partition('=')[::2] for line in lines)
    assert values['ATTEZT_GENERATION'] == '1'
    assert load_chain('\n'.join([*lines, ''])) == load_chain(hooks.device.file('device.crt'))
    st = os.stat(values['ATTEZT_CERTIFICATE'])
    assert st.st_uid == 0 and st.st_mode & 0o777 == 0o644


def test_reload_units(hooks):
    hooks.settings('ReloadUnits=apache2.service', 'ReloadUnits=nginx.service  postfix@-.service', 'Name=framework')
    hooks.tells('hook')
    assert hooks.run() == ['systemctl --no-ask-password try-reload-or-restart -- nginx.service',
                           'systemctl --no-ask-password try-reload-or-restart -- postfix@-.service', 'hook renewed']
    hooks.settings('ReloadUnits=--root=/tmp nginx a/b.service $(id).service good.service')
    assert hooks.run('--again')[0].endswith(' -- good.service')
    assert hooks.result.stderr.count('is no name of a unit') == 4
    hooks.settings('ReloadUnits=good.service', 'ReloadUnits=')
    assert hooks.run('--again') == ['hook renewed']


def test_a_failure_stops_nobody(hooks):
    hooks.settings('ReloadUnits=nginx.service')
    hooks.script('systemctl', 'exit 1', directory=hooks.path)
    hooks.script('10-fails', 'exit 7')
    hooks.script('15-dies', 'kill -9 $$')
    hooks.script('17-none', '', mode=0o755)
    write(f'{hooks.scripts}/18-no-program', b'\x7fELF nonsense')
    os.chmod(f'{hooks.scripts}/18-no-program', 0o755)
    hooks.tells('20-goes-on')
    assert hooks.run(check=False) == ['20-goes-on renewed']
    assert hooks.result.returncode == 1
    for words in ('systemctl could not reload', '10-fails ended with exit status 7',
                  '15-dies ended with exit status 137', '18-no-program'):
        assert words in hooks.result.stderr, hooks.result.stderr
    # What has failed is told again, and nobody else; until it has been tried often enough.
    hooks.tells('15-dies')
    for tries in range(2, 6):
        assert hooks.run(check=False) == (['15-dies renewed'] if tries == 2 else [])
        assert hooks.result.returncode == 1
        assert '10-fails ended with exit status 7' in hooks.result.stderr
    assert hooks.run(check=False) == [] and hooks.result.returncode == 1
    assert '10-fails' not in hooks.result.stderr
    # The next certificate begins anew; a start that comes too early does not try again.
    for name in ('10-fails', '17-none', '18-no-program'):
        os.unlink(f'{hooks.scripts}/{name}')
    hooks.tells('systemctl', directory=hooks.path)
    cli('renew')
    assert len(hooks.run()) == 3 and not os.path.exists(f'{hooks.memory}/failed')
    hooks.script('10-fails', f'echo 10-fails >>{hooks.said}; false')
    assert '10-fails' in hooks.run('--again', check=False)
    hooks.interval = None
    assert hooks.run(check=False) == [] and hooks.result.returncode == 1
    hooks.interval = '0'
    assert hooks.run(check=False) == ['10-fails']


def test_a_unit_that_failed_alone_is_reloaded_again(hooks):
    hooks.settings('ReloadUnits=good.service bad.service')
    hooks.script('systemctl', f'echo "$4" >>{hooks.said}; test "$4" = good.service', directory=hooks.path)
    hooks.tells('hook')
    assert hooks.run(check=False) == ['good.service', 'bad.service', 'hook renewed']
    assert hooks.run(check=False) == ['bad.service'] and 'could not reload bad.service' in hooks.result.stderr


def test_status_names_who_failed(hooks):
    hooks.memory = '/var/lib/attezt-renewed'
    hooks.script('10-fails', f'test -e {hooks.home}/mended')
    hooks.tells('20-goes-on')
    assert 'Told of it' not in cli('status').stdout and cli_json('status')['not-told'] == []
    hooks.run(check=False)
    shown = 'Told of it: failed for 10-fails (tried 1 of 5 times; journalctl -u attezt-renewed tells why)\n'
    assert shown in cli('status', user='nobody').stdout and cli_json('status')['not-told'] == ['10-fails']
    write(f'{hooks.home}/mended', b'')
    assert hooks.run() == []
    assert 'Told of it' not in cli('status').stdout
    shutil.rmtree(hooks.memory)


def test_another_comes_meanwhile(hooks):
    hooks.tells('10-tell')
    hooks.script('20-renew', f'test -e {hooks.home}/once || {{ touch {hooks.home}/once; {program("attezt")} renew; }}')
    assert hooks.run() == ['10-tell renewed'] * 2
    assert hooks.run() == []


# ---- Who says what root runs

def test_left_out(hooks):
    for name in ('hook~', '.hidden', 'hook.bak', 'hook.dpkg-new', 'hook.rpmsave'):
        hooks.tells(name)
    hooks.tells('README', mode=0o644)
    directory(f'{hooks.scripts}/directory')
    assert hooks.run() == []


@pytest.mark.parametrize('spoil', ['world-writable', 'group-writable', 'owner', 'link'])
def test_refused(hooks, spoil):
    path = hooks.tells('10-hook')
    hooks.tells('20-good')
    if spoil == 'owner':
        shutil.chown(path, 'attezt-tpm')
    elif spoil == 'link':
        os.rename(path, f'{hooks.home}/elsewhere')
        os.symlink(f'{hooks.home}/elsewhere', path)
    else:
        os.chmod(path, 0o757 if spoil == 'world-writable' else 0o775)
    assert hooks.run(check=False) == ['20-good renewed']
    assert hooks.result.returncode == 1 and '10-hook is not run' in hooks.result.stderr


@pytest.mark.parametrize('spoil', ['mode', 'owner'])
def test_directory_of_others(hooks, spoil):
    hooks.tells('hook')
    os.chmod(hooks.scripts, 0o777) if spoil == 'mode' else shutil.chown(hooks.scripts, 'attezt')
    assert hooks.run(check=False) == [] and hooks.result.returncode == 1


@pytest.mark.parametrize('what', ['file', 'file-link', 'directory', 'directory-link', 'owner', 'world-writable',
                                  'group-writable', 'link', 'fifo'])
def test_settings_of_others(hooks, what):
    """The file, the directory of drop-ins, or one of them; even one that says nothing about it."""
    hooks.settings('ReloadUnits=nginx.service')
    hooks.tells('hook')
    dropins = directory(f'{hooks.config}.d')
    dropin = write(f'{dropins}/x.conf', b'[Agent]\nName=framework\n')
    write(f'{dropins}/x.conf.bak', b'')
    shutil.chown(f'{dropins}/x.conf.bak', 'attezt')
    assert hooks.run('--again')[0].endswith(' nginx.service')  # what is not read is nobody's business
    spoilt = {'file': hooks.config, 'directory': dropins}.get(what.removesuffix('-link'), dropin)
    if what.endswith('link'):
        os.rename(spoilt, f'{hooks.home}/elsewhere')
        os.symlink(f'{hooks.home}/elsewhere', spoilt)
    elif what == 'fifo':
        os.unlink(spoilt)
        os.mkfifo(spoilt, mode=0o644)
    elif what in ('file', 'owner'):
        shutil.chown(spoilt, 'attezt')
    else:
        os.chmod(spoilt, 0o664 if what == 'group-writable' else 0o777)
    assert hooks.run('--again', check=False) == ['hook renewed'] and hooks.result.returncode == 1
    assert f'ReloadUnits= is not used. {spoilt}: ' in hooks.result.stderr


@pytest.mark.parametrize('trap', ['link', 'directory', 'fifo', 'rubbish', 'number'])
def test_traps_of_the_helpers_user(hooks, trap):
    """Who owns the enrolment's directory cannot make root copy, or wait for, anything else."""
    secret = write(f'{hooks.home}/secret', b'-----BEGIN SECRET-----')
    os.chmod(secret, 0o600)
    hooks.tells('hook')
    state = hooks.device.state
    certificate = f'{state}/generations/1/device.crt'
    if trap == 'directory':
        os.rename(f'{state}/generations', f'{hooks.home}/generations')
        os.symlink(f'{hooks.home}/generations', f'{state}/generations')
    elif trap == 'number':
        os.unlink(f'{state}/current')
        os.symlink('generations/../../../etc', f'{state}/current')
    else:
        os.unlink(certificate)
        if trap == 'link':
            os.symlink(secret, certificate)
        elif trap == 'fifo':
            os.mkfifo(certificate)
        else:
            write(certificate, b'no certificate')
    assert hooks.run(check=False) == []
    assert hooks.result.returncode == 1
    assert not os.path.exists(f'{hooks.memory}/device.crt')


def test_options(hooks):
    assert '--again' in run(program('attezt-renewed'), '--help').stdout
    assert run(program('attezt-renewed'), 'extra', check=False).returncode == 2
    assert run(program('attezt-renewed'), '--nonsense', check=False).returncode == 2
    assert run(program('attezt-renewed'), '--interval', 'soon', check=False).returncode == 2
    assert RIG in hooks.home
