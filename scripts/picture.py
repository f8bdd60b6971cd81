#!/usr/bin/env python3
"""Makes scripts/screen.svg, the picture in the README, from the real screen.

usage: scripts/picture.py        (after `make`; needs tmux and unshare, and no network)

Opens `scripts/start.sh --demo` in a terminal of COLUMNS x ROWS that a tmux server of its own draws, in a private
network namespace; types as Alice and Bob would; and draws what the terminal shows then, colours included.
"""

import html
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parent
COLUMNS, ROWS = 120, 36
WAIT_S = 30
MENU = "Users, Chat or History?"

CELL_WIDTH, CELL_HEIGHT, FONT_SIZE, MARGIN = 8, 17, 13, 8
FOREGROUND, BACKGROUND = "#d8dee9", "#20242c"
PALETTE = ["#3b4252", "#e0707a", "#a3be8c", "#ebcb8b", "#81a1c1", "#c49ac0", "#6fc3d0", "#e5e9f0"]


class Screen:
    """The demo in a terminal, and the hands of its users."""

    def __init__(self, directory):
        self.environment = {**os.environ, "TMUX_TMPDIR": directory, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}
        self.environment.pop("TMUX", None)
        self.tmux("-L", "outer", "-f", "/dev/null", "new-session", "-d", "-x", str(COLUMNS), "-y", str(ROWS), "--",
                  "env", "-u", "TMUX", "-C", directory, str(SCRIPTS / "start.sh"), "--demo")

    def tmux(self, *arguments):
        return subprocess.run(["tmux", *arguments], env=self.environment, check=True, capture_output=True,
                              text=True).stdout

    def pane(self, title):
        lines = self.tmux("list-panes", "-s", "-t", "=quartet-demo:", "-F", "#{pane_id} #{@quartet}").splitlines()
        return next(line.split()[0] for line in lines if line.endswith(f" {title}"))

    def wait(self, title, pattern):
        """Waits until a pane ends in pattern."""
        deadline = time.monotonic() + WAIT_S
        text = ""
        while time.monotonic() < deadline:
            try:
                text = self.tmux("capture-pane", "-p", "-J", "-t", self.pane(title)).rstrip()
            except (subprocess.CalledProcessError, StopIteration):
                pass  # not there yet
            if re.search(pattern + r"\s*$", text):
                return
            time.sleep(0.05)
        sys.exit(f"picture.py: {title} never showed {pattern!r}:\n{text}")

    def type(self, title, line, then=re.escape(MENU)):
        self.tmux("send-keys", "-t", self.pane(title), "-l", line)
        self.tmux("send-keys", "-t", self.pane(title), "Enter")
        self.wait(title, then)

    def close(self):
        subprocess.run([SCRIPTS / "start.sh", "--stop"], env=self.environment, check=True, stdout=subprocess.DEVNULL)
        subprocess.run(["tmux", "-L", "outer", "kill-server"], env=self.environment, stderr=subprocess.DEVNULL,
                       check=False)


def play(screen):
    """A short conversation in a room, after the one that the demo begins with."""
    for user, last in (("Alice", "hello"), ("Bob", "Galley"), ("Can", "hello.*✓")):
        screen.wait(f"{user}: initiator", re.escape(MENU))
        screen.wait(f"{user}: responder", f"(?s){last}.*")
    screen.type("Alice: initiator", "create #lab Bob Can")
    screen.type("Alice: initiator", "talk #lab", "#lab>")
    screen.type("Alice: initiator", "who brings *bread*?", "#lab>")
    for user in ("Bob", "Can"):
        screen.wait(f"{user}: responder", "bread.*")
    screen.type("Can: initiator", "@#lab I do, once `make bench` is done")
    screen.wait("Bob: responder", "(?s)done.*")
    screen.type("Bob: initiator", "@#lab it is: 0.76 of the bare machine")
    screen.wait("Alice: responder", "(?s)machine.*")
    screen.type("Bob: initiator", "room #lab")


