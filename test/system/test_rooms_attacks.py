"""Attacks on rooms, by members in the hands of the test, on real programs: none of this must succeed (common/PROTOCOL.md, section 7)."""

import json
import os
from datetime import datetime, timedelta, timezone

import pytest

from network import Capture, Ear
from protocol import Identity, from_base64, to_base64
from quartet import eventually, peer, pin
from rooms import Cpace, Member, Saying, State, binding, lock_of, sign_record

BOB = "127.0.0.3"
STATE_MAX_BYTES = 30_000
SAYING_MAX_BYTES = 36_000
SAYINGS_MAX = 4096
STATES_AT_ONCE = 60
OUTSIDER_STATES_MAX = 64
TRIES_IN_ALL = 30
ANNOUNCEMENT_MAX_BYTES = 1400
ANNOUNCED_MAX = 7
# Exit statuses of scripts.
NOBODY = 3
UNREACHABLE = 4
REFUSED = 7


class Attack:
    """Bob, a real user, and members whom the test plays: all of them know the states that Bob was given."""

    def __init__(self, bob, address=BOB):
        self.bob, self.address = bob, address
        self.identity = bob.identity()
        self.people = {"Bob": Member(self.identity, "Bob", address)}

    def person(self, name):
        """Somebody by name, who listens in a `with`."""
        if name not in self.people:
            address = f"127.0.1.{len(self.people) + 1}"
            self.people[name] = Member(Identity(), name, address)
        return self.people[name]

    def meets(self, *names):
        """Has Bob hear these now, by a clock that leaves a slow machine time."""
        self.bob.write_peers({each.address: peer(each.username, -9, identity=each.identity.text)
                              for each in map(self.person, names)})

    def tell(self, name, what, *arguments, **options):
        """What Bob answers to something that somebody says in a session of its own."""
        with self.person(name).call(self.address, self.identity.public) as session:
            return getattr(session, what)(*arguments, **options)

    def give(self, name, *states):
        """What Bob answers to these states, the last of them."""
        with self.person(name).call(self.address, self.identity.public) as session:
            return [status(session.hand_over(state)) for state in states][-1]

    def room(self, *names, admins=(), **changes):
        """A room of Alice's with Bob, and then these; Bob has it."""
        alice = self.person("Alice").identity
        states = [State.first(alice, "Alice", **changes)]
        states.append(states[-1].letting_in(alice, self.identity, "Bob"))
        for name in names:
            states.append(states[-1].letting_in(alice, self.person(name).identity, name))
        for name in admins:
            states.append(states[-1].marking(alice, self.person(name).identity))
        assert self.give("Alice", *states[1:]) == (200, None)
        for name in ("Alice", *names):
            for state in states:
                self.person(name).take(state)
        return states[-1]

    def head(self, room):
        """The head of a room as Bob's programs wrote it."""
        return State(self.bob.peers_file()["room"][to_base64(room.room)]["state"])

    def roster(self, room):
        return [member["identity"] for member in self.head(room).roster]

    def events(self, word):
        """Whom a kind of event happened to, and who did it."""
        return [(line.get("username"), line.get("by")) for line in self.bob.log() if line.get("event") == word]


def status(receipt):
    return receipt["status"], receipt.get("why")


def identity_of(attack, name):
    return attack.person(name).identity


@pytest.fixture
def attack(bob):
    """Bob knows Alice, and his responder runs."""
    attack = Attack(bob)
    bob.is_called("Bob")
    bob.pin(Alice=pin(identity_of(attack, "Alice").text))
    attack.responder = bob.responder()
    return attack


def texts_of(user, direction="RECEIVED"):
    """What was said in rooms, by the user's chat.log."""
    return [json.loads(line["signed"])["text"] for line in user.log() if line.get("direction") == direction]


# States that are forged.


@pytest.fixture
def removed(attack):
    """Mallory was an admin, until Alice removed her: the state before that, and the head."""
    before = attack.room("Mallory", "Can", admins=["Mallory"])
    head = before.taking_out(identity_of(attack, "Alice"), identity_of(attack, "Mallory"))
    assert attack.give("Alice", head) == (200, None)
    return before, head


def forge(attack, before, length=12):
    """A branch of Mallory's from before she was removed, in which she throws out Can, lets in puppets, and makes them admins."""
    mallory = identity_of(attack, "Mallory")
    states = [before.taking_out(mallory, identity_of(attack, "Can"))]
    for number in range(length):
        name = f"Puppet {number}"
        puppet = identity_of(attack, name)
        states.append(states[-1].letting_in(mallory, puppet, name))
        states.append(states[-1].marking(mallory, puppet))
        states.append(states[-1].following(puppet, about=f"of {name}"))
    return states


