"""Files that are fetched: how fast, and what that costs both sides and those who chat meanwhile."""

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import threading
import time
from pathlib import Path

import chat
import files
import machine
from company import Person, Session
from machine import BIN, PROGRAM, SENDERS, TOOLS, program, tool
from protocol import to_base64
from table import Row

MIB = 1 << 20
GIB = 1 << 30
FILE_BYTES = 512 * MIB
ROUNDS = 5
OTHER_ROUNDS = 3
FIRST_ROUNDS = 7
RESUME_ROUNDS = 3
HUGE_BYTES = 8 * GIB
HUGE_SECONDS = 300
SMALL = 10_000
SMALL_BYTES = 1024
BESIDE_ROUNDS = 5
# Places of one address, and in all.
FETCHERS = ["127.3.0.1", "127.3.0.1", "127.3.0.2", "127.3.0.2"]
SIDE_MAX_MIB = 8
CLOCK_HZ = os.sysconf("SC_CLK_TCK")


class Two:
    """One who offers and one who gets, with their responders."""

    def __init__(self, name, in_memory=False):
        self.giver, self.getter = (Person(number, machine.directory(f"{name}-{number}", in_memory)) for number in (0, 1))
        self.stack = contextlib.ExitStack()

    def __enter__(self):
        both = (self.giver, self.getter)
        for each, other in (both, both[::-1]):
            each.writes_peers([other])
            each.responder = self.stack.enter_context(program("responder", each.path, "-a", each.address))
        return self

    def __exit__(self, *unused):
        self.stack.close()
        for each in (self.giver, self.getter):
            machine.discard(each.path)

    def offer(self, path, to=None):
        """Offers a file; its number with who gets it."""
        self.giver.does("send", "-f", path, to or self.getter.username)
        return self.number()

    def number(self):
        """That of the last offer."""
        return int(re.findall(rb'"number": *(\d+)}', (self.getter.path / "chat.log").read_bytes())[-1])

    def get(self, number):
        """Microseconds, KiB and microseconds of processor time of a get; and those of the responder's part of it."""
        self.getter.hears_all()
        before = children_cpu_seconds(self.giver.responder)
        [[microseconds, kib, cpu]] = tool("launch", BIN / "initiator", "get", number, cwd=self.getter.path,
                                          timeout=HUGE_SECONDS)
        await_children(self.giver.responder)
        return microseconds, kib, cpu, 1e6 * (children_cpu_seconds(self.giver.responder) - before)

    @property
    def shelf(self):
        return self.getter.path / "files"

    def parts(self):
        with contextlib.suppress(FileNotFoundError):
            return [Path(each) for each in os.scandir(self.shelf) if each.name.endswith(".part")]
        return []

    def await_growth(self, size=0):
        """Waits until there is more of a part than that."""
        deadline = time.monotonic() + HUGE_SECONDS
        while not any(part.stat().st_size > size for part in self.parts()):
            if time.monotonic() > deadline:
                raise machine.Unmeasured("nothing was fetched")

    def begin(self, number, size=0):
        """The milliseconds from Get until the part is larger than it was; it is stopped then, and kept."""
        self.getter.hears_all()
        with program("initiator", self.getter.path, typing=True) as initiator:
            began = time.monotonic()
            initiator.type(f"Get {number}")
            self.await_growth(size)
            return 1000 * (time.monotonic() - began)


def children(process):
    return [int(pid) for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text("ascii").split()]


def stat(pid):
    """The fields of a process from its state on (proc(5), stat)."""
    return Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()


def children_cpu_seconds(process):
    """What those children have had that have ended, whether that was taken notice of or not."""
    fields = [field for pid in children(process) for field in stat(pid)[11:13]] + stat(process.pid)[13:15]
    return sum(map(int, fields)) / CLOCK_HZ


def await_children(process):
    machine.eventually(lambda: all(stat(pid)[0] == "Z" for pid in children(process)), "the responder is done")


