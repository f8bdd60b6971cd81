"""The responder on a terminal: both directions of what is said, as chat.log grows."""

import base64
import contextlib
import json
import os
import re
import shlex
import signal
import subprocess
import termios
import time

import pytest

from network import ECE, WAIT, say
from quartet import (BIN, SANITIZER_REPORT, Stream, base_environment, eventually, log_entry, numbered,
                     offer_entry, peer)

MARGIN = " " * 18
COLOURED = {"TERM": "xterm-256color"}
BOB = base64.b64encode(bytes(range(32))).decode()


def moment(seconds=0.0):
    """A time of the log, so many seconds from now."""
    now = time.time() + seconds
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now * 1000) % 1000:03}Z"


def id_of(number):
    return base64.b64encode(number.to_bytes(16, "big")).decode()


def secure(text, direction="RECEIVED", seconds=0.0, **members):
    return log_entry(text, direction=direction, mode="secure", time_utc=moment(seconds),
                     **{"identity": BOB, **members})


def state(number, what, seconds=0.0, **members):
    return {"time": moment(seconds), "id": id_of(number), "state": what, "username": "Bob",
            "identity": BOB, **members}


@pytest.fixture
def alice(make_user):
    """The user under test, who listens on every address."""
    return make_user("alice")


@pytest.fixture
def screen(alice):
    """Her responder, on a terminal of 80 columns."""
    return watch(alice)


def watch(user, *arguments, environment=None):
    responder = user.start("responder", *arguments, terminal=True, environment=environment)
    responder.resize(80)
    return responder


def shown_rows(responder):
    """Without colours, titles, and the lines that say where a day begins."""
    shown = re.sub(r"\x1b\[[0-9;]*m|\x1b\][^\x1b]*\x1b\\", "", responder.output)
    return [row for row in shown.splitlines() if not re.match("──── .*day", row)]


# Both directions.


def test_what_the_user_sends_stands_between_what_comes(alice, screen):
    alice.write_log(log_entry("a question", "Bob", time_utc=moment()))
    screen.wait_for(r"^\d\d:\d\d        Bob~ a question$")
    alice.write_log(log_entry("an answer", "Bob", "SENT", time_utc=moment()))
    screen.wait_for(r"^\d\d:\d\d      → Bob~ an answer$")
    say("and more")
    screen.wait_for(rf"^\d\d:\d\d +{re.escape(ECE)}~ and more$")


def test_it_begins_with_what_was_said_last(alice):
    alice.write_log(*[secure(f"number {number}", seconds=number - 600) for number in range(300)],
                    secure("mine", "QUEUED", -60, id=id_of(1)), secure("mine", "SENT", -60, id=id_of(1)),
                    state(1, "delivered"), secure("late", "QUEUED", -50, id=id_of(2)), b"{damaged\n",
                    secure("gone", "QUEUED", -40, id=id_of(3)), state(3, "dropped"),
                    secure("no more", seconds=-30))
    responder = watch(alice)
    rows = [row[16:].lstrip() for row in shown_rows(responder)[:-1]]
    numbers = [int(number) for number in re.findall("number ([0-9]+)", "\n".join(rows))]
    assert 10 <= len(numbers) < 100 and numbers == list(range(numbers[0], 300))
    assert rows[len(numbers):] == ["mine ✓", "late (waits)", "gone ✗ (dropped)", "no more"]
    # What becomes of it later is said in a row of its own.
    alice.write_log(state(2, "delivered"))
    responder.wait_for(r"^\d\d:\d\d      ✓ Bob  \d\d:\d\d delivered: late$")


def test_a_message_that_is_confirmed_soon_has_one_row(alice, screen):
    alice.write_log(secure("soon", "QUEUED", id=id_of(1)), secure("soon", "SENT", id=id_of(1)),
                    state(1, "delivered"), secure("the end"))
    screen.wait_for("the end")
    assert [row[18:] for row in shown_rows(screen)[1:]] == ["soon ✓", "the end"]


