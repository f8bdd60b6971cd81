"""What is said and changed in rooms reaches the members, whoever was away, or behind (common/PROTOCOL.md, sections 6 and 7)."""

import contextlib
import fcntl
import itertools
import json
import os
import re
import time
from pathlib import Path

import pytest

from protocol import Identity, to_base64
from quartet import eventually, peer, pin
from rooms import Member, Saying, State, now

ADDRESSES = [f"127.0.0.{number}" for number in range(11, 30)]


class Author:
    """A user whose rooms the test writes, as commands do; the initiator that delivers is a real one."""

    def __init__(self, user, name="Alice"):
        self.user, self.name = user, name
        self.identity = user.identity()
        self.head = None
        self.line = None

    def takes(self, *states, to=()):
        """Has states in chat.log, to be handed over to some."""
        path = self.user.path("chat.log")
        for state in states:
            line = {"time": now(), "id": to_base64(state.id[:16]), "room": to_base64(state.room),
                    "state": state.record, "key": to_base64(state.key)}
            if to:
                line["to"] = [identity.text for identity in to]
            if self.line is not None:
                line["before"] = self.line
            self.line = path.stat().st_size if path.exists() else 0
            self.user.write_log(line)
            self.head = state
        return self.head

    def says(self, text, to):
        """Queues a saying for some."""
        saying = Saying.signed(self.identity, self.head, text)
        self.user.write_log({
            "time": now(), "direction": "QUEUED", "username": "#lab", "mode": "secure", "id": to_base64(saying.id),
            "room": to_base64(self.head.room), "to": [identity.text for identity in to], **saying.record})
        return saying

    def hears(self, *members):
        """Has peers.txt say that these were heard just now, and nobody else."""
        self.user.write_peers({each.address: peer(each.username, identity=each.identity.text) for each in members})

    def states_of(self, queued):
        """What has become of something, by the identity of the member."""
        return {line["identity"]: (line["state"], line.get("why")) for line in self.user.log()
                if line.get("id") == to_base64(queued.id[:16]) and isinstance(line.get("state"), str)}


@pytest.fixture
def author(alice):
    return Author(alice)


@pytest.fixture
def make_members():
    """Makes members of one room, with the state that has let in all of them."""
    def make(author, *names):
        state = State.first(author.identity, author.name)
        states = [state]
        identities = [Identity() for _ in names]
        for name, identity in zip(names, identities):
            states.append(states[-1].letting_in(author.identity, identity, name))
        return states, [Member(identity, name, address, *states)
                        for name, identity, address in zip(names, identities, ADDRESSES)]
    return make


def waits_for_ever(program):
    """Whether a program is in epoll_pwait(2) with no time to wake up at; None if it is not there."""
    fields = Path(f"/proc/{program.pid}/syscall").read_text(encoding="ascii").split()
    return int(fields[4], 16) & 0xffffffff == 0xffffffff if len(fields) > 4 else None


def said(user, direction="RECEIVED"):
    """The texts of what was said in rooms, in the order in which it was logged."""
    return [json.loads(line["signed"])["text"] for line in user.log() if line.get("direction") == direction]


def identities(members):
    return [each.identity for each in members]


def test_what_is_said_reaches_every_member_and_was_sent_once(author, make_members):
    states, members = make_members(author, "Bob", "Can", "Ece", "Joe", "Zoe")
    author.takes(*states)
    author.hears(*members)
    author.user.initiator()
    with contextlib.ExitStack() as all_but_zoe:
        for each in members[:4]:
            all_but_zoe.enter_context(each)
        saying = author.says("hello all", identities(members))
        eventually(lambda: len(author.states_of(saying)) == 4)
        assert set(author.states_of(saying).values()) == {("delivered", None)}
        assert [each.texts() for each in members] == [["hello all"]] * 4 + [[]]
    with members[4]:
        # Who was away has it as soon as they are back.
        author.user.write_peers({members[4].address: peer("Zoe", identity=members[4].identity.text, since=7)})
        eventually(lambda: len(author.states_of(saying)) == 5)
        assert members[4].texts() == ["hello all"]
    directions = [line["direction"] for line in author.user.log() if "direction" in line]
    assert sorted(directions) == ["QUEUED", "SENT"]


