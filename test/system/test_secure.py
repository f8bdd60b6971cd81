"""What secure means: section 3.1 of the protocol against eavesdroppers and dishonest peers."""

import base64
import contextlib
import json
import re

import pytest

from network import Capture, Listener, Mouth, Stranger, connect
from protocol import (LOW_ORDER_POINTS, NO_IDENTITIES, Identity, InitiatorSide, Pair,
                      ResponderSide, from_base64, seal, sender_proof, to_base64, to_number)
from quartet import (KEPT, MENU, assert_impostor_learns_nothing, chat_secure, chat_unsecure, eventually,
                     peer)

ALICE = "127.0.0.2"
BOB = "127.0.0.3"
SECRET = "the secret is under the third stone"


@pytest.fixture
def responder(bob):
    return bob.responder()


@pytest.fixture
def mallory(bob, responder):
    """A client that exchanges keys with Bob's responder, to deceive it after that."""
    identity = Identity()
    bob.write_peers({ALICE: peer("Alice", identity=identity.text)})
    with connect(BOB, ALICE) as connection:
        side = InitiatorSide(identity, bob.identity().public, username="Alice")
        connection.send_object(side.key_object())
        side.complete(connection.receive_object())
        yield connection, side


def assert_refused(connection, responder, bob, texts=()):
    """The connection is dropped without a word, one line says so, and nothing was taken in."""
    with connection, contextlib.suppress(ConnectionResetError):
        assert connection.receive_all() == b""
    responder.wait_for(rf"refused.*{re.escape(ALICE)}")
    assert bob.logged_texts() == list(texts)
    assert SECRET not in responder.output
    with connect(BOB, ALICE) as honest:
        honest.send_object({"unencrypted_message": "Bob?"})
        responder.wait_for(r"\[plain\] \S+.*: Bob\?$")


# What an eavesdropper sees.


def test_a_captured_secure_message_shows_no_plaintext(alice, bob):
    bob.responder()
    alice.write_peers({BOB: peer("Bob", identity=bob.identity().text)})
    with Capture() as capture:
        initiator = alice.initiator()
        chat_secure(initiator, "Bob", "8675309867530986753098675309")
        initiator.wait_for("Message: ")
        initiator.send(SECRET)
        initiator.wait_for("(?i)delivered to Bob")
        secure = capture.bytes()
        chat_unsecure(initiator, "Bob")
        initiator.send(SECRET)
        initiator.wait_for("(?i)sent to Bob")
        plain = capture.bytes()[len(secure):]
    assert SECRET.encode() in plain
    assert b'{"key": "' in secure and b'{"encrypted_message": "' in secure
    messages = [base64.b64decode(sealed) for sealed in
                re.findall(rb'"encrypted_message": "([^"]*)"', secure)]
    assert len(messages) >= 2
    for seen in [secure, *messages]:
        for hidden in [SECRET.encode(), b"secret", b"identity", b"received", b"86753098675309",
                       alice.identity().public, alice.identity().text.encode(),
                       alice.identity().seed, bob.identity().seed]:
            assert hidden not in seen
    for shift in range(3):
        encoded = base64.b64encode(b"x" * shift + SECRET.encode())[4:-4]
        assert encoded not in secure


def test_the_same_message_never_looks_the_same(alice, bob):
    bob.responder()
    alice.write_peers({BOB: peer("Bob", identity=bob.identity().text)})
    initiator = alice.initiator()
    with Capture() as capture:
        for _ in range(2):
            chat_secure(initiator, "Bob", "7")
            initiator.wait_for("Message: ")
            initiator.send(SECRET)
            initiator.wait_for("(?i)delivered to Bob")
        frames = capture.bytes()
    keys = set(re.findall(rb'"key": "(\d+)"', frames))
    messages = set(re.findall(rb'"encrypted_message": "([^"]*)"', frames))
    assert len(keys) == 4
    assert len(messages) == 4


def test_the_secrets_of_the_session_appear_in_no_output_and_no_file(alice, bob):
    responder = bob.responder()
    alice.write_peers({BOB: peer("Bob", identity=bob.identity().text)})
    initiator = alice.initiator()
    number = "31415926535897932384626433"
    chat_secure(initiator, "Bob", number)
    initiator.wait_for("Message: ")
    initiator.send(SECRET)
    initiator.wait_for("(?i)delivered to Bob")
    written = [path.read_bytes() for user in (alice, bob) for path in user.directory.iterdir()]
    for seen in [initiator.raw, responder.raw, *written]:
        assert number.encode() not in seen


