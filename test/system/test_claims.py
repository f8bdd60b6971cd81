"""Claims: what is said of an address in the name of one changes nothing of another's."""

import json
import os
import re
import time

import pytest

from network import dropped_datagrams
from protocol import Identity, sign_announcement, to_base64
from quartet import eventually, peer, pin

BOB, CAN = "127.0.0.3", "127.0.0.4"
SINCE = 1763625600


@pytest.fixture
def discovery(ece):
    return ece.discovery()


@pytest.fixture
def bob(ece, discovery, mouth):
    """Bob, heard by Ece just now."""
    identity = Identity()
    mouth.announce(BOB, "Bob", identity=identity.text, since=SINCE)
    discovery.wait_for(r"^Bob is online \(127\.0\.0\.3\)$")
    assert ece.claims(BOB)[0]["identity"] == identity.text
    return identity


def forged(identity, text, **changes):
    """What is signed as one thing and says another."""
    datagram = sign_announcement(identity, "Bob", BOB, SINCE + 1, **changes)
    assert text[0] in datagram
    return datagram.replace(*text)


def settle(discovery, mouth, name="Zeynep"):
    """Waits until everything sent before has been taken in, and is in the file."""
    mouth.announce(f"127.0.99.{sum(name.encode()) % 250 + 1}", name)
    discovery.wait_for(f"{name} is online")


SPOOFED = {
    "a name": lambda: b'{"username": "Zoe"}',
    "his name": lambda: b'{"username": "Bob"}',
    "leaving": lambda: b'{"username": "Bob", "leaving": true}',
    "an identity that is not signed": lambda: b'{"username": "Bob", "identity": "%s"}'
                                              % Identity().text.encode(),
    "a foreign identity": lambda: sign_announcement(Identity(), "Bob", BOB, SINCE + 9),
    "a foreign identity that leaves": lambda: sign_announcement(Identity(), "Bob", BOB, SINCE + 9,
                                                                leaving=True),
}


@pytest.mark.parametrize("spoof", SPOOFED.values(), ids=SPOOFED)
def test_nobody_is_displaced(ece, discovery, mouth, bob, spoof):
    """One spoofed datagram after each announcement; he stays who he is, and online."""
    initiator = ece.initiator()
    for number in range(4):
        mouth.send(BOB, spoof())
        mouth.announce(BOB, "Bob", identity=bob.text, since=SINCE)
        mouth.send(BOB, spoof())
        settle(discovery, mouth, f"Zeynep {number}")
        best = ece.claims(BOB)[0]
        assert (best["username"], best["identity"]) == ("Bob", bob.text)
        assert "left" not in best
        assert re.search(r"^ *\d+  Bob \(Online\)  127\.0\.0\.3$", initiator.menu("Users"), re.MULTILINE)
    assert "Bob left" not in discovery.output


def test_his_name_in_another_case_does_not_hide_him(ece, discovery, mouth, bob):
    mouth.send(BOB, b'{"username": "bob"}')
    settle(discovery, mouth)
    told = ece.run("initiator", text="Chat bob\nunsecure\nhello\n", status=3).output
    assert re.search(r"^Several may be meant:\n 1  Bob \(Online\)  127\.0\.0\.3\n 2  bob", told, re.MULTILINE)


