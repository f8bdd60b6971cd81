"""Section 3.1 of the protocol in Python: both sides of a secure chat, for tests.

It is written from the protocol's text alone, with Ed25519, X25519 and crypto_secretbox
from libsodium and BLAKE2b from Python, and checked against ../vectors.json.
Whatever a dishonest peer could alter, the tests can alter too.
"""

import base64
import ctypes
import ctypes.util
import hashlib
import json
import os

KEY_BYTES = 32
NONCE_BYTES = 24
MAC_BYTES = 16

PRIME = 2**255 - 19
HIGH_BIT = 2**255

# Points for which X25519 yields zero, whatever the secret: 0, 1, -1 and the two of order 8, those
# of them that can be written in a second way, and all with the bit set that X25519 ignores.
_LOW_ORDER_NUMBERS = [
    0, 1, PRIME - 1, PRIME, PRIME + 1,
    325606250916557431795983626356110631294008115727848805560023387167927233504,
    39382357235489614581723060781553021112529911719440698176882885853963445705823,
]
LOW_ORDER_POINTS = [(number + high_bit).to_bytes(KEY_BYTES, "little")
                    for high_bit in (0, HIGH_BIT) for number in _LOW_ORDER_NUMBERS]

# Points of low order on the curve of the identities, one that is none, and one too large to be one.
_LOW_ORDER_IDENTITIES = [1, PRIME - 1, 0, HIGH_BIT,
    2707385501144840649318225287225658788936804267575313519463743609750303402022,
    55188659117513257062467267217118295137698188065244968500265048394206261417927]
NO_IDENTITIES = [number.to_bytes(KEY_BYTES, "little")
                 for number in [*_LOW_ORDER_IDENTITIES, 2, PRIME + 1, 2**256 - 1]]

_sodium = ctypes.CDLL(ctypes.util.find_library("sodium") or "libsodium.so.23")


def x25519(secret, public):
    """The X25519 function; zero for a point of low order."""
    shared = ctypes.create_string_buffer(KEY_BYTES)
    _sodium.crypto_scalarmult(shared, secret, public)
    return shared.raw


def x25519_public(secret):
    """The public key of a secret one."""
    public = ctypes.create_string_buffer(KEY_BYTES)
    _sodium.crypto_scalarmult_base(public, secret)
    return public.raw


def blake2b(size, *parts, key=b""):
    """BLAKE2b of the parts one after the other."""
    return hashlib.blake2b(b"".join(parts), digest_size=size, key=key).digest()


def to_base64(data):
    return base64.b64encode(data).decode()


def from_base64(text):
    return base64.b64decode(text, validate=True)


def to_number(public):
    """A public key as the decimal number that travels."""
    return str(int.from_bytes(public, "big"))


def from_number(number):
    return int(number).to_bytes(KEY_BYTES, "big")


def seal(key, counter, plaintext, random=None):
    """base64(nonce || crypto_secretbox(plaintext))."""
    nonce = (random or os.urandom(16)) + counter.to_bytes(8, "big")
    box = ctypes.create_string_buffer(MAC_BYTES + len(plaintext))
    length = ctypes.c_ulonglong(len(plaintext))
    _sodium.crypto_secretbox_easy(box, plaintext, length, nonce, key)
    return to_base64(nonce + box.raw)


def unseal(key, counter, text):
    """The plaintext of what seal() made; an AssertionError if it is not that."""
    sealed = from_base64(text)
    nonce, box = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
    assert int.from_bytes(nonce[16:], "big") == counter
    plaintext = ctypes.create_string_buffer(max(1, len(box) - MAC_BYTES))
    length = ctypes.c_ulonglong(len(box))
    assert _sodium.crypto_secretbox_open_easy(plaintext, box, length, nonce, key) == 0
    return plaintext.raw[:len(box) - MAC_BYTES]


class Pair:
    """An X25519 key pair."""

    def __init__(self, secret=None):
        self.secret = secret or os.urandom(KEY_BYTES)
        self.public = x25519_public(self.secret)


class Identity:
    """An Ed25519 key pair, and its X25519 form."""

    by_text = {}  # all that were made, so that a test can sign as whoever it names

    def __init__(self, seed=None):
        self.seed = seed or os.urandom(KEY_BYTES)
        public = ctypes.create_string_buffer(KEY_BYTES)
        secret = ctypes.create_string_buffer(2 * KEY_BYTES)
        _sodium.crypto_sign_seed_keypair(public, secret, self.seed)
        self.public, self._secret = public.raw, secret.raw
        exchange = ctypes.create_string_buffer(KEY_BYTES)
        _sodium.crypto_sign_ed25519_sk_to_curve25519(exchange, self._secret)
        self.exchange = Pair(exchange.raw)
        self.by_text[self.text] = self

    def sign(self, label, data):
        """The signature over a label, a NUL byte and the data."""
        text = label + b"\0" + data
        signature = ctypes.create_string_buffer(2 * KEY_BYTES)
        _sodium.crypto_sign_detached(signature, None, text, ctypes.c_ulonglong(len(text)),
                                     self._secret)
        return signature.raw

    @property
    def text(self):
        """The public key as announcements carry it."""
        return to_base64(self.public)


def sign_announcement(identity, username, ip, since, **members):
    """The datagram of an announcement that identity has signed."""
    text = json.dumps({"username": username, "ip": ip, "identity": identity.text, "since": since,
                       **members}, ensure_ascii=False).encode()[:-1]
    signature = to_base64(identity.sign(b"quartet announcement", text))
    return text + f', "signature": "{signature}"}}'.encode()


