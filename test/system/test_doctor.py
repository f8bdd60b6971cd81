"""Doctor: each thing it looks at, made to fail for real."""

import fcntl
import json
import os
import pathlib
import re
import socket
import subprocess
import time

import pytest
from network import CHAT_PORT, PRESENCE_PORT, Listener
from protocol import Identity, ResponderSide
from quartet import eventually, log_entry, peer, pin


def findings(user, *arguments, status=1):
    """What `doctor -j` finds, a list of records; it ends with 1 if something is bad, as it mostly is here."""
    found = [json.loads(line) for line in
             user.run("initiator", "doctor", "-j", *arguments, status=status).output.splitlines()]
    assert status == 3 or (status == 1) == any(record["level"] == "bad" for record in found)
    assert all(record["level"] == "ok" or record["advice"] for record in found)
    return found


def about(found, check, level):
    """The texts of one check that are of a level."""
    return [record["text"] for record in found if (record["check"], record["level"]) == (check, level)]


def test_all_is_well_where_all_is_well(lan, make_host, make_user):
    host = make_host()
    lan.plug(host, "10.1.0.1/24")
    alice = make_user("alice", host=host)
    alice.discovery()
    alice.responder()
    alice.announcer("-u", "Alice", "-i", "1")
    eventually(lambda: alice.peers())
    found = findings(alice, status=0)
    assert {record["level"] for record in found} == {"ok"}
    assert about(found, "network", "ok") == ["10.1.0.1 on eth0: you hear yourself, and 0 others"]
    shown = alice.run("initiator", "doctor").output
    assert "ok    announcer runs (process " in shown and "BAD" not in shown


def test_a_program_that_does_not_run_here(alice, bob):
    """Even if one runs elsewhere."""
    bob.discovery()
    bob.responder()
    found = findings(alice)
    for name in ("announcer", "discovery", "responder"):
        assert about(found, name, "bad")[0].startswith(f"{name} does not run in this directory")


@pytest.mark.parametrize("kind, port, name", [(socket.SOCK_DGRAM, PRESENCE_PORT, "discovery"),
                                              (socket.SOCK_STREAM, CHAT_PORT, "responder")])
def test_another_program_that_holds_a_port(alice, kind, port, name):
    with socket.socket(socket.AF_INET, kind) as holder:
        holder.bind(("0.0.0.0", port))
        if kind == socket.SOCK_STREAM:
            holder.listen()
        texts = about(findings(alice), name, "bad")
    protocol = "UDP" if kind == socket.SOCK_DGRAM else "TCP"
    assert re.fullmatch(rf"{protocol} port {port} is held by \S+ \(process {os.getpid()}\)", texts[1])


def test_a_program_may_be_called_anything(alice):
    """By whoever holds a port; the kernel takes any bytes."""
    own = pathlib.Path("/proc/self/comm")
    before = own.read_bytes()
    with socket.socket() as holder:
        own.write_bytes(b"\xff\x1b[2J\xc3")
        try:
            holder.bind(("0.0.0.0", CHAT_PORT))
            holder.listen()
            found = findings(alice)
            shown = alice.run("initiator", "doctor", status=1).output
        finally:
            own.write_bytes(before)
    assert f"TCP port {CHAT_PORT} is held by ?\x1b[2J? (process {os.getpid()})" in about(found, "responder", "bad")
    assert "?<U+001B>[2J?" in shown and "\x1b[2J" not in shown


def test_no_number_of_networks_hides_what_is_wrong(lan, make_host, make_user):
    host = make_host()
    for number in range(130):
        lan.plug(host, f"10.{number}.0.1/24", f"eth{number}")
    alice = make_user("alice", host=host)
    alice.write_log(b"damaged\n")
    assert "chat.log has 1 damaged line" in about(findings(alice), "chat.log", "warn")


def test_an_announcement_that_does_not_come_back(lan, make_host, make_user):
    host = make_host()
    lan.plug(host, "10.1.0.1/24")
    alice = make_user("alice", host=host)
    alice.discovery()
    alice.announcer("-u", "Alice", "-i", "3600")
    eventually(lambda: alice.peers())
    # As if it had been dropped ever since.
    alice.write_peers({"10.1.0.7": peer("Bob")})
    assert about(findings(alice), "network", "bad") == [
        "10.1.0.1 on eth0: your own announcement does not come back; others heard: 1"]


