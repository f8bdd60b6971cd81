"""Messages that wait until they are delivered (common/PROTOCOL.md, section 6)."""

import base64
import contextlib
import datetime
import json
import os
import re
import shlex
import shutil
import signal
import time
from pathlib import Path

import pytest
from network import Listener
from protocol import ResponderSide
from quartet import BIN, KEPT, MENU, chat_secure, eventually, log_entry, peer, pin, say_securely
from test_transcript import shell


def utc(seconds_ago=0.0):
    """A time as chat.log has it."""
    moment = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=seconds_ago)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}Z"


def queued(text, to, name="Bob", seconds_ago=0.0):
    """A line of a message that waits for a user."""
    return log_entry(text, name, "QUEUED", to.address, "secure", utc(seconds_ago), identity=to.identity().text,
                     id=base64.b64encode(os.urandom(16)).decode())


def comes_back(user, **names):
    """Has peers.txt say that others, by name, are heard again after a departure."""
    user.write_peers({other.address: peer(name, identity=other.identity().text, since=int(time.time()) + 10)
                      for name, other in names.items()})


def received(user):
    """The texts that a user has received."""
    return [entry["text"] for entry in user.log() if entry.get("direction") == "RECEIVED"]


def states(user):
    """What has become of a user's messages, in the order in which that was written."""
    return [entry["state"] for entry in user.log() if "state" in entry]


def waiting(user):
    """The ids of a user's messages that wait."""
    settled = {entry["id"] for entry in user.log() if "state" in entry}
    return [entry["id"] for entry in user.log() if entry.get("direction") == "QUEUED" and entry["id"] not in settled]


@pytest.fixture(name="alice")
def alice_who_knows_bob(alice, known):
    """Alice, who has heard Bob and knows him by his identity."""
    del known
    return alice


def exchange(connection, initiator, bob):
    """Bob's side of a chat, up to the message."""
    side = ResponderSide(bob.identity())
    connection.send_object(side.answer(connection.receive_object()))
    initiator.wait_for("Message: ")
    return side


def test_a_message_is_in_the_log_before_its_first_byte_leaves(alice, bob):
    with Listener(bob.address) as listener:
        initiator = alice.initiator()
        chat_secure(initiator, "Bob")
        with listener.accept() as connection:
            side = exchange(connection, initiator, bob)
            assert alice.log() == []
            initiator.send("hello")
            message = side.open(connection.receive_object())
            first, *_ = alice.log()
            assert (first["direction"], first["text"], first["id"]) == ("QUEUED", "hello", message["id"])
            connection.send_object(side.receipt())
            initiator.wait_for(r"Delivered to Bob")
        initiator.wait_for(MENU)
    kinds = [entry.get("direction") or entry["state"] for entry in alice.log()]
    assert kinds == ["QUEUED", "SENT", "delivered"]


def test_what_is_written_to_somebody_away_is_delivered_when_he_is_back(alice, bob):
    initiator = alice.initiator()
    chat_secure(initiator, "Bob")
    initiator.wait_for(r"cannot connect to Bob \(127\.0\.0\.3\): .*")
    initiator.wait_for(KEPT)
    initiator.ask("hello", "1 waiting for Bob")
    initiator.wait_for(MENU)
    assert "1 waiting" in initiator.menu("Users")
    bob.responder()
    comes_back(alice, Bob=bob)
    initiator.wait_for(r"Delivered to Bob \(127\.0\.0\.3\)")
    assert received(bob) == ["hello"]
    assert states(alice) == ["delivered"]
    assert "waiting" not in initiator.menu("Users")


def test_what_is_written_while_others_wait_has_them_all_tried_again(alice, bob):
    texts = [f"message {number}" for number in range(6)]
    responder = bob.responder()
    initiator = alice.initiator(terminal=True)
    initiator.menu(f"@bob {texts[0]}")
    responder.kill()
    for count, text in enumerate(texts[1:5], 1):
        assert f"{count} waiting for Bob" in initiator.menu(f"@bob {text}")
    bob.responder()
    initiator.menu(f"@bob {texts[5]}")
    eventually(lambda: received(bob) == texts)
    eventually(lambda: not waiting(alice))
    assert initiator.output.count("cannot connect") == 1


