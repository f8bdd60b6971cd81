"""The scripts, as a user meets them: start.sh, test.sh, packages.sh.

Every test has a machine: a network namespace with loopback alone, a home directory, and a
tmux server of its own, because TMUX_TMPDIR is. The scripts run in a clone, in a directory
whose name shells and tmux could stumble on.
"""

import fcntl
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
WAIT = 60  # seconds: far above what anything here needs

ODD_NAME = "it's #{session_name} \"$(false)\" é;"
PANES = ["announcer", "discovery", "responder", "initiator"]
USERS = ["Alice", "Bob", "Can"]
DEMO_PANES = [f"{user}: {pane}" for user in USERS for pane in PANES]
SIZES = [(60, 24), (80, 24), (120, 40), (200, 50)]
MENU = "Users, Chat or History?"
FLAGS = "--no-install-recommends -y"


def eventually(condition, describe=lambda: ""):
    """Waits until condition() holds and returns what it returned."""
    deadline = time.monotonic() + WAIT
    while not (result := condition()):
        assert time.monotonic() < deadline, f"not within {WAIT} s: {describe()}"
        time.sleep(0.02)
    return result


def plain_environment():
    """The environment of the tests without what would show through in a script's behaviour."""
    return {name: value for name, value in os.environ.items()
            if not re.match("TMUX|MAKE|MFLAGS|SUDO|LC_|NO_COLOR|QUARTET", name)}


def executable(path, text):
    path.unlink(missing_ok=True)
    path.write_text(text)
    path.chmod(0o755)


