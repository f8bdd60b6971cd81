"""What is typed and pasted into the initiator's terminal, with line editing and without."""

import json
import signal
import subprocess
import termios
from pathlib import Path

import pytest

from network import Listener
from quartet import BIN, MENU, NUMBER, log_entry, peer

BOB = "127.0.0.3"

HAS_EDITOR = b"with line editing" in subprocess.check_output([BIN / "initiator", "-V"])
EDITING = {"TERM": "xterm", "NO_COLOR": "1"}
PLAIN = {"TERM": "dumb"}

every_terminal = pytest.mark.parametrize("environment", [
    pytest.param(EDITING, id="editing", marks=pytest.mark.skipif(not HAS_EDITOR, reason="libedit")),
    pytest.param(PLAIN, id="plain"),
])
editing = pytest.mark.skipif(not HAS_EDITOR, reason="built without libedit")

PASTE = "first\n\tsecond\nHistory all\nQuit"


@pytest.fixture
def listener(namespace):
    """Stands where Bob's responder would be."""
    with Listener(BOB) as own:
        yield own


def begin(alice, environment=None):
    return alice.initiator(terminal=True, environment=environment or EDITING)


def begin_message(alice, environment=None):
    """Her initiator, which asks for a message to Bob."""
    alice.knows(Bob=BOB)
    initiator = begin(alice, environment)
    chat_unsecure(initiator)
    return initiator


def bracketed(text):
    """What a terminal sends for a paste."""
    return b"\x1b[200~" + text.replace("\n", "\r").encode() + b"\x1b[201~"


def paste(initiator, environment, text):
    """Pastes as the terminal does, and presses Enter if that does not end the line."""
    initiator.send_bytes(bracketed(text) if environment is EDITING else text.encode() + b"\n")


def message_at(listener):
    with listener.accept() as connection:
        return json.loads(connection.receive_all())["unencrypted_message"]


def chat_unsecure(initiator, name="Bob"):
    initiator.ask(f"Chat {name}", r"secure or unsecure\? ")
    initiator.ask("plain", "Message: ")


# The library.


@editing
def test_libedit_is_loaded_only_by_who_edits_lines(alice):
    def has_loaded_it(initiator):
        return "libedit" in Path(f"/proc/{initiator.pid}/maps").read_text(encoding="utf-8")

    assert not has_loaded_it(alice.initiator())
    assert not has_loaded_it(begin(alice, PLAIN))
    assert has_loaded_it(begin(alice))


@editing
def test_where_libedit_is_missing_one_line_says_so_and_the_terminal_edits(alice, listener, tmp_path):
    for version in (0, 2):
        (tmp_path / f"libedit.so.{version}").touch()
    initiator = begin_message(alice, EDITING | {"LD_LIBRARY_PATH": str(tmp_path)})
    initiator.send("hello")
    assert message_at(listener) == "hello"
    initiator.wait_for(MENU)
    assert initiator.output.count("Without libedit") == 1
    assert b"\x1b[?2004h" not in initiator.raw


# Pasting.


@every_terminal
def test_a_paste_is_one_message(alice, listener, environment):
    initiator = begin_message(alice, environment)
    paste(initiator, environment, PASTE)
    initiator.wait_for(r"4 lines: send as one message\? \[Y/n\] ")
    assert not listener.is_called()
    initiator.send("")
    assert message_at(listener) == PASTE
    initiator.wait_for(MENU)
    assert alice.logged_texts() == [PASTE]


@every_terminal
def test_a_paste_can_be_thrown_away(alice, listener, environment):
    initiator = begin_message(alice, environment)
    paste(initiator, environment, PASTE)
    initiator.wait_for("send as one message")
    initiator.ask("n", "Nothing was sent(?s:.*)Message: ")
    initiator.send("typed")
    assert message_at(listener) == "typed"


