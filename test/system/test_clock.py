"""Clocks that are set by a year, time that passes, and machines that sleep; with the shim test/lan/clock.c."""

import contextlib
import json

import pytest

from clocks import YEAR, Clock
from quartet import Desk, eventually
from test_send import is_locked

DAY = 24 * 3600  # seconds
LISTED = 900


@pytest.fixture
def alice(make_user, tmp_path):
    """A user whose clocks the test sets."""
    return make_user("alice", address="127.0.0.2", clock=Clock(tmp_path / "clock"))


def received(user):
    """The texts of what was received, in rooms, too."""
    return [(json.loads(entry["signed"]) if "signed" in entry else entry)["text"]
            for entry in user.log() if entry.get("direction") == "RECEIVED"]


def see_each_other(*desks):
    for desk in desks:
        for other in desks:
            desk.sees(rf"{other.user.directory.name.capitalize()} .*\(Online\)")


def all_works(text, *desks):
    """Whoever is there is seen, and what they say arrives once, in a room, too."""
    see_each_other(*desks)
    for desk, other in (desks, desks[::-1]):
        name = other.user.directory.name.capitalize()
        desk.user.run("initiator", "send", "-w", "30", name, f"{text} to {name}")
        desk.user.run("initiator", "send", "#lab", f"{text} beside {name}")
        assert received(other.user).count(f"{text} to {name}") == 1
        assert received(other.user).count(f"{text} beside {name}") == 1


def in_time(user, condition):
    """Waits until something holds, which is some hours of the user's at most."""
    eventually(lambda: condition() or user.clock.elapse(20))


@pytest.fixture
def desks(alice, bob):
    """Alice and Bob with all their programs, who know each other and are in a room."""
    desks = Desk(alice, "Alice"), Desk(bob, "Bob")
    see_each_other(*desks)
    alice.run("initiator", "send", "Bob", "hello")
    bob.run("initiator", "send", "Alice", "hello")
    alice.run("initiator", "create", "#lab", "Bob")
    eventually(lambda: bob.peers_file().get("room"))
    return desks


@pytest.mark.parametrize("seconds", [YEAR, -YEAR])
def test_all_works_after_a_clock_was_set(alice, desks, seconds):
    """And after it was set right again."""
    alice.clock.turn(seconds)
    all_works("a year off", *desks)
    alice.clock.turn(-seconds)
    all_works("right again", *desks)


@pytest.mark.parametrize("seconds", [YEAR, -YEAR])
def test_all_works_for_programs_that_begin_with_a_clock_that_was_set(alice, desks, seconds):
    for number, step in enumerate((seconds, -seconds)):
        for program in (desks[0].announcer, desks[0].discovery, desks[0].responder, desks[0].initiator):
            program.stop()
        alice.clock.turn(step)
        desks = Desk(alice, "Alice"), desks[1]
        all_works(f"start {number}", *desks)


@pytest.mark.parametrize("seconds", [YEAR, -YEAR])
def test_a_room_is_made_and_entered_after_a_clock_was_set(alice, bob, desks, seconds):
    """It is made once the own announcements have been heard for ten seconds."""
    alice.clock.turn(seconds)
    see_each_other(*desks)
    joining = alice.start("initiator", "join", "#tea", ready=False)
    alice.clock.elapse(5)
    joining.wait()
    alice.run("initiator", "invite", "Bob", "#tea")
    bob.run("initiator", "send", "#tea", "with milk")
    assert "with milk" in received(alice)


def test_who_was_not_heard_for_15_minutes_is_listed_no_more(alice, desks):
    desks[1].announcer.kill()
    alice.clock.elapse(LISTED - 60)
    desks[0].sees(r"Bob .*\(Away\)")
    alice.clock.elapse(61)
    eventually(lambda: "Bob" not in desks[0].initiator.menu("Users"))
    bob = desks[1].user
    bob.announcer("-u", "Bob", "-i", "1")
    all_works("back", *desks)


def test_what_waits_is_tried_for_14_days(alice, bob, desks):
    """Although nothing says that Bob is back."""
    desks[1].announcer.kill()
    desks[1].responder.kill()
    alice.run("initiator", "send", "-k", "Bob", "sooner", status=4)
    alice.run("initiator", "send", "-k", "Bob", "later", status=4)
    alice.clock.elapse(13 * DAY)
    desks[1].responder = bob.responder()
    in_time(alice, lambda: received(bob)[-2:] == ["sooner", "later"])


def test_what_waits_for_14_days_is_dropped_and_that_is_told(alice, desks):
    desks[1].announcer.kill()
    desks[1].responder.kill()
    alice.run("initiator", "send", "-k", "Bob", "too late", status=4)
    alice.clock.elapse(14 * DAY + 60)
    desks[0].initiator.wait_for(r"too late|14 days")
    dropped = [entry for entry in alice.log() if entry.get("state") == "dropped"]
    assert [entry["why"] for entry in dropped] == ["it waited for 14 days"]


def test_what_waits_is_kept_if_the_clock_is_set_forward(alice, bob, desks):
    """It has not waited for a year, only its time says so. That is known to who was there before."""
    desks[1].responder.kill()
    alice.run("initiator", "send", "-k", "Bob", "a moment ago", status=4)
    # The menu has what waits now, and no program that begins later.
    eventually(lambda: is_locked(alice.path("identity.key")))
    alice.clock.turn(YEAR)
    desks[1].responder = bob.responder()
    in_time(alice, lambda: received(bob)[-1] == "a moment ago")


@pytest.mark.parametrize("who", [0, 1])
def test_all_works_after_sleep(alice, bob, desks, who):
    """What was said to the sleeper, or heard of nobody meanwhile, is no more than late."""
    sleeper, other = desks[who], desks[1 - who]
    with contextlib.ExitStack() as asleep:
        for program in (sleeper.announcer, sleeper.discovery, sleeper.responder, sleeper.initiator):
            asleep.enter_context(program.paused())
        name = sleeper.user.directory.name.capitalize()
        # The machine still takes connections, so whoever calls is left waiting.
        other.user.run("initiator", "send", "-k", name, "good night", status=4)
        if who == 0:
            alice.clock.turn(8 * 3600)
        else:
            alice.clock.elapse(8 * 3600)
    all_works("awake", *desks)
    eventually(lambda: "good night" in received(sleeper.user))
    assert received(sleeper.user).count("good night") == 1
