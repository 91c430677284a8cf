# SPDX-License-Identifier: MIT
"""What atteztd keeps in memory alone, and knows again after a restart."""
import rig_bus
import rig_front as front
from rig_ca import new_key
from rig_device import SoftAk, SoftEk
from rig_front import BUSY, OK, Front, attest, secret
from rig_process import RIG, dies, eventually
from rig_programs import SERVER, directory

PATH = f'{RIG}/recall.sock'
STATE = f'{RIG}/recall'


def running():
    """atteztd, behind its socket, started by a connection."""
    daemon = front.behind_socket(PATH, STATE, '--verbose')
    Front(PATH).socket.close()
    eventually(lambda: rig_bus.call('org.freedesktop.DBus', '/org/freedesktop/DBus', 'org.freedesktop.DBus',
                                    'NameHasOwner', 's', SERVER[0])[0], 'atteztd is on the bus')
    return daemon


def issue(f, ek, ak):
    assert f.ask(secret(ek.activate(*f.ask(attest(ek.key, ak.key))[3], ak.name)))[2] == OK


def test_U5_last_certified_ak_has_its_place_after_a_restart(bus):
    """Somebody fills the table as soon as atteztd is there again: whoever was certified before is served."""
    directory(STATE, 'atteztd')
    daemon = running()
    eks = {'p256': SoftEk(), 'rsa2048': SoftEk(), 'off': SoftEk(), 'never': SoftEk()}
    aks = {'p256': SoftAk('p256'), 'rsa2048': SoftAk('rsa2048'), 'off': SoftAk('p256'), 'never': SoftAk('p256')}
    old = SoftAk('p256')
    try:
        rig_bus.call(*SERVER, 'CreateCA', 'sa{sv}', 'Test', 0)
        for name, ek in eks.items():
            rig_bus.call(*SERVER, 'Enroll', 'sasa{sv}', ek.hash, 1, name, 1, 'pinned', 'b', 'true')
        with Front(PATH) as f:
            issue(f, eks['p256'], old)
            for name in ('p256', 'rsa2048', 'off'):
                issue(f, eks[name], aks[name])
        rig_bus.call(*SERVER, 'Revoke', 'sa{sv}', 'off', 0)
        dies(daemon.pid)
        daemon.wait()
        daemon = running()
        daemon.wait_line('Known again: the AKs of 2 devices')
        flood = SoftEk()
        with Front(PATH) as f:
            while f.ask(attest(flood.key, new_key('p256')))[2] == OK:
                pass
            answers = {name: f.ask(attest(ek.key, aks[name].key))[2] for name, ek in eks.items()}
            assert answers == {'p256': OK, 'rsa2048': OK, 'off': BUSY, 'never': BUSY}
            assert f.ask(attest(eks['p256'].key, old.key))[2] == BUSY
    finally:
        daemon.stop()
