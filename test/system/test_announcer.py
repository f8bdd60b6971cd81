"""The announcer: specification 2.1.0, and section 1 of the protocol."""

import hashlib
import json
import os
import signal
import stat
import time

import pytest

from network import Ear, Mouth
from protocol import Identity, from_base64, sign_announcement, to_base64
from quartet import eventually, peer, pin


def members_of(data):
    return json.loads(data)


def members(heard):
    return members_of(heard.data)


# 2.1.0-A: the name.


def test_2_1_0_A_asks_for_the_username_and_stores_it(alice):
    announcer = alice.announcer()
    assert announcer.output.rstrip("\n").endswith("Username: ")
    announcer.ask("Alice", "Announcing")
    assert alice.peers_file()["self"]["username"] == "Alice"


@pytest.mark.parametrize("answer, name", [("", "Alice"), ("Carla", "Carla")])
def test_2_1_0_A_offers_the_stored_name_again(alice, answer, name):
    alice.announcer("-u", "Alice").stop()
    announcer = alice.announcer()
    announcer_said = announcer.output
    assert "Alice" in announcer_said and "Announcing" not in announcer_said
    announcer.ask(answer, "Announcing")
    assert alice.peers_file()["self"]["username"] == name


def test_2_1_0_A_stores_the_name_given_as_an_option(alice):
    announcer = alice.announcer("-u", "Alice")
    assert "Username:" not in announcer.output
    assert alice.peers_file()["self"]["username"] == "Alice"


@pytest.mark.parametrize("name, rule", [
    (b"", "username has at least"),
    (b"   ", "username has at least"),
    (b"a" * 65, "64 bytes"),
    ("ş".encode() * 33, "64 bytes"),
    (b"\x1b[31mred", "control"),
    (b"a\x7fb", "control"),
    ("a\u0085b".encode(), "control"),
    (b"\xff\xfe", "UTF-8"),
    (b"\xed\xa0\x80", "UTF-8"),
], ids=range(9))
def test_2_1_0_A_refuses_a_bad_name_with_the_rule_and_asks_again(alice, name, rule):
    with Ear("127.255.255.255") as ear:
        announcer = alice.announcer()
        announcer.send_bytes(name + b"\n")
        announcer.wait_for(rule)
        announcer.wait_for("Username: ")
        announcer.ask("Alice", "Announcing")
        assert members(ear.hear())["username"] == "Alice"
    assert b"\x1b" not in announcer.raw


@pytest.mark.parametrize("typed, name", [
    ("a" * 64, "a" * 64), ("ş" * 32, "ş" * 32), ("  Ece \t", "Ece"), ("Ece, Bob", "Ece, Bob"),
    ('"\\', '"\\'),
], ids=range(5))
def test_2_1_0_A_takes_every_name_within_the_rules(alice, typed, name):
    with Ear("127.255.255.255") as ear:
        announcer = alice.announcer()
        announcer.ask(typed, "Announcing")
        assert members(ear.hear())["username"] == name
    assert alice.peers_file()["self"]["username"] == name


TAKEN = r"(?i)bob is taken: "


def signed_by_another(seconds_ago=0.0, **members):
    """Somebody who was heard under the name Bob, with an identity that is not one's own."""
    return peer("Bob", seconds_ago, identity=Identity(b"m" * 32).text, since=1763625600, **members)


@pytest.mark.parametrize("name", ["Bob", "bob"])
def test_a_name_that_somebody_signs_is_taken_and_another_is_asked_for(alice, name):
    alice.write_peers({"127.0.0.3": signed_by_another()})
    announcer = alice.announcer()
    announcer.ask(name, TAKEN + "it is announced from 127.0.0.3")
    announcer.wait_for("Username: ")
    announcer.ask("Robert", "Announcing")
    assert alice.peers_file()["self"]["username"] == "Robert"


def test_a_name_that_is_pinned_is_taken(alice):
    alice.pin(Bob=pin(Identity(b"m" * 32).text))
    announcer = alice.announcer()
    announcer.ask("Bob", TAKEN + "you know somebody by that name")
    announcer.ask("Robert", "Announcing")


