"""Mallory between Alice and Bob: all that they say to each other passes through her hands."""

import contextlib
import json
import re

import pytest

from network import Ear, Mouth, Stranger
from protocol import Identity, InitiatorSide, ResponderSide, fingerprint
from quartet import (MENU, Desk, assert_impostor_learns_nothing, chat_secure, eventually, pin,
                     shown_fingerprints)

ALICE, BOB = "10.1.0.1", "10.1.0.2"
EVERYBODY = "10.1.0.255"
SECRET = "the secret is under the third stone"


class Middle:
    """Alice and Bob on a LAN each, and Mallory between: on either she has the other's address."""

    def __init__(self, make_lan, make_host, make_user):
        self.identity = Identity()
        self.as_bob, self.alice = self._plug(make_lan(), make_host, make_user, "Alice", ALICE, BOB)
        self.as_alice, self.bob = self._plug(make_lan(), make_host, make_user, "Bob", BOB, ALICE)

    @staticmethod
    def _plug(lan, make_host, make_user, name, own, other):
        face, host = make_host(), make_host()
        lan.plug(face, f"{other}/24")
        lan.plug(host, f"{own}/24")
        return face, Desk(make_user(name.lower(), host=host), name)

    def pass_announcements(self, identity=None):
        """Lets both hear each other, perhaps with another identity than was announced."""
        for source, target, heard_at, said_at, desk in [
                (BOB, ALICE, self.as_alice, self.as_bob, self.alice),
                (ALICE, BOB, self.as_bob, self.as_alice, self.bob)]:
            with heard_at, Ear() as ear:
                heard = json.loads(ear.hear_until(lambda one: one.source == source).data)
            announced = identity or heard["identity"]
            with said_at, Mouth(EVERYBODY) as mouth:
                if identity:
                    mouth.announce(source, heard["username"], identity=announced)
                else:
                    mouth.send(source, json.dumps(heard, ensure_ascii=False).encode())
            eventually(lambda: announced in [claim.get("identity")
                                             for claim in desk.user.claims(source)])

    def call_bob(self):
        """From where Bob believes Alice to be."""
        return Stranger(ALICE, self.as_alice).connect(BOB)

    @contextlib.contextmanager
    def chat(self):
        """Alice begins a secure chat; yields the connections that Mallory has to her and to Bob."""
        with Stranger(BOB, self.as_bob).listen() as listener:
            chat_secure(self.alice.initiator, "Bob")
            with listener.accept() as to_alice, self.call_bob() as to_bob:
                yield to_alice, to_bob
        self.alice.initiator.wait_for(MENU)

    def exchange_honestly(self, to_alice, to_bob):
        """Passes the keys on, until Alice has typed the message; returns what was said."""
        said = [pass_on(to_alice, to_bob), pass_on(to_bob, to_alice)]
        self.alice.initiator.wait_for("Message: ")
        self.alice.initiator.send(SECRET)
        return said

    def assert_refused(self, connection, texts=()):
        """Bob drops the connection, says so, and has taken in nothing more."""
        connection.wait_closed()
        self.bob.responder.wait_for(rf"refused.*{re.escape(ALICE)}")
        assert self.bob.user.logged_texts() == list(texts)

    def assert_unconfirmed(self):
        self.alice.initiator.wait_for("(?i)sent to Bob.*not confirmed")
        assert "elivered" not in self.alice.initiator.output
        assert self.alice.user.known() == {}


def pass_on(source, target, change=lambda value: value):
    """Passes an object on, perhaps changed; returns it as it came."""
    said = source.receive_object()
    target.send_object({name: change(value) for name, value in said.items()})
    return said


@pytest.fixture
def middle(make_lan, make_host, make_user):
    """Mallory passes announcements on as they are."""
    between = Middle(make_lan, make_host, make_user)
    between.pass_announcements()
    return between


