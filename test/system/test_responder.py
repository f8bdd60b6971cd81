"""The responder against clients in the hands of the test: specification 2.4.0."""

import contextlib
import datetime
import fcntl
import json
import pathlib
import re
import select
import socket
import threading
import time

import pytest

from network import CHAT_PORT, ECE, Listener, connect, open_file_limit, say
from protocol import Identity, InitiatorSide
from quartet import MENU, chat_unsecure, eventually, peer

MAX_CONNECTIONS = 1024
MAX_OF_ONE_ADDRESS = 64
OBJECT_MAX = 65_536


@pytest.fixture
def bob(make_user):
    """The user under test, who listens on every address and knows Ece."""
    user = make_user("bob")
    user.knows(Ece=ECE)
    return user


@pytest.fixture
def responder(bob):
    return bob.responder()


def open_session(connection, bob, identity=None, username="Ece"):
    """The exchange of keys."""
    side = InitiatorSide(identity or Identity(), bob.identity().public, username=username)
    connection.send_object(side.key_object())
    side.complete(connection.receive_object())
    return side


def shown(kind, name, text):
    """The line for a message, as a pattern."""
    return rf"^\d\d:\d\d:\d\d \[{re.escape(kind)}\] {re.escape(name)}: {re.escape(text)}$"


# 2.4.0-A: port 6001.


def test_2_4_0_A_listens_on_tcp_port_6001(responder):
    say("hello")
    responder.wait_for(shown("plain", "Ece", "hello"))


def test_2_4_0_A_listens_on_the_address_it_is_given(alice):
    alice.responder()
    with pytest.raises(ConnectionRefusedError):
        connect("127.0.0.3")
    connect("127.0.0.2").close()


# 2.4.0-B: connections are accepted before they time out.


def test_2_4_0_B_hundreds_of_silent_connections_keep_nobody_waiting(responder):
    with open_file_limit(4096), contextlib.ExitStack() as silent:
        for number in range(600):
            silent.enter_context(connect(source=f"127.3.0.{number % 12 + 1}"))
        say("I have something to say")
        responder.wait_for(shown("plain", "Ece", "I have something to say"))


def test_2_4_0_B_who_stops_amid_an_object_keeps_nobody_waiting(responder):
    with contextlib.ExitStack() as slow:
        for number in range(50):
            connection = slow.enter_context(connect(source=f"127.3.0.{number + 1}"))
            connection.send(b'{"unencrypted_message": "I am thi')
        say("hello")
        responder.wait_for(shown("plain", "Ece", "hello"))


def test_2_4_0_B_who_does_not_read_keeps_nobody_waiting(responder, bob):
    """Keys are asked for again and again, and no answer is ever read."""
    key = json.dumps(InitiatorSide(Identity(), bob.identity().public).key_object()).encode()
    with connect(source="127.3.0.1") as connection:
        connection.socket.setblocking(False)
        with contextlib.suppress(BlockingIOError, ConnectionError):
            for _ in range(20_000):
                connection.send(key * 10)
        say("hello")
        responder.wait_for(shown("plain", "Ece", "hello"))


def test_2_4_0_B_one_address_may_have_64_connections(responder):
    """At the limit, the one that was silent longest gives way."""
    with open_file_limit(4096), contextlib.ExitStack() as silent:
        connections = [silent.enter_context(connect(source="127.3.0.1"))
                       for _ in range(MAX_OF_ONE_ADDRESS)]
        other = silent.enter_context(connect(source="127.3.0.2"))
        say("from elsewhere")
        responder.wait_for("from elsewhere")
        assert all(connection.is_open() for connection in connections)
        say("from there too", source="127.3.0.1")
        responder.wait_for("from there too")
        connections[0].wait_closed()
        assert all(connection.is_open() for connection in [*connections[1:], other])


def test_2_4_0_B_who_has_exchanged_keys_does_not_give_way(responder, bob):
    with open_file_limit(4096), contextlib.ExitStack() as sessions:
        connections = [sessions.enter_context(connect(source="127.3.0.1"))
                       for _ in range(MAX_OF_ONE_ADDRESS)]
        for connection in connections:
            open_session(connection, bob)
        connect(source="127.3.0.1").wait_closed()
        assert all(connection.is_open() for connection in connections)
        say("hello")
        responder.wait_for(shown("plain", "Ece", "hello"))


