"""Disks that are full, directories that cannot be written to, and files that are missing."""

import contextlib
import fcntl
import json
import os
import re
import subprocess
import time

import pytest

from network import ECE, Ear, Listener, Mouth, connect, say
from protocol import Identity, InitiatorSide
from quartet import MENU, User, chat_unsecure, eventually, pin
from rooms import Saying, Session, State

PAGE = 4096
NOT_KEPT = "(?i)not kept"


class Disk:
    """A small file system in memory, seen by the tests alone."""

    def __init__(self, path, size="1m"):
        self.path = path
        path.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", path], check=True)

    def fill(self, leaving=0):
        """Uses up all the space but some pages."""
        self.path.joinpath("ballast").touch()
        with open(self.path / "ballast", "ab", buffering=0) as ballast:
            with contextlib.suppress(OSError):
                while True:
                    ballast.write(bytes(PAGE))
            ballast.truncate(ballast.tell() - leaving * PAGE)

    def free(self):
        self.path.joinpath("ballast").unlink()

    def set_writable(self, writable):
        """Also for the super-user, whom permission bits do not stop."""
        mode = "rw" if writable else "ro"
        subprocess.run(["mount", "-o", f"remount,bind,{mode}", self.path], check=True)

    def free_bytes(self):
        status = os.statvfs(self.path)
        return status.f_bavail * status.f_frsize

    def unmount(self):
        subprocess.run(["umount", "--lazy", self.path], check=True)


@pytest.fixture
def disk(tmp_path):
    own = Disk(tmp_path / "disk")
    yield own
    own.unmount()


@pytest.fixture
def bob(disk, started):
    """A user whose directory is on the small disk, who knows Ece."""
    user = User(disk.path / "bob", started)
    user.knows(Ece=ECE)
    return user


def all_said(program):
    return program.output + program.errors


def listing(user):
    """The user's files and what is in them."""
    return {path.name: path.read_bytes() for path in user.directory.iterdir()}


# The responder.


@pytest.mark.parametrize("size", [10, 50_000])
def test_responder_says_that_a_message_was_not_kept(bob, disk, size):
    responder = bob.responder()
    say("before")
    responder.wait_for("Ece: before")
    disk.fill()
    say("x" * size)
    responder.wait_for(NOT_KEPT)
    assert "No space left on device" in all_said(responder)
    assert bob.logged_texts() == ["before"]
    disk.free()
    say("after")
    responder.wait_for("Ece: after")
    assert bob.logged_texts() == ["before", "after"]


def test_responder_displays_what_it_cannot_keep(bob, disk):
    """2.4.0-C has no condition."""
    responder = bob.responder()
    disk.fill()
    say("hello")
    responder.wait_for(r"\[plain\] Ece: hello")


def test_responder_cuts_the_log_back_to_whole_lines(bob, disk):
    """There is room for the beginning of the line only."""
    responder = bob.responder()
    say("before")
    responder.wait_for("Ece: before")
    disk.fill(leaving=4)
    say("x" * 60_000)
    responder.wait_for(NOT_KEPT)
    assert bob.logged_texts() == ["before"]


def test_responder_confirms_nothing_that_it_did_not_keep(bob, disk):
    responder = bob.responder()
    with connect(source=ECE) as connection:
        side = InitiatorSide(Identity(), bob.identity().public)
        connection.send_object(side.key_object())
        side.complete(connection.receive_object())
        disk.fill()
        connection.send_object(side.message("hello"))
        responder.wait_for(NOT_KEPT)
        connection.shut_down()
        assert connection.receive_all() == b""
    assert bob.log() == []


def test_strangers_cannot_fill_the_disk(bob, disk):
    """Messages stop being kept while there is room for the other programs."""
    responder = bob.responder()
    discovery = bob.discovery()
    for _ in range(60):
        say("x" * 60_000)
        if re.search(NOT_KEPT, responder.output):
            break
    else:
        pytest.fail("a megabyte has held four")
    assert disk.free_bytes() > 0
    with Mouth() as mouth:
        mouth.announce("127.0.0.8", "Can")
        discovery.wait_for("Can is online")
    assert "127.0.0.8" in bob.peers()


def test_responder_works_on_in_a_read_only_directory(bob, disk):
    bob.identity()
    responder = bob.responder()
    disk.set_writable(False)
    say("hello")
    responder.wait_for(NOT_KEPT)
    responder.wait_for("Ece: hello")
    assert "Read-only file system" in all_said(responder)
    disk.set_writable(True)
    say("hello again")
    responder.wait_for("hello again")
    assert bob.logged_texts() == ["hello again"]


