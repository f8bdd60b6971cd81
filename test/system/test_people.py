"""Whose messages one wants, and what one is called."""

import re

import pytest

from network import Ear, connect
from protocol import Identity, InitiatorSide, to_base64
from quartet import eventually, log_entry, peer, pin

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


@pytest.mark.parametrize("command, answers, state", [
    ("Accept", [("Name: ", "Zoe")], "accepted"), ("Reject", [("Name: ", "Zoe")], "rejected"),
    ("Block Zoe", [("yes or no", "yes")], "rejected"),
])
def test_what_comes_while_the_command_asks_is_decided_about_too(alice, command, answers, state):
    alice.write_log(held("first", 1))
    initiator = alice.initiator()
    for question, answer in answers:
        initiator.ask(command, question)
        alice.write_log(held("second", 2))
        command = answer
    initiator.menu(command)
    assert decisions(alice) == [(state, message_id(1)), (state, message_id(2))]
    assert "waits" not in initiator.menu("Strangers")


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
    alice.run("initiator", "accept", "Zoe", status=3)
    initiator = alice.initiator()
    assert "Several may be meant" in initiator.menu("Accept Zoe")
    assert decisions(alice) == []


def test_who_was_muted_is_so_under_a_new_identity(alice, bob, known):
    alice.run("initiator", "mute", "Bob")
    alice.write_peers({bob.address: peer("Bob", identity=IDENTITY)})
    alice.run("initiator", "trust", "Bob")
    assert alice.known()["Bob"]["identity"] == IDENTITY and alice.known()["Bob"]["muted"]


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


# What the responder makes of it.


class Sender:
    """Somebody who writes to Alice."""

    def __init__(self, alice, identity=None, username="Zoe", address=ZOE):
        self.alice, self.username, self.address = alice, username, address
        self.identity = identity or Identity()

    def securely(self, text, **members):
        """Sends a secure message and returns the answer: the status and why."""
        side = InitiatorSide(self.identity, self.alice.identity().public, username=self.username)
        with connect(self.alice.address, self.address) as connection:
            connection.send_object(side.key_object())
            side.complete(connection.receive_object())
            connection.send_object(side.message(text, **members))
            receipt = side.open_receipt(connection.receive_object())
        return receipt["status"], receipt.get("why", "")

    def plainly(self, text):
        """Sends a message in the clear, and waits until it was taken or refused."""
        with connect(self.alice.address, self.address) as connection:
            connection.send_object({"unencrypted_message": text})
            connection.shut_down()
            connection.wait_closed()


@pytest.fixture
def stranger(alice):
    return Sender(alice)


def wants(user, accept):
    """Whose messages a user wants, as Strangers writes it."""
    user.update_peers_file(lambda content: content.update(self={"username": "Alice", "accept": accept}))


def message_id(number):
    return to_base64(bytes([number]) * 16)


DONE = (200, "")
HELD = (300, "held")


def test_strangers_may_write_unless_the_user_says_otherwise(alice, stranger):
    responder = alice.responder()
    assert stranger.securely("hello") == DONE
    stranger.plainly("in the clear")
    responder.wait_for("in the clear")
    assert alice.logged_texts() == ["hello", "in the clear"]
    assert all("held" not in line for line in alice.log())


def test_three_messages_of_a_stranger_are_held_and_not_shown_and_the_fourth_is_not_kept(alice, stranger):
    wants(alice, "ask")
    responder = alice.responder()
    for number in range(1, 4):
        assert stranger.securely(f"number {number}", id=message_id(number)) == HELD
    assert stranger.securely("number 4", id=message_id(4)) == (300, "full")
    assert Sender(alice, address="127.0.0.10").securely("number 1") == HELD
    assert [(line["text"], line["held"]) for line in alice.log()] == [
        ("number 1", True), ("number 2", True), ("number 3", True), ("number 1", True)]
    assert "number" not in responder.output


def test_what_is_held_is_answered_by_what_becomes_of_it_meanwhile_and_later(alice, stranger):
    """While the responder runs, after a restart, and after the user has decided."""
    wants(alice, "ask")
    responder = alice.responder()
    for number in (1, 2, 1):
        assert stranger.securely("hello", id=message_id(number)) == HELD
    responder.stop()
    responder = alice.responder()
    assert stranger.securely("hello", id=message_id(1)) == HELD
    assert len(alice.log()) == 2
    alice.run("initiator", "accept", "Zoe")
    assert stranger.securely("hello", id=message_id(1)) == DONE
    assert stranger.securely("and more", id=message_id(3)) == DONE
    responder.stop()
    alice.responder()
    assert stranger.securely("hello", id=message_id(2)) == DONE
    assert alice.logged_texts_of("RECEIVED") == ["hello", "hello", "and more"]


