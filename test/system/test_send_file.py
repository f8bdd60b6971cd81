"""Files are offered: Send in the menu, /send in a conversation, and send -f."""

import hashlib
import json
import os
import re
import signal
import socket
import stat

import pytest

from protocol import from_base64
from quartet import MENU, eventually, numbered, peer, pin

CONTENT = b"%PDF" + bytes(range(256)) * 100
SIZE = "26 kB"


@pytest.fixture
def alice(alice, known):
    """She knows Bob, and has a file."""
    alice.is_called("Alice")
    alice.path("plan.pdf").write_bytes(CONTENT)
    return alice


@pytest.fixture
def bob(bob):
    bob.is_called("Bob")
    return bob


def offers(user, direction):
    """What was offered, in rooms too, where the file is in what is signed."""
    entries = [entry for entry in user.log() if entry.get("direction") == direction]
    return [entry | {"file": file} for entry in entries
            if (file := (json.loads(entry["signed"]) if "signed" in entry else entry).get("file"))]


def offered_to(bob):
    return [entry["file"] for entry in offers(bob, "RECEIVED")]


def in_menu(user, *lines, **options):
    return user.initiator(**options).menu(lines[0])


def fetched(user, offer, identity):
    """What the responder writes when somebody has it."""
    return numbered({"time": offer["time"], "id": offer["id"], "state": "fetched", "username": "Bob",
                     "identity": identity}, offer["number"])


def plan(**members):
    return {"name": "plan.pdf", "bytes": len(CONTENT), **members}


# The menu.


def test_a_file_is_offered_and_said_to_be(alice, bob):
    bob.responder()
    assert re.search(rf"^plan\.pdf, {SIZE}, offered to Bob\.\nDelivered to Bob \(127\.0\.0\.3\)\.$",
                     in_menu(alice, "Send plan.pdf to Bob"), re.MULTILINE)
    [offer] = offers(bob, "RECEIVED")
    assert offer["file"] == plan() and "text" not in offer and "source" not in offer
    queued, sent = offers(alice, "QUEUED")[0], offers(alice, "SENT")[0]
    assert queued["number"] == sent["number"] and queued["source"]["path"] == str(alice.path("plan.pdf"))
    status = os.stat(alice.path("plan.pdf"))
    assert (queued["source"]["inode"], queued["source"]["mtime"]) == (status.st_ino, status.st_mtime_ns)


def test_who_was_verified_is_said_to_be(alice, bob):
    alice.pin(Bob=pin(bob.identity().text, address=bob.address, verified=True))
    bob.responder()
    assert re.search(rf"^plan\.pdf, {SIZE}, offered to Bob \(verified\)\.$", in_menu(alice, "Send plan.pdf to bob"),
                     re.MULTILINE)


def test_who_is_met_that_way_is_known_from_then_on(alice, bob):
    alice.update_peers_file(lambda content: content["known"].clear())
    alice.write_peers({bob.address: peer("Bob", identity=bob.identity().text)})
    bob.responder()
    shown = in_menu(alice, "Send plan.pdf to Bob")
    assert "offered to Bob (not known yet)." in shown and "From now on this user" in shown


@pytest.mark.parametrize("typed, name", [
    ("my plan.pdf", "my plan.pdf"), ("letter to Ece.txt", "letter to Ece.txt"),
    ('"letter to Ece.txt"', "letter to Ece.txt"), ("'a \"b\".txt'", 'a "b".txt'), ("./deep/er/x", "x"),
    ("~/home.txt", "home.txt"), ("\u00e7a\u011fla.txt", "\u00e7a\u011fla.txt"), ("link", "link"), ("empty", "empty")])
def test_a_path_may_have_anything_in_it(alice, bob, typed, name):
    bob.responder()
    home = alice.path("home")
    alice.path("deep/er").mkdir(parents=True)
    home.mkdir()
    for path in ("my plan.pdf", "letter to Ece.txt", 'a "b".txt', "deep/er/x", "home/home.txt", "\u00e7a\u011fla.txt"):
        alice.path(path).write_bytes(CONTENT)
    alice.path("empty").touch()
    alice.path("link").symlink_to("plan.pdf")
    shown = in_menu(alice, f"Send {typed} to Bob", environment={"HOME": str(home)})
    assert "offered to Bob" in shown
    assert offered_to(bob) == [{"name": name, "bytes": 0 if name == "empty" else len(CONTENT)}]


