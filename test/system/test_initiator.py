"""The initiator against peers in the hands of the test: specification 2.3.0."""

import json
import re
import signal
import time
from datetime import datetime, timedelta, timezone

import pytest

from network import Connection, Listener
from protocol import Identity, ResponderSide
from quartet import KEPT, MENU, NUMBER, chat_secure, chat_unsecure, eventually, log_entry, peer, pin

BOB = "127.0.0.3"
TIME = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"


@pytest.fixture
def listener(namespace):
    """Stands where Bob's responder would be."""
    with Listener(BOB) as own:
        yield own


@pytest.fixture
def bobs_identity(alice):
    """Alice knows Bob and his identity."""
    identity = Identity()
    alice.write_peers({BOB: peer("Bob", identity=identity.text)})
    return identity


def send_unsecure(initiator, text, name="Bob"):
    chat_unsecure(initiator, name)
    initiator.send(text)


def answer_keys(listener, identity):
    """Bob's side of the exchange of keys."""
    connection = listener.accept()
    side = ResponderSide(identity)
    connection.send_object(side.answer(connection.receive_object()))
    return connection, side


def users(initiator):
    """The lines that Users shows."""
    return [line for line in initiator.menu("Users").splitlines() if re.search(r"\(\w+\)", line)]


# 2.3.0-A: the menu.


def test_2_3_0_A_asks_for_users_chat_or_history(alice):
    initiator = alice.initiator()
    for word in ("Users", "Chat", "History"):
        assert word in initiator.output


@pytest.mark.parametrize("command", ["Users", "users", "USERS", "u", "Us", "uSeR"])
def test_2_3_0_A_users_in_any_case_and_by_its_beginnings(alice, command):
    alice.knows(Bob=BOB)
    assert "Bob (Online)" in alice.initiator().menu(command)


@pytest.mark.parametrize("command", ["History", "history", "HIST", "hi"])
def test_2_3_0_A_history_in_any_case_and_by_its_beginnings(alice, command):
    alice.write_log(log_entry("hello"))
    assert "Bob (127.0.0.3) [plain]: hello" in alice.initiator().menu(command)


@pytest.mark.parametrize("command", ["Chat", "chat", "CH", "c"])
def test_2_3_0_A_chat_in_any_case_and_by_its_beginnings(alice, command):
    alice.initiator().ask(command, "Name: ")


@pytest.mark.parametrize("command", ["Help", "help", "he"])
def test_2_3_0_A_help_names_the_commands(alice, command):
    shown = alice.initiator().menu(command)
    for word in ("Users", "Chat", "History", "Help", "Quit"):
        assert word in shown


@pytest.mark.parametrize("command", ["h", "x", "Userss", "Users!", "7", "\x1b[31m", "Çhat"])
def test_2_3_0_A_anything_else_is_explained_and_asked_again(alice, command):
    initiator = alice.initiator()
    shown = initiator.menu(command)
    assert len(shown.split()) > len(MENU.split())
    assert b"\x1b" not in initiator.raw


def test_2_3_0_A_an_empty_line_asks_again(alice):
    alice.initiator().menu("")


@pytest.mark.parametrize("command", ["Quit", "quit", "q", "QUI"])
def test_quit_ends_the_program(alice, command):
    initiator = alice.initiator()
    initiator.send(command)
    initiator.wait()


def test_end_of_input_is_quit(alice):
    initiator = alice.initiator()
    initiator.end_input()
    initiator.wait()


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_the_program_at_any_question(alice, sign):
    alice.knows(Bob=BOB)
    initiator = alice.initiator()
    chat_unsecure(initiator, "Bob")
    initiator.stop(sign)


def test_an_empty_line_cancels_at_every_question(alice, listener, bobs_identity):
    initiator = alice.initiator(terminal=True)
    questions = [("Chat", "Name: "), ("Bob", r"secure or unsecure\? ")]
    for count in range(1, len(questions) + 1):
        for line, question in questions[:count]:
            initiator.ask(line, question)
        initiator.menu("")
    chat_unsecure(initiator, "Bob")
    initiator.menu("")
    assert not listener.is_called()
    chat_secure(initiator, "Bob")
    connection, _ = answer_keys(listener, bobs_identity)
    initiator.wait_for("Message: ")
    initiator.menu("")
    assert connection.receive_all() == b""
    assert alice.log() == []


# 2.3.0-B: Users.


def test_2_3_0_B_online_and_away(alice):
    alice.write_peers({BOB: peer("Bob", 5), "127.0.0.4": peer("Can", 60),
                       "127.0.0.5": peer("Ece", 890), "127.0.0.6": peer("Mallory", 902)})
    shown = alice.initiator().menu("Users")
    assert re.search(r"^ *\d+  Bob \(Online\)\s+127\.0\.0\.3$", shown, re.MULTILINE)
    assert re.search(r"^ *\d+  Can \(Away\)\s+127\.0\.0\.4\s+last heard 1 min ago$", shown, re.MULTILINE)
    assert re.search(r"^ *\d+  Ece \(Away\)\s+127\.0\.0\.5\s+last heard 14 min ago$", shown, re.MULTILINE)
    assert "Mallory" not in shown


@pytest.mark.parametrize("age, bound, shown", [
    (9.5, 10, "Bob (Online)"), (10.2, 10, "Bob (Away)"), (899.5, 900, "Bob (Away)"),
    (900.2, 900, None),
])
def test_2_3_0_B_bounds_of_10_and_900_seconds(alice, age, bound, shown):
    """Tried again if the bound was passed between the question and the answer."""
    initiator = alice.initiator()

    def is_decided():
        heard = time.time() - age
        alice.write_peers({BOB: {"username": "Bob", "last_seen": round(heard, 3)}})
        answer = initiator.menu("Users")
        if age < bound < time.time() - heard:
            return False
        assert shown in answer if shown else "Bob" not in answer
        return True

    eventually(is_decided)