def test_2_4_0_B_1024_connections_in_all(bob):
    """The responder raises its own limit of open files if that is lower."""
    with open_file_limit(256):
        responder = bob.responder()
    with open_file_limit(4096), contextlib.ExitStack() as silent:
        connections = [silent.enter_context(connect(source=f"127.3.1.{number // 63 + 1}"))
                       for number in range(MAX_CONNECTIONS)]
        eventually(lambda: responder.open_descriptors() > MAX_CONNECTIONS)
        assert all(connection.is_open() for connection in connections)
        say("one more")
        responder.wait_for(shown("plain", "Ece", "one more"))
        connections[0].wait_closed()
        assert all(connection.is_open() for connection in connections[1:])


def fill(places, per_address):
    """Connections that have all spoken: as many as there are places, so many from an address."""
    connections = [places.enter_context(connect(source=f"127.3.1.{number // per_address + 1}"))
                   for number in range(MAX_CONNECTIONS)]
    for connection in connections:
        connection.send_object({"key": "8"})
    for connection in connections:
        assert "key" in connection.receive_object()
    return connections


def test_2_4_0_B_a_full_server_has_a_place_for_whoever_holds_none(responder):
    """The address with most connections gives up the one that was silent longest."""
    with open_file_limit(4096), contextlib.ExitStack() as places:
        connections = fill(places, MAX_OF_ONE_ADDRESS)
        say("one more")
        responder.wait_for(shown("plain", "Ece", "one more"))
        connections[0].wait_closed()
        assert all(connection.is_open() for connection in connections[1:])


def test_2_4_0_B_a_full_server_closes_who_would_hold_as_many_as_the_others(responder):
    with open_file_limit(4096), contextlib.ExitStack() as places:
        connections = fill(places, 32)
        refused = connect(source="127.3.1.1")
        refused.wait_closed()
        responder.wait_for(r"refused unknown \(127\.3\.1\.1\): there are too many connections")
        assert all(connection.is_open() for connection in connections)


def test_2_4_0_B_newcomers_cost_a_full_server_little_more_than_an_empty_one(responder):
    def cost():
        before = responder.processor_time()
        for turn in range(20):
            with contextlib.ExitStack() as newcomers:
                # Who came back would be shut out for a moment.
                for number in range(50):
                    newcomers.enter_context(connect(source=f"127.3.{2 + turn}.{number + 1}"))
        say("hello")
        responder.wait_for(shown("plain", "Ece", "hello"))
        return responder.processor_time() - before

    with open_file_limit(4096), contextlib.ExitStack() as places:
        empty = cost()
        fill(places, MAX_OF_ONE_ADDRESS)
        assert cost() < 5 * empty + 0.1


def attempt(source):
    """Begins to connect, and waits for nothing."""
    attempted = socket.socket()
    attempted.setblocking(False)
    attempted.bind((source, 0))
    attempted.connect_ex(("127.0.0.1", CHAT_PORT))
    return attempted


def test_2_4_0_B_who_connects_without_a_pause_and_says_nothing_is_shut_out_for_a_moment(responder):
    """Whoever else connects is not, nor what is open; and afterwards everybody gets in who still waits."""
    flooder, beyond = "127.3.4.1", 4 * 64

    def is_shut_out():
        with responder.paused():
            for _ in range(beyond):
                attempt(flooder).close()
        with attempt(flooder) as newcomer:
            return not select.select([], [newcomer], [], 0.2)[1]

    with connect(source=flooder) as before:
        before.send_object({"unencrypted_message": "before"})
        responder.wait_for("before")
        eventually(is_shut_out)
        say("from elsewhere")
        responder.wait_for(shown("plain", "Ece", "from elsewhere"))
        before.send_object({"unencrypted_message": "meanwhile"})
        responder.wait_for("meanwhile")
    say("afterwards", source=flooder)
    responder.wait_for("afterwards")


