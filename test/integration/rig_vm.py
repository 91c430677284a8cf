# SPDX-License-Identifier: MIT
"""A machine with a kernel of its own (qemu, without hardware's help: some ten times slower): it has a TPM device, its
control groups have limits that hold, and its clock can be set."""
import json
import os
import select
import shutil
import socket
import subprocess
import time

from rig_process import PATIENCE, RIG, Daemon, eventually, run
from rig_system import System, make_overlay, write_file

KERNEL = RIG + '/cache/kernel'
MODULES = '''
drivers/virtio/virtio_ring drivers/virtio/virtio drivers/virtio/virtio_pci_modern_dev
drivers/virtio/virtio_pci_legacy_dev drivers/virtio/virtio_pci drivers/block/virtio_blk
arch/x86/crypto/crc32c-intel crypto/crc32c_generic fs/jbd2/jbd2 fs/mbcache lib/crc16 fs/ext4/ext4
fs/overlayfs/overlay fs/netfs/netfs fs/fscache/fscache net/9p/9pnet fs/9p/9p net/9p/9pnet_virtio
drivers/char/virtio_console
'''.split()
INIT = '''#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc; mount -t sysfs sysfs /sys; mount -t devtmpfs dev /dev
for m in $(cat /modules/order); do insmod /modules/$m.ko; done
until [ -b /dev/vda ]; do sleep 0.1; done
mount -t ext4 -o ro /dev/vda /ro; mount -t tmpfs tmpfs /rw; mkdir /rw/u /rw/w
mount -t overlay -o lowerdir=/ro,upperdir=/rw/u,workdir=/rw/w overlay /new
mkdir -p /new/host; mount -t 9p -o trans=virtio,version=9p2000.L,msize=262144 host /new/host
mount --move /proc /new/proc; mount --move /sys /new/sys; mount --move /dev /new/dev
exec switch_root /new /sbin/init
'''
# Does what a line of JSON says, and answers with one.
RUNNER = '''
import json, subprocess
with open('/dev/virtio-ports/rig', 'r+b', buffering=0) as port:
    buffer = b''
    while True:
        buffer += port.read(65536)
        while b'\\n' in buffer:
            line, _, buffer = buffer.partition(b'\\n')
            r = json.loads(line)
            p = subprocess.run(r['argv'], input=r['input'].encode(), stdout=-1, stderr=-1)
            answer = [p.returncode, *(t.decode(errors='backslashreplace') for t in (p.stdout, p.stderr))]
            answer = json.dumps(answer).encode() + b'\\n'
            while answer:
                answer = answer[port.write(answer):]
'''
RUNNER_UNIT = '''
[Unit]
BindsTo=dev-virtio\\x2dports-rig.device
After=dev-virtio\\x2dports-rig.device
[Service]
ExecStart=/usr/bin/python3 /usr/local/lib/runner.py
[Install]
WantedBy=multi-user.target
'''
BOOT_SECONDS = 180


