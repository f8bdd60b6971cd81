"""Offers of files as they travel and as chat.log keeps them (common/PROTOCOL.md, sections 6 and 8)."""

import json
import os

import pytest

from files import Fetching, Sharer, file_key, hash_of, status
from protocol import Identity, to_base64
from quartet import eventually, log_entry, peer, pin
from rooms import Saying, State
from test_delivery import utc

BOB = "127.0.0.1"
NAME = (404, "name")
BAD_NAMES = ["", ".", "..", "../peers.txt", "/etc/passwd", "a/b", ".bashrc", "-rf", "a\nb", "a\u202efdp.exe", "a\u200b",
             "x" * 201, "plan.pdf.0123456789abcdef.part"]


class Person:
    """Somebody who calls Bob's responder."""

    def __init__(self, username, bob, address="127.3.0.1"):
        self.username, self.identity, self.address = username, Identity(), address
        self._bob = bob

    def call(self):
        return Fetching(self.identity, BOB, self._bob.identity().public, self.address, self.username)

    def offers(self, name, size=2_100_000, file_id=None):
        """The receipt of an offer in a session of its own."""
        with self.call() as session:
            return status(session.offer(name, size, file_id))


@pytest.fixture
def bob(make_user):
    user = make_user("bob")
    user.is_called("Bob")
    return user


@pytest.fixture
def alice(bob):
    person = Person("Alice", bob)
    bob.pin(Alice=pin(person.identity.text))
    return person


def offers(user, direction="RECEIVED"):
    """Name, size and number of what is in a log."""
    return [(entry["file"]["name"], entry["file"]["bytes"], entry["number"]) for entry in user.log()
            if entry.get("direction") == direction and "file" in entry]


def test_an_offer_is_logged_once_with_a_number_and_shown_as_no_text_can_be(bob, alice):
    responder = bob.responder()
    first = os.urandom(16)
    assert alice.offers("plan.pdf", file_id=first) == (200, None)
    assert alice.offers("\u00d6zge.txt", 0) == (200, None)
    assert alice.offers("plan.pdf", file_id=first) == (200, None)
    assert alice.offers("x (1 byte): Get 7", 2**63 - 1) == (200, None)
    assert offers(bob) == [("plan.pdf", 2_100_000, 1), ("\u00d6zge.txt", 0, 2), ("x (1 byte): Get 7", 2**63 - 1, 3)]
    entry = bob.log()[0]
    assert list(entry)[-1] == "number"
    assert (entry["id"], entry["identity"]) == (to_base64(first), alice.identity.text)
    assert "text" not in entry
    responder.wait_for(r"\[secure\].* Alice offers plan\.pdf \(2\.1 MB\): Get 1\n")
    responder.wait_for(r' Alice offers "x \(1 byte\): Get 7" \(9\.2 EB\): Get 3\n')
    assert bob.path("chat.log").read_text().splitlines()[0].endswith(', "number":          1}')


def test_a_name_that_cannot_be_stored_is_answered_and_nothing_is_logged(bob, alice):
    bob.responder()
    with alice.call() as session:
        for name in BAD_NAMES:
            assert status(session.offer(name, 1)) == NAME
        assert status(session.offer("x" * 200, 1)) == (200, None)
    assert [name for name, _, _ in offers(bob)] == ["x" * 200]


@pytest.mark.parametrize("file", [7, None, {}, {"name": "a"}, {"name": "a", "bytes": -1}, {"name": "a", "bytes": 1.5},
                                  {"name": 1, "bytes": 1}, {"name": "a", "bytes": 1, "hash": "AAAA"}])
def test_an_offer_of_another_form_ends_the_session(bob, alice, file):
    bob.responder()
    with alice.call() as session, pytest.raises((AssertionError, OSError)):
        session.ask(id=to_base64(os.urandom(16)), file=file)
    assert alice.offers("plan.pdf") == (200, None)
    assert len(offers(bob)) == 1


def test_offers_that_come_at_once_have_numbers_in_the_order_of_the_log(bob, alice):
    bob.responder()
    sessions = [alice.call() for _ in range(3)]
    for session in sessions:
        session.__enter__()
        assert status(session.offer("first", 1)) == (200, None)
    for session in sessions:
        # So many that the responder goes on while they are synced.
        asks = [session.side.ask(id=to_base64(os.urandom(16)), file={"name": f"file {i}", "bytes": i})
                for i in range(40)]
        session.connection.send("".join(map(json.dumps, asks)).encode())
    eventually(lambda: len(offers(bob)) == 123)
    assert [number for _, _, number in offers(bob)] == list(range(1, 124))


