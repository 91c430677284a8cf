# SPDX-License-Identifier: MIT
"""smallstep's own client gets its certificate through our attestation CA, over HTTPS, from the real step-ca."""
import pytest

from rig_ca import load_chain, names_of
from rig_stepca import StepCli

REFUSED = 'badAttestationStatement'


@pytest.fixture
def step(server, stepca, tpms, scratch):
    """A machine with step on it, enrolled as "stepper"."""
    with tpms.start() as tpm:
        server.enroll(tpm.ek_hash(), 'stepper', 'second', ak_lifetime=7 * 24 * 3600)
        yield StepCli(stepca, tpm, server, scratch)
        server.forget_all()


def certificate(path):
    with open(path) as f:
        return load_chain(f.read())[0]


def test_the_inventorys_name(step, stepca):
    _, path = step.certificate('stepper')
    leaf = certificate(path)
    assert leaf.subject.rfc4514_string() == 'CN=stepper'
    assert names_of(leaf)[0] == ['stepper']
    assert leaf.issuer == stepca.intermediate.name
    # Each name that the inventory has for it, and a second time with the AK certificate that step kept.
    _, path = step.certificate('second')
    assert names_of(certificate(path))[0] == ['second']


def refused(step, name):
    r, path = step.certificate(name, check=False)
    assert r.returncode != 0, f'a certificate for {name!r}'
    text = r.stdout + r.stderr
    assert 'permanent identifier' in text or REFUSED in text or 'challenge' in text, text
    return text


def test_F13_another_devices_name_is_refused(step, server, tpms):
    with tpms.start(number=1) as other:
        server.enroll(other.ek_hash(), 'victim')
        refused(step, 'victim')


# Not "*.stepper": step-ca strips a leading "*." before it compares, and nothing of ours is asked.
@pytest.mark.parametrize('name', ['STEPPER', 'Stepper', 'stepper2', 'steppe', 'stepper/1.2.3', ' stepper'])
def test_a_name_nearly_its_own_is_refused(step, name):
    refused(step, name)


def test_a_device_enrolled_without_a_name_gets_none_but_its_hash(server, stepca, tpms, scratch):
    with tpms.start() as tpm:
        server.enroll(tpm.ek_hash())
        try:
            step = StepCli(stepca, tpm, server, scratch)
            refused(step, 'anything')
            refused(step, 'device-0')
            _, path = step.certificate(tpm.ek_hash())
            assert names_of(certificate(path))[0] == [tpm.ek_hash()]
        finally:
            server.forget_all()


def test_any_name_is_the_explicit_exception(server, stepca, tpms, scratch):
    with tpms.start() as tpm:
        server.enroll(tpm.ek_hash(), any_name=True)
        try:
            _, path = StepCli(stepca, tpm, server, scratch).certificate('whatever-it-likes')
            assert names_of(certificate(path))[0] == ['whatever-it-likes']
        finally:
            server.forget_all()


def test_a_device_that_is_not_enrolled_is_refused(server, stepca, tpms, scratch):
    with tpms.start() as tpm:
        r, _ = StepCli(stepca, tpm, server, scratch).certificate('stepper', check=False)
        assert r.returncode != 0 and '403' in r.stdout + r.stderr, r.stdout + r.stderr
