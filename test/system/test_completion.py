"""What make install brings beside the programs: completion for the shells, and the page for scripts."""

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from quartet import BIN, PROGRAMS, base_environment, log_entry, peer, pin

ROOT = Path(__file__).resolve().parents[2]
BASH = ROOT / "scripts/completion/quartet.bash"
ZSH = ROOT / "scripts/completion/_quartet"
PAGE = ROOT / "common/quartet.7"
COMPLETE = """
source {script}
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
_quartet "$1"
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


def complete(user, *words):
    """What bash offers for the last of some words."""
    done = subprocess.run(["bash", "-c", COMPLETE.format(script=shlex.quote(str(BASH))), "bash", *words],
                          cwd=user.directory, capture_output=True, text=True, check=True, timeout=30)
    assert done.stderr == ""
    return done.stdout.split()


@pytest.fixture
def table(alice):
    """The commands for scripts as -h has them, with the options of each."""
    shown = alice.run("initiator", "-h").output.partition("asks nothing")[2]
    return {name: re.findall(r"-[a-zN1]\b", usage)
            for name, usage in re.findall(r"^  ([a-z]+) ((?:'#lab' |\[.*?\] |[A-Z]+\.* )*)", shown, re.MULTILINE)}


def test_every_command_and_its_options_are_completed(alice, table):
    assert "users" in table and "name" in table
    offered = complete(alice, "initiator", "")
    assert sorted(word for word in offered if not word.startswith("-")) == sorted(table)
    for command, options in table.items():
        assert complete(alice, "initiator", command, "-") == options
        assert complete(alice, "/usr/local/bin/initiator", "-a", "127.0.0.2", command[:-1]) != []


def test_zsh_completes_the_same_commands_and_options(table):
    text = ZSH.read_text(encoding="utf-8")
    commands = re.search(r"commands=\((.*?)\)", text, re.DOTALL)[1].split()
    assert sorted(commands) == sorted(table)
    for command, options in table.items():
        rule = re.search(rf"^\t(?:\w+ \| )*{command}(?: \| \w+)*\)(.*?);;", text, re.MULTILINE | re.DOTALL)
        offered = re.findall(r"'(-\w)\[", rule[1]) + (["-j"] if rule and "$json" in rule[1] else []) if rule else []
        assert sorted(offered) == sorted(options)


@pytest.mark.skipif(not shutil.which("zsh"), reason="zsh is not installed")
def test_zsh_reads_its_file():
    subprocess.run(["zsh", "-n", ZSH], check=True, timeout=30)


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_options_of_every_program_are_completed(alice, name):
    shown = alice.run(name, "-h").output
    options = re.findall(r"^  (-\w)?(?:, )?(--[\w-]+)?", shown, re.MULTILINE)
    assert sorted(complete(alice, name, "-")) == sorted(option for both in options for option in both if option)


def test_names_are_completed_if_they_need_no_quotes(alice):
    alice.path("elsewhere").mkdir()
    alice.write_peers({"127.0.0.3": peer("Bob"), "127.0.0.4": peer("$(touch owned)"),
                       "127.0.0.5": peer("Ece Yilmaz"), "127.0.0.6": peer("Bo;touch owned")})
    alice.pin(Bo2=pin("x"))
    assert complete(alice, "initiator", "send", "-m", "plain", "B") == ["Bo2", "Bob"]
    assert complete(alice, "initiator", "-C", "elsewhere", "send", "B") == []
    assert complete(alice, "initiator", "-C", str(alice.directory), "users", "") == ["-j", "Bo2", "Bob"]
    assert not alice.path("owned").exists()
    assert complete(alice, "initiator", "send", "-m", "p") == ["plain"]
    assert complete(alice, "initiator", "-C", "else") == ["elsewhere"]


@pytest.mark.parametrize("before", ["#", "\\#", "'#"])
def test_rooms_are_completed_however_their_sign_is_quoted(alice, before):
    alice.run("initiator", "create", "#laboratory")
    alice.run("initiator", "create", "#tea room")
    assert complete(alice, "initiator", "leave", f"{before}la") == [f"{before}laboratory"]
    assert complete(alice, "initiator", "invite", "Bob", before) == [f"{before}laboratory"]


def make(target, destination):
    """Runs a target that copies files, with programs that are there already."""
    command = ["make", "-s", "-C", ROOT, target, "-o", "all", f"DESTDIR={destination}", "PREFIX=/usr", f"BIN={BIN}"]
    subprocess.run(command, check=True, capture_output=True, timeout=300,
                   env={"PATH": base_environment()["PATH"], "HOME": str(destination)})
    return sorted(str(path.relative_to(destination)) for path in destination.rglob("*") if path.is_file())


def test_all_of_it_is_installed_and_removed(tmp_path):
    installed = make("install", tmp_path)
    assert installed == sorted([
        *[f"usr/bin/{name}" for name in PROGRAMS], *[f"usr/share/man/man1/{name}.1" for name in PROGRAMS],
        *[f"usr/share/bash-completion/completions/{name}" for name in PROGRAMS],
        "usr/share/man/man7/quartet.7", "usr/share/zsh/site-functions/_quartet"])
    assert make("uninstall", tmp_path) == []


# The page for scripts.


def page_blocks():
    text = PAGE.read_text(encoding="utf-8")
    return re.findall(r"\.Bd -literal -offset indent\n(.*?)\n\.Ed", text, re.DOTALL)


@pytest.mark.skipif(not shutil.which("jq"), reason="jq is not installed")
def test_the_examples_of_the_page_work(alice):
    """Those that only read."""
    alice.write_peers({"127.0.0.3": peer("Bob", identity=alice.identity().text)})
    alice.pin(Bob=pin(alice.identity().text), Can=pin(alice.identity().text, verified=True))
    alice.write_log(log_entry("one"), log_entry("two", "Can"), log_entry("three"))
    answers = {}
    for example in page_blocks():
        if re.match(r"initiator (users|history)|flock", example):
            done = subprocess.run(["sh", "-c", example], cwd=alice.directory, capture_output=True, text=True, timeout=30,
                                  env={**base_environment(), "PATH": f"{BIN}:{base_environment()['PATH']}"}, check=False)
            assert done.returncode == 0 and done.stderr == "", example
            answers[example.split("|")[0] + example[-20:]] = json.loads(done.stdout or "null")
    assert '"Bob"' in json.dumps(answers) and {"Bob": 2, "Can": 1} in answers.values() and True in answers.values()
    assert len(answers) == 5


def test_the_page_names_every_member_of_the_files():
    """As the description of the formats does."""
    protocol = (ROOT / "common/PROTOCOL.md").read_text(encoding="utf-8")
    page = PAGE.read_text(encoding="utf-8")
    sections = protocol[protocol.index("## 5. peers.txt"):protocol.index("## 7. Rooms")]
    for record in re.findall(r"^    \{.*\}$", sections, re.MULTILINE):
        for member in json.loads(record):
            assert re.search(rf"\b{member}\b", page), member
