# SPDX-License-Identifier: MIT
"""test/bench pkcs11: what the token costs beside the TPM alone, for each kind of device key."""
import json
import os
import sys

from rig_bus import Bus
from rig_process import RIG, run
from rig_programs import PROGRAMS, Device, Server
from rig_stepca import StepCa
from rig_tpm import Maker

ROUNDS = sys.argv[1] if len(sys.argv) > 1 else '500'
GOALS = 'goals: connection < 200 us, signature < 1000 us beyond the TPM alone'


def measure(device, kind):
    r = run(f'{PROGRAMS}/../test/load/pkcs11-load', device.p11kit, device.tpm.tcti, f'{device.state}/device.tss',
            ROUNDS, timeout=600, check=False)
    if r.returncode != 0:
        sys.exit(r.stderr + '\n'.join(device.agent.lines[-20:]))
    t = json.loads(r.stdout)
    print(f'{kind}, {ROUNDS} rounds, median (95 %) in us:')
    for name, words in (('connect', 'connection, version byte and C_Initialize'),
                        ('list', 'listing of all objects, seven attributes each'),
                        ('sign', 'C_SignInit and C_Sign through the agent'),
                        ('raw', 'Esys_Sign of the same digest by the same key, no agent')):
        print(f'  {t[name]["p50"]:8.0f} ({t[name]["p95"]:.0f})  {words}')
    print(f'  {t["sign"]["p50"] - t["raw"]["p50"]:8.0f}        that is the agent\'s part of a signature', flush=True)
    with open(f'/proc/{device.agent.pid}/smaps_rollup') as f:
        print(f'  {next(int(line.split()[1]) for line in f if line.startswith("Rss:")) / 1024:8.1f} MB    the agent')


def main():
    os.makedirs(f'{RIG}/log', exist_ok=True)
    bus = Bus()
    bus.start_polkit()
    tpms = Maker()
    server = Server([tpms.roots(f'{RIG}/ek-roots')])
    server.create_ca()
    stepca = StepCa(server.root_pem)
    device = Device(tpms.start(), [server.tls_root, stepca.root_file])
    server.enroll(device.tpm.ek_hash(), 'bench')
    for kind in ('p-256', 'rsa-2048'):
        device.enroll(stepca, server, '--key', kind)
        measure(device, kind)
    print(GOALS)
    device.__exit__()
    stepca.stop()
    server.stop()
    bus.stop()


main()
