"""`kuadrant test`: holds policies to the tests that lie beside them."""

from __future__ import annotations

import asyncio
import re
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TextIO

from cyclopts import Parameter

from kuadrant.api.duration import milliseconds
from kuadrant.cli.output import print_document
from kuadrant.cli.paths import ModulesFolder
from kuadrant.policy.failure_mode import DEFAULT_FAILURE_MODE, FailureMode
from kuadrant.policy_tests.moments import spelled_time
from kuadrant.settings import Milliseconds
from kuadrant.terminal import has_colours
from kuadrant.wasm.catalogue import current

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kuadrant.policy_tests import FileResult, Results
    from kuadrant.standalone.policy_test_files import FileToRun

_TOLD_FROM_MILLISECONDS = 1000
_DURATION = re.compile(r"(?:\d{1,5}(?:h|m|s|ms)){1,4}", re.ASCII)


def _duration(_: type, tokens: Sequence[object]) -> int:
    text = str(getattr(tokens[0], "value", ""))
    if not _DURATION.fullmatch(text):
        raise ValueError(f"{text!r} is not a duration; write it like 90s, 2m or 1h30m")
    return milliseconds(text)


def _gateway(_: object, url: str | None) -> None:
    """Check that ``--against`` is the address of a gateway.

    Raises:
        ValueError: it is not.
    """
    if url is not None and not re.fullmatch(r"https?://[^/?#@\s]+/?", url):
        raise ValueError(f"{url!r} is not the address of a gateway; write it like http://127.0.0.1:8000")


def run_tests(
    *paths: Path,
    against: Annotated[str | None, Parameter(validator=_gateway, metavar="URL")] = None,
    coverage: bool = False,
    failure_mode: Annotated[
        FailureMode, Parameter(env_var="RATELIMIT_SERVICE_FAILURE_MODE")
    ] = DEFAULT_FAILURE_MODE,
    timeout: Milliseconds = 10_000,
    longest_wait: Annotated[
        int, Parameter(converter=_duration, show_default=spelled_time, metavar="DURATION")
    ] = 120_000,
    modules: ModulesFolder = None,
    output: Annotated[
        Literal["text", "json", "junit", "github"], Parameter(name=["--output", "-o"])
    ] = "text",
) -> int:
    """Run tests of policies: requests in simulated time, and what each of them should get.

    Tests are files *.kuadrant-test.yaml beside the policies. Nothing is started and nobody is asked, but with
    --against.

    Exit code: 0 when all expectations were met, 1 when one was missed, 2 when a test or a policy is wrong,
    when there is no test, or when the gateway cannot be asked.

    Args:
        paths: Files and folders to look for tests in; this folder by default.
        against: Ask the real gateway at this URL, in real time; statuses and headers are compared.
        coverage: Name the limits and rules that no test reaches.
        failure_mode: What a request gets whose expressions fail: deny is 500, allow lets it pass.
        timeout: How long a real gateway may take for an answer, such as 2s.
        longest_wait: The longest wait at a real gateway; a test that takes a longer one is left out.
        modules: A folder of fetched modules; policies are held to what the current one of them can do.
        output: text for people, json for programs, junit (XML) for CI systems, github for its workflows.
    """
    from kuadrant.dialects import UnknownDialectError  # noqa: PLC0415
    from kuadrant.policy_tests.reports import report, report_problems  # noqa: PLC0415
    from kuadrant.standalone.policy_test_files import PolicyTestFiles  # noqa: PLC0415
    from kuadrant.standalone.translate import surroundings  # noqa: PLC0415

    try:
        files = PolicyTestFiles(surroundings(current(modules), failure_mode))
    except UnknownDialectError as error:
        sys.exit(f"kuadrant: {error}")
    tests, problems = files.read(paths or (Path(),))
    if problems:
        _print(report_problems(problems, output), output, sys.stderr)
        return 2
    results = _results(tests, against, timeout, longest_wait, coverage=coverage)
    _print(report(results, output, colour=has_colours(sys.stdout)), output, sys.stdout)
    return _exit_code(results)


def _print(text: str, output: str, for_people: TextIO) -> None:
    if output == "text":
        print(text, end="", file=for_people)
    else:
        print_document(text, end="")


def _exit_code(results: Results) -> int:
    if results.count("failed"):
        return 1
    if results.count("passed"):
        return 0
    print(f"kuadrant: no test could be asked of {results.against}", file=sys.stderr)
    return 2


def _results(
    tests: Sequence[FileToRun], against: str | None, timeout: int, longest_wait: int, *, coverage: bool
) -> Results:
    """Return what becomes of ``tests``, simulated or ``against`` a real gateway."""
    from kuadrant.policy_tests import Results, simulate_file  # noqa: PLC0415
    from kuadrant.policy_tests import coverage as coverage_of  # noqa: PLC0415

    if against is None:
        found = tuple(simulate_file(one.file, one.gateway) for one in tests)
    else:
        found = _ask_real_gateway(tests, against, timeout, longest_wait)
    inventories = {id(one.policies): one.policies.inventory for one in tests}
    reached = coverage_of(inventories.values(), found) if coverage else None
    return Results(files=found, against=against or "", coverage=reached)


def _ask_real_gateway(
    tests: Sequence[FileToRun], address: str, timeout: int, longest_wait: int
) -> tuple[FileResult, ...]:
    """Return what becomes of ``tests`` at the gateway at ``address``; end with a line if it is away."""
    import httpx2  # noqa: PLC0415

    from kuadrant.gateway_client import Against, GatewayAwayError, ask_gateway  # noqa: PLC0415

    async def wait(left: int) -> None:
        if left >= _TOLD_FROM_MILLISECONDS and sys.stderr.isatty():
            print(f"waiting {spelled_time(left)}", file=sys.stderr)
        await asyncio.sleep(left / 1000)

    asked = [(one.file, one.gateway) for one in tests]
    try:
        gateway = Against(httpx2.URL(address), timeout, longest_wait, time.monotonic, wait)
        return asyncio.run(ask_gateway(asked, gateway))
    except httpx2.InvalidURL as error:
        print(f"kuadrant: {address} is not the address of a gateway: {error}", file=sys.stderr)
    except GatewayAwayError as error:
        print(f"kuadrant: {error}", file=sys.stderr)
    sys.exit(2)
