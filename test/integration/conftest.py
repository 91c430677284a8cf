# SPDX-License-Identifier: MIT
"""What the tests share. They run inside test/inside, as root, started by test/run."""
import os
import shutil
import signal

import pytest

import rig_process
from rig_process import RIG, Daemon, sanitizer_reports

TEST_SECONDS = 300


def pytest_configure(config):
    assert os.path.isdir(RIG + '/tree') and os.getuid() == 0, 'run me through test/run'


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
