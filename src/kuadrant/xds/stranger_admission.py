"""The door of the push server: who connects from an address at which no Envoy may be does not reach gRPC.

gRPC has no bound on the connections of an address, and gives each the memory of a handshake and of what it
sends. So it listens where only this process connects to, and bytes are carried there for those who may ask.
Of the others not a byte is read: they are kept for a while, since the API server's word about a new pod may
be on its way, and the oldest of the address that has most makes room for another.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections import Counter
from typing import TYPE_CHECKING, Final

from kuadrant.xds.peer_bounds import Bucket
from kuadrant.xds.pump import Pump

if TYPE_CHECKING:
    from collections.abc import Callable

    from kuadrant.xds.peer_bounds import Limits, Reason

_BACKLOG: Final = 1024
_AT_ONCE: Final = 64
_AGAIN_SECONDS: Final = 0.2
"""After which to accept again where this process has no descriptor left."""
_KEPT_BYTES: Final = 32 * 1024
"""That the kernel keeps of what nobody has read."""
_HELLO: Final = 4096
"""Bytes at the beginning of a connection in which a word is looked for.

A TLS client says hello in less than 2 KiB.
"""
_SECOND_LOOK: Final = 0.25
_WITH_THE_WORD: Final = 8


class _Held:
    """A connection of a stranger."""

    def __init__(self, connection: socket.socket, address: str) -> None:
        self.connection = connection
        self.address = address
        self.timers: list[asyncio.TimerHandle] = []


class Door:
    """Listens, and carries the connections of those to gRPC who may ask.

    ``places`` tells how many Envoys may be at an IP address. ``refused`` is called with the reason and the
    address of a connection that is closed. Who says ``word`` in the clear at its beginning comes in from
    anywhere, eight at a time: it is for finding out whether one reaches the server, and opens nothing else.
    """

    def __init__(
        self, limits: Limits, places: Callable[[str], int], refused: Callable[[Reason, str], None]
    ) -> None:
        self.word = b""
        self._limits = limits
        self._places = places
        self._refused = refused
        self._listener: socket.socket | None = None
        self._inner = 0
        self._held: dict[str, list[_Held]] = {}
        self._pumps: dict[int, tuple[str, Pump]] = {}
        self._open: Counter[str] = Counter()
        self._paces: dict[str, Bucket] = {}
        self._timers: dict[int, asyncio.TimerHandle] = {}

    def bind(self, host: str, port: int) -> int:
        """Take the port, which the system chooses where it is 0; returns it.

        Raises:
            OSError: It cannot be had.
        """
        if host == "::" and not socket.has_dualstack_ipv6():
            host = "0.0.0.0"  # noqa: S104 - all addresses, as was asked for
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = listener = socket.create_server(
            (host, port), family=family, backlog=_BACKLOG, dualstack_ipv6=host == "::"
        )
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _KEPT_BYTES)
        listener.setblocking(False)
        bound: int = listener.getsockname()[1]
        return bound

    def open(self, inner: int) -> None:
        """Take connections from now on, for what listens on port ``inner`` of the loopback address."""
        self._inner = inner
        self._listen()

    def look(self) -> None:
        """Judge everybody again: Envoys may be at other addresses now."""
        for address in [*self._held]:
            if self._places(address):
                for one in self._held.pop(address):
                    self._let_go(one)
                    self._judge(one.connection, address)
        for port, (address, _) in [*self._pumps.items()]:
            self._mind(port, address)
        self._paces = {address: pace for address, pace in self._paces.items() if self._places(address)}

    def address_of(self, port: int) -> str:
        """Return where the connection comes from that has ``port`` on its way to gRPC.

        Empty if it did not come through this door.
        """
        return self._pumps[port][0] if port in self._pumps else ""

    def close(self) -> None:
        """Close all connections and stop listening."""
        if self._listener is not None:
            asyncio.get_running_loop().remove_reader(self._listener)
            self._listener.close()
            self._listener = None
        for held in [*self._held.values()]:
            for one in [*held]:
                self._drop(one)
        for _, pump in [*self._pumps.values()]:
            pump.close()

    def _listen(self) -> None:
        if self._listener is not None:
            asyncio.get_running_loop().add_reader(self._listener, self._accept)

    def _accept(self) -> None:
        assert self._listener is not None
        for _ in range(_AT_ONCE):
            try:
                connection, peer = self._listener.accept()
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
                    loop = asyncio.get_running_loop()
                    loop.remove_reader(self._listener)
                    loop.call_later(_AGAIN_SECONDS, self._listen)
                    return
                continue  # it was gone before it was accepted
            connection.setblocking(False)
            self._judge(connection, _plain(str(peer[0])))

    def _judge(self, connection: socket.socket, address: str) -> None:
        places = self._places(address)
        if not places:
            self._hold(connection, address)
        elif self._open[address] >= places * self._limits.connections:
            connection.close()
            self._refused("connections", address)
        else:
            self._let_in(connection, address)

    # Those who may ask

    def _let_in(self, connection: socket.socket, address: str) -> None:
        with contextlib.ExitStack() as closing:
            closing.callback(connection.close)
            try:
                inner = closing.enter_context(socket.socket())
                inner.setblocking(False)
                for one in (connection, inner):
                    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                inner.connect_ex(("127.0.0.1", self._inner))
                port: int = inner.getsockname()[1]
            except OSError:
                return  # it is gone, or there is no descriptor left
            closing.pop_all()

        def ended() -> None:
            del self._pumps[port]
            self._open[address] -= 1
            if not self._open[address]:
                del self._open[address]
            if timer := self._timers.pop(port, None):
                timer.cancel()

        self._open[address] += 1
        # What is read before the kernel has connected waits as a rest.
        self._pumps[port] = (address, Pump(connection, inner, ended, lambda size: self._delay(address, size)))
        self._mind(port, address)

    def _delay(self, address: str, size: int) -> float:
        """For how many seconds a connection of ``address`` that has sent ``size`` bytes is not read."""
        now = asyncio.get_running_loop().time()
        pace = self._paces.setdefault(address, Bucket(self._limits.bytes, now))
        return pace.delay(now, max(1, self._places(address)), size)

    def _mind(self, port: int, address: str) -> None:
        """Have a connection end in a while if no Envoy may be there any more."""
        if self._places(address):
            if timer := self._timers.pop(port, None):
                timer.cancel()
        elif port not in self._timers:
            loop = asyncio.get_running_loop()
            self._timers[port] = loop.call_later(self._limits.hold, self._pumps[port][1].close)

    # Strangers

    def _hold(self, connection: socket.socket, address: str) -> None:
        of_it = self._held.setdefault(address, [])
        one = _Held(connection, address)
        of_it.append(one)
        loop = asyncio.get_running_loop()
        one.timers.append(loop.call_later(self._limits.hold, self._refuse, one, "stranger"))
        loop.add_reader(connection, self._glance, one)
        if len(of_it) > self._limits.strangers_of_an_address:
            self._refuse(of_it[0], "strangers")
        elif sum(map(len, self._held.values())) > self._limits.strangers:
            self._refuse(max(self._held.values(), key=len)[0], "strangers")

    def _glance(self, one: _Held, *, again: bool = True) -> None:
        """Look whether a stranger is gone or says the word, and leave what it says where it is."""
        loop = asyncio.get_running_loop()
        loop.remove_reader(one.connection)
        try:
            said = one.connection.recv(_HELLO, socket.MSG_PEEK)
        except (BlockingIOError, InterruptedError):
            said = b"-"
        except OSError:
            said = b""
        if not said:
            self._drop(one)
        elif self.word and self.word in said and len(self._timers) < _WITH_THE_WORD:
            self._held[one.address].remove(one)
            self._let_go(one)
            self._let_in(one.connection, one.address)
        elif again:
            # Its hello may come in two pieces. To be told of more would be to be told without end.
            one.timers.append(loop.call_later(_SECOND_LOOK, lambda: self._glance(one, again=False)))

    def _refuse(self, one: _Held, reason: Reason) -> None:
        self._drop(one)
        self._refused(reason, one.address)

    def _drop(self, one: _Held) -> None:
        self._held[one.address].remove(one)
        self._let_go(one)
        one.connection.close()

    def _let_go(self, one: _Held) -> None:
        """Follow a stranger no longer."""
        for timer in one.timers:
            timer.cancel()
        with contextlib.suppress(ValueError):
            asyncio.get_running_loop().remove_reader(one.connection)
        if not self._held.get(one.address, True):
            del self._held[one.address]


def _plain(address: str) -> str:
    """An IPv4 address that came over IPv6 as what it is; without the name of an interface."""
    return address.removeprefix("::ffff:").partition("%")[0]
