# SPDX-License-Identifier: MIT
"""What uses the device's token: a web server that wants its certificate, and the ways by which clients find it."""
import os
import shutil

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, utils

import p11kit_rpc as rpc
from rig_ca import Authority, write
from rig_process import RIG, Daemon, eventually, free_port, port_open, run

LIBRARIES = f'/usr/lib/{os.uname().machine}-linux-gnu'
CLIENT = f'{LIBRARIES}/pkcs11/p11-kit-client.so'    # goes where P11_KIT_SERVER_ADDRESS says
PROXY = f'{LIBRARIES}/p11-kit-proxy.so'             # asks all that have a module file
MODULES = '/etc/pkcs11/modules'                     # inside test/inside nobody else's
TOKEN = 'Attestation Trust'
CERTIFICATE_LABEL, KEY_LABEL = 'Attezt TPM Certificate', 'Attezt TPM key'
INTERMEDIATE_LABEL, INTERMEDIATE_KEY_LABEL = 'Intermediate Certificate', 'Intermediate Certificate Public Key'
CERTIFICATE = 'pkcs11:token=Attestation%20Trust;object=Attezt%20TPM%20Certificate;type=cert'
KEY = 'pkcs11:token=Attestation%20Trust;object=Attezt%20TPM%20key;type=private'
SLOT_FLAGS = 7                                      # TOKEN_PRESENT, REMOVABLE_DEVICE, HW_SLOT
DIGEST = bytes(range(32))                           # to be signed


def address(path):
    """The environment of a client that is told where the socket is."""
    return {'P11_KIT_SERVER_ADDRESS': f'unix:path={path}'}


class ModuleFile:
    """Makes the socket known to every program, while a with statement lasts."""
    def __init__(self, path):
        self.path = path

    def __enter__(self):
        os.makedirs(MODULES, exist_ok=True)
        write(f'{MODULES}/attezt.module', f'remote: unix:path={self.path}\n'.encode())
        return self

    def __exit__(self, *_):
        os.unlink(f'{MODULES}/attezt.module')


class WebServer:
    """nginx with three ports: TLS 1.3, TLS 1.2, and one that knows the root only, so that the client has to send the
    intermediate certificate too. Its pages tell what it saw of the client."""
    started = 0

    def __init__(self, root, intermediate):
        WebServer.started += 1
        self.directory = f'{RIG}/nginx-{WebServer.started}'
        os.makedirs(self.directory)
        authority = Authority('Test Web Root')
        self.root_file = write(f'{self.directory}/root.crt', authority.certificate)
        self.certificate, self.key = authority.server('localhost', 'one.test', 'two.test', directory=self.directory)
        write(f'{self.directory}/both.crt', root, intermediate)
        write(f'{self.directory}/only-root.crt', root)
        self.port, self.port12, self.port_root = free_port(), free_port(), free_port()
        write(f'{self.directory}/nginx.conf', self.configuration().encode())
        self.daemon = Daemon('nginx', '-e', 'stderr', '-c', f'{self.directory}/nginx.conf', name='nginx')
        for port in (self.port, self.port12, self.port_root):
            eventually(lambda: port_open(port), 'nginx listens')

    def configuration(self):
        d = self.directory
        servers = ''.join(f'''
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_protocols {protocol};
        ssl_client_certificate {d}/{clients}.crt;
        location / {{
            return 200 "verify=$ssl_client_verify serial=$ssl_client_serial protocol=$ssl_protocol\\n";
        }}
    }}''' for port, protocol, clients in ((self.port, 'TLSv1.3', 'both'), (self.port12, 'TLSv1.2', 'both'),
                                         (self.port_root, 'TLSv1.2 TLSv1.3', 'only-root')))
        # Without memory of earlier handshakes: each connection shows what the client can do now.
        return f'''
daemon off;
master_process off;
pid {d}/pid;
error_log stderr info;
events {{ }}
http {{
    access_log off;
    default_type text/plain;
    client_body_temp_path {d}/tmp; proxy_temp_path {d}/tmp; fastcgi_temp_path {d}/tmp;
    uwsgi_temp_path {d}/tmp; scgi_temp_path {d}/tmp;
    keepalive_timeout 0;
    ssl_certificate {self.certificate};
    ssl_certificate_key {self.key};
    ssl_verify_client on;
    ssl_verify_depth 2;
    ssl_session_cache off;
    ssl_session_tickets off;{servers}
}}
'''

    def url(self, port=None, host='localhost'):
        return f'https://{host}:{port or self.port}/'

    def stop(self):
        self.daemon.stop(expect=None)


def page_of(certificate):
    """What the web server's page tells of a client with that certificate."""
    n = certificate.serial_number
    return f'verify=SUCCESS serial={n.to_bytes((n.bit_length() + 7) // 8, "big").hex().upper()} '


class Database:
    """NSS's: certificates, trust, and a list of modules."""
    def __init__(self, directory, module=CLIENT, environment=None):
        self.directory, self.env = f'sql:{directory}', environment or {}
        shutil.rmtree(directory, ignore_errors=True)
        os.makedirs(directory)
        self.tool('certutil', '-N', '--empty-password')
        run('modutil', '-force', '-dbdir', self.directory, '-add', 'attezt', '-libfile', module, env=self.env)

    def tool(self, name, *arguments, **kwargs):
        return run(name, '-d', self.directory, *arguments, env=self.env, **kwargs)

    def trust(self, path):
        self.tool('certutil', '-A', '-n', 'web', '-t', 'C,,', '-i', path)


# ---- Signatures of DIGEST over p11kit_rpc

def verify(certificate, signature):
    key = certificate.public_key()
    if isinstance(key, ec.EllipticCurvePublicKey):
        der = utils.encode_dss_signature(int.from_bytes(signature[:32], 'big'), int.from_bytes(signature[32:], 'big'))
        key.verify(der, DIGEST, ec.ECDSA(utils.Prehashed(hashes.SHA256())))
    else:
        key.verify(signature, DIGEST, padding.PSS(padding.MGF1(hashes.SHA256()), 32), utils.Prehashed(hashes.SHA256()))


def begin(connection, session, key, kind='p-256'):
    if kind == 'p-256':
        connection.sign_init(session, key, rpc.CKM_ECDSA)
    else:
        connection.sign_init(session, key, rpc.CKM_RSA_PKCS_PSS, rpc.pss(rpc.CKM_SHA256, rpc.CKG_MGF1_SHA256, 32))


def signature_of(connection, session, key, kind='p-256'):
    begin(connection, session, key, kind)
    return connection.sign(session, DIGEST)
