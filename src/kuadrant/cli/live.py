"""A real gateway that is asked what it decides, for `kuadrant explain --live`."""

from __future__ import annotations

import asyncio
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from cyclopts import Parameter

from kuadrant.cli.output import complain, painter, write

if TYPE_CHECKING:
    from kuadrant.cli.curl_values import When
    from kuadrant.explanation import ClientRequest

_SILENT = (
    "the gateway does not say what it decided: it knows no --explain-key, or another one than this key's; it "
    "has a module that cannot; its clock differs by more than half a minute; or many ask at once"
)


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Live:
    """The gateway that is asked.

    Attributes:
        live: Send the request to the gateway at the URL, and tell what it decided for it. It counts as any
            other. The gateway has to know the public half of the key (--explain-key).
        key: The private key, in PEM.
    """

    live: bool = False
    key: Path | None = None


def ask_live(live: Live, asked: ClientRequest, _: When, output: Literal["text", "json"]) -> int:
    """Send ``asked`` to a gateway, print what it decided, and return the exit code.

    Raises:
        RequestError: There is no key, or it is none.
    """
    from msgspec import to_builtins  # noqa: PLC0415

    from kuadrant.cli.decision_lines import lines  # noqa: PLC0415
    from kuadrant.explanation import RequestError  # noqa: PLC0415
    from kuadrant.gateway_client.asking import GatewayAwayError  # noqa: PLC0415
    from kuadrant.gateway_client.live_decision import ask, read_key  # noqa: PLC0415

    if live.key is None:
        raise RequestError("with --live a key is needed; write --key FILE")
    try:
        key = read_key(live.key.read_bytes())
    except (OSError, ValueError) as error:
        raise RequestError(f"--key: {live.key} {getattr(error, 'strerror', None) or error}") from None
    try:
        told = asyncio.run(ask(asked, key, time.time()))
    except GatewayAwayError as error:
        complain(str(error), output)
        return 1
    if told.decision is None:
        complain(f"{told.status}; {_SILENT}", output)
        return 1
    decided = "\n".join(lines(told.decision, painter(sys.stdout)))
    write(to_builtins(told), f"{told.status}\n{decided}", output)
    return 0
