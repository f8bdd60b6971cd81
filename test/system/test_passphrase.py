"""The passphrase of identity.key: asked for without echo, given by a descriptor, set, changed and removed."""

import re
import socket
import subprocess
import time

import pytest

from network import WAIT
from quartet import BIN, MENU, Desk, base_environment, eventually

PHRASE = "ağaç 7 beş"
OTHER = "battery staple"
HOLDERS = ["announcer", "initiator", "responder"]
RUNNING = {"announcer": "You are Ece", "initiator": MENU, "responder": "Listening for messages on"}
holder = pytest.mark.parametrize("name", HOLDERS)


def arguments(name):
    return ["-u", "Ece"] if name == "announcer" else []


def seal(user, phrase=PHRASE):
    """Sets a passphrase, by a pipe."""
    assert "is set" in user.run("initiator", text=f"Passphrase\n\n{phrase}\n{phrase}\n").output
    assert user.path("identity.key").read_bytes().startswith(b"quartet key 1\n")


def run_alone(user, name, *arguments):
    """Runs a program that has no terminal at all."""
    return subprocess.run([BIN / name, *arguments], cwd=user.directory, env=base_environment(), stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=WAIT, start_new_session=True, check=False)


def by_descriptor(user, name, phrase, **options):
    """Runs a program that reads the passphrase, and then its input, from standard input."""
    return user.run(name, *arguments(name), "--passphrase-fd", "0", text=f"{phrase}\n", **options)


@holder
def test_a_program_asks_for_the_passphrase_without_echo(someone, name):
    seal(someone)
    program = someone.start(name, *arguments(name), terminal=True, ready=False)
    program.wait_for("^Passphrase: ")
    program.send(PHRASE)
    program.wait_for(RUNNING[name])
    assert PHRASE not in program.output and "ağaç" not in program.output


@holder
def test_three_wrong_passphrases_end_a_program(someone, name):
    seal(someone)
    program = someone.start(name, *arguments(name), terminal=True, ready=False)
    for wrong in ("ağaç", "", "x" * 2000):
        program.wait_for("Passphrase: ")
        program.send(wrong)
    program.wait(1)
    assert program.errors.count("wrong passphrase") == 2
    assert re.search(rf"^{name}: cannot open identity\.key: ", program.errors, re.MULTILINE)


@holder
def test_the_right_passphrase_after_a_wrong_one_is_taken(someone, name):
    seal(someone)
    program = someone.start(name, *arguments(name), terminal=True, ready=False)
    program.wait_for("Passphrase: ")
    program.send("wrong one")
    program.wait_for("Passphrase: ")
    program.send(PHRASE)
    program.wait_for(RUNNING[name])


@holder
def test_a_program_that_is_ended_at_the_question_ends_well(someone, name):
    seal(someone)
    program = someone.start(name, *arguments(name), terminal=True, ready=False)
    program.wait_for("Passphrase: ")
    program.send_bytes(b"\x03")
    program.wait(0)
    assert "cannot" not in program.errors


@holder
def test_a_descriptor_gives_the_passphrase(someone, name):
    seal(someone)
    program = someone.start(name, *arguments(name), "--passphrase-fd", "0", ready=False)
    program.send(PHRASE)
    program.wait_for(RUNNING[name])


@holder
@pytest.mark.parametrize("line, why", [("wrong one", "wrong passphrase"), ("", "wrong passphrase"),
                                       ("x" * 2000, "1024 bytes at most")])
def test_a_wrong_line_of_the_descriptor_ends_a_program(someone, name, line, why):
    seal(someone)
    program = by_descriptor(someone, name, line, status=1)
    assert re.search(f"^{name}: cannot open identity.key: .*{why}", program.errors)
    assert line == "" or line not in program.errors


def test_a_descriptor_without_a_line_ends_a_program(someone):
    seal(someone)
    program = someone.run("initiator", "--passphrase-fd", "0", status=1)
    assert "none came" in program.errors


@holder
def test_the_line_of_the_descriptor_is_read_if_there_is_no_passphrase_too(someone, name):
    program = someone.start(name, *arguments(name), "--passphrase-fd", "0", ready=False)
    program.send("Users")
    program.wait_for(RUNNING[name])
    assert "Nobody" not in program.output


@pytest.mark.parametrize("wrong", ["x", "", "-1", "3", "1000000", "99999999999999999999", "0x0"])
def test_a_descriptor_that_is_none_is_wrong_usage(someone, wrong):
    program = someone.run("initiator", "--passphrase-fd", wrong, status=2)
    assert "descriptor" in program.errors
    assert someone.run("initiator", "--passphrase-fd", status=2).errors