# A dishonest client of the responder.


def test_honest_messages_are_taken_in(mallory, responder, bob):
    """The other tests here differ from this one in one thing each."""
    connection, side = mallory
    connection.send_object(side.message("hello"))
    assert side.receipt(connection.receive_object()) == 0
    responder.wait_for(r"\[secure\] \[unknown\] Alice \(.*\): hello$")
    connection.send_object(side.message("again"))
    assert side.receipt(connection.receive_object(), 1) == 1
    assert bob.logged_texts() == ["hello", "again"]


def test_an_ask_that_nobody_knows_is_answered_with_no_and_the_session_goes_on(mallory, responder, bob):
    connection, side = mallory
    asks = [{"ask": "weather"}, {"ask": None}, {"sealed": "", "room": ""}, {"ask": "state", "room": 7}]
    for number, ask in enumerate([*asks, *asks]):
        connection.send_object(side.ask(**ask))
        answer = side.open_receipt(connection.receive_object(), number)
        assert answer["received"] == number
        assert answer["status"] == 404
        assert answer["why"].startswith("no such")
    connection.send_object(side.message("still here"))
    assert side.receipt(connection.receive_object(), len(asks) * 2) == len(asks) * 2
    assert bob.logged_texts() == ["still here"]


@pytest.mark.parametrize("position", [0, 15, 16, 23, 24, 39, 40, 60, -1])
def test_an_altered_message_is_refused(mallory, responder, bob, position):
    connection, side = mallory
    sealed = bytearray(from_base64(side.message(SECRET)["encrypted_message"]))
    sealed[position] ^= 1
    connection.send_object({"encrypted_message": to_base64(bytes(sealed))})
    assert_refused(connection, responder, bob)


@pytest.mark.parametrize("kept", [0, 1, 24, 39, 40, 41, -1])
def test_a_shortened_message_is_refused(mallory, responder, bob, kept):
    connection, side = mallory
    sealed = from_base64(side.message(SECRET)["encrypted_message"])
    connection.send_object({"encrypted_message": to_base64(sealed[:kept])})
    assert_refused(connection, responder, bob)


@pytest.mark.parametrize("spoil", [
    lambda text: text + "\n", lambda text: " " + text, lambda text: text[:9] + "\n" + text[9:],
    lambda text: text.rstrip("=") if "=" in text else text + "=",
    lambda text: text.replace("+", "-").replace("/", "_") + "-", lambda text: "hello",
    lambda text: "ş" + text, lambda text: text + "====",
])
def test_a_message_that_is_no_base64_is_refused(mallory, responder, bob, spoil):
    connection, side = mallory
    connection.send_object({"encrypted_message": spoil(side.message(SECRET)["encrypted_message"])})
    assert_refused(connection, responder, bob)


def test_a_forged_message_is_refused(mallory, responder, bob):
    connection, side = mallory
    side.to_responder = bytes(32)
    connection.send_object(side.message(SECRET))
    assert_refused(connection, responder, bob)


def test_a_message_under_the_key_of_the_other_direction_is_refused(mallory, responder, bob):
    connection, side = mallory
    side.to_responder = side.to_initiator
    connection.send_object(side.message(SECRET))
    assert_refused(connection, responder, bob)


def test_a_receipt_sent_back_is_refused(mallory, responder, bob):
    connection, side = mallory
    connection.send_object(side.message("hello"))
    connection.send_object(connection.receive_object())
    assert_refused(connection, responder, bob, ["hello"])


def test_a_replayed_message_is_refused(mallory, responder, bob):
    connection, side = mallory
    message = side.message("hello")
    connection.send_object(message)
    side.receipt(connection.receive_object())
    connection.send_object(message)
    assert_refused(connection, responder, bob, ["hello"])


def test_a_message_replayed_in_another_session_is_refused(mallory, responder, bob):
    connection, side = mallory
    message = side.message(SECRET[:9])
    with connect(BOB, ALICE) as other:
        other.send_object(side.key_object())
        other.receive_object()
        other.send_object(message)
        assert_refused(other, responder, bob)


