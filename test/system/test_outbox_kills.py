"""Kill -9 of initiators and responders at random moments, while messages go both ways.

QUARTET_KILLS says how many kills; the whole promise, which takes some minutes, is 1,000 with 2,000 messages.
"""

import os
import re
import time

import pytest

from quartet import eventually

KILLS = int(os.environ.get("QUARTET_KILLS", "40"))
MESSAGES = max(100, 2 * KILLS)  # both ways together
SHOWN = re.compile(r"[AB]: message \d+$", re.MULTILINE)


def wait_briefly(condition):
    deadline = time.monotonic() + 0.5
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.001)


class Talker:
    """A user who writes to another, and types again what was not queued when the initiator was killed."""

    def __init__(self, user, name, other):
        self.user = user
        self.other = other
        self.texts = [f"{name[0]}: message {number}" for number in range(MESSAGES // 2)]
        self.typed = 0
        self.initiators = []
        self.responders = []
        user.announcer("-u", name, "-i", "1")
        user.discovery()
        self.start("initiator", ready=True)
        self.start("responder", ready=True)

    def start(self, name, ready=False):
        """Starts a program, without waiting: it may be killed at any moment of its life."""
        program = self.user.start(name, ready=ready)
        if name == "responder":
            self.responders.append(program)
        else:
            self.initiators.append(program)
            # What the one before had not read is typed again.
            self.typed = len(self.queued())

    def kill(self, name):
        victim = (self.responders if name == "responder" else self.initiators)[-1]
        victim.kill()
        if name == "responder":
            assert set(SHOWN.findall(victim.output)) <= {entry.get("text") for entry in self.user.log()}
        self.start(name)

    def log_size(self):
        path = self.user.path("chat.log")
        return path.stat().st_size if path.exists() else 0

    def lines(self, direction):
        return [entry for entry in self.user.log() if entry.get("direction") == direction]

    def queued(self):
        return [entry["text"] for entry in self.lines("QUEUED")]

    def received(self):
        return [entry["text"] for entry in self.lines("RECEIVED")]

    def type_until(self, count):
        """Types ahead, as a pipe would; a chat and a line at the menu by turns."""
        for number in range(self.typed, count):
            way = f"Chat {self.other}\nsecure\n7\n" if number % 2 else f"@{self.other} "
            self.initiators[-1].send(way + self.texts[number])
        self.typed = max(self.typed, count)

    def check_told(self, other):
        """Nothing that the user was told to be delivered is missing at the other."""
        told = sum(len(re.findall(f"(?i)delivered to {self.other}", each.output)) for each in self.initiators)
        assert told <= len(other.received())

    def check(self, other):
        """All that was typed was received once, in order."""
        assert self.queued() == self.texts
        assert other.received() == self.texts
        ids = [entry["id"] for entry in other.lines("RECEIVED")]
        assert len(set(ids)) == len(ids)
        history = self.user.initiator().menu("History all")
        assert [text for text in self.texts if len(re.findall(f"{text}$", history, re.MULTILINE)) != 1] == []


@pytest.mark.timeout(120 + 2 * KILLS)
def test_every_message_arrives_once_and_in_order_whatever_is_killed(alice, bob, seeded):
    talkers = [Talker(alice, "Alice", "Bob"), Talker(bob, "Bob", "Alice")]
    for talker in talkers:
        eventually(lambda: {alice.address, bob.address} <= set(talker.user.peers()))
    for number in range(KILLS):
        talker, other = seeded.sample(talkers, 2)
        before = talker.log_size()
        for each in talkers:
            each.type_until(MESSAGES // 2 * (number + 1) // KILLS)
        if number % 2:
            time.sleep(seeded.random() / 4)  # the random moment, at which anything may go on
            seeded.choice(talkers).kill(seeded.choice(["initiator", "responder"]))
        else:
            # Amid a message. If all of its was typed before there may be none.
            wait_briefly(lambda: talker.log_size() != before)
            time.sleep(seeded.random() / 50)
            seeded.choice([lambda: talker.kill("initiator"), lambda: other.kill("responder")])()
        for talker, other in [talkers, talkers[::-1]]:
            talker.check_told(other)
    for talker in talkers:
        talker.responders[-1].wait_for("Listening for messages on")
    for talker, other in [talkers, talkers[::-1]]:
        # Whoever begins tries at once what waits.
        talker.kill("initiator")
        talker.type_until(MESSAGES // 2)
        eventually(lambda: len(other.received()) >= len(talker.texts), timeout=60)
    for talker, other in [talkers, talkers[::-1]]:
        talker.check(other)
