"""Get: fetching what others offer, with the tests' own peer on the other side."""

import os
import re
import signal

import pytest

from files import CHUNK_BYTES, WRONG_STREAMS, Outgoing, Shared, Sharer, hash_of
from protocol import Identity, to_base64
from quartet import eventually, offer_entry, peer, pin
from rooms import State
from test_delivery import utc

BOB = "127.0.0.3"
CAN = "127.0.0.4"
CONTENT = os.urandom(5 * CHUNK_BYTES + 1000)
HALF = 3 * CHUNK_BYTES
EDITING = {"TERM": "xterm", "NO_COLOR": "1"}


@pytest.fixture
def bob(namespace):
    with Sharer(Identity(), "Bob", BOB) as sharer:
        yield sharer


@pytest.fixture
def alice(alice, bob):
    """Somebody who has heard Bob."""
    alice.is_called("Alice")
    alice.write_peers({BOB: peer("Bob", identity=bob.identity.text)})
    return alice


def offer(user, bob, *files, **members):
    """Has the user heard of these offers of Bob, with numbers from 1 on."""
    user.write_log(*(offer_entry(file.name, file.offer["bytes"], number, id=to_base64(file.id),
                                 identity=bob.identity.text, **members)
                     for number, file in enumerate(files, start=1)))


def stored(user):
    """What lies in files/: contents by name."""
    try:
        return {name: user.path(f"files/{name}").read_bytes() for name in os.listdir(user.path("files"))}
    except FileNotFoundError:
        return {}


def parts(user):
    """The contents of what is not whole."""
    return [content for name, content in stored(user).items() if name.endswith(".part")]


def fetched(user):
    return [entry for entry in user.log() if entry.get("state") == "fetched"]


def breaks_off(content_bytes):
    """Serves so many bytes, and goes away."""
    def stream(out, content):
        out.send(content[:content_bytes], final=False)
        out.end()
    return stream


def get(user, *arguments, status=0):
    """Runs it as a script does; what it says."""
    return user.run("initiator", "get", *arguments, status=status).errors


def offer_of_which_half_comes(alice, bob):
    """The file, and the streams that the test may go on with."""
    plan, held = bob.share("plan.pdf", CONTENT), []
    offer(alice, bob, plan)

    def stream(out, content):
        out.send(content[:HALF], final=False)
        held.append(out)
    plan.stream = stream
    return plan, held


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES, len(CONTENT)])
def test_a_file_is_fetched_and_both_know(alice, bob, size):
    plan = bob.share("plan.pdf", CONTENT[:size])
    offer(alice, bob, plan)
    said = get(alice, "1")
    assert said.startswith("Fetching 1 file ...\nplan.pdf is in files/ (")
    assert stored(alice) == {"plan.pdf": CONTENT[:size]}
    assert os.stat(alice.path("files")).st_mode & 0o777 == 0o700
    assert os.stat(alice.path("files/plan.pdf")).st_mode & 0o777 == 0o600
    entry, = fetched(alice)
    assert entry["source"]["path"] == os.path.realpath(alice.path("files/plan.pdf"))
    assert entry["source"]["inode"] == os.stat(alice.path("files/plan.pdf")).st_ino
    assert (entry["number"], entry["id"], entry["identity"]) == (1, to_base64(plan.id), alice.identity().text)
    assert plan.done == [alice.identity().text]
    assert "here already" in get(alice, "1")
    assert len(plan.asks) == 2


def test_an_id_means_the_offer_too_and_a_path_its_place(alice, bob, tmp_path):
    plan = bob.share("plan.pdf", CONTENT)
    offer(alice, bob, plan)
    place = tmp_path / "mine.pdf"
    assert "mine.pdf is there (" in get(alice, "-o", str(place), to_base64(plan.id))
    assert place.read_bytes() == CONTENT
    assert fetched(alice)[0]["source"]["path"] == str(place)
    assert "mine.pdf: File exists" in get(alice, "-o", str(place), "1", status=1)
    assert place.read_bytes() == CONTENT


def test_a_name_that_is_taken_is_left_alone(alice, bob):
    plan, other = bob.share("plan.pdf", CONTENT), bob.share("plan.pdf", b"other")
    offer(alice, bob, plan, other)
    get(alice, "1")
    assert '"plan (1).pdf" is in files/' in get(alice, "2")
    assert stored(alice) == {"plan.pdf": CONTENT, "plan (1).pdf": b"other"}


