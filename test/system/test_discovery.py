"""Discovery: specification 2.2.0, and sections 1 and 5 of the protocol."""

import json
import re
import socket
import stat
import struct
import time

import pytest

from network import PRESENCE_PORT, Ear, Mouth, dropped_datagrams
from protocol import Identity, to_base64
from quartet import eventually, peer

BURST = 10_000
PEERS_MAX = 16_384


def refusals(program):
    return [line for line in program.lines if line.startswith("refused")]


# 2.2.0-A: port 6000.


def test_2_2_0_A_listens_on_udp_port_6000(ece, mouth):
    discovery = ece.discovery()
    mouth.announce("127.0.0.9", "Bob")
    discovery.wait_for("Bob is online")


def test_2_2_0_A_hears_broadcasts_and_what_is_sent_to_its_address(alice):
    discovery = alice.discovery()
    for destination, source, name in [("127.255.255.255", "127.0.0.8", "Bob"),
                                      ("127.0.0.2", "127.0.0.9", "Can")]:
        with Mouth(destination) as mouth:
            mouth.announce(source, name)
        discovery.wait_for(rf"{name} is online \({source}\)")


def test_2_2_0_A_shares_the_port_with_other_listeners(alice, bob):
    with Ear("127.255.255.255") as ear, Mouth("127.255.255.255") as mouth:
        programs = [alice.discovery(), bob.discovery()]
        mouth.announce("127.0.0.9", "Can")
        for discovery in programs:
            discovery.wait_for("Can is online")
        assert ear.hear().source == "127.0.0.9"


# 2.2.0-B: the dictionary.


def test_2_2_0_B_stores_username_address_and_time(ece, mouth):
    discovery = ece.discovery()
    before = time.time()
    mouth.announce("127.0.0.9", "Bob")
    discovery.wait_for("Bob is online")
    after = time.time()
    [(address, entry)] = ece.peers().items()
    assert (address, entry["username"]) == ("127.0.0.9", "Bob")
    assert before - 0.01 <= entry["last_seen"] <= after + 0.01
    assert set(entry) == {"username", "last_seen"}


def test_2_2_0_B_the_key_is_the_address_of_recvfrom(ece, mouth):
    discovery = ece.discovery()
    mouth.announce("127.0.0.9", "Bob", ip="10.9.9.9")
    discovery.wait_for(r"Bob is online \(127\.0\.0\.9\)")
    assert list(ece.peers()) == ["127.0.0.9"]


def test_2_2_0_B_a_burst_loses_nothing_that_the_kernel_delivered(ece, mouth):
    discovery = ece.discovery()
    addresses = [f"127.1.{number // 250}.{number % 250 + 1}" for number in range(BURST)]
    for address in addresses:
        mouth.announce(address, f"peer {address}")

    def known():
        return len(ece.peers())

    eventually(lambda: known() >= BURST - dropped_datagrams())
    peers = ece.peers()
    assert len(peers) == BURST - dropped_datagrams() > BURST / 10
    assert all(entry["username"] == f"peer {address}" for address, entry in peers.items())
    eventually(lambda: discovery.output.count(" is online (") == len(peers))


def test_2_2_0_B_identities_are_stored(ece, mouth):
    identity = Identity().text
    discovery = ece.discovery()
    mouth.announce("127.0.0.9", "Bob", identity=identity)
    discovery.wait_for("Bob is online")
    assert ece.peers()["127.0.0.9"]["identity"] == identity


@pytest.mark.parametrize("identity", [
    "", "hello", to_base64(bytes(range(31))), to_base64(bytes(range(33))), 7, None, ["x"],
    to_base64(bytes(range(32))).rstrip("="), to_base64(bytes(range(32))) + "\n",
])
def test_an_identity_that_is_none_is_ignored(ece, mouth, identity):
    discovery = ece.discovery()
    mouth.announce("127.0.0.9", "Bob", identity=identity)
    discovery.wait_for("Bob is online")
    assert "identity" not in ece.peers()["127.0.0.9"]


