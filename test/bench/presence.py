"""Discovery under load: announcements a second, and a whole network."""

import contextlib
import json
import os
import re
import time

import machine
from machine import PROGRAM, SENDERS, TWIN, Unmeasured, eventually, program, tool, twin
from table import Row

ROUNDS = 5
BURSTS = 3
# About what the receive buffer holds.
DATAGRAMS = 10_000
PEERS = 10_000
PERIOD_SECONDS = 8
RATE = PEERS / PERIOD_SECONDS
FLOOD_SECONDS = 0.4
NETWORK_SECONDS = 20
WEAR_SECONDS = 16
WEAR_SETTLE_SECONDS = 1.5
LAST_SEEN = re.compile(rb'"last_seen": +(\d+\.\d+), "username": "peer-(\d+)')


def burst(process, to, senders, count=BURSTS):
    """Announcements a second of several bursts, and how many the kernel kept and when in the last."""
    lines = tool("burst", "-f", SENDERS, "-p", process.pid, "-n", senders, "-m", DATAGRAMS, "-c", count, to)
    kept, _, _, when = lines[-1]
    return [kept / seconds for kept, _, seconds, _ in lines], int(kept), when


def fresh_since(path, when):
    """How many peers in peers.txt were heard since."""
    try:
        text = (path / "peers.txt").read_bytes()
    except FileNotFoundError:
        return 0
    return sum(float(last_seen) >= when - 0.001 for last_seen, _ in LAST_SEEN.findall(text))


def check_none_lost(path, kept, when):
    eventually(lambda: fresh_since(path, when) >= kept,
               f"{kept} announcements that the kernel kept are in peers.txt")


def announcements():
    """A queue that is full, emptied: against a program that throws the datagrams away."""
    for senders in (1, PEERS):
        path = machine.directory(f"announcements-{senders}")
        values, twin_values = [], []
        with program("discovery", path) as discovery, twin("drain", path, TWIN) as drain:
            # The first time they are newcomers.
            _, kept, when = burst(discovery, PROGRAM, senders, 1)
            check_none_lost(path, min(kept, senders), when)
            for _ in range(ROUNDS):
                rates, kept, when = burst(discovery, PROGRAM, senders)
                values += rates
                twin_values += burst(drain, TWIN, senders)[0]
            rates, kept, when = burst(discovery, PROGRAM, senders, 1)
            check_none_lost(path, min(kept, senders), when)
        machine.discard(path)
        senders_word = "1 sender" if senders == 1 else f"{senders:,} senders"
        row = Row(f"announcements, {senders_word}", "1/s", values, twin_values, note="none lost")
        yield row.at_least(0.75)
    yield newcomers()
    yield flooded()


def newcomers():
    """The same if nobody was heard before, against a program that checks as many signatures."""
    values, twin_values = [], []
    for number in range(ROUNDS):
        path = machine.directory(f"newcomers-{number}")
        with program("discovery", path) as discovery, twin("drain", path, "-v", TWIN) as drain:
            rates, kept, when = burst(discovery, PROGRAM, PEERS, 1)
            values += rates
            twin_values += burst(drain, TWIN, PEERS, 1)[0]
            check_none_lost(path, kept, when)
    row = Row("  all of them newcomers", "1/s", values, twin_values, note="none lost; bare: signatures checked")
    return row.at_least(0.75)


def flood(to):
    """Announcements a second that the kernel keeps while all processors send, and the part it drops."""
    dropped = machine.dropped_datagrams(to)
    floods = [machine.start_tool("flood", "-f", SENDERS, "-n", PEERS, "-t", FLOOD_SECONDS, to)
              for _ in range(os.cpu_count())]
    results = [machine.finish_tool(process)[0] for process in floods]
    dropped = machine.dropped_datagrams(to) - dropped
    sent = sum(result[0] for result in results)
    return (sent - dropped) / max(result[1] for result in results), dropped / sent


def flooded():
    """More than can be received, from senders that take the processors away from who receives."""
    path = machine.directory("flooded")
    results, twin_results = [], []
    with program("discovery", path), twin("drain", path, TWIN):
        flood(PROGRAM)
        for _ in range(ROUNDS):
            results.append(flood(PROGRAM))
            twin_results.append(flood(TWIN))
    rates, twin_rates = ([rate for rate, _ in both] for both in (results, twin_results))
    worst, twin_worst = (max(lost for _, lost in both) for both in (results, twin_results))
    return Row("  kept in a flood", "1/s", rates, twin_rates,
               note=f"dropped up to {worst:.0%}, bare {twin_worst:.0%}")