def test_who_is_no_member_any_more_does_not_get_it(author, make_members):
    states, members = make_members(author, "Bob", "Can")
    author.takes(*states)
    saying = author.says("only for Bob", identities(members))
    author.takes(author.head.taking_out(author.identity, members[1].identity), to=identities(members))
    author.hears(*members)
    with members[0], members[1]:
        author.user.initiator()
        eventually(lambda: len(author.states_of(saying)) == 2)
        assert author.states_of(saying) == {members[0].identity.text: ("delivered", None),
                                            members[1].identity.text: ("dropped", "not in the room any more")}
        eventually(lambda: len(author.states_of(author.head)) == 2)
        # The state that took Can out is shown to him, without its key.
        [shown] = [each for _, each in members[1].heard if each.get("ask") == "state"]
        assert "key" not in shown
        assert members[0].texts() == ["only for Bob"]
        assert members[1].texts() == []


def test_who_is_behind_is_given_what_is_missing(author, make_members):
    states, [bob] = make_members(author, "Bob")
    author.takes(*states)
    # He does not know these, and nobody hands them over.
    author.takes(author.head.following(author.identity, about="one"))
    author.takes(author.head.following(author.identity, about="two"))
    author.hears(bob)
    with bob:
        author.user.initiator()
        saying = author.says("hello", [bob.identity])
        eventually(lambda: author.states_of(saying))
        assert bob.head.members["about"] == "two"
        assert bob.texts() == ["hello"]
        assert [each["key"] for _, each in bob.heard if each.get("ask") == "state"] == [
            to_base64(state.key) for state in list(bob.states.values())[-2:]]


def test_a_newer_head_is_taken_over_and_the_saying_is_sealed_anew(author, make_members):
    states, [bob] = make_members(author, "Bob")
    author.takes(*states)
    author.hears(bob)
    author.user.initiator()
    # Without the states before, so that what is sealed in those is unknown to him.
    bob.head = states[-1].following(author.identity, about="newer")
    bob.states = {bob.head.id: bob.head}
    with bob:
        saying = author.says("hello", [bob.identity])
        eventually(lambda: author.states_of(saying))
        assert author.states_of(saying) == {bob.identity.text: ("delivered", None)}
        assert bob.texts() == ["hello"]
        taken = [line["state"] for line in author.user.log() if isinstance(line.get("state"), dict)]
        assert taken[-1] == bob.head.record


def test_who_hears_of_a_newer_head_asks_for_it(author, make_members):
    states, [bob] = make_members(author, "Bob")
    author.takes(*states)
    author.hears(bob)
    with bob:
        author.user.initiator()
        eventually(lambda: [each.get("ask") for _, each in bob.heard] == ["states", "sayings"])
        # Nobody hears that he was away.
        bob.take(states[-1].following(author.identity, about="newer"))
        saying = author.says("hello", [bob.identity])
        eventually(lambda: author.states_of(saying))
        eventually(lambda: [each.get("ask") for _, each in bob.heard] == [
            "states", "sayings", None, "states", "sayings"])
        assert [line["state"] for line in author.user.log() if isinstance(line.get("state"), dict)][-1] \
            == bob.head.record


def test_who_delivers_for_a_user_is_one_process(author, make_members):
    states, [bob] = make_members(author, "Bob")
    author.takes(*states)
    author.hears(bob)
    with bob:
        author.user.initiator()
        eventually(lambda: len(bob.heard) == 2)
        author.user.start("initiator", "deliver", ready=False)
        for number in range(20):
            author.says(f"{number}", [bob.identity])
        eventually(lambda: len(bob.sayings) == 20)
        eventually(lambda: len([line for line in author.user.log() if line.get("state") == "delivered"]) == 20)
        assert bob.texts() == [f"{number}" for number in range(20)]
        assert len([each for _, each in bob.heard if "sealed" in each]) == 20


