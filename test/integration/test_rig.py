# SPDX-License-Identifier: MIT
"""The rig itself: peers start, answer and stop."""
import hashlib

import rig_tpm
from rig_bus import call
from rig_ca import Authority, pem
from rig_pebble import Pebble
from rig_process import RIG, run
from rig_stepca import StepCa


def test_tpms_have_ek_certificates_of_the_test_ca(tpms):
    roots = tpms.roots(f'{RIG}/ek-roots')
    for kind, indices in rig_tpm.KINDS.items():
        with tpms.start(kind) as tpm:
            for index in indices:
                with open(f'{tpm.directory}/ek.der', 'wb') as f:
                    f.write(tpm.ek_certificate(index))
                run('openssl', 'verify', '-CAfile', f'{roots}/swtpm-localca-rootca-cert.pem', '-untrusted',
                    f'{roots}/issuercert.pem', f'{tpm.directory}/ek.der')
                assert len({tpm.ek_hash(i) for i in indices}) == len(indices)


def test_a_tpm_is_delivered_anew_and_two_differ(tpms):
    with tpms.start() as one, tpms.start() as again, tpms.start(number=1) as other:
        one.tool('createprimary', '-Q', '-c', f'{one.directory}/p.ctx')
        one.tool('evictcontrol', '-Q', '-c', f'{one.directory}/p.ctx', '0x81000001')
        assert '0x81000001' in one.persistent_handles()
        assert '0x81000001' not in again.persistent_handles()
        assert one.ek_hash() == again.ek_hash() != other.ek_hash()
        assert one.ek_hash() == hashlib.sha256(one.ek_public()).hexdigest()


def test_step_ca_and_pebble_start_and_stop():
    stepca = StepCa(pem(Authority('nobody').certificate).decode())
    assert stepca.healthy()
    stepca.stop()
    pebble = Pebble(reject_nonces=50, eab=True)
    pebble.stop()


def test_bus_and_polkit_answer(bus):
    assert 'dev.attezt' not in str(call('org.freedesktop.PolicyKit1', '/org/freedesktop/PolicyKit1/Authority',
                                        'org.freedesktop.DBus.Peer', 'GetMachineId'))
