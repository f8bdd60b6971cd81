"""Names: several users with one, names that look alike, and users who take another one."""

import re

import pytest

from network import Stranger
from protocol import Identity, ResponderSide, fingerprint
from quartet import (MENU, chat_secure, log_entry, peer, pin, say_securely,
                     shown_fingerprints)

BOB = "127.0.0.3"
OTHERS = ["127.0.0.4", "127.0.0.5"]
SECURE_OR_NOT = r"secure or unsecure\? "

# Of somebody else than Bob: other letters, other scripts, other styles, and what nobody sees.
LOOKALIKES = ["BOB", "bob", "B0b", "B ob", "Böb", "Bøb", "Bob\u0301", "B\u043eb", "\u0412ob",
              "\u0392\u039f\u0392", "\uff22\uff4f\uff42", "\U0001d401\U0001d428\U0001d41b",
              "Bob\u200d", "Bo\u200bb", "Bo\u00adb", "Bob\ufe0f", "Bob\u3164", "\u2800Bob"]

# Who looks like nobody known.
OTHER_NAMES = ["Rob", "Bobby", "Boo", "Bo", "B", "Ece", "Can", "8ob"]


@pytest.fixture
def responder(alice, known):
    return alice.responder()


@pytest.fixture
def mallory():
    """Somebody who writes to Alice."""
    return Stranger(OTHERS[0])


def announces(alice, stranger, name, identity=True):
    """Adds to Alice's peers.txt what discovery would on hearing the stranger."""
    members = {"identity": stranger.identity.text} if identity else {}
    alice.write_peers({**alice.peers(), stranger.address: peer(name, **members)})


def ask_for(initiator, name):
    """What is shown between naming somebody for a chat and the next question."""
    shown = initiator.ask(f"Chat {name}", rf"(?s).*?({SECURE_OR_NOT}|Address: |{MENU})")[0]
    return shown.rstrip()


# Several users with one name.


@pytest.mark.parametrize("others", [{"identity": Identity().text}, {}])
@pytest.mark.parametrize("seconds_ago", [0, 60])
def test_a_shared_name_means_the_known_user(alice, bob, known, others, seconds_ago):
    """Even while the known one is away."""
    bob.responder()
    alice.write_peers({BOB: peer("Bob", seconds_ago, identity=bob.identity().text),
                       **{address: peer("Bob", **others) for address in OTHERS}})
    initiator = alice.initiator(terminal=True)
    assert "Address" not in ask_for(initiator, "Bob")
    initiator.menu("")
    say_securely(initiator, "Bob", "hello")
    assert bob.logged_texts() == ["hello"]
    shown = initiator.menu("Users")
    assert len(re.findall(r"^Bob .*  changed: ", shown, re.MULTILINE)) == 2


def test_a_shared_name_in_another_case_means_the_known_user(alice, bob, known):
    alice.write_peers({**alice.peers(), OTHERS[0]: peer("BOB", identity=Identity().text)})
    initiator = alice.initiator()
    assert "Address" not in ask_for(initiator, "bob")
    initiator.ask("unsecure", r"^To Bob \(127\.0\.0\.3\)$")


def test_of_copied_announcements_the_address_that_was_proven_is_meant(alice, bob, known):
    alice.write_peers({address: peer("Bob", identity=bob.identity().text)
                       for address in [OTHERS[0], BOB, OTHERS[1]]})
    initiator = alice.initiator()
    assert "Address" not in ask_for(initiator, "Bob")
    initiator.ask("unsecure", r"^To Bob \(127\.0\.0\.3\)$")
    initiator.wait_for("Message: ")
    shown = initiator.menu("") + initiator.menu("Users")
    for address in OTHERS:
        assert re.search(rf"^Bob \(Online\)  {address}  not proven at this address; "
                         "a secure chat does that$", shown,
                         re.MULTILINE)
    assert re.search(rf"^Bob \(Online\)  {BOB}$", shown, re.MULTILINE)