def test_a_message_that_waits_is_shown_as_waiting_and_then_as_delivered(alice):
    screen = watch(alice, environment=COLOURED)
    alice.write_log(secure("later", "QUEUED", id=id_of(1)))
    screen.wait_for(r"\x1b\[0;2mlater\x1b\[0m\x1b\[2m \(waits\)")
    alice.write_log(secure("later", "SENT", id=id_of(1)), state(1, "delivered"))
    screen.wait_for("✓ .*Bob.*delivered: .*later")
    assert screen.output.count("(waits)") == 1


def test_what_is_delivered_later_is_told_by_its_beginning_in_one_row(alice, screen):
    text = "a text of several lines, 端 of which the first is longer than a row\nsecond"
    alice.write_log(secure(text, "QUEUED", id=id_of(1)))
    screen.wait_for(r"\(waits\)$")
    alice.write_log(state(1, "delivered"))
    row = screen.wait_for(r"^\d\d:\d\d      ✓ Bob  \d\d:\d\d delivered: (a text of .*)…$")
    assert 40 < len(row[0]) < 80 and text.startswith(row[1]) and row[0].count("\n") == 0
    alice.write_log(*[secure(f"number {number}", "QUEUED", id=id_of(number)) for number in range(2, 5)])
    screen.wait_for(r"number 4 \(waits\)$")
    with screen.paused():
        alice.write_log(*[state(number, "delivered") for number in range(2, 5)])
    screen.wait_for("✓ Bob  3 delivered, the last: number 4$")
    screen.resize(30)
    alice.write_log(secure("five", "QUEUED", id=id_of(5)))
    screen.wait_for(r"five \(waits\)$")
    alice.write_log(state(5, "delivered"))
    screen.wait_for(r"delivered:\s+…$")


def test_a_message_that_is_dropped_is_said_to_be(alice, screen):
    alice.write_log(secure("never", "QUEUED", id=id_of(1)),
                    state(1, "dropped", why="Bob has another identity"))
    screen.wait_for(r"→ Bob  never \(waits\)$")
    screen.wait_for(r"^\d\d:\d\d      ✗ Bob  \d\d:\d\d dropped: Bob has another identity$")


def test_a_flood_of_deliveries_does_not_flood_the_screen(alice, screen):
    count = 500
    alice.write_log(*[secure("x", "QUEUED", id=id_of(number)) for number in range(count)])
    eventually(lambda: screen.output.count("(waits)") == count)
    start = len(screen.output)
    alice.write_log(*[state(number, "delivered") for number in range(count)])
    def delivered():
        rows = re.findall(r"✓ Bob  (\S+) delivered.*: x$", screen.output, re.MULTILINE)
        return sum(int(row) if row.isdigit() else 1 for row in rows)
    eventually(lambda: delivered() == count)
    assert len(screen.output[start:].splitlines()) <= 50


def test_what_is_held_is_not_shown_before_it_is_accepted(alice, screen):
    alice.write_log(secure("buy gold", username="Mallory", id=id_of(1), held=True),
                    secure("really", username="Mallory", id=id_of(2), held=True))
    screen.wait_for("^2 messages wait for Accept or Reject: Mallory$")
    alice.write_log(state(2, "rejected"), state(1, "accepted"))
    screen.wait_for("Mallory  buy gold$")
    assert "really" not in screen.output


def test_what_was_held_long_ago_is_shown_when_it_is_accepted(alice):
    alice.write_log(secure("long ago", username="Mallory", id=id_of(1), held=True))
    alice.write_log((json.dumps(secure("x" * 47_000)) + "\n").encode() * 400, *[secure("short")] * 400)
    screen = watch(alice)
    alice.write_log(state(1, "accepted"))
    screen.wait_for("Mallory  long ago$")


def test_what_is_said_to_be_accepted_costs_little_however_much_is_said_to_be_held(alice):
    """Looking for each of these in all of the log would take minutes."""
    alice.write_log(*[secure("spam", username="Mallory", id=id_of(k), held=True) for k in range(10_000)])
    screen = watch(alice)
    screen.wait_for("messages wait for Accept or Reject: Mallory$")
    alice.write_log(*[state(k, "accepted") for k in range(20_000, 22_000)])
    alice.write_log(state(1, "accepted"), secure("the end"))
    screen.wait_for("Mallory  spam$")
    screen.wait_for("the end$")
    assert screen.output.count("spam") == 1


