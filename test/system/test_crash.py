"""Kill -9 at random moments, while the other programs work."""

import contextlib
import json
import os
import re
import threading
import time

import pytest

from network import Mouth, connect
from protocol import Identity, InitiatorSide, to_base64
from quartet import PROGRAMS, eventually, parse_peers_file, peer

ALICE = "127.0.0.2"
BOB = "127.0.0.3"
ROUNDS = 40
SHOWN = re.compile(r"^\d\d:\d\d:\d\d \[(plain|secure)\] .*?: (from \S+ \d+ \d+)$", re.MULTILINE)


class Crew:
    """A user whose four programs are killed and started again."""

    def __init__(self, user, name, other):
        self.user = user
        self.name = name
        self.other = other
        self.running = {}
        self.initiators = []
        self.responders = []
        self.known = {}
        for program in PROGRAMS:
            self.restart(program)

    def restart(self, name):
        """Starts a program, without waiting: it is killed at any moment of its life."""
        arguments = ["-u", self.name, "-i", "1"] if name == "announcer" else []
        program = self.user.start(name, *arguments, ready=False)
        self.running[name] = program
        if name == "initiator":
            self.initiators.append(program)
        if name == "responder":
            self.responders.append(program)

    def kill(self, name):
        self.running[name].kill()

    def chat(self, number):
        """Types a whole chat ahead, as a pipe would."""
        kind = "secure\n7" if number % 2 else "unsecure"
        text = f"from {self.name} {len(self.initiators)} {number}"
        self.running["initiator"].send(f"Chat {self.other}\n{kind}\n{text}")

    def check_files(self):
        """Whatever was killed, the dictionary parses, the log has only whole lines, and who was
        known is.
        """
        known = self.user.known()
        assert known.items() >= self.known.items()
        self.known = known
        self.user.log()

    def check_promises(self, other):
        """Nothing that a user saw as sent, delivered or received is missing from a log."""
        sent = [entry["text"] for entry in self.user.log() if entry.get("direction") == "SENT"]
        received = [entry["text"] for entry in self.user.log() if entry.get("direction") == "RECEIVED"]
        at_other = [entry["text"] for entry in other.user.log()
                    if entry.get("direction") == "RECEIVED" and entry["mode"] == "secure"]
        queued = [entry["text"] for entry in self.user.log() if entry.get("direction") == "QUEUED"]
        assert len(set(at_other)) == len(at_other)
        assert len(set(sent)) == len(sent) and len(set(received)) == len(received)
        for responder in self.responders:
            assert {text for _, text in SHOWN.findall(responder.output)} <= set(received)
        # What one initiator did not deliver, the next one does.
        told = "".join(initiator.output for initiator in self.initiators)
        delivered = len(re.findall(f"(?i)delivered to {self.other}", told))
        assert len(re.findall(f"(?i)sent to {self.other}", told)) <= len(sent)
        assert delivered <= len(at_other) and set(at_other) <= set(queued)
        return len(sent), len(received)