def processes(clone):
    """The process ids of everything that runs from the clone: programs and panes' wrappers."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:  # it has just ended
                continue
            # A tmux server keeps the words of the command that started it.
            named = any(word.startswith(os.fsencode(clone) + b"/") for word in words)
            if named and words[0] != b"tmux":
                found.append(int(entry.name))
    return found


class Machine:
    """Where start.sh runs: see the top of this file."""

    def __init__(self, clone, directory, loopback=True):
        self.clone = clone
        self.home = directory / "home"
        self.home.mkdir()
        self.work = directory / ODD_NAME
        self.work.mkdir()
        self.bin = directory / "bin"  # first on PATH
        self.bin.mkdir()
        # Not below the test's directory: the path of a socket is short.
        self.sockets = Path(tempfile.mkdtemp(prefix="quartet-"))
        self.environment = plain_environment()
        self.environment.pop("CC", None)  # ccache would keep something in the home directory
        self.environment.update(HOME=str(self.home), TMUX_TMPDIR=str(self.sockets),
                                LANG="C.UTF-8", TERM="xterm-256color", PAGER="cat",
                                PATH=f"{self.bin}:/usr/sbin:/usr/bin:/sbin:/bin")
        # Lives as long as its standard input, so as long as this process.
        self.namespace = subprocess.Popen(["unshare", "-n", "sh", "-c", "echo; exec cat"],
                                          stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.namespace.stdout.readline()
        if loopback:
            subprocess.run([*self.inside, "ip", "link", "set", "lo", "up"], check=True)

    @property
    def inside(self):
        return ["nsenter", f"--net=/proc/{self.namespace.pid}/ns/net", "--"]

    @property
    def script(self):
        return str(self.clone / "scripts/start.sh")

    def run(self, *arguments, **environment):
        """Runs start.sh without a terminal."""
        return subprocess.run([*self.inside, self.script, *arguments], cwd=self.work,
                              env={**self.environment, **environment}, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=WAIT)

    def start(self, *arguments):
        result = self.run(*arguments)
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    def tmux(self, *arguments, server="default"):
        return subprocess.run(["tmux", "-L", server, *arguments], env=self.environment,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True,
                              text=True).stdout

    def tmux_version(self):
        return tuple(map(int, re.findall(r"\d+", self.tmux("-V"))[:2]))

    def runs(self, session):
        return subprocess.run(["tmux", "has-session", "-t", f"={session}"], env=self.environment,
                              stderr=subprocess.DEVNULL).returncode == 0

    def panes(self, session="quartet"):
        """The panes by their titles."""
        return {pane.title: pane for pane in self.list_panes(session)}

    def list_panes(self, session="quartet"):
        fields = "\t".join(f"#{{{name}}}" for name in Pane.FIELDS)
        lines = self.tmux("list-panes", "-s", "-t", f"={session}:", "-F", fields).splitlines()
        return [Pane(self, line.split("\t")) for line in lines]

    def terminal(self, *arguments, size=(80, 24), command=None):
        return Terminal(self, command or [self.script, *arguments], size)

    def close(self):
        for server in self.sockets.glob("tmux-*/*"):
            subprocess.run(["tmux", "-S", server, "kill-server"], stderr=subprocess.DEVNULL)
        self.namespace.communicate()
        shutil.rmtree(self.sockets)
        eventually(lambda: not processes(self.clone))


class Pane:
    """A pane of a session as tmux lists it."""

    FIELDS = ["pane_id", "@quartet", "&&:#{window_active},#{pane_active}", "pane_width", "pane_height", "pane_pid"]

    def __init__(self, machine, values):
        self.machine = machine
        self.id, self.title = values[:2]
        self.active, self.width, self.height, self.pid = map(int, values[2:])

    def text(self):
        """All that was shown in it, each line whole."""
        shown = self.machine.tmux("capture-pane", "-p", "-J", "-S", "-", "-t", self.id)
        return re.sub(r" *\n    \| ", " ", shown)  # rows that go on with the line before

    def shows(self, pattern):
        return eventually(lambda: re.search(pattern, self.text(), re.MULTILINE), self.text)

    def type(self, *keys):
        """Words are typed; names of keys (Enter, C-c, Tab) are pressed."""
        for key in keys:
            literally = [] if re.match("Enter$|Tab$|C-", key) else ["-l"]
            self.machine.tmux("send-keys", "-t", self.id, *literally, key)

    def asks(self, question, times=1):
        def asked():
            text = self.text().rstrip()
            return text.endswith(question) and text.count(question) >= times

        eventually(asked, self.text)

    def answer(self, question, answer, times=1):
        """Types a line once `question` has come (for the n-th time) and nothing came after it."""
        self.asks(question, times)
        self.type(answer, "Enter")

    def program(self):
        """The process id of the program, or None if none runs."""
        own = f"{self.machine.clone}/bin/"
        running = [self.pid, *descendants(self.pid)]
        return next((pid for pid in running if executed(pid).startswith(own)), None)

    def has_ended(self):
        """Waits until tmux knows that the program has ended: all else goes by that."""
        eventually(lambda: self.machine.tmux("display", "-p", "-t", self.id, "#{pane_dead}") == "1\n", self.text)

    def restart(self):
        """Presses Enter as a user does: what tmux itself types reaches no binding of keys."""
        self.machine.tmux("select-window", "-t", self.id, ";", "select-pane", "-t", self.id)
        before = self.machine.tmux("list-clients").count("\n")
        terminal = self.machine.terminal(command=["tmux", "attach"])
        # What is typed before tmux has set the terminal is another key to it.
        eventually(lambda: self.machine.tmux("list-clients").count("\n") > before)
        terminal.type("Enter")


def executed(pid):
    try:
        return os.readlink(f"/proc/{pid}/exe")
    except OSError:
        return ""


def descendants(pid):
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [each for child in map(int, children) for each in [child, *descendants(child)]]


class Terminal:
    """A terminal with start.sh (or something else) in it: a second tmux server draws it."""

    count = 0

    def __init__(self, machine, command, size):
        Terminal.count += 1
        self.machine, self.server = machine, f"terminal{Terminal.count}"
        settings = machine.home / "terminal.conf"
        settings.write_text("set -g status off\nset -g remain-on-exit on\n"
                            "set -g default-terminal screen-256color\n")
        columns, rows = map(str, size)
        # The /. because tmux takes a ; at the end of a word for its own.
        subprocess.run([*machine.inside, "tmux", "-L", self.server, "-f", settings,
                        "new-session", "-d", "-x", columns, "-y", rows, "--",
                        "env", "-u", "TMUX", f"--chdir={machine.work}/.", *command],
                       env=machine.environment, check=True)

    def screen(self):
        return self.machine.tmux("capture-pane", "-p", server=self.server)

    def shows(self, pattern):
        return eventually(lambda: re.search(pattern, self.screen()), self.screen)

    def type(self, *keys):
        self.machine.tmux("send-keys", *keys, server=self.server)

    def resize(self, columns, rows):
        self.machine.tmux("resize-window", "-x", str(columns), "-y", str(rows), server=self.server)


def copy_repository(copy):
    """Copies what a clone would have, and nothing that was built or said in the original."""
    made = shutil.ignore_patterns(".git", "bin", "build", "demo", "__pycache__", "peers.txt*",
                                  "chat.log", "identity.key*")
    return shutil.copytree(ROOT, copy, ignore=made)


@pytest.fixture(scope="session")
def clone(tmp_path_factory):
    """A clone in which the programs are built: once for all workers, each of which has its own."""
    own = tmp_path_factory.getbasetemp()
    built = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "built"
    with open(f"{built}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not built.exists():
            copy_repository(built)
        subprocess.run(["make", "-s", "-C", built], env=plain_environment(), check=True)
    return shutil.copytree(built, own / ODD_NAME)


@pytest.fixture
def make_machine(clone, tmp_path):
    machines = []

    def make(**options):
        machines.append(Machine(clone, tmp_path, **options))
        return machines[-1]

    yield make
    for machine in machines:
        machine.close()


@pytest.fixture
def machine(make_machine):
    return make_machine()


# The session.


def test_start_opens_four_titled_panes_with_the_cursor_in_the_announcer(machine):
    machine.start()
    panes = machine.panes()
    assert sorted(panes) == sorted(PANES)
    assert [title for title, pane in panes.items() if pane.active] == ["announcer"]
    panes["announcer"].shows("^Username: ?$")
    panes["discovery"].shows("Listening for users")
    panes["responder"].shows("Listening for messages")
    panes["initiator"].shows(re.escape(MENU))


@pytest.mark.parametrize("columns, rows", SIZES)
def test_start_shows_all_titles_and_a_whole_status_line(machine, columns, rows):
    terminal = machine.terminal(size=(columns, rows))
    terminal.shows("Username:")
    for title in PANES:
        terminal.shows(f"─ {title} ─")
    end = ".*/start.sh --stop" if columns >= 120 else ""
    terminal.shows(f"\n[^\n]*Ctrl-b arrow or click [^\n]* Ctrl-b d{end} *\n*$")
    panes = machine.panes()
    assert largest(panes) == "responder"
    assert panes["responder"].height >= 9  # where it listens, and eight messages
    assert panes["initiator"].height == (10 if columns >= 140 else 6)
    if columns < 140:
        assert [panes[title].height for title in ("announcer", "discovery")] == [3, 3]
    else:
        assert [panes[title].width for title in ("announcer", "discovery")] == [40, 40]
        assert panes["responder"].width == panes["initiator"].width == columns - 41


def largest(panes):
    return max(panes.values(), key=lambda pane: pane.width * pane.height).title


def test_eight_messages_fit_at_80x24(machine):
    terminal = machine.terminal()
    terminal.shows("Listening for messages")
    for number in range(1, 9):
        subprocess.run([*machine.inside, "bash", "-c", f"""printf '{{"unencrypted_message": "number {number}"}}' \
                        >/dev/tcp/127.0.0.1/6001"""], check=True)
        terminal.shows(f"number {number}\n")
    screen = terminal.screen()
    assert all(f"number {number}\n" in screen for number in range(1, 9)), screen


def test_the_cursor_goes_to_the_initiator_once_the_name_is_in(machine):
    terminal = machine.terminal()
    terminal.shows("Username:")
    if machine.tmux_version() < (3, 3):
        pytest.skip("this tmux does not tell when a title changes")
    terminal.type("Ece", "Enter")
    eventually(lambda: machine.panes()["initiator"].active)
    terminal.type("Users", "Enter")
    machine.panes()["initiator"].shows(r"Users, Chat or History\? Users")


def test_the_cursor_stays_where_the_user_put_it(machine):
    machine.start()
    pane = machine.panes()["announcer"]
    pane.asks("Username:")
    machine.tmux("select-pane", "-t", machine.panes()["responder"].id)
    pane.answer("Username:", "Ece")
    machine.panes()["discovery"].shows("Ece is online")
    eventually(lambda: machine.tmux("display", "-p", "-t", pane.id, "#{pane_title}") == "announcer: Ece\n")
    assert machine.panes()["responder"].active


def title_is(machine, pane, title):
    """Gives a pane the title that its program would."""
    machine.tmux("select-pane", "-t", machine.panes()[pane].id, "-T", title)


def test_the_status_line_says_who_is_here_and_what_is_new(machine):
    def status(pattern):
        eventually(lambda: re.match(pattern, terminal.screen().splitlines()[-1]), terminal.screen)

    terminal = machine.terminal()
    terminal.shows("Username:")
    status(" +Ctrl-b arrow")
    terminal.type("Ece", "Enter")
    status(" Ece +Ctrl-b arrow")
    title_is(machine, "discovery", "discovery: 12 online: Bob, 3 online, Can +9")
    title_is(machine, "responder", "responder: 3 new")
    title_is(machine, "initiator", "initiator: 2 waiting")
    status(" Ece   12 online   3 new   2 waiting +Ctrl-b arrow or click   Ctrl-b d *$")
    for title in ("announcer: Ece ─", "discovery: 12 online: Bob", "responder: 3 new ─", "initiator: 2 waiting ─"):
        terminal.shows("─ " + title)
    os.kill(machine.panes()["responder"].program(), signal.SIGKILL)
    status(" Ece   12 online   2 waiting ")


def test_no_name_draws_in_the_titles_or_the_status_line(machine):
    name = "B#[fg=red]o#{pid}b#(date),}x"
    terminal = machine.terminal(size=(160, 40))
    terminal.shows("Username:")
    terminal.type("-l", name)
    terminal.type("Enter")
    terminal.shows(re.escape(f"─ announcer: {name[:10]}"))
    terminal.shows(re.escape(f"\n {name[:19]}"))


@pytest.mark.parametrize("columns, rows", SIZES)
def test_demo_shows_users_side_by_side_with_the_cursor_in_alices_initiator(machine, columns, rows):
    """All three if each has 40 columns, else Can in a window of his own."""
    def shows_all_of(users):
        terminal.shows(".*".join([re.escape(MENU)] * len(users)))
        wanted = sorted(f"{user}: {pane}" for user in users for pane in PANES)
        eventually(lambda: sorted(re.findall("─ (\\w+: \\w+)\\b", terminal.screen())) == wanted, terminal.screen)

    terminal = machine.terminal("--demo", size=(columns, rows))
    shows_all_of(USERS if columns >= 120 else USERS[:2])
    panes = machine.panes("quartet-demo")
    assert sorted(panes) == sorted(DEMO_PANES)
    assert [title for title, pane in panes.items() if pane.active] == ["Alice: initiator"]
    for user in USERS:
        sizes = {pane: panes[f"{user}: {pane}"].height for pane in PANES}
        assert max(sizes, key=sizes.get) == "responder"
        assert min(sizes.values()) >= 3
    if columns < 120:
        terminal.shows("n: Can *\n*$")
        terminal.type("C-b", "n")
        terminal.shows("n: Alice and Bob *\n*$")
        shows_all_of(["Can"])
        terminal.type("Users", "Enter")
        panes["Can: initiator"].shows(r"Users, Chat or History\? Users")


def test_the_window_of_can_looks_like_that_of_the_others(machine):
    machine.start("--demo")
    one, other = (machine.tmux("show-options", "-w", "-t", machine.panes("quartet-demo")[f"{user}: initiator"].id)
                  for user in ("Alice", "Can"))
    assert one == other


@pytest.mark.parametrize("missing", [["Can: responder", "Can: announcer", "Bob: discovery"],
                                     ["Alice: initiator", "Bob: initiator", "Can: initiator"]], ids=str)
@pytest.mark.parametrize("columns", [80, 120])
def test_the_demo_again_puts_back_what_is_missing(machine, missing, columns):
    machine.terminal("--demo", size=(columns, 40)).shows(re.escape(MENU))
    before = machine.panes("quartet-demo")
    for title in missing:
        machine.tmux("kill-pane", "-t", before[title].id)
    machine.start("--demo")
    panes = machine.panes("quartet-demo")
    assert sorted(panes) == sorted(DEMO_PANES)
    assert all((panes[title].id == before[title].id) == (title not in missing) for title in DEMO_PANES)
    windows = machine.tmux("list-windows", "-t", "=quartet-demo", "-F", "#{window_panes}").split()
    assert windows == (["8", "4"] if columns < 120 else ["12"])


def test_the_demo_begins_anew_if_a_user_has_nothing_left_to_add_to(machine):
    machine.start("--demo")
    for pane in ("initiator", "responder"):
        machine.tmux("kill-pane", "-t", machine.panes("quartet-demo")[f"Can: {pane}"].id)
    machine.start("--demo")
    assert sorted(machine.panes("quartet-demo")) == sorted(DEMO_PANES)


def test_the_layout_follows_the_terminal(machine):
    terminal = machine.terminal("--demo")
    terminal.shows(re.escape(MENU))

    def heights(title):
        return machine.panes("quartet-demo")[title].height

    before = heights("Bob: responder")
    terminal.resize(120, 40)
    eventually(lambda: heights("Bob: responder") >= before + 8)
    if machine.tmux_version() >= (3, 3):
        eventually(lambda: [heights(f"Bob: {pane}") for pane in ("announcer", "discovery", "initiator")] == [3, 3, 6])
    terminal.type("C-b", "n")
    eventually(lambda: heights("Can: responder") == heights("Bob: responder"))


def test_a_terminal_that_shrinks_leaves_every_pane_readable(machine):
    terminal = machine.terminal("--demo", size=(200, 50))
    terminal.shows(re.escape(MENU))
    terminal.resize(80, 24)
    eventually(lambda: machine.panes("quartet-demo")["Bob: initiator"].width < 80)
    if machine.tmux_version() >= (3, 3):
        eventually(lambda: min(pane.width for pane in machine.panes("quartet-demo").values()) >= 18)


def test_start_runs_the_programs_where_it_was_called(machine):
    machine.start()
    machine.panes()["announcer"].answer("Username:", "Ece")
    machine.panes()["discovery"].shows("Ece is online")
    assert '"Ece"' in (machine.work / "peers.txt").read_text()
    for title, pane in machine.panes().items():
        assert os.readlink(f"/proc/{pane.program()}/cwd") == str(machine.work), title


def test_start_without_a_terminal_says_how_to_attach(machine):
    assert "tmux attach -t quartet\n" in machine.start()


def test_start_again_attaches(machine):
    machine.start()
    before = {title: eventually(pane.program) for title, pane in machine.panes().items()}
    terminal = machine.terminal()
    terminal.shows("Username:")
    assert machine.tmux("list-clients", "-t", "quartet").count("\n") == 1
    assert {title: pane.program() for title, pane in machine.panes().items()} == before


def test_start_again_leaves_the_cursor_where_it_was(machine):
    machine.start()
    machine.tmux("select-pane", "-t", machine.panes()["initiator"].id)
    machine.start()
    assert [title for title, pane in machine.panes().items() if pane.active] == ["initiator"]


def test_start_again_puts_the_cursor_into_the_initiator_if_there_is_a_name(machine):
    machine.start()
    pane = machine.panes()["announcer"]
    pane.answer("Username:", "Ece")
    eventually(lambda: machine.tmux("display", "-p", "-t", pane.id, "#{pane_title}") == "announcer: Ece\n")
    machine.tmux("select-pane", "-t", machine.panes()["responder"].id)
    machine.start()
    assert [title for title, pane in machine.panes().items() if pane.active] == ["initiator"]


def test_start_inside_tmux_switches_to_the_session(machine):
    terminal = machine.terminal(command=["tmux", "new-session", "-s", "other", "sh"])
    eventually(lambda: machine.runs("other"))
    machine.tmux("set-option", "-g", "default-command", "exec false")
    terminal.type("-l", shlex.quote(machine.script))
    terminal.type("Enter")
    terminal.shows("Username:")
    assert machine.tmux("list-clients", "-F", "#{client_session}") == "quartet\n"
    machine.start("--stop")
    eventually(lambda: not machine.runs("quartet"))
    assert machine.runs("other")


def test_start_does_not_depend_on_the_tmux_configuration(machine):
    (machine.home / ".tmux.conf").write_text(
        "set -g base-index 7\nsetw -g pane-base-index 3\nset -g default-command 'exec false'\n"
        "set -g default-shell /bin/false\nset -g destroy-unattached on\nset -g remain-on-exit on\n"
        "set -g status off\nset -g prefix C-a\nsetw -g pane-border-status bottom\n"
        "setw -g automatic-rename on\n")
    terminal = machine.terminal()
    terminal.shows("Username:")
    terminal.shows("Ctrl-a arrow")
    assert sorted(machine.panes()) == sorted(PANES)
    assert [pane.title for pane in machine.panes().values() if pane.active] == ["announcer"]
    machine.start("--stop")
    assert not machine.runs("quartet")


def test_start_changes_nothing_for_other_sessions(machine):
    machine.tmux("new-session", "-d", "-s", "other", "cat", server="reference")
    machine.start()
    machine.start("--demo")
    for question in (["list-keys"], ["show-options", "-g"], ["show-options", "-gw"],
                     ["show-options", "-s"], ["show-hooks", "-g"]):
        ours = [line for line in machine.tmux(*question).splitlines() if "-T quartet" not in line]
        assert ours == machine.tmux(*question, server="reference").splitlines(), question
    assert machine.tmux("show-options", "-v", "-t", "=quartet:", "mouse") == "on\n"


def test_stop_ends_everything(machine):
    machine.start()
    machine.start("--demo")
    eventually(lambda: all(pane.program() for pane in machine.list_panes()))
    # The responder of quartet has the port on every address: a pane whose program has ended.
    machine.panes("quartet-demo")["Bob: responder"].has_ended()
    output = machine.start("--stop")
    assert output == "Ended the session quartet.\nEnded the session quartet-demo.\n"
    assert not machine.runs("quartet") and not machine.runs("quartet-demo")
    assert processes(machine.clone) == []


def test_stop_ends_the_demo_alone_where_it_alone_runs(machine):
    machine.start("--demo")
    assert machine.start("--stop") == "Ended the session quartet-demo.\n"
    assert processes(machine.clone) == []


def test_stop_lets_the_announcer_say_that_it_leaves(machine):
    machine.start("--demo")
    for user in USERS:
        machine.panes("quartet-demo")[f"{user}: announcer"].shows("Announcing")
    ear = subprocess.Popen([*machine.inside, "/usr/bin/python3", "-c", """
