"""The four programs, and the users who run them.

A Program is one running program; its output is read as it comes, so it never
waits for the test, and the test waits for a pattern in it. A User is a working
directory, perhaps with an address and a namespace, in which programs run.
"""

import codecs
import contextlib
import fcntl
import json
import os
import re
import signal
import struct
import subprocess
import termios
import threading
import time
from pathlib import Path

import pytest

from network import WAIT
from protocol import Identity, ResponderSide

PROGRAMS = ["announcer", "discovery", "initiator", "responder"]
BIN = Path(os.environ.get("QUARTET_BIN", "."))

# What each program has said when it is ready to be talked to.
READY = {
    "announcer": r"Announcing|Username: ",
    "discovery": r"Listening for users on",
    "initiator": r"Users, Chat or History\? ",
    "responder": r"Listening for messages on",
}
MENU = READY["initiator"]
# As a pipe is asked, or a terminal.
NUMBER = r"Number(?: \(any; Enter draws one\))?: "

SANITIZER_REPORT = re.compile(r"ERROR: \w+Sanitizer|runtime error")


def eventually(condition, timeout=WAIT):
    """Waits until condition() holds and returns what it returned; fails the test otherwise."""
    deadline = time.monotonic() + timeout
    while not (result := condition()):
        assert time.monotonic() < deadline, f"not within {timeout} s"
        time.sleep(0.01)
    return result


class Stream:
    """What a program has written to one descriptor, read by a thread of its own."""

    def __init__(self, descriptor):
        self.raw = b""
        self.text = ""
        self.ended = False
        self._decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._read, args=[descriptor], daemon=True)
        self._thread.start()

    def _read(self, descriptor):
        while not self.ended:
            try:
                data = os.read(descriptor, 65536)
            except OSError:  # a terminal whose last program has ended
                data = b""
            with self._changed:
                self.raw += data
                self.text += self._decoder.decode(data).replace("\r\n", "\n")
                self.ended = not data
                self._changed.notify_all()

    def wait_for(self, pattern, start, timeout):
        """The first match at or after the position start, or None."""
        with self._changed:
            self._changed.wait_for(
                lambda: pattern.search(self.text, start) or self.ended, timeout)
            return pattern.search(self.text, start)

    def join(self):
        self._thread.join(WAIT)


