"""Files from one user to others, with all the real programs (common/PROTOCOL.md, section 8)."""

import io
import os
import re
import tarfile

from files import Company, finish, offer_of
from network import Capture
from quartet import eventually

CONTENT = b"what nobody else reads " + os.urandom(2_100_000)
LARGE_BYTES = 192 << 20


def stored(user, name="plan.pdf"):
    return user.path(f"files/{name}").read_bytes()


def test_a_file_goes_from_one_menu_to_the_other_and_both_know(alice, bob):
    company = Company(Alice=alice, Bob=bob)
    company.responders["Alice"].stop()
    transcript = alice.responder(terminal=True)
    alice.path("plan.pdf").write_bytes(CONTENT)
    sending, getting = alice.initiator(terminal=True), bob.initiator(terminal=True)
    with Capture() as wire:
        sending.ask("Send plan.pdf to Bob", r"plan\.pdf, 2\.1 MB, offered to Bob")
        company.responders["Bob"].wait_for(r"Alice offers plan\.pdf \(2\.1 MB\): Get 1")
        assert re.search(r"1 .*plan\.pdf", getting.menu("Files"))
        getting.ask("Get 1", r"plan\.pdf is in files/")
        assert stored(bob) == CONTENT
        # Both sides say so, and nobody between them saw the content or its name.
        transcript.wait_for("Bob has plan.pdf \u2713")
        passed = wire.bytes()
    assert len(passed) > len(CONTENT)
    assert b"nobody else reads" not in passed
    assert b"plan.pdf" not in passed
    assert "files/plan.pdf" in bob.run("initiator", "files").output
    assert re.search(r"Bob +plan\.pdf .* fetched", alice.run("initiator", "files").output)


def test_scripts_pass_a_directory_through_a_pipe(alice, bob):
    """tar c dir | initiator send -f - -N dir.tar -w 60 Bob"""
    Company(Alice=alice, Bob=bob)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        archive.add(__file__, "dir/test.py")
    sending = alice.start("initiator", "send", "-w", "60", "-f", "-", "-N", "dir.tar", "Bob", ready=False)
    sending.send_bytes(packed.getvalue())
    sending.end_input()
    number = offer_of(bob, "dir.tar")
    place = bob.path("elsewhere.tar")
    assert sending.is_running
    bob.run("initiator", "get", "-o", str(place), str(number))
    sending.wait(0)
    assert place.read_bytes() == packed.getvalue()
    with tarfile.open(place) as archive:
        assert archive.getnames() == ["dir/test.py"]
    assert [line["state"] for line in alice.log() if line.get("identity") == bob.identity().text and "state" in line] == \
        ["delivered", "fetched"]


def test_a_file_reaches_everybody_in_a_room_although_its_owner_left(alice, bob, make_user):
    """And nobody who was removed."""
    can, mallory = (make_user(name, address=f"127.0.0.{number}") for name, number in (("can", 4), ("mallory", 5)))
    company = Company(Alice=alice, Bob=bob, Can=can, Mallory=mallory)
    alice.run("initiator", "create", "#lab", "Bob", "Can", "Mallory")
    alice.path("plan.pdf").write_bytes(CONTENT)
    alice.run("initiator", "send", "-f", "plan.pdf", "#lab")
    numbers = {user: offer_of(user, "plan.pdf") for user in (bob, can, mallory)}
    bob.run("initiator", "get", str(numbers[bob]))
    assert stored(bob) == CONTENT
    eventually(lambda: [line["username"] for line in alice.log() if line.get("state") == "fetched"] == ["Bob"])
    alice.run("initiator", "remove", "Mallory", "#lab")
    assert finish(mallory.start("initiator", "get", str(numbers[mallory]), ready=False)) != 0
    alice.run("initiator", "leave", "#lab")
    company.responders["Alice"].stop()
    alice.path("plan.pdf").unlink()
    company.hear("Alice")
    can.run("initiator", "get", str(numbers[can]))
    assert stored(can) == CONTENT
    assert not mallory.path("files/plan.pdf").exists()


def test_what_broke_off_goes_on_by_itself_when_the_other_is_back(alice, bob):
    company = Company(Alice=alice, Bob=bob)
    alice.path("large.bin").touch()
    os.truncate(alice.path("large.bin"), LARGE_BYTES)
    alice.run("initiator", "send", "-f", "large.bin", "Bob")
    getting = bob.initiator(terminal=True)
    getting.send(f"Get {offer_of(bob, 'large.bin')}")

    def part_bytes():
        return sum(path.stat().st_size for path in bob.path("files").glob("*.part"))
    eventually(lambda: part_bytes() > 0)
    company.responders["Alice"].kill()
    came = part_bytes()
    assert 0 < came < LARGE_BYTES
    company.hear("Alice")
    getting.menu("Users")
    assert not bob.path("files/large.bin").exists()
    company.responders["Alice"] = alice.responder()
    company.hear()
    getting.wait_for(r"large\.bin is in files/")
    with open(bob.path("files/large.bin"), "rb") as file:
        while chunk := file.read(1 << 20):
            assert not any(chunk)
        assert file.tell() == LARGE_BYTES
