"""Hostile bytes from every side: connections, the two files, and what the user pastes."""

import contextlib
import json
import os
import re
import socket
import time

import pytest

from network import ECE, Mouth, connect
from protocol import to_base64
from quartet import MENU, eventually, log_entry, peer

MALLORY = "127.0.0.66"

# What must never reach a terminal as it is.
NASTY = ("\x1b]0;title\x07\x1b[2J\x9b31m\b\r\x7f\x00\u202e\u2066\u200e\u061c\u2028\u2029\u200b"
         "\ufeff\u00ad\U000e0041")
FORBIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e"
                       "\u2060-\u206f\ufeff\U000e0000-\U000e007f]")


def assert_clean(program):
    """Nothing the program has shown can change what a terminal or a reader sees."""
    shown = program.raw.decode()  # it must be UTF-8, too
    assert not FORBIDDEN.search(shown)


@pytest.fixture
def bob(make_user):
    user = make_user("bob")
    user.knows(Ece=ECE)
    return user


@pytest.fixture
def responder(bob):
    return bob.responder()


def send_bytes(data):
    """Sends bytes as Mallory and waits until the responder has closed the connection."""
    with connect(source=MALLORY) as connection:
        with contextlib.suppress(ConnectionError):
            connection.send(data)
            connection.shut_down()
        connection.wait_closed()


def say(responder, text):
    """An honest message, which must arrive."""
    with connect(source=ECE) as connection:
        connection.send_object({"unencrypted_message": text})
        responder.wait_for(rf"\[plain\] \S+( \(\S+\))?: {re.escape(text)}$")


def assert_works(responder, bob):
    """An honest message still arrives, and is all that was ever logged."""
    say(responder, "still there?")
    assert bob.logged_texts() == ["still there?"]


# Connections.


BAD_STREAMS = [
    b"hello", b"\0", b"\x1b[2J", b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00", b"[1]", b"7",
    b'"x"', b"null", b"}", b"]", b"{]", b"{}", b"{}{}", b"{:}", b"{'key': 7}", b'{"a": 1}',
    b'{"key": 7, "key"}', b'{"message": "hello"}', b'{"unencrypted_message": 7}',
    b'{"unencrypted_message": null}', b'{"unencrypted_message": ["hello"]}',
    b'{"unencrypted_message": {"text": "hello"}}', b'{"encrypted_message": 7}',
    b'{"encrypted_message": null}', b'{"encrypted_message": ""}', b'{"encrypted_message": "x"}',
    b'{"unencrypted_message": "\xff"}', b'{"unencrypted_message": "\xed\xa0\x80"}',
    b'{"unencrypted_message": "\xc0\x80"}', b'{"unencrypted_message": "\\ud800"}',
    b'{"unencrypted_message": "\\u0000"}', b'{"unencrypted_message": "a\\x"}',
    b'{"unencrypted_message": "a\nb"}', b'{"Unencrypted_Message": "a"}',
    b'{"UNENCRYPTED_MESSAGE": "a"}', b'{"unencrypted_message": "a"', b"{" * 60_000, b"[" * 60_000,
    b'{"a":' * 10_000, b'{"a":' * 5000 + b"1" + b"}" * 5000, b"[" * 1000 + b"]" * 1000,
    '{"unencrypted_message": "hello"}'.encode("utf-16"), b"{\xef\xbb\xbf}",
]


@pytest.mark.parametrize("data", BAD_STREAMS, ids=range(len(BAD_STREAMS)))
def test_a_stream_of_another_form_is_refused(responder, bob, data):
    send_bytes(data)
    responder.wait_for(rf"refused.*{re.escape(MALLORY)}")
    assert_works(responder, bob)
    assert_clean(responder)


def test_what_came_before_nonsense_was_a_message(responder, bob):
    send_bytes(b'{"unencrypted_message": "hello"} x {"unencrypted_message": "hello again"}')
    eventually(lambda: ": hello\n" in responder.output and "refused" in responder.output)
    assert bob.logged_texts() == ["hello"]


def test_random_bytes_change_nothing(responder, bob, seeded):
    for _ in range(300):
        send_bytes(seeded.randbytes(seeded.randrange(1, 3000)))
    assert_works(responder, bob)
    assert_clean(responder)


