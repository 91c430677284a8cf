# SPDX-License-Identifier: MIT
"""How the token's socket comes to be: by whom it is made, what the agent needs to serve it, and what it may do."""
import configparser
import glob
import grp
import os
import pwd
import re
import signal
import socket
import sys
import time

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

import p11kit_rpc as rpc
from p11kit_rpc import CKR_DEVICE_REMOVED, Connection, connect, connect_as, refused
from rig_ca import load_chain
from rig_pkcs11 import PROXY, signature_of, verify
from rig_process import ACTIVATE, RIG, Daemon, as_user, eventually, run
from rig_programs import cli, program


@pytest.fixture
def enrolled(server, stepca, new_device):
    d = new_device(server, stepca)
    server.enroll(d.tpm.ek_hash(), 'framework')
    d.enroll(stepca, server)
    yield d
    server.forget_all()


def leaf_of(device):
    return load_chain(device.file('device.crt'))[0]


def signs(device):
    with Connection(device.p11kit) as c:
        s = c.open_session()
        verify(leaf_of(device), signature_of(c, s, c.device_key(s)))
    return True


def unit(name):
    """A unit of ours, as it is before meson fills in directories."""
    [path] = glob.glob(f'{RIG}/tree/units/{name}') + glob.glob(f'{RIG}/tree/units/{name}.in')
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = str
    parser.read(path)
    return parser


def test_module_file():
    """What a package installs, to the letter; p11-kit takes it, even where no agent runs."""
    [path] = glob.glob(f'{RIG}/tree/units/attezt.module*')
    with open(path) as f:
        lines = [line for line in f.read().splitlines() if line and not line.startswith('#')]
    assert lines == ['remote: unix:path=/run/attezt/p11kit.socket']
    os.makedirs('/etc/pkcs11/modules', exist_ok=True)
    with open('/etc/pkcs11/modules/attezt.module', 'w') as f:
        f.write(lines[0] + '\n')
    try:
        r = run('pkcs11-tool', '--module', PROXY, '-L')
        assert 'error' not in r.stderr.lower(), r.stderr
    finally:
        os.unlink('/etc/pkcs11/modules/attezt.module')


def test_socket_unit():
    socket = unit('attezt-agent.socket')['Socket']
    assert socket['ListenStream'] == '/run/attezt/p11kit.socket' and socket['SocketMode'] == '0666'
    service = unit('attezt-agent.service')['Service']
    assert int(service['FileDescriptorStoreMax']) >= 64
    assert service.get('PrivateUsers', 'no') == 'no' and service['PrivateNetwork'] == 'yes'
    assert 'tss' not in service.get('SupplementaryGroups', '')


def test_socket_activation(enrolled):
    """The socket is there before the agent, and the first client starts it."""
    enrolled.stop()
    name = unit('attezt-agent.socket')['Socket'].get('FileDescriptorName', 'attezt-agent.socket')
    path = f'{enrolled.home}/activated.socket'
    manager = Daemon(*ACTIVATE, '--listen', path, '--fdname', name,
                     *as_user('attezt', [program('attezt-agent'), *enrolled.options]), name='activation')
    try:
        manager.wait_line('Listening on')
        os.chmod(path, 0o666)
        early = connect(path)
        early.sendall(b'\0')
        with Connection(path) as c:
            s = c.open_session()
            verify(leaf_of(enrolled), signature_of(c, s, c.device_key(s)))
        assert early.recv(1) == b'\0'
        early.close()
        assert enrolled.property('State') == 'enrolled'
    finally:
        manager.stop(expect=None)
        assert os.path.exists(path), 'it is not the agent\'s to remove'


def test_two_at_once(enrolled):
    """Of several agents that find a socket which nobody listens on one gets it; the others end and leave it alone."""
    enrolled.agent.kill()
    agents = [Daemon(program('attezt-agent'), *enrolled.options, user='attezt', name=f'agent-{i}',
                     env={'DBUS_SYSTEM_BUS_ADDRESS': 'unix:path=/run/nothing'}) for i in range(6)]
    eventually(lambda: sum(a.process.poll() is None for a in agents) == 1, 'all but one to end', timeout=30)
    [winner] = [a for a in agents if a.process.poll() is None]
    for a in agents:
        if a is not winner:
            assert a.wait() == 1 and 'Address already in use' in a.log
    assert signs(enrolled)
    winner.stop(expect=None)
    assert not os.path.exists(enrolled.p11kit)