@pytest.mark.parametrize("counters", [[1], [0, 2], [0, 1, 3], [2**64 - 1], [0, 0]])
def test_a_reordered_message_is_refused(mallory, responder, bob, counters):
    connection, side = mallory
    plaintext = json.dumps(side.plaintext("hello")).encode()
    for counter in counters:
        message = seal(side.to_responder, counter, plaintext)
        plaintext = json.dumps({"id": to_base64(bytes(16)), "text": "hello"}).encode()
        connection.send_object({"encrypted_message": message})
    with connection:
        connection.wait_closed()
    responder.wait_for("refused")
    assert bob.logged_texts() == ["hello"] * (len(counters) - 1)


@pytest.mark.parametrize("changes", [
    {"proof": to_base64(bytes(32))},
    {"proof": to_base64(bytes(31))},
    {"proof": ""},
    {"proof": None},
    {"proof": 7},
    {"identity": Identity().text},
    {"identity": to_base64(bytes(32))},
    {"identity": to_base64(bytes(31))},
    {"identity": ""},
    {"identity": None},
    {"text": None},
    {"text": 7},
    {"text": ["hello"]},
])
def test_a_wrong_proof_or_plaintext_is_refused(mallory, responder, bob, changes):
    connection, side = mallory
    connection.send_object(side.message(**{"text": SECRET, **changes}))
    assert_refused(connection, responder, bob)


@pytest.mark.parametrize("point", NO_IDENTITIES)
def test_an_identity_of_low_order_proves_nothing(mallory, responder, bob, point):
    """The proof is as it should be, for a secret that everybody knows."""
    connection, side = mallory
    proof = sender_proof(bytes(32), point, side.peer_identity,
                         side.ephemeral.public, side.peer_ephemeral)
    connection.send_object(side.message(SECRET, identity=to_base64(point), proof=to_base64(proof)))
    assert_refused(connection, responder, bob)


@pytest.mark.parametrize("missing", ["identity", "proof", "text"])
def test_a_missing_proof_or_text_is_refused(mallory, responder, bob, missing):
    connection, side = mallory
    plaintext = side.plaintext(SECRET)
    del plaintext[missing]
    connection.send_object(side.sealed(json.dumps(plaintext).encode()))
    assert_refused(connection, responder, bob)


@pytest.mark.parametrize("plaintext", [
    b"", b"hello", b'"hello"', b"[]", b"null", b"{}", b"{", b'{"text": "\xff"}', b"\0" * 100,
    b'{"received": 0}',
])
def test_a_plaintext_of_another_form_is_refused(mallory, responder, bob, plaintext):
    connection, side = mallory
    connection.send_object(side.sealed(plaintext))
    assert_refused(connection, responder, bob)


def test_a_proof_of_another_session_is_refused(mallory, responder, bob):
    """A proof that Alice once gave Bob is worth nothing a second time."""
    connection, side = mallory
    proof = to_base64(side.proof())
    with connect(BOB, ALICE) as other:
        again = InitiatorSide(side.identity, bob.identity().public)
        other.send_object(again.key_object())
        again.complete(other.receive_object())
        other.send_object(again.message(SECRET, proof=proof))
        assert_refused(other, responder, bob)


def test_a_proof_given_to_somebody_else_is_refused(responder, bob):
    """Mallory, to whom Alice writes, cannot pass her proof on to Bob."""
    alices, mallorys = Identity(), Identity()
    bob.write_peers({ALICE: peer("Alice", identity=alices.text)})
    with connect(BOB, ALICE) as connection:
        side = InitiatorSide(mallorys, bob.identity().public)
        connection.send_object(side.key_object())
        side.complete(connection.receive_object())
        to_mallory = InitiatorSide(alices, mallorys.public, side.ephemeral)
        to_mallory.peer_ephemeral = side.peer_ephemeral
        connection.send_object(side.message(SECRET, identity=alices.text,
                                            proof=to_base64(to_mallory.proof())))
        assert_refused(connection, responder, bob)


def test_a_key_meant_for_another_identity_is_refused(responder, bob):
    with connect(BOB, ALICE) as connection:
        side = InitiatorSide(Identity(), Identity().public)
        connection.send_object(side.key_object())
        side.complete(connection.receive_object())
        connection.send_object(side.message(SECRET))
        assert_refused(connection, responder, bob)


@pytest.mark.parametrize("point", [point for point in LOW_ORDER_POINTS
                                   if int.from_bytes(point, "big") >= 2**64])
def test_a_low_order_key_is_refused(responder, bob, point):
    with connect(BOB, ALICE) as connection:
        connection.send_object({"key": str(to_number(point))})
        assert_refused(connection, responder, bob)


