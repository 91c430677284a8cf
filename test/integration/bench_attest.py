# SPDX-License-Identifier: MIT
"""test/bench attest: how many attest + secret pairs a second, and what that costs in CPU and memory."""
import json
import os
import shutil
import struct
import sys

from rig_bus import Bus
from rig_ca import Authority, write
from rig_device import SoftAk, SoftEk, attest_request, field
from rig_process import RIG, Daemon, children, eventually, free_port, port_open, run
from rig_programs import PROGRAMS, Server, directory, program

DEVICES, AKS = 256, 8
PAIRS = int(sys.argv[1]) if len(sys.argv) > 1 else 3000
TICKS = os.sysconf('SC_CLK_TCK')


def prepare(server, vendor, path):
    """P-256 EKs with certificates, RSA-2048 AKs, enrolled; for attest-load. What differs between two devices is
    the EK: eight AKs serve all."""
    aks = [SoftAk() for _ in range(AKS)]
    evidence = [ak.evidence() for ak in aks]
    with open(path, 'wb') as f:
        for n in range(DEVICES):
            ek = SoftEk(authority=vendor)
            server.enroll(ek.hash, f'load-{n}')
            body = json.dumps(attest_request(ek, evidence[n % AKS])).encode()
            numbers = ek.key.private_numbers()
            curve = ek.key.curve
            f.write(struct.pack('>I', len(body)) + body + field(numbers.private_value, curve) +
                    field(numbers.public_numbers.x, curve) + field(numbers.public_numbers.y, curve) +
                    aks[n % AKS].name)


def processes(server):
    return [server.daemon.pid, *children(server.daemon.pid)]


def cpu(server):
    """Seconds that atteztd and its front have used, each."""
    used = []
    for pid in processes(server):
        with open(f'/proc/{pid}/stat') as f:
            fields = f.read().rpartition(')')[2].split()
        used.append((int(fields[11]) + int(fields[12])) / TICKS)
    return used


def memory(server):
    """MB, each."""
    sizes = []
    for pid in processes(server):
        with open(f'/proc/{pid}/smaps_rollup') as f:
            sizes.append(next(int(line.split()[1]) / 1024 for line in f if line.startswith('Rss:')))
    return sizes


def load(server, devices, connections, pairs):
    before = cpu(server)
    r = run(f'{PROGRAMS}/../test/load/attest-load', str(server.port), devices, str(connections), str(pairs),
            timeout=600, check=False)
    after = cpu(server)
    if r.returncode != 0:
        sys.exit(r.stderr + r.stdout + server.daemon.log[-2000:])
    result = json.loads(r.stdout)
    each = [b - a for a, b in zip(before, after)]
    print(f'{connections:3} connections: {result["pairs"] / sum(each):6.0f} pairs per server CPU second '
          f'(atteztd {each[0] / pairs * 1e6:.0f} us, attezt-http {sum(each[1:]) / pairs * 1e6:.0f} us a pair), '
          f'{result["pairs"] / result["seconds"]:6.0f} per second, p50 {result["p50_ms"]} ms, p99 {result["p99_ms"]} ms, '
          f'client {result["client_cpu"] / pairs * 1e6:.0f} us', flush=True)


def main():
    bus = Bus()
    bus.start_polkit()
    vendor = Authority('Test TPM Vendor')
    roots = directory(f'{RIG}/vendor-roots')
    write(f'{roots}/root.pem', vendor.certificate)
    state = f'{RIG}/build/bench-state'  # on a disk: what is acknowledged is durable
    shutil.rmtree(state, ignore_errors=True)
    server = Server([roots], state=directory(state, 'atteztd'), tls=False, port=free_port(), start=False)
    server.port = int(server.listen.rpartition(':')[2])
    server.daemon = Daemon(program('atteztd'), *server.options, user='atteztd', notify=True, silent=True)
    server.daemon.wait_ready()
    eventually(lambda: port_open(server.port), 'the front listens')
    server.create_ca()
    devices = f'{RIG}/devices'
    prepare(server, vendor, devices)
    load(server, devices, 8, 500)  # warms up
    before = memory(server)
    for connections in (1, 8, 64):
        load(server, devices, connections, PAIRS)
    rest = max(0, 20000 - 3 * PAIRS)
    if rest:
        load(server, devices, 64, rest)
    after = memory(server)
    print(f'memory (atteztd + attezt-http): {sum(before):.1f} MB before, {sum(after):.1f} MB after '
          f'{3 * PAIRS + rest} pairs ({", ".join(f"{m:.1f}" for m in after)})')
    server.stop()
    bus.stop()
    shutil.rmtree(state)


main()