def test_what_another_program_queues_for_somebody_away_is_tried_at_once(alice, bob):
    initiator = alice.initiator()
    chat_secure(initiator, "Bob")
    initiator.wait_for(KEPT)
    initiator.ask("hello", "1 waiting for Bob")
    initiator.wait_for(MENU)
    bob.responder()
    alice.run("initiator", "send", "-k", "Bob", "again")
    assert received(bob) == ["hello", "again"]


def test_the_title_of_the_window_says_how_many_wait_and_no_more_once_they_are_there(alice, bob):
    initiator = alice.initiator(terminal=True, environment={"TERM": "xterm"})
    chat_secure(initiator, "Bob")
    initiator.wait_for(KEPT)
    initiator.ask("hello", re.escape("\x1b]2;initiator: 1 waiting\x1b\\"))
    bob.responder()
    comes_back(alice, Bob=bob)
    initiator.wait_for(re.escape("\x1b]2;initiator\x1b\\"))
    chat_secure(initiator, "Bob")
    initiator.wait_for("Message: ")
    initiator.ask("again", MENU)
    eventually(lambda: re.findall(rb"\x1b]2;([^\x1b]*)", initiator.raw)[-1] == b"initiator")


def test_the_title_of_the_window_does_not_count_what_another_program_has_delivered(alice, bob):
    bob.responder()
    initiator = alice.initiator(terminal=True, environment={"TERM": "xterm", "NO_COLOR": "1"})
    alice.run("initiator", "send", "-k", "Bob", "one")
    initiator.wait_for("Delivered to Bob")
    eventually(lambda: re.findall(rb"\x1b]2;([^\x1b]*)", initiator.raw)[-1] == b"initiator")
    assert b"1 waiting" not in initiator.raw


def test_a_menu_that_is_stopped_leaves_it_to_others_to_deliver(alice, bob):
    alice.run("initiator", "send", "-k", "Bob", "hello", status=4)
    initiator = f"{shlex.quote(str(BIN / 'initiator'))} -a {alice.address}"
    with shell(alice.directory, f"set -m; {initiator}; echo stopped; read -r; fg") as (master, shown):
        eventually(lambda: MENU.replace("\\", "") in shown.text)
        os.write(master, b"\x1a")
        eventually(lambda: re.search("^stopped$", shown.text, re.MULTILINE))
        bob.responder()
        alice.run("initiator", "deliver", "-1")
        assert received(bob) == ["hello"]
        os.write(master, b"\n")
        eventually(lambda: "Delivered to Bob" in shown.text)
        os.write(master, b"quit\n")
    assert received(bob) == ["hello"]


def test_nothing_is_kept_of_an_empty_answer(alice):
    initiator = alice.initiator()
    chat_secure(initiator, "Bob")
    initiator.wait_for(KEPT)
    initiator.ask("", "Nothing was sent")
    initiator.wait_for(MENU)
    assert alice.log() == []


def test_a_pipe_has_the_same_answers_whether_somebody_is_there_or_not(alice, bob):
    text = "Chat\nBob\nsecure\n7\nhello\nUsers\n"
    away = alice.run("initiator", text=text, status=4)
    assert "1 waiting for Bob" in away.output
    assert "1 online" in away.output
    responder = bob.responder()
    there = alice.run("initiator", text=text.replace("hello", "again"))
    assert "Delivered to Bob" in there.output
    eventually(lambda: received(bob) == ["hello", "again"])
    responder.stop()


def test_messages_arrive_in_their_order_and_once(alice, bob):
    texts = [f"message {number}" for number in range(50)]
    alice.write_log(*[queued(text, bob) for text in texts])
    bob.responder()
    initiator = alice.initiator()
    initiator.wait_for(r"Delivered to Bob \(127\.0\.0\.3\): 50 messages\.")
    assert initiator.output.count("Delivered") == 1
    eventually(lambda: states(alice) == ["delivered"] * 50)
    assert received(bob) == texts


def watched(program, path):
    """Whether a program has the kernel tell it of changes of a file."""
    number = f"ino:{path.stat().st_ino:x} "
    for info in Path(f"/proc/{program.pid}/fdinfo").iterdir():
        with contextlib.suppress(FileNotFoundError):  # it was closed meanwhile
            if number in info.read_text(encoding="ascii"):
                return True
    return False


def waits_for_ever(program):
    """Whether a program is in epoll_pwait(2) with no time to wake up at; None if it is not there."""
    fields = Path(f"/proc/{program.pid}/syscall").read_text(encoding="ascii").split()
    return int(fields[4], 16) & 0xffffffff == 0xffffffff if len(fields) > 4 else None