import socket
ear = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
ear.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
ear.bind(("127.255.255.255", 6000))
print("ready", flush=True)
while True:
    print(ear.recv(2000).decode(), flush=True)
"""], stdout=subprocess.PIPE, text=True)
    try:
        assert ear.stdout.readline() == "ready\n"
        machine.start("--stop")
        left = set()
        while left != set(USERS):
            announcement = json.loads(ear.stdout.readline())
            if announcement.get("leaving"):
                left.add(announcement["username"])
    finally:
        ear.kill()
        ear.communicate()


def test_stop_with_nothing_running_says_so(machine):
    assert machine.start("--stop").startswith("Nothing to end")


def test_stop_without_tmux_says_that_nothing_runs(machine):
    hide(machine, "tmux")
    assert machine.start("--stop").startswith("Nothing to end")


def test_a_session_that_cannot_be_completed_is_not_left_behind(machine):
    executable(machine.bin / "tmux", '#!/bin/sh\n'
               'case $1 in split-window) echo "no space" >&2; exit 1 ;; esac\n'
               'exec /usr/bin/tmux "$@"\n')
    result = machine.run()
    assert result.returncode != 0 and "no space" in result.stderr
    assert not machine.runs("quartet")


def test_help_and_wrong_usage(machine):
    assert "--demo" in machine.start("--help")
    for script in ("start.sh", "test.sh"):
        for wrong in (["--nonsense"], ["--help", "--help"]):
            result = subprocess.run([machine.clone / "scripts" / script, *wrong],
                                    capture_output=True, text=True)
            assert result.returncode == 2, (script, wrong)
            assert result.stderr.startswith("Usage: scripts/" + script) and result.stdout == ""


# The panes.


@pytest.mark.parametrize("title", PANES)
def test_a_program_that_is_ended_is_started_again_with_enter(machine, title):
    """By Ctrl-C, or by Ctrl-D if it reads lines, where Ctrl-C empties the line."""
    machine.start()
    pane = machine.panes()[title]
    first = eventually(pane.program)
    pane.shows("Username:" if title == "announcer" else "Listening|Users, Chat")
    pane.type("C-d" if title == "initiator" else "C-c")
    pane.has_ended()
    assert pane.program() is None
    pane.restart()
    assert eventually(lambda: machine.panes()[title].program()) != first


def test_a_program_in_the_window_of_can_is_started_again_with_enter(machine):
    machine.start("--demo")
    pane = machine.panes("quartet-demo")["Can: responder"]
    first = eventually(pane.program)
    os.kill(first, signal.SIGKILL)
    pane.has_ended()
    pane.restart()
    assert eventually(lambda: machine.panes("quartet-demo")["Can: responder"].program()) != first


def test_enter_reaches_a_program_that_runs(machine):
    machine.start()
    terminal = machine.terminal(command=["tmux", "attach"])
    terminal.shows("Username:")
    terminal.type("Ece", "Enter")
    machine.panes()["announcer"].shows("You are Ece")


def test_the_users_own_keys_and_the_mouse_stay(machine):
    (machine.home / ".tmux.conf").write_text("bind-key -n F7 rename-window seven\n")
    machine.start()
    keys = {table: machine.tmux("list-keys", "-T", table).replace(f"-T {table}", "")
            for table in ("root", "quartet")}
    assert "F7" in keys["quartet"] and "MouseDown1Pane" in keys["quartet"]
    assert len(keys["quartet"].splitlines()) == len(keys["root"].splitlines()) + 1


def test_a_pane_whose_program_has_ended_says_how_to_start_it_again(machine):
    terminal = machine.terminal()
    terminal.shows("Username:")
    machine.panes()["discovery"].shows("Listening")
    os.kill(machine.panes()["discovery"].program(), signal.SIGKILL)
    terminal.shows("discovery *ended: hit Enter ")


def test_why_a_program_could_not_start_stays_on_the_screen(machine):
    holder = "import socket; held = socket.create_server(('', 6001)); print(flush=True); input()"
    with subprocess.Popen([*machine.inside, sys.executable, "-c", holder], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as other:
        other.stdout.readline()
        terminal = machine.terminal()
        terminal.shows("responder ended: hit Enter ")
        if machine.tmux_version() >= (3, 3):
            assert "cannot listen on 0.0.0.0:6001" in terminal.screen()
        other.communicate(b"\n")


@pytest.mark.parametrize("title", PANES)
def test_closing_a_pane_ends_its_program(machine, title):
    machine.start()
    pane = machine.panes()[title]
    program = eventually(pane.program)
    machine.tmux("kill-pane", "-t", pane.id)
    eventually(lambda: title not in machine.panes())
    eventually(lambda: executed(program) == "" and executed(pane.pid) == "")
    assert sorted(machine.panes()) == sorted(set(PANES) - {title})


@pytest.mark.parametrize("missing", [[title] for title in PANES] + [
    ["announcer", "discovery"], ["announcer", "initiator"], ["responder", "initiator"]], ids=str)
def test_start_again_puts_back_what_is_missing(machine, missing):
    machine.start()
    before = {title: eventually(pane.program) for title, pane in machine.panes().items()}
    for title in missing:
        machine.tmux("kill-pane", "-t", machine.panes()[title].id)
    machine.start()
    panes = machine.panes()
    assert sorted(panes) == sorted(PANES)
    if "responder" not in missing or "initiator" not in missing:
        assert all(panes[title].program() == before[title] for title in PANES if title not in missing)
    for title in missing:
        eventually(panes[title].program)
    assert largest(panes) == "responder"


def test_the_environment_reaches_the_panes_of_a_server_that_runs(machine):
    machine.tmux("new-session", "-d", "-s", "other", "cat")
    machine.environment.update(NO_COLOR="1", TZ="Asia/Tokyo;", LANG="C.UTF-8")
    machine.start()
    for title, pane in machine.panes().items():
        words = Path(f"/proc/{eventually(pane.program)}/environ").read_bytes().split(b"\0")
        assert {b"NO_COLOR=1", b"TZ=Asia/Tokyo;", b"LANG=C.UTF-8"} <= set(words), title


@pytest.mark.parametrize("value, coloured", [("1", False), ("", True)])
def test_no_color_is_for_tmux_too(machine, value, coloured):
    machine.environment["NO_COLOR"] = value
    machine.start()
    for kind, option in [("-v", "status-style"), ("-wv", "pane-active-border-style"), ("-wv", "pane-border-style")]:
        style = machine.tmux("show-options", kind, "-t", "=quartet:", option)
        assert bool(re.search("[fb]g=", style)) == (coloured and option != "pane-border-style"), style


def test_what_is_not_set_does_not_come_from_the_server(machine):
    machine.environment["NO_COLOR"] = "1"
    machine.tmux("new-session", "-d", "-s", "other", "cat")
    del machine.environment["NO_COLOR"]
    machine.start()
    pane = machine.panes()["discovery"]
    assert b"NO_COLOR" not in Path(f"/proc/{eventually(pane.program)}/environ").read_bytes()


def test_nothing_outlives_the_tmux_server(machine):
    machine.start()
    eventually(lambda: all(pane.program() for pane in machine.list_panes()))
    machine.tmux("kill-server")
    eventually(lambda: processes(machine.clone) == [])


def test_stop_kills_a_program_that_does_not_end(machine):
    machine.start()
    pane = machine.panes()["discovery"]
    deaf = eventually(pane.program)
    os.kill(deaf, signal.SIGSTOP)
    machine.start("--stop")
    eventually(lambda: executed(deaf) == "")


# The passphrase.


PHRASE = "ağaç $7; 'beş"


@pytest.fixture
def sealed(machine):
    """A machine with a passphrase in front of the identity, and with temporary files of its own."""
    (machine.home / "tmp").mkdir()
    machine.environment["TMPDIR"] = str(machine.home / "tmp")
    set_passphrase(machine, machine.work)
    return machine


def set_passphrase(machine, directory):
    answers = f"Passphrase\n\n{PHRASE}\n{PHRASE}\n"
    subprocess.run([machine.clone / "bin/initiator"], cwd=directory, env=machine.environment, input=answers, text=True,
                   stdout=subprocess.DEVNULL, check=True)
    assert (directory / "identity.key").read_bytes().startswith(b"quartet key 1\n")


def unlock(terminal, *lines, question="Passphrase:"):
    for line in lines:
        terminal.shows(question + r"\s*$")
        terminal.type("-l", line)
        terminal.type("Enter")


def opened(sealed):
    """A terminal in which the passphrase was given and the announcer asks for the name."""
    terminal = sealed.terminal()
    unlock(terminal, PHRASE)
    terminal.shows("Username:")
    return terminal


def test_the_passphrase_is_asked_for_once(sealed):
    opened(sealed)
    for title, pane in sealed.panes().items():
        eventually(pane.program)
        assert "Passphrase" not in pane.text(), title
    sealed.panes()["responder"].shows("Listening for messages")
    sealed.panes()["initiator"].asks(MENU)


def test_the_passphrase_is_in_no_command_line_environment_or_file(sealed):
    terminal = opened(sealed)
    assert PHRASE not in terminal.screen()
    for pid in [pane.pid for pane in sealed.list_panes()] + [int(sealed.tmux("display", "-p", "#{pid}"))]:
        for name in ("cmdline", "environ"):
            assert PHRASE.encode() not in Path(f"/proc/{pid}/{name}").read_bytes()
        assert "FIFO" not in "".join(os.readlink(path) for path in Path(f"/proc/{pid}/fd").iterdir())
    assert list((sealed.home / "tmp").iterdir()) == []


def test_a_wrong_passphrase_is_asked_for_again_and_three_open_nothing(sealed):
    terminal = sealed.terminal()
    unlock(terminal, "wrong")
    terminal.shows("wrong passphrase")
    unlock(terminal, PHRASE)
    terminal.shows("Username:")
    sealed.start("--stop")
    terminal = sealed.terminal()
    unlock(terminal, "wrong", "", "wrong again")
    eventually(lambda: terminal.screen().count("wrong passphrase") == 3, terminal.screen)
    assert not sealed.runs("quartet")


def test_a_program_that_is_started_again_asks_in_its_pane(sealed):
    opened(sealed)
    responder = sealed.panes()["responder"]
    responder.shows("Listening")
    os.kill(responder.program(), signal.SIGKILL)
    responder.has_ended()
    responder.restart()
    responder.answer("Passphrase:", PHRASE)
    responder.shows("Listening")


def test_what_is_put_back_gets_the_passphrase_too(sealed):
    opened(sealed)
    for title in ("responder", "discovery"):
        sealed.tmux("kill-pane", "-t", sealed.panes()[title].id)
    opened(sealed)
    sealed.panes()["responder"].shows("Listening for messages")
    sealed.tmux("kill-pane", "-t", sealed.panes()["discovery"].id)
    sealed.terminal().shows("Username:")  # it needs none


def test_without_a_terminal_the_panes_ask(sealed):
    sealed.start()
    for title in ("announcer", "initiator", "responder"):
        sealed.panes()[title].answer("Passphrase:", PHRASE)
    sealed.panes()["responder"].shows("Listening for messages")
    sealed.panes()["announcer"].asks("Username:")


def test_the_demo_asks_for_each_user(machine):
    for user in USERS:
        (machine.work / "demo" / user.lower()).mkdir(parents=True)
        set_passphrase(machine, machine.work / "demo" / user.lower())
    terminal = machine.terminal("--demo")
    for user in USERS:
        unlock(terminal, PHRASE, question=f"Passphrase of {user}:")
    terminal.shows(f"{re.escape(MENU)}.*{re.escape(MENU)}")
    for pane in machine.panes("quartet-demo").values():
        eventually(pane.program)
    for user in USERS:
        machine.panes("quartet-demo")[f"{user}: responder"].shows("Listening")


# The demonstration.


def names(machine, user, pattern):
    """Waits until Users of that user's initiator shows a line."""
    pane = machine.panes("quartet-demo")[f"{user}: initiator"]

    def asked():
        before = pane.text().count(MENU)
        pane.answer(MENU, "Users")
        eventually(lambda: pane.text().count(MENU) > before)
        return re.search(pattern, pane.text(), re.MULTILINE)

    eventually(asked, pane.text)


