"""The tests' own side of the protocol, checked against fixed values."""

import json
from pathlib import Path

import pytest

from protocol import (LOW_ORDER_POINTS, InitiatorSide, Pair, ResponderSide, blake2b, from_base64,
                      seal, to_base64, x25519)


@pytest.fixture
def vectors():
    path = Path(__file__).parent.parent / "vectors.json"
    return json.loads(path.read_text(encoding="utf-8"))["secure"]


@pytest.fixture
def sides(vectors):
    """Both sides of the connection of the vectors, after the exchange of keys."""
    pairs = {name: Pair(bytes.fromhex(vectors[name])) for name in ("a", "b", "sa", "sb")}
    initiator = InitiatorSide(pairs["sa"], pairs["sb"].public, pairs["a"])
    responder = ResponderSide(pairs["sb"], pairs["b"])
    initiator.complete(responder.answer(initiator.key_object()))
    return initiator, responder


def test_ephemeral_secret_of_the_vectors(vectors):
    secret = blake2b(32, b"quartet ephemeral", vectors["typed_number"].encode(),
                     bytes.fromhex(vectors["fresh"]))
    assert secret.hex() == vectors["a"]


def test_keys_of_the_vectors(vectors, sides):
    initiator, responder = sides
    assert json.dumps(initiator.key_object()) == vectors["initiator_sends"]
    assert initiator.peer_ephemeral.hex() == vectors["B"]
    for side in sides:
        assert side.to_responder.hex() == vectors["k_initiator_to_responder"]
        assert side.to_initiator.hex() == vectors["k_responder_to_initiator"]


def test_message_and_receipt_of_the_vectors(vectors, sides):
    initiator, responder = sides
    plaintext = json.dumps(initiator.plaintext("hello"))
    assert plaintext == vectors["plaintext"]
    random = bytes.fromhex(vectors["nonce"])[:16]
    sealed = seal(initiator.to_responder, 0, plaintext.encode(), random)
    assert json.dumps({"encrypted_message": sealed}) == vectors["message"]
    assert responder.open(json.loads(vectors["message"]))["text"] == "hello"
    assert initiator.receipt(json.loads(vectors["receipt"])) == 0


def test_forgeries_do_not_open(sides):
    initiator, responder = sides
    proof = to_base64(bytes(32))
    with pytest.raises(AssertionError):
        responder.open(initiator.message("hello", proof=proof))
    initiator.counter = 0
    message = initiator.message("hello")
    sealed = bytearray(from_base64(message["encrypted_message"]))
    sealed[-1] ^= 1
    with pytest.raises(AssertionError):
        responder.open({"encrypted_message": to_base64(bytes(sealed))})


@pytest.mark.parametrize("point", LOW_ORDER_POINTS)
def test_low_order_points_have_low_order(point):
    assert x25519(bytes(range(32)), point) == bytes(32)
