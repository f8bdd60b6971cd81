"""Rooms: what a user does with them, in scripts and in the menu."""

import itertools
import json
import re
import time

import pytest

from network import Listener
from protocol import Identity, to_base64
from quartet import MENU, eventually, peer, pin
from rooms import Member, State

CAN = "127.0.0.4"


def script(user, *arguments, status=0, text=""):
    """Runs a command; what fails says why on standard error, and what does not says nothing there."""
    program = user.run("initiator", *arguments, status=status, text=text)
    assert (program.errors == "") == (status == 0)
    return program


def room_of(user, name="#lab"):
    return json.loads(script(user, "room", "-j", name).output)


def roster_of(user, name="#lab"):
    """The members of a room, the oldest first, and which of them are admins."""
    roster = room_of(user, name)["roster"]
    return [member["username"] for member in roster], [member["username"] for member in roster if member["admin"]]


def said_in(user):
    """What was said in rooms, as a user has it."""
    return [json.loads(entry["signed"])["text"] for entry in user.log()
            if "signed" in entry and entry.get("direction") in ("SENT", "RECEIVED")]


@pytest.fixture
def people(alice, bob, make_user):
    """Alice, who has heard Bob and Can, who has no identity."""
    alice.is_called("Alice")
    alice.write_peers({bob.address: peer("Bob", -9, identity=bob.identity().text), CAN: peer("Can", -9)})


@pytest.fixture
def friends(alice, bob, make_user):
    """Alice, Bob and Can, who know and hear each other; their responders run."""
    users = {"Alice": alice, "Bob": bob, "Can": make_user("can", address=CAN)}
    for name, user in users.items():
        user.pin(**{other: pin(users[other].identity().text) for other in users if other != name})
        user.discovery()
        user.responder()
        user.announcer("-u", name, "-i", "1")
    for user, other in itertools.product(users.values(), repeat=2):
        eventually(lambda user=user, other=other: user.peers().get(other.address, {}).get("identity"))
    return users.values()


# Scripts.


@pytest.mark.parametrize("arguments", [
    ["room"], ["rooms", "x"], ["rooms", "-x"], ["create"], ["create", "-p"], ["create", "#lab", "-c"],
    ["create", "#lab", "-c", "0"], ["create", "#lab", "-c", "65"], ["create", "#lab", "-c", "x"],
    ["create", "#lab", "-x"], ["create", "#lab", "-p", "-i"], ["create", "#lab", "-d", "x" * 201],
    ["leave"], ["leave", "#lab", "#tea"], ["invite", "Bob"], ["remove", "#lab"], ["set", "#lab"],
    ["set", "#lab", "capacity"],
])
def test_a_command_that_cannot_be_meant_ends_with_status_2(alice, arguments):
    assert script(alice, *arguments, status=2).errors.startswith("initiator: ")


def test_what_create_cannot_take_is_named(alice):
    for arguments, named, rule in [
            (["#lab", "-x"], '"-x"', "Create takes #lab"), (["#lab", "-c"], '"-c"', "a value is missing"),
            (["#lab", "-c", "0"], '"0"', "a room is for 1 to 64"), (["-p"], '"-p"', "Create takes #lab")]:
        refusal = script(alice, "create", *arguments, status=2).errors
        assert refusal.startswith(f"initiator: in create, {named} will not do: {rule}")


def test_a_command_does_not_wait_for_a_member_who_cannot_be_reached(alice, people):
    assert script(alice, "create", "#lab", "Bob", status=4).errors == "0 of 1 (waiting for Bob)\n"


def test_options_of_create_may_stand_behind_names(alice, people):
    missing = script(alice, "create", "#lab", "-c", "3", "Zoe", "-i", "-d", "who cooks", status=3).errors
    assert missing == "Not let in, because nobody of that name has an identity here: Zoe.\n"
    assert script(alice, "room", "#lab").output.startswith("#lab  1 of 3  invited  you are in\n  who cooks\n")
    assert script(alice, "create", "#tea", "Zoe", "-x", status=2).errors.startswith("initiator: ")
    assert "identity here: -x." in script(alice, "create", "#tea", "--", "-x", status=3).errors