class Style:
    """What the sequences of a captured line have set."""

    def __init__(self):
        self.reset()

    def reset(self):
        self.foreground, self.background = FOREGROUND, None
        self.bold = self.faint = self.italic = self.underlined = self.inverse = False

    def take(self, codes):
        while codes:
            code = codes.pop(0)
            if code == 0:
                self.reset()
            elif code in (1, 2, 3, 4, 7):
                setattr(self, {1: "bold", 2: "faint", 3: "italic", 4: "underlined", 7: "inverse"}[code], True)
            elif 30 <= code <= 37:
                self.foreground = PALETTE[code - 30]
            elif code == 39:
                self.foreground = FOREGROUND
            elif 40 <= code <= 47:
                self.background = PALETTE[code - 40]
            elif code == 49:
                self.background = None
            elif code in (38, 48):  # 5 and a number
                codes.pop(0)
                setattr(self, "foreground" if code == 38 else "background", indexed(codes.pop(0)))


def indexed(number):
    """A colour of the 256."""
    if number < 16:
        return PALETTE[number % 8]
    if number >= 232:
        return "#" + f"{8 + 10 * (number - 232):02x}" * 3
    number -= 16
    return "#" + "".join(f"{level and 55 + 40 * level:02x}" for level in (number // 36, number // 6 % 6, number % 6))


def styled_runs(line, style):
    """The pieces of a captured line, each with its foreground, background and attributes of SVG. A style goes on from line to
    line."""
    for piece in re.split("(\033\\[[0-9;]*m)", line):
        if piece.startswith("\033"):
            style.take([int(code or 0) for code in piece[2:-1].split(";")])
        elif piece:
            colours = (style.foreground, style.background)
            if style.inverse:
                colours = (style.background or BACKGROUND, style.foreground)
            yield (piece, *colours, ' font-weight="bold"' * style.bold + ' opacity="0.6"' * style.faint +
                   ' font-style="italic"' * style.italic + ' text-decoration="underline"' * style.underlined)


def draw(lines):
    """The SVG of captured lines."""
    width, height = COLUMNS * CELL_WIDTH + 2 * MARGIN, ROWS * CELL_HEIGHT + 2 * MARGIN
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
           f'font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="{FONT_SIZE}">',
           "<!-- made by scripts/picture.py from the real screen -->",
           f'<rect width="{width}" height="{height}" rx="6" fill="{BACKGROUND}"/>']
    style = Style()
    for row, line in enumerate(lines):
        column, top = 0, MARGIN + row * CELL_HEIGHT
        for text, foreground, background, attributes in styled_runs(line, style):
            x, length = MARGIN + column * CELL_WIDTH, len(text) * CELL_WIDTH
            column += len(text)
            if background:
                out.append(f'<rect x="{x}" y="{top}" width="{length}" height="{CELL_HEIGHT}" fill="{background}"/>')
            for words in re.finditer(r"\S+(?: \S+)*", text):  # SVG makes several spaces one
                out.append(f'<text x="{x + words.start() * CELL_WIDTH}" y="{top + FONT_SIZE}" fill="{foreground}"{attributes} '
                           f'textLength="{len(words[0]) * CELL_WIDTH}">{html.escape(words[0])}</text>')
    return "\n".join([*out, "</svg>", ""])


def main():
    if os.environ.get("QUARTET_PRIVATE") != "1":
        private = ["unshare", "-n"] if os.geteuid() == 0 else ["unshare", "-rn"]
        os.environ["QUARTET_PRIVATE"] = "1"
        os.execvp("unshare", [*private, sys.executable, __file__])
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    with tempfile.TemporaryDirectory() as directory:
        screen = Screen(directory)
        try:
            play(screen)
            time.sleep(1.5)  # tmux draws titles once a second
            lines = screen.tmux("-L", "outer", "capture-pane", "-p", "-e").splitlines()
        finally:
            screen.close()
    (SCRIPTS / "screen.svg").write_text(draw(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
