"""Everyone else: our initiator and responder against peers as others have written them.

Section 2 of the protocol lists what those do on the wire, and section 3.2 is the
exchange they share, "classic" here. Ece uses such a program; Alice uses ours.
"""

import json
import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

import quartet
from network import ECE, WAIT, Listener, Mouth, connect, is_readable
from others import (P, SECRETS, SPELLINGS, G, OtherInitiator, OtherResponder, bytewise, cut_at,
                    pad, seal, triple_des, unseal)
from protocol import Identity, InitiatorSide, ResponderSide, to_base64
from quartet import MENU, chat_secure, chat_unsecure, eventually, peer, pin

ALICE = "127.0.0.2"
ROOT = Path(__file__).parent.parent.parent
OTHERS_READ_BYTES = 1024
NOT_CONFIRMED = rf"Sent to Ece \({re.escape(ECE)}\), not confirmed"
REFUSED = rf"^\d\d:\d\d:\d\d refused Ece \({re.escape(ECE)}\): "
TOO_LONG = "1,?024"

both_modes = pytest.mark.parametrize("mode", ["plain", "classic"])
both_kinds = pytest.mark.parametrize("number", [str, int])
every_spelling = pytest.mark.parametrize("spelling", SPELLINGS)


@pytest.fixture(autouse=True)
def ece_announces_no_identity(alice):
    alice.knows(Ece=ECE)


@pytest.fixture
def responder(alice):
    return alice.responder()


@pytest.fixture
def initiator(alice):
    return alice.initiator()


@pytest.fixture
def vectors(vectors):
    """The part of them that is about this exchange."""
    return vectors["classic"]


def calls(**manners):
    """Ece's program that calls Alice's responder."""
    return OtherInitiator(address=ALICE, source=ECE, **manners)


def answers(**manners):
    """Ece's program that answers Alice's initiator."""
    return OtherResponder(address=ECE, **manners)


def shown(mode, text):
    """The responder's line for a message of Ece, as a pattern."""
    return rf"^\d\d:\d\d:\d\d \[{mode}\] Ece: {re.escape(text)}$"


def begin(initiator, mode, number="7"):
    """A chat with Ece up to the question for the message."""
    if mode == "plain":
        chat_unsecure(initiator, "Ece")
    else:
        chat_secure(initiator, "Ece", number)
        initiator.wait_for("Message: ")


def write(initiator, mode, text):
    """A whole chat with Ece; returns what the initiator showed."""
    before = len(initiator.output)
    begin(initiator, mode)
    initiator.ask(text, NOT_CONFIRMED)
    initiator.wait_for(MENU)
    return initiator.output[before:]


def assert_refused(ece, responder, alice, texts=()):
    """The connection ends, without a reset, one line says so, and no more than texts is logged."""
    assert ece.connection.receive_all() == b""
    responder.wait_for(REFUSED)
    with calls() as honest:
        honest.say("Alice?")
        responder.wait_for(shown("plain", "Alice?"))
    assert alice.logged_texts() == [*texts, "Alice?"]
    assert len(re.findall(REFUSED, responder.output, re.MULTILINE)) == 1


# The cipher, before anything is tested with it.


def test_3des_of_the_other_side_makes_the_ciphertexts_of_the_vectors(vectors):
    assert (P, G) == (vectors["p"], vectors["g"])
    assert vectors["by_secret"] == {
        "1": "njpiC7+5W64=", "7": "pGlENGnS5T4=", "11": "oF+3D2qkZhM=", "18": "7B1OTCzyO/w="}
    for secret, message in vectors["by_secret"].items():
        assert seal(int(secret), "hello") == message
        assert unseal(int(secret), message) == "hello"
    assert pow(int(vectors["shared"]), 1, P) == pow(13, 7, P) == pow(14, 5, P)
    assert json.loads(vectors["message_hello"]) == {
        "encrypted_message": seal(vectors["shared"], "hello")}


def test_3des_of_the_other_side_opens_what_it_seals():
    for secret in SECRETS:
        for text in ("", "1234567", "12345678", "Çağla \U0001f600" * 9):
            assert unseal(secret, seal(secret, text)) == text
    with pytest.raises(ValueError, match="padding"):
        unseal(1, seal(7, "hello"))


def test_vectors_over_the_wire_from_the_initiator(initiator, vectors):
    with answers(exponent=vectors["b"]) as ece:
        begin(initiator, "classic", str(vectors["a"]))
        initiator.ask("hello", NOT_CONFIRMED)
        assert ece.next_shown() == ("classic", "hello")
    sent = [vectors["initiator_sends"], vectors["message_hello"], ""]
    assert ece.received == [each.encode() for each in sent]


@pytest.mark.parametrize("secret", [1, 7, 11, 18])
def test_table_of_ciphertexts_over_the_wire_from_the_initiator(initiator, vectors, secret):
    """With the private number 1 the shared secret is the key that comes."""
    exponent = next(number for number in range(P) if pow(G, number, P) == secret)
    with answers(exponent=exponent) as ece:
        begin(initiator, "classic", "1")
        initiator.ask("hello", NOT_CONFIRMED)
        assert ece.next_shown() == ("classic", "hello")
    assert ece.received[:2] == [
        b'{"key": "2"}',
        b'{"encrypted_message": "%s"}' % vectors["by_secret"][str(secret)].encode()]


def test_table_of_ciphertexts_over_the_wire_to_the_responder(responder, alice, vectors):
    """The keys 7 and 18 generate few secrets: those of the table, and the responder draws one."""
    missing = {1, 7, 11, 18}
    for count in range(500):
        with calls(exponent=[6, 9][count % 2]) as ece:
            ece.exchange()
            if ece.secret in missing:
                message = vectors["by_secret"][str(ece.secret)]
                ece.connection.send_object({"encrypted_message": message})
                responder.wait_for(shown("classic", "hello"))
                missing.remove(ece.secret)
        if not missing:
            break
    assert not missing
    assert alice.logged_texts() == ["hello"] * 4