def test_nothing_wakes_up_who_waits_for_nobody(alice, bob):
    """Not even peers.txt, which discovery changes every second or so."""
    alice.write_log(queued("hello", bob))
    initiator = alice.initiator()
    eventually(lambda: waits_for_ever(initiator) is False)
    bob.responder()
    comes_back(alice, Bob=bob)
    initiator.wait_for("Delivered to Bob")
    eventually(lambda: waits_for_ever(initiator))
    assert not watched(initiator, alice.path("peers.txt"))


def test_one_who_is_away_delays_nobody_else(alice, bob, make_user):
    absent = make_user("absent", address="127.0.0.9")
    alice.write_log(queued("first", absent, "Can"), queued("second", bob))
    bob.responder()
    alice.initiator()
    eventually(lambda: received(bob) == ["second"])
    eventually(lambda: len(waiting(alice)) == 1)


def answer_with(listener, identity, **receipt):
    """Takes one message and answers it with a receipt; returns the id and the text."""
    with listener.accept() as connection:
        side = ResponderSide(identity)
        connection.send_object(side.answer(connection.receive_object()))
        message = side.open(connection.receive_object())
        connection.send_object(side.receipt(**receipt))
        return message["id"], message["text"]


def test_what_waits_for_somebody_goes_in_one_session_each_message_once_the_one_before_is_confirmed(alice, bob):
    texts = ["one", "two", "three"]
    with Listener(bob.address) as listener:
        alice.write_log(*[queued(text, bob) for text in texts])
        initiator = alice.initiator()
        with listener.accept() as connection:
            side = ResponderSide(bob.identity())
            connection.send_object(side.answer(connection.receive_object()))
            for number, text in enumerate(texts):
                assert side.open(connection.receive_object(), number)["text"] == text
                initiator.menu("Users")
                assert connection.is_open()
                connection.send_object(side.receipt(number, number))
            connection.wait_closed()
        initiator.wait_for(r"Delivered to Bob.*: 3 messages\.")
        assert not listener.is_called()


def test_no_session_carries_messages_without_end(alice, bob):
    texts = [f"message {number}" for number in range(200)]
    taken = []
    with Listener(bob.address) as listener:
        alice.write_log(*[queued(text, bob) for text in texts])
        initiator = alice.initiator()
        while len(taken) < len(texts):
            with listener.accept() as connection:
                side = ResponderSide(bob.identity())
                connection.send_object(side.answer(connection.receive_object()))
                for number in range(64):
                    if len(taken) == len(texts):
                        break
                    taken.append(side.open(connection.receive_object(), number)["text"])
                    connection.send_object(side.receipt(number, number))
                connection.wait_closed()
        initiator.wait_for("Delivered to Bob")
    assert taken == texts


def test_who_takes_one_message_and_loses_the_next_is_called_for_each(alice, bob):
    texts = ["one", "two", "three"]
    with Listener(bob.address) as listener:
        alice.write_log(*[queued(text, bob) for text in texts])
        initiator = alice.initiator()
        with listener.accept() as connection:
            side = ResponderSide(bob.identity())
            connection.send_object(side.answer(connection.receive_object()))
            first = side.open(connection.receive_object())["text"]
            connection.send_object(side.receipt())
            connection.receive_object()
        assert [first, *(answer_with(listener, bob.identity())[1] for _ in texts[1:])] == texts
        initiator.wait_for(r"Delivered to Bob.*: 3 messages\.")
    assert states(alice) == ["delivered"] * 3
    assert [entry["text"] for entry in alice.log() if entry.get("direction") == "SENT"] == texts


def test_a_no_drops_the_message_with_its_reason(alice, bob):
    with Listener(bob.address) as listener:
        alice.write_log(queued("hello", bob), queued("again", bob))
        initiator = alice.initiator()
        answer_with(listener, bob.identity(), status=404, why="blocked")
        initiator.wait_for(r"Refused by Bob \(127\.0\.0\.3\): blocked")
        assert answer_with(listener, bob.identity())[1] == "again"
        initiator.wait_for("Delivered to Bob")
    dropped, delivered = [entry for entry in alice.log() if "state" in entry]
    assert (dropped["state"], dropped["why"], delivered["state"]) == ("dropped", "blocked", "delivered")