class Program:
    """One of the four programs, running: on pipes, or on a terminal, perhaps of so many columns."""

    def __init__(self, name, arguments, directory, terminal=False, environment=None, label=None):
        self.name = name
        self.label = label or name
        self.expected_status = 0
        self._position = 0
        command = [str(BIN / name), *arguments]
        options = {"cwd": directory, "env": {**base_environment(), **(environment or {})},
                   "stderr": subprocess.PIPE, "bufsize": 0}
        if terminal:
            master, slave = os.openpty()
            self._terminals = [master]
            if terminal is not True:
                self.resize(terminal)
            self._input = output = master
            self.process = subprocess.Popen(["setsid", "--ctty", *command],
                                            stdin=slave, stdout=slave, **options)
            os.close(slave)
        else:
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE,
                                            stdout=subprocess.PIPE, **options)
            self._terminals = []
            self._input, output = self.process.stdin.fileno(), self.process.stdout.fileno()
        self._out = Stream(output)
        self._err = Stream(self.process.stderr.fileno())

    @property
    def pid(self):
        return self.process.pid

    @property
    def output(self):
        """All it has written to standard output."""
        return self._out.text

    @property
    def errors(self):
        """All it has written to standard error."""
        return self._err.text

    @property
    def raw(self):
        """All it has shown, byte by byte."""
        return self._out.raw + self._err.raw

    @property
    def lines(self):
        return self.output.splitlines()

    def wait_for(self, pattern, timeout=WAIT):
        """Waits for pattern in what standard output brings after the last match."""
        found = self._out.wait_for(re.compile(pattern, re.MULTILINE), self._position, timeout)
        assert found, f"{self.label} did not say {pattern!r} after {self._recent()!r}"
        self._position = found.end()
        return found

    def _recent(self):
        return self.output[self._position:][-500:]

    def send(self, line):
        """Types a line, or sends it if the input is a pipe."""
        self.send_bytes(line.encode() + b"\n")

    def send_bytes(self, data):
        os.write(self._input, data)

    def ask(self, line, answer):
        """Types a line and waits for the answer."""
        self.send(line)
        return self.wait_for(answer)

    def menu(self, line):
        """Types a line at the menu and returns what is shown until the menu is back."""
        start = self._position
        self.ask(line, MENU)
        return self.output[start:self._position]

    def menu_of(self, line, question, answer):
        """The same for a command that asks something."""
        start = self._position
        self.ask(line, question)
        self.ask(answer, MENU)
        return self.output[start:self._position]

    @property
    def terminal(self):
        """A descriptor of its terminal."""
        return self._terminals[0]

    def resize(self, columns):
        """Makes its terminal this wide."""
        fcntl.ioctl(self._terminals[0], termios.TIOCSWINSZ, struct.pack("4H", 24, columns, 0, 0))

    def end_input(self):
        self.process.stdin.close()

    @property
    def is_running(self):
        return self.process.poll() is None

    def wait(self, status=0):
        """Waits until it has ended by itself, and expects its exit status."""
        self.expected_status = status
        self.process.wait(WAIT)
        self._out.join()
        self._err.join()
        assert self.process.returncode == status, f"{self.label}: {self.process.returncode}"
        return self

    def stop(self, sign=signal.SIGTERM):
        """Ends it cleanly."""
        self.process.send_signal(sign)
        return self.wait()

    def kill(self):
        """Ends it at once, as a crash or a power cut would."""
        self.process.kill()
        self.expected_status = -signal.SIGKILL
        self.process.wait(WAIT)
        self._out.join()

    @contextlib.contextmanager
    def paused(self):
        """Keeps it from running."""
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    def read_bytes(self):
        """How many bytes it has read so far, from files and everything else."""
        text = Path(f"/proc/{self.pid}/io").read_text(encoding="ascii")
        return int(re.search(r"rchar: (\d+)", text)[1])

    def memory(self):
        """How many bytes of memory it takes up."""
        text = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii")
        return int(re.search(r"VmRSS:\s+(\d+)", text)[1]) * 1024

    def processor_time(self):
        """In seconds, of the program and of the kernel for it."""
        times = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii").split()
        return (int(times[13]) + int(times[14])) / os.sysconf("SC_CLK_TCK")

    def open_descriptors(self):
        """How many descriptors it has open."""
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def discard(self):
        """Ends it whatever it does, for the end of a test."""
        if self.is_running:
            self.process.kill()
            self.process.wait(WAIT)
        self._out.join()
        self._err.join()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            if pipe:
                pipe.close()
        for descriptor in self._terminals:
            os.close(descriptor)

    def check_end(self):
        """Ends it cleanly if it still runs, and checks how it ended."""
        if self.is_running:
            self.stop()
        self._err.join()
        assert self.process.returncode == self.expected_status, \
            f"{self.label} ended with {self.process.returncode}"
        assert not SANITIZER_REPORT.search(self.errors), f"{self.label}: {self.errors}"

    def report(self):
        """What it wrote, for the report of a failed test."""
        return f"{shortened(self.output)}\n--- standard error ---\n{shortened(self.errors)}"


def shortened(text, longest=6000):
    """The beginning and the end of a long text."""
    half = longest // 2
    return text if len(text) <= longest else f"{text[:half]}\n[...]\n{text[-half:]}"


def base_environment():
    """The environment of every program: no colour by default, UTC+3 without daylight saving."""
    kept = {name: os.environ[name] for name in ("PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS")
            if name in os.environ}
    return {**kept, "TZ": "<+03>-3", "LC_ALL": "C.UTF-8", "TERM": "dumb"}


