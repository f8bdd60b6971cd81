"""The build, as somebody who compiles meets it."""

import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OBJECT = "build/release/common/base/decimal.o"


@pytest.fixture
def make_clone(tmp_path):
    """Copies what it takes to compile common/ into a directory of this name."""
    def make(name):
        copy = tmp_path / name
        shutil.copytree(ROOT / "common", copy / "common")
        shutil.copy(ROOT / "Makefile", copy)
        return copy

    return make


def build(clone, target):
    """Runs make without what would show through from a make that started the tests."""
    environment = {name: value for name, value in os.environ.items()
                   if not re.match("MAKE|MFLAGS|CFLAGS|CPPFLAGS", name)}
    subprocess.run(["make", "-s", "-C", clone, target], env=environment, check=True)
    return clone / target


def test_two_directories_make_the_same_bytes(make_clone):
    one, other = (build(make_clone(name), OBJECT) for name in ("one", "it's another"))
    assert one.read_bytes() == other.read_bytes()


HARDENED = r"""
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

__attribute__((noinline)) static void leave_traces(int value)
{
	volatile char traces[4096];

	for (size_t i = 0; i < sizeof(traces); i++)
		traces[i] = (char)value;
}

/* What was never set is zero. */
__attribute__((noinline)) static int find_traces(void)
{
	volatile char found[4096];
	int sum = 0;

	for (size_t i = 0; i < sizeof(found); i++)
		sum |= found[i];
	return sum;
}

int main(int argc, char **argv)
{
	size_t room = (size_t)atoi(argv[1]);
	char *memory = malloc(room);

	leave_traces(argc);
	if (!memory || find_traces())
		return 1;
	memset(memory, argc, (size_t)atoi(argv[2]));
	return memory[0] != argc;
}
"""


def test_variables_are_zeroed_and_an_overflow_of_the_heap_ends_the_program(make_clone):
    """The size of the memory is known only when it runs, so _FORTIFY_SOURCE=2 would miss it."""
    clone = make_clone("hardened")
    (clone / "common/hardened.c").write_text(HARDENED)
    compiled = build(clone, "build/release/common/hardened.o")
    program = clone / "hardened"
    subprocess.run(["cc", "-o", program, compiled], check=True)
    assert subprocess.run([program, "100", "100"]).returncode == 0
    overflow = subprocess.run([program, "100", "101"], capture_output=True)
    assert overflow.returncode == -signal.SIGABRT and b"overflow" in overflow.stderr