def test_an_id_that_two_have_offered_means_neither(alice, bob):
    """Whoever knows the id of somebody's offer can make one with it."""
    plan = bob.share("plan.pdf", CONTENT)
    alice.write_log(offer_entry("plan.pdf", len(CONTENT), 1, id=to_base64(plan.id), identity=bob.identity.text),
                    offer_entry("plan.pdf", len(CONTENT), 2, id=to_base64(plan.id), identity=Identity().text))
    assert "say the number" in get(alice, to_base64(plan.id), status=3)
    get(alice, "1")
    assert stored(alice) == {"plan.pdf": CONTENT}


def test_no_name_passes_for_what_has_become_of_a_file(alice, bob):
    names = ["plan.pdf: Bob refuses you", "\u00a0"]
    offer(alice, bob, *(bob.share(name, CONTENT) for name in names))
    for number, shown in enumerate(['"plan.pdf: Bob refuses you"', "<U+00A0>"], start=1):
        assert f"\n{shown} is in files/" in get(alice, str(number))
    vast = bob.share(names[0], b"", size=2 ** 63 - 1)
    alice.write_log(offer_entry(names[0], 2 ** 63 - 1, 4, id=to_base64(vast.id), identity=bob.identity.text))
    assert '"plan.pdf: Bob refuses you" cannot be stored' in get(alice, "4", status=1)


def test_what_is_not_offered_is_said_so(alice, bob):
    offer(alice, bob, bob.share("plan.pdf", CONTENT))
    for wanted in ("2", "0", "x", to_base64(os.urandom(16)), "99999999999999999999"):
        assert "There is no offer" in get(alice, wanted, status=3)
    mine = offer_entry("mine.pdf", 5, 2, direction="SENT", id=to_base64(os.urandom(16)), identity=bob.identity.text)
    alice.write_log(mine)
    assert "yourself" in get(alice, "2", status=3)
    assert stored(alice) == {}


@pytest.mark.parametrize("why, status, said", [
    ("busy", 7, "Bob is busy with other files"),
    ("changed", 6, "plan.pdf has changed at Bob since it was offered"),
    ("no such file", 7, "Bob does not offer it any more"),
    ("blocked", 7, "Bob refuses you"),
])
def test_a_refusal_is_told(alice, bob, why, status, said):
    plan = bob.share("plan.pdf", CONTENT)
    plan.why = why
    offer(alice, bob, plan)
    assert said in get(alice, "1", status=status)
    assert stored(alice) == {}


def test_who_cannot_be_reached_is_told_and_waited_for(alice, bob):
    plan = bob.share("plan.pdf", CONTENT)
    offer(alice, bob, plan)
    alice.write_peers({})
    nobody = Identity()
    alice.write_log(offer_entry("gone.pdf", 7, 2, id=to_base64(os.urandom(16)), identity=nobody.text,
                                username="Can", ip="127.0.0.9"))
    assert "cannot reach" in get(alice, "2", status=4)
    # From where it was offered, as long as nothing else is known.
    get(alice, "1")
    assert stored(alice) == {"plan.pdf": CONTENT}


def test_a_part_is_kept_and_goes_on_from_there(alice, bob):
    plan = bob.share("plan.pdf", CONTENT)
    offer(alice, bob, plan)
    plan.stream = breaks_off(HALF)
    assert "broke off at Bob" in get(alice, "1", status=5)
    assert parts(alice) == [CONTENT[:HALF]]
    plan.stream = Outgoing.send
    get(alice, "1")
    assert stored(alice) == {"plan.pdf": CONTENT}
    assert (plan.asks[-2]["from"], plan.asks[-2]["prefix"]) == (HALF, hash_of(CONTENT[:HALF]))


def test_what_broke_off_goes_on_by_itself(alice, bob):
    plan = bob.share("plan.pdf", CONTENT)
    offer(alice, bob, plan)
    streams = [breaks_off(CHUNK_BYTES), breaks_off(CHUNK_BYTES), Outgoing.send]
    plan.stream = lambda out, content: streams.pop(0)(out, content)
    said = get(alice, "-w", "60", "1")
    assert said.count("it goes on by itself") == 1
    assert stored(alice) == {"plan.pdf": CONTENT}
    assert [ask.get("from", 0) for ask in plan.asks if "done" not in ask] == [0, CHUNK_BYTES, 2 * CHUNK_BYTES]


