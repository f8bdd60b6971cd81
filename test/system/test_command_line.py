"""What the four programs have in common: options, exit statuses, signals."""

import re
import signal
from pathlib import Path
from pathlib import Path

import pytest

from network import Ear, Listener
from quartet import PROGRAMS

ROOT = Path(__file__).parents[2]
every_program = pytest.mark.parametrize("name", PROGRAMS)
CHATTING = ["initiator", "responder"]
strict = pytest.mark.parametrize("option", ["-s", "--strict"])


@every_program
@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_is_shown(someone, name, option):
    program = someone.run(name, option)
    assert program.output.lower().startswith(f"usage: {name}")
    for documented in ("-a", "-C", "-h", "-V"):
        assert documented in program.output
    assert program.errors == ""


def commands_of(text):
    """The commands in a list of them as the initiator shows it: name and arguments."""
    return re.findall(r"^  (@?[A-Z]\w+|r)(?: (\S*))? +\w.*$", text, re.MULTILINE)


def test_the_list_of_commands_is_the_same_everywhere(alice):
    """In -h, in Help and in the man page."""
    commands = commands_of(alice.run("initiator", "-h").output)
    names = [name for name, _ in commands]
    assert names[:3] == ["Users", "Chat", "History"] and names[-1] == "Quit"
    assert commands_of(alice.initiator().menu("Help")) == commands
    page = (ROOT / "initiator/initiator.1").read_text(encoding="utf-8")
    assert re.findall(r"^\.It Ic (@?\w+)", page, re.MULTILINE) == names


@pytest.mark.parametrize("header, constant, sentence", [
    ("message", "MESSAGE_MAX_BYTES", "up to {:,} bytes"),
    ("message", "MESSAGE_TYPED_MAX_BYTES", "lines of {:,} bytes at most"),
    ("message", "MESSAGE_OTHERS_READ_BYTES", "first {:,} bytes"),
    ("history", "HISTORY_NEWEST", "newest {:,} messages"),
    ("search", "SEARCH_NEWEST", "newest {:,} messages"),
    ("chat", "CHAT_NUMBER_MAX_DIGITS", "{:,} digits at most"),
])
def test_the_man_page_of_the_initiator_names_its_limits(header, constant, sentence):
    text = (ROOT / f"initiator/{header}.h").read_text(encoding="utf-8")
    limit = int(re.search(rf"#define {constant} (\d+)$", text, re.MULTILINE)[1])
    page = (ROOT / "initiator/initiator.1").read_text(encoding="utf-8")
    assert sentence.format(limit) in page


def test_the_tables_of_the_readme_name_sources_and_tests_that_exist():
    rows = [line for line in (ROOT / "README.md").read_text(encoding="utf-8").splitlines() if "`test_" in line]
    for row in rows:
        for source in re.findall(r"`(\w+/[\w/]+)`", row):
            assert (ROOT / f"{source}.h").exists() or (ROOT / f"{source}.c").exists(), source
        for names, file in re.findall(r"((?:`test_\w+\*?`,? )+)in `(test_\w+\.py)`", row):
            text = (ROOT / "test/system" / file).read_text(encoding="utf-8")
            for name in re.findall(r"`(\w+\*?)`", names):
                assert f"def {name[:-1]}" in text if name.endswith("*") else f"def {name}(" in text, name
    assert len(rows) > 40 and all(re.search(r" in `test_\w+\.py`", row) for row in rows)


@every_program
@pytest.mark.parametrize("option", ["-V", "--version"])
def test_version_is_shown(someone, name, option):
    program = someone.run(name, option)
    first, *more = program.lines
    assert first == f"{name} (Quartet) 0.1.0"
    features = [r"with(out)? the classic exchange \(.+\)$"] if name in CHATTING else []
    if name == "initiator":
        features.append("with(out)? line editing")
    assert len(more) == len(features)
    for feature, line in zip(features, more):
        assert re.match(feature, line)
    assert program.errors == ""


@every_program
def test_it_works_in_the_directory_that_is_given(someone, name):
    """Given twice, the second counts from the first."""
    someone.path("mine/here").mkdir(parents=True)
    arguments = ["-u", "Someone"] if name == "announcer" else []
    someone.start(name, "-C", "mine", "-C", "here", *arguments).stop()
    assert [path.name for path in someone.directory.iterdir()] == ["mine"]
    if name != "discovery":
        assert someone.path("mine/here/identity.key").exists()


@every_program
@pytest.mark.parametrize("directory, reason", [
    ("nowhere", "No such file or directory"), ("", "No such file or directory"),
    ("file", "Not a directory"), ("\x1b[31m", "No such file or directory")])
