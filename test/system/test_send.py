"""Messages of scripts: send and deliver."""

import contextlib
import fcntl
import json
import signal

import pytest

from network import Listener
from protocol import Identity, ResponderSide
from quartet import eventually, peer, pin

ELSEWHERE = "127.0.0.4"
TEXTS = ["two\nlines", "a\ttab", "ends\n", "\n", "\n\n\nx\n\n", " spaces ", "\x01\x1b[31m\x7f", "\u00e7 \U0001f600 \u202e",
         '"\\"', "-", "x" * 47998]


@pytest.fixture
def alice(alice, known):
    """She knows Bob."""
    alice.is_called("Alice")
    return alice


@pytest.fixture
def bob(bob):
    bob.is_called("Bob")
    return bob


def send(user, *arguments, status=0, text=b""):
    """Sends; success is silent, and failure says why in a line."""
    program = user.run("initiator", "send", *arguments, status=status, text=text)
    assert program.output == ""
    if status == 0:
        assert program.errors == ""
    elif status != 3:
        assert program.errors.count("\n") == (2 if status == 2 else 1), program.errors
    return program


def received(user):
    return [entry["text"] for entry in user.log() if entry.get("direction") == "RECEIVED"]


def lines(user):
    """What the log of a sender has, line by line."""
    return [entry.get("direction") or entry.get("state") for entry in user.log() if "settled" not in entry]


