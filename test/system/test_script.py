"""Commands as arguments: what scripts see of the initiator."""

import json
import os
import re
import signal
import subprocess

import pytest

from protocol import Identity, fingerprint, to_base64
from quartet import BIN, base_environment, eventually, log_entry, numbered, offer_entry, peer, pin

BOB = "127.0.0.3"
ELSEWHERE = "127.0.0.4"


def objects(program):
    """What a program wrote with -j: each line an object, and no character that a terminal obeys."""
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e\u2028]", program.output)
    return [json.loads(line) for line in program.lines]


def run(user, *arguments, status=0, text=""):
    """Runs a command; what fails says why on standard error, and what does not says nothing there."""
    program = user.run("initiator", *arguments, status=status, text=text)
    if status == 0:
        assert program.errors == ""
    else:
        assert program.errors.endswith("\n") and program.output == ""
    return program


@pytest.fixture
def crowd(alice, bob):
    """Alice has heard several, and knows Bob and Can."""
    alice.is_called("Alice")
    alice.write_peers({
        alice.address: peer("Alice", identity=alice.identity().text),
        BOB: peer("Bob", identity=bob.identity().text),
        "127.0.0.5": peer("Ece", 100),
        "127.0.0.6": peer("42"),
        "127.0.0.7": peer("bobby"),
    })
    alice.pin(Bob=pin(bob.identity().text, address=BOB, verified=True), Can=pin(Identity().text))


@pytest.fixture
def rival(alice, known):
    """Somebody else announces the name of Bob, whom Alice knows, from another address."""
    identity = Identity()
    alice.update_peers_file(lambda content: content["peers"].update(
        {ELSEWHERE: peer("Bob", identity=identity.text)}))
    return identity


# What is wrong on the command line.


@pytest.mark.parametrize("arguments", [
    ["user"], ["Users"], [""], ["users", "-x"], ["users", "Bob", "Ece"], ["users", "Bob", "-j"],
    ["users", "--json"], ["fingerprint"], ["fingerprint", "-j", "Bob"], ["fingerprint", "Bob", "Ece"],
    ["verify", "Bob"], ["verify", "Bob", "12345"], ["verify", "Bob", "1" * 59], ["verify", "Bob", "x" * 60],
    ["verify", "Bob", "1" * 60, "1"], ["trust"], ["trust", "Bob", "Ece"], ["distrust"],
    ["distrust", "Bob", "Ece"], ["history", "-n"], ["history", "-n", "0", "Bob"], ["history", "-n", "x"],
    ["history", "-n", "-1"], ["history", "-n", "1x"], ["history", "-n", "10000001"], ["history", "Bob", "5"],
    ["search"], ["search", "-f", "Bob"], ["search", "-f"], ["search", *"abcdefghijklmnopq"],
    ["send"], ["send", "Bob", "a", "b"], ["send", "-m", "best", "Bob", "a"], ["send", "-w", "0", "Bob", "a"],
    ["send", "-w", "1h", "Bob", "a"], ["send", "-m"], ["send", "-j", "Bob"], ["deliver", "Bob"], ["deliver", "-j"],
    ["watch", "Bob", "Ece"], ["watch", "-n", "5"],
])
def test_a_command_that_cannot_be_meant_ends_with_status_2(alice, arguments):
    program = run(alice, *arguments, status=2)
    assert program.errors.startswith("initiator: ")
    assert not alice.path("identity.key").exists()


@pytest.mark.parametrize("arguments, named", [
    (["--foo"], "--foo"), (["-j", "--json"], "--json"), (["--x\x1b"], "--x<U+001B>"), (["-x"], "-x"), (["-jx"], "-x"),
])
def test_an_option_that_there_is_not_is_named(alice, arguments, named):
    assert f'there is no option "{named}"' in run(alice, "users", *arguments, status=2).errors


# Users.


