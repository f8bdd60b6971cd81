"""Rooms: how long it takes until all members know what was said and done, and what many rooms cost.

The members are responders with addresses of their own, and what discovery would write stands in peers.txt.
"""

import contextlib
import fcntl
import json
import re
import time

import files
import machine
from machine import BIN, PROGRAM, program
from outbox import Identity, private
from protocol import to_base64
from rooms import Saying, Session, State, now
from table import Row, quantile

MEMBERS = 50
SAYINGS = 100
CHANGES = 5
MISSED = 1_000
MANY = 64
# After that even what is let go late is let go.
SETTLE_SECONDS = 1.5


class Person:
    """Somebody with an address, the first at PROGRAM, the others at those of the senders; and with a directory, if any."""

    def __init__(self, number, path=None):
        self.username = f"peer-{number:03}"
        self.address = files.address(number) if number else PROGRAM
        self.identity = Identity()
        self.path = path
        if path:
            private(path / "identity.key", self.identity.seed)

    def writes_peers(self, others, *records, **claimed):
        """Writes peers.txt: the others, who are online and pinned, with what they claim, and further records."""
        lines = [{"self": self.username}]
        for each in others:
            lines += [{"peer": each.address, "last_seen": 0, "username": each.username, "identity": each.identity.text,
                       **claimed},
                      {"known": each.username, "identity": each.identity.text, "pinned": 1763625000}]
        text = "".join(json.dumps(line) + "\n" for line in [*lines, *records])
        private(self.path / "peers.txt", text.replace('"last_seen": 0,', '"last_seen": 1763625000.000,').encode())
        self.hears_all()

    def hears_all(self):
        """All of them are heard now: written over, as by discovery."""
        with open(self.path / "peers.txt", "r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            text = re.sub(rb'"last_seen": [0-9.]{14}', b'"last_seen": %.3f' % time.time(), file.read())
            file.seek(0)
            file.write(text)

    def does(self, *command):
        """The milliseconds of a command, which must end well: with all members having what it changed."""
        self.hears_all()
        [(milliseconds, _)] = files.launches(self.path, BIN / "initiator", *command)
        return milliseconds

    def count_states(self):
        return (self.path / "chat.log").read_bytes().count(b'"state": {')


def gather(where, count):
    """So many people with directories."""
    return [Person(number, machine.directory(f"{where}-{number}")) for number in range(count)]


@contextlib.contextmanager
def company(people):
    """The members of a room that the first has made; each has a responder."""
    with contextlib.ExitStack() as stack:
        for each in people:
            each.writes_peers(other for other in people if other is not each)
            each.responder = stack.enter_context(program("responder", each.path, "-a", each.address))
        people[0].does("create", "#lab", *(each.username for each in people[1:]))
        yield


def cpu_ms(processes):
    return 1000 * sum(process.cpu_seconds() for process in processes)


def rooms():
    """A saying in a room, against a message to each of its members: until all receipts are in."""
    author, *_ = people = gather("rooms", MEMBERS)
    with company(people):
        processes = [each.responder for each in people]
        times, costs = {"@#lab": [], "Broadcast": []}, {"@#lab": [], "Broadcast": []}
        with program("initiator", author.path, typing=True) as initiator, open(author.path / "chat.log", "rb") as log:
            log.seek(0, 2)
            for number in range(SAYINGS + 1):
                for command in times:
                    author.hears_all()
                    before = cpu_ms([initiator, *processes])
                    began = time.monotonic()
                    initiator.type(f"{command} message {number} of many")
                    files.await_lines(log, b'"state": "delivered"', MEMBERS - 1)
                    times[command].append(1000 * (time.monotonic() - began))
                    costs[command].append(cpu_ms([initiator, *processes]) - before)
    # The first of them finds out who is there.
    name = f"a saying to {MEMBERS}"
    (said, sent), (said_cost, sent_cost) = ([of[command][1:] for command in times] for of in (times, costs))
    yield Row(f"{name}, p50", "ms", [quantile(said, 0.5)], [quantile(sent, 0.5)], digits=1)
    yield Row(f"{name}, p99", "ms", [quantile(said, 0.99)], [quantile(sent, 0.99)], digits=1).under(100)
    yield Row("  processor", "ms", said_cost, sent_cost, digits=1, note=f"bare: {MEMBERS - 1} messages").at_most(1.5)


def awaited(people, command, undo):
    """The milliseconds of a command that changes a room, with another between that makes it possible again.

    It ends when all have confirmed what they have then on the disk, which is looked at.
    """
    times = []
    for _ in range(CHANGES):
        before = [each.count_states() for each in people]
        times.append(command())
        if any(each.count_states() != was + 1 for each, was in zip(people, before)):
            raise machine.Unmeasured("a member has another number of new states than one")
        undo()
    return times


def join():
    """Somebody joins a room that is announced, and all have the new state."""
    count = 20
    *people, newcomer = gather("join", count)
    with company(people):
        lab = [json.loads(line) for line in (people[0].path / "peers.txt").read_bytes().splitlines() if b'{"room"' in line]
        announced = [{"id": room["room"], "name": "lab", "members": count - 1, "capacity": 50, "entry": "open"}
                     for room in lab]
        newcomer.writes_peers(people, rooms=announced)
        times = awaited(people, lambda: newcomer.does("join", "#lab"), lambda: newcomer.does("leave", "#lab"))
    yield Row(f"join, known to {count}", "ms", times, digits=1).under(150)


def removal():
    """One of a room is removed, and everybody knows it, who was removed, too."""
    people = gather("removal", MEMBERS)
    out = people[-1].username
    with company(people):
        times = awaited(people, lambda: people[0].does("remove", out, "#lab"),
                        lambda: people[0].does("invite", out, "#lab"))
    yield Row(f"removal, known to {MEMBERS}", "ms", times, digits=1).under(250)


def state_line(state, **members):
    """A state as it stands in chat.log."""
    return {"time": now(), "id": to_base64(state.id[:16]), "room": to_base64(state.room), "state": state.record,
            "key": to_base64(state.key), **members}


def room_record(state):
    """A room as it stands in peers.txt."""
    return {"room": to_base64(state.room), "name": state.members["name"], "state": state.record,
            "key": to_base64(state.key)}


def room_of(creator, people, name="lab"):
    """The state by which its creator has let people into a room."""
    first = State.first(creator.identity, creator.username, name, capacity=64)
    return first.following(creator.identity, members=[*first.roster, *(
        {"identity": each.identity.text, "username": each.username, "since": 1} for each in people)])


def catchup():
    """Somebody was away, and gets all that was said from a member who has not said it."""
    times = []
    for run in range(3):
        author, returning, other = gather(f"catchup-{run}", 3)
        state = room_of(author, [returning, other])
        sayings = [Saying.signed(author.identity, state, f"message {number} of many") for number in range(MISSED)]
        received = {"direction": "RECEIVED", "username": author.username, "ip": author.address, "mode": "secure",
                    "room": to_base64(state.room), "identity": author.identity.text}
        for each, heard in ((returning, []), (other, sayings)):
            lines = [state_line(state), *({"time": now(), **received, "id": to_base64(saying.id), **saying.record}
                                          for saying in heard)]
            private(each.path / "chat.log", "".join(json.dumps(line) + "\n" for line in lines).encode())
        other.writes_peers([author, returning], room_record(state))
        returning.writes_peers([other], room_record(state))
        with program("responder", other.path, "-a", other.address), open(returning.path / "chat.log", "rb") as log:
            began = time.monotonic()
            with program("initiator", returning.path, typing=True):
                files.await_lines(log, b'"RECEIVED"', MISSED)
                times.append(1000 * (time.monotonic() - began))
    yield Row(f"catching up {MISSED:,} sayings", "ms", times).under(1000)


def write_many(path):
    """Writes the files of somebody who is in many full rooms, and hears nobody; returns who that is, others and states."""
    own, others = Person(0, path), [Person(number) for number in range(1, MANY)]
    states = [room_of(own, others, f"lab-{number}") for number in range(MANY)]
    own.writes_peers([], *map(room_record, states))
    return own, others, states


def many():
    """Many full rooms: what one looks at, and the responder after they came."""
    path = machine.directory("many")
    own, others, states = write_many(path)
    own.writes_peers(others, *map(room_record, states))
    for command in ("Users", "Rooms"):
        own.hears_all()
        times, _, twin_times = files.in_turn(path, command, ["peers.txt"])
        yield Row(f"{command}, {MANY} rooms of {MANY}", "ms", times, twin_times, digits=1).under(50)
    newcomer = Person(MANY, machine.directory("many-newcomer"))
    newcomer.writes_peers([own])
    with program("responder", newcomer.path, "-a", newcomer.address) as responder:
        for number in range(MANY):
            state = room_of(own, [newcomer, *others[1:]], f"lab-{number}")
            # So many would be too many at once from one address.
            with Session(own.identity, newcomer.address, newcomer.identity.public, files.address(number),
                         own.username) as session:
                receipt = session.hand_over(state)
            if receipt["status"] != 200:
                raise machine.Unmeasured(f"a room was refused: {receipt}")
        time.sleep(SETTLE_SECONDS)
        memory = responder.resident_mib()
    yield Row("  responder, after they came", "MiB", [memory], digits=1).under(8)
