# SPDX-License-Identifier: MIT
"""What the tests share. They run inside test/inside, as root, started by test/run."""
import os
import shutil
import signal

import pytest

import rig_process
from rig_process import RIG, Daemon, run, sanitizer_reports

TEST_SECONDS = 300


def pytest_configure(config):
    config.addinivalue_line('markers', 'seconds(n): a time limit other than the usual one')
    assert os.path.isdir(RIG + '/tree') and os.getuid() == 0, 'run me through test/run'
    # An earlier suite in the same namespaces has left its files.
    for name in set(os.listdir(RIG)) - {'tree', 'build', 'cache', 'home', 'log', 'over', 'sanitizer'}:
        path = f'{RIG}/{name}'
        shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)


@pytest.fixture(autouse=True)
def time_limit(request):
    """No test hangs the suite."""
    def late(*_):
        raise TimeoutError(f'{request.node.name} took more than {seconds} s')
    marker = request.node.get_closest_marker('seconds')
    seconds = marker.args[0] if marker else TEST_SECONDS
    signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    yield
    signal.alarm(0)


@pytest.fixture(autouse=True)
def sanitizers_silent():
    """A report of a sanitizer fails the test in which it appears, whatever the test itself thinks."""
    yield
    reports = sanitizer_reports()
    for d in Daemon.running:
        if rig_process.SANITIZER_WORDS.search(d.log):
            reports += d.log
    assert not reports, reports


@pytest.fixture(scope='session')
def bus():
    from rig_bus import Bus
    b = Bus()
    b.start_polkit()
    yield b
    b.stop()


@pytest.fixture(scope='session')
def tpms():
    from rig_tpm import Maker
    return Maker()