def test_a_room_is_made_and_described(alice, people):
    script(alice, "create", "#lab", "-c", "5", "-d", "who cooks", "-i")
    room = room_of(alice)
    assert {"name": "lab", "members": 1, "capacity": 5, "entry": "invited", "mine": True, "about": "who cooks"} \
        == {name: room[name] for name in ("name", "members", "capacity", "entry", "mine", "about")}
    assert room["roster"] == [{"username": "Alice", "identity": alice.identity().text, "admin": True,
                               "status": "online"}]
    listed = json.loads(script(alice, "rooms", "-j").output)
    assert listed == {name: room[name] for name in ("room", "name", "members", "capacity", "entry", "mine")}
    assert "#lab  1 of 5  invited  you are in  Alice (admin)\n" == script(alice, "rooms").output


def test_the_name_of_a_room_may_stand_without_the_sign_or_be_its_id(alice, people):
    script(alice, "create", "lab")
    assert room_of(alice, "lab") == room_of(alice, "LAB") == room_of(alice, "#" + room_of(alice)["room"])


@pytest.mark.parametrize("name", ["#", "##lab", "#" + "x" * 33, "#a\x07", "# "])
def test_a_room_is_not_called_what_a_user_could_not_be_called(alice, people, name):
    assert "will not do" in script(alice, "create", name, status=1).errors


def test_a_password_is_a_line_of_the_input_and_is_written_nowhere(alice, people):
    script(alice, "create", "#lab", "-p", text="open sesame\n")
    assert room_of(alice)["entry"] == "password"
    script(alice, "set", "#lab", "entry", "open")
    assert room_of(alice)["entry"] == "open"
    script(alice, "set", "#lab", "password", "-", text="open sesame\n")
    assert room_of(alice)["entry"] == "password"
    assert "sesame" not in alice.read_locked("chat.log") + alice.read_locked("peers.txt")


def test_what_is_set_shows(alice, people):
    script(alice, "create", "#lab")
    for what, value in (("about", "tea at four"), ("capacity", "7"), ("entry", "invited"), ("name", "#my lab")):
        script(alice, "set", "#lab", what, value)
    room = room_of(alice, "#my lab")
    assert (room["about"], room["capacity"], room["entry"]) == ("tea at four", 7, "invited")
    for what, value in (("capacity", "0"), ("entry", "closed"), ("name", "#"), ("about", "x" * 201), ("colour", "red")):
        script(alice, "set", "#my lab", what, value, status=1)


def test_a_name_with_a_space_is_shown_in_one_way_and_may_be_typed_so(alice, people):
    script(alice, "create", "#tea room")
    assert script(alice, "rooms").output.startswith('#"tea room"  1 of 64')
    for written in ('#"tea room"', "#tea room"):
        assert script(alice, "room", written).output.startswith('#"tea room"  1 of 64')
        script(alice, "send", written, "hello")
    assert '#"tea room" [secure]' in script(alice, "history", '#"tea room"').output
    assert 'no room #"tea garden";' in script(alice, "leave", "#tea garden", status=3).errors


def test_who_left_is_in_it_no_more(alice, people):
    script(alice, "create", "#lab")
    script(alice, "leave", "#lab")
    assert script(alice, "rooms").output == ""
    assert "no room #lab" in script(alice, "leave", "#lab", status=3).errors


# Several users.


def test_who_is_invited_has_the_room_and_all_that_is_said_there(friends):
    alice, bob, can = friends
    script(alice, "create", "#lab", "Bob")
    assert roster_of(bob) == (["Alice", "Bob"], ["Alice"])
    script(bob, "invite", "Can", "#lab")
    script(can, "send", "#lab", "hello from Can")
    script(alice, "send", "#lab", text="two\nlines")
    for user in friends:
        assert roster_of(user) == (["Alice", "Bob", "Can"], ["Alice"])
        assert said_in(user) == ["hello from Can", "two\nlines"]


