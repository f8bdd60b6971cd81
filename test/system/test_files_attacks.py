"""Attacks on files, by peers in the hands of the test, on real programs: none of this must succeed (common/PROTOCOL.md, section 8)."""

import contextlib
import json
import os
import threading

import pytest

from files import (CHANGED, CHUNK_BYTES, FINAL, MESSAGE, NO_SUCH_FILE, WRONG_STREAMS, Getter, Giver, Sharer, finish,
                   hash_of, is_part, pieces, status)
from network import WAIT
from protocol import Identity, to_base64
from quartet import eventually, pin
from rooms import Saying, State

ALICE = "127.0.0.2"
BOB = "127.0.0.3"
PEER = "127.0.1.1"
CONTENT = os.urandom(3 * CHUNK_BYTES + 1000)
# More than the kernel takes in for two who do not read.
LARGE_BYTES = 32 << 20
NAME_MAX_BYTES = 200


@pytest.fixture
def somebody(namespace):
    """Somebody in the hands of the test."""
    with Sharer(Identity(), "Mallory", PEER) as sharer:
        yield sharer


@pytest.fixture
def getter(bob, somebody):
    return Getter(bob, somebody)


@pytest.fixture
def giver(alice, somebody):
    return Giver(alice, somebody)


@pytest.fixture
def stranger(namespace):
    """Somebody else."""
    with Sharer(Identity(), "Can", "127.0.1.2") as sharer:
        yield sharer


# Names.

