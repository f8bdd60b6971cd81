"""The tests' own fetching and serving of files, checked against itself."""

import os

import pytest

from files import (BUSY, CHANGED, CHUNK_BYTES, FINAL, NO_SUCH_FILE, WRONG_STREAMS, Opener, Sealer, Sharer, file_key,
                   status)
from protocol import Identity, InitiatorSide, ResponderSide, blake2b, to_base64
from rooms import State

ALICE = "127.0.0.2"
BOB = "127.0.0.3"
CONTENT = os.urandom(3 * CHUNK_BYTES + 1000)


@pytest.fixture
def alice(namespace):
    with Sharer(Identity(), "Alice", ALICE) as sharer:
        yield sharer


@pytest.fixture
def bob(namespace):
    with Sharer(Identity(), "Bob", BOB) as sharer:
        yield sharer


def call_alice(alice, bob):
    return bob.call(ALICE, alice.identity.public)


def test_both_sides_have_the_same_key_and_no_other_session_has():
    keys = []
    for _ in range(2):
        identity = Identity()
        asking, answering = InitiatorSide(Identity(), identity.public), ResponderSide(identity)
        asking.complete(answering.answer(asking.key_object()))
        keys += [file_key(asking.to_initiator, asking.ephemeral.public, asking.peer_ephemeral),
                 file_key(answering.to_initiator, answering.peer_ephemeral, answering.ephemeral.public)]
    assert keys[0] == keys[1]
    assert keys[2] == keys[3]
    assert keys[0] != keys[2]
    assert keys[0] not in (asking.to_initiator, asking.to_responder)


def test_a_stream_is_opened_in_its_order_only():
    sealer = Sealer(bytes(32))
    frames = [sealer.seal(b"one"), sealer.seal(b""), sealer.seal(b"two", FINAL)]
    opener = Opener(bytes(32), sealer.header)
    with pytest.raises(AssertionError):
        opener.open(frames[1])
    assert [opener.open(frame) for frame in frames] == [(b"one", 0), (b"", 0), (b"two", FINAL)]
    with pytest.raises(AssertionError):
        Opener(bytes(31) + b"x", sealer.header).open(frames[0])


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, len(CONTENT)])
def test_a_file_is_fetched_whole_and_resumed(alice, bob, size):
    content = CONTENT[:size]
    shared = alice.share("plan.pdf", content, to=[bob.identity.text])
    assert status(alice.offer_to(BOB, bob.identity.public, shared)) == (200, None)
    assert bob.offers[0]["file"] == {"name": "plan.pdf", "bytes": size}
    assert bob.offered("plan.pdf") == shared.id
    for have in {0, size // 2, size}:
        with call_alice(alice, bob) as session:
            assert session.get(shared.id, content[:have]) == content
    assert shared.done == [bob.identity.text] * len({0, size // 2, size})


def test_another_beginning_is_answered_by_the_end_at_once(alice, bob):
    shared = alice.share("plan.pdf", CONTENT)
    with call_alice(alice, bob) as session:
        receipt = session.ask_for(shared.id, b"x" * 1000)
        assert (receipt["from"], list(session.chunks())) == (1000, [b""])


def test_who_may_not_have_it_gets_the_answer_that_everybody_gets(alice, bob):
    shared = alice.share("plan.pdf", CONTENT, to=[Identity().text])
    mine = alice.share("mine.pdf", CONTENT)
    with call_alice(alice, bob) as session:
        assert status(session.ask_for(shared.id)) == NO_SUCH_FILE
        assert status(session.ask_for(os.urandom(16))) == NO_SUCH_FILE
        for mine.why, answer in (("changed", CHANGED), ("busy", BUSY)):
            assert status(session.ask_for(mine.id)) == answer
        mine.why = None
        assert status(session.ask_for(mine.id, **{"from": len(CONTENT) + 1})) == (404, "not valid")
        assert status(session.ask_for(mine.id, done=True)) == (200, None)
    assert mine.done == [bob.identity.text]


@pytest.mark.parametrize("kind", WRONG_STREAMS)
def test_no_wrong_stream_is_taken_for_the_file(alice, bob, kind):
    shared = alice.share("plan.pdf", CONTENT)
    shared.stream = WRONG_STREAMS[kind]
    with call_alice(alice, bob) as session, pytest.raises((AssertionError, ConnectionError)):
        session.get(shared.id)
    assert shared.done == []


def test_a_file_is_offered_in_a_room(alice, bob):
    first = State.first(alice.identity, "Alice")
    head = first.letting_in(alice.identity, bob.identity, "Bob")
    for each in (alice, bob):
        each.take(first)
        each.take(head)
    shared = alice.share("plan.pdf", CONTENT)
    assert status(alice.offer_in(head, shared, BOB, bob.identity.public)) == (200, None)
    said = bob.sayings[shared.id].members
    assert said["file"] == {"name": "plan.pdf", "bytes": len(CONTENT), "hash": to_base64(blake2b(32, CONTENT))}
    assert "text" not in said
    assert bob.offered("plan.pdf") == shared.id