def test_nothing_is_shown_that_is_not_in_the_log(alice, screen):
    with open(alice.path("chat.log"), "ab") as log:
        log.write(json.dumps(secure("torn")).encode()[:-2])
    alice.write_log(b"\n", secure("whole"))
    screen.wait_for("whole$")
    assert "torn" not in screen.output
    alice.path("chat.log").rename(alice.path("old.log"))
    say("anew")
    screen.wait_for("anew$")
    assert "anew" in alice.logged_texts()


def test_what_cannot_be_kept_is_shown_all_the_same(alice, screen):
    alice.path("chat.log").unlink(missing_ok=True)
    alice.path("chat.log").mkdir()
    say("lost")
    screen.wait_for("^NOT KEPT: .*")
    screen.wait_for(r"\[plain\] .*: lost$")


@pytest.mark.parametrize("name", ["Bob", "held", "id"])
def test_a_flood_is_followed_to_its_end(alice, screen, name):
    """What cannot be shown in time is counted, whatever word of the log is its sender's name."""
    count, length = 20_000, 300
    directions = ["RECEIVED", "SENT"]
    for number in range(0, count, 1000):
        alice.write_log(*[secure(f"{k:06}" + "x" * length, directions[k % 2], username=name)
                          for k in range(number, number + 1000)])
    screen.wait_for(f"{count - 1:06}x")
    shown = len(re.findall(r"\d{6}xxx", screen.output))
    missed = sum(map(int, re.findall(r"^\((\d+) messages? w\w+ not shown here; History", screen.output, re.MULTILINE)))
    assert shown + missed == count
    assert shown >= 50


def test_a_flood_hides_no_message_of_somebody_known(alice):
    command = notifier(alice, 'printf "%.20s\\n" "$QUARTET_TEXT" >>told\n')
    screen = watch(alice, "-n", command)
    flood = (json.dumps(log_entry("x" * 47_000)) + "\n").encode() * 60
    with screen.paused():
        alice.write_log(flood, secure("I am a stranger", standing="unknown"), secure("this is Bob"), flood,
                        secure("this is verified", standing="verified"), flood, log_entry("the end"))
    screen.wait_for("the end$")
    assert re.search("Bob  this is Bob\n", screen.output) and "this is verified\n" in screen.output
    assert "I am a stranger" not in screen.output
    eventually(lambda: alice.path("told").exists() and
               {"this is Bob", "this is verified"} <= set(alice.path("told").read_text().splitlines()))


def test_a_terminal_that_is_stopped_stops_nothing_and_is_told_what_it_missed(alice):
    master, slave = os.openpty()
    process = subprocess.Popen([BIN / "responder"], cwd=alice.directory, env=base_environment(),
                               stdin=subprocess.DEVNULL, stdout=slave)
    os.close(slave)
    count = 150
    try:
        # Nobody reads what it says.
        for number in range(count):
            eventually(lambda: says(f"{number:06}" + "x" * 15_000))
        eventually(lambda: len(alice.log()) == count)
        shown = Stream(master)
        eventually(lambda: f"{count - 1:06}x" in shown.text)
        process.terminate()
        assert process.wait(WAIT) == 0
    finally:
        process.kill()
        process.wait(WAIT)
    shown.join()
    os.close(master)
    missed = re.findall(r"^\((\d+) messages were not shown here; History has them\)$", shown.text, re.MULTILINE)
    assert len(missed) == 1
    assert int(missed[0]) + len(re.findall(r"\d{6}xxx", shown.text)) == count


def says(text):
    """Whether there is somebody who takes a message by now."""
    try:
        say(text)
    except ConnectionRefusedError:
        return False
    return True


# How it looks.