def test_keys_of_the_responder_are_drawn_anew(responder):
    """None of them makes the secret 1 of every key, which 18 would."""
    secrets = set()
    for _ in range(300):
        with calls(exponent=1) as ece:
            ece.exchange()
            secrets.add(ece.secret)
    assert 1 not in secrets and len(secrets) > 10


@pytest.mark.parametrize("typed", ["0", "7", "007", "18", "25", "9" * 100])
def test_number_that_the_user_types_is_the_private_exponent(initiator, typed):
    with answers() as ece:
        begin(initiator, "classic", typed)
        initiator.ask("hello", NOT_CONFIRMED)
        assert ece.next_shown() == ("classic", "hello")
    assert ece.received[0] == b'{"key": "%d"}' % pow(G, int(typed), P)


# Both sides end to end, with all our programs.


def test_conversation_with_a_peer_that_reads_1024_bytes_and_sends_integers(alice):
    alice.write_peers({})
    discovery = alice.discovery()
    responder = alice.responder()
    initiator = alice.initiator()
    with Mouth(ALICE) as mouth:
        mouth.send(ECE, b'{"username": "Ece"}')
        discovery.wait_for(rf"Ece is online \({re.escape(ECE)}\)")
    for mode in ("plain", "classic"):
        with calls(number=int) as ece:
            ece.say(f"Ece's {mode} message", mode)
            responder.wait_for(shown(mode, f"Ece's {mode} message"))
        with answers(number=int) as ece:
            write(initiator, mode, f"Alice's {mode} message")
            assert ece.next_shown() == (mode, f"Alice's {mode} message")
    assert [(entry["direction"], entry["username"], entry["ip"], entry["mode"], entry["text"])
            for entry in alice.log()] == [
        ("RECEIVED", "Ece", ECE, "plain", "Ece's plain message"),
        ("SENT", "Ece", ECE, "plain", "Alice's plain message"),
        ("RECEIVED", "Ece", ECE, "classic", "Ece's classic message"),
        ("SENT", "Ece", ECE, "classic", "Alice's classic message")]
    history = initiator.menu("History")
    assert re.search(r" RECEIVED +Ece \(127\.0\.0\.9\) \[classic\]: Ece's classic message$",
                     history, re.MULTILINE)
    assert re.search(r" SENT +Ece \(127\.0\.0\.9\) \[classic\]: Alice's classic message$",
                     history, re.MULTILINE)


# "The key comes as a string or as an integer: answer in the kind received."


@both_kinds
def test_key_is_answered_in_the_kind_received(responder, number):
    with calls(number=number) as ece:
        ece.exchange()
        ece.say("hello", "classic")
        responder.wait_for(shown("classic", "hello"))


def test_kind_may_change_on_one_connection(responder):
    with calls() as ece:
        for ece.number in (int, str, int):
            ece.exchange()
            ece.say(f"hello {ece.number}", "classic")
            responder.wait_for(shown("classic", f"hello {ece.number}"))


@both_kinds
def test_key_of_the_other_side_may_be_of_either_kind(initiator, number):
    with answers(number=number) as ece:
        write(initiator, "classic", "hello")
        assert ece.next_shown() == ("classic", "hello")


# "Field names are also spelled encryptedmessage and encrypted message."


@both_modes
@every_spelling
def test_three_spellings_of_field_names_are_understood(responder, mode, spelling):
    with calls(spelling=spelling) as ece:
        ece.say("hello", mode)
        responder.wait_for(shown(mode, "hello"))


@both_modes
def test_field_names_are_sent_as_the_specification_spells_them(initiator, mode):
    with answers(spelling="_") as ece:
        write(initiator, mode, "hello")
        assert ece.next_shown() == (mode, "hello")
    member = {"plain": '"unencrypted_message": "hello"',
              "classic": f'"encrypted_message": "{seal(pow(G, 7 * 5, P), "hello")}"'}[mode]
    assert ece.received[-2:] == [f"{{{member}}}".encode(), b""]


# "They read with one recv and parse that as one object."