def test_admins_are_made_and_unmade_and_take_members_out(friends):
    alice, bob, can = friends
    script(alice, "create", "#lab", "Bob", "Can")
    assert script(bob, "remove", "Can", "#lab", status=7).errors == "Not done: only admins may do that (Alice).\n"
    script(alice, "promote", "Bob", "#lab")
    assert roster_of(can) == (["Alice", "Bob", "Can"], ["Alice", "Bob"])
    assert "longest" in script(bob, "demote", "Alice", "#lab", status=7).errors
    script(bob, "remove", "Can", "#lab")
    assert roster_of(alice)[0] == ["Alice", "Bob"]
    assert script(can, "rooms").output.count("you are in") == 0
    script(alice, "demote", "Bob", "#lab")
    assert roster_of(bob) == (["Alice", "Bob"], ["Alice"])


def test_the_second_oldest_is_admin_when_the_creator_leaves(friends):
    alice, bob, _ = friends
    script(alice, "create", "#lab", "Bob", "Can")
    script(alice, "leave", "#lab")
    assert roster_of(bob) == (["Bob", "Can"], ["Bob"])


def test_what_somebody_does_not_have_is_kept_and_the_status_says_so(friends):
    alice, _, _ = friends
    alice.pin(Ece=pin(Identity().text))
    assert "Ece" in script(alice, "create", "#lab", "Bob", "Ece", status=5).errors
    assert re.search(r"1 of 2 \(waiting for Ece\)", script(alice, "send", "#lab", "hello", status=5).errors)
    script(alice, "remove", "Bob", "#lab", status=5)
    assert re.search(r"0 of 1 \(waiting for Ece\)", script(alice, "send", "#lab", "hello", status=4).errors)
    script(alice, "leave", "#lab", status=4)


def test_who_is_not_there_or_has_no_identity_is_not_let_in(alice, people):
    assert "Can, Ece" in script(alice, "create", "#lab", "Can", "Ece", status=3).errors
    assert room_of(alice)["members"] == 1
    script(alice, "invite", "Ece", "#lab", status=3)
    assert "no identity" in script(alice, "invite", "Can", "#lab", status=6).errors
    script(alice, "remove", "Bob", "#lab", status=3)


# Joining.


def wait_for_announced(user, name="lab"):
    eventually(lambda: f'"name": "{name}"' in user.run("initiator", "rooms", "-j").output)


def test_an_open_room_is_found_and_joined(friends):
    alice, bob, can = friends
    script(alice, "create", "#lab", "Bob")
    wait_for_announced(can)
    assert "announced by" in script(can, "rooms").output
    assert not room_of(can)["mine"]
    script(can, "join", "#lab")
    for user in friends:
        assert roster_of(user)[0] == ["Alice", "Bob", "Can"]
    script(can, "join", "#lab")


def test_whom_the_user_knows_is_asked_before_others_who_announce_a_room(alice, bob):
    alice.is_called("Alice")
    bob.is_called("Bob")
    bob.responder()
    script(bob, "create", "#lab")
    room = {"id": room_of(bob)["room"], "name": "lab", "members": 1, "capacity": 64, "entry": "open"}
    others = {f"127.0.1.{i}": peer(f"Ece{i}", -9, identity=Identity().text, rooms=[room]) for i in range(1, 21)}
    alice.write_peers({bob.address: peer("Bob", -9, identity=bob.identity().text, rooms=[room]), **others})
    alice.pin(Bob=pin(bob.identity().text))
    script(alice, "join", "#lab")
    assert roster_of(alice)[0] == ["Bob", "Alice"]


def test_a_password_opens_a_room(friends):
    alice, bob, can = friends
    script(alice, "create", "#lab", "-p", text="open sesame\n")
    wait_for_announced(can)
    assert "-p" in script(can, "join", "#lab", status=7).errors
    assert "not the password" in script(can, "join", "-p", "#lab", text="open barley\n", status=7).errors
    script(can, "join", "-p", "#lab", text="open sesame\n")
    initiator = bob.initiator(terminal=True)
    initiator.ask("Join #lab", "Password: ")
    assert "sesame" not in initiator.ask("open sesame", "[^:]*Joined: #lab")[0]
    eventually(lambda: roster_of(alice)[0] == ["Alice", "Can", "Bob"])
    initiator = alice.initiator(terminal=True)
    initiator.ask("Remove Can #lab", r"Removed: Can is not in #lab\.(?s:.*)New password.*: ")
    initiator.menu("something else")
    wait_for_announced(can)
    assert "removed by Alice" in script(can, "join", "-p", "#lab", text="something else\n", status=7).errors


