"""`kuadrant check`: tells what is wrong or suspicious in documents, without running anything."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from kuadrant import __version__
from kuadrant.cli.output import complain, print_document
from kuadrant.cli.paths import ModulesFolder, TextOrPath
from kuadrant.terminal import has_colours
from kuadrant.wasm.catalogue import current

if TYPE_CHECKING:
    from kuadrant.standalone.check import Checked

Format = Literal["text", "json", "sarif", "github"]


def check(
    *paths: Annotated[TextOrPath, Parameter(allow_leading_hyphen=True)],
    modules: ModulesFolder = None,
    output: Annotated[Format, Parameter(name=["--output", "-o"])] = "text",
    strict: bool = False,
) -> int:
    """Tell what is wrong or suspicious in documents, each with its place and what helps.

    All documents together are taken for the whole world, as by `kuadrant run`. docs/findings.md has a section
    for each code. Mistakes cannot be carried out as they are written; warnings are carried out, but hardly
    what was meant; notes are worth knowing.

    Exit code: 0, 1 when there are mistakes, 2 when something cannot be read, or for wrong usage.

    Args:
        paths: Folders, with all folders below them (*.yaml, *.yml, *.json), files, or - for standard input.
        modules: A folder of fetched modules; policies are checked against what the current one can be told.
        output: text for people, json for programs, sarif (2.1.0) for code scanning, github for the log of a
            workflow.
        strict: Warnings count as mistakes.
    """
    from kuadrant.dialects import UnknownDialectError  # noqa: PLC0415
    from kuadrant.standalone.check import check as check_paths  # noqa: PLC0415
    from kuadrant.standalone.folder_selection import FolderError  # noqa: PLC0415
    from kuadrant.standalone.translate import surroundings  # noqa: PLC0415

    if not paths:
        complain("give kuadrant check a folder, a file, or - for standard input", output)
        return 2
    try:
        checked = check_paths(dict.fromkeys(map(str, paths)), surroundings(current(modules)))
    except (FolderError, UnknownDialectError) as error:
        complain(str(error), output)
        return 2
    if text := _written(checked, output):
        (print if output == "text" else print_document)(text)
    wrong = {"error", "warning"} if strict else {"error"}
    if not checked.is_read:
        return 2
    return 1 if any(one.severity in wrong for one in checked.findings) else 0


def _written(checked: Checked, output: Format) -> str:
    from kuadrant import findings  # noqa: PLC0415

    found = checked.findings
    match output:
        case "json":
            return json.dumps(findings.findings_json(found), indent=2, ensure_ascii=False)
        case "sarif":
            return json.dumps(findings.findings_sarif(found, __version__), indent=2, ensure_ascii=False)
        case "github":
            return findings.findings_github(found)
    read = f"{findings.number(checked.objects, 'object')} in {findings.number(checked.files, 'file')}"
    if not found:
        return f"nothing wrong: {read}"
    text = findings.findings_text(found, colour=has_colours(sys.stdout))
    return f"{text}\n\n{findings.counted(found)}: {read}"