def test_what_was_held_while_its_sender_was_accepted_is_let_go_when_it_is_repeated(alice, stranger):
    """The decision was about what was in the log until then."""
    wants(alice, "ask")
    responder = alice.responder(terminal=True)
    assert stranger.securely("hello", id=message_id(1)) == HELD
    alice.update_peers_file(lambda content: content["strangers"].append(
        {"stranger": "Zoe", "identity": stranger.identity.text, "accepted": True}))
    for _ in range(2):
        assert stranger.securely("hello", id=message_id(1)) == DONE
    responder.wait_for("hello")
    assert decisions(alice) == [("accepted", message_id(1))]
    assert alice.logged_texts_of("RECEIVED") == ["hello"]
    responder.stop()
    alice.responder()
    assert stranger.securely("hello", id=message_id(1)) == DONE
    assert len(alice.log()) == 2


def test_what_is_rejected_is_answered_so_and_makes_room(alice, stranger):
    wants(alice, "ask")
    responder = alice.responder()
    for number in range(1, 4):
        assert stranger.securely("hello", id=message_id(number)) == HELD
    alice.run("initiator", "reject", "Zoe")
    assert stranger.securely("hello", id=message_id(2)) == (404, "rejected")
    assert stranger.securely("may I?", id=message_id(5)) == HELD
    responder.stop()
    alice.responder()
    assert stranger.securely("hello", id=message_id(3)) == (404, "rejected")
    assert stranger.securely("may I?", id=message_id(5)) == HELD
    assert alice.logged_texts_of("RECEIVED") == ["hello", "hello", "hello", "may I?"]


def test_a_message_that_is_held_counts_as_delivered_once_it_is_accepted(alice, bob):
    wants(alice, "ask")
    responder = alice.responder(terminal=True)
    bob.is_called("Bob")
    bob.write_peers({alice.address: peer("Alice", identity=alice.identity().text)})
    initiator = bob.initiator()
    initiator.ask("@Alice hello Alice", "(?i)not taken now by Alice.*held")
    responder.wait_for("1 message waits for Accept or Reject: Bob")
    alice.run("initiator", "accept", "Bob")
    responder.wait_for("hello Alice")
    initiator.stop()
    bob.initiator().wait_for("(?i)delivered to Alice")
    eventually(lambda: [line.get("state") for line in bob.log()][-1] == "delivered" and "Alice" in bob.known())


def test_plain_messages_of_strangers_are_held_by_address_and_the_fourth_gets_a_line(alice, stranger):
    wants(alice, "ask")
    responder = alice.responder()
    for number in range(1, 5):
        stranger.plainly(f"number {number}")
    responder.wait_for(rf"refused .*{ZOE}.*wait for Accept or Reject")
    entries = eventually(lambda: alice.log() if len(alice.log()) == 3 else None)
    assert all(line["held"] for line in entries) and len({line["id"] for line in entries}) == 3
    assert "number" not in responder.output
    alice.run("initiator", "accept", ZOE)
    stranger.plainly("number 5")
    responder.wait_for("number 5")
    assert alice.strangers() == {"unknown": {"address": ZOE, "accepted": True}}


def test_so_many_strangers_can_wait_and_no_more(alice, stranger):
    wants(alice, "ask")
    alice.write_log(*(held("hello", 1, f"Zoe {number}", Identity(number.to_bytes(32, "big")).text)
                      for number in range(256)))
    alice.responder()
    assert stranger.securely("hello") == (300, "full")
    alice.run("initiator", "reject", "Zoe 17")
    assert stranger.securely("hello") == HELD


def test_nothing_of_strangers_is_taken_if_only_those_known_are_wanted(alice, stranger):
    wants(alice, "known")
    responder = alice.responder()
    assert stranger.securely("hello") == (404, "not known")
    stranger.plainly("hello")
    responder.wait_for(rf"refused .*{ZOE}.*only those you know")
    assert alice.log() == []


@pytest.mark.parametrize("accept", ["ask", "known"])
def test_who_is_known_or_accepted_is_no_stranger(alice, bob, accept):
    wants(alice, accept)
    zoe = Sender(alice)
    alice.update_peers_file(lambda content: (
        content["known"].update(Bob=pin(bob.identity().text)),
        content["strangers"].append({"stranger": "Zoe", "identity": zoe.identity.text, "accepted": True}),
        content["strangers"].append({"stranger": "Can", "address": "127.0.0.8", "accepted": True})))
    responder = alice.responder()
    assert Sender(alice, bob.identity(), "Bob").securely("from Bob") == DONE
    assert zoe.securely("from Zoe") == DONE
    Sender(alice, address="127.0.0.8").plainly("from Can")
    responder.wait_for("from Can")


def test_an_accepted_identity_has_to_be_proven(alice, stranger):
    """Who speaks from its address and proves nothing is a stranger."""
    wants(alice, "ask")
    alice.write_peers({ZOE: peer("Zoe", identity=stranger.identity.text)})
    alice.run("initiator", "accept", "Zoe")
    alice.responder()
    stranger.plainly("it is me")
    assert eventually(alice.log)[0]["held"]