def test_refusals_to_join_say_why(friends):
    alice, _, can = friends
    script(alice, "create", "#full", "-c", "1")
    script(alice, "create", "#club", "Can")
    script(can, "leave", "#club")
    script(alice, "set", "#club", "entry", "invited")
    wait_for_announced(can, "full")
    assert "is full" in script(can, "join", "#full", status=7).errors
    assert "invites" in script(can, "join", "#club", status=7).errors


def test_who_means_a_room_that_they_are_not_in_is_told_what_to_do(friends):
    alice, bob, can = friends
    script(alice, "create", "#lab", "Bob")
    wait_for_announced(can)
    assert "in no room #lab; Join takes you there." in script(can, "send", "#lab", "hello", status=3).errors
    assert "lab here now; the room takes a # before its name" in script(can, "send", "lab", "hello", status=3).errors
    assert "in no room #tea; Rooms lists what there is." in script(can, "send", "#tea", "hello", status=3).errors


def test_join_makes_a_room_that_nobody_announces(friends):
    alice, _, _ = friends
    assert alice.run("initiator", "join", "#new").errors == "Nobody has announced #new, so this is a new one.\n"
    assert room_of(alice, "#new")["mine"]


def test_ctrl_c_ends_join_and_not_the_menu(alice, bob):
    """While it listens for others, and while a member does not answer."""
    alice.is_called("Alice")
    member = Member(bob.identity(), "Bob", bob.address, State.first(bob.identity(), "Bob"))
    alice.write_peers({alice.address: peer("Alice", -9, identity=alice.identity().text, back=int(time.time()) + 60),
                       bob.address: announced(member)})
    initiator = alice.initiator(terminal=True)
    initiator.ask("Join #tea", "listening for")
    initiator.send_bytes(b"\x03")
    initiator.wait_for(r"Nothing was made\.\n(?s:.*)" + MENU)
    with Listener(bob.address) as silent:
        initiator.send("Join #lab")
        with silent.accept():
            initiator.send_bytes(b"\x03")
            initiator.wait_for(r"Not in #lab: interrupted\.\n(?s:.*)" + MENU)
    assert "Nobody announces" not in initiator.menu("Rooms")


def test_join_makes_no_room_if_nobody_could_be_heard(alice, people):
    assert "not made" in script(alice, "join", "#lab", status=3).errors
    assert script(alice, "rooms").output == ""


def announced(member):
    """A record of peers.txt for a member that announces its room."""
    room = {"id": to_base64(member.head.room), "name": "lab", "members": 1, "capacity": 64, "entry": "open"}
    return peer(member.username, -9, identity=member.identity.text, rooms=[room])


def test_the_next_is_asked_if_one_does_not_answer_or_refuses(alice):
    alice.is_called("Alice")
    identity = Identity()
    members = [Member(identity, "Can", CAN, State.first(identity, "Can"))]
    members += [Member(Identity(), name, address, *members[0].states.values())
                for name, address in (("Mallory", "127.0.0.5"), ("Bob", "127.0.0.3"))]
    members[1].answers["join"] = lambda plaintext, speaker: {"status": 404, "why": "no\x1b such room"}
    alice.write_peers({member.address: announced(member) for member in members})
    with members[0]:
        with members[1]:
            script(alice, "join", "#lab")
        assert roster_of(alice)[0] == ["Can", "Alice"]
    script(alice, "leave", "#lab", status=4)
    assert "Nobody of" in script(alice, "join", "#lab", status=4).errors


