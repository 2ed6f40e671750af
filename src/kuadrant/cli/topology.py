"""`kuadrant topology`: shows what hangs on what, and where policies attach."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from kuadrant.cli.document_source import Where, reading
from kuadrant.cli.output import complain, painter, print_document
from kuadrant.cli.paths import TextOrPath

if TYPE_CHECKING:
    from kuadrant.topology import Topology

_FOLDER = Where()


def topology(
    path: Annotated[TextOrPath | None, Parameter(allow_leading_hyphen=True)] = None,
    /,
    *,
    where: Where = _FOLDER,
    output: Annotated[Literal["text", "dot", "json", "mermaid"], Parameter(name=["--output", "-o"])] = "text",
) -> int:
    """Show classes, gateways, listeners, routes and rules as a tree, with policies where they attach.

    Of each policy it is told how it fares: in effect, in part, overridden and by which, on no path, or not
    accepted and why; of each rule, the limits that it is under. In a cluster it is told beside that what the
    policy's status says.

    Exit code: 0, 2 when there are mistakes, or the cluster cannot be asked.

    Args:
        path: The folder to read, with all folders below it (*.yaml, *.yml, *.json), a file, or - for
            standard input. There is none with --cluster.
        where: Where the objects are.
        output: text for people, json for programs, dot for Graphviz, mermaid for Markdown.
    """
    from kuadrant.topology import topology as topology_of  # noqa: PLC0415

    if (path is None) != where.cluster:
        complain("give a folder, a file or -, or --cluster alone", output)
        return 2
    with reading(output):
        configuration = where.configuration(str(path or ""), output)
    _show(topology_of(configuration), output)
    return 0


def _show(record: Topology, output: str) -> None:
    from msgspec import to_builtins  # noqa: PLC0415

    from kuadrant.topology import dot, mermaid, text  # noqa: PLC0415

    match output:
        case "text":
            print(text(record, painter(sys.stdout)))
        case "json":
            print_document(json.dumps(to_builtins(record), indent=2, ensure_ascii=False))
        case _:
            print_document((dot if output == "dot" else mermaid)(record))
