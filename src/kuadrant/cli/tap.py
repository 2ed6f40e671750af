"""`kuadrant tap`: follows what gateways decide."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from kuadrant.api.decision_page import DecisionPage, DecisionQuestion
from kuadrant.api.tap_headers import MOST_HEADERS, NEVER_SHOWN
from kuadrant.cli.cluster import Namespace, with_namespace
from kuadrant.cli.output import Output, complain, painter, print_document
from kuadrant.settings import Port

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    Ask = Callable[[DecisionQuestion], Awaitable[Mapping[str, DecisionPage | str]]]

_SILENCE_SECONDS: Final = 10.0
_SILENCE: Final = (
    "kuadrant: no gateway has reported anything. It learns that somebody follows by its next question to the "
    "rate limit service; requests that are admitted without one, or fail before it, are not seen until then. "
    "kuadrant explain tells what becomes of a request."
)
_PAUSE_SECONDS = 0.5


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Chosen:
    """Says which decisions are shown.

    Attributes:
        verdict: Only these: allowed, limited (429), failed (500); may be given more than once.
        policy: Only decisions about limits of this policy (name, or namespace/name where that is not
            default).
        limit: Only decisions about limits of this name.
        route: Only requests of this route (name, or namespace/name); where gateways do not tell their routes,
            those that are counted for it.
        header: Show this header, and only requests that have it; with --show-values also NAME: VALUE, for
            only those. May be given eight times.
        count: End after so many; 0 never.
        seconds: End after so many seconds; 0 never.
    """

    verdict: Annotated[tuple[Literal["allowed", "limited", "failed"], ...], Parameter(negative=())] = ()
    policy: str = ""
    limit: str = ""
    route: str = ""
    header: Annotated[
        tuple[str, ...], Parameter(name=["--header", "-H"], negative=(), metavar="NAME[: VALUE]")
    ] = ()
    count: Annotated[int, Parameter(validator=Number(gte=0))] = 0
    seconds: Annotated[float, Parameter(validator=Number(gte=0))] = 0


_ALL = Chosen()


def tap(
    *,
    options: Chosen = _ALL,
    cluster: bool = False,
    port: Port = 8000,
    show_values: bool = False,
    namespace: Namespace = "kuadrant-system",
    kubeconfig: Path | None = None,
    output: Output = "text",
) -> int:
    """Follow decisions live: each request that a policy is about, and what became of it.

    Without --cluster the kuadrant run of the same user on this machine is followed. In a cluster the rate
    limit service is asked, through the API server: it takes the rights to list pods and to get pods/proxy,
    and for --show-values to get the Secret kuadrant-ratelimit-key, too. Gateways with our own module report
    what they decide while somebody follows. Ctrl-C ends it, with a line that sums up what was shown.

    Exit code: 0 after Ctrl-C, --count or --seconds, 1 when nobody can be asked, 2 for wrong usage.

    Args:
        options: Which decisions are shown.
        cluster: Follow the gateways of a cluster.
        port: The --port of the kuadrant run that is followed.
        show_values: Show values of headers, which are masked otherwise.
        namespace: The namespace of the rate limit service.
        kubeconfig: The kubeconfig to use; without it KUBECONFIG, the pod's service account or ~/.kube/config.
        output: text for people; json for programs, a line for each decision and one for the sum.
    """
    headers = tuple(_header(one) for one in options.header)
    if problem := _problem(headers, show_values=show_values):
        complain(problem, output)
        return 2
    following = _Following(options, headers, output, show_values=show_values)
    return following.cluster(kubeconfig, namespace) if cluster else following.run(port)


def _header(text: str) -> tuple[str, str | None]:
    name, colon, value = text.partition(":")
    return name.strip().lower(), value.strip() if colon else None


def _problem(headers: tuple[tuple[str, str | None], ...], *, show_values: bool) -> str:
    names = [name for name, _ in headers]
    if len(names) > MOST_HEADERS:
        return f"--header: {len(names)} are given, {MOST_HEADERS} can be shown"
    if hidden := NEVER_SHOWN.intersection(names):
        return f"--header: {', '.join(sorted(hidden))} is never shown"
    if not show_values and any(value is not None for _, value in headers):
        return "--header: a value can be looked for with --show-values alone"
    return ""


class _Following:
    """Asks again and again, and shows what is wanted, until there is enough of it or Ctrl-C."""

    def __init__(
        self,
        options: Chosen,
        headers: tuple[tuple[str, str | None], ...],
        output: Output,
        *,
        show_values: bool,
    ) -> None:
        from kuadrant.cli.decision_lines import DecisionFilter, Tally  # noqa: PLC0415

        self._asked = DecisionQuestion(
            policy=with_namespace(options.policy),
            headers=tuple(name for name, _ in headers),
            values=show_values,
        )
        self._wanted = DecisionFilter(
            verdicts=options.verdict,
            limit=options.limit,
            route=with_namespace(options.route),
            headers=headers,
        )
        self._left = options.count or sys.maxsize
        self._seconds = options.seconds or float("inf")
        self._output = output
        self._tally = Tally()
        self._began = time.monotonic()
        self._silent: dict[str, str] = {}
        self._is_silent = True

    def cluster(self, kubeconfig: Path | None, namespace: str) -> int:
        """Follow the gateways of a cluster."""
        from kuadrant.cli.cluster import ask_cluster  # noqa: PLC0415
        from kuadrant.operator_client.decisions import FollowedPods  # noqa: PLC0415

        now = time.time if self._asked.values else None
        return self._until_the_end(
            lambda: ask_cluster(
                kubeconfig,
                lambda client: self._follow(FollowedPods(client, namespace, now=now).ask),
                self._output,
            )
        )

    def run(self, port: int) -> int:
        """Follow a ``kuadrant run``."""
        from kuadrant.standalone.counter_socket import AwayError, FollowedRun  # noqa: PLC0415

        def follow() -> int:
            try:
                return asyncio.run(self._follow(FollowedRun(port).ask))
            except AwayError as error:
                complain(str(error), self._output)
                return 1

        return self._until_the_end(follow)

    def _until_the_end(self, follow: Callable[[], int]) -> int:
        from kuadrant.cli.interrupts import until_interrupted  # noqa: PLC0415

        code = 0
        with until_interrupted():
            code = follow()
        if code == 0:
            self._sum_up()
        return code

    async def _follow(self, ask: Ask) -> int:
        followed = False
        while self._left and time.monotonic() < self._began + self._seconds:
            pages = await ask(self._asked)
            self._complain_of({pod: one for pod, one in pages.items() if isinstance(one, str)})
            heard = [one for one in pages.values() if isinstance(one, DecisionPage)]
            if not followed and not heard:
                complain("no rate limit service of ours can be asked", self._output)
                return 1
            if not followed and self._output == "text":
                print("following; Ctrl-C ends it", file=sys.stderr)
            followed = True
            for page in heard:
                self._show(page)
            sys.stdout.flush()
            if time.monotonic() > self._began + _SILENCE_SECONDS:
                self._tell_of_silence()
            if self._left:
                await asyncio.sleep(_PAUSE_SECONDS)
        return 0

    def _complain_of(self, silent: dict[str, str]) -> None:
        for pod, problem in silent.items():
            if self._silent.get(pod) != problem:
                print(f"kuadrant: {pod}: {problem}", file=sys.stderr)
        self._silent = silent

    def _show(self, page: DecisionPage) -> None:
        from msgspec import to_builtins  # noqa: PLC0415

        from kuadrant.cli.decision_lines import lines  # noqa: PLC0415

        wanted = [one for one in page.decisions if self._wanted.has(one)][: self._left]
        self._left -= len(wanted)
        self._tally.missed += page.missed
        self._is_silent = self._is_silent and not page.decisions
        for one in wanted:
            self._tally.add(one)
            if self._output == "text":
                print("\n".join(lines(one, painter(sys.stdout))))
            else:
                print_document(json.dumps(to_builtins(one), ensure_ascii=False))

    def _tell_of_silence(self) -> None:
        """Say once, where nothing at all was reported, which requests are not."""
        if self._is_silent:
            self._is_silent = False
            print(_SILENCE, file=sys.stderr)

    def _sum_up(self) -> None:
        self._tell_of_silence()
        seconds = time.monotonic() - self._began
        if self._output == "json":
            print_document(json.dumps({"summary": self._tally.values(seconds)}, ensure_ascii=False))
        else:
            print(self._tally.text(seconds))
        sys.stdout.flush()