def watch(path, until):
    """Every version of peers.txt until a moment: when it was written last, and its text."""
    versions, known = [], None
    while time.monotonic() < until:
        with open(path / "peers.txt", "rb") as file:
            seen = os.fstat(file.fileno()).st_mtime_ns
            if seen != known:
                # What is written in the same tick of the clock would not show.
                while time.sleep(0.01) or (again := os.fstat(file.fileno()).st_mtime_ns) != seen:
                    seen = again
                known = seen
                versions.append((seen / 1e9, file.read()))
        time.sleep(0.01)
    return versions


def lags(versions, began, rate):
    """For each announcement in peers.txt, the time from its sending to the first version with it."""
    found = {}
    for placed, text in versions:
        for line in text.splitlines():
            json.loads(line)  # each version is whole
        for last_seen, number in LAST_SEEN.findall(text):
            turn = round(((float(last_seen) - began) * rate - int(number)) / PEERS)
            key = (int(number), turn)
            if turn >= 0 and key not in found:
                found[key] = placed - (began + (int(number) + PEERS * turn) / rate)
    return list(found.values())


@contextlib.contextmanager
def peopled(path):
    """Discovery, where all the peers were heard a moment ago and nothing is left to write."""
    with program("discovery", path) as discovery:
        [[_, _, began, _]] = tool("flood", "-f", SENDERS, "-n", PEERS, "-r", 5_000, PROGRAM)
        eventually(lambda: fresh_since(path, began) == PEERS, f"{PEERS} peers are in peers.txt")
        time.sleep(1)
        yield discovery


def network():
    """10,000 peers, each every 8 seconds, discovery and its twin at the same time."""
    path = machine.directory("network")
    with peopled(path) as discovery, twin("drain", path, TWIN) as drain:
        before = [process.cpu_seconds() for process in (discovery, drain)]
        process = machine.start_tool("flood", "-f", SENDERS, "-n", PEERS, "-t", NETWORK_SECONDS,
                                     "-r", RATE, PROGRAM, TWIN)
        versions = watch(path, time.monotonic() + NETWORK_SECONDS + 1.5)
        [[sent, seconds, began, late]] = machine.finish_tool(process)
        loads = [100 * (process.cpu_seconds() - was) / seconds
                 for process, was in zip((discovery, drain), before)]
        drops = machine.dropped_datagrams(PROGRAM)
        memory = discovery.resident_mib()
    found = lags(versions, began, RATE)
    if drops or len(found) != int(sent) or late > 0.5:
        raise Unmeasured(f"of {int(sent)} sent {drops} were dropped, {len(found)} are in peers.txt;"
                         f" the sender was {late:.3f} s late")
    name = f"network of {PEERS:,}"
    yield Row(f"{name}, processor", "%", [loads[0]], [loads[1]], digits=2).under(5)
    yield Row("  peers.txt behind, at most", "s", [max(found)], digits=3,
              note=f"none of {int(sent):,} lost").to_reach("<= 1 s", max(found) <= 1)
    yield Row("  resident", "MiB", [memory], digits=1)


def wear():
    """What quiet peers, each heard every 8 seconds, cost in writes to the disk."""
    for count in (20, PEERS):
        path = machine.directory(f"wear-{count}")
        with program("discovery", path) as discovery:
            tool("flood", "-f", SENDERS, "-n", count, "-r", 5_000, PROGRAM)
            time.sleep(WEAR_SETTLE_SECONDS)
            before = discovery.written()
            [[_, seconds, _, _]] = tool("flood", "-f", SENDERS, "-n", count, "-t", WEAR_SECONDS,
                                        "-r", count / PERIOD_SECONDS, PROGRAM)
            time.sleep(WEAR_SETTLE_SECONDS)
            given, stored = ((now - then) * 86_400 / seconds / 1e6
                             for now, then in zip(discovery.written(), before))
        yield Row(f"{count:,} quiet peers, written a day", "MB", [given],
                  note=f"by write(2); pages that became dirty: {stored:,.0f} MB")