def is_locked(path):
    with open(path, "rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def is_without_identity(user, *others):
    """Others announce no identity, and are not known."""
    user.update_peers_file(lambda content: (content["known"].clear(), content["peers"].update(
        {other.address: peer("Bob") for other in others})))


@contextlib.contextmanager
def answered(bob, answer):
    """Somebody in Bob's place who takes a message and then does something else than he should."""
    with Listener(bob.address) as listener:
        def serve():
            with listener.accept() as connection:
                side = ResponderSide(bob.identity())
                connection.send_object(side.answer(connection.receive_object()))
                side.open(connection.receive_object())
                answer(connection, side)
        yield serve


def finish(program, status):
    program.wait(status)
    assert program.output == ""
    return program.errors


# What arrives.


def test_a_message_that_was_delivered_says_nothing(alice, bob):
    bob.responder()
    send(alice, "Bob", "hello")
    assert received(bob) == ["hello"]
    assert lines(alice) == ["QUEUED", "SENT", "delivered"]
    assert [entry.get("once") for entry in alice.log()] == [True, None, None]
    send(alice, "-k", bob.address, "again")
    assert received(bob) == ["hello", "again"]
    assert "once" not in alice.log()[3]


@pytest.mark.parametrize("how", [[], ["-"]])
def test_any_text_arrives_as_it_was_given(alice, bob, how):
    bob.responder()
    for text in TEXTS:
        send(alice, "Bob", *how, text=text.encode())
    assert received(bob) == TEXTS


def test_any_text_arrives_as_it_was_given_as_an_argument(alice, bob):
    bob.responder()
    texts = [text for text in TEXTS if text != "-"] + ["-x", "--"]
    for text in texts:
        send(alice, "-m", "secure", "--", "Bob", text)
    assert received(bob) == texts


def test_the_message_may_come_in_pieces_and_from_a_file(alice, bob):
    bob.responder()
    program = alice.start("initiator", "send", "Bob", ready=False)
    program.send_bytes(b"one\n")
    program.send_bytes(b"two")
    program.end_input()
    assert finish(program, 0) == ""
    assert received(bob) == ["one\ntwo"]


@pytest.mark.parametrize("text", [b"", b"\xff", b"a\0b", b"x" * 47999, b"\x01" * 8000, b"x" * 10_000_000],
                         ids=["empty", "bytes", "nul", "long", "escapes", "endless"])
def test_what_cannot_be_sent_is_refused(alice, bob, text):
    bob.responder()
    send(alice, "Bob", status=1, text=text)
    assert alice.log() == []


# Whom it goes to, and how.


@pytest.mark.parametrize("mode", [[], ["-m", "secure"]])
def test_nothing_goes_out_unprotected_that_was_not_meant_to(alice, bob, mode):
    is_without_identity(alice, bob)
    bob.responder()
    errors = send(alice, *mode, "Bob", "hello", status=6).errors
    assert ("-m plain" in errors) == (not mode)
    assert alice.log() == []


@pytest.mark.parametrize("mode", ["plain", "classic"])
def test_a_mode_that_is_given_is_used(alice, bob, mode):
    is_without_identity(alice, bob)
    bob.responder()
    send(alice, "-m", mode, "Bob", "two\nlines\n")
    eventually(lambda: received(bob) == ["two\nlines\n"])
    assert [(entry["direction"], entry["mode"], entry["text"]) for entry in alice.log()] == [
        ("SENT", mode, "two\nlines\n")]


def test_plain_is_possible_with_everybody(alice, bob):
    bob.responder()
    send(alice, "-m", "plain", "Bob", "hello")
    eventually(lambda: received(bob) == ["hello"])


def test_classic_is_only_for_those_without_an_identity(alice, bob):
    bob.responder()
    send(alice, "-m", "classic", "Bob", "hello", status=1)
    alice.write_peers({ELSEWHERE: peer("Bob")})
    send(alice, "-m", "classic", ELSEWHERE, "hello", status=6)
    alice.write_peers({})
    is_without_identity(alice, bob)
    program = alice.run("initiator", "-s", "send", "-m", "classic", "Bob", "hello", status=1)
    assert "--strict" in program.errors
    assert alice.log() == []


def test_a_reply_in_the_clear_is_kept(alice, bob):
    with Listener(bob.address) as listener:
        program = alice.start("initiator", "send", "-m", "plain", "Bob", "hello", ready=False)
        with listener.accept() as connection:
            assert connection.receive_object() == {"unencrypted_message": "hello"}
            connection.send_object({"unencrypted_message": "hi"})
    assert finish(program, 0) == ""
    assert [(entry["direction"], entry["text"]) for entry in alice.log()] == [("SENT", "hello"), ("RECEIVED", "hi")]


def test_nobody_and_several_get_nothing(alice, bob):
    is_without_identity(alice)
    alice.write_peers({bob.address: peer("Bob", identity=Identity().text), ELSEWHERE: peer("Bob", identity=Identity().text)})
    for name in ("Bo", "1", "", "Mallory"):
        send(alice, name, "hello", status=3)
    errors = send(alice, "Bob", "hello", status=3).errors
    assert bob.address in errors and ELSEWHERE in errors
    assert alice.log() == []


# What becomes of what does not arrive.


@pytest.mark.parametrize("mode", ["secure", "plain"])
def test_who_is_not_reachable_is_status_4(alice, mode):
    errors = send(alice, "-m", mode, "Bob", "hello", status=4).errors
    assert "Connection refused" in errors and "kept" not in errors


def test_what_is_not_kept_is_sent_by_nobody_else(alice, bob):
    send(alice, "Bob", "now or never", status=4)
    bob.responder()
    alice.run("initiator", "deliver", "-1")
    initiator = alice.initiator()
    assert "waiting" not in initiator.menu("Users")
    send(alice, "Bob", "last")
    assert received(bob) == ["last"]
    [entry] = [json.loads(line) for line in alice.run("initiator", "history", "-j").lines if "now or never" in line]
    assert entry["state"] == "dropped"


def test_what_is_kept_is_delivered_later(alice, bob):
    assert "kept" in send(alice, "-k", "Bob", "hello", status=4).errors
    program = alice.run("initiator", "deliver", "-1", status=4)
    assert program.output == ""
    bob.responder()
    assert alice.run("initiator", "deliver", "-1").output == ""
    assert received(bob) == ["hello"]
    assert alice.run("initiator", "deliver", "-1").output == ""
    assert received(bob) == ["hello"]


def test_who_is_known_and_was_never_found_can_be_written_to_all_the_same(alice, bob):
    """And nobody else gets it: without an address, one's own machine would."""
    alice.pin(Can=pin(Identity().text))
    responder = alice.responder()
    assert "Nobody knows where to find Can" in send(alice, "Can", "hello", status=4).errors
    assert alice.log() == []
    assert "kept" in send(alice, "-k", "Can", "hello", status=4).errors
    alice.run("initiator", "deliver", "-1", status=4)
    assert lines(alice) == ["QUEUED"]
    responder.stop()


def test_deliver_goes_on_until_a_signal(alice, bob):
    send(alice, "-k", "Bob", "hello", status=4)
    program = alice.start("initiator", "deliver", ready=False)
    bob.responder()
    alice.write_peers({bob.address: peer("Bob", identity=bob.identity().text, since=2_000_000_000)})
    eventually(lambda: received(bob) == ["hello"])
    eventually(lambda: "delivered" in lines(alice))
    send(alice, "-k", "Bob", "again")
    assert received(bob) == ["hello", "again"]
    program.stop(signal.SIGINT)
    assert program.output == ""


def test_what_another_process_delivers_at_once_is_delivered(alice, bob):
    """Also if it does so before anybody can wait for that."""
    alice.identity()
    for number in range(8):
        with open(alice.path("identity.key"), "rb") as key:
            fcntl.flock(key, fcntl.LOCK_EX)  # as the process does that delivers
            program = alice.start("initiator", "send", "-k", "Bob", str(number), ready=False)
            queued = eventually(lambda: [entry for entry in alice.log() if entry.get("text") == str(number)])[0]
            alice.write_log({name: queued[name] for name in ("time", "id", "username", "identity")} | {"state": "delivered"})
            assert finish(program, 0) == ""
    assert lines(alice) == ["QUEUED", "delivered"] * 8


def test_what_another_process_delivers_to_somebody_of_another_name_is_status_1(alice, bob, make_user):
    absent = make_user("absent", address=ELSEWHERE)
    alice.update_peers_file(lambda content: (content["known"].clear(), content["peers"].update(
        {absent.address: peer("Can", identity=absent.identity().text)})))
    bob.is_called("Rob")
    bob.responder()
    send(alice, "-k", "Can", "hello", status=4)
    deliver = alice.start("initiator", "deliver", ready=False)
    eventually(lambda: is_locked(alice.path("identity.key")))
    assert "but Rob" in alice.run("initiator", "send", "-k", "Bob", "hello", status=1).errors
    deliver.stop()
    delivered = [entry for entry in alice.log() if entry.get("state") == "delivered"]
    assert [(entry["username"], entry["why"]) for entry in delivered] == [("Bob", "Rob")]


def test_what_others_queued_is_not_told(alice, bob):
    send(alice, "-k", "Bob", "first", status=4)
    bob.responder()
    send(alice, "-k", "Bob", "second")
    assert received(bob) == ["first", "second"]


def test_a_long_log_keeps_nothing_back(alice, bob):
    """What was queued so far back that it is not found is told, and what comes now is sent."""
    alice.write_log((b"x" * 1023 + b"\n") * 17_000)
    bob.responder()
    send(alice, "-k", "Bob", "hello")
    deliver = alice.run("initiator", "deliver", "-1", status=1)
    assert deliver.errors.endswith("waits since long ago: that is not sent.\n")
    send(alice, "-k", "Bob", "later")
    assert received(bob) == ["hello", "later"]


def test_a_menu_beside_it_takes_nothing_away(alice, bob):
    """One of the two delivers, and it is delivered once."""
    initiator = alice.initiator()
    bob.responder()
    for number in range(5):
        send(alice, *["-k"] * (number % 2), "Bob", f"message {number}")
    assert received(bob) == [f"message {number}" for number in range(5)]
    initiator.menu("Users")


@pytest.mark.parametrize("keep", [[], ["-k"]])
def test_what_nobody_confirms_is_status_5(alice, bob, keep):
    with answered(bob, lambda connection, side: None) as serve:
        program = alice.start("initiator", "send", *keep, "Bob", "hello", ready=False)
        serve()
        errors = finish(program, 5)
    assert errors.count("\n") == 1 and ("kept" in errors) == bool(keep)
    assert lines(alice)[:2] == ["QUEUED", "SENT"]


def test_what_is_refused_is_status_7(alice, bob):
    with answered(bob, lambda connection, side: connection.send_object(side.receipt(status=404, why="blocked"))) as serve:
        program = alice.start("initiator", "send", "-k", "Bob", "hello", ready=False)
        serve()
        errors = finish(program, 7)
    assert "blocked" in errors and errors.count("\n") == 1
    assert alice.run("initiator", "deliver", "-1").errors == ""


@pytest.mark.parametrize("rival", [{"identity": Identity().text}, {}], ids=["another identity", "none"])
def test_a_known_name_that_is_announced_otherwise_is_status_6(alice, bob, rival):
    """Who is known by it cannot be reached, and may have a new identity."""
    alice.write_peers({ELSEWHERE: peer("Bob", **rival)})
    send(alice, "Bob", "hello", status=6)
    assert received(bob) == []
    bob.responder()
    send(alice, "Bob", "hello")


@pytest.mark.parametrize("mode", ["plain", "classic"])
def test_only_what_is_secure_can_be_kept(alice, mode):
    send(alice, "-k", "-m", mode, "Bob", "hello", status=2)
    assert alice.log() == []


# Waiting for somebody.


def test_it_waits_until_the_other_appears(alice, bob):
    is_without_identity(alice)
    alice.write_peers({})
    bob.responder()
    program = alice.start("initiator", "send", "-w", "1000", "Bob", "hello", ready=False)
    alice.write_peers({ELSEWHERE: peer("Ece")})
    alice.write_peers({ELSEWHERE: peer("Ece"), bob.address: peer("Bob", 60, identity=bob.identity().text)})
    assert program.is_running
    alice.write_peers({bob.address: peer("Bob", identity=bob.identity().text)})
    assert finish(program, 0) == ""
    assert received(bob) == ["hello"]


def test_it_does_not_wait_for_who_is_there(alice, bob):
    bob.responder()
    send(alice, "-w", "1000", "Bob", "hello")
    assert received(bob) == ["hello"]


def test_it_waits_for_so_long(alice, bob):
    """Then what is known of the other has to do."""
    send(alice, "-w", "1", "Mallory", "hello", status=3)
    alice.write_peers({})
    bob.responder()
    send(alice, "-w", "1", "Bob", "hello")
    assert received(bob) == ["hello"]


def test_a_signal_ends_the_waiting(alice):
    program = alice.start("initiator", "send", "-w", "1000", "Mallory", "hello", ready=False)
    eventually(alice.path("identity.key").exists)
    program.process.send_signal(signal.SIGTERM)
    finish(program, 1)
    assert alice.log() == []