def test_users_are_lines_for_people_to_read(alice, crowd):
    assert [line.split("  ")[0] for line in run(alice, "users").lines] == [
        "42 (Online)", "Alice (Online)", "Bob (Online)", "bobby (Online)", "Ece (Away)"]
    assert run(alice, "users", "bob").output == "Bob (Online)  127.0.0.3  verified\n"


def test_users_are_objects_for_programs_to_read(alice, bob, crowd):
    before = alice.peers()
    assert {found["ip"]: found for found in objects(run(alice, "users", "-j"))} == {
        address: {"username": entry["username"], "ip": address,
                  "status": "away" if entry["username"] == "Ece" else "online",
                  "last_seen": entry["last_seen"],
                  "standing": "verified" if address == BOB else "unknown",
                  **({"identity": entry["identity"]} if "identity" in entry else {}),
                  **({"self": True} if entry["username"] == "Alice" else {})}
        for address, entry in before.items()}
    [found] = objects(run(alice, "users", "-j", "Bob"))
    assert list(found) == ["username", "ip", "status", "last_seen", "standing", "identity"]
    assert found["identity"] == bob.identity().text


@pytest.mark.parametrize("name, found", [
    ("Bob", ["Bob"]), ("BOB", ["Bob"]), (BOB, ["Bob"]), ("42", ["42"]), ("--", ["42", "Alice", "Bob", "bobby", "Ece"])])
def test_users_finds_whole_names_and_addresses(alice, crowd, name, found):
    assert [entry["username"] for entry in objects(run(alice, "users", "-j", name))] == found


@pytest.mark.parametrize("name", ["Bo", "1", ""])
@pytest.mark.parametrize("command", ["users", "fingerprint", "trust", "distrust"])
def test_a_beginning_and_a_number_mean_nobody(alice, crowd, command, name):
    run(alice, command, name, status=3)


@pytest.mark.parametrize("name", ["Can", "127.0.0.9"])
def test_who_is_not_heard_is_not_found(alice, crowd, name):
    """Can is known, and away for long."""
    run(alice, "users", name, status=3)


def test_who_is_known_under_another_name_is_found_by_both(alice, known, bob):
    alice.write_peers({BOB: peer("Rob", identity=bob.identity().text)})
    assert run(alice, "users", "Bob").output == run(alice, "users", "Rob").output


def test_nobody_there_is_no_failure(alice):
    assert run(alice, "users").output == run(alice, "users", "-j").output == ""


def test_what_others_choose_reaches_no_terminal_as_it_is(alice):
    name = "B\u202eo\u2028b \U000e0041x\"\\"
    alice.write_peers({BOB: peer(name)})
    program = run(alice, "users", "-j")
    [found] = objects(program)
    assert found["username"] == name
    assert r"\u202e" in program.output and r"\udb40\udc41" in program.output


def test_a_dictionary_that_cannot_be_read_fails(alice):
    alice.path("peers.txt").write_bytes(b"{}\n")
    alice.path("peers.txt").chmod(0o666)
    run(alice, "users", status=1)


def test_output_that_is_lost_is_a_failure(alice, crowd):
    with open("/dev/full", "wb") as full:
        done = subprocess.run([BIN / "initiator", "users", "-j"], cwd=alice.directory, stdout=full,
                              env=base_environment(), check=False)
    assert done.returncode == 1


# Fingerprints.


def digits_of(user, other):
    return fingerprint(user.identity().public, other.public)


def half_of(other):
    return " ".join(fingerprint(other.public, other.public).split()[:6])


@pytest.mark.parametrize("name", ["Bob", "bob", BOB])
def test_a_fingerprint_is_a_line_of_digits(alice, bob, crowd, name):
    assert run(alice, "fingerprint", name).output == digits_of(alice, bob.identity()) + "\n"


