"""Kill -9 of both sides of a file at random moments, and a disk that is full: what is there goes on, and is never taken for the whole.

QUARTET_KILLS says how many kills at most.
"""

import contextlib
import os
import re
import signal
import time
from pathlib import Path

import pytest

from files import CHUNK_BYTES, FINAL, Company, Getter, Sharer, finish, is_part, offer_of, status
from protocol import Identity, to_base64
from quartet import User, eventually
from test_disk import Disk

KILLS = int(os.environ.get("QUARTET_KILLS", "40"))
FILE_BYTES = 24 << 20
FILES = max(3, KILLS // 13)  # each is killed about so often before it is whole
# 4 MiB, of which a part is not to take all.
LEFT_PAGES = 1024


def content_of(number):
    """A content in which nothing stands twice at the same place of two files."""
    return b"".join(number.to_bytes(4, "big") + index.to_bytes(4, "big") + os.urandom(8) * 8191
                    for index in range(FILE_BYTES // 65536))


def children(program):
    """The processes that a program has begun."""
    with contextlib.suppress(OSError):
        return [int(pid) for pid in Path(f"/proc/{program.pid}/task/{program.pid}/children").read_text("ascii").split()]
    return []


def kill_children(program):
    for pid in children(program):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def size_of_parts(user):
    return sum(path.stat().st_size for path in user.path("files").glob("*.part"))


@pytest.mark.timeout(120 + 3 * KILLS)
def test_a_file_is_whole_or_in_part_whatever_is_killed(alice, bob, seeded):
    """Either side's program, or the process that it has begun for the file."""
    company = Company(Alice=alice, Bob=bob)
    contents = {f"{number}.bin": content_of(number) for number in range(FILES)}
    for name, content in contents.items():
        alice.path(name).write_bytes(content)
        alice.run("initiator", "send", "-f", name, "Bob")
    numbers = {name: offer_of(bob, name) for name in contents}
    waiting = list(contents)

    def get(name):
        company.hear()
        return bob.start("initiator", "get", str(numbers[name]), ready=False)

    def check():
        """All that has a name is whole, and a part is a beginning."""
        for path in bob.path("files").glob("*"):
            name = re.sub(r"(?: \(\d+\))?(\.bin).*", r"\1", path.name)
            found = path.read_bytes()
            assert contents[name].startswith(found) if is_part(path) else found == contents[name], path
            if not is_part(path) and name in waiting:
                waiting.remove(name)

    for _ in range(KILLS):
        if not waiting:
            break
        getting = get(waiting[0])
        target = size_of_parts(bob) + seeded.randrange(FILE_BYTES // 8)
        deadline = time.monotonic() + 1
        while getting.is_running and size_of_parts(bob) < target and time.monotonic() < deadline:
            time.sleep(0.001)
        victim = seeded.choice(["getter", "its child", "server", "its child"])
        if victim == "server":
            company.restart("Alice")
        elif victim == "its child":
            kill_children(seeded.choice([getting, company.responders["Alice"]]))
        getting.process.kill()
        finish(getting)
        check()
    for name in list(waiting):
        assert finish(get(name)) == 0
        check()
    assert waiting == []


@pytest.fixture
def disk(tmp_path):
    own = Disk(tmp_path / "disk", "48m")
    yield own
    own.unmount()


def test_a_full_disk_keeps_the_part_and_leaves_room_for_chat(disk, started, namespace):
    content = os.urandom(30 << 20)
    with Sharer(Identity(), "Alice", "127.0.1.1") as alice:
        getter = Getter(User(disk.path / "bob", started, address="127.0.0.3"), alice)

        def stream(out, rest):
            """While it is served somebody else fills the disk."""
            frames = out.sealed(rest)
            out.begin()
            for number, frame in enumerate(frames):
                out.frame(frame)
                if number == len(frames) // 3:
                    eventually(lambda: size_of_parts(getter.user) >= number * CHUNK_BYTES)
                    disk.fill(leaving=LEFT_PAGES)
            out.chunk(b"", FINAL)
        shared = getter.offer("plan.bin", content)
        shared.stream = stream
        program = getter.start_get(shared)
        assert finish(program) != 0
        assert "space" in program.output + program.errors
        [part] = getter.parts()
        assert content.startswith(part)
        assert len(part) > 8 << 20
        assert getter.files() == {}
        with alice.call(getter.user.address, getter.user.identity().public) as session:
            assert status(session.ask(id=to_base64(os.urandom(16)), text="chat goes on")) == (200, None)
        getter.responder.wait_for("chat goes on")
        # Nor is it begun if there is no room for the rest.
        assert getter.get(shared) != 0
        assert getter.parts() == [part]
        disk.free()
        shared.stream = lambda out, rest: out.send(rest)
        assert getter.get(shared) == 0
        assert getter.files() == {"plan.bin": content}
        assert [ask.get("from", 0) for ask in shared.asks if "done" not in ask][-1] == len(part)