def test_2_3_0_B_online_first_and_then_by_name(alice):
    alice.write_peers({"127.0.0.4": peer("Can", 60), "127.0.0.5": peer("Ece"),
                       "127.0.0.6": peer("Alan", 60), BOB: peer("Bob")})
    names = [line.split()[1] for line in users(alice.initiator())]
    assert names == ["Bob", "Ece", "Alan", "Can"]


def test_2_3_0_B_the_list_is_read_afresh_each_time(alice):
    initiator = alice.initiator()
    assert users(initiator) == []
    alice.write_peers({BOB: peer("Bob")})
    assert len(users(initiator)) == 1
    alice.write_peers({BOB: peer("Bob"), "127.0.0.4": peer("Can")})
    assert len(users(initiator)) == 2


def test_2_3_0_B_who_left_is_away_at_once(alice):
    alice.write_peers({BOB: peer("Bob", left=True)})
    assert "Bob (Away)" in alice.initiator().menu("Users")


def test_2_3_0_B_oneself_is_marked(alice):
    """Another Alice is not oneself."""
    alice.write_peers({"127.0.0.2": peer("Alice", identity=alice.identity().text),
                       "127.0.0.4": peer("Alice", identity=Identity().text), BOB: peer("Bob")},
                      {"self": {"username": "Alice"}})
    [alices, another, bob] = users(alice.initiator())
    assert re.search(r"^ *\d+  Alice \(Online\)\s+127\.0\.0\.2\s+\(you\)$", alices)
    assert "(you)" not in another + bob


@pytest.mark.parametrize("content", [None, "", "\n", '{"self": "Alice"}\n'])
def test_2_3_0_B_an_empty_list_says_so(alice, content):
    if content is not None:
        alice.path("peers.txt").write_text(content, encoding="utf-8")
    initiator = alice.initiator()
    before = len(initiator.lines)
    initiator.menu("Users")
    sentence = initiator.lines[before]
    assert len(sentence.split()) > 2 and "(" not in sentence


def test_2_3_0_B_a_clock_set_back_does_not_hide_anyone(alice):
    alice.write_peers({BOB: peer("Bob", -3)})
    assert "Bob (Online)" in alice.initiator().menu("Users")


# 2.3.0-C: the secure chat.


def test_2_3_0_C_secure_chat(alice, listener, bobs_identity):
    initiator = alice.initiator()
    initiator.ask("Chat", "Name: ")
    initiator.ask("Bob", r"secure or unsecure\? ")
    initiator.ask("secure", "Number: ")
    assert not listener.is_called()
    initiator.send("7")
    with listener.accept() as connection:
        assert connection.peer_address == "127.0.0.2"
        sent = connection.receive()
        number = json.loads(sent)["key"]
        assert sent == f'{{"key": "{number}"}}'.encode()
        assert re.fullmatch("[1-9][0-9]*", number) and 2**64 <= int(number) < 2**256
        side = ResponderSide(bobs_identity)
        connection.send_object(side.answer({"key": number}))

        initiator.wait_for("Message: ")
        assert connection.is_open()
        initiator.send("hello")
        sent = connection.receive()
        message = json.loads(sent)
        assert sent == f'{{"encrypted_message": "{message["encrypted_message"]}"}}'.encode()
        plaintext = side.open(message)
        assert list(plaintext) == ["identity", "proof", "id", "text"]
        assert plaintext["text"] == "hello"
        assert plaintext["identity"] == alice.identity().text

        connection.send_object(side.receipt())
        initiator.wait_for("(?i)delivered to Bob")
        assert connection.receive_all() == b""
    initiator.wait_for(MENU)
    queued, entry, delivered = alice.log()
    assert (entry["direction"], entry["mode"], entry["text"]) == ("SENT", "secure", "hello")
    assert queued["id"] == entry["id"] == delivered["id"]


def test_2_3_0_C_the_number_does_not_determine_the_key(alice, listener, bobs_identity):
    initiator = alice.initiator(terminal=True)
    keys = set()
    for _ in range(3):
        chat_secure(initiator, "Bob", "7")
        with listener.accept() as connection:
            keys.add(connection.receive_object()["key"])
        initiator.wait_for(KEPT)
        initiator.ask("", MENU)
    assert len(keys) == 3


@pytest.mark.parametrize("number", ["0", "7", "9" * 100, "007"], ids=range(4))
def test_2_3_0_C_any_number_will_do(alice, listener, bobs_identity, number):
    initiator = alice.initiator()
    chat_secure(initiator, "Bob", number)
    with answer_keys(listener, bobs_identity)[0]:
        initiator.wait_for("Message: ")


@pytest.mark.parametrize("number", ["seven", "-7", "7.5", "7 7", "0x7", "\u0667", "7\x1b[31m"])
def test_2_3_0_C_what_is_no_number_is_asked_again(alice, listener, bobs_identity, number):
    initiator = alice.initiator(terminal=True)
    chat_secure(initiator, "Bob", number)
    initiator.wait_for(NUMBER)
    assert not listener.is_called()
    assert b"\x1b" not in initiator.raw