@every_terminal
def test_a_paste_into_the_menu_is_never_run(alice, listener, environment):
    """But it can be sent, to whom the user then says."""
    alice.knows(Bob=BOB)
    initiator = begin(alice, environment)
    paste(initiator, environment, PASTE)
    initiator.wait_for("4 lines: send as one message")
    assert "Nothing was said" not in initiator.menu("n")
    paste(initiator, environment, PASTE)
    initiator.wait_for("4 lines: send as one message")
    initiator.ask("", "Name: ")
    initiator.ask("Bob", r"secure or unsecure\? ")
    initiator.send("unsecure")
    assert message_at(listener) == PASTE
    assert "Nothing was said" not in initiator.output


@every_terminal
def test_a_paste_that_is_for_nobody_is_not_sent(alice, listener, environment):
    alice.knows(Bob=BOB)
    initiator = begin(alice, environment)
    paste(initiator, environment, PASTE)
    initiator.wait_for("4 lines: send as one message")
    initiator.ask("", "Name: ")
    if environment is EDITING:
        initiator.send_bytes(b"\x03")
    else:
        initiator.send("")
    initiator.wait_for(f"Nothing was sent(?s:.*){MENU}")
    assert not listener.is_called()


@editing
@pytest.mark.parametrize("typed", ["@bob ", "@Bob  ", "r ", " R "])
def test_what_is_typed_before_a_paste_says_whom_it_is_for(alice, listener, typed):
    alice.knows(Bob=BOB, Bobby="127.0.0.9")
    alice.write_log(log_entry("hello", username="Bob", ip=BOB))
    initiator = begin(alice)
    initiator.send_bytes(typed.encode() + bracketed(PASTE))
    initiator.wait_for("4 lines: send as one message")
    initiator.ask("", r"secure or unsecure\? ")
    initiator.send("unsecure")
    if "r" in typed.lower().split():
        # Bob has no identity.
        initiator.wait_for(r"To Bob \(127\.0\.0\.3\), yes or no\? ")
        initiator.send("yes")
    assert message_at(listener) == PASTE
    assert "Name: " not in initiator.output


@editing
@pytest.mark.parametrize("typed, text", [("", "@bob one\ntwo"), ("", "r one\ntwo"), ("@bob", " one\ntwo"), ("so r ", "a\nb")])
def test_a_paste_itself_names_nobody(alice, listener, typed, text):
    alice.knows(Bob=BOB)
    alice.write_log(log_entry("hello", username="Bob", ip=BOB))
    initiator = begin(alice)
    initiator.send_bytes(typed.encode() + bracketed(text))
    initiator.wait_for("2 lines: send as one message")
    initiator.ask("", "Name: ")
    initiator.ask("Bob", r"secure or unsecure\? ")
    initiator.send("unsecure")
    assert message_at(listener) == typed + text


@every_terminal
def test_a_paste_is_no_answer(alice, environment):
    alice.knows(Bob=BOB)
    initiator = begin(alice, environment)
    initiator.ask("Chat", "Name: ")
    paste(initiator, environment, PASTE)
    initiator.wait_for("4 lines, and this wants one(?s:.*)Name: ")
    initiator.menu("")


@editing
def test_a_pasted_line_goes_to_where_the_cursor_is(alice, listener):
    initiator = begin_message(alice)
    initiator.send_bytes(b"ad\x1b[D" + bracketed("bc\n"))
    initiator.send("")
    assert message_at(listener) == "abcd"


@editing
def test_a_paste_keeps_its_bytes_and_is_shown_harmlessly(alice, listener):
    initiator = begin_message(alice)
    text = "a\tb\x07\n\x1b[31mred\u202e\n\u00e9\U0001f600"
    initiator.send_bytes(bracketed(text))
    initiator.wait_for("3 lines: send")
    assert b"\x07" not in initiator.raw and b"\x1b[31mred" not in initiator.raw
    assert "\u202e" not in initiator.output and "<U+0007>" in initiator.output
    initiator.send("y")
    assert message_at(listener) == text


