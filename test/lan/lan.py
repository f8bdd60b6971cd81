"""A network of hosts on this machine, with the four real programs on each, and what happens to it; see README.md.

scripts/lan.sh runs it, in namespaces of its own, from which nothing comes out.
"""

import argparse
import collections
import contextlib
import fcntl
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "test" / "system"))

from clocks import SHIM, Clock
from network import Lan, Namespace
from protocol import Identity, blake2b, to_base64

BIN = Path(os.environ.get("QUARTET_BIN", ROOT / "bin"))
# The announcers last, so that everybody is heard by everybody.
PROGRAMS = ["discovery", "responder", "initiator", "announcer"]
# With more hosts each has a user of its own, if there are any.
USER_HOSTS_MAX = 20
FIRST_UID = 20000
LOOK = 0.02  # seconds between two looks at what goes on
PATIENCE = 180  # seconds: how long everybody may take to see everybody, or everything to agree


class Wrong(Exception):
    """Something that must not be, or cannot be done."""


def say(text):
    print(text, flush=True)


def json_lines(path):
    """What is in a file of the programs, as they read it."""
    try:
        with open(path, encoding="utf-8", newline="") as file:
            fcntl.flock(file, fcntl.LOCK_SH)
            text = file.read()
    except FileNotFoundError:
        return []
    return [json.loads(line) for line in text.split("\n")[:-1]]


class Host:
    """One machine: a namespace, a directory, clocks, and the programs that run there."""

    def __init__(self, network, name, address, directory):
        self.network, self.name, self.address, self.directory = network, name, address, directory
        self.namespace = Namespace()
        self.running = {}
        self.commands = collections.deque()
        self.command = None  # the one that runs, and its arguments
        self.asleep_since = None
        self.owner = {}
        directory.mkdir()
        if network.has_users:
            uid = FIRST_UID + len(network.hosts)
            os.chown(directory, uid, uid)
            self.owner = {"user": uid, "group": uid, "extra_groups": []}
        self.clock = Clock(directory / "clock")
        self.environment = {name: os.environ[name] for name in ("PATH", "ASAN_OPTIONS") if name in os.environ}
        self.environment |= {"HOME": str(directory), "LC_ALL": "C.UTF-8", "TERM": "dumb"}
        if network.sets_clocks:
            self.environment |= {**self.clock.environment, "LD_PRELOAD": str(network.shim)}

    def launch(self, program, *arguments, output, **options):
        with self.namespace, open(self.directory / output, "ab") as file:
            return subprocess.Popen([self.network.bin / program, *arguments], cwd=self.directory, env=self.environment,
                                    stdout=file, stderr=subprocess.STDOUT, **self.owner, **options)

    def start(self, program):
        if program not in self.running:
            arguments = ["-u", self.name, *self.network.announcing] if program == "announcer" else []
            # Its input stays open, as that of a terminal does.
            self.running[program] = self.launch(program, *arguments, output=f"{program}.out",
                                                stdin=subprocess.PIPE)

    def kill(self, program):
        if program in self.running:
            process = self.running.pop(program)
            process.kill()
            process.wait()
            process.stdin.close()

    def stop(self):
        """Ends all as a user would. Returns what did not end well; who has only begun may not know yet how to end."""
        for process in self.running.values():
            process.terminate()
        ended = {program: process.wait(60) for program, process in self.running.items()}
        self.running.clear()
        return [f"{self.name}'s {program} ended with {status}" for program, status in ended.items()
                if status not in (0, -signal.SIGTERM)]

    def order(self, *command):
        """Has the initiator do something, once what was ordered before is done."""
        self.commands.append(command)

    def go_on(self):
        """Looks after what was ordered."""
        if self.asleep_since is not None:
            return
        if self.command and self.command[0].poll() is not None:
            process, arguments = self.command
            self.command = None
            self.network.note(self, arguments, process.returncode)
        if self.commands and not self.command:
            arguments = self.commands.popleft()
            self.command = self.launch("initiator", *arguments, output="commands.out",
                                       stdin=subprocess.DEVNULL), arguments

    @property
    def is_busy(self):
        return bool(self.commands or self.command)

    def _signal(self, number):
        for process in [*self.running.values(), *([self.command[0]] if self.command else [])]:
            process.send_signal(number)

    def sleep(self):
        self.asleep_since = time.monotonic()
        self._signal(signal.SIGSTOP)

    def wake(self):
        self.clock.pause(time.monotonic() - self.asleep_since)
        self.asleep_since = None
        self._signal(signal.SIGCONT)

    def peers(self, since):
        """Who is seen: the identities in peers.txt of those who were heard since then, and did not leave."""
        return {record["identity"] for record in json_lines(self.directory / "peers.txt")
                if record.get("identity") and record.get("last_seen", 0) - self.clock.ahead >= since
                and not record.get("left")}

    def identity(self):
        return Identity((self.directory / "identity.key").read_bytes()).text

    def log(self):
        return json_lines(self.directory / "chat.log")

    def rooms(self):
        """The newest state that is known of each room that this user did not leave."""
        return {record["room"]: record["state"]["signed"] for record in json_lines(self.directory / "peers.txt")
                if "room" in record and not record.get("left")}