def test_altered_objects_change_nothing(responder, bob, seeded):
    """Valid objects with a few bytes replaced: mostly wrong, sometimes a message."""
    key = json.dumps({"key": str(2**255 - 20)}).encode()
    message = json.dumps({"unencrypted_message": 'a "quoted" text'}).encode()
    for _ in range(300):
        data = bytearray(seeded.choice([key, message, key + message, message + key]))
        for _ in range(seeded.randrange(1, 4)):
            data[seeded.randrange(len(data))] = seeded.randrange(256)
        send_bytes(bytes(data))
    say(responder, "still there?")
    assert_clean(responder)
    assert bob.logged_texts()[-1] == "still there?"


def test_an_endless_object_is_cut_off(responder, bob):
    with connect(source=MALLORY) as connection:
        connection.send(b'{"unencrypted_message": "')
        with pytest.raises(ConnectionError):
            for _ in range(2000):
                connection.send(b"x" * 65_536)
    responder.wait_for("refused")
    assert_works(responder, bob)


def test_endless_white_space_takes_no_memory(bob):
    """Nothing is ever said, so nothing need be kept."""
    responder = bob.responder(environment={"ASAN_OPTIONS": "quarantine_size_mb=1"})
    with connect(source=MALLORY) as connection:
        before = responder.memory()
        with contextlib.suppress(ConnectionError):
            for _ in range(500):
                connection.send(b" \n" * 32_768)
        assert responder.memory() - before < 10_000_000
    assert_works(responder, bob)


def test_refusals_are_not_repeated_without_end(responder):
    for _ in range(200):
        send_bytes(b"nonsense")
    say(responder, "hello")
    refused = [line for line in responder.lines if "refused" in line]
    assert 1 <= len(refused) <= 30


def test_nasty_messages_reach_the_screen_escaped(responder, bob):
    text = NASTY.replace("\x00", "") + "\xe9nd"
    with connect(source=MALLORY) as connection:
        connection.send_object({"unencrypted_message": text})
    responder.wait_for("énd$")
    for name in ("U+001B", "U+202E", "U+2066", "U+009B", "U+200B"):
        assert f"<{name}>" in responder.output
    assert_clean(responder)
    assert bob.logged_texts() == [text]
    initiator = bob.initiator()
    assert "<U+001B>" in initiator.menu("History")
    assert_clean(initiator)


def test_nasty_messages_reach_a_terminal_escaped(bob):
    """Where the programs colour their lines, the only sequences are their own colours and titles, and
    those of line editing."""
    bob.knows(Ece=MALLORY)
    responder = bob.responder(terminal=True, environment={"TERM": "xterm"})
    with connect(source=MALLORY) as connection:
        connection.send_object({"unencrypted_message": NASTY.replace("\x00", "") + "\nend"})
    responder.wait_for(r"^ {18}end")
    initiator = bob.initiator(terminal=True, environment={"TERM": "xterm"})
    initiator.ask("History", r"\| end")
    initiator.wait_for(MENU)
    for program in (responder, initiator):
        shown = re.sub(r"\x1b\[[0-9;]*m|\x1b\]2;[\w :]+\x1b\\|\x1b\[\?2004[hl]|\a|\r\n", "", program.raw.decode())
        assert program.raw.count(b"\a") <= 1 and "<U+001B>" in shown and not FORBIDDEN.search(shown)


def test_unknown_members_and_names_of_members_are_not_shown(responder):
    with connect(source=MALLORY) as connection:
        connection.send_object({NASTY: NASTY, "\x1b[2J": 7})
        connection.wait_closed()
    responder.wait_for("refused")
    assert_clean(responder)


def test_urgent_data_is_no_trouble(responder, bob):
    with connect(source=ECE) as connection:
        connection.socket.send(b"!", socket.MSG_OOB)
        connection.send_object({"unencrypted_message": "hello"})
        connection.shut_down()
        connection.wait_closed()
    say(responder, "still there?")
    assert bob.logged_texts()[-1] == "still there?"


# Names.


