"""What is sent from a script, and what waits in the outbox when all its recipients are back at once."""

import base64
import json
import os
import sys
import time

import files
import machine
from machine import BIN, PROGRAM, SENDERS, TOOLS
from table import Row

sys.path.append(str(machine.ROOT / "test/system"))
from protocol import Identity

PEOPLE = 100
MESSAGES = 10_000
RUNS = 2
SENDS = 25


def private(path, content):
    """Writes a file as the programs do."""
    path.write_bytes(content)
    path.chmod(0o600)


def write_waiting(path, identities):
    """Writes the peers.txt and the chat.log of somebody for whom so many messages wait, to each of them by turns."""
    now = time.time()
    people = [{"username": f"peer-{number:03}", "identity": identity.text}
              for number, identity in enumerate(identities)]
    utc = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(now))
    private(path / "peers.txt", b"".join(
        json.dumps({"peer": files.address(number), "last_seen": round(now, 3), **person}).encode() + b"\n"
        for number, person in enumerate(people)))
    private(path / "chat.log", b"".join(
        json.dumps({"time": utc, "direction": "QUEUED", "username": people[number % PEOPLE]["username"],
                    "ip": files.address(number % PEOPLE), "mode": "secure",
                    "id": base64.b64encode(os.urandom(16)).decode(),
                    "identity": people[number % PEOPLE]["identity"],
                    "text": f"message {number} of many"}).encode() + b"\n"
        for number in range(MESSAGES)))


def outbox():
    """Delivers all of it, to a responder for each of them on the same machine."""
    identities = [Identity() for _ in range(PEOPLE)]
    times, memory = [], []
    for run in range(RUNS):
        responders = []
        for number, identity in enumerate(identities):
            path = machine.directory(f"outbox-{run}-{number}")
            private(path / "identity.key", identity.seed)
            private(path / "peers.txt", json.dumps({"self": f"peer-{number:03}"}).encode() + b"\n")
            responders.append(machine.program("responder", path, "-a", files.address(number)))
        path = machine.directory(f"outbox-{run}")
        write_waiting(path, identities)
        began = time.monotonic()
        with machine.program("initiator", path, typing=True) as initiator, open(path / "chat.log", "rb") as log:
            files.await_lines(log, b'"state": "delivered"', MESSAGES)
            times.append(time.monotonic() - began)
            memory.append(initiator.resident_mib())
        for responder in responders:
            responder.stop()
    yield Row(f"{MESSAGES:,} waiting, for {PEOPLE} people", "s", times, digits=2).under(5)
    yield Row("  its memory", "MiB", memory, digits=1).under(16)


def send():
    """A message by a program that is started for it, against a bare one that only exchanges keys and sends.

    In memory, because the bare one has nothing to sync.
    """
    identity = Identity()
    to, path = (machine.directory(name, in_memory=True) for name in ("send-to", "send"))
    private(to / "identity.key", identity.seed)
    private(to / "peers.txt", json.dumps({"self": "Bob"}).encode() + b"\n")
    private(path / "peers.txt", json.dumps({"peer": PROGRAM, "last_seen": round(time.time() + 5, 3), "username": "Bob",
                                            "identity": identity.text}).encode() + b"\n")
    times, twin_times = [], []
    with machine.program("responder", to, "-a", PROGRAM):
        for _ in range(SENDS):
            [(milliseconds, _)] = files.launches(path, BIN / "initiator", "send", "Bob", "hello")
            times.append(milliseconds)
            [(milliseconds, _)] = files.launches(path, TOOLS / "sender", "-s", "-n", 1, "-t", 0, "-f", SENDERS,
                                                 "-k", to / "identity.key", PROGRAM)
            twin_times.append(milliseconds)
    if (path / "chat.log").read_bytes().count(b'"delivered"') != SENDS:
        raise machine.Unmeasured("a message was not delivered")
    row = Row("send, as a program of its own", "ms", times, twin_times, digits=2, note="the files in memory")
    yield row.to_reach("ratio <= 1.3", row.ratio <= 1.3)