class Network:
    """Hosts on a bridge, or on two with a router between them."""

    def __init__(self, options, sets_clocks, directory):
        self.sets_clocks = sets_clocks
        self.announcing = ["-i", str(options.interval)] if options.interval else []
        self.lans = [Lan() for _ in range(2 if options.two else 1)]
        self.alarms = []
        self.speed, self.looked = 1, time.monotonic()
        self.changed = time.time()  # when the last event began that may change who is seen
        self.statuses = collections.Counter()
        self.hosts = {}
        self.directory, self.bin, self.shim = directory, BIN, SHIM
        # The kernel lets one user follow 128 files only (inotify(7)). Root outside a user namespace can be others.
        uids = Path("/proc/self/uid_map").read_text(encoding="ascii").split()[2]
        self.has_users = options.hosts > USER_HOSTS_MAX and os.getuid() == 0 and uids != "1"
        if self.has_users:
            self._open_to_users()
        self.places = {}  # the LAN of a host, and its port there
        if options.two:
            self._make_router()
        for number in range(1, options.hosts + 1):
            lan = (number - 1) * len(self.lans) // options.hosts
            address = f"10.{lan + 1}.{(number - 1) // 250}.{(number - 1) % 250 + 1}"
            host = Host(self, f"h{number}", address, directory / f"h{number}")
            self.hosts[host.name] = host
            self.places[host.name] = self.lans[lan], self.lans[lan].plug(host.namespace, f"{address}/16")
            if options.two:
                host.namespace.ip(f"route add default via 10.{lan + 1}.255.254")
            self._shape(host, options)

    def _open_to_users(self):
        """Lets any user come to the directories, and run the programs."""
        self.directory.chmod(0o711)
        self.bin, self.shim = self.directory / "bin", self.directory / "bin" / SHIM.name
        self.bin.mkdir()
        for program in [*(BIN / name for name in PROGRAMS), SHIM]:
            shutil.copy(program, self.bin)

    def _make_router(self):
        self.router = Namespace()
        for number, lan in enumerate(self.lans, 1):
            lan.plug(self.router, f"10.{number}.255.254/16", f"eth{number}")
        with self.router, open("/proc/sys/net/ipv4/ip_forward", "w", encoding="ascii") as forward:
            forward.write("1")

    def _shape(self, host, options):
        """Makes the line of a host worse, as tc(8) can. What is sent waits for a second at most."""
        lan, port = self.places[host.name]
        at = "root"
        if options.bandwidth:
            shape = f"tbf rate {options.bandwidth} burst 16kb latency 1s"
            lan.bridge.tc(f"qdisc add dev {port} root {shape}")
            host.namespace.tc(f"qdisc add dev eth0 root handle 1: {shape}")
            at = "parent 1:"
        if options.loss or options.delay:
            try:
                host.namespace.tc(f"qdisc add dev eth0 {at} netem limit 10000"
                                  f"{f' loss {options.loss}' if options.loss else ''}"
                                  f"{f' delay {options.delay}' if options.delay else ''}")
            except subprocess.CalledProcessError as error:
                raise Wrong("tc refuses netem (is CONFIG_NET_SCH_NETEM in this kernel?), so there is no loss "
                            "(-l) and no delay (-d) here; -b works without") from error

    def note(self, host, arguments, status):
        """Notes how a command has ended. Who was told that nothing was sent may say it again, or not."""
        self.statuses[status] += 1
        if status != 0 and arguments[0] != "send":
            raise Wrong(f"{host.name}: {shlex.join(arguments)} ended with {status}; see {host.directory}/commands.out")

    def go_on(self):
        now = time.monotonic()
        passed, self.looked = now - self.looked, now
        for host in self.hosts.values():
            host.go_on()
            if self.speed != 1:
                (host.clock.elapse if host.asleep_since is None else host.clock.turn)(passed * (self.speed - 1))
            for program, process in host.running.items():
                if process.poll() is not None:
                    raise Wrong(f"{host.name}'s {program} ended with {process.returncode} by itself")
        for alarm in [each for each in self.alarms if each[0] <= time.monotonic()]:
            self.alarms.remove(alarm)
            alarm[1]()

    def until(self, condition, what, patience=PATIENCE):
        """Waits until something holds; returns how long that took, in seconds."""
        began = looked = time.monotonic()
        while not condition():
            now = time.monotonic()
            if now > began + patience:
                raise Wrong(f"not within {patience} s: {what}")
            self.go_on()
            # Half of the time at most, so that looking does not slow down what is looked at.
            time.sleep(max(LOOK, now - looked))
            looked = time.monotonic()
        return time.monotonic() - began

    # Events: what a line of a script can say. Each has the hosts, or its words.

    def event_start(self, hosts, program):
        for each in PROGRAMS if program == "all" else [program]:
            for host in hosts:
                host.start(each)

    def event_kill(self, hosts, program):
        for host in hosts:
            for each in PROGRAMS if program == "all" else [program]:
                host.kill(each)

    def event_part(self, hosts):
        for host in hosts:
            lan, port = self.places[host.name]
            lan.part(port)

    def event_meet(self):
        for lan in self.lans:
            lan.join()
        for host in self.hosts.values():
            if host.asleep_since is not None:
                self._pull(host)

    def _pull(self, host):
        lan, port = self.places[host.name]
        lan.bridge.ip(f"link set {port} nomaster")

    def event_link(self, hosts, state):
        for host in hosts:
            host.namespace.ip(f"link set eth0 {state}")

    def event_sleep(self, hosts, seconds):
        for host in hosts:
            host.sleep()
            self._pull(host)
            self.alarms.append((time.monotonic() + float(seconds) / self.speed, lambda host=host: self._wake(host)))

    def _wake(self, host):
        lan, port = self.places[host.name]
        lan.bridge.ip(f"link set {port} master lan")
        host.wake()

    def event_clock(self, hosts, seconds):
        for host in hosts:
            host.clock.turn(float(seconds))

    def event_pass(self, seconds):
        for host in self.hosts.values():
            host.clock.elapse(float(seconds))

    def event_speed(self, times):
        self.go_on()
        self.speed = float(times)

    def event_say(self, hosts, to, *words):
        for host in hosts:
            host.order("send", "-k", to, " ".join(words))

    def event_do(self, hosts, *command):
        for host in hosts:
            host.order(*command)
        self.until(lambda: not any(host.is_busy for host in hosts), shlex.join(command))

    def event_join(self, hosts, room):
        self.event_do(hosts, "join", room)

    def event_wait(self, seconds):
        end = time.monotonic() + float(seconds) / self.speed
        self.until(lambda: time.monotonic() >= end, "waiting", float(seconds) + PATIENCE)

    def event_see(self, is_near=False):
        """Waits until everybody sees everybody, since the event before; if is_near, who is in the same network."""
        unseen = list(self.hosts.values())
        there = {}

        def all_see():
            if not there and all((host.directory / "identity.key").exists() for host in unseen):
                there.update({host: host.identity() for host in unseen})
            while there and unseen:
                lan, _ = self.places[unseen[-1].name]
                if not {identity for host, identity in there.items()
                        if not is_near or self.places[host.name][0] == lan} <= unseen[-1].peers(self.changed):
                    break
                unseen.pop()
            return there and not unseen

        self.until(all_see, "everybody sees everybody")
        say(f"Everybody{' in a network' if is_near and len(self.lans) > 1 else ''} sees everybody "
            f"after {time.time() - self.changed:.1f} s.")

    def event_measure(self, seconds):
        """What the hosts cost while the script does nothing for so long."""
        before, began = self._costs(), time.monotonic()
        time.sleep(float(seconds))
        after, took = self._costs(), time.monotonic() - began
        count = len(self.hosts)
        for program in PROGRAMS:
            say(f"{program:10} {after[program, 'pss'] / count / 1024:7.0f} KiB PSS  "
                f"{(after[program, 'cpu'] - before[program, 'cpu']) / count / took * 1000:7.3f} ms/s of processor")
        rate = (after["bytes"] - before["bytes"]) / count / took
        say(f"{'a host':10} {sum(after[each, 'pss'] for each in PROGRAMS) / count / 1024:7.0f} KiB PSS  "
            f"{sum(after[each, 'cpu'] - before[each, 'cpu'] for each in PROGRAMS) / count / took * 1000:7.3f} ms/s, "
            f"{rate:.0f} bytes/s received; load {os.getloadavg()[0]:.1f}")

    def _costs(self):
        costs = collections.Counter()
        for host in self.hosts.values():
            for program, process in host.running.items():
                rollup = Path(f"/proc/{process.pid}/smaps_rollup").read_text(encoding="ascii")
                costs[program, "pss"] += int(rollup.split("Pss:")[1].split()[0]) * 1024
                # In nanoseconds; /proc/PID/stat counts in ticks, of which most have not had one.
                for task in Path(f"/proc/{process.pid}/task").iterdir():
                    costs[program, "cpu"] += int((task / "schedstat").read_text(encoding="ascii").split()[0]) / 10**9
            with host.namespace, open("/proc/thread-self/net/dev", encoding="ascii") as table:
                costs["bytes"] += sum(int(line.split()[1]) for line in table if "eth0:" in line)
        return costs

    def event_agree(self):
        """Has everybody back, and waits until rooms, logs and queues agree."""
        for alarm in self.alarms:
            alarm[1]()
        self.alarms.clear()
        self.event_meet()
        self.event_link(self.hosts.values(), "up")
        self.event_start(self.hosts.values(), "all")
        self.until(lambda: not any(host.is_busy for host in self.hosts.values()), "all is said")
        # Whoever begins tries at once what waits, and no longer after up to 15 minutes.
        self.event_kill(self.hosts.values(), "initiator")
        self.event_start(self.hosts.values(), "initiator")
        agreement = []

        def agrees():
            agreement[:] = [Agreement(self.hosts.values())]
            return not agreement[0].differences

        try:
            took = self.until(agrees, "all agrees")
        except Wrong as error:
            raise Wrong("\n".join([str(error), *agreement[0].differences[:20]])) from error
        ends = ", ".join(f"{count} with {status}" for status, count in sorted(self.statuses.items()))
        say(f"{agreement[0].summary} All agrees after {took:.1f} s. Commands ended: {ends or 'none'}.")

    def run(self, words):
        """Does what a line of a script says."""
        name, *rest = words
        event = getattr(self, f"event_{name}", None)
        if not event:
            raise Wrong(f"there is no event {name}")
        if name not in ("meet", "wait", "see", "agree", "measure", "pass", "speed"):
            count = len(rest) if name == "part" else 1
            names, rest = rest[:count], rest[count:]
            hosts = list(self.hosts.values()) if names == ["all"] else [self.hosts[each] for each in names]
            rest = [hosts, *rest]
        if name not in ("see", "wait", "measure"):
            self.changed = time.time()
        event(*rest)
        self.go_on()


