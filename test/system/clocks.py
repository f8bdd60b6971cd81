"""Clocks that the tests set, for programs that have the shim test/lan/clock.c preloaded."""

import mmap
import os
import struct
from pathlib import Path

SHIM = Path(__file__).resolve().parents[2] / "build" / "clock.so"
YEAR = 365 * 24 * 3600  # seconds


class Clock:
    """The clocks of a machine: programs that are started with its environment have them."""

    def __init__(self, path):
        path.write_bytes(bytes(16))
        with open(path, "r+b") as file:
            self._ahead_ns = mmap.mmap(file.fileno(), 16)
        # The sanitizers want to be first, but the shim has nothing that they look at.
        asan = ":".join([*filter(None, [os.environ.get("ASAN_OPTIONS")]), "verify_asan_link_order=0"])
        self.environment = {"LD_PRELOAD": str(SHIM), "QUARTET_CLOCK": str(path), "ASAN_OPTIONS": asan}

    def _add(self, seconds, place):
        ahead, = struct.unpack_from("q", self._ahead_ns, place)
        struct.pack_into("q", self._ahead_ns, place, ahead + int(seconds * 10**9))

    @property
    def ahead(self):
        """By how many seconds the wall clock is ahead of the machine's."""
        return struct.unpack_from("q", self._ahead_ns, 0)[0] / 10**9

    def turn(self, seconds):
        """Sets the wall clock so much forward, or back."""
        self._add(seconds, 0)

    def pause(self, seconds):
        """Lets the monotonic clock miss that, as it does while a machine sleeps."""
        self._add(-seconds, 8)

    def elapse(self, seconds):
        """Has so much time pass."""
        self._add(seconds, 8)
        self._add(seconds, 0)
