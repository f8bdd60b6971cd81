"""Messages without the questions of Chat before each: Talk, @NAME, r, and Enter at the menu."""

import pytest

from network import Listener
from protocol import Identity
from quartet import MENU, NUMBER, eventually, log_entry, peer, pin
from test_typing import EDITING, bracketed, editing, every_terminal

BOB = "127.0.0.3"
OTHER = "127.0.0.5"


@pytest.fixture
def alice(alice):
    alice.is_called("Alice")
    return alice


@pytest.fixture
def bobs_responder(bob, known):
    """Bob, known to Alice, who has a name of his own and takes what comes."""
    bob.is_called("Bob")
    bob.knows(Alice="127.0.0.2")
    return bob.responder()


def received(user):
    return [entry["text"] for entry in user.log() if entry.get("direction") == "RECEIVED"]


def begin(alice, environment):
    return alice.initiator(terminal=True, environment=environment)


@every_terminal
def test_every_line_of_a_talk_is_a_message(alice, bob, bobs_responder, environment):
    """Confirmed each, and all questions asked once."""
    initiator = begin(alice, environment)
    initiator.ask("Talk bob", r"secure or unsecure\? ")
    initiator.ask("secure", NUMBER)
    initiator.ask("", "Bob> ")
    for text in ("one", "two", "//three", "Users"):
        initiator.ask(text, "✓")
        initiator.wait_for("Bob> ")
    assert "no /nonsense" in initiator.ask("/nonsense", "Not sent.*\n(?s:.*)Bob> ")[0]
    initiator.ask("/end", MENU)
    assert received(bob) == ["one", "two", "/three", "Users"]
    assert initiator.output.count("secure or unsecure?") == 1


@every_terminal
def test_what_comes_while_somebody_types_stands_above_the_line(alice, bob, known, environment):
    bob.is_called("Bob")
    bob.knows(Alice="127.0.0.2")
    identity = bob.identity().text
    alice.write_peers({BOB: peer("Bob", 60, identity=identity)})
    initiator = begin(alice, environment)
    initiator.ask("@Bob", "Bob> ")
    initiator.ask("hello", "1 waiting for Bob")
    initiator.wait_for("Bob> ")
    initiator.send_bytes(b"half a li")
    initiator.wait_for("half a li")
    bob.responder()
    alice.write_peers({BOB: peer("Bob", identity=identity)})
    initiator.wait_for("✓\nBob> " + ("half a li" if environment is EDITING else ""))
    initiator.ask("ne", "✓")
    assert received(bob) == ["hello", "half a line"]


@editing
def test_a_line_longer_than_the_screen_is_wide_stays_whole(alice, bob, known):
    bob.is_called("Bob")
    identity = bob.identity().text
    alice.write_peers({BOB: peer("Bob", 60, identity=identity)})
    initiator = begin(alice, EDITING)
    initiator.resize(30)
    initiator.ask("@Bob", "Bob> ")
    initiator.ask("hello", "waiting for")
    initiator.wait_for("Bob> ")
    words = " ".join(f"word{number}" for number in range(20))
    initiator.send_bytes(words.encode() + b"\x1b[D\x1b[D")
    initiator.wait_for("word19")
    bob.responder()
    alice.write_peers({BOB: peer("Bob", identity=identity)})
    initiator.wait_for("✓\nBob> word0(?s:.*)19")
    initiator.ask("", "✓")
    assert received(bob) == ["hello", words]


def test_a_talk_works_from_a_pipe(alice, bob, bobs_responder):
    """And the commands that follow it are run."""
    initiator = alice.run("initiator", text="Talk Bob\nsecure\n7\none\n\ntwo\n/end\nUsers\nTalk Bob\nsecure\n7\nthree\n")
    assert received(bob) == ["one", "two", "three"]
    assert "Bob (Online)" in initiator.output


def test_of_a_talk_that_cannot_begin_nothing_is_taken_for_a_command(alice):
    initiator = alice.run("initiator", text="Talk Mallory\nsecure\n7\nUsers\nQuit\n", status=3)
    assert "rest of the input" in initiator.output and "Nobody was heard" not in initiator.output