def test_a_line_says_where_a_day_begins(alice, screen):
    alice.write_log(secure("old") | {"time": "2026-01-02T20:59:59.000Z"},
                    secure("new") | {"time": "2026-01-02T21:00:00.000Z"})
    screen.wait_for("──── Friday, 2026-01-02 ────\n23:59        Bob  old\n"
                    "──── Saturday, 2026-01-03 ────\n00:00        Bob  new\n")


def test_a_mark_stands_only_where_something_is_wrong(alice, screen):
    signs = {"changed": "!", "lookalike": "=", "unproven": "*", "unknown": "?", "verified": " "}
    alice.write_log(*[secure(f"is {word}", standing=word) for word in signs],
                    secure("is fine"), log_entry("is plain", time_utc=moment()))
    for word, sign in signs.items():
        screen.wait_for(f" Bob{re.escape(sign)} is {word}$")
    screen.wait_for(" Bob  is fine$")
    screen.wait_for(" Bob~ is plain$")


def test_the_marks_are_explained(alice):
    for shown in (alice.run("responder", "-h").output, alice.initiator().menu("Help")):
        for sign in "!=*?~":
            assert re.search(rf"^  {re.escape(sign)}  \w+.*: ", shown, re.MULTILINE) or \
                re.search(rf"^  {re.escape(sign)}  plain or classic", shown, re.MULTILINE)


@pytest.mark.parametrize("name", ["A name that is longer than its column", "Bob [verified]", "12:31 Bob", "→ Bob", "سلام"])
def test_no_name_passes_for_anything_else(alice, screen, name):
    alice.write_log(secure("hello", username=name))
    screen.wait_for("hello$")
    rows = shown_rows(screen)[1:]
    assert re.match(r"\d\d:\d\d [ \"A]", rows[0]) and not re.search(" → Bob| Bob \\[| 12:31 Bob ", "\n".join(rows))
    assert rows[-1].index("hello") == 18 or "سلام" in rows[0]


def test_a_name_has_the_same_colour_on_every_screen(alice):
    alice.write_log(secure("hello"))
    alice.write_peers({"127.0.0.3": peer("Bob", identity=BOB, since=1763620000)})
    colour = re.escape("\x1b[38;5;130mBob\x1b[0m")
    responder = alice.start("responder", ready=False, terminal=True, environment=COLOURED)
    responder.wait_for(colour)
    initiator = alice.initiator(terminal=True, environment=COLOURED)
    assert re.search(colour, initiator.menu("History"))
    assert re.search(colour, initiator.menu("Users"))


def test_bold_italic_and_code_are_shown_and_kept_as_typed(alice):
    text = "*bold* _italic_ `code`, 2*3*4"
    screen = watch(alice, environment=COLOURED)
    say(text)
    screen.wait_for(r"\x1b\[0;1mbold\x1b\[0m")
    screen.wait_for(r"\x1b\[0;3mitalic\x1b\[0m.*\x1b\[0;38;5;131mcode\x1b\[0m.*, 2\*3\*4")
    assert alice.logged_texts() == [text]
    assert text in re.sub(r"\x1b\[[0-9;]*m", "", screen.output)
    initiator = alice.initiator(terminal=True, environment=COLOURED)
    assert "\x1b[0;1mbold\x1b[0m" in initiator.menu("History")
    assert text in alice.initiator().menu("History")


@pytest.mark.parametrize("environment, linked", [
    ({"TERM": "xterm-256color", "VTE_VERSION": "7000"}, True),
    ({"TERM": "tmux-256color", "TERM_PROGRAM": "tmux", "TERM_PROGRAM_VERSION": "3.4", "TMUX": "x"}, True),
    ({"TERM": "tmux-256color", "TERM_PROGRAM": "tmux", "TERM_PROGRAM_VERSION": "3.3a", "TMUX": "x"}, False),
    ({"TERM": "xterm"}, False),
])
def test_links_are_links_if_the_terminal_takes_them(alice, environment, linked):
    screen = watch(alice, environment=environment)
    say("see https://x.org/a_b. http://bücher.org http://bank.org@x.org/")
    screen.wait_for("@x.org/")
    links = re.findall(r"\x1b\]8;;([^\x1b]+)\x1b\\([^\x1b]*)\x1b\]8;;\x1b\\", screen.output)
    assert links == ([("https://x.org/a_b", "https://x.org/a_b")] if linked else [])
    assert ("\x1b]8" in screen.output) == linked


