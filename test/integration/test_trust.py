# SPDX-License-Identifier: MIT
"""What a TPM brings beside its EK certificate."""
import os

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, load_der_public_key

from rig_ca import Authority, load_chain, write
from rig_process import RIG
from rig_programs import Server
from rig_tpm import HOME

CHAIN = 0x01c00100


# ---- NV chains

@pytest.fixture(scope='module')
def root_only(bus, tpms):
    """A server that has the TPM vendor's root, and not the intermediate below it."""
    tpms.roots(f'{RIG}/ek-roots')
    directory = f'{RIG}/root-only'
    os.makedirs(directory, exist_ok=True)
    with open(f'{HOME}/ca/swtpm-localca-rootca-cert.pem', 'rb') as f:
        write(f'{directory}/root.pem', f.read())
    s = Server([directory])
    s.create_ca()
    yield s
    s.stop()


@pytest.fixture(scope='module')
def stepca_of_root_only(root_only):
    from rig_stepca import StepCa
    s = StepCa(root_only.root_pem)
    yield s
    s.stop()


def write_chain(tpm, *parts):
    """One NV index after the other, as Intel has them."""
    for n, part in enumerate(parts):
        path = f'{tpm.directory}/chain.{n}'
        with open(path, 'wb') as f:
            f.write(part)
        index = hex(CHAIN + n)
        tpm.tool('nvdefine', '-Q', index, '-C', 'p', '-s', str(len(part)), '-a',
                 'ppwrite|writedefine|ppread|ownerread|authread|no_da|platformcreate')
        tpm.tool('nvwrite', '-Q', index, '-C', 'p', '-i', path)


def intermediate():
    with open(f'{HOME}/ca/issuercert.pem', 'rb') as f:
        return load_chain(f.read())[0].public_bytes(Encoding.DER)


@pytest.mark.parametrize('layout', ['one index', 'filled', 'two indices', 'garbage besides', 'a stranger besides'])
def test_B7_U16_nv_chain_brings_the_missing_intermediate(root_only, stepca_of_root_only, new_device, layout):
    der = intermediate()
    device = new_device(root_only, stepca_of_root_only)
    root_only.enroll(device.tpm.ek_hash(), 'chained')
    try:
        r = device.enroll(stepca_of_root_only, root_only, check=False)
        assert r.returncode == 1 and 'swtpm-localca' in r.stderr, r.stderr
        write_chain(device.tpm, *{'one index': [der], 'filled': [der + b'\xff' * 77],
                                  'two indices': [der[:300], der[300:]],
                                  'garbage besides': [b'\x30\x82\xff' * 9, der],
                                  'a stranger besides': [Authority('Evil').certificate.public_bytes(Encoding.DER),
                                                         der]}[layout])
        device.enroll(stepca_of_root_only, root_only)
    finally:
        root_only.remove(device.tpm.ek_hash())


def test_F3_nv_chain_makes_no_root(root_only, stepca_of_root_only, new_device):
    """What the TPM brings is an intermediate or nothing: here a self-made vendor, root and all."""
    device = new_device(root_only, stepca_of_root_only, 'bare')
    evil = Authority('Evil Vendor')
    below = Authority('Evil Intermediate', parent=evil)
    key = load_der_public_key(device.tpm.ek_public())
    certificate = below.ek(key, key_usage=x509.KeyUsage(False, False, True, *[False] * 6)).public_bytes(Encoding.DER)
    device.tpm.tool('nvdefine', '-Q', '0x01c00002', '-C', 'p', '-s', str(len(certificate)), '-a',
                    'ppwrite|writedefine|ppread|ownerread|authread|no_da|platformcreate')
    with open(f'{device.tpm.directory}/evil', 'wb') as f:
        f.write(certificate)
    device.tpm.tool('nvwrite', '-Q', '0x01c00002', '-C', 'p', '-i', f'{device.tpm.directory}/evil')
    write_chain(device.tpm, *(a.certificate.public_bytes(Encoding.DER) for a in (below, evil)))
    root_only.enroll(device.tpm.ek_hash(), 'evil')
    try:
        r = device.enroll(stepca_of_root_only, root_only, check=False)
        assert r.returncode == 1 and 'Evil Intermediate' in r.stderr, r.stderr
    finally:
        root_only.remove(device.tpm.ek_hash())