def test_a_name_is_free_that_nobody_signs_now(alice):
    alice.write_peers({"127.0.0.3": signed_by_another(11), "127.0.0.4": signed_by_another(left=True),
                       "127.0.0.5": peer("Bob")})
    alice.announcer("-u", "Bob")


def test_ones_own_name_stays_ones_own(alice):
    alice.is_called("Bob")
    alice.write_peers({"127.0.0.3": signed_by_another()})
    alice.announcer("-u", "Bob").stop()
    alice.announcer().ask("", "Announcing")


def test_a_taken_name_on_the_command_line_or_from_a_pipe_fails(alice):
    alice.write_peers({"127.0.0.3": signed_by_another()})
    announcer = alice.run("announcer", "-u", "Bob", status=1)
    assert "it is announced from 127.0.0.3" in announcer.output and "username" in announcer.errors
    announcer = alice.run("announcer", text="Bob\n", status=1)
    assert "it is announced from 127.0.0.3" in announcer.output
    assert "self" not in alice.peers_file()


@pytest.mark.parametrize("name", ["#lab", "@all", "-x", "12", "192.168.1.7"])
def test_a_name_that_means_something_else_in_commands_is_refused(alice, name):
    announcer = alice.announcer()
    announcer.ask(name, "That will not do")
    announcer.ask("Alice", "Announcing")
    alice.run("announcer", f"-u{name}", status=2)


@pytest.mark.parametrize("typed", [b"", b"x" * 65, b"\xff", b"a\tb", "\u0301a".encode(), b"#lab", b"@all", b"12",
                                   b"192.168.1.7", b"Bob", b"somebody", b"b" * 64], ids=str)
def test_what_is_wrong_with_a_name_fits_two_narrow_rows(alice, typed):
    taken = ("Bob", "somebody", "b" * 64)
    alice.write_peers({f"127.100.100.{100 + k}": signed_by_another() | {"username": name}
                       for k, name in enumerate(taken)})
    announcer = alice.announcer(terminal=39)
    announcer.send_bytes(typed + b"\n")
    said = announcer.wait_for(r"(?s)\n(.*\.)\n\r?Username: ")[1].splitlines()
    assert 1 <= len(said) <= 2 and all(len(row) <= 39 for row in said), said


def test_a_name_that_is_changed_meanwhile_is_announced_from_then_on(alice):
    """As the initiator's Name does."""
    with Ear("127.255.255.255") as ear:
        announcer = alice.announcer("-u", "Alice", "-i", "0.2")
        first = members(ear.hear())
        alice.update_peers_file(lambda content: content["self"].update(username="Ece"))
        announcer.wait_for("you are Ece")
        second = members(ear.hear_until(lambda heard: members(heard)["username"] == "Ece"))
        assert second["identity"] == first["identity"] and second["since"] > first["since"]
        announcer.stop()
        assert members(ear.hear_until(lambda heard: "leaving" in members(heard)))["username"] == "Ece"
    assert alice.peers_file()["self"]["username"] == "Ece"


def test_end_of_input_at_the_question_fails(alice):
    alice.run("announcer", status=1)


def test_storing_the_name_keeps_the_rest_of_the_file(alice):
    others = {"127.0.0.3": {"username": "Bob", "last_seen": 1763625600.125, "shoe": 44}}
    alice.write_peers(others, {"known": {"Bob": {"identity": "x"}}, "rooms": ["attic"]})
    alice.announcer("-u", "Alice")
    kept = alice.peers_file()
    assert kept["peers"] == others
    assert kept["known"] == {"Bob": {"identity": "x"}}
    assert kept["rooms"] == ["attic"]


# 2.1.0-B: the broadcasts.


def test_2_1_0_B_announces_at_once_and_then_every_period(alice):
    with Ear("127.255.255.255") as ear:
        alice.announcer("-u", "Alice", "-i", "1")
        times = [ear.hear().time for _ in range(4)]
    for count, heard in enumerate(times):
        assert abs(heard - times[0] - count) < 0.5