def test_2_3_0_C_an_answer_that_is_neither_is_asked_again(alice):
    alice.knows(Bob=BOB)
    initiator = alice.initiator(terminal=True)
    initiator.ask("Chat", "Name: ")
    initiator.ask("Bob", r"secure or unsecure\? ")
    initiator.ask("perhaps", r"secure or unsecure\? ")
    initiator.ask("UNSECURE", "Message: ")


@pytest.mark.parametrize("write", [
    json.dumps,
    lambda answer: json.dumps({"version": [1, {"key": 7}], **answer, "name": "Bob"}, indent=2),
])
def test_2_3_0_C_the_answer_may_be_written_in_other_ways(alice, listener, bobs_identity, write):
    """Among other members, and a byte at a time at both ends: there are 5 s for all."""
    initiator = alice.initiator()
    chat_secure(initiator, "Bob")
    with listener.accept() as connection:
        side = ResponderSide(bobs_identity)
        answer = write(side.answer(connection.receive_object())).encode()
        for piece in [*answer[:12], answer[12:-12], *answer[-12:]]:
            connection.send(piece if isinstance(piece, bytes) else bytes([piece]))
            connection.wait_read()
        initiator.wait_for("Message: ")
        initiator.send("hello")
        assert side.open(connection.receive_object())["text"] == "hello"


def test_2_3_0_C_no_receipt_is_not_confirmed(alice, listener, bobs_identity):
    """The message was sent and is in the log; the peer closes without a word."""
    initiator = alice.initiator()
    chat_secure(initiator, "Bob")
    connection, side = answer_keys(listener, bobs_identity)
    initiator.wait_for("Message: ")
    initiator.send("hello")
    assert side.open(connection.receive_object())["text"] == "hello"
    connection.close()
    initiator.wait_for("(?i)sent to Bob.*not confirmed")
    initiator.wait_for(MENU)
    assert alice.logged_texts() == ["hello"]


def test_2_3_0_C_a_connection_that_closed_while_the_user_typed_is_opened_again(
        alice, listener, bobs_identity):
    """Bob's patience has an end; Alice's message arrives all the same, under new keys."""
    initiator = alice.initiator()
    chat_secure(initiator, "Bob")
    first, side = answer_keys(listener, bobs_identity)
    initiator.wait_for("Message: ")
    first.close()
    initiator.send("hello")
    connection, again = answer_keys(listener, bobs_identity)
    assert again.peer_ephemeral != side.peer_ephemeral
    assert again.open(connection.receive_object())["text"] == "hello"
    connection.send_object(again.receipt())
    initiator.wait_for("(?i)delivered to Bob")
    assert alice.logged_texts() == ["hello"]


def test_2_3_0_C_a_receipt_that_never_comes_is_awaited_5_seconds(alice, listener, bobs_identity):
    initiator = alice.initiator()
    chat_secure(initiator, "Bob")
    connection, side = answer_keys(listener, bobs_identity)
    initiator.wait_for("Message: ")
    initiator.send("hello")
    side.open(connection.receive_object())
    sent = time.monotonic()
    initiator.wait_for("(?i)sent to Bob.*not confirmed")
    assert 4 < time.monotonic() - sent < 15
    assert connection.receive_all() == b""


def test_2_3_0_C_a_key_that_never_comes_ends_the_attempt(alice, listener, bobs_identity):
    initiator = alice.initiator(terminal=True)
    chat_secure(initiator, "Bob")
    with listener.accept():
        initiator.wait_for("Bob")
        initiator.wait_for(KEPT)
        initiator.ask("", MENU)
    assert alice.log() == []


def test_2_3_0_C_without_an_identity_a_strict_initiator_refuses_a_secure_chat(alice, listener):
    alice.knows(Bob=BOB)
    initiator = alice.start("initiator", "--strict", terminal=True)
    initiator.ask("Chat", "Name: ")
    initiator.ask("Bob", r"secure or unsecure\? ")
    refusal = initiator.menu("secure")
    assert "announces no identity" in refusal and "--strict" in refusal
    assert "Number" not in refusal
    assert not listener.is_called()


def test_2_3_0_C_without_an_identity_the_user_is_warned_before_the_number(alice, listener):
    alice.knows(Bob=BOB)
    initiator = alice.initiator()
    initiator.ask("Chat", "Name: ")
    initiator.ask("Bob", r"secure or unsecure\? ")
    initiator.ask("secure", r"(?s)announces no identity.*classic.*eighteen keys.*Number: ")
    initiator.menu("")
    assert not listener.is_called()
    assert alice.log() == []


# 2.3.0-D: the unsecure chat.


def test_2_3_0_D_unsecure_chat(alice, listener):
    alice.knows(Bob=BOB)
    initiator = alice.initiator()
    chat_unsecure(initiator, "Bob")
    initiator.send("hello")
    with listener.accept() as connection:
        assert connection.peer_address == "127.0.0.2"
        assert connection.receive() == b'{"unencrypted_message": "hello"}'
        assert connection.receive_all() == b""
    initiator.wait_for("(?i)sent to Bob")
    initiator.wait_for(MENU)


@pytest.mark.parametrize("text", [
    'quotes " and \\ and /', "Çağla \U0001f600", "a\ttab", "  spaces around  ", "{}", "null",
])
def test_2_3_0_D_any_text_arrives_as_typed(alice, listener, text):
    alice.knows(Bob=BOB)
    initiator = alice.initiator()
    send_unsecure(initiator, text)
    with listener.accept() as connection:
        assert json.loads(connection.receive_all()) == {"unencrypted_message": text}
    eventually(lambda: alice.logged_texts() == [text])