def test_responder_without_any_file_starts_in_a_read_only_directory(bob, disk):
    """Without an identity there are no secure chats, and it says so; the rest works."""
    bob.path("peers.txt").unlink()
    disk.set_writable(False)
    responder = bob.responder()
    say("hello")
    responder.wait_for(r"unknown \(127\.0\.0\.9\): hello")
    assert "identity.key" in all_said(responder)
    assert listing(bob) == {}


# The initiator.


def test_initiator_says_that_a_message_was_not_kept(bob, disk):
    initiator = bob.initiator()
    disk.fill()
    with Listener(ECE):
        chat_unsecure(initiator, "Ece")
        initiator.ask("hello", "No space left on device")
        initiator.wait_for(MENU)
        assert re.search(NOT_KEPT, initiator.output)
        assert bob.log() == []
        disk.free()
        chat_unsecure(initiator, "Ece")
        initiator.ask("hello again", "(?i)sent to Ece")
        initiator.wait_for(MENU)
    assert bob.logged_texts() == ["hello again"]


def test_initiator_cuts_the_log_back_to_whole_lines(bob, disk):
    initiator = bob.initiator()
    disk.fill(leaving=4)
    with Listener(ECE):
        chat_unsecure(initiator, "Ece")
        initiator.ask("x" * 40_000, NOT_KEPT)
        initiator.wait_for(MENU)
    assert bob.log() == []


def test_initiator_works_on_in_a_read_only_directory(bob, disk):
    disk.set_writable(False)
    initiator = bob.initiator()
    assert "Ece (Online)" in initiator.menu("Users")
    with Listener(ECE) as listener:
        chat_unsecure(initiator, "Ece")
        initiator.ask("hello", "Read-only file system")
        initiator.wait_for(MENU)
        with listener.accept() as connection:
            assert connection.receive_all() == b'{"unencrypted_message": "hello"}'
    assert list(listing(bob)) == ["peers.txt"]


# Discovery.


def test_discovery_waits_for_a_full_disk(bob, disk):
    discovery = bob.discovery()
    before = bob.path("peers.txt").read_bytes()
    disk.fill()
    with Mouth() as mouth:
        for number in range(100):  # more than fit into the page that the file has
            mouth.announce(f"127.0.1.{number + 1}", f"peer {number}")
        eventually(lambda: "No space left on device" in all_said(discovery))
        assert bob.path("peers.txt").read_bytes().startswith(before)
        assert bob.peers()
        disk.free()
        mouth.announce("127.0.0.7", "Bob")
        discovery.wait_for("Bob is online")
    assert {"127.0.0.7", "127.0.1.1", "127.0.1.100", ECE} <= set(bob.peers())


def test_discovery_says_once_that_the_disk_is_full(bob, disk):
    discovery = bob.discovery()
    disk.fill()
    with Mouth() as mouth:
        for number in range(200):
            mouth.announce(f"127.0.1.{number + 1}", f"peer {number}")
        eventually(lambda: "No space left on device" in all_said(discovery))
        for number in range(4):
            mouth.announce(f"127.0.2.{number + 1}", f"peer {number}")
            discovery.wait_for(rf"127\.0\.2\.{number + 1}\b")
    assert all_said(discovery).count("No space left on device") < 3


def test_discovery_works_on_in_a_read_only_directory(bob, disk):
    disk.set_writable(False)
    discovery = bob.discovery()
    with Mouth() as mouth:
        mouth.announce("127.0.0.8", "Can")
        eventually(lambda: "Read-only file system" in all_said(discovery))
        disk.set_writable(True)
        mouth.announce("127.0.0.7", "Bob")
        discovery.wait_for("Bob is online")
    assert "127.0.0.8" in bob.peers()


def test_discovery_makes_a_missing_dictionary(bob):
    bob.path("peers.txt").unlink()
    discovery = bob.discovery()
    with Mouth() as mouth:
        mouth.announce("127.0.0.8", "Can")
        discovery.wait_for("Can is online")
        bob.path("peers.txt").unlink()
        mouth.announce("127.0.0.7", "Bob")
        discovery.wait_for("Bob is online")
    assert "127.0.0.7" in bob.peers()


# The announcer.


@pytest.mark.parametrize("spoil, reason", [
    (lambda disk: disk.fill(), "No space left on device"),
    (lambda disk: disk.set_writable(False), "Read-only file system"),
])
def test_announcer_announces_what_it_cannot_store(bob, disk, spoil, reason):
    """The name is the user's to say again at the next launch; nothing is left half-written."""
    before = listing(bob)
    spoil(disk)
    with Ear() as ear:
        announcer = bob.announcer("-u", "Bob")
        assert b'"username": "Bob"' in ear.hear().data
    assert reason in all_said(announcer)
    after = listing(bob)
    assert after.get("identity.key", bytes(32)) != b""
    assert after["peers.txt"] == before["peers.txt"]