@editing
def test_what_follows_a_paste_at_once_is_no_answer(alice, listener):
    """Text that ends the brackets itself is not obeyed."""
    initiator = begin_message(alice)
    initiator.send_bytes(bracketed("one\ntwo") + b"\ny\nQuit\n")
    initiator.wait_for("2 lines: send")
    initiator.ask("n", "Nothing was sent")
    assert not listener.is_called()


@editing
def test_a_paste_that_is_too_long_is_thrown_away_whole(alice):
    initiator = begin(alice)
    for _ in range(2):
        initiator.send_bytes(bracketed("Nonsense of sixty characters, and nobody shall run a bit of it.\n" * 1200))
        initiator.wait_for("more than 65536 bytes")
        initiator.wait_for(MENU)
    assert "no command" not in initiator.output


@editing
def test_a_line_may_be_as_long_as_from_a_pipe(alice, listener):
    initiator = begin_message(alice)
    initiator.send_bytes(bracketed("x" * 40_000))
    initiator.send("")
    initiator.ask("", "Send it anyway")
    initiator.send("y")
    assert message_at(listener) == "x" * 40_000


# Keys.


@editing
def test_ctrl_c_empties_the_line_and_ctrl_d_ends(alice):
    initiator = begin(alice)
    initiator.send_bytes(b"Nonsense\x03")
    initiator.wait_for(r"\^C\s+(?s:.*)" + MENU)
    initiator.send_bytes(b"\x03")
    initiator.wait_for(r"\^C\s+(?s:.*)" + MENU)
    assert "Bob" not in initiator.menu("Users")
    initiator.send_bytes(b"\x04")
    initiator.wait()


def test_ctrl_c_empties_a_line_without_an_editor_too(alice, listener):
    initiator = begin_message(alice, PLAIN)
    initiator.send_bytes(b"half a message\x03")
    initiator.wait_for(r"half a message\^C\nMessage: ")
    initiator.send("another")
    assert message_at(listener) == "another"
    initiator.wait_for(MENU)
    initiator.send_bytes(b"Nonsense\x03")
    initiator.wait_for(r"Nonsense\^C\n" + MENU)
    initiator.send_bytes(b"\x03")
    initiator.wait()
    assert termios.tcgetattr(initiator.terminal)[6][termios.VINTR] == b"\x03"


@editing
def test_ctrl_c_gives_up_a_question(alice, listener):
    alice.knows(Bob=BOB)
    initiator = begin(alice)
    initiator.ask("Chat Bob", r"secure or unsecure\? ")
    initiator.ask("secure", NUMBER)
    initiator.send_bytes(b"\x03")
    initiator.wait_for(MENU)
    assert not listener.is_called()


@every_terminal
@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_gives_the_terminal_back_as_it_was(alice, environment, sign):
    initiator = begin(alice, environment)
    terminal = initiator.terminal
    initiator.send_bytes(b"half a li")
    if environment is EDITING:
        initiator.wait_for("half a li")
        assert not termios.tcgetattr(terminal)[3] & termios.ICANON
    initiator.stop(sign)
    flags = termios.tcgetattr(terminal)
    assert flags[3] & termios.ICANON and flags[3] & termios.ECHO and flags[3] & termios.ISIG
    assert flags[0] & termios.ICRNL
    assert initiator.raw.count(b"\x1b[?2004h") == initiator.raw.count(b"\x1b[?2004l")


@editing
def test_histories_are_apart_and_keep_no_answers(alice, listener):
    initiator = begin_message(alice)
    initiator.send("hello there")
    assert message_at(listener) == "hello there"
    initiator.wait_for(MENU)
    initiator.send_bytes(b"\x1b[A")
    initiator.wait_for("Chat Bob")
    initiator.send_bytes(b"\x1b[A\x03")
    initiator.wait_for(MENU)
    chat_unsecure(initiator)
    initiator.send_bytes(b"\x1b[A")
    initiator.wait_for("hello there")
    initiator.send_bytes(b"\x1b[A\x1b[A again\r")
    assert message_at(listener) == "hello there again"