@pytest.mark.parametrize("write", [" {}", "{} ", "\t{}\r\n"])
def test_white_space_around_a_key_makes_no_difference(responder, bob, write):
    with connect(BOB, ALICE) as connection:
        side = InitiatorSide(Identity(), bob.identity().public)
        connection.send_object({"key": write.format(side.key_object()["key"])})
        side.complete(connection.receive_object())
        connection.send_object(side.message("hello"))
        assert side.receipt(connection.receive_object()) == 0


@pytest.mark.parametrize("key", [
    "", "seven", "-7", "+7", "7 7", "7.0", "1e30", "0x10", "\u0667", "7" * 79, str(2**256),
    "9" * 1000, None, True, 7.5, -7, [7], {"key": 7}, -(2**200), "7\u0000",
])
def test_what_is_no_key_is_refused(responder, bob, key):
    with connect(BOB, ALICE) as connection:
        connection.send_object({"key": key})
        assert_refused(connection, responder, bob)


@pytest.mark.parametrize("key", [0, 1, 14, 2**64 - 1])
def test_a_key_of_the_classic_exchange_is_refused_by_a_strict_responder(bob, key):
    responder = bob.start("responder", "--strict")
    with connect(BOB, ALICE) as connection:
        connection.send_object({"key": str(key)})
        assert_refused(connection, responder, bob)


def test_a_message_before_a_key_is_refused(responder, bob):
    side = InitiatorSide(Identity(), bob.identity().public)
    side.complete(ResponderSide(bob.identity()).answer(side.key_object()))
    with connect(BOB, ALICE) as connection:
        connection.send_object(side.message(SECRET))
        assert_refused(connection, responder, bob)


def test_messages_before_a_forged_one_are_kept(mallory, responder, bob):
    connection, side = mallory
    connection.send_object(side.message("hello"))
    side.receipt(connection.receive_object())
    side.to_responder = bytes(32)
    connection.send_object(side.message(SECRET))
    assert_refused(connection, responder, bob, ["hello"])


# A dishonest responder.


@pytest.fixture
def impostor(alice):
    """Stands where Bob's responder would be; Alice knows Bob's real identity."""
    identity = Identity()
    alice.write_peers({BOB: peer("Bob", identity=identity.text)})
    with Listener(BOB) as listener:
        yield listener, identity


def start_secure_chat(alice, listener):
    """Returns the initiator and the connection that it opened."""
    initiator = alice.initiator()
    chat_secure(initiator, "Bob")
    return initiator, listener.accept()


LOW_ORDER_ANSWERS = [{"key": to_number(point)} for point in LOW_ORDER_POINTS]


@pytest.mark.parametrize("answer", [
    *LOW_ORDER_ANSWERS, {"key": "13"}, {"key": 13}, {"key": ""}, {"key": "x"}, {"key": None},
    {"key": str(2**256)}, {"key": -1}, {}, [], {"unencrypted_message": "hello"},
    {"encrypted_message": to_base64(bytes(60))}, {"error": "no"},
])
def test_an_initiator_sends_nothing_after_a_bad_key(alice, impostor, answer):
    initiator, connection = start_secure_chat(alice, impostor[0])
    with connection:
        connection.receive_object()
        connection.send_object(answer)
        connection.shut_down()
        assert connection.receive_all() == b""
    initiator.wait_for("Bob")
    initiator.wait_for(MENU)
    assert "Message: " not in initiator.output
    assert alice.log() == []


@pytest.mark.parametrize("point", NO_IDENTITIES)
def test_an_initiator_refuses_an_announced_identity_of_low_order(alice, point):
    """Everybody could read what is locked for that."""
    alice.write_peers({BOB: peer("Bob", identity=to_base64(point))})
    with Listener(BOB) as listener:
        initiator, connection = start_secure_chat(alice, listener)
        with connection:
            connection.receive_object()
            connection.send_object({"key": to_number(Pair().public)})
            assert connection.receive_all() == b""
    initiator.wait_for("no secure chat with Bob")
    initiator.wait_for(MENU)
    assert "Message: " not in initiator.output
    assert alice.log() == []
    assert alice.known() == {}


@pytest.mark.parametrize("answer", [b"\x1b[2J", b"x" * 100_000, b"[" * 70_000, b'{"key": "'],
                         ids=range(4))
