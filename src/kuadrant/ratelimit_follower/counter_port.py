"""The port at which `kuadrant limits` asks for counters, through the API server.

Who shows the pod's UID gets them with values masked. Who also shows that he has the installation's key, and
so could ask for any limit as a gateway, gets the values.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import msgspec

from kuadrant.api.counter_page import MOST, PATH, PROOF_HEADER, is_proof
from kuadrant.operations import OperationsServer
from kuadrant.ratelimit import CounterAnswers, TooOftenError

if TYPE_CHECKING:
    from collections.abc import Callable

    from kuadrant.ratelimit import RateLimitService
    from kuadrant.settings import RatelimitSettings
    from kuadrant.wasm.http_request import Request


def counter_server(
    service: RateLimitService, settings: RatelimitSettings, *, now: Callable[[], float] = time.time
) -> OperationsServer:
    """Return the server of that port, not yet started; ``now`` gives seconds since 1970."""
    answers = CounterAnswers(service, time.monotonic)

    def page(request: Request) -> bytes:
        asked = parse_qs(urlsplit(request.target).query)
        most = asked.get("most", [""])[0]
        shown = request.headers.get(PROOF_HEADER, "")
        try:
            return msgspec.json.encode(
                answers.page(
                    asked.get("policy", [""])[0],
                    int(most)
                    if most.isascii() and most.isdigit() and len(most) < len(str(MOST)) + 1
                    else MOST,
                    show_values=is_proof(shown, service.callers.keys, settings.pod_uid, now()),
                )
            )
        except TooOftenError:
            return msgspec.json.encode({"busy": True})

    return OperationsServer(
        {},
        settings.address,
        settings.counters_port,
        questions={PATH: page},
        key=lambda: settings.pod_uid,
    )
