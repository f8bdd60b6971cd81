"""Trust: whom the user knows, how that is learned, compared, shown and changed."""

import re
import time

import pytest

from network import Listener, Mouth, Stranger
from protocol import Identity, ResponderSide, fingerprint, to_base64
from quartet import (MENU, Desk, chat_secure, chat_unsecure, eventually, peer, pin, say_securely,
                     shown_fingerprints)

ALICE = "127.0.0.2"
BOB = "127.0.0.3"
ELSEWHERE = "127.0.0.4"
EVERYBODY = "127.255.255.255"
ACCEPT = r"Accept, yes or no\? "
FORGET = r"Forget that, yes or no\? "


@pytest.fixture
def ece():
    """Somebody who writes to Bob."""
    stranger = Stranger("127.0.0.9")
    stranger.username = "Ece"
    return stranger


@pytest.fixture
def responder(bob, ece):
    """Bob's responder; Bob has heard Ece announce herself."""
    bob.write_peers({ece.address: peer("Ece", identity=ece.identity.text)})
    return bob.responder()


@pytest.fixture
def announced(alice, known):
    """The identity that is announced under Bob's name now, which is not the one Alice knows."""
    identity = Identity()
    alice.write_peers({BOB: peer("Bob", identity=identity.text)})
    return identity


def users_line(user, address, initiator=None):
    """What Users shows of the peer at an address."""
    shown = (initiator or user.initiator()).menu("Users")
    [line] = re.findall(rf"^.* {re.escape(address)}\b.*$", shown, re.MULTILINE)
    return line


def own_fingerprint(user, public):
    """What a user and the holder of a public identity should see."""
    return fingerprint(user.identity().public, public)


# Pinning.


def test_a_delivered_message_makes_its_receiver_known(alice, bob):
    bob.is_called("Bob")
    bob.responder()
    alice.write_peers({BOB: peer("Bob", identity=bob.identity().text)})
    initiator = alice.initiator()
    before = int(time.time())
    assert "From now on this user, and nobody else, is Bob.\n" in say_securely(initiator, "Bob", "hello")
    known = alice.known()
    since = known["Bob"].pop("pinned")
    assert before <= since <= time.time() and isinstance(since, int)
    assert known == {"Bob": {"identity": bob.identity().text, "address": BOB}}
    content = alice.path("peers.txt").read_bytes()
    assert "Known" not in say_securely(initiator, "Bob", "again")
    assert alice.path("peers.txt").read_bytes() == content


def test_a_proven_message_makes_nobody_known(bob, responder, ece):
    """Only who was written to, and answered, is: anybody can write first, in any name."""
    for text in ("hello", "again"):
        ece.say_securely(BOB, bob.identity().public, text)
        responder.wait_for(rf"\[secure\] \[unknown\] Ece \(127\.0\.0\.9\): {text}$")
    assert bob.known() == {}
    assert bob.log()[-1]["standing"] == "unknown"


def test_a_message_does_not_take_the_name_of_somebody_absent(alice, bob, ece):
    """Mallory writes to Alice as Can, who is not here yet; then Can comes."""
    mallory = Stranger(ELSEWHERE)
    mallory.username = "Can"
    alice.write_peers({ELSEWHERE: peer("Can", identity=mallory.identity.text)})
    responder = alice.responder()
    mallory.say_securely(ALICE, alice.identity().public, "I am Can")
    responder.wait_for(r"\[secure\] \[unknown\] Can \(127\.0\.0\.4\): I am Can$")
    bob.is_called("Can")
    bob.responder()
    alice.write_peers({BOB: peer("Can", identity=bob.identity().text)})
    initiator = alice.initiator()
    assert "changed" not in initiator.menu("Users")
    say_securely(initiator, "Can", "is that you?")
    assert alice.known()["Can"]["identity"] == bob.identity().text


def test_announcements_and_messages_that_prove_nothing_make_nobody_known(alice, bob, ece):
    desks = Desk(alice, "Alice"), Desk(bob, "Bob")
    ece.announce("Ece", EVERYBODY, identity=ece.identity.text)
    for desk, other, address in [(desks[0], "Bob", BOB), (desks[1], "Alice", ALICE)]:
        desk.waits_for_identity(address)
        desk.waits_for_identity(ece.address)
        desk.says(other, "hello")
        ece.say(desk.user.address, "hello from Ece")
        desk.responder.wait_for(r"\[plain\] \[unproven\] Ece \(127\.0\.0\.9\): hello from Ece")
        ece.say_hello_classically(desk.user.address)
        desk.responder.wait_for(r"\[classic\] .*Ece.*: hello$")
        assert desk.user.known() == {}