def test_2_3_0_D_the_message_comes_in_one_piece(alice, listener):
    """Other implementations parse what one recv(2) brings."""
    alice.knows(Bob=BOB)
    initiator = alice.initiator()
    send_unsecure(initiator, "x" * 900)
    with listener.accept() as connection:
        assert len(connection.receive()) == 900 + len('{"unencrypted_message": ""}')


def test_2_3_0_D_a_long_message_to_an_unknown_implementation_is_warned_about(alice, listener):
    alice.knows(Bob=BOB)
    initiator = alice.initiator()
    send_unsecure(initiator, "x" * 2000)
    with listener.accept() as connection:
        assert json.loads(connection.receive_all()) == {"unencrypted_message": "x" * 2000}
    initiator.wait_for("1,?024")


def test_2_3_0_D_a_peer_that_answers_and_never_closes_is_not_waited_for(alice, listener):
    alice.knows(Bob=BOB)
    initiator = alice.initiator()
    send_unsecure(initiator, "hello")
    with listener.accept() as connection:
        connection.receive_all()
        connection.send(b"thank you\x1b[31m" * 100)
        initiator.wait_for("(?i)sent to Bob")
        initiator.wait_for(MENU)
        assert connection.error() == 0  # no reset, which kills one of them
    assert "thank you" not in initiator.output


def answer_message(connection, answer):
    """Bob's side of an unsecure chat: takes the message, says something, and closes."""
    connection.receive_all()
    connection.send(answer)
    connection.close()


@pytest.mark.parametrize("answer", [
    b'{"unencrypted_message": "hello yourself"}',
    b'\n{"key": "7"} {"unencrypted_message": "hello yourself"}{"unencrypted_message": "too much"}',
    b'{"from": "Bob", "unencrypted message": "hello yourself"}\r\n\x1b[31m',
], ids=range(3))
def test_a_reply_to_a_plain_message_is_shown_and_logged(alice, listener, answer):
    alice.knows(Bob=BOB)
    initiator = alice.initiator()
    send_unsecure(initiator, "hello")
    answer_message(listener.accept(), answer)
    initiator.wait_for(r"^Reply from Bob \(127\.0\.0\.3\).*\[plain\].*: hello yourself$")
    initiator.wait_for(MENU)
    assert [(entry["direction"], entry["username"], entry["ip"], entry["mode"], entry["text"])
            for entry in alice.log()] == [("SENT", "Bob", BOB, "plain", "hello"),
                                          ("RECEIVED", "Bob", BOB, "plain", "hello yourself")]


def test_a_reply_proves_as_little_as_any_plain_message(alice, listener, known):
    """Whoever is known by an identity could have proven it."""
    initiator = alice.initiator()
    send_unsecure(initiator, "hello")
    answer_message(listener.accept(), b'{"unencrypted_message": "hello yourself"}')
    initiator.wait_for(r"^Reply from Bob .*\[unproven\]: hello yourself$")
    initiator.wait_for(MENU)
    assert alice.log()[1]["standing"] == "unproven"


def test_a_reply_is_shown_escaped(alice, listener):
    alice.knows(Bob=BOB)
    initiator = alice.initiator()
    send_unsecure(initiator, "hello")
    answer_message(listener.accept(), b'{"unencrypted_message": "\\u001b[31mred"}')
    initiator.wait_for("red$")
    assert b"\x1b" not in initiator.raw
    eventually(lambda: alice.logged_texts() == ["hello", "\x1b[31mred"])


@pytest.mark.parametrize("answer", [
    b"thank you", b'thank you {"unencrypted_message": "no"}', b'{"key": "7"}',
    b'{"encrypted_message": "7"}', b'{"unencrypted_message": 7}', b'{"unencrypted_message": "cut off',
    b'{"unencrypted_message": "' + b"x" * 70_000 + b'"}',
], ids=range(7))
def test_what_is_no_reply_is_forgotten(alice, listener, answer):
    alice.knows(Bob=BOB)
    initiator = alice.initiator()
    send_unsecure(initiator, "hello")
    answer_message(listener.accept(), answer)
    initiator.wait_for("(?i)sent to Bob")
    initiator.wait_for(MENU)
    assert "Reply" not in initiator.output
    assert alice.logged_texts() == ["hello"]


def test_a_long_message_to_others_is_asked_about_at_a_terminal(alice, listener):
    """They read 1,024 bytes: who does not want that may write another."""
    alice.knows(Bob=BOB)
    initiator = alice.initiator(terminal=True)
    chat_unsecure(initiator, "Bob")
    initiator.ask("x" * 1000, r"only the first 1,?024(.|\n)*yes or no\? ")
    initiator.ask("no", "Message: ")
    assert not listener.is_called()
    initiator.ask("y" * 2000, r"yes or no\? ")
    initiator.send("yes")
    with listener.accept() as connection:
        assert json.loads(connection.receive_all()) == {"unencrypted_message": "y" * 2000}
    initiator.wait_for(MENU)
    assert alice.logged_texts() == ["y" * 2000]


@pytest.mark.parametrize("length, told", [(997, "(?i)sent to Bob"), (998, "yes or no")])
def test_a_message_is_long_from_1025_bytes_as_an_object(alice, listener, length, told):
    alice.knows(Bob=BOB)
    initiator = alice.initiator(terminal=True)
    chat_unsecure(initiator, "Bob")
    initiator.ask("x" * length, told)