def test_a_removed_admin_does_not_win_by_a_longer_branch(attack, removed):
    before, head = removed
    # It is valid, and kept.
    assert attack.give("Mallory", *forge(attack, before)) == (200, None)
    assert attack.head(head).id == head.id
    # Nor by what she signs after she was removed, whoever brings it.
    late = head.taking_out(identity_of(attack, "Mallory"), identity_of(attack, "Can"))
    assert attack.give("Mallory", late) == (404, "not valid")
    assert attack.give("Can", late) == (404, "not valid")
    attack.bob.initiator().stop()
    assert attack.head(head).id == head.id


def test_whom_a_removed_admin_lets_in_is_not_in(attack, removed):
    before, head = removed
    branch = forge(attack, before, length=3)
    assert attack.give("Mallory", *branch) == (200, None)
    saying = Saying.signed(identity_of(attack, "Can"), head, "of the room, not for puppets")
    assert status(attack.tell("Can", "speak", head, saying)) == (200, None)
    puppet = identity_of(attack, "Puppet 1")
    for state in (head, branch[-1]):
        assert status(attack.tell("Puppet 1", "speak", state, Saying.signed(puppet, state, "hi"))) == \
            (404, "not a member")
    assert status(attack.tell("Puppet 1", "ask_sayings", head.room)) == (404, "not a member")
    assert keys_given(attack, "Puppet 1", head.room).isdisjoint({to_base64(head.key)})
    assert puppet.text not in attack.roster(head)


def keys_given(attack, name, room):
    """The keys that somebody gets who asks for all states."""
    known, keys = [], set()
    with attack.person(name).call(BOB, attack.identity.public) as session:
        while "state" in (receipt := session.ask_states(room, known)):
            known.append(State(receipt["state"]).id)
            keys.add(receipt.get("key"))
    return keys


def test_the_removed_are_given_no_key_and_nothing_that_was_said_since(attack, removed):
    before, head = removed
    renamed = head.following(identity_of(attack, "Alice"), name="kitchen")
    assert attack.give("Alice", renamed) == (200, None)
    assert keys_given(attack, "Mallory", head.room).isdisjoint({to_base64(each.key) for each in (head, renamed)})
    assert status(attack.tell("Mallory", "ask_sayings", head.room)) == (404, "not a member")
    assert status(attack.tell("Mallory", "join", head.room)) == (404, "removed")


def test_the_removed_do_not_speak_through_a_member(attack, removed):
    """What they sign after a state in which they are no members is nobody's, whoever passes it on."""
    before, head = removed
    late = Saying.signed(identity_of(attack, "Mallory"), head, "still here")
    assert status(attack.tell("Can", "speak", head, late)) == (404, "not a member")
    assert texts_of(attack.bob) == []


def test_nobody_is_in_a_room_twice(attack):
    head = attack.room("Can")
    alice = identity_of(attack, "Alice")
    mallory = {"identity": identity_of(attack, "Mallory").text, "username": "Mallory", "since": head.n + 1}
    double = dict(head.following(alice, members=[*head.roster, mallory]).members)
    text = json.dumps(double)
    forged = [head.following(alice, members=[*head.roster, mallory, {**mallory, "username": "Zoe"}]),
              head.following(alice, members=[*head.roster, {**head.roster[2], "since": head.n + 1}]),
              head.following(alice, members=[*head.roster, mallory], removed=[mallory["identity"]]),
              head.following(alice, removed=[mallory["identity"]] * 2),
              # One JSON reader takes the first, another the last.
              State(sign_record(alice, State.LABEL, text[:-1] + f', "members": {json.dumps(head.roster)}}}')),
              State(sign_record(alice, State.LABEL, text.replace('"since":', '"since": 0, "since":')))]
    for state in forged:
        assert attack.give("Alice", state) == (404, "not valid")
    assert attack.head(head).id == head.id


def test_a_state_without_its_key_keeps_nobody_from_the_key(attack, removed):
    """Mallory is shown the state that took her out, and hands it to those who do not know it yet."""
    head = removed[1]
    later = head.following(identity_of(attack, "Alice"), name="kitchen")
    receipt = attack.tell("Mallory", "ask", ask="state", room=to_base64(head.room), state=later.record)
    assert status(receipt) == (200, None)
    saying = Saying.signed(identity_of(attack, "Can"), later, "in the kitchen")
    assert status(attack.tell("Can", "speak", later, saying)) == (300, "behind")
    assert attack.give("Can", later) == (200, None)
    assert status(attack.tell("Can", "speak", later, saying)) == (200, None)
    assert texts_of(attack.bob) == ["in the kitchen"]