@every_terminal
def test_ctrl_d_ends_a_talk_and_not_the_program(alice, bobs_responder, environment):
    initiator = begin(alice, environment)
    initiator.ask("@Bob", "Bob> ")
    initiator.send_bytes(b"\x04")
    initiator.wait_for(MENU)
    assert "Bob (Online)" in initiator.menu("Users")
    initiator.send_bytes(b"\x04")
    initiator.wait()


def test_what_else_a_talk_knows(alice, bob, bobs_responder):
    initiator = begin(alice, EDITING)
    initiator.ask("@Bob", "Bob> ")
    for text in ("green apples", "red apples"):
        initiator.ask(text, "✓")
        initiator.wait_for("Bob> ")
    assert "red" not in initiator.ask("/search green", "green apples(?s:.*)Bob> ")[0].partition("Bob> ")[0]
    assert "green" not in initiator.ask("/history 1", "red apples(?s:.*)Bob> ")[0]
    initiator.ask("/users", r"Bob \(Online\)(?s:.*)Bob> ")
    initiator.ask("/help", "/retry(?s:.*)Bob> ")
    initiator.ask("/retry", "nothing to send again")


def test_retry_sends_what_could_not_be_sent(alice, bob, known):
    bob.is_called("Bob")
    alice.knows(Bob=BOB)
    alice.update_peers_file(lambda content: content["known"].clear())
    initiator = begin(alice, EDITING)
    initiator.ask("@Bob", r"secure or unsecure\? ")
    initiator.ask("plain", "Bob> ")
    initiator.ask("hello", "cannot connect(?s:.*)Bob> ")
    bob.responder()
    initiator.ask("/retry", "Sent to Bob")
    eventually(lambda: received(bob) == ["hello"])


@editing
def test_a_paste_into_a_talk_is_one_message(alice, bob, bobs_responder):
    initiator = begin(alice, EDITING)
    initiator.ask("@Bob", "Bob> ")
    initiator.send_bytes(bracketed("a\n/end\n\tb\n"))
    initiator.wait_for("3 lines: send as one message")
    initiator.ask("", "✓")
    assert received(bob) == ["a\n/end\n\tb"]


def test_a_talk_sends_to_somebody_else_who_is_addressed(alice, bob, bobs_responder):
    """And a sign that is doubled, or has a space before it, is text."""
    can = Identity()
    alice.update_peers_file(lambda content: content["known"].update(Can=pin(can.text, address=OTHER)))
    with Listener(OTHER) as listener:
        initiator = begin(alice, EDITING)
        initiator.ask("@Can", "Can> ")
        initiator.ask("@bob hi there", r"Delivered to Bob \(127\.0\.0\.3\)(?s:.*)Can> ")
        initiator.ask("@nobody hi", "no user named nobody(?s:.*)takes two(?s:.*)Can> ")
        initiator.ask("@bob", "Not sent: there is no text(?s:.*)Can> ")
        assert not listener.is_called()
    initiator.ask("/end", MENU)
    initiator.ask("@Bob", "Bob> ")
    for text in ("@@all", " @all"):
        initiator.ask(text, "✓")
        initiator.wait_for("Bob> ")
    assert received(bob) == ["hi there", "@all", " @all"]


@editing
def test_a_name_is_completed_in_a_talk_behind_its_sign(alice, bob, bobs_responder):
    initiator = begin(alice, EDITING)
    initiator.ask("@Bob", "Bob> ")
    initiator.send_bytes(b"@bo\t")
    initiator.wait_for("Bob ")
    initiator.ask("hello", "✓")
    assert received(bob) == ["hello"]


