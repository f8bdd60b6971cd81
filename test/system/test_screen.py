"""What the screens have in common: colour, and readers who are slow or go away."""

import time

import pytest

from network import ECE, WAIT, Mouth, connect, dropped_datagrams, say
from quartet import MENU, eventually, log_entry, peer


colours = pytest.mark.parametrize("environment, coloured", [
    ({"TERM": "xterm"}, True), ({"TERM": "xterm", "NO_COLOR": ""}, True),
    ({"TERM": "xterm", "NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False),
])


@pytest.fixture
def bob(make_user):
    """A user who knows Ece, who is online, and Can, who is away."""
    user = make_user("bob")
    user.write_peers({ECE: peer("Ece"), "127.0.0.8": peer("Can", 60)})
    return user


def is_listening():
    """Whether somebody listens for messages."""
    try:
        connect().close()
    except ConnectionRefusedError:
        return False
    return True


@colours
def test_the_initiator_is_coloured_on_a_terminal_unless_unwanted(bob, environment, coloured):
    initiator = bob.initiator(terminal=True, environment=environment)
    initiator.menu("Users")
    assert (b"\x1b[" in initiator.raw) == coloured


@colours
def test_the_responder_is_coloured_on_a_terminal_unless_unwanted(bob, environment, coloured):
    responder = bob.responder(terminal=True, environment=environment)
    say("hello")
    responder.wait_for("hello")
    assert (b"\x1b[" in responder.raw) == coloured


@colours
def test_discovery_is_coloured_on_a_terminal_unless_unwanted(bob, environment, coloured):
    discovery = bob.discovery(terminal=True, environment=environment)
    with Mouth() as mouth:
        mouth.announce("127.0.0.7", "Alice")
        discovery.wait_for("Alice.* is online")
    assert (b"\x1b[" in discovery.raw) == coloured


def test_nothing_is_coloured_in_a_pipe(bob):
    environment = {"TERM": "xterm"}
    programs = [bob.responder(environment=environment), bob.discovery(environment=environment),
                bob.initiator(environment=environment)]
    say("hello")
    programs[0].wait_for("hello")
    programs[2].menu("Users")
    for program in programs:
        assert b"\x1b" not in program.raw


@pytest.mark.parametrize("closed", [True, False])
def test_messages_are_kept_whoever_reads_the_screen(bob, closed):
    """A reader who goes away, or stops the terminal, misses words and nothing else."""
    with bob.without_reader("responder", closed):
        eventually(is_listening)
        for number in range(30):
            say(f"message {number} " + "x" * 10_000)
        eventually(lambda: len(bob.log()) == 30)


@pytest.mark.parametrize("closed", [True, False])
def test_peers_are_found_whoever_reads_the_screen(bob, closed):
    count = 3000
    with Mouth() as mouth, bob.without_reader("discovery", closed):
        eventually(lambda: is_heard(bob, mouth))
        for number in range(count):
            address = f"127.7.{number // 250}.{number % 250 + 1}"
            mouth.announce(address, f"peer {number} " + "x" * 40)
            if number % 100 == 0:
                time.sleep(0.001)  # not faster than any screen, only faster than one that stands
        eventually(lambda: len(bob.peers()) >= count - dropped_datagrams())


def is_heard(user, mouth):
    """Whether discovery is listening by now."""
    mouth.announce("127.0.0.7", "Alice")
    return "127.0.0.7" in user.peers()


@pytest.mark.parametrize("closed", [True, False])
def test_an_initiator_whose_screen_nobody_reads_ends_cleanly(bob, closed):
    """Amid a long history."""
    bob.write_log(*[log_entry("x" * 1000)] * 500)
    with bob.without_reader("initiator", closed) as (process, waiting):
        process.stdin.write(b"History all\nQuit\n")
        process.stdin.flush()
        if closed:
            assert process.wait(WAIT) == 0
        else:
            eventually(lambda: waiting() > 50_000)


def test_interrupt_key_ends_the_program_cleanly(bob):
    initiator = bob.initiator(terminal=True)
    initiator.send_bytes(b"\x03")
    initiator.wait()


def test_end_of_input_key_ends_the_program(bob):
    initiator = bob.initiator(terminal=True)
    initiator.send_bytes(b"\x04")
    initiator.wait()


def test_questions_are_typed_on_the_line_of_the_answer(bob):
    """On a terminal; in a pipe each question has a line of its own."""
    initiator = bob.initiator(terminal=True)
    assert initiator.output.endswith(MENU.replace("\\", ""))
    assert bob.run("initiator").output.startswith(MENU.replace("\\", "") + "\n")
