"""Files in Python: section 8 of the protocol, for tests.

It is written from the protocol's text alone, with crypto_secretstream of libsodium. A Sharer offers
and serves as an honest responder does, but for what a test changes; a Fetching is a session in which
somebody asks a responder for files. WRONG_STREAMS has all the ways to serve something else than was
offered.
"""

import contextlib
import ctypes
import json
import os
import re
import struct

from network import WAIT
from protocol import _sodium, blake2b, from_base64, to_base64
from quartet import eventually, peer, pin
from rooms import ID_BYTES, Member, Saying, Session

CHUNK_BYTES = 65_536
EXTRA_BYTES = 17  # what a chunk has more than its bytes
FRAME_MAX_BYTES = CHUNK_BYTES + EXTRA_BYTES
HEADER_BYTES = 24
MESSAGE, FINAL = 0, 3

NO_SUCH_FILE = (404, "no such file")
CHANGED = (404, "changed")
BUSY = (300, "busy")

_STATE_BYTES = _sodium.crypto_secretstream_xchacha20poly1305_statebytes()


def status(receipt):
    return receipt["status"], receipt.get("why")


def hash_of(content):
    """What a prefix or the file of a room is known by."""
    return to_base64(blake2b(32, content))


def file_key(to_initiator, a, b):
    """The key of a stream, from that of the session's direction and both its ephemeral keys."""
    return blake2b(32, b"quartet file", a, b, key=to_initiator)


class Sealer:
    """The sending end of crypto_secretstream."""

    def __init__(self, key):
        self._state = ctypes.create_string_buffer(_STATE_BYTES)
        header = ctypes.create_string_buffer(HEADER_BYTES)
        _sodium.crypto_secretstream_xchacha20poly1305_init_push(self._state, header, key)
        self.header = header.raw

    def seal(self, data, tag=MESSAGE):
        sealed = ctypes.create_string_buffer(len(data) + EXTRA_BYTES)
        _sodium.crypto_secretstream_xchacha20poly1305_push(
            self._state, sealed, None, data, ctypes.c_ulonglong(len(data)), None, ctypes.c_ulonglong(0),
            ctypes.c_ubyte(tag))
        return sealed.raw


class Opener:
    """The receiving end."""

    def __init__(self, key, header):
        assert len(header) == HEADER_BYTES
        self._state = ctypes.create_string_buffer(_STATE_BYTES)
        assert _sodium.crypto_secretstream_xchacha20poly1305_init_pull(self._state, header, key) == 0

    def open(self, sealed):
        """The bytes and the tag of a chunk; an AssertionError if it is not the next one."""
        assert len(sealed) >= EXTRA_BYTES, "no chunk is so short"
        data = ctypes.create_string_buffer(max(1, len(sealed) - EXTRA_BYTES))
        tag = ctypes.c_ubyte()
        assert _sodium.crypto_secretstream_xchacha20poly1305_pull(
            self._state, data, None, ctypes.byref(tag), sealed, ctypes.c_ulonglong(len(sealed)), None,
            ctypes.c_ulonglong(0)) == 0, "forged"
        return data.raw[:len(sealed) - EXTRA_BYTES], tag.value


# Fetching.


class Fetching(Session):
    """A session in which files are asked for."""

    @property
    def file_key(self):
        side = self.side
        return file_key(side.to_initiator, side.ephemeral.public, side.peer_ephemeral)

    def offer(self, name, size, file_id=None, **members):
        """Offers a file one to one; the receipt."""
        return self.ask(id=to_base64(file_id or os.urandom(ID_BYTES)), file={"name": name, "bytes": size}, **members)

    def ask_for(self, file_id, have=b"", **changes):
        """The receipt of an ask, by somebody who has this already; members are changed, or left out if None."""
        members = {"ask": "file", "file": file_id if isinstance(file_id, str) else to_base64(file_id),
                   **({"from": len(have), "prefix": hash_of(have)} if have else {}), **changes}
        return self.ask(**{name: value for name, value in members.items() if value is not None})

    def frame(self):
        """The next frame of a stream."""
        length = int.from_bytes(self.connection.receive_exactly(4), "big")
        assert 1 <= length <= FRAME_MAX_BYTES, f"a frame of {length} bytes"
        return self.connection.receive_exactly(length)

    def chunks(self):
        """The chunks of a stream up to the last."""
        opener, tag, empty = Opener(self.file_key, self.frame()), MESSAGE, 0
        while tag != FINAL:
            data, tag = opener.open(self.frame())
            assert tag in (MESSAGE, FINAL), f"a tag {tag}"
            empty += not data
            assert empty < 100, "nothing, again and again"
            yield data

    def content(self, size):
        """The rest of a file that has so many bytes to come; empty also if the prefix is another."""
        received = bytearray()
        for chunk in self.chunks():
            received += chunk
            assert len(received) <= size, "more than was offered"
        assert len(received) in (0, size), "less than was offered"
        return bytes(received)

    def get(self, file_id, have=b"", done=True):
        """Gets a file whole, as an honest program does that has the beginning of one."""
        receipt = self.ask_for(file_id, have)
        assert status(receipt) == (200, None), receipt
        start, rest = receipt["from"], receipt["bytes"]
        assert start in (0, len(have)), "continues where nothing ends"
        content = have[:start] + self.content(rest - start)
        assert len(content) == rest, "has not what was offered, or another beginning"
        if done:
            self.end(file_id)
        return content

    def end(self, file_id):
        """Says that a file is in place, and waits until that was heard."""
        self.connection.send_object(self.side.ask(ask="file", file=to_base64(file_id), done=True))
        self.connection.wait_closed()