@pytest.mark.parametrize("is_script", [True, False])
def test_two_rooms_of_one_name_are_told_apart(friends, is_script):
    alice, bob, can = friends
    script(alice, "create", "#lab")
    script(bob, "create", "#LAB")
    eventually(lambda: len(script(can, "rooms").lines) == 2)
    ids = {room["room"]: room for room in map(json.loads, script(can, "rooms", "-j").lines)}
    if is_script:
        refusal = script(can, "join", "#lab", status=3).errors
        assert all(f"#{room}" in refusal for room in ids)
        wanted = room_of(bob)["room"]
        script(can, "join", f"#{wanted}")
        assert roster_of(bob)[0] == ["Bob", "Can"]
    else:
        initiator = can.initiator(terminal=True)
        for room, announcer in ((room_of(alice), "Alice"), (room_of(bob), "Bob")):
            assert f"#{room['name']} [{room['room'][:8]}]  1 of 64  open  announced by {announcer}" in initiator.menu("Rooms")
        initiator.ask("Join #lab", "Number: ")
        assert "Joined: #" in initiator.menu("1")
        for room in ids.values():
            beginning = room["room"][:8]
            initiator.ask(f"Join #{beginning}", rf"(?:Joined:|As before: you are in) #{room['name']}\.$")
            initiator.ask(f"Room #lab [{beginning}]", rf"#{room['name']} \[{re.escape(beginning)}\]  2 of 64  ")
            script(can, "send", f"#lab [{beginning}]", "hello")
        assert said_in(alice) == said_in(bob) == ["hello"]


# The menu.


def test_create_asks_for_what_a_room_may_have(alice, people):
    initiator = alice.initiator(terminal=True)
    initiator.ask("Create #lab", r"Password \(Enter: none\): ")
    initiator.ask("", r"Capacity \(Enter: 64\): ")
    initiator.ask("8", r"Description \(Enter: none\): ")
    initiator.ask("who cooks", r"Members.*: ")
    assert "Made: #lab." in initiator.menu("")
    assert "#lab  1 of 8  open  you are in  Alice (admin)" in initiator.menu("Rooms")
    assert "who cooks" in initiator.menu("Room #lab")


def test_create_asks_again_at_once_for_what_will_not_do(alice, people):
    initiator = alice.initiator(terminal=True)
    initiator.ask("Create #lab", r"Password \(Enter: none\): ")
    initiator.ask("", r"Capacity \(Enter: 64\): ")
    initiator.ask("seven", r"1 to 64 members(?s:.*)Capacity \(Enter: 64\): ")
    initiator.ask("7", r"Description \(Enter: none\): ")
    initiator.ask("x" * 300, r"at most(?s:.*)Description \(Enter: none\): ")
    initiator.ask("", r"Members.*: ")
    assert "Made: #lab." in initiator.menu("")
    assert "you are in a room of that name" in initiator.menu("Create #lab")


@pytest.mark.parametrize("lines", ['Create #"tea time" -i', 'Create "#tea time" -i', "Create\n#tea time\n\n\n\n"])
def test_a_room_has_a_name_of_several_words_if_these_belong_together(alice, lines):
    shown = alice.run("initiator", text=f"{lines}\nRoom #tea time\n").output
    assert re.search('^#"?tea time"?  1 of 64  ', shown, re.MULTILINE)


def test_a_pipe_has_four_lines_for_create(alice, people):
    program = alice.run("initiator", text="Create #lab\n\n8\nwho cooks\n\nRooms\n")
    assert "#lab  1 of 8  open  you are in  Alice (admin)" in program.output


def test_create_takes_all_of_it_as_arguments(alice, people):
    initiator = alice.initiator(terminal=True)
    assert "Made: #lab." in initiator.menu('Create #lab -c 8 -d "who cooks"')
    assert "  who cooks" in initiator.menu("Room #lab")


def test_who_makes_a_room_of_a_name_that_others_announce_is_told(alice, bob):
    member = Member(bob.identity(), "Bob", bob.address, State.first(bob.identity(), "Bob"))
    alice.write_peers({bob.address: announced(member)})
    shown = alice.initiator(terminal=True).menu("Create #lab -c 8")
    assert re.search(r"^Others announce a room of that name(?s:.*)^Made: #lab\.$", shown, re.MULTILINE)