# What draws attention.


def title(text):
    return re.escape(f"\x1b]2;{text}\x1b\\")


def test_the_title_counts_what_is_new_until_the_user_says_something(alice):
    screen = watch(alice, environment=COLOURED)
    alice.write_log(secure("one"), secure("two"))
    screen.wait_for(title("responder: 2 new"))
    alice.write_log(log_entry("an answer", "Bob", "SENT", time_utc=moment()))
    screen.wait_for(title("responder"))
    alice.write_log(secure("three"))
    screen.wait_for(title("responder: 1 new"))
    screen.send_bytes(b"x")
    screen.wait_for(title("responder"))


def test_a_line_says_what_is_new_to_who_was_away(alice, screen):
    alice.write_log(secure("soon", seconds=60), secure("later", seconds=600), secure("more", seconds=601))
    screen.wait_for("more$")
    assert [row[-5:].strip() for row in shown_rows(screen)[1:]] == ["soon", "────", "later", "more"]
    assert screen.output.count("──── new ────") == 1


def test_a_message_rings_the_bell_and_a_flood_does_not(alice):
    screen = watch(alice, environment=COLOURED)
    say("hello")
    eventually(lambda: screen.raw.count(b"\a") == 1)
    began = time.monotonic()
    for number in range(50):
        say(f"hello {number}")
    screen.wait_for("hello 49")
    assert screen.raw.count(b"\a") <= 1 + (time.monotonic() - began) // 3 + 1


def test_nothing_rings_if_it_is_muted_or_one_is_to_be_quiet(alice):
    alice.write_peers({ECE: peer("Ece")})
    with open(alice.path("peers.txt"), "a", encoding="utf-8") as peers:
        peers.write(json.dumps({"stranger": "Ece", "address": ECE, "muted": True}) + "\n")
    screen = watch(alice, environment=COLOURED)
    say("muted")
    screen.wait_for(r"\x1b\[0;2mmuted")
    assert b"\a" not in screen.raw and "new" not in screen.output
    screen.stop()
    quiet = watch(alice, "-q", environment=COLOURED)
    say("loud", source=ECE)
    quiet.wait_for("loud")
    assert b"\a" not in quiet.raw


def notifier(user, text):
    path = user.path("notify")
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o700)
    return str(path)


@pytest.mark.parametrize("terminal", [True, False])
def test_a_command_is_run_for_each_message_with_text_and_sender_in_its_environment(alice, terminal):
    command = notifier(alice, 'printf "%s|%s|%s\\n" "$QUARTET_FROM" "$QUARTET_MODE" "$QUARTET_TEXT" >>told\n')
    alice.write_peers({ECE: peer("Ece")})
    alice.start("responder", "-n", command, terminal=terminal)
    text = "$(touch harmed); `touch harmed` 'x' \"y\"\n\ttwo"
    say(text, source=ECE)
    eventually(lambda: alice.path("told").exists() and alice.path("told").read_text() == f"Ece|plain|{text}\n")
    say("again", source=ECE)
    eventually(lambda: alice.path("told").read_text().endswith("Ece|plain|again\n"))
    assert not alice.path("harmed").exists()


@pytest.mark.parametrize("mode, standing, sender", [
    ("secure", None, "Bob"), ("secure", "verified", "Bob"), ("secure", "unknown", "Bob"), ("plain", None, "Bob"),
    ("secure", "changed", "Bob [changed]"), ("plain", "missing", "Bob [missing]"),
    ("classic", "unproven", "Bob [unproven]"), ("secure", "lookalike", "Bob [lookalike]")])
