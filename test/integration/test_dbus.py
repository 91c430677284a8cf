# SPDX-License-Identifier: MIT
"""Who may call what: root without polkitd, others by a polkit rule, nobody else; and what the interfaces say."""
import glob
import hashlib
import json
import os
import re
import shlex
import time
import xml.etree.ElementTree as ET

import pytest

import rig_bus
from rig_bus import BusError, Monitor, Rule
from rig_ca import Authority, pem
from rig_process import RIG, eventually, run
from rig_programs import AGENT, SERVER, cli

DENIED = 'org.freedesktop.DBus.Error.AccessDenied'
# The same for a caller who did not allow polkit to ask a person: so says the D-Bus specification.
INTERACTIVE = 'org.freedesktop.DBus.Error.InteractiveAuthorizationRequired'
HASH = 'ab' * 32
# The outer structure of a certificate, as a GVariant.
CERTIFICATE = '[' + ', '.join(f'byte 0x{b:02x}' for b in bytes.fromhex(
    '3014300d020101300030003000300030003000030100')) + ']'
FRIEND = 'games'  # a user that a rule allows; "nobody" has none

# Every method with arguments that are in order, and the polkit action that guards it.
SERVER_METHODS = {
    'CreateCA': (('"x"', '@a{sv} {}'), 'dev.attezt.server.create-ca'),
    'Enroll': ((f'"{HASH}"', '@as []', '@a{sv} {}'), 'dev.attezt.server.enroll'),
    'Remove': ((f'"{HASH}"', '@a{sv} {}'), 'dev.attezt.server.remove'),
    'Change': ((f'"{HASH}"', '@a{sv} {}'), 'dev.attezt.server.change'),
    'Replace': ((f'"{HASH}"', f'"{"cd" * 32}"', '@a{sv} {}'), 'dev.attezt.server.replace'),
    'ListPending': (('""', 'uint32 10', '@a{sv} {}'), 'dev.attezt.server.pending'),
    'Approve': ((f'"{HASH}"', '@as []', '@a{sv} {}'), 'dev.attezt.server.approve'),
    'Deny': ((f'"{HASH}"', '@a{sv} {}'), 'dev.attezt.server.deny'),
    'ClearPending': (('@a{sv} {}',), 'dev.attezt.server.deny'),
    'LookUp': ((f'"{HASH}"', '@a{sv} {}'), 'dev.attezt.server.read'),
    'List': (('""', 'uint32 10', '@a{sv} {}'), 'dev.attezt.server.read'),
    'GetCounts': (('@a{sv} {}',), 'dev.attezt.server.read'),
    'AddTrust': ((CERTIFICATE, '@a{sv} {}'), 'dev.attezt.server.trust'),
    'RemoveTrust': ((f'"{HASH}"', '@a{sv} {}'), 'dev.attezt.server.trust'),
    'ListTrust': (('""', 'uint32 10', '@a{sv} {}'), 'dev.attezt.server.read'),
    'ListIssued': (('""', '""', 'uint32 10', '@a{sv} {}'), 'dev.attezt.server.read'),
    'ListLog': (('uint64 0', 'uint32 10', '@a{sv} {}'), 'dev.attezt.server.read'),
    'Revoke': ((f'"{HASH}"', '@a{sv} {}'), 'dev.attezt.server.revoke'),
    'Backup': (('@a{sv} {}',), 'dev.attezt.server.backup'),
    'ExportRootKey': (('@a{sv} {}',), 'dev.attezt.server.manage-ca'),
    'Rotate': (('@a{sv} {}',), 'dev.attezt.server.manage-ca'),
    'RemoveRootKey': (('@a{sv} {}',), 'dev.attezt.server.manage-ca'),
}
AGENT_METHODS = {
    'Enroll': (('""', '""', '@a{sv} {}'), 'dev.attezt.agent.enroll'),
    'Renew': (('@a{sv} {}',), 'dev.attezt.agent.renew'),
    'Unenroll': (('@a{sv} {}',), 'dev.attezt.agent.unenroll'),
    'GetStatus': (('@a{sv} {}',), 'dev.attezt.agent.status'),
    'GetCertificate': (('@a{sv} {}',), 'dev.attezt.agent.certificate'),
}
AGENT_READS = {'GetStatus', 'GetCertificate'}   # for every local user, unless an administrator says otherwise
AGENT_WRITES = sorted(set(AGENT_METHODS) - AGENT_READS)


def error_of(*arguments, **kwargs):
    error = rig_bus.error_of(*arguments, **kwargs)
    return DENIED if error == INTERACTIVE else error


