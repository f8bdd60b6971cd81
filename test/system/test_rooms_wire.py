"""What the responder answers to what is said about rooms: section 7 of the protocol, against members in the hands of the test."""

import contextlib
import fcntl
import itertools
import os

import pytest

from protocol import Identity, from_base64, to_base64
from quartet import eventually, pin
from rooms import Saying, Session, State, lock_of, sign_record

HELD_MAX = 8
STATES_AT_ONCE = 60
TRIES = 5
TRIES_IN_ALL = 30
KEYS_MAX = 3


class Person:
    """Somebody who calls the responder: `with alice.call() as session`."""

    def __init__(self, username, bob, address="127.3.0.1"):
        self.username, self.identity, self.address = username, Identity(), address
        self._bob = bob

    def call(self, address=None, username=None):
        return Session(self.identity, "127.0.0.1", self._bob.identity().public, address or self.address,
                       username or self.username)

    def does(self, what, *arguments, **options):
        """The receipt of one ask in a session of its own."""
        with self.call() as session:
            return getattr(session, what)(*arguments, **options)


@pytest.fixture
def bob(make_user):
    """The user under test, who knows Alice."""
    user = make_user("bob")
    user.is_called("Bob")
    return user


@pytest.fixture
def alice(bob):
    person = Person("Alice", bob)
    bob.pin(Alice=pin(person.identity.text))
    return person


@pytest.fixture
def can(bob):
    return Person("Can", bob, "127.3.0.2")


@pytest.fixture
def responder(bob, alice):
    return bob.responder()


@pytest.fixture
def room(responder, bob, alice, can):
    """The states of a room: Alice's own, with Bob, and with Can, who does not know Bob."""
    return put_in(bob, alice, can)


def put_in(bob, alice, can, **changes):
    first = State.first(alice.identity, "Alice", **changes)
    second = first.letting_in(alice.identity, bob.identity(), "Bob")
    third = second.letting_in(alice.identity, can.identity, "Can")
    with alice.call() as session:
        assert status(session.hand_over(second)) == (200, None)
        assert status(session.hand_over(third)) == (200, None)
    return first, second, third


def status(receipt):
    return receipt["status"], receipt.get("why")


def states_of(bob):
    """The ids of the states in chat.log."""
    return [State(line["state"]).id for line in bob.log() if isinstance(line.get("state"), dict)]


def said_to(bob):
    """The sayings in chat.log that were received."""
    return [Saying({name: line[name] for name in ("signed", "signature")}).members["text"]
            for line in bob.log() if "signed" in line and line["direction"] == "RECEIVED"]


def state_in(receipt):
    return State(receipt["state"], from_base64(receipt["key"]) if "key" in receipt else None)


# States.


def test_a_state_is_taken_once(room, bob, alice):
    assert alice.does("hand_over", room[1])["status"] == 200
    assert states_of(bob) == [room[1].id, room[2].id]


def test_a_state_with_a_wrong_key_is_not_taken(responder, bob, alice):
    state = State.first(alice.identity, "Alice").letting_in(alice.identity, bob.identity(), "Bob")
    assert status(alice.does("hand_over", state, key=bytes(32))) == (404, "not valid")
    assert states_of(bob) == []
    assert status(alice.does("hand_over", state)) == (200, None)


def test_a_state_of_another_room_is_not_taken(room, bob, alice):
    other = State.first(alice.identity, "Alice")
    moved = room[2].following(alice.identity, room=to_base64(other.room))
    for state in (other, moved):
        assert status(alice.does("hand_over", state, room=to_base64(room[2].room))) == (404, "not valid")
    assert len(states_of(bob)) == 2


def test_a_state_that_breaks_a_rule_is_not_taken(room, bob, can):
    assert status(can.does("hand_over", room[2].taking_out(can.identity, bob.identity()))) == (404, "not valid")


