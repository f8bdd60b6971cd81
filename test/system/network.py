"""Private networks: namespaces, a LAN of several of them, and the sockets of strangers.

A thread that enters a namespace takes the sockets it opens and the programs it
starts there with it, so the tests drive a whole LAN from one thread.
"""

import collections
import contextlib
import ctypes
import errno
import json
import os
import resource
import select
import socket
import struct
import subprocess
import time

from protocol import Identity, InitiatorSide, sign_announcement

PRESENCE_PORT = 6000
CHAT_PORT = 6001
ECE = "127.0.0.9"  # from where most that is honest is said on loopback
WAIT = 30  # seconds: far above what anything here needs

CLONE_NEWNET = 0x40000000
IP_PKTINFO = 8
ETH_P_ALL = 3

_libc = ctypes.CDLL(None, use_errno=True)


def _system_call(result):
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def is_readable(own_socket, timeout=0):
    """Whether something, or an end, has come to a socket within timeout seconds."""
    poll = select.poll()
    poll.register(own_socket, select.POLLIN)
    return bool(poll.poll(timeout * 1000))


def _own_namespace():
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def ip(command, *descriptors):
    """Runs ip(8) in the namespace of the calling thread."""
    subprocess.run(["ip", *command.split()], check=True, pass_fds=descriptors)


class Namespace:
    """A network namespace with a loopback interface; `with namespace:` works in it.

    An open descriptor keeps it, so it ends with the test process at the latest.
    """

    def __init__(self):
        before = _own_namespace()
        try:
            _system_call(_libc.unshare(CLONE_NEWNET))
            self.descriptor = _own_namespace()
            ip("link set lo up")
        finally:
            _system_call(_libc.setns(before, CLONE_NEWNET))
            os.close(before)
        self._entered_from = []

    def __enter__(self):
        self._entered_from.append(_own_namespace())
        _system_call(_libc.setns(self.descriptor, CLONE_NEWNET))
        return self

    def __exit__(self, *unused):
        before = self._entered_from.pop()
        _system_call(_libc.setns(before, CLONE_NEWNET))
        os.close(before)

    def close(self):
        os.close(self.descriptor)

    def ip(self, command, *descriptors):
        with self:
            ip(command, *descriptors)

    def tc(self, command):
        """Runs tc(8) there."""
        with self:
            subprocess.run(["tc", *command.split()], check=True)

    def unanswered_neighbour(self, address, interface):
        """Makes address swallow whatever is sent to it: nobody has that hardware address."""
        self.ip(f"neigh add {address} lladdr 02:00:00:00:00:99 nud permanent dev {interface}")


class Lan:
    """A bridge that hosts are plugged into."""

    def __init__(self):
        self.bridge = Namespace()
        self.bridge.ip("link add lan type bridge")
        self.bridge.ip("link set lan up")
        self._ports = 0
        self._has_parted = False

    def plug(self, host, address, interface="eth0", broadcast="+"):
        """Gives host an interface on this LAN with address, e.g. "10.1.0.1/24". Returns the name of its port."""
        port = f"port{self._ports}"
        self._ports += 1
        bridge = self.bridge.descriptor
        host.ip(f"link add {interface} type veth peer name {port} netns /proc/self/fd/{bridge}",
                bridge)
        self.bridge.ip(f"link set {port} master lan up")
        host.ip(f"addr add {address} broadcast {broadcast} dev {interface}")
        host.ip(f"link set {interface} up")
        return port

    def part(self, *ports):
        """Parts some of the ports from the others: "port0" is that of the host that was plugged in first."""
        if not self._has_parted:
            self.bridge.ip("link add parted type bridge")
            self.bridge.ip("link set parted up")
            self._has_parted = True
        for port in ports:
            self.bridge.ip(f"link set {port} master parted")

    def join(self):
        """Joins them with the others again."""
        for port in range(self._ports):
            self.bridge.ip(f"link set port{port} master lan")

    def close(self):
        self.bridge.close()


Datagram = collections.namedtuple("Datagram", "data source destination time")