def test_who_begins_asks_the_eldest_admin_what_was_done_and_said(author, make_members):
    states, members = make_members(author, "Bob", "Can", "Ece")
    bob, can, ece = members
    states.append(states[-1].marking(author.identity, can.identity))
    author.takes(*states)
    newer = states[-1].following(can.identity, about="newer")
    for each in members:
        each.states = {state.id: state for state in [*states, newer]}
        each.head = newer
    can.say("while you were away")
    author.hears(*members)
    with bob, can, ece:
        author.user.initiator()
        eventually(lambda: said(author.user) == ["while you were away"])
        [line] = [line for line in author.user.log() if line.get("direction") == "RECEIVED"]
        assert (line["username"], line["ip"], line["identity"]) == ("Can", can.address, can.identity.text)
        assert [each.get("ask") for _, each in can.heard] == ["states", "sayings"]
        assert bob.heard == ece.heard == []
        # And whoever comes back later is asked, too.
        bob.say("said alone")
        author.user.write_peers({bob.address: peer("Bob", identity=bob.identity.text, back=7)})
        eventually(lambda: said(author.user) == ["while you were away", "said alone"])
        assert ece.heard == []


def test_nothing_is_said_before_it_is_known_who_is_in(author, make_members):
    states, [bob, can] = make_members(author, "Bob", "Can")
    author.takes(*states)
    saying = author.says("not for Bob", [bob.identity, can.identity])
    can.head = states[-1].marking(author.identity, can.identity)
    can.states[can.head.id] = can.head
    can.head = can.head.taking_out(can.identity, bob.identity)
    can.states[can.head.id] = can.head
    asked = []

    def answer(plaintext, speaker):
        asked.append(bob.heard[:])
        side = type("Side", (), {"speaker": speaker})
        return can._answer_states(side, plaintext)
    can.answers["states"] = answer
    author.hears(can)
    author.user.update_peers_file(lambda content: content["known"].update(Bob=pin(bob.identity.text, address=bob.address)))
    with bob, can:
        author.user.initiator()
        eventually(lambda: len(author.states_of(saying)) == 2)
        assert author.states_of(saying)[bob.identity.text] == ("dropped", "not in the room any more")
        assert bob.texts() == []
        assert can.texts() == ["not for Bob"]


def switches(program):
    """How often a program was woken up."""
    text = Path(f"/proc/{program.pid}/status").read_text(encoding="ascii")
    return int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", text, re.MULTILINE)[1])


