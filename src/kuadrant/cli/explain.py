"""`kuadrant explain`: tells what becomes of a request, and why."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from kuadrant.cli.curl_words import CurlWords
from kuadrant.cli.document_source import Where, reading
from kuadrant.cli.live_explanation import Live, ask_live
from kuadrant.cli.output import Output, painter, write
from kuadrant.cli.paths import TextOrPath

_CURL = CurlWords()
_FOLDER = Where()
_OFFLINE = Live()

if TYPE_CHECKING:
    from kuadrant.explanation import Explanation


def explain(
    path: Annotated[TextOrPath, Parameter(allow_leading_hyphen=True)],
    url: str | None = None,
    /,
    *,
    words: CurlWords = _CURL,
    where: Where = _FOLDER,
    live: Live = _OFFLINE,
    show_values: bool = False,
    verbose: Annotated[bool, Parameter(name=["--verbose", "-v"])] = False,
    output: Output = "text",
) -> int:
    """Tell what becomes of a request to the Gateways of a folder of YAML, and why, without running anything.

    The request is written as for curl. It gets what policies of the folder say, with counters that begin at
    nothing. What is not known without a gateway is said, and how to give it.

    Exit code: 0 when it is told, 2 when it cannot be: the folder has mistakes for which kuadrant run would
    not take it (it takes those of routes, see kuadrant check), the request is none, or the cluster or the
    gateway cannot be asked.

    Args:
        path: The folder to read, with all folders below it (*.yaml, *.yml, *.json), a file, or - for
            standard input. There is none with --cluster and --live.
        url: The URL; its port is the Gateway's, or the one at which kuadrant run serves it.
        words: What stands beside the URL.
        where: Where the objects are.
        live: A real gateway that is asked in their place.
        show_values: Show values of headers, which are masked otherwise.
        verbose: Tell every step.
        output: text for people, json for programs.
    """
    if live.live:
        with reading(output):
            return ask_live(live, *words.of(str(path) if url is None else url), output)
    with reading(output):
        asked, when = words.of(_url(str(path), url, cluster=where.cluster))
        configuration = where.configuration(str(path), output)
        explained = configuration.explain(asked, times=words.times, after=when.after, show_values=show_values)
    _show(explained.explanation, output, verbose=verbose)
    return 0


def _url(path: str, url: str | None, *, cluster: bool) -> str:
    from kuadrant.explanation import RequestError  # noqa: PLC0415

    if cluster and url is not None:
        raise RequestError("with --cluster there is no folder; write kuadrant explain --cluster URL")
    if not cluster and url is None:
        raise RequestError("a folder and a URL are needed; write kuadrant explain DIR URL")
    return path if url is None else url


def _show(record: Explanation, output: Literal["text", "json"], *, verbose: bool) -> None:
    from msgspec import to_builtins  # noqa: PLC0415

    from kuadrant.explanation.short_text import short_text  # noqa: PLC0415
    from kuadrant.explanation.verbose_text import verbose_text  # noqa: PLC0415

    paint = painter(sys.stdout)
    text = verbose_text(record, paint) if verbose else short_text(record, paint)
    write(to_builtins(record), text, output)
