"""Does what `planned` decides, one step after the other, and looks anew after each."""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import TYPE_CHECKING, Any

import msgspec

from kuadrant.api.kuadrant import FINALIZER
from kuadrant.kube.api_answers import read_status
from kuadrant.kube.client import FAILURES, RequestError, describe, get
from kuadrant.status import Affected, gateway_status, route_status
from kuadrant.uninstall.looking import look
from kuadrant.uninstall.planned import plan

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx2

    from kuadrant.uninstall.planned import Plan, Step, There, Wish

_LOOK_SECONDS = 1.0
_MERGE = "application/merge-patch+json"
_encode = msgspec.json.encode


class StuckError(Exception):
    """A step did not come to its end in time; the text says which, and what was in the way."""


async def uninstall(
    client: httpx2.AsyncClient, namespace: str, wish: Wish, seconds: float, tell: Callable[[Step], None]
) -> Plan:
    """Take an installation away; return the plan that is left then, which has notes and no step.

    Args:
        client: asks the API server.
        namespace: that of the installation.
        wish: what is to go.
        seconds: for how long nothing may change before it is given up.
        tell: is called with each step as it begins.

    Raises:
        RequestError: The API server refused something.
        StuckError: Nothing changed for too long.
    """
    clock = asyncio.get_running_loop().time
    last: Step | None = None
    since = clock()
    while True:
        left = plan(await look(client, namespace, stop_only=wish.stop_only), wish)
        if not left.steps:
            return left
        step = left.steps[0]
        if last is None or (step.do, step.words) != (last.do, last.words):
            tell(step)
        if step != last:
            last, since = step, clock()
        elif clock() - since > seconds + step.seconds:
            there = ", ".join(map(str, step.objects[:5]))
            hint = "; --without-operator does it without the operator" if step.is_of_operator else ""
            raise StuckError(f"after {seconds:.0f} s it is still to be done: {step.words}: {there}{hint}")
        await _perform(client, step)


async def _perform(client: httpx2.AsyncClient, step: Step) -> None:
    if step.do == "delete":
        for one in step.objects:
            await _delete(client, one)
    elif step.do == "rest":
        await asyncio.sleep(step.seconds)
        for one in step.objects:
            await _delete(client, one)
    elif step.do == "wait":
        await asyncio.sleep(_LOOK_SECONDS)
    elif step.do == "clear":
        for one in step.objects:
            await _clear(client, one)
    else:
        for one in step.objects:
            await _release(client, one)


async def _delete(client: httpx2.AsyncClient, one: There) -> None:
    """Delete an object if it is still the one that was seen; that it has gone is as good."""
    body = {
        "apiVersion": "v1",
        "kind": "DeleteOptions",
        "preconditions": {"uid": one.uid},
        "propagationPolicy": "Background",
    }
    await _ask(client, "DELETE", one.path, body, "application/json")


async def _release(client: httpx2.AsyncClient, one: There) -> None:
    """Take our finalizer from an object, and leave those of others."""
    try:
        metadata: dict[str, Any] = msgspec.json.decode(await get(client, one.path))["metadata"]
    except RequestError:
        return
    others = [name for name in metadata.get("finalizers", ()) if name != FINALIZER]
    body = {"metadata": {"finalizers": others, "resourceVersion": metadata["resourceVersion"]}}
    await _ask(client, "PATCH", one.path, body, _MERGE)


async def _clear(client: httpx2.AsyncClient, one: There) -> None:
    """Take our conditions from the status of a Gateway or a route."""
    try:
        document: dict[str, Any] = msgspec.json.decode(await get(client, one.path))
    except RequestError:
        return
    tell = gateway_status if one.kind == "Gateway" else route_status
    now = dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    status = tell({**document, "kind": one.kind}, Affected({}, {}, {}), now)
    if status is not None:
        body = {"metadata": {"resourceVersion": document["metadata"]["resourceVersion"]}, "status": status}
        await _ask(client, "PATCH", f"{one.path}/status", body, _MERGE)


async def _ask(client: httpx2.AsyncClient, method: str, path: str, body: object, form: str) -> None:
    try:
        response = await client.request(method, path, content=_encode(body), headers={"content-type": form})
    except FAILURES as error:
        raise RequestError(f"{method} {path}: {describe(error)}") from error
    # What is not there any more, or has changed meanwhile, is seen at the next look.
    if response.status_code not in {200, 201, 202, 404, 409}:
        status = read_status(response.status_code, response.content)
        raise RequestError(f"{method} {path}: {status.code} {status.message}")
