"""test/system/run, as somebody who runs the tests meets it: whatever ends it ends all it started."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from quartet import eventually

ROOT = Path(__file__).resolve().parents[2]

# A test that starts what a test may start, one of them as tmux does, and then hangs.
HANGING = """
import pathlib, subprocess, sys, time

def test_it():
    for is_daemon in (False, True):
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", __file__],
                         start_new_session=is_daemon)
    pathlib.Path(__file__).with_name("hangs").touch()
    time.sleep(600)
"""
RUN = ["test/system/run", "-n1"]


@pytest.fixture
def hanging(tmp_path):
    path = tmp_path / "test_hanging.py"
    path.write_text(HANGING)
    return path


def started_by(path):
    """The processes that the hanging test has started."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:  # it has just ended
                continue
            if b"import time; time.sleep(600)" in words and os.fsencode(path) in words:
                found.append(int(entry.name))
    return found


def start(hanging, command):
    """Starts a run in a process group of its own, as a shell does, and waits until it hangs."""
    scratch = hanging.parent / "scratch"
    scratch.mkdir()
    environment = {name: value for name, value in os.environ.items()
                   if not name.startswith(("MAKE", "MFLAGS", "PYTEST_"))}
    environment["TMPDIR"] = str(scratch)
    process = subprocess.Popen(command, cwd=ROOT, env=environment, start_new_session=True,
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT)
    eventually(hanging.with_name("hangs").exists)
    assert len(started_by(hanging)) == 2
    return process, scratch


# MAKE=true because the programs are built.
@pytest.mark.parametrize("by_make", [False, True], ids=["run", "make"])
def test_a_run_that_is_terminated_ends_what_it_started(hanging, by_make):
    command = ["make", "MAKE=true", "system", f"PYTEST_ARGS=-n1 {hanging}"]
    process, scratch = start(hanging, command if by_make else [*RUN, hanging])
    process.terminate()
    process.communicate()
    assert process.returncode != 0
    eventually(lambda: not started_by(hanging) and not any(scratch.iterdir()))


def test_a_run_that_is_killed_ends_what_it_started(hanging):
    process, _ = start(hanging, [*RUN, hanging])
    process.kill()
    process.communicate()
    eventually(lambda: not started_by(hanging))


def test_ctrl_c_ends_what_a_run_started_and_says_what_it_found(hanging):
    process, scratch = start(hanging, [*RUN, hanging])
    os.killpg(process.pid, signal.SIGINT)
    output, _ = process.communicate()
    assert process.returncode != 0 and b"KeyboardInterrupt" in output
    assert not started_by(hanging) and not any(scratch.iterdir())