def test_2_1_0_B_a_late_announcement_does_not_shift_the_next_ones(alice):
    """No drift: whatever holds the announcer up, it comes back to its beat."""
    with Ear("127.255.255.255") as ear:
        announcer = alice.announcer("-u", "Alice", "-i", "2")
        first = ear.hear().time
        with announcer.paused():
            time.sleep(2.9)
        late, third = ear.hear().time, ear.hear().time
    assert late - first > 2.5  # else it was not held up
    assert (third - first) % 2 < 0.4 or (third - first) % 2 > 1.6


def test_2_1_0_B_the_period_is_eight_seconds(alice):
    with Ear("127.255.255.255") as ear:
        alice.announcer("-u", "Alice")
        times = [ear.hear().time for _ in range(3)]
    for count, heard in enumerate(times):
        assert abs(heard - times[0] - 8 * count) < 1


def test_2_1_0_B_leaves_by_every_interface_to_its_own_broadcast_address(lan, make_lan, make_host,
                                                                        make_user):
    host, near, far = make_host(), make_host(), make_host()
    other_lan = make_lan()
    lan.plug(host, "10.1.0.1/24", "eth0")
    lan.plug(near, "10.1.0.2/24")
    other_lan.plug(host, "10.2.16.1/20", "eth1")
    other_lan.plug(far, "10.2.16.2/20")
    with near, Ear() as near_ear:
        with far, Ear() as far_ear:
            make_user("ece", host=host).announcer("-u", "Ece", "-i", "1")
            for ear, address, broadcast in [(near_ear, "10.1.0.1", "10.1.0.255"),
                                            (far_ear, "10.2.16.1", "10.2.31.255")]:
                for _ in range(2):
                    heard = ear.hear()
                    assert (heard.source, heard.destination) == (address, broadcast)
                    assert members(heard)["ip"] == address


def test_2_1_0_B_the_interfaces_are_read_afresh_each_time(lan, make_lan, make_host, make_user):
    """A network that vanishes, or comes, while the announcer runs."""
    host, near, far = make_host(), make_host(), make_host()
    other_lan = make_lan()
    lan.plug(host, "10.1.0.1/24", "eth0")
    lan.plug(near, "10.1.0.2/24")
    other_lan.plug(far, "10.2.0.2/24")
    with near, Ear() as near_ear:
        with far, Ear() as far_ear:
            announcer = make_user("ece", host=host).announcer("-u", "Ece", "-i", "1")
            assert near_ear.hear().source == "10.1.0.1"
            host.ip("link del eth0")
            other_lan.plug(host, "10.2.0.1/24", "eth1")
            assert far_ear.hear().source == "10.2.0.1"
            host.ip("link set eth1 down")
            lan.plug(host, "10.1.0.7/24", "eth2")
            near_ear.hear_until(lambda heard: heard.source == "10.1.0.7")
            host.ip("addr del 10.1.0.7/24 dev eth2")
            host.ip("addr add 10.1.0.8/24 broadcast + dev eth2")
            near_ear.hear_until(lambda heard: heard.source == "10.1.0.8")
    announcer.stop()


def test_who_gets_an_address_that_was_left_cannot_repeat_what_was_announced_there(
        lan, make_host, make_user):
    """Or whoever records an announcement could keep somebody where they are not any more."""
    host, near, heir = make_host(), make_host(), make_host()
    lan.plug(host, "10.1.0.7/24")
    lan.plug(near, "10.1.0.2/24")
    ece = make_user("ece", host=near)
    discovery = ece.discovery()
    with near, Ear() as ear:
        make_user("bob", host=host).announcer("-u", "Bob", "-i", "1")
        recorded = ear.hear().data
    discovery.wait_for(r"Bob is online \(10\.1\.0\.7\)")
    host.ip("addr del 10.1.0.7/24 dev eth0")
    host.ip("addr add 10.1.0.8/24 broadcast + dev eth0")
    discovery.wait_for(r"Bob is online \(10\.1\.0\.8\)")
    lan.plug(heir, "10.1.0.7/24")
    refusal = "refused an announcement from 10.1.0.7: somebody newer"
    with heir, Mouth("10.1.0.255") as mouth:

        def is_refused():
            mouth.send("10.1.0.7", recorded)  # again, because a bridge may not pass on the first
            return refusal in discovery.output

        eventually(is_refused)
    initiator = ece.initiator()
    # What discovery refuses by it writes a moment later.
    eventually(lambda: "10.1.0.7" not in initiator.menu("Users"))
    assert "10.1.0.8" in initiator.menu("Users")


