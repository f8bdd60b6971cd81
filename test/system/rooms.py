"""A member of rooms in Python: section 7 of the protocol, for tests.

It is written from the protocol's text alone, with libsodium from here, and checked against
../vectors.json. A State is any signed text, whether it may follow or not: who may what is for the
programs to judge, and for the tests to break. A Member answers as an honest one does, but for
what a test changes, and calls others.
"""

import contextlib
import ctypes
import hashlib
import hmac
import json
import os
import socket
import threading
from datetime import datetime, timezone

from network import WAIT, Listener, connect
from protocol import (KEY_BYTES, MAC_BYTES, NONCE_BYTES, InitiatorSide, ResponderSide, _sodium, blake2b,
                      from_base64, seal, to_base64, unseal)

ROOM_BYTES = 16
ID_BYTES = 16
KNOWN_BYTES = 8
RECORD_MAX_BYTES = 36_000
PLAINTEXT_MAX_BYTES = 49_000

ARGON2ID13 = 2
LOCK_PASSES = 2
LOCK_MEMORY_BYTES = 64 * 1024 * 1024


# Signed texts.


def now():
    """The time as it is written everywhere."""
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def sign_record(identity, label, members):
    """The record of a text that identity signs, whatever is in it."""
    text = members if isinstance(members, str) else json.dumps(members, ensure_ascii=False)
    return {"signed": text, "signature": to_base64(identity.sign(label, text.encode()))}


def is_genuine(record, label):
    """Whether the identity in `by` has signed that."""
    text = record["signed"].encode()
    signature, public = from_base64(record["signature"]), from_base64(json.loads(text)["by"])
    signed = label + b"\0" + text
    assert (len(signature), len(public)) == (64, 32)
    return _sodium.crypto_sign_verify_detached(signature, signed, ctypes.c_ulonglong(len(signed)), public) == 0


class State:
    """A state of a room: its record, what is in it, and K if that is known."""

    LABEL = b"quartet room"

    def __init__(self, record, key=None):
        self.record = record
        self.key = key
        self.members = json.loads(record["signed"])
        self.id = blake2b(32, record["signed"].encode())
        self.room = from_base64(self.members["room"]) if "room" in self.members else self.id[:ROOM_BYTES]

    @classmethod
    def signed(cls, author, members, key=None):
        """One that author signs, with a new K unless the test has one."""
        key = key or os.urandom(KEY_BYTES)
        secret = to_base64(blake2b(32, b"quartet room secret", key))
        own = {"secret": secret, "time": now(), "by": author.text}
        rest = {name: value for name, value in members.items() if name not in own}
        return cls(sign_record(author, cls.LABEL, {**rest, **own, **members}), key)

    @classmethod
    def first(cls, author, username, name="lab", key=None, **changes):
        """The first state of an open room of fifty."""
        member = {"identity": author.text, "username": username, "since": 0, "admin": True}
        return cls.signed(author, {"n": 0, "salt": to_base64(os.urandom(16)), "name": name, "about": "",
                                   "capacity": 50, "entry": "open", "members": [member], "removed": [],
                                   **changes}, key)

    def following(self, author, key=None, **changes):
        """The next state, signed by author, with these members changed; None takes one out."""
        place = {"room": to_base64(self.room), "n": self.n + 1, "after": to_base64(self.id)}
        kept = {name: value for name, value in self.members.items()
                if name not in (*place, "salt", "again", "left", "secret", "time", "by")}
        members = {**place, **kept, **changes}
        return State.signed(author, {name: value for name, value in members.items() if value is not None}, key)

    def letting_in(self, author, identity, username, **changes):
        """The next state, in which author has let somebody in."""
        newcomer = {"identity": identity.text, "username": username, "since": self.n + 1}
        return self.following(author, members=[*self.roster, newcomer], **changes)

    def taking_out(self, author, *identities, **changes):
        """The next state, in which author has taken these out; oneself is a leave."""
        out = [identity.text for identity in identities]
        removed = [*self.members["removed"], *(text for text in out if text != author.text)]
        kept = [member for member in self.roster if member["identity"] not in out]
        return self.following(author, members=kept, removed=removed, **changes)

    def marking(self, author, identity, admin=True, **changes):
        """The next state, in which author has made somebody admin, or no longer."""
        def marked(member):
            rest = {name: value for name, value in member.items() if name != "admin"}
            return {**rest, "admin": True} if admin else rest
        roster = [marked(member) if member["identity"] == identity.text else member for member in self.roster]
        return self.following(author, members=roster, **changes)

    @property
    def n(self):
        return self.members["n"]

    @property
    def roster(self):
        return self.members["members"]

    def since(self, identity):
        """Since which state somebody is a member, given as text; None for who is none."""
        return next((member["since"] for member in self.roster if member["identity"] == identity), None)

    def proves(self, key):
        """Whether that is its K."""
        return to_base64(blake2b(32, b"quartet room secret", key)) == self.members["secret"]

    def is_genuine(self):
        return is_genuine(self.record, self.LABEL)