@pytest.mark.parametrize("message", [
    b"\x1b[2Jclear", b"a\x07b", "a\u0085b".encode(), b"\xff\xfe", b"\xed\xa0\x80",
], ids=range(5))
def test_2_3_0_D_a_message_with_control_characters_is_asked_again(alice, listener, message):
    alice.knows(Bob=BOB)
    initiator = alice.initiator(terminal=True)
    chat_unsecure(initiator, "Bob")
    initiator.send_bytes(message + b"\n")
    initiator.wait_for("Message: ")
    initiator.send("hello")
    with listener.accept() as connection:
        assert json.loads(connection.receive_all()) == {"unencrypted_message": "hello"}
    assert b"\x1b" not in initiator.raw and b"\x07" not in initiator.raw


@pytest.mark.parametrize("message", [b"\x1b[2Jclear", b"a\x7fb", b"\xff\xfe", b"", b"x" * 48_001,
                                     b"x" * 65_536, b"x" * 1_000_000], ids=range(7))
def test_a_message_that_cannot_be_sent_fails_in_a_pipe(alice, listener, message):
    """What follows it is no second try but the next command."""
    alice.knows(Bob=BOB)
    initiator = alice.run("initiator", text=b"chat Bob\nunsecure\n" + message + b"\nUsers\n", status=1)
    assert "Bob (Online)" in initiator.output
    assert b"\x1b" not in initiator.raw
    assert not listener.is_called()
    assert alice.log() == []


# 2.3.0-C and D: whom to chat with.


def test_an_unknown_name_is_reported(alice):
    alice.knows(Bob=BOB)
    initiator = alice.initiator()
    initiator.ask("Chat", "Name: ")
    initiator.ask("Mallory\x1b[31m", "no user named")
    assert b"\x1b" not in initiator.raw


def test_the_name_after_chat_saves_a_question(alice, listener):
    alice.knows(Bob=BOB)
    initiator = alice.initiator()
    initiator.ask("chat Bob", r"secure or unsecure\? ")
    initiator.ask("unsecure", "Message: ")
    assert "Name:" not in initiator.output


def test_names_with_spaces(alice, listener):
    alice.write_peers({BOB: peer("Bob the second")})
    initiator = alice.initiator()
    initiator.ask("Chat Bob the second", r"secure or unsecure\? ")


def test_an_address_serves_as_a_name(alice, listener):
    alice.write_peers({"127.0.0.4": peer("Bob"), BOB: peer("Bob")})
    initiator = alice.initiator()
    send_unsecure(initiator, "hello", BOB)
    with listener.accept() as connection:
        assert json.loads(connection.receive_all()) == {"unencrypted_message": "hello"}


def test_names_that_two_addresses_share_are_told_apart_by_address(alice, listener):
    alice.write_peers({"127.0.0.4": peer("Bob"), BOB: peer("Bob")})
    initiator = alice.initiator(terminal=True)
    initiator.ask("Chat Bob", "Number or address: ")
    assert "127.0.0.3" in initiator.output and "127.0.0.4" in initiator.output
    initiator.ask(BOB, r"secure or unsecure\? ")
    initiator.ask("unsecure", "Message: ")
    initiator.send("hello")
    with listener.accept() as connection:
        assert json.loads(connection.receive_all()) == {"unencrypted_message": "hello"}
    eventually(alice.log)
    assert alice.log()[0]["ip"] == BOB


# 2.3.0-E: the log.


def test_2_3_0_E_a_sent_message_is_logged(alice, listener):
    alice.knows(Bob=BOB)
    initiator = alice.initiator()
    before = time.time()
    send_unsecure(initiator, "hello")
    with listener.accept() as connection:
        connection.receive_all()
    initiator.wait_for("(?i)sent to Bob")
    after = time.time()
    line = alice.path("chat.log").read_text(encoding="utf-8")
    written = json.loads(line)["time"]
    assert line == (f'{{"time": "{written}", "direction": "SENT", "username": "Bob", '
                    '"ip": "127.0.0.3", "mode": "plain", "text": "hello"}\n')
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", written)
    assert utc(before - 0.01) <= written <= utc(after + 0.01)
    assert alice.path("chat.log").stat().st_mode & 0o777 == 0o600