@pytest.mark.parametrize("spaces", [True, False])
@pytest.mark.parametrize("which", [digits_of, lambda user, other: half_of(other)], ids=["all", "half"])
def test_the_right_digits_verify(alice, bob, known, which, spaces):
    digits = which(alice, bob.identity())
    program = run(alice, "verify", "Bob", digits if spaces else digits.replace(" ", ""))
    assert program.output == "" and alice.known()["Bob"]["verified"]


def test_digits_make_somebody_known_who_was_not(alice, bob):
    """Who compares does not have to write first."""
    alice.write_peers({BOB: peer("Bob", identity=bob.identity().text)})
    run(alice, "verify", "Bob", half_of(bob.identity()))
    assert alice.known()["Bob"]["identity"] == bob.identity().text and alice.known()["Bob"]["verified"]


@pytest.mark.parametrize("which", ["own half", "another", "one digit"])
def test_other_digits_do_not(alice, bob, known, which):
    digits = {"own half": half_of(alice.identity()), "another": digits_of(alice, Identity()),
              "one digit": digits_of(alice, bob.identity())}[which]
    if which == "one digit":
        digits = digits[:-1] + str((int(digits[-1]) + 1) % 10)
    run(alice, "verify", "Bob", digits, status=1)
    assert "verified" not in alice.known()["Bob"]


def test_there_is_nothing_to_compare_without_another_identity(alice, crowd):
    run(alice, "fingerprint", "Ece", status=1)
    run(alice, "fingerprint", "Alice", status=1)
    run(alice, "verify", "Ece", "1" * 60, status=1)


@pytest.mark.parametrize("command", [["fingerprint", ELSEWHERE], ["verify", ELSEWHERE, "1" * 60]])
def test_who_only_uses_a_known_name_is_not_compared(alice, rival, command):
    run(alice, *command, status=6)
    assert "verified" not in alice.known()["Bob"]


# Trust.


@pytest.mark.parametrize("name", ["Bob", ELSEWHERE])
def test_trust_takes_the_other_identity_without_a_question(alice, rival, name):
    assert run(alice, "trust", name).output == ""
    assert alice.known()["Bob"]["identity"] == rival.text


def test_trust_does_not_choose_between_several(alice, rival, bob):
    alice.update_peers_file(lambda content: content["peers"].update(
        {"127.0.0.8": peer("Bob", identity=Identity().text)}))
    program = run(alice, "trust", "Bob", status=3)
    assert ELSEWHERE in program.errors and "127.0.0.8" in program.errors
    assert alice.known()["Bob"]["identity"] == bob.identity().text


def test_trust_has_nothing_to_accept_from_who_is_known(alice, known):
    run(alice, "trust", "Bob", status=3)
    run(alice, "trust", "Ece", status=3)


def test_distrust_forgets_without_a_question(alice, known):
    assert run(alice, "distrust", "Bob").output == ""
    assert alice.known() == {}
    run(alice, "distrust", "Bob", status=1)


def test_a_command_reads_no_input(alice, known):
    """In a loop of a shell, it would eat what is meant for the loop."""
    run(alice, "distrust", "Bob", text="no\n")
    assert alice.known() == {}


# History.


def own(text, direction, number, **members):
    """A line about a message of Alice's to Bob, told by its number."""
    return log_entry(text, "Bob", direction, BOB, "secure", id=to_base64(bytes([number]) * 16),
                     identity=to_base64(bytes(32)), **members)


def state(word, number, **members):
    return {"time": "2026-11-20T08:00:01.000Z", "id": to_base64(bytes([number]) * 16), "state": word,
            "username": "Bob", "identity": to_base64(bytes(32)), **members}


