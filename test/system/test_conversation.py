"""All the programs together: two users on one machine, and two machines on a LAN."""

import re

import pytest

from quartet import BIN, MENU, PROGRAMS, Desk, chat_unsecure, eventually, peer

ALICE = "127.0.0.2"
BOB = "127.0.0.3"


@pytest.fixture
def desks(alice, bob):
    """Alice and Bob, each with four programs."""
    return Desk(alice, "Alice"), Desk(bob, "Bob")


def converse(alice, bob, alices_address, bobs_address):
    """What must be true at the end: the users find each other, chat and read it back."""
    alice.sees(rf"^ *\d+  Bob \(Online\)\s+{re.escape(bobs_address)}$")
    alice.sees(rf"^ *\d+  Alice \(Online\)\s+{re.escape(alices_address)}\s+\(you\)$")
    bob.sees(r"^ *\d+  Alice \(Online\)")
    alice.says("Bob", "hello in the clear")
    bob.responder.wait_for(r"\[plain\] \[unproven\] Alice \(.*\): hello in the clear$")
    alice.says_securely("Bob", "hello in secret")
    bob.responder.wait_for(r"\[secure\] \[unknown\] Alice \(.*\): hello in secret$")
    bob.says_securely("Alice", "hello yourself")
    alice.responder.wait_for(r"\[secure\] Bob: hello yourself$")
    assert alice.history() == [
        ("SENT", "Bob", bobs_address, "plain", "hello in the clear"),
        ("SENT", "Bob", bobs_address, "secure", "hello in secret"),
        ("RECEIVED", "Bob", bobs_address, "secure", "hello yourself"),
    ]
    assert bob.history() == [
        ("RECEIVED", "Alice", alices_address, "plain", "hello in the clear"),
        ("RECEIVED", "Alice", alices_address, "secure", "hello in secret"),
        ("SENT", "Alice", alices_address, "secure", "hello yourself"),
    ]
    bob.responder.kill()
    chat_unsecure(alice.initiator, "Bob")
    alice.initiator.send("are you there?")
    alice.initiator.wait_for(r"cannot connect to Bob .*: Connection refused")
    alice.initiator.wait_for(MENU)
    bob.responder = bob.user.responder()
    alice.says_securely("Bob", "there you are")
    bob.responder.wait_for(r"\[secure\] Alice: there you are$")


def test_two_users_on_one_machine(desks):
    converse(*desks, ALICE, BOB)


def test_two_users_who_can_have_no_file_watched(tmp_path, monkeypatch, request):
    """The kernel watches so many for a user (inotify(7)), and desktops use them up."""
    for name in PROGRAMS:
        wrapper = tmp_path / name
        wrapper.write_text(f"""#!/bin/sh
            exec unshare --map-root-user sh -c '
                echo 0 >/proc/sys/user/max_inotify_instances && exec {BIN / name} "$@"' sh "$@"
        """, encoding="utf-8")
        wrapper.chmod(0o700)
    monkeypatch.setattr("quartet.BIN", tmp_path)
    converse(*request.getfixturevalue("desks"), ALICE, BOB)


def test_two_machines_on_a_lan(make_lan, make_host, make_user):
    lan = make_lan()
    users = []
    for number, name in enumerate(["Alice", "Bob"], start=1):
        host = make_host()
        lan.plug(host, f"10.1.0.{number}/24")
        users.append(Desk(make_user(name.lower(), host=host), name))
    converse(*users, "10.1.0.1", "10.1.0.2")


def test_machines_that_share_one_of_two_networks(make_lan, make_host, make_user):
    """Bob stands on both networks; Alice and Can find him, each from their own."""
    lans = [make_lan(), make_lan()]
    hosts = {name: make_host() for name in ("Alice", "Bob", "Can")}
    lans[0].plug(hosts["Alice"], "10.1.0.1/24")
    lans[0].plug(hosts["Bob"], "10.1.0.2/24", "eth0")
    lans[1].plug(hosts["Bob"], "10.2.0.2/24", "eth1")
    lans[1].plug(hosts["Can"], "10.2.0.3/24")
    desks = {name: Desk(make_user(name.lower(), host=host), name)
             for name, host in hosts.items()}
    desks["Alice"].sees(r"^ *\d+  Bob \(Online\)\s+10\.1\.0\.2$")
    desks["Can"].sees(r"^ *\d+  Bob \(Online\)\s+10\.2\.0\.2$")
    desks["Bob"].sees(r"^ *\d+  Alice \(Online\)")
    desks["Bob"].sees(r"^ *\d+  Can \(Online\)")
    for name in ("Alice", "Can"):
        desks[name].says_securely("Bob", f"hello from {name}")
        desks["Bob"].responder.wait_for(
            rf"\[secure\] \[unknown\] {name} \(.*\): hello from {name}$")
    assert "Can (" not in desks["Alice"].initiator.menu("Users")