def test_2_4_0_B_what_has_begun_must_end_in_30_seconds_but_whoever_types_is_waited_for(
        responder, bob):
    """A byte now and then is no conversation. Some connect first and ask their user afterwards."""
    with connect(source=ECE) as silent, connect(source="127.3.0.2") as trickling, \
            connect(source="127.3.0.3") as typing:
        started = time.monotonic()
        side = open_session(typing, bob)
        trickling.send(b'{"unencrypted_message": "')
        while trickling.is_open():
            assert time.monotonic() - started < 60
            with contextlib.suppress(ConnectionError):
                trickling.send(b"x")
            time.sleep(0.5)
        assert time.monotonic() - started > 25
        responder.wait_for("refused .*: it did not finish what it began in 30 s")
        assert typing.is_open() and silent.is_open()
        typing.send_object(side.message("that took a while"))
        assert side.receipt(typing.receive_object()) == 0
        silent.send_object({"unencrypted_message": "that, too"})
        responder.wait_for(shown("plain", "Ece", "that, too"))
    assert bob.logged_texts() == ["that took a while", "that, too"]


def test_documents_state_the_limits_of_the_program():
    root = pathlib.Path(__file__).parents[2]

    def limit(header, name):
        text = (root / header).read_text(encoding="utf-8")
        return int(re.search(rf"#define {name} (\d+)$", text, re.MULTILINE)[1])

    def words(document):
        return " ".join((root / document).read_text(encoding="utf-8").split())

    connections = limit("responder/admission.h", "ADMISSION_PLACES_MAX")
    per_address = limit("responder/admission.h", "ADMISSION_PER_ADDRESS_MAX")
    object_bytes = limit("common/wire/framing.h", "FRAMING_MAX_BYTES")
    object_s = limit("responder/conversation.h", "CONVERSATION_OBJECT_S")
    typing_min = limit("responder/conversation.h", "CONVERSATION_TYPING_MS") // 60_000
    assert (connections, per_address, object_bytes) == (
        MAX_CONNECTIONS, MAX_OF_ONE_ADDRESS, OBJECT_MAX)
    assert f"{connections:,} connections to the responder, {per_address} from one" in words("README.md")
    for document in ("common/PROTOCOL.md", "responder/responder.1"):
        text = words(document)
        assert re.search(rf"{connections:,} connections( at once)?, {per_address} of them", text)
        assert f"must end within {object_s} seconds" in text and f"{typing_min} minutes" in text
    assert f"{object_bytes:,} bytes long at most" in words("common/PROTOCOL.md")


# 2.4.0-C: the three objects.


def test_2_4_0_C_a_key_is_answered_with_a_key_of_its_own(responder, bob):
    side = InitiatorSide(Identity(), bob.identity().public)
    answers = set()
    for _ in range(2):
        with connect() as connection:
            connection.send_object(side.key_object())
            answer = connection.receive()
            number = json.loads(answer)["key"]
            assert answer == f'{{"key": "{number}"}}'.encode()
            assert re.fullmatch("[1-9][0-9]*", number) and 2**64 <= int(number) < 2**256
            answers.add(number)
    assert len(answers) == 2
    assert responder.is_running


def test_2_4_0_C_a_number_of_more_than_64_bits_is_refused(responder, bob):
    """A key that long comes as a string."""
    side = InitiatorSide(Identity(), bob.identity().public)
    with connect() as connection:
        connection.send_object({"key": int(side.key_object()["key"])})
        assert connection.receive_all() == b""
    responder.wait_for("refused .*: a number in it is too large")


def test_2_4_0_C_an_encrypted_message_is_decrypted_and_displayed(responder, bob):
    identity = Identity()
    bob.write_peers({ECE: peer("Ece", identity=identity.text)})
    with connect(source=ECE) as connection:
        side = open_session(connection, bob, identity)
        connection.send_object(side.message("hello"))
        responder.wait_for(shown("secure] [unknown", f"Ece ({ECE})", "hello"))
        receipt = connection.receive()
        assert json.dumps(json.loads(receipt)).encode() == receipt
        assert side.receipt(json.loads(receipt)) == 0


def test_2_4_0_C_an_unencrypted_message_is_displayed(responder):
    say("hello")
    line = responder.wait_for(shown("plain", "Ece", "hello"))[0]
    hour, minute, second = map(int, line[:8].split(":"))
    now = time.time() + 3 * 3600  # the programs are told that local time is UTC+3
    assert (now - (hour * 3600 + minute * 60 + second)) % 86400 < 60


@pytest.mark.parametrize("key", [0, "0", "", None, "none", -1, 1.5, False, []])
def test_2_4_0_C_a_message_counts_beside_a_key_that_is_none(responder, key):
    """Some always send every member."""
    with connect(source=ECE) as connection:
        connection.send_object({"key": key, "encrypted_message": None,
                                "unencrypted_message": "hello"})
        responder.wait_for(shown("plain", "Ece", "hello"))


