"""The tests' own member of rooms, checked against fixed values and against itself."""

import pytest

from protocol import Identity, from_base64, to_base64
from rooms import Cpace, Member, Saying, State, binding, lock_of

ALICE = "127.0.0.2"
BOB = "127.0.0.3"

# Of draft-irtf-cfrg-cpace: ristretto255 and SHA-512.
DRAFT = {
    "secret": b"Password",
    "context": b"\x0bA_initiator\x0bB_responder",
    "session": bytes.fromhex("7e4b4791d6a8ef019b936c79fb7f2c57"),
    "data": (b"ADa", b"ADb"),
}
DRAFT_SCALARS = ["da3d23700a9e5699258aef94dc060dfda5ebb61f02a5ea77fad53f4ff0976d08",
                 "d2316b454718c35362d83d69df6320f38578ed5984651435e2949762d900b80d"]
DRAFT_SHARES = ["d6bac480f2c386c394efc7c47adb9925dcd2630b64f240c50f8d0eec482b9157",
                "3ea7e0b19560d7c0b0f5734f63b955286dfa8232b5ebe63324e2d9e7433f7258"]
DRAFT_KEY = ("b69effbf61b51d56401c0f65601abe428de8206feaaf0e32198896dcae7b35cd"
             "2b38950a39dfd5d4a79164614c2984f7daa460b588c1e80c3fa2068af7900447")


@pytest.fixture
def room(vectors):
    """The room of the vectors."""
    return vectors["room"]


@pytest.fixture
def people(vectors):
    return {name: Identity(bytes.fromhex(vectors["identities"][name]["seed"])) for name in ("Ece", "Bob")}


def test_states_of_the_vectors(room, people):
    first, second = (State(room[f"state{i}"], bytes.fromhex(room[f"K{i}"])) for i in (0, 1))
    for state, name in ((first, "id0"), (second, "id1")):
        assert state.is_genuine()
        assert state.proves(state.key)
        assert to_base64(state.id) == room[name]
        assert to_base64(state.room) == room["room"]
    again = State.first(people["Ece"], "Ece", key=first.key, **{
        name: first.members[name] for name in ("salt", "about", "time")})
    assert again.record == first.record
    again = first.letting_in(people["Ece"], people["Bob"], "Bob", key=second.key, time=second.members["time"])
    assert again.record == second.record


def test_saying_of_the_vectors(room):
    key = bytes.fromhex(room["K1"])
    saying = Saying(room["saying"])
    assert saying.is_genuine()
    assert saying.sealed(key, bytes.fromhex(room["nonce"])) == room["sealed"]
    assert Saying.unsealed(key, room["sealed"]).record == room["saying"]
    with pytest.raises(AssertionError):
        Saying.unsealed(bytes(32), room["sealed"])


def test_forged_texts_are_not_genuine(room):
    forged = {**room["saying"], "signed": room["saying"]["signed"].replace("hello", "hallo")}
    assert not Saying(forged).is_genuine()
    assert not State(room["saying"] | {"signed": room["state1"]["signed"]}).is_genuine()


def test_cpace_of_the_draft():
    ends = [Cpace(not i, scalar=bytes.fromhex(scalar), **DRAFT) for i, scalar in enumerate(DRAFT_SCALARS)]
    assert [end.share.hex() for end in ends] == DRAFT_SHARES
    ends[0].take(ends[1].share)
    ends[1].take(ends[0].share)
    assert [end.key.hex() for end in ends] == [DRAFT_KEY, DRAFT_KEY]
    assert ends[0].expected == ends[1].confirmation
    assert ends[1].expected == ends[0].confirmation
    assert ends[0].confirmation != ends[1].confirmation


def test_password_of_the_vectors(vectors, room, people):
    join, secure = room["join"], vectors["secure"]
    lock = lock_of(join["password"], from_base64(room["room"]))
    assert lock.hex() == join["lock"]
    keys = [bytes.fromhex(secure[name]) for name in "AB"]
    context = binding(from_base64(room["room"]), people["Ece"].public, people["Bob"].public, *keys)
    assert context.hex() == join["CI"]
    a, b = (Cpace(name == "ya", lock, context, scalar=bytes.fromhex(join[name])) for name in ("ya", "yb"))
    a.take(b.share)
    b.take(a.share)
    assert (a.share.hex(), b.share.hex()) == (join["Ya"], join["Yb"])
    assert (a.key.hex(), b.key.hex()) == (join["ISK"], join["ISK"])
    assert (a.confirmation.hex(), b.confirmation.hex()) == (join["Ta"], join["Tb"])


@pytest.fixture
def alice(namespace):
    """The only member of a room with a password."""
    identity = Identity()
    first = State.first(identity, "Alice")
    lock = to_base64(lock_of("cheese", first.room))
    locked = first.following(identity, entry="password", lock=lock)
    with Member(identity, "Alice", ALICE, first, locked) as member:
        yield member


def call_alice(alice, username="Bob", identity=None):
    return Member(identity or Identity(), username, BOB).call(ALICE, alice.identity.public)


def test_who_knows_the_password_is_let_in(alice):
    with call_alice(alice) as session:
        receipt = session.join(alice.head.room, "cheese")
        assert (receipt["status"], receipt["username"]) == (200, "Alice")
        state = State(receipt["state"], from_base64(receipt["key"]))
        assert state.is_genuine()
        assert state.proves(state.key)
        assert [member["username"] for member in state.roster] == ["Alice", "Bob"]
        # And again, if the answer was lost.
        assert session.join(alice.head.room)["state"] == receipt["state"]


@pytest.mark.parametrize("password", [None, "Cheese", ""])
def test_who_does_not_know_it_is_not(alice, password):
    with call_alice(alice) as session:
        receipt = session.join(alice.head.room, password)
        assert receipt["why"] == ("password" if password is None else "confirm")
        assert "state" not in receipt
        receipt = session.ask(ask="join", room=to_base64(alice.head.room), confirmation=to_base64(bytes(64)))
        assert (receipt["status"], receipt["why"]) == (404, "password")
    assert len(alice.head.roster) == 1


def test_states_and_sayings_go_from_one_to_the_other(alice):
    bob = Identity()
    with call_alice(alice, identity=bob) as session:
        session.join(alice.head.room, "cheese")
        head = alice.head
        saying = Saying.signed(bob, head, "hello all")
        assert session.speak(head, saying)["status"] == 200
        assert alice.texts() == ["hello all"]
        assert session.speak(head, saying, key=bytes(32))["why"] == "not valid"
        renamed = head.following(alice.identity, name="kitchen")
        assert session.speak(renamed, saying)["why"] == "behind"
        assert session.hand_over(renamed, key=bytes(32))["why"] == "not valid"
        assert session.hand_over(renamed)["status"] == 200
        assert alice.head.members["name"] == "kitchen"
        assert session.speak(head, saying)["head"] == to_base64(renamed.id)
        for number in range(300):
            alice.say(f"saying {number}")
        known = []
        while True:
            receipt = session.ask_sayings(head.room, known)
            known += [Saying(record).id for record in receipt["sayings"]]
            if not receipt.get("more"):
                break
        assert known == list(alice.sayings)
        states = []
        while "state" in (receipt := session.ask_states(head.room, [state.id for state in states])):
            states.append(State(receipt["state"]))
        assert [state.n for state in states] == [0, 1, 2, 3]
    with call_alice(alice) as session:
        assert session.ask_states(head.room)["why"] == "not a member"
        assert session.ask_sayings(bytes(16))["why"] == "no such room"
        assert session.ask(ask="weather")["why"] == "no such ask"