@pytest.fixture
def said(alice):
    """A log in which something has become of everything."""
    alice.write_log(
        log_entry("plain"), own("delivered", "QUEUED", 1), own("delivered", "SENT", 1), state("delivered", 1),
        own("dropped", "QUEUED", 2), state("dropped", 2, why="Bob has refused it"),
        own("once", "QUEUED", 3, once=True), own("sent", "QUEUED", 4), own("sent", "SENT", 4),
        own("held", "RECEIVED", 5, held=True), own("accepted", "RECEIVED", 6, held=True),
        state("accepted", 6), own("rejected", "RECEIVED", 7, held=True), state("rejected", 7),
        {"time": "2026-11-20T08:00:01.000Z", "settled": 0}, own("waiting", "QUEUED", 8),
        log_entry("ours", "Can", "SENT", "127.0.0.4"))


def test_history_is_an_object_a_message_with_what_has_become_of_it(alice, said):
    found = objects(run(alice, "history", "-j"))
    assert [(entry["text"], entry.get("state")) for entry in found] == [
        ("plain", None), ("delivered", "delivered"), ("dropped", "dropped"), ("once", "unknown"), ("sent", "sent"),
        ("accepted", "accepted"), ("waiting", "waiting"), ("ours", None)]
    assert found[0] == log_entry("plain")
    assert found[1] == {**own("delivered", "SENT", 1), "state": "delivered"}
    assert list(found[1]) == ["time", "direction", "username", "ip", "mode", "id", "identity", "text", "state"]


def test_history_is_lines_for_people_to_read(alice, said):
    assert [re.sub("^.* {2,}", "", line) for line in run(alice, "history", "-n", "5").lines] == [
        "Bob (127.0.0.3) [secure] [may not have been sent]: once", "Bob (127.0.0.3) [secure]: sent",
        "Bob (127.0.0.3) [secure]: accepted", "Bob (127.0.0.3) [secure] [waiting]: waiting",
        "Can (127.0.0.4) [plain]: ours"]
    assert "[secure] \u2713: delivered\n" in run(alice, "history").output


def texts(program):
    return [entry["text"] for entry in objects(program)]


@pytest.mark.parametrize("arguments, expected", [
    (["-n", "2"], ["waiting", "ours"]), (["-n", "1", "bob"], ["waiting"]), (["can"], ["ours"]),
    (["127.0.0.4"], ["ours"]), (["127.0.0.9"], []), (["-n", "10000000", "Can"], ["ours"]),
])
def test_history_of_so_many_with_whom(alice, said, arguments, expected):
    assert texts(run(alice, "history", "-j", *arguments)) == expected


@pytest.mark.parametrize("name", ["RECEIVED", "QUEUED", "delivered", "direction"])
def test_history_is_not_confused_by_a_user_with_a_word_of_the_log_for_a_name(alice, name):
    alice.write_log(*[{**entry, "username": name} for entry in
                      (own("hello", "QUEUED", 1), own("hello", "SENT", 1), state("delivered", 1))])
    for arguments in ([], ["-n", "5"]):
        found = objects(run(alice, "history", "-j", *arguments))
        assert [(entry["text"], entry["state"]) for entry in found] == [("hello", "delivered")]


def test_history_without_a_log_is_empty(alice):
    assert run(alice, "history").output == run(alice, "history", "-j", "-n", "3").output == ""


def test_history_with_nobody(alice, said, crowd):
    for name in ("Bo", "1", "Mallory"):
        run(alice, "history", name, status=3)
    run(alice, "history", "Ece")


def test_history_goes_by_the_identity_where_the_log_has_it(alice, bob, known):
    """What Bob wrote when he was called otherwise is his."""
    identity = bob.identity().text
    alice.write_log(log_entry("earlier", "Rob", ip=ELSEWHERE, mode="secure", identity=identity),
                    log_entry("other", "Mallory", mode="secure", identity=Identity().text),
                    log_entry("plain", "Bob"))
    assert texts(run(alice, "history", "-j", "Bob")) == ["earlier", "plain"]