def refresh(user, address):
    """Overwrites a time in peers.txt, as discovery does with those who are there still."""
    with open(user.path("peers.txt"), "r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        place = re.search(rb'"' + address.encode() + rb'".*?"last_seen": ([\d.]+)', file.read()).span(1)
        os.pwrite(file.fileno(), f"{time.time():.6f}"[:place[1] - place[0]].encode(), place[0])


def test_nothing_wakes_up_who_is_in_a_room_while_all_stay_where_they_are(author, make_members):
    states, [bob] = make_members(author, "Bob")
    author.takes(*states)
    author.hears(bob)
    with bob:
        initiator = author.user.initiator()
        eventually(lambda: [each.get("ask") for _, each in bob.heard] == ["states", "sayings"])
        eventually(lambda: waits_for_ever(initiator))
        before = switches(initiator)
        for _ in range(20):
            refresh(author.user, bob.address)
        eventually(lambda: waits_for_ever(initiator))
        assert switches(initiator) == before
        # That is what it waits for.
        author.user.write_peers({bob.address: peer("Bob", identity=bob.identity.text, back=7)})
        eventually(lambda: len(bob.heard) == 4)


def test_an_act_that_fell_away_is_done_again(author):
    """Bob, who is in for longer, described the room at the moment at which Alice let Ece in."""
    bob, ece = Identity(), Identity()
    before = State.first(bob, "Bob").letting_in(bob, author.identity, "Alice").marking(bob, author.identity)
    act = before.letting_in(author.identity, ece, "Ece")
    described = before.following(bob, about="described")
    with Member(bob, "Bob", ADDRESSES[0], before, described) as bob_member:
        author.takes(before, act)
        author.hears(bob_member)
        author.user.initiator()
        eventually(lambda: bob_member.head.members.get("again") == [to_base64(act.id)])
        assert [each["identity"] for each in bob_member.head.roster][-1] == ece.text
        assert bob_member.head.members["about"] == "described"
        assert [line["event"] for line in author.user.log() if "event" in line] == [
            "removed", "about", "fell", "joined"]


@pytest.fixture
def fallen(author):
    """Bob, who is in for longer, described the room at the moment at which Ece let Alice in; and Ece is gone."""
    bob, ece = Identity(), Identity()
    author.user.is_called(author.name)

    def make(**changes):
        before = State.first(bob, "Bob", **changes).letting_in(bob, ece, "Ece")
        author.takes(before.letting_in(ece, author.identity, author.name))
        return Member(bob, "Bob", ADDRESSES[0], before, author.head, before.taking_out(bob, ece))
    return make


def asked(member, word):
    return [each for _, each in member.heard if each.get("ask") == word]


def test_a_newcomer_who_fell_away_asks_again(author, fallen):
    with fallen() as bob:
        author.hears(bob)
        author.user.initiator()
        eventually(lambda: bob.head.since(author.identity.text))
        room = to_base64(bob.head.room)
        eventually(lambda: author.user.peers_file()["room"][room]["state"] == bob.head.record)
        assert len(asked(bob, "join")) == 1
        author.head = bob.head
        saying = author.says("in again", [bob.identity])
        eventually(lambda: author.states_of(saying) == {bob.identity.text: ("delivered", None)})


def test_what_a_newcomer_says_who_fell_away_is_said_again(author, fallen):
    with fallen() as bob:
        # Nothing else is to be asked before.
        bob.answers["states"] = lambda plaintext, speaker: {}
        author.hears(bob)
        author.user.initiator()
        eventually(lambda: asked(bob, "sayings"))
        del bob.answers["states"]
        saying = author.says("hello", [bob.identity])
        eventually(lambda: author.states_of(saying) == {bob.identity.text: ("delivered", None)})
        assert bob.texts() == ["hello"]


def test_a_newcomer_who_fell_away_asks_three_times(author, fallen):
    with fallen() as bob:
        bob.answers["join"] = lambda plaintext, speaker: {"status": 404, "why": "full"}
        author.hears(bob)
        author.user.initiator()
        times = itertools.count(1)

        def is_asked_often():
            author.user.write_peers({bob.address: peer("Bob", identity=bob.identity.text, back=next(times))})
            return len(asked(bob, "states")) >= 10
        eventually(is_asked_often)
        assert len(asked(bob, "join")) == 3
        assert [line["by"] for line in author.user.log() if line.get("event") == "apart"] == ["Bob"]


def test_a_newcomer_of_whom_a_member_has_not_heard_yet_is_in(author):
    """Ece let Alice in, and Bob, whom she asks first, does not know."""
    bob, ece = Identity(), Identity()
    before = State.first(bob, "Bob").letting_in(bob, ece, "Ece")
    author.takes(before.letting_in(ece, author.identity, author.name))
    author.user.is_called(author.name)
    with Member(bob, "Bob", ADDRESSES[0], before) as bob_member:
        author.hears(bob_member)
        author.user.initiator()
        eventually(lambda: asked(bob_member, "sayings"))
        assert bob_member.head.id == author.head.id
        assert asked(bob_member, "join") == []
    assert [line["event"] for line in author.user.log() if "event" in line] == []


def test_a_newcomer_who_fell_away_from_a_room_with_a_password_is_told(author, fallen):
    with fallen(entry="password", lock=to_base64(bytes(32))) as bob:
        author.hears(bob)
        author.user.initiator()
        eventually(lambda: [line["by"] for line in author.user.log() if line.get("event") == "apart"] == ["Bob"])
        assert asked(bob, "join") == []


# Real programs everywhere.


def test_who_answers_and_the_newcomer_who_fell_away_agree(author, bob):
    bob, ece = Author(bob, "Bob"), Identity()
    before = State.first(bob.identity, "Bob").letting_in(bob.identity, ece, "Ece")
    # Ece did something before, and so did Bob.
    acts = [before.letting_in(ece, Identity(), "Joe")]
    acts.append(acts[-1].letting_in(ece, author.identity, "Alice"))
    author.takes(acts[-1])
    bob.takes(before, before.following(bob.identity, about="described"))
    bob.takes(bob.head.taking_out(bob.identity, ece))
    for each in (author, bob):
        each.user.is_called(each.name)
    author.user.write_peers({bob.user.address: peer("Bob", identity=bob.identity.text)})
    bob.user.responder()
    # He hears of that, but not of what she let Alice in by.
    with Member(ece, "Ece", ADDRESSES[1]).call(bob.user.address, bob.identity.public) as session:
        assert session.hand_over(acts[0])["status"] == 200
    author.user.initiator()

    def head(user):
        return user.peers_file().get("room", {}).get(to_base64(before.room), {}).get("state")
    eventually(lambda: head(author.user) and head(author.user) == head(bob.user))
    assert State(head(author.user)).since(author.identity.text) is not None
    assert State(head(author.user)).members["about"] == "described"


class Person:
    """A user with the programs running, who knows the others by their identities."""

    def __init__(self, user, name):
        self.user, self.name = user, name
        self.programs = []

    def knows(self, others):
        self.user.is_called(self.name)
        self.user.pin(**{other.name: pin(other.user.identity().text, address=other.user.address)
                         for other in others if other is not self})

    def comes(self):
        """Starts all four, or those that were killed."""
        start = {"announcer": lambda: self.user.announcer("-u", self.name, "-i", "1"),
                 "discovery": self.user.discovery, "responder": self.user.responder, "initiator": self.user.initiator}
        running = {program.name for program in self.programs if program.is_running}
        self.programs += [start[name]() for name in start if name not in running]

    def goes(self):
        for program in self.programs:
            if program.is_running:
                program.stop()

    def program(self, name):
        return [each for each in self.programs if each.name == name][-1]

    def does(self, line):
        """Types a command into the menu."""
        return self.program("initiator").menu(line)

    def says(self, text):
        """Says something, without waiting for anything."""
        self.program("initiator").send(f"@#lab {text}")
        eventually(lambda: text in said(self.user, "QUEUED"))

    def sees(self, *others):
        eventually(lambda: {other.user.address for other in others} <= {
            address for address, entry in self.user.peers().items() if not entry.get("left")})

    def head(self):
        """What the room is to them; None if they are not in it."""
        [record] = self.user.peers_file().get("room", {"": {"left": True}}).values()
        return None if record.get("left") else State(record["state"])

    def roster(self):
        head = self.head()
        return [member["username"] for member in head.roster] if head else []

    def texts(self):
        """All that was said in the room, by oneself or by others, each as often as it is in the log."""
        return sorted(said(self.user) + said(self.user, "QUEUED"))


def agree(*people):
    """Whether all have the same room."""
    heads = [person.head() for person in people]
    return all(heads) and len({head.id for head in heads}) == 1


@pytest.fixture
def make_people(make_user):
    """Makes people who know each other, and starts their programs; one after the other on addresses of this machine."""
    def make(*names, **where):
        people = [Person(make_user(name.lower(), **where.get(name, {"address": address})), name)
                  for name, address in zip(names, ADDRESSES)]
        for person in people:
            person.knows(people)
            person.comes()
        for person in people:
            person.sees(*people)
        return people
    return make


def test_who_was_away_has_it_from_another_member_after_the_author_is_gone(make_people):
    alice, bob, can = make_people("Alice", "Bob", "Can")
    alice.does("Create #lab Bob Can")
    eventually(lambda: agree(alice, bob, can))
    can.goes()
    alice.says("hello all")
    eventually(lambda: bob.texts() == ["hello all"])
    alice.does("Set #lab about who cooks")
    eventually(lambda: alice.head().members["about"] == "who cooks" and agree(alice, bob))
    alice.goes()
    can.comes()
    eventually(lambda: can.texts() == ["hello all"])
    eventually(lambda: agree(alice, bob, can))
    bob.says("welcome back")
    eventually(lambda: can.texts() == ["hello all", "welcome back"])


def test_when_the_creator_leaves_the_second_oldest_is_admin(make_people):
    alice, bob, can = make_people("Alice", "Bob", "Can")
    alice.does("Create #lab Bob Can")
    eventually(lambda: agree(alice, bob, can))
    alice.does("Leave #lab")
    eventually(lambda: agree(bob, can) and bob.roster() == ["Bob", "Can"])
    bob.does("Set #lab about Bob cooks")
    eventually(lambda: agree(bob, can) and can.head().members["about"] == "Bob cooks")


def test_two_parted_networks_agree_when_they_meet_and_all_was_said_to_everybody(make_host, lan, make_people):
    names = ["Alice", "Bob", "Can", "Ece"]
    where = {}
    for number, name in enumerate(names):
        host = make_host()
        lan.plug(host, f"10.1.0.{number + 1}/24")
        where[name] = {"address": f"10.1.0.{number + 1}", "host": host}
    alice, bob, can, ece = people = make_people(*names, **where)
    alice.does("Create #lab Bob Can Ece")
    eventually(lambda: agree(*people))
    alice.does("Promote Can #lab")
    eventually(lambda: agree(*people) and can.head().roster[2].get("admin"))

    lan.part("port2", "port3")
    alice.does("Set #lab about who cooks")
    can.does("Set #lab capacity 9")
    bob.says("on this side")
    ece.says("on the other side")
    eventually(lambda: agree(alice, bob) and agree(can, ece) and alice.texts() == ["on this side"]
               and can.texts() == ["on the other side"])
    # What they said is to be found by asking others.
    bob.goes()
    ece.goes()

    lan.join()
    eventually(lambda: agree(alice, can) and alice.texts() == can.texts() == ["on the other side", "on this side"],
               timeout=120)
    head = alice.head().members
    assert (head["about"], head["capacity"]) == ("who cooks", 9)
    bob.comes()
    ece.comes()
    eventually(lambda: agree(*people) and all(person.texts() == ["on the other side", "on this side"]
                                              for person in people), timeout=120)


KILLS = int(os.environ.get("QUARTET_KILLS", "24"))


def kill(person, name):
    """Kills a program, and starts it again without waiting for it: the next kill may come at any moment of its life."""
    person.program(name).kill()
    person.programs.append(person.user.start(name, ready=False))


def queued(person):
    """What somebody has said, with those for whom that was queued, by id."""
    return {line["id"]: line["to"] for line in person.user.log() if line.get("direction") == "QUEUED"}


def settled(person):
    """What has become of that, by id and identity."""
    return {(line["id"], line["identity"]): line["state"] for line in person.user.log()
            if line.get("state") in ("delivered", "dropped")}


def is_settled(person):
    done = settled(person)
    return all((each, identity) in done for each, to in queued(person).items() for identity in to)


@pytest.mark.timeout(240 + 4 * KILLS)
def test_rooms_agree_and_nothing_is_lost_or_doubled_whatever_is_killed(make_people, seeded):
    alice, bob, can = people = make_people("Alice", "Bob", "Can")
    alice.does("Create #lab Bob")
    eventually(lambda: agree(alice, bob) and can.user.peers()[alice.user.address].get("rooms"))
    acts = [(can, "Join #lab"), (can, "Leave #lab"), (bob, "Invite Can #lab"), (alice, "Remove Can #lab"),
            (alice, "Invite Can #lab"), (bob, "Set #lab about this is refused"), (alice, "Promote Bob #lab"),
            (bob, "Set #lab about this is not"), (alice, "Demote Bob #lab")]
    for number in range(KILLS):
        who, line = acts[number % len(acts)]
        who.program("initiator").send(line)
        for person in people:
            person.program("initiator").send(f"@#lab {person.name} says {number}")
        time.sleep(seeded.random() / 4)  # the random moment, at which anything may go on
        kill(seeded.choice(people), seeded.choice(["initiator", "responder"]))
    # Whoever begins anew has not much patience with those who did not answer.
    eventually(lambda: all("Listening for messages on" in person.program("responder").output for person in people))
    for person in people:
        kill(person, "initiator")
    eventually(lambda: all(map(is_settled, people)), timeout=120)
    eventually(lambda: agree(alice, bob) and can.head() in (None, alice.head()) or agree(*people), timeout=120)
    assert all(map(queued, people))
    logs = {person.user.identity().text: person for person in people}
    received = {identity: [line["id"] for line in person.user.log() if line.get("direction") == "RECEIVED"]
                for identity, person in logs.items()}
    assert all(len(ids) == len(set(ids)) for ids in received.values())
    for author in people:
        states = settled(author)
        for each, to in queued(author).items():
            for identity in to:
                assert each in received[identity] or states[each, identity] == "dropped"
                # Only who has left, or was removed, has what they said dropped, or does not get it.
                assert states[each, identity] == "delivered" or can in (author, logs[identity])
