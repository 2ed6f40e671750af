"""`kuadrant translate`: prints what would be sent for a folder of YAML."""

from __future__ import annotations

import datetime as dt
import json
import sys
from typing import Annotated, Literal

from cyclopts import Parameter

from kuadrant.cli.output import complain, complain_of_mistakes, print_document
from kuadrant.cli.paths import Given, ModulesFolder
from kuadrant.terminal import has_colours
from kuadrant.wasm.catalogue import current


def translate(
    path: Given,
    /,
    *,
    modules: ModulesFolder = None,
    output: Annotated[
        Literal["envoy", "shim", "limits", "json"], Parameter(name=["--output", "-o"])
    ] = "envoy",
) -> int:
    """Print what would be sent for a folder of YAML, without running anything.

    Warnings go to stderr. Exit code: 0, 1 when there are mistakes, 2 for wrong usage.

    Args:
        path: The folder to read, a file, or - for standard input.
        modules: A folder of fetched modules; the current one of them is configured.
        output: envoy is Envoy's configuration by resource type, shim the configuration of the proxy-wasm
            module for each listener, limits what the rate limit service holds (Limitador reads the same
            file), all as YAML; json is the three of them and what was found, for programs.
    """
    from kuadrant.dialects import UnknownDialectError  # noqa: PLC0415
    from kuadrant.findings import findings_text  # noqa: PLC0415
    from kuadrant.standalone.folder_files import read_given  # noqa: PLC0415
    from kuadrant.standalone.folder_selection import FolderError, printable  # noqa: PLC0415
    from kuadrant.standalone.plan import Before, Mistakes, plan  # noqa: PLC0415
    from kuadrant.standalone.translate import everything, surroundings, translated  # noqa: PLC0415

    module = current(modules)
    try:
        files = read_given(str(path))
        made_for = surroundings(module)
    except (FolderError, UnknownDialectError) as error:
        complain(str(error), output)
        return 1
    result = plan(files, made_for, Before(), dt.datetime.now(dt.UTC))
    if isinstance(result, Mistakes):
        complain_of_mistakes(result.problems, output)
        return 1
    if output == "json":
        print_document(json.dumps(everything(result, module), indent=2, ensure_ascii=False))
        return 0
    if not files:
        print(f"warning: {printable(path)} holds no *.yaml, *.yml or *.json", file=sys.stderr)
    if found := result.findings():
        print(findings_text(found, colour=has_colours(sys.stderr)), file=sys.stderr)
    print(translated(result, output, module), end="")
    return 0