def test_an_identity_is_whole_or_not_there(bob, disk):
    """A full disk must not leave an empty key that would then be the user's for ever."""
    disk.fill()
    bob.announcer("-u", "Bob").stop()
    disk.free()
    with Ear() as ear:
        bob.announcer("-u", "Bob")
        assert bob.identity().text.encode() in ear.hear().data
    assert len(bob.path("identity.key").read_bytes()) == 32


def test_what_is_not_ours_is_left_alone(bob):
    """Files of other names that happen to be there."""
    for name in ("peers.txt.bak", "notes", "peers.txt.test2", "identity.key.bak"):
        bob.path(name).write_bytes(b"mine")
    bob.announcer("-u", "Bob")
    bob.discovery()
    bob.responder()
    for name in ("peers.txt.bak", "notes", "peers.txt.test2", "identity.key.bak"):
        assert bob.path(name).read_bytes() == b"mine"


def test_an_identity_is_made_by_whoever_needs_it_first(make_user):
    """All at the same instant, and all end up with the same one."""
    for number in range(5):
        user = make_user(f"user{number}", address=f"127.0.4.{number + 1}")
        with Ear("127.255.255.255") as ear:
            user.start("announcer", "-u", "Bob", ready=False)
            responder = user.start("responder", ready=False)
            initiator = user.start("initiator", ready=False)
            announced = json.loads(ear.hear().data)["identity"]
        responder.wait_for("Listening")
        initiator.wait_for(MENU)
        identity = user.identity()
        assert identity.text == announced
        with connect(user.address) as connection:
            side = InitiatorSide(Identity(), identity.public)
            connection.send_object(side.key_object())
            side.complete(connection.receive_object())
            connection.send_object(side.message("hello"))
            assert side.receipt(connection.receive_object()) == 0


# Locks.


def test_writers_of_the_dictionary_lose_nothing_of_each_other(bob):
    """Discovery, the announcer and a third program change the file at once."""
    discovery = bob.discovery()
    announcers = []
    with Mouth() as mouth:
        for number in range(60):
            def change(content):
                """While the file is locked, others come to wait for it."""
                mouth.announce(f"127.5.0.{number + 1}", f"peer {number}")
                if number % 20 == 0:
                    announcers.append(bob.start("announcer", "-u", f"Bob {number}", ready=False))
                time.sleep(0.02)
                content["count"] = content.get("count", 0) + 1

            bob.update_peers_file(change)
            while announcers:
                announcers.pop().wait_for("Announcing")
        mouth.announce("127.0.0.7", "Can")
        discovery.wait_for("Can is online")
    content = bob.peers_file()
    assert content["count"] == 60
    assert {f"127.5.0.{number + 1}" for number in range(60)} <= set(content["peers"])
    assert content["self"]["username"] == "Bob 40"


