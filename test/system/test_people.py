"""Whose messages one wants, and what one is called."""

import re

import pytest

from network import Ear
from protocol import Identity, to_base64
from quartet import log_entry, peer, pin

ZOE = "127.0.0.9"
IDENTITY = Identity(b"z" * 32).text


@pytest.fixture
def zoe(alice):
    """Alice has heard Zoe, who has an identity, and Can, who has none."""
    alice.write_peers({ZOE: peer("Zoe", identity=IDENTITY), "127.0.0.8": peer("Can")})


def held(text, number, username="Zoe", identity=IDENTITY, **members):
    """A message that waits, as the responder writes it."""
    if identity:
        members.update(identity=identity, mode="secure")
    return log_entry(text, username, ip=ZOE, held=True, id=to_base64(bytes([number]) * 16), **members)


# What is wanted of somebody.


def test_what_is_wanted_of_a_stranger_is_kept_and_shown(alice, zoe):
    initiator = alice.initiator()
    assert "Muted: Zoe" in initiator.menu("Mute zoe")
    assert "Blocked: Can" in initiator.menu_of("Block Can", "yes or no", "yes")
    assert alice.strangers() == {"Zoe": {"identity": IDENTITY, "muted": True},
                                "Can": {"address": "127.0.0.8", "blocked": True}}
    users = initiator.menu("Users")
    assert re.search(r"Zoe \(Online\) .*  muted", users) and re.search(r"Can \(Online\) .*  blocked", users)
    initiator.menu("Unmute zo")
    initiator.menu("Unblock Can")
    assert alice.strangers() == {}
    assert "muted" not in initiator.menu("Users")


def test_what_is_wanted_of_somebody_known_stands_with_the_pin_and_outlives_it(alice, bob, known):
    initiator = alice.initiator()
    initiator.menu("Mute Bob")
    initiator.menu_of("Block Bob", "yes or no", "yes")
    assert alice.known()["Bob"]["muted"] and alice.known()["Bob"]["blocked"]
    initiator.menu_of("Distrust Bob", "yes or no", "yes")
    assert alice.known() == {}
    assert alice.strangers() == {"Bob": {"identity": bob.identity().text, "muted": True, "blocked": True}}


def test_who_is_not_announced_any_more_can_be_unblocked(alice, zoe):
    initiator = alice.initiator()
    initiator.menu_of("Block Zoe", "yes or no", "yes")
    alice.write_peers({})
    assert "Unblocked: Zoe" in initiator.menu("Unblock Zoe")
    assert alice.strangers() == {}


@pytest.mark.parametrize("answer", ["", "no", "x"])
def test_nobody_is_blocked_without_a_yes(alice, zoe, answer):
    initiator = alice.initiator()
    assert "Nothing was changed" in initiator.menu_of("Block Zoe", "yes or no", answer)
    assert alice.strangers() == {}


def test_a_script_can_do_the_same(alice, zoe):
    for command in ("accept", "mute", "block"):
        assert alice.run("initiator", command, "Zoe").output == ""
    assert alice.strangers() == {"Zoe": {"identity": IDENTITY, "muted": True, "blocked": True}}
    alice.run("initiator", "unblock", "Zoe")
    alice.run("initiator", "unmute", "Zoe")
    assert alice.strangers() == {}
    alice.run("initiator", "mute", "Zo", status=3)
    alice.run("initiator", "reject", "Zoe", status=1)
    assert alice.run("initiator", "name", "Carla").output == ""
    assert alice.peers_file()["self"]["username"] == "Carla"


# Who waits.


def decisions(user):
    return [(line["state"], line["id"]) for line in user.log() if "state" in line]


def test_who_waits_is_pointed_out_and_what_waits_is_not_shown(alice):
    alice.write_log(held("first", 1), held("second", 2, "Can", None), log_entry("hello", "Bob"))
    initiator = alice.initiator()
    assert re.search("Waiting for Accept or Reject: .*Zoe", initiator.menu("Users"))
    shown = initiator.menu("Strangers")
    assert f"Zoe ({ZOE}) waits with 1 message" in shown and f"Can ({ZOE}) waits" in shown
    history = initiator.menu("History")
    assert "hello" in history and "first" not in history and "second" not in history


def test_what_is_accepted_is_shown_in_its_order_and_who_sent_it_may_write(alice):
    alice.write_log(held("first", 1), held("second", 2), held("third", 3, "Can", None))
    initiator = alice.initiator()
    assert "Accepted: Zoe" in initiator.menu("Accept zoe")
    assert [text for text in re.findall("first|second|third", initiator.menu("History"))] == ["first", "second"]
    assert alice.strangers() == {"Zoe": {"identity": IDENTITY, "accepted": True}}
    assert decisions(alice) == [("accepted", line["id"]) for line in alice.log()[:2]]
    assert initiator.menu("Users").count("Can") == 1 and "Zoe" not in initiator.menu("Users")
    # Accepting again finds nothing that waits.
    initiator.menu(f"Accept {ZOE}")
    assert alice.strangers()["Can"] == {"address": ZOE, "accepted": True}
    assert len(decisions(alice)) == 3


