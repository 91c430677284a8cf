# SPDX-License-Identifier: MIT
"""Devices by the thousand: files in, files out, all of it or nothing."""
import base64
import csv
import fcntl
import io
import json
import os
import subprocess
import textwrap

import dbus
import pytest

from rig_bus import BusError, Rule
from rig_ca import write
from rig_device import SoftEk
from rig_process import ENVIRONMENT, RIG
from rig_programs import SERVER, cli, cli_json, program

FAILED, USAGE, DENIED = 1, 2, 5


@pytest.fixture(autouse=True)
def empty_inventory(server):
    yield
    server.forget_all()


def ek(n):
    return f'{n:064x}'


def file(text, name='devices'):
    return write(f'{RIG}/{name}', text.encode() if isinstance(text, str) else text)


def test_csv(server):
    path = file(f'hash,names,note,expires\n{ek(1)},one Uno,"Anna, ""x""",2099-01-01\n{ek(2)},,,\n')
    r = cli('ca', 'import', path, '--dry-run')
    assert 'This would add 2' in r.stderr and server.devices() == []
    r = cli('ca', 'import', path)
    assert 'Added 2 devices' in r.stderr
    assert server.look_up('uno')['note'] == 'Anna, "x"' and server.counts()['devices'] == 2
    # Again: nothing to do. What is there otherwise is a mistake.
    assert cli_json('ca', 'import', path) == {'rows': 2, 'added': 0, 'unchanged': 2, 'problems': []}
    cli('ca', 'set', 'one', '--note', 'changed')
    r = cli('ca', 'import', path, check=False)
    assert r.returncode == FAILED and f'{path}:2: ' in r.stderr and 'already' in r.stderr


def test_all_or_nothing(server):
    """Mistakes of the file are told by line before anybody is asked; those that only the server can know, too."""
    path = file(f'hash,names\n{ek(1)},one\nxyz,two\n{ek(3)},no/slash\n{ek(4)},four\n')
    r = cli('ca', 'import', path, check=False)
    assert r.returncode == FAILED and f'{path}:3: ' in r.stderr and f'{path}:4: ' in r.stderr
    assert '2 of 4 rows are bad' in r.stderr and server.devices() == []
    server.enroll(ek(9), 'taken')
    path = file(f'hash,names,note\n{ek(1)},one,"over two\nlines"\n{ek(2)},Taken\n{ek(3)},one\n')
    r = cli('ca', 'import', path, check=False)
    assert r.returncode == FAILED and 'Nothing was added' in r.stderr
    assert f'{path}:4: one of its names' in r.stderr and f'{path}:5: one of its names' in r.stderr, r.stderr
    assert len(server.devices()) == 1
    out = json.loads(cli('ca', 'import', path, '--json', check=False).stdout)
    assert [p['line'] for p in out['problems']] == [4, 5]
    # It stops at the hundredth.
    path = file('hash,names\n' + ''.join(f'{ek(n)},taken\n' for n in range(10, 300)))
    assert len(json.loads(cli('ca', 'import', path, '--json', check=False).stdout)['problems']) == 100
    assert len(server.devices()) == 1


@pytest.mark.parametrize('column,flag', [('pinned', '--allow-pinned'), ('any-name', '--allow-any-name')])
def test_only_with_a_flag(server, column, flag):
    path = file(f'hash,{column}\n{ek(1)},yes\n')
    r = cli('ca', 'import', path, check=False)
    assert r.returncode == FAILED and flag in r.stderr and server.devices() == []
    cli('ca', 'import', path, flag)
    assert server.look_up(ek(1))[column] is True


def test_long_lifetime_only_with_a_flag(server):
    path = file(f'hash,ak-lifetime\n{ek(1)},30d\n{ek(2)},1y\n')
    r = cli('ca', 'import', path, check=False)
    assert r.returncode == FAILED and f'{path}:3: ' in r.stderr and '--allow-long-lifetime' in r.stderr
    cli('ca', 'import', path, '--allow-long-lifetime')
    assert server.look_up(ek(2))['ak-lifetime'] == 365 * 86400


def test_certificate_and_public_key(server, new_device):
    """The EK as people have it; its hash is that of the key, whatever the file is."""
    tpm, soft = new_device(server, start=False).tpm, SoftEk()
    certificate, key = base64.b64encode(tpm.ek_certificate()).decode(), base64.b64encode(soft.spki).decode()
    pem = '-----BEGIN PUBLIC KEY-----\n' + '\n'.join(textwrap.wrap(key, 64)) + '\n-----END PUBLIC KEY-----\n'
    path = file(f'certificate,public-key,names,hash\n{certificate},,by-certificate,{tpm.ek_hash()}\n,"{pem}",by-key,\n')
    cli('ca', 'import', path)
    assert server.look_up('by-certificate')['ek-hash'] == tpm.ek_hash()
    assert server.look_up('by-key')['ek-hash'] == soft.hash
    path = file(f'certificate,hash\n{certificate},{soft.hash}\n')
    r = cli('ca', 'import', path, check=False)
    assert r.returncode == FAILED and 'different devices' in r.stderr


def test_json_lines(server):
    path = file(json.dumps({'ek-hash': ek(1), 'names': ['one', 'two'], 'note': 'é', 'disabled': True}) + '\n'
                + json.dumps({'hash': ek(2).upper(), 'expires': 4102444800}) + '\n')
    cli('ca', 'import', path)
    one = server.look_up('two')
    assert one['note'] == 'é' and one['disabled'] and server.look_up(ek(2))['expires'] == 4102444800