def test_2_2_0_B_the_file_has_one_peer_a_line_and_is_private(ece, mouth):
    discovery = ece.discovery()
    for number in range(5, 10):
        mouth.announce(f"127.0.0.{number}", f"peer {number}")
        discovery.wait_for(f"peer {number} is online")
    path = ece.path("peers.txt")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    lines = path.read_text(encoding="utf-8").splitlines()
    for number in range(5, 10):
        [line] = [line for line in lines if f'"peer {number}"' in line]
        assert re.fullmatch(rf'{{"peer": "127\.0\.0\.{number}", "last_seen": \d+\.\d{{3}}, '
                            rf'"username": "peer {number}"}}', line)


def test_2_2_0_B_the_dictionary_outlives_the_program(ece, mouth):
    discovery = ece.discovery()
    mouth.announce("127.0.0.8", "Bob")
    discovery.wait_for("Bob is online")
    discovery.stop()
    discovery = ece.discovery()
    mouth.announce("127.0.0.9", "Can")
    discovery.wait_for("Can is online")
    assert {entry["username"] for entry in ece.peers().values()} == {"Bob", "Can"}


def test_what_the_program_does_not_know_is_kept(ece, mouth):
    sections = {"self": {"username": "Ece", "age": 20}, "known": {"Bob": {"identity": "x"}},
                "rooms": ["attic"]}
    ece.write_peers({"127.0.0.9": peer("Bob", shoe=44)}, sections)
    discovery = ece.discovery()
    mouth.announce("127.0.0.8", "Can")
    mouth.announce("127.0.0.9", "Bobby")
    discovery.wait_for("Bobby")
    kept = ece.peers_file()
    assert kept["peers"]["127.0.0.9"]["shoe"] == 44
    assert {name: kept[name] for name in sections} == sections


def test_the_dictionary_holds_at_most_16384_peers(ece, mouth):
    """A newcomer displaces the peer that has been silent longest."""
    now = time.time()
    ece.write_peers({f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}":
                     {"username": "Can", "last_seen": round(now - 600 + number / 1000, 3)}
                     for number in range(PEERS_MAX)})
    discovery = ece.discovery()
    mouth.announce("127.0.0.9", "Bob")
    discovery.wait_for("Bob is online")
    peers = ece.peers()
    assert len(peers) == PEERS_MAX
    assert "127.0.0.9" in peers and "10.0.0.0" not in peers and "10.0.0.1" in peers


# 2.2.0-C: timestamps and new entries.


def test_2_2_0_C_a_known_address_has_its_timestamp_updated(ece, mouth):
    ece.write_peers({"127.0.0.8": peer("Can", 60), "127.0.0.9": peer("Bob", 60)})
    before = ece.peers()
    discovery = ece.discovery()
    heard = time.time()
    mouth.announce("127.0.0.9", "Bob")
    eventually(lambda: ece.peers()["127.0.0.9"]["last_seen"] >= heard - 0.01)
    assert ece.peers()["127.0.0.8"] == before["127.0.0.8"]
    assert "online" not in discovery.output


def test_2_2_0_C_an_unknown_address_is_added(ece, mouth):
    ece.write_peers({"127.0.0.8": peer("Can", 60)})
    discovery = ece.discovery()
    mouth.announce("127.0.0.9", "Bob")
    discovery.wait_for("Bob is online")
    assert set(ece.peers()) == {"127.0.0.8", "127.0.0.9"}


def test_2_2_0_C_one_name_at_two_addresses_is_two_entries(ece, mouth):
    discovery = ece.discovery()
    for address in ("127.0.0.8", "127.0.0.9"):
        mouth.announce(address, "Bob")
        discovery.wait_for(rf"Bob is online \({address}\)")
    assert [entry["username"] for entry in ece.peers().values()] == ["Bob", "Bob"]


# 2.2.0-D: the console.


def test_2_2_0_D_every_insertion_is_displayed_once(ece, mouth):
    discovery = ece.discovery()
    for _ in range(3):
        mouth.announce("127.0.0.9", "Ece")
    mouth.announce("127.0.0.8", "Can")
    discovery.wait_for(r"^Can is online \(127\.0\.0\.8\)$")
    assert discovery.lines.count("Ece is online (127.0.0.9)") == 1