def test_a_state_that_is_before_all_that_is_known_is_not_taken(room, alice):
    assert status(alice.does("hand_over", room[0])) == (404, "apart")


def test_who_misses_a_state_is_handed_it(room, bob, alice):
    named = room[2].following(alice.identity, name="kitchen")
    told = named.following(alice.identity, about="who cooks")
    with alice.call() as session:
        receipt = session.hand_over(told)
        assert status(receipt) == (300, "behind")
        assert receipt["head"] == to_base64(room[2].id)
        assert session.hand_over(named)["status"] == 200
        assert session.hand_over(told)["status"] == 200
    assert bob.peers_file()["room"][to_base64(told.room)]["state"] == told.record


def test_so_many_states_of_a_room_come_at_once(room, alice):
    """Alice may use up no more of the disk than that, and Can's ask finds the room as it is."""
    state = room[2]
    with alice.call() as session:
        for count in itertools.count():
            state = state.following(alice.identity, about=f"text {count}")
            receipt = session.hand_over(state)
            if receipt["status"] != 200:
                break
    assert status(receipt) == (300, "full")
    assert count >= STATES_AT_ONCE - 2


# Sayings.


def test_a_saying_is_logged_once_although_it_is_repeated(room, bob, alice, can):
    saying = Saying.signed(alice.identity, room[2], "hello all")
    with alice.call() as session:
        assert session.speak(room[2], saying) == {"received": 0, "username": "Bob", "status": 200}
        assert session.speak(room[2], saying)["status"] == 200
    # In another session, and by another member, who may pass it on.
    assert alice.does("speak", room[2], saying)["status"] == 200
    assert can.does("speak", room[2], saying)["status"] == 200
    assert said_to(bob) == ["hello all"]
    line = bob.log()[-1]
    assert (line["username"], line["identity"], line["ip"]) == ("Alice", alice.identity.text, alice.address)


def test_a_saying_is_known_after_a_start(room, responder, bob, alice):
    texts = ["hello all", '", "by": "', '\\"}", "signature": "', f'"by": "{alice.identity.text}"}}", "signature": ']
    sayings = [Saying.signed(alice.identity, room[2], text) for text in texts]
    # As another program may write it.
    members = dict(reversed(sayings[0].members.items()), id=to_base64(bytes(16)))
    sayings.append(Saying(sign_record(alice.identity, Saying.LABEL, members)))
    with alice.call() as session:
        assert [session.speak(room[2], saying)["status"] for saying in sayings] == [200] * 5
    responder.kill()
    bob.responder()
    with alice.call() as session:
        assert [session.speak(room[2], saying)["status"] for saying in sayings] == [200] * 5
        assert session.ask_sayings(room[2].room, [saying.id for saying in sayings]).get("sayings") is None
    assert said_to(bob) == [*texts, "hello all"]


def test_what_is_said_at_once_is_logged_in_any_order_and_confirmed(room, bob, alice, can):
    with contextlib.ExitStack() as stack:
        sessions = [stack.enter_context(person.call()) for person in (alice, can) * 10]
        for number, session in enumerate(sessions):
            author = (alice, can)[number % 2].identity
            saying = Saying.signed(author, room[2], f"saying {number}")
            session.connection.send_object(session.side.ask(
                room=to_base64(room[2].room), state=to_base64(room[2].id), sealed=saying.sealed(room[2].key)))
        for session in sessions:
            assert session.side.open_receipt(session.connection.receive_object())["status"] == 200
    assert sorted(said_to(bob)) == sorted(f"saying {number}" for number in range(20))


def test_who_speaks_in_an_older_state_is_told_the_head(room, bob, alice):
    saying = Saying.signed(alice.identity, room[1], "hello")
    receipt = alice.does("speak", room[1], saying)
    assert status(receipt) == (200, None)
    assert receipt["head"] == to_base64(room[2].id)
    assert said_to(bob) == ["hello"]