@pytest.mark.parametrize("text", ["two\nlines", "a\ttab", "\u2028 \x7f \x85 \u202e \U000e0041", "\x01", '"\\', "\u00e9\U0001f600"])
def test_history_gives_any_text_back(alice, text):
    alice.write_log(json.dumps(log_entry(text), ensure_ascii=False).encode() + b"\n")
    assert texts(run(alice, "history", "-j")) == [text]


def test_history_of_a_log_that_cannot_be_read_fails(alice, said):
    alice.path("chat.log").chmod(0o666)
    run(alice, "history", status=1)


# Watch.


def watching(user, *arguments):
    """Starts to watch, and waits until what is appended is seen."""
    program = user.start("initiator", "watch", *arguments, ready=False)

    def is_seen():
        user.write_log(log_entry("probe"))
        return "probe" in program.output

    eventually(is_seen)
    return program


def seen(program, last):
    """What it has written, once that includes a text: the lines without the probes."""
    program.wait_for(last)
    return [line for line in program.output.splitlines() if "probe" not in line]


def test_watch_shows_each_line_as_it_is_appended(alice):
    alice.write_log(log_entry("before"))
    program = watching(alice, "-j")
    entries = [log_entry("hello\n\x1b[31m"), own("secret", "QUEUED", 1), own("secret", "SENT", 1), state("delivered", 1),
               {"time": "2026-11-20T08:00:01.000Z", "settled": 0}, {"later": "kind"}, log_entry("last")]
    alice.write_log(*entries[:3], b"no JSON\n", b"[]\n", *entries[3:])
    assert [json.loads(line) for line in seen(program, "last")] == entries
    assert "\x1b" not in program.output
    program.stop()


def test_watch_shows_messages_for_people_to_read(alice):
    program = watching(alice)
    alice.write_log(log_entry("hello"), own("secret", "QUEUED", 1), own("secret", "SENT", 1), state("delivered", 1),
                    own("held", "RECEIVED", 2, held=True), log_entry("last"))
    assert [line.rpartition(": ")[2] for line in seen(program, "last")] == ["hello", "secret", "last"]
    program.stop()


def test_watch_of_one_user(alice):
    program = watching(alice, "-j", "bob")
    alice.write_log(log_entry("other", "Can"), state("delivered", 1, username="Can"), log_entry("hello"),
                    {"time": "2026-11-20T08:00:01.000Z", "settled": 0}, state("delivered", 1), log_entry("last"))
    assert [json.loads(line).get("text") for line in seen(program, "last")] == ["hello", None, "last"]
    program.stop(signal.SIGINT)


def test_watch_goes_on_when_the_log_is_moved_away(alice):
    program = watching(alice, "-j")
    alice.path("chat.log").rename(alice.path("old.log"))
    alice.write_log(log_entry("last"))
    alice.path("chat.log").chmod(0o600)
    assert len(seen(program, "last")) == 1
    program.stop()


def test_watch_ends_when_nobody_reads(alice):
    reading, writing = os.pipe()
    process = subprocess.Popen([BIN / "initiator", "watch"], cwd=alice.directory, stdout=writing,
                               env=base_environment())
    os.close(writing)
    os.close(reading)

    def has_ended():
        alice.write_log(log_entry("hello"))
        return process.poll() is not None

    eventually(has_ended)
    assert process.returncode == 1


# Search.


@pytest.mark.parametrize("words, expected", [
    (["is"], ["The build is green", "is it?"]), (["IS", "it"], ["is it?"]), (["is green"], ["The build is green"]),
    (["\u00fc"], ["g\u00dcl"]), (["Bob"], []), (["tab\tand"], ["tab\tand"]), (["-f", "can", "is"], ["is it?"]),
    (["-f", "127.0.0.4", "is"], ["is it?"]), (["--", "-x"], ["-x"]), (["nothing"], []),
])
@pytest.mark.parametrize("escaped", [True, False])
def test_search_finds_words_anywhere_in_the_log(alice, words, expected, escaped):
    for entry in [log_entry("The build is green"), log_entry("is it?", "Can", ip="127.0.0.4"), log_entry("g\u00dcl"),
                  log_entry("tab\tand"), log_entry("-x"), log_entry("other")]:
        alice.write_log(json.dumps(entry, ensure_ascii=escaped).encode() + b"\n")
    assert texts(run(alice, "search", "-j", *words)) == expected
    assert [line.rpartition(": ")[2] for line in run(alice, "search", *words).lines] == \
        [text.replace("\t", "    ") for text in expected]


