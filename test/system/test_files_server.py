"""The responder serves what its user offers, asked by the tests' own program: common/PROTOCOL.md, section 8."""

import json
import os
import signal

import pytest

from files import BUSY, CHANGED, CHUNK_BYTES, NO_SUCH_FILE, Fetching, status
from protocol import Identity, from_base64, to_base64
from quartet import eventually, pin

CONTENT = os.urandom(3 * CHUNK_BYTES + 1000)
HOLDERS_MAX = 64  # of which it is kept that they have a file
LARGE_BYTES = 64 * 1024**2  # more than lies between two programs


def stamp(path):
    found = path.stat()
    return {"path": str(path), "device": found.st_dev, "inode": found.st_ino, "bytes": found.st_size,
            "mtime": found.st_mtime_ns, "ctime": found.st_ctime_ns}


class Server:
    """A user whose log has offers, and a responder."""

    def __init__(self, user):
        self.user, self.numbers = user, 0
        user.is_called("Alice")
        self.bob = Identity()
        user.pin(Bob=pin(self.bob.text, address="127.0.0.9"))
        self.responder = user.responder()

    def append(self, line, number):
        """A line as the programs write it."""
        self.user.write_log(json.dumps(line)[:-1].encode() + b', "number": %10d}\n' % number)

    def offer(self, content, to=None, name="plan.pdf"):
        """Offers a file to Bob, or somebody else; its id."""
        self.numbers += 1
        path = self.user.path(f"{self.numbers}-{name}")
        if isinstance(content, int):
            path.write_bytes(b"")
            os.truncate(path, content)
        else:
            path.write_bytes(content)
        file_id = os.urandom(16)
        self.append({"time": "2026-11-20T08:00:00.456Z", "id": to_base64(file_id), "direction": "SENT", "username": "Bob",
                     "ip": "127.0.0.9", "mode": "secure", "identity": (to or self.bob).text,
                     "file": {"name": name, "bytes": path.stat().st_size}, "source": stamp(path)}, self.numbers)
        return file_id

    def call(self, identity=None, source="127.0.0.9"):
        return Fetching(identity or self.bob, self.user.address, self.user.identity().public, source=source, username="Bob")

    def fetched(self):
        return [(from_base64(line["id"]), line["identity"], line["number"]) for line in self.user.log()
                if line.get("state") == "fetched"]

    def children(self):
        """The processes that serve, and those that have ended and were not looked after."""
        with open(f"/proc/{self.responder.pid}/task/{self.responder.pid}/children") as children:
            return [int(pid) for pid in children.read().split()]


def is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.fixture
def server(alice):
    return Server(alice)


