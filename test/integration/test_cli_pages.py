# SPDX-License-Identifier: MIT
"""What the manual pages show and the completions offer, tried: commands are run, rules given to polkit, and what JSON
has is compared with what is said of it. test/check-man compares the rest without running anything."""
import importlib.machinery
import importlib.util
import os
import re
import time

import pytest

from rig_bus import Rule
from rig_process import RIG, run
from rig_programs import PROGRAMS, cli, cli_json

TREE = f'{RIG}/tree'
HASH = '2ea8888a4a935bfd418e6a700785655b0d2711abc52e71f1dbeeee03e9650396'
OTHER = 'cd' * 32
DENIED = 5
# What listens until it is told not to is told so.
PRELUDE = '''set -e
gdbus() {
        if [ "$1" = monitor ]; then timeout 1 /usr/bin/gdbus "$@" || [ $? = 124 ]; else /usr/bin/gdbus "$@"; fi
}
'''


def page(name):
    with open(f'{TREE}/man/{name}', encoding='utf-8') as f:
        return f.read()


def section(text, heading):
    return re.search(rf'^\.Sh {heading}\n(.*?)(?=^\.Sh |\Z)', text, re.M | re.S)[1]


def literals(text):
    """The blocks that a page shows to the letter, as a reader sees them."""
    return [block.replace('\\e', '\\').replace('\\&', '') for block in
            re.findall(r'^\.Bd -literal.*?\n(.*?)^\.Ed', text, re.M | re.S)]


@pytest.fixture
def enrolled(server, stepca, new_device):
    device = new_device(server, stepca)
    server.enroll(device.tpm.ek_hash(), 'enrolled')
    device.enroll(stepca, server)
    yield device
    server.forget_all()


@pytest.fixture
def member():
    """Makes users: member(name, group)."""
    made = []

    def make(name, group=None):
        if group:
            run('groupadd', '--force', group)
        run('useradd', '--no-create-home', *(['--groups', group] if group else []), name)
        made.append(name)
        return name
    yield make
    for name in made:
        run('userdel', name)


# ---- D-Bus

def run_examples(name):
    blocks = literals(section(page(name), 'EXAMPLES'))
    assert len(blocks) >= 3
    for block in blocks:
        run('bash', '-c', PRELUDE + block)


def test_examples_of_server_page(server):
    run_examples('dev.attezt.Server1.5.in')
    assert server.devices() == []


def test_examples_of_agent_page(enrolled):
    before = enrolled.property('NotAfter')
    run_examples('dev.attezt.Agent1.5.in')
    # The last job that the page shows asks for an hour, with a key of RSA.
    end = time.monotonic() + 60
    while (enrolled.property('NotAfter') == before or enrolled.property('State') == 'working') and \
            time.monotonic() < end:
        time.sleep(0.1)
    assert enrolled.property('NotAfter') < before and b'RSA' in cli('status').stdout.encode()


def the_rule(name):
    """The first one; that of the helpdesk: test_approval."""
    return [b for b in literals(section(page(name), 'POLKIT ACTIONS')) if 'polkit.addRule' in b][0]


def denied(*arguments, user):
    return cli(*arguments, '--no-ask-password', user=user, check=False).returncode == DENIED


def test_rule_of_server_page(bus, server, member):
    inside, outside = member('librarian', 'inventory'), member('reader')
    with Rule(bus, the_rule('dev.attezt.Server1.5.in')):
        assert denied('ca', 'list', user=outside)
        cli('ca', 'list', user=inside)
        cli('ca', 'enroll', HASH, 'framework', user=inside)
        assert denied('ca', 'enroll', OTHER, 'other', '--pinned', user=inside)
        assert denied('ca', 'enroll', OTHER, '--any-name', user=inside)
        assert denied('ca', 'remove', 'framework', user=inside)
        assert denied('ca', 'enroll', OTHER, 'other', user=outside)
    assert denied('ca', 'list', user=inside)
    server.forget_all()


def test_rule_of_agent_page(bus, enrolled, member):
    watcher, helper, stranger = member('watcher', 'staff'), member('helper', 'helpdesk'), member('stranger')
    cli('status', user=stranger)
    with Rule(bus, the_rule('dev.attezt.Agent1.5.in')):
        cli('status', user=watcher)
        assert denied('status', user=stranger)
        assert denied('renew', user=watcher)
        cli('renew', user=helper, timeout=240)
        assert denied('unenroll', user=helper)


