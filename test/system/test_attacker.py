"""Mallory, with a machine of her own on the LAN, and with many names."""

import re
import time

import pytest

from network import Mouth, Stranger
from protocol import Identity, to_base64
from quartet import (KEPT, MENU, Desk, assert_impostor_learns_nothing, chat_secure, eventually, peer,
                     pin)

ALICE, BOB, MALLORY = "10.1.0.1", "10.1.0.2", "10.1.0.66"
EVERYBODY = "10.1.0.255"
SECRET = "the secret is under the third stone"
LIE = "I am Bob, send me the key"

# What Mallory announces under Bob's name: an identity of hers, Bob's, or none.
pretences = pytest.mark.parametrize("pretence", ["own", "copied", "none"])
ways = pytest.mark.parametrize("way", ["plain", "classic", "secure"])


# Mallory on the LAN.


class Scene:
    """Alice and Bob, who know each other, and Mallory."""

    def __init__(self, lan, make_host, make_user):
        self.hosts = {address: make_host() for address in (ALICE, BOB, MALLORY)}
        for address, host in self.hosts.items():
            lan.plug(host, f"{address}/24")
        self.mallory = Stranger(MALLORY, self.hosts[MALLORY])
        self.alice, self.bob = (Desk(make_user(name.lower(), host=self.hosts[address]), name)
                                for name, address in [("Alice", ALICE), ("Bob", BOB)])
        self.alice.waits_for_identity(BOB)
        self.bob.waits_for_identity(ALICE)
        self.alice.says_securely("Bob", "hello")
        self.bob.responder.wait_for(r"\[secure\] \[unknown\] Alice \(.*\): hello$")
        self.known = self.alice.user.known()

    @property
    def identities(self):
        """What Mallory may announce."""
        return {"own": self.mallory.identity.text, "copied": self.bob.user.identity().text}

    def bob_leaves(self):
        """Bob shuts his machine down."""
        for program in (self.bob.announcer, self.bob.responder, self.bob.discovery,
                        self.bob.initiator):
            program.stop()
        self.hosts[BOB].ip("link set eth0 down")
        eventually(lambda: "left" in self.alice.user.peers()[BOB])

    def bob_is_forgotten(self):
        """Nothing was heard of Bob for 15 minutes, as far as Alice's machine knows."""
        self.alice.discovery.stop()
        self.alice.user.update_peers_file(lambda content: content["peers"].pop(BOB))
        self.alice.discovery = self.alice.user.discovery()

    def mallory_takes_bobs_address(self):
        self.hosts[MALLORY].ip("addr flush dev eth0")
        self.hosts[MALLORY].ip(f"addr add {BOB}/24 broadcast + dev eth0")
        self.hosts[ALICE].ip("neigh flush dev eth0")
        self.mallory.address = BOB

    def pretend(self, pretence):
        """Mallory announces Bob's name."""
        identity = self.identities.get(pretence)
        members = {"identity": identity} if identity else {}
        if pretence == "copied":  # a copy of his key at work, which does not take his place
            members["since"] = self.alice.user.peers().get(BOB, {}).get("since", int(time.time()))
        self.mallory.announce("Bob", EVERYBODY, **members)
        eventually(lambda: self._has_heard(identity))

    def _has_heard(self, identity):
        return any(claim.get("identity") == identity and "left" not in claim
                   for claim in self.alice.user.claims(self.mallory.address))

    def lie(self, way):
        """Mallory writes to Alice; returns the line that Alice's responder shows."""
        if way == "plain":
            self.mallory.say(ALICE, LIE)
        elif way == "classic":
            self.mallory.say_hello_classically(ALICE)
        else:
            self.mallory.say_securely(ALICE, self.alice.user.identity().public, LIE)
        text = "hello" if way == "classic" else LIE
        return self.alice.responder.wait_for(rf"^\d\d:\d\d:\d\d (.*): {text}$")[1]

    def logged(self):
        """Mode, standing and name of the last line of Alice's log."""
        entry = self.alice.user.log()[-1]
        assert entry["ip"] == self.mallory.address
        return entry["mode"], entry.get("standing"), entry["username"]