class Agreement:
    """Whether the files of all hosts tell the same."""

    def __init__(self, hosts):
        self.differences = []
        self._logs = {host.identity(): (host.name, host.log()) for host in hosts}
        self._heads = {host.name: host.rooms() for host in hosts}
        self._received = {identity: collections.Counter(line["id"] for line in log
                                                        if line.get("direction") == "RECEIVED" and "id" in line)
                          for identity, (_, log) in self._logs.items()}
        self._states = {}
        for _, log in self._logs.values():
            for line in log:
                if isinstance(line.get("state"), dict):
                    text = line["state"]["signed"]
                    self._states[to_base64(blake2b(32, text.encode()))] = json.loads(text)
        counts = collections.Counter()
        for identity, (name, log) in self._logs.items():
            self._check_queue(name, log, counts)
            counts["received"] += len(self._received[identity])
            for message, times in self._received[identity].items():
                self._expect(times == 1, f"{name} has received {message} {times} times")
        rooms = self._check_rooms()
        self.summary = (f"{len(self._logs)} hosts, {counts['messages']} messages, {counts['confirmed']} times confirmed, "
                        f"{counts['received']} times received; {counts['dropped']} dropped; {rooms} rooms.")

    def _expect(self, holds, difference):
        if not holds:
            self.differences.append(difference)

    def _check_queue(self, name, log, counts):
        """What was queued is confirmed, and there; nothing waits."""
        waiting, rooms = set(), {}
        for line in log:
            if line.get("direction") == "QUEUED" or isinstance(line.get("state"), dict):
                counts["messages"] += "direction" in line
                waiting |= {(line["id"], to) for to in line.get("to", [line.get("identity")]) if to}
                if "signed" in line:
                    rooms[line["id"]] = line
            elif line.get("state") in ("delivered", "dropped"):
                waiting.discard((line["id"], line["identity"]))
                counts["dropped"] += line["state"] == "dropped"
        said = {line["id"] for line in log if line.get("direction") == "QUEUED"}
        for line in log:
            if line.get("state") == "delivered" and line["id"] in said:
                counts["confirmed"] += 1
                self._expect(self._received[line["identity"]][line["id"]] == 1,
                             f"{name} was told that {line['id']} was delivered, but it was not")
        self._expect(not waiting, f"{len(waiting)} of {name}'s messages and states wait")
        for saying in rooms.values():
            self._check_saying(name, saying)

    def _check_saying(self, name, line):
        """Whoever was a member when it was said, and still is, has it."""
        text = json.loads(line["signed"])
        head = self._heads[name].get(line["room"])
        there = {(member["identity"], member["since"]) for member in json.loads(head)["members"]} if head else set()
        for member in self._states[text["state"]]["members"]:
            if (member["identity"], member["since"]) in there and member["identity"] != text["by"]:
                self._expect(self._received[member["identity"]][line["id"]] == 1,
                             f"{member['username']} has not got what {name} said in {line['username']}: {line['id']}")

    def _check_rooms(self):
        heads = collections.defaultdict(set)
        for rooms in self._heads.values():
            for room, head in rooms.items():
                heads[room].add(head)
        for room, states in heads.items():
            self._expect(len(states) == 1, f"there are {len(states)} heads of the room {room}")
        return len(heads)