def test_who_speaks_in_a_newer_state_hands_it_over(room, bob, alice):
    head = room[2].following(alice.identity, name="kitchen")
    saying = Saying.signed(alice.identity, head, "hello")
    with alice.call() as session:
        receipt = session.speak(head, saying)
        assert status(receipt) == (300, "behind")
        assert receipt["head"] == to_base64(room[2].id)
        assert session.hand_over(head)["status"] == 200
        assert session.speak(head, saying)["status"] == 200
    assert said_to(bob) == ["hello"]


def test_who_is_invited_and_does_not_know_it_yet_is_handed_the_state(responder, bob, alice):
    head = State.first(alice.identity, "Alice").letting_in(alice.identity, bob.identity(), "Bob")
    saying = Saying.signed(alice.identity, head, "welcome")
    with alice.call() as session:
        receipt = session.speak(head, saying)
        assert status(receipt) == (300, "behind")
        assert "head" not in receipt
        assert session.hand_over(head)["status"] == 200
        assert session.speak(head, saying)["status"] == 200
    assert said_to(bob) == ["welcome"]


def test_what_somebody_else_says_is_not_logged(room, bob, alice, can):
    """Mallory has got hold of the key."""
    mallory = Person("Mallory", bob)
    head = room[2]
    forged = Saying.signed(mallory.identity, head, "I am Alice", by=alice.identity.text)
    assert status(mallory.does("speak", head, Saying.signed(mallory.identity, head, "hi"))) == (404, "not a member")
    assert status(mallory.does("speak", head, Saying.signed(alice.identity, head, "hi"))) == (404, "not a member")
    assert status(can.does("speak", head, forged)) == (404, "not valid")
    assert status(can.does("speak", head, Saying.signed(mallory.identity, head, "hi"))) == (404, "not a member")
    assert status(can.does("speak", head, Saying.signed(can.identity, head, "hi"), key=bytes(32))) == \
        (404, "not valid")
    assert said_to(bob) == []


def test_a_saying_stays_in_its_room(room, bob, alice, can):
    other = put_in(bob, alice, can, name="kitchen")[2]
    saying = Saying.signed(alice.identity, other, "for the kitchen")
    assert status(can.does("speak", room[2], saying)) == (404, "not valid")
    assert status(alice.does("speak", other, saying)) == (200, None)


def test_the_removed_do_not_speak(room, bob, alice, can):
    head = room[2].taking_out(alice.identity, can.identity)
    assert alice.does("hand_over", head)["status"] == 200
    saying = Saying.signed(can.identity, room[2], "still here")
    assert status(can.does("speak", room[2], saying)) == (404, "not a member")
    # What they said before, a member may pass on.
    assert status(alice.does("speak", head, saying)) == (200, None)
    assert said_to(bob) == ["still here"]


@pytest.fixture
def locked_log(bob):
    """Locks chat.log as another program does; the test unlocks it, or the end of the test."""
    with open(bob.path("chat.log"), "ab") as log:
        yield log


def test_what_comes_while_the_log_is_locked_is_kept_or_said_again(room, bob, alice, locked_log):
    saying = Saying.signed(alice.identity, room[2], "hello all")
    fcntl.flock(locked_log, fcntl.LOCK_EX)
    with alice.call() as session:
        assert status(session.speak(room[2], saying)) == (300, "busy")
        assert status(session.hand_over(room[2].following(alice.identity, name="kitchen"))) == (300, "busy")
        fcntl.flock(locked_log, fcntl.LOCK_UN)
        assert session.speak(room[2], saying)["status"] == 200
    assert said_to(bob) == ["hello all"]