def test_another_beginning_is_thrown_away_and_all_is_fetched(alice, bob):
    plan = bob.share("plan.pdf", CONTENT)
    offer(alice, bob, plan)
    plan.stream = breaks_off(HALF)
    get(alice, "1", status=5)
    plan.stream = Outgoing.send
    name, = stored(alice)
    alice.path(f"files/{name}").write_bytes(b"x" * HALF)
    get(alice, "1")
    assert stored(alice) == {"plan.pdf": CONTENT}


@pytest.mark.parametrize("is_right", [True, False])
def test_of_a_part_that_is_all_there_the_end_tells_whether_it_is_right(alice, bob, is_right):
    plan = bob.share("plan.pdf", CONTENT)
    offer(alice, bob, plan)
    plan.stream = WRONG_STREAMS["not final"]
    get(alice, "1", status=5)
    plan.stream = Outgoing.send
    name, = stored(alice)
    if not is_right:
        alice.path(f"files/{name}").write_bytes(b"x" * len(CONTENT))
    get(alice, "1")
    assert stored(alice) == {"plan.pdf": CONTENT}
    assert [ask.get("from", 0) for ask in plan.asks if "done" not in ask] == [0, len(CONTENT) - 1] + [0] * (not is_right)


# What ends as nothing under the name: thrown away, or kept for the next time.
THROWN_AWAY = ("more", "a byte more", "without end", "final early", "final at once")


@pytest.mark.parametrize("kind", WRONG_STREAMS)
def test_no_wrong_stream_ends_as_the_file(alice, bob, kind):
    plan = bob.share("plan.pdf", CONTENT)
    offer(alice, bob, plan)
    plan.stream = WRONG_STREAMS[kind]
    get(alice, "1", status=1 if kind in THROWN_AWAY else 5)
    assert all(name.endswith(".part") for name in stored(alice))
    assert all(CONTENT.startswith(part) for part in parts(alice))
    assert not fetched(alice) and not plan.done
    plan.stream = Outgoing.send
    get(alice, "1")
    assert stored(alice) == {"plan.pdf": CONTENT}


def test_all_that_is_offered_is_fetched(alice, bob):
    files = [bob.share(f"plan {number}.pdf", os.urandom(1024)) for number in range(40)]
    offer(alice, bob, *files)
    get(alice, "1")
    said = get(alice, "all")
    assert "And 29 more files are in files/" in said
    assert stored(alice) == {file.name: file.content for file in files}
    assert all(file.done == [alice.identity().text] for file in files)
    assert "Everything that is offered is here" in get(alice, "all")


def test_what_strangers_offer_waits_for_accept(alice, bob):
    plan = bob.share("plan.pdf", CONTENT)
    offer(alice, bob, plan, held=True)
    assert "waits for Accept or Reject" in get(alice, "1", status=3)
    alice.run("initiator", "accept", "Bob")
    get(alice, "1")
    assert stored(alice) == {"plan.pdf": CONTENT}


def test_a_full_disk_keeps_what_came(alice, bob):
    plan = bob.share("plan.pdf", CONTENT)
    offer(alice, bob, plan)
    plan.offer["bytes"] = 2 ** 60
    alice.write_log(offer_entry("vast.bin", 2 ** 60, 2, id=to_base64(os.urandom(16)), identity=bob.identity.text))
    assert "vast.bin cannot be stored: No space left on device" in get(alice, "2", status=1)


def test_offers_larger_than_any_disk_keep_no_other_away(alice, bob):
    plan = bob.share("plan.pdf", CONTENT)
    vast = [bob.share(f"vast {number}.bin", b"", size=2 ** 63 - 1) for number in range(3)]
    offer(alice, bob, *vast, plan)
    assert get(alice, "all", status=1).count("cannot be stored: No space left on device") == 3
    assert stored(alice) == {"plan.pdf": CONTENT}