@pytest.mark.parametrize("address", [{}, {"address": "127.0.0.7"}])
def test_of_copied_announcements_none_of_which_was_proven_the_user_chooses(
        alice, bob, known, address):
    identity = bob.identity().text
    alice.pin(Bob=pin(identity, **address))
    alice.write_peers({BOB: peer("Bob", identity=identity),
                       OTHERS[0]: peer("Bob", identity=identity),
                       OTHERS[1]: peer("Bob", identity=Identity().text)})
    shown = ask_for(alice.initiator(), "Bob")
    assert shown.endswith("Address:")
    assert BOB in shown and OTHERS[0] in shown and OTHERS[1] not in shown


def test_a_shared_name_of_which_none_is_known_is_asked_about(alice):
    alice.write_peers({address: peer("Bob", identity=Identity().text) for address in OTHERS})
    assert ask_for(alice.initiator(), "Bob").endswith("Address:")


def test_a_name_in_another_case_that_two_known_users_have_is_asked_about(alice, bob, known):
    """Who took a name that differs from Bob's in case alone does not get what is meant for Bob."""
    other = Identity()
    alice.pin(BOB=pin(other.text, address=OTHERS[0]))
    alice.write_peers({**alice.peers(), OTHERS[0]: peer("BOB", identity=other.text)})
    assert ask_for(alice.initiator(), "bob").endswith("Address:")


def test_the_name_of_a_known_user_who_is_absent_means_nobody_else_unseen(alice, known):
    """Bob has not been heard lately; somebody called BOB has."""
    alice.write_peers({OTHERS[0]: peer("BOB", identity=Identity().text)})
    shown = ask_for(alice.initiator(), "Bob")
    assert "no user named Bob" in shown or "somebody else than your known Bob" in shown


def test_the_fingerprint_of_a_known_user_who_is_absent_is_nobody_elses(alice, bob, known):
    """Nor is somebody called BOB verified by Bob's name."""
    alice.write_peers({OTHERS[0]: peer("BOB", identity=Identity().text)})
    initiator = alice.initiator()
    assert shown_fingerprints(initiator.menu("Fingerprint Bob")) == [
        ("known", fingerprint(alice.identity().public, bob.identity().public))]
    initiator.menu("Verified Bob")
    assert alice.known().keys() == {"Bob"}
    assert alice.known()["Bob"]["verified"] is True


def test_trust_changes_the_address_that_is_chosen(alice, known):
    """Of two who announce Bob's name, neither with the known identity."""
    identities = [Identity(), Identity()]
    alice.write_peers({address: peer("Bob", identity=identity.text)
                       for address, identity in zip(OTHERS, identities)})
    initiator = alice.initiator()
    initiator.ask("Trust Bob", "Address: ")
    initiator.ask(OTHERS[1], r"Accept, yes or no\? ")
    initiator.menu("yes")
    assert alice.known()["Bob"]["identity"] == identities[1].text


# Names that look alike.


@pytest.mark.parametrize("name", LOOKALIKES)
def test_a_name_that_looks_like_a_known_one_is_pointed_out(alice, mallory, responder, name):
    announces(alice, mallory, name)
    initiator = alice.initiator()
    assert re.search(rf" {mallory.address}  somebody else than Bob, whose name looks alike$",
                     initiator.menu("Users"), re.MULTILINE)
    assert "is somebody else than your known Bob" in ask_for(initiator, mallory.address)
    mallory.say(alice.address, "I am Bob")
    responder.wait_for("note: 127.0.0.4 has a name that looks like that of Bob, whom you know")
    responder.wait_for(r"\[plain\] \[lookalike\] .+ \(127\.0\.0\.4\): I am Bob$")


@pytest.mark.parametrize("name, marked", [("Vіctοr", True), ("Витя", False), ("小明 Bob", False)])
def test_letters_that_nobody_writes_together_are_pointed_out(alice, mallory, responder, name, marked):
    """Whether anybody is known who has such a name or not."""
    announces(alice, mallory, name)
    mallory.say(alice.address, "hello")
    mark = " [mixed scripts]" if marked else ""
    assert f"{name}{mark} (Online)" in alice.initiator().menu("Users")
    responder.wait_for(rf"{re.escape(name + mark)}( \(127\.0\.0\.4\))?: hello$")
    assert f"{name}{mark} (127.0.0.4)" in alice.initiator().menu("History")