@pytest.mark.parametrize("key", [
    "unencrypted_message", "unencryptedmessage", "unencrypted message"])
def test_2_4_0_C_three_spellings_of_an_unencrypted_message(responder, key):
    with connect(source=ECE) as connection:
        connection.send_object({key: "hello"})
    responder.wait_for(shown("plain", "Ece", "hello"))


@pytest.mark.parametrize("key", ["encrypted_message", "encryptedmessage", "encrypted message"])
def test_2_4_0_C_three_spellings_of_an_encrypted_message(responder, bob, key):
    with connect(source=ECE) as connection:
        side = open_session(connection, bob)
        connection.send_object({key: side.message("hello")["encrypted_message"]})
        assert side.receipt(connection.receive_object()) == 0
    responder.wait_for("hello")


def test_2_4_0_C_unknown_members_are_ignored(responder, bob):
    more = {"username": "Mallory", "time": 7, "nested": {"key": [1, {"unencrypted_message": 2}]}}
    with connect(source=ECE) as connection:
        connection.send_object({**more, "unencrypted_message": "one"})
        responder.wait_for(shown("plain", "Ece", "one"))
    with connect(source=ECE) as connection:
        side = InitiatorSide(Identity(), bob.identity().public)
        connection.send_object({**more, **side.key_object()})
        side.complete(connection.receive_object())
        connection.send_object({**more, **side.message("two", rooms=["attic"])})
        assert side.receipt(connection.receive_object()) == 0
    responder.wait_for("two")


def test_2_4_0_C_an_object_may_be_cut_at_any_byte(responder):
    data = '{"unencrypted_message": "a\\"}{b ş %s"}'
    length = len((data % "000").encode())
    for cut in range(1, length):
        whole = (data % f"{cut:03}").encode()
        with connect(source=ECE) as connection:
            connection.send(whole[:cut])
            connection.wait_read()
            connection.send(whole[cut:])
            responder.wait_for(shown("plain", "Ece", f'a"}}{{b ş {cut:03}'))


def test_2_4_0_C_a_session_may_arrive_byte_by_byte(responder, bob):
    with connect(source=ECE) as connection:
        side = InitiatorSide(Identity(), bob.identity().public)
        send_slowly(connection, side.key_object())
        side.complete(connection.receive_object())
        send_slowly(connection, side.message("hello"))
        assert side.receipt(connection.receive_object()) == 0
    responder.wait_for("hello")


def send_slowly(connection, value):
    text = json.dumps(value).encode()
    for place, byte in enumerate(text):
        connection.send(bytes([byte]))
        # Not in the long middle: what has begun must end in 30 seconds, also if this machine is busy.
        if not 60 <= place < len(text) - 60:
            connection.wait_read()


@pytest.mark.parametrize("space", ["", "\n", " \r\n\t "])
def test_2_4_0_C_several_objects_may_arrive_in_one_segment(responder, space):
    texts = ["one", "two", "three"]
    with connect(source=ECE) as connection:
        connection.send(space.join(["", *[json.dumps({"unencrypted_message": text})
                                          for text in texts], ""]).encode())
        for text in texts:
            responder.wait_for(shown("plain", "Ece", text))


def test_2_4_0_C_several_sessions_and_messages_on_one_connection(responder, bob):
    """A new exchange of keys starts the counters again."""
    with connect(source=ECE) as connection:
        for session in range(2):
            side = open_session(connection, bob)
            for count in range(3):
                connection.send_object(side.message(f"message {session} {count}"))
                assert side.receipt(connection.receive_object(), count) == count
                responder.wait_for(f"message {session} {count}")
            connection.send_object({"unencrypted_message": f"plain {session}"})
            responder.wait_for(shown("plain", "Ece", f"plain {session}"))


def test_2_4_0_C_escapes_and_raw_utf8_are_the_same(responder):
    text = "Çağla \U0001f600 / \\ \""
    for ascii_only in (True, False):
        with connect(source=ECE) as connection:
            connection.send(json.dumps({"unencrypted_message": text},
                                       ensure_ascii=ascii_only).encode())
        responder.wait_for(shown("plain", "Ece", text))


