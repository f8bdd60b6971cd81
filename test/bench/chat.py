"""The responder under load: messages a second, and how long one takes."""

import contextlib
import statistics
import time

import files
import machine
import presence
from machine import PROGRAM, SENDERS, TWIN, finish_tool, program, start_tool, tool, twin
from table import Row, quantile

ROUNDS = 9
ROUND_SECONDS = 0.3
PEERS = 100
SPARSE_RATE = 10
# A disturbance from outside spoils one of these, not their median.
SPARSE_ROUNDS = 5
SPARSE_SECONDS = 3
BUSY_ROUNDS = 3
CROWDED_RATE = 20
CROWDED_SECONDS = 3
CROWDED_ROUNDS = 5

# As many as the responder has places, from other addresses than those who are measured.
PLACES = 1024
CROWD = "127.2.0.1"
FULL_ROUNDS = 5
# So many a round that the p99 is not the longest of them.
FULL_RATE = 100

# Where the responder listens when discovery listens on PROGRAM.
RESPONDER = "127.0.0.5"

top_rate = None  # plain messages a second, as soon as that was measured


def rates(name, sender, arguments, twin_arguments, twin_sends=(), in_memory=False):
    """Messages a second of the responder and its twin, in turn."""
    path = machine.directory(name, in_memory)
    files.write_peers(path, PEERS)
    values, twin_values = [], []
    with program("responder", path, "-a", PROGRAM), twin("taker", path, *twin_arguments, TWIN):
        options = ["-f", SENDERS, "-k", path / "identity.key", "-t", ROUND_SECONDS, *arguments]
        for _ in range(ROUNDS):
            for to, more, rates_of in ((PROGRAM, (), values), (TWIN, twin_sends, twin_values)):
                [[messages, seconds]] = tool(sender, *options, *more, to)
                rates_of.append(messages / seconds)
    lines = (path / "chat.log").read_bytes().count(b"\n")
    shown = (path / "responder.out").read_bytes().count(b" of many\n")
    if lines != shown or lines < sum(values) * ROUND_SECONDS * 0.9:
        raise machine.Unmeasured(f"{lines} messages logged and {shown} shown")
    machine.discard(path)
    return values, twin_values


def plain():
    """A connection a message, two senders, against accept, read, close."""
    global top_rate
    values, twin_values = rates("plain", "sender", [], [])
    row = Row("plain messages", "1/s", values, twin_values).at_least(0.75)
    top_rate = row.median
    yield row


def secure():
    """The same with the exchange of keys and a receipt, against the multiplications alone.

    In memory, because the responder syncs before the receipt and the twin has nothing
    to sync; on the disk the twin syncs, too.
    """
    values, twin_values = rates("secure", "sender", ["-s"], ["-m"], ["-u"], in_memory=True)
    yield Row("secure messages", "1/s", values, twin_values, note="chat.log in memory").at_least(0.75)
    values, twin_values = rates("secure-disk", "sender", ["-s"], ["-m", "-d", "-o", "twin.log"], ["-u"])
    yield Row("  on the disk, synced", "1/s", values, twin_values)


def durable():
    """64 senders at once, each waiting for its receipts, against a sync for each message.

    If syncing costs little on this disk, something else decides: then the same without a disk shows
    that it is no longer the sync that is waited for.
    """
    values, twin_values = rates("durable", "crowd", ["-n", 64], ["-d", "-o", "twin.log"], ["-u"])
    memory_values, _ = rates("durable-memory", "crowd", ["-n", 64], ["-d", "-o", "twin.log"], ["-u"],
                             in_memory=True)
    row = Row("durable, 64 senders", "1/s", values, twin_values)
    part = row.median / statistics.median(memory_values)
    yield row.to_reach("ratio >= 10, or >= 0.8 of memory", row.ratio >= 10 or part >= 0.8)
    yield Row("  chat.log in memory", "1/s", memory_values, note=f"on the disk {part:.2f} of this")