def test_a_command_is_told_if_somebody_else_uses_a_name(alice, mode, standing, sender):
    command = notifier(alice, 'echo "$QUARTET_FROM|$QUARTET_STANDING|$QUARTET_IP" >>told\n')
    alice.start("responder", "-n", command)
    alice.write_log(log_entry("hello", mode=mode, **({"standing": standing} if standing else {})))
    eventually(lambda: alice.path("told").exists() and alice.path("told").read_text())
    eventually(lambda: alice.path("told").read_text() == f"{sender}|{standing or ''}|127.0.0.3\n")


def test_a_command_that_does_not_end_keeps_nobody_waiting(alice):
    command = notifier(alice, 'echo >>begun; exec sleep 600\n')
    screen = alice.start("responder", "-n", command, terminal=True)
    for number in range(100):
        say(f"hello {number}")
    screen.wait_for("hello 99$")
    eventually(lambda: alice.path("begun").exists() and alice.path("begun").read_text() == "\n")
    child = int(subprocess.check_output(["pgrep", "-P", str(screen.pid)]).split()[0])
    screen.stop()
    os.kill(child, signal.SIGKILL)


def test_the_end_of_a_command_begins_the_next(alice):
    command = notifier(alice, 'echo >>begun; while [ ! -e go ]; do sleep 0.1; done; echo >>ended\n')
    responder = alice.start("responder", "-n", command)
    alice.write_log(secure("one"), secure("two"), secure("three"))
    eventually(lambda: alice.path("begun").exists())
    assert subprocess.check_output(["pgrep", "-c", "-P", str(responder.pid)]) == b"1\n"
    alice.path("go").touch()
    eventually(lambda: alice.path("ended").exists() and alice.path("ended").read_text() == "\n" * 3)
    eventually(lambda: not any("pidfd" in os.readlink(link.path)
                               for link in os.scandir(f"/proc/{responder.pid}/fd")))


def test_no_flood_takes_the_places_of_who_is_known(alice):
    command = notifier(alice, 'while [ ! -e go ]; do sleep 0.1; done; echo "$QUARTET_TEXT" >>told\n')
    screen = watch(alice, "-n", command)
    alice.write_log(*[log_entry(f"hello {number}") for number in range(40)], secure("this is Bob"))
    screen.wait_for("this is Bob$")
    alice.path("go").touch()
    eventually(lambda: alice.path("told").exists() and "this is Bob\n" in alice.path("told").read_text())


def test_a_command_that_is_missing_is_said_once(alice):
    responder = alice.start("responder", "-n", "/nowhere/notify")
    say("one")
    say("two")
    eventually(lambda: re.search("cannot run /nowhere/notify: No such file.*\n", responder.output)
               and ": two\n" in responder.output)
    assert responder.output.count("cannot run") == 1


# Links.


@pytest.fixture
def browser(alice):
    """Variables of the environment with a browser, and what it was started with."""
    command = alice.path("browser")
    command.write_text('#!/bin/sh\nprintf "%s\\n" "$#" "$@" >>opened\n')
    command.chmod(0o700)
    return {"BROWSER": str(command)}, lambda: alice.path("opened").read_text() if alice.path("opened").exists() else ""


def test_open_shows_the_host_and_starts_the_browser_after_a_yes(alice, browser):
    environment, opened = browser
    hostile = "http://x.org/$(touch$IFS./harmed);touch$IFS./harmed"
    alice.write_log(secure("https://old.org"), secure(f"see {hostile} or https://y.org:8080/b."),
                    secure("https://held.org", held=True, id=id_of(1)))
    initiator = alice.initiator(terminal=True, environment=environment)
    initiator.ask("Open", r"^  3  old\.org  https://old\.org\n(?s:.*)^  2  y\.org:8080  https://y\.org:8080/b\n"
                          r"^  1  x\.org  (?s:.*)Number \(Enter: none\): ")
    assert "held.org" not in initiator.output
    initiator.ask("2", r"^y\.org:8080  https://y\.org:8080/b\nOpen it in the browser, yes or no\? ")
    initiator.menu("no")
    initiator.ask("Open 2", r"yes or no\? ")
    alice.write_log(secure("https://newest.org"))
    initiator.menu("yes")
    eventually(lambda: opened() == "1\nhttps://y.org:8080/b\n")
    initiator.ask("Open 1", r"yes or no\? ")
    initiator.menu("yes")
    eventually(lambda: opened().endswith(f"1\n{hostile}\n"))
    assert not alice.path("harmed").exists()
    assert "No link has that number" in initiator.menu("Open 4")