def test_a_not_now_lets_the_message_wait_and_those_behind_it(alice, bob):
    with Listener(bob.address) as listener:
        alice.write_log(queued("hello", bob), queued("again", bob))
        alice.initiator()
        first = answer_with(listener, bob.identity(), status=300, why="held")
        comes_back(alice, Bob=bob)
        assert answer_with(listener, bob.identity()) == first
        assert answer_with(listener, bob.identity())[1] == "again"
        eventually(lambda: states(alice) == ["delivered"] * 2)


def test_what_was_not_confirmed_is_sent_again_with_the_same_id(alice, bob):
    with Listener(bob.address) as listener:
        initiator = alice.initiator()
        chat_secure(initiator, "Bob")
        with listener.accept() as connection:
            side = exchange(connection, initiator, bob)
            initiator.send("hello")
            first = side.open(connection.receive_object())
        initiator.wait_for("Sent to Bob.*not confirmed")
        initiator.wait_for("1 waiting for Bob")
        comes_back(alice, Bob=bob)
        assert answer_with(listener, bob.identity()) == (first["id"], "hello")
        initiator.wait_for("Delivered to Bob")
    assert [entry.get("direction") for entry in alice.log()].count("SENT") == 1


def test_what_waited_for_two_weeks_is_dropped_with_a_line(alice, bob):
    bob.responder()
    alice.write_log(queued("old", bob, seconds_ago=15 * 86400), queued("new", bob))
    initiator = alice.initiator()
    initiator.wait_for("Dropped, and not sent to Bob.*14 days")
    eventually(lambda: states(alice) == ["dropped", "delivered"])
    assert received(bob) == ["new"]