def test_end_leaves_another_socket(enrolled):
    """What somebody put in its place is not its to remove."""
    os.unlink(enrolled.p11kit)
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(enrolled.p11kit)
        enrolled.stop()
        assert os.path.exists(enrolled.p11kit)
    os.unlink(enrolled.p11kit)


def test_left_over_socket(enrolled):
    """After a crash the old socket's file is there; the next agent takes its place."""
    enrolled.agent.kill()
    assert os.path.exists(enrolled.p11kit)
    enrolled.start()
    assert signs(enrolled)


def test_without_a_bus(enrolled):
    """A client of p11-kit does not wait for D-Bus."""
    enrolled.stop()
    agent = Daemon(program('attezt-agent'), *enrolled.options, user='attezt',
                   env={'DBUS_SYSTEM_BUS_ADDRESS': 'unix:path=/run/nothing'})
    try:
        eventually(lambda: os.path.exists(enrolled.p11kit), 'the socket', timeout=20)
        assert signs(enrolled)
    finally:
        agent.stop(expect=None)


def test_with_a_bus_that_does_not_answer(enrolled):
    enrolled.stop()
    path = f'{RIG}/silent-bus'
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(path)
        os.chmod(path, 0o666)
        silent.listen()
        agent = Daemon(program('attezt-agent'), *enrolled.options, user='attezt',
                       env={'DBUS_SYSTEM_BUS_ADDRESS': f'unix:path={path}'})
        try:
            eventually(lambda: os.path.exists(enrolled.p11kit), 'the socket', timeout=5)
            started = time.monotonic()
            assert signs(enrolled) and time.monotonic() - started < 5
        finally:
            agent.stop(expect=None)
            os.unlink(path)


def test_end_with_a_bus_that_is_stuck(enrolled, bus):
    """Nothing is owed to it: the agent ends, and takes its socket along."""
    bus.daemon.signal(signal.SIGSTOP)
    try:
        started = time.monotonic()
        enrolled.stop()
        assert time.monotonic() - started < 10 and not os.path.exists(enrolled.p11kit)
    finally:
        bus.daemon.signal(signal.SIGCONT)


def test_no_user_database_is_asked(enrolled, agent_conf):
    """It may wait for a network, and use p11-kit, which would wait for the agent: here it waits for ever."""
    agent_conf('TokenUsers=nobody nosuchuser', 'TokenGroups=daemon nosuchgroup')
    enrolled.stop()
    fifo = f'{RIG}/nsswitch.conf'
    os.mkfifo(fifo)
    user = pwd.getpwnam('attezt')
    become = ('import os, sys; os.setgroups([]); '
              f'os.setgid({user.pw_gid}); os.setuid({user.pw_uid}); os.execv(sys.argv[1], sys.argv[1:])')
    agent = Daemon('unshare', '--mount', 'sh', '-ec', f'mount --bind {fifo} /etc/nsswitch.conf; exec "$@"', '-',
                   sys.executable, '-c', become, program('attezt-agent'), *enrolled.options, name='attezt-agent')
    try:
        eventually(lambda: os.path.exists(enrolled.p11kit), 'the socket', timeout=5)
        assert present(enrolled, 'nobody') and present(enrolled, 'daemon') and not present(enrolled, 'games')
    finally:
        agent.stop(expect=None)
        os.unlink(fifo)


def test_a_bus_that_comes_later(enrolled, bus):
    """The service appears when there is a bus; the token was there before."""
    enrolled.stop()
    link = f'{RIG}/later-bus'
    agent = Daemon(program('attezt-agent'), *enrolled.options, user='attezt',
                   env={'DBUS_SYSTEM_BUS_ADDRESS': f'unix:path={link}'})
    try:
        eventually(lambda: os.path.exists(enrolled.p11kit), 'the socket', timeout=5)
        os.symlink('/run/dbus/system_bus_socket', link)
        eventually(lambda: cli('status', check=False).returncode == 0, 'the service', timeout=20)
    finally:
        agent.stop(expect=None)
        os.unlink(link)


