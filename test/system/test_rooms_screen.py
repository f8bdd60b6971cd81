"""Rooms on the screen: the transcript, what History, search and watch show, and what waits.

The lines of chat.log and peers.txt are written here as the programs write them.
"""

import fcntl
import json
import re
import time

import pytest

from protocol import Identity, to_base64
from quartet import eventually, log_entry, numbered, peer, pin
from rooms import Saying, State
from test_transcript import COLOURED, moment, notifier, shown_rows, watch

BOB, CAN, MALLORY = (Identity(letter * 32) for letter in (b"b", b"c", b"m"))


class Room:
    """A room of Alice's, in which there are Bob and Can, by what her programs write about it."""

    def __init__(self, user, name="lab", **record):
        self.user = user
        state = State.first(user.identity(), "Alice", name)
        for identity, username in ((BOB, "Bob"), (CAN, "Can")):
            state = state.letting_in(user.identity(), identity, username)
        self.state, self.id = state, to_base64(state.room)
        self.store(**record)

    def store(self, **record):
        """Writes its record, with these members."""
        kept = {"name": self.state.members["name"], "state": self.state.record, "key": to_base64(self.state.key),
                **record}
        self.user.update_peers_file(lambda content: content.setdefault("room", {}).update({self.id: kept}))

    def event(self, word, seconds=0.0, **members):
        return {"time": moment(seconds), "room": self.id, "event": word, **members}

    def received(self, text, author=BOB, username="Bob", seconds=0.0):
        saying = Saying.signed(author, self.state, text)
        return {"time": moment(seconds), "direction": "RECEIVED", "username": username, "ip": "127.0.0.9",
                "mode": "secure", "id": to_base64(saying.id), "identity": author.text, "room": self.id,
                **saying.record}

    def own(self, text, to=(BOB, CAN), seconds=0.0):
        """The line of what is queued, and the function that says what has become of it."""
        saying = Saying.signed(self.user.identity(), self.state, text)
        line = {"time": moment(seconds), "direction": "QUEUED", "username": "#" + self.state.members["name"],
                "mode": "secure", "id": to_base64(saying.id), "room": self.id,
                "to": [identity.text for identity in to], **saying.record}

        def has(identity, username, state="delivered"):
            return {"time": moment(), "id": line["id"], "state": state, "username": username,
                    "identity": identity.text, "room": self.id}
        return line, has

    def state_line(self):
        """The line of its state, which is handed over to Bob."""
        return {"time": moment(), "id": to_base64(self.state.id[:16]), "room": self.id, "state": self.state.record,
                "key": to_base64(self.state.key), "to": [BOB.text]}


def sent(line):
    return {**line, "direction": "SENT"}


def write(user, *lines):
    """Appends to chat.log, under its lock."""
    with open(user.path("chat.log"), "ab") as log:
        fcntl.flock(log, fcntl.LOCK_EX)
        log.write(b"".join(json.dumps(line).encode() + b"\n" for line in lines))


@pytest.fixture
def alice(make_user):
    """The user under test, who knows Bob, but not Can, and listens on every address."""
    user = make_user("alice")
    user.pin(Bob=pin(BOB.text))
    user.is_called("Alice")
    return user


@pytest.fixture
def lab(alice):
    return Room(alice)


# The transcript.


def test_what_is_said_in_a_room_stands_with_its_author_and_ones_own_with_the_room(alice, lab):
    screen = watch(alice)
    line, has = lab.own("hello all")
    write(alice, lab.received("a question"), line, sent(line), has(BOB, "Bob"), has(CAN, "Can"))
    screen.wait_for(r"^\d\d:\d\d   #lab Bob  a question$")
    screen.wait_for(r"^\d\d:\d\d     → #lab  hello all ✓ 2 of 2$")


def test_it_begins_with_what_was_said_and_happened_last(alice, lab):
    line, has = lab.own("hello all", seconds=-5)
    write(alice, lab.event("joined", -7, username="Bob", identity=BOB.text, by="Alice"),
          lab.received("a question", seconds=-6), line, sent(line), has(BOB, "Bob"))
    screen = watch(alice)
    assert [row[6:].strip() for row in shown_rows(screen)[:-1]] == [
        "#lab: Bob joined, let in by Alice", "#lab Bob  a question", "→ #lab  hello all ✓ 1 of 2 (waiting for Can?)"]