# ---- JSON

def documented(verb):
    """The members that attezt(1) lists for a verb."""
    items = re.findall(r'^\.It (Cm .*)\n((?:(?!\.It |\.El).*\n)*)', section(page('attezt.1'), 'OUTPUT'), re.M)
    texts = [text for head, text in items if verb in re.findall(r'Cm ((?:[a-z]+ ?)+)(?: ,|$)', head)]
    assert len(texts) == 1, f'{verb}: {items}'
    return words_of(texts[0])


def words_of(text):
    found = [w for line in re.findall(r'^\.Va (.*)', text, re.M) for w in line.split(' , ')]
    return {w.strip(' ,;.') for w in found}


def chain_members():
    text = section(page('attezt.1'), 'OUTPUT')
    return words_of(text[text.index('Members of certificates'):text.index('.Bl ')])


def test_json_of_ca(server):
    server.enroll(HASH, 'framework')
    assert set(cli_json('ca', 'root')) == documented('ca root') == documented('ca create')
    assert set(cli_json('ca', 'lookup', 'framework')) == documented('ca lookup') == documented('ca enroll')
    assert [set(d) for d in cli_json('ca', 'list')] == [documented('ca lookup')]
    assert set(cli_json('ca', 'remove', 'framework')) == documented('ca lookup') | documented('ca remove')


def test_json_of_device(enrolled):
    status, certificate = cli_json('status'), cli_json('certificate')
    with open(f'{TREE}/dbus/dev.attezt.Agent1.xml', encoding='utf-8') as f:
        described = re.search(r'@status:(.*?)\n\n', f.read(), re.S)[1]
    assert set(status) == set(re.findall(r'([a-z-]+) \([a-z{}]+\)', described)) | documented('status')
    uris = set(cli_json('certificate', '--uri'))
    assert uris | set(certificate) == documented('certificate')
    assert set(status['certificates'][0]) == chain_members()
    found = cli_json('doctor', '--device', check=False, timeout=240)
    assert set().union(*found) == documented('doctor')
    assert set(cli_json('setup', 'nss', '--database', f'{RIG}/nssdb')) == documented('setup nss')
    assert set(cli_json('renew', timeout=240)) == documented('renew') == documented('enroll')


# ---- Completion of devices

BASH = '''. /usr/share/bash-completion/bash_completion; . {tree}/completion/attezt.bash
COMP_LINE="$*" COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)); COMP_POINT=${{#COMP_LINE}}
_attezt {programs}/attezt; printf '%s\\n' "${{COMPREPLY[@]}}"'''


def complete(*words, user=None):
    bash = run('bash', '--norc', '-c', BASH.format(tree=TREE, programs=PROGRAMS), 'bash', f'{PROGRAMS}/attezt', *words,
               user=user).stdout.split()
    fish = run('fish', '--no-config', '-c', 'source $argv[1]; complete -C $argv[2]', f'{TREE}/completion/attezt.fish',
               ' '.join(['attezt', *words]), user=user,
               env={'PATH': f'{PROGRAMS}:{os.environ["PATH"]}', 'HOME': '/tmp'})
    assert sorted(bash) == sorted(fish.stdout.split())
    return set(bash)


def shells():
    """test/check-completion, which knows how to ask a shell that completes on a terminal only."""
    loader = importlib.machinery.SourceFileLoader('check_completion', f'{TREE}/test/check-completion')
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    return module


def test_devices_are_completed(server, scratch, monkeypatch):
    monkeypatch.setenv('PATH', f'{PROGRAMS}:{os.environ["PATH"]}')
    monkeypatch.setenv('TERM', 'dumb')
    server.enroll(HASH, 'framework', 'second.name', pinned=True)
    server.enroll(OTHER, any_name=True)
    assert complete('ca', 'lookup', '') == {HASH, OTHER, 'framework', 'second.name'}
    assert complete('ca', 'remove', 'f') == {'framework'}
    assert complete('ca', 'lookup', 'framework', '') == set()
    zsh = shells().Zsh(TREE, scratch)
    try:
        assert set(zsh.offers('attezt ca lookup ')) == {HASH, OTHER, 'framework', 'second.name'}
    finally:
        zsh.close()
    # Whoever would be asked for a password is not, and sees nothing.
    started = time.monotonic()
    assert complete('ca', 'lookup', '', user='games') == set()
    assert time.monotonic() - started < 20
    server.forget_all()