def test_2_1_0_B_loopback_only_where_there_is_no_other_network(lan, make_host, make_user):
    host, near = make_host(), make_host()
    lan.plug(near, "10.1.0.2/24")
    with host, Ear() as own_ear, near, Ear() as near_ear:
        announcer = make_user("ece", host=host).announcer("-u", "Ece", "-i", "1")
        assert own_ear.hear().source == "127.0.0.1"
        announcer.wait_for("no other network")
        lan.plug(host, "10.1.0.1/24")
        assert near_ear.hear().source == "10.1.0.1"
        own_ear.hear_until(lambda heard: heard.source == "10.1.0.1")
        assert own_ear.hear().source == "10.1.0.1"


def test_2_1_0_B_own_announcements_are_heard_too(lan, make_host, make_user):
    host = make_host()
    lan.plug(host, "10.1.0.1/24")
    ece = make_user("ece", host=host)
    discovery = ece.discovery()
    ece.announcer("-u", "Ece")
    discovery.wait_for(r"Ece is online \(10\.1\.0\.1\)")


def test_extra_destinations_are_announced_to(alice):
    with Ear("127.0.0.8") as one, Ear("127.0.0.9") as other, Ear("127.255.255.255") as broadcast:
        alice.announcer("-u", "Alice", "-t", "127.0.0.8", "-t", "127.0.0.9")
        for ear in (one, other, broadcast):
            assert ear.hear().source == "127.0.0.2"


def test_extra_destination_beyond_the_network_of_an_interface(lan, make_host, make_user):
    host, router = make_host(), make_host()
    lan.plug(host, "10.1.0.1/24")
    lan.plug(router, "10.1.0.2/24")
    router.ip("addr add 10.9.0.1/32 dev lo")
    host.ip("route add 10.9.0.0/16 via 10.1.0.2")
    with router, Ear("10.9.0.1") as ear:
        make_user("ece", host=host).announcer("-u", "Ece", "-t", "10.9.0.1")
        heard = ear.hear()
    assert heard.source == members(heard)["ip"] == "10.1.0.1"


def test_failing_sends_are_reported_once_and_tried_again(lan, make_host, make_user):
    host, router = make_host(), make_host()
    lan.plug(host, "10.1.0.1/24")
    lan.plug(router, "10.1.0.2/24")
    router.ip("addr add 10.9.0.1/32 dev lo")
    with router, Ear() as ear:
        announcer = make_user("ece", host=host).announcer("-u", "Ece", "-i", "1", "-t", "10.9.0.1")
        for _ in range(3):
            ear.hear()
        said = announcer.output + announcer.errors
        assert said.count("Network is unreachable") == 1
        host.ip("route add 10.9.0.0/16 via 10.1.0.2")
        ear.hear_until(lambda heard: heard.destination == "10.9.0.1")


# 2.1.0-C: the message.


def test_2_1_0_C_announcement_byte_for_byte(alice):
    with Ear("127.255.255.255") as ear:
        alice.announcer("-u", "Ece")
        heard = ear.hear().data
    since = alice.peers_file()["self"]["since"]
    assert heard == sign_announcement(alice.identity(), "Ece", "127.0.0.2", since)
    assert abs(since - time.time()) < 60


def test_2_1_0_C_any_name_makes_valid_json(alice):
    name = 'Ece "\\/" çşğ \U0001f600'
    with Ear("127.255.255.255") as ear:
        alice.announcer("-u", name)
        heard = members(ear.hear())
    assert list(heard) == ["username", "ip", "identity", "since", "signature"]
    assert heard["username"] == name


def test_longest_name_fits_the_longest_datagram(alice):
    with Ear("127.255.255.255") as ear:
        alice.announcer("-u", '"' * 64)
        assert len(ear.hear().data) <= 1400


