"""What stands in peers.txt and chat.log before a measurement, and what the initiator shows of it."""

import base64
import json
import time

import machine
from machine import BIN, TOOLS, tool
from table import Row

LAUNCHES = 7
USERS = [10, 1000, 10_000, 16_384]
LOG_BYTES = 1 << 30
# About what 50 lines take up.
LOG_END_BYTES = 8192


def address(number):
    """The address of the sender with that number, as the tools count them from SENDERS."""
    first = int.from_bytes(bytes(int(part) for part in machine.SENDERS.split(".")), "big")
    return ".".join(str(byte) for byte in (first + number).to_bytes(4, "big"))


def write_peers(path, count):
    """Writes a peers.txt with the first so many senders, all heard just now."""
    now = time.time()
    lines = []
    for number in range(count):
        identity = base64.b64encode(number.to_bytes(8, "little") + bytes(24)).decode()
        # Exactly as discovery writes it.
        lines.append(f'{{"peer": "{address(number)}", "last_seen": {now:.3f},'
                     f' "username": "peer-{number:05}", "identity": "{identity}"}}\n')
    (path / "peers.txt").write_text('{"self": "Bench"}\n' + "".join(lines), encoding="utf-8")
    (path / "peers.txt").chmod(0o600)


def write_log(path):
    """Writes a chat.log of LOG_BYTES, all of it blocks on the disk."""
    lines = [json.dumps({"time": "2026-11-20T08:00:00.123Z", "direction": "RECEIVED",
                         "username": "Ece", "ip": "192.168.1.7", "mode": "secure",
                         "text": f"message {number} of many"})
             for number in range(25_000)]
    block = ("\n".join(lines) + "\n").encode()
    with open(path / "chat.log", "wb", buffering=0) as log:
        while log.tell() < LOG_BYTES:
            log.write(block)


def await_lines(log, mark, count):
    """Waits until so many more lines of an open chat.log have a mark."""
    found, rest = 0, b""

    def all_are_there():
        nonlocal found, rest
        *lines, rest = (rest + log.read()).split(b"\n")
        found += sum(mark in line for line in lines)
        return found >= count
    machine.eventually(all_are_there, f"{count} lines in chat.log have {mark.decode()}", timeout=60)


def launches(path, *arguments, count=1):
    """Launches a program in a directory: the milliseconds and the MiB of each time."""
    return [(microseconds / 1000, kib / 1024)
            for microseconds, kib, _ in tool("launch", "-c", count, *arguments, cwd=path)]


def in_turn(path, command, twin_command):
    """Launches the initiator and its twin in turn: the milliseconds of both, and its MiB."""
    times, memory, twin_times = [], [], []
    for _ in range(LAUNCHES):
        [(milliseconds, mib)] = launches(path, "-i", f"{command}\nQuit\n", BIN / "initiator")
        [(twin_milliseconds, _)] = launches(path, TOOLS / "copy", *twin_command)
        times.append(milliseconds)
        memory.append(mib)
        twin_times.append(twin_milliseconds)
    return times, memory, twin_times


def users():
    """Users: the whole of peers.txt, against a program that reads it and writes it out."""
    for count in USERS:
        path = machine.directory(f"users-{count}")
        write_peers(path, count)
        times, _, twin_times = in_turn(path, "Users", ["peers.txt"])
        row = Row(f"Users, {count:,} peers", "ms", times, twin_times, digits=1)
        yield row.under(100) if count == 10_000 else row


def history():
    """History: the end of a long chat.log, against a program that reads just that and writes it out."""
    path = machine.directory("history")
    write_log(path)
    times, memory, twin_times = in_turn(path, "History", ["chat.log", LOG_END_BYTES])
    machine.discard(path)
    yield Row("History, 50 of 1 GiB", "ms", times, twin_times, digits=1).under(50)
    yield Row("  its memory", "MiB", memory, digits=1).under(16)