class Vm(System):
    started = 0

    def __init__(self, packages, tpm_state):
        Vm.started += 1
        self.home = f'{RIG}/vm-{Vm.started}'
        root = make_overlay(self.home)
        for path, text in (('/etc/hostname', 'vm\n'), ('/usr/local/lib/runner.py', RUNNER),
                           ('/etc/hosts', '127.0.0.1 localhost vm ca.test attest.test\n::1 localhost\n'),
                           ('/etc/systemd/system/runner.service', RUNNER_UNIT),
                           # It has three, which are too few here while everything starts at once.
                           ('/etc/systemd/system/attezt-agent.service.d/slow.conf', '[Service]\nTimeoutStartSec=60s\n')):
            write_file(root + path, text)
        run('systemctl', '--root', root, 'enable', 'runner.service')
        # As whoever makes images does it.
        for p in packages:
            shutil.copy(p, f'{root}/tmp')
        run('chroot', root, 'sh', '-c', 'dpkg -i /tmp/*.deb && rm /tmp/*.deb', timeout=120)
        run('mke2fs', '-q', '-t', 'ext4', '-d', root, '-E', 'root_owner=0:0', f'{self.home}/disk', '2G', timeout=120)
        run('umount', root)
        self.make_initrd()
        os.makedirs(f'{self.home}/share/peers')
        run('mount', '--bind', f'{RIG}/cache/bin', f'{self.home}/share/peers')
        self.boot(tpm_state)
        self.exec('ln', '-s', '/host/peers', '/opt/peers')

    def make_initrd(self):
        top = f'{self.home}/initrd'
        for d in ('bin', 'modules', 'proc', 'sys', 'dev', 'ro', 'rw', 'new'):
            os.makedirs(f'{top}/{d}')
        shutil.copy('/bin/busybox', f'{top}/bin/busybox')
        write_file(f'{top}/init', INIT, 0o755)
        names = [m.split('/')[-1] for m in MODULES]
        write_file(f'{top}/modules/order', ' '.join(names))
        (version,) = os.listdir(f'{KERNEL}/lib/modules')
        for m, name in zip(MODULES, names):
            shutil.copy(f'{KERNEL}/lib/modules/{version}/kernel/{m}.ko', f'{top}/modules/{name}.ko')
        run('sh', '-c', f'cd {top} && find . | cpio -o -H newc --quiet >{self.home}/initrd.img')
        self.kernel = f'{KERNEL}/boot/vmlinuz-{version}'

    def boot(self, tpm_state):
        h = self.home
        self.swtpm = Daemon('swtpm', 'socket', '--tpm2', '--tpmstate', f'dir={tpm_state}', '--ctrl',
                            f'type=unixio,path={h}/tpm')
        eventually(lambda: os.path.exists(f'{h}/tpm'), 'swtpm listens')
        self.port = socket.socket(socket.AF_UNIX)
        self.daemon = Daemon(
            'qemu-system-x86_64', '-M', 'q35', '-accel', 'tcg,thread=multi', '-cpu', 'max', '-m', '1536', '-smp', '2',
            '-nographic', '-no-reboot', '-nic', 'none', '-kernel', self.kernel, '-initrd', f'{h}/initrd.img',
            '-append', 'console=ttyS0 quiet panic=-1 mitigations=off systemd.show_status=no',
            '-drive', f'file={h}/disk,if=virtio,format=raw,snapshot=on', '-device', 'virtio-rng-pci',
            '-fsdev', f'local,id=h,path={h}/share,security_model=none', '-device', 'virtio-9p-pci,fsdev=h,mount_tag=host',
            '-chardev', f'socket,id=tpm,path={h}/tpm', '-tpmdev', 'emulator,id=tpm0,chardev=tpm', '-device',
            'tpm-tis,tpmdev=tpm0', '-chardev', f'socket,id=rig,path={h}/rig,server=on,wait=off', '-device',
            'virtio-serial-pci', '-device', 'virtserialport,chardev=rig,name=rig', name='qemu')
        eventually(lambda: os.path.exists(f'{h}/rig'), 'qemu is there')
        self.port.connect(f'{h}/rig')
        self.buffer = b''
        self.ask({'argv': ['true'], 'input': ''}, BOOT_SECONDS)
        assert eventually(self.state, 'the machine is up', BOOT_SECONDS) == 'running', self.systemctl('--failed').stdout

    def ask(self, question, timeout):
        self.port.sendall(json.dumps(question).encode() + b'\n')
        end = time.monotonic() + timeout
        while b'\n' not in self.buffer:
            assert self.daemon.process.poll() is None, self.daemon.log
            if select.select([self.port], [], [], 1)[0]:
                self.buffer += self.port.recv(65536)
            assert time.monotonic() < end, f'no answer to {question}:\n{self.daemon.log}'
        line, _, self.buffer = self.buffer.partition(b'\n')
        return json.loads(line)

    def exec(self, *argv, user=None, check=True, input='', timeout=PATIENCE):
        home = '/root' if user in (None, 'root') else f'/home/{user}'
        environment = ['env', '-i', 'LANG=C.UTF-8', 'TERM=dumb', f'HOME={home}', 'DEBIAN_FRONTEND=noninteractive',
                       'PATH=/usr/sbin:/usr/bin:/sbin:/bin:/opt/peers']
        rc, out, err = self.ask({'argv': [*environment, *self.become(user), *argv], 'input': input}, timeout)
        assert not check or rc == 0, f'{argv} ended with {rc}\n{out}{err}'
        return subprocess.CompletedProcess(argv, rc, out, err)

    def write(self, path, text, mode=0o644):
        if isinstance(text, bytes):
            text = text.decode()
        self.exec('sh', '-c', f'mkdir -p "${{0%/*}}" && cat >"$0" && chmod {mode:o} "$0"', path, input=text)

    def read(self, path):
        return self.exec('cat', path).stdout

    def power_off(self):
        self.port.close()
        self.daemon.kill()
        self.swtpm.kill()
        run('umount', f'{self.home}/share/peers')
        shutil.rmtree(self.home, ignore_errors=True)
