# SPDX-License-Identifier: MIT
"""test/bench inventory: what an inventory of many devices costs."""
import os
import shutil
import subprocess
import sys
import time

from rig_bus import Bus
from rig_ca import write
from rig_process import ENVIRONMENT, RIG
from rig_programs import Server, cli, directory, program

DEVICES = int(sys.argv[1]) if len(sys.argv) > 1 else 100000


def memory(pid, what='VmRSS'):
    with open(f'/proc/{pid}/status') as f:
        return next(int(line.split()[1]) / 1024 for line in f if line.startswith(what))


def measure(server, what, *arguments):
    started = time.monotonic()
    r = cli(*arguments, timeout=600)
    print(f'{what:40} {time.monotonic() - started:7.2f} s, atteztd {memory(server.daemon.pid):6.1f} MB, at most '
          f'{memory(server.daemon.pid, "VmHWM"):6.1f} MB', flush=True)
    return r


def shared_memory():
    """MB of all memfds: no process's VmRSS has them, but the control group of whoever wrote them has."""
    with open('/proc/meminfo') as f:
        return next(int(line.split()[1]) / 1024 for line in f if line.startswith('Shmem:'))


def measure_backup(server, folder):
    """It is assembled in a memfd of atteztd's, and copied into one of attezt's."""
    path, before, most = f'{folder}/backup', shared_memory(), 0
    passphrase = write(f'{RIG}/passphrase', b'correct horse battery staple\n')
    started = time.monotonic()
    p = subprocess.Popen([program('attezt'), 'ca', 'backup', path, '--passphrase-file', passphrase], env=ENVIRONMENT,
                         stdout=subprocess.DEVNULL)
    while True:
        pid, status, usage = os.wait4(p.pid, os.WNOHANG)
        most = max(most, shared_memory() - before)
        if pid:
            break
        time.sleep(0.005)
    assert status == 0
    print(f'{"backup":40} {time.monotonic() - started:7.2f} s, atteztd {memory(server.daemon.pid):6.1f} MB, attezt at most '
          f'{usage.ru_maxrss / 1024:.1f} MB, memfds at most {most:.1f} MB, file {os.stat(path).st_size / 2**20:.1f} MB of '
          f'{os.stat(server.state + "/inventory.tdb").st_size / 2**20:.1f} MB', flush=True)


def main():
    bus = Bus()
    bus.start_polkit()
    state = f'{RIG}/build/bench-state'  # on a disk: what is acknowledged is durable
    shutil.rmtree(state, ignore_errors=True)
    server = Server(state=directory(state, 'atteztd'), tls=False)
    path = write(f'{RIG}/devices.csv', ('hash,names,note\n' + ''.join(
        f'{n * 0x9e3779b97f4a7c15 % 2**256:064x},host-{n}.example.org,room {n % 100}\n' for n in range(DEVICES))).encode())
    print(f'{DEVICES} devices')
    measure(server, 'dry run', 'ca', 'import', path, '--dry-run')
    measure(server, 'import', 'ca', 'import', path)
    assert server.counts()['devices'] == DEVICES
    measure(server, 'import again: nothing to do', 'ca', 'import', path)
    measure(server, 'list', 'ca', 'list')
    measure(server, 'export as CSV', 'ca', 'export', '--format', 'csv')
    measure(server, 'one look-up, with the start of attezt', 'ca', 'lookup', f'host-{DEVICES // 2}.example.org')
    measure(server, 'one change, the same', 'ca', 'set', f'host-{DEVICES // 3}.example.org', '--note', 'moved')
    server.create_ca()
    measure_backup(server, state)
    started = time.monotonic()
    server.restart()
    print(f'restart                                  {time.monotonic() - started:7.2f} s, atteztd '
          f'{memory(server.daemon.pid):6.1f} MB')
    server.stop()
    bus.stop()
    shutil.rmtree(state)


main()