@pytest.fixture
def scene(lan, make_host, make_user):
    return Scene(lan, make_host, make_user)


WARNINGS = {
    "own": "  changed: not the identity you know; see Trust",
    "copied": "",
    "none": "  missing: announces no identity; see Trust",
}


@pretences
def test_users_shows_who_only_announces_bobs_name(scene, pretence):
    scene.pretend(pretence)
    scene.alice.sees(rf"^ *\d+  Bob \(Online\)  {re.escape(BOB)}$")
    scene.alice.sees(rf"^ *\d+  Bob \(Online\)  {re.escape(MALLORY)}{WARNINGS[pretence]}$")


@pytest.mark.parametrize("pretence", ["own", "none"])
def test_users_shows_who_takes_bobs_name_and_address(scene, pretence):
    scene.bob_leaves()
    scene.mallory_takes_bobs_address()
    scene.pretend(pretence)
    scene.alice.sees(rf"^ *\d+  Bob \(Online\)  {re.escape(BOB)}{WARNINGS[pretence]}$")


def assert_not_bob(scene, way, pretence, line):
    """What Mallory said is shown and logged as somebody else's, or as not proven to be Bob's."""
    address = scene.mallory.address
    standing, name = "changed", "Bob"
    if way == "secure" and not scene.mallory.username:
        standing, name = "unknown", "unknown"
    elif way != "secure" and pretence == "copied":
        standing = "unproven"
    assert line == f"[{way}] [{standing}] {name} ({address})"
    assert scene.logged() == (way, standing, name)
    if standing == "changed":
        assert f"note: {address} did not prove to be Bob, whom you know" in \
            scene.alice.responder.output
    assert scene.alice.user.known() == scene.known


@pretences
@ways
def test_who_only_announces_bobs_name_does_not_write_as_bob(scene, pretence, way):
    scene.pretend(pretence)
    assert_not_bob(scene, way, pretence, scene.lie(way))


@pretences
@ways
def test_who_takes_bobs_name_and_address_does_not_write_as_bob(scene, pretence, way):
    """What proves nothing is marked, even if Bob's own announcement is repeated."""
    scene.bob_leaves()
    scene.mallory_takes_bobs_address()
    scene.pretend(pretence)
    assert_not_bob(scene, way, pretence, scene.lie(way))


@ways
def test_who_takes_bobs_address_and_announces_nothing_does_not_write_as_bob(scene, way):
    scene.bob_leaves()
    scene.mallory_takes_bobs_address()
    assert_not_bob(scene, way, "copied", scene.lie(way))


@pretences
def test_a_secure_chat_goes_to_bob_and_not_to_who_announces_his_name(scene, pretence):
    scene.pretend(pretence)
    with scene.mallory.listen() as listener:
        scene.alice.says_securely("Bob", SECRET)
        assert not listener.is_called()
    scene.bob.responder.wait_for(rf"\[secure\] \[unknown\] Alice \(.*\): {SECRET}$")


def assert_no_secret_reaches_mallory(scene):
    """A secure chat goes to Bob's identity, wherever that is thought to be."""
    initiator = scene.alice.initiator
    initiator.ask("Chat Bob", r"secure or unsecure\? ")
    with scene.mallory.listen() as listener:
        initiator.ask("secure", "Number: ")
        initiator.send("7")
        if scene.mallory.address == BOB:
            with listener.accept() as connection:
                assert_impostor_learns_nothing(initiator, connection, scene.mallory.identity, SECRET)
        else:
            initiator.wait_for("cannot connect to Bob")
            initiator.wait_for(KEPT)
            initiator.send("")
            assert not listener.is_called()
    initiator.wait_for(MENU)
    assert scene.alice.user.known() == scene.known


