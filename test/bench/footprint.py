"""What the programs take while they do little: memory, wake-ups, and the time to start."""

import threading
import time

import company
import files
import machine
from machine import BIN, PROGRAM, READY, SENDERS, TOOLS, eventually, isolated, program
from table import Row

WATCH_SECONDS = 60
SETTLE_SECONDS = 1.5  # more than peers.txt is ever behind
PERIOD_SECONDS = 8
STARTS = 15
CONNECTIONS = 1000
PEERS = 100
ARGUMENTS = {"announcer": ["-u", "Idle"]}
# What an idle program is called that has nothing, and one in many rooms: who writes its files, and the MiB it may take.
KINDS = {"": (lambda path: None, 6), f", {company.MANY} rooms": (company.write_many, 8)}


class Idlers:
    """The four programs, of each kind and each in a network of its own, doing nothing while the other rows are measured.

    No datagram and no connection can reach them there, so what they do they do of
    themselves. That the processors are busy with others can make a switch
    involuntary, but wakes nobody.
    """

    def __init__(self):
        self._programs = {}
        for kind, (write_files, _) in KINDS.items():
            for name in READY:
                path = machine.directory(f"idle-{len(self._programs)}")
                write_files(path)
                self._programs[name, kind] = isolated(name, path, *ARGUMENTS.get(name, []), typing=name == "initiator")
        self._switches = {}
        self._finished = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self):
        time.sleep(SETTLE_SECONDS)
        before = {key: program.switches() for key, program in self._programs.items()}
        time.sleep(WATCH_SECONDS)
        for key, idler in self._programs.items():
            self._switches[key] = [now - was for now, was in zip(idler.switches(), before[key])]
        self._finished.set()

    def memory(self):
        """The memory of each."""
        for (name, kind), idler in self._programs.items():
            yield Row(f"memory, {name} idle{kind}", "MiB", [idler.resident_mib()], digits=1).under(KINDS[kind][1])

    def wakeups(self):
        """How often each woke up in a minute; waits until that is over."""
        if not self._finished.wait(WATCH_SECONDS + SETTLE_SECONDS + 5):
            raise machine.Unmeasured("an idle program is not there any more")
        for (name, kind), (voluntary, nonvoluntary) in self._switches.items():
            periods = WATCH_SECONDS // PERIOD_SECONDS + 1 if name == "announcer" else 0
            row = Row(f"wake-ups, {name}{kind}", "/min", [voluntary + nonvoluntary],
                      note=f"{nonvoluntary} involuntary")
            # Others may take the processor away after a wake-up, but not without one.
            yield row.to_reach(f"<= {periods} voluntary" if periods else "none",
                               voluntary <= periods and nonvoluntary <= voluntary)


def connections():
    """The responder with as many connections as it takes, first silent ones, then with keys exchanged."""
    for words, arguments in (("connections", ["-q"]), ("secure sessions", [])):
        path = machine.directory(words.replace(" ", "-"))
        files.write_peers(path, PEERS)
        with program("responder", path, "-a", PROGRAM) as responder:
            crowd = machine.Process([TOOLS / "crowd", "-f", SENDERS, "-k", path / "identity.key",
                                     "-t", 0, "-n", CONNECTIONS, *arguments, PROGRAM],
                                    path, "held", typing=True)
            eventually(lambda: responder.descriptors() > CONNECTIONS, "the connections are open")
            memory = responder.resident_mib()
            crowd.kill()
        yield Row(f"memory, 1,000 {words}", "MiB", [memory], digits=1).under(24)


def start():
    """From the launch to the line that says it is ready, against a program that only writes such a line."""
    path = machine.directory("start")
    files.write_peers(path, PEERS)
    crowded = machine.directory("start-crowded")
    files.write_peers(crowded, 10_000)
    arguments = {"announcer": ["-u", "Bench"]}
    for where, names in ((path, READY), (crowded, ["announcer", "discovery"])):
        for name in names:
            values, twin_values = [], []
            for _ in range(STARTS):
                command = [BIN / name, *arguments.get(name, [])]
                values.append(files.launches(where, "-r", READY[name], *command)[0][0])
                twin_values.append(files.launches(where, "-r", "ready", TOOLS / "copy")[0][0])
            if where == path:
                yield Row(f"start, {name}", "ms", values, twin_values, digits=2).under(20)
            else:
                yield Row(f"start, {name}, 10,000 peers", "ms", values, twin_values, digits=2)