BAD_NAMES = ["", ".", "..", "...", ".bashrc", "-rf", "../evil", "a/../../evil", "/etc/passwd", "a/b", "evil/", "..\\evil", "a\nb", "a\tb",
             "\x1b[2Jx", "x\x7f", "x\x85y", "photo\u202egnp.exe", "a\u2066b", "\u200bx", "\ufeffx", "a\u2028b", "\U000e0041",
             "\u0378", "x" * (NAME_MAX_BYTES + 1), "\u00e9" * (NAME_MAX_BYTES // 2 + 1),
             "plan.pdf.0123456789abcdef.part"]
GOOD_NAMES = ["plan.pdf", "PLAN.PDF", "CON", "nul.txt", "C:\\autoexec.bat", "a\\..\\evil", "~", "~root", "$(reboot)", "`id`",
              "a;b|c&d", "%s%n", "*", "?", " x", "x ", "a.part", "\u0440\u0430ypal.pdf", "e\u0301", "\u00e9",
              "\U0001f600.png", "x" * NAME_MAX_BYTES, "\u00e9" * (NAME_MAX_BYTES // 2)]
MALFORMED = [None, "plan.pdf", [], {}, {"name": "x"}, {"bytes": 1}, {"name": 5, "bytes": 1}, {"name": None, "bytes": 1},
             {"name": "x", "bytes": -1}, {"name": "x", "bytes": 1.0}, {"name": "x", "bytes": "1"}, {"name": "x", "bytes": None},
             {"name": "x", "bytes": 2**63}, {"name": "a\0b", "bytes": 1}, {"name": "\ud800", "bytes": 1}]


def test_no_offer_has_a_name_that_is_no_file_name(getter, somebody):
    with somebody.call(BOB, getter.user.identity().public) as session:
        for name in BAD_NAMES:
            assert (name, status(session.offer(name, 5))) == (name, (404, "name"))
    for offer in MALFORMED:
        with somebody.call(BOB, getter.user.identity().public) as session:
            session.connection.send_object(session.side.ask(id=to_base64(os.urandom(16)), file=offer))
            session.connection.wait_closed()
    assert getter.user.log() == []
    assert "evil" not in getter.responder.output


def test_every_other_name_is_a_file_in_files_and_nothing_else(getter, somebody):
    """Also those that differ in case only, and those that are taken."""
    names = [*GOOD_NAMES, "plan.pdf"]
    for number, name in enumerate(names):
        getter.offer(name, f"{number}".encode())
    before = sorted(path.name for path in getter.user.directory.iterdir())
    initiator = getter.user.initiator()
    initiator.send("Get all")
    eventually(lambda: len(getter.files()) == len(names))
    eventually(lambda: sum(len(each.done) for each in somebody.shared.values()) == len(names))
    assert getter.files() == {**{name: f"{number}".encode() for number, name in enumerate(GOOD_NAMES)},
                              "plan (1).pdf": f"{len(GOOD_NAMES)}".encode()}
    assert {path.name for path in getter.user.directory.iterdir()} - set(before) == {"files"}
    assert getter.parts() == []
    assert {path.stat().st_mode & 0o7777 for path in getter.shelf.iterdir()} == {0o600}


# What lies in files/ already, and what is put there meanwhile.


def directory(path):
    """What is in a directory, and what is at the end of its links."""
    return {each.name: each.read_bytes() if each.is_file() else None for each in path.iterdir()}


@pytest.mark.parametrize("kind", ["link", "file", "others may write"])
def test_files_is_a_directory_of_ones_own_or_nothing_is_fetched(getter, tmp_path, kind):
    shared = getter.offer("plan.pdf", CONTENT)
    outside = tmp_path / "outside"
    outside.mkdir(mode=0o700)
    if kind == "link":
        getter.shelf.symlink_to(outside)
    elif kind == "file":
        getter.shelf.touch(0o600)
    else:
        getter.shelf.mkdir()
        getter.shelf.chmod(0o777)
    assert getter.get(shared) != 0
    assert directory(outside) == {}
    assert kind == "file" or directory(getter.shelf) == {}
    assert shared.done == []


def test_nothing_that_is_there_is_replaced_or_followed(getter, tmp_path):
    """Nor what is put there while it is fetched: its name, and the directory itself."""
    outside = tmp_path / "outside"
    outside.mkdir(mode=0o700)
    victim = outside / "victim"
    victim.write_bytes(b"precious")
    getter.shelf.mkdir(mode=0o700)
    taken = {"link.pdf": lambda path: path.symlink_to(victim), "dangling.pdf": lambda path: path.symlink_to(outside / "new"),
             "hard.pdf": lambda path: path.hardlink_to(victim), "fifo.pdf": os.mkfifo, "directory.pdf": os.mkdir}
    for name, take in taken.items():
        take(getter.shelf / name)
        shared = getter.offer(name, CONTENT)
        assert getter.get(shared) == 0
        assert (getter.shelf / name.replace(".", " (1).")).read_bytes() == CONTENT
        (getter.shelf / name).rmdir() if name == "directory.pdf" else (getter.shelf / name).unlink()

    def meanwhile(change):
        def stream(out, content):
            out.begin()
            out.chunk(content[:CHUNK_BYTES])
            eventually(lambda: any(map(is_part, getter.shelf.iterdir())))
            change()
            for piece in pieces(content[CHUNK_BYTES:]):
                out.chunk(piece)
            out.chunk(b"", FINAL)
        return stream

    late = getter.offer("late.pdf", CONTENT)
    late.stream = meanwhile(lambda: (getter.shelf / "late.pdf").symlink_to(outside / "late.pdf"))
    assert getter.get(late) == 0
    assert (getter.shelf / "late (1).pdf").read_bytes() == CONTENT
    swapped = getter.offer("swapped.pdf", CONTENT)

    def swap():
        getter.shelf.rename(getter.user.path("moved"))
        getter.shelf.symlink_to(outside)
    swapped.stream = meanwhile(swap)
    getter.get(swapped)
    assert directory(outside) == {"victim": b"precious"}


def test_a_part_that_somebody_else_made_is_not_gone_on_with(getter, tmp_path):
    """Nor followed, nor changed: each of these has the name that the part has."""
    outside = tmp_path / "victim"
    outside.write_bytes(b"precious")
    shared = getter.offer("plan.pdf", CONTENT)
    shared.stream = WRONG_STREAMS["cut"]
    assert getter.get(shared) != 0
    [part] = [path for path in getter.shelf.iterdir() if is_part(path)]
    shared.stream = lambda out, content: out.send(content)
    forged = {"link": lambda: part.symlink_to(outside), "hard link": lambda: part.hardlink_to(outside),
              "fifo": lambda: os.mkfifo(part), "directory": part.mkdir}
    for make in forged.values():
        part.unlink()
        make()
        getter.get(shared)
        assert outside.read_bytes() == b"precious"
        assert getter.files() == {}
        if part.is_dir():
            part.rmdir()
            part.touch(0o600)
    # Of another user, and one that is longer than what was offered: whole in the end, or not at all.
    part.write_bytes(b"x" * 2 * len(CONTENT))
    part.chmod(0o600)
    if getter.get(shared) != 0:
        assert getter.get(shared) == 0
    assert getter.files() == {"plan.pdf": CONTENT}


# Answers.


def test_answers_that_promise_something_else_are_refused(getter):
    shared = getter.offer("plan.pdf", CONTENT)
    for members in ({"bytes": len(CONTENT) + 1}, {"bytes": -1}, {"bytes": "many"}, {"bytes": 2**63}, {"bytes": None},
                    {"from": 5}, {"from": -1}, {"from": len(CONTENT) + 1}, {"from": None}, {"username": 5}):
        shared.members = members
        assert (members, getter.get(shared) != 0) == (members, True)
        assert getter.files() == {}
    assert shared.done == []


def test_offers_of_two_with_one_id_are_kept_apart(getter, somebody, stranger):
    """Whoever knows the id of somebody's offer can make one with it."""
    getter.others = (somebody, stranger)
    getter.user.pin(Can=pin(stranger.identity.text, address=stranger.address))
    honest = getter.offer("plan.pdf", CONTENT, stranger)
    false = somebody.share("plan.pdf", bytes(len(CONTENT)), file_id=honest.id)
    assert status(somebody.offer_to(BOB, getter.user.identity().public, false)) == (200, None)
    numbers = [line["number"] for line in getter.user.log() if line.get("id") == to_base64(honest.id)]
    assert len(numbers) == 2
    honest.stream = WRONG_STREAMS["cut"]
    assert getter.get(honest) != 0
    false.number = numbers[1]
    assert getter.get(false) == 0
    assert getter.files() == {"plan.pdf": false.content}
    honest.stream = lambda out, content: out.send(content)
    assert getter.get(honest) == 0
    assert getter.files() == {"plan.pdf": false.content, "plan (1).pdf": CONTENT}
    assert (honest.done, false.done) == ([getter.user.identity().text],) * 2


# Asking.


def outcome(session, file_id, **changes):
    """The status of an ask, or None if the session ended."""
    try:
        return status(session.ask_for(file_id, **changes))
    except (AssertionError, ConnectionError):
        return None


def test_who_was_not_offered_a_file_learns_nothing(giver, somebody, stranger):
    """An id at random, somebody else's, a path, a text's: the same answer, of the same size."""
    file_id = giver.offer("plan.pdf", CONTENT)
    giver.user.run("initiator", "send", "Mallory", "a text")
    texts = [line["id"] for line in giver.user.log() if line.get("direction") == "SENT" and "text" in line]
    receipts = []
    with giver.call(stranger) as session:
        for asked in (file_id, os.urandom(16)):
            receipts += [session.ask_for(asked), session.ask_for(asked, done=True),
                         session.ask_for(asked, b"x"), session.ask_for(asked, b"x", **{"from": 2**62})]
    paths = ["plan.pdf", "../alice/plan.pdf", str(giver.user.path("plan.pdf")), "identity.key", "/etc/passwd", ""]
    with giver.call() as session:
        receipts += [session.ask_for(each) for each in (os.urandom(16), texts[0], *paths)]
    assert {status(receipt) for receipt in receipts} == {NO_SUCH_FILE}
    assert len({len(json.dumps({**receipt, "received": 0})) for receipt in receipts}) == 1
    with giver.call() as session:
        assert session.get(file_id) == CONTENT
    fetched = [line for line in giver.user.log() if line.get("state") == "fetched"]
    assert [line["identity"] for line in fetched] == [somebody.identity.text]


def test_asks_that_make_no_sense_get_no_bytes(giver):
    file_id = giver.offer("plan.pdf", CONTENT)
    wrong = [{"from": len(CONTENT) + 1, "prefix": hash_of(b"")}, {"from": -1}, {"from": "0"}, {"from": 1.5}, {"from": 2**63},
             {"from": 5, "prefix": "x"}, {"from": 5, "prefix": to_base64(bytes(31))}, {"from": 5, "prefix": 7},
             {"done": 1}, {"done": "true"}, {"file": None}, {"file": 5}, {"file": [to_base64(file_id)]}]
    for changes in wrong:
        with giver.call() as session:
            answer = outcome(session, file_id, **changes)
            assert answer is None or answer[0] == 404, changes
    with giver.call() as session:
        assert session.get(file_id) == CONTENT


# The source.


def rewrite_in_place(path):
    """The same size and times, by utimensat(2)."""
    before = path.stat()
    with open(path, "r+b") as file:
        file.write(b"other")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def replace(path):
    before = path.stat()
    path.with_suffix(".new").write_bytes(bytes(before.st_size))
    os.utime(path.with_suffix(".new"), ns=(before.st_atime_ns, before.st_mtime_ns))
    path.with_suffix(".new").rename(path)


def replace_by(make):
    def change(path):
        path.rename(path.with_suffix(".old"))
        make(path)
    return change


CHANGES = {
    "grows": lambda path: path.open("ab").write(b"x"),
    "shrinks": lambda path: os.truncate(path, path.stat().st_size - 1),
    "rewritten": rewrite_in_place,
    "replaced": replace,
    "deleted": lambda path: path.unlink(),
    "link": replace_by(lambda path: path.symlink_to("/etc/passwd")),
    "directory": replace_by(os.mkdir),
    "fifo": replace_by(os.mkfifo),
    "unreadable": replace_by(lambda path: path.symlink_to(path)),
}


def test_a_source_that_changed_is_said_to_have_changed(giver, stranger):
    """To whom it was offered, and to nobody else."""
    for kind, change in CHANGES.items():
        file_id = giver.offer(f"{kind}.bin", CONTENT)
        change(giver.user.path(f"{kind}.bin"))
        for who, answer in ((None, CHANGED), (stranger, NO_SUCH_FILE)):
            with giver.call(who) as session:
                assert (kind, status(session.ask_for(file_id))) == (kind, answer)


def test_a_source_that_changes_while_it_is_fetched_is_not_served_to_its_end(giver):
    """One that is replaced or deleted may be, because what is open is what was offered."""
    for kind in ("grows", "shrinks", "rewritten", "replaced", "deleted"):
        path = giver.write(f"{kind}.bin", b"")
        os.truncate(path, LARGE_BYTES)
        file_id = giver.offer(path.name)
        with giver.call() as session:
            assert status(session.ask_for(file_id)) == (200, None)
            chunks = session.chunks()
            received = len(next(chunks))
            CHANGES[kind](path)
            try:
                received += sum(map(len, chunks))
            except (AssertionError, ConnectionError):
                pass
            else:
                assert (kind in ("replaced", "deleted"), received) == (True, LARGE_BYTES)
        with giver.call() as session:
            assert status(session.ask_for(file_id)) == CHANGED


# Places.


def test_who_does_not_read_costs_a_place_for_half_a_minute_and_so_does_who_does_not_send(giver, somebody, bob):
    """A place is free again, and whoever waits for a file gives up: nothing else of the two waits meanwhile."""
    getter = Getter(bob, somebody)
    silent, trickling = (getter.offer(f"{name}.bin", CONTENT) for name in ("silent", "trickling"))
    let_go = threading.Event()

    def stream(out, content):
        out.begin()
        out.chunk(content[:CHUNK_BYTES])
        let_go.wait(4 * WAIT)
    silent.stream = stream

    def trickle(out, content):
        """Takes longer than that in all, but not for a byte."""
        out.begin()
        for number in range(4):
            out.chunk(content[number * CHUNK_BYTES:(number + 1) * CHUNK_BYTES], FINAL if number == 3 else MESSAGE)
            let_go.wait(12)
    trickling.stream = trickle
    fetching = [getter.start_get(silent), getter.start_get(trickling)]
    os.truncate(giver.write("large.bin", b""), LARGE_BYTES)
    file_id = giver.offer("large.bin")
    with contextlib.ExitStack() as held:
        for source in ("127.0.2.1", "127.0.2.1", "127.0.2.2", "127.0.2.2"):
            somebody.address = source
            session = held.enter_context(giver.call())
            assert status(session.ask_for(file_id)) == (200, None)
        somebody.address = "127.0.2.3"

        def is_served():
            with giver.call() as session:
                return status(session.ask_for(file_id)) == (200, None)
        assert not is_served()
        with giver.call() as session:
            assert status(session.ask(id=to_base64(os.urandom(16)), text="chat goes on")) == (200, None)
        giver.responder.wait_for("chat goes on")
        eventually(is_served, timeout=4 * WAIT)
    assert finish(fetching[0]) != 0
    assert finish(fetching[1]) == 0
    let_go.set()
    assert getter.files() == {"trickling.bin": CONTENT}


# In rooms.


class Lab:
    """A room of Alice's: Bob, who is real, and Can and Mallory, who are in the hands of the test as she is."""

    def __init__(self, bob, people):
        self.alice, self.can, self.mallory = self.people = people
        self.getter = Getter(bob, *people)
        self.identity = bob.identity()
        states = [State.first(self.alice.identity, "Alice")]
        for identity, name in [(self.identity, "Bob"), *((each.identity, each.username) for each in people[1:])]:
            states.append(states[-1].letting_in(self.alice.identity, identity, name))
        for each in people:
            for state in states:
                each.take(state)
        self.gives(self.alice, *states[1:])

    @property
    def head(self):
        return self.alice.head

    def gives(self, who, *states):
        with who.call(BOB, self.identity.public) as session:
            for state in states:
                assert status(session.hand_over(state)) == (200, None)

    def removes(self, who, by):
        """Somebody is taken out, or leaves."""
        state = self.head.taking_out(by.identity, who.identity)
        for each in self.people:
            each.take(state)
        self.gives(by, state)

    def offer(self, name, content, **options):
        """Alice offers it to all of them."""
        shared = self.alice.share(name, content, **options)
        offer = {**shared.offer, "hash": hash_of(content)}
        assert status(self.alice.offer_in(self.head, shared, BOB, self.identity.public, offer)) == (200, None)
        return self.getter.numbered(shared)

    def asks(self, who, file_id):
        """What Bob answers to somebody who asks for a file."""
        with who.call(BOB, self.identity.public) as session:
            return status(session.ask_for(file_id))


@pytest.fixture
def lab(bob, somebody):
    with contextlib.ExitStack() as stack:
        alice, can = (stack.enter_context(Sharer(Identity(), name, address))
                      for name, address in (("Alice", "127.0.1.3"), ("Can", "127.0.1.2")))
        yield Lab(bob, [alice, can, somebody])


def test_members_serve_what_they_have_to_members_and_to_nobody_else(lab):
    """Also when its owner has left; and what was offered to them alone they do not pass on."""
    shared = lab.offer("plan.pdf", CONTENT)
    own = lab.getter.offer("own.pdf", CONTENT, lab.alice)
    assert lab.asks(lab.can, shared.id) == NO_SUCH_FILE
    assert (lab.getter.get(shared), lab.getter.get(own)) == (0, 0)
    eventually(lambda: shared.done == own.done == [lab.identity.text])
    with Sharer(Identity(), "Zoe", "127.0.1.9") as zoe:
        assert [lab.asks(each, shared.id) for each in (*lab.people, zoe)] == [(200, None)] * 3 + [NO_SUCH_FILE]
        assert {lab.asks(each, own.id) for each in (*lab.people, zoe)} == {NO_SUCH_FILE}
    lab.removes(lab.mallory, lab.alice)
    lab.removes(lab.alice, lab.alice)
    assert [lab.asks(each, shared.id) for each in lab.people] == [NO_SUCH_FILE, (200, None), NO_SUCH_FILE]
    with lab.can.call(BOB, lab.identity.public) as session:
        assert session.get(shared.id) == CONTENT
    # What has changed on the disk since is not what was offered.
    with open(lab.getter.shelf / "plan.pdf", "ab") as file:
        file.write(b"x")
    assert lab.asks(lab.can, shared.id) == CHANGED


def test_a_file_of_a_room_with_another_hash_is_not_it(lab):
    """Whoever serves it, and the author, too; who has the right one is asked after that."""
    shared = lab.offer("plan.pdf", CONTENT)
    shared.content = bytes(len(CONTENT))
    assert lab.getter.get(shared) != 0
    assert lab.getter.files() == {}
    assert lab.getter.parts() == []
    assert shared.done == []
    of_can = lab.can.share("plan.pdf", CONTENT, file_id=shared.id)
    assert lab.getter.get(shared) == 0
    assert lab.getter.files() == {"plan.pdf": CONTENT}
    # The author is told that he has it, although somebody else served it.
    eventually(lambda: shared.done and of_can.done)


def test_no_saying_offers_a_file_that_could_not_be_one(lab):
    good = {"name": "plan.pdf", "bytes": 5, "hash": hash_of(b"12345")}
    wrong = [*MALFORMED, {**good, "hash": None}, {**good, "hash": "x"}, {**good, "hash": to_base64(bytes(31))},
             {"name": "plan.pdf", "bytes": 5}, *({**good, "name": name} for name in BAD_NAMES)]
    with lab.alice.call(BOB, lab.identity.public) as session:
        for offer in wrong:
            if not isinstance(offer, dict) or "\ud800" in str(offer.get("name")):
                continue
            saying = Saying.signed(lab.alice.identity, lab.head, offer)
            assert session.speak(lab.head, saying)["status"] == 404, offer
    assert [line for line in lab.getter.user.log() if line.get("direction") == "RECEIVED"] == []
