"""The machine that is measured on: its network, directories, processes, and what the kernel says."""

import contextlib
import os
import resource
import shutil
import signal
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BIN = ROOT / "bin"
TOOLS = ROOT / "build/release/bench"
DISK = ROOT / "build/bench"
MEMORY = DISK / "memory"  # a tmpfs

PROGRAM = "127.0.0.2"  # where the program that is measured listens
TWIN = "127.0.0.3"  # and its twin
SENDERS = "127.1.0.1"  # the first of the addresses that others speak from

PATIENCE = 20  # seconds, far above what anything here needs
PRESENCE_PORT = 6000


class Unmeasured(Exception):
    """A measurement could not be made, and why."""


_running = []
_tools = []


def eventually(condition, what, timeout=PATIENCE):
    """Waits until condition() holds and returns what it returned."""
    deadline = time.monotonic() + timeout
    while not (result := condition()):
        if time.monotonic() > deadline:
            raise Unmeasured(f"not within {timeout} s: {what}")
        time.sleep(0.002)
    return result


def set_up():
    """Readies the network, which must be private, the limits and the directories."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    # A connection a message needs many ports.
    settings = Path("/proc/sys/net/ipv4")
    (settings / "ip_local_port_range").write_text("1024 65535")
    (settings / "tcp_tw_reuse").write_text("1")
    shutil.rmtree(DISK, ignore_errors=True)
    MEMORY.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", MEMORY], check=True)


def tear_down():
    """Ends all that was started, and removes all files."""
    for process in list(_running):
        process.kill()
    for process in _tools:
        if process.poll() is None:
            process.kill()
            process.communicate()
    subprocess.run(["umount", MEMORY], check=False)
    shutil.rmtree(DISK, ignore_errors=True)


def directory(name, in_memory=False):
    """A new, empty directory."""
    path = (MEMORY if in_memory else DISK) / name
    path.mkdir()
    return path


def discard(path):
    """Removes a directory and leaves the disk nothing to do, which would disturb what is measured next."""
    shutil.rmtree(path)
    os.sync()


def file_system(path):
    """The type of the file system that path is on, and the device."""
    best = ("", "unknown", "")
    for line in Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines():
        device, point, kind = line.split()[:3]
        if os.path.commonpath([point, path]) == point and len(point) >= len(best[0]):
            best = (point, kind, device)
    return f"{best[1]} ({best[2]})"


class Process:
    """A process in a directory of its own, whose output goes to a file there."""

    def __init__(self, command, path, ready, typing=False):
        self.name = Path(command[0]).name
        self.output = path / f"{self.name}.out"
        environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "TERM": "dumb"}
        with open(self.output, "wb") as output:
            self._process = subprocess.Popen(
                [str(word) for word in command], cwd=path, env=environment, stdout=output,
                stdin=subprocess.PIPE if typing else subprocess.DEVNULL, stderr=output)
        _running.append(self)
        eventually(lambda: ready in self.output.read_text("utf-8", "replace") or self._check(),
                   f"{self.name} is ready")

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.stop()

    def _check(self):
        if self._process.poll() is not None:
            raise Unmeasured(f"{self.name} ended: {self.output.read_text('utf-8', 'replace')[-200:]}")
        return False

    @property
    def pid(self):
        return self._process.pid

    def type(self, line):
        """Has it read a line."""
        self._process.stdin.write(line.encode() + b"\n")
        self._process.stdin.flush()

    def stop(self, sign=signal.SIGTERM):
        """Ends it, or finds that it has ended before its time."""
        if self not in _running:
            return
        self._check()
        self._process.send_signal(sign)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(PATIENCE)
        self.kill()

    def kill(self):
        """Ends it at once, whatever it does."""
        _running.remove(self)
        self._process.kill()
        self._process.wait()
        if self._process.stdin:
            self._process.stdin.close()

    def _status(self, path, field):
        for line in (path / "status").read_text(encoding="utf-8").splitlines():
            if line.startswith(f"{field}:"):
                return int(line.split()[1])
        raise Unmeasured(f"{self.name} has no {field}")

    def _tasks(self):
        return Path(f"/proc/{self.pid}/task").iterdir()

    def resident_mib(self):
        """The memory it takes up."""
        return self._status(Path(f"/proc/{self.pid}"), "VmRSS") / 1024

    def switches(self):
        """How often its threads have stopped running: to wait, and because others had to run."""
        return [sum(self._status(task, f"{kind}_ctxt_switches") for task in self._tasks())
                for kind in ("voluntary", "nonvoluntary")]

    def written(self):
        """The bytes it has given to write(2) and its kin, and those of the pages it has made dirty (proc(5), io)."""
        fields = dict(line.split(": ") for line in Path(f"/proc/{self.pid}/io").read_text("ascii").splitlines())
        return int(fields["wchar"]), int(fields["write_bytes"])

    def descriptors(self):
        """How many descriptors it has open."""
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def cpu_seconds(self):
        """The processor time its threads have had."""
        return sum(int((task / "schedstat").read_text(encoding="ascii").split()[0])
                   for task in self._tasks()) / 1e9


# What each program has written when it is ready.
READY = {
    "announcer": "Announcing",
    "discovery": "Listening for users",
    "initiator": "Users, Chat or History?",
    "responder": "Listening for messages",
}


def program(name, path, *arguments, **options):
    """Starts one of the four programs."""
    return Process([BIN / name, *arguments], path, READY[name], **options)


def isolated(name, path, *arguments, **options):
    """The same in a network of its own, where nobody talks to it."""
    prepare = 'ip link set lo up && exec "$0" "$@"'
    command = ["unshare", "-n", "sh", "-c", prepare, BIN / name, *arguments]
    return Process(command, path, READY[name], **options)


def twin(name, path, *arguments):
    """Starts a bare twin."""
    return Process([TOOLS / name, *arguments], path, "ready")


def start_tool(name, *arguments, **options):
    """Starts one of the tools that send or launch."""
    process = subprocess.Popen([str(word) for word in [TOOLS / name, *arguments]], text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)
    _tools.append(process)
    return process


def finish_tool(process, timeout=60):
    """Waits for a tool and returns the numbers it printed, line by line."""
    try:
        output, errors = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        raise Unmeasured(f"{Path(process.args[0]).name} did not end") from None
    _tools.remove(process)
    if process.returncode != 0:
        raise Unmeasured(errors.strip() or f"{Path(process.args[0]).name} failed")
    return [[float(word) for word in line.split()] for line in output.splitlines()]


def tool(name, *arguments, timeout=60, **options):
    """Runs a tool to its end."""
    return finish_tool(start_tool(name, *arguments, **options), timeout)


def dropped_datagrams(address):
    """How many datagrams the kernel has dropped at the presence port of address."""
    bound = {"%02X%02X%02X%02X" % tuple(int(part) for part in reversed(text.split(".")))
             for text in (address, "0.0.0.0")}
    rows = [line.split() for line in Path("/proc/net/udp").read_text(encoding="ascii").splitlines()[1:]]
    return sum(int(row[-1]) for row in rows
               if row[1] in {f"{ip}:{PRESENCE_PORT:04X}" for ip in bound})