def rule(*actions, user=FRIEND):
    wanted = json.dumps(list(actions))
    return ('polkit.addRule(function(action, subject) {\n'
            f'  if ({wanted}.indexOf(action.id) >= 0 && subject.user == "{user}") return polkit.Result.YES;\n'
            '});\n')


@pytest.fixture
def device(server, stepca, new_device):
    return new_device(server, stepca)


@pytest.fixture(autouse=True)
def empty_inventory(server):
    """Each test begins with one; a failure must not spread."""
    yield
    server.forget_all()


# ---- Access

@pytest.mark.parametrize('method', SERVER_METHODS)
def test_server_unprivileged_caller_is_refused(server, method):
    before = server.counts()
    assert error_of(*SERVER, method, *SERVER_METHODS[method][0], user='nobody') == DENIED
    assert server.counts() == before


@pytest.mark.parametrize('method', AGENT_WRITES)
def test_U13_agent_unprivileged_caller_is_refused(device, method):
    assert error_of(*AGENT, method, *AGENT_METHODS[method][0], user='nobody') == DENIED


@pytest.mark.parametrize('method', sorted(AGENT_READS))
def test_who_may_read_is_polkits_word(bus, device, method):
    """Every local user, over ssh too; and nobody whom a rule excludes."""
    arguments, action = AGENT_METHODS[method]
    assert error_of(*AGENT, method, *arguments, user=FRIEND) != DENIED
    with Rule(bus, rule(action).replace('Result.YES', 'Result.NO')):
        assert error_of(*AGENT, method, *arguments, user=FRIEND) == DENIED
        assert error_of(*AGENT, method, *arguments, user='nobody') != DENIED


@pytest.mark.parametrize('method', SERVER_METHODS)
def test_server_caller_allowed_by_a_rule_is_served(bus, server, method):
    arguments, action = SERVER_METHODS[method]
    with Rule(bus, rule(action)):
        assert error_of(*SERVER, method, *arguments, user=FRIEND) != DENIED
        assert error_of(*SERVER, method, *arguments, user='nobody') == DENIED
        others = [m for m, (_, a) in SERVER_METHODS.items() if a != action]
        for other in others:
            assert error_of(*SERVER, other, *SERVER_METHODS[other][0], user=FRIEND) == DENIED
    assert error_of(*SERVER, method, *arguments, user=FRIEND) == DENIED
    if method == 'Enroll':
        server.remove(HASH)


@pytest.mark.parametrize('method', AGENT_WRITES)
def test_agent_caller_allowed_by_a_rule_is_served(bus, device, method):
    arguments, action = AGENT_METHODS[method]
    with Rule(bus, rule(action)):
        assert error_of(*AGENT, method, *arguments, user=FRIEND) != DENIED
        assert error_of(*AGENT, method, *arguments, user='nobody') == DENIED
    assert error_of(*AGENT, method, *arguments, user=FRIEND) == DENIED


def test_root_is_served_without_polkitd_and_others_are_not(bus, server, device):
    bus.stop_polkit()
    try:
        started = time.monotonic()
        server.enroll(HASH, 'rooted')
        assert server.look_up('rooted')['ek-hash'] == HASH
        server.remove('rooted')
        assert device.status()['enrolled'] is False
        assert error_of(*SERVER, 'GetCounts', '@a{sv} {}', user='nobody') == DENIED
        assert error_of(*AGENT, 'GetStatus', '@a{sv} {}', user='nobody') == DENIED
        assert time.monotonic() - started < 20
    finally:
        bus.start_polkit()


def test_root_certificate_is_public(server):
    fingerprint, text = rig_bus.call(*SERVER, 'GetRootCertificate', 'a{sv}', 0, user='nobody')
    assert text == server.root_pem
    from cryptography import x509
    from rig_ca import der
    digest = hashlib.sha256(der(x509.load_pem_x509_certificate(text.encode()))).hexdigest()
    assert fingerprint.replace(':', '').lower() == digest


@pytest.mark.parametrize('who', [SERVER, AGENT])
def test_method_that_is_in_no_table_is_refused(server, device, who):
    for user in (None, 'nobody'):
        assert error_of(*who, 'Frobnicate', '@a{sv} {}', user=user) == 'org.freedesktop.DBus.Error.UnknownMethod'


