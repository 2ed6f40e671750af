"""Decides who the console answers.

The page is read only and has no cookie, so there is nothing that another site could have a browser do. What
is left is that another site reads it: by a name of its own that leads here (DNS rebinding), which the host
says; from a page of its own, which browsers say; or in a frame, or by something that it put into the page,
which the fields of the answers forbid (`security_headers`).
"""

from __future__ import annotations

from http import HTTPStatus
from ipaddress import ip_address
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from kuadrant.wasm.http_request import Request

Objection = tuple[HTTPStatus, str]


def objection(request: Request, names: Collection[str]) -> Objection | None:
    """Return why a request is not answered, None if it is.

    Args:
        request: The request.
        names: Host names by which the console is reached, beside those of this machine and IP addresses.
    """
    if request.method not in ("GET", "HEAD"):
        return HTTPStatus.METHOD_NOT_ALLOWED, "nothing can be changed here: only GET is answered"
    if request.has_body:
        return HTTPStatus.BAD_REQUEST, "no address here takes a body"
    if not is_own_host(request.headers.get("host", ""), names):
        return HTTPStatus.MISDIRECTED_REQUEST, (
            "the console is not called so: ask by localhost or an IP address, or name it with --console-host"
        )
    site = request.headers.get("sec-fetch-site", "none")
    if site not in ("same-origin", "none") and request.headers.get("sec-fetch-mode") != "navigate":
        return HTTPStatus.FORBIDDEN, "another site's page asks"
    return None


def is_own_host(host: str, names: Collection[str]) -> bool:
    """Tell whether a Host field is one by which the console is meant.

    A name can be made to lead here by whoever owns it. An IP address, and a name that every machine keeps for
    itself, cannot.
    """
    name, _, port = host.rpartition(":") if not host.endswith("]") else (host, "", "")
    if not name or not port.isascii() or not port.isdigit():
        name = host
    name = name.lower().removesuffix(".")
    if name == "localhost" or name.endswith(".localhost") or name in names:
        return True
    try:
        ip_address(name.removeprefix("[").removesuffix("]") if name.startswith("[") else name)
    except ValueError:
        return False
    return True
