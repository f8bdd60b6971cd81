"""Rooms: what a user does with them, in scripts and in the menu."""

import json

import pytest

from quartet import peer

CAROL = "127.0.0.4"


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


@pytest.fixture
def people(alice, bob, make_user):
    """Alice, who has heard Bob and Can, who has no identity."""
    alice.is_called("Alice")
    alice.write_peers({bob.address: peer("Bob", identity=bob.identity().text), CAROL: peer("Can")})


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


def test_a_room_is_made_and_described(alice, people):
    script(alice, "create", "#lab", "-c", "5", "-d", "who cooks", "-i")
    room = room_of(alice)
    assert {"name": "lab", "members": 1, "capacity": 5, "entry": "invited", "mine": True, "about": "who cooks"} \
        == {name: room[name] for name in ("name", "members", "capacity", "entry", "mine", "about")}
    assert room["roster"] == [{"username": "Alice", "identity": alice.identity().text, "admin": True,
                               "status": "online"}]
    listed = json.loads(script(alice, "rooms", "-j").output)
    assert listed == {name: room[name] for name in ("room", "name", "members", "capacity", "entry", "mine")}
    assert "#lab  1 of 5  invited  yours  Alice\n" == script(alice, "rooms").output


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


def test_who_left_is_in_it_no_more(alice, people):
    script(alice, "create", "#lab")
    script(alice, "leave", "#lab")
    assert script(alice, "rooms").output == ""
    assert "no room #lab" in script(alice, "leave", "#lab", status=3).errors


# The menu.


def test_create_asks_for_what_a_room_may_have(alice, people):
    initiator = alice.initiator(terminal=True)
    initiator.ask("Create #lab", r"Password \(Enter: none\): ")
    initiator.ask("", r"Capacity \(Enter: 64\): ")
    initiator.ask("8", r"Description \(Enter: none\): ")
    initiator.ask("who cooks", r"Members.*: ")
    assert "Made: #lab." in initiator.menu("")
    assert "#lab  1 of 8  open  yours  Alice" in initiator.menu("Rooms")
    assert "who cooks" in initiator.menu("Room #lab")


def test_a_pipe_has_four_lines_for_create(alice, people):
    program = alice.run("initiator", text="Create #lab\n\n8\nwho cooks\n\nRooms\n")
    assert "#lab  1 of 8  open  yours  Alice" in program.output


def test_create_takes_all_of_it_as_arguments(alice, people):
    initiator = alice.initiator(terminal=True)
    assert "Made: #lab." in initiator.menu('Create #lab -c 8 -d "who cooks"')
    assert "  who cooks" in initiator.menu("Room #lab")
