# SPDX-License-Identifier: MIT
"""attezt ca log verify looks at the CA's own certificates and at the revocation list that is served, too."""
import os
import shutil

import pytest

from rig_ca import Authority, write
from rig_doctor import ConfiguredServer, SERVER_STATE, forget
from rig_process import eventually
from rig_programs import cli

ROOT = f'{SERVER_STATE}/public/root.pem'
CRL, INTERMEDIATE = f'{SERVER_STATE}/public/crl.pem', f'{SERVER_STATE}/ca/intermediate.pem'


@pytest.fixture(scope='module')
def server(bus):
    s = ConfiguredServer([])
    s.create_ca()
    eventually(lambda: os.path.exists(CRL), 'there is a list')
    yield s
    s.stop()
    forget()


def whole():
    r = cli('ca', 'log', 'verify')
    return 'The record is whole' in r.stdout and r.stderr == ''


def finding():
    r = cli('ca', 'log', 'verify', check=False)
    assert r.returncode == 1 and 'The record is whole' not in r.stdout
    return r.stderr


def test_served_list(server, scratch):
    assert whole()
    with open(INTERMEDIATE, 'rb') as f:
        earlier = f.read()
    first = shutil.copy(CRL, f'{scratch}/first.pem')
    cli('ca', 'rotate')
    eventually(lambda: open(CRL).read() != open(first).read(), 'another list')
    assert whole()
    now = shutil.copy(CRL, f'{scratch}/now.pem')
    shutil.copy(first, CRL)
    assert 'crl.pem, is an older one than the last in the record' in finding()
    shutil.copy(now, CRL)
    latest = shutil.copy(INTERMEDIATE, f'{scratch}/latest.pem')
    write(INTERMEDIATE, earlier)
    assert 'intermediate.pem, is an older one than the last in the record' in finding()
    shutil.copy(latest, INTERMEDIATE)
    # Whoever takes the root's copy away is not unseen.
    root = shutil.copy(ROOT, f'{scratch}/root.pem')
    os.unlink(ROOT)
    assert 'were not compared' in cli('ca', 'log', 'verify').stderr
    shutil.copy(root, ROOT)
    write(CRL, b'no list')
    assert 'crl.pem, cannot be read' in finding()
    shutil.copy(now, CRL)
    assert whole()


def test_foreign_intermediate(server, scratch):
    before = shutil.copy(INTERMEDIATE, f'{scratch}/intermediate.pem')
    write(INTERMEDIATE, Authority('Somebody').certificate)
    try:
        assert 'intermediate.pem, is not in the record' in finding()
    finally:
        shutil.copy(before, INTERMEDIATE)
    assert whole()
