# SPDX-License-Identifier: MIT
"""An inventory that people run: entries are changed, replaced, expire, and show when a device was last seen."""
import calendar
import time

import pytest

import rig_bus
from rig_bus import Monitor, Rule
from rig_ca import load_chain
from rig_process import eventually
from rig_programs import SERVER, cli, cli_json

HASH, OTHER = 'ab' * 32, 'cd' * 32
FAILED, USAGE, NOT_FOUND, DENIED = 1, 2, 4, 5


@pytest.fixture(autouse=True)
def empty_inventory(server):
    yield
    server.forget_all()


def test_set(server):
    cli('ca', 'enroll', HASH, 'one', '--note', 'old')
    d = cli_json('ca', 'set', 'one', '--add-name', 'two', '--add-name', 'three', '--remove-name', 'ONE', '--note', 'Anna’s',
                 '--pinned', '--disabled', '--ak-lifetime', '30d', '--expires', '2099-01-31')
    assert d['names'] == ['two', 'three'] and d['note'] == 'Anna’s' and d['pinned'] and d['disabled']
    assert d['ak-lifetime'] == 30 * 86400 and d['expires'] == 4073500800
    assert cli('ca', 'lookup', 'one', check=False).returncode == NOT_FOUND
    text = cli('ca', 'lookup', HASH).stdout
    assert '2099-01-31T00:00:00Z' in text and 'Disabled: yes' in text and 'Last seen: never' in text
    d = cli_json('ca', 'set', HASH, '--name', 'only', '--not-pinned', '--enabled', '--ak-lifetime', 'default',
                 '--expires', 'never', '--note', '')
    assert d['names'] == ['only'] and not d['pinned'] and not d['disabled'] and d['note'] == ''
    assert d['ak-lifetime'] == 0 and d['expires'] == 0
    assert cli_json('ca', 'set', 'only', '--any-name')['any-name'] is True
    assert cli_json('ca', 'set', HASH, '--no-name')['any-name'] is False
    # The same after a restart.
    server.restart()
    assert server.look_up(HASH)['names'] == []


def test_set_refusals(server):
    cli('ca', 'enroll', HASH, 'one')
    cli('ca', 'enroll', OTHER, 'two')
    assert cli('ca', 'set', 'nobody', '--pinned', check=False).returncode == NOT_FOUND
    r = cli('ca', 'set', 'one', '--name', 'TWO', check=False)
    assert r.returncode == FAILED and 'belongs to another device' in r.stderr
    r = cli('ca', 'set', 'one', '--remove-name', 'three', check=False)
    assert r.returncode == USAGE and 'no such name' in r.stderr
    for wrong in (['--pinned', '--not-pinned'], ['--disabled', '--enabled'], ['--name', 'x', '--any-name'], [],
                  ['--name', 'no spaces'], ['--ak-lifetime', '11y'], ['--expires', '2001-01-01'], ['--expires', 'soon'],
                  ['--if-version', 'x'], ['--note', 'x' * 1025]):
        assert cli('ca', 'set', 'one', *wrong, check=False).returncode == USAGE, wrong
    assert server.look_up('one')['names'] == ['one']


def test_set_only_what_was_seen(server):
    """Two people at once: the second one is told, and nothing is lost."""
    cli('ca', 'enroll', HASH, 'one')
    version = str(cli_json('ca', 'lookup', 'one')['version'])
    cli('ca', 'set', 'one', '--note', 'first', '--if-version', version)
    r = cli('ca', 'set', 'one', '--note', 'second', '--if-version', version, check=False)
    assert r.returncode == FAILED and 'changed by somebody else' in r.stderr and 'lookup' in r.stderr
    assert server.look_up('one')['note'] == 'first'


def test_replace(server):
    cli('ca', 'enroll', HASH, 'board', '--pinned', '--note', 'kept', '--ak-lifetime', '1h')
    d = cli_json('ca', 'replace', 'board', OTHER)
    assert d['ek-hash'] == OTHER and d['names'] == ['board'] and d['note'] == 'kept' and not d['pinned']
    assert d['ak-lifetime'] == 3600 and d['issued'] == 0
    old = server.look_up(HASH)
    assert old['disabled'] and old['names'] == []
    assert cli('ca', 'replace', 'board', HASH, check=False).returncode == FAILED
    assert cli('ca', 'replace', 'board', check=False).returncode == USAGE