def test_an_initiator_sends_nothing_after_bytes_that_are_no_object(alice, impostor, answer):
    initiator, connection = start_secure_chat(alice, impostor[0])
    with connection:
        connection.receive_object()
        with contextlib.suppress(ConnectionError):
            connection.send(answer)
            connection.shut_down()
        connection.wait_closed()
    if initiator.wait_for(f"{MENU}|{KEPT}")[0].startswith("Message"):
        initiator.ask("", MENU)
    assert "Message: " not in initiator.output
    assert b"\x1b" not in initiator.raw


def test_an_impostor_without_the_identity_cannot_read(alice, impostor):
    """Announcing Bob's identity is not holding it: neither reading nor confirming works."""
    initiator, connection = start_secure_chat(alice, impostor[0])
    with connection:
        assert_impostor_learns_nothing(initiator, connection, Identity(), SECRET)
    assert "elivered" not in initiator.output


@pytest.mark.parametrize("forge", [
    lambda side: side.receipt(received=1),
    lambda side: side.receipt(counter=1),
    lambda side: {"encrypted_message": seal(bytes(32), 0, b'{"received": 0}')},
    lambda side: {"encrypted_message": seal(side.to_responder, 0, b'{"received": 0}')},
    lambda side: {"encrypted_message": seal(side.to_initiator, 0, b'{"received": "0"}')},
    lambda side: {"encrypted_message": seal(side.to_initiator, 0, b'{"received": true}')},
    lambda side: {"encrypted_message": seal(side.to_initiator, 0, b"{}")},
    lambda side: {"received": 0},
    lambda side: {"unencrypted_message": '{"received": 0}'},
])
def test_a_forged_receipt_confirms_nothing(alice, impostor, forge):
    initiator, connection = start_secure_chat(alice, impostor[0])
    side = ResponderSide(impostor[1])
    with connection:
        connection.send_object(side.answer(connection.receive_object()))
        initiator.wait_for("Message: ")
        initiator.send("hello")
        side.open(connection.receive_object())
        connection.send_object(forge(side))
        connection.shut_down()
        initiator.wait_for("(?i)sent to Bob.*not confirmed")
    assert "elivered" not in initiator.output


def test_a_repeated_message_of_the_proxy_is_refused(alice, bob, responder):
    """Somebody on the way repeats Alice's own bytes to Bob on a connection of his own."""
    alice.write_peers({BOB: peer("Bob", identity=bob.identity().text)})
    initiator = alice.initiator()
    with Capture() as capture:
        chat_secure(initiator, "Bob")
        initiator.wait_for("Message: ")
        initiator.send("hello")
        initiator.wait_for("(?i)delivered to Bob")
        frames = capture.bytes()
    key = re.search(rb'\{"key": "\d+"\}', frames)[0]
    message = re.search(rb'\{"encrypted_message": "[^"]*"\}', frames)[0]
    with connect(BOB, ALICE) as connection:
        connection.send(key + message)
        connection.wait_closed()
    responder.wait_for("refused")
    eventually(lambda: bob.logged_texts() == ["hello"])


# What the two ends call themselves, and what the receipt says (section 3.1).


def test_both_say_what_they_are_called_and_give_each_message_an_id(alice, bob, impostor):
    """What is encrypted says it, so nobody on the way can say otherwise; chat.log keeps the id."""
    listener, identity = impostor
    alice.is_called("Alice")
    ids = set()
    for text in ("one", "two"):
        initiator, connection = start_secure_chat(alice, listener)
        with connection:
            side = ResponderSide(identity)
            connection.send_object(side.answer(connection.receive_object()))
            initiator.wait_for("Message: ")
            initiator.send(text)
            plaintext = side.open(connection.receive_object())
            assert list(plaintext) == ["identity", "proof", "username", "id", "text"]
            assert plaintext["username"] == "Alice"
            assert len(from_base64(plaintext["id"])) == 16
            ids.add(plaintext["id"])
            connection.send_object(side.receipt())
        initiator.wait_for("Delivered to Bob")
        assert alice.log()[-1].items() >= {"id": plaintext["id"],
                                           "identity": identity.text}.items()
    assert len(ids) == 2


def test_the_receipt_says_who_the_responder_is(bob, responder):
    for username in (None, "Bob", "Rob"):
        if username:
            bob.is_called(username)
        with connect(BOB, ALICE) as connection:
            side = InitiatorSide(Identity(), bob.identity().public)
            connection.send_object(side.key_object())
            side.complete(connection.receive_object())
            connection.send_object(side.message("hello"))
            receipt = side.open_receipt(connection.receive_object())
        name = {"username": username} if username else {}
        assert list(receipt.items()) == list({"received": 0, **name, "status": 200}.items())


