"""`kuadrant diff`: tells what gateways do otherwise with one folder in the place of another."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from kuadrant.cli.document_source import Where, reading
from kuadrant.cli.output import Output, painter, write
from kuadrant.cli.paths import TextOrPath

_FOLDERS = Where()

if TYPE_CHECKING:
    from kuadrant.explanation import Configuration


def diff(
    old: Annotated[TextOrPath, Parameter(allow_leading_hyphen=True)],
    new: Annotated[TextOrPath | None, Parameter(allow_leading_hyphen=True)] = None,
    /,
    *,
    where: Where = _FOLDERS,
    output: Output = "text",
) -> int:
    """Tell what gateways do otherwise with NEW in the place of OLD, without running anything.

    First the limits that were added, removed and changed, with their rules, then what is routed otherwise,
    then the smallest requests that tell the two apart, as "request: before -> after". The words of a request
    are those of kuadrant explain. What is the same is not told: a file may be written in another way.

    Exit code: 0 when there is no difference, 1 when there is one, 2 when something has mistakes or cannot be
    read, or the cluster cannot be asked.

    Args:
        old: The folder with all folders below it (*.yaml, *.yml, *.json), or the file, as it was; one of the
            two may be - for standard input.
        new: The folder or file as it is to be. With --cluster there is one folder or file, which is compared
            with what the cluster has.
        where: Where the objects are. With --cluster those of the cluster are the old ones.
        output: text for people, json for programs.
    """
    from msgspec import to_builtins  # noqa: PLC0415

    from kuadrant.difference import differences, text  # noqa: PLC0415

    with reading(output):
        before, after = _both(str(old), None if new is None else str(new), where, output)
    found = differences(before, after)
    if found or output == "json":
        write(to_builtins(found), text(found, painter(sys.stdout)), output)
    return 1 if found else 0


def _both(old: str, new: str | None, where: Where, output: Output) -> tuple[Configuration, Configuration]:
    from kuadrant.explanation import RequestError  # noqa: PLC0415

    if where.cluster:
        if new is not None:
            raise RequestError(
                "with --cluster there is one folder or file; write kuadrant diff DIR --cluster"
            )
        return where.cluster_and_path(old, output)
    if new is None:
        raise RequestError(
            "two folders or files are needed; write kuadrant diff OLD NEW, or kuadrant diff DIR --cluster"
        )
    if old == new == "-":
        raise RequestError("standard input can be one of the two only; give a folder or a file beside -")
    return where.path(old, output), where.path(new, output)