@pytest.mark.timeout(180)
def test_kill_9_of_each_program_at_random_moments(alice, bob, seeded):
    crews = [Crew(alice, "Alice", "Bob"), Crew(bob, "Bob", "Alice")]
    for crew in crews:
        eventually(lambda: {ALICE, BOB} <= set(crew.user.peers()))
    victims = [(crew, name) for crew in crews for name in PROGRAMS] * (ROUNDS // 8)
    seeded.shuffle(victims)
    for number, (crew, name) in enumerate(victims):
        for talker in crews:
            talker.chat(number)
            talker.chat(number + len(victims))
        time.sleep(seeded.random() / 3)  # the random moment
        crew.kill(name)
        for each in crews:
            each.check_files()
        crew.restart(name)
    for crew in crews:
        initiator = crew.running["initiator"]
        initiator.end_input()
        # It is not 0 if a chat of its was interrupted.
        status = initiator.process.wait()
        assert status in (0, 1, 4, 5)
        initiator.wait(status)
    for crew, other in [crews, crews[::-1]]:
        sent, received = crew.check_promises(other)
        assert sent > 0 and received > 0
        assert list(crew.user.known()) == [other.name]
        leftovers = {path.name for path in crew.user.directory.iterdir()}
        assert len(leftovers) <= 6


def test_kill_9_of_discovery_and_announcer_amid_writing(alice, seeded):
    """A dictionary large enough to be killed in the middle of, read all the time."""
    alice.write_peers({f"10.0.{number // 250}.{number % 250 + 1}": peer(f"peer {number}")
                       for number in range(5000)})
    done = threading.Event()
    unreadable = []

    def read_all_the_time():
        while not done.is_set():
            content = alice.read_locked("peers.txt")
            try:
                assert len(parse_peers_file(content)["peers"]) >= 5000
            except (ValueError, AssertionError):
                unreadable.append(content)

    reader = threading.Thread(target=read_all_the_time)
    reader.start()
    shown = set()
    try:
        with Mouth("127.255.255.255") as mouth:
            for number in range(30):
                victim = alice.discovery() if number % 3 else \
                    alice.start("announcer", "-u", f"Alice {number}", ready=False)
                ending = time.monotonic() + seeded.random() / 4  # the random moment
                count = 0
                while time.monotonic() < ending:
                    count += 1
                    mouth.announce(f"127.{number + 1}.{count // 250}.{count % 250 + 1}", "Can")
                    time.sleep(0.001)
                victim.kill()
                shown |= set(re.findall(r"Can is online \((\S+)\)", victim.output))
    finally:
        done.set()
        reader.join()
    assert unreadable == []
    assert shown and shown <= set(alice.peers())
    assert len(list(alice.directory.iterdir())) <= 4


def test_kill_9_of_the_responder_amid_messages(bob, seeded):
    """What was shown or confirmed is in the log; the log has whole lines only."""
    confirmed = set()
    responders = []
    identity = Identity()

    def talk(number):
        for count in range(1000):
            text = f"from Ece {number} {count}"
            try:
                with connect(BOB, f"127.0.1.{number % 200 + 1}") as connection:
                    side = InitiatorSide(identity, bob.identity().public)
                    connection.send_object(side.key_object())
                    side.complete(connection.receive_object())
                    connection.send_object(side.message(text))
                    side.receipt(connection.receive_object())
                    confirmed.add(text)
            except (OSError, AssertionError):  # the responder was killed
                return

    bob.identity()
    for number in range(12):
        responder = bob.responder()
        responders.append(responder)
        talkers = [threading.Thread(target=talk, args=[number * 3 + own]) for own in range(3)]
        for talker in talkers:
            talker.start()
        time.sleep(seeded.random() / 2)  # the random moment
        responder.kill()
        for talker in talkers:
            talker.join()
        bob.log()
    logged = set(bob.logged_texts())
    shown = {text for responder in responders for _, text in SHOWN.findall(responder.output)}
    assert confirmed and confirmed <= logged
    assert shown and shown <= logged


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_killed_program_starts_again(alice, name):
    """No lock, scratch file or socket of the dead is in its way."""
    arguments = ["-u", "Alice"] if name == "announcer" else []
    for _ in range(3):
        alice.start(name, *arguments).kill()
    alice.start(name, *arguments).stop()


def test_a_program_that_hangs_does_not_stop_the_others(alice):
    """Discovery is stopped in the middle of whatever it does; the others carry on."""
    alice.knows(Bob=BOB)
    discovery = alice.discovery()
    with discovery.paused():
        initiator = alice.initiator()
        assert "Bob (Online)" in initiator.menu("Users")
        alice.responder()
        alice.announcer("-u", "Alice")


# Repeated messages.


class Repeater:
    """A sender who got no receipt, or does not believe it, and sends the same message again."""

    def __init__(self, bob):
        self.bob = bob
        self.identity = Identity()
        self.id = to_base64(os.urandom(16))

    @contextlib.contextmanager
    def session(self, identity=None):
        with connect(BOB, source="127.0.0.7") as connection:
            side = InitiatorSide(identity or self.identity, self.bob.identity().public)
            connection.send_object(side.key_object())
            side.complete(connection.receive_object())
            yield connection, side

    def say(self, identity=None, text="hello"):
        """Sends it and returns the status of the receipt."""
        with self.session(identity) as (connection, side):
            connection.send_object(side.message(text, id=self.id))
            receipt = side.open_receipt(connection.receive_object())
            assert receipt["received"] == 0
            return receipt["status"]


@pytest.mark.parametrize("ending", [None, "stop", "kill"])
def test_a_message_that_is_repeated_appears_once_and_is_confirmed_each_time(bob, ending):
    """Also by a responder that was started anew, whether the one before could end or not."""
    repeater = Repeater(bob)
    responder = bob.responder()
    assert repeater.say() == 200
    responder.wait_for("hello$")
    for _ in range(2):
        if ending:
            getattr(responder, ending)()
            responder = bob.responder()
        assert repeater.say() == 200
        assert repeater.say(text="something else under the same id") == 200
    assert [(entry["text"], entry["id"]) for entry in bob.log()] == [("hello", repeater.id)]
    assert responder.output.count("hello") == (0 if ending else 1)
    assert "something else" not in responder.output


def test_a_message_that_is_repeated_on_the_same_connection_appears_once(bob):
    repeater = Repeater(bob)
    responder = bob.responder()
    with repeater.session() as (connection, side):
        for _ in range(3):
            connection.send_object(side.message("hello", id=repeater.id))
        for number in range(3):
            assert side.receipt(connection.receive_object(), number) == number
    responder.wait_for("hello$")
    assert bob.logged_texts() == ["hello"]


def test_nobody_can_spend_the_id_of_somebody_else(bob):
    """An id counts for the identity that was proven with it."""
    repeater = Repeater(bob)
    bob.responder()
    assert repeater.say(Identity(), text="me first") == 200
    assert repeater.say() == 200
    assert bob.logged_texts() == ["me first", "hello"]


def test_a_message_whose_receipt_was_lost_in_a_crash_appears_once(bob):
    """The responder is killed at any moment; the sender repeats until it is told."""
    for number in range(20):
        repeater = Repeater(bob)
        responder = bob.responder()
        with repeater.session() as (connection, side):
            connection.send_object(side.message(f"hello {number}", id=repeater.id))
            time.sleep(number * 0.0005)
            responder.kill()
        responder = bob.responder()
        assert repeater.say(text=f"hello {number}") == 200
        responder.stop()
    assert bob.logged_texts() == [f"hello {number}" for number in range(20)]