@editing
def test_a_paste_behind_a_name_goes_there_from_a_talk(alice, bob, bobs_responder):
    can = Identity()
    alice.update_peers_file(lambda content: content["known"].update(Can=pin(can.text, address=OTHER)))
    initiator = begin(alice, EDITING)
    initiator.ask("@Can", "Can> ")
    initiator.send_bytes(b"@bob " + bracketed("one\ntwo\n"))
    initiator.wait_for("2 lines: send as one message")
    initiator.ask("", r"Delivered to Bob \(127\.0\.0\.3\)")
    assert received(bob) == ["one\ntwo"]


# One message.


@pytest.mark.parametrize("terminal", [False, True])
def test_a_message_to_somebody_known_takes_one_line(alice, bob, bobs_responder, terminal):
    initiator = alice.initiator(terminal=terminal)
    assert "Delivered to Bob" in initiator.menu("@bob hello there")
    assert "Delivered to Bob" in initiator.menu("@1 never") or "no number" in initiator.output
    assert received(bob)[0] == "hello there"
    assert "secure or unsecure" not in initiator.output


def test_a_name_may_have_spaces(alice, bob, bobs_responder):
    """The longest name that somebody has is meant."""
    alice.pin(**{"Bob": pin(Identity().text), "Bob 2": pin(bob.identity().text, address=BOB)})
    initiator = alice.initiator()
    assert "Delivered to" in initiator.menu("@Bob 2 hello")
    assert received(bob) == ["hello"]


def test_without_an_identity_a_terminal_is_asked_and_a_pipe_fails(alice):
    alice.knows(Bob=BOB)
    with Listener(BOB) as listener:
        alice.run("initiator", text="@bob hello\nUsers\n", status=6)
        assert not listener.is_called()
        initiator = alice.initiator(terminal=True)
        initiator.ask("@bob hello", r"secure or unsecure\? ")
        initiator.send("plain")
        with listener.accept() as connection:
            assert b"hello" in connection.receive_all()


def test_everybody_is_nobody_whose_name_begins_so(alice):
    alice.knows(Allison=BOB)
    alice.run("initiator", text="@all hello\n", status=3)
    alice.run("initiator", text="@alli hello\n", status=6)


# Replies.


def wrote(text, username, ip, identity):
    """A secure message to Alice."""
    return log_entry(text, username, ip=ip, mode="secure", id="A" * 22 + "==", identity=identity.text)


def test_a_reply_to_somebody_known_asks_nothing(alice, bob, bobs_responder):
    alice.write_log(wrote("hi", "Bob", BOB, bob.identity()))
    assert "Delivered to Bob (127.0.0.3)" in alice.initiator().menu("r hello")
    assert "Delivered to Bob (127.0.0.3)" in alice.initiator(terminal=True).menu("r again")
    assert received(bob) == ["hello", "again"]


def test_a_reply_goes_to_the_identity_that_wrote(alice, bob, bobs_responder):
    """Whoever has the name by now, and if the user says so."""
    alice.write_log(wrote("hi", "Bob", BOB, bob.identity()))
    alice.update_peers_file(lambda content: content["known"].clear())
    alice.write_peers({**alice.peers(), OTHER: peer("Bob", identity=Identity().text)})
    program = alice.run("initiator", text="r hello\n", status=6)
    assert "Not sent: the last message is from Bob (127.0.0.3), who is not known to you" in program.output
    initiator = alice.initiator(terminal=True)
    initiator.ask("r hello", r"To Bob \(127\.0\.0\.3\), yes or no\? ")
    assert "Delivered to Bob (127.0.0.3)" in initiator.menu("yes")
    assert received(bob) == ["hello"]


@pytest.mark.parametrize("name", ["Bob", "Mallory"])
@pytest.mark.parametrize("is_known", [False, True])
def test_a_reply_does_not_go_unasked_to_who_wrote_while_it_was_typed(alice, bob, known, name, is_known):
    mallory = Identity()
    if is_known:
        alice.pin(Bob=pin(bob.identity().text), Mallory=pin(mallory.text))
    alice.write_peers({BOB: peer("Bob", identity=bob.identity().text), OTHER: peer(name, identity=mallory.text)})
    alice.write_log(wrote("what is the code?", "Bob", BOB, bob.identity()))
    initiator = alice.initiator(terminal=True)
    with Listener(OTHER) as listener:
        initiator.send_bytes(b"r it is 4711")
        alice.write_log(wrote("x", name, OTHER, mallory))
        initiator.send_bytes(b"\r")
        initiator.wait_for(r"To (Bob|Mallory) \(127\.0\.0\.5\), yes or no\? ")
        assert "Not sent" in initiator.menu("no")
        assert not listener.is_called()
    assert [line["text"] for line in alice.log()] == ["what is the code?", "x"]