class Saying:
    """What somebody says in a room."""

    LABEL = b"quartet saying"

    def __init__(self, record):
        self.record = record
        self.members = json.loads(record["signed"])
        self.id = from_base64(self.members["id"])

    @classmethod
    def signed(cls, author, state, text, **changes):
        """One that author signs in a state: a text, or the offer of a file."""
        what = "file" if isinstance(text, dict) else "text"
        return cls(sign_record(author, cls.LABEL, {
            "room": to_base64(state.room), "state": to_base64(state.id), "id": to_base64(os.urandom(ID_BYTES)),
            what: text, "time": now(), "by": author.text, **changes}))

    def sealed(self, key, nonce=None):
        """Its record under a K."""
        nonce = nonce or os.urandom(NONCE_BYTES)
        plaintext = json.dumps(self.record, ensure_ascii=False).encode()
        return seal(key, int.from_bytes(nonce[16:], "big"), plaintext, nonce[:16])

    @classmethod
    def unsealed(cls, key, text):
        """The saying that was sealed so; an AssertionError if the key is another one."""
        sealed = from_base64(text)
        assert len(sealed) >= NONCE_BYTES + MAC_BYTES
        return cls(json.loads(unseal(key, int.from_bytes(sealed[16:NONCE_BYTES], "big"), text)))

    def is_genuine(self):
        return is_genuine(self.record, self.LABEL)


# Passwords.


def lock_of(password, room):
    """What a room's state keeps of its password."""
    lock = ctypes.create_string_buffer(KEY_BYTES)
    text = password.encode()
    assert _sodium.crypto_pwhash(lock, ctypes.c_ulonglong(KEY_BYTES), text, ctypes.c_ulonglong(len(text)), room,
                                 ctypes.c_ulonglong(LOCK_PASSES), ctypes.c_size_t(LOCK_MEMORY_BYTES),
                                 ARGON2ID13) == 0
    return lock.raw


def with_length(piece):
    """The piece after its length, which is written in LEB128."""
    length, before = len(piece), b""
    while length > 0x7f:
        before += bytes([length & 0x7f | 0x80])
        length >>= 7
    return before + bytes([length]) + piece


def lv_cat(*pieces):
    return b"".join(map(with_length, pieces))