@both_modes
@pytest.mark.parametrize("read_bytes", [1024, 2048, 4096])
def test_each_object_is_sent_in_one_write(initiator, mode, read_bytes):
    """As long as it may be for such a reader; what the peer dies of would fail the test."""
    text = "x" * (read_bytes - len(OtherInitiator().plain("")))
    if mode == "classic":
        text = text[:len(text) // 32 * 24 - 1]  # three blocks are 32 characters
    with answers(read_bytes=read_bytes) as ece:
        write(initiator, mode, text)
        assert ece.next_shown() == (mode, text)
    assert read_bytes - 40 < len(ece.received[-2]) <= read_bytes


def test_key_of_the_responder_is_sent_in_one_write(responder):
    for _ in range(50):
        with connect(ALICE, ECE) as connection:
            connection.send(b'{"key": "14"}')
            assert re.fullmatch(rb'\{"key": "\d\d?"\}', connection.receive())
            assert connection.is_open()


@pytest.mark.parametrize("text, is_told", [
    ("x" * 996, False), ("x" * 997, False), ("x" * 998, True), ("x" * 3000, True),
    ('"' * 498 + "x", False), ('"' * 499, True), ("ş" * 498, False), ("ş" * 499, True),
], ids=range(8))
def test_user_is_told_that_a_plain_message_is_longer_than_1024_bytes(initiator, text, is_told):
    with answers(read_bytes=8192) as ece:
        told = write(initiator, "plain", text)
        assert ece.next_shown() == ("plain", text)
    assert (len(ece.received[0]) > OTHERS_READ_BYTES) == is_told
    assert bool(re.search(TOO_LONG, told)) == is_told


@pytest.mark.parametrize("length, size", [(743, 1017), (744, 1029), (2000, 2705)])
def test_user_is_told_that_a_classic_message_is_longer_than_1024_bytes(initiator, length, size):
    """The object is what counts, not the text in it."""
    with answers(read_bytes=8192) as ece:
        told = write(initiator, "classic", "x" * length)
        assert ece.next_shown() == ("classic", "x" * length)
    assert len(ece.received[1]) == size
    assert bool(re.search(TOO_LONG, told)) == (size > OTHERS_READ_BYTES)


def test_nothing_is_said_of_a_long_message_to_a_peer_with_an_identity(alice, initiator):
    identity = Identity()
    alice.write_peers({ECE: peer("Ece", identity=identity.text)})
    with answers(read_bytes=8192) as ece:
        write(initiator, "plain", "x" * 3000)
        assert ece.next_shown() == ("plain", "x" * 3000)
    with Listener(ECE) as listener:
        chat_secure(initiator, "Ece")
        with listener.accept() as connection:
            side = ResponderSide(identity)
            connection.send_object(side.answer(connection.receive_object()))
            initiator.wait_for("Message: ")
            initiator.send("x" * 3000)
            assert side.open(connection.receive_object())["text"] == "x" * 3000
            connection.send_object(side.receipt())
            initiator.wait_for("Delivered to Ece")
    assert not re.search(TOO_LONG, initiator.output)


@both_modes
def test_trailing_newline_of_the_other_side_does_no_harm(responder, initiator, mode):
    with calls(newline=True) as ece:
        ece.say("hello", mode)
        responder.wait_for(shown(mode, "hello"))
        ece.say("hello again", mode)
        responder.wait_for(shown(mode, "hello again"))
    with answers(newline=True) as ece:
        write(initiator, mode, "hello")
        assert ece.next_shown() == (mode, "hello")


# "Some send several messages on one connection."


@both_modes
def test_several_messages_may_come_on_one_connection(responder, alice, mode):
    with calls() as ece:
        for number in range(5):
            ece.say(f"{mode} {number}", mode)
            responder.wait_for(shown(mode, f"{mode} {number}"))
    assert alice.logged_texts() == [f"{mode} {number}" for number in range(5)]


def test_several_exchanges_may_come_on_one_connection(responder, alice):
    """Ours among them."""
    identity = Identity()
    with calls(number=int) as ece:
        for count in range(4):
            ece.exchange()
            ece.say(f"classic {count}", "classic")
            responder.wait_for(shown("classic", f"classic {count}"))
            side = InitiatorSide(identity, alice.identity().public)
            ece.connection.send_object(side.key_object())
            side.complete(ece.connection.receive_object())
            ece.connection.send_object(side.message(f"secure {count}"))
            assert side.receipt(ece.connection.receive_object()) == 0
            responder.wait_for(rf"\[secure\] .*: secure {count}$")
    assert alice.logged_texts() == [f"{mode} {count}" for count in range(4)
                                    for mode in ("classic", "secure")]


def test_new_exchange_replaces_the_keys_before_it(responder, alice):
    with calls() as ece:
        old = set()
        while len(old) < 2:  # secrets whose ciphertexts differ
            ece.exchange()
            old.add(seal(ece.secret, "old"))
            ece.say("new", "classic")
            responder.wait_for(shown("classic", "new"))
        texts = alice.logged_texts()
        [stale] = old - {seal(ece.secret, "old")}
        ece.connection.send_object({"encrypted_message": stale})
        assert_refused(ece, responder, alice, texts)


def test_fourth_exchange_without_a_message_is_refused(responder, alice):
    with calls() as ece:
        for _ in range(3):
            ece.exchange()
        ece.connection.send_object({"key": "14"})
        assert_refused(ece, responder, alice)


# "One waits for an answer or end of file after a plain message before it goes on."


def test_who_waits_for_an_answer_or_the_end_after_a_plain_message_can_go_on(responder, alice):
    with calls(waits=True) as ece:
        started = time.monotonic()
        for number in range(5):
            ece.say(f"message {number}")
            responder.wait_for(shown("plain", f"message {number}"))
        assert time.monotonic() - started < 10
    assert alice.logged_texts() == [f"message {number}" for number in range(5)]


def test_only_the_sending_side_is_shut_down_after_a_plain_message(responder, alice):
    """The peer reads the end, and may talk on; a reset would come with one of the next."""
    with calls() as ece:
        ece.say("hello")
        assert ece.connection.receive_all() == b""
        for number in range(20):
            ece.say(f"message {number}")
            responder.wait_for(shown("plain", f"message {number}"))
            assert ece.connection.error() == 0
        ece.connection.shut_down()
        assert ece.connection.receive_all() == b""
    assert len(alice.log()) == 21


def test_end_is_not_sent_before_a_first_object_or_after_a_key(responder):
    """A person may be typing."""
    with connect(ALICE, ECE) as silent, calls() as ece:
        ece.exchange()
        assert not is_readable(ece.connection.socket, 1)
        ece.say("plain after the key")
        assert not is_readable(ece.connection.socket, 1)
        ece.say("classic after that", "classic")
        responder.wait_for(shown("classic", "classic after that"))
        assert silent.is_open()


def test_keys_may_be_exchanged_at_once_after_a_plain_message(responder):
    for _ in range(20):
        with calls() as ece:
            ece.say("first plain")
            ece.say("then classic", "classic")
            responder.wait_for(shown("plain", "first plain"))
            responder.wait_for(shown("classic", "then classic"))


def test_key_that_has_begun_in_time_may_take_longer(responder):
    """Bytes are coming: that is no quiet."""
    with calls() as ece:
        key = ece.key(ece.public())
        ece.connection.send(ece.plain("first plain") + key[:5])
        responder.wait_for(shown("plain", "first plain"))
        time.sleep(0.6)  # twice the time after which quiet is taken for the end
        ece.connection.send(key[5:])
        ece.agree(ece.receive(ece.connection))
        ece.say("then classic", "classic")
        responder.wait_for(shown("classic", "then classic"))


def test_key_that_comes_after_the_end_was_sent_is_refused(responder, alice):
    with calls() as ece:
        ece.say("hello")
        assert ece.connection.receive_all() == b""
        ece.send(ece.connection, ece.key(ece.public()))
        assert_refused(ece, responder, alice, ["hello"])


# "Some show a message only when the connection closes: close at once after sending."


@both_modes
def test_who_shows_a_message_at_the_end_shows_it_at_once(initiator, mode):
    with answers(shows_at_end=True) as ece:
        begin(initiator, mode)
        sent = time.monotonic()
        initiator.send("hello")
        assert ece.next_shown() == (mode, "hello")
        assert time.monotonic() - sent < 1
        initiator.wait_for(NOT_CONFIRMED)


# "Some never close: do not wait for them."


@both_modes
def test_who_never_closes_is_not_waited_for(initiator, mode):
    with answers(closes=False) as ece:
        for number in range(3):
            begin(initiator, mode)
            sent = time.monotonic()
            initiator.ask(f"message {number}", NOT_CONFIRMED)
            initiator.wait_for(MENU)
            assert time.monotonic() - sent < 5
            assert ece.next_shown() == (mode, f"message {number}")


@both_modes
def test_who_calls_and_never_closes_keeps_nobody_waiting(responder, mode):
    with calls() as first, calls() as second:
        for number, ece in enumerate((first, second, first, second)):
            ece.say(f"message {number}", mode)
            responder.wait_for(shown(mode, f"message {number}"))
            assert ece.connection.error() == 0


# "A reset kills one of them: close only after what it sent has been read."


THANKS = [b"ok", b"Message received!\n" * 20, b'{"status": "received"}\n']


@both_modes
@pytest.mark.parametrize("closes", [True, False])
@pytest.mark.parametrize("pause", [0, 0.3])
def test_peer_that_answers_a_message_gets_no_reset(initiator, mode, closes, pause):
    with answers(thanks=THANKS, closes=closes, pause=pause) as ece:
        for _ in range(2):
            write(initiator, mode, "hello")
            assert ece.next_shown() == (mode, "hello")


@both_modes
def test_peer_that_ends_after_its_message_gets_no_reset(responder, mode):
    with calls() as ece:
        ece.say("hello", mode)
        ece.connection.shut_down()
        assert ece.connection.receive_all() == b""
        assert ece.connection.error() == 0
    responder.wait_for(shown(mode, "hello"))


def test_peer_that_sends_a_lot_and_ends_gets_no_reset(responder, alice):
    with calls() as ece:
        for number in range(100):
            ece.say(f"{number} " + "x" * 60_000)
        ece.connection.shut_down()
        assert ece.connection.receive_all() == b""
        assert ece.connection.error() == 0
    eventually(lambda: len(alice.log()) == 100)
    assert responder.is_running


def talk_on(connection, data):
    """Says more, for a moment, and then ends: all that without a reset."""
    for _ in range(5):
        connection.send(data)
        time.sleep(0.02)
    connection.shut_down()
    assert connection.receive_all() == b""
    assert connection.error() == 0


def test_peer_that_is_refused_and_says_no_more_gets_no_reset(responder, alice):
    with calls() as ece:
        ece.connection.send_object({"message": "hello"})
        assert_refused(ece, responder, alice)
        assert ece.connection.error() == 0


def test_peer_that_is_refused_and_talks_on_gets_no_reset(responder, alice):
    """What it says is not taken in, but it is read until the peer has seen the end."""
    with calls() as ece:
        ece.connection.send_object({"message": "hello"})
        responder.wait_for("refused")
        talk_on(ece.connection, ece.plain("once more"))
    assert alice.log() == []


def test_peer_that_is_refused_amid_what_it_sends_gets_no_reset(responder, alice):
    with calls() as ece:
        ece.connection.send(b'{"message": "hello"}' + ece.plain("x" * 60_000))
        ece.connection.shut_down()
        responder.wait_for("refused")
        assert ece.connection.receive_all() == b""
        assert ece.connection.error() == 0
    assert alice.log() == []


def test_peer_that_talks_on_after_its_key_gets_no_reset_when_the_user_gives_up(alice, initiator):
    with answers(after_key=[b"\n", b'{"status": "ready"}\n']) as ece:
        begin(initiator, "classic")
        assert ece.has_sent_key.wait(WAIT)
        initiator.menu("")
    assert ece.received[1:] == [b""]
    assert alice.log() == []


def test_peer_that_talks_on_after_its_key_gets_the_message(initiator):
    with answers(after_key=[b"\n", b'{"status": "ready"}\n']) as ece:
        write(initiator, "classic", "hello")
        assert ece.next_shown() == ("classic", "hello")


def test_peer_with_a_wrong_key_that_talks_on_gets_no_reset(alice, initiator):
    with Listener(ECE) as listener:
        chat_secure(initiator, "Ece")
        with listener.accept() as connection:
            connection.receive()
            connection.send(b'{"key": "0"}')
            talk_on(connection, b'{"status": "ready"}\n')
    initiator.wait_for("nothing was sent")
    initiator.wait_for(MENU)
    assert alice.log() == []


# "Some answer a plain message with bytes of their own: read and ignore them."


@both_modes
@pytest.mark.parametrize("thanks", [
    b"ok", b'{"encryptedmessage": "njpiC7+5W64="}',
    b'{"key": "13"}', b"\x1b[2J\x07", b"\xff\0", b"{", b"x" * 200_000,
], ids=range(7))
def test_answer_to_a_message_is_read_and_ignored(alice, initiator, mode, thanks):
    with answers(thanks=[thanks]) as ece:
        said = write(initiator, mode, "hello")
        assert ece.next_shown() == (mode, "hello")
    for foreign in ("Bob", "13", "\x1b", "\x07", "{", "xx"):
        assert foreign not in said
    assert alice.logged_texts() == ["hello"]


def test_answer_in_the_clear_to_a_classic_message_is_ignored(alice, initiator):
    """Only a plain message has a reply: this one would not even be from who has the keys."""
    with answers(thanks=[b'{"unencrypted_message": "I am Bob"}']):
        assert "Bob" not in write(initiator, "classic", "hello")
    assert alice.logged_texts() == ["hello"]


# "json.dumps escapes, and raw UTF-8 too. Extra fields arrive; our own field goes first."


TEXT = "Çağla \U0001f600 / \\ \" \u4f60"


@both_modes
@pytest.mark.parametrize("escapes", [True, False])
def test_escapes_with_surrogate_pairs_and_raw_utf8_are_the_same(responder, alice, mode, escapes):
    with calls(escapes=escapes) as ece:
        assert (b"\\ud83d\\ude00" in ece.plain(TEXT)) == escapes
        ece.say(TEXT, mode)
        responder.wait_for(shown(mode, TEXT))
    assert alice.logged_texts() == [TEXT]


@both_modes
def test_text_of_ours_is_read_as_it_was_typed(initiator, mode):
    with answers() as ece:
        write(initiator, mode, TEXT)
        assert ece.next_shown() == (mode, TEXT)


EXTRA = {"username": "Mallory", "time": 1763625600.125, "nested": {"key": [1, {"a": None}]},
         "text": "Çağla \U0001f600 } ] \\ \""}


@both_modes
@pytest.mark.parametrize("escapes", [True, False])
@pytest.mark.parametrize("before, after", [(EXTRA, {}), ({}, EXTRA), ({"a": 1}, {"b": "{"})],
                         ids=["before", "after", "around"])
def test_extra_fields_before_and_after_are_passed_over(responder, mode, before, after, escapes):
    with calls(before=before, after=after, escapes=escapes, number=int) as ece:
        ece.say("hello", mode)
        responder.wait_for(shown(mode, "hello"))
        ece.say("hello again", mode)
        responder.wait_for(shown(mode, "hello again"))


def test_extra_field_with_a_number_of_more_than_64_bits_is_refused(responder, alice):
    with calls(after={"time": 10**30}) as ece:
        ece.say("hello", "plain")
        assert_refused(ece, responder, alice)
        assert "a number in it is too large" in responder.output


@both_kinds
@pytest.mark.parametrize("before, after", [(EXTRA, {}), ({}, EXTRA)], ids=["before", "after"])
def test_extra_fields_around_a_key_that_answers_are_passed_over(initiator, before, after, number):
    with answers(before=before, after=after, number=number) as ece:
        write(initiator, "classic", "hello")
        assert ece.next_shown() == ("classic", "hello")


# "Names with commas or spaces break one or two of them; that is theirs to live with."


@both_modes
@pytest.mark.parametrize("name", ["Ece, the first", "Ece Can", ",", "Ece's, {2}"])
def test_names_with_commas_and_spaces_are_used_as_they_are(alice, responder, initiator, mode, name):
    alice.write_peers({ECE: peer(name)})
    with calls() as ece:
        ece.say("hello", mode)
        responder.wait_for(rf"\[{mode}\] {re.escape(name)}: hello$")
    with answers() as ece:
        initiator.ask(f"Chat {name}", r"secure or unsecure\? ")
        if mode == "plain":
            initiator.send("unsecure")
        else:
            initiator.ask("secure", "Number: ")
            initiator.send("7")
        initiator.ask("hello", rf"Sent to {re.escape(name)} \(")
        assert ece.next_shown() == (mode, "hello")
    assert [entry["username"] for entry in alice.log()] == [name, name]


def test_name_with_commas_and_spaces_is_announced_as_it_is(alice):
    discovery = alice.discovery()
    alice.announcer("-u", "Alice, the first")
    discovery.wait_for(r"Alice, the first is online")


# "An object may arrive in any number of pieces, and several may arrive in one."


LONGEST = len(OtherInitiator(before={"a": "}"}).plain("ş 000"))


@both_modes
@both_kinds
def test_objects_may_arrive_byte_by_byte(responder, initiator, mode, number):
    with calls(cut=bytewise, number=number, before={"a": '{"}\\'}, escapes=False) as ece:
        ece.say("ş hello", mode)
        responder.wait_for(shown(mode, "ş hello"))
    with answers(cut=bytewise, number=number, newline=True) as ece:
        write(initiator, mode, "hello")
        assert ece.next_shown() == (mode, "hello")


@both_modes
def test_objects_may_be_cut_at_any_byte(responder, mode):
    """The key and the message, each at the same place."""
    for position in range(1, LONGEST):
        with calls(cut=cut_at(position), before={"a": "}"}, number=[str, int][position % 2],
                   newline=True) as ece:
            ece.say(f"ş {position:03}", mode)
            responder.wait_for(shown(mode, f"ş {position:03}"))


@both_kinds
def test_key_that_answers_may_be_cut_at_any_byte(initiator, number):
    with answers(number=number, before={"a": "}"}) as ece:
        for position in range(1, len(ece.key(13))):
            ece.cut = cut_at(position)
            begin(initiator, "classic")
            initiator.ask("hello", NOT_CONFIRMED)
            assert ece.next_shown() == ("classic", "hello")


def test_two_messages_may_arrive_in_one_segment(responder, alice):
    with calls() as ece:
        ece.say_together(ece.plain("one"), ece.plain("two"))
        responder.wait_for(shown("plain", "two"))
    with calls(newline=True) as ece:
        ece.exchange()
        ece.say_together(ece.classic(ece.secret, "three"), ece.plain("four"),
                         ece.classic(ece.secret, "five"))
        responder.wait_for(shown("classic", "five"))
    assert alice.logged_texts() == ["one", "two", "three", "four", "five"]


def test_a_message_and_a_key_may_arrive_in_one_segment(responder, alice):
    with calls() as ece:
        ece.say_together(ece.plain("one"), ece.key(ece.public()))
        ece.agree(ece.receive(ece.connection))
        ece.say_together(ece.classic(ece.secret, "two"), ece.key(ece.public()))
        ece.agree(ece.receive(ece.connection))
        ece.say("three", "classic")
        responder.wait_for(shown("classic", "three"))
    assert alice.logged_texts() == ["one", "two", "three"]


# 2.3.0-C: a classic chat is never had unawares.


def test_classic_chat_is_warned_of_before_the_number_and_the_message(alice):
    initiator = alice.initiator()
    with Listener(ECE) as listener:
        initiator.ask("Chat Ece", r"secure or unsecure\? ")
        before = len(initiator.output)
        initiator.ask("secure", "Number: ")
        warning = initiator.output[before:].partition("Number: ")[0]
        for words in ("Ece", "no identity", "classic", "eighteen keys", "anybody"):
            assert words in warning
        assert not listener.is_called()
        initiator.menu("")
        initiator.send("the message, which is left out")
        assert not listener.is_called()
    # The lines of a pipe that were meant for the chat that was given up would be skipped.
    initiator = alice.initiator()
    with answers():
        begin(initiator, "classic")
        heading = r"^To Ece \(127\.0\.0\.9\)  classic: anybody on the way can read it\nMessage: "
        assert re.search(heading, initiator.output, re.MULTILINE)
        initiator.ask("hello", NOT_CONFIRMED + ".*classic")


def test_plain_chat_has_no_warning_of_the_exchange(initiator):
    with answers():
        assert "classic" not in write(initiator, "plain", "hello")


@pytest.mark.parametrize("answer", ['"13"', "13", '"18446744073709551615"'])
def test_classic_is_never_used_with_a_peer_that_announces_an_identity(alice, initiator, answer):
    """Not even if that peer, or somebody on the way, answers with a small key."""
    alice.write_peers({ECE: peer("Ece", identity=Identity().text)})
    with Listener(ECE) as listener:
        chat_secure(initiator, "Ece")
        with listener.accept() as connection:
            assert int(connection.receive_object()["key"]) >= 2**64
            connection.send(b'{"key": %s}' % answer.encode())
            initiator.wait_for("nothing was sent")
            assert connection.receive_all() == b""
    assert "classic" not in initiator.output
    assert alice.log() == []


@pytest.mark.parametrize("announced", [{}, {"identity": Identity().text}], ids=["none", "another"])
@pytest.mark.parametrize("address", [ECE, "127.0.0.8"])
def test_classic_is_never_used_with_a_name_that_is_pinned(alice, initiator, announced, address):
    """Whatever is announced, the holder of the pin is spoken to, at the address last proven."""
    alice.write_peers({ECE: peer("Ece", **announced)})
    alice.pin(Ece=pin(Identity().text, address=address))
    with Listener(address) as listener:
        chat_secure(initiator, "Ece")
        with listener.accept() as connection:
            assert int(connection.receive_object()["key"]) >= 2**64
            connection.send(b'{"key": "13"}')
            initiator.wait_for("nothing was sent")
            assert connection.receive_all() == b""
    assert "classic" not in initiator.output
    assert alice.log() == []


def test_nothing_is_sent_to_a_pinned_name_of_which_no_address_is_known(alice, initiator):
    alice.write_peers({ECE: peer("Ece")})
    alice.pin(Ece=pin(Identity().text))
    with Listener(ECE) as listener:
        initiator.ask("Chat Ece", "Nobody knows where to find Ece")
        assert not listener.is_called()


def test_classic_message_reaches_the_screen_escaped(alice, responder):
    text = "a\x1b[2J\u202eb\nc"
    with calls() as ece:
        ece.say(text, "classic")
        responder.wait_for(r"\[classic\] Ece: a<U\+001B>\[2J<U\+202E>b$")
        responder.wait_for(r"^    \| c$")
    assert b"\x1b" not in responder.raw
    assert alice.logged_texts() == [text]


@pytest.mark.parametrize("after_key", [[], [b"\n"]], ids=["silent", "newline"])
def test_classic_connection_that_closed_while_the_user_typed_is_opened_again(
        alice, initiator, after_key):
    with Listener(ECE) as listener:
        chat_secure(initiator, "Ece")
        with listener.accept() as connection:
            connection.receive()
            connection.send(b'{"key": "13"}')
            for piece in after_key:
                connection.wait_read()
                connection.send(piece)
            initiator.wait_for("Message: ")
    with answers() as ece:
        initiator.ask("hello", NOT_CONFIRMED)
        assert ece.next_shown() == ("classic", "hello")
    assert alice.logged_texts() == ["hello"]


@pytest.mark.parametrize("answer", [
    '"0"', "0", '"19"', "38", f'"{19 * 10**17}"', f'"{2**64}"', str(2**64), f'"{2**255 - 20}"',
    str(-1), '"-1"', '"x"', '""', "null", "7.5", "[13]", '"13", "key": 0',
])
def test_classic_chat_ends_where_the_answer_is_no_key_of_it(alice, initiator, answer):
    with Listener(ECE) as listener:
        chat_secure(initiator, "Ece")
        with listener.accept() as connection:
            connection.receive()
            connection.send(b'{"key": %s}' % answer.encode())
            initiator.wait_for(r"no secure chat with Ece .*nothing was sent")
            assert connection.receive_all() == b""
    initiator.wait_for(MENU)
    assert alice.log() == []


@both_kinds
@pytest.mark.parametrize("key", [18, 20, 32, 2**63 - 1])
def test_key_of_a_classic_answer_counts_modulo_19(initiator, number, key):
    with answers(number=number, exponent=exponent_of(key)) as ece:
        ece.key = lambda _: json.dumps({"key": number(key)}).encode()
        write(initiator, "classic", "hello")
        assert ece.next_shown() == ("classic", "hello")


def exponent_of(key):
    """The private number behind a key."""
    return next(exponent for exponent in range(1, P) if pow(G, exponent, P) == key % P)


# 2.4.0-C: what the responder refuses.


@both_kinds
@pytest.mark.parametrize("key", [1, 18, 20, 2**63 - 1])
def test_keys_below_2_to_the_64_are_of_the_classic_exchange(responder, number, key):
    with calls(number=number, exponent=exponent_of(key)) as ece:
        ece.exchange(key)
        ece.say("hello", "classic")
        responder.wait_for(shown("classic", "hello"))


def test_key_2_to_the_64_less_1_is_of_the_classic_exchange(responder):
    with calls(exponent=exponent_of(2**64 - 1)) as ece:
        ece.exchange(2**64 - 1)
        ece.say("hello", "classic")
        responder.wait_for(shown("classic", "hello"))


def test_key_2_to_the_64_is_of_the_other_exchange(responder, alice):
    with calls() as ece:
        ece.send(ece.connection, ece.key(2**64))
        answer = json.loads(ece.connection.receive())["key"]
        assert type(answer) is str and int(answer) >= 2**64
        ece.connection.send_object({"encrypted_message": seal(1, "hello")})
        assert_refused(ece, responder, alice)


@both_kinds
@pytest.mark.parametrize("key", [0, 19, 38, 19 * 10**17])
def test_key_that_is_no_key_modulo_19_is_refused(responder, alice, number, key):
    with calls(number=number) as ece:
        ece.send(ece.connection, ece.key(key))
        assert_refused(ece, responder, alice)


def sealed_bytes(data):
    """A maker of the message that carries these bytes, padded as they should be."""
    return lambda secret: to_base64(triple_des(secret, pad(data), True))


def sealed_blocks(blocks):
    """A maker of the message that carries these blocks, padding and all."""
    return lambda secret: to_base64(triple_des(secret, blocks, True))


WRONG_MESSAGES = {
    "empty": lambda secret: "",
    "no base64": lambda secret: "hello, Alice!",
    "unpadded base64": lambda secret: seal(secret, "hello").rstrip("="),
    "more base64": lambda secret: seal(secret, "hello") + "====",
    "a newline": lambda secret: seal(secret, "hello") + "\n",
    "a space": lambda secret: " " + seal(secret, "hello"),
    "a letter beyond ASCII": lambda secret: "ş" + seal(secret, "hello"),
    "hexadecimal": lambda secret: triple_des(secret, pad(b"hello"), True).hex(),
    "padding 0": sealed_blocks(b"hello\0\0\0"),
    "padding 9": sealed_blocks(b"x" * 7 + b"\x09"),
    "padding 16": sealed_blocks(b"\x10" * 16),
    "padding of unlike bytes": sealed_blocks(b"hello\x02\x03\x03"),
    "no padding": sealed_blocks(b"12345678"),
    "padding of spaces": sealed_blocks(b"hello   "),
    "a byte": lambda secret: to_base64(b"x"),
    "a byte too few": lambda secret: to_base64(triple_des(secret, pad(b"hello"), True)[:-1]),
    "a byte too many": lambda secret: to_base64(triple_des(secret, pad(b"hello"), True) + b"x"),
    "a block too few": lambda secret: to_base64(triple_des(secret, pad(b"x" * 16), True)[:-8]),
    "no UTF-8": sealed_bytes(b"\xff\xfe"),
    "Latin-1": sealed_bytes("Çağla".encode("cp1254")),
    "half a character": sealed_bytes("ş".encode()[:1]),
    "a surrogate": sealed_bytes(b"\xed\xa0\x80"),
    "an overlong character": sealed_bytes(b"\xc0\xaf"),
    "a NUL": sealed_bytes(b"a\0b"),
    "a NUL at the end": sealed_bytes(b"hello\0"),
}


@pytest.mark.parametrize("make", WRONG_MESSAGES.values(), ids=WRONG_MESSAGES)
def test_wrong_classic_message_is_refused(responder, alice, make):
    with calls() as ece:
        ece.exchange()
        ece.connection.send_object({"encrypted_message": make(ece.secret)})
        assert_refused(ece, responder, alice)
    assert "[classic]" not in responder.output


@pytest.mark.parametrize("value", [7, None, ["njpiC7+5W64="], {"text": "hello"}, True])
def test_classic_message_that_is_no_string_is_refused(responder, alice, value):
    with calls() as ece:
        ece.exchange()
        ece.connection.send_object({"encrypted_message": value})
        assert_refused(ece, responder, alice)


def test_message_under_another_modulus_is_refused(responder, alice):
    """Of a peer whose p is 23: 20 is no secret of ours, and no secret of ours opens this."""
    message = seal(20, "hello from p = 23")
    for secret in SECRETS:
        with pytest.raises(ValueError):
            unseal(secret, message)
    with calls() as ece:
        ece.exchange(20)
        ece.connection.send_object({"encrypted_message": message})
        assert_refused(ece, responder, alice)


def test_encrypted_message_before_a_key_is_refused(responder, alice):
    for _ in range(3):
        ece = calls()
        with ece:
            ece.connection.send_object({"encrypted_message": seal(1, "hello")})
            assert ece.connection.receive_all() == b""
    responder.wait_for("refused Ece .*before a key")
    assert alice.log() == []


def test_messages_before_a_wrong_one_are_kept(responder, alice):
    with calls() as ece:
        ece.say("one", "classic")
        ece.say("two", "classic")
        ece.connection.send_object({"encrypted_message": "no"})
        assert_refused(ece, responder, alice, ["one", "two"])


# --strict.


every_strict = pytest.mark.parametrize("option", ["-s", "--strict"])


@every_strict
def test_strict_initiator_refuses_the_classic_exchange(alice, option):
    initiator = alice.start("initiator", option, terminal=True)
    with Listener(ECE) as listener:
        initiator.ask("Chat Ece", r"secure or unsecure\? ")
        answer = initiator.menu("secure")
        assert "no identity" in answer and "--strict" in answer
        assert not listener.is_called()
    with answers() as ece:
        write(initiator, "plain", "hello")
        assert ece.next_shown() == ("plain", "hello")
    assert [entry["mode"] for entry in alice.log()] == ["plain"]


@every_strict
@both_kinds
def test_strict_responder_refuses_the_classic_exchange(alice, option, number):
    responder = alice.start("responder", option)
    with calls(number=number) as ece:
        ece.send(ece.connection, ece.key(ece.public()))
        assert_refused(ece, responder, alice)
    assert "--strict" in responder.output


def test_strict_responder_takes_our_own_exchange(alice):
    responder = alice.start("responder", "-s")
    with connect(ALICE, ECE) as connection:
        side = InitiatorSide(Identity(), alice.identity().public)
        connection.send_object(side.key_object())
        side.complete(connection.receive_object())
        connection.send_object(side.message("hello"))
        assert side.receipt(connection.receive_object()) == 0
    responder.wait_for(r"\[secure\] .*: hello$")


# Programs that were built without nettle and libedit.


@pytest.fixture(scope="session")
def programs_without_classic(tmp_path_factory):
    """The directory of programs that were built with CLASSIC=0 and LIBEDIT=0, in a copy of the tree."""
    tree = tmp_path_factory.mktemp("without_classic") / "tree"
    shutil.copytree(ROOT, tree, ignore=shutil.ignore_patterns(".git", "bin", "release", "test", "*.a"))
    # All else is compiled already, and the same with those libraries and without.
    for source in tree.rglob("*.c"):
        if re.search("QUARTET_(CLASSIC|LIBEDIT)", source.read_text(encoding="utf-8")):
            (tree / "build" / "check" / source.relative_to(tree)).with_suffix(".o").unlink(missing_ok=True)
    environment = {name: value for name, value in os.environ.items()
                   if name not in ("MAKEFLAGS", "MFLAGS", "MAKEOVERRIDES", "MAKELEVEL")}
    subprocess.run(["make", f"-j{os.cpu_count()}", "-o", "build/check/libraries", "CLASSIC=0", "LIBEDIT=0",
                    "VARIANT=check"], cwd=tree, env=environment, check=True)
    return tree / "build" / "check" / "bin"


@pytest.fixture
def without_classic(programs_without_classic, monkeypatch):
    """Has the test run those programs."""
    monkeypatch.setattr(quartet, "BIN", programs_without_classic)


building_takes_long = pytest.mark.timeout(900)


@building_takes_long
@pytest.mark.parametrize("name", ["initiator", "responder"])
def test_version_says_whether_the_classic_exchange_is_left_out(alice, without_classic, name):
    assert "without the classic exchange" in alice.run(name, "-V").output


@building_takes_long
def test_without_line_editing_the_terminal_does_it(alice, without_classic):
    assert "without line editing" in alice.run("initiator", "-V").output
    initiator = alice.initiator(terminal=True, environment={"TERM": "xterm"})
    with answers() as ece:
        initiator.ask("Chat Ece", r"secure or unsecure\? ")
        initiator.ask("plain", "Message: ")
        initiator.send_bytes(b"one\ntwo")
        initiator.ask("", "2 lines: send as one message")
        initiator.send("")
        assert ece.next_shown() == ("plain", "one\ntwo")
    assert b"\x1b[?2004h" not in initiator.raw


@pytest.mark.parametrize("name", ["initiator", "responder"])
def test_version_says_that_the_classic_exchange_is_there(alice, name):
    assert "with the classic exchange" in alice.run(name, "-V").output


@building_takes_long
def test_initiator_without_the_classic_exchange_refuses_a_classic_chat(alice, without_classic):
    initiator = alice.initiator(terminal=True)
    with Listener(ECE) as listener:
        initiator.ask("Chat Ece", r"secure or unsecure\? ")
        answer = initiator.menu("secure")
        assert "no identity" in answer
        assert "build leaves out the classic exchange" in answer
        assert "secure chat is not possible" in answer
        assert not listener.is_called()
    with answers() as ece:
        write(initiator, "plain", "hello")
        assert ece.next_shown() == ("plain", "hello")
    assert [entry["mode"] for entry in alice.log()] == ["plain"]


@building_takes_long
@both_kinds
def test_responder_without_the_classic_exchange_refuses_a_small_key(alice, without_classic, number):
    responder = alice.responder()
    with calls(number=number) as ece:
        ece.send(ece.connection, ece.key(ece.public()))
        assert_refused(ece, responder, alice)
    assert "this build leaves out" in responder.output


@building_takes_long
def test_programs_without_the_classic_exchange_have_nothing_of_nettle(programs_without_classic):
    for name in ("initiator", "responder"):
        assert b"nettle_des3" in (quartet.BIN / name).read_bytes()
        assert b"nettle_des3" not in (programs_without_classic / name).read_bytes()


@building_takes_long
def test_programs_without_the_classic_exchange_chat_securely_with_each_other(make_user, without_classic):
    bob, can = (make_user(name, address=f"127.0.0.{number}")
                for name, number in [("bob", 3), ("can", 4)])
    responder = bob.responder()
    can.write_peers({bob.address: peer("Bob", identity=bob.identity().text)})
    initiator = can.initiator()
    chat_secure(initiator, "Bob")
    initiator.wait_for("Message: ")
    initiator.ask("hello", "Delivered to Bob")
    responder.wait_for(r"\[secure\] .*: hello$")
