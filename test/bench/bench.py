"""Measures the programs and their twins, and prints a table. Run it with test/bench/run."""

import argparse
import os
import platform
import signal
import subprocess
import sys
import time

import chat
import company
import files
import footprint
import machine
import outbox
import presence
import table
import transfers

FOOTER = """\
bare: a program that does the same system calls and none of the work, in the same run; the two take
turns. ratio: program to bare, the median of neighbours. Absolute figures tell about this machine and
what else it does; ratios can be compared. chat.log and peers.txt lay on {disk}; {cores} processors,
Linux {kernel}; {seconds:.0f} s in all."""


def measurements(idlers):
    """All of them, by name, in the order in which they disturb one another least."""
    return {
        "plain": chat.plain,
        "secure": chat.secure,
        "durable": chat.durable,
        "latency": chat.latency,
        "crowded": chat.crowded,
        "full": chat.full,
        "announcements": presence.announcements,
        "network": presence.network,
        "wear": presence.wear,
        "send": outbox.send,
        "outbox": outbox.outbox,
        "rooms": company.rooms,
        "join": company.join,
        "removal": company.removal,
        "catchup": company.catchup,
        "many": company.many,
        "fetched": transfers.fetched,
        "first": transfers.first,
        "resumed": transfers.resumed,
        "huge": transfers.huge,
        "small": transfers.small,
        "beside": transfers.beside,
        "users": files.users,
        "history": files.history,
        "connections": footprint.connections,
        "start": footprint.start,
        "memory": idlers.memory,
        "wakeups": idlers.wakeups,
    }


def measure(names):
    """The rows of the measurements named, or of all."""
    began = time.monotonic()
    rows = []
    for name, function in measurements(footprint.Idlers()).items():
        if names and name not in names:
            continue
        print(f"{time.monotonic() - began:3.0f} s  {name}", file=sys.stderr, flush=True)
        try:
            rows += list(function())
        except (machine.Unmeasured, OSError, subprocess.SubprocessError, ValueError) as error:
            rows.append(table.Missing(name, str(error)))
    return rows, time.monotonic() - began


def main():
    parser = argparse.ArgumentParser(prog="test/bench/run", description=__doc__)
    parser.add_argument("--json", metavar="FILE", help="keep the results in FILE as well")
    parser.add_argument("names", metavar="ROW", nargs="*", help="measure only these")
    arguments = parser.parse_args()
    unknown = set(arguments.names) - set(measurements(argparse.Namespace(memory=None, wakeups=None)))
    if unknown:
        parser.error(f"there is no row {', '.join(sorted(unknown))}")
    signal.signal(signal.SIGTERM, lambda *unused: sys.exit(1))
    try:
        machine.set_up()
        rows, seconds = measure(arguments.names)
        facts = {"disk": machine.file_system(machine.DISK), "cores": os.cpu_count(),
                 "kernel": platform.release(), "seconds": seconds}
    except machine.Unmeasured as error:
        sys.exit(f"test/bench/run: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        machine.tear_down()
    table.show(rows, FOOTER.format(**facts))
    if arguments.json:
        table.keep(arguments.json, rows, facts)
    sys.exit(any(isinstance(row, table.Missing) for row in rows))


if __name__ == "__main__":
    main()