@pytest.mark.parametrize('who,method', [(SERVER, 'List'), (AGENT, 'GetStatus')])
def test_wrong_arguments(server, device, who, method):
    for user in (None, 'nobody'):
        with pytest.raises(BusError):
            rig_bus.call(*who, method, 'sss', 'one', 'two', 'three', user=user)
        with pytest.raises(BusError):
            rig_bus.call(*who, method, user=user)


def test_U13_enrolling_elsewhere_is_an_action_of_its_own(bus, server, stepca, device):
    """Who may enrol with the recorded servers may not choose others."""
    elsewhere = ('"https://evil.test/acme/x"', '"https://evil.test"', '@a{sv} {}')
    recorded = (f'"{stepca.url()}"', f'"{server.url}"', '@a{sv} {}')
    root = pem(Authority('Evil Root').certificate).decode().replace('\n', '\\n')
    server.enroll(device.tpm.ek_hash(), 'elsewhere')
    with Rule(bus, rule('dev.attezt.agent.enroll')):
        # Nothing is recorded yet: every server is another.
        assert error_of(*AGENT, 'Enroll', *recorded, user=FRIEND) == DENIED
        device.enroll(stepca, server)
        assert error_of(*AGENT, 'Enroll', *elsewhere, user=FRIEND) == DENIED
        assert error_of(*AGENT, 'Enroll', *recorded, user=FRIEND) is None
        device.idle()
        # One of the two is enough to be elsewhere; so are roots of one's own, which decide who the servers are.
        for arguments in ((recorded[0], elsewhere[1], recorded[2]), (elsewhere[0], recorded[1], recorded[2]),
                          (*recorded[:2], "{'ca-pem': <'%s'>}" % root)):
            assert error_of(*AGENT, 'Enroll', *arguments, user=FRIEND) == DENIED
    device.idle()
    text = """polkit.addRule(function(action, subject) {
        if (action.id == "dev.attezt.agent.enroll-elsewhere" && action.lookup("roots") == "with roots of the caller's" &&
            action.lookup("name") == "wanted" && action.lookup("acme-server").startsWith("https://"))
                return polkit.Result.YES; });"""
    with Rule(bus, text): # the dialog has it, too
        assert error_of(*AGENT, 'Enroll', *elsewhere[:2], "{'ca-pem': <'%s'>}" % root, user=FRIEND) == DENIED
        assert error_of(*AGENT, 'Enroll', *elsewhere[:2], "{'ca-pem': <'%s'>, 'name': <'wanted'>}" % root,
                        user=FRIEND) is None
        device.idle()
    with Rule(bus, rule('dev.attezt.agent.enroll-elsewhere', 'dev.attezt.agent.enroll')):
        assert error_of(*AGENT, 'Enroll', *elsewhere, user=FRIEND) is None
        device.idle()
    server.forget_all()


def test_administrators_word_is_not_kept_for_elsewhere():
    tree = ET.parse('/usr/share/polkit-1/actions/dev.attezt.agent.policy')
    defaults = tree.find(".//action[@id='dev.attezt.agent.enroll-elsewhere']/defaults")
    assert {d.text for d in defaults} == {'auth_admin'}


# ---- Server1

def test_nothing_of_a_strangers_certificate_is_looked_at(server):
    for bytes_ in ('[byte 0x30, 0x00]', '[byte 0x01]'):
        assert error_of(*SERVER, 'AddTrust', bytes_, '@a{sv} {}', user='nobody') == DENIED


def test_enroll_look_up_remove(server):
    d = server.enroll(HASH, 'alpha', 'beta', any_name=False, pinned=True, ak_lifetime=3600, note='rack 4, top')
    assert d == server.look_up('alpha') == server.look_up('BETA') == server.look_up(HASH) == server.look_up(HASH.upper())
    assert (d['ek-hash'], d['names'], d['pinned'], d['any-name'], d['ak-lifetime'], d['note'], d['disabled']) == (
        HASH, ['alpha', 'beta'], True, False, 3600, 'rack 4, top', False)
    assert abs(d['created'] - time.time()) < 60 and d['issued'] == 0 and d['last-issued'] == 0
    assert server.remove('beta')['ek-hash'] == HASH
    with pytest.raises(BusError):
        server.look_up('alpha')