def test_a_file_is_served_whole_and_from_where_it_was(server):
    for size in (0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, len(CONTENT)):
        file_id = server.offer(CONTENT[:size])
        for have in (0, size // 2, size):
            with server.call() as session:
                assert session.get(file_id, CONTENT[:have], done=have == size) == CONTENT[:size]
            # Who ends without a word has a place for a moment longer.
            eventually(lambda: not server.children())
        assert server.fetched()[-1] == (file_id, server.bob.text, server.numbers)
    assert len(server.fetched()) == server.numbers
    assert server.responder.output.count("\n") == 1, "the responder says what nobody needs to know"


def test_who_has_it_is_logged_once(server):
    file_id = server.offer(CONTENT)
    for _ in range(3):
        with server.call() as session:
            assert session.get(file_id) == CONTENT
        with server.call() as session:
            assert status(session.ask_for(file_id, done=True)) == (200, None)
    assert server.fetched() == [(file_id, server.bob.text, 1)]


def test_what_cannot_be_known_again_is_not_logged_again_and_again(server):
    file_id = server.offer(CONTENT)
    for _ in range(HOLDERS_MAX):
        server.append({"time": "2026-11-20T08:00:00.456Z", "id": to_base64(file_id), "state": "fetched", "username": "Can",
                       "identity": Identity().text}, 1)
    with server.call() as session:
        for _ in range(3):
            assert status(session.ask_for(file_id, done=True)) == (200, None)
    assert len(server.fetched()) == HOLDERS_MAX


def test_who_does_not_say_that_it_is_there_is_not_said_to_have_it(server):
    file_id = server.offer(CONTENT)
    with server.call() as session:
        assert session.get(file_id, done=False) == CONTENT
    eventually(lambda: not server.children())
    with server.call() as session:
        session.get(file_id, done=False)
        session.connection.send_object(session.side.ask(ask="file", file=to_base64(os.urandom(16)), done=True))
        session.connection.wait_closed()
    assert server.fetched() == []


def test_another_beginning_is_answered_by_the_end_at_once(server):
    file_id = server.offer(CONTENT)
    with server.call() as session:
        assert session.ask_for(file_id, b"x" * 1000)["from"] == 1000
        assert list(session.chunks()) == [b""]
        session.connection.wait_closed()
    # With nothing to come, an empty end would say that all is well.
    with server.call() as session:
        assert session.ask_for(file_id, b"x" * len(CONTENT))["from"] == len(CONTENT)
        with pytest.raises((AssertionError, ConnectionError)):
            list(session.chunks())
    assert server.fetched() == []


def test_what_the_session_is_owed_comes_before_the_file(server):
    file_id = server.offer(CONTENT)
    with server.call() as session:
        said = session.side.ask(id=to_base64(os.urandom(16)), text="look at this")
        asked = session.side.ask(ask="file", file=to_base64(file_id))
        session.connection.send_object(said)
        session.connection.send_object(asked)
        receipts = [session.side.open_receipt(session.connection.receive_object(), number) for number in range(2)]
        assert [(each["received"], *status(each)) for each in receipts] == [(0, 200, None), (1, 200, None)]
        assert session.content(len(CONTENT)) == CONTENT
        session.end(file_id)
    assert "look at this" in [line.get("text") for line in server.user.log()]


def test_who_is_not_meant_is_told_what_everybody_is_told(server):
    mallory = Identity()
    file_id = server.offer(CONTENT)
    for asked in (file_id, os.urandom(16)):
        with server.call(mallory) as session:
            assert status(session.ask_for(asked)) == NO_SUCH_FILE
            assert status(session.ask_for(asked, done=True)) == NO_SUCH_FILE
    server.append({"time": "2026-11-20T08:00:01.456Z", "id": to_base64(file_id), "state": "withdrawn", "username": "Alice",
                   "identity": server.user.identity().text}, 1)
    with server.call() as session:
        assert status(session.ask_for(file_id)) == NO_SUCH_FILE


def test_who_is_blocked_gets_nothing(server):
    file_id = server.offer(CONTENT)
    server.user.pin(Bob=pin(server.bob.text, address="127.0.0.9", blocked=True))
    with server.call() as session:
        assert status(session.ask_for(file_id)) == (404, "blocked")


def test_a_file_that_is_another_now_is_not_served(server):
    file_id = server.offer(CONTENT)
    path = server.user.path("1-plan.pdf")
    path.write_bytes(CONTENT)
    with server.call() as session:
        assert status(session.ask_for(file_id)) == CHANGED
        session.connection.wait_closed()
    os.mkfifo(server.user.path("fifo"))
    os.replace(server.user.path("fifo"), path)
    with server.call() as session:
        assert status(session.ask_for(file_id)) == CHANGED


def test_a_file_that_changes_on_the_way_does_not_end_as_if_it_were_whole(server):
    file_id = server.offer(LARGE_BYTES)
    with server.call() as session:
        assert status(session.ask_for(file_id)) == (200, None)
        chunks = session.chunks()
        next(chunks)
        with open(server.user.path("1-plan.pdf"), "r+b") as file:
            file.seek(-1, os.SEEK_END)
            file.write(b"x")
        with pytest.raises((AssertionError, ConnectionError)):
            for chunk in chunks:
                assert not any(chunk[:-1])


def test_there_are_places_for_four_and_two_of_one_address(server):
    file_id = server.offer(LARGE_BYTES)
    sessions = [server.call(source=source) for source in
                ("127.0.2.1", "127.0.2.1", "127.0.2.1", "127.0.2.2", "127.0.2.3", "127.0.2.4")]
    answers = [status(session.ask_for(file_id)) for session in sessions]
    assert answers == [(200, None)] * 2 + [BUSY] + [(200, None)] * 2 + [BUSY]
    # Chat goes on, and in a session that was turned away, too.
    assert status(sessions[-1].ask(id=to_base64(os.urandom(16)), text="chat goes on")) == (200, None)
    assert len(server.children()) == 4
    sessions[0].connection.close()
    eventually(lambda: len(server.children()) == 3)
    assert status(sessions[-1].ask_for(file_id)) == (200, None)
    for session in sessions[1:]:
        session.connection.close()
    eventually(lambda: not server.children())


def test_nothing_is_left_behind(server):
    file_id = server.offer(CONTENT)
    counts = []
    for _ in range(4):
        for _ in range(5):
            with server.call() as session:
                assert session.get(file_id) == CONTENT
        eventually(lambda: not server.children())
        counts.append(server.responder.open_descriptors())
    assert counts[-1] == counts[0]


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGKILL])
def test_transfers_end_with_the_responder(server, sign):
    file_id = server.offer(LARGE_BYTES)
    session = server.call()
    assert status(session.ask_for(file_id)) == (200, None)
    children = server.children()
    assert len(children) == 1
    if sign == signal.SIGKILL:
        server.responder.kill()
    else:
        server.responder.stop()
    eventually(lambda: not is_alive(children[0]))
    session.connection.close()
    server.responder = server.user.responder()
    with server.call() as session:
        assert status(session.ask_for(file_id)) == (200, None)