# Serving.


class Outgoing:
    """A stream to somebody who fetches; what is sent, and how, is up to the test."""

    def __init__(self, connection, key):
        self.connection = connection
        self.key = key
        self.sealer = Sealer(key)

    def frame(self, data, length=None):
        self.connection.send(struct.pack(">I", len(data) if length is None else length) + data)

    def begin(self):
        self.frame(self.sealer.header)

    def chunk(self, data, tag=MESSAGE):
        self.frame(self.sealer.seal(data, tag))

    def sealed(self, content):
        """The frames of a content, none of them the last."""
        return [self.sealer.seal(piece) for piece in pieces(content)]

    def send(self, content, final=True):
        """All of it, as it should be."""
        self.begin()
        *others, last = pieces(content)
        for piece in others:
            self.chunk(piece)
        self.chunk(last, FINAL if final else MESSAGE)

    def end(self):
        """Ends it as somebody does who goes away."""
        self.connection.shut_down()


def pieces(content):
    return [content[i:i + CHUNK_BYTES] for i in range(0, len(content), CHUNK_BYTES)] or [b""]


class Shared:
    """A file that is offered, and how it is served."""

    def __init__(self, name, content, to=None, file_id=None, size=None):
        self.id = file_id or os.urandom(ID_BYTES)
        self.name, self.content = name, content
        self.offer = {"name": name, "bytes": len(content) if size is None else size}
        self.to = to  # identities as texts, or None for everybody
        self.why = None  # what everybody who may have it gets instead
        self.stream = Outgoing.send  # what is done with an Outgoing and the rest of the content
        self.members = {}  # of the answer, in place of the honest ones
        self.asks = []  # all that was asked of it
        self.done = []  # by whom it is said to be in place

    @property
    def offer_in_room(self):
        return {**self.offer, "hash": hash_of(self.content)}


class Sharer(Member):
    """Somebody who offers and serves files, and takes offers; perhaps a member of a room."""

    session = Fetching

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.shared = {}
        self.offers = []  # what was offered to it one to one: the plaintexts

    def share(self, name, content, **options):
        """A file that is served from now on, whether it was offered or not."""
        shared = Shared(name, content, **options)
        self.shared[shared.id] = shared
        return shared

    def offer_to(self, to, peer_identity, shared):
        """Offers it one to one; the receipt."""
        with self.call(to, peer_identity) as session:
            return session.ask(id=to_base64(shared.id), file=shared.offer)

    def offer_in(self, head, shared, to, peer_identity, offer=None):
        """Offers it in a room, to one of its members; the receipt."""
        saying = Saying.signed(self.identity, head, offer or shared.offer_in_room, id=to_base64(shared.id))
        self.sayings[saying.id] = saying
        with self.call(to, peer_identity) as session:
            return session.speak(head, saying)

    def offered(self, name):
        """The id of what was offered to it under a name, one to one or in its room; None until then."""
        for each in self.offers:
            if each["file"]["name"] == name:
                return from_base64(each["id"])
        for saying in self.sayings.values():
            if saying.members.get("file", {}).get("name") == name:
                return saying.id
        return None

    def _answer(self, side, plaintext):
        if plaintext.get("ask") == "file" and "file" not in self.answers:
            return self._answer_file(side, plaintext)
        if "ask" not in plaintext and "file" in plaintext:
            self.offers.append(plaintext)
        return super()._answer(side, plaintext)

    def _answer_file(self, side, plaintext):
        shared = self.shared.get(from_base64(plaintext["file"]))
        if not shared or (shared.to is not None and side.speaker not in shared.to):
            return {"status": 404, "why": "no such file"}
        shared.asks.append(plaintext)
        if plaintext.get("done"):
            shared.done.append(side.speaker)
            return None if getattr(side, "has_streamed", False) else {}
        if shared.why:
            return {"status": 300 if shared.why == "busy" else 404, "why": shared.why}
        start = plaintext.get("from", 0)
        if start > len(shared.content):
            return {"status": 404, "why": "not valid"}
        return {"bytes": len(shared.content), "from": start, **shared.members}

    def _follow(self, connection, side, plaintext, answer):
        if plaintext.get("ask") != "file" or plaintext.get("done") or "bytes" not in answer:
            return
        side.has_streamed = True
        shared = self.shared[from_base64(plaintext["file"])]
        out = Outgoing(connection, file_key(side.to_initiator, side.peer_ephemeral, side.ephemeral.public))
        start = answer["from"]
        prefix = plaintext.get("prefix")
        if start and prefix != hash_of(shared.content[:start]):
            out.send(b"")
        else:
            shared.stream(out, shared.content[start:])