def test_2_4_0_C_the_largest_object(responder, bob):
    frame = len(json.dumps({"unencrypted_message": ""}))
    with connect(source=ECE) as connection:
        connection.send_object({"unencrypted_message": "x" * (OBJECT_MAX - frame)})
        responder.wait_for(shown("plain", "Ece", "x" * (OBJECT_MAX - frame)))
    with connect(source=ECE) as connection:
        with contextlib.suppress(ConnectionError):
            connection.send_object({"unencrypted_message": "y" * (OBJECT_MAX - frame + 1)})
        connection.wait_closed()
    responder.wait_for(rf"refused.*{re.escape(ECE)}")
    assert len(bob.log()) == 1


def test_2_4_0_C_a_message_is_displayed_while_the_sender_stays(responder):
    with connect(source=ECE) as connection:
        connection.send_object({"unencrypted_message": "hello"})
        responder.wait_for(shown("plain", "Ece", "hello"))
        assert connection.is_open()


def test_2_4_0_C_an_end_of_file_is_answered_with_one(responder):
    with connect(source=ECE) as connection:
        connection.send_object({"unencrypted_message": "hello"})
        connection.shut_down()
        assert connection.receive_all() == b""
    responder.wait_for("hello")


def test_2_4_0_C_several_lines_stay_behind_a_bar(responder):
    """No text can pass for a line of the responder's own."""
    say("hello\n08:34:25 [secure] Can: I am Can\r\nthe end")
    responder.wait_for(shown("plain", "Ece", "hello"))
    responder.wait_for(r"^    \| 08:34:25 \[secure\] Can: I am Can")
    responder.wait_for(r"^    \| the end$")


# 2.4.0-C: who is speaking.


def test_a_sender_who_never_announced_is_unknown(responder):
    say("hello", source="127.0.0.8")
    responder.wait_for(shown("plain", "unknown (127.0.0.8)", "hello"))


def test_names_that_two_addresses_share_are_told_apart(responder, bob):
    bob.write_peers({ECE: peer("Ece"), "127.0.0.8": peer("Ece"), "127.0.0.7": peer("Can")})
    say("one")
    responder.wait_for(shown("plain", "Ece (127.0.0.9)", "one"))
    say("two", source="127.0.0.8")
    responder.wait_for(shown("plain", "Ece (127.0.0.8)", "two"))
    say("three", source="127.0.0.7")
    responder.wait_for(shown("plain", "Can", "three"))


def test_names_are_read_afresh(responder, bob):
    say("one")
    responder.wait_for(shown("plain", "Ece", "one"))
    bob.write_peers({ECE: peer("Can")})

    def is_renamed():
        say("two")
        return re.search(shown("plain", "Can", "two"), responder.output, re.MULTILINE)

    # Not each time if reading takes long.
    eventually(is_renamed)


def test_a_secure_sender_is_named_by_what_they_say(responder, bob):
    """Not by the address, which anybody on the LAN may take, nor by who announces what."""
    can = Identity()
    bob.write_peers({ECE: peer("Ece", identity=Identity().text),
                     "127.0.0.8": peer("Can", identity=can.text)})
    for identity, username in [(Identity(), "Mallory"), (can, None), (can, "Canan"), (can, "Ece")]:
        with connect(source=ECE) as connection:
            side = open_session(connection, bob, identity, username)
            connection.send_object(side.message("It is me"))
            name = responder.wait_for(r"\[secure\] \[unknown\] (\S+) \(127\.0\.0\.9\): It is me$")[1]
            assert name == (username or "unknown")
            side.receipt(connection.receive_object())


# 2.4.0-D: the log.


def test_2_4_0_D_a_received_message_is_logged(responder, bob):
    before = time.time()
    say("hello")
    responder.wait_for("hello")
    after = time.time()
    line = bob.path("chat.log").read_text(encoding="utf-8")
    written = json.loads(line)["time"]
    assert line == (f'{{"time": "{written}", "direction": "RECEIVED", "username": "Ece", '
                    f'"ip": "{ECE}", "mode": "plain", "text": "hello"}}\n')
    assert before - 0.01 <= seconds(written) <= after + 0.01
    assert bob.path("chat.log").stat().st_mode & 0o777 == 0o600


def seconds(written):
    """The time of a log entry as seconds since the epoch."""
    return datetime.datetime.fromisoformat(written.replace("Z", "+00:00")).timestamp()