def test_who_has_it_is_said_as_soon_as_all_do_or_else_in_time_and_again_later(alice, lab):
    screen = watch(alice)
    line, has = lab.own("hello all")
    write(alice, line)
    screen.wait_for(r"→ #lab  hello all \(waiting for Bob, Can\?\)$")
    write(alice, sent(line), has(BOB, "Bob"))
    screen.wait_for(r"^\d\d:\d\d     ✓ #lab  \d\d:\d\d ✓ 1 of 2 \(waiting for Can\?\): hello all$")
    write(alice, has(CAN, "Can"))
    screen.wait_for(r"^\d\d:\d\d     ✓ #lab  \d\d:\d\d ✓ 2 of 2: hello all$")
    line, has = lab.own("nobody is left")
    write(alice, line, has(BOB, "Bob", "dropped"), has(CAN, "Can", "dropped"))
    screen.wait_for(r"nobody is left ✗ \(dropped\)$")


def test_many_it_waits_for_are_counted(alice, lab):
    screen = watch(alice)
    others = [Identity(bytes([number]) * 32) for number in range(60)]
    write(alice, lab.own("hello all", [BOB, *others])[0])
    screen.wait_for(r"\(waiting for Bob, unknown\?,\s+unknown\?\s+and 58 more\)$")


def test_what_happens_has_one_faint_line_each(alice, lab):
    screen = watch(alice, environment=COLOURED)
    ece = {"username": "Ece", "identity": MALLORY.text}
    for event, shown in [
            (lab.event("created", username="Alice", by="Alice"), "Alice made the room"),
            (lab.event("joined", **ece, by="Bob"), "Ece joined, let in by Bob"),
            (lab.event("joined", **ece, by="Ece"), "Ece joined"),
            (lab.event("left", **ece, by="Ece"), "Ece left"),
            (lab.event("removed", **ece, by="Bob"), "Ece was removed by Bob"),
            (lab.event("admin", **ece, by="Bob"), "Ece is now admin"),
            (lab.event("no admin", **ece, by="Bob"), "Ece is no longer admin, by Bob"),
            (lab.event("name", by="Bob", value="kitchen"), "Bob named the room: kitchen"),
            (lab.event("about", by="Bob", value="who cooks?"), "Bob set the description: who cooks?"),
            (lab.event("capacity", by="Bob", value="7"), "Bob set the capacity: 7"),
            (lab.event("entry", by="Bob", value="invited"), "Bob set the entry: invited"),
            (lab.event("password", by="Bob"), "Bob set a new password"),
            (lab.event("fell", **ece, value="removed"),
             "what you did crossed what others did, and does not count: removed Ece"),
            (lab.event("twice", **ece), "Ece signed two different next states of the room"),
            (lab.event("apart", by="Bob"), "Bob is in a room that went separate ways; Join takes theirs")]:
        write(alice, event)
        eventually(lambda: f"#lab: {shown}" in " ".join(re.sub(r"\x1b\[[0-9;]*m", "", screen.output).split()))
    assert "\x1b[2m" in screen.output


def test_no_name_passes_for_anything_else(alice):
    screen = watch(alice)
    rooms = [Room(alice, name) for name in ("lab Bob", "lab: Bob", "12:31 lab", "سلام")]
    write(alice, *[room.received("hello", MALLORY, "Mallory") for room in rooms],
          *[room.event("left", username="x\x07[y]".replace("\x07", ""), by="\x1b[2J") for room in rooms[:1]],
          rooms[0].received("the end"))
    screen.wait_for("the end$")
    shown = " ".join(screen.output.split())
    assert '#"lab Bob" Mallory' in shown and '#"lab: Bob" Mallory' in shown and '#"12:31 lab" Mallory' in shown
    assert '#"lab Bob": "x[y]" left' in shown and "\x1b[2J" not in screen.output