# What is served wrongly. None of it may end as a file under the name that was offered.


def _send_frames(out, frames, last=b""):
    out.begin()
    for frame in frames:
        out.frame(frame)
    out.chunk(last, FINAL)


def _swapped(out, content):
    frames = out.sealed(content)
    frames[0:2] = frames[1::-1]
    _send_frames(out, frames)


def _repeated(out, content):
    frames = out.sealed(content)
    frames[1:1] = frames[:1]
    _send_frames(out, frames)


def _left_out(out, content):
    frames = out.sealed(content)
    del frames[1]
    _send_frames(out, frames)


def _of_another_stream(out, content):
    """The same bytes, under the same key, from a stream that was begun apart."""
    frames = out.sealed(content)
    frames[1] = Outgoing(out.connection, out.key).sealed(content)[1]
    _send_frames(out, frames)


def _of_another_session(out, content):
    out.sealer = Sealer(os.urandom(32))
    out.send(content)


def _bit_turned(out, content):
    frames = out.sealed(content)
    frames[1] = bytes([frames[1][0] ^ 1]) + frames[1][1:]
    _send_frames(out, frames)


def _more(out, content):
    out.send(content, final=False)
    out.chunk(b"x" * CHUNK_BYTES)
    out.chunk(b"", FINAL)


def _a_byte_more(out, content):
    out.send(content + b"x")


def _without_end(out, content):
    """More and more, as long as the other side takes it."""
    out.send(content, final=False)
    while True:
        out.chunk(b"x" * CHUNK_BYTES)