def test_2_4_0_D_a_secure_message_is_logged(responder, bob):
    identity = Identity()
    bob.write_peers({ECE: peer("Ece", identity=identity.text)})
    with connect(source=ECE) as connection:
        side = open_session(connection, bob, identity)
        connection.send_object(side.message("hello\nthere"))
        side.receipt(connection.receive_object())
    [entry] = bob.log()
    assert entry.items() >= {"direction": "RECEIVED", "username": "Ece", "ip": ECE,
                             "mode": "secure", "text": "hello\nthere"}.items()


def test_2_4_0_D_the_receipt_comes_after_the_line_in_the_log(responder, bob):
    with connect(source=ECE) as connection:
        side = open_session(connection, bob)
        for count in range(30):
            connection.send_object(side.message(f"message {count}"))
            assert side.receipt(connection.receive_object(), count) == count
            assert bob.logged_texts()[-1] == f"message {count}"


def test_2_4_0_D_no_receipt_while_the_log_cannot_be_written(responder, bob):
    """Another program holds the lock for a moment."""
    bob.write_log()
    with connect(source=ECE) as connection, open(bob.path("chat.log"), "rb") as log:
        side = open_session(connection, bob)
        fcntl.flock(log, fcntl.LOCK_EX)
        connection.send_object(side.message("hello"))
        time.sleep(0.5)  # time to do what must not be done
        assert connection.is_open()
        fcntl.flock(log, fcntl.LOCK_UN)
        assert side.receipt(connection.receive_object()) == 0
        assert bob.logged_texts() == ["hello"]


def test_2_4_0_D_the_two_writers_never_mix_lines(alice):
    """2.3.0-G: the initiator and the responder write long lines into one file at one time."""
    counts = range(15)

    def text(direction, number, count):
        return f"{direction} {number} {count} " + "x" * 30_000

    listener = Listener("127.0.0.3")

    def take():
        with listener:
            for _ in counts:
                with listener.accept() as connection:
                    connection.receive_all()

    def send(number):
        for count in counts:
            say(text("received", number, count), f"127.0.0.{number + 10}", alice.address)

    alice.knows(Bob="127.0.0.3")
    alice.responder()
    initiator = alice.initiator()
    threads = [threading.Thread(target=take),
               *[threading.Thread(target=send, args=[number]) for number in range(4)]]
    for thread in threads:
        thread.start()
    for count in counts:
        chat_unsecure(initiator, "Bob")
        initiator.ask(text("sent", 0, count), "(?i)sent to Bob")
        initiator.wait_for(MENU)
    for thread in threads:
        thread.join()
    eventually(lambda: len(alice.log()) == 75)
    assert set(alice.logged_texts()) == {
        *[text("sent", 0, count) for count in counts],
        *[text("received", number, count) for number in range(4) for count in counts]}


def test_2_4_0_D_a_torn_last_line_is_closed_off(responder, bob):
    bob.write_log(b'{"time": "2026-11-20T08:00:00.123Z", "direc')
    say("hello")
    responder.wait_for("hello")
    torn, whole, rest = bob.path("chat.log").read_bytes().split(b"\n")
    assert torn == b'{"time": "2026-11-20T08:00:00.123Z", "direc'
    assert json.loads(whole)["text"] == "hello"
    assert rest == b""


def test_2_4_0_D_a_log_that_was_moved_away_is_made_anew(responder, bob):
    say("one")
    responder.wait_for("one")
    bob.path("chat.log").rename(bob.path("chat.old"))
    say("two")
    responder.wait_for("two")
    assert bob.logged_texts() == ["two"]


# 2.4.0-E: the program persists.


def test_2_4_0_E_the_program_persists_after_each_session(responder, bob):
    for number in range(20):
        say(f"plain {number}")
        responder.wait_for(f"plain {number}")
        with connect(source=ECE) as connection:
            side = open_session(connection, bob)
            connection.send_object(side.message(f"secure {number}"))
            side.receipt(connection.receive_object())
    assert len(bob.log()) == 40


def test_2_4_0_E_the_program_persists_however_a_session_ends(responder, bob):
    connect().close()
    connect().reset()
    connection = connect()
    connection.send(b'{"unencrypted_message": "ha')
    connection.close()
    connection = connect()
    open_session(connection, bob)
    connection.reset()
    say("hello")
    responder.wait_for(shown("plain", "Ece", "hello"))