def test_F17_hash_in_any_case_is_one_device(server):
    """Upper case is the same device, not one that never matches; what is no hash is no device."""
    server.enroll(ek(0xabc).upper(), 'one')
    assert server.look_up(ek(0xabc))['names'] == ['one']
    path = file(f'hash,names\n{ek(0xabc).upper()},other\n')
    assert cli('ca', 'import', path, check=False).returncode == FAILED
    for wrong in ('', 'x' * 64, ek(1)[1:], ek(1) + '0'):
        with pytest.raises(BusError):
            server.enroll(wrong, 'two')


@pytest.mark.parametrize('form', ['csv', 'jsonl'])
def test_export_and_import_again(server, form):
    notes = ["=cmd|' /C calc'!A0", '+1', '-1', '@x', "'quoted", 'a,b;"c"', 'two\nlines', '007', 'é’', '']
    for n, note in enumerate(notes):
        cli('ca', 'enroll', ek(n + 1), f'0{n}', f'name-{n}', f'--note={note}')
    cli('ca', 'set', 'name-1', '--disabled', '--expires', '2099-01-01', '--ak-lifetime', '1h')
    before = [{k: d[k] for k in ('ek-hash', 'names', 'note', 'disabled', 'expires', 'ak-lifetime')}
              for d in server.devices()]
    text = cli('ca', 'export', '--format', form).stdout
    if form == 'csv':
        for row in csv.reader(io.StringIO(text, newline='')):
            for cell in row:
                assert cell[:1] not in ('=', '+', '-', '@', '\t', '\r'), row
    server.forget_all()
    assert f'Added {len(notes)} devices' in cli('ca', 'import', file(text)).stderr
    after = [{k: d[k] for k in before[0]} for d in server.devices()]
    assert after == before
    assert 'were there already' in cli('ca', 'import', file(text)).stderr


def test_empty_export(server):
    assert cli('ca', 'export').stdout == ''
    assert cli('ca', 'export', '--format', 'csv').stdout.startswith('hash,names,')
    assert cli('ca', 'export', '--format', 'xml', check=False).returncode == USAGE


def test_only_a_sealed_memfd(server):
    """Nothing that could change under atteztd's eyes, or make it wait."""
    bus = dbus.SystemBus(private=True)
    ca = dbus.Interface(bus.get_object(SERVER[0], SERVER[1]), SERVER[2])
    rows = b'atteztR1' + (1).to_bytes(4, 'big') + bytes(32) + bytes(17) + b'\0' + b'\0\0'
    seals = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE

    def memfd(data, add):
        fd = os.memfd_create('rows', os.MFD_ALLOW_SEALING)
        os.write(fd, data)
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, add)
        return fd

    def send(fd):
        try:
            return ca.Import(dbus.types.UnixFd(fd), dbus.Dictionary({}, signature='sv'))
        finally:
            os.close(fd)
    for fd in (os.open('/dev/zero', os.O_RDONLY), os.open(file('x'), os.O_RDONLY), os.pipe()[0], memfd(rows, 0),
               memfd(rows, fcntl.F_SEAL_WRITE), memfd(rows[:-1], seals), memfd(b'', seals), memfd(rows + b'x', seals),
               memfd(b'atteztR1' + b'\xff' * 4, seals)):
        with pytest.raises(dbus.DBusException, match='InvalidArgs'):
            send(fd)
    counts, problems = send(memfd(rows, seals))
    assert counts['added'] == 1 and not problems
    bus.close()


def test_import_tells_polkit(bus, server):
    rule = ('polkit.addRule(function(action, subject) {\n'
            '  if (action.id == "dev.attezt.server.import" && subject.user == "games" &&\n'
            '      action.lookup("devices") == "2" && action.lookup("pinned") == "false")\n'
            '    return polkit.Result.YES;\n'
            '});\n')
    two, three = file(f'hash\n{ek(1)}\n{ek(2)}\n', 'two'), file(f'hash\n{ek(1)}\n{ek(2)}\n{ek(3)}\n', 'three')
    with Rule(bus, rule):
        assert cli('ca', 'import', three, user='games', check=False).returncode == DENIED
        assert cli('ca', 'import', two, '--allow-pinned', user='games', check=False).returncode == DENIED
        cli('ca', 'import', two, user='games')
    assert server.counts()['devices'] == 2


def test_others_are_answered_meanwhile(server, stepca, new_device):
    """2 000 devices are added; a look-up does not wait for them, and a certificate only for their end."""
    device = new_device(server, stepca)
    server.enroll(device.tpm.ek_hash(), 'framework')
    path = file('hash,names\n' + ''.join(f'{ek(n)},host-{n}\n' for n in range(2000)))
    p = subprocess.Popen([program('attezt'), 'ca', 'import', path], env=ENVIRONMENT, stderr=subprocess.PIPE, text=True)
    looked = 0
    while p.poll() is None:
        assert server.look_up('framework')['names'] == ['framework']
        looked += 1
    assert p.returncode == 0, p.stderr.read()
    assert looked > 0
    device.enroll(stepca, server)
    assert server.counts()['devices'] == 2001
    server.restart()
    assert server.look_up('host-1999')['ek-hash'] == ek(1999)
