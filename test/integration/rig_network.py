# SPDX-License-Identifier: MIT
"""A wire that wants 802.1X: hostapd with its own EAP server at one end, NetworkManager and wpa_supplicant at the
other."""
import json
import os

from rig_ca import Authority, write
from rig_process import Daemon, eventually, run

WIRE, SWITCH = 'wire0', 'switch0'
BUS_POLICY = '/usr/share/dbus-1/system.d/rig-wpa-supplicant.conf'
RADIUS_PORT, RADIUS_SECRET = 18120, 'secret'


def reload_bus():
    run('busctl', 'call', 'org.freedesktop.DBus', '/', 'org.freedesktop.DBus', 'ReloadConfig')


class EapServer:
    """hostapd: an authenticator on its end of the wire, or a RADIUS server that eapol_test asks."""
    def __init__(self, directory, clients, radius=False, name='radius.test'):
        self.directory = directory
        self.authority = Authority('Test Network Root')
        self.root = write(f'{directory}/network-root.pem', self.authority.certificate)
        certificate, key = self.authority.server(name, directory=directory, name='eap')
        self.clients = write(f'{directory}/clients.pem', *clients)
        write(f'{directory}/users', b'* TLS\n')
        write(f'{directory}/radius-clients', f'127.0.0.1 {RADIUS_SECRET}\n'.encode())
        place = (f'driver=none\nradius_server_clients={directory}/radius-clients\n'
                 f'radius_server_auth_port={RADIUS_PORT}\n' if radius else
                 f'driver=wired\ninterface={SWITCH}\nieee8021x=1\nuse_pae_group_addr=1\n')
        write(f'{directory}/hostapd.conf', (place + f'eap_server=1\neap_user_file={directory}/users\n'
                                            f'ca_cert={self.clients}\nserver_cert={certificate}\n'
                                            f'private_key={key}\n').encode())
        self.daemon = Daemon('hostapd', f'{directory}/hostapd.conf')
        self.daemon.wait_line('ENABLED')

    def stop(self):
        self.daemon.stop(expect=None)


class Wire:
    def __enter__(self):
        run('ip', 'link', 'add', WIRE, 'type', 'veth', 'peer', 'name', SWITCH)
        run('ip', 'link', 'set', SWITCH, 'up')
        return self

    def __exit__(self, *_):
        run('ip', 'link', 'del', WIRE, check=False)


class NetworkManager:
    """With wpa_supplicant, as they are packaged, but without udev, which a read-only /sys tells NetworkManager."""
    def __init__(self):
        write(BUS_POLICY, b'<busconfig><policy user="root"><allow own="fi.w1.wpa_supplicant1"/>'
                          b'<allow send_destination="fi.w1.wpa_supplicant1"/></policy></busconfig>')
        reload_bus()
        os.makedirs('/etc/NetworkManager', exist_ok=True)
        write('/etc/NetworkManager/NetworkManager.conf',
              f'[main]\nplugins=keyfile\ndhcp=internal\ndns=none\nno-auto-default=*\nhostname-mode=none\n'
              f'[keyfile]\nunmanaged-devices=interface-name:{SWITCH}\n'.encode())
        self.supplicant = Daemon('wpa_supplicant', '-u', '-O', '/run/wpa_supplicant')
        self.daemon = Daemon('unshare', '--mount', '/bin/sh', '-c',
                             'mount -t sysfs -o ro sysfs /sys && exec NetworkManager --no-daemon',
                             name='NetworkManager')
        eventually(lambda: run('nmcli', 'general', check=False).returncode == 0, 'NetworkManager answers')

    def stop(self):
        self.daemon.stop(expect=None)
        self.supplicant.stop(expect=None)
        os.unlink(BUS_POLICY)
        reload_bus()

    def add(self, name, *settings):
        run('nmcli', 'connection', 'add', 'type', 'ethernet', 'ifname', WIRE, 'con-name', name, 'autoconnect', 'no',
            'ipv4.method', 'disabled', 'ipv6.method', 'disabled', *settings)

    def settings(self, name):
        """{setting: value} of all that is set, and the password, which nmcli itself does not always get in time."""
        lines = run('nmcli', '-t', 'connection', 'show', name).stdout.splitlines()
        found = dict(line.split(':', 1) for line in lines
                     if ':' in line and not line.startswith(('GENERAL', 'connection.timestamp')))
        paths = dict(line.rsplit(':', 1) for line in
                     run('nmcli', '-t', '-f', 'NAME,DBUS-PATH', 'connection', 'show').stdout.splitlines())
        secrets = run('busctl', '--json=short', 'call', 'org.freedesktop.NetworkManager', paths[name],
                      'org.freedesktop.NetworkManager.Settings.Connection', 'GetSecrets', 's', '802-1x', check=False)
        data = json.loads(secrets.stdout)['data'][0] if secrets.returncode == 0 else {}
        return {**found, '802-1x.password': data.get('802-1x', {}).get('password', {}).get('data', '')}

    def up(self, name):
        return run('nmcli', '--wait', '30', 'connection', 'up', name, check=False)

    def down(self, name):
        run('nmcli', 'connection', 'down', name)

    def delete(self, name):
        run('nmcli', 'connection', 'delete', name, check=False)