class User:
    """A person at a machine: a working directory, and the programs that run in it."""

    def __init__(self, directory, started, address=None, host=None, clock=None):
        self.directory = directory
        self.address = address
        self.host = host
        self.clock = clock
        self._started = started
        directory.mkdir(exist_ok=True)

    def start(self, name, *arguments, ready=True, terminal=False, environment=None):
        """Starts a program and waits until it is ready."""
        if self.address:
            arguments = ["-a", self.address, *arguments]
        if self.clock:
            environment = {**self.clock.environment, **(environment or {})}
        with self.host or contextlib.nullcontext():
            program = Program(name, arguments, self.directory, terminal, environment,
                              f"{self.directory.name}'s {name}")
        self._started.append(program)
        if ready:
            program.wait_for(READY[name])
        return program

    def announcer(self, *arguments, **options):
        return self.start("announcer", *arguments, **options)

    def discovery(self, **options):
        return self.start("discovery", **options)

    def initiator(self, **options):
        return self.start("initiator", **options)

    def responder(self, **options):
        return self.start("responder", **options)

    def run(self, name, *arguments, text="", status=0):
        """Runs a program to its end with text as its input, which is a pipe."""
        program = self.start(name, *arguments, ready=False)
        with contextlib.suppress(BrokenPipeError):
            program.send_bytes(text if isinstance(text, bytes) else text.encode())
        program.end_input()
        return program.wait(status)

    @contextlib.contextmanager
    def without_reader(self, name, closed):
        """Runs a program whose output nobody takes: the pipe is closed, or soon full.

        Yields the process and a function that says how many bytes are in the pipe.
        """
        reading, writing = os.pipe()
        if closed:
            os.close(reading)

        def waiting():
            return struct.unpack("i", fcntl.ioctl(reading, termios.FIONREAD, bytes(4)))[0]

        process = subprocess.Popen([BIN / name], cwd=self.directory, env=base_environment(),
                                   stdin=subprocess.PIPE, stdout=writing)
        os.close(writing)
        try:
            yield process, waiting
            process.terminate()
            assert process.wait(WAIT) == 0
        finally:
            process.kill()
            process.wait(WAIT)
            process.stdin.close()
            if not closed:
                os.close(reading)

    # The files.

    def path(self, name):
        return self.directory / name

    def update_peers_file(self, change):
        """Changes the content of peers.txt as the programs do: locked, replacing it whole."""
        path = self.path("peers.txt")
        while True:
            with open(path, "a+", encoding="utf-8") as locked:
                fcntl.flock(locked, fcntl.LOCK_EX)
                if not path.exists() or not path.samefile(f"/proc/self/fd/{locked.fileno()}"):
                    continue  # it was replaced while we waited
                locked.seek(0)
                content = parse_peers_file(locked.read())
                change(content)
                new = self.path("peers.txt.test")
                new.write_text(format_peers_file(content), encoding="utf-8")
                new.chmod(0o600)
                new.rename(path)
                return

    def write_peers(self, peers, sections=None):
        """Replaces the dictionary in peers.txt, and perhaps other records."""
        self.update_peers_file(lambda content: content.update(sections or {}, peers=peers))

    def is_called(self, username):
        """Writes the user's own name into peers.txt, as the announcer does."""
        self.update_peers_file(lambda content: content.update(self={"username": username}))

    def knows(self, **addresses):
        """Writes a peers.txt in which these peers were heard just now: Bob="127.0.0.3"."""
        self.write_peers({address: peer(name) for name, address in addresses.items()})

    def read_locked(self, name):
        """The text of a file, under the lock that those who change it take: without it, half a line may be there."""
        with open(self.path(name), encoding="utf-8", newline="") as file:
            fcntl.flock(file, fcntl.LOCK_SH)
            return file.read()

    def peers_file(self):
        """The whole of peers.txt, as parse_peers_file() gives it."""
        return parse_peers_file(self.read_locked("peers.txt"))

    def peers(self):
        """The dictionary in peers.txt, empty if there is no file yet."""
        try:
            return self.peers_file()["peers"]
        except FileNotFoundError:
            return {}

    def claims(self, address):
        """What is said of an address in peers.txt, the best claim first."""
        entry = self.peers().get(address)
        return [entry, *entry.get("also", [])] if entry else []

    def strangers(self):
        """What is wanted of those who are not pinned, by name, empty if there is no file yet."""
        try:
            return {record.pop("stranger"): record for record in self.peers_file()["strangers"]}
        except FileNotFoundError:
            return {}

    def known(self):
        """The pins in peers.txt, empty if there is no file yet."""
        try:
            return self.peers_file()["known"]
        except FileNotFoundError:
            return {}

    def pin(self, **pins):
        """Writes pins into peers.txt: Bob=pin(identity)."""
        self.update_peers_file(lambda content: content["known"].update(pins))

    def write_log(self, *entries):
        """Appends lines to chat.log: dictionaries, or bytes as they are."""
        with open(self.path("chat.log"), "ab") as log:
            for entry in entries:
                if isinstance(entry, dict):
                    entry = json.dumps(entry).encode() + b"\n"
                log.write(entry)

    def log(self):
        """The lines of chat.log, each of which must be whole and an object."""
        try:
            text = self.read_locked("chat.log")
        except FileNotFoundError:
            return []
        assert text == "" or text.endswith("\n")
        return [json.loads(line) for line in text.split("\n")[:-1]]

    def logged_texts(self):
        """The texts that were sent or received."""
        return [entry["text"] for entry in self.log() if entry.get("direction") in ("SENT", "RECEIVED")]

    def logged_texts_of(self, direction):
        return [entry["text"] for entry in self.log() if entry.get("direction") == direction]

    def identity(self):
        """The identity of this user, made by the test if there is none yet."""
        path = self.path("identity.key")
        if not path.exists():
            path.touch(0o600)
            path.write_bytes(os.urandom(32))
        return Identity(path.read_bytes())


