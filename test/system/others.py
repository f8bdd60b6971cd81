"""Peers as others have written them, for tests: from sections 2 and 3.2 of the protocol alone.

Each habit that other implementations of the specification are known for is a
property here, so that a peer can be put together from them. All of them read
with one recv(2) and take what it brings for one object, and all of them die of
a reset. Their 3DES is libcrypto's, driven from here.
"""

import contextlib
import ctypes
import ctypes.util
import json
import queue
import socket
import threading
import time
from dataclasses import dataclass, field
from typing import Callable

from network import WAIT, Listener, connect
from protocol import from_base64, to_base64

P = 19
G = 2
SECRETS = range(1, P)
SPELLINGS = ["_", "", " "]

BLOCK_BYTES = 8
KEY_BYTES = 24

_crypto = ctypes.CDLL(ctypes.util.find_library("crypto") or "libcrypto.so.3")
_crypto.EVP_CIPHER_CTX_new.restype = ctypes.c_void_p
_crypto.EVP_des_ede3_ecb.restype = ctypes.c_void_p


# The classic cipher.


def triple_des(secret, blocks, encrypt):
    """3DES (EDE, ECB) of whole blocks under a shared secret."""
    assert len(blocks) % BLOCK_BYTES == 0
    key = str(secret).ljust(KEY_BYTES).encode()
    out = ctypes.create_string_buffer(len(blocks) + BLOCK_BYTES)
    written = ctypes.c_int()
    context = ctypes.c_void_p(_crypto.EVP_CIPHER_CTX_new())
    cipher = ctypes.c_void_p(_crypto.EVP_des_ede3_ecb())
    try:
        assert _crypto.EVP_CipherInit_ex(context, cipher, None, key, None, int(encrypt)) == 1
        assert _crypto.EVP_CIPHER_CTX_set_padding(context, 0) == 1
        assert _crypto.EVP_CipherUpdate(context, out, ctypes.byref(written), blocks,
                                        len(blocks)) == 1
    finally:
        _crypto.EVP_CIPHER_CTX_free(context)
    assert written.value == len(blocks)
    return out.raw[:len(blocks)]


def pad(data):
    """PKCS#5: fills the last block with the number of bytes that it takes to do so."""
    count = BLOCK_BYTES - len(data) % BLOCK_BYTES
    return data + bytes([count]) * count


def unpad(blocks):
    """What pad() was given; a ValueError if that cannot be."""
    count = blocks[-1]
    if not 1 <= count <= BLOCK_BYTES or blocks[-count:] != bytes([count]) * count:
        raise ValueError("wrong padding")
    return blocks[:-count]


def seal(secret, text):
    """The encrypted message that carries a text."""
    return to_base64(triple_des(secret, pad(text.encode()), True))


def unseal(secret, message):
    """The text that an encrypted message carries; a ValueError if it carries none."""
    return unpad(triple_des(secret, from_base64(message), False)).decode()


# Ways to cut an object into writes.


def whole(data):
    """In one write."""
    return [data]


def bytewise(data):
    """In a write for every byte."""
    return [bytes([byte]) for byte in data]


def cut_at(position):
    """In two writes."""
    return lambda data: [piece for piece in (data[:position], data[position:]) if piece]


# Peers.


@dataclass
class Manners:
    """How a peer writes and reads: each of these differs from one implementation to the next."""

    number: type = str  # how its key travels, and the only way it can read one
    spelling: str = "_"  # what stands between the two words of its message fields
    read_bytes: int = 1024
    newline: bool = False  # after each object
    escapes: bool = True  # those of json.dumps: \uXXXX, in pairs for what is beyond U+FFFF
    before: dict = field(default_factory=dict)  # members that go before its own
    after: dict = field(default_factory=dict)  # and after them
    cut: Callable[[bytes], list[bytes]] = whole

    def encoded(self, name, value):
        """The bytes of an object with one member of the specification."""
        members = {**self.before, name: value, **self.after}
        text = json.dumps(members, ensure_ascii=self.escapes) + "\n" * self.newline
        return text.encode()

    def key(self, number):
        return self.encoded("key", self.number(number))

    def plain(self, text):
        return self.encoded(f"unencrypted{self.spelling}message", text)

    def classic(self, secret, text):
        return self.encoded(f"encrypted{self.spelling}message", seal(secret, text))

    def send(self, connection, *objects):
        """Sends objects together, cut into writes that are read one by one."""
        pieces = self.cut(b"".join(objects))
        for piece in pieces[:-1]:
            connection.send(piece)
            connection.wait_read()
        connection.send(pieces[-1])

    def receive(self, connection):
        """What one recv(2) brings: an object, or None at the end."""
        data = connection.socket.recv(self.read_bytes)
        return json.loads(data) if data else None