def test_search_shows_each_message_once(alice, said):
    found = objects(run(alice, "search", "-j", "e"))
    assert [(entry["text"], entry.get("state")) for entry in found] == [
        ("delivered", "delivered"), ("dropped", "dropped"), ("once", "unknown"), ("sent", "sent"),
        ("accepted", "accepted")]


def test_search_finds_the_newest(alice):
    alice.write_log(*[log_entry(f"message {number}") for number in range(300)])
    program = alice.run("initiator", "search", "-j", "message")
    assert texts(program) == [f"message {number}" for number in range(100, 300)]
    assert program.errors == "(the newest 200; more words find less)\n"


def test_search_for_what_is_no_text(alice, said):
    run(alice, "search", "", status=1)
    run(alice, "search", b"\xff", status=1)


def test_search_without_a_log_finds_nothing(alice):
    assert run(alice, "search", "x").output == ""


# Files that are offered.


def offer(name, number, direction="RECEIVED", **members):
    return offer_entry(name, 2_100_000, number, direction=direction, id=to_base64(bytes([number]) * 16),
                       identity=to_base64(bytes(32)), **members)


@pytest.fixture
def offered(alice):
    alice.write_log(offer("plan.pdf", 3), offer("cat.png", 4, "QUEUED"), offer("cat.png", 4, "SENT"),
                    numbered(state("fetched", 4), 4), offer("dog (1).png", 5, "QUEUED"),
                    offer("dog (1).png", 5, "SENT"), state("delivered", 5), offer("held.txt", 6, held=True),
                    log_entry("offers plan.pdf (2.1 MB): Get 3"))


OFFERED = ["Bob (127.0.0.3) [secure] offers plan.pdf (2.1 MB): Get 3",
           "Bob (127.0.0.3) [secure] offers cat.png (2.1 MB) \u2713 fetched",
           'Bob (127.0.0.3) [secure] offers "dog (1).png" (2.1 MB) \u2713',
           "Bob (127.0.0.3) [plain]: offers plan.pdf (2.1 MB): Get 3"]


def without_times(program):
    return [re.sub("^.* {2,}", "", line) for line in program.lines]


def test_history_has_offers_as_no_text_can_look(alice, offered):
    assert without_times(run(alice, "history")) == OFFERED
    found = objects(run(alice, "history", "-j"))
    assert [(entry["file"]["name"], entry["number"], entry.get("state")) for entry in found[:3]] == [
        ("plan.pdf", 3, None), ("cat.png", 4, "fetched"), ("dog (1).png", 5, "delivered")]


def test_search_finds_a_file_by_its_name(alice, offered):
    assert without_times(run(alice, "search", "PLAN")) == [OFFERED[0], OFFERED[3]]
    assert without_times(run(alice, "search", "1", "dog")) == [OFFERED[2]]
    assert run(alice, "search", "held").output == ""


def test_watch_shows_offers(alice):
    program = watching(alice)
    alice.write_log(offer("plan.pdf", 3), offer("cat.png", 4, "QUEUED"), offer("cat.png", 4, "SENT"),
                    numbered(state("fetched", 4), 4), log_entry("last"))
    assert [re.sub("^.* {2,}", "", line) for line in seen(program, "last")] == [
        OFFERED[0], "Bob (127.0.0.3) [secure] offers cat.png (2.1 MB)", "Bob (127.0.0.3) [plain]: last"]
    program.stop()