class Ear:
    """Hears the datagrams of the presence port, as any other listener on the machine would."""

    def __init__(self, address="0.0.0.0"):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
        self.socket.bind((address, PRESENCE_PORT))

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.socket.close()

    def set_shared(self, shared):
        """Whether other listeners may come to the same port."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(shared))

    def hear(self, timeout=WAIT):
        """The next datagram; fails the test if none comes."""
        assert is_readable(self.socket, timeout), f"no announcement in {timeout} s"
        data, ancillary, _, source = self.socket.recvmsg(65536, 256)
        for level, kind, value in ancillary:
            if (level, kind) == (socket.IPPROTO_IP, IP_PKTINFO):
                destination = socket.inet_ntoa(value[8:12])
        return Datagram(data, source[0], destination, time.monotonic())

    def hear_until(self, condition, timeout=WAIT):
        """The first datagram for which condition holds."""
        deadline = time.monotonic() + timeout
        while True:
            datagram = self.hear(max(0, deadline - time.monotonic()))
            if condition(datagram):
                return datagram


class Mouth:
    """Sends datagrams to the presence port from any address of this machine."""

    def __init__(self, destination="127.0.0.1"):
        self.destination = destination
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.socket.close()

    def send(self, source, data):
        """Sends bytes from the address source."""
        address = struct.pack("i4s4s", 0, socket.inet_aton(source), bytes(4))
        self.socket.sendmsg([data], [(socket.IPPROTO_IP, IP_PKTINFO, address)], 0,
                            (self.destination, PRESENCE_PORT))

    def announce(self, source, username, **members):
        """Announces username from the address source, signed if it is with an identity of the tests."""
        identity = Identity.by_text.get(str(members.get("identity")))
        if identity:
            del members["identity"]
            self.send(source, sign_announcement(identity, username, source,
                                                members.pop("since", int(time.time())), **members))
        else:
            self.send(source, json.dumps({"username": username, "ip": source, **members}).encode())


def dropped_datagrams():
    """How many datagrams the kernel dropped at the presence port of this namespace."""
    with open("/proc/thread-self/net/udp", encoding="ascii") as table:
        sockets = [line.split() for line in table][1:]
    return sum(int(fields[-1]) for fields in sockets
               if fields[1].endswith(f":{PRESENCE_PORT:04X}"))


class Connection:
    """One end of a chat connection, in the hands of the test."""

    def __init__(self, connected):
        self.socket = connected
        self.socket.settimeout(WAIT)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._received = b""

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()

    @property
    def peer_address(self):
        return self.socket.getpeername()[0]

    def send(self, data):
        self.socket.sendall(data)

    def send_object(self, value):
        self.send(json.dumps(value).encode())

    def receive(self):
        """What one recv(2) brings: b"" at the end of the stream."""
        return self.socket.recv(65536)

    def receive_object(self):
        """The next JSON object, however it is cut into segments; what comes behind it may be anything."""
        while True:
            # A character for each byte, so that the end of the object is one in the bytes, too.
            text = self._received.lstrip(b" \t\r\n").decode("latin-1")
            with contextlib.suppress(json.JSONDecodeError):
                _, end = json.JSONDecoder().raw_decode(text)
                value, self._received = text[:end].encode("latin-1"), text[end:].encode("latin-1")
                return json.loads(value)
            more = self.receive()
            assert more, f"the connection ended after {self._received!r}"
            self._received += more

    def receive_exactly(self, count):
        """The next so many bytes, which may have come behind an object."""
        received = bytearray(self._received)
        while len(received) < count:
            more = self.receive()
            assert more, f"the connection ended {count - len(received)} bytes early"
            received += more
        self._received = bytes(received[count:])
        return bytes(received[:count])

    def receive_all(self, timeout=WAIT):
        """Everything until the other side ends the stream; fails if it does not end."""
        self.socket.settimeout(timeout)
        received = self._received
        while True:
            more = self.receive()
            if not more:
                return received
            received += more

    def wait_closed(self, timeout=WAIT):
        """Waits until the other side has dropped the connection, with or without a reset."""
        self.socket.settimeout(timeout)
        with contextlib.suppress(ConnectionError):
            while self.receive():
                pass

    def is_open(self):
        """Whether the other side has neither said anything nor gone away."""
        return not is_readable(self.socket)

    def error(self):
        """The errno value of what happened to the connection meanwhile: a reset, for example."""
        return self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)

    def shut_down(self):
        """Ends the sending side; no matter whether the other side has dropped the connection."""
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError as error:
            if error.errno != errno.ENOTCONN:
                raise

    def close(self):
        self.socket.close()

    def reset(self):
        """Ends the connection as a crashed machine would."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def wait_read(self):
        """Waits until the other side, on this machine too, has read all that was sent.

        So what is sent next cannot arrive together with it.
        """
        ours = _kernel_address(self.socket.getsockname())
        theirs = _kernel_address(self.socket.getpeername())
        deadline = time.monotonic() + WAIT
        while time.monotonic() < deadline:
            if not _unread_bytes(theirs, ours) and not _unread_bytes(ours, theirs, sending=True):
                return
            time.sleep(0.0002)  # for whoever is to read
        raise AssertionError(f"not read in {WAIT} s")