@pytest.fixture
def recording(middle):
    """What Mallory recorded of a chat that she passed on as it was."""
    with middle.chat() as connections:
        said = middle.exchange_honestly(*connections)
        said += [pass_on(*connections), pass_on(*connections[::-1])]
        middle.alice.initiator.wait_for("Delivered to Bob")
    middle.bob.responder.wait_for(rf"\[secure\] \[unknown\] Alice \(.*\): {SECRET}$")
    assert middle.alice.user.known().keys() == {"Bob"}
    assert middle.bob.user.known() == {}
    return said


@pytest.mark.parametrize("piece", [1 << 20, 1])
def test_a_session_replayed_to_the_receiver_is_refused(middle, recording, piece):
    """Byte for byte, whole or one by one."""
    data = b"".join(json.dumps(recording[number]).encode() for number in (0, 2))
    with middle.call_bob() as connection:
        for start in range(0, len(data), piece):
            connection.send(data[start:start + piece])
        middle.assert_refused(connection, [SECRET])


def test_a_session_replayed_in_turn_is_refused(middle, recording):
    """As a patient Mallory would: the message after the answer to the key."""
    with middle.call_bob() as connection:
        connection.send_object(recording[0])
        assert connection.receive_object() != recording[1]
        connection.send_object(recording[2])
        middle.assert_refused(connection, [SECRET])


def test_answers_replayed_to_the_sender_confirm_nothing(middle, recording):
    initiator = middle.alice.initiator
    with middle.chat() as (to_alice, _):
        assert to_alice.receive_object() != recording[0]
        to_alice.send_object(recording[1])
        initiator.wait_for("Message: ")
        initiator.send("once more")
        to_alice.receive_object()
        to_alice.send_object(recording[3])
        initiator.wait_for("(?i)sent to Bob.*not confirmed")
    assert initiator.output.count("Delivered") == 1
    assert middle.bob.user.logged_texts() == [SECRET]


def test_who_replaces_both_keys_can_neither_read_nor_speak(middle):
    """Bob's announcement came through as it was."""
    with middle.chat() as (to_alice, to_bob):
        to_her = ResponderSide(middle.identity)
        to_him = InitiatorSide(middle.identity, middle.bob.user.identity().public)
        to_alice.send_object(to_her.answer(to_alice.receive_object()))
        to_bob.send_object(to_him.key_object())
        to_him.complete(to_bob.receive_object())
        middle.alice.initiator.wait_for("Message: ")
        middle.alice.initiator.send(SECRET)
        message = to_alice.receive_object()
        with pytest.raises(AssertionError):
            to_her.open(message)
        to_alice.send_object(to_her.receipt())
        to_bob.send_object(message)
        middle.assert_refused(to_bob)
        middle.assert_unconfirmed()


def test_who_replaces_both_keys_cannot_speak_for_the_sender(middle):
    """A message of her own making, with the name and the identity of Alice."""
    alice = middle.alice.user.identity()
    with middle.call_bob() as to_bob:
        side = InitiatorSide(middle.identity, middle.bob.user.identity().public)
        to_bob.send_object(side.key_object())
        side.complete(to_bob.receive_object())
        to_bob.send_object(side.message("I am Alice", identity=alice.text))
        middle.assert_refused(to_bob)


def test_the_receipt_of_a_session_of_her_own_does_not_confirm_anothers_message(middle):
    """Bob has confirmed something, but not what Alice sent."""
    with middle.chat() as (to_alice, to_bob):
        side = InitiatorSide(middle.identity, middle.bob.user.identity().public)
        to_bob.send_object(side.key_object())
        answer = to_bob.receive_object()
        side.complete(answer)
        to_alice.receive_object()
        to_alice.send_object(answer)
        middle.alice.initiator.wait_for("Message: ")
        middle.alice.initiator.send(SECRET)
        to_alice.receive_object()
        to_bob.send_object(side.message("something else"))
        pass_on(to_bob, to_alice)
        middle.assert_unconfirmed()
    assert middle.bob.user.log()[-1]["username"] == "unknown"


