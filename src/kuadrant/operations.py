"""Serves what is going on, for programs.

Pages such as ``/metrics`` and checks such as ``/readyz``, made anew for each request.

The ports are open to whoever reaches the pod, and a probe has to get through whatever others do there: the
sockets are those of the module server (``wasm/sockets.py``), with bounds of their own.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from http import HTTPStatus
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

from kuadrant import log
from kuadrant.tasks import reason
from kuadrant.wasm.connection import Limits
from kuadrant.wasm.http_response import Response, document
from kuadrant.wasm.sockets import HttpServer

if TYPE_CHECKING:
    from kuadrant.wasm.http_request import Request

Pages = Mapping[str, tuple[str, Callable[[], bytes]]]
"""What makes each page, and its content type, by path."""

logger = log.get("kuadrant")

UID_HEADER: Final = "x-kuadrant-pod-uid"
"""The field of a request that shows the UID of the pod that is asked."""

# Kubelets, collectors of metrics and people are few. Whoever fills all of these has closed the oldest of his
# own.
_LIMITS: Final = Limits(
    head=5.0, idle=30.0, response=30.0, stall=5.0, refused=1.0, patience=0.05, connections=64
)
_TEXT: Final = "text/plain; charset=utf-8"


class OperationsServer:
    """Serves ``pages`` (path, content type and what makes the body) and ``checks``.

    A check gives what is wrong, which is then a 503 with that text, or nothing, which is a 200. All of them
    are made in the event loop, to which what they show belongs.

    ``private`` pages are for who is on this machine (in this pod, as with ``kubectl port-forward``) and for
    who shows what ``key`` gives, in the field ``UID_HEADER``: the UID of our pod, which those can read who
    may get the pod, and nobody guesses. Without a key, nobody can. ``questions`` are private pages in JSON
    that depend on what is asked.
    """

    def __init__(
        self,
        pages: Pages,
        host: str,
        port: int,
        *,
        checks: Mapping[str, Callable[[], str | None]] | None = None,
        private: Pages | None = None,
        questions: Mapping[str, Callable[[Request], bytes]] | None = None,
        key: Callable[[], str] = lambda: "",
        limits: Limits = _LIMITS,
    ) -> None:
        self._pages = pages
        self._checks = checks or {}
        self._private = private or {}
        self._questions = questions or {}
        self._key = key
        self._address = (host, port)
        self._limits = limits

    async def start(self) -> None:
        """Listen; afterwards ``port`` is the bound one.

        Raises:
            OSError: the address cannot be had.
        """
        host, port = self._address
        self._server = HttpServer(lambda peer: _Answers(self, peer), host, port or None, limits=self._limits)
        self.port: int = self._server.port

    async def stop(self) -> None:
        """Stop listening; what is being answered is cut off."""
        await self._server.stop(0.0)

    @property
    def connections(self) -> int:
        """The number of open connections."""
        return self._server.connections

    def answer(self, request: Request, peer: str) -> Response:
        """Return the answer to the client at the address ``peer``."""
        path = request.target.partition("?")[0]
        try:
            return document(request, *self._answered(request, path, peer))
        except Exception as error:  # noqa: BLE001 - a page that fails must not fail others
            logger.error("a page cannot be made", path=path[:100], problem=reason(error))  # noqa: TRY400 - it has its place
            return document(request, HTTPStatus.INTERNAL_SERVER_ERROR, _TEXT, b"this page cannot be made\n")

    def _answered(self, request: Request, path: str, peer: str) -> tuple[HTTPStatus, str, bytes]:
        if path not in self._pages and path not in self._checks and path not in self._restricted:
            known = ", ".join((*self._pages, *self._checks, *self._restricted))
            return HTTPStatus.NOT_FOUND, _TEXT, f"there are {known}\n".encode()
        if request.method not in ("GET", "HEAD"):
            return HTTPStatus.METHOD_NOT_ALLOWED, _TEXT, b""
        if path in self._checks:
            problem = self._checks[path]()
            status = HTTPStatus.OK if problem is None else HTTPStatus.SERVICE_UNAVAILABLE
            return status, _TEXT, f"{problem or 'ok'}\n".encode()
        if path in self._restricted and not self._may_see(request, peer):
            told = (
                f"this page is for who is in the pod, and for who shows its UID in the field {UID_HEADER}\n"
            )
            return HTTPStatus.FORBIDDEN, _TEXT, told.encode()
        if path in self._questions:
            return HTTPStatus.OK, "application/json", self._questions[path](request)
        content_type, make = {**self._pages, **self._private}[path]
        return HTTPStatus.OK, content_type, make()

    @property
    def _restricted(self) -> tuple[str, ...]:
        return (*self._private, *self._questions)

    def _may_see(self, request: Request, peer: str) -> bool:
        key = self._key()
        shown = request.headers.get(UID_HEADER, "")
        is_shown = bool(key) and hmac.compare_digest(shown.encode(), key.encode())
        return is_shown or ip_address(peer.partition("%")[0]).is_loopback


class _Answers:
    """The answers to one client; none is kept, as each is about now."""

    def __init__(self, server: OperationsServer, peer: str) -> None:
        self._server = server
        self._peer = peer

    def recall(self, head: bytes) -> None:
        """Know none."""

    def remember(self, head: bytes, response: Response) -> None:
        """Keep none."""

    def answer(self, request: Request) -> Response:
        """Return what to answer."""
        return self._server.answer(request, self._peer)