def test_while_the_rooms_cannot_be_read_nothing_is_lost(room, bob, alice):
    with open(bob.path("peers.txt"), "ab", buffering=0) as peers, alice.call() as session:
        fcntl.flock(peers, fcntl.LOCK_EX)
        peers.write(b"\n")  # or else what was read before would do
        saying = Saying.signed(alice.identity, room[2], "hello all")
        assert status(session.speak(room[2], saying)) == (300, "busy")
        fcntl.flock(peers, fcntl.LOCK_UN)
        eventually(lambda: session.speak(room[2], saying)["status"] == 200)
    assert said_to(bob) == ["hello all"]


# What others lack.


def test_who_returns_gets_the_states_they_lack(room, alice, can):
    head = room[2].following(alice.identity, name="kitchen")
    assert alice.does("hand_over", head)["status"] == 200
    with can.call() as session:
        receipt = session.ask_states(head.room)
        # Can has no use for those from before.
        assert (state_in(receipt).id, state_in(receipt).key, receipt["more"]) == (room[2].id, room[2].key, True)
        receipt = session.ask_states(head.room, [room[2].id])
        assert (state_in(receipt).id, state_in(receipt).key) == (head.id, head.key)
        assert "more" not in receipt
        assert "state" not in session.ask_states(head.room, [room[2].id, head.id])
    receipt = alice.does("ask_states", head.room)
    assert (state_in(receipt).id, state_in(receipt).key, receipt["more"]) == (room[1].id, room[1].key, True)


def test_the_removed_get_the_state_that_took_them_out(room, bob, alice, can):
    out = room[2].taking_out(alice.identity, can.identity)
    after = out.following(alice.identity, name="kitchen")
    with alice.call() as session:
        session.hand_over(out)
        session.hand_over(after)
    receipt = can.does("ask_states", out.room, [room[2].id])
    assert receipt["state"] == out.record
    assert not {"key", "more"} & set(receipt)
    assert "state" not in can.does("ask_states", out.room, [room[2].id, out.id])
    assert status(can.does("ask_sayings", out.room)) == (404, "not a member")
    mallory = Person("Mallory", bob)
    assert status(mallory.does("ask_states", out.room)) == (404, "not a member")
    assert status(mallory.does("ask_sayings", out.room)) == (404, "not a member")


def test_who_returns_gets_the_sayings_they_lack(room, alice, can):
    """Those from before they were in are not for them."""
    before = Saying.signed(alice.identity, room[1], "only Bob is to know")
    said = [Saying.signed(alice.identity, room[2], f"saying {number} {'x' * 500}") for number in range(100)]
    with alice.call() as session:
        assert session.speak(room[1], before)["status"] == 200
        for saying in said:
            assert session.speak(room[2], saying)["status"] == 200
    got = []
    with can.call() as session:
        for more in itertools.count():
            receipt = session.ask_sayings(room[2].room, [Saying(record).id for record in got])
            got += receipt["sayings"]
            if not receipt.get("more"):
                break
        assert got == [saying.record for saying in said]
        assert more > 0
        assert "sayings" not in session.ask_sayings(room[2].room, [saying.id for saying in said])
    assert alice.does("ask_sayings", room[2].room)["sayings"][0] == before.record


def test_there_is_no_room_but_those_of_the_user(room, alice):
    with alice.call() as session:
        for ask in ("states", "sayings"):
            assert status(session.ask(ask=ask, room=to_base64(bytes(16)), known="")) == (404, "no such room")
        assert status(session.join(bytes(16))) == (404, "no such room")
        assert status(session.ask(ask="weather")) == (404, "no such ask")
        assert status(session.ask(ask="states", room=to_base64(room[2].room), known="x")) == (404, "no such ask")
        assert status(session.ask(sealed="")) == (404, "no such ask")
        # And all goes on.
        assert status(session.hand_over(room[2])) == (200, None)


# Joining.