@pytest.mark.parametrize("path, why", [
    ("directory", "Is a directory; tar makes one file of it"), ("fifo", "It is not a regular file"),
    ("socket", "It is not a regular file"), ("/dev/null", "It is not a regular file"),
    ("missing", "No such file or directory"), ("directory/", "Is a directory"), ("plan.pdf/x", "Not a directory"),
    (".hidden", "the name begins with a dot"), ("-x", "the name begins with a dash"),
    ("a\u202eb.pdf", "the name has a character in it that cannot be seen"),
    ("x" * 201, "the name is longer than 200 bytes"), ("loop", "Too many levels"),
    ("broken", "No such file or directory")])
def test_what_cannot_be_sent_is_told_in_a_line(alice, bob, path, why):
    alice.path("directory").mkdir()
    os.mkfifo(alice.path("fifo"))
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(alice.path("socket")))
    for name in (".hidden", "-x", "a\u202eb.pdf", "x" * 201):
        alice.path(name).touch()
    alice.path("loop").symlink_to("loop")
    alice.path("broken").symlink_to("nowhere")
    shown = in_menu(alice, f"Send {path} to Bob")
    assert re.search(f"^Not sent: .*{re.escape(why)}.*\\.$", shown, re.MULTILINE)
    assert "\u202e" not in shown and alice.log() == []


def test_a_file_that_may_not_be_read_is_told(alice, bob):
    alice.path("secret").touch(0)
    if os.access(alice.path("secret"), os.R_OK):
        pytest.skip("nothing is forbidden to the super-user")
    assert "Not sent: secret: Permission denied." in in_menu(alice, "Send secret to Bob")


def test_a_path_that_is_no_text_is_told(alice):
    directory = os.fsencode(alice.path("")) + b"/\xff"
    os.mkdir(directory)
    with open(directory + b"/x", "wb"):
        pass
    os.symlink(directory, alice.path("link"))
    assert "Not sent: link/x: the path is not UTF-8." in in_menu(alice, "Send link/x to Bob")
    alice.run("initiator", "send", "-f", directory, "Bob", status=1)


@pytest.mark.parametrize("line", ["Send", "Send plan.pdf", "Send to Bob", "Send '' to Bob"])
def test_in_a_pipe_nothing_is_asked(alice, line):
    shown = in_menu(alice, line)
    assert re.search(r"^Which file, and to whom\? Send FILE to NAME$|^Not sent: ", shown, re.MULTILINE)
    assert alice.log() == []


def test_at_a_terminal_what_is_missing_is_asked_for(alice, bob):
    bob.responder()
    initiator = alice.initiator(terminal=True)
    initiator.ask("Send", "File: ")
    initiator.ask("plan.pdf", "Name: ")
    initiator.ask("Bob", rf"plan\.pdf, {SIZE}, offered to Bob\.")
    initiator.wait_for(r"Delivered to Bob")
    initiator.wait_for(MENU)
    initiator.ask("Send plan.pdf Bob", "No such file or directory(?s:.*)Send FILE to NAME")
    initiator.wait_for(MENU)
    initiator.ask("Send", "File: ")
    initiator.menu("")
    assert offered_to(bob) == [plan()]


def test_nobody_without_an_identity_is_offered_a_file(alice, bob):
    alice.update_peers_file(lambda content: (content["known"].clear(),
                                             content["peers"].update({bob.address: peer("Bob")})))
    shown = in_menu(alice, "Send plan.pdf to Bob")
    assert "Not sent: Bob (127.0.0.3) announces no identity, and a file needs a secure session." in shown
    assert alice.log() == []


def test_nobody_there_and_no_room_is_told(alice):
    initiator = alice.initiator()
    assert "There is no user named Zoe here now" in initiator.menu("Send plan.pdf to Zoe")
    assert "#nowhere" in initiator.menu("Send plan.pdf to #nowhere")
    assert alice.log() == []


def test_an_offer_waits_for_who_is_away(alice, bob):
    initiator = alice.initiator()
    assert "1 waiting for Bob" in initiator.menu("Send plan.pdf to Bob")
    initiator.send("Quit")
    initiator.wait(4)
    bob.responder()
    alice.run("initiator", "deliver", "-1")
    assert offered_to(bob) == [plan()]


# A conversation.


def test_a_file_is_offered_in_a_conversation(alice, bob):
    bob.responder()
    initiator = alice.initiator(terminal=True)
    initiator.ask("@Bob", "Bob> ")
    initiator.ask("/send plan.pdf", rf"plan\.pdf, {SIZE}, offered to Bob\.")
    initiator.wait_for("\u2713")
    initiator.ask("/send", "File: ")
    initiator.ask("missing", "Not sent: missing: No such file")
    initiator.ask("/help", r"/send FILE +offer a file")
    initiator.menu("/end")
    assert offered_to(bob) == [plan()]