def test_a_classic_chat_makes_nobody_known(alice, bob):
    bob.responder()
    alice.knows(Bob=BOB)
    initiator = alice.initiator()
    chat_secure(initiator, "Bob")
    initiator.wait_for("Message: ")
    initiator.ask("hello", "(?i)sent to Bob.*not confirmed")
    initiator.wait_for(MENU)
    assert alice.known() == {}


def test_a_message_without_a_receipt_makes_nobody_known(alice, bob):
    """Somebody who repeats Bob's announcement cannot confirm what is locked for Bob."""
    alice.write_peers({BOB: peer("Bob", identity=bob.identity().text)})
    initiator = alice.initiator()
    with Listener(BOB) as listener:
        chat_secure(initiator, "Bob")
        with listener.accept() as connection:
            side = ResponderSide(Identity())
            connection.send_object(side.answer(connection.receive_object()))
            initiator.wait_for("Message: ")
            initiator.send("hello")
            connection.receive_object()
            connection.send_object(side.receipt())
            initiator.wait_for("(?i)sent to Bob.*not confirmed")
    initiator.wait_for(MENU)
    assert alice.known() == {}


def test_a_wrong_proof_makes_nobody_known(bob, responder, ece):
    with pytest.raises(AssertionError):
        Stranger(ece.address).say_securely(BOB, bob.identity().public, "hello",
                                           identity=ece.identity.text)
    responder.wait_for("refused")
    assert bob.known() == {}


def test_what_is_known_is_kept_over_restarts(alice, bob, ece):
    desks = Desk(alice, "Alice"), Desk(bob, "Bob")
    for desk, address in zip(desks, [BOB, ALICE]):
        desk.waits_for_identity(address)
    desks[0].says_securely("Bob", "hello")
    desks[1].says_securely("Alice", "hello")
    before = [user.known() for user in (alice, bob)]
    assert [list(known) for known in before] == [["Bob"], ["Alice"]]
    for desk in desks:
        for program in (desk.discovery, desk.responder, desk.announcer, desk.initiator):
            program.stop()
    desks = Desk(alice, "Alice"), Desk(bob, "Bob")
    assert [user.known() for user in (alice, bob)] == before
    for desk, name in zip(desks, ["Bob", "Alice"]):
        ece.announce(name, EVERYBODY, identity=ece.identity.text)
        desk.sees(rf" {name} .* {ece.address}  changed: not the identity you know; see Trust$")


def test_a_changed_pin_counts_even_if_its_file_could_get_the_inode_of_the_one_before(
        bob, responder, ece):
    """File systems give a new file the inode of one that was replaced; the size may be the same, too."""
    bob.pin(Ece=pin(ece.identity.text))
    ece.say_securely(BOB, bob.identity().public, "one")
    responder.wait_for(r"\[secure\] Ece: one$")
    read = bob.path("peers.txt").stat().st_ino
    bob.pin(Ece=pin(Identity().text))
    for _ in range(8):
        if bob.path("peers.txt").stat().st_ino != read:
            bob.update_peers_file(lambda content: None)
    ece.say_securely(BOB, bob.identity().public, "two")
    responder.wait_for(r"\[changed\] Ece \(127\.0\.0\.9\): two$")


def test_what_is_known_outlives_what_discovery_and_the_announcer_write(alice, known):
    alice.pin(Ece=pin(Identity().text, verified=True, mood="fine"))
    before = alice.known()
    discovery = alice.discovery()
    alice.announcer("-u", "Alice", "-i", "1")
    eventually(lambda: ALICE in alice.peers())
    with Mouth(EVERYBODY) as mouth:
        for number in range(50):
            mouth.announce(f"127.1.0.{number + 1}", "Bob", identity=Identity().text)
            mouth.announce(BOB, "Bob")
    eventually(lambda: "127.1.0.50" in alice.peers())
    discovery.stop()
    assert alice.peers_file()["self"]["username"] == "Alice"
    assert alice.known() == before


def test_who_was_written_to_elsewhere_is_known_to_be_there(alice, bob, known):
    """Whoever is known may move."""
    bob.responder()
    pinned = pin(bob.identity().text, verified=True, mood="fine")
    alice.pin(Bob={**pinned, "address": ELSEWHERE})
    assert "Known" not in say_securely(alice.initiator(), "Bob", "hello")
    assert alice.known() == {"Bob": {**pinned, "address": BOB}}


