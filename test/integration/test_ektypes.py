# SPDX-License-Identifier: MIT
"""EKs of every type that swtpm makes activate, and the agent finds and prefers them as it should."""
import pytest

from rig_ca import load_chain, names_of
from rig_device import b64
from rig_programs import cli
from rig_tpm import P256, P384, RSA2048, RSA3072


@pytest.mark.parametrize('kind,ek,index', [
    ('usual', 'rsa-2048', RSA2048), ('usual', 'p-256', P256), ('usual', 'p-384', P384),
    ('rsa3072', 'rsa-3072', RSA3072), ('rsa3072', 'p-384', P384),
])
def test_F11_U16_U18_ek_activates(server, stepca, new_device, kind, ek, index):
    device = new_device(server, stepca, kind)
    ek_hash = device.tpm.ek_hash(index)
    name = f'{kind}-{ek}'
    server.enroll(ek_hash, name)
    try:
        device.enroll(stepca, server, '--ek', ek)
        ak = load_chain(cli('certificate', 'ak').stdout)[0]
        identifiers, uris, _ = names_of(ak)
        assert identifiers == [name] and uris == ['urn:ek:sha256:' + b64(bytes.fromhex(ek_hash))]
        assert device.status()['ek-hash'] == ek_hash
    finally:
        server.remove(ek_hash)


@pytest.mark.parametrize('kind,index', [('usual', RSA2048), ('rsa3072', P384)])
def test_U16_preferred_ek(server, stepca, new_device, kind, index):
    """RSA-2048, as step prefers it; then P-256; then what there is."""
    device = new_device(server, stepca, kind)
    assert device.status()['ek-hash'] == device.tpm.ek_hash(index)


def test_B6_U16_tpm_without_an_rsa_ek_certificate(server, stepca, new_device):
    device = new_device(server, stepca)
    expected = device.tpm.ek_hash(P256)
    device.tpm.tool('nvundefine', '-Q', hex(RSA2048), '-C', 'p')
    assert device.status()['ek-hash'] == expected
    assert expected in cli('status').stdout
    server.enroll(expected, 'ecc-only')
    try:
        device.enroll(stepca, server)
        assert names_of(load_chain(cli('certificate', 'ak').stdout)[0])[0] == ['ecc-only']
    finally:
        server.remove(expected)


def test_ek_without_certificate_needs_a_pinned_entry(server, stepca, new_device):
    device = new_device(server, stepca, 'bare')
    ek_hash = device.tpm.ek_hash()
    assert device.status()['ek-hash'] == ek_hash
    server.enroll(ek_hash, 'bare')
    try:
        r = device.enroll(stepca, server, check=False)
        assert r.returncode == 1 and '--pinned' in r.stderr, r.stderr
        server.remove(ek_hash)
        server.enroll(ek_hash, 'bare', pinned=True)
        device.enroll(stepca, server)
    finally:
        server.remove(ek_hash)


def test_ek_that_is_not_there(server, stepca, new_device):
    device = new_device(server, stepca)
    r = device.enroll(stepca, server, '--ek', 'rsa-4096', check=False)
    assert r.returncode == 1 and 'rsa-4096' in r.stderr.lower(), r.stderr


def test_B9_transient_objects_are_flushed(server, stepca, new_device):
    """swtpm has room for three: a leak shows soon. And nothing is persisted unasked."""
    device = new_device(server, stepca)
    server.enroll(device.tpm.ek_hash(), 'flush')
    persistent = device.tpm.persistent_handles()
    try:
        device.enroll(stepca, server)
        cli('renew')
        assert device.tpm.transient_handles() == []
        assert device.tpm.persistent_handles() == persistent
    finally:
        server.remove(device.tpm.ek_hash())


def test_B9_failures_leave_nothing_in_the_tpm(server, stepca, new_device):
    """Wherever an enrolment breaks off: before the AK is proved, after it, and with the device key made already."""
    device = new_device(server, stepca)
    persistent = device.tpm.persistent_handles()
    server.enroll(device.tpm.ek_hash(), 'breaks-off')

    def fails(*options, provisioner='acme-da'):
        for _ in range(2):
            assert device.enroll(stepca, server, *options, provisioner=provisioner, check=False).returncode == 1
            assert device.tpm.transient_handles() == []
            assert device.tpm.tool('getcap', 'handles-loaded-session').stdout.strip() == ''
            assert device.tpm.persistent_handles() == persistent
    try:
        cli('ca', 'set', 'breaks-off', '--disabled')
        fails()
        cli('ca', 'set', 'breaks-off', '--enabled')
        fails('--ek', 'rsa-4096')
        fails('--name', 'another')
        fails(provisioner='nothing')
        fails(provisioner='acme-dns')
        fails('--lifetime', '30d')
        device.enroll(stepca, server)
    finally:
        server.remove(device.tpm.ek_hash())


def test_step_rsa_srk_at_81000001_is_not_taken_for_ours(server, stepca, new_device):
    device = new_device(server, stepca)
    d = device.tpm.directory
    device.tpm.tool('createprimary', '-Q', '-C', 'o', '-G', 'rsa2048', '-c', f'{d}/srk.ctx', '-a',
                    'restricted|decrypt|fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda')
    device.tpm.tool('evictcontrol', '-Q', '-C', 'o', '-c', f'{d}/srk.ctx', '0x81000001')
    device.tpm.tool('flushcontext', '-t')
    server.enroll(device.tpm.ek_hash(), 'rsa-srk')
    try:
        device.enroll(stepca, server)
        cli('renew')
    finally:
        server.remove(device.tpm.ek_hash())