def test_two_do_not_fetch_the_same(alice, bob):
    plan, held = offer_of_which_half_comes(alice, bob)
    first = alice.start("initiator", "get", "1", ready=False)
    eventually(lambda: parts(alice) == [CONTENT[:HALF]])
    assert "fetched by another program of yours" in get(alice, "1", status=1)
    os.kill(first.pid, signal.SIGINT)
    first.wait(5)
    assert "what came is kept" in first.errors
    assert parts(alice) == [CONTENT[:HALF]]


def test_the_menu_goes_on_while_files_come(alice, bob):
    plan, held = offer_of_which_half_comes(alice, bob)
    menu = alice.initiator(terminal=True, environment=EDITING)
    menu.ask("Get 1", r"plan\.pdf  \d+ %.*\n.*Users, Chat or History\? ")
    eventually(lambda: parts(alice) == [CONTENT[:HALF]])
    menu.ask("Users", r"Bob .*\n(.*\n)*.*plan\.pdf  \d+ %.*\n.*Users, Chat or History\? ")
    menu.ask("Get 1", r"It is on its way already\.\n(.*\n)*.*Users, Chat or History\? ")
    said = len(menu.output)
    menu.send_bytes(b"\x03")
    menu.wait_for(r"Stopped: 1 file; what came is kept(.*\n)*.*Users, Chat or History\? ")
    assert "%" not in menu.output[said:].partition("Stopped")[2]
    assert parts(alice) == [CONTENT[:HALF]]
    plan.stream = Outgoing.send
    menu.ask("Get 1 as other.pdf", r"other\.pdf is in files/ \(")
    eventually(lambda: stored(alice).get("other.pdf") == CONTENT)
    menu.send("Quit")
    menu.wait()


@pytest.fixture
def can(namespace):
    with Sharer(Identity(), "Can", CAN) as sharer:
        yield sharer


@pytest.fixture
def lab(alice, bob, can):
    """Alice is in a room of Bob's with Can, and knows both; its head."""
    alice.write_peers({BOB: peer("Bob", identity=bob.identity.text), CAN: peer("Can", identity=can.identity.text)})
    alice.pin(Bob=pin(bob.identity.text, address=BOB))
    first = State.first(bob.identity, "Bob")
    head = first.letting_in(bob.identity, can.identity, "Can").letting_in(bob.identity, alice.identity(), "Alice")
    alice.responder()
    with bob.call(alice.address, alice.identity().public) as session:
        assert session.hand_over(head)["status"] == 200
    return head


def offer_in_room(alice, bob, head, file, offer=None):
    assert bob.offer_in(head, file, alice.address, alice.identity().public, offer)["status"] == 200


def test_in_a_room_the_author_is_asked_first(alice, bob, can, lab):
    plan = bob.share("plan.pdf", CONTENT)
    copy = can.share("plan.pdf", CONTENT, file_id=plan.id)
    offer_in_room(alice, bob, lab, plan)
    get(alice, "1")
    assert stored(alice) == {"plan.pdf": CONTENT}
    assert plan.done == [alice.identity().text] and copy.asks == []


@pytest.mark.parametrize("why", ["busy", "changed", "no such file"])
def test_in_a_room_who_else_has_it_serves_it_and_the_author_hears_of_it(alice, bob, can, lab, why):
    plan = bob.share("plan.pdf", CONTENT)
    copy = can.share("plan.pdf", CONTENT, file_id=plan.id)
    offer_in_room(alice, bob, lab, plan)
    plan.why = why
    get(alice, "1")
    assert stored(alice) == {"plan.pdf": CONTENT}
    assert plan.done == copy.done == [alice.identity().text]


def test_in_a_room_a_file_outlives_the_presence_of_its_author(alice, bob, can, lab):
    plan = bob.share("plan.pdf", CONTENT)
    offer_in_room(alice, bob, lab, plan)
    can.share("plan.pdf", CONTENT, file_id=plan.id)
    alice.write_peers({CAN: peer("Can", identity=can.identity.text)})
    get(alice, "1")
    assert stored(alice) == {"plan.pdf": CONTENT}
    assert plan.asks == []


def test_in_a_room_where_nobody_is_the_author_is_named(alice, bob, can, lab):
    offer_in_room(alice, bob, lab, bob.share("plan.pdf", CONTENT))
    alice.write_peers({})
    assert "plan.pdf: cannot reach Bob.\n" in get(alice, "1", status=4)