def exchange_form(identity):
    """The X25519 form of somebody's identity; an AssertionError if it has none."""
    exchange = ctypes.create_string_buffer(KEY_BYTES)
    assert _sodium.crypto_sign_ed25519_pk_to_curve25519(exchange, identity) == 0
    return exchange.raw


def session_keys(ee, es, identity, a, b):
    """The keys of the two directions: to the responder, to the initiator."""
    k = blake2b(64, b"quartet v2", identity, a, b, ee, es)
    return k[:KEY_BYTES], k[KEY_BYTES:]


def sender_proof(se, sender, receiver, a, b):
    """The proof of who is speaking."""
    return blake2b(32, b"quartet sender", sender, receiver, a, b, key=se)


def fingerprint(one, other):
    """What two people compare, of their public identities in any order."""
    return " ".join(fingerprint_half(identity) for identity in sorted([one, other]))


def fingerprint_half(identity):
    """The half of a fingerprint that belongs to one identity."""
    hashed = blake2b(32, b"quartet fingerprint", identity)
    groups = [int.from_bytes(hashed[5 * i:5 * i + 5], "big") % 100_000 for i in range(6)]
    return " ".join(f"{group:05}" for group in groups)


class InitiatorSide:
    """The initiator's side of one connection."""

    def __init__(self, identity, peer_identity, ephemeral=None, username=None):
        self.identity = identity
        self.username = username
        self.peer_identity = peer_identity
        self.ephemeral = ephemeral or Pair()
        self.counter = 0

    def key_object(self):
        """The first object of the exchange."""
        return {"key": to_number(self.ephemeral.public)}

    def complete(self, answer):
        """Takes the responder's key object."""
        self.peer_ephemeral = from_number(answer["key"])
        ee = x25519(self.ephemeral.secret, self.peer_ephemeral)
        es = x25519(self.ephemeral.secret, exchange_form(self.peer_identity))
        self.to_responder, self.to_initiator = session_keys(
            ee, es, self.peer_identity, self.ephemeral.public, self.peer_ephemeral)

    def proof(self):
        se = x25519(self.identity.exchange.secret, self.peer_ephemeral)
        return sender_proof(se, self.identity.public, self.peer_identity,
                            self.ephemeral.public, self.peer_ephemeral)

    def plaintext(self, text):
        """The members of the next message: the first one says and proves who is speaking."""
        return self.introduced({"id": to_base64(os.urandom(16)), "text": text})

    def introduced(self, message):
        """What is said next, after the members that say and prove who is speaking if it is the first."""
        if self.counter:
            return message
        name = {"username": self.username} if self.username else {}
        return {"identity": self.identity.text, "proof": to_base64(self.proof()), **name,
                **message}

    def message(self, text, **changes):
        """The object for the next message, with members of the plaintext changed."""
        plaintext = json.dumps({**self.plaintext(text), **changes}).encode()
        return self.sealed(plaintext)

    def ask(self, **members):
        """The object for an ask or a saying."""
        return self.sealed(json.dumps(self.introduced(members)).encode())

    def sealed(self, plaintext):
        """The object for the next message, with bytes of the test's choice inside."""
        sealed = seal(self.to_responder, self.counter, plaintext)
        self.counter += 1
        return {"encrypted_message": sealed}

    def open_receipt(self, receipt, counter=0):
        """The members of a receipt object."""
        return json.loads(unseal(self.to_initiator, counter, receipt["encrypted_message"]))

    def receipt(self, receipt, counter=0):
        """The number of the message that the receipt object confirms."""
        plaintext = self.open_receipt(receipt, counter)
        assert plaintext["status"] == 200
        return plaintext["received"]


class ResponderSide:
    """The responder's side of one connection."""

    def __init__(self, identity, ephemeral=None, username="Bob"):
        self.identity = identity
        self.username = username
        self.ephemeral = ephemeral or Pair()

    def answer(self, key_object):
        """Takes the initiator's key object; returns the one that answers it."""
        self.peer_ephemeral = from_number(key_object["key"])
        ee = x25519(self.ephemeral.secret, self.peer_ephemeral)
        es = x25519(self.identity.exchange.secret, self.peer_ephemeral)
        self.to_responder, self.to_initiator = session_keys(
            ee, es, self.identity.public, self.peer_ephemeral, self.ephemeral.public)
        return {"key": to_number(self.ephemeral.public)}

    def open(self, message, counter=0):
        """The plaintext of a message of the initiator, the proof of the first checked."""
        plaintext = json.loads(unseal(self.to_responder, counter, message["encrypted_message"]))
        if counter > 0:
            return plaintext
        sender = from_base64(plaintext["identity"])
        se = x25519(self.ephemeral.secret, exchange_form(sender))
        proof = sender_proof(se, sender, self.identity.public,
                             self.peer_ephemeral, self.ephemeral.public)
        assert plaintext["proof"] == to_base64(proof)
        return plaintext

    def receipt(self, received=0, counter=0, **changes):
        """The object that confirms a message, with members of the plaintext changed, or left out if None."""
        members = {"received": received, "username": self.username, "status": 200, **changes}
        plaintext = json.dumps({name: value for name, value in members.items()
                                if value is not None})
        return self.sealed(plaintext.encode(), counter)

    def sealed(self, plaintext, counter=0):
        """The object for a receipt, with bytes of the test's choice inside."""
        return {"encrypted_message": seal(self.to_initiator, counter, plaintext)}