@pytest.mark.parametrize("name", OTHER_NAMES)
def test_a_name_that_looks_like_no_known_one_is_not(alice, mallory, responder, name):
    announces(alice, mallory, name)
    initiator = alice.initiator()
    assert "alike" not in initiator.menu("Users") + ask_for(initiator, name)
    mallory.say(alice.address, "hello")
    responder.wait_for(rf"\[plain\] {name}: hello$")
    assert "note:" not in responder.output


def test_who_has_a_name_that_looks_alike_is_not_refused(alice, mallory, responder):
    """People may have such names by chance."""
    announces(alice, mallory, "B0b")
    mallory.say_securely(alice.address, alice.identity().public, "I am not Bob")
    responder.wait_for(r"\[secure\] \[lookalike\] B0b \(127\.0\.0\.4\): I am not Bob$")
    initiator = alice.initiator()
    with mallory.listen() as listener:
        chat_secure(initiator, "B0b")
        with listener.accept() as connection:
            side = ResponderSide(mallory.identity)
            connection.send_object(side.answer(connection.receive_object()))
            initiator.wait_for("Message: ")
            initiator.send("hello")
            assert side.open(connection.receive_object())["text"] == "hello"
            connection.send_object(side.receipt())
            initiator.wait_for("Delivered to B0b")


def test_a_message_of_hers_does_not_end_that_a_name_is_told_apart(alice, mallory, responder):
    """What a stranger does alone is no reason to trust her."""
    announces(alice, mallory, "B0b")
    mallory.say_securely(alice.address, alice.identity().public, "one")
    responder.wait_for(r"\[secure\] \[lookalike\] B0b \(127\.0\.0\.4\): one$")
    responder.stop()
    responder = alice.responder()
    mallory.say_securely(alice.address, alice.identity().public, "two")
    responder.wait_for(r"\[secure\] \[lookalike\] B0b \(127\.0\.0\.4\): two$")
    assert "whose name looks alike" in alice.initiator().menu("Users")


def test_the_user_is_pointed_at_a_lookalike_only_once_in_a_while(alice, mallory, responder):
    """The lines themselves say it each time."""
    announces(alice, mallory, "B0b")
    for number in range(5):
        mallory.say(alice.address, f"message {number}")
        responder.wait_for(rf"\[plain\] \[lookalike\] B0b \(127\.0\.0\.4\): message {number}$")
    assert responder.output.count("note:") == 1


FORGERIES = [("[verified] Bob", "lunch: at one?"), ("Bob (127.0.0.3)", "lunch: at one?"),
             ("[unproven] Bob (127.0.0.3)", "lunch: at one?"), ("Bob: lunch", "at one?"),
             ("[verified] Bob: lunch", "at one?")]


@pytest.mark.parametrize("name, text", FORGERIES)
def test_no_name_passes_for_what_the_responder_says_of_a_known_user(
        alice, bob, mallory, responder, name, text):
    """That somebody is verified, or at an address, is for the responder to say, not for a name."""
    def shown_line():
        return responder.wait_for(r"^\d\d:\d\d:\d\d (.*: at one\?)$")[1]

    def shown_lines(who, what):
        who.say(alice.address, what)
        plain = shown_line()
        who.say_securely(alice.address, alice.identity().public, what)
        return {plain, shown_line()}

    bobs_peer = alice.peers()[BOB]
    honest = set()
    for members in ({}, {"verified": True}):
        alice.pin(Bob={**alice.known()["Bob"], **members})
        for others in ({}, {OTHERS[1]: peer("Bob")}):
            alice.write_peers({BOB: bobs_peer, **others})
            honest |= shown_lines(Stranger(BOB, identity=bob.identity()), "lunch: at one?")
    assert len(honest) == 5
    alice.write_peers({BOB: bobs_peer})
    announces(alice, mallory, name)
    assert not honest & shown_lines(mallory, text)


@pytest.mark.parametrize("name", ["Bob (Online)  127.0.0.3  verified", "Bob (Online) 127.0.0.3",
                                  "Bob  verified", "Bob (127.0.0.3)  verified"])
def test_no_name_passes_for_a_line_of_the_initiator(alice, mallory, known, name):
    announces(alice, mallory, name)
    initiator = alice.initiator()
    initiator.ask(f"Chat {mallory.address}", SECURE_OR_NOT)
    heading = initiator.ask("unsecure", r"^To .*$")[0]
    assert heading.endswith(f" ({mallory.address})")
    shown = initiator.menu("") + initiator.menu("Users")
    assert "  verified" not in shown
    assert not re.search(rf"\(Online\)  {re.escape(BOB)}.*\(Online\)", shown)