def of_length(mebibytes, direction):
    """So many lines that they fill a log."""
    line = json.dumps(log_entry("x" * 47000, "Mallory", direction)).encode() + b"\n"
    return line * (mebibytes * 1024 * 1024 // len(line) + 1)


def test_strangers_who_fill_the_log_bury_nothing_that_waits(alice, bob):
    alice.write_log(queued("important", bob), of_length(20, "RECEIVED"))
    bob.responder()
    delivered = alice.run("initiator", "deliver", "-1")
    assert "nowhere" not in delivered.output + delivered.errors
    assert received(bob) == ["important"]


def test_what_is_too_far_back_is_told_each_time_and_not_settled(alice, bob):
    alice.write_log(queued("important", bob), of_length(20, "SENT"), queued("later", bob))
    bob.responder()
    for _ in range(2):
        delivered = alice.run("initiator", "deliver", "-1", status=1)
        assert "that is not sent" in delivered.output + delivered.errors
    alice.initiator().stop()
    assert received(bob) == ["later"]
    assert not any("settled" in entry for entry in alice.log())


def test_what_could_not_be_started_is_started_once_it_can_be(alice, bob):
    alice.write_log(queued("hello", bob))
    bob.responder()
    alice.path("peers.txt").chmod(0o666)
    initiator = alice.initiator()
    assert "nothing that waits is sent" in initiator.output
    alice.path("peers.txt").chmod(0o600)
    initiator.send("Broadcast to all")
    eventually(lambda: states(alice)[:1] == ["delivered"])
    assert received(bob)[0] == "hello"
    initiator.stop()


def test_no_more_than_a_thousand_messages_wait_for_one_person(alice, bob):
    alice.write_log(*[queued(str(number), bob) for number in range(1000)])
    initiator = alice.initiator()
    chat_secure(initiator, "Bob")
    initiator.wait_for(KEPT)
    initiator.ask("one more", "1000 messages wait already")
    initiator.wait_for(MENU)
    assert len(alice.log()) == 1000


def test_drop_withdraws_what_waits_for_somebody(alice, bob):
    alice.write_log(queued("hello", bob), queued("again", bob))
    initiator = alice.initiator()
    assert "2 messages to Bob" in initiator.menu("Drop Bob")
    assert states(alice) == ["dropped"] * 2
    assert "Nothing waits for Bob" in initiator.menu("Drop Bob")
    bob.responder()
    say_securely(initiator, "Bob", "later")
    assert received(bob) == ["later"]


def test_somebody_who_is_not_known_by_a_pin_can_be_dropped_while_away(alice, make_user):
    can = make_user("can", address="127.0.0.9")
    alice.write_log(queued("hello", can, "Can"))
    assert "1 message to Can" in alice.initiator().menu("Drop Can")


def test_of_two_initiators_one_delivers_and_the_other_takes_over(alice, bob, make_user):
    absent = make_user("absent", address="127.0.0.9")
    alice.write_log(queued("to nobody", absent, "Can"))
    first = alice.initiator()
    second = alice.initiator()
    responder = bob.responder()
    say_securely(second, "Bob", "by the first")
    assert received(bob) == ["by the first"]
    first.wait_for("Delivered to Bob")
    responder.stop()
    chat_secure(second, "Bob")
    second.wait_for(KEPT)
    second.send("by the second")
    second.wait_for("1 waiting for Bob")
    second.wait_for(MENU)
    first.kill()
    bob.responder()
    comes_back(alice, Bob=bob)
    second.wait_for("Delivered to Bob")
    assert received(bob) == ["by the first", "by the second"]


def locked(program, path):
    """Whether a program holds the lock of the file at a path."""
    number = f":{path.stat().st_ino} "
    infos = []
    for info in Path(f"/proc/{program.pid}/fdinfo").iterdir():
        with contextlib.suppress(FileNotFoundError):  # it was closed meanwhile
            infos += info.read_text(encoding="ascii").split("\n")
    return any("FLOCK" in line and number in line for line in infos)


def replace(path):
    """Puts another file in a file's place, as Passphrase does."""
    copy = path.with_suffix(".copy")
    shutil.copy(path, copy)
    copy.rename(path)


def test_only_one_delivers_after_the_passphrase_was_changed(alice, bob):
    key = alice.path("identity.key")
    first = alice.initiator()
    chat_secure(first, "Bob")
    first.wait_for(KEPT)
    first.ask("hello", "1 waiting for Bob")
    first.wait_for(MENU)
    assert locked(first, key)
    replace(key)
    second = alice.start("initiator", "deliver", ready=False)
    # The first may have found out before the second came.
    eventually(lambda: locked(second, key) or locked(first, key))
    with Listener(bob.address) as listener:
        comes_back(alice, Bob=bob)
        with listener.accept() as connection:
            side = ResponderSide(bob.identity())
            first.menu("Users")
            assert not listener.is_called()
            connection.send_object(side.answer(connection.receive_object()))
            side.open(connection.receive_object())
            connection.send_object(side.receipt())
        eventually(lambda: states(alice) == ["delivered"])
    # Before that it may not be so far as to end well.
    eventually(lambda: watched(second, alice.path("chat.log")))
    second.stop()


def test_who_delivers_goes_on_after_the_passphrase_was_changed(alice, bob, make_user):
    key = alice.path("identity.key")
    absent = make_user("absent", address="127.0.0.9")
    alice.write_log(queued("to nobody", absent, "Can"), queued("hello", bob))
    initiator = alice.initiator()
    eventually(lambda: locked(initiator, key))
    replace(key)
    bob.responder()
    comes_back(alice, Bob=bob)
    initiator.wait_for("Delivered to Bob")
    assert locked(initiator, key)


def test_a_new_identity_gets_what_waits_only_if_the_user_says_so(alice, bob, make_user):
    alice.write_log(queued("hello", bob))
    new = make_user("new", address="127.0.0.4")
    alice.write_peers({new.address: peer("Bob", identity=new.identity().text)})
    initiator = alice.initiator(terminal=True)
    new.responder()
    initiator.ask("Trust Bob", r"yes or no\? ")
    initiator.ask("yes", r"(?s)1 message waits.*yes or no\? ")
    initiator.send("yes")
    eventually(lambda: received(new) == ["hello"])
    eventually(lambda: sorted(states(alice)) == ["delivered", "dropped"])


@pytest.mark.parametrize("victim", ["initiator", "responder"])
def test_every_message_arrives_once_whatever_is_killed(alice, bob, seeded, victim):
    texts = [f"message {number}" for number in range(60)]
    alice.write_log(*[queued(text, bob) for text in texts])
    programs = {"initiator": alice.initiator(), "responder": bob.responder()}
    comes_back(alice, Bob=bob)
    users = {"initiator": alice, "responder": bob}
    for kills in range(15):
        before = len(received(bob))
        time.sleep(seeded.random() * 0.1)
        programs[victim].kill()
        programs[victim] = getattr(users[victim], victim)()
        alice.write_peers({bob.address: peer("Bob", identity=bob.identity().text, since=int(time.time()) + kills)})
        if victim == "responder":
            eventually(lambda: len(received(bob)) > before or not waiting(alice))
    eventually(lambda: not waiting(alice))
    assert received(bob) == texts
    for program in programs.values():
        program.process.send_signal(signal.SIGTERM)