@holder
def test_without_a_terminal_and_a_descriptor_a_program_says_what_to_do(someone, name):
    seal(someone)
    process = run_alone(someone, name, *arguments(name))
    assert process.returncode == 1
    assert re.search(f"^{name}: cannot open identity.key: .*no terminal.*--passphrase-fd", process.stderr)


def test_discovery_needs_no_passphrase(someone):
    seal(someone)
    someone.discovery()
    someone.run("discovery", "--passphrase-fd", "0", status=2)


def test_a_command_that_needs_no_secret_asks_for_nothing(someone):
    someone.announcer("-u", "Ece")
    someone.discovery()
    eventually(lambda: someone.peers())
    seal(someone)
    for command in ("history", "users", "mute 127.0.0.9"):
        process = run_alone(someone, "initiator", *command.split())
        assert "passphrase" not in process.stderr, command
    assert re.search(r"Ece.*\(you\)", run_alone(someone, "initiator", "users").stdout)
    assert run_alone(someone, "initiator", "fingerprint", "127.0.0.1").returncode == 1
    assert "(you)" in someone.run("initiator", "--passphrase-fd", "0", "users", text=f"{PHRASE}\n").output


# Passphrase.


def test_a_passphrase_is_set_changed_and_removed_at_a_terminal(someone):
    initiator = someone.initiator(terminal=True)
    initiator.ask("Passphrase", "New passphrase .*: ")
    initiator.ask(PHRASE, "Once more: ")
    initiator.ask(PHRASE, "The passphrase is set")
    initiator.wait_for(MENU)
    initiator.ask("Passphrase", "Passphrase now: ")
    initiator.ask(PHRASE, "New passphrase .*: ")
    initiator.ask(OTHER, "Once more: ")
    initiator.ask(OTHER, "The passphrase is changed")
    initiator.wait_for(MENU)
    by_descriptor(someone, "initiator", PHRASE, status=1)
    by_descriptor(someone, "initiator", OTHER)
    initiator.ask("Passphrase", "Passphrase now: ")
    initiator.ask(OTHER, "New passphrase .*: ")
    initiator.ask("", "The passphrase is removed")
    initiator.wait_for(MENU)
    assert len(someone.path("identity.key").read_bytes()) == 32
    assert PHRASE not in initiator.output and OTHER not in initiator.output


@pytest.mark.parametrize("wrong", [["1234"], ["12345", "12346"]])
def test_what_will_not_do_is_asked_for_again_unseen(someone, wrong):
    """At a terminal: nobody types the second one into the menu."""
    initiator = someone.initiator(terminal=True)
    initiator.ask("Passphrase", "New passphrase .*: ")
    for line in wrong[:-1]:
        initiator.ask(line, "Once more: ")
    initiator.ask(wrong[-1], "That will not do(?s:.*)New passphrase .*: ")
    initiator.ask(PHRASE, "Once more: ")
    initiator.ask(PHRASE, "The passphrase is set")
    initiator.wait_for(MENU)
    assert not [line for line in [*wrong, PHRASE] if line in initiator.output]


@pytest.mark.parametrize("typed", [[], ["12345"]])
def test_ctrl_c_gives_the_question_up_and_not_the_program(someone, typed):
    initiator = someone.initiator(terminal=True)
    initiator.ask("Passphrase", "New passphrase .*: ")
    for line in typed:
        initiator.ask(line, "Once more: ")
    initiator.send_bytes(b"half\x03")
    initiator.wait_for("Nothing was changed")
    initiator.wait_for(MENU)
    assert len(someone.path("identity.key").read_bytes()) == 32
    assert "Passphrase" in initiator.menu("Help")


@pytest.mark.parametrize("answers, why", [
    (["", "1234", "1234"], "5 characters at least"),
    (["", "çççç", "çççç"], "5 characters at least"),
    (["", "12345", "12346"], "not the same"),
    (["", "12345", ""], "not the same"),
    (["", "\x1b[200~12345", "\x1b[200~12345"], "control character"),
])
def test_a_passphrase_that_will_not_do_changes_nothing(someone, answers, why):
    someone.run("initiator")
    before = someone.path("identity.key").read_bytes()
    program = someone.run("initiator", text="\n".join(["Passphrase", *answers, "Help", ""]), status=1)
    assert why in program.output and "this list" in program.output
    assert someone.path("identity.key").read_bytes() == before