def test_who_signs_two_states_after_the_same_one_is_named(attack):
    head = attack.room("Mallory", "Can", admins=["Mallory"])
    mallory = identity_of(attack, "Mallory")
    one, other = (head.following(mallory, about=about) for about in ("for Bob", "for the others"))
    assert attack.give("Mallory", one) == (200, None)
    assert attack.events("twice") == []
    # Whoever has the other one brings it, as members do who find out that they differ.
    assert attack.give("Can", other) == (200, None)
    assert attack.events("twice") == [("Mallory?", "Mallory?")]


# Sayings.


def test_a_saying_is_not_moved_to_another_state(attack):
    """Neither in what is signed, nor beside it."""
    head = attack.room("Mallory")
    later = head.following(identity_of(attack, "Alice"), name="kitchen")
    assert attack.give("Alice", later) == (200, None)
    saying = Saying.signed(identity_of(attack, "Alice"), head, "before it was the kitchen")
    moved = Saying({**saying.record,
                    "signed": saying.record["signed"].replace(to_base64(head.id), to_base64(later.id))})
    assert status(attack.tell("Mallory", "speak", later, moved)) == (404, "not valid")
    assert status(attack.tell("Mallory", "speak", later, saying, key=head.key)) == (404, "not valid")
    assert status(attack.tell("Mallory", "speak", head, saying, key=later.key)) == (404, "not valid")
    assert texts_of(attack.bob) == []


def test_nobodys_saying_keeps_anothers_away_by_its_id(attack):
    head = attack.room("Mallory")
    honest = Saying.signed(identity_of(attack, "Alice"), head, "the meeting is at four")
    same = Saying.signed(identity_of(attack, "Mallory"), head, "nothing", id=to_base64(honest.id))
    assert status(attack.tell("Mallory", "speak", head, same)) == (200, None)
    assert status(attack.tell("Alice", "speak", head, honest)) == (200, None)
    assert texts_of(attack.bob) == ["nothing", "the meeting is at four"]