def test_in_a_room_it_is_said_who_broke_off_not_who_never_had_it(alice, bob, can, lab):
    plan = bob.share("plan.pdf", CONTENT)
    offer_in_room(alice, bob, lab, plan)
    copy = can.share("plan.pdf", CONTENT, file_id=plan.id)
    copy.why = "no such file"
    plan.stream = breaks_off(HALF)
    assert "plan.pdf broke off at Bob" in get(alice, "1", status=5)
    assert copy.asks


def test_of_a_room_that_one_is_in_no_more_nothing_is_fetched_nor_waited_for(alice, bob, can, lab):
    offer_in_room(alice, bob, lab, bob.share("plan.pdf", CONTENT))
    alice.run("initiator", "leave", "#lab")
    assert "You are not in the room of that any more: 1" in get(alice, "1", status=3)
    assert "Everything that is offered is here" in get(alice, "all")
    assert "you are out of that room" in alice.run("initiator", "files").output


def test_in_a_room_what_is_not_what_was_offered_is_thrown_away(alice, bob, can, lab):
    plan = bob.share("plan.pdf", CONTENT)
    offer_in_room(alice, bob, lab, plan)
    plan.content = CONTENT[:-1] + bytes([CONTENT[-1] ^ 1])
    assert "is not what was offered" in get(alice, "1", status=1)
    assert stored(alice) == {} and plan.done == []
    can.share("plan.pdf", CONTENT, file_id=plan.id)
    get(alice, "1")
    assert stored(alice) == {"plan.pdf": CONTENT}


def test_in_a_room_a_part_of_one_goes_on_with_another(alice, bob, can, lab):
    plan = bob.share("plan.pdf", CONTENT)
    copy = can.share("plan.pdf", CONTENT, file_id=plan.id)
    offer_in_room(alice, bob, lab, plan)
    plan.stream = breaks_off(HALF)
    get(alice, "1")
    assert stored(alice) == {"plan.pdf": CONTENT}
    assert copy.asks[0]["from"] == HALF


def test_without_a_terminal_the_menu_waits_for_the_file(alice, bob):
    offer(alice, bob, bob.share("plan.pdf", CONTENT))
    said = alice.run("initiator", text="Get 1 as my plan.pdf\nGet 2\nGet\nall\nHistory\n", status=3).output
    assert re.search(r"my plan\.pdf is in files/.*\n(.*\n)*There is no offer 2", said)
    assert stored(alice) == {"my plan.pdf": CONTENT}


def test_a_name_to_store_it_under_is_judged_as_one_that_was_offered(alice, bob):
    offer(alice, bob, bob.share("plan.pdf", CONTENT))
    for name in ("../plan.pdf", ".plan", "-plan", "a/b", "plan.pdf.0123456789abcdef.part"):
        assert "That name will not do" in alice.run("initiator", text=f"Get 1 as {name}\n", status=1).output
    assert stored(alice) == {}


def test_who_is_back_is_asked_again(make_user):
    alice, identity = make_user("alice", address="127.0.0.2"), Identity()
    alice.write_peers({BOB: peer("Bob", 60, identity=identity.text, since=1_763_600_000)})
    plan = Shared("plan.pdf", CONTENT)
    alice.write_log(offer_entry("plan.pdf", len(CONTENT), 1, id=to_base64(plan.id), identity=identity.text))
    menu = alice.initiator(terminal=True)
    menu.ask("Get 1", "plan.pdf: cannot reach Bob: Connection refused; it goes on by itself")
    with Sharer(identity, "Bob", BOB) as bob:
        bob.shared[plan.id] = plan
        alice.write_peers({BOB: peer("Bob", identity=identity.text, since=1_763_700_000)})
        menu.wait_for("plan.pdf is in files/")
    assert stored(alice) == {"plan.pdf": CONTENT}


def test_what_still_comes_at_the_end_is_kept(alice, bob):
    plan, held = offer_of_which_half_comes(alice, bob)
    menu = alice.initiator(terminal=True)
    menu.send("Get 1")
    eventually(lambda: parts(alice) == [CONTENT[:HALF]])
    menu.ask("Quit", "Stopped: 1 file; what came is kept")
    menu.wait()
    plan.stream = Outgoing.send
    get(alice, "1")
    assert stored(alice) == {"plan.pdf": CONTENT}