class Cpace:
    """One end of CPace, CPACE-RISTR255-SHA512 in the order of initiator and responder."""

    def __init__(self, is_initiator, secret, context, session=b"", data=(b"", b""), scalar=None):
        self.is_initiator, self.session, self.data = is_initiator, session, data
        label = b"CPaceRistretto255"
        padding = max(0, 128 - len(with_length(secret)) - len(with_length(label)) - 1)
        hashed = hashlib.sha512(lv_cat(label, secret, bytes(padding), context, session)).digest()
        generator = ctypes.create_string_buffer(32)
        _sodium.crypto_core_ristretto255_from_hash(generator, hashed)
        self.scalar = scalar or self._random_scalar()
        self.share = self._multiply(generator.raw)

    @staticmethod
    def _random_scalar():
        scalar = ctypes.create_string_buffer(32)
        _sodium.crypto_core_ristretto255_scalar_random(scalar)
        return scalar.raw

    def _multiply(self, element):
        product = ctypes.create_string_buffer(32)
        assert _sodium.crypto_scalarmult_ristretto255(product, self.scalar, element) == 0
        return product.raw

    def take(self, share):
        """Takes the other's share: key, confirmation and expected are there then."""
        common = self._multiply(share)
        shares = (self.share, share) if self.is_initiator else (share, self.share)
        self.key = hashlib.sha512(
            lv_cat(b"CPaceRistretto255_ISK", self.session, common)
            + lv_cat(shares[0], self.data[0]) + lv_cat(shares[1], self.data[1])).digest()
        mac_key = hashlib.sha512(b"CPaceMac" + self.session + self.key).digest()
        tags = [hmac.digest(mac_key, lv_cat(*each), "sha512") for each in zip(shares, self.data)]
        self.confirmation, self.expected = tags if self.is_initiator else tags[::-1]


def binding(room, initiator, responder, a, b):
    """The CI of a proof: the room, both identities and both keys of the session."""
    return room + initiator + responder + a + b


# Sessions.


def known_of(ids):
    return to_base64(b"".join(each[:KNOWN_BYTES] for each in ids))


class Session:
    """A session that somebody opens to a responder, who is given by address and identity; `with` ends it."""

    def __init__(self, identity, to, peer_identity, source=None, username=None):
        self.side = InitiatorSide(identity, peer_identity, username=username)
        self.connection = connect(to, source)
        self.connection.send_object(self.side.key_object())
        self.side.complete(self.connection.receive_object())

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.connection.close()

    def ask(self, **members):
        """Says that, and returns the receipt."""
        number = self.side.counter
        self.connection.send_object(self.side.ask(**members))
        receipt = self.side.open_receipt(self.connection.receive_object(), number)
        assert receipt["received"] == number
        return receipt

    def hand_over(self, state, key=None, **changes):
        """A state; without key its K, if it has one."""
        key = key or state.key
        return self.ask(**{"ask": "state", "room": to_base64(state.room), "state": state.record,
                           **({"key": to_base64(key)} if key else {}), **changes})

    def speak(self, head, saying, key=None, **changes):
        """A saying, sealed under the K of the speaker's head, or another."""
        return self.ask(**{"room": to_base64(head.room), "state": to_base64(head.id),
                           "sealed": saying.sealed(key or head.key), **changes})

    def ask_states(self, room, known=()):
        return self.ask(ask="states", room=to_base64(room), known=known_of(known))

    def ask_sayings(self, room, known=()):
        return self.ask(ask="sayings", room=to_base64(room), known=known_of(known))

    def begin_proof(self, room, password):
        """The first half of a password's proof: the receipt, and this end of CPace."""
        side = self.side
        context = binding(room, side.identity.public, side.peer_identity, side.ephemeral.public,
                          side.peer_ephemeral)
        cpace = Cpace(True, lock_of(password, room), context)
        return self.ask(ask="join", room=to_base64(room), share=to_base64(cpace.share)), cpace

    def join(self, room, password=None):
        """Asks to be let in; returns the last receipt. Ends early if the member does not know the password."""
        if password is None:
            return self.ask(ask="join", room=to_base64(room))
        receipt, cpace = self.begin_proof(room, password)
        if receipt.get("why") != "confirm":
            return receipt
        cpace.take(from_base64(receipt["share"]))
        if from_base64(receipt["confirmation"]) != cpace.expected:
            return receipt
        return self.ask(ask="join", room=to_base64(room), confirmation=to_base64(cpace.confirmation))


