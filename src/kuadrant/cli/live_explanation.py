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
        key: The private key, in PEM, as kuadrant explain-key makes one; not needed for a kuadrant run of
            yours.
    """

    live: bool = False
    key: Path | None = None


def ask_live(live: Live, asked: ClientRequest, _: When, output: Literal["text", "json"]) -> int:
    """Send ``asked`` to a gateway, print what it decided, and return the exit code.

    Raises:
        RequestError: There is no key, or it is none, or the URL is none.
    """
    from msgspec import to_builtins  # noqa: PLC0415

    from kuadrant.cli.decision_lines import lines  # noqa: PLC0415
    from kuadrant.explain_key import read_key  # noqa: PLC0415
    from kuadrant.explanation import RequestError  # noqa: PLC0415
    from kuadrant.explanation.client_request import refused_by_gateway  # noqa: PLC0415
    from kuadrant.gateway_client.live_decision import ask  # noqa: PLC0415
    from kuadrant.gateway_client.real_time_run import GatewayAwayError  # noqa: PLC0415

    file = live.key or _of_run(asked)
    if file is None:
        raise RequestError(
            "with --live a key is needed, as no kuadrant run of yours serves that port; write --key FILE "
            "(kuadrant explain-key FILE makes one)"
        )
    try:
        key = read_key(file.read_bytes())
    except (OSError, ValueError) as error:
        raise RequestError(f"--key: {file} {getattr(error, 'strerror', None) or error}") from None
    try:
        told = asyncio.run(ask(asked, key, time.time()))
    except GatewayAwayError as error:
        complain(str(error), output)
        return 2
    if told.decision is None:
        refused = refused_by_gateway(asked)
        by_itself = refused is not None and refused.status == told.status
        why = f"the gateway answers so by itself: {refused.because}" if refused and by_itself else _SILENT
        complain(f"{told.status}; {why}", output)
        return 2
    decided = "\n".join(lines(told.decision, painter(sys.stdout)))
    write(to_builtins(told), f"{told.status}\n{decided}", output)
    return 0


def _of_run(asked: ClientRequest) -> Path | None:
    from kuadrant.explanation.request_url import address_of  # noqa: PLC0415
    from kuadrant.standalone.own_explain_key import key_of_run  # noqa: PLC0415

    return key_of_run(address_of(asked.url).port)
