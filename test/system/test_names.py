"""Names: several users with one, names that look alike, and users who take another one."""

import re

import pytest

from network import Stranger
from protocol import Identity, ResponderSide, fingerprint
from quartet import (MENU, chat_secure, eventually, log_entry, peer, pin, say_securely,
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
    stranger.username = name
    members = {"identity": stranger.identity.text} if identity else {}
    alice.write_peers({**alice.peers(), stranger.address: peer(name, **members)})


def ask_for(initiator, name):
    """What is shown between naming somebody for a chat and the next question."""
    shown = initiator.ask(f"Chat {name}", rf"(?s).*?({SECURE_OR_NOT}|Number or address: |{MENU})")[0]
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
    assert len(re.findall("  changed: " if others else "  missing: ", shown)) == 2


def test_a_shared_name_in_another_case_means_the_known_user(alice, bob, known):
    alice.write_peers({**alice.peers(), OTHERS[0]: peer("BOB", identity=Identity().text)})
    initiator = alice.initiator()
    assert "Address" not in ask_for(initiator, "bob")
    initiator.ask("unsecure", r"^To Bob \(127\.0\.0\.3\)$")
    initiator.wait_for("Message: ")


@pytest.mark.parametrize("answer", ["2", OTHERS[1]])
def test_a_shared_name_of_which_none_is_known_is_asked_about(alice, answer):
    alice.write_peers({address: peer("Bob", 0.1 * number)
                       for number, address in enumerate(OTHERS)})
    initiator = alice.initiator(terminal=True)
    initiator.ask("Chat Bob", "Several may be meant:\n(?s:.*)Number or address: ")
    for wrong in ("3", "0", "127.0.0.9", "Bob"):
        initiator.ask(wrong, "none of these(?s:.*)Number or address: ")
    initiator.ask(answer, SECURE_OR_NOT)
    initiator.ask("unsecure", rf"^To Bob \({OTHERS[1]}\)$")


def test_a_name_in_another_case_that_two_known_users_have_is_asked_about(alice, bob, known):
    """Who took a name that differs from Bob's in case alone does not get what is meant for Bob."""
    other = Identity()
    alice.pin(BOB=pin(other.text, address=OTHERS[0]))
    alice.write_peers({**alice.peers(), OTHERS[0]: peer("BOB", identity=other.text)})
    assert ask_for(alice.initiator(terminal=True), "bob").endswith("address:")


def test_the_name_of_a_known_user_who_is_absent_means_nobody_else(alice, bob, known):
    """Bob has not been heard lately; somebody called BOB has, and so has a Bob without identity."""
    bob.responder()
    alice.write_peers({OTHERS[0]: peer("BOB", identity=Identity().text), OTHERS[1]: peer("Bob")})
    for name in ("Bob", "bob"):
        say_securely(alice.initiator(), name, f"to {name}")
    assert bob.logged_texts() == ["to Bob", "to bob"]


def test_who_is_known_and_was_never_found_is_nowhere(alice):
    alice.pin(Bob=pin(Identity().text))
    assert "Nobody knows where to find Bob, who was not heard" in \
        alice.initiator(terminal=True).menu("Chat Bob")


@pytest.mark.parametrize("name, typed", [("Ömer", "ömer"), ("Ömer", "O\u0308MER"), ("Ömer", "ö"),
                                         ("Straße", "STRASSE"), ("Ece", "e"), ("Can", "CA")])
def test_a_name_is_found_regardless_of_case_and_by_its_beginning(alice, name, typed):
    alice.knows(**{name: BOB, "Zoe": OTHERS[0]})
    initiator = alice.initiator()
    initiator.ask(f"Chat {typed}", SECURE_OR_NOT)
    initiator.ask("unsecure", rf"^To {name} \(127\.0\.0\.3\)$")


def test_a_beginning_of_several_names_is_asked_about(alice):
    alice.knows(Canan=BOB, Canberk=OTHERS[0], Ece=OTHERS[1])
    shown = ask_for(alice.initiator(terminal=True), "can")
    assert shown.endswith("address:") and "Canan" in shown and "Canberk" in shown
    assert "Ece" not in shown


def test_a_number_means_whoever_had_it_in_the_list(alice):
    alice.knows(Bob=BOB, Can=OTHERS[0], Ece=OTHERS[1])
    initiator = alice.initiator(terminal=True)
    assert "The last list of Users has no number 2" in initiator.menu("Chat 2")
    assert f" 2  Can (Online)  {OTHERS[0]}" in initiator.menu("Users")
    alice.knows(Alice="127.0.0.8", Ece=OTHERS[1])
    initiator.ask("Chat 2", SECURE_OR_NOT)
    initiator.ask("unsecure", rf"To Can \({OTHERS[0]}\)")
    initiator.wait_for("Message: ")
    initiator.menu("")
    assert "The last list of Users has no number 4" in initiator.menu("Chat 4")


@pytest.mark.parametrize("way", ["unsecure", "secure"])
def test_an_address_that_never_announced_can_be_written_to(alice, bob, way):
    """Its user can see who wrote, and answer unknown (192.168.1.20)."""
    responder = bob.responder()
    alice.write_peers({})
    initiator = alice.initiator()
    initiator.ask(f"Chat {BOB}", SECURE_OR_NOT)
    if way == "secure":
        initiator.ask("secure", "(?s)at most eighteen keys.*Number: ")
        initiator.ask("7", rf"^To unknown \({BOB}\)  classic")
    else:
        initiator.ask("unsecure", rf"^To unknown \({BOB}\)$")
    initiator.wait_for("Message: ")
    initiator.ask("hello", "(?i)sent to unknown")
    responder.wait_for(r"\[(plain|classic)\] unknown \(127\.0\.0\.2\): hello$")
    assert [entry["username"] for entry in alice.log()] == ["unknown"]


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
    initiator = alice.initiator(terminal=True)
    initiator.ask("Trust Bob", "Number or address: ")
    initiator.ask(OTHERS[1], r"Accept, yes or no\? ")
    initiator.menu("yes")
    assert alice.known()["Bob"]["identity"] == identities[1].text


def test_claims_of_one_address_stand_side_by_side(alice, bob, known):
    """Can, whom Bob's machine is shared with, is there too; who only takes Bob's name there is not."""
    can = Identity().text
    alice.write_peers({BOB: peer("Bob", identity=bob.identity().text,
                                 also=[peer("Can", identity=can), peer("Bob")])})
    initiator = alice.initiator()
    lines = re.findall(rf"^ *\d  .* {BOB}.*$", initiator.menu("Users"), re.MULTILINE)
    assert [line.split("  ", 1)[1] for line in lines] == [
        f"Bob (Online)  {BOB}", f"Can (Online)  {BOB}  [same address]"]
    initiator.ask("Chat 2", SECURE_OR_NOT)
    initiator.ask("unsecure", rf"^To Can \({BOB}\)$")
    initiator.wait_for("Message: ")
    initiator.menu("")
    initiator.ask(f"Chat {BOB}", SECURE_OR_NOT)
    initiator.ask("unsecure", rf"^To Bob \({BOB}\)$")


# Names that look alike.


@pytest.mark.parametrize("name", LOOKALIKES)
def test_a_name_that_looks_like_a_known_one_is_pointed_out(alice, mallory, responder, name):
    announces(alice, mallory, name)
    initiator = alice.initiator()
    assert re.search(rf" {mallory.address}  lookalike: somebody else than Bob$",
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
    responder.wait_for(rf"\[plain\] \[unproven\] {name} \(127\.0\.0\.4\): hello$")
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
    assert "lookalike: somebody else than Bob" in alice.initiator().menu("Users")


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
        for heard, standing in (({}, "unknown"), ({BOB: peer("Bob")}, "changed"), ({BOB: bobs_peer}, "unproven")):
            alice.write_peers(heard)

            def is_read_again():
                lines = shown_lines(Stranger(BOB, identity=bob.identity()), "lunch: at one?")
                honest.update(lines)
                return any(standing in line for line in lines)

            # Not each time if reading takes long.
            eventually(is_read_again)
    assert len(honest) == 5
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
    assert re.search(r"^ *\d+  Robert \(Online\)  127\.0\.0\.3  known as Bob$",
                     initiator.menu("Users"), re.MULTILINE)
    assert "Note: Bob (127.0.0.3) announces the name Robert." in ask_for(initiator, "Robert")


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


def test_who_writes_to_the_new_name_writes_to_whom_they_know(alice, bob, known):
    bob.is_called("Robert")
    bob.responder()
    alice.write_peers({BOB: peer("Robert", identity=bob.identity().text)})
    before = alice.known()
    initiator = alice.initiator()
    initiator.ask("Chat Robert", SECURE_OR_NOT)
    for answer, question in [("secure", "Number: "), ("7", r"^To Bob \(127\.0\.0\.3\)$"),
                             ("hello Robert", "Delivered to Bob")]:
        initiator.ask(answer, question)
    initiator.wait_for(MENU)
    assert alice.known() == before


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