def peak_mib(pid):
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        found = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text("ascii"))
        return int(found[1]) / 1024 if found else 0
    return 0


class Watched:
    """The most memory that the children of a process take while `with` lasts."""

    def __init__(self, process):
        self.process, self.mib = process, 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def _watch(self):
        while not self._ended.wait(0.01):
            self.mib = max([self.mib, *map(peak_mib, children(self.process))])

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *unused):
        self._ended.set()
        self._thread.join()


def random_file(path, size):
    with open(path, "wb") as file:
        for _ in range(size // MIB):
            file.write(os.urandom(MIB))
    return path


def sparse_file(path, size):
    path.touch(0o600)
    os.truncate(path, size)
    return path


def compared(name, two, source, to=None, options=()):
    """One file from one to the other, against the twin: rows of speed and of processor time, and the KiB of both sides."""
    rates, twin_rates, costs, twin_costs, memory = [], [], [], [], []
    numbers = [two.offer(source, to) for _ in range(ROUNDS)]
    copy = two.getter.path / "copy"
    for number in numbers:
        [[microseconds, cpu]] = tool("carry", *options, source, copy)
        copy.unlink()
        twin_rates.append(FILE_BYTES / microseconds)
        twin_costs.append(cpu / FILE_BYTES * 1e6)
        with Watched(two.giver.responder) as server:
            microseconds, kib, cpu, server_cpu = two.get(number)
        [placed] = two.shelf.iterdir()
        if placed.stat().st_size != FILE_BYTES:
            raise machine.Unmeasured("it was not fetched whole")
        placed.unlink()
        rates.append(FILE_BYTES / microseconds)
        costs.append((cpu + server_cpu) / FILE_BYTES * 1e6)
        memory.append(max(kib / 1024, server.mib))
    return Row(name, "MB/s", rates, twin_rates), Row("  processor, a GB", "ms", costs, twin_costs), memory


# What people take instead, if it is there.

OTHER = ("127.0.0.4", 7022)
SSHD_CONFIG = """\
ListenAddress {0}:{1}
HostKey {2}/host
AuthorizedKeysFile {2}/user.pub
StrictModes no
UsePAM no
PidFile none
Subsystem sftp internal-sftp
"""


def await_listener():
    """Waits until somebody listens there."""
    end = f":{OTHER[1]:04X} 00000000:0000 0A "
    machine.eventually(lambda: end in Path("/proc/net/tcp").read_text("ascii"), "another program listens")


def by_nc(source, copy):
    """netcat, which encrypts nothing; the microseconds."""
    address, port = OTHER
    with open(copy, "wb") as out, open(source, "rb") as file, \
            subprocess.Popen(["nc", "-l", address, str(port)], stdin=subprocess.DEVNULL, stdout=out) as listener:
        await_listener()
        began = time.monotonic()
        subprocess.run(["nc", "-N", address, str(port)], stdin=file, check=True)
        listener.wait()
        return 1e6 * (time.monotonic() - began)


def by_scp(source, copy):
    """scp, to a server without the privileges that it cannot give up here."""
    keys = machine.directory("scp")
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", keys / name], check=True)
    (keys / "config").write_text(SSHD_CONFIG.format(*OTHER, keys), encoding="ascii")
    options = [f"-o{option}" for option in ("StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "BatchMode=yes")]
    command = ["unshare", "--user", "--map-user=65534", shutil.which("sshd"), "-D", "-e", "-f", keys / "config"]
    with machine.Process(command, keys, "Server listening"):
        began = time.monotonic()
        subprocess.run(["scp", "-q", f"-P{OTHER[1]}", "-i", keys / "user", *options, source, f"nobody@{OTHER[0]}:{copy}"],
                       check=True)
        microseconds = 1e6 * (time.monotonic() - began)
    machine.discard(keys)
    return microseconds


def others(source, copy, rates):
    """The rates of a file against those of others, which are no twins."""
    for name, needed, carry in (("nc", ["nc"], by_nc), ("scp", ["scp", "sshd", "ssh-keygen"], by_scp)):
        if not all(map(shutil.which, needed)):
            continue
        other_rates = []
        for _ in range(OTHER_ROUNDS):
            other_rates.append(FILE_BYTES / carry(source, copy))
            copy.unlink()
        yield Row(f"  against {name}", "MB/s", rates, other_rates, note=f"bare: {name}")


def fetched():
    """One file on one machine, against a bare twin that reads, encrypts, sends, decrypts and writes; in a room it hashes, too."""
    with Two("fetched", in_memory=True) as two:
        source = random_file(two.giver.path / "source", FILE_BYTES)
        speed, cost, memory = compared("a file, one to one", two, source)
        yield speed.at_least(0.7)
        yield cost.at_most(1.3)
        yield from others(source, two.getter.path / "copy", speed.values)
        two.giver.does("create", "#lab", two.getter.username)
        speed, cost, more = compared("  in a room, hashed", two, source, "#lab", ["-h"])
        yield speed.at_least(0.7)
        yield cost.at_most(1.3)
    yield Row("  memory of the larger side", "MiB", memory + more, digits=1).under(SIDE_MAX_MIB)
    with Two("fetched-disk") as two:
        source = random_file(two.giver.path / "source", FILE_BYTES)
        yield compared("  on the disk, synced", two, source)[0]


def first():
    """From Get until the first bytes are there."""
    with Two("first") as two:
        number = two.offer(sparse_file(two.giver.path / "source", GIB))
        times = []
        for _ in range(FIRST_ROUNDS):
            times.append(two.begin(number))
            for part in two.parts():
                part.unlink()
    yield Row("first byte of 1 GiB", "ms", times, digits=1).under(20)


def resumed():
    """What is there is compared first, by both sides one after the other, against a program that hashes two such files."""
    with Two("resumed") as two:
        source = sparse_file(two.giver.path / "source", GIB + 64 * MIB)
        number = two.offer(source)
        two.begin(number)
        [part] = two.parts()
        values, twin_values = [], []
        for _ in range(RESUME_ROUNDS):
            # The twin first, so that both find it in memory.
            os.truncate(part, GIB)
            [[microseconds, *_]] = tool("launch", TOOLS / "digest", part, part)
            twin_values.append(2 * GIB / microseconds)
            values.append(2 * GIB / 1e3 / two.begin(number, GIB))
    yield Row("checking 1 GiB at resume", "MB/s", values, twin_values).at_least(0.8)


def huge():
    """The last MiB of a file whose size has more than 32 bits, after all that comes before it."""
    with Two("huge") as two:
        number = two.offer(sparse_file(two.giver.path / "source", HUGE_BYTES))
        two.begin(number)
        [part] = two.parts()
        os.truncate(part, HUGE_BYTES - MIB)
        with Watched(two.giver.responder) as server:
            microseconds, kib, *_ = two.get(number)
        [placed] = two.shelf.iterdir()
        if placed.stat().st_size != HUGE_BYTES:
            raise machine.Unmeasured("it was not fetched whole")
    yield Row("last MiB of 8 GiB", "s", [microseconds / 1e6], digits=1)
    yield Row("  memory of the larger side", "MiB", [max(kib / 1024, server.mib)], digits=1).under(SIDE_MAX_MIB)


def many_offers(two):
    """Offers SMALL files, by lines as those of one that was offered."""
    number = two.offer("small-1")
    for person in (two.giver, two.getter):
        path = person.path / "chat.log"
        template = [json.loads(line) for line in path.read_bytes().splitlines()]
        offer = next(line["id"] for line in template if "file" in line)
        template = [line for line in template if line.get("id") == offer]
        lines = []
        for index in range(2, SMALL + 1):
            own = two.giver.path / f"small-{index}"
            stamp = own.stat()
            source = {"path": str(own), "device": stamp.st_dev, "inode": stamp.st_ino, "bytes": stamp.st_size,
                      "mtime": stamp.st_mtime_ns, "ctime": stamp.st_ctime_ns}
            for line in template:
                changes = {"id": to_base64(index.to_bytes(16, "big"))}
                if "file" in line:
                    changes["file"] = {"name": own.name, "bytes": SMALL_BYTES}
                if "source" in line:
                    changes["source"] = source
                text = json.dumps({**line, **changes}, ensure_ascii=False)
                if "number" in line:
                    text = re.sub(r'"number": \d+', f'"number": {number + index - 1:10}', text)
                lines.append(text + "\n")
        with open(path, "ab") as log:
            log.write("".join(lines).encode())


def small():
    """Many small files at once, in an initiator and a responder that find them in chat.log."""
    with Two("small") as two:
        for index in range(1, SMALL + 1):
            (two.giver.path / f"small-{index}").write_bytes(index.to_bytes(SMALL_BYTES, "big"))
        many_offers(two)
        two.getter.hears_all()
        with program("initiator", two.getter.path, typing=True) as initiator, \
                open(two.getter.path / "chat.log", "rb") as log:
            log.seek(0, 2)
            began = time.monotonic()
            initiator.type("Get all")
            files.await_lines(log, b'"fetched"', SMALL)
            seconds = time.monotonic() - began
        if len(list(two.shelf.iterdir())) != SMALL:
            raise machine.Unmeasured("another number of files than was offered")
    row = Row(f"{SMALL:,} files of 1 KiB", "1/s", [SMALL / seconds])
    yield row.to_reach(">= 500 1/s", row.median >= 500)


@contextlib.contextmanager
def fetching(two, number):
    """Four who fetch a file again and again while `with` lasts, and throw away what comes."""
    [file_id] = {line["id"] for line in map(json.loads, (two.getter.path / "chat.log").read_bytes().splitlines())
                 if line.get("number") == number}
    ended, received = threading.Event(), [0] * len(FETCHERS)

    def fetch(index):
        # As those give way that are real.
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)
        unread = bytearray(MIB)
        while not ended.is_set():
            with Session(two.getter.identity, two.giver.address, two.giver.identity.public, FETCHERS[index],
                         two.getter.username) as session:
                if session.ask(ask="file", file=file_id)["status"] != 200:
                    continue
                taken = session.connection.socket
                while not ended.is_set() and (got := taken.recv_into(unread, MIB, socket.MSG_TRUNC)):
                    received[index] += got
    threads = [threading.Thread(target=fetch, args=[index]) for index in range(len(FETCHERS))]
    for thread in threads:
        thread.start()
    machine.eventually(lambda: all(received), "all are served")
    try:
        yield received
    finally:
        ended.set()
        for thread in threads:
            thread.join()


def beside():
    """How long a message takes while four files are served as fast as can be, against the same responder before that."""
    with Two("beside") as two:
        number = two.offer(sparse_file(two.giver.path / "source", HUGE_BYTES))
        arguments = ["-f", SENDERS, "-l", two.giver.path / "chat.log", "-r", chat.FULL_RATE, "-t", chat.CROWDED_SECONDS,
                     "-n", 2, PROGRAM]
        rounds, moved, seconds = [], 0, 0
        for _ in range(BESIDE_ROUNDS):
            quiet = [value for [value] in tool("courier", *arguments)]
            with fetching(two, number) as received:
                began, before = time.monotonic(), sum(received)
                busy = [value for [value] in tool("courier", *arguments)]
                moved, seconds = moved + sum(received) - before, seconds + time.monotonic() - began
            rounds.append((busy, quiet))
    yield chat.latency_row("4 files served", "p50", 0.5, rounds)
    row = chat.latency_row("4 files served", "p99", 0.99, rounds).at_most(5)
    row.note = f"{moved / seconds / 1e6:,.0f} MB/s meanwhile"
    yield row