def test_two_rooms_that_look_alike_are_told_apart(alice, lab):
    screen = watch(alice)
    write(alice, lab.received("one"))
    screen.wait_for("#lab Bob  one$")
    other = Room(alice, "Lab")
    write(alice, lab.received("one"), other.received("two"))
    for room, name, text in ((lab, "lab", "one"), (other, "Lab", "two")):
        screen.wait_for(rf"#{name} \[{re.escape(room.id[:8])}\] Bob\s+{text}$")


def test_a_room_without_a_record_is_named_by_its_states_or_its_id(alice, lab):
    alice.update_peers_file(lambda content: content["room"].clear())
    screen = watch(alice)
    write(alice, lab.received("one"), lab.state_line(), lab.received("two"))
    screen.wait_for(rf"#{re.escape(lab.id[:8])} Bob\s+one$")
    screen.wait_for("#lab Bob  two$")


def test_that_a_state_was_handed_over_is_not_said(alice, lab):
    screen = watch(alice)
    line = lab.state_line()
    write(alice, line, {"time": moment(), "id": line["id"], "state": "delivered", "username": "Bob",
                        "identity": BOB.text, "room": lab.id})
    write(alice, lab.own("hello", [])[0] | {"direction": "SENT"}, lab.received("the end"))
    screen.wait_for("hello$")
    screen.wait_for("the end$")
    assert "✓" not in screen.output


def test_a_muted_room_is_faint_and_rings_no_bell(alice, lab):
    cellar = Room(alice, "cellar", muted=True)
    screen = watch(alice, environment={"TERM": "xterm-256color"})
    write(alice, cellar.received("quiet"))
    screen.wait_for(r"\x1b\[2mBob\x1b\[0m \n +\x1b\[0;2mquiet")
    assert "\a" not in re.sub(r"\x1b\][^\x07]*\x07", "", screen.output) and "1 new" not in screen.output
    write(alice, lab.received("loud"))
    screen.wait_for("loud")
    eventually(lambda: "responder: 1 new" in screen.output)
    lab.store(muted=True)
    write(alice, lab.received("quiet by now"))
    screen.wait_for(r"\x1b\[0;2mquiet by now")


def test_blocked_authors_are_hidden(alice, lab):
    alice.update_peers_file(lambda content: content["strangers"].append(
        {"stranger": "Mallory", "identity": MALLORY.text, "blocked": True}))
    screen = watch(alice)
    write(alice, lab.received("buy gold", MALLORY, "Mallory"), lab.received("the end"))
    screen.wait_for("the end$")
    assert "gold" not in screen.output


def test_a_room_that_one_was_put_in_by_a_stranger_waits(alice, lab):
    trap = Room(alice, "trap", held=True)
    screen = watch(alice)
    write(alice, trap.state_line(), trap.event("joined", username="Alice", by="Mallory?"))
    screen.wait_for(r'^Mallory\? has put you in #trap: type Accept or Reject, and its name$')
    write(alice, trap.received("buy gold"), lab.received("between"))
    screen.wait_for("between$")
    trap.store()
    write(alice, trap.received("accepted by now"))
    screen.wait_for("#trap Bob  accepted by now$")
    assert "gold" not in screen.output


def test_a_file_is_offered_and_then_said_who_has_it(alice, lab):
    screen = watch(alice)
    file = {"name": "cat.png", "bytes": 812, "hash": to_base64(bytes(32))}
    line, has = lab.own(file)
    alice.write_log(numbered(lab.received(file), 1), numbered(line, 2), numbered(sent(line), 2))
    write(alice, has(BOB, "Bob"), has(CAN, "Can"))
    screen.wait_for(r"^\d\d:\d\d  #lab Bob offers cat\.png \(812 bytes\): Get 1$")
    screen.wait_for(r"^\d\d:\d\d     → #lab  offers cat\.png \(812 bytes\) ✓ 2 of 2$")
    alice.write_log(numbered(has(BOB, "Bob", "fetched"), 2))
    screen.wait_for(r"^\d\d:\d\d  #lab Bob has cat\.png ✓ 1 of 2$")
    alice.write_log(numbered(has(BOB, "Bob", "fetched"), 2), numbered(has(CAN, "Can", "fetched"), 2))
    screen.wait_for(r"^\d\d:\d\d  #lab 2 of 2 have cat\.png ✓$")


