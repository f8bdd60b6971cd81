"""What is longer than the screen goes through a pager, and nothing else does."""

import re
import shutil

import pytest

from quartet import MENU, eventually, log_entry

ROWS = 24  # as resize() has it


@pytest.fixture
def alice(make_user):
    user = make_user("alice", address="127.0.0.2")
    user.write_log(*[log_entry(f"message {number}") for number in range(200)])
    return user


def reader(alice, pager, term="xterm", columns=80):
    """Her initiator, on a terminal."""
    return alice.initiator(terminal=columns, environment={
        "TERM": term, **({} if pager is None else {"PAGER": pager})})


def test_what_is_longer_than_the_screen_is_paged(alice):
    """By a program that is named with its arguments, and not by a shell."""
    initiator = reader(alice, f"tee {alice.directory}/a;b")
    shown = initiator.menu("History")
    paged = alice.path("a;b").read_text(encoding="utf-8")
    assert [re.search(r"message (\d+)", line)[1] for line in paged.splitlines()] == [str(number) for number in range(150, 200)]
    assert "message 199" in shown


def test_what_is_shorter_is_not(alice):
    initiator = reader(alice, f"tee {alice.path('paged')}")
    assert "message 199" in initiator.menu(f"History {ROWS - 1}")
    assert not alice.path("paged").exists()
    initiator.menu(f"History {ROWS}")
    assert len(alice.path("paged").read_text(encoding="utf-8").splitlines()) == ROWS


def test_rows_count_and_not_messages(alice):
    """What is foreign in them is laid out as on the screen."""
    alice.write_log(log_entry("x" * 3000 + "\x1b]0;title\x07"))
    initiator = reader(alice, f"tee {alice.path('paged')}")
    initiator.menu("History 1")
    rows = alice.path("paged").read_text(encoding="utf-8").splitlines()
    assert len(rows) > 30 and all(row.startswith("    | ") for row in rows[1:])
    assert "\x1b]" not in "".join(rows) and "<U+001B>" in "".join(rows)


def test_search_is_paged_too(alice):
    initiator = reader(alice, f"tee {alice.path('paged')}")
    initiator.menu("Search message")
    assert len(alice.path("paged").read_text(encoding="utf-8").splitlines()) == 200


def test_help_is_paged_too(alice):
    initiator = reader(alice, f"tee {alice.path('paged')}")
    shown = initiator.menu("Help")
    rows = alice.path("paged").read_text(encoding="utf-8").splitlines()
    assert len(rows) > ROWS and "Users" in rows[0] and "this list" in shown


@pytest.mark.parametrize("count", [200, 20000])
def test_whoever_has_read_enough_is_back_at_the_menu(alice, count):
    alice.write_log(*[log_entry(f"more {number}") for number in range(count)])
    initiator = reader(alice, "head -n 2")
    assert "message 0" in initiator.menu("History all")
    assert "Nothing" in initiator.menu("History Mallory")


@pytest.mark.parametrize("pager", ["", " "])
def test_without_a_pager_all_is_shown_at_once(alice, pager):
    assert "message 199" in reader(alice, pager).menu("History")


def test_a_pager_that_is_not_there_is_named(alice):
    shown = reader(alice, "/no/such\x1b[31m -x").menu("History all")
    assert re.search(r"(?s)/no/such<U\+001B>\[31m of PAGER: No such file or directory\n.*message 0\b.*message 199\b", shown)


def test_a_dumb_terminal_has_no_pager(alice):
    initiator = reader(alice, f"tee {alice.path('paged')}", term="dumb")
    assert "message 199" in initiator.menu("History")
    assert not alice.path("paged").exists()


def test_a_pipe_has_no_pager(alice):
    initiator = alice.start("initiator", environment={"TERM": "xterm", "PAGER": f"tee {alice.path('paged')}"})
    assert "message 199" in initiator.menu("History all")
    assert not alice.path("paged").exists()


def test_messages_are_not_paged_for_scripts(alice):
    program = alice.start("initiator", "history", ready=False, terminal=80,
                          environment={"TERM": "xterm", "PAGER": f"tee {alice.path('paged')}"})
    program.wait()
    assert "message 199" in program.output
    assert not alice.path("paged").exists()


@pytest.mark.skipif(not shutil.which("less"), reason="less is not installed")
def test_less_is_the_pager_unless_another_is_wanted(alice):
    """It begins at the end, with the newest."""
    initiator = reader(alice, None)
    initiator.send("History all")
    initiator.wait_for("message 199.*\n.*q leaves.*END")
    initiator.send_bytes(b"q")
    initiator.wait_for(MENU)
    assert "Nothing" in initiator.menu("History Mallory")


def test_an_interrupt_ends_the_listing_and_not_the_program(alice):
    """The pager does with it what it wants, and reads what it has got."""
    alice.write_log(*[log_entry("x" * 1000)] * 5000)
    alice.path("pager.sh").write_text(
        "trap '' INT\ntouch reading\nwhile [ ! -e done ]; do sleep 0.1; done\nexec cat >all\n", encoding="utf-8")
    initiator = reader(alice, "sh pager.sh")
    initiator.send("History all")
    eventually(alice.path("reading").exists)
    initiator.send_bytes(b"\x03")
    alice.path("done").touch()
    assert "(interrupted)" in initiator.wait_for(f"(?s).*{MENU}")[0]
    assert alice.path("all").stat().st_size < 5_000_000
    initiator.menu("Users")


def test_a_signal_ends_program_and_pager(alice):
    initiator = reader(alice, f"sh {alice.path('pager.sh')}")
    alice.path("pager.sh").write_text(f"touch {alice.path('paging')}\nexec sleep 1000\n", encoding="utf-8")
    initiator.send("History")
    eventually(alice.path("paging").exists)
    initiator.stop()