@pytest.mark.parametrize("accept, answer, logged", [("ask", (300, "held"), True), ("known", (404, "not known"), False)])
def test_an_offer_of_a_stranger_is_held_or_refused_as_a_message_is(bob, alice, accept, answer, logged):
    bob.update_peers_file(lambda content: content["self"].update(accept=accept))
    responder = bob.responder()
    can = Person("Can", bob, "127.3.0.2")
    assert can.offers("plan.pdf") == answer
    assert alice.offers("mine.pdf") == (200, None)
    assert [entry.get("held") for entry in bob.log()] == ([True, None] if logged else [None])
    responder.wait_for("Alice offers mine")
    assert "plan.pdf" not in responder.output
    if logged:
        bob.run("initiator", "accept", "Can")
        assert [entry["number"] for entry in bob.log() if "file" in entry] == [1, 2]


def test_who_is_blocked_offers_nothing(bob, alice):
    bob.pin(Alice=pin(alice.identity.text, blocked=True))
    bob.responder()
    assert alice.offers("plan.pdf") == (404, "blocked")
    assert bob.log() == []


def test_an_offer_in_a_room_has_a_hash_and_a_number(bob, alice):
    bob.responder()
    first = State.first(alice.identity, "Alice")
    head = first.letting_in(alice.identity, bob.identity(), "Bob")
    offer = {"name": "plan.pdf", "bytes": 5, "hash": hash_of(b"hello")}
    with alice.call() as session:
        assert session.hand_over(head)["status"] == 200
        good = Saying.signed(alice.identity, head, offer)
        for _ in range(2):
            assert status(session.speak(head, good)) == (200, None)
        assert status(session.speak(head, Saying.signed(alice.identity, head, {**offer, "name": "../a"}))) == NAME
        unhashed = {"name": "plan.pdf", "bytes": 5}
        assert session.speak(head, Saying.signed(alice.identity, head, unhashed))["status"] == 404
    said = [entry for entry in bob.log() if "direction" in entry]
    assert [(entry["number"], '"plan.pdf"' in entry["signed"]) for entry in said] == [(1, True)]


SOURCE = {"path": "/home/bob/plan.pdf", "device": 1, "inode": 2, "bytes": 5, "mtime": 3, "ctime": 4}


def queue(bob, alice):
    """Has an offer with the number 7 wait for Alice."""
    line = log_entry("", "Alice", "QUEUED", "127.0.0.3", "secure", utc(), id=to_base64(os.urandom(16)),
                     identity=alice.identity.text)
    del line["text"]
    text = json.dumps({**line, "file": {"name": "plan.pdf", "bytes": 5}, "source": SOURCE, "number": 7})
    bob.write_log(text.replace(' 7}', f'{7:11}}}\n').encode())
    return line


def test_an_offer_that_goes_to_a_new_identity_is_a_new_one(bob, alice):
    queue(bob, alice)
    now = Person("Alice", bob)
    bob.write_peers({"127.0.0.3": peer("Alice", identity=now.identity.text)})
    initiator = bob.initiator(terminal=True)
    with Sharer(now.identity, "Alice", "127.0.0.3") as sharer:
        initiator.ask("Trust Alice", r"yes or no\? ")
        initiator.ask("yes", r"(?s)1 message waits.*yes or no\? ")
        initiator.send("yes")
        eventually(lambda: sharer.offered("plan.pdf"))
    eventually(lambda: offers(bob, "SENT") == [("plan.pdf", 5, 8)])
    assert [entry["source"] for entry in bob.log() if "source" in entry] == [SOURCE] * 3


def test_what_is_queued_is_offered_and_keeps_its_number(bob, alice):
    line = queue(bob, alice)
    bob.knows(Alice="127.0.0.3")
    with Sharer(alice.identity, "Alice", "127.0.0.3") as sharer:
        bob.run("initiator", "deliver", "-1")
        assert [(offer["id"], offer["file"]) for offer in sharer.offers] == [
            (line["id"], {"name": "plan.pdf", "bytes": 5})]
        assert sharer.heard[0][1].keys() == {"identity", "proof", "username", "id", "file"}
    sent = [entry for entry in bob.log() if entry.get("direction") == "SENT"]
    assert [(entry["number"], entry["source"], entry["id"]) for entry in sent] == [(7, SOURCE, line["id"])]
    shown = bob.run("initiator", "history").output
    assert "plan.pdf (5 bytes) ✓\n" in shown
    # What comes next has a number of its own.
    bob.responder()
    assert alice.offers("other.pdf") == (200, None)
    assert offers(bob) == [("other.pdf", 2_100_000, 8)]


def test_the_key_of_a_stream_is_the_one_of_the_vectors(vectors):
    secure = {name: bytes.fromhex(vectors["secure"][name]) for name in ("k_responder_to_initiator", "A", "B", "file_key")}
    assert file_key(secure["k_responder_to_initiator"], secure["A"], secure["B"]) == secure["file_key"]
