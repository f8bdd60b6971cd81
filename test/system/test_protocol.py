"""The tests' own side of the protocol, checked against fixed values."""

import json

import pytest

from protocol import (LOW_ORDER_POINTS, NO_IDENTITIES, Identity, InitiatorSide, Pair,
                      ResponderSide, blake2b, exchange_form, fingerprint, fingerprint_half,
                      from_base64, seal, to_base64, x25519)


@pytest.fixture
def secure(vectors):
    """The vectors of the secure exchange."""
    return vectors["secure"]


@pytest.fixture
def ece(vectors):
    return Identity(bytes.fromhex(vectors["identities"]["Ece"]["seed"]))


@pytest.fixture
def bob(vectors):
    return Identity(bytes.fromhex(vectors["identities"]["Bob"]["seed"]))


@pytest.fixture
def sides(secure, ece, bob):
    """Both sides of the connection of the vectors, after the exchange of keys."""
    a, b = (Pair(bytes.fromhex(secure[name])) for name in ("a", "b"))
    initiator, responder = InitiatorSide(ece, bob.public, a), ResponderSide(bob, b)
    initiator.complete(responder.answer(initiator.key_object()))
    return initiator, responder


@pytest.mark.parametrize("name", ["Ece", "Bob"])
def test_identities_of_the_vectors(vectors, name):
    vectors = vectors["identities"][name]
    identity = Identity(bytes.fromhex(vectors["seed"]))
    assert identity.public.hex() == vectors["I"]
    assert identity.text == vectors["identity"]
    assert identity.exchange.secret.hex() == vectors["s"]
    assert identity.exchange.public.hex() == vectors["S"] == exchange_form(identity.public).hex()
    assert fingerprint_half(identity.public) == vectors["half"]


def test_signatures_of_the_vectors(vectors, ece, bob):
    for identity, announcement in zip([ece, bob], vectors["announcements"]):
        text, signature = announcement.split(', "signature": "')
        assert to_base64(identity.sign(b"quartet announcement", text.encode())) == signature[:-2]


def test_ephemeral_secret_of_the_vectors(secure):
    secret = blake2b(32, b"quartet ephemeral", secure["typed_number"].encode(),
                     bytes.fromhex(secure["fresh"]))
    assert secret.hex() == secure["a"]


def test_keys_of_the_vectors(secure, sides):
    initiator, responder = sides
    assert json.dumps(initiator.key_object()) == secure["initiator_sends"]
    assert initiator.peer_ephemeral.hex() == secure["B"]
    for side in sides:
        assert side.to_responder.hex() == secure["k_initiator_to_responder"]
        assert side.to_initiator.hex() == secure["k_responder_to_initiator"]


def test_message_and_receipt_of_the_vectors(secure, sides):
    initiator, responder = sides
    initiator.username = "Ece"
    plaintext = {**initiator.plaintext("hello"), "id": json.loads(secure["plaintext"])["id"]}
    assert json.dumps(plaintext) == secure["plaintext"]
    random = bytes.fromhex(secure["nonce"])[:16]
    sealed = seal(initiator.to_responder, 0, secure["plaintext"].encode(), random)
    assert json.dumps({"encrypted_message": sealed}) == secure["message"]
    assert responder.open(json.loads(secure["message"]))["text"] == "hello"
    assert initiator.receipt(json.loads(secure["receipt"])) == 0
    assert json.dumps(initiator.open_receipt(json.loads(secure["receipt"]))) == secure["receipt_plaintext"]


def test_fingerprint_of_the_vectors(vectors, ece, bob):
    one, other = ece.public, bob.public
    assert fingerprint(one, other) == vectors["fingerprint"]
    assert fingerprint(other, one) == fingerprint(one, other)


@pytest.mark.parametrize("identity", NO_IDENTITIES)
def test_what_is_no_identity_has_no_form_to_multiply_with(identity):
    with pytest.raises(AssertionError):
        exchange_form(identity)


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


def test_all_low_order_points_are_there():
    assert len(set(LOW_ORDER_POINTS)) == 14
