# SPDX-License-Identifier: MIT
"""test/bench limits: what an honest client notices of hostile ones, and how long many devices behind one address take."""
import json
import re
import shutil
import socket
import struct
import subprocess
import sys

from rig_bus import Bus
from rig_ca import Authority, write
from rig_device import Client, SoftAk, SoftEk, attest_request, field
from rig_namespace import Namespace
from rig_process import RIG, children, free_port, run
from rig_programs import PROGRAMS, Server, cli, directory

CROWD, HONEST, PAIRS, FLOOD, LORIS, SENDERS = 2000, 64, 600, 10000, 500, 8
GARBAGE = b'{"ek": 1}'


def write_devices(path, devices):
    """For attest-load."""
    with open(path, 'wb') as f:
        for ek, ak, evidence in devices:
            body = json.dumps(attest_request(ek, evidence)).encode()
            numbers, curve = ek.key.private_numbers(), ek.key.curve
            f.write(struct.pack('>I', len(body)) + body + field(numbers.private_value, curve) +
                    field(numbers.public_numbers.x, curve) + field(numbers.public_numbers.y, curve) + ak.name)
    return path


def load(place, server, devices, connections, pairs):
    r = run('ip', 'netns', 'exec', place.name, f'{PROGRAMS}/../test/load/attest-load', str(server.port), devices,
            str(connections), str(pairs), place.host, timeout=600, check=False)
    if not r.stdout:
        sys.exit(r.stderr + server.daemon.log[-2000:])
    return json.loads(r.stdout), r.stderr


def memory(server):
    sizes = []
    for pid in (server.daemon.pid, *children(server.daemon.pid)):
        with open(f'/proc/{pid}/status') as f:
            sizes.append(int(re.search(r'VmRSS:\s+(\d+) kB', f.read())[1]) / 1024)
    return sizes


def tell(what, result, server):
    print(f'{what:34} {result["pairs"]:5} served, {result["failed"]} not, in {result["seconds"]:6.2f} s; p50 '
          f'{result["p50_ms"]:6.2f} ms, p99 {result["p99_ms"]:7.2f} ms; atteztd and attezt-http '
          f'{" + ".join(f"{m:.1f}" for m in memory(server))} MB', flush=True)


def send_flood(address, port, bodies, n):
    """In a process of its own; prints how often which status came."""
    statuses = {}
    c = Client(f'http://{address}:{port}')
    for i in range(n):
        status = c.request('POST', '/attest', bodies[i % len(bodies)])[0]
        statuses[status] = statuses.get(status, 0) + 1
    print(json.dumps(statuses))


def start_flood(server, place, bodies):
    write(f'{RIG}/flood.json', json.dumps([b.decode() for b in bodies]).encode())
    return [subprocess.Popen(['ip', 'netns', 'exec', place.name, sys.executable, '-B', __file__, '--flood', place.host,
                              str(server.port), str(FLOOD // SENDERS)], stdout=subprocess.PIPE, text=True)
            for _ in range(SENDERS)]


def flood_statuses(senders):
    total = {}
    for s in senders:
        for status, n in json.loads(s.communicate()[0]).items():
            total[status] = total.get(status, 0) + n
    return total


def beside_loris(server, place, what):
    held = []
    with place.entered():
        for _ in range(LORIS):
            s = socket.create_connection((place.host, server.port))
            try:
                s.sendall(what)
            except OSError:
                pass
            held.append(s)
    return held


def measure(server, honest, hostile, devices):
    aks = [ak for _, ak, _ in devices[:1]]
    path = write_devices(f'{RIG}/honest', devices[:HONEST])
    load(honest, server, path, 1, 100)
    # The one in the middle: one run alone says too little of a machine that does other things, too.
    runs = sorted((load(honest, server, path, 1, PAIRS)[0] for _ in range(5)), key=lambda r: r['p99_ms'])
    idle = runs[len(runs) // 2]
    tell('an honest client alone', idle, server)
    print(f'{"":34} p99 of all five: {", ".join(str(r["p99_ms"]) for r in runs)} ms')
    for name, what in (('handshake', b''), ('headers', b'POST /attest HTTP/1.1\r\nX: '),
                       ('body', b'POST /attest HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n{')):
        held = beside_loris(server, hostile, what)
        result, _ = load(honest, server, path, 1, PAIRS)
        tell(f'beside {LORIS} that stop in the {name}', result, server)
        print(f'{"":34} p99 is {result["p99_ms"] / idle["p99_ms"]:.1f} times that of alone')
        for s in held:
            s.close()
    replay = json.dumps(attest_request(devices[0][0], devices[0][2])).encode()
    for name, bodies in (('garbage', [GARBAGE]), ('copies of a request', [replay]),
                         ('unknown devices', [json.dumps(attest_request(SoftEk(), aks[0].evidence())).encode()
                                              for _ in range(200)])):
        senders = start_flood(server, hostile, bodies)
        result, _ = load(honest, server, path, 1, PAIRS)
        while any(s.poll() is None for s in senders):
            more, _ = load(honest, server, path, 1, PAIRS // 4)
            result['p99_ms'] = max(result['p99_ms'], more['p99_ms'])
            result['failed'] += more['failed']
            result['pairs'] += more['pairs']
        tell(f'beside a flood of {name}', result, server)
        print(f'{"":34} p99 is {result["p99_ms"] / idle["p99_ms"]:.1f} times that of alone; the flood got '
              f'{flood_statuses(senders)}')


def main():
    bus = Bus()
    bus.start_polkit()
    vendor = Authority('Test TPM Vendor')
    roots = directory(f'{RIG}/vendor-roots')
    write(f'{roots}/root.pem', vendor.certificate)
    state = f'{RIG}/build/bench-state'  # on a disk: what is acknowledged is durable
    shutil.rmtree(state, ignore_errors=True)
    honest, hostile = Namespace('honest', 1), Namespace('hostile', 2)
    # The honest client stands for many: it has 64 devices, and each of them proves itself often.
    config = write(f'{RIG}/bench.conf', b'[HTTP]\nDeviceLimit=1000000/1h\n')
    server = Server([roots], state=directory(state, 'atteztd'), tls=False, listen=f'0.0.0.0:{free_port()}',
                    options=['--allow-plaintext', '--config', config])
    server.create_ca()
    aks = [SoftAk() for _ in range(8)]
    evidence = [ak.evidence() for ak in aks]
    devices = [(SoftEk(authority=vendor), aks[n % 8], evidence[n % 8]) for n in range(CROWD)]
    rows = 'hash,names,note\n' + ''.join(f'{ek.hash},crowd-{n},\n' for n, (ek, _, _) in enumerate(devices))
    cli('ca', 'import', write(f'{RIG}/crowd.csv', rows.encode()), timeout=300)
    print(f'memory before: {" + ".join(f"{m:.1f}" for m in memory(server))} MB')
    crowd = write_devices(f'{RIG}/crowd', devices)
    result, errors = load(honest, server, crowd, 32, CROWD)
    tell(f'{CROWD} devices at one address', result, server)
    if result['failed']:
        print(errors)
    measure(server, honest, hostile, devices)
    server.stop()
    honest.remove()
    hostile.remove()
    bus.stop()
    shutil.rmtree(state)


if sys.argv[1:2] == ['--flood']:
    with open(f'{RIG}/flood.json') as f:
        flood_bodies = [b.encode() for b in json.load(f)]
    send_flood(sys.argv[2], int(sys.argv[3]), flood_bodies, int(sys.argv[4]))
else:
    main()