def test_an_offer_is_withdrawn(alice, bob):
    alice.write_log(offer_entry("mine.pdf", 5, 1, direction="SENT", id=to_base64(bytes(16)),
                                identity=bob.identity.text))
    offer(alice, bob)
    alice.run("initiator", "withdraw", "1")
    entry = alice.log()[-1]
    assert (entry["state"], entry["number"], entry["identity"]) == ("withdrawn", 1, alice.identity().text)
    plan = bob.share("plan.pdf", CONTENT)
    alice.write_log(offer_entry("plan.pdf", 5, 2, id=to_base64(plan.id), identity=bob.identity.text))
    assert "by somebody else" in alice.run("initiator", "withdraw", "2", status=3).errors
    assert "no offer" in alice.run("initiator", "withdraw", "3", status=3).errors


def test_what_is_withdrawn_is_not_sent_any_more(alice, bob):
    nobody = Identity()
    mine = offer_entry("mine.pdf", 5, 1, direction="QUEUED", id=to_base64(bytes(16)), identity=nobody.text,
                       username="Can", ip="127.0.0.9")
    alice.write_log(mine)
    alice.run("initiator", "withdraw", "1")
    assert [entry.get("state") for entry in alice.log()][1:3] == ["withdrawn", "dropped"]


def test_files_of_somebody_known_come_by_themselves(alice, bob):
    small, large = bob.share("small.pdf", CONTENT), bob.share("large.pdf", CONTENT + CONTENT)
    old = bob.share("old.pdf", CONTENT)
    assert "not known to you" in alice.run("initiator", "auto", "Bob", "400k", status=1).errors
    alice.pin(Bob=pin(bob.identity.text, address=BOB))
    alice.run("initiator", "auto", "Bob", "400k")
    assert alice.known()["Bob"]["auto"] == 400_000
    now = [offer_entry(file.name, len(file.content), number, id=to_base64(file.id), identity=bob.identity.text,
                       time_utc=time)
           for file, number, time in ((old, 1, "2020-01-01T00:00:00.000Z"), (large, 2, None), (small, 3, None))
           for time in [time or utc()]]
    alice.write_log(*now)
    menu = alice.start("initiator", terminal=True)
    eventually(lambda: stored(alice) == {"small.pdf": CONTENT})
    later = bob.share("later.pdf", CONTENT)
    alice.write_log(offer_entry("later.pdf", len(CONTENT), 4, id=to_base64(later.id), identity=bob.identity.text,
                                time_utc=utc()))
    eventually(lambda: stored(alice) == {"small.pdf": CONTENT, "later.pdf": CONTENT})
    menu.ask("Auto", "Bob: files up to 400 kB come by themselves")
    menu.ask("Auto Bob off", "Nobody's files come by themselves")
    assert "auto" not in alice.known()["Bob"]
    menu.send("Quit")
    menu.wait()


def test_both_sides_are_real(make_user):
    """From the offer to the mark that it arrived."""
    ece = make_user("ece", address="127.0.0.6")
    dan = make_user("dan", address="127.0.0.7")
    ece.write_peers({dan.address: peer("Dan", identity=dan.identity().text)})
    dan.write_peers({ece.address: peer("Ece", identity=ece.identity().text)})
    ece.is_called("Ece")
    dan.is_called("Dan")
    ece.responder()
    dan.responder()
    ece.path("plan.pdf").write_bytes(CONTENT)
    ece.run("initiator", "send", "-f", str(ece.path("plan.pdf")), "Dan")
    dan.run("initiator", "get", "1")
    assert stored(dan) == {"plan.pdf": CONTENT}
    entry, = fetched(ece)
    assert (entry["number"], entry["identity"]) == (1, dan.identity().text)
    ece.path("plan.pdf").write_bytes(CONTENT[:-1])
    dan.path("files/plan.pdf").unlink()
    assert "has changed" in get(dan, "1", status=6)
    ece.run("initiator", "withdraw", "1")
    assert "does not offer it any more" in get(dan, "1", status=7)