@pytest.mark.parametrize("is_first", [False, True])
def test_a_reply_goes_unasked_to_the_only_one_who_wrote_since(alice, bob, bobs_responder, is_first):
    """Whoever wrote before has had an answer."""
    can = Identity()
    alice.pin(Bob=pin(bob.identity().text), Can=pin(can.text))
    if not is_first:
        alice.write_log(wrote("hi", "Can", OTHER, can), log_entry("hello", "Can", direction="SENT"))
    initiator = alice.initiator(terminal=True)
    alice.write_log(wrote("one", "Bob", BOB, bob.identity()), wrote("two", "Bob", BOB, bob.identity()))
    assert "Delivered to Bob (127.0.0.3)" in initiator.menu("r hello")
    assert received(bob) == ["hello"]


@pytest.mark.parametrize("wish", ["mute", "block"])
def test_a_reply_passes_over_who_is_muted_or_blocked(alice, bob, bobs_responder, wish):
    mallory = Identity()
    alice.write_peers({**alice.peers(), OTHER: peer("Mallory", identity=mallory.text)})
    alice.write_log(wrote("hi", "Bob", BOB, bob.identity()), wrote("x", "Mallory", OTHER, mallory))
    alice.run("initiator", wish, "Mallory")
    assert "Delivered to Bob (127.0.0.3)" in alice.initiator().menu("r hello")
    assert received(bob) == ["hello"]


def test_a_reply_to_somebody_without_an_identity_asks(alice):
    alice.knows(Bob=BOB)
    alice.write_log(log_entry("hi"))
    alice.run("initiator", text="r hello\n", status=6)
    initiator = alice.initiator(terminal=True)
    with Listener(BOB) as listener:
        initiator.ask("r hello", r"secure or unsecure\? ")
        initiator.ask("plain", r"To Bob \(127\.0\.0\.3\), yes or no\? ")
        initiator.send("yes")
        with listener.accept() as connection:
            assert b"hello" in connection.receive_all()


def test_nobody_to_reply_to(alice):
    alice.write_log(log_entry("hi", direction="SENT"))
    alice.run("initiator", text="r hello\n", status=3)


def test_enter_at_the_menu_offers_the_last_conversation(alice, bob, bobs_responder):
    initiator = alice.initiator(terminal=True)
    initiator.menu("")
    initiator.menu("@Bob hello")
    initiator.ask("", r"last conversation was with Bob \(127\.0\.0\.3\)\.\nGo on with it\? \[Y/n\] ")
    initiator.ask("", "Bob> ")
    initiator.ask("again", "✓")
    initiator.menu("/end")
    initiator.ask("", "Go on with it")
    initiator.menu("n")
    assert received(bob) == ["hello", "again"]


def test_in_a_pipe_an_empty_line_is_nothing(alice):
    alice.write_log(log_entry("hi"))
    assert "conversation" not in alice.run("initiator", text="\n\n").output


# Beginnings.


def test_the_commands_of_the_specification_and_the_reply_have_their_beginnings(alice):
    initiator = alice.initiator(terminal=True)
    assert "Nobody was heard" in initiator.menu("u")
    assert "Nothing was said" in initiator.menu("h")
    initiator.ask("c", "Name: ")
    initiator.menu("")
    assert "Nobody has written" in initiator.menu("R hello")
    initiator.ask("rej", "Name: ")  # of Reject
    assert "Help" in initiator.menu("") + initiator.menu("he")
