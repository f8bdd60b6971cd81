"""The table of results."""

import dataclasses
import json
import os
import statistics
import sys

GREEN, RED, RESET = "\033[32m", "\033[31m", "\033[0m"


def quantile(values, part):
    """The value that this part of them does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


@dataclasses.dataclass
class Row:
    """One line of it: repeated measurements of a program and, in the same order, of its twin."""

    name: str
    unit: str
    values: list
    twin: list = dataclasses.field(default_factory=list)
    reach: str = ""
    reached: object = None  # whether, or None if there is nothing to reach
    digits: int = 0
    note: str = ""

    @property
    def median(self):
        return statistics.median(self.values)

    @property
    def twin_median(self):
        return statistics.median(self.twin) if self.twin else None

    @property
    def ratio(self):
        """The median of the ratios of neighbours, so that what slows both for a while does not count."""
        if not self.twin:
            return None
        if len(self.twin) == len(self.values) and all(self.twin):
            return statistics.median(a / b for a, b in zip(self.values, self.twin))
        return self.median / self.twin_median if self.twin_median else None

    def at_least(self, ratio):
        """Sets a ratio to reach."""
        return self.to_reach(f"ratio >= {ratio:g}", self.ratio >= ratio)

    def at_most(self, ratio):
        return self.to_reach(f"ratio <= {ratio:g}", self.ratio <= ratio)

    def under(self, limit):
        """Sets a limit to stay under."""
        return self.to_reach(f"< {limit:g} {self.unit}", self.median < limit)

    def to_reach(self, reach, reached):
        self.reach, self.reached = reach, bool(reached)
        return self

    def figure(self, value):
        if value is None:
            return ""
        return f"{value:,.{self.digits}f}"

    def spread(self, values):
        if len(values) < 2:
            return ""
        return f"{self.figure(min(values))} - {self.figure(max(values))}"

    def cells(self):
        word = {None: "", True: "yes", False: "NO"}[self.reached]
        return [self.name, self.unit, self.figure(self.median), self.spread(self.values),
                self.figure(self.twin_median), self.spread(self.twin),
                "" if self.ratio is None else f"{self.ratio:.2f}", self.reach, word, self.note]

    def record(self):
        return {"name": self.name, "unit": self.unit, "median": self.median, "values": self.values,
                "twin_median": self.twin_median, "twin": self.twin, "ratio": self.ratio,
                "reach": self.reach, "reached": self.reached, "note": self.note}


@dataclasses.dataclass
class Missing:
    """A line for what could not be measured."""

    name: str
    why: str

    def cells(self):
        return [self.name, "", "", "", "", "", "", "", "", f"not measured: {self.why}"]

    def record(self):
        return {"name": self.name, "failed": self.why}


HEADINGS = ["what", "unit", "program", "min - max", "bare", "min - max", "ratio", "reach", "reached", ""]
TO_THE_LEFT = {0, 1, 7, 8, 9}


def show(rows, footer):
    """Prints the table."""
    lines = [HEADINGS] + [row.cells() for row in rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(HEADINGS))]
    coloured = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    for line in lines:
        cells = [cell.ljust(width) if i in TO_THE_LEFT else cell.rjust(width)
                 for i, (cell, width) in enumerate(zip(line, widths))]
        if coloured and line[8] in ("yes", "NO"):
            cells[8] = (GREEN if line[8] == "yes" else RED) + cells[8] + RESET
        print("  ".join(cells).rstrip())
    print()
    print(footer)


def keep(path, rows, facts):
    """Writes the results as JSON."""
    with open(path, "w", encoding="utf-8") as file:
        json.dump({**facts, "rows": [row.record() for row in rows]}, file, indent=1)
        file.write("\n")