# The identity (section 4) and the leaving announcement (section 1).


def test_identity_is_made_once_and_announced(alice):
    with Ear("127.255.255.255") as ear:
        alice.announcer("-u", "Alice").stop()
        key = alice.path("identity.key")
        assert len(key.read_bytes()) == 32
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
        before = key.read_bytes()
        alice.announcer("-u", "Alice")
        assert key.read_bytes() == before
        assert from_base64(members(ear.hear())["identity"]) == alice.identity().public


def test_files_are_private(alice):
    alice.announcer("-u", "Alice")
    for name in ("identity.key", "peers.txt"):
        assert stat.S_IMODE(alice.path(name).stat().st_mode) == 0o600


@pytest.mark.parametrize("content", [b"", bytes(31), bytes(33)], ids=len)
def test_damaged_identity_is_named_and_never_overwritten(alice, content):
    key = alice.path("identity.key")
    key.touch(0o600)
    key.write_bytes(content)
    with Ear("127.255.255.255") as ear:
        announcer = alice.announcer("-u", "Alice")
        assert "identity.key" in announcer.output
        assert "identity" not in members(ear.hear())
    assert key.read_bytes() == content


def test_a_changed_identity_is_announced_and_a_vanished_one_not_replaced(alice):
    key = alice.path("identity.key")
    with Ear("127.255.255.255") as ear:
        announcer = alice.announcer("-u", "Alice", "-i", "0.1")
        first = members(ear.hear())["identity"]
        key.unlink()
        announcer.wait_for("identity.key is gone")
        assert members(ear.hear())["identity"] == first
        assert not key.exists()
        other = alice.identity().text
        announcer.wait_for("you have another identity now")
        eventually(lambda: members(ear.hear())["identity"] == other)
    assert announcer.output.count("identity.key") == 2


@pytest.mark.parametrize("name", ["announcer", "initiator", "responder"])
def test_an_identity_that_may_be_anothers_is_refused_and_left_alone(alice, name):
    key, target = alice.path("identity.key"), alice.path("target")
    options = {"announcer": ["-u", "Alice"]}.get(name, [])
    alice.identity()
    key.chmod(0o666)
    first = alice.start(name, *options)
    assert "other users may write to it" in first.output
    first.stop()
    assert stat.S_IMODE(key.stat().st_mode) == 0o666
    key.rename(target)
    target.chmod(0o644)
    key.symlink_to("target")
    assert "symbolic link" in alice.start(name, *options).output
    assert stat.S_IMODE(target.stat().st_mode) == 0o644


def test_exposed_identity_is_made_private(alice):
    alice.identity()
    alice.path("identity.key").chmod(0o644)
    announcer = alice.announcer("-u", "Alice")
    assert stat.S_IMODE(alice.path("identity.key").stat().st_mode) == 0o600
    assert "identity.key" in announcer.output + announcer.errors


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_leaving_is_announced_on_a_clean_exit(alice, sign):
    with Ear("127.255.255.255") as ear:
        announcer = alice.announcer("-u", "Alice")
        first = members(ear.hear())
        assert "leaving" not in first
        announcer.stop(sign)
        last = ear.hear().data
    since = members_of(last)["since"]
    assert since > first["since"]
    assert last == sign_announcement(alice.identity(), "Alice", "127.0.0.2", since, leaving=True)


def test_since_never_goes_back(alice):
    """Neither if two starts fall into one second, nor if the clock was set back."""
    with Ear("127.255.255.255") as ear:
        heard = []
        for _ in range(3):
            announcer = alice.announcer("-u", "Alice", "-i", "0.1")
            heard += [members(ear.hear())["since"] for _ in range(3)]
            assert len(set(heard[-3:])) == 1
            announcer.stop()
            heard.append(members(ear.hear_until(lambda one: b"leaving" in one.data))["since"])
        assert heard == sorted(heard) and len(set(heard)) == 6
        future = int(time.time()) + 10_000
        alice.update_peers_file(lambda content: content["self"].update(since=future))
        alice.announcer("-u", "Alice")
        assert members(ear.hear())["since"] == future + 1
    assert alice.peers_file()["self"] == {"username": "Alice", "since": future + 1}