def test_a_room_is_spoken_to_as_a_person_is(friends):
    alice, bob, can = friends
    script(alice, "create", "#lab", "Bob", "Can")
    initiator = alice.initiator(terminal=True)
    initiator.ask("@#lab one", r"\u2713 2 of 2$")
    initiator.ask("Chat #lab", "Message: ")
    initiator.ask("two", r"\u2713 2 of 2$")
    initiator.ask("Talk #lab", "#lab> ")
    initiator.ask("three", r"\u2713 2 of 2$")
    initiator.menu("/end")
    for user in (bob, can):
        assert said_in(user) == ["one", "two", "three"]
    alice.run("initiator", text="@#lab four\nChat #lab\nsecure\n7\nfive\nTalk #lab\nsix\n")
    assert said_in(bob) == ["one", "two", "three", "four", "five", "six"]
    assert "in no room #tea" in initiator.menu("@#tea hello")
    script(alice, "set", "#lab", "name", "tea room")
    initiator.ask("Talk #tea room", '^To #"tea room"$')


def test_what_was_said_in_a_room_is_not_replied_to_in_private(friends):
    alice, bob, _ = friends
    script(alice, "create", "#lab", "Bob")
    script(bob, "send", "Alice", "to you alone")
    script(bob, "send", "#lab", "to all")
    assert "Delivered to Bob" in alice.initiator().menu("r me too")
    assert bob.log()[-1]["text"] == "me too"


def test_the_menu_changes_rooms_and_tells_who_has_not_got_it(friends):
    alice, bob, _ = friends
    alice.pin(Ece=pin(Identity().text))
    initiator = alice.initiator(terminal=True)
    initiator.menu("Create #lab -c 9 Bob")
    assert "Invited: Ece is in #lab." in initiator.menu("Invite Ece #lab")
    initiator.wait_for(r"\u2713 1 of 2 \(waiting for Ece\)$")
    initiator.ask("Invite ece #lab", "As before: Ece is in #lab\\.")
    initiator.ask("Promote Bob #lab", "Promoted: Bob is an admin of #lab\\.")
    initiator.ask("Remove Ece #lab", "Removed: Ece is not in #lab\\.")
    initiator.ask("Set #lab about who cooks", "Set: about of #lab\\.")
    eventually(lambda: room_of(bob)["about"] == "who cooks")
    initiator.ask("Room #lab", r"Bob \(Online\)  admin")
    initiator.ask("Leave #lab", "Left: #lab\\.")
    eventually(lambda: roster_of(bob)[0] == ["Bob"])


# To everybody.


def test_a_broadcast_goes_to_everybody_who_is_here(friends):
    alice, bob, can = friends
    alice.update_peers_file(lambda content: content["peers"].update({"127.0.0.5": peer("Ece", -9)}))
    initiator = alice.initiator(terminal=True)
    initiator.send("Broadcast tea is ready")
    for _ in range(2):
        initiator.wait_for(r"Delivered to (Bob|Can) ")
    program = alice.run("initiator", "send", "@all", "and cake")
    assert re.search("identity, to Ece", program.errors)
    for user in (bob, can):
        assert user.logged_texts() == ["tea is ready", "and cake"]


def test_whoever_does_not_get_a_broadcast_is_named_also_if_something_waits_for_them(alice, bob, people):
    script(alice, "create", "#lab", "Bob", status=4)
    script(alice, "send", "#lab", "hello", status=4)
    initiator = alice.initiator(terminal=True)
    alice.write_peers({bob.address: peer("Bob", -9, identity=bob.identity().text)})
    initiator.ask("Broadcast tea is ready", r"cannot connect to Bob (?s:.*)\n2 waiting for Bob")


def test_a_broadcast_is_kept_for_who_cannot_be_reached(alice, bob, people):
    assert re.search("Bob", script(alice, "send", "@all", "hello", status=4).errors)
    bob.is_called("Bob")
    bob.responder()
    alice.run("initiator", "deliver", "-1")
    assert bob.logged_texts() == ["hello"]
    script(alice, "send", "-m", "plain", "@all", "hello", status=2)


def test_a_broadcast_to_nobody_is_told(alice):
    script(alice, "send", "@all", "hello", status=3)