def test_what_is_rejected_is_shown_to_nobody(alice):
    alice.write_log(held("first", 1), held("second", 2))
    initiator = alice.initiator()
    assert "Rejected: Zoe" in initiator.menu("Reject Zoe")
    assert [state for state, _ in decisions(alice)] == ["rejected", "rejected"]
    assert alice.strangers() == {}
    assert "first" not in initiator.menu("History") and "Waiting" not in initiator.menu("Users")
    assert "Zoe" in initiator.menu("Reject Zoe")


def test_blocking_somebody_rejects_what_waits(alice):
    alice.write_log(held("first", 1))
    initiator = alice.initiator()
    initiator.menu_of("Block Zoe", "yes or no", "yes")
    assert [state for state, _ in decisions(alice)] == ["rejected"]
    assert alice.strangers() == {"Zoe": {"identity": IDENTITY, "blocked": True}}


def test_the_name_of_somebody_known_is_not_that_of_who_waits_with_it(alice, bob, known):
    alice.write_log(held("it is me", 1, "Bob"))
    initiator = alice.initiator()
    initiator.menu("Accept Bob")
    assert decisions(alice) == []
    initiator.menu(f"Accept {ZOE}")
    assert len(decisions(alice)) == 1


def test_two_who_wait_under_one_name_are_told_apart(alice):
    alice.write_log(held("first", 1), held("second", 2, identity=None))
    alice.update_peers_file(lambda content: None)
    initiator = alice.initiator()
    assert "Several may be meant" in initiator.menu("Accept Zoe")
    assert decisions(alice) == []


# Whose messages are taken.


def test_whose_messages_are_taken_is_kept_and_said(alice):
    alice.is_called("Alice")
    initiator = alice.initiator()
    assert "all:" in initiator.menu("Strangers")
    for word in ("ask", "known"):
        assert f"{word}:" in initiator.menu(f"Strangers {word.upper()}")
        assert alice.peers_file()["self"] == {"username": "Alice", "since": 0, "accept": word}
        assert f"{word}:" in initiator.menu("Strangers")
    initiator.menu("Strangers all")
    assert "accept" not in alice.peers_file()["self"]
    assert "all, ask or known" in initiator.menu("Strangers none")


# One's own name.


def test_a_new_name_is_announced_at_once_and_kept(alice):
    alice.announcer("-u", "Alice", "-i", "0.2")
    initiator = alice.initiator()
    with Ear("127.255.255.255") as ear:
        assert "You are Carla" in initiator.menu("Name Carla")
        ear.hear_until(lambda heard: b'"Carla"' in heard.data)
    assert alice.peers_file()["self"]["username"] == "Carla"
    assert "You are Ece Öz" in initiator.menu_of("Name", "New name: ", "Ece Öz")


@pytest.mark.parametrize("name, why", [
    ("Zoe", "it is announced from " + ZOE), ("zoe", "it is announced"), ("#lab", "does not begin with #"),
    ("@all", "everybody"), ("12", "number"), ("127.0.0.1", "address"), ("x" * 65, "64 bytes"),
])
def test_a_name_that_somebody_has_or_that_means_something_else_is_not_taken(alice, zoe, name, why):
    alice.is_called("Alice")
    assert why in alice.initiator().menu(f"Name {name}")
    assert alice.peers_file()["self"]["username"] == "Alice"


def test_a_known_user_who_takes_a_new_name_is_shown_with_both(alice, bob, known):
    alice.write_peers({bob.address: peer("Rob", identity=bob.identity().text)})
    assert re.search(r"Rob \(Online\) .*known as Bob", alice.initiator().menu("Users rob"))


# Users is the search.


def test_users_finds_who_is_online_away_or_not_there(alice, bob):
    alice.write_peers({ZOE: peer("Zoe"), "127.0.0.8": peer("Can", 100), "127.0.0.7": peer("Canan", 300)})
    alice.pin(Bob=pin(bob.identity().text, address=bob.address, verified=True))
    initiator = alice.initiator()
    assert re.search(r"^ 1  Zoe \(Online\)  127.0.0.9$", initiator.menu("Users zoe"), re.MULTILINE)
    found = initiator.menu("Users can")
    assert re.search(r"Can \(Away\)  127.0.0.8  last heard 1 min ago", found) and "Canan" in found
    assert "Zoe" not in found
    found = initiator.menu("Users Bob")
    assert "Bob (Away)" in found and "verified" in found and bob.address in found
    assert "Not found" in initiator.menu("Users Mallory")
    assert "Canan" in initiator.menu("Users 127.0.0.7")