def test_who_is_blocked_is_refused_wherever_and_nothing_is_kept_or_shown(alice, stranger):
    alice.write_peers({ZOE: peer("Zoe", identity=stranger.identity.text), "127.0.0.8": peer("Can")})
    responder = alice.responder()
    assert stranger.securely("before") == DONE
    alice.run("initiator", "block", "Zoe")
    alice.run("initiator", "block", "Can")
    assert stranger.securely("no more") == (404, "blocked")
    stranger.plainly("no more")
    elsewhere = Sender(alice, stranger.identity, address="127.0.0.10")
    assert elsewhere.securely("no more") == (404, "blocked")
    Sender(alice, address="127.0.0.8").plainly("no more")
    # Who has an identity is not the address.
    assert Sender(alice, address="127.0.0.8").securely("after") == DONE
    responder.wait_for("after")
    assert alice.logged_texts() == ["before", "after"]
    assert "no more" not in responder.output and "refused" not in responder.output
    alice.run("initiator", "unblock", "Zoe")
    assert stranger.securely("again") == DONE


def test_who_is_muted_is_kept_as_before(alice, stranger):
    alice.write_peers({ZOE: peer("Zoe", identity=stranger.identity.text)})
    alice.responder()
    alice.run("initiator", "mute", "Zoe")
    assert stranger.securely("hello") == DONE
    assert alice.log()[0]["standing"] == "unknown"


def test_what_is_held_waits_in_a_log_that_is_moved_away_no_more(alice, stranger):
    wants(alice, "ask")
    alice.responder()
    for number in range(1, 4):
        assert stranger.securely("hello", id=message_id(number)) == HELD
    alice.path("chat.log").rename(alice.path("old.log"))
    other = Sender(alice, address="127.0.0.10")
    assert other.securely("hello") == HELD
    assert stranger.securely("hello", id=message_id(9)) == HELD
    assert len(alice.log()) == 2


# Whether one is heard.


NAMELESS = "You have no name yet"


def begin_chat(initiator, name):
    """Begins a chat and gives up; returns what was shown before the message was asked for."""
    before = len(initiator.output)
    initiator.ask(f"Chat {name}", r"secure or unsecure\? ")
    initiator.ask("unsecure", "Message: ")
    initiator.menu("")
    return initiator.output[before:]


def test_who_has_no_name_yet_is_told_before_sending(alice, bob):
    alice.knows(Bob=bob.address)
    initiator = alice.initiator()
    assert NAMELESS not in initiator.menu("Users")
    assert NAMELESS in begin_chat(initiator, "Bob")
    alice.is_called("Alice")
    assert NAMELESS not in begin_chat(initiator, "Bob")


@pytest.mark.parametrize("others_ago, own_ago, told", [
    (0, 0, None), (100, 100, "discovery does not run: see its pane"), (100, None, "discovery does not run"),
    (0, 100, "The announcer does not run"),
])
def test_who_is_not_heard_is_told_what_does_not_run(alice, others_ago, own_ago, told):
    peers = {ZOE: peer("Zoe", others_ago)}
    if own_ago is not None:
        peers[alice.address] = peer("Alice", own_ago, identity=alice.identity().text, since=1763625600)
    alice.write_peers(peers, {"self": {"username": "Alice", "since": 1763625600}})
    initiator = alice.initiator()
    for shown in (initiator.menu("Users"), begin_chat(initiator, "Zoe")):
        assert told in shown if told else "does not run" not in shown


def test_a_question_that_stays_open_makes_nobody_seem_gone(alice):
    """What was heard before it is not what is heard after."""
    def hears(seconds_ago):
        alice.write_peers({ZOE: peer("Zoe", seconds_ago), alice.address: peer(
            "Alice", seconds_ago, identity=alice.identity().text, since=1763625600)},
            {"self": {"username": "Alice", "since": 1763625600}})

    alice.write_log(log_entry("hi", username="Zoe", ip=ZOE))
    hears(100)
    initiator = alice.initiator(terminal=True)
    initiator.ask("", r"Go on with it\? \[Y/n\] ")
    hears(0)
    initiator.ask("", r"secure or unsecure\? ")
    assert "does not run" not in initiator.output


def test_nothing_is_missing_while_all_programs_run(alice):
    alice.discovery()
    alice.announcer("-u", "Alice")
    initiator = alice.initiator()
    eventually(lambda: "(you)" in initiator.menu("Users"))
    assert "does not run" not in initiator.menu("Users")


def test_a_clean_end_of_the_announcer_is_told(alice):
    alice.discovery()
    announcer = alice.announcer("-u", "Alice")
    eventually(lambda: alice.peers().get(alice.address))
    announcer.stop()
    initiator = alice.initiator()
    eventually(lambda: "The announcer does not run" in initiator.menu("Users"))