WRONG = {
    "another name": lambda bob: forged(bob, (b'"Bob"', b'"Zoe"')),
    "leaving": lambda bob: forged(bob, (b'"since"', b'"leaving": true, "since"')),
    "a newer since": lambda bob: forged(bob, (str(SINCE + 1).encode(), str(SINCE + 9).encode())),
    "no signature at all": lambda bob: forged(bob, (b'"signature": "', b'"signature": "AAAA')),
    "zeros": lambda bob: b'{"username": "Zoe", "ip": "127.0.0.3", "identity": "%s", "since": %d, '
                         b'"signature": "%s"}' % (bob.text.encode(), SINCE + 9,
                                                  to_base64(bytes(64)).encode()),
    "signed by another": lambda bob: sign_announcement(Identity(), "Zoe", BOB, SINCE + 9).replace(
        b'"identity": "', b'"identity": "%s", "x": "' % bob.text.encode()),
    "an older since": lambda bob: sign_announcement(bob, "Zoe", BOB, SINCE - 1),
    "an older leaving": lambda bob: sign_announcement(bob, "Bob", BOB, SINCE - 1, leaving=True),
    "another's ip": lambda bob: sign_announcement(bob, "Zoe", CAN, SINCE + 9),
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_what_is_wrong_changes_nothing_and_is_told_once(ece, discovery, mouth, bob, wrong):
    before = ece.claims(BOB)
    for _ in range(20):
        mouth.send(BOB, wrong(bob))
    settle(discovery, mouth)
    assert ece.claims(BOB) == before
    refused = [line for line in discovery.lines if line.startswith("refused")]
    assert len(refused) == 1 and BOB in refused[0]


def test_what_somebody_else_repeats_from_elsewhere_changes_nothing(ece, discovery, mouth, bob):
    mouth.send(CAN, sign_announcement(bob, "Bob", BOB, SINCE))
    settle(discovery, mouth)
    assert CAN not in ece.peers()


def test_two_users_behind_one_address_are_both_there(ece, discovery, mouth, bob):
    can = Identity()
    mouth.announce(BOB, "Can", identity=can.text, since=SINCE)
    discovery.wait_for("Can is online")
    assert [claim["identity"] for claim in ece.claims(BOB)] == [bob.text, can.text]
    users = ece.initiator().menu("Users")
    assert "Bob (Online)  127.0.0.3" in users and "Can (Online)  127.0.0.3" in users


def test_the_best_claim_stands_first(ece, mouth):
    can = Identity()
    ece.update_peers_file(lambda content: content["known"].update(Can=pin(can.text)))
    discovery = ece.discovery()
    mouth.announce(BOB, "Zoe")
    mouth.announce(BOB, "Bob", identity=Identity().text)
    settle(discovery, mouth)
    assert [claim["username"] for claim in ece.claims(BOB)] == ["Bob", "Zoe"]
    mouth.announce(BOB, "Can", identity=can.text)
    discovery.wait_for("Can is online")
    assert [claim["username"] for claim in ece.claims(BOB)] == ["Can", "Zoe", "Bob"]


def room(name="lab", first=1, **changes):
    return {"id": to_base64(bytes([first] + 15 * [0])), "name": name, "members": 2, "capacity": 50, "entry": "open",
            **changes}


def test_rooms_that_others_announce_are_kept_but_nothing_that_harms(ece, discovery, mouth, bob):
    mouth.send(BOB, sign_announcement(bob, "Bob", BOB, SINCE + 1, rooms=[room(), room("yard", 2, entry="password")]))
    settle(discovery, mouth)
    assert ece.claims(BOB)[0]["rooms"] == [room(), room("yard", 2, entry="password")]
    hostile = ["lab", room(first=3, members=999), room(first=4, entry="trap"), room("\x1b[2J", 5), room(33 * "x", 6),
               room("shed", 7), room("shed again", 7)]
    mouth.send(BOB, sign_announcement(bob, "Bob", BOB, SINCE + 2, rooms=hostile))
    settle(discovery, mouth, "Yusuf")
    assert ece.claims(BOB)[0]["rooms"] == [room("shed", 7)]
    # Who does not sign is in no room, and who announces none any more has none.
    mouth.send(CAN, json.dumps({"username": "Can", "ip": CAN, "rooms": [room()]}).encode())
    mouth.send(BOB, sign_announcement(bob, "Bob", BOB, SINCE + 3))
    settle(discovery, mouth, "Xenia")
    assert "rooms" not in ece.claims(CAN)[0] and "rooms" not in ece.claims(BOB)[0]


def test_a_newer_announcement_takes_the_place_of_older_ones(ece, discovery, mouth, bob):
    mouth.announce(CAN, "Bob", identity=bob.text, since=SINCE)
    discovery.wait_for(r"Bob is online \(127\.0\.0\.4\)")
    mouth.announce(CAN, "Bob", identity=bob.text, since=SINCE + 1)
    mouth.announce("127.0.0.5", "Bob", identity=bob.text, since=SINCE + 1)
    discovery.wait_for(r"Bob is online \(127\.0\.0\.5\)")
    users = ece.initiator().menu("Users")
    assert BOB not in users and CAN in users and "127.0.0.5" in users


def test_invented_addresses_do_not_push_out_who_signs_or_is_known(ece, mouth):
    known, signer = Identity(), Identity()
    ece.write_peers({BOB: peer("Bob", 300, identity=known.text, since=SINCE)},
                    {"known": {"Bob": pin(known.text)}})
    discovery = ece.discovery()
    mouth.announce(CAN, "Can", identity=signer.text)
    discovery.wait_for("Can is online")
    for number in range(140_000):
        mouth.send(f"127.{16 + (number >> 16)}.{number >> 8 & 255}.{number & 255}",
                   b'{"username": "Mallory"}')
    assert dropped_datagrams() < 120_000
    discovery.stop()
    peers = ece.peers()
    assert peers[BOB]["identity"] == known.text and peers[CAN]["identity"] == signer.text
    assert len(peers) <= 16_384


# How much is written.


def written(program):
    """How many bytes the program has written to files so far."""
    with open(f"/proc/{program.pid}/io", encoding="ascii") as text:
        return int(re.search(r"wchar: (\d+)", text.read())[1]) - len(program.raw)


def test_a_refreshed_time_costs_less_than_64_bytes(ece, discovery, mouth):
    names = [f"peer {number}" for number in range(20)]
    addresses = [f"127.0.1.{number + 1}" for number in range(20)]
    for address, name in zip(addresses, names):
        mouth.announce(address, name)
        discovery.wait_for(f"{name} is online")
    before, file = written(discovery), os.stat(ece.path("peers.txt"))
    for _ in range(3):
        heard = time.time()
        for address, name in zip(addresses, names):
            mouth.announce(address, name)
        eventually(lambda: all(ece.peers()[address]["last_seen"] >= heard - 0.01
                               for address in addresses))
    assert 0 < written(discovery) - before <= 60 * 64
    after = os.stat(ece.path("peers.txt"))
    assert (after.st_ino, after.st_size) == (file.st_ino, file.st_size)


def test_invented_addresses_write_at_most_a_megabyte_a_second(ece, discovery, mouth):
    before, began = written(discovery), time.monotonic()
    number = 0
    while time.monotonic() < began + 8:
        for _ in range(100):
            number += 1
            mouth.send(f"127.{16 + (number >> 16)}.{number >> 8 & 255}.{number & 255}",
                       b'{"username": "%064d"}' % number)
    assert written(discovery) - before <= 1_000_000 * (time.monotonic() - began)