def test_messages_change_nothing_of_what_is_known(bob, responder, ece):
    """Not even where it was proven: a proof can be passed on."""
    relay = Stranger(ELSEWHERE, identity=ece.identity)
    bob.pin(Ece=pin(ece.identity.text, address=ece.address))
    content = bob.path("peers.txt").read_bytes()
    relay.say_securely(BOB, bob.identity().public, "hello")
    responder.wait_for(r"\[secure\] Ece: hello$")
    assert bob.path("peers.txt").read_bytes() == content


# Changed identities.


def test_a_changed_identity_is_told_and_not_written_to(alice, bob, announced):
    """The name goes on to mean whom Alice knows, at the address where he was last."""
    bob.responder()
    initiator = alice.initiator()
    assert users_line(alice, BOB, initiator).endswith(
        "  changed: not the identity you know; see Trust")
    say_securely(initiator, "Bob", "hello")
    assert bob.logged_texts() == ["hello"]
    assert alice.known()["Bob"]["identity"] == bob.identity().text


def test_an_identity_that_is_gone_is_told_and_still_written_to(alice, bob, known):
    """There is no silent way back to the classic exchange."""
    bob.responder()
    alice.write_peers({BOB: peer("Bob")})
    initiator = alice.initiator()
    assert users_line(alice, BOB, initiator).endswith(
        "  missing: announces no identity; see Trust")
    say_securely(initiator, "Bob", "hello")
    assert bob.logged_texts() == ["hello"]
    assert {entry["mode"] for entry in alice.log() if "mode" in entry} == {"secure"}


@pytest.mark.parametrize("peers", [{}, {BOB: peer("Bob", identity=Identity().text)}])
def test_without_a_receipt_the_user_is_pointed_at_trust(alice, known, peers):
    alice.write_peers(peers)
    initiator = alice.initiator()
    with Listener(BOB) as listener:
        chat_secure(initiator, "Bob")
        with listener.accept() as connection:
            connection.send_object(ResponderSide(Identity()).answer(connection.receive_object()))
            initiator.wait_for("Message: ")
            initiator.send("hello")
            connection.receive_object()
        initiator.wait_for("not confirmed: .*; if Bob has a new identity: Trust Bob\\.$")


@pytest.mark.parametrize("peers", [
    {BOB: peer("Can"), ELSEWHERE: peer("Can", 300, identity=Identity().text)},
    {BOB: peer("Can"), ELSEWHERE: peer("CAN", identity=Identity().text, left=True)},
    {BOB: peer("Bob")},
])
def test_who_had_an_identity_gets_nothing_classic(alice, known, peers):
    """The announcement has just lost its identity, or there is another of that name without one."""
    alice.write_peers(peers)
    initiator = alice.initiator()
    with Listener(BOB) as listener:
        initiator.ask(f"Chat {BOB}", r"secure or unsecure\? ")
        refusal = initiator.menu("secure")
        assert "announces no identity" in refusal and "Nothing was sent" in refusal
        assert not listener.is_called()
    assert alice.log() == []


def test_an_unsecure_chat_with_a_changed_user_is_possible(alice, bob, announced):
    bob.responder()
    initiator = alice.initiator()
    initiator.ask(f"Chat {BOB}", r"^Changed: Bob \(127\.0\.0\.3\) announces another identity than "
                  r"the one you know since 2025-11-20\.$")
    initiator.ask("unsecure", "Message: ")
    initiator.ask("who are you?", "(?i)sent to Bob")
    eventually(lambda: bob.logged_texts() == ["who are you?"])


def test_an_address_means_who_is_there_and_another_of_that_name_is_pinned_beside(
        alice, bob, known):
    alice.pin(Bob=pin(Identity().text))
    bob.is_called("Bob")
    bob.responder()
    initiator = alice.initiator()
    initiator.ask(f"Chat {BOB}", "^Changed: Bob ")
    for answer, question in [("secure", "Number: "), ("7", "Message: "), ("hello", "Delivered to Bob")]:
        initiator.ask(answer, question)
    initiator.wait_for(r"nobody else, is Bob 2\.$")
    initiator.wait_for(MENU)
    assert alice.known()["Bob 2"]["identity"] == bob.identity().text
    assert users_line(alice, BOB, initiator).endswith("  known as Bob 2  somebody else than Bob")


# Trust.


