"""Prints a script for lan.py: a conversation in ten rooms in which somebody's program is killed every second.

usage: hour.py [HOSTS [SECONDS [SPEED]]]    e.g.  python3 test/lan/hour.py 50 3600 10 | scripts/lan.sh -n 50 -

The hosts in a room have written to each other before. Every second one of them says something there, every fifth second
one writes to another, and one program of one host is killed, and begins anew two seconds later.
"""

import random
import sys

PROGRAMS = ["announcer", "discovery", "initiator", "responder"]

hosts, seconds, speed = (int(typed or default) for typed, default in
                         zip([*sys.argv[1:], None, None, None], [50, 3600, 10]))
rooms = min(10, hosts // 2)
members = {room: [f"h{number}" for number in range(1, hosts + 1) if number % rooms == room] for room in range(rooms)}
chosen = random.Random(hosts)

for one, *others in members.values():
    for other in others:
        print(f"say {other} {one} hello")
        print(f"say {one} {other} hello")
print("do all users")
for room, (one, *others) in members.items():
    print(f"do {one} create #room{room} {' '.join(others)}")
print(f"speed {speed}")
dead = []
for second in range(seconds):
    room = chosen.randrange(rooms)
    print(f"say {chosen.choice(members[room])} #room{room} saying{second}")
    if second % 5 == 0:
        one, other = chosen.sample(members[room], 2)
        print(f"say {one} {other} message{second}")
    victim = f"h{chosen.randrange(hosts) + 1} {chosen.choice(PROGRAMS)}"
    print(f"kill {victim}")
    dead.append(victim)
    if len(dead) > 2:
        print(f"start {dead.pop(0)}")
    print("wait 1")
print("speed 1")