@pytest.mark.parametrize('content', [b'', b'-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n', None])
def test_broken_state(enrolled, content):
    """Worth an empty slot and a line in the journal, not silence; the next enrolment mends it."""
    enrolled.stop()
    paths = [p for p in glob.glob(f'{enrolled.state}/**/device.crt', recursive=True) if not os.path.islink(p)]
    for path in {os.path.realpath(p) for p in paths}:
        if content is None:
            os.unlink(path)
        else:
            with open(path, 'wb') as f:
                f.write(content)
    enrolled.start()
    with Connection(enrolled.p11kit) as c:
        assert len(c.slots(present=False)) == 1 and c.slots() == []


# ---- Users and helpers

def test_as_under_systemd(server, stepca, new_device):
    """The agent has neither the TPM nor the right to read the key's file; helpers of another user have."""
    device = new_device(server, stepca, start=False, owner='attezt-tpm')
    device.start_helper_socket('attezt-enroll', '--ca-dir', device.ca_dir)
    device.start_helper_socket('attezt-tpm-signer')
    device.start()
    server.enroll(device.tpm.ek_hash(), 'two-users')
    with open(f'/proc/{device.agent.pid}/status') as f:
        groups = re.search('Groups:(.*)', f.read())[1].split()
    assert str(grp.getgrnam('tss').gr_gid) not in groups
    device.enroll(stepca, server)
    before = leaf_of(device)
    with Connection(device.p11kit) as c:
        s = c.open_session()
        key, (_, certificate) = c.device_key(s), c.device_certificate(s)
        assert certificate == before.public_bytes(Encoding.DER)
        verify(before, signature_of(c, s, key))
        cli('renew')
        t = c.open_session()
        verify(leaf_of(device), signature_of(c, t, c.device_key(t)))
        verify(before, signature_of(c, t, key))
    assert 'attezt-tpm-signer' in ' '.join(device.helpers) and os.listdir('/run/attezt-tpm-signer')
    server.forget_all()


def present(device, user):
    with Connection(sock=connect_as(user, device.p11kit)) as c:
        return c.slots() != []


@pytest.fixture
def agent_conf(enrolled):
    """Starts the agent anew with these lines."""
    path = '/etc/attezt/agent.conf'
    os.makedirs(os.path.dirname(path), exist_ok=True)

    def configure(*lines):
        enrolled.stop()
        with open(path, 'w') as f:
            f.write('\n'.join(['[Agent]', *lines, '']))
        enrolled.start()
    yield configure
    if os.path.exists(path):
        os.unlink(path)


@pytest.mark.parametrize('setting', ['TokenUsers=nobody', 'TokenUsers=@seat nobody', 'TokenGroups=nogroup',
                                     'TokenUsers=65534', 'TokenUsers=nosuchuser nobody'])
def test_widened(enrolled, agent_conf, setting):
    """By agent.conf."""
    assert not present(enrolled, 'nobody')
    agent_conf(setting)
    assert present(enrolled, 'nobody') and not present(enrolled, 'games')
    assert present(enrolled, 'root')


def seat_session(uid):
    """What logind keeps of a user who sits at this machine."""
    os.makedirs('/run/systemd/users', exist_ok=True)
    path = f'/run/systemd/users/{uid}'
    with open(path + '.new', 'w') as f:
        f.write('NAME=games\nSTATE=active\nSEATS=seat0\nACTIVE_SEATS=seat0\nONLINE_SEATS=seat0\n')
    os.rename(path + '.new', path)
    return path


