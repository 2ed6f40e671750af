"""The modules that are served at one time, and the addresses at which each of them is had; pure."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING

from kuadrant.wasm.conditional_response import IMMUTABLE, REVALIDATED, Content, given
from kuadrant.wasm.http_response import told
from kuadrant.wasm.oci_registry import Registry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kuadrant.wasm.http_request import Request
    from kuadrant.wasm.http_response import Response
    from kuadrant.wasm.module import Module

# Heads that are remembered with their answers: enough for every kind of client in a cluster, few to hold.
_REMEMBERED_MAX = 64
_REMEMBERED_HEAD_MAX = 1024

# `try` makes an address another one for a gateway that remembers addresses from which it could not fetch;
# it means nothing here.
_ADDRESS = re.compile(
    r"/kuadrant-wasm-shim(?:\?sha256=(?P<asked>[0-9a-f]{64})(?:&try=[0-9]{1,9})?|\?try=[0-9]{1,9})?"
    r"|/wasm/(?P<named>[0-9a-f]{64})\.wasm",
    re.ASCII,
)
_ABSOLUTE_FORM = re.compile(r"^https?://[^/?#]*", re.IGNORECASE)


class Shelf:
    """Answers for the modules of one time; it never changes, so that bytes and checksum cannot disagree."""

    def __init__(self, modules: Sequence[Module]) -> None:
        """Hold ``modules``, of which the first is the current one.

        Raises:
            ValueError: there is none.
        """
        if not modules:
            raise ValueError("a module server needs at least one module")
        self.current = modules[0]
        self._held = {module.sha256: module for module in modules}
        self._registry = Registry(modules)
        self._remembered: dict[bytes, Response] = {}

    def recall(self, head: bytes) -> Response | None:
        """Return the answer that was given to these very bytes, if they were one request without a body."""
        return self._remembered.get(head)

    def remember(self, head: bytes, response: Response) -> None:
        """Keep the answer to ``head``, which depends on nothing but these bytes and this shelf."""
        if len(head) <= _REMEMBERED_HEAD_MAX:
            if len(self._remembered) >= _REMEMBERED_MAX:
                self._remembered.clear()
            self._remembered[head] = response

    def answer(self, request: Request) -> Response:
        """Return what to answer to a well-formed request (RFC 9110, RFC 9111, RFC 8246)."""
        target = _ABSOLUTE_FORM.sub("", request.target, count=1)
        pulled = self._registry.answer(request, target)
        if pulled is not None:
            return pulled
        address = _ADDRESS.fullmatch(target)
        if address is None:
            return told(request, HTTPStatus.NOT_FOUND, "there is nothing at this address")
        if request.method not in ("GET", "HEAD"):
            return told(
                request,
                HTTPStatus.METHOD_NOT_ALLOWED,
                "a module can only be read",
                ("Allow: GET, HEAD",),
            )
        pinned = address["asked"] or address["named"]
        module = self._held.get(pinned) if pinned else self.current
        if module is None:
            return told(
                request,
                HTTPStatus.SERVICE_UNAVAILABLE,
                f"no module with SHA-256 {pinned} is held here now",
                ("Retry-After: 5",),
            )
        cache = IMMUTABLE if pinned else REVALIDATED
        return given(request, Content(module.data, module.sha256, "application/wasm", cache, module.sha256))