def test_nasty_names_reach_no_screen(bob):
    with Mouth() as mouth:
        discovery = bob.discovery()
        name = "Ma\u202e\u2066\u200e\u061c\u2028\u200b\ufeff\u00adry"
        mouth.announce(MALLORY, name)
        discovery.wait_for("is online")
        mouth.announce(MALLORY, "Mallory\u202e")
        discovery.wait_for("is now")
        mouth.announce(MALLORY, name, leaving=True)
        discovery.wait_for("left")
    responder = bob.responder()
    with connect(source=MALLORY) as connection:
        connection.send_object({"unencrypted_message": "hello"})
        responder.wait_for("hello")
    initiator = bob.initiator()
    assert "<U+202E>" in initiator.menu("Users")
    assert "<U+202E>" in initiator.menu("History")
    initiator.ask(f"Chat {name}", r"secure or unsecure\? ")
    initiator.ask("unsecure", "Message: ")
    initiator.ask("hello", "(?i)sent to Ma<U")
    initiator.wait_for(MENU)
    initiator.ask("Chat \u202eMallory", "no user named")
    for program in (discovery, responder, initiator):
        assert_clean(program)


def test_random_datagrams_change_nothing(bob, seeded):
    discovery = bob.discovery()
    valid = json.dumps({"username": "Mallory", "ip": MALLORY, "identity": "x" * 44}).encode()
    with Mouth() as mouth:
        for number in range(2000):
            data = bytearray(valid)
            for _ in range(seeded.randrange(1, 6)):
                data[seeded.randrange(len(data))] = seeded.randrange(256)
            mouth.send(f"127.6.{number // 200}.{number % 200 + 1}", bytes(data))
        mouth.announce("127.0.0.8", "Can")
        discovery.wait_for(r"Can is online")
    assert_clean(discovery)
    assert bob.peers()["127.0.0.8"]["username"] == "Can"


# peers.txt.


BAD_LINES = [
    b"hello", b"{", b"[]", b"null", b"7", b'{"peers": {}', b'{"peers": {}}}', b"\0" * 100,
    b"\xff\xfe", b'{"peer": "127.0.0.9", "last_seen": 1, "username": "\xff"}',
    b'{"peer": "127.0.0.9", "last_seen": 1763625600.000, "user',
]


@pytest.mark.parametrize("line", BAD_LINES, ids=range(len(BAD_LINES)))
def test_a_damaged_line_of_the_dictionary_costs_itself_only(bob, line):
    """Whoever reads or writes the file: the other lines count, and the damaged one stays."""
    good = {**peer("Can"), "peer": "127.0.0.10"}
    bob.path("peers.txt").write_bytes(line + b"\n" + json.dumps(good).encode() + b"\n" + line)
    initiator = bob.initiator()
    assert "Can (Online)" in initiator.menu("Users")
    responder = bob.responder()
    discovery = bob.discovery()
    with Mouth() as mouth:
        mouth.announce(ECE, "Ece")
        discovery.wait_for("Ece is online")
    bob.announcer("-u", "Bob")
    say(responder, "hello")
    lines = bob.path("peers.txt").read_bytes().split(b"\n")
    assert lines.count(line) == 2
    records = [json.loads(other) for other in lines if other not in (line, b"")]
    assert {record.get("peer", record.get("self")) for record in records} >= \
        {ECE, "127.0.0.10", "Bob"}


def test_a_hundred_lines_that_mean_nothing_are_kept(bob):
    bob.path("peers.txt").write_bytes(b"".join(b"line %d\n" % number for number in range(5000)))
    discovery = bob.discovery()
    with Mouth() as mouth:
        mouth.announce(ECE, "Ece")
        discovery.wait_for("Ece is online")
    assert bob.path("peers.txt").read_bytes().count(b"line ") == 100


NOW = time.time()
BAD_ENTRIES = {
    "127.0.0.20": None, "127.0.0.21": 7, "127.0.0.22": [], "127.0.0.23": {},
    "127.0.0.24": {"username": "Bad"}, "127.0.0.25": {"username": 7, "last_seen": 1},
    "127.0.0.26": {"username": "Bad", "last_seen": "yesterday"},
    "127.0.0.27": {"username": "Bad", "last_seen": -1e300},
    "127.0.0.28": {"username": "Bad", "last_seen": 1e300},
    "127.0.0.29": {"username": "", "last_seen": NOW},
    "127.0.0.30": {"username": "B\x1bad", "last_seen": NOW},
    "127.0.0.31": {"username": "Bad" * 30, "last_seen": NOW},
    "127.0.0.32": {"username": "Bad", "last_seen": None},
}
BAD_ADDRESSES = ["127.0.0.256", "127.0.0.7x", "127.7", "", "localhost", "::1",
                 "127.0.0.7\n127.0.0.8"]