def test_who_comes_into_an_open_room_is_let_in_by_the_user(room, bob, alice):
    ece = Person("Ece", bob, "127.3.0.3")
    receipt = ece.does("join", room[2].room)
    assert status(receipt) == (200, None)
    state = state_in(receipt)
    assert state.is_genuine()
    assert state.proves(state.key)
    assert (state.members["by"], state.members["after"]) == (bob.identity().text, to_base64(room[2].id))
    assert state.roster[-1] == {"identity": ece.identity.text, "username": "Ece", "since": 3}
    # If the answer was lost, it comes again.
    again = state_in(ece.does("join", room[2].room))
    assert (again.id, again.key) == (state.id, state.key)
    assert states_of(bob) == [room[1].id, room[2].id, state.id]
    # It is for all who were there before, too.
    assert alice.identity.text in [line for line in bob.log() if "to" in line][-1]["to"]
    assert alice.does("ask_states", room[2].room, [room[1].id, room[2].id])["state"] == state.record


@pytest.fixture
def locked(room, alice):
    """The room with a password."""
    head = room[2].following(alice.identity, entry="password", lock=to_base64(lock_of("cheese", room[0].room)))
    assert alice.does("hand_over", head)["status"] == 200
    return head


def test_who_knows_the_password_is_let_in(locked, bob):
    receipt = Person("Ece", bob).does("join", locked.room, "cheese")
    assert status(receipt) == (200, None)
    assert state_in(receipt).roster[-1]["username"] == "Ece"


def test_who_does_not_know_it_is_not_let_in(locked, bob):
    ece = Person("Ece", bob)
    nothing = to_base64(bytes(64))
    with ece.call() as session:
        assert status(session.join(locked.room)) == (404, "password")
        assert status(session.ask(ask="join", room=to_base64(locked.room), confirmation=nothing)) == (404, "password")
        assert status(session.join(locked.room, "Cheese")) == (300, "confirm")
        assert status(session.ask(ask="join", room=to_base64(locked.room), confirmation=nothing)) == (404, "password")
        # No element of the group.
        assert status(session.ask(ask="join", room=to_base64(locked.room), share=to_base64(b"\xff" * 32))) == \
            (404, "password")
        # A proof is for the next ask, and for this session.
        receipt, cpace = session.begin_proof(locked.room, "cheese")
        cpace.take(from_base64(receipt["share"]))
        confirmation = to_base64(cpace.confirmation)
        session.ask_states(locked.room)
        assert status(session.ask(ask="join", room=to_base64(locked.room), confirmation=confirmation)) == \
            (404, "password")
    assert len(states_of(bob)) == 3


def test_a_password_is_tried_five_times_a_minute_from_one_address(locked, bob):
    mallory = Person("Mallory", bob, "127.3.0.7")
    share = to_base64(Identity().public)
    answers = []
    while not answers or answers[-1] != (300, "tries"):
        answers.append(status(mallory.does("ask", ask="join", room=to_base64(locked.room), share=share)))
    assert len(answers) > TRIES
    ece = Person("Ece", bob, "127.3.0.8")
    assert status(ece.does("join", locked.room, "cheese")) == (200, None)


def test_passwords_are_tried_thirty_times_a_minute_in_all(locked, bob):
    share = to_base64(Identity().public)
    for count in itertools.count():
        mallory = Person("Mallory", bob, f"127.4.{count // 250}.{count % 250 + 1}")
        if status(mallory.does("ask", ask="join", room=to_base64(locked.room), share=share)) == (300, "tries"):
            break
    assert count >= TRIES_IN_ALL


def test_who_may_not_come_in_is_told_why(room, bob, alice, can):
    head = room[2]
    ece = Person("Ece", bob)
    nameless = Person(None, bob)

    def change(state):
        assert alice.does("hand_over", state)["status"] == 200
        return state

    assert status(nameless.does("join", head.room)) == (404, "username")
    head = change(head.following(alice.identity, capacity=3))
    assert status(ece.does("join", head.room)) == (404, "full")
    head = change(head.following(alice.identity, capacity=50, entry="invited"))
    assert status(ece.does("join", head.room)) == (404, "invited")
    head = change(head.following(alice.identity, entry="open"))
    head = change(head.taking_out(alice.identity, can.identity))
    assert status(can.does("join", head.room)) == (404, "removed")
    assert status(ece.does("join", head.room)) == (200, None)
    # The user is out.
    head = state_in(ece.does("join", head.room))
    change(head.taking_out(alice.identity, bob.identity()))
    assert status(can.does("join", head.room)) == (404, "no such room")
    assert status(ece.does("speak", head, Saying.signed(ece.identity, head, "hi"))) == (404, "not a member")