def test_replaced_board_enrols(server, stepca, new_device):
    """The new board gets the name, the old one nothing."""
    old = new_device(server, stepca, start=False)
    new = new_device(server, stepca, number=1, start=False)
    server.enroll(old.tpm.ek_hash(), 'framework')
    old.start()
    old.enroll(stepca, server)
    cli('ca', 'replace', 'framework', new.tpm.ek_hash())
    assert cli('renew', check=False).returncode == FAILED
    old.stop()
    new.start()
    assert 'framework' in new.enroll(stepca, server).stderr + cli('status').stdout


def test_end_of_an_entry(server, stepca, new_device):
    device = new_device(server, stepca)
    end = int(time.time()) + 3600
    server.enroll(device.tpm.ek_hash(), 'guest')
    rig_bus.call(*SERVER, 'Change', 'sa{sv}', 'guest', 1, 'expires', 't', end)
    device.enroll(stepca, server)
    # No certificate outlives the entry.
    ak = cli('certificate', 'ak').stdout
    assert calendar.timegm(load_chain(ak)[0].not_valid_after.utctimetuple()) == end
    rig_bus.call(*SERVER, 'Change', 'sa{sv}', 'guest', 1, 'expires', 't', int(time.time()) - 1)
    assert cli('renew', check=False).returncode == FAILED
    server.daemon.wait_line('its entry in the inventory has expired')
    assert '[expired]' in cli('ca', 'list').stdout and '(it has)' in cli('ca', 'lookup', 'guest').stdout


def test_last_seen(server, stepca, new_device):
    """A device that proves itself in vain was seen all the same."""
    device = new_device(server, stepca)
    server.enroll(device.tpm.ek_hash(), 'lost')
    cli('ca', 'set', 'lost', '--disabled')
    before = int(time.time())
    assert device.enroll(stepca, server, check=False).returncode == FAILED
    d = server.look_up('lost')
    assert d['last-seen'] >= before and d['last-issued'] == 0 and d['issued'] == 0
    cli('ca', 'set', 'lost', '--enabled')
    device.enroll(stepca, server)
    d = server.look_up('lost')
    assert d['last-seen'] == d['last-issued'] > 0


def test_not_seen(server):
    cli('ca', 'enroll', HASH, 'new')
    assert cli_json('ca', 'list', '--not-seen', '7d') == []
    time.sleep(2)
    assert [d['names'] for d in cli_json('ca', 'list', '--not-seen', '1s')] == [['new']]


def test_change_tells_polkit(bus, server):
    """A rule can let a helpdesk rename, and no more."""
    server.enroll(HASH, 'one')
    rule = ('polkit.addRule(function(action, subject) {\n'
            '  if (action.id == "dev.attezt.server.change" && subject.user == "games" &&\n'
            '      action.lookup("pinned") == "unchanged" && action.lookup("any-name") == "unchanged" &&\n'
            '      action.lookup("disabled") == "unchanged" && action.lookup("ak-lifetime") == "unchanged" &&\n'
            '      action.lookup("new-names").split(" ").every(function(n) { return n == "" || n.indexOf("desk-") == 0; }))\n'
            '    return polkit.Result.YES;\n'
            '});\n')
    with Rule(bus, rule):
        def change(*options):
            return cli('ca', 'set', HASH, *options, user='games', check=False).returncode
        assert change('--name', 'desk-1') == 0
        assert change('--add-name', 'desk-2', '--note', 'x') == 0
        for wrong in (['--name', 'desk-3', '--add-name', 'root'], ['--pinned'], ['--enabled'], ['--any-name'],
                      ['--ak-lifetime', '1y'], ['--ak-lifetime', 'default']):
            assert change(*wrong) == DENIED, wrong
    assert server.look_up(HASH)['names'] == ['desk-1', 'desk-2']


def test_changed_signal_names_nobody(server):
    monitor = Monitor()
    server.enroll(HASH, 'one')
    cli('ca', 'set', 'one', '--name', 'two')
    server.remove('two')

    def signals():
        return [m for m in monitor.messages() if m.get('type') == 'signal' and m.get('member') == 'InventoryChanged']
    eventually(lambda: len(signals()) == 3, 'three signals')
    assert all(m['payload']['data'] == [] for m in signals())
    monitor.stop()