def test_open_says_if_there_is_nothing_to_open_or_nothing_to_open_it_with(alice):
    assert "no link" in alice.initiator().menu("Open")
    alice.write_log(secure("https://x.org"))
    initiator = alice.initiator(environment={"BROWSER": "/nowhere/browser"})
    initiator.ask("Open 1", "yes or no")
    initiator.ask("yes", "cannot run /nowhere/browser: No such file")


# Files.


def offer(name, number, size=2_100_000, direction="RECEIVED", seconds=0.0, **members):
    return offer_entry(name, size, number, direction=direction, time_utc=moment(seconds),
                       **{"identity": BOB, "id": id_of(number), **members})


def fetched(number, **members):
    """Bob has it."""
    return numbered(state(number, "fetched", **members), number)


def test_an_offer_is_shown_with_the_number_by_which_to_get_it(alice, screen):
    alice.write_log(offer("plan.pdf", 3), offer("cat (1).png", 4, size=812, standing="changed"),
                    secure("offers plan.pdf (2.1 MB): Get 3"))
    screen.wait_for(r"^\d\d:\d\d  Bob offers plan\.pdf \(2\.1 MB\): Get 3$")
    screen.wait_for(r'^\d\d:\d\d  Bob! offers "cat \(1\)\.png" \(812 bytes\): Get 4$')
    screen.wait_for(r"^\d\d:\d\d        Bob  offers plan\.pdf \(2\.1 MB\): Get 3$")


def test_what_the_user_offers_is_confirmed_and_then_fetched(alice, screen):
    alice.write_log(offer("cat.png", 3, direction="QUEUED"), offer("cat.png", 3, direction="SENT"),
                    state(3, "delivered"))
    screen.wait_for(r"^\d\d:\d\d      → Bob  offers cat\.png \(2\.1 MB\) ✓$")
    alice.write_log(fetched(3))
    screen.wait_for(r"^\d\d:\d\d  Bob has cat\.png ✓$")


def test_who_has_a_file_is_told_however_long_ago_it_was_offered(alice):
    alice.write_log(offer("cat.png", 3, direction="SENT"), *(secure(f"between {i}") for i in range(500)))
    screen = watch(alice)
    alice.write_log(fetched(3), fetched(4), numbered(state(3, "withdrawn"), 3))
    screen.wait_for(r"^\d\d:\d\d  Bob has cat\.png ✓$")
    screen.stop()
    assert len([row for row in shown_rows(screen) if " has " in row]) == 1


def test_what_is_delivered_late_is_told_by_the_name_of_the_file(alice, screen):
    alice.write_log(offer("cat.png", 3, direction="QUEUED"))
    screen.wait_for(r"→ Bob  offers cat\.png \(2\.1 MB\) \(waits\)$")
    alice.write_log(offer("cat.png", 3, direction="SENT"), state(3, "delivered"))
    screen.wait_for(r"✓ Bob  \d\d:\d\d delivered: cat\.png$")


def test_a_held_offer_is_a_message_that_waits(alice, screen):
    alice.write_log(offer("cat.png", 3, held=True))
    screen.wait_for("1 message waits for Accept or Reject: Bob")
    assert "cat.png" not in screen.output
    alice.write_log(state(3, "accepted"))
    screen.wait_for(r"Bob offers cat\.png \(2\.1 MB\): Get 3$")