def test_who_does_not_know_the_present_passphrase_changes_nothing(someone):
    seal(someone)
    before = someone.path("identity.key").read_bytes()
    text = "\n".join([PHRASE, "Passphrase", "wrong one", OTHER, OTHER, "Help", ""])
    program = someone.run("initiator", "--passphrase-fd", "0", text=text, status=1)
    assert "Wrong passphrase" in program.output and OTHER not in program.output
    assert "this list" in program.output
    assert someone.path("identity.key").read_bytes() == before


def test_a_passphrase_beside_the_command_is_refused(someone):
    program = someone.run("initiator", text=f"Passphrase {PHRASE}\n", status=1)
    assert PHRASE not in program.output
    assert len(someone.path("identity.key").read_bytes()) == 32


def test_a_key_that_vanished_is_not_made_again_by_a_passphrase(someone):
    initiator = someone.initiator()
    someone.path("identity.key").unlink()
    initiator.send("Passphrase\n\n12345\n12345")
    initiator.wait_for("nothing was changed")
    assert not someone.path("identity.key").exists()


def test_programs_that_run_go_on_with_the_identity_of_the_sealed_file(alice, bob):
    """The passphrase is set, changed and removed under them, and nothing is told, announced or lost."""
    desks = Desk(alice, "Alice"), Desk(bob, "Bob")
    desks[0].waits_for_identity(bob.address)
    desks[1].waits_for_identity(alice.address)
    desks[0].says_securely("Bob", "before")
    identity = bob.peers()[alice.address]["identity"]
    for number, (now, new) in enumerate([("", PHRASE), (PHRASE, OTHER), (OTHER, "")]):
        desks[0].initiator.send(f"Passphrase\n{now}\n{new}\n{new}")
        desks[0].initiator.wait_for("The passphrase is ")
        desks[0].initiator.wait_for(MENU)
        desks[0].says_securely("Bob", f"to Bob {number}")
        desks[1].says_securely("Alice", f"to Alice {number}")
        desks[0].responder.wait_for(f"to Alice {number}")
    last_seen = bob.peers()[alice.address]["last_seen"]
    eventually(lambda: bob.peers()[alice.address]["last_seen"] > last_seen)
    assert bob.peers()[alice.address]["identity"] == identity
    for program in (desks[0].announcer, desks[0].responder):
        assert "identity" not in program.output + program.errors


def test_a_sealed_file_of_another_identity_is_told_and_not_taken(someone, make_user):
    other = make_user("other")
    seal(other)
    responder = someone.responder()
    someone.path("identity.key").write_bytes(other.path("identity.key").read_bytes())
    socket.create_connection(("127.0.0.1", 6001)).close()
    responder.wait_for("identity.key has changed and has a passphrase; the identity .* goes on")


def test_the_passphrase_is_on_no_screen_in_no_file_and_in_no_memory(someone):
    seal(someone)
    responder = someone.start("responder", terminal=True, ready=False)
    responder.wait_for("Passphrase: ")
    responder.send(PHRASE)
    responder.wait_for("Listening")
    phrase = PHRASE.encode()
    with open(f"/proc/{responder.pid}/maps", encoding="ascii") as maps, \
            open(f"/proc/{responder.pid}/mem", "rb") as memory:
        for line in maps:
            begin, end, rights = re.match("(\\w+)-(\\w+) (\\S+)", line).groups()
            begin, end = int(begin, 16), int(end, 16)
            if "w" not in rights or end - begin > 1 << 28:  # the shadow of AddressSanitizer
                continue
            memory.seek(begin)
            assert phrase not in memory.read(end - begin), line
    for path in someone.directory.iterdir():
        assert phrase not in path.read_bytes()


def test_initiators_that_are_killed_while_they_change_it_lose_no_key(someone):
    """Whatever is there afterwards opens with one of the two passphrases, to the same identity."""
    seal(someone)
    for number in range(10):
        now = eventually(lambda: next((phrase for phrase in (PHRASE, OTHER) if opens(someone, phrase)), None))
        new = OTHER if now == PHRASE else PHRASE
        initiator = someone.start("initiator", "--passphrase-fd", "0", ready=False)
        initiator.send(now)
        initiator.wait_for(MENU)
        initiator.send(f"Passphrase\n{now}\n{new}\n{new}")
        initiator.wait_for("Once more: ")
        time.sleep(number * 0.02)  # somewhere in the middle of it, sooner or later
        initiator.kill()
    assert opens(someone, PHRASE) or opens(someone, OTHER)


def opens(user, phrase):
    program = user.start("initiator", "--passphrase-fd", "0", ready=False)
    program.send(phrase)
    program.end_input()
    program.process.wait(WAIT)
    program.expected_status = program.process.returncode
    return program.process.returncode == 0