# Strangers.


def test_a_room_into_which_a_stranger_has_put_the_user_waits(responder, bob):
    mallory = Person("Mallory", bob)
    states = [State.first(mallory.identity, "Mallory").letting_in(mallory.identity, bob.identity(), "Bob")
              for _ in range(HELD_MAX + 1)]
    head = states[0]
    saying = Saying.signed(mallory.identity, head, "hello")
    with mallory.call() as session:
        for state in states[:HELD_MAX]:
            assert status(session.hand_over(state)) == (300, "held")
        assert status(session.hand_over(states[-1])) == (300, "full")
        assert status(session.speak(head, saying)) == (300, "held")
        assert status(session.hand_over(head)) == (300, "held")
        assert said_to(bob) == []
        # The user accepts it.
        bob.update_peers_file(lambda content: content["room"][to_base64(head.room)].pop("held"))
        assert status(session.hand_over(head)) == (200, None)
        assert status(session.speak(head, saying)) == (200, None)
    assert said_to(bob) == ["hello"]


def test_a_room_that_was_rejected_is_so_for_good(responder, bob):
    mallory = Person("Mallory", bob)
    states = [State.first(mallory.identity, "Mallory", name).letting_in(mallory.identity, bob.identity(), "Bob")
              for name in map(str, range(HELD_MAX + 1))]
    with mallory.call() as session:
        for state in states[:HELD_MAX]:
            assert status(session.hand_over(state)) == (300, "held")
        bob.run("initiator", "reject", "#0")
        left = State(bob.peers_file()["room"][to_base64(states[0].room)]["state"])
        again = left.letting_in(mallory.identity, bob.identity(), "Bob")
        assert status(session.hand_over(again)) == (404, "rejected")
        assert status(session.speak(states[0], Saying.signed(mallory.identity, states[0], "hello"))) == (404, "rejected")
        # There is a place for another.
        assert status(session.hand_over(states[-1])) == (300, "held")
    assert said_to(bob) == []


@pytest.mark.parametrize("is_rejected", [False, True])
def test_what_a_stranger_makes_of_a_room_keeps_no_invitation_of_a_known_one_away(responder, bob, alice, is_rejected):
    """Whoever knows the id of a room, as it is announced, can hand over states under it that follow nothing of it."""
    mallory = Person("Mallory", bob, "127.3.0.3")
    before = State.first(alice.identity, "Alice").following(alice.identity, entry="invited")
    invitation = before.letting_in(alice.identity, bob.identity(), "Bob")
    false = State.first(mallory.identity, "Mallory").letting_in(mallory.identity, bob.identity(), "Bob").following(
        mallory.identity, room=to_base64(before.room), n=1000)
    room = to_base64(before.room)
    assert status(mallory.does("hand_over", false)) == (300, "held")
    if is_rejected:
        bob.run("initiator", "reject", "#lab")
    waits = (404, "rejected") if is_rejected else (300, "held")
    # What is no invitation, or a stranger's, changes nothing.
    assert status(mallory.does("hand_over", before.letting_in(mallory.identity, bob.identity(), "Bob"))) == waits
    assert status(alice.does("hand_over", invitation.following(alice.identity, about="more"))) == waits
    assert status(mallory.does("hand_over", invitation)) == waits
    assert status(alice.does("hand_over", invitation)) == (200, None)
    assert State(bob.peers_file()["room"][room]["state"]).id == invitation.id
    assert "held" not in bob.peers_file()["room"][room]
    assert status(alice.does("speak", invitation, Saying.signed(alice.identity, invitation, "hello"))) == (200, None)
    assert status(mallory.does("hand_over", false.following(mallory.identity))) == (300, "behind")
    assert said_to(bob) == ["hello"]