@dataclass
class OtherInitiator(Manners):
    """Calls a responder; `with` opens the connection and closes it."""

    address: str = "127.0.0.1"
    source: str = "127.0.0.9"
    exponent: int = 7
    waits: bool = False  # after a plain message, for an answer or the end of the stream

    def __enter__(self):
        self.connection = connect(self.address, self.source)
        self.secret = None
        return self

    def __exit__(self, failure, *unused):
        error = self.connection.error()
        self.connection.close()
        assert failure or not error, f"the connection failed with {error}"

    def public(self):
        return pow(G, self.exponent, P)

    def agree(self, answer):
        """Takes the key that answers this one's."""
        assert type(answer["key"]) is self.number
        self.secret = pow(int(answer["key"]), self.exponent, P)

    def exchange(self, key=None):
        """Exchanges keys; key stands for any number with the same remainder."""
        self.send(self.connection, self.key(self.public() if key is None else key))
        self.agree(self.receive(self.connection))

    def say(self, text, mode="plain"):
        """Sends a message, in classic after an exchange of keys if there was none yet."""
        if mode == "plain":
            self.send(self.connection, self.plain(text))
            if self.waits:
                self.connection.socket.recv(self.read_bytes)
            return
        if not self.secret:
            self.exchange()
        self.send(self.connection, self.classic(self.secret, text))

    def say_together(self, *objects):
        """Sends objects in one write, which makes one segment of them."""
        self.connection.send(b"".join(objects))


@dataclass
class OtherResponder(Manners):
    """Answers whoever calls, one after the other, while `with` lasts."""

    address: str = "127.0.0.9"
    exponent: int = 5
    thanks: list[bytes] = field(default_factory=list)  # its answer to any message, in pieces
    after_key: list[bytes] = field(default_factory=list)  # what follows its key, in pieces
    pause: float = 0  # seconds before it thanks
    shows_at_end: bool = False  # a message, only when the connection ends
    closes: bool = True  # or leaves every connection open, and never looks at it again

    def __enter__(self):
        self.received = []
        self.failure = None
        self._shown = queue.SimpleQueue()
        self._idle = threading.Event()
        self.has_sent_key = threading.Event()  # and what follows it
        self._left_open = []
        self._calling = None
        self._listener = Listener(self.address)
        self._listener.socket.settimeout(None)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        return self

    def __exit__(self, failed, *unused):
        finished = failed or self._idle.wait(WAIT)
        died = self.failure
        for each in (self._listener, self._calling):
            if each:
                with contextlib.suppress(OSError):
                    each.socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(WAIT)
        errors = [connection.error() for connection in self._left_open]
        for each in (self._listener, *self._left_open):
            each.socket.close()
        assert finished, "its last caller neither speaks nor goes away"
        assert failed or not died, f"it died of {died!r}"
        assert failed or not any(errors), f"connections failed: {errors}"

    def next_shown(self):
        """The next message that it shows: mode and text."""
        shown = self._shown.get(timeout=WAIT)
        assert shown, f"it died of {self.failure!r}"
        return shown

    def _run(self):
        try:
            while True:
                self._idle.set()
                self._calling = self._listener.accept()
                self._idle.clear()
                self._serve(self._calling)
        except (AssertionError, LookupError, OSError, TypeError, ValueError) as failure:
            self.failure = failure
            self._shown.put(None)
            self._idle.set()

    def _serve(self, connection):
        secret = None
        shown = []
        while (message := self._receive(connection)) is not None:
            if "key" in message:
                secret = pow(int(message["key"]), self.exponent, P)
                self.send(connection, self.key(pow(G, self.exponent, P)))
                self._send_pieces(connection, self.after_key)
                self.has_sent_key.set()
                continue
            shown.append(self._read(message, secret))
            if not self.shows_at_end:
                self._shown.put(shown.pop())
            time.sleep(self.pause)
            self._send_pieces(connection, self.thanks)
            if not self.closes:
                self._left_open.append(connection)
                return
        connection.close()
        for each in shown:
            self._shown.put(each)

    def _receive(self, connection):
        data = connection.socket.recv(self.read_bytes)
        self.received.append(data)
        return json.loads(data) if data else None

    def _read(self, message, secret):
        """Mode and text of a message, under the name that it knows it by."""
        plain = f"unencrypted{self.spelling}message"
        if plain in message:
            return "plain", message[plain]
        return "classic", unseal(secret, message[f"encrypted{self.spelling}message"])

    def _send_pieces(self, connection, pieces):
        if pieces:
            connection.wait_read()
        for piece in pieces:
            connection.send(piece)