def test_no_file_is_offered_in_an_unsecure_conversation_with_nobody_certain(alice, bob):
    alice.update_peers_file(lambda content: (content["known"].clear(),
                                             content["peers"].update({bob.address: peer("Bob")})))
    initiator = alice.initiator(terminal=True)
    initiator.ask("Talk Bob", "secure or unsecure")
    initiator.ask("unsecure", "Bob> ")
    initiator.ask("/send plan.pdf", "announces no identity, and a file needs a secure session")
    initiator.menu("/end")


# Completion.


def test_files_and_then_names_are_completed(alice):
    alice.path("other").mkdir()
    alice.path("other/long name.txt").touch()
    os.mkfifo(alice.path("plankton"))
    alice.path(".planned").touch()
    initiator = alice.initiator(terminal=True, environment={"TERM": "xterm", "NO_COLOR": "1"})
    if "Without libedit" in initiator.output:
        pytest.skip("built without libedit")
    initiator.send_bytes(b"Send pla\t")
    initiator.wait_for(r"n\.pdf ")
    initiator.send_bytes(b"\t")
    initiator.wait_for("to ")
    initiator.send_bytes(b"B\t\x03")
    initiator.wait_for("ob ")
    initiator.wait_for(MENU)
    initiator.send_bytes(b"Send 'oth\t")
    initiator.wait_for("er/")
    initiator.send_bytes(b"l\t' to Bo\t\x03")
    initiator.wait_for(r"ong name\.txt ")
    initiator.wait_for(MENU)
    initiator.send_bytes(b"Send ot\tlo\tto b\t\r")
    initiator.wait_for(r"long name\.txt.*, 0 bytes, offered to Bob")


# A room.


@pytest.fixture
def lab(alice, bob):
    """A room of both, who know each other."""
    bob.pin(Alice=pin(alice.identity().text))
    bob.responder()
    alice.run("initiator", "create", "#lab", "Bob")


def blake2b(content):
    return hashlib.blake2b(content, digest_size=32).digest()


@pytest.mark.parametrize("how", ["menu", "talk", "script"])
def test_in_a_room_a_file_is_offered_with_its_hash(alice, bob, lab, how):
    if how == "menu":
        assert re.search(rf"^plan\.pdf, {SIZE}, offered to #lab\.$", in_menu(alice, "Send plan.pdf to #lab"),
                         re.MULTILINE)
    elif how == "talk":
        initiator = alice.initiator(terminal=True)
        initiator.ask("@#lab", "#lab> ")
        initiator.ask("/send plan.pdf", "offered to #lab")
        initiator.wait_for("1 of 1")
    else:
        alice.run("initiator", "send", "-f", "plan.pdf", "#lab")
    [offer] = offers(bob, "RECEIVED")
    assert offer["file"]["name"] == "plan.pdf"
    assert from_base64(offer["file"]["hash"]) == blake2b(CONTENT)
    assert offers(alice, "SENT")[0]["source"]["path"] == str(alice.path("plan.pdf"))


def test_hashing_for_a_room_can_be_given_up_and_shows_how_far_it_is(alice, lab):
    """A sparse file takes long enough, however fast the machine."""
    with open(alice.path("sparse"), "wb") as file:
        file.truncate(1 << 40)
    initiator = alice.initiator(terminal=True)
    initiator.send("Send sparse to #lab")
    initiator.wait_for(r"Hashing it for the room: \d+ % \(Ctrl-C gives up\)")
    os.kill(initiator.pid, signal.SIGINT)
    initiator.wait_for("Nothing was sent")
    initiator.wait_for(MENU)
    assert offers(alice, "QUEUED") == []


def test_what_waits_is_delivered_while_a_file_is_hashed(alice, bob):
    alice.write_peers({bob.address: peer("Bob", 600, identity=bob.identity().text)})
    alice.run("initiator", "create", "#lab")
    with open(alice.path("sparse"), "wb") as file:
        file.truncate(1 << 40)
    initiator = alice.initiator(terminal=True)
    initiator.ask("@Bob hello", "1 waiting for Bob")
    initiator.wait_for(MENU)
    initiator.send("Send sparse to #lab")
    initiator.wait_for("Hashing it for the room")
    bob.responder()
    alice.write_peers({bob.address: peer("Bob", identity=bob.identity().text)})
    eventually(lambda: bob.logged_texts() == ["hello"])
    os.kill(initiator.pid, signal.SIGINT)
    initiator.wait_for("Nothing was sent")