@contextlib.contextmanager
def locked(path):
    """Another program holds the lock of a file."""
    with open(path, "rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
        fcntl.flock(file, fcntl.LOCK_UN)


@pytest.mark.parametrize("name", ["peers.txt", "chat.log"])
def test_a_lock_that_is_held_for_ever_hangs_nothing(bob, name):
    """Each program waits a while, says so and goes on."""
    responder = bob.responder()
    discovery = bob.discovery()
    initiator = bob.initiator()
    bob.write_log()
    with locked(bob.path(name)), Mouth() as mouth:
        mouth.announce("127.0.0.8", "Can")
        initiator.menu("Users")
        initiator.menu("History")
        say("hello")
        responder.wait_for("hello" if name == "peers.txt" else "holds the lock of chat.log")
        bob.announcer("-u", "Bob").stop()
    discovery.wait_for("Can is online")
    if name == "chat.log":
        responder.wait_for("Ece: hello")


STALLED = "another program holds the lock of chat.log; what arrives is shown once it is kept"


def sealed_hello(bob, connection, text="a secret"):
    """Says something in a secure session, of which a receipt is due."""
    side = InitiatorSide(Identity(), bob.identity().public)
    connection.send_object(side.key_object())
    side.complete(connection.receive_object())
    connection.send_object(side.message(text))
    return side


@pytest.mark.parametrize("shuts_down", [False, True])
def test_a_stall_of_the_lock_loses_no_message(bob, shuts_down):
    """Nothing is shown or confirmed before it is kept, and then all of it is."""
    bob.write_log()
    responder = bob.responder()
    with connect(source="127.0.0.7") as connection:
        with locked(bob.path("chat.log")):
            say("one")
            side = sealed_hello(bob, connection)
            if shuts_down:
                connection.shut_down()
            say("two")
            responder.wait_for(STALLED)
            assert "one" not in responder.output and "secret" not in responder.output
            assert bob.path("chat.log").stat().st_size == 0
            say("three")
        assert side.receipt(connection.receive_object()) == 0
        for text in ("one", "a secret", "two", "three"):
            eventually(lambda text=text: f": {text}\n" in responder.output)
        if shuts_down:
            assert connection.receive_all() == b""
    assert sorted(bob.logged_texts()) == ["a secret", "one", "three", "two"]
    assert not re.search(NOT_KEPT, responder.output)
    assert responder.output.count(STALLED) == 1


def test_who_does_not_wait_for_the_end_of_a_stall_is_heard_all_the_same(bob):
    """Senders go away, and exchange new keys, while receipts are owed to them."""
    bob.write_log()
    responder = bob.responder()
    with connect(source="127.0.0.7") as impatient:
        with locked(bob.path("chat.log")):
            with connect(source="127.0.0.8") as connection:
                sealed_hello(bob, connection, "from one who leaves")
            sealed_hello(bob, impatient, "the first")
            side = sealed_hello(bob, impatient, "the second")
            responder.wait_for(STALLED)
        assert side.receipt(impatient.receive_object()) == 0
    assert sorted(bob.logged_texts()) == ["from one who leaves", "the first", "the second"]


def test_what_waits_for_the_lock_is_bounded(make_user):
    """Who sends more is refused; what was taken is not lost."""
    bob = make_user("bob")
    bob.write_log()
    responder = bob.responder()
    with locked(bob.path("chat.log")):
        for number in range(100):
            say(f"{number:03}" + 60_000 * "x")
            if "refused" in responder.output:
                break
        responder.wait_for("refused unknown .*: too much waits for chat.log")
    responder.stop()
    kept = [text[:3] for text in bob.logged_texts()]
    assert kept == [f"{number:03}" for number in range(len(kept))]
    assert len(kept) == 4 * 1024 * 1024 // len(bob.path("chat.log").read_bytes().split(b"\n")[0])


def test_at_the_end_what_cannot_be_kept_is_shown(bob):
    bob.write_log()
    responder = bob.responder()
    with locked(bob.path("chat.log")):
        say("hello")
        responder.stop()
    assert re.search(NOT_KEPT, responder.output) and "Ece: hello" in responder.output


# Shares.


def test_strangers_leave_room_for_whom_the_user_knows(bob, disk):
    """The last of the disk is for those who have proven to be who they are."""
    known = Identity()
    bob.pin(Can=pin(known.text))
    responder = bob.responder()
    for _ in range(60):
        say("x" * 60_000)
        if re.search(NOT_KEPT, responder.output):
            break
    assert disk.free_bytes() > PAGE
    for who, kept in [(Identity(), False), (known, True)]:
        with connect(source="127.0.0.8") as connection:
            side = InitiatorSide(who, bob.identity().public)
            connection.send_object(side.key_object())
            side.complete(connection.receive_object())
            connection.send_object(side.message("hello"))
            responder.wait_for(r"\(127\.0\.0\.8\): hello$" if not kept else "Can: hello$")
            if kept:
                assert side.receipt(connection.receive_object()) == 0
    assert [entry["username"] for entry in bob.log()].count("Can") == 1


def test_members_who_are_strangers_leave_room_for_those_who_are_known(bob, disk):
    known, stranger = Identity(), Identity()
    bob.pin(Can=pin(known.text))
    responder = bob.responder()
    state = State.first(known, "Can").letting_in(known, bob.identity(), "Bob").letting_in(known, stranger, "Joe")
    sayings = [Saying.signed(author, state, text) for author, text in [(stranger, "no"), (known, "hello")]]
    with Session(known, "127.0.0.1", bob.identity().public) as session:
        assert session.hand_over(state)["status"] == 200
        disk.fill(leaving=2)
        with Session(stranger, "127.0.0.1", bob.identity().public) as other:
            assert other.speak(state, sayings[0])["status"] == 300
        # Whoever passes it on.
        assert [session.speak(state, saying)["status"] for saying in sayings] == [300, 200]
    responder.wait_for("cannot keep what comes for a room")
    assert sayings[0].record["signed"] not in [line.get("signed") for line in bob.log()]