@pytest.mark.parametrize("days", [-15, 15])
def test_what_was_said_long_ago_or_will_be_is_not_passed_on(attack, days):
    """So nothing comes again that is no longer known."""
    head = attack.room("Mallory")
    time = (datetime.now(timezone.utc) + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    saying = Saying.signed(identity_of(attack, "Alice"), head, "hello", time=time)
    assert status(attack.tell("Mallory", "speak", head, saying)) == (404, "too old")
    assert texts_of(attack.bob) == []


def test_what_was_said_before_all_that_is_known_is_not_taken_for_new(attack):
    """So many ids are known, and a member cannot pass on again what came before those."""
    head = attack.room("Mallory")
    alice = identity_of(attack, "Alice")
    begin = datetime.now(timezone.utc) - timedelta(days=1)
    times = [(begin + timedelta(seconds=number)).strftime("%Y-%m-%dT%H:%M:%S.000Z") for number in range(SAYINGS_MAX + 2)]
    sayings = [Saying.signed(alice, head, f"saying {number}", time=time) for number, time in enumerate(times)]
    attack.bob.write_log(*[
        {"time": time, "direction": "RECEIVED", "username": "Alice", "ip": "127.0.1.1", "mode": "secure",
         "id": to_base64(saying.id), "identity": alice.text, "room": to_base64(head.room), **saying.record}
        for saying, time in zip(sayings, times)])
    for saying, answer in ((sayings[0], (404, "too old")), (sayings[1], (404, "too old")), (sayings[-1], (200, None))):
        assert status(attack.tell("Mallory", "speak", head, saying)) == answer
    assert len(texts_of(attack.bob)) == len(sayings)
    new = Saying.signed(alice, head, "new")
    assert status(attack.tell("Mallory", "speak", head, new)) == (200, None)
    assert texts_of(attack.bob)[-1] == "new"


WORST = {"x": "x", "quotes": '"', "backslashes": "\\", "controls": "\x1b[2J\x07", "newlines": "\n", "faces": "\U0001f600",
         "turned": "\u202e", "marks": "e\u0301\u0301"}


def largest(author, state, text):
    """The saying with so many of these that one more would be too many."""
    def of(count):
        return Saying.signed(author, state, text * count, id=to_base64(bytes(16)))
    least, most = 0, SAYING_MAX_BYTES
    while least < most:
        middle = (least + most + 1) // 2
        if len(json.dumps(of(middle).record, ensure_ascii=False).encode()) <= SAYING_MAX_BYTES:
            least = middle
        else:
            most = middle - 1
    return of(least), of(least + 1)


@pytest.mark.parametrize("kind", WORST)
def test_a_saying_of_the_largest_size_does_no_harm(attack, kind):
    head = attack.room("Can")
    alice = identity_of(attack, "Alice")
    saying, too_long = largest(alice, head, WORST[kind])
    with attack.person("Alice").call(BOB, attack.identity.public) as session:
        assert status(session.speak(head, too_long)) == (404, "not valid")
        assert status(session.speak(head, saying)) == (200, None)
        assert status(session.speak(head, Saying.signed(alice, head, "the end"))) == (200, None)
    assert texts_of(attack.bob) == [saying.members["text"], "the end"]
    # It is passed on whole, too.
    assert attack.tell("Can", "ask_sayings", head.room)["sayings"][0] == saying.record
    attack.responder.wait_for("the end$")
    assert not set(attack.responder.output) & set("\x1b\x07\u202e")


# Floods.


def largest_state(state, author, number):
    """The next state, as large as one may be."""
    def padded(size):
        return state.following(author, about=f"{number:03}" + "x" * 190, padding="x" * size)
    size = STATE_MAX_BYTES - len(padded(0).record["signed"].encode())
    return padded(size)


def test_a_flood_of_the_largest_states_fills_neither_disk_nor_memory(attack):
    """By a member, by one who was removed, and by a stranger; and what the others say goes on."""
    head = attack.room("Mallory", "Can", admins=["Mallory"])
    mallory, can = identity_of(attack, "Mallory"), identity_of(attack, "Can")
    branch, answered = head, []
    with attack.person("Mallory").call(BOB, attack.identity.public) as session:
        while not answered or answered[-1] == (200, None):
            branch = largest_state(branch, mallory, len(answered))
            answered.append(status(session.hand_over(branch)))
    assert answered[-1] == (300, "full")
    assert len(answered) < 2 * STATES_AT_ONCE
    # She keeps nobody from speaking, nor Alice from removing her.
    saying = Saying.signed(can, head, "all goes on")
    assert status(attack.tell("Can", "speak", head, saying)) == (200, None)
    out = head.taking_out(identity_of(attack, "Alice"), mallory)
    assert attack.give("Alice", out) == (200, None)
    assert attack.head(head).id == out.id
    forged = largest_state(head, identity_of(attack, "Zoe"), 0)
    with attack.person("Zoe").call(BOB, attack.identity.public) as session:
        while (receipt := status(session.hand_over(forged))) != (300, "full"):
            assert receipt == (404, "not valid")
    assert attack.bob.path("chat.log").stat().st_size < 2 * STATES_AT_ONCE * STATE_MAX_BYTES
    assert texts_of(attack.bob) == ["all goes on"]


def test_the_removed_add_no_states_without_end(attack, removed):
    """Whoever of theirs calls."""
    before, head = removed
    mallory = identity_of(attack, "Mallory")
    answers = []
    for number in range(OUTSIDER_STATES_MAX + 1):
        if number % STATES_AT_ONCE == 0:
            # From another address, because of what one may do.
            attack.person("Mallory").address = f"127.0.2.{number + 1}"
        answers.append(attack.give("Mallory", before.following(mallory, about=f"branch {number}")))
    assert answers == [(200, None)] * OUTSIDER_STATES_MAX + [(300, "full")]
    renamed = head.following(identity_of(attack, "Alice"), name="kitchen")
    assert attack.give("Alice", renamed) == (200, None)
    assert attack.head(head).id == renamed.id


# Passwords.


@pytest.fixture
def locked(attack):
    """A room with a password."""
    head = attack.room("Can")
    head = head.following(identity_of(attack, "Alice"), entry="password", lock=to_base64(lock_of("cheese", head.room)))
    assert attack.give("Alice", head) == (200, None)
    return head


def test_a_proof_of_the_password_is_not_relayed(attack, locked):
    """Mallory has a false room of that name and id, and says to Bob what Ece says to her."""
    ece, mallory = identity_of(attack, "Ece"), identity_of(attack, "Mallory")
    room, lock = locked.room, from_base64(locked.members["lock"])
    a, b = os.urandom(32), os.urandom(32)  # the keys of Ece's session with Mallory
    to_mallory = Cpace(True, lock, binding(room, ece.public, mallory.public, a, b))
    with attack.person("Mallory").call(BOB, attack.identity.public) as session:
        half = session.ask(ask="join", room=to_base64(room), share=to_base64(to_mallory.share))
        assert status(half) == (300, "confirm")
        to_mallory.take(from_base64(half["share"]))
        # Ece sees that it is not Mallory who says so; and if she did not look, Bob would.
        assert from_base64(half["confirmation"]) != to_mallory.expected
        assert status(session.ask(ask="join", room=to_base64(room),
                                  confirmation=to_base64(to_mallory.confirmation))) == (404, "password")
    assert attack.head(locked).id == locked.id


def test_a_false_newcomer_learns_nothing_to_guess_with_at_home(attack, locked):
    """One guess for a try, and nothing by which another could be checked; the lock itself is shown to members only."""
    with attack.person("Mallory").call(BOB, attack.identity.public) as session:
        half, cpace = session.begin_proof(locked.room, "guess")
        heard = [half, session.ask_states(locked.room), session.ask_sayings(locked.room), session.join(locked.room)]
        side = session.side
        context = binding(locked.room, side.identity.public, side.peer_identity, side.ephemeral.public,
                          side.peer_ephemeral)
    assert locked.members["lock"] not in json.dumps(heard)
    # Even the right one is not recognized by what was said.
    later = Cpace(True, from_base64(locked.members["lock"]), context, scalar=cpace.scalar)
    later.take(from_base64(half["share"]))
    assert later.expected != from_base64(half["confirmation"])


def test_join_takes_no_room_from_who_does_not_know_the_password(attack):
    mallory = attack.person("Mallory")
    first = State.first(mallory.identity, "Mallory")
    forged = first.letting_in(mallory.identity, attack.identity, "Bob")
    announced = {"id": to_base64(first.room), "name": "lab", "members": 1, "capacity": 64, "entry": "password"}
    mallory.answers["join"] = lambda *_: {"state": forged.record, "key": to_base64(forged.key)}
    with mallory:
        attack.bob.write_peers({mallory.address: peer("Mallory", -9, identity=mallory.identity.text, rooms=[announced])})
        attack.bob.run("initiator", "join", "-p", "#lab", text="cheese\n", status=REFUSED)
    assert [plaintext["ask"] for _, plaintext in mallory.heard] == ["join"]
    assert not attack.events("joined")


def test_a_password_is_not_tried_more_often_from_many_addresses(attack, locked):
    mallory = attack.person("Mallory")
    share = to_base64(Cpace(True, b"guess", b"").share)
    answers = []
    while len(answers) <= TRIES_IN_ALL or answers[-1] != (300, "tries"):
        mallory.address = f"127.0.2.{len(answers) + 1}"
        answers.append(status(attack.tell("Mallory", "ask", ask="join", room=to_base64(locked.room), share=share)))
    assert answers[0] == (300, "confirm")


# Who is in.


@pytest.fixture
def can_attack(attack, make_user):
    """Can is a real user, too, who knows Alice and Bob, and plays no member."""
    can = make_user("can", address="127.0.0.4")
    can.is_called("Can")
    can_attack = Attack(can, "127.0.0.4")
    can.pin(Alice=pin(identity_of(attack, "Alice").text), Bob=pin(attack.identity.text))
    can_attack.people = attack.people
    attack.people["Can"] = Member(can_attack.identity, "Can", "127.0.0.4")
    can_attack.responder = can.responder()
    return can_attack


def test_no_more_come_in_than_the_room_is_for(attack, can_attack):
    """Two answer two newcomers at once, when there is one place left."""
    head = attack.room("Can", capacity=4)
    assert can_attack.give("Alice", head) == (200, None)
    receipts = [attack.tell("Ece", "join", head.room), can_attack.tell("Joe", "join", head.room)]
    assert list(map(status, receipts)) == [(200, None)] * 2
    of_ece, of_joe = (State(receipt["state"], from_base64(receipt["key"])) for receipt in receipts)
    # The newcomers hand it on.
    assert can_attack.give("Ece", of_ece) == (200, None)
    assert attack.give("Joe", of_joe) == (200, None)
    rosters = [attack.roster(head), can_attack.roster(head)]
    assert rosters[0] == rosters[1]
    assert len(rosters[0]) == 4
    out, state = ("Joe", of_joe) if identity_of(attack, "Ece").text in rosters[0] else ("Ece", of_ece)
    for each in (attack, can_attack):
        saying = Saying.signed(identity_of(attack, out), state, "I am in, too")
        assert status(each.tell(out, "speak", state, saying)) == (404, "not a member")
        assert status(each.tell(out, "join", head.room)) == (404, "full")


# With all of Bob's programs.


def script(attack, *arguments, status=0, text=""):
    return attack.bob.run("initiator", *arguments, status=status, text=text)


def test_the_removed_read_nothing_of_what_is_said_later(attack):
    """Neither what comes to them nor what passes on the wire: with all the keys that they were ever given."""
    people = mallory, can = [attack.person(name) for name in ("Mallory", "Can")]
    attack.meets("Mallory", "Can")
    with mallory, can, Capture() as wire:
        script(attack, "create", "#lab", "Mallory", "Can")
        script(attack, "send", "#lab", "for both")
        assert [each.texts() for each in people] == [["for both"]] * 2
        script(attack, "remove", "Mallory", "#lab")
        script(attack, "send", "#lab", "not for Mallory")
        assert [each.texts() for each in people] == [["for both"], ["for both", "not for Mallory"]]
        sealed = [each["sealed"] for _, each in can.heard if "sealed" in each]
        passed = wire.bytes()
    assert b"Mallory" not in passed
    keys = [state.key for state in mallory.states.values() if state.key]
    assert Saying.unsealed(keys[-1], sealed[0]).members["text"] == "for both"
    for key in keys:
        with pytest.raises(AssertionError):
            Saying.unsealed(key, sealed[1])
    # What she was shown last took her out, and has no key.
    assert mallory.heard[-1][1]["ask"] == "state"
    assert "key" not in mallory.heard[-1][1]
    assert State(mallory.heard[-1][1]["state"]).since(mallory.identity.text) is None


def test_ones_own_leave_is_not_undone(attack):
    """Alice, who stands before Bob, goes on as if he had not left: he leaves again."""
    before = attack.room("Can")
    attack.meets("Alice", "Can")
    alice = attack.person("Alice")
    with alice, attack.person("Can"):
        script(attack, "leave", "#lab")
        assert attack.identity.text not in attack.roster(before)
        forged = before.following(alice.identity, about="Bob is still in")
        assert attack.give("Alice", forged) == (200, None)
        attack.bob.initiator()
        eventually(lambda: any(each.get("ask") == "state" and State(each["state"]).members.get("after") ==
                               to_base64(forged.id) for _, each in alice.heard))
        eventually(lambda: attack.identity.text not in attack.roster(before))
    # And so it stays, if she says it again.
    assert attack.give("Alice", forged) == (200, None)
    assert attack.identity.text not in attack.roster(before)


def test_nobody_is_called_what_the_one_who_let_them_in_made_up(attack):
    head = attack.room("Mallory")
    mallory = identity_of(attack, "Mallory")
    attack.meets("Can")
    false = {name: Identity() for name in ("Alice", "Can", "Bob", "Zoe")}
    states = [head]
    # Who is announced is called that, whoever they were said to be.
    for name, identity in [*false.items(), ("Alice", identity_of(attack, "Can"))]:
        states.append(states[-1].letting_in(mallory, identity, name))
    assert attack.give("Mallory", *states[1:]) == (200, None)
    roster = json.loads(script(attack, "room", "-j", "#lab").output)["roster"]
    names = {each["identity"]: each["username"] for each in roster}
    assert names[identity_of(attack, "Alice").text] == "Alice"
    assert {names[identity.text] for identity in false.values()} == {"Alice?", "Can?", "Bob?", "Zoe?"}
    assert names[identity_of(attack, "Can").text].rstrip("?") == "Can"
    assert "let in by Mallory?" in attack.responder.output


def test_what_is_too_long_for_a_room_is_not_queued(attack):
    head = attack.room("Can")
    attack.meets("Can")
    fits, too_long = (saying.members["text"] for saying in largest(identity_of(attack, "Alice"), head, '"'))
    with attack.person("Can") as can, attack.person("Alice"):
        script(attack, "send", "#lab", text=too_long, status=1)
        assert texts_of(attack.bob, "QUEUED") == []
        script(attack, "send", "#lab", text=fits, status=5)
        assert can.texts() == [fits]


def test_what_members_answer_falsely_is_not_taken(attack):
    """Alice, asked for what was done meanwhile, has a state with a false key, one of another room, and some against the rules."""
    head = attack.room("Mallory")
    alice, stranger = attack.person("Alice"), Identity()
    attack.meets("Alice")
    wrong_key = head.following(alice.identity, name="wrong key")
    wrong_key.key = bytes(32)
    false = [State.first(alice.identity, "Alice").letting_in(alice.identity, attack.identity, "Bob"), wrong_key,
             head.taking_out(stranger, alice.identity), head.following(alice.identity, name="skipped", n=head.n + 2),
             head.following(alice.identity, room=to_base64(bytes(16)))]

    def answer(plaintext, speaker):
        state = false.pop()
        return {"state": state.record, "key": to_base64(state.key), **({"more": True} if false else {})}
    alice.answers["states"] = answer
    true = Saying.signed(alice.identity, head, "all goes on")
    forged = {**true.record, "signed": true.record["signed"].replace("goes", "went")}
    alice.answers["sayings"] = lambda plaintext, speaker: {
        "sayings": [forged, Saying.signed(stranger, head, "a stranger").record, true.record]}
    with alice:
        attack.bob.initiator()
        eventually(lambda: texts_of(attack.bob) == ["all goes on"])
    assert attack.head(head).id == head.id
    assert list(attack.bob.peers_file()["room"]) == [to_base64(head.room)]


@pytest.mark.parametrize("ask", ["states", "sayings"])
def test_answers_without_end_are_not_listened_to(attack, ask):
    """What was given already tells that there is no end."""
    head = attack.room("Can")
    alice = attack.person("Alice")
    attack.meets("Alice")
    newer = head.following(alice.identity, about="again")
    given = {"states": {**alice._let_in(newer), "more": True},
             "sayings": {"sayings": [Saying.signed(alice.identity, head, "again").record], "more": True}}
    alice.take(newer)
    alice.answers[ask] = lambda plaintext, speaker: given[ask]
    with alice:
        initiator = attack.bob.initiator()
        initiator.send("@#lab all goes on")
        # That is said to her in another call, after that one.
        eventually(lambda: "all goes on" in alice.texts() and asked_of(alice).count(ask) > 1)
        assert asked_of(alice).count(ask) == 2


def asked_of(member):
    return [each["ask"] for _, each in member.heard if "ask" in each]


def test_who_signs_two_states_after_the_same_one_is_named_to_all(attack, can_attack):
    """Each was handed another one, and members who meet tell one another."""
    head = attack.room("Mallory", "Can", admins=["Mallory"])
    mallory = identity_of(attack, "Mallory")
    attack.give("Mallory", head.following(mallory, about="for Bob"))
    assert can_attack.give("Alice", head) == (200, None)
    can_attack.give("Mallory", head.following(mallory, about="for Can"))
    attack.meets("Can")
    attack.bob.initiator()
    can_attack.meets("Bob")
    can_attack.bob.initiator()
    for each in (attack, can_attack):
        eventually(lambda: each.events("twice") == [("Mallory?", "Mallory?")])
    assert attack.head(head).id == can_attack.head(head).id


def test_the_removed_have_nothing_of_it_in_their_files(attack, can_attack):
    """Can was away when he was removed, and asks what was done and said meanwhile."""
    attack.meets("Can")
    script(attack, "create", "#lab", "Can")
    script(attack, "send", "#lab", "for both")
    assert texts_of(can_attack.bob) == ["for both"]
    can_attack.responder.stop()
    script(attack, "remove", "Can", "#lab", status=UNREACHABLE)
    script(attack, "send", "#lab", "not for Can")
    can_attack.responder = can_attack.bob.responder()
    can_attack.meets("Bob")
    initiator = can_attack.bob.initiator()
    eventually(lambda: can_attack.events("removed"))
    script(can_attack, "send", "#lab", "still here", status=NOBODY)
    assert "You are in no room #lab" in initiator.menu("@#lab still here")
    written = can_attack.bob.read_locked("chat.log") + can_attack.bob.read_locked("peers.txt")
    keys = [line["key"] for line in attack.bob.log() if "key" in line]
    assert [key in written for key in keys] == [False, True, False]
    assert "not for Can" not in written
    assert texts_of(attack.bob, "RECEIVED") == []


# Joining what somebody only says to be the room.


@pytest.fixture
def newcomer(make_user):
    """Ece, a real user with her initiator, who hears that somebody announces a room."""
    user = make_user("ece", address="127.0.0.5")
    user.is_called("Ece")

    def hears(member, state):
        announced = {"id": to_base64(state.room), "name": state.members["name"], "members": len(state.roster),
                     "capacity": state.members["capacity"], "entry": state.members["entry"]}
        user.write_peers({member.address: peer(member.username, -9, identity=member.identity.text, rooms=[announced])})
    user.hears = hears
    return user


@pytest.mark.parametrize(("guess", "is_right"), [("guess", False), ("cheese", True)])
def test_a_false_room_harvests_no_passwords(attack, newcomer, guess, is_right):
    """Nothing but one guess for each try, and only if that is right is there a second half."""
    mallory = attack.person("Mallory")
    first = State.first(mallory.identity, "Mallory")
    mallory.take(first.following(mallory.identity, entry="password", lock=to_base64(lock_of(guess, first.room))))
    newcomer.hears(mallory, mallory.head)
    with mallory:
        newcomer.run("initiator", "join", "-p", "#lab", text="cheese\n", status=0 if is_right else REFUSED)
    halves = [set(each) & {"share", "confirmation"} for _, each in mallory.heard if each.get("ask") == "join"]
    assert halves == [{"share"}, {"confirmation"}][:1 + is_right]
    assert "cheese" not in json.dumps(mallory.heard)


def test_a_password_is_not_relayed_through_a_false_room(attack, newcomer, locked):
    """Mallory announces the room that Bob is in, and passes on what Ece and Bob say."""
    mallory = attack.person("Mallory")
    newcomer.hears(mallory, locked)
    answers = []
    with mallory, mallory.call(BOB, attack.identity.public) as session:
        def relay(plaintext, speaker):
            said = {name: plaintext[name] for name in ("ask", "room", "share", "confirmation") if name in plaintext}
            receipt = session.ask(**said)
            answers.append(status(receipt))
            return {name: value for name, value in receipt.items() if name not in ("received", "username")}
        mallory.answers["join"] = relay
        refused = newcomer.run("initiator", "join", "-p", "#lab", text="cheese\n", status=REFUSED)
    assert answers == [(300, "confirm")]
    assert "not the password" in refused.errors
    assert attack.head(locked).id == locked.id


def test_another_room_is_not_joined_in_the_place_of_the_one_announced(attack, newcomer):
    """Nor one with a false key, nor one that has not let the user in."""
    mallory = attack.person("Mallory")
    first, other = (State.first(mallory.identity, "Mallory") for _ in range(2))
    newcomer.hears(mallory, first)
    ece = newcomer.identity()
    false_key = first.letting_in(mallory.identity, ece, "Ece")
    false_key.key = bytes(32)
    false = [other.letting_in(mallory.identity, ece, "Ece"), first, false_key,
             first.letting_in(Identity(), ece, "Ece", by=mallory.identity.text)]
    with mallory:
        for state in false:
            mallory.answers["join"] = lambda plaintext, speaker: mallory._let_in(state)
            newcomer.run("initiator", "join", "#lab", status=REFUSED)
    assert "room" not in newcomer.peers_file()


def test_a_fork_from_before_what_is_kept_does_not_change_the_room_until_it_is_joined(attack):
    """States of before that are known no more: Bob keeps his room, and takes the other by Join."""
    head = attack.room("Can")
    alice, can = attack.person("Alice"), attack.person("Can")
    first = next(iter(alice.states.values()))
    # The same room, apart from Bob's from the first state on.
    apart = [first.letting_in(alice.identity, can.identity, "Can")]
    apart.append(apart[-1].following(alice.identity, about="apart"))
    assert attack.give("Can", *apart) == (300, "behind")
    assert attack.give("Can", apart[0]) == (404, "apart")
    assert attack.head(head).id == head.id
    assert len(attack.events("apart")) == 1
    for each in (alice, can):
        each.states = {state.id: state for state in (first, *apart)}
        each.head = apart[-1]
    attack.meets("Alice", "Can")
    with alice, can:
        script(attack, "join", "#lab")
    assert attack.head(head).id == alice.head.id
    assert attack.roster(head) == [alice.identity.text, can.identity.text, attack.identity.text]
    assert can.head.id == alice.head.id


# Other programs.


@pytest.mark.parametrize(("letter", "count"), [("x", ANNOUNCED_MAX), ('"', ANNOUNCED_MAX - 1)])
def test_an_announcement_of_many_rooms_is_one_that_programs_without_rooms_understand(bob, letter, count):
    """As large as it can be, it fits, and begins with what has always stood there."""
    rooms = {}
    for number in range(ANNOUNCED_MAX + 2):
        state = State.first(bob.identity(), "Bob", name=f"{number:02}" + letter * 30)
        rooms[to_base64(state.room)] = {"name": state.members["name"], "state": state.record,
                                        "key": to_base64(state.key), "line": 0}
    bob.update_peers_file(lambda content: content.update(room=rooms))
    name = "Bob " + letter * 60
    with Ear("127.255.255.255") as ear:
        bob.announcer("-u", name)
        data = ear.hear().data
    assert len(data) < ANNOUNCEMENT_MAX_BYTES
    announced = json.loads(data)
    assert (announced["username"], announced["ip"]) == (name, BOB)
    assert list(announced)[:2] == ["username", "ip"]
    assert len(announced["rooms"]) == count
