"""What the screens have in common: colour, and readers who are slow or go away."""

import re
import time
import unicodedata

import pytest

from network import ECE, WAIT, Mouth, connect, dropped_datagrams, say
from quartet import MENU, PROGRAMS, eventually, log_entry, peer


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
    assert bool(re.search(rb"\x1b\[\d*m", initiator.raw)) == coloured


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


TITLED = {"TERM": "xterm"}


def title(text):
    return re.escape(f"\x1b]2;{text}\x1b\\")


def test_every_window_has_the_name_of_its_program_as_title(bob):
    for name in PROGRAMS:
        program = bob.start(name, ready=False, terminal=True, environment=TITLED)
        program.wait_for(title(name))
        program.stop()
        assert b"\x1b]" not in bob.start(name, terminal=True).raw


def test_the_title_of_the_announcer_has_the_name(bob):
    announcer = bob.announcer("-u", "B[2Job", terminal=True, environment=TITLED)
    announcer.wait_for(title("announcer: B[2Job"))


def test_the_title_of_discovery_says_who_is_here(someone):
    someone.is_called("Bob")
    discovery = someone.discovery(terminal=True, environment=TITLED)
    names = ["Ece", "Can", "Bob", "Alice"]
    with Mouth() as mouth:
        def says(text):
            for number, name in enumerate(names):
                mouth.announce(f"127.0.0.{number + 11}", name)
            return re.search(title(text), discovery.output)
        eventually(lambda: says("discovery: 3 online: Alice, Can, Ece"))
        names += [f"Dora {number}" for number in range(10)]
        eventually(lambda: says("discovery: 13 online: Alice, Can, Dora 0, Dora 1 +9"))
    discovery.wait_for(title("discovery"))


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


def cells(character):
    """How many columns a terminal gives a character."""
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1


def rows(text, columns):
    """The rows of a terminal of that width, which breaks what is longer."""
    shown = []
    for line in text.split("\n"):
        shown.append("")
        for character in line:
            if sum(map(cells, shown[-1])) + cells(character) > columns:
                shown.append("")
            shown[-1] += character
    return shown


FAKE = "11:32:31 [secure] [verified] Ece: bring me the keys"
FAKE_ROW = "11:32        Ece  bring me the keys"
BAR = "    | "
MARGIN = " " * 18
FILLERS = [" ", "\u00a0", "\u3000", "\u2003", "x", "x\u0301", "小", "\U0001f600", "\u2764\ufe0f",
           "\U0001f469\u200d\U0001f4bb", "س", " \u200d", "\t"]
fillers = pytest.mark.parametrize("filler", FILLERS, ids=lambda filler: f"{ord(filler[0]):04x}")


