# SPDX-License-Identifier: MIT
"""What is let pass of EK certificates by setting."""
import datetime
import os

import pytest

import rig_device as dev
from rig_ca import Authority, now, write
from rig_device import Client, SoftAk, SoftEk
from rig_process import RIG


def yesterday():
    return now() - datetime.timedelta(days=1)


def answer_to(server, authority, **options):
    """What a device of its own gets at /secret with such an EK certificate."""
    e, ak = SoftEk(authority=authority, **options), SoftAk()
    client = Client(server.url, server.tls_root)
    server.enroll(e.hash, 'odd')
    try:
        status, answer = client.attest(e, ak)
        assert status == 200, answer
        return client.secret(dev.activate(e, ak, answer))[0]
    finally:
        server.remove(e.hash)
        client.close()


@pytest.mark.parametrize('setting,status', [
    ((), 200), (('AllowExpiredEK=no',), 403), (('AllowExpiredEK=Infineon',), 403),
    (('AllowExpiredEK=Infineon ACME',), 200), (('AllowExpiredEK=no', 'AllowExpiredEK=nonsense/'), 403),
])
def test_F4_expired_ek_certificates_by_vendor(configured_server, setting, status):
    s = configured_server
    authority = Authority('Acme TPM Root')
    directory = f'{RIG}/by-vendor'
    os.makedirs(f'{directory}/ACME', exist_ok=True)
    write(f'{directory}/ACME/root.pem', authority.certificate)
    roots, s.ek_roots = s.ek_roots, [directory]
    try:
        s.configure(*setting)
        s.restart()
        assert answer_to(s, authority, not_before=yesterday().replace(year=2020), not_after=yesterday()) == status
        assert answer_to(s, authority) == 200
        assert ('has expired' in s.daemon.log) == (status == 200)
    finally:
        s.ek_roots = roots
        s.configure()
        s.restart()
