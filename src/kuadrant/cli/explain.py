"""`kuadrant explain`: tells what becomes of a request, and why."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from kuadrant.cli.curl_words import CurlWords
from kuadrant.cli.output import Output, painter, write
from kuadrant.cli.paths import ModulesFolder, is_folder
from kuadrant.policy.failure_mode import DEFAULT_FAILURE_MODE, FailureMode
from kuadrant.wasm.catalogue import current

_CURL = CurlWords()
FailureModeWord = Annotated[FailureMode, Parameter(env_var="RATELIMIT_SERVICE_FAILURE_MODE")]

if TYPE_CHECKING:
    from kuadrant.explanation import Configuration, Explanation


def explain(
    folder: Path,
    url: str,
    /,
    *,
    words: CurlWords = _CURL,
    show_values: bool = False,
    verbose: Annotated[bool, Parameter(name=["--verbose", "-v"])] = False,
    failure_mode: FailureModeWord = DEFAULT_FAILURE_MODE,
    modules: ModulesFolder = None,
    output: Output = "text",
) -> int:
    """Tell what becomes of a request to the Gateways of a folder of YAML, and why, without running anything.

    The request is written as for curl. It gets what policies of the folder say, with counters that begin at
    nothing. What is not known without a gateway is said, and how to give it.

    Exit code: 0 when it is told, 2 when the folder has mistakes or the request is none.

    Args:
        folder: The folder to read, with all folders below it (*.yaml, *.yml, *.json).
        url: The URL; its port is the Gateway's, or the one at which kuadrant run serves it.
        words: What stands beside the URL.
        show_values: Show values of headers, which are masked otherwise.
        verbose: Tell every step.
        failure_mode: What happens to a request for which an expression has no value: deny is 500.
        modules: A folder of fetched modules; the current one of them is what gateways run.
        output: text for people, json for programs.
    """
    from kuadrant.explanation import RequestError  # noqa: PLC0415
    from kuadrant.standalone.folder_walk import FolderError  # noqa: PLC0415
    from kuadrant.standalone.loading import MistakesError  # noqa: PLC0415

    try:
        asked, when = words.of(url)
        configuration = _configuration(folder, modules, failure_mode)
        explained = configuration.explain(asked, times=words.times, after=when.after, show_values=show_values)
    except MistakesError as error:
        return _refused(*map(str, error.problems))
    except (RequestError, FolderError) as error:
        return _refused(f"kuadrant explain: {error}")
    _show(explained.explanation, output, verbose=verbose)
    return 0


def _configuration(folder: Path, modules: Path | None, failure_mode: FailureMode) -> Configuration:
    from kuadrant.dialects import UnknownDialectError  # noqa: PLC0415
    from kuadrant.explanation import RequestError  # noqa: PLC0415
    from kuadrant.standalone.folder_files import read  # noqa: PLC0415
    from kuadrant.standalone.loading import configured  # noqa: PLC0415

    try:
        is_folder(None, folder)
    except ValueError as error:
        raise RequestError(str(error)) from None
    try:
        return configured(read(folder), current(modules), failure_mode)
    except UnknownDialectError as error:
        sys.exit(f"kuadrant: {error}")


def _refused(*lines: str) -> int:
    for line in lines:
        print(line, file=sys.stderr)
    return 2


def _show(record: Explanation, output: Literal["text", "json"], *, verbose: bool) -> None:
    from msgspec import to_builtins  # noqa: PLC0415

    from kuadrant.explanation.short_text import short_text  # noqa: PLC0415
    from kuadrant.explanation.verbose_text import verbose_text  # noqa: PLC0415

    paint = painter(sys.stdout)
    text = verbose_text(record, paint) if verbose else short_text(record, paint)
    write(to_builtins(record), text, output)
