"""Bounds connections: so many, and none that makes the process take more memory than it may.

The servers below hold what a peer sends until a message is whole, as much as 4 MiB for each of its calls, and
have no bound over all of them. So connections are looked at from outside, through the process's own
descriptors: how many there are, and, when memory is short, which ones have sent much and been answered
little. Those are closed, of the address that has most of it first. A gateway that meets this connects again
at once; a process that is killed for its memory forgets what everybody has used up.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import logging
import os
import resource
import socket
import stat
import struct
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from kuadrant.ratelimit.log_pace import LogPace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_LOGGER = logging.getLogger(__name__)

LOOK_SECONDS: Final = 0.1
MOST_CONNECTIONS: Final = 1000
# What an answer of one byte makes up for: requests are large where headers are counted, answers are always
# small.
_ANSWERED: Final = 200
_DESCRIPTORS: Final = Path("/proc/self/fd")
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
# In struct tcp_info of Linux.
_ACKED_AND_RECEIVED: Final = struct.Struct("@120xQQ")


class Connection(NamedTuple):
    """One connection.

    ``held`` are the bytes that its peer has sent and that nothing was answered to, as far as can be seen.
    """

    number: int
    address: str
    held: int


def to_close(connections: Sequence[Connection], *, most: int, excess: int) -> list[Connection]:
    """The connections to close: those beyond ``most``, and then those that hold ``excess`` bytes of memory.

    The address that has most is the first to lose some: its newest ones, or those that hold most.
    """
    closed: list[Connection] = []
    by_address = Counter(one.address for one in connections)
    newest = sorted(connections, key=lambda one: one.number, reverse=True)
    while len(connections) - len(closed) > most:
        (worst, _), *_ = by_address.most_common(1)
        chosen = next(one for one in newest if one.address == worst and one not in closed)
        by_address[worst] -= 1
        closed.append(chosen)
    if excess > 0:
        held = Counter[str]()
        for one in connections:
            held[one.address] += one.held
        order = sorted(connections, key=lambda one: (held[one.address], one.held), reverse=True)
        excess -= sum(one.held for one in closed)
        for one in order:
            if excess > 0 and one.held and one not in closed:
                excess -= one.held
                closed.append(one)
    return closed


class Door:
    """Looks after the connections to ``port`` of this process.

    They take no more than ``most_memory`` bytes of it.

    ``memory`` tells how much the process takes, ``closed`` is called for each connection that is closed.
    """

    def __init__(
        self,
        port: int,
        most_memory: int,
        *,
        most: int | None = None,
        memory: Callable[[], int] | None = None,
        closed: Callable[[], None] = lambda: None,
    ) -> None:
        self._port = port
        self._most = most_connections() if most is None else most
        self._most_memory = most_memory
        self._memory = resident if memory is None else memory
        self._others: set[tuple[int, int]] = set()
        # By descriptor and inode: when it was first seen, what was acknowledged and received, and what is
        # held.
        self._known: dict[tuple[int, int], tuple[int, int, int, int]] = {}
        self._numbers = 0
        self._sparingly = LogPace()
        self._closed = closed

    async def run(self) -> None:
        """Look until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                self.look(loop.time())
            except Exception:
                if self._sparingly.may("defect", loop.time()):
                    _LOGGER.exception("connections cannot be looked after")

    def look(self, now: float) -> None:
        """Look once, and close what has to be closed."""
        seen: dict[tuple[int, int], tuple[int, int, int, int]] = {}
        found: dict[Connection, tuple[int, int]] = {}
        for key, address, acked, received in self._sockets():
            number, former_acked, former_received, held = self._known.get(key) or (self._numbers, 0, 0, 0)
            self._numbers += key not in self._known
            held = max(0, held + (received - former_received) - _ANSWERED * (acked - former_acked))
            seen[key] = number, acked, received, held
            found[Connection(number, address, held)] = key
        self._known = seen
        closing = to_close(list(found), most=self._most, excess=self._memory() - self._most_memory)
        for one in closing:
            self._close(found[one])
            if self._sparingly.may(one.address, now):
                _LOGGER.warning(
                    "a connection of %s is closed: it held %d KiB, and of %d connections %d are too many, or "
                    "hold memory that is short",
                    *(one.address, one.held // 1024, len(found), len(closing)),
                )
        if closing:
            _give_back()

    def _sockets(self) -> Iterator[tuple[tuple[int, int], str, int, int]]:
        """The connections to the port.

        Descriptor and inode, the peer's address, and how many bytes went out and came in.
        """
        others: set[tuple[int, int]] = set()
        for path in _DESCRIPTORS.iterdir():
            descriptor = int(path.name)
            try:
                status = os.fstat(descriptor)
            except OSError:
                continue
            key = descriptor, status.st_ino
            if key in self._others or not stat.S_ISSOCK(status.st_mode):
                others.add(key)
                continue
            try:
                # A handle of our own: the descriptor may be closed, and be another's, at any time.
                with socket.socket(fileno=os.dup(descriptor)) as handle:
                    if os.fstat(handle.fileno()).st_ino != status.st_ino:
                        continue
                    if (
                        handle.family not in (socket.AF_INET, socket.AF_INET6)
                        or handle.getsockname()[1] != self._port
                    ):
                        others.add(key)
                        continue
                    peer = handle.getpeername()[0]
                    facts = handle.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
            except OSError:
                continue  # the listening socket, or one that has just gone
            acked, received = _ACKED_AND_RECEIVED.unpack_from(facts.ljust(_ACKED_AND_RECEIVED.size, b"\0"))
            yield key, peer, acked, received
        self._others = others

    def _close(self, key: tuple[int, int]) -> None:
        try:
            with socket.socket(fileno=os.dup(key[0])) as handle:
                if os.fstat(handle.fileno()).st_ino == key[1]:
                    handle.shutdown(socket.SHUT_RDWR)
                    self._closed()
        except OSError:
            pass  # it is closed already


def can_look() -> bool:
    """Tell whether this system tells a process of its descriptors."""
    return _DESCRIPTORS.is_dir() and hasattr(socket, "TCP_INFO")


def most_connections() -> int:
    """Return how many connections there may be: the process needs descriptors for other things, too."""
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(1, min(MOST_CONNECTIONS, descriptors * 3 // 4))


def resident() -> int:
    """Return how many bytes the process takes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE


def most_memory(otherwise: int) -> int:
    """Three quarters of what the container may take, or ``otherwise`` where there is no such bound."""
    try:
        text = Path("/sys/fs/cgroup/memory.max").read_text().strip()
    except OSError:
        return otherwise
    return min(otherwise, int(text) * 3 // 4) if text.isdigit() else otherwise


def _give_back() -> None:
    """Have the allocator return what is free, so that it is not taken for what is held."""
    with contextlib.suppress(AttributeError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)