def test_a_directory_in_which_it_cannot_work_is_named(someone, name, directory, reason):
    someone.path("file").touch()
    program = someone.run(name, "-C", directory, status=1)
    assert program.errors.startswith(f"{name}: cannot work in ")
    assert program.errors.endswith(f": {reason}\n") and "\x1b" not in program.errors
    assert program.output == ""


@pytest.mark.parametrize("name", CHATTING)
@strict
def test_strict_is_an_option_of_those_that_chat(alice, name, option):
    assert "-s, --strict" in alice.run(name, "-h").output
    alice.start(name, option).stop()


@pytest.mark.parametrize("name", [name for name in PROGRAMS if name not in CHATTING])
@strict
def test_strict_is_no_option_of_the_others(someone, name, option):
    assert "strict" not in someone.run(name, "-h").output
    program = someone.run(name, option, status=2)
    assert program.errors.startswith(f"{name}: ") and option in program.errors


@every_program
@pytest.mark.parametrize("arguments", [
    ["-z"], ["--no-such-option"], ["operand"], ["-a"], ["-C"], ["-a", ""], ["-a", "localhost"],
    ["-a", "256.0.0.1"], ["-a", "127.1"], ["-a", "127.0.0.2x"], ["-a", "::1"],
])
def test_wrong_usage_ends_with_status_2(someone, name, arguments):
    program = someone.run(name, *arguments, status=2)
    assert program.errors.startswith(f"{name}: ")
    assert program.output == ""


@pytest.mark.parametrize("arguments", [
    ["-i", "0"], ["-i", "-1"], ["-i", "x"], ["-i", "8x"], ["-i", ""], ["-i", "9" * 20],
    ["-t", "peer.example"], ["-t", "10.0.0"], ["-u", ""], ["-u", "   "], ["-u", "a" * 65],
    ["-u", "\x1b[31mEce"], ["-u", "Ece\nBob"],
])
def test_announcer_refuses_wrong_values_with_status_2(someone, arguments):
    program = someone.run("announcer", *arguments, status=2)
    assert program.errors.startswith("announcer: ")
    assert "\x1b" not in program.errors
    assert program.output == ""
    assert not someone.path("peers.txt").exists()


def test_the_man_page_of_the_announcer_names_the_limits_of_its_help(someone):
    page = re.sub(r"\s+", " ", (ROOT / "announcer/announcer.1").read_text(encoding="utf-8"))
    shown = someone.run("announcer", "-h").output
    for limit in (re.search(r"up to \d+", shown)[0], re.search(r"[\d.]+ to \d+ seconds", shown)[0],
                  re.search(r"every \d+ seconds", shown)[0]):
        assert limit in page


def test_announcer_refuses_a_name_that_is_not_utf8(someone):
    program = someone.run("announcer", "-u", b"\xff\xfe", status=2)
    assert "UTF-8" in program.errors


@every_program
@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_end_a_program_cleanly(alice, name, sign):
    arguments = ["-u", "Alice"] if name == "announcer" else []
    alice.start(name, *arguments).stop(sign)


def test_signals_end_the_announcer_at_its_question(alice):
    alice.announcer().stop(signal.SIGINT)


@pytest.mark.parametrize("name, address", [
    ("discovery", "0.0.0.0:6000"), ("responder", "0.0.0.0:6001")])
def test_startup_line_says_what_the_program_does(someone, name, address):
    program = someone.start(name)
    assert address in program.lines[0]


def test_responder_says_that_its_port_is_in_use(someone):
    with Listener("0.0.0.0"):
        program = someone.run("responder", status=1)
    assert program.errors == ("responder: cannot listen on 0.0.0.0:6001: Address already in use; "
                              "is a responder running already?\n")


def test_discovery_says_that_its_port_is_in_use(someone):
    with Ear() as ear:
        ear.set_shared(False)
        program = someone.run("discovery", status=1)
    assert program.errors == ("discovery: cannot listen on 0.0.0.0:6000: Address already in use; "
                              "another program has the port for itself\n")


@pytest.mark.parametrize("name", ["discovery", "responder"])
def test_address_of_another_machine_is_refused(make_user, name):
    program = make_user("lost", address="192.0.2.1").run(name, status=1)
    assert f"{name}: cannot listen on 192.0.2.1" in program.errors
    assert "Cannot assign requested address" in program.errors


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_leaves_no_core_dump_and_gains_no_privileges(someone, name):
    """Without the help of the sanitizers, which would forbid core dumps, too."""
    program = someone.start(name, environment={"ASAN_OPTIONS": "disable_coredump=0"})
    limits = Path(f"/proc/{program.pid}/limits").read_text()
    assert re.search(r"^Max core file size +0 +0 ", limits, re.MULTILINE)
    assert "NoNewPrivs:\t1\n" in Path(f"/proc/{program.pid}/status").read_text()