def _cut(out, content):
    out.send(content[:len(content) // 2], final=False)
    out.end()


def _cut_in_a_frame(out, content):
    out.send(content[:len(content) // 2], final=False)
    out.frame(b"x" * 100, length=1000)
    out.end()


def _not_final(out, content):
    """All of it, but not the word that it is all."""
    out.send(content, final=False)
    out.end()


def _final_early(out, content):
    out.send(content[:len(content) // 2])


def _final_at_once(out, content):
    out.send(b"")


def _frame_of(length):
    def stream(out, content):
        out.send(content[:CHUNK_BYTES], final=False)
        out.frame(b"x" * min(length, 2 * CHUNK_BYTES), length)
        out.chunk(content[CHUNK_BYTES:], FINAL)
    return stream


def _header_short(out, content):
    out.frame(out.sealer.header[:-1])
    out.chunk(content, FINAL)


def _header_twice(out, content):
    out.begin()
    out.send(content)


def _no_stream(out, content):
    """What a web server would say."""
    out.connection.send(b"HTTP/1.1 200 OK\r\n\r\n" + content)


def _empty_for_ever(out, content):
    out.begin()
    out.chunk(content[:CHUNK_BYTES])
    with contextlib.suppress(OSError):
        for _ in range(1_000_000):
            out.chunk(b"")


# Each for a content of some chunks.
WRONG_STREAMS = {
    "swapped": _swapped,
    "repeated": _repeated,
    "left out": _left_out,
    "of another stream": _of_another_stream,
    "of another session": _of_another_session,
    "a bit turned": _bit_turned,
    "more": _more,
    "a byte more": _a_byte_more,
    "without end": _without_end,
    "cut": _cut,
    "cut in a frame": _cut_in_a_frame,
    "not final": _not_final,
    "final early": _final_early,
    "final at once": _final_at_once,
    "frame of 0": _frame_of(0),
    "frame of 65,554": _frame_of(FRAME_MAX_BYTES + 1),
    "frame of 4 GiB": _frame_of(2**32 - 1),
    "header short": _header_short,
    "header twice": _header_twice,
    "no stream": _no_stream,
    "empty for ever": _empty_for_ever,
}


# Real users, and somebody whom the test plays.


def finish(program):
    """Waits until a program has ended, however it ends; its exit status."""
    program.end_input()
    program.process.wait(WAIT)
    return program.wait(program.process.returncode).expected_status


class Getter:
    """Bob, a real user, who gets what others offer; all of them are known to him, and in the hands of the test."""

    def __init__(self, user, *others):
        self.user, self.others = user, others
        user.is_called("Bob")
        user.pin(**{each.username: pin(each.identity.text, address=each.address) for each in others})
        self.hears()
        self.responder = user.responder()

    def hears(self):
        """He has just heard them, by a clock that leaves a slow machine time."""
        self.user.write_peers({each.address: peer(each.username, -9, identity=each.identity.text)
                               for each in self.others})

    def offer(self, name, content, sharer=None, **options):
        """Somebody, the first of them else, offers him a file one to one."""
        sharer = sharer or self.others[0]
        shared = sharer.share(name, content, **options)
        assert status(sharer.offer_to(self.user.address, self.user.identity().public, shared)) == (200, None)
        return self.numbered(shared)

    def numbered(self, shared):
        """Finds the number that an offer has in his log."""
        [shared.number] = {line["number"] for line in self.user.log() if line.get("id") == to_base64(shared.id)}
        return shared

    def start_get(self, shared, *options):
        self.hears()
        return self.user.start("initiator", "get", *options, str(shared.number), ready=False)

    def get(self, shared, *options):
        """Runs get to its end; its exit status."""
        program = self.start_get(shared, *options)
        finish(program)
        return program.process.returncode

    @property
    def shelf(self):
        return self.user.path("files")

    def files(self):
        """What lies in files/ under a name of its own."""
        return {path.name: path.read_bytes() for path in self.shelf.glob("*") if not is_part(path)}

    def parts(self):
        """The contents of the parts in files/."""
        return [path.read_bytes() for path in self.shelf.glob("*.part") if is_part(path)]


def is_part(path):
    return re.search(r"\.[0-9a-f]{16}\.part$", path.name) is not None


class Giver:
    """Alice, a real user, who offers to somebody in the hands of the test."""

    def __init__(self, user, other):
        self.user, self.other = user, other
        user.is_called("Alice")
        user.pin(**{other.username: pin(other.identity.text, address=other.address)})
        self.hears()
        self.responder = user.responder()

    def hears(self):
        self.user.write_peers({self.other.address: peer(self.other.username, -9, identity=self.other.identity.text)})

    def write(self, name, content):
        path = self.user.path(name)
        path.write_bytes(content)
        return path

    def offer(self, name, content=None, to=None):
        """Offers a file of her directory, which has that content then; its id."""
        if content is not None:
            self.write(name, content)
        self.hears()
        self.user.run("initiator", "send", "-f", name, to or self.other.username)
        return eventually(lambda: self.other.offered(name))

    def call(self, somebody=None):
        """A session of the other, or of somebody else, with her responder."""
        return (somebody or self.other).call(self.user.address, self.user.identity().public)


class Company:
    """Real users who know one another, each with a responder; the initiators are for the test."""

    def __init__(self, **users):
        self.users = users
        self.since = 0
        self.responders = {}
        for name, user in users.items():
            user.is_called(name)
            user.pin(**{other: pin(each.identity().text, address=each.address) for other, each in users.items()
                        if each is not user})
        self.hear()
        for name, user in users.items():
            self.responders[name] = user.responder()

    def hear(self, *away):
        """All have just heard those who are not away, by a clock that leaves a slow machine time."""
        self.since += 1
        for user in self.users.values():
            user.write_peers({each.address: peer(name, -9, identity=each.identity().text, since=self.since)
                              for name, each in self.users.items() if each is not user and name not in away})

    def restart(self, name):
        """Kills a responder, and all that it has begun, and starts another."""
        self.responders[name].kill()
        self.responders[name] = self.users[name].responder()


def offer_of(user, name):
    """The number by which a user can get what was offered under a name, once it came."""
    def find():
        for line in user.log():
            said = json.loads(line["signed"]) if "signed" in line else line
            if line.get("direction") == "RECEIVED" and said.get("file", {}).get("name") == name:
                return line["number"]
        return None
    return eventually(find)