@pytest.fixture
def answered(alice, impostor):
    """Alice writes to Bob and gets a receipt of the test's choice; what she is shown then."""
    listener, identity = impostor

    def chat(**changes):
        initiator, connection = start_secure_chat(alice, listener)
        with connection:
            side = ResponderSide(identity)
            connection.send_object(side.answer(connection.receive_object()))
            initiator.wait_for("Message: ")
            initiator.send("hello")
            side.open(connection.receive_object())
            connection.send_object(side.receipt(**changes))
            shown = initiator.wait_for(f"(?s).*?{MENU}")[0]
        return shown

    return chat


@pytest.mark.parametrize("changes, shown", [
    ({"status": 300, "why": "full"}, "Not taken now by Bob (127.0.0.3): full."),
    ({"status": 300}, "Not taken now by Bob (127.0.0.3)."),
    ({"status": 404, "why": "blocked"}, "Refused by Bob (127.0.0.3): blocked."),
    ({"status": 404, "why": "\u202eyou"}, "Refused by Bob (127.0.0.3): <U+202E>you."),
])
def test_what_was_not_taken_is_not_called_delivered(alice, answered, changes, shown):
    said = answered(**changes)
    assert shown in said and "Delivered" not in said
    assert alice.known() == {}


@pytest.mark.parametrize("changes", [
    {"status": 500}, {"status": None}, {"status": "200"}, {"status": True}, {"received": 1},
    {"username": "x" * 65}, {"username": "\x1b[31m"}, {"username": 7}, {"why": "x" * 65},
    {"why": "\n12:00:00 [secure] Bob: yes"}, {"why": ["no"]},
])
def test_a_receipt_that_is_none_confirms_nothing(alice, answered, changes):
    assert "not confirmed" in answered(**changes)
    assert alice.known() == {}


@pytest.mark.parametrize("username, told", [
    ("Rob", "not called what you wrote to, but Rob."), ("bob", "but bob."),
    (None, "gave no name"),
])
def test_who_is_called_otherwise_does_not_become_known(alice, answered, username, told):
    said = answered(username=username)
    assert "Delivered to Bob" in said and told in said
    assert alice.known() == {}
    assert "From now on" in answered()
    assert alice.known().keys() == {"Bob"}


def test_words_for_mallory_that_she_passes_on_to_bob(alice, bob, responder):
    """She announces her name with Bob's identity, and passes on what Alice sends.

    Bob reads what Alice said, and that Alice said it, which is true. Alice is told by his receipt
    that it went to Bob, and nothing is remembered about Mallory's name.
    """
    where = "127.0.0.66"
    bob.is_called("Bob")
    alice.is_called("Alice")
    alice.write_peers({where: peer("Mallory", identity=bob.identity().text)})
    initiator = alice.initiator()
    with Listener(where) as listener:
        chat_secure(initiator, "Mallory")
        with listener.accept() as to_alice, connect(BOB, where) as to_bob:
            to_bob.send_object(to_alice.receive_object())
            to_alice.send_object(to_bob.receive_object())
            initiator.wait_for("Message: ")
            initiator.send("I accept")
            to_bob.send_object(to_alice.receive_object())
            to_alice.send_object(to_bob.receive_object())
            shown = initiator.wait_for(f"(?s).*?{MENU}")[0]
    assert "not called what you wrote to, but Bob." in shown
    assert "From now on" not in shown
    assert alice.known() == {}
    assert bob.log()[-1].items() >= {"identity": alice.identity().text, "text": "I accept"}.items()


def test_a_spoofed_datagram_gives_a_proven_sender_no_other_name(alice, bob, responder):
    """One that comes before the first message, with the sender's address and identity."""
    discovery = bob.discovery()
    with Mouth(BOB) as mouth:
        mouth.announce(ALICE, "Carol", identity=alice.identity().text)
        discovery.wait_for("Carol is online")
    sender = Stranger(ALICE, identity=alice.identity())
    sender.username = "Alice"
    sender.say_securely(BOB, bob.identity().public, "hello")
    shown = responder.wait_for(r"\[secure\].*hello$")[0]
    assert "Alice" in shown and "Carol" not in shown
    assert bob.known() == {}
    assert bob.log()[-1].items() >= {"username": "Alice",
                                     "identity": alice.identity().text}.items()