def test_2_2_0_D_a_peer_silent_for_900_s_is_inserted_anew(ece, mouth):
    ece.write_peers({"127.0.0.8": peer("Can", 880), "127.0.0.9": peer("Bob", 901)})
    discovery = ece.discovery()
    mouth.announce("127.0.0.8", "Can")
    mouth.announce("127.0.0.9", "Bob")
    discovery.wait_for("Bob is online")
    assert "Can is online" not in discovery.output


def test_2_2_0_D_a_change_of_name_is_displayed(ece, mouth):
    discovery = ece.discovery()
    mouth.announce("127.0.0.2", "Ece")
    discovery.wait_for("Ece is online")
    mouth.announce("127.0.0.2", "Can")
    discovery.wait_for(r"^127\.0\.0\.2 is now Can \(was Ece\)$")
    assert ece.peers()["127.0.0.2"]["username"] == "Can"


def test_2_2_0_D_what_is_displayed_is_in_the_file(ece, mouth):
    """The line comes after peers.txt was written, so other programs know the peer by then."""
    discovery = ece.discovery()
    for number in range(20):
        mouth.announce(f"127.0.0.{number + 5}", f"peer {number}")
        discovery.wait_for(f"peer {number} is online")
        assert f"127.0.0.{number + 5}" in ece.peers()


def test_leaving_and_coming_back(ece, mouth):
    discovery = ece.discovery()
    mouth.announce("127.0.0.9", "Bob")
    discovery.wait_for("Bob is online")
    mouth.announce("127.0.0.9", "Bob", leaving=True)
    discovery.wait_for(r"^Bob left \(127\.0\.0\.9\)$")
    assert ece.peers()["127.0.0.9"]["left"] is True
    mouth.announce("127.0.0.9", "Bob")
    discovery.wait_for(r"^Bob is back \(127\.0\.0\.9\)$")
    assert "left" not in ece.peers()["127.0.0.9"]


@pytest.mark.parametrize("leaving", [False, None, 1, "true"])
def test_only_true_is_leaving(ece, mouth, leaving):
    discovery = ece.discovery()
    mouth.announce("127.0.0.9", "Bob", leaving=leaving)
    discovery.wait_for("Bob is online")
    assert "left" not in ece.peers()["127.0.0.9"]


# What is accepted, and what is not.


def padded(size):
    """An announcement of size bytes."""
    start, end = b'{"username": "Bob", "padding": "', b'"}'
    return start + b"x" * (size - len(start) - len(end)) + end


@pytest.mark.parametrize("data, name", [
    (b'{"username":"Bob"}', "Bob"),
    (b' \r\n\t{ "username" : "Bob" } \n', "Bob"),
    (b'{"ip": 7, "shoe": {"size": [44, null]}, "username": "Bob"}', "Bob"),
    (b'{"username": "  Bob\\t"}', "Bob"),
    (b'{"username": "\\u00c7a\\u011fla \\ud83d\\ude00"}', "Çağla \U0001f600"),
    ('{"username": "Çağla"}'.encode(), "Çağla"),
    (b'{"username": "' + b"a" * 64 + b'"}', "a" * 64),
    (padded(1400), "Bob"),
])
def test_every_announcement_within_the_rules_is_accepted(ece, mouth, data, name):
    discovery = ece.discovery()
    mouth.send("127.0.0.9", data)
    discovery.wait_for(re.escape(f"{name} is online (127.0.0.9)"))
    assert ece.peers()["127.0.0.9"]["username"] == name