def test_networks_in_which_nobody_can_be_heard(lan, make_host, make_user):
    host = make_host()
    alice = make_user("alice", host=host)
    assert about(findings(alice), "network", "warn") == [
        "there is no network but loopback: only programs of this machine hear you"]
    lan.plug(host, "10.1.0.1/24", "eth0")
    lan.plug(host, "10.1.0.2/24", "eth1")
    lan.plug(host, "10.8.0.2/32", "vpn0")
    assert about(findings(alice), "network", "warn") == [
        "eth0 and eth1 are in the same network: others may see you twice",
        "10.8.0.2 on vpn0: nothing can be broadcast there, so nobody appears by themselves"]


def test_files_that_are_damaged_open_to_others_or_locked(alice):
    alice.is_called("Alice")
    alice.write_log(log_entry("hello"))
    with open(alice.path("peers.txt"), "a", encoding="utf-8") as file:
        file.write("what?\n")
    with open(alice.path("chat.log"), "a", encoding="utf-8") as file:
        file.write("what?\n{}\n")
    found = findings(alice)
    assert about(found, "peers.txt", "warn") == ["peers.txt has 1 damaged line"]
    assert "chat.log has 2 damaged lines" in about(found, "chat.log", "warn")
    os.chmod(alice.path("peers.txt"), 0o644)
    os.chmod(alice.path("chat.log"), 0o622)
    with open(alice.path("peers.txt"), "rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        texts = about(findings(alice), "peers.txt", "bad")
    assert "peers.txt cannot be read: another program holds its lock" in texts[0]
    assert re.fullmatch(rf"peers\.txt is locked by \S+ \(process {os.getpid()}\)", texts[1])
    found = findings(alice)
    assert "others of this machine may read peers.txt" in about(found, "peers.txt", "warn")
    assert about(found, "chat.log", "bad") == ["chat.log: others may write to it (chmod go-w)"]


def test_a_disk_that_is_nearly_full(alice, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], check=True)
    try:
        alice.directory = disk
        assert not about(findings(alice), "disk", "bad")
        (disk / "ballast").write_bytes(bytes(1020 * 1024))
        assert about(findings(alice), "disk", "bad") == ["the disk is nearly full"]
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)