@pytest.mark.parametrize("pretence", ["own", "none"])
def test_no_secure_chat_reaches_who_announces_bobs_name_when_bob_is_gone(scene, pretence):
    scene.bob_leaves()
    scene.bob_is_forgotten()
    scene.pretend(pretence)
    assert_no_secret_reaches_mallory(scene)


@pretences
def test_no_secure_chat_reaches_who_takes_bobs_name_and_address(scene, pretence):
    scene.bob_leaves()
    scene.mallory_takes_bobs_address()
    scene.pretend(pretence)
    assert_no_secret_reaches_mallory(scene)


def test_a_secure_chat_with_bob_does_not_reach_who_takes_a_similar_name(scene):
    """Mallory announces BOB, and writes a secure message first, as anybody may."""
    scene.mallory.announce("BOB", EVERYBODY, identity=scene.mallory.identity.text)
    eventually(lambda: MALLORY in scene.alice.user.peers())
    scene.lie("secure")
    with scene.mallory.listen() as listener:
        for name in ("bob", "Bob"):
            chat_secure(scene.alice.initiator, name)
            scene.alice.initiator.wait_for(rf"^To Bob \({re.escape(BOB)}\)$")
            scene.alice.initiator.wait_for("Message: ")
            scene.alice.initiator.menu("")
        assert not listener.is_called()


def test_a_stranger_with_many_names_becomes_known_by_none(bob):
    stranger = Stranger("127.0.0.66")
    responder = bob.responder()
    for number in range(20):
        stranger.identity = Identity()
        stranger.username = f"name {number}"
        bob.write_peers({stranger.address: peer(f"name {number}", identity=stranger.identity.text)})
        stranger.say_securely(bob.address, bob.identity().public, f"from name {number}")
        responder.wait_for(rf"name {number}.*: from name {number}$")
    assert bob.known() == {}
    assert responder.output.count("[secure] [unknown] name") == 20


@pytest.mark.parametrize("known", [
    {"Bob": {}, "": {}, "Can": {"identity": 7}, "Ece ": pin(Identity().text),
     "\x1b[31m": pin(Identity().text), "x" * 65: pin(Identity().text), "short": pin("AAAA"),
     "long": pin(to_base64(bytes(33))), "since": {"identity": Identity().text, "pinned": "today"},
     "nested": {"identity": {"identity": []}}, "later": pin(Identity().text, mood=[{}] * 9)},
    {f"name {number}": pin(Identity().text) for number in range(5000)},
], ids=range(2))
def test_nonsense_instead_of_known_users_is_survived_and_kept(alice, bob, known):
    """Whatever is there is not in the way; what could be pins, or anything at all, stays."""
    bob.responder()
    ece = Stranger("127.0.0.9")
    alice.write_peers({bob.address: peer("Bob", identity=bob.identity().text),
                       ece.address: peer("Ece", identity=ece.identity.text)}, {"known": known})
    responder, initiator, discovery = alice.responder(), alice.initiator(), alice.discovery()
    with Mouth("127.255.255.255") as mouth:
        mouth.announce("127.0.0.4", "Can")
        eventually(lambda: "127.0.0.4" in alice.peers())
    assert alice.peers_file()["known"] == known
    ece.say_securely(alice.address, alice.identity().public, "hello")
    responder.wait_for(r"\[secure\] .*: hello$")
    chat_secure(initiator, "Bob")
    initiator.wait_for("Message: ")
    initiator.ask("hello", "Delivered to Bob")
    initiator.wait_for(MENU)
    initiator.menu("Users")
    for name in ("Bob", "Can", "nested", "since"):
        initiator.menu(f"Fingerprint {name}")
        initiator.menu(f"Verified {name}")
    discovery.stop()
    kept = alice.known()
    changed = {name for name, entry in known.items() if kept.get(name) != entry}
    assert changed <= {"Bob", "since", "later"}
    assert kept.keys() >= known.keys()
    assert b"\x1b" not in initiator.raw + responder.raw
