"""The network of scripts/lan.sh: a script of events on it, and the errors that it is there to find."""

import subprocess
import sys
from pathlib import Path

import pytest

from lan import Agreement

ENGINE = Path(__file__).parent.parent / "lan" / "lan.py"


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs the engine on a script; returns what it says."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))

    def run(*options, script, status=0):
        done = subprocess.run([sys.executable, ENGINE, "-i", "1", *options, "-"], input=script, text=True,
                              capture_output=True, check=False)
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout + done.stderr

    return run


def test_all_agree_after_a_network_was_parted_killed_set_and_asleep(run):
    said = run("-n", "3", script="""
        say h1 h2 "so that we know each other"
        say h2 h1 "we do"
        say h3 h1 "so do we"
        say h1 h3 "we do"
        do all users
        do h1 create #lab h2 h3
        do h1 send -k #lab "all have this"
        part h3
        say h3 #lab "none has this yet"
        say h1 #lab "one has not"
        kill h2 initiator
        clock h2 31536000
        say h2 h1 "a year from now"
        start h2 initiator
        meet
        sleep h1 2
        say h2 #lab "one is asleep"
        say h1 h3 "as soon as I am awake"
    """)
    assert "3 hosts, 10 messages, 14 times confirmed, 14 times received; 0 dropped; 1 rooms" in said


def test_two_networks_see_each_other_over_a_router(run):
    """Half of the hosts are in each; one who knows an address of the other side is enough for two."""
    said = run("--two", "-b", "10mbit", "-n", "2", script="""
        do h1 reach 10.2.0.2
        see
        say h2 h1 "from afar"
    """)
    assert "1 messages, 1 times confirmed, 1 times received" in said


class Told:
    """A host, by what its files say."""

    def __init__(self, name, log=(), rooms=None):
        self.name, self._log, self._rooms = name, log, rooms or {}

    def identity(self):
        return f"identity of {self.name}"

    def log(self):
        return self._log

    def rooms(self):
        return self._rooms


QUEUED = {"direction": "QUEUED", "id": "1", "identity": "identity of h2"}
DELIVERED = {"state": "delivered", "id": "1", "identity": "identity of h2"}
RECEIVED = {"direction": "RECEIVED", "id": "1"}


@pytest.mark.parametrize("hosts, differences", [
    ([Told("h1", [QUEUED, DELIVERED]), Told("h2", [RECEIVED])], []),
    ([Told("h1", [QUEUED]), Told("h2", [RECEIVED])], ["1 of h1's messages and states wait"]),
    ([Told("h1", [QUEUED, DELIVERED]), Told("h2")], ["h1 was told that 1 was delivered, but it was not"]),
    ([Told("h1"), Told("h2", [RECEIVED, RECEIVED])], ["h2 has received 1 2 times"]),
    ([Told("h1", rooms={"R": "one"}), Told("h2", rooms={"R": "two"})], ["there are 2 heads of the room R"]),
], ids=["all is well", "waits", "lost", "twice", "heads"])
def test_what_does_not_agree_is_found(hosts, differences):
    assert Agreement(hosts).differences == differences
