"""Reach: users in different networks, and networks that come and go between two announcements."""

import pytest
from network import Ear
from protocol import Identity
from quartet import eventually, peer, pin

NEVER = "3600"  # seconds: who announces this often does it at the start, and for a reason


@pytest.fixture
def router(lan, make_lan, make_host):
    """Two LANs and what forwards between them; plug(host, n, address) gives a host one and the way to the other."""
    other, router = make_lan(), make_host()
    lans = {1: lan, 2: other}
    for number, each in lans.items():
        each.plug(router, f"10.{number}.0.254/24", f"eth{number}")
    with router, open("/proc/sys/net/ipv4/ip_forward", "w", encoding="ascii") as forward:
        forward.write("1")

    def plug(host, number, last):
        lans[number].plug(host, f"10.{number}.0.{last}/24")
        host.ip(f"route add default via 10.{number}.0.254")

    plug.host = router
    return plug


@pytest.fixture
def alice_and_bob(router, make_host, make_user):
    """Each with discovery and responder, in networks of their own, with a router between them."""
    users = []
    for number, name in ((1, "alice"), (2, "bob")):
        host = make_host()
        router(host, number, 1)
        user = make_user(name, host=host)
        user.discovery()
        user.responder()
        users.append(user)
    return users


def names(user):
    return {entry["username"] for entry in user.peers().values()}


def test_one_who_knows_an_address_is_enough_for_both_to_meet(alice_and_bob):
    alice, bob = alice_and_bob
    bob.announcer("-u", "Bob", "-i", "1")
    announcer = alice.announcer("-u", "Alice", "-i", NEVER)
    alice.run("initiator", "reach", "10.2.0.1")
    announcer.wait_for(r"Announcing from 10\.1\.0\.1 to 10\.2\.0\.1\n")
    eventually(lambda: "Alice" in names(bob))
    eventually(lambda: "Bob" in names(alice))
    alice.run("initiator", "send", "Bob", "from afar")
    bob.run("initiator", "send", "Alice", "from afar as well")
    assert [alice.logged_texts_of("RECEIVED"), bob.logged_texts_of("RECEIVED")] == [
        ["from afar as well"], ["from afar"]]
    assert alice.run("initiator", "reach").output == "10.2.0.1\n"


def test_who_is_reached_no_more_hears_no_more(alice_and_bob):
    alice, bob = alice_and_bob
    alice.run("initiator", "reach", "10.2.0.1")
    announcer = alice.announcer("-u", "Alice", "-i", "1")
    eventually(lambda: "Alice" in names(bob))
    alice.run("initiator", "unreach", "10.2.0.1")
    eventually(lambda: "(Away)" in bob.run("initiator", "users").output)
    announcer.stop()


def test_who_announces_from_a_private_address_elsewhere_is_answered(router, make_host, make_user):
    """Whoever signs, that is; what is public, unsigned or in the own network gets no datagram of its own."""
    host, far, near = make_host(), make_host(), make_host()
    router(host, 1, 1)
    router(far, 2, 1)
    router(near, 1, 2)
    far.ip("addr add 10.2.0.3/24 dev eth0")
    far.ip("addr add 10.2.0.4/24 dev eth0")
    alice = make_user("alice", host=host)
    alice.write_peers({
        "10.2.0.3": peer("Bob", identity=Identity().text, since=1),
        "10.2.0.4": peer("Can"),
        "10.1.0.2": peer("Ece", identity=Identity().text, since=1),
        "198.51.100.7": peer("Mallory", identity=Identity().text, since=1),
    })
    with far, Ear() as far_ear:
        with near, Ear() as near_ear:
            announcer = alice.announcer("-u", "Alice", "-i", "1")
            assert [near_ear.hear().destination for _ in range(3)] == ["10.1.0.255"] * 3
            assert {far_ear.hear().destination for _ in range(2)} == {"10.2.0.3"}
    assert "198.51.100.7" not in announcer.output and "10.2.0" not in announcer.output


def test_who_is_known_is_answered_at_a_public_address_as_well(router, make_host, make_user):
    host, far = make_host(), make_host()
    router(host, 1, 1)
    router(far, 2, 1)
    far.ip("addr add 198.51.100.7/32 dev lo")
    router.host.ip("route add 198.51.100.7 via 10.2.0.1")
    alice, bob = make_user("alice", host=host), Identity().text
    alice.write_peers({"198.51.100.7": peer("Bob", seconds_ago=600, identity=bob, since=1)},
                      {"known": {"Bob": pin(bob)}})
    with far, Ear() as ear:
        alice.announcer("-u", "Alice", "-i", "1")
        assert ear.hear().destination == "198.51.100.7"


def test_a_network_that_comes_is_announced_from_at_once(lan, make_lan, make_host, make_user):
    """And one whose address changes. Who announces once an hour would not do so by itself."""
    host, near, far = make_host(), make_host(), make_host()
    other_lan = make_lan()
    lan.plug(host, "10.1.0.1/24", "eth0")
    lan.plug(near, "10.1.0.2/24")
    other_lan.plug(far, "10.2.0.2/24")
    with near, Ear() as near_ear:
        with far, Ear() as far_ear:
            make_user("ece", host=host).announcer("-u", "Ece", "-i", NEVER)
            assert near_ear.hear().source == "10.1.0.1"
            other_lan.plug(host, "10.2.0.1/24", "eth1")
            assert far_ear.hear().source == "10.2.0.1"
            host.ip("addr del 10.1.0.1/24 dev eth0")
            host.ip("addr add 10.1.0.8/24 broadcast + dev eth0")
            near_ear.hear_until(lambda heard: heard.source == "10.1.0.8")


@pytest.mark.parametrize("typed", ["10.2.0", "0.0.0.0", "255.255.255.255", "224.0.0.1", "bob", "10.2.0.1 10.2.0.2"])
def test_what_is_no_address_of_a_host_is_not_reached(alice, typed):
    alice.is_called("Alice")
    alice.run("initiator", "reach", typed, status=1)
    alice.run("initiator", "unreach", "10.2.0.1", status=1)
    assert alice.run("initiator", "reach").output == ""