def test_outside_a_terminal_there_is_a_full_line_for_each(alice, lab):
    responder = alice.responder()
    write(alice, lab.event("left", username="Can", by="Can"), lab.received("two\nlines"), lab.own("mine")[0])
    alice.write_log(numbered(lab.received({"name": "cat.png", "bytes": 812, "hash": to_base64(bytes(32))}), 1))
    when = r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d|^\d\d:\d\d:\d\d"
    responder.wait_for(rf"(?:{when}) #lab: Can left$")
    responder.wait_for(rf"(?:{when}) \[secure\] #lab Bob: two\n    \| lines$")
    responder.wait_for(r"\[secure\] #lab Bob offers cat\.png \(812 bytes\): Get 1$")
    assert "mine" not in responder.output


def test_the_command_of_the_user_is_told_the_room(alice, lab):
    command = notifier(alice, 'echo "$QUARTET_ROOM: $QUARTET_FROM: $QUARTET_TEXT" >>told\n')
    watch(alice, "-n", command)
    write(alice, lab.received("hello"))
    eventually(lambda: alice.path("told").exists() and alice.path("told").read_text() == "#lab: Bob: hello\n")


# What was said, for people and for programs.


def objects(output):
    return [json.loads(line) for line in output.splitlines()]


def test_history_has_what_was_said_and_happened_in_a_room_and_search_finds_it(alice, lab):
    cellar = Room(alice, "cellar")
    line, has = lab.own("hello all")
    write(alice, lab.event("joined", username="Bob", identity=BOB.text, by="Alice"), lab.received("a question"),
          cellar.received("a question elsewhere"), line, sent(line), has(BOB, "Bob"),
          log_entry("a question to you", identity=BOB.text, mode="secure"))
    initiator = alice.initiator()
    shown = initiator.menu("History #lab")
    when = r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  "
    assert re.search(when + "#lab: Bob joined, let in by Alice\n" + when[1:] +
                     r"RECEIVED  #lab Bob \[secure\]: a question\n" + when[1:] +
                     r"SENT      #lab \[secure\] ✓ 1 of 2 \(waiting for Can\?\): hello all\n", shown, re.MULTILINE)
    assert "elsewhere" not in shown and "to you" not in shown
    assert shown == initiator.menu("History #LAB 20")
    assert "hello all" not in initiator.menu(f"History #{cellar.id} 1") and "elsewhere" in initiator.menu("History #cellar")
    assert "to you" in initiator.menu("History Bob") and "#lab" not in initiator.menu("History Bob")
    assert all(text in initiator.menu("History") for text in ("hello all", "elsewhere", "to you", "#lab: Bob joined"))
    shown = initiator.menu("Search -f #lab QUESTION")
    assert "#lab Bob [secure]: a question" in shown and "elsewhere" not in shown
    assert "Nothing was said yet in #attic." in initiator.menu("History #attic")


def test_history_as_objects_has_the_room_and_who_has_what_was_said(alice, lab):
    line, has = lab.own("hello all")
    later, _ = lab.own("and more")
    write(alice, lab.event("joined", username="Bob", by="Alice"), lab.received("a question"),
          line, sent(line), has(BOB, "Bob"), has(CAN, "Can", "dropped"), later)
    received, said, waits = objects(alice.run("initiator", "history", "-j", "#lab").output)
    assert [(each["room"], each["name"], each["text"]) for each in (received, said, waits)] == [
        (lab.id, "lab", "a question"), (lab.id, "lab", "hello all"), (lab.id, "lab", "and more")]
    assert (received["username"], said["username"]) == ("Bob", "#lab")
    assert "state" not in received and "delivered" not in received
    assert (said["state"], said["delivered"], said["waiting"]) == ("delivered", 1, [])
    assert (waits["state"], waits["delivered"], waits["waiting"]) == ("waiting", 0, ["Bob", "Can?"])
    found = alice.run("initiator", "search", "-j", "-f", "#lab", "more")
    assert objects(found.output) == [waits]
    assert alice.run("initiator", "history", "-j", "-n", "1", f"#{lab.id}").output == found.output
    assert "no room named #attic" in alice.run("initiator", "history", "#attic", status=3).errors


