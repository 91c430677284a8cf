# SPDX-License-Identifier: MIT
"""RFC 8555 as strictly as Pebble has it: accounts, EAB, half of all nonces rejected; it issues nothing to devices,
and its refusal of the identifier type must come through in clear words."""
import os
import shutil

import pytest

from rig_pebble import EAB_KEY, EAB_KID, Pebble


@pytest.fixture
def pebbles():
    made = []

    def make(**kwargs):
        made.append(Pebble(**kwargs))
        return made[-1]
    yield make
    for p in made:
        p.stop()


@pytest.fixture
def device(server, new_device):
    d = new_device(server)
    server.enroll(d.tpm.ek_hash(), 'pebbled')
    yield d
    server.forget_all()


def enroll(device, server, pebble, *options):
    shutil.copy(pebble.root_file, f'{device.ca_dir}/pebble.pem')
    return device.enroll(pebble.url, server, *options, check=False)


def refused_for_the_identifier(r):
    assert r.returncode == 1, (r.returncode, r.stderr)
    assert 'identifier' in r.stderr, r.stderr
    return r.stderr


@pytest.mark.parametrize('reject_nonces', [0, 50])
def test_refusal_of_the_identifier_type(device, server, pebbles, reject_nonces):
    pebble = pebbles(reject_nonces=reject_nonces)
    text = refused_for_the_identifier(enroll(device, server, pebble))
    assert 'acme.test' in text, text


def test_B5_U14_account_is_kept(device, server, pebbles):
    pebble = pebbles(reject_nonces=50)
    for _ in range(3):
        refused_for_the_identifier(enroll(device, server, pebble))
    accounts = os.listdir(f'{device.state}/accounts')
    assert len(accounts) == 1
    assert pebble.daemon.log.count('There are now 1 accounts') <= 1
    assert 'There are now 2 accounts' not in pebble.daemon.log


def test_account_that_the_server_forgot(device, server, pebbles):
    """A fresh database behind the same URL: a new account, no dead end."""
    pebble = pebbles()
    refused_for_the_identifier(enroll(device, server, pebble))
    pebble.restart()
    refused_for_the_identifier(enroll(device, server, pebble))


def test_U14_eab(device, server, pebbles, scratch):
    pebble = pebbles(eab=True, reject_nonces=50)
    r = enroll(device, server, pebble)
    assert r.returncode == 1 and 'external account' in r.stderr.lower(), r.stderr
    key = f'{scratch}/eab.key'
    with open(key, 'w') as f:
        f.write(EAB_KEY + '\n')
    os.chmod(key, 0o600)  # root's: the command reads it, not the agent
    refused_for_the_identifier(enroll(device, server, pebble, '--eab-kid', EAB_KID, '--eab-key-file', key))
    # The account is bound: from now on without.
    refused_for_the_identifier(enroll(device, server, pebble))


def test_eab_wrong(device, server, pebbles, scratch):
    pebble = pebbles(eab=True)
    key = f'{scratch}/eab.key'
    with open(key, 'w') as f:
        f.write('AAAA' + EAB_KEY[4:])
    r = enroll(device, server, pebble, '--eab-kid', EAB_KID, '--eab-key-file', key)
    assert r.returncode == 1 and 'identifier' not in r.stderr, r.stderr
    with open(key, 'w') as f:
        f.write('this is no base64url!')
    r = enroll(device, server, pebble, '--eab-kid', EAB_KID, '--eab-key-file', key)
    assert r.returncode in (1, 2) and r.stderr, r.stderr