# What is asked about a message to somebody who cannot be reached.
KEPT = r"Message, kept until he is back \(Enter: none\): "

# A fingerprint on the screen: a half a line.
FINGERPRINT = r"\d{5}(?: \d{5}){5}\n +\d{5}(?: \d{5}){5}$"


def shown_fingerprints(text):
    """The fingerprints on a screen, and the word before each, if there is one."""
    found = re.findall(rf"^  (\w+)\n +({FINGERPRINT})", text, re.MULTILINE)
    return [(word, " ".join(digits.split())) for word, digits in found]


class Desk:
    """A user with all four programs running."""

    def __init__(self, user, name):
        self.user = user
        self.discovery = user.discovery()
        self.responder = user.responder()
        self.announcer = user.announcer("-u", name, "-i", "1")
        self.initiator = user.initiator()

    def sees(self, line):
        """Waits until Users shows a line."""
        eventually(lambda: re.search(line, self.initiator.menu("Users"), re.MULTILINE))

    def waits_for_identity(self, address):
        eventually(lambda: "identity" in self.user.peers().get(address, {}))

    def says(self, name, text):
        chat_unsecure(self.initiator, name)
        self.initiator.send(text)
        self.initiator.wait_for(f"(?i)sent to {name}")
        self.initiator.wait_for(MENU)

    def says_securely(self, name, text):
        say_securely(self.initiator, name, text)

    def history(self, command="History"):
        """Direction, name, address, mode and text of the lines that History shows."""
        return re.findall(r"^[-\d]+ [:\d]+  (SENT|RECEIVED) +(\S+) \((\S+)\) "
                          r"\[(\w+)\](?: \[\w+\]| \u2713)?: (.*)$",
                          self.initiator.menu(command), re.MULTILINE)