def received(machine, user):
    """The texts that were sent to somebody of the demo."""
    log = machine.work / "demo" / user / "chat.log"
    if not log.exists():
        return []
    with open(log, encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        entries = [json.loads(line) for line in file]
    return [entry["text"] for entry in entries if entry.get("direction") == "RECEIVED"]


def test_the_demo_begins_with_a_message_for_each(machine):
    """Sent by the programs themselves, and only once."""
    def greeted():
        return [len(received(machine, user)) for user in ("alice", "bob", "can")] == [2, 1, 1]

    machine.start("--demo")
    eventually(greeted)
    assert "*Lunch*" in received(machine, "alice")[0] and "https://" in received(machine, "alice")[0]
    assert "`Create #lab Bob Can`" in received(machine, "alice")[1]
    for user in USERS:
        machine.panes("quartet-demo")[f"{user}: responder"].shows("Lunch|Gladly")
    machine.start("--stop")
    machine.start("--demo")
    machine.panes("quartet-demo")["Bob: initiator"].asks(MENU)
    names(machine, "Bob", r"^ *\d+  Alice \(Online\)")
    assert greeted()


def test_the_last_words_of_the_greeting_make_a_room(machine):
    terminal = machine.terminal("--demo", size=(120, 40))
    terminal.shows(re.escape(MENU))
    eventually(lambda: len(received(machine, "alice")) == 2)
    # Can knows Alice by now.
    eventually(lambda: not machine.tmux("show-options", "-qv", "-t", "=quartet-demo:", "@quartet-greeter").strip())
    panes = machine.panes("quartet-demo")
    create, speak = re.findall("`(.*?)`", received(machine, "alice")[-1])
    panes["Alice: initiator"].answer(MENU, create)
    # Lines that come together are taken for one that was pasted.
    panes["Alice: initiator"].shows(r"^Made: #lab\.")
    panes["Alice: initiator"].answer(MENU, speak)
    for user in ("Bob", "Can"):
        panes[f"{user}: responder"].shows(r"#lab Alice +hello")


def quiet_demo(machine):
    """Opens a demo that has been opened before."""
    (machine.work / "demo/alice").mkdir(parents=True)
    (machine.work / "demo/alice/chat.log").touch()
    machine.start("--demo")


def test_demo_end_to_end(machine):
    """Two users meet, talk in the clear and securely, read it back, and one of them is gone."""
    quiet_demo(machine)
    panes = machine.panes("quartet-demo")
    alice, heard = panes["Alice: initiator"], panes["Bob: responder"]
    names(machine, "Alice", r"^ *\d+  Bob \(Online\)")

    alice.answer(MENU, "Chat")
    alice.answer("Name:", "Bob")
    alice.answer("secure or unsecure?", "unsecure")
    alice.answer("Message:", "hello in the clear")
    alice.shows("(?i)^sent to Bob")
    heard.shows(r"^\d\d:\d\d +Alice\*\s+hello\s+in\s+the\s+clear$")

    alice.answer(MENU, "Chat Bob")
    alice.answer("secure or unsecure?", "secure", times=2)
    alice.answer("Number (any; Enter draws one):", "8675309")
    alice.answer("Message:", "hello in private, äöü €", times=2)
    alice.shows("(?i)^delivered to Bob")
    heard.shows(r"^\d\d:\d\d +Alice\?\s+hello\s+in\s+private,\s+äöü\s+€$")

    for user, direction, other in (("Alice", "SENT", "Bob"), ("Bob", "RECEIVED", "Alice")):
        pane = panes[f"{user}: initiator"]
        pane.answer(MENU, "History")
        pane.shows(rf"{direction} +{other} .*\[plain\]( \[unproven\])?: hello in the clear$")
        pane.shows(rf"{direction} +{other} .*\[secure\]( \[unknown\])?( ✓)?: hello in private, äöü €$")

    os.kill(heard_by := heard.program(), signal.SIGKILL)
    eventually(lambda: executed(heard_by) == "")
    alice.answer(MENU, "Chat Bob")
    alice.answer("secure or unsecure?", "unsecure", times=3)
    alice.shows("(?i)cannot connect to Bob|Message: *$")
    if not re.search("(?i)cannot connect to Bob", alice.text()):
        alice.answer("Message:", "are you there?", times=3)
    alice.shows("(?i)cannot connect to Bob")
    alice.asks(MENU)

    for user in ("alice", "bob"):
        files = {path.name for path in (machine.work / "demo" / user).iterdir()}
        assert files == {"peers.txt", "chat.log", "identity.key"}
    assert [path.name for path in machine.work.iterdir()] == ["demo"]


def test_demo_again_keeps_the_history(machine):
    (machine.work / "demo/alice").mkdir(parents=True)
    line = {"time": "2026-11-20T08:00:00.123Z", "direction": "SENT", "username": "Bob",
            "ip": "127.0.0.3", "mode": "plain", "text": "from an earlier day"}
    (machine.work / "demo/alice/chat.log").write_text(json.dumps(line) + "\n")
    machine.start("--demo")
    alice = machine.panes("quartet-demo")["Alice: initiator"]
    alice.answer(MENU, "History")
    alice.shows("from an earlier day")


def test_demo_without_loopback_says_so(make_machine):
    machine = make_machine(loopback=False)
    result = machine.run("--demo")
    assert result.returncode == 1 and "loopback" in result.stderr
    assert not machine.runs("quartet-demo")


# What is installed.


def hide(machine, *names):
    """Leaves PATH with everything but sudo, apt-get and the commands that are named."""
    for directory in ("/usr/sbin", "/usr/bin", "/sbin", "/bin"):
        for command in Path(directory).iterdir():
            link = machine.bin / command.name
            if command.name not in (*names, "sudo", "apt-get") and not os.path.lexists(link):
                link.symlink_to(command)
    machine.environment["PATH"] = str(machine.bin)


def hide_library(machine, name):
    """Leaves a machine that has all libraries but one, with programs that were built before."""
    executable(machine.bin / "pkg-config",
               f'#!/bin/sh\ncase "$*" in *{name}*) exit 1 ;; esac\nexec /usr/bin/pkg-config "$@"\n')
    executable(machine.bin / "make", "#!/bin/sh\n")


def fake_apt(machine, *found, fails=None):
    """An apt-get that says how it was called and whose install brings the commands `found` onto
    PATH; it fails if its arguments contain `fails`."""
    links = [f"ln -s {shutil.which(command)} {machine.bin}/" for command in found]
    failing = [f'case "$*" in *{fails}*) exit 100 ;; esac'] if fails else []
    executable(machine.bin / "apt-get", "\n".join([
        "#!/bin/sh", 'echo "CALLED apt-get $* as $(id -u) $DEBIAN_FRONTEND"', *failing,
        '[ "$1" = install ] || exit 0', *links, ""]))


def calls(output):
    return re.findall("^CALLED apt-get (.*) as (.*)$", output, re.MULTILINE)


def be_somebody(machine):
    """Makes the scripts believe that they are not root's."""
    executable(machine.bin / "id", "#!/bin/sh\necho 1000\n")


def test_nothing_to_install_no_apt(machine):
    fake_apt(machine)
    executable(machine.bin / "sudo", "#!/bin/sh\necho CALLED sudo\n")
    output = machine.start()
    assert "CALLED" not in output and "lacks" not in output
    assert machine.runs("quartet")


def test_libedit_alone_is_no_reason_to_call_apt_and_one_line_mentions_it(machine):
    hide_library(machine, "libedit")
    fake_apt(machine)
    output = machine.start()
    assert "CALLED" not in output and output.count("libedit") == 1


def test_missing_package_is_named_before_apt_is_called(machine):
    hide(machine, "tmux")
    hide_library(machine, "libedit")
    fake_apt(machine, "tmux")
    output = machine.start()
    named, _, called = output.partition("CALLED")
    for name in ("tmux", "libedit-dev"):
        assert re.search(rf"^  {name} +\w.*\w", named, re.MULTILINE), name
    for name in ("gcc", "libc6-dev", "make", "pkg-config", "libjansson-dev", "libsodium-dev",
                 "libunistring-dev", "nettle-dev"):
        assert name not in named, name
    assert calls("CALLED" + called) == [("update", "0 noninteractive"),
                                        (f"install {FLAGS} tmux libedit-dev", "0 noninteractive")]
    assert machine.runs("quartet")


def test_missing_libraries_and_compiler_are_found_missing(machine):
    hide(machine, "cc")
    fake_apt(machine)
    result = machine.run(PKG_CONFIG_LIBDIR="/nonexistent")
    assert result.returncode == 1
    packages = "gcc libc6-dev libjansson-dev libsodium-dev libunistring-dev nettle-dev"
    assert calls(result.stdout)[1][0] == f"install {FLAGS} {packages} libedit-dev"
    assert f"still this is missing: {packages}" in result.stderr


def test_an_optional_package_that_apt_does_not_have_is_left_out(machine):
    hide(machine, "tmux")
    hide_library(machine, "libedit")
    fake_apt(machine, "tmux", fails="libedit-dev")
    _, first, second = calls(machine.start())
    assert first[0] == f"install {FLAGS} tmux libedit-dev"
    assert second[0] == f"install {FLAGS} tmux"


def test_a_failing_apt_is_an_error_with_the_command(machine):
    hide(machine, "make")
    fake_apt(machine, fails="install")
    result = machine.run()
    assert result.returncode == 1
    assert f"apt-get update && apt-get install {FLAGS} make\n" in result.stderr
    assert not machine.runs("quartet")


def test_somebody_else_installs_through_sudo(machine):
    hide(machine, "make")
    fake_apt(machine, "make")
    executable(machine.bin / "sudo", "#!/bin/sh\necho CALLED sudo\nexec \"$@\"\n")
    be_somebody(machine)
    result = machine.run()
    assert result.stdout.count("CALLED sudo") == 2
    assert calls(result.stdout)[1] == (f"install {FLAGS} make", "1000 noninteractive")


def test_without_root_or_sudo_the_command_is_shown(machine):
    hide(machine, "make", "tmux")
    fake_apt(machine)
    be_somebody(machine)
    result = machine.run()
    assert result.returncode == 1 and "CALLED" not in result.stdout
    assert f"\n  apt-get update && apt-get install {FLAGS} make tmux\n" in result.stderr


def test_without_apt_the_packages_are_named(machine):
    hide(machine, "make", "tmux")
    result = machine.run()
    assert result.returncode == 1
    assert "no apt-get" in result.stderr and "make tmux\n" in result.stderr


# The build.


def test_start_builds_what_changed_and_is_silent_where_nothing_did(machine):
    machine.start()
    machine.start("--stop")
    (machine.clone / "bin/discovery").unlink()
    assert "LINK\tbin/discovery" in machine.start()
    machine.start("--stop")
    output = machine.start()
    assert "make" not in output and "Building" not in output


def test_a_failing_build_stops_with_its_output(machine, tmp_path):
    machine.clone = copy_repository(tmp_path / "broken")
    with open(machine.clone / "common/net/address.c", "a") as source:
        source.write("#error this cannot be built\n")
    result = machine.run()
    assert result.returncode == 1
    assert "this cannot be built" in result.stderr and "the build failed" in result.stderr
    assert not machine.runs("quartet")


# scripts/test.sh. It would run this file; so make is another program here.


def run_tests(machine, make):
    executable(machine.bin / "make", f"#!/bin/sh\n{make}\n")
    return subprocess.run([machine.clone / "scripts/test.sh"], env=machine.environment,
                          capture_output=True, text=True)


REPORT = """echo "$*"; case $* in *test*) ;; *) exit 0 ;; esac
echo '[  PASSED  ] 5 test(s).'
echo '[  PASSED  ] 7 test(s).'
"""


@pytest.mark.parametrize("summary", ["== 130 passed, 2 skipped in 61.51s (0:01:01) ==",
                                     "130 passed, 2 skipped in 61.51s"])
def test_test_sh_says_last_how_many_passed_and_failed(machine, summary):
    result = run_tests(machine, REPORT + f"echo '{summary}'")
    assert result.stdout.splitlines()[-1] == "142 passed, 0 failed"
    assert result.returncode == 0


def test_test_sh_counts_failures(machine):
    result = run_tests(machine, REPORT + "echo '[  FAILED  ] tests: 1 test(s), listed below:' >&2\n"
                       "echo '[  FAILED  ] a_name_has_3_bytes' >&2\n"
                       "echo '== 2 failed, 130 passed, 1 error in 61.51s =='\n"
                       "echo 'make: Error' >&2\nexit 2")
    assert result.stdout.splitlines()[-1] == "142 passed, 4 failed"
    assert result.returncode == 1


@pytest.mark.parametrize("make", ["exit 2", REPORT + "exit 2"])
def test_test_sh_fails_where_a_part_fails_without_a_count(machine, make):
    result = run_tests(machine, make)
    assert result.stdout.splitlines()[-1].endswith(" passed, 1 failed")
    assert result.returncode == 1


def test_test_sh_fails_on_a_warning(machine, tmp_path):
    machine.clone = copy_repository(tmp_path / "warned")
    with open(machine.clone / "announcer/name.c", "a") as source:
        source.write("static int nobody_calls_this(void)\n{\n\treturn 0;\n}\n")
    result = run_tests(machine, 'case $* in *test*) echo RAN ;; esac; exec /usr/bin/make "$@"')
    assert result.returncode == 1
    assert "nobody_calls_this" in result.stdout and "RAN" not in result.stdout
    assert result.stdout.splitlines()[-1] == "0 passed, 1 failed"


def test_test_sh_names_what_is_missing_before_apt_is_called(machine):
    hide(machine, "shellcheck", "mandoc")
    fake_apt(machine)
    result = run_tests(machine, "exit 0")
    named, _, called = result.stdout.partition("CALLED")
    assert re.search("^  shellcheck +checks the scripts$", named, re.MULTILINE)
    assert calls("CALLED" + called)[1][0] == f"install {FLAGS} shellcheck mandoc"
    assert result.returncode == 1