def test_trust_shows_both_fingerprints_and_asks(alice, bob, announced):
    initiator = alice.initiator()
    initiator.ask("Trust Bob", r"^Changed: Bob \(127\.0\.0\.3\) announces another identity")
    shown = initiator.wait_for(f"(?s).*{ACCEPT}")[0]
    assert shown_fingerprints(shown) == [
        ("known", own_fingerprint(alice, bob.identity().public)),
        ("announced", own_fingerprint(alice, announced.public))]
    initiator.menu("no")


@pytest.mark.parametrize("answer", ["yes", "YES", "y", " Yes "])
def test_trust_replaces_the_identity_where_the_user_accepts(alice, announced, answer):
    alice.pin(Bob={**alice.known()["Bob"], "verified": True})
    before = int(time.time())
    initiator = alice.initiator()
    initiator.ask("Trust Bob", ACCEPT)
    assert "Accepted: Bob (127.0.0.3)" in initiator.menu(answer)
    assert before <= alice.known()["Bob"].pop("pinned") <= time.time()
    assert {**alice.known()["Bob"], "pinned": 0} == {"identity": announced.text, "pinned": 0}
    assert "changed" not in users_line(alice, BOB, initiator)


@pytest.mark.parametrize("answer", ["no", "n", "", " ", "yess", "yes please", "es", "ja", "\0",
                                    "y" * 5000, None])
def test_trust_changes_nothing_where_the_user_does_not_accept(alice, announced, answer):
    before = alice.known()
    initiator = alice.initiator()
    initiator.ask("Trust Bob", ACCEPT)
    if answer is None:
        initiator.end_input()
        initiator.wait(1)
    else:
        assert "Accepted" not in initiator.menu(answer)
    assert "Nothing was changed." in initiator.output
    assert alice.known() == before


def test_after_accepting_a_secure_chat_is_possible(alice, bob, known):
    """Bob has a new machine."""
    bob.path("identity.key").unlink()
    alice.write_peers({BOB: peer("Bob", identity=bob.identity().text)})
    bob.is_called("Bob")
    bob.responder()
    initiator = alice.initiator()
    initiator.ask("Trust bob", ACCEPT)
    initiator.menu("yes")
    say_securely(initiator, "Bob", "hello again")
    assert alice.known()["Bob"]["address"] == BOB
    eventually(lambda: bob.logged_texts() == ["hello again"])


def test_only_the_identity_that_was_shown_is_accepted(alice, announced):
    """Another is announced while the user compares."""
    initiator = alice.initiator()
    initiator.ask("Trust Bob", ACCEPT)
    alice.write_peers({BOB: peer("Bob", identity=Identity().text)})
    initiator.menu("yes")
    assert alice.known()["Bob"]["identity"] == announced.text
    assert "  changed" in users_line(alice, BOB, initiator)


@pytest.mark.parametrize("command, question", [("Trust", ACCEPT), ("Distrust", FORGET)])
def test_nothing_is_changed_where_another_program_changed_it_meanwhile(
        alice, announced, command, question):
    initiator = alice.initiator()
    initiator.ask(f"{command} Bob", question)
    alice.pin(Bob=pin(Identity().text, verified=True))
    before = alice.known()
    assert "has just been changed elsewhere" in initiator.menu("yes")
    assert alice.known() == before


def test_trust_forgets_an_identity_that_is_not_announced_any_more(alice, bob, known):
    alice.pin(Ece=pin(Identity().text))
    alice.write_peers({BOB: peer("Bob")})
    initiator = alice.initiator()
    initiator.ask("Trust Bob", r"announced: none$")
    initiator.wait_for(ACCEPT)
    assert own_fingerprint(alice, bob.identity().public) in dict(
        shown_fingerprints(initiator.output)).values()
    assert "Nothing was changed." in initiator.menu("no")
    assert set(alice.known()) == {"Bob", "Ece"}
    initiator.ask("Trust Bob", ACCEPT)
    assert "Accepted: Bob (127.0.0.3)" in initiator.menu("yes")
    assert set(alice.known()) == {"Ece"}
    assert "  changed" not in users_line(alice, BOB, initiator)


def test_trust_has_nothing_to_ask_where_nothing_has_changed(alice, known):
    alice.write_peers({**alice.peers(), ELSEWHERE: peer("Can", identity=Identity().text)})
    before = alice.known()
    initiator = alice.initiator(terminal=True)
    for name in ("Bob", "Can", "Nobody"):
        assert "Accept" not in initiator.menu(f"Trust {name}")
    assert alice.known() == before