def read_script(path):
    """The events of a script, a list of words each. A line that begins with "# " is a remark."""
    with (open(path, encoding="utf-8") if path != "-" else contextlib.nullcontext(sys.stdin)) as file:
        return [shlex.split(line) for line in file if line.strip() and not line.startswith("# ")]


def open_screen(network):
    """The programs of the first host in tmux, until the user leaves."""
    host = network.hosts["h1"]
    os.chown(host.directory, os.getuid(), os.getgid())
    environment = {**os.environ, "TMUX_TMPDIR": str(host.directory)}
    environment.pop("TMUX", None)
    say(f"This is {host.name}, {host.address}; the others are h2, h3 ... Ctrl-b d ends it all.")
    with host.namespace:
        subprocess.run([ROOT / "scripts" / "start.sh"], cwd=host.directory, env=environment, check=True)


def arguments():
    parser = argparse.ArgumentParser(prog="lan", add_help=False)
    parser.add_argument("-n", dest="hosts", type=int, default=3)
    parser.add_argument("-b", dest="bandwidth")
    parser.add_argument("-l", dest="loss")
    parser.add_argument("-d", dest="delay")
    parser.add_argument("-i", dest="interval")
    parser.add_argument("--two", action="store_true")
    parser.add_argument("script", nargs="?")
    return parser.parse_args()


def main():
    if os.environ.get("QUARTET_PRIVATE") != "1":
        sys.exit("lan: run it with scripts/lan.sh")
    options = arguments()
    script = read_script(options.script) if options.script else []
    sets_clocks = any(words[0] in ("clock", "sleep", "pass", "speed") for words in script)
    directory = Path(tempfile.mkdtemp(prefix="lan."))
    line = None
    try:
        network = Network(options, sets_clocks, directory)
        if not options.script:
            network.event_start(list(network.hosts.values())[1:], "all")
            open_screen(network)
        else:
            network.run(["start", "all", "all"])
            network.event_see(is_near=True)
            for line in [*script, ["agree"]]:
                network.run(line)
            failures = [failure for host in network.hosts.values() for failure in host.stop()]
            if failures:
                raise Wrong("\n".join(failures))
    except (Wrong, KeyError, TypeError, ValueError) as error:
        sys.exit(f"lan: {f'{shlex.join(line)}: ' if line else ''}{error}\nTheir files are in {directory}.")
    shutil.rmtree(directory)


if __name__ == "__main__":
    main()
