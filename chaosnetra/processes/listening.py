"""Who listens on a port.

Asked of Linux directly where that works: psutil reads the tables of all connections and of all
processes of the machine, 70 ms of a processor for each of 50 startups at once.
"""

import socket
import struct
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil

# sock_diag(7), and linux/netlink.h, linux/inet_diag.h, net/tcp_states.h.
NETLINK_SOCK_DIAG = 4
SOCK_DIAG_BY_FAMILY = 20
REQUEST_DUMP = 0x301
MESSAGE_ERROR, MESSAGE_DONE = 2, 3
TCP_LISTEN = 10
MESSAGE_HEADER = struct.Struct("=IHHII")  # length, type, flags, sequence, port id
QUESTION = struct.Struct("=BBBxI")  # family, protocol, extensions, states
PORTS = struct.Struct(">HH")  # source, destination
ANYWHERE = bytes(32) + struct.pack("=III", 0, 0xFFFFFFFF, 0xFFFFFFFF)
PORT_OFFSET = MESSAGE_HEADER.size + 4
INODE_OFFSET = MESSAGE_HEADER.size + 68
ANY_PORT = 0
ANSWER_SECONDS = 1.0


def listens(root_pid: int, port: int) -> bool:
    """Whether a process, or one that descends from it, listens on a TCP port.

    Where the system does not let us inspect a process, it is taken for the one: an answer from
    the port is then all there is to go by.
    """
    try:
        sockets = {f"socket:[{inode}]" for inode, _ in _listening(port)}
        return bool(sockets) and any(_holds(pid, sockets) for pid in _tree(root_pid))
    except PermissionError:
        return True
    except (OSError, AttributeError):  # no such way on this system
        return _listens_by_psutil(root_pid, port)


def ports_of(root_pid: int) -> list[int]:
    """The TCP ports that a process, or one that descends from it, listens on; lowest first.

    Empty where the system does not let us inspect it.
    """
    try:
        ports = {f"socket:[{inode}]": port for inode, port in _listening(ANY_PORT)}
        held = {name for pid in _tree(root_pid) for name in _files(pid) if name in ports}
        return sorted({ports[name] for name in held})
    except PermissionError:
        return []
    except (OSError, AttributeError):  # no such way on this system
        return _ports_by_psutil(root_pid)


def _listening(port: int) -> Iterator[tuple[int, int]]:
    """Inode and port of the sockets that listen on a port, or on any.

    Raises:
        OSError, AttributeError: the system does not list them in this way.
    """
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_SOCK_DIAG) as kernel:
        kernel.settimeout(ANSWER_SECONDS)
        for family in (socket.AF_INET, socket.AF_INET6):
            question = QUESTION.pack(family, socket.IPPROTO_TCP, 0, 1 << TCP_LISTEN)
            question += PORTS.pack(port, 0) + ANYWHERE
            length = MESSAGE_HEADER.size + len(question)
            kernel.send(
                MESSAGE_HEADER.pack(length, SOCK_DIAG_BY_FAMILY, REQUEST_DUMP, 1, 0) + question
            )
            yield from _answers(kernel)


def _answers(kernel: socket.socket) -> Iterator[tuple[int, int]]:
    while True:
        data = kernel.recv(1 << 16)
        while data:
            length, kind, *_ = MESSAGE_HEADER.unpack_from(data)
            if kind == MESSAGE_DONE:
                return
            if kind == MESSAGE_ERROR:
                raise OSError("the kernel does not list sockets")
            (port,) = struct.unpack_from(">H", data, PORT_OFFSET)
            yield struct.unpack_from("=I", data, INODE_OFFSET)[0], port
            data = data[(length + 3) & ~3 :]


def _tree(root: int) -> Iterator[int]:
    """A process and its descendants, as far as they still run."""
    yield root
    with suppress(FileNotFoundError, ProcessLookupError):
        for task in Path(f"/proc/{root}/task").iterdir():
            for child in (task / "children").read_text().split():
                yield from _tree(int(child))


def _holds(pid: int, sockets: set[str]) -> bool:
    """Whether a process has one of the sockets open."""
    return any(name in sockets for name in _files(pid))


def _files(pid: int) -> Iterator[str]:
    """What a process has open, as the system calls it."""
    with suppress(FileNotFoundError, ProcessLookupError):
        files = list(Path(f"/proc/{pid}/fd").iterdir())
        if not files:  # its first thread has ended: another one has them
            files = list(Path(f"/proc/{pid}/task").glob("*/fd/*"))
        for file in files:
            with suppress(FileNotFoundError):
                yield str(file.readlink())


def _listens_by_psutil(root_pid: int, port: int) -> bool:
    try:
        return port in _by_psutil(root_pid)
    except psutil.AccessDenied:
        return True


def _ports_by_psutil(root_pid: int) -> list[int]:
    try:
        return sorted(set(_by_psutil(root_pid)))
    except psutil.AccessDenied:
        return []


def _by_psutil(root_pid: int) -> Iterator[int]:
    """The ports that a process, or one that descends from it, listens on.

    Raises:
        psutil.AccessDenied: the system does not let us inspect one.
    """
    try:
        root = psutil.Process(root_pid)
        tree = [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return
    for process in tree:
        with suppress(psutil.NoSuchProcess):
            for link in process.net_connections(kind="tcp"):
                if link.status == psutil.CONN_LISTEN:
                    yield link.laddr.port


def listener(port: int) -> int | None:
    """The process that listens on a TCP port of this machine; None where that cannot be seen.

    Of several that share a socket it is the one that started first.
    """
    from chaosnetra.processes.identity import started

    try:
        sockets = {f"socket:[{inode}]" for inode, _ in _listening(port)}
    except (OSError, AttributeError):  # no such way on this system
        return None
    found = []
    for pid in psutil.pids() if sockets else ():
        with suppress(OSError):  # another user's, or it has just ended
            if _holds(pid, sockets):
                found.append((started(pid), pid))
    return min(found)[1] if found else None