@pytest.mark.parametrize("seconds_ago, members", [(60, {}), (1, {"left": True})])
def test_trust_does_not_tell_where_the_known_identity_was_announced(alice, bob, announced, seconds_ago, members):
    """A user with a new identity is most often where the old one was."""
    before = peer("Robert", seconds_ago, identity=bob.identity().text, **members)
    alice.write_peers({**alice.peers(), ELSEWHERE: before})
    initiator = alice.initiator()
    initiator.ask("Trust Bob", ACCEPT)
    assert "is announced at" not in initiator.output


def test_trust_tells_where_the_known_identity_is_announced(alice, bob, announced):
    alice.write_peers({**alice.peers(), ELSEWHERE: peer("Robert", identity=bob.identity().text)})
    initiator = alice.initiator()
    initiator.ask("Trust Bob", "The identity you know is announced at 127.0.0.4")
    initiator.ask("", "Nothing was changed")


# Distrust.


@pytest.mark.parametrize("peers", [{}, {BOB: peer("Bob")},
                                   {BOB: peer("Bob", identity=Identity().text)}])
def test_distrust_forgets_what_is_known_of_a_name(alice, bob, known, peers):
    """Whether or not anybody has it at the moment."""
    alice.pin(Ece=pin(Identity().text))
    alice.write_peers(peers)
    initiator = alice.initiator()
    shown = initiator.ask("Distrust Bob", rf"(?s).*{FORGET}")[0]
    assert shown_fingerprints(shown) == [
        ("known", own_fingerprint(alice, bob.identity().public))]
    assert "Forgotten" in initiator.menu("yes")
    assert alice.known().keys() == {"Ece"}
    assert "changed" not in initiator.menu("Users")


@pytest.mark.parametrize("answer", ["no", "", "yess", None])
def test_distrust_changes_nothing_where_the_user_does_not_agree(alice, known, answer):
    before = alice.known()
    initiator = alice.initiator()
    initiator.ask("Distrust Bob", FORGET)
    if answer is None:
        initiator.end_input()
        initiator.wait(1)
    else:
        initiator.menu(answer)
    assert "Nothing was changed." in initiator.output and "Forgotten" not in initiator.output
    assert alice.known() == before


def test_distrust_has_nothing_to_forget_of_a_stranger(alice, known):
    alice.write_peers({ELSEWHERE: peer("Can", identity=Identity().text)})
    initiator = alice.initiator(terminal=True)
    for name in ("Can", "Nobody"):
        assert "Forget that" not in initiator.menu(f"Distrust {name}")


# Fingerprints.


def test_the_fingerprint_is_the_same_on_both_machines(alice, bob):
    desks = Desk(alice, "Alice"), Desk(bob, "Bob")
    seen = []
    for desk, name, address in [(desks[0], "Bob", BOB), (desks[1], "Alice", ALICE)]:
        desk.waits_for_identity(address)
        shown = desk.initiator.menu(f"Fingerprint {name}")
        seen += [digits for _, digits in shown_fingerprints(shown)]
    assert seen == [own_fingerprint(alice, bob.identity().public)] * 2
    desks[0].says_securely("Bob", "hello")
    desks[1].says_securely("Alice", "hello")
    for desk, name in [(desks[0], "bob"), (desks[1], "alice")]:
        shown = desk.initiator.menu(f"Fingerprint {name}")
        seen += [digits for _, digits in shown_fingerprints(shown)]
    assert seen == seen[:1] * 4


def test_the_fingerprint_of_the_vectors(alice, vectors):
    ece, bob = (vectors["identities"][name] for name in ("Ece", "Bob"))
    alice.path("identity.key").touch(0o600)
    alice.path("identity.key").write_bytes(bytes.fromhex(ece["seed"]))
    alice.write_peers({BOB: peer("Bob", identity=bob["identity"])})
    shown = alice.initiator().menu("Fingerprint Bob")
    assert shown_fingerprints(shown) == [("announced", vectors["fingerprint"])]


@pytest.mark.parametrize("peers", [{}, {BOB: peer("Bob", 1000)}])
@pytest.mark.parametrize("name", ["Bob", "bob"])
def test_the_fingerprint_of_a_known_user_who_is_absent(alice, bob, known, peers, name):
    alice.write_peers(peers)
    shown = alice.initiator().menu(f"Fingerprint {name}")
    assert shown_fingerprints(shown) == [
        ("known", own_fingerprint(alice, bob.identity().public))]