def test_narrowed(enrolled, agent_conf):
    """A setting takes the place of the default: who is named, and root."""
    group = [grp.getgrnam('attezt').gr_gid]

    def member():
        with Connection(sock=connect_as('nobody', enrolled.p11kit, groups=group)) as c:
            return c.slots() != []
    session = seat_session(pwd.getpwnam('games').pw_uid)
    try:
        assert present(enrolled, 'games') and member()
        agent_conf('TokenUsers=root')
        assert not present(enrolled, 'games') and member() and present(enrolled, 'root')
        agent_conf('TokenUsers=daemon @seat', 'TokenGroups=daemon')
        assert present(enrolled, 'games') and present(enrolled, 'daemon') and not member()
    finally:
        os.unlink(session)


def test_session_comes_and_goes(enrolled):
    """A program that runs sees the token while its user sits at the machine, and no longer."""
    enrolled.stop()
    os.makedirs('/run/systemd/users', exist_ok=True) # there from the boot on, where logind is
    enrolled.start()
    with Connection(sock=connect_as('games', enrolled.p11kit)) as c:
        assert c.slots() == []
        path = seat_session(pwd.getpwnam('games').pw_uid)
        try:
            eventually(lambda: c.slots() != [], 'the token')
            s = c.open_session()
            key = c.device_key(s)
            verify(leaf_of(enrolled), signature_of(c, s, key))
        finally:
            os.unlink(path)
        eventually(lambda: c.slots() == [], 'the empty slot')
        assert refused(signature_of, c, s, key) == CKR_DEVICE_REMOVED
    assert signs(enrolled)


def test_settings_read_again(enrolled, agent_conf):
    """Those who are connected, too."""
    agent_conf('TokenUsers=games')
    with Connection(sock=connect_as('games', enrolled.p11kit)) as c:
        assert c.slots() != []
        with open('/etc/attezt/agent.conf', 'w') as f:
            f.write('[Agent]\nTokenUsers=daemon\n')
        os.kill(enrolled.agent.pid, signal.SIGHUP)
        eventually(lambda: c.slots() == [], 'the empty slot')


def test_strangers_share_a_few_places(enrolled):
    """However many users they are (a user may have as many uids as he likes)."""
    def answered(connections):
        n = 0
        for sock in connections:
            try:
                Connection(sock=sock).slots(present=False)
                n += 1
            except rpc.Closed:
                pass
        return n
    kept = [connect_as(user, enrolled.p11kit, 40) for user in ('nobody', 'games', 'daemon', 'bin')]
    assert 48 < sum(answered(k) for k in kept) <= 64
    assert present(enrolled, 'root') and signs(enrolled)
    for k in kept:
        for sock in k:
            sock.close()


def test_members_share_places(enrolled):
    """A group goes along with subordinate uids: whoever has it does not take the places of others."""
    group = [grp.getgrnam('attezt').gr_gid]
    kept = [connect_as(user, enrolled.p11kit, 40, groups=group) for user in ('nobody', 'games', 'daemon', 'bin')]
    answered = 0
    for sock in [sock for k in kept for sock in k]:
        try:
            answered += Connection(sock=sock).slots() != []
        except rpc.Closed:
            pass
    assert 48 < answered <= 96
    assert present(enrolled, 'root') and signs(enrolled) and not present(enrolled, 'man')
    for k in kept:
        for sock in k:
            sock.close()


def test_B8_no_descriptor_left(enrolled):
    """The agent neither spins nor fills the journal, and goes on when there are some."""
    enrolled.stop()
    agent = Daemon('/usr/bin/prlimit', '--nofile=40', program('attezt-agent'), *enrolled.options, user='attezt')
    try:
        eventually(lambda: os.path.exists(enrolled.p11kit), 'the socket', timeout=20)
        many = [connect(enrolled.p11kit) for _ in range(45)]
        time.sleep(0.5)
        before = cpu_ticks(agent)
        time.sleep(2)
        assert cpu_ticks(agent) - before < os.sysconf('SC_CLK_TCK') / 2
        assert 1 <= agent.log.count('cannot be accepted now') <= 5, agent.log
        for sock in many:
            sock.close()
        eventually(lambda: present(enrolled, 'root'), 'an answer', timeout=10)
    finally:
        agent.stop(expect=None)


def cpu_ticks(daemon):
    with open(f'/proc/{daemon.pid}/stat') as f:
        fields = f.read().rpartition(')')[2].split()
    return int(fields[11]) + int(fields[12])