class Member:
    """Somebody who is in one room, and answers at an address while `with` lasts.

    Its head is the last state it was given, if that follows the head before; a test with forks
    sets it. `answers` has functions by the word of an ask, "saying" for sayings, or "text", that
    answer in place of the honest ones: from plaintext and identity of the speaker to the members of
    a receipt, or None if nothing is answered and the connection ends. Everything that was said to it
    is in `heard`, with the speaker.
    """

    session = Session

    def __init__(self, identity, username, address, *states, host=None):
        self.identity, self.username, self.address = identity, username, address
        self.host = host or contextlib.nullcontext()
        self.states = {state.id: state for state in states}
        self.head = states[-1] if states else None
        self.sayings = {}
        self.answers = {}
        self.heard = []
        self.failure = None
        self._connections = []
        self._threads = []

    def __enter__(self):
        with self.host:
            self._listener = Listener(self.address)
        self._listener.socket.settimeout(None)
        self._start(self._listen)
        return self

    def __exit__(self, failed, *unused):
        for each in [self._listener, *self._connections]:
            with contextlib.suppress(OSError):
                each.socket.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(WAIT)
        self._listener.socket.close()
        assert failed or not self.failure, f"{self.username} died of {self.failure!r}"

    def call(self, to, peer_identity):
        """A session with somebody's responder."""
        with self.host:
            return self.session(self.identity, to, peer_identity, self.address, self.username)

    def texts(self):
        """What was said, in the order in which it came."""
        return [saying.members["text"] for saying in self.sayings.values() if "text" in saying.members]

    def take(self, state):
        """Takes a state as a member does."""
        self.states.setdefault(state.id, state)
        if self.head is None or state.members.get("after") == to_base64(self.head.id):
            self.head = state

    def say(self, text):
        """Signs a saying in the head, and keeps it."""
        saying = Saying.signed(self.identity, self.head, text)
        self.sayings[saying.id] = saying
        return saying

    # Answering.

    def _start(self, target, *arguments):
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _listen(self):
        with contextlib.suppress(OSError):
            while True:
                self._connections.append(self._listener.accept())
                self._start(self._serve, self._connections[-1])

    def _serve(self, connection):
        try:
            with connection:
                self._converse(connection)
        except OSError:
            pass
        except (AssertionError, LookupError, TypeError, ValueError) as failure:
            if "the connection ended after b''" not in str(failure):
                self.failure = failure

    def _converse(self, connection):
        side = ResponderSide(self.identity, username=self.username)
        connection.send_object(side.answer(connection.receive_object()))
        side.cpace = None
        for number in range(2**31):
            plaintext = side.open(connection.receive_object(), number)
            if number == 0:
                side.speaker, side.speaker_name = plaintext["identity"], plaintext.get("username")
            self.heard.append((side.speaker, plaintext))
            answer = self._answer(side, plaintext)
            if answer is None:
                return
            connection.send_object(side.receipt(number, number, **answer))
            self._follow(connection, side, plaintext, answer)

    def _follow(self, connection, side, plaintext, answer):
        """What else is sent, after an answer."""

    def _answer(self, side, plaintext):
        word = plaintext.get("ask", "saying" if "sealed" in plaintext else "text")
        if word in self.answers:
            return self.answers[word](plaintext, side.speaker)
        if word == "text":
            return {}
        if word not in ("state", "states", "sayings", "join", "saying"):
            return {"status": 404, "why": "no such ask"}
        if word != "state" and (not self.head or plaintext["room"] != to_base64(self.head.room)):
            return {"status": 300, "why": "behind"} if word == "saying" else {"status": 404, "why": "no such room"}
        return getattr(self, f"_answer_{word}")(side, plaintext)

    def _behind(self):
        head = {"head": to_base64(self.head.id)} if self.head else {}
        return {"status": 300, "why": "behind", **head}

    def _answer_saying(self, side, plaintext):
        state = self.states.get(from_base64(plaintext["state"]))
        if not state or not state.key:
            return self._behind()
        if self.head.since(side.speaker) is None:
            return {"status": 404, "why": "not a member"}
        try:
            saying = Saying.unsealed(state.key, plaintext["sealed"])
        except AssertionError:
            return {"status": 404, "why": "not valid"}
        if not self._is_good(saying):
            return {"status": 404, "why": "not valid"}
        self.sayings.setdefault(saying.id, saying)
        return {} if state is self.head else {"head": to_base64(self.head.id)}

    def _is_good(self, saying):
        """Whether it is of this room, and of somebody who is or was in it."""
        members = saying.members
        state = self.states.get(from_base64(members["state"]))
        return (saying.is_genuine() and members["room"] == to_base64(self.head.room)
                and any(each and each.since(members["by"]) is not None for each in (state, self.head)))

    def _answer_state(self, side, plaintext):
        key = from_base64(plaintext["key"]) if "key" in plaintext else None
        state = State(plaintext["state"], key)
        if not state.is_genuine() or (key and not state.proves(key)):
            return {"status": 404, "why": "not valid"}
        after = state.members.get("after")
        if self.head and after and from_base64(after) not in self.states:
            return self._behind()
        self.take(state)
        return {}

    def _answer_states(self, side, plaintext):
        if self.head.since(side.speaker) is None:
            return {"status": 404, "why": "not a member"}
        known = from_base64(plaintext["known"])
        lacking = [state for state in sorted(self.states.values(), key=lambda state: (state.n, state.id))
                   if not is_named(known, state.id)]
        if not lacking:
            return {}
        state = lacking[0]
        key = state.since(side.speaker) is not None and state.key
        return {"state": state.record, "key": to_base64(key) if key else None,
                "more": True if lacking[1:] else None}

    def _answer_sayings(self, side, plaintext):
        since = self.head.since(side.speaker)
        if since is None:
            return {"status": 404, "why": "not a member"}
        known, records, room = from_base64(plaintext["known"]), [], PLAINTEXT_MAX_BYTES - 1000
        for saying in self.sayings.values():
            state = self.states.get(from_base64(saying.members["state"]))
            if is_named(known, saying.id) or not state or state.n < since:
                continue
            room -= len(json.dumps(saying.record)) + 2
            if room < 0:
                return {"sayings": records, "more": True}
            records.append(saying.record)
        return {"sayings": records}

    def _answer_join(self, side, plaintext):
        head = self.head
        if head.since(side.speaker) is not None:
            return self._let_in(head)
        refusal = self._refusal(side)
        if refusal:
            return {"status": 404, "why": refusal}
        if head.members["entry"] == "password":
            answer = self._prove(side, plaintext)
            if answer:
                return answer
        newcomer = {"identity": side.speaker, "username": side.speaker_name, "since": head.n + 1}
        self.take(head.following(self.identity, members=[*head.roster, newcomer]))
        return self._let_in(self.head)

    @staticmethod
    def _let_in(state):
        return {"state": state.record, "key": to_base64(state.key)}

    def _refusal(self, side):
        """Why somebody cannot be let in, whatever the password; None if they can."""
        members = self.head.members
        return ("removed" if side.speaker in members["removed"] else
                "invited" if members["entry"] == "invited" else
                "full" if len(members["members"]) >= members["capacity"] else
                "username" if not side.speaker_name else None)

    def _prove(self, side, plaintext):
        """The answer to one half of a password's proof; None once it is proven."""
        if "share" in plaintext:
            room = self.head.room
            context = binding(room, from_base64(side.speaker), self.identity.public, side.peer_ephemeral,
                              side.ephemeral.public)
            side.cpace = Cpace(False, from_base64(self.head.members["lock"]), context)
            side.cpace.take(from_base64(plaintext["share"]))
            return {"status": 300, "why": "confirm", "share": to_base64(side.cpace.share),
                    "confirmation": to_base64(side.cpace.confirmation)}
        if side.cpace and plaintext.get("confirmation") == to_base64(side.cpace.expected):
            return None
        return {"status": 404, "why": "password"}


def is_named(known, own_id):
    """Whether the list of an ask names that id."""
    return own_id[:KNOWN_BYTES] in [known[i:i + KNOWN_BYTES] for i in range(0, len(known), KNOWN_BYTES)]