def test_entries_that_are_no_peers_are_left_out(bob):
    bob.write_peers({**BAD_ENTRIES, **dict.fromkeys(BAD_ADDRESSES, peer("Bad")),
                     ECE: peer("Ece", identity="not one"),
                     "127.0.0.10": peer("Can", identity=7, left="perhaps")})
    initiator = bob.initiator()
    shown = initiator.menu("Users")
    assert "Ece (Online)" in shown and "Can (Online)" in shown
    assert "Bad" not in shown
    assert_clean(initiator)
    discovery = bob.discovery()
    with Mouth() as mouth:
        mouth.announce(MALLORY, "Mallory")
        discovery.wait_for("Mallory is online")
    assert {ECE, "127.0.0.10", MALLORY} <= set(bob.peers())


@pytest.mark.parametrize("record", [
    {"peer": []}, {"peer": None}, {"self": 7}, {"self": None}, {"known": []}, {"self": "\x1b[2J"},
    {"peers": []}, {"known": "Bob"},
])
def test_records_of_the_wrong_kind_crash_nothing(bob, record):
    bob.path("peers.txt").write_text(json.dumps(record) + "\n", encoding="utf-8")
    initiator = bob.initiator()
    initiator.menu("Users")
    discovery = bob.discovery()
    with Mouth() as mouth:
        mouth.announce(ECE, "Ece")
        discovery.wait_for("Ece is online")
    announcer = bob.announcer()
    announcer.ask("Bob", "Announcing")
    assert b'{"self": "Bob"' in bob.path("peers.txt").read_bytes()
    for program in (initiator, discovery, announcer):
        assert_clean(program)


@pytest.mark.parametrize("make", [
    lambda path: path.mkdir(), lambda path: path.symlink_to(path),
    lambda path: path.symlink_to("/dev/zero"), os.mkfifo,
])
@pytest.mark.parametrize("name", ["peers.txt", "chat.log"])
def test_a_file_that_is_no_file_hangs_nothing(bob, make, name):
    """A directory, a loop, a device and a pipe: an error, and the menu comes back."""
    bob.path("peers.txt").unlink()
    make(bob.path(name))
    initiator = bob.initiator()
    initiator.menu("Users")
    initiator.menu("History")
    say(bob.responder(), "hello")


# chat.log.


def test_lines_that_are_no_entries_are_left_out_of_the_history(bob):
    good = log_entry("the good one")
    bad = [{**good, "text": "bad", key: value} for key, value in [
        ("time", "yesterday"), ("time", 7), ("time", "2026-13-40T99:99:99.999Z"), ("time", None),
        ("direction", "STOLEN"), ("direction", 7), ("username", 7), ("username", ""),
        ("username", "B\x1bad"), ("username", "x" * 65), ("ip", "localhost"), ("ip", 7),
        ("mode", "strange"), ("mode", None)]]
    bob.write_log(b"hello\n", b"\n", b"{}\n", b"\0\0\0\n", b"\xff\xfe\n", b"[]\n", b"null\n",
                  *bad, {key: value for key, value in good.items() if key != "text"},
                  b"x" * 2_000_000 + b"\n", json.dumps(good).encode()[:-1] + b"\n",
                  json.dumps(good).encode() + b" x\n", good)
    initiator = bob.initiator()
    for command in ("History", "History Bob", "History all"):
        shown = initiator.menu(command)
        assert shown.count("the good one") == 1
        assert "bad" not in shown
    assert_clean(initiator)


def test_nasty_lines_of_the_log_are_shown_escaped(bob):
    bob.write_log(log_entry(NASTY.replace("\x00", "") + "\nsecond line"),
                  log_entry("hello", username="Bob\u202e"))
    initiator = bob.initiator()
    shown = initiator.menu("History")
    assert "<U+001B>" in shown and "Bob<U+202E>" in shown
    assert re.search(r"^    \| second line$", shown, re.MULTILINE)
    assert_clean(initiator)