def couriers(path, arguments, apart=None, responder=PROGRAM):
    """The latencies of the responder and its twin: in turn, or at once but so many seconds apart."""
    started, results = [], []
    for to, log in ((responder, "chat.log"), (TWIN, "twin.log")):
        started.append(start_tool("courier", "-f", SENDERS, "-l", path / log, *arguments, to))
        if apart is None:
            results.append(finish_tool(started.pop()))
        else:
            time.sleep(apart)
    results += [finish_tool(process) for process in started]
    return [[value for [value] in result] for result in results]


def latency_row(name, word, part, rounds):
    values, twin_values = ([quantile(both[i], part) for both in rounds] for i in (0, 1))
    return Row(f"latency, {name}, {word}", "us", values, twin_values)


def latency():
    """From a sender to chat.log, against a program that writes what it read."""
    path = machine.directory("latency")
    files.write_peers(path, PEERS)
    (path / "chat.log").touch()
    with contextlib.ExitStack() as stack:
        stack.enter_context(program("responder", path, "-a", PROGRAM))
        stack.enter_context(twin("taker", path, "-o", "twin.log", TWIN))
        tool("sender", "-f", SENDERS, "-k", path / "identity.key", "-t", 0.2, PROGRAM)
        # The two are so far apart that they never meet.
        sparse = [couriers(path, ["-r", SPARSE_RATE, "-t", SPARSE_SECONDS], 0.5 / SPARSE_RATE)
                  for _ in range(SPARSE_ROUNDS)]
        rate = int((top_rate or 10_000) / 2)
        busy = [couriers(path, ["-r", rate, "-t", 1, "-n", 2]) for _ in range(BUSY_ROUNDS)]
    yield latency_row(f"{SPARSE_RATE}/s", "p50", 0.5, sparse)
    yield latency_row(f"{SPARSE_RATE}/s", "p99", 0.99, sparse).at_most(3)
    yield latency_row(f"{rate:,}/s", "p50", 0.5, busy)
    yield latency_row(f"{rate:,}/s", "p99", 0.99, busy).at_most(3)


def crowded():
    """The same if peers.txt is large and changes all the time."""
    path = machine.directory("crowded")
    (path / "chat.log").touch()
    with contextlib.ExitStack() as stack:
        stack.enter_context(presence.peopled(path))
        stack.enter_context(program("responder", path, "-a", RESPONDER))
        stack.enter_context(twin("taker", path, "-o", "twin.log", TWIN))
        flood = start_tool("flood", "-f", SENDERS, "-n", presence.PEERS, "-r", presence.RATE,
                           "-t", CROWDED_ROUNDS * (CROWDED_SECONDS + 0.5), PROGRAM)
        rounds = [couriers(path, ["-r", CROWDED_RATE, "-t", CROWDED_SECONDS], 0.5 / CROWDED_RATE, RESPONDER)
                  for _ in range(CROWDED_ROUNDS)]
        finish_tool(flood)
    yield latency_row(f"among {presence.PEERS:,}", "p50", 0.5, rounds)
    yield latency_row(f"among {presence.PEERS:,}", "p99", 0.99, rounds).at_most(5)


def full():
    """The same if all places are taken and somebody connects all the time, against the same responder before that."""
    path = machine.directory("full")
    files.write_peers(path, PEERS)
    (path / "chat.log").touch()
    # Two senders, so that nobody takes a processor while waiting.
    arguments = ["-f", SENDERS, "-l", path / "chat.log", "-r", FULL_RATE, "-t", CROWDED_SECONDS, "-n", 2, PROGRAM]
    with program("responder", path, "-a", PROGRAM):
        empty = [[value for [value] in tool("courier", *arguments)] for _ in range(FULL_ROUNDS)]
        crowd = machine.Process([machine.TOOLS / "crowd", "-f", CROWD, "-k", path / "identity.key", "-n", PLACES, "-c",
                                 PROGRAM], path, "held", typing=True)
        taken = [[value for [value] in tool("courier", *arguments)] for _ in range(FULL_ROUNDS)]
        crowd.kill()
    rounds = list(zip(taken, empty))
    yield latency_row("all places taken", "p50", 0.5, rounds)
    yield latency_row("all places taken", "p99", 0.99, rounds).at_most(3)