def test_the_lock_of_the_log(alice):
    alice.is_called("Alice")
    alice.write_log(log_entry("hello"))
    with open(alice.path("chat.log"), "rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        texts = about(findings(alice), "chat.log", "bad")
    assert re.fullmatch(rf"chat\.log is locked by \S+ \(process {os.getpid()}\)", texts[0])


def test_what_waits_and_whose_clock_is_ahead(alice):
    identity = Identity().text
    alice.identity()
    alice.is_called("Alice")
    alice.write_peers({"127.0.0.3": peer("Bob", identity=identity, since=int(time.time()) + 7200)})
    alice.pin(Bob=pin(identity, address="127.0.0.3"))
    alice.run("initiator", "send", "-k", "Bob", "kept", status=4)
    found = findings(alice)
    assert about(found, "outbox", "warn") == ["1 message waits for 1 person"]
    assert re.fullmatch(r"Bob began 7\d\d\d s from now: their clock is ahead, or yours is behind",
                        about(found, "clock", "warn")[0])


def test_a_key_that_cannot_be_used(alice):
    with open(alice.path("identity.key"), "wb") as file:
        file.write(b"short")
    os.chmod(alice.path("identity.key"), 0o600)
    assert about(findings(alice), "identity.key", "bad")


@pytest.fixture
def met(lan, make_host, make_user):
    """Alice and Bob in one LAN, who hear each other; Bob's responder is not started."""
    users = []
    for number, name in ((1, "alice"), (2, "bob")):
        host = make_host()
        lan.plug(host, f"10.1.0.{number}/24")
        users.append(make_user(name, host=host))
    alice, bob = users
    alice.discovery()
    alice.responder()
    alice.announcer("-u", "Alice", "-i", "1")
    return alice, bob


def test_somebody_whose_responder_does_not_run_and_who_hears_nobody(met):
    alice, bob = met
    announcer = bob.announcer("-u", "Bob", "-i", "1")
    eventually(lambda: len(alice.peers()) == 2)
    found = findings(alice, "Bob")
    assert about(found, "connect", "bad") == ["TCP port 6001 there: refused"]
    assert about(found, "network", "ok")[-1] == "10.1.0.2 is in the network of eth0"
    bob.responder()
    found = findings(alice, "Bob")
    assert about(found, "seen", "bad") == ["Bob does not hear your announcements"]
    assert about(found, "clock", "ok") and about(found, "exchange", "ok")
    bob.discovery()
    eventually(lambda: len(bob.peers()) == 2)
    assert about(findings(alice, "Bob", status=0), "seen", "ok")
    announcer.stop()
    eventually(lambda: any("Bob has left" in text for text in about(findings(alice, "Bob", status=0), "heard", "warn")))
    alice.host.ip("neigh replace 10.1.0.2 lladdr 02:00:00:00:00:99 nud permanent dev eth0")
    assert about(findings(alice, "Bob"), "connect", "bad") == ["TCP port 6001 there: no answer"]


def test_somebody_without_an_identity_and_somebody_unknown(alice, bob):
    alice.is_called("Alice")
    bob.responder()
    alice.write_peers({bob.address: peer("Bob")})
    found = findings(alice, "Bob")
    assert about(found, "exchange", "warn") == ["Bob announces no identity"]
    assert findings(alice, "Can", status=3) == []


def test_a_clock_that_is_wrong(alice):
    identity = Identity()
    alice.is_called("Alice")
    alice.write_peers({"127.0.0.3": peer("Bob", identity=identity.text, since=1)})
    side = ResponderSide(identity)
    with Listener("127.0.0.3") as listener:
        program = alice.start("initiator", "doctor", "Bob", ready=False)
        with listener.accept() as connection:
            connection.send_object(side.answer(connection.receive_object()))
            assert side.open(connection.receive_object())["ask"] == "seen"
            connection.send_object(side.receipt(clock=int(time.time()) + 3600, seen=100))
            program.wait(1)
    assert re.search(r"warn +the clock there is 3[56]\d\d s ahead of yours\n", program.output)
    assert re.search(r"warn +Bob has heard you 100 s ago\n", program.output)


def test_somebody_who_is_not_heard_is_elsewhere_or_has_a_double(alice):
    alice.is_called("Alice")
    alice.identity()
    alice.pin(Bob=pin(Identity().text, address="10.9.0.7"))
    alice.write_peers({"127.0.0.9": peer("Bob", identity=Identity().text, since=1)})
    found = findings(alice, "Bob")
    assert about(found, "heard", "bad") == ["Bob is not heard here; 10.9.0.7 is where they were known last"]
    assert about(found, "network", "warn")[-1] == (
        "10.9.0.7 is in none of this machine's networks, so they do not hear your broadcasts")
    assert about(found, "identity", "warn") == ["somebody else announces the name Bob"]
    assert about(found, "connect", "bad") == ["TCP port 6001 there: Network is unreachable"]


def test_who_is_blocked_learns_nothing(alice, bob, known):
    alice.is_called("Alice")
    bob.pin(Alice=pin(alice.identity().text, address=alice.address, blocked=True))
    bob.responder()
    assert about(findings(alice, "Bob"), "seen", "warn") == ["Bob does not say whether you are heard there"]


def test_who_is_alone_or_cannot_connect_is_told_the_first_thing_that_is_wrong(alice):
    """In the menu, in one line."""
    alice.is_called("Alice")
    alice.identity()
    shown = alice.initiator(terminal=True).menu("Users")
    assert "Doctor: announcer does not run in this directory" in shown
    alice.write_peers({"127.0.0.3": peer("Bob", identity=Identity().text, since=1)})
    initiator = alice.initiator(terminal=True)
    initiator.ask("Chat Bob", r"secure or unsecure\? ")
    initiator.ask("secure", "umber.*: ")
    initiator.ask("7", "refused(.|\n)*Doctor: announcer does not run in this directory")