def test_programs_start_in_any_order_and_alone(alice, bob):
    """Each order of a small conversation, the files being all that connects the programs."""
    bob.announcer("-u", "Bob", "-i", "1")
    initiator = alice.initiator()
    assert "Bob" not in initiator.menu("Users")
    discovery = alice.discovery()
    discovery.wait_for(r"Bob is online \(127\.0\.0\.3\)")
    assert "Bob (Online)" in initiator.menu("Users")
    discovery.stop()
    assert "Bob (Online)" in initiator.menu("Users")
    bob.responder()
    chat_unsecure(initiator, "Bob")
    initiator.send("hello")
    initiator.wait_for("(?i)sent to Bob")
    initiator.wait_for(MENU)
    eventually(lambda: bob.logged_texts() == ["hello"])
    assert "Bob (127.0.0.3) [plain]: hello" in initiator.menu("History")


def test_a_secure_chat_from_a_pipe(alice, bob):
    """Everything is typed ahead: the answers wait for their questions."""
    responder = bob.responder()
    alice.write_peers({BOB: peer("Bob", identity=bob.identity().text)})
    initiator = alice.run("initiator", text="chat Bob\nsecure\n7\nhello\nHistory\nQuit\n")
    assert "Delivered to Bob" in initiator.output
    assert re.search(r"SENT      Bob \(127\.0\.0\.3\) \[secure\].*: hello", initiator.output)
    responder.wait_for(r"\[secure\] .*: hello$")


def test_a_clean_exit_makes_the_peer_away_at_once(desks):
    alice, bob = desks
    alice.sees(r"^ *\d+  Bob \(Online\)")
    bob.announcer.stop()
    alice.discovery.wait_for(r"^Bob left \(127\.0\.0\.3\)$")
    assert "Bob (Away)" in alice.initiator.menu("Users")
    bob.user.announcer("-u", "Bob", "-i", "1")
    alice.discovery.wait_for(r"^Bob is back \(127\.0\.0\.3\)$")
    assert "Bob (Online)" in alice.initiator.menu("Users")


def test_a_killed_announcer_leaves_its_user_away_after_10_seconds(desks):
    alice, bob = desks
    alice.sees(r"^ *\d+  Bob \(Online\)")
    bob.announcer.kill()
    alice.sees(r"^ *\d+  Bob \(Away\)")
    alice.sees(r"^ *\d+  Alice \(Online\)")


def test_a_rename_reaches_everybody(desks):
    alice, bob = desks
    alice.sees(r"^ *\d+  Bob \(Online\)")
    bob.sees(r"^ *\d+  Alice \(Online\)")
    bob.announcer.stop()
    bob.user.announcer("-u", "Robert", "-i", "1")
    alice.discovery.wait_for(r"^127\.0\.0\.3 is now Robert \(was Bob\)$")
    alice.says_securely("Robert", "hello Robert")
    bob.responder.wait_for(r"\[secure\] \[unknown\] Alice \(.*\): hello Robert$")


def test_the_initiator_logs_beside_the_responder(desks):
    """2.3.0-G: two writers, one file, whole lines."""
    alice, bob = desks
    alice.sees(r"^ *\d+  Bob \(Online\)")
    bob.sees(r"^ *\d+  Alice \(Online\)")
    for number in range(10):
        chat_unsecure(alice.initiator, "Bob")
        chat_unsecure(bob.initiator, "Alice")
        for desk in desks:
            desk.initiator.send(f"message {number}")
        for desk, name in [(alice, "Bob"), (bob, "Alice")]:
            desk.initiator.wait_for(f"(?i)sent to {name}")
            desk.initiator.wait_for(MENU)
    for desk in desks:
        eventually(lambda: len(desk.user.log()) == 20)
        for direction in ("SENT", "RECEIVED"):
            assert [entry["text"] for entry in desk.user.log()
                    if entry["direction"] == direction] == \
                [f"message {number}" for number in range(10)]


def test_a_long_secure_message_arrives_whole(desks):
    alice, bob = desks
    alice.sees(r"^ *\d+  Bob \(Online\)")
    alice.waits_for_identity(BOB)
    text = "ş" * 20_000
    alice.says_securely("Bob", text)
    eventually(lambda: bob.user.logged_texts() == [text])
    assert alice.user.logged_texts() == [text]