def test_both_fingerprints_of_a_changed_user(alice, bob, announced):
    shown = alice.initiator().menu(f"Fingerprint {BOB}")
    assert shown_fingerprints(shown) == [
        ("known", own_fingerprint(alice, bob.identity().public)),
        ("announced", own_fingerprint(alice, announced.public))]


def test_nobody_compares_with_themselves(alice):
    alice.write_peers({ELSEWHERE: peer("Alice", identity=alice.identity().text)})
    shown = alice.initiator().menu("Fingerprint Alice")
    assert f"There is nothing to compare: Alice ({ELSEWHERE}) is you." in shown
    assert not shown_fingerprints(shown)


def test_without_an_identity_there_is_no_fingerprint(alice, known):
    alice.write_peers({ELSEWHERE: peer("Can")})
    initiator = alice.initiator()
    shown = initiator.menu("Fingerprint Can")
    assert "no identity" in shown and not shown_fingerprints(shown)
    assert not shown_fingerprints(initiator.menu("Fingerprint Nobody"))


# Verified.


def test_verified_is_shown_wherever_the_user_appears(alice, bob):
    desks = Desk(alice, "Alice"), Desk(bob, "Bob")
    desks[0].waits_for_identity(BOB)
    desks[1].waits_for_identity(ALICE)
    desks[0].says_securely("Bob", "one")
    desks[1].says_securely("Alice", "one")
    for desk, other in zip(desks, ["Bob", "Alice"]):
        assert "  verified" not in desk.initiator.menu("Users")
        assert f"Verified: {other}" in desk.initiator.menu(f"Verified {other}")
        desk.sees(rf"^ *\d+  {other} \(Online\) .*  verified$")
        assert desk.user.known()[other]["verified"] is True
    chat_secure(desks[0].initiator, "Bob")
    desks[0].initiator.wait_for(r"^To Bob \(127\.0\.0\.3\)  verified$")
    desks[0].initiator.ask("two", "Delivered to Bob")
    desks[1].responder.wait_for(r"\[secure\] \[verified\] Alice: two$")
    assert "verified" in desks[1].initiator.menu("Fingerprint Alice").split("Compare")[0]


def test_a_stranger_can_be_verified_once_the_fingerprint_was_shown(alice, bob):
    alice.write_peers({BOB: peer("Bob", identity=bob.identity().text),
                       ELSEWHERE: peer("Can", identity=Identity().text)})
    initiator = alice.initiator()
    initiator.menu("Fingerprint Can")
    assert "Not yet" in initiator.menu("Verified Bob")
    assert alice.known() == {}
    initiator.menu("Fingerprint Bob")
    assert "Verified: Bob" in initiator.menu("Verified Bob")
    assert alice.known()["Bob"].items() >= {"identity": bob.identity().text,
                                            "verified": True}.items()
    assert "  verified" in users_line(alice, BOB, initiator)


def test_only_the_identity_that_was_shown_is_verified(alice, bob):
    alice.write_peers({BOB: peer("Bob", identity=bob.identity().text)})
    initiator = alice.initiator()
    initiator.menu("Fingerprint Bob")
    alice.write_peers({BOB: peer("Bob", identity=Identity().text)})
    assert "Not yet" in initiator.menu("Verified Bob")
    assert alice.known() == {}


@pytest.mark.parametrize("identity", [None, Identity().text], ids=["none", "another"])
def test_a_changed_identity_cannot_be_verified(alice, known, identity):
    alice.write_peers({BOB: peer("Bob", **({"identity": identity} if identity else {}))})
    before = alice.known()
    initiator = alice.initiator()
    initiator.menu(f"Fingerprint {BOB}")
    assert "Nothing was changed" in initiator.menu(f"Verified {BOB}")
    assert alice.known() == before


def test_verified_is_lost_with_the_identity(alice, announced):
    alice.pin(Bob={**alice.known()["Bob"], "verified": True})
    initiator = alice.initiator()
    assert "  verified" not in users_line(alice, BOB, initiator)
    initiator.ask("Trust Bob", ACCEPT)
    initiator.menu("yes")
    assert "verified" not in alice.known()["Bob"]
    assert "  verified" not in users_line(alice, BOB, initiator)


def test_a_known_user_who_is_absent_can_be_verified(alice, known):
    alice.write_peers({})
    assert "Verified: Bob" in alice.initiator().menu("Verified Bob")
    assert alice.known()["Bob"]["verified"] is True
