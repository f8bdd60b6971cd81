"""Fixtures: a namespace of its own for every test, and users in it."""

import json
import os
import random
from pathlib import Path

import pytest

from network import Lan, Mouth, Namespace
from quartet import User, peer, pin

STARTED = pytest.StashKey[list]()


def pytest_configure():
    """Refuses to run if the tests would reach a real network or real mounts."""
    if os.environ.get("QUARTET_PRIVATE") != "1":
        pytest.exit("run the system tests with test/system/run", 1)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    """Shows what the programs wrote if a test failed."""
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        for program in item.stash.get(STARTED, []):
            report.sections.append((program.label, program.report()))


@pytest.fixture(autouse=True)
def namespace():
    """The namespace of the test, with nothing in it but loopback."""
    with Namespace() as own:
        yield own
    own.close()


@pytest.fixture
def started(request):
    """The programs that the test has started; all must end as they should."""
    programs = request.node.stash.setdefault(STARTED, [])
    yield programs
    try:
        for program in programs:
            program.check_end()
    finally:
        for program in programs:
            program.discard()


@pytest.fixture
def make_user(tmp_path, started):
    """Makes users: make_user("alice", address="127.0.0.2", host=namespace)."""
    return lambda name, **where: User(tmp_path / name, started, **where)


@pytest.fixture
def someone(make_user):
    """A user who names no address."""
    return make_user("someone")


@pytest.fixture
def ece(make_user):
    """A user who listens on every address."""
    return make_user("ece")


@pytest.fixture
def mouth(namespace):
    """Says on loopback what any host may say."""
    with Mouth() as own:
        yield own


@pytest.fixture
def alice(make_user):
    """A user on 127.0.0.2."""
    return make_user("alice", address="127.0.0.2")


@pytest.fixture
def bob(make_user):
    """A user on 127.0.0.3 of the same machine."""
    return make_user("bob", address="127.0.0.3")


@pytest.fixture
def known(alice, bob):
    """Alice has heard Bob, and knows him by his identity."""
    identity = bob.identity().text
    alice.write_peers({bob.address: peer("Bob", identity=identity)})
    alice.pin(Bob=pin(identity, address=bob.address))


@pytest.fixture
def make_lan():
    """Makes empty LANs; plug hosts into them."""
    lans = []

    def make():
        lans.append(Lan())
        return lans[-1]

    yield make
    for each in lans:
        each.close()


@pytest.fixture
def lan(make_lan):
    """One LAN."""
    return make_lan()


@pytest.fixture
def make_host():
    """Makes hosts without a network yet."""
    hosts = []

    def make():
        hosts.append(Namespace())
        return hosts[-1]

    yield make
    for host in hosts:
        host.close()


@pytest.fixture
def vectors():
    """The protocol worked through once with fixed secrets."""
    path = Path(__file__).parent.parent / "vectors.json"
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.fixture
def seeded():
    """A random.Random whose seed is printed, and taken from QUARTET_SEED if that is set."""
    seed = os.environ.get("QUARTET_SEED") or str(random.randrange(10**9))
    print(f"QUARTET_SEED={seed}")
    return random.Random(seed)
