"""The list of files: what is offered to the user, where it is, and who has what the user offers."""

import hashlib
import json
import re

import pytest

from protocol import from_base64, to_base64
from quartet import numbered, offer_entry, pin

BOB = to_base64(bytes(range(32)))


def id_of(number):
    return to_base64(number.to_bytes(16, "big"))


def offer(name, number, size=2_100_000, direction="RECEIVED", **members):
    return offer_entry(name, size, number, direction=direction, identity=BOB, id=id_of(number), **members)


def stamp_of(path):
    status = path.stat()
    return {"path": str(path), "device": status.st_dev, "inode": status.st_ino, "bytes": status.st_size,
            "mtime": status.st_mtime_ns, "ctime": status.st_ctime_ns}


def state(number, word, identity=BOB, **members):
    return numbered({"time": "2026-11-20T08:00:01.000Z", "id": id_of(number), "state": word, "username": "Bob",
                     "identity": identity, **members}, number)


def listed(user, *arguments):
    """The list of the menu, without day and time."""
    shown = user.initiator().menu(" ".join(["Files", *arguments]))
    return [re.sub(r"^ +(\d+)  \d\d-\d\d \d\d:\d\d  ", r"\1 ", line) for line in shown.splitlines()[1:-1] if line]


def objects(user, *arguments):
    return [json.loads(line) for line in user.run("initiator", "files", "-j", *arguments).lines]


@pytest.fixture
def alice(alice):
    alice.pin(Bob=pin(BOB))
    return alice


def test_what_is_offered_says_how_to_get_it_and_then_where_it_is(alice):
    alice.write_log(offer("plan.pdf", 1), offer("cat (1).png", 2), offer("gone.txt", 3))
    assert listed(alice) == ["1 Bob  plan.pdf (2.1 MB)  Get 1", '2 Bob  "cat (1).png" (2.1 MB)  Get 2',
                             "3 Bob  gone.txt (2.1 MB)  Get 3"]
    alice.path("files").mkdir(0o700)
    alice.path("files/plan.pdf").touch()
    here = stamp_of(alice.path("files/plan.pdf"))
    own = alice.identity().text
    alice.write_log(state(1, "fetched", own, source=here),
                    state(3, "fetched", own, source={**here, "path": str(alice.path("files/gone.txt"))}))
    assert listed(alice) == ["1 Bob  plan.pdf (2.1 MB)  in files/plan.pdf", '2 Bob  "cat (1).png" (2.1 MB)  Get 2',
                             "3 Bob  gone.txt (2.1 MB)  was fetched, and is there no more: Get 3"]
    assert [(entry["number"], entry["state"], entry.get("path")) for entry in objects(alice)] == [
        (1, "fetched", str(alice.path("files/plan.pdf"))), (2, "offered", None),
        (3, "fetched", str(alice.path("files/gone.txt")))]


def test_what_is_here_in_part_says_how_much(alice):
    """A part is called by what tells the offer from others."""
    tag = hashlib.blake2b(from_base64(BOB) + from_base64(id_of(1)), digest_size=16).hexdigest()[:16]
    alice.write_log(offer("plan.pdf", 1, size=1000))
    alice.path("files").mkdir(0o700)
    alice.path(f"files/plan.pdf.{tag}.part").write_bytes(bytes(410))
    assert listed(alice) == ["1 Bob  plan.pdf (1.0 kB)  41 % is here: Get 1"]
    assert objects(alice)[0]["state"] == "partial"
    # Of two offers with one id it is not that of the smaller.
    alice.write_log(offer_entry("plan.pdf", 0, 2, identity=BOB, id=id_of(1)))
    assert listed(alice)[1] == "2 Bob  plan.pdf (0 bytes)  Get 2"