@editing
def test_a_draft_is_not_lost(alice, listener):
    """Neither by a look at the history, however long it is, nor by Ctrl-C."""
    initiator = begin_message(alice)
    draft = "".join(str(number % 10) for number in range(3000))
    initiator.send("short")
    message_at(listener)
    initiator.wait_for(MENU)
    chat_unsecure(initiator)
    initiator.send_bytes(bracketed(draft) + b"\x1b[A\x1b[B\x03")
    initiator.wait_for(r"\^C(?s:.*)Message: ")
    initiator.send_bytes(b"\x1b[A\x1b[A\x1b[B\r")
    initiator.ask("", "Send it anyway")
    initiator.send("y")
    assert message_at(listener) == draft


@editing
def test_a_name_that_appeared_a_moment_ago_is_completed(alice):
    initiator = begin(alice)
    initiator.send_bytes(b"Chat \t")
    initiator.wait_for("\x07")
    alice.knows(**{"Zo\u00eb": BOB})
    initiator.send_bytes(b"z\t")
    initiator.wait_for("Zo\u00eb ")
    initiator.ask("", r"secure or unsecure\? ")
    initiator.send_bytes(b"pl\t\r")
    initiator.wait_for("To Zo\u00eb")


@editing
def test_completion_offers_what_begins_so(alice):
    """Commands, names and addresses; no name that a terminal would not show as it is."""
    alice.write_peers({BOB: peer("Bob"), "127.0.0.4": peer("Bobby"), "127.0.0.5": peer("Bo\u202eris")})
    initiator = begin(alice)
    initiator.send_bytes(b"H\t")
    initiator.wait_for("Help   History")
    initiator.send_bytes(b"i\t\x03")
    initiator.wait_for(r"story \^C")
    initiator.wait_for(MENU)
    initiator.send_bytes(b"Chat b\t")
    initiator.wait_for("Bob")
    initiator.send_bytes(b"\t")
    initiator.wait_for("Bob   Bobby")
    initiator.send_bytes(b"\x03")
    initiator.wait_for(MENU)
    initiator.send_bytes(b"Chat 127.0.0.5\t\r")
    initiator.wait_for(r"secure or unsecure\? ")
    assert "\u202e" not in initiator.output


@editing
def test_names_of_rooms_are_completed(alice):
    alice.run("initiator", "create", "#laboratory")
    initiator = begin(alice)
    initiator.send_bytes(b"Invite Bob #la\t")
    initiator.wait_for("boratory ")
    initiator.send_bytes(b"\x03")
    initiator.wait_for(MENU)
    initiator.send_bytes(b"Promote Bob \t\x03")
    initiator.wait_for("#laboratory ")
    initiator.wait_for(MENU)
    initiator.send_bytes(b"Leave \t\r")
    initiator.wait_for("Left: #laboratory")


@editing
def test_a_tab_amid_what_arrives_together_is_text(alice, listener):
    initiator = begin_message(alice)
    initiator.send_bytes(b"a\tb\r")
    assert message_at(listener) == "a\tb"


@editing
def test_the_line_follows_the_width_of_the_terminal(alice, listener):
    initiator = begin_message(alice)
    initiator.send_bytes(b"hello")
    initiator.wait_for("hello")
    initiator.resize(40)
    initiator.wait_for("Message: hello")
    initiator.send_bytes(b" there\r")
    assert message_at(listener) == "hello there"


# Questions that decide something.


@every_terminal
def test_a_decisive_question_wants_the_whole_word(alice, environment):
    alice.pin(Bob={"identity": alice.identity().text, "pinned": 1763625000})
    initiator = begin(alice, environment)
    initiator.ask("Distrust Bob", "Forget that, yes or no")
    initiator.ask("y", r"The whole word, please: yes or no\? ")
    initiator.ask("no", "Nothing was changed")
    initiator.wait_for(MENU)
    initiator.ask("Distrust Bob", "Forget that, yes or no")
    initiator.ask("Y", "The whole word, please")
    initiator.ask("yes", "Forgotten")
    assert alice.known() == {}