def test_watching_tells_who_has_it_as_that_becomes_known(alice, lab):
    cellar = Room(alice, "cellar")
    watching = alice.start("initiator", "watch", "-j", "#lab", ready=False)
    shown = alice.start("initiator", "watch", "#lab", ready=False)
    for each in (watching, shown):
        # It follows the log by then.
        def says_so(each=each):
            write(alice, lab.received("are you there?"))
            return "there" in each.output
        eventually(says_so)
    line, has = lab.own("hello all")
    write(alice, line, cellar.received("elsewhere"), sent(line), has(CAN, "Can"), has(BOB, "Bob"),
          lab.event("left", username="Can", by="Can"))
    eventually(lambda: '"left"' in watching.output)
    queued, left, one, two, event = [each for each in objects(watching.output) if each.get("text") != "are you there?"]
    assert (queued["direction"], left["direction"]) == ("QUEUED", "SENT")
    assert (one["username"], one["delivered"], one["waiting"]) == ("Can", 1, ["Bob"])
    assert (two["delivered"], two["waiting"]) == (2, [])
    assert (event["event"], event["name"], event["room"]) == ("left", "lab", lab.id)
    shown.wait_for(r"SENT      #lab \[secure\]: hello all\n.*  #lab: Can left$")
    assert "elsewhere" not in watching.output + shown.output


def test_what_is_not_to_be_shown_is_in_no_list_either(alice, lab):
    alice.update_peers_file(lambda content: content["strangers"].append(
        {"stranger": "Mallory", "identity": MALLORY.text, "blocked": True}))
    trap = Room(alice, "trap", held=True)
    write(alice, trap.event("joined", username="Alice", by="Can"), trap.received("a secret"),
          lab.received("buy gold", MALLORY, "Mallory"), lab.received("fine"))
    for arguments in (("history",), ("history", "-j"), ("search", "gold"), ("search", "secret"), ("history", "#trap")):
        shown = alice.run("initiator", *arguments).output
        assert ("fine" in shown) == (arguments[0] == "history" and "#trap" not in arguments)
        assert "gold" not in shown and "secret" not in shown and "trap" not in shown
    write(alice, lab.received("buy at https://gold.example", MALLORY, "Mallory"), lab.received("https://fine.example"))
    initiator = alice.initiator()
    initiator.ask("Open", r"^  1  fine\.example  https://fine\.example\n")
    assert "gold.example" not in initiator.output


# What waits.


def test_what_waits_in_rooms_is_counted_once_each(alice, lab):
    lines = [lab.own(text)[0] for text in ("one", "two")]
    _, has = lab.own("three")
    write(alice, lab.state_line(), *lines, {**has(BOB, "Bob"), "id": lines[0]["id"]})
    initiator = alice.initiator(terminal=100, environment={"TERM": "xterm"})
    users = re.sub(r"\x1b\[[0-9;]*m", "", initiator.menu("Users"))
    assert "initiator: 2 waiting" in initiator.output
    assert "In rooms: #lab  2 waiting\n" in users
    assert re.search("^Not here: Bob  1 waiting, Can\\?  2 waiting$", users, re.MULTILINE)


def test_the_title_says_how_many_wait_when_somebody_else_has_delivered(alice, lab):
    line, has = lab.own("hello all")
    write(alice, line)
    with open(alice.path("identity.key"), "rb") as key:
        fcntl.flock(key, fcntl.LOCK_EX)  # whoever delivers has this
        initiator = alice.initiator(terminal=100, environment={"TERM": "xterm"})
        eventually(lambda: "initiator: 1 waiting\x1b" in initiator.output)
        shown = len(initiator.output)
        write(alice, has(BOB, "Bob"), has(CAN, "Can"))
        eventually(lambda: "initiator\x1b" in initiator.output[shown:])


