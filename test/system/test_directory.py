"""The working directory may be shared with others, or come out of somebody's archive."""

import os
import stat

import pytest

from network import ECE, Listener, Mouth, say
from quartet import MENU, chat_unsecure

PROFILE = b"# my profile\n"
NOBODY = 65534
TOUCH = "\ntouch owned\n#"


@pytest.fixture
def bob(make_user):
    user = make_user("bob")
    user.knows(Ece=ECE)
    return user


def give_away(path):
    """Gives a file to another user, which needs the right to do so."""
    try:
        os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
    except OSError:
        pytest.skip("this user cannot give files away")


def spoil(path, how):
    """Makes it a file that is not to be trusted; returns what is said of it."""
    if how == "link":
        target = path.with_name("profile")
        target.write_bytes(PROFILE)
        target.chmod(0o644)
        path.symlink_to(target)
        return "it is a symbolic link"
    path.write_bytes(PROFILE)
    if how == "exposed":
        path.chmod(0o666)
        return "others may write to it"
    give_away(path)
    return "it belongs to another user"


def assert_untouched(path, how):
    status = path.stat()
    assert path.read_bytes() == PROFILE
    assert (status.st_mode & 0o777) == (0o666 if how == "exposed" else 0o644)


ways = pytest.mark.parametrize("how", ["link", "exposed", "foreign"])


@ways
def test_what_a_stranger_says_goes_into_no_file_that_is_not_our_own(bob, how):
    """Else a shell runs it at the next login."""
    path = bob.path("chat.log")
    reason = spoil(path, how)
    responder = bob.responder()
    say(TOUCH)
    responder.wait_for(f"NOT KEPT: cannot write chat.log: {reason}")
    assert_untouched(path, how)


@ways
def test_what_the_user_says_goes_into_no_file_that_is_not_our_own(bob, how):
    path = bob.path("chat.log")
    reason = spoil(path, how)
    initiator = bob.initiator()
    assert reason in initiator.menu("History")
    with Listener(ECE):
        chat_unsecure(initiator, "Ece")
        initiator.ask("hello", f"NOT KEPT: .*{reason}")
        initiator.wait_for(MENU)
    assert_untouched(path, how)


@ways
def test_a_dictionary_that_is_not_our_own_is_neither_read_nor_replaced(bob, how):
    path = bob.path("peers.txt")
    path.unlink()
    reason = spoil(path, how)
    discovery = bob.discovery()
    with Mouth() as mouth:
        mouth.announce(ECE, "Ece")
        discovery.wait_for(reason)
    initiator = bob.initiator()
    initiator.ask("Users", reason)
    initiator.wait_for(MENU)
    assert_untouched(path, how)


@ways
@pytest.mark.parametrize("program", ["announcer", "initiator", "responder"])
def test_a_key_that_is_not_our_own_is_neither_used_nor_changed(bob, program, how):
    """Not even its mode, which would be that of the file that a link leads to."""
    path = bob.path("identity.key")
    reason = spoil(path, how).removeprefix("others ")
    started = bob.start(program, *(["-u", "Bob"] if program == "announcer" else []), ready=False)
    started.wait_for(f"cannot use identity.key: .*{reason}")
    assert_untouched(path, how)


@pytest.mark.parametrize("how", ["link", "hard link", "foreign"])
def test_nothing_is_written_through_the_scratch_name_of_the_dictionary(bob, how):
    notes = bob.path("notes")
    scratch = bob.path("peers.txt.new")
    notes.write_bytes(b"mine")
    if how == "foreign":
        scratch.write_bytes(b"theirs")
        give_away(scratch)
    elif how == "link":
        scratch.symlink_to(notes)
    else:
        scratch.hardlink_to(notes)
    with open(scratch, "rb") as opened:
        before = opened.read()
        bob.announcer("-u", "Bob").stop()
        opened.seek(0)
        assert opened.read() == before
    assert notes.read_bytes() == b"mine"
    assert "Bob" in bob.path("peers.txt").read_text(encoding="utf-8")
    assert not scratch.exists()


@pytest.mark.parametrize("kind", [stat.S_IFIFO, stat.S_IFSOCK], ids=["pipe", "socket"])
@pytest.mark.parametrize("name", ["peers.txt.new", "identity.key.new"])
def test_what_is_no_file_under_a_scratch_name_is_in_nobodys_way(bob, name, kind):
    for stands in ("peers.txt", "identity.key"):
        bob.path(stands).unlink(missing_ok=True)
    os.mknod(bob.path(name), kind | 0o600)
    announcer = bob.announcer("-u", "Bob")
    assert "cannot" not in announcer.output
    assert bob.path("identity.key").stat().st_size == 32
    assert "Bob" in bob.path("peers.txt").read_text(encoding="utf-8")


def test_a_log_that_others_could_read_becomes_private(bob):
    bob.path("chat.log").touch(0o644)
    responder = bob.responder()
    say("hello")
    responder.wait_for("Ece: hello")
    assert bob.path("chat.log").stat().st_mode & 0o777 == 0o600