def test_no_name_passes_for_another_line_of_the_history(alice):
    alice.write_log(log_entry("lunch (127.0.0.4) [plain]: at one?", mode="secure"),
                    log_entry("at one?", "Bob (127.0.0.3) [secure]: lunch", ip=OTHERS[0]))
    honest, forged = re.findall("^.*at one.*$", alice.initiator().menu("History"), re.MULTILINE)
    assert honest != forged


def test_names_show_what_nobody_would_see(alice, mallory, responder):
    announces(alice, mallory, "Bob\u00a0\u200d")
    mallory.say(alice.address, "hello")
    responder.wait_for(r" \[lookalike\] Bob<U\+00A0><U\+200D> \(127\.0\.0\.4\): hello$")
    assert "Bob<U+00A0><U+200D> (Online)" in alice.initiator().menu("Users")


# Users who take another name.


def test_a_known_user_who_takes_another_name_keeps_the_known_one_here(
        alice, bob, mallory, responder):
    alice.write_peers({BOB: peer("Robert", identity=bob.identity().text)})
    Stranger(BOB, identity=bob.identity()).say_securely(alice.address, alice.identity().public,
                                                        "it is me")
    responder.wait_for(r"\[secure\] Bob: it is me$")
    assert [entry["username"] for entry in alice.log()] == ["Bob"]
    assert list(alice.known()) == ["Bob"]
    initiator = alice.initiator()
    assert re.search(r"^Robert \(Online\)  127\.0\.0\.3  announces the identity you know as Bob$",
                     initiator.menu("Users"), re.MULTILINE)
    assert "announces the identity that you know as Bob" in ask_for(initiator, "Robert")


def test_a_known_user_is_known_whoever_copies_the_announcement(alice, bob, responder):
    """Mallory announces Bob's identity as hers, before and after Bob is there."""
    for peers in ({OTHERS[0]: peer("Mallory", identity=bob.identity().text)},
                  {OTHERS[0]: peer("Mallory", identity=bob.identity().text),
                   BOB: peer("Bob", identity=bob.identity().text)}, {}):
        alice.write_peers(peers)
        text = f"one of {len(peers)}"
        Stranger(BOB, identity=bob.identity()).say_securely(
            alice.address, alice.identity().public, text)
        responder.wait_for(rf"\[secure\] Bob: {text}$")


def test_who_writes_to_the_new_name_knows_both(alice, bob, known):
    bob.is_called("Robert")
    bob.responder()
    alice.write_peers({BOB: peer("Robert", identity=bob.identity().text)})
    initiator = alice.initiator()
    say_securely(initiator, "Robert", "hello Robert")
    assert {name: entry["identity"] for name, entry in alice.known().items()} == \
        dict.fromkeys(["Bob", "Robert"], bob.identity().text)


def test_a_message_in_the_clear_under_a_known_name_is_marked(alice, bob, responder):
    """From the very address where Bob was proven; he could have proven who he is."""
    stranger = Stranger(BOB)
    stranger.say(alice.address, "trust me")
    responder.wait_for(r"\[plain\] \[unproven\] Bob \(127\.0\.0\.3\): trust me$")
    stranger.say_hello_classically(alice.address)
    responder.wait_for(r"\[classic\] \[unproven\] Bob \(127\.0\.0\.3\): hello$")


def test_a_classic_message_from_who_announces_an_identity_is_marked(alice, mallory, responder):
    """A small key where a large one was to be expected; a name that nobody is known by."""
    announces(alice, mallory, "Ece")
    mallory.say_hello_classically(alice.address)
    responder.wait_for(r"\[classic\] \[unproven\] Ece \(127\.0\.0\.4\): hello$")
    announces(alice, mallory, "Ece", identity=False)
    mallory.say_hello_classically(alice.address)
    responder.wait_for(r"\[classic\] Ece: hello$")
    mallory.say(alice.address, "plain")
    responder.wait_for(r"\[plain\] Ece: plain$")