def test_rooms_that_wait_for_the_user_are_pointed_out(alice, lab):
    Room(alice, "trap", held=True)
    Room(alice, "rejected", held=True, left=True)
    initiator = alice.initiator()
    assert "Waiting for Accept or Reject: #trap\n" in initiator.menu("Users")
    strangers = initiator.menu("Strangers")
    assert "  #trap waits: somebody whom you do not know has put you in\n" in strangers
    assert "lab" not in strangers and "rejected" not in strangers
    assert "in no room #trap; it waits for Accept or Reject.\n" in initiator.menu("@#trap hello")
    for answer in (initiator.menu("Accept Bob"), initiator.menu("Reject Bob")):
        assert "\nWaiting for Accept or Reject: #trap\n" in answer


# What the user decides about rooms.


def test_a_room_is_muted_and_unmuted(alice, lab):
    initiator = alice.initiator()
    assert "Muted: #lab rings no bell; messages are kept." in initiator.menu("Mute #lab")
    assert alice.peers_file()["room"][lab.id]["muted"] is True
    assert "  you are in  muted  " in initiator.menu("Rooms")
    assert "Unmuted: #lab is not muted." in initiator.menu("Unmute #LAB")
    assert "muted" not in alice.peers_file()["room"][lab.id]
    alice.run("initiator", "mute", f"#{lab.id}")
    assert alice.peers_file()["room"][lab.id]["muted"] is True
    assert "You are in no room #attic" in alice.run("initiator", "mute", "#attic", status=3).errors
    assert "not blocked" in alice.run("initiator", "block", "#lab", status=1).errors


def test_a_room_of_a_stranger_is_accepted_and_shown_from_then_on(alice, lab):
    trap = Room(alice, "trap", held=True)
    write(alice, trap.event("joined", username="Alice", by="Can"))
    initiator = alice.initiator()
    assert "trap" not in initiator.menu("History")
    assert "Accepted: #trap is a room of yours now." in initiator.menu("Accept #trap")
    assert "held" not in alice.peers_file()["room"][trap.id]
    assert "#trap: Alice joined, let in by Can" in initiator.menu("History #trap")
    assert "Nobody has put you in #lab" in initiator.menu("Accept #lab")


def test_a_room_of_a_stranger_is_rejected_for_good(alice, lab):
    trap = Room(alice, "trap", held=True)
    write(alice, trap.event("joined", username="Alice", by="Can"))
    assert alice.run("initiator", "reject", "#trap").output == ""
    record = alice.peers_file()["room"][trap.id]
    assert record["held"] is True and record["left"] is True
    left = State(record["state"])
    assert left.since(alice.identity().text) is None and left.n == trap.state.n + 1
    assert "trap" not in alice.run("initiator", "history").output
    write(alice, lab.received("the end"))
    screen = watch(alice)
    assert "the end" in screen.output and "trap" not in screen.output
    alice.run("initiator", "reject", "#trap", status=3)
    assert "trap" not in alice.initiator().menu("Strangers")


# All of it together.


def test_what_real_programs_do_in_a_room_is_on_both_screens(alice, make_user):
    """A stranger's room is held, accepted, and talked in; nothing here is written by the test but who is heard."""
    ece = make_user("ece", address="127.0.0.3")
    ece.is_called("Ece")
    alice.address = "127.0.0.2"
    for user, other, name in ((alice, ece, "Ece"), (ece, alice, "Alice")):
        user.write_peers({other.address: peer(name, identity=other.identity().text)})
    hers, his = watch(alice), watch(ece)
    initiator = alice.initiator()
    initiator.menu("Create #lab -d x Ece")
    his.wait_for(r"^Alice has put you in #lab: type Accept or Reject, and its name$")
    hers.wait_for(r"#lab: Ece joined, let in by Alice$")
    initiator.menu("@#lab hello")
    hers.wait_for(r"→ #lab  hello \(waiting for Ece\)$")
    ece.run("initiator", "accept", "#lab")
    alice.write_peers({ece.address: peer("Ece", identity=ece.identity().text, since=int(time.time()))})
    his.wait_for(r"#lab Alice\s+hello$")
    hers.wait_for(r"✓ #lab  \d\d:\d\d ✓ 1 of 1: hello$")