def test_a_file_that_changes_while_it_is_hashed_is_not_sent(alice, lab):
    with open(alice.path("sparse"), "wb") as file:
        file.truncate(1 << 40)
    initiator = alice.initiator(terminal=True)
    initiator.send("Send sparse to #lab")
    initiator.wait_for("Hashing it for the room")
    os.truncate(alice.path("sparse"), 5)
    initiator.wait_for("Not sent: sparse: it changed while it was hashed")


# Scripts.


def send(user, *arguments, status=0, text=b""):
    program = user.run("initiator", "send", *arguments, status=status, text=text)
    assert program.output == "" and (program.errors == "") == (status == 0), program.errors
    return program.errors


def test_a_script_offers_a_file_and_says_nothing(alice, bob):
    bob.responder()
    send(alice, "-f", "plan.pdf", "Bob")
    send(alice, "-f", "plan.pdf", "-N", "other.pdf", bob.address)
    assert offered_to(bob) == [plan(), plan(name="other.pdf")]
    assert offers(alice, "QUEUED")[0]["once"]


def test_it_ends_with_a_status_as_of_a_text(alice, bob):
    send(alice, "-f", "plan.pdf", "Nobody", status=3)
    send(alice, "-f", "plan.pdf", "Bob", status=4)
    assert "It is kept" in send(alice, "-k", "-f", "plan.pdf", "Bob", status=4)
    assert "No such file" in send(alice, "-f", "missing", "Bob", status=1)
    bob.update_peers_file(lambda content: content["known"].update(Alice=pin(alice.identity().text, blocked=True)))
    bob.responder()
    send(alice, "-f", "plan.pdf", "Bob", status=7)


@pytest.mark.parametrize("arguments", [
    ["-f", "plan.pdf", "Bob", "text"], ["-f", "-", "Bob"], ["-N", "x", "Bob"], ["-f", "plan.pdf", "@all"],
    ["-m", "plain", "-f", "plan.pdf", "Bob"], ["-f", "plan.pdf"]])
def test_what_cannot_be_meant_ends_with_status_2(alice, arguments):
    send(alice, *arguments, status=2)


def test_it_waits_until_the_file_has_been_fetched(alice, bob):
    bob.responder()
    program = alice.start("initiator", "send", "-w", "600", "-f", "plan.pdf", "Bob", ready=False)
    eventually(lambda: offers(bob, "RECEIVED"))
    eventually(lambda: offers(alice, "SENT"))
    assert program.is_running
    alice.write_log(fetched(alice, offers(alice, "SENT")[0], bob.identity().text))
    program.wait(0)
    assert "Not fetched so far: Bob" in send(alice, "-w", "1", "-f", "plan.pdf", "Bob", status=5)


def test_in_a_room_it_waits_for_all(alice, bob, lab):
    program = alice.start("initiator", "send", "-w", "600", "-f", "plan.pdf", "#lab", ready=False)
    eventually(lambda: offers(alice, "SENT"))
    assert program.is_running
    alice.write_log(fetched(alice, offers(alice, "SENT")[0], bob.identity().text))
    program.wait(0)


def kept(user):
    path = user.path("files")
    return sorted(each.name for each in path.iterdir()) if path.exists() else []


def test_what_the_input_has_is_kept_and_offered(alice, bob):
    bob.responder()
    content = os.urandom(300_000)
    send(alice, "-f", "-", "-N", "dir.tar", "Bob", text=content)
    assert offered_to(bob) == [{"name": "dir.tar", "bytes": len(content)}]
    path = alice.path("files/dir.tar")
    assert path.read_bytes() == content and stat.S_IMODE(path.stat().st_mode) == 0o600
    assert offers(alice, "SENT")[0]["source"]["path"] == str(path)
    send(alice, "-f", "-", "-N", "dir.tar", "Bob", text=b"another")
    assert kept(alice) == ["dir (1).tar", "dir.tar"]
    assert offered_to(bob)[1] == {"name": "dir.tar", "bytes": 7}


def test_nothing_is_kept_of_what_nobody_can_want(alice, bob):
    """Nor read if that is known before."""
    send(alice, "-f", "-", "-N", "x", "Nobody", status=3, text=b"x")
    assert "begins with a dot" in send(alice, "-f", "-", "-N", ".x", "Bob", status=1, text=b"x")
    send(alice, "-f", "-", "-N", "x", "Bob", status=4, text=b"x")
    assert kept(alice) == []
    send(alice, "-k", "-f", "-", "-N", "x", "Bob", status=4, text=b"x")
    assert kept(alice) == ["x"]