@pytest.mark.parametrize("whose", [0, 1])
@pytest.mark.parametrize("bit", [0, 7, 255])
def test_an_altered_key_is_no_key(middle, whose, bit):
    """Not even the bit that X25519 ignores may differ: the highest of the last byte."""
    with middle.chat() as connections:
        changes = [str, str]
        changes[whose] = lambda number: str(int(number) ^ 1 << bit)
        pass_on(*connections, changes[0])
        pass_on(*connections[::-1], changes[1])
        middle.alice.initiator.wait_for("Message: ")
        middle.alice.initiator.send(SECRET)
        pass_on(*connections)
        middle.assert_refused(connections[1])
        connections[0].close()
        middle.assert_unconfirmed()


def test_a_dropped_message_is_not_confirmed(middle):
    with middle.chat() as connections:
        middle.exchange_honestly(*connections)
        connections[0].receive_object()
        connections[0].close()
        middle.assert_unconfirmed()
    assert middle.bob.user.log() == []


def test_a_dropped_receipt_leaves_the_message_unconfirmed(middle):
    """Bob has it, and Alice is told no more than she can know."""
    with middle.chat() as (to_alice, to_bob):
        middle.exchange_honestly(to_alice, to_bob)
        pass_on(to_alice, to_bob)
        to_bob.receive_object()
        to_alice.close()
        middle.assert_unconfirmed()
    assert middle.bob.user.logged_texts() == [SECRET]


def test_a_repeated_message_is_taken_in_once(middle):
    with middle.chat() as (to_alice, to_bob):
        middle.exchange_honestly(to_alice, to_bob)
        message = pass_on(to_alice, to_bob)
        pass_on(to_bob, to_alice)
        middle.alice.initiator.wait_for("Delivered to Bob")
        to_bob.send_object(message)
        middle.assert_refused(to_bob, [SECRET])


def test_a_message_that_overtakes_the_key_is_refused(middle, recording):
    with middle.call_bob() as connection:
        connection.send_object(recording[2])
        connection.send_object(recording[0])
        middle.assert_refused(connection, [SECRET])


def test_who_replaces_the_announced_identities_of_friends_is_refused(middle, recording):
    """What she is sent is for Bob alone, and what she writes is neither's."""
    middle.pass_announcements(middle.identity.text)
    with Stranger(BOB, middle.as_bob).listen() as listener:
        chat_secure(middle.alice.initiator, "Bob")
        with listener.accept() as connection:
            assert_impostor_learns_nothing(middle.alice.initiator, connection, middle.identity, SECRET)
    middle.bob.user.pin(Alice=pin(middle.alice.user.identity().text))
    false_alice = Stranger(ALICE, middle.as_alice, middle.identity)
    false_alice.username = "Alice"
    false_alice.say_securely(BOB, middle.bob.user.identity().public, "I am Alice")
    middle.bob.responder.wait_for(r"\[secure\] \[changed\] Alice \(10\.1\.0\.1\): I am Alice$")
    entry = middle.bob.user.log()[-1]
    assert (entry["mode"], entry["standing"]) == ("secure", "changed")
    assert entry["identity"] == middle.identity.text


def test_who_replaced_the_announced_identities_from_the_start_is_found_by_the_fingerprint(
        make_lan, make_host, make_user):
    """Before anybody is known nothing else can tell."""
    middle = Middle(make_lan, make_host, make_user)
    middle.pass_announcements(middle.identity.text)
    seen = [shown_fingerprints(middle.alice.initiator.menu("Fingerprint Bob")),
            shown_fingerprints(middle.bob.initiator.menu("Fingerprint Alice"))]
    assert seen == [
        [("announced", fingerprint(desk.user.identity().public, middle.identity.public))]
        for desk in (middle.alice, middle.bob)]
    assert seen[0] != seen[1]