def test_errors_of_the_server(server):
    def enroll(ek_hash, names='@as []', options='@a{sv} {}'):
        return error_of(*SERVER, 'Enroll', f'"{ek_hash}"', names, options)
    server.enroll(HASH, 'taken')
    assert enroll(HASH) == 'dev.attezt.Error.Exists'
    assert enroll('cd' * 32, '["taken"]') == enroll('cd' * 32, '["TAKEN"]') == 'dev.attezt.Error.Exists'
    assert error_of(*SERVER, 'CreateCA', '"x"', '@a{sv} {}') == 'dev.attezt.Error.Exists'
    server.remove(HASH)
    assert error_of(*SERVER, 'Remove', f'"{HASH}"', '@a{sv} {}') == 'dev.attezt.Error.NotFound'
    assert error_of(*SERVER, 'LookUp', '"taken"', '@a{sv} {}') == 'dev.attezt.Error.NotFound'
    invalid = {'dev.attezt.Error.Invalid', 'org.freedesktop.DBus.Error.InvalidArgs'}
    for name in ('', '*.x', 'a/b', '-x', '.x', 'x' * 65, 'a b', 'cd' * 32, 'a\\nb', 'ä'):
        assert enroll('cd' * 32, f'["{name}"]') in invalid, name
    assert enroll('cd' * 32, '["same", "SAME"]') is not None
    assert enroll('cd' * 32, options="{'unknown': <true>}") in invalid
    assert enroll('cd' * 32, options="{'pinned': <'yes'>}") in invalid
    assert server.counts()['devices'] == 0


def test_F17_only_a_hash_is_a_device(server):
    invalid = {'dev.attezt.Error.Invalid', 'org.freedesktop.DBus.Error.InvalidArgs'}
    for bad in ('', 'xyz', HASH[:-1], HASH + 'a', 'g' * 64, ' ' + HASH[1:], '0x' + HASH[2:]):
        assert error_of(*SERVER, 'Enroll', f'"{bad}"', '@as []', '@a{sv} {}') in invalid, bad
    # In any case it is the same device, and is shown in one.
    server.enroll(HASH.upper(), 'upper')
    assert server.look_up('upper')['ek-hash'] == HASH and server.look_up(HASH.upper())['names'] == ['upper']
    assert error_of(*SERVER, 'Enroll', f'"{HASH}"', '@as []', '@a{sv} {}') == 'dev.attezt.Error.Exists'


def test_operation_makes_a_call_repeatable(server):
    """An answer that got lost can be asked for again."""
    operation = "{'operation': <[byte " + ', '.join(str(n) for n in range(1, 17)) + ']>}'
    for _ in range(3):
        assert error_of(*SERVER, 'Enroll', f'"{HASH}"', '["again"]', operation) is None
    assert error_of(*SERVER, 'Enroll', f'"{HASH}"', '["again"]', '@a{sv} {}') == 'dev.attezt.Error.Exists'
    server.remove(HASH)


def test_pages(server):
    hashes = [hashlib.sha256(bytes([n])).hexdigest() for n in range(30)]
    for n, h in enumerate(hashes):
        server.enroll(h, f'page-{n}')
    found, cursor, pages = [], '', 0
    while True:
        page, cursor = server.call('List', 'sua{sv}', cursor, 7, 0)
        assert len(page) <= 7
        found += [d['ek-hash'] for d in page]
        pages += 1
        if not cursor:
            break
    assert sorted(found) == sorted(hashes) and pages >= 5
    server.forget_all()
    assert server.devices() == []
    assert error_of(*SERVER, 'List', '"rubbish"', 'uint32 5', '@a{sv} {}') in (
        'dev.attezt.Error.Invalid', 'org.freedesktop.DBus.Error.InvalidArgs')


def test_enrolments_outlive_the_server(server):
    server.enroll(HASH, 'durable')
    server.restart()
    assert server.look_up('durable')['ek-hash'] == HASH
    server.remove(HASH)
    server.restart()
    assert server.devices() == []


# ---- Agent1

def test_signals_tell_neither_ek_nor_name(server, stepca, device):
    ek_hash = device.tpm.ek_hash()
    server.enroll(ek_hash, 'very-secret-name')
    monitor = Monitor()
    device.enroll(stepca, server)
    eventually(lambda: any(m.get('member') == 'JobFinished' for m in monitor.messages()), 'JobFinished is seen')
    messages = monitor.messages()
    monitor.stop()
    broadcast = [m for m in messages if m.get('type') == 'signal' and not m.get('destination')]
    ours = [m for m in broadcast if str(m.get('interface', '')).startswith('dev.attezt') or
            m.get('path', '').startswith('/dev/attezt')]
    assert any(m['member'] == 'PropertiesChanged' for m in ours)
    for m in ours:
        assert ek_hash not in json.dumps(m) and 'very-secret-name' not in json.dumps(m), m
    states = [c for m in ours if m['member'] == 'PropertiesChanged' for c in [json.dumps(m['payload'])]]
    assert any('working' in s for s in states) and any('"enrolled"' in s for s in states)
    server.forget_all()


