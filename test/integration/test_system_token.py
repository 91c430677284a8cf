# SPDX-License-Identifier: MIT
"""The certificate in use on a machine that runs systemd: its sockets, its users, its descriptor store, its sessions."""
import pytest

from rig_process import eventually

PROGRAM = ('python3', '/opt/tree/test/integration/token_program.py')
TOKEN = 'Attestation Trust'


@pytest.fixture(scope='module')
def enrolled(packages, tpms, machines):
    """CA host and device in one: everything installed, and enrolled."""
    m = machines(packages, tpms.start())
    m.use_software_tpm()
    m.servers.enroll()
    m.add_user('alice')
    m.add_user('bob', 'attezt')
    yield m


class Program:
    def __init__(self, machine, user):
        self.process = machine.popen(*PROGRAM, user=user)

    def ask(self, what):
        self.process.stdin.write(what + '\n')
        return self.process.stdout.readline().strip()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(10)


def tokens(machine, user):
    """The labels that a user's programs see, by the module file alone."""
    text = machine.exec('p11tool', '--list-tokens', user=user).stdout
    return [line.split(': ')[1] for line in text.splitlines() if line.strip().startswith('Label:')]


def main_pid(machine, unit):
    return int(machine.show(unit, 'MainPID'))


def user_of(machine, unit):
    return machine.exec('ps', '-o', 'user:20=', '-p', str(main_pid(machine, unit))).stdout.strip()


def test_enrolled_by_the_printed_command(enrolled):
    status = enrolled.exec('attezt', 'status').stdout
    assert 'framework' in status, status


def test_a_member_of_the_group_uses_the_token(enrolled):
    assert TOKEN in tokens(enrolled, 'bob')
    with Program(enrolled, 'bob') as p:
        assert p.ask('list') == f'ok {TOKEN}'
        assert p.ask('sign').startswith('ok ')


def test_helpers_run_under_their_own_users_and_go_when_idle(enrolled):
    with Program(enrolled, 'bob') as p:
        assert p.ask('sign').startswith('ok ')
        assert user_of(enrolled, 'attezt-agent.service') == 'attezt'
        assert user_of(enrolled, 'attezt-tpm-signer.service') == 'attezt-tpm'
        eventually(lambda: enrolled.show('attezt-tpm-signer.service', 'ActiveState') == 'inactive', 'the signer is gone')
        assert enrolled.show('attezt-tpm-signer.service', 'Result') == 'success'
        assert p.ask('sign').startswith('ok '), 'and it comes back'
    assert enrolled.show('attezt-enroll.service', 'ActiveState') == 'inactive'
    assert enrolled.show('attezt-enroll.service', 'Result') == 'success'


def test_connections_survive_a_restart_of_the_agent(enrolled):
    with Program(enrolled, 'bob') as p, Program(enrolled, 'root') as q:
        assert p.ask('sign').startswith('ok ') and q.ask('list') == f'ok {TOKEN}'
        for n in range(3):
            before = main_pid(enrolled, 'attezt-agent.service')
            enrolled.systemctl('restart', 'attezt-agent.service')
            assert main_pid(enrolled, 'attezt-agent.service') not in (0, before)
            assert p.ask('list') == f'ok {TOKEN}'
            assert p.ask('sign').startswith('ok ')
            assert q.ask('sign').startswith('ok ')
    assert 'Going on with 2 connections' in enrolled.journal('attezt-agent.service')


def test_a_stranger_sees_an_empty_slot(enrolled):
    assert TOKEN not in tokens(enrolled, 'alice')
    modules = enrolled.exec('p11-kit', 'list-modules', user='alice').stdout
    assert 'attezt' in modules and TOKEN not in modules


def test_a_user_at_the_seat_sees_the_token(enrolled):
    with Program(enrolled, 'alice') as p:
        assert p.ask('list') == 'no token'
        session = enrolled.log_in('alice')
        try:
            assert TOKEN in tokens(enrolled, 'alice')
            eventually(lambda: p.ask('list') == f'ok {TOKEN}', 'the program that runs sees it, too')
            assert p.ask('sign').startswith('ok ')
        finally:
            enrolled.log_out(session)
        eventually(lambda: TOKEN not in tokens(enrolled, 'alice'), 'the token is gone')


def test_a_session_without_a_seat_is_no_session_here(enrolled):
    session = enrolled.log_in('alice', seat=None)
    try:
        assert TOKEN not in tokens(enrolled, 'alice')
    finally:
        enrolled.log_out(session)