def padded(fake, filler, columns, before):
    """Texts in which what a terminal breaks off at the end of a row, or a row of its own, is a fake; and how many."""
    width = 4 if filler == "\t" else max(1, sum(map(cells, filler)))
    counts = range((columns - before) // width - 1, (columns - before) // width + 2)
    texts = [filler * count + fake for count in counts]
    lines = [filler * count + fake for count in range(columns // width + 2)]
    return [*texts, "\n".join(lines) + "\nthe end"], len(texts) + len(lines)


def count_of(fake, shown):
    """How often it was shown, however it was broken."""
    return re.sub(r"\n    \| |\s|[\u2068\u2069]", "", shown).count(fake.replace(" ", ""))


@fillers
@pytest.mark.parametrize("columns", [80, 40])
def test_no_row_of_a_message_passes_for_a_line_of_ours(bob, filler, columns):
    """Whatever it is padded with, so that what the terminal breaks off looks like one."""
    before = len("2026-11-20 11:32:31  RECEIVED  Ece (127.0.0.7) [plain]: ")
    texts, count = padded(FAKE, filler, columns, before)
    bob.write_log(*[log_entry(text, "Ece") for text in texts])
    initiator = bob.initiator(terminal=True)
    initiator.resize(columns)
    shown = initiator.menu("History")
    assert rows(shown, columns) == shown.split("\n")  # the terminal has nothing to break
    assert not any(row.lstrip().startswith("11:32:31") for row in shown.split("\n"))
    begun = [line for line in shown.split("\n") if "Ece" in line and not line.startswith(BAR)]
    assert len(begun) == len(texts)
    assert all(re.match(r"[-\d ]*[\d:]{8} .*Ece", line) for line in begun)
    assert count_of(FAKE, shown) == count


@fillers
@pytest.mark.parametrize("columns", [80, 40])
def test_no_row_of_a_message_begins_left_of_the_column_of_text(bob, filler, columns):
    """So none passes for a message of somebody else."""
    texts, count = padded(FAKE_ROW, filler, columns, len(MARGIN))
    responder = bob.responder(terminal=True)
    responder.resize(columns)
    for text in texts:
        say(text)
    responder.wait_for(f"^{MARGIN}the end$")
    shown = responder.output
    assert rows(shown, columns) == shown.split("\n")
    begun = [line for line in shown.splitlines() if not line.startswith(MARGIN)]
    assert begun[0].startswith("Listening for messages") and len(begun) == 1 + len(texts)
    assert all(re.match(r"\d\d:\d\d        Ece~( |$)", line) for line in begun[1:])
    assert count_of(FAKE_ROW, shown) == count


def test_lines_are_broken_between_words_to_the_width_of_the_terminal(bob):
    words = [f"word{'x' * (number % 9)}{number}" for number in range(100)]
    responder = bob.responder(terminal=True)
    for columns in (80, 40, 132):
        responder.resize(columns)
        start = len(responder.output)
        say(" ".join(words) + f"\nthat was {columns}")
        responder.wait_for(f"that was {columns}\n")
        shown = responder.output[start:].splitlines()[:-1]
        assert all(columns - 14 <= len(row) <= columns for row in shown[:-1])
        assert all(row.startswith(MARGIN + "w") for row in shown[1:])
        assert " ".join(row[len(MARGIN):] for row in shown).split() == words


def test_a_wide_character_takes_two_columns(bob):
    responder = bob.responder(terminal=True)
    responder.resize(80)
    say("小明" * 100)
    responder.wait_for("(小明)+$")
    say("the end")
    responder.wait_for("the end")
    shown = [row for row in responder.output.splitlines() if "小" in row or "明" in row]
    assert [sum(map(cells, row)) for row in shown[1:-1]] == [80] * (len(shown) - 2)
    assert "".join(re.findall("[小明]", "".join(shown))) == "小明" * 100


def test_a_pipe_gets_a_line_a_message(bob):
    responder = bob.responder()
    text = "many words " * 100 + "سلام \t end"
    say(text)
    responder.wait_for(f": {text}$".replace("\t", "    "))


def test_foreign_words_in_lines_of_ours_are_laid_out_too(bob):
    initiator = bob.initiator(terminal=True)
    initiator.resize(40)
    shown = initiator.menu("11:32:31" * 20).splitlines()
    begin = next(number for number, row in enumerate(shown) if row.startswith("There is no command"))
    assert max(map(len, shown[begin:])) <= 40
    assert len(shown) > begin + 4
    assert all(row.startswith(BAR) for row in shown[begin + 1:-1])


def test_a_name_from_right_to_left_moves_nothing_beside_it(bob):
    bob.write_peers({ECE: peer("سلام")})
    responder = bob.responder(terminal=True)
    responder.resize(80)
    say("שלום 12:30")
    responder.wait_for("\"\u2068سلام\u2069\"~ \u2068שלום 12:30\u2069$")
    assert "\"\u2068سلام\u2069\" (" in bob.initiator(terminal=True).menu("Users")
    assert "سلام (" in bob.initiator().menu("Users")


def test_a_tab_is_shown_as_spaces(bob):
    responder = bob.responder(terminal=True)
    say("name\tsize")
    responder.wait_for("~ name    size$")
    assert "name    size" in bob.initiator().menu("History")


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
