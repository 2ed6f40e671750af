"""`kuadrant uninstall`: takes an installation away so that no request fails."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import httpx2
from msgspec import Struct

from kuadrant.cli.cluster import Namespace, ask_cluster
from kuadrant.cli.output import Output, complain, write
from kuadrant.kube.client import RequestError
from kuadrant.uninstall.looking import look
from kuadrant.uninstall.performing import StuckError
from kuadrant.uninstall.performing import uninstall as take_away
from kuadrant.uninstall.planned import Plan, Step, Wish, plan

if TYPE_CHECKING:
    from typing import Any

_PATIENCE = 180


def uninstall(
    *,
    yes: bool = False,
    keep: bool = False,
    stop_only: bool = False,
    keep_definitions: bool = False,
    without_operator: bool = False,
    timeout: int = _PATIENCE,
    namespace: Namespace = "kuadrant-system",
    kubeconfig: Path | None = None,
    output: Output = "text",
) -> int:
    """Take the installation of a cluster away, in the order in which no request fails.

    Gateways are told of nothing any more before what they ask goes. What is to be done is printed first, and
    done only with --yes. It may be interrupted at any moment, and goes on where it was when it is run again.
    It takes the rights to read and to delete all that it names.

    Exit code: 0 when all of it is done, or was only to be printed; 1 when something was refused, or did not
    come to its end.

    Args:
        yes: Do it.
        keep: Take only the operator away: gateways that run keep their last state, and go on limiting. The
            plan says what that means for those that start.
        stop_only: Only end limiting: delete the Kuadrant, and wait until no gateway asks any more.
        keep_definitions: Keep our definitions (CRDs), and with them every policy.
        without_operator: Do not wait for the operator, though one runs: it is of no use any more.
        timeout: For how many seconds nothing may change before it is given up.
        namespace: The operator's namespace.
        kubeconfig: The kubeconfig to use; without it KUBECONFIG, the pod's service account or ~/.kube/config.
        output: text for people, json for programs.
    """
    if keep and (stop_only or keep_definitions or without_operator):
        complain("--keep takes the operator away and nothing else; leave the other options out", output)
        return 1
    wish = Wish(
        keep=keep, stop_only=stop_only, keep_definitions=keep_definitions, without_operator=without_operator
    )
    asked = _Asked(namespace, wish, timeout, yes, output)
    return ask_cluster(kubeconfig, lambda client: _run(client, asked), output)


class _Asked(Struct, frozen=True):
    """What was asked for; ``seconds`` is for how long nothing may change."""

    namespace: str
    wish: Wish
    seconds: int
    yes: bool
    output: Literal["text", "json"]


async def _run(client: httpx2.AsyncClient, asked: _Asked) -> int:
    first = plan(await look(client, asked.namespace, stop_only=asked.wish.stop_only), asked.wish)
    if asked.output == "text":
        print(plan_text(first, asked.namespace, yes=asked.yes), flush=True)
    done: list[Step] = []
    problem = await _do(client, asked, done) if asked.yes else ""
    if asked.output == "json":
        write(_record(first, done, problem), "", "json")
    elif problem:
        complain(problem, asked.output)
    elif done:
        print("Done.")
    return 1 if problem else 0


async def _do(client: httpx2.AsyncClient, asked: _Asked, done: list[Step]) -> str:
    """Do it, and say what is begun; return what was in the way."""

    def tell(step: Step) -> None:
        done.append(step)
        if asked.output == "text":
            print(f"- {step.words}", flush=True)

    try:
        await take_away(client, asked.namespace, asked.wish, asked.seconds, tell)
    except (StuckError, RequestError) as error:
        return str(error)
    return ""


def plan_text(one: Plan, namespace: str, *, yes: bool) -> str:
    """Return a plan for people."""
    lines = [f"Nothing of the installation in {namespace} is left to take away."]
    if one.steps:
        lines = [f"To take the installation in {namespace} away:"]
        for number, step in enumerate(one.steps, 1):
            lines.append(f"{number:3}. {step.words}")
            lines += [f"       {there}" for there in step.objects if step.do != "wait"]
    lines += [f"Note: {note}." for note in one.notes]
    if one.steps and not yes:
        lines.append("Nothing was done. With --yes it is.")
    return "\n".join(lines)


def _record(one: Plan, done: list[Step], problem: str) -> dict[str, Any]:
    """Return the same for programs."""

    def shown(step: Step) -> dict[str, Any]:
        return {"do": step.do, "words": step.words, "objects": [str(there) for there in step.objects]}

    return {
        "plan": [shown(step) for step in one.steps],
        "notes": list(one.notes),
        "done": [shown(step) for step in done],
        "problem": problem,
    }