def test_ones_own_say_who_has_them(alice):
    path = alice.path("cat.png")
    path.write_bytes(bytes(2_100_000))
    members = {"direction": "QUEUED", "source": stamp_of(path)}
    for number in range(1, 6):
        alice.write_log(offer("cat.png", number, **members))
    for number in range(2, 6):
        alice.write_log(offer("cat.png", number, **{**members, "direction": "SENT"}))
    alice.write_log(state(3, "fetched"), state(4, "withdrawn", alice.identity().text), state(5, "fetched"),
                    state(5, "withdrawn", alice.identity().text))
    assert listed(alice) == ["1 \u2192 Bob  cat.png (2.1 MB)  waits", "2 \u2192 Bob  cat.png (2.1 MB)  offered",
                             "3 \u2192 Bob  cat.png (2.1 MB)  \u2713 fetched",
                             "4 \u2192 Bob  cat.png (2.1 MB)  withdrawn",
                             "5 \u2192 Bob  cat.png (2.1 MB)  \u2713 fetched, withdrawn"]
    found = objects(alice)
    assert [entry["state"] for entry in found] == ["waiting", "offered", "fetched", "withdrawn", "withdrawn"]
    assert [entry["have"] for entry in found] == [[], [], ["Bob"], [], ["Bob"]]
    assert found[0] == {"number": 1, "time": "2026-11-20T08:00:00.123Z", "direction": "SENT", "name": "cat.png",
                        "bytes": 2_100_000, "username": "Bob", "state": "waiting", "id": id_of(1), "identity": BOB,
                        "path": str(path), "have": []}
    path.write_bytes(b"another")
    assert listed(alice)[1] == "2 \u2192 Bob  cat.png (2.1 MB)  offered; changed since then: offer it again"
    assert listed(alice)[2] == "3 \u2192 Bob  cat.png (2.1 MB)  \u2713 fetched"


def test_what_a_script_could_not_send_is_not_said_to_wait(alice):
    alice.write_log(offer("cat.png", 1, direction="QUEUED", once=True))
    assert listed(alice) == ["1 \u2192 Bob  cat.png (2.1 MB)  may not have been sent"]
    assert objects(alice)[0]["state"] == "unknown"


def test_in_a_room_they_are_counted_and_named(alice, bob):
    bob.pin(Alice=pin(alice.identity().text))
    alice.update_peers_file(lambda content: content["known"].clear())
    alice.pin(Bob=pin(bob.identity().text, address=bob.address))
    bob.responder()
    alice.run("initiator", "create", "#lab", "Bob")
    alice.path("plan.pdf").touch()
    alice.run("initiator", "send", "-f", "plan.pdf", "#lab")
    assert listed(alice) == ["1 \u2192 #lab  plan.pdf (0 bytes)  offered"]
    assert listed(bob) == ["1 #lab Alice  plan.pdf (0 bytes)  Get 1"]
    [sent] = [entry for entry in alice.log() if entry.get("direction") == "SENT"]
    alice.write_log(numbered({"time": sent["time"], "id": sent["id"], "state": "fetched", "username": "Bob",
                              "identity": bob.identity().text}, 1))
    assert listed(alice) == ["1 \u2192 #lab  plan.pdf (0 bytes)  \u2713 1 of 1 have it"]
    assert [(entry["room"], entry["have"], entry["state"]) for entry in objects(alice)] == [
        (sent["room"], ["Bob"], "fetched")]
    assert len(from_base64(objects(bob)[0]["room"])) == 16
    assert listed(alice, "#lab") == listed(alice) and listed(alice, "#other") == listed(alice, "Bob") == [
        "No file is offered. Send FILE to NAME offers one."]


def test_what_is_held_is_not_listed(alice):
    alice.write_log(offer("plan.pdf", 1, held=True))
    assert listed(alice) == ["No file is offered. Send FILE to NAME offers one."]
    assert objects(alice) == []


def test_the_newest_are_listed_unless_all_are_wanted(alice):
    alice.write_log(*(offer(f"file {number}", number) for number in range(1, 61)))
    shown = listed(alice)
    assert shown[0].startswith("11 Bob  file 11 ") and shown[-1] == "(the newest 50; Files all shows everything)"
    assert len(listed(alice, "all")) == len(listed(alice, "Bob")) == len(objects(alice)) == 60
    assert objects(alice, "Nobody") == []


def test_no_name_reaches_the_terminal_as_it_is(alice):
    alice.write_log(offer("a\u05d0b.pdf", 1), offer("plan.pdf (2.1 MB)  in files", 2))
    initiator = alice.initiator(terminal=True)
    initiator.menu("Files")
    assert "\u2068a\u05d0b.pdf\u2069" in initiator.output
    assert '"plan.pdf (2.1 MB)<U+0020> in files" (2.1 MB)' in initiator.output or \
        '"plan.pdf (2.1 MB) <U+0020>in files" (2.1 MB)' in initiator.output