def chat_unsecure(initiator, name):
    """Answers the questions of an unsecure chat up to the message."""
    initiator.ask("Chat", "Name: ")
    initiator.ask(name, r"secure or unsecure\? ")
    initiator.ask("unsecure", "Message: ")


def chat_secure(initiator, name, number="7"):
    """Answers the questions of a secure chat up to the number: the keys are exchanged next."""
    initiator.ask("Chat", "Name: ")
    initiator.ask(name, r"secure or unsecure\? ")
    initiator.ask("secure", NUMBER)
    initiator.send(number)


def say_securely(initiator, name, text):
    """Has a whole secure chat; returns what is shown between the delivery and the menu."""
    chat_secure(initiator, name)
    initiator.wait_for("Message: ")
    initiator.ask(text, f"(?i)delivered to {re.escape(name)}")
    return initiator.wait_for(f"(?s).*?{MENU}")[0]


def assert_impostor_learns_nothing(initiator, connection, identity, text):
    """Who answers in Bob's place with another identity cannot read the text, nor confirm it."""
    side = ResponderSide(identity)
    connection.send_object(side.answer(connection.receive_object()))
    initiator.wait_for("Message: ")
    initiator.send(text)
    message = connection.receive_object()
    with pytest.raises(AssertionError):
        side.open(message)
    connection.send_object(side.receipt())
    initiator.wait_for("(?i)sent to Bob.*not confirmed")


def peer(username, seconds_ago=0.0, **members):
    """An entry of the dictionary in peers.txt, without its address."""
    return {"username": username, "last_seen": round(time.time() - seconds_ago, 3), **members}


def pin(identity, **members):
    """A pin in peers.txt, without its name, for an identity as announcements carry it."""
    return {"identity": identity, "pinned": 1763625000, **members}


def parse_peers_file(text):
    """The records of a peers.txt: "peers" by address, "known" by name, "room" by id, "self", "strangers" and others as they are.

    A line that is damaged fails the test; of two about one thing the last counts.
    """
    content = {"peers": {}, "known": {}, "strangers": []}
    for line in text.splitlines():
        record = json.loads(line)
        if "peer" in record:
            content["peers"][record.pop("peer")] = record
        elif "known" in record:
            content["known"][record.pop("known")] = record
        elif "stranger" in record:
            content["strangers"].append(record)
        elif "room" in record:
            content.setdefault("room", {})[record.pop("room")] = record
        elif "self" in record:
            content["self"] = {"username": record.pop("self"), **record}
        else:
            content.update(record)
    return content


def format_peers_file(content):
    """The text of a peers.txt with that content."""
    others = dict(content)
    records = [{"peer": address, **entry} if isinstance(entry, dict) else
               {"peer": address, "entry": entry} for address, entry in others.pop("peers", {}).items()]
    records += [{"known": name, **entry} if isinstance(entry, dict) else
                {"known": name, "entry": entry} for name, entry in others.pop("known", {}).items()]
    records += others.pop("strangers", [])
    records += [{"room": room, **entry} for room, entry in others.pop("room", {}).items()]
    own = dict(others.pop("self", {}))
    if own:
        records.append({"self": own.pop("username"), **own})
    records += [{name: value} for name, value in others.items()]
    return "".join(json.dumps(record) + "\n" for record in records)


def log_entry(text, username="Bob", direction="RECEIVED", ip="127.0.0.3", mode="plain",
              time_utc="2026-11-20T08:00:00.123Z", **members):
    """A line of chat.log."""
    return {"time": time_utc, "direction": direction, "username": username, "ip": ip,
            "mode": mode, **members, "text": text}


def numbered(entry, number):
    """A line of chat.log, as bytes, that ends with a number, ten characters wide."""
    return f'{json.dumps(entry)[:-1]}, "number": {number:10}}}\n'.encode()


def offer_entry(name, size, number, **members):
    """A line that offers a file."""
    entry = log_entry("", mode="secure", **members)
    del entry["text"]
    return numbered({**entry, "file": {"name": name, "bytes": size}}, number)