MALFORMED = [
    b"", b" ", b"x", b"hello", b"\0", b"null", b"7", b'"Bob"', b'["username", "Bob"]', b"{}", b"{",
    b'{"username": "Bob"', b'{"username": "Bob"}}', b'{"username": "Bob"}{"username": "Bob"}',
    b'{"username": "Bob"} x', b'{"Username": "Bob"}', b'{"username": 7}', b'{"username": null}',
    b'{"username": ["Bob"]}', b'{"username": {"username": "Bob"}}', b'{"username": ""}',
    b'{"username": "   "}', b'{"username": "' + b"a" * 65 + b'"}', b'{"username": "\xff\xfe"}',
    b'{"username": "\xed\xa0\x80"}', b'{"username": "\xc0\x80"}', b'{"username": "\\ud800"}',
    b'{"username": "\\u0000"}', b'{"username": "a\\u0000b"}', b'{"username": "\\u001b[31mBob"}',
    b'{"username": "\x1b[31mBob"}', b'{"username": "a\\nb"}', b'{"username": "a\\u007fb"}',
    b'{"username": "a\\u0085b"}', b'{"username": "\\u0301Bob"}', b"{'username': 'Bob'}", b'{"username": "Bob",}',
    padded(1401), padded(60_000),
    b"[" * 1400, b'{"a":' * 280, b'{"username": "Bob", "x": ' + b"[" * 600 + b"]" * 601 + b"}",
    "{“username”: “Bob”}".encode(), '{"username": "Bob"}'.encode("utf-16"),
]


def test_malformed_announcements_change_nothing(ece, mouth):
    discovery = ece.discovery()
    mouth.announce("127.0.0.8", "Can")
    discovery.wait_for("Can is online")
    before = ece.peers()
    for number, data in enumerate(MALFORMED):
        mouth.send(f"127.2.0.{number + 1}", data)
    mouth.announce("127.0.0.9", "Ece")
    discovery.wait_for("Ece is online")
    assert "Bob" not in discovery.output
    after = ece.peers()
    assert after.pop("127.0.0.9")["username"] == "Ece"
    assert after == before


def test_a_malformed_announcement_is_mentioned_with_its_sender(ece, mouth):
    discovery = ece.discovery()
    mouth.send("127.0.0.9", b"nonsense")
    discovery.wait_for(r"^refused.*127\.0\.0\.9")


@pytest.mark.parametrize("said_before", [False, True])
def test_source_port_0_is_refused(ece, mouth, said_before):
    discovery = ece.discovery()
    data = b'{"username": "Bob"}'
    if said_before:
        mouth.send("127.0.0.9", data)
        discovery.wait_for("Bob is online")
    before = ece.peers()
    header = struct.pack("!HHHH", 0, PRESENCE_PORT, 8 + len(data), 0)
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP) as raw:
        raw.bind(("127.0.0.9", 0))
        raw.sendto(header + data, ("127.0.0.1", 0))
    discovery.wait_for(r"^refused.*127\.0\.0\.9")
    assert ece.peers() == before


def test_malformed_announcements_are_mentioned_once_a_minute(ece, mouth):
    discovery = ece.discovery()
    for _ in range(100):
        mouth.send("127.0.0.8", b"nonsense")
    mouth.announce("127.0.0.7", "Bob")
    discovery.wait_for("Bob is online")
    assert ["127.0.0.8" in line for line in refusals(discovery)] == [True]


def test_a_stranger_who_only_leaves_is_not_inserted(ece, mouth):
    discovery = ece.discovery()
    mouth.announce("127.0.0.8", "Can", leaving=True)
    mouth.announce("127.0.0.9", "Bob")
    discovery.wait_for("Bob is online")
    assert "Can" not in discovery.output
    assert list(ece.peers()) == ["127.0.0.9"]


def test_names_reach_the_screen_without_direction_marks(ece, mouth):
    discovery = ece.discovery()
    mouth.announce("127.0.0.9", "Bob\u202eevil\u2066\u200b\u2028")
    discovery.wait_for(r"Bob<U\+202E>evil<U\+2066>")
    for code_point in "\u202e\u2066\u200b\u2028":
        assert code_point.encode() not in discovery.raw


def test_a_name_cannot_pass_for_another_address(ece, mouth):
    """What could be taken for our own words is quoted; the address that was heard ends the line."""
    discovery = ece.discovery()
    mouth.announce("127.0.0.9", "Bob (127.0.0.3)")
    discovery.wait_for(r'^"Bob \(127\.0\.0\.3\)" is online \(127\.0\.0\.9\)$')


def test_json_in_the_file_is_what_any_parser_reads(ece, mouth):
    discovery = ece.discovery()
    mouth.announce("127.0.0.9", 'a"b\\c/d\u2028é')
    discovery.wait_for("is online")
    assert json.loads(ece.path("peers.txt").read_bytes())["username"] == 'a"b\\c/d\u2028é'