def test_who_is_blocked_gets_nothing(room, bob, can):
    bob.update_peers_file(lambda content: content["strangers"].append(
        {"stranger": "Can", "identity": can.identity.text, "blocked": True}))
    with can.call() as session:
        assert status(session.speak(room[2], Saying.signed(can.identity, room[2], "hi"))) == (404, "blocked")
        assert status(session.hand_over(room[2])) == (404, "blocked")
        assert status(session.ask_states(room[2].room)) == (404, "blocked")
        assert status(session.ask_sayings(room[2].room)) == (404, "blocked")
        assert status(session.join(room[2].room)) == (404, "blocked")
    assert said_to(bob) == []


def test_who_wants_nothing_of_strangers_is_put_into_no_room_by_them(room, bob, can):
    bob.update_peers_file(lambda content: content["self"].update(accept="known"))
    state = State.first(can.identity, "Can").letting_in(can.identity, bob.identity(), "Bob")
    with can.call() as session:
        assert status(session.hand_over(state)) == (404, "not known")
        assert status(session.speak(state, Saying.signed(can.identity, state, "hi"))) == (404, "not known")
        # It is not for what both are in.
        assert status(session.speak(room[2], Saying.signed(can.identity, room[2], "hi"))) == (200, None)
        assert status(session.hand_over(room[2])) == (200, None)


def test_keys_cannot_be_exchanged_between_asks_without_end(room, bob, alice):
    with alice.call() as session:
        for _ in range(KEYS_MAX - 1):
            assert session.ask_states(room[2].room)["status"] == 200
            side = type(session.side)(alice.identity, bob.identity().public, username="Alice")
            session.connection.send_object(side.key_object())
            side.complete(session.connection.receive_object())
            session.side = side
        session.connection.send_object(session.side.key_object())
        session.connection.wait_closed()


def test_what_the_initiator_wrote_is_known(room, responder, bob, alice, can):
    """Another program of the user's takes a state and what was said meanwhile: the lines of chat.log are all there is."""
    head = room[2].following(alice.identity, name="kitchen")
    saying = Saying.signed(alice.identity, head, "said while you were away")
    time = bob.log()[-1]["time"]
    bob.write_log({"time": time, "id": to_base64(head.id[:16]), "room": to_base64(head.room), "state": head.record,
                   "key": to_base64(head.key), "before": line_of_last_state(bob)},
                  {"time": time, "direction": "RECEIVED", "username": "Alice", "ip": alice.address,
                   "mode": "secure", "id": to_base64(saying.id), "identity": alice.identity.text,
                   "room": to_base64(head.room), **saying.record})
    receipt = can.does("ask_states", head.room, [room[2].id])
    assert (receipt["state"], from_base64(receipt["key"])) == (head.record, head.key)
    assert can.does("ask_sayings", head.room)["sayings"] == [saying.record]
    assert status(alice.does("speak", head, saying)) == (200, None)
    assert said_to(bob) == ["said while you were away"]


def line_of_last_state(bob):
    """Where it begins in chat.log."""
    lines = bob.path("chat.log").read_bytes().splitlines(keepends=True)
    last = max(number for number, line in enumerate(lines) if b'"state": {' in line)
    return sum(map(len, lines[:last]))


def test_without_rooms_nothing_is_written(responder, bob, alice):
    assert status(alice.does("ask_states", os.urandom(16))) == (404, "no such room")
    assert not bob.path("chat.log").exists()
    eventually(lambda: "room" not in bob.peers_file())