@pytest.fixture
def scratch():
    """A directory that other users can reach, for one test."""
    path = f'{RIG}/scratch'
    shutil.rmtree(path, ignore_errors=True)
    os.makedirs(path)
    return path


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failure shows the last words of everything that was running."""
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        for d in list(Daemon.running):
            report.sections.append((f'{d.name} ({d.pid})', '\n'.join(d.lines[-60:])))


# ---- Machines that boot systemd

@pytest.fixture(scope='session')
def packages():
    """The .deb files by name, built from the tree."""
    from rig_system import build_packages
    return build_packages('/tmp/packages')


@pytest.fixture(scope='module')
def machines(ek_roots):
    """machines(packages, tpm): switches one on, with the servers; they are switched off after the file of tests."""
    from rig_system import PACKAGES, Machine, Servers
    made = []

    def make(packages, tpm=None, servers=True, which=PACKAGES, **kwargs):
        made.append(Machine([packages[p] for p in which], tpm, **kwargs))
        if servers:
            made[-1].servers = Servers(made[-1], ek_roots[0])
        return made[-1]
    yield make
    for m in made:
        m.power_off()


@pytest.fixture(scope='module')
def machine(machines, packages):
    """One on which everything was just installed."""
    return machines(packages, servers=False)


# ---- The cast: a vendor of software EKs, the attestation CA, step-ca, and devices

@pytest.fixture(scope='session')
def vendor():
    """A manufacturer of TPMs in software (rig_device); vendor.roots is for --ek-roots."""
    from rig_ca import Authority, write
    authority = Authority('Test TPM Vendor')
    authority.roots = f'{RIG}/vendor-roots'
    os.makedirs(authority.roots, exist_ok=True)
    write(f'{authority.roots}/root.pem', authority.certificate)
    return authority


@pytest.fixture(scope='session')
def ek_roots(tpms, vendor):
    return [tpms.roots(f'{RIG}/ek-roots'), vendor.roots]


@pytest.fixture(scope='module')
def server(bus, ek_roots):
    """atteztd with its front over TLS, and a CA, for one file of tests."""
    from rig_programs import Server
    s = Server(ek_roots)
    s.create_ca()
    yield s
    s.stop()


@pytest.fixture(scope='module')
def stepca(server):
    from rig_stepca import StepCa
    s = StepCa(server.root_pem)
    yield s
    s.stop()


@pytest.fixture(scope='module')
def configured_server(bus, ek_roots):
    """One that has its settings and state where an installed one has them."""
    from rig_ca import write
    from rig_doctor import ConfiguredServer, forget
    from rig_programs import cli
    s = ConfiguredServer(ek_roots)
    s.create_ca()
    write(f'{RIG}/backup-passphrase', b'correct horse battery staple\n', mode=0o600)
    cli('ca', 'backup', f'{RIG}/configured-backup', '--passphrase-file', f'{RIG}/backup-passphrase')
    os.unlink(f'{RIG}/configured-backup')
    yield s
    s.stop()
    forget()


@pytest.fixture(scope='module')
def host(configured_server, tpms):
    """An enrolled device likewise, with the module file: all is well."""
    from rig_doctor import SOCKET, ConfiguredDevice
    from rig_pkcs11 import ModuleFile
    from rig_stepca import StepCa
    stepca = StepCa(configured_server.root_pem)
    device = ConfiguredDevice(tpms.start(), [configured_server.tls_root, stepca.root_file])
    device.server, device.stepca, device.tpms = configured_server, stepca, tpms
    device.configure(f'ACMEServer={stepca.url()}', f'AttestationServer={configured_server.url}')
    device.start()
    configured_server.enroll(device.tpm.ek_hash(), 'framework')
    device.enroll(stepca, configured_server)
    with ModuleFile(SOCKET):
        yield device
    device.__exit__()
    stepca.stop()


@pytest.fixture
def new_device(bus, tpms):
    """Makes devices: new_device(server, stepca, kind, number); they are switched off when the test ends."""
    from rig_programs import Device
    made = []

    def make(server=None, stepca=None, kind='usual', number=0, **kwargs):
        roots = [f for f in (getattr(server, 'tls_root', None), getattr(stepca, 'root_file', None)) if f]
        made.append(Device(tpms.start(kind, number), roots, **kwargs))
        return made[-1]
    yield make
    for d in made:
        d.__exit__()


@pytest.fixture(scope='module', params=['p-256', 'rsa-2048'])
def token(request, server, stepca, tpms):
    """An enrolled device for the tests that only use what it has; with each kind of device key in turn."""
    from rig_ca import load_chain
    from rig_programs import Device
    device = Device(tpms.start(), [server.tls_root, stepca.root_file])
    server.enroll(device.tpm.ek_hash(), 'framework')
    device.enroll(stepca, server, '--key', request.param)
    device.kind = request.param
    device.leaf, device.intermediate = load_chain(device.file('device.crt'))
    yield device
    device.__exit__()
    server.forget_all()


@pytest.fixture(scope='module')
def web(stepca):
    """nginx, for clients with a certificate of step-ca."""
    from rig_pkcs11 import WebServer
    w = WebServer(stepca.root.certificate, stepca.intermediate.certificate)
    yield w
    w.stop()


@pytest.fixture(scope='module')
def policy(web, stepca):
    from rig_browser import select_certificates_of
    select_certificates_of('Test step-ca Intermediate',
                           *(f'https://{h}:{p}' for h in ('localhost', 'one.test', 'two.test')
                             for p in (web.port, web.port12, web.port_root)))


@pytest.fixture
def browse(web, policy):
    """browse(device): a browser that knows where its token is, for one test."""
    from rig_browser import Browser
    from rig_pkcs11 import CLIENT, address
    started = []

    def start(device, environment=None, module=CLIENT):
        started.append(Browser(web.root_file, address(device.p11kit) if environment is None else environment, module))
        return started[-1]
    yield start
    for b in started:
        b.stop()


@pytest.fixture
def client(server):
    from rig_device import Client
    c = Client(server.url, server.tls_root)
    yield c
    c.close()