def lines_of_every_kind(seeded, count):
    """Lines of chat.log, and the texts of those that a history must show, once each."""
    lines, texts = [], []
    people = [(name, to_base64(seeded.randbytes(32))) for name in ("Can", "Bob", "B\u202eb")]
    ids = [to_base64(seeded.randbytes(16)) for _ in range(count // 8)]
    for number in range(count):
        name, identity = seeded.choice(people)
        who = {"username": name, "id": seeded.choice(ids), "identity": identity}
        text = f"number {number} {NASTY[1:12] if number % 7 == 0 else ''} ends"
        message = log_entry(text, mode="secure", **who)
        line = seeded.choice([
            message, message | {"direction": "SENT", "id": to_base64(seeded.randbytes(16))},
            message | {"held": True}, message | {"direction": "QUEUED"},
            message | {"direction": "QUEUED", "once": True}, log_entry(text),
            {"time": message["time"], "settled": seeded.randrange(200 * count)},
            *({"time": message["time"], "state": state, **who}
              for state in ("delivered", "dropped", "accepted", "rejected"))])
        if line.get("direction") in ("RECEIVED", "SENT") and "held" not in line:
            texts.append(f"number {number} ")
        line = json.dumps(line, ensure_ascii=bool(number % 2)).encode()
        lines.append(line + b"\n")
        if number % 3 == 0:  # the same once more, damaged
            line = bytearray(line.replace(b"number", b"bad"))
            for _ in range(seeded.randrange(1, 4)):
                at = seeded.randrange(len(line))
                line[at:at + seeded.randrange(3)] = seeded.choice([b"", b'"', b"{", b"\xff", b"\0", b"9", b"-"])
            lines.append(bytes(line.replace(b"\n", b"")) + b"\n")
    return lines, texts


def test_a_log_with_lines_of_every_kind_whole_and_damaged_harms_nobody(bob, seeded):
    lines, texts = lines_of_every_kind(seeded, 1000)
    bob.write_log(*lines)
    initiator = bob.initiator()
    for command in ("History", "History Bob", "Users"):
        initiator.menu(command)
    shown = initiator.menu("History all")
    assert [text for text in texts if shown.count(text) != 1] == []
    assert_clean(initiator)
    responder = bob.responder()
    say(responder, "hello")
    assert_clean(responder)
    with open(bob.path("chat.log"), "rb") as log:
        assert log.read(len(b"".join(lines))) == b"".join(lines)


def test_a_log_of_one_endless_line_is_no_trouble(bob):
    """A terabyte of nothing, then a line."""
    with open(bob.path("chat.log"), "wb") as log:
        log.truncate(2**40)
    bob.write_log(b"\n", log_entry("hello"))
    initiator = bob.initiator()
    before = initiator.read_bytes()
    assert "[plain]: hello" in initiator.menu("History")
    assert initiator.read_bytes() - before < 100_000_000


# What the user pastes.


@pytest.mark.parametrize("line", [
    b"\xff\xfe", b"\0", b"\x1b[2J", b"x" * 65_536, b"x" * 1_000_000, b"Chat \xff", b"Chat \x1b[2J",
    b"History \x1b]0;x\x07", b"History \xff", b"Chat " + b"x" * 5000, b"Users\0Users",
], ids=range(11))
def test_whatever_is_pasted_at_the_menu_the_menu_comes_back(bob, line):
    initiator = bob.initiator()
    initiator.send_bytes(line + b"\n")
    for answer in ("unsecure", ""):  # for those lines that begin a chat
        initiator.send(answer)
    initiator.ask("Users", r"Ece \(Online\)")
    assert_clean(initiator)


def test_random_input_ends_cleanly(bob, seeded):
    words = [b"Users", b"Chat", b"History", b"Ece", b"unsecure", b"secure", b"7", b"", b"all",
             b"\xff", b"\x1b[2J", b"\0", "\u202e".encode(), b"x" * 3000]
    for _ in range(20):
        lines = [b" ".join(seeded.choices(words, k=seeded.randrange(1, 3))) for _ in range(20)]
        initiator = bob.start("initiator", ready=False)
        initiator.send_bytes(b"\n".join([b"Nonsense", *lines]))
        initiator.end_input()
        status = initiator.process.wait()
        assert status in (1, 3, 4)
        initiator.wait(status)
        assert_clean(initiator)