def utc(seconds):
    milliseconds = int(seconds * 1000)
    text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(milliseconds // 1000))
    return f"{text}.{milliseconds % 1000:03}Z"


# 2.3.0-F: errors.


def test_2_3_0_F_unreachable_peer_is_reported(make_user, make_host, lan):
    host = make_host()
    lan.plug(host, "10.1.0.1/24")
    host.ip("route add unreachable 10.9.0.1/32")
    ece = make_user("ece", host=host)
    ece.write_peers({"10.9.0.1": peer("Bob")})
    initiator = ece.initiator()
    send_unsecure(initiator, "hello")
    initiator.wait_for(r"cannot connect to Bob \(10\.9\.0\.1\): No route to host")
    initiator.wait_for(MENU)
    assert ece.log() == []


def test_2_3_0_F_refused_connection_is_reported(alice):
    alice.knows(Bob=BOB)
    initiator = alice.initiator()
    send_unsecure(initiator, "hello")
    initiator.wait_for(r"cannot connect to Bob \(127\.0\.0\.3\): Connection refused")
    initiator.wait_for(MENU)
    assert alice.log() == []


def test_2_3_0_F_refused_connection_of_a_secure_chat_is_reported(alice, bobs_identity):
    initiator = alice.initiator(terminal=True)
    chat_secure(initiator, "Bob")
    initiator.wait_for(r"cannot connect to Bob \(127\.0\.0\.3\): Connection refused")
    initiator.wait_for(KEPT)
    initiator.ask("", MENU)


def test_2_3_0_F_timeout_is_reported_after_5_seconds(make_user, make_host, lan):
    host = make_host()
    lan.plug(host, "10.1.0.1/24")
    host.unanswered_neighbour("10.1.0.9", "eth0")
    ece = make_user("ece", host=host)
    ece.write_peers({"10.1.0.9": peer("Bob")})
    initiator = ece.initiator()
    send_unsecure(initiator, "hello")
    started = time.monotonic()
    initiator.wait_for(r"cannot connect to Bob \(10\.1\.0\.9\): timed out after 5 s")
    assert 4 < time.monotonic() - started < 15
    initiator.wait_for(MENU)
    assert ece.log() == []


def test_2_3_0_F_a_peer_that_resets_the_connection_is_reported(alice, listener, bobs_identity):
    initiator = alice.initiator(terminal=True)
    chat_secure(initiator, "Bob")
    with listener.accept() as connection:
        connection.reset()
    initiator.wait_for("Bob")
    initiator.wait_for(KEPT)
    initiator.ask("", MENU)
    assert alice.log() == []


@pytest.mark.parametrize("leave", [Connection.close, Connection.reset])
def test_2_3_0_F_a_peer_that_goes_away_before_the_message_is_reported(alice, bobs_identity, leave):
    """The keys were exchanged; while the user types, Bob's responder ends."""
    initiator = alice.initiator()
    with Listener(BOB) as listener:
        chat_secure(initiator, "Bob")
        connection, _ = answer_keys(listener, bobs_identity)
        initiator.wait_for("Message: ")
    leave(connection)
    initiator.ask("hello", r"cannot connect to Bob \(127\.0\.0\.3\): Connection refused")
    initiator.wait_for(MENU)
    assert [entry["direction"] for entry in alice.log()] == ["QUEUED"]


# 2.3.0-G: History.


def test_2_3_0_G_history_shows_every_part_of_an_entry(alice):
    alice.write_log(log_entry("hello", "Ece", "RECEIVED", "127.0.0.4", "secure",
                              "2026-11-20T06:34:25.999Z"),
                    log_entry("hi", "Bob", "SENT", "127.0.0.3", "plain",
                              "2026-11-20T21:34:26.000Z"),
                    log_entry("oh", "Can", "RECEIVED", "127.0.0.5", "secure",
                              "2026-11-20T21:34:27.000Z", standing="changed",
                              id="EBESExQVFhcYGRobHB0eHw==", later={"kinds": ["of", "things"]}),
                    {"time": "2026-11-20T21:34:28.000Z", "state": "delivered",
                     "id": "EBESExQVFhcYGRobHB0eHw=="})
    lines = history(alice.initiator())
    assert [re.sub("  +", "  ", line) for line in lines] == [
        "2026-11-20 09:34:25  RECEIVED  Ece (127.0.0.4) [secure]: hello",
        "2026-11-21 00:34:26  SENT  Bob (127.0.0.3) [plain]: hi",
        "2026-11-21 00:34:27  RECEIVED  Can (127.0.0.5) [secure] [changed]: oh",
    ]


def history(initiator, command="History"):
    """The lines that History shows."""
    return [line for line in initiator.menu(command).splitlines() if re.match(TIME, line)]


def texts(lines):
    return [line.rpartition(": ")[2] for line in lines]


def test_2_3_0_G_the_newest_50_with_the_newest_last(alice):
    alice.write_log(*[log_entry(f"message {number}") for number in range(120)])
    assert texts(history(alice.initiator())) == [f"message {number}" for number in range(70, 120)]


def test_2_3_0_G_history_with_one_user_by_name_or_address(alice):
    alice.write_log(*[log_entry(f"{name} {number}", name, ip=address) for number in range(60)
                      for name, address in [("Bob", BOB), ("Can", "127.0.0.4")]])
    initiator = alice.initiator()
    for command in ("History Bob", f"hist {BOB}"):
        assert texts(history(initiator, command)) == [f"Bob {number}" for number in range(10, 60)]


@pytest.mark.parametrize("typed", ["\u00f6mer", "\u00d6MER", "O\u0308mer"])
def test_2_3_0_G_history_finds_names_regardless_of_case(alice, typed):
    alice.write_log(log_entry("hello", "\u00d6mer"), log_entry("hi", "Omer"))
    assert texts(history(alice.initiator(), f"History {typed}")) == ["hello"]


def test_2_3_0_G_the_whole_history(alice):
    alice.write_log(*[log_entry(f"message {number}") for number in range(1200)])
    assert texts(history(alice.initiator(), "History all")) == \
        [f"message {number}" for number in range(1200)]


def test_2_3_0_G_an_empty_history_says_so(alice):
    shown = alice.initiator().menu("History")
    assert len(shown.replace("Users, Chat or History? ", "").split()) > 2


def test_2_3_0_G_a_torn_last_line_is_skipped(alice):
    alice.write_log(log_entry("whole"), json.dumps(log_entry("torn")).encode()[:-9])
    assert texts(history(alice.initiator())) == ["whole"]


def test_2_3_0_G_a_huge_log_opens_at_once(alice):
    """History reads the end of the file, not all of it."""
    line = json.dumps(log_entry("x" * 400)).encode() + b"\n"
    alice.write_log(*[line * 1000] * 200)
    alice.write_log(*[log_entry(f"message {number}") for number in range(50)])
    assert alice.path("chat.log").stat().st_size > 100_000_000
    initiator = alice.initiator()
    before = initiator.read_bytes()
    assert texts(history(initiator)) == [f"message {number}" for number in range(50)]
    assert len(history(initiator, "History Bob")) == 50
    assert initiator.read_bytes() - before < 4_000_000


def test_history_of_the_newest_so_many(alice):
    alice.write_log(*[log_entry(f"{name} {number}", name) for number in range(9) for name in ("Bob", "Can")])
    initiator = alice.initiator()
    assert texts(history(initiator, "History 3")) == ["Can 7", "Bob 8", "Can 8"]
    assert texts(history(initiator, "History bob 2")) == ["Bob 7", "Bob 8"]
    assert len(history(initiator, "History bob all")) == 9


def test_history_of_today(alice):
    """Days begin at midnight of the time zone."""
    now = datetime.now(timezone(timedelta(hours=3)))
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    for text, when in [("yesterday", midnight - timedelta(seconds=1)), ("today", midnight), ("now", now)]:
        alice.write_log(log_entry(text, time_utc=when.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000Z")))
    initiator = alice.initiator()
    assert texts(history(initiator, "History today")) == ["today", "now"]
    assert texts(history(initiator, "History Bob today 1")) == ["now"]
    assert "Nothing was said today with Can." in initiator.menu("History Can today")


def test_history_takes_names_as_chat_does(alice, bob, known):
    """By a beginning, or a number of the list, somebody known is found under every name."""
    identity = bob.identity().text
    alice.write_log(log_entry("one", "Rob", mode="secure", identity=identity), log_entry("two", "Bob"),
                    log_entry("three", "Bo", ip="127.0.0.9"), log_entry("four", "Bobby", ip="127.0.0.9"))
    initiator = alice.initiator()
    initiator.menu("Users")
    assert texts(history(initiator, "History b")) == ["one", "two"]
    assert texts(history(initiator, "History 1 5")) == ["one", "two"]
    assert texts(history(initiator, "History bo")) == ["three"]
    assert texts(history(initiator, "History 1")) == ["four"]


def test_a_name_that_ends_in_a_number_is_one(alice, bob):
    alice.pin(**{"Bob 2": pin(bob.identity().text)})
    alice.write_log(*[log_entry(f"message {number}", "Bob 2") for number in range(3)], log_entry("other", "Bob"))
    assert len(history(alice.initiator(), "History Bob 2")) == 3


# Search.


def test_search_shows_the_newest_last(alice):
    alice.write_log(log_entry("The build is red"), log_entry("oh", "Can"), log_entry("The build is green"),
                    log_entry("is it?", "Can"))
    initiator = alice.initiator()
    assert texts(history(initiator, "Search IS")) == ["The build is red", "The build is green", "is it?"]
    assert texts(history(initiator, "search build  green")) == ["The build is green"]
    assert texts(history(initiator, "Search -f can is")) == ["is it?"]
    assert "Nothing was found.\n" in initiator.menu("Search blue")
    for nothing in ("Search", "Search -f", "Search -f Bob", "Search" + 17 * " x"):
        assert "Search takes 1 to 16 words.\n" in initiator.menu(nothing)


def test_search_marks_what_it_found(alice):
    alice.write_log(log_entry("The build is green"))
    initiator = alice.initiator(terminal=True, environment={"TERM": "xterm"})
    assert "The \x1b[7mbuild\x1b[0m is" in initiator.menu("Search BUILD")


def test_a_search_that_takes_long_can_be_interrupted(alice):
    """Lines of half a megabyte, most of them nothing, are read for seconds."""
    alice.write_log(log_entry("found"))
    with open(alice.path("chat.log"), "r+b") as log:
        for number in range(1, 20000):
            log.seek(number * 500_000)
            log.write(b"\n")
    alice.write_log(log_entry("found, too"))
    initiator = alice.initiator(terminal=True)
    before = initiator.read_bytes()
    initiator.send("Search found")
    eventually(lambda: initiator.read_bytes() > before + 10_000_000)
    initiator.send_bytes(b"\x03")
    assert "found, too\n(interrupted; there may be more)\n" in initiator.wait_for(f"(?s).*{MENU}")[0]
    initiator.menu("Users")


# 2.3.0-H: the program persists.


def test_2_3_0_H_the_program_persists_after_each_session(alice, listener, bobs_identity):
    initiator = alice.initiator()
    for number in range(3):
        send_unsecure(initiator, f"clear {number}")
        with listener.accept() as connection:
            connection.receive_all()
        initiator.wait_for(MENU)
        chat_secure(initiator, "Bob")
        connection, side = answer_keys(listener, bobs_identity)
        with connection:
            initiator.wait_for("Message: ")
            initiator.send(f"secure {number}")
            assert side.open(connection.receive_object())["text"] == f"secure {number}"
            connection.send_object(side.receipt())
            initiator.wait_for("(?i)delivered to Bob")
        initiator.wait_for(MENU)
    assert alice.logged_texts() == [f"{kind} {number}" for number in range(3)
                                    for kind in ("clear", "secure")]


# Input from a pipe.


def test_all_at_once_from_a_pipe(alice, listener):
    alice.knows(Bob=BOB)
    initiator = alice.run(
        "initiator", text="Users\nChat\nBob\nunsecure\none\nchat Bob\nunsecure\ntwo\nHistory")
    for text in ("one", "two"):
        with listener.accept() as connection:
            assert json.loads(connection.receive_all()) == {"unencrypted_message": text}
    assert "Bob (Online)" in initiator.output
    assert re.search(r"SENT\s+Bob \(127\.0\.0\.3\) \[plain\]: two$", initiator.output, re.M)


def test_end_of_input_amid_the_questions_sends_nothing(alice, listener):
    alice.knows(Bob=BOB)
    for text in ("Chat\n", "Chat\nBob\n", "Chat\nBob\nunsecure\n"):
        alice.run("initiator", text=text, status=1)
    assert not listener.is_called()


# Each is a chat that fails before its message was asked for, and what is needed for that.
FAILING_CHATS = {
    "nobody has that name": ("Chat\nMallory\nsecure\n7\n", 3),
    "nobody has the name given": ("Chat Mallory\nunsecure\n", 3),
    "the name is empty": ("Chat\n\nunsecure\n", 1),
    "the number is none": ("Chat Bob\nsecure\nseven\n", 1),
    "the number is empty": ("Chat Bob\nsecure\n\n", 1),
    "the connection is refused": ("Chat Bob\nsecure\n7\n", 4),
}


@pytest.mark.parametrize("answers, status", FAILING_CHATS.values(), ids=FAILING_CHATS)
def test_a_chat_that_fails_takes_the_answers_meant_for_it(alice, bobs_identity, answers, status):
    """In a pipe its message is not run as the next command, and the failure shows in the exit status."""
    initiator = alice.run("initiator", text=f"{answers}Quit\nUsers\n", status=status)
    assert "Bob (Online)" in initiator.output
    assert alice.logged_texts() == []


def test_a_refused_chat_takes_the_answers_meant_for_it(alice, listener):
    alice.knows(Bob=BOB)
    initiator = alice.start("initiator", "--strict", ready=False)
    initiator.send_bytes(b"Chat Bob\nsecure\n7\nQuit\nUsers\n")
    initiator.end_input()
    initiator.wait(1)
    assert "Bob (Online)" in initiator.output
    assert not listener.is_called()


def test_a_name_that_is_shared_fails_in_a_pipe(alice, listener):
    """Its address would be one more answer, which no pipe can know of; an address for the name is none."""
    alice.write_peers({"127.0.0.4": peer("Can"), "127.0.0.5": peer("Can"), BOB: peer("Bob")})
    initiator = alice.run("initiator", text="Chat Can\nunsecure\nQuit\nUsers\n", status=3)
    assert "127.0.0.4" in initiator.output and "Bob (Online)" in initiator.output
    assert not listener.is_called()


@pytest.mark.parametrize("command, status", [("Verified Bob\n", 1), ("Trust Bob\nQuit\n", 1),
                                             ("Distrust\nBob\nQuit\n", 1), ("Fingerprint\nMallory\n", 3)])
def test_other_commands_that_fail_take_the_answers_meant_for_them(alice, command, status):
    alice.knows(Bob=BOB)
    assert "Bob (Online)" in alice.run("initiator", text=command + "Users\n", status=status).output


@pytest.mark.parametrize("answer", ["perhaps", ""])
def test_neither_secure_nor_unsecure_ends_a_pipe(alice, listener, answer):
    """How many of the lines are answers cannot be known any more, so none is taken for anything."""
    alice.knows(Bob=BOB)
    initiator = alice.run("initiator", text=f"Chat Bob\n{answer}\nhello\nUsers\n", status=1)
    assert "rest of the input" in initiator.output
    assert "Bob (Online)" not in initiator.output
    assert not listener.is_called()


@pytest.mark.parametrize("text, status", [
    ("Users\nHistory\nHelp\n", 0), ("", 0), ("\nUsers\nQuit\nChat Mallory\n", 0),
    ("Nonsense\nUsers\n", 1), ("un\n", 1), ("Chat Mallory\nunsecure\nhello\nUsers\nQuit\n", 3),
    ("Chat Mallory\nunsecure\nhello\nChat Bob\nunsecure\nhello\n", 4), ("Nonsense\nFingerprint Mallory\n", 3),
    ("x" * 70_000 + "\nUsers\n", 1),
])
def test_the_status_of_a_pipe_is_that_of_the_worst_command(alice, text, status):
    alice.knows(Bob=BOB)
    alice.run("initiator", text=text, status=status)


def test_a_pipe_tells_by_its_status_that_a_message_was_not_confirmed(alice, listener, bobs_identity):
    initiator = alice.initiator()
    chat_secure(initiator, "Bob")
    connection, side = answer_keys(listener, bobs_identity)
    initiator.send("hello")
    side.open(connection.receive_object())
    connection.close()
    initiator.wait_for("not confirmed")
    initiator.end_input()
    initiator.wait(5)


def test_a_pipe_tells_by_its_status_that_a_message_was_refused(alice, listener, bobs_identity):
    initiator = alice.initiator()
    chat_secure(initiator, "Bob")
    connection, side = answer_keys(listener, bobs_identity)
    with connection:
        initiator.wait_for("Message: ")
        initiator.send("hello")
        side.open(connection.receive_object())
        connection.send_object(side.receipt(status=404))
        initiator.wait_for("Refused by Bob")
    initiator.end_input()
    initiator.wait(7)


def test_a_pipe_tells_by_its_status_that_the_name_has_lost_its_identity(alice, listener):
    alice.pin(Bob=pin(Identity(bytes(32)).text))
    alice.knows(Bob=BOB)
    alice.run("initiator", text=f"Chat {BOB}\nsecure\n7\nhello\n", status=6)
    assert not listener.is_called()


def test_at_a_terminal_a_failure_is_told_and_is_no_status(alice):
    initiator = alice.initiator(terminal=True)
    initiator.ask("Chat Mallory", "no user named")
    initiator.ask("Nonsense", "no command")
    initiator.send("Quit")
    initiator.wait()


def test_lines_may_end_as_on_other_systems(alice):
    alice.knows(Bob=BOB)
    assert "Bob (Online)" in alice.run("initiator", text="Users\r\nQuit\r\n").output