RENEWAL = ('NextRenewal', 'LastRenewal', 'RenewalFailures', 'LastOutcome')


def test_properties_are_for_all_and_say_little(server, device):
    for name in ('State', 'Step', 'NotAfter', *RENEWAL):
        device.property(name, user='nobody')
    text = run('busctl', 'introspect', AGENT[0], AGENT[1], user='nobody').stdout
    assert device.tpm.ek_hash() not in text
    properties = re.findall(r'^\.(\w+) +property', text, re.MULTILINE)
    assert set(properties) <= {'State', 'Step', 'NotAfter', *RENEWAL}, properties


def test_job_numbers_and_outcomes(server, stepca, device):
    """A failed job's signal names the outcome, and its caller gets the words."""
    one = rig_bus.call(*AGENT, 'Enroll', 'ssa{sv}', stepca.url(), server.url, 0)[0]
    device.idle()
    assert device.status()['last-error']
    two = rig_bus.call(*AGENT, 'Enroll', 'ssa{sv}', stepca.url(), server.url, 0)[0]
    device.idle()
    assert two != one
    assert error_of(*AGENT, 'Renew', '@a{sv} {}') == 'dev.attezt.Error.NotEnrolled'
    assert error_of(*AGENT, 'GetCertificate', '@a{sv} {}') == 'dev.attezt.Error.NotEnrolled'


def test_wrong_options_of_enroll(server, stepca, device):
    urls = (f'"{stepca.url()}"', f'"{server.url}"')
    for options in ("{'key': <'p-521'>}", "{'ek': <'x'>}", "{'unknown': <1>}", "{'lifetime': <'1h'>}", "{'name': <'*.x'>}",
                    "{'ca-pem': <'no pem'>}", "{'eab-kid': <'kid alone'>}"):
        assert error_of(*AGENT, 'Enroll', *urls, options) is not None, options
    for options, name in (("{'unknown': <1>}", 'unknown'), ("{'lifetime': <'1h'>}", 'lifetime')):
        r = run('gdbus', 'call', '--system', '--dest', AGENT[0], '--object-path', AGENT[1], '--method',
                f'{AGENT[2]}.Enroll', *urls, options, check=False)
        assert f'"{name}"' in r.stderr, r.stderr
    for url in ('http://ca.test/acme/x', 'ftp://x', 'x', 'https://', 'https://a b/', 'https://u:p@ca.test/x'):
        assert error_of(*AGENT, 'Enroll', f'"{url}"', f'"{server.url}"', '@a{sv} {}') is not None, url
    assert device.property('State') == 'unenrolled'


# ---- What is written down

@pytest.mark.parametrize('who', [SERVER, AGENT])
def test_introspection_is_the_xml_of_the_tree(server, device, who):
    def shape(root):
        interface = root.find(f".//interface[@name='{who[2]}']")
        found = set()
        for member in interface:
            if member.tag in ('method', 'signal'):
                direction = 'in' if member.tag == 'method' else 'out'
                arguments = [(a.get('direction', direction) if member.tag == 'method' else 'out', a.get('type'))
                             for a in member.findall('arg')]
                found.add((member.tag, member.get('name'), tuple(arguments)))
            elif member.tag == 'property':
                found.add((member.tag, member.get('name'), member.get('type'), member.get('access')))
        return found
    live = rig_bus.call(who[0], who[1], 'org.freedesktop.DBus.Introspectable', 'Introspect')[0]
    assert shape(ET.fromstring(live)) == shape(ET.parse(f'{RIG}/tree/dbus/{who[2]}.xml').getroot())


def test_every_action_has_a_method_and_every_method_an_action():
    actions = set()
    for path in glob.glob(f'{RIG}/tree/polkit/*.policy'):
        actions |= {a.get('id') for a in ET.parse(path).iter('action')}
    used = {a for _, a in (*SERVER_METHODS.values(), *AGENT_METHODS.values())} | {
        'dev.attezt.agent.enroll-elsewhere',
        'dev.attezt.server.import', 'dev.attezt.server.restore'}  # descriptors: test_inventory_import, test_cli_ca_life
    assert actions == used


def test_busctl_calls_of_the_readme(server, device):
    with open(f'{RIG}/tree/README') as f:
        calls = [line.strip() for line in f if re.match(r'    busctl ', line)]
    assert len(calls) >= 4
    for line in calls:
        assert run(*shlex.split(line)).stdout.strip(), line