def _kernel_address(address):
    """An address as /proc/net/tcp writes it."""
    number = struct.unpack("=I", socket.inet_aton(address[0]))[0]
    return f"{number:08X}:{address[1]:04X}"


def _unread_bytes(local, remote, sending=False):
    with open("/proc/thread-self/net/tcp", encoding="ascii") as table:
        for line in table:
            fields = line.split()
            if fields[1:3] == [local, remote]:
                return int(fields[4].split(":")[0 if sending else 1], 16)
    return 0


@contextlib.contextmanager
def open_file_limit(count):
    """How many files the test, and the programs it starts meanwhile, may have open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def connect(address="127.0.0.1", source=None):
    """Connects to the responder at address, from the address source."""
    connected = socket.socket()
    connected.settimeout(WAIT)
    if source:
        connected.bind((source, 0))
    connected.connect((address, CHAT_PORT))
    return Connection(connected)


def say(text, source=ECE, address="127.0.0.1"):
    """An honest client's unsecure message."""
    with connect(address, source) as connection:
        connection.send_object({"unencrypted_message": text})
        connection.shut_down()
        connection.wait_closed()


class Listener:
    """Stands where a responder would be."""

    def __init__(self, address):
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind((address, CHAT_PORT))
        self.socket.listen()
        self.socket.settimeout(WAIT)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.socket.close()

    def accept(self):
        return Connection(self.socket.accept()[0])

    def is_called(self):
        """Whether somebody is connecting."""
        return is_readable(self.socket)


class Stranger:
    """Somebody with an address and an identity, and with none of the four programs."""

    def __init__(self, address, host=None, identity=None):
        self.address = address
        self.host = host or contextlib.nullcontext()
        self.identity = identity or Identity()
        self.username = None

    def announce(self, username, destination, **members):
        self.username = username
        with self.host, Mouth(destination) as mouth:
            mouth.announce(self.address, username, **members)

    def connect(self, to):
        with self.host:
            return connect(to, self.address)

    def listen(self):
        with self.host:
            return Listener(self.address)

    def say(self, to, text):
        """An unsecure message."""
        with self.connect(to) as connection:
            connection.send_object({"unencrypted_message": text})
            connection.shut_down()
            connection.wait_closed()

    def say_hello_classically(self, to):
        """the classic exchange with the number 0: the shared secret is then 1."""
        with self.connect(to) as connection:
            connection.send_object({"key": "1"})
            connection.receive_object()
            connection.send_object({"encrypted_message": "njpiC7+5W64="})
            connection.shut_down()
            connection.wait_closed()

    def say_securely(self, to, receiver, text, **changes):
        """A secure message to the identity of the receiver, perhaps with a dishonest plaintext."""
        with self.connect(to) as connection:
            side = InitiatorSide(self.identity, receiver, username=self.username)
            connection.send_object(side.key_object())
            side.complete(connection.receive_object())
            connection.send_object(side.message(text, **changes))
            assert side.receipt(connection.receive_object()) == 0


class Capture:
    """Records every frame that passes an interface, as an eavesdropper would."""

    def __init__(self, interface="lo"):
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.socket.bind((interface, 0))
        self._frames = []

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.socket.close()

    def bytes(self):
        """All that passed so far."""
        while is_readable(self.socket):
            self._frames.append(self.socket.recv(1 << 17))
        return b"".join(self._frames)