def test_outside_a_terminal_an_offer_has_a_line_that_no_text_has(alice):
    responder = alice.responder()
    alice.write_log(offer("cat.png", 3), offer("x y.png", 4, standing="unknown"))
    responder.wait_for(r"\d\d:\d\d:\d\d \[secure\] Bob offers cat\.png \(2\.1 MB\): Get 3$")
    responder.wait_for(r"\[secure\] \[unknown\] Bob offers x y\.png \(2\.1 MB\): Get 4$")


@pytest.mark.parametrize("name", ["\u202egpj.exe", "\u05d0\u05d1.pdf", "a\u200bb.pdf", "Bob: hello"])
def test_no_name_of_a_file_reaches_the_terminal_as_something_else(alice, screen, name):
    """Those that nobody may offer are no line of the log at all."""
    alice.write_log(offer(name, 3), offer("last.png", 4))
    screen.wait_for(r"Bob offers last\.png")
    shown = [row for row in shown_rows(screen) if "offers" in row]
    assert all("\u202e" not in row and "\u200b" not in row for row in shown)
    assert len(shown) == 1 or re.search('offers "', shown[0])


def test_the_command_of_the_user_is_told_of_a_file(alice):
    command = notifier(alice, 'echo "$QUARTET_FROM $QUARTET_TEXT ($QUARTET_FILE)" >>told')
    watch(alice, "-n", command)
    alice.write_log(offer("cat.png", 3), secure("offers a text"))
    eventually(lambda: alice.path("told").exists() and alice.path("told").read_text() ==
               "Bob offers cat.png (2.1 MB): Get 3 (cat.png)\nBob offers a text ()\n")


# Keys in the wrong pane.


@pytest.fixture(params=["responder", "discovery", "announcer"])
def pane(request, alice):
    """A program that reads nothing."""
    arguments = ["-u", "Alice"] if request.param == "announcer" else []
    program = alice.start(request.param, *arguments, ready=False, terminal=True)
    program.wait_for("announced every" if arguments else "Listening")
    eventually(lambda: not echoes(program))
    return program


def echoes(program):
    return bool(termios.tcgetattr(program._terminals[0])[3] & termios.ECHO)


def test_keys_that_nobody_reads_are_not_shown_and_answered_once(pane):
    pane.send_bytes(b"chat bob\nsecret words\n")
    pane.wait_for("^Nothing is read here: type in the initiator.$")
    pane.send_bytes(b"more\n")
    pane.stop()
    assert not re.search("chat|secret|more", pane.output)
    assert pane.output.count("Nothing is read here") == 1
    assert echoes(pane)


def test_the_interrupt_key_works_where_nothing_is_read(pane):
    pane.send_bytes(b"\x03")
    pane.wait()
    assert echoes(pane)


@contextlib.contextmanager
def shell(directory, script):
    """A shell with job control on a terminal: the end of that, and what is shown."""
    master, slave = os.openpty()
    process = subprocess.Popen(["setsid", "--ctty", "bash", "-c", script], cwd=directory,
                               env=base_environment(), stdin=slave, stdout=slave, stderr=slave)
    os.close(slave)
    shown = Stream(master)
    try:
        yield master, shown
        assert process.wait(WAIT) == 0
    finally:
        process.kill()
        process.wait(WAIT)
        shown.join()
        os.close(master)
    assert not SANITIZER_REPORT.search(shown.text)


def test_a_program_that_is_stopped_leaves_the_terminal_as_it_was(alice):
    """To the shell, which has it then; and continued, it is quiet again."""
    responder = shlex.quote(str(BIN / "responder"))
    with shell(alice.directory, f"set -m; {responder}; stty -a; echo stopped; fg; stty -a; echo ended") as (master, shown):
        def quiet():
            return not termios.tcgetattr(master)[3] & termios.ECHO
        eventually(lambda: "Listening for messages" in shown.text and quiet())
        os.write(master, b"\x1a")
        eventually(lambda: re.search(r" echo (?s:.*)^stopped$", shown.text, re.MULTILINE))
        eventually(quiet)
        say("still there")
        eventually(lambda: "still there" in shown.text)
        os.write(master, b"\x03")
        eventually(lambda: re.search(r" echo (?s:.*)^ended$", shown.text, re.MULTILINE))