def test_an_identity_that_changes_is_announced_and_one_that_vanishes_told(alice):
    with Ear("127.255.255.255") as ear:
        announcer = alice.announcer("-u", "Alice", "-i", "0.1")
        first = members(ear.hear())
        key = alice.path("identity.key")
        before, other = key.read_bytes(), Identity()
        key.unlink()
        announcer.wait_for("identity.key")
        assert members(ear.hear())["identity"] == first["identity"]
        assert not key.exists()
        key.touch(0o600)
        key.write_bytes(other.seed)
        heard = members(ear.hear_until(lambda one: other.text.encode() in one.data))
        assert heard["since"] > first["since"]
        assert len(before) == 32


def room_of(identity, name, **changes):
    """The id of a new room that somebody has made, and what peers.txt says of it."""
    text = json.dumps({"n": 0, "salt": to_base64(os.urandom(16)), "name": name, "about": "", "capacity": 50, "entry": "open",
                       "members": [{"identity": identity.text, "username": "Alice", "since": 0, "admin": True}],
                       "removed": [], "secret": to_base64(bytes(32)), "time": "2026-11-20T08:00:00.123Z",
                       "by": identity.text, **changes})
    signature = to_base64(identity.sign(b"quartet room", text.encode()))
    room = to_base64(hashlib.blake2b(text.encode(), digest_size=32).digest()[:16])
    return room, {"name": name, "state": {"signed": text, "signature": signature}, "line": 0}


def announced_rooms(heard):
    return [room["name"] for room in members(heard).get("rooms", [])]


def test_rooms_are_announced_from_the_start_but_not_those_for_the_invited(alice):
    rooms = dict([room_of(alice.identity(), "lab"), room_of(alice.identity(), "cellar", entry="invited")])
    alice.update_peers_file(lambda content: content.update(room=rooms))
    with Ear("127.255.255.255") as ear:
        alice.announcer("-u", "Alice")
        heard = ear.hear().data
    room = [{"id": next(iter(rooms)), "name": "lab", "members": 1, "capacity": 50, "entry": "open"}]
    assert heard == sign_announcement(alice.identity(), "Alice", "127.0.0.2", members_of(heard)["since"], rooms=room)
    assert alice.peers_file()["room"] == rooms


def test_the_first_room_is_announced_at_once_and_the_next_a_minute_later(alice):
    def add(name):
        room, entry = room_of(alice.identity(), name)
        alice.update_peers_file(lambda content: content.setdefault("room", {}).update({room: entry}))

    with Ear("127.255.255.255") as ear:
        announcer = alice.announcer("-u", "Alice", "-i", "3600")
        first = ear.hear()
        assert announced_rooms(first) == []
        add("lab")
        second = ear.hear()
        assert announced_rooms(second) == ["lab"]
        assert members(second)["since"] > members(first)["since"]
        announcer.stop()
        ear.hear()
        alice.announcer("-u", "Alice", "-i", "0.1")
        ear.hear()
        add("yard")
        heard = ear.hear_until(lambda one: "yard" in announced_rooms(one))
        add("shed")
        assert all(ear.hear().data == heard.data for _ in range(10))


def test_an_identity_that_is_in_use_elsewhere_is_told_once(lan, make_host, make_user):
    host = make_host()
    lan.plug(host, "10.1.0.1/24")
    ece = make_user("ece", host=host)
    ece.write_peers({"10.1.0.7": peer("Ece", identity=ece.identity().text, since=7),
                     "10.1.0.1": peer("Ece", identity=ece.identity().text, since=7)})
    announcer = ece.announcer("-u", "Ece", "-i", "0.1")
    with host, Ear() as ear:
        for _ in range(5):
            ear.hear()
    assert announcer.output.count("your identity is announced from 10.1.0.7") == 1


def test_kill_announces_nothing(alice):
    with Ear("127.255.255.255") as ear:
        announcer = alice.announcer("-u", "Alice")
        ear.hear()
        announcer.kill()
        alice.announcer("-u", "Alice")
        assert "leaving" not in members(ear.hear())
