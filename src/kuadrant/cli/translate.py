"""`kuadrant translate`: prints what would be sent for a folder of YAML."""

from __future__ import annotations

import sys
from typing import Annotated, Literal

from cyclopts import Parameter

from kuadrant.cli.paths import Folder, ModulesFolder
from kuadrant.wasm.catalogue import current


def translate(
    folder: Folder,
    /,
    *,
    modules: ModulesFolder = None,
    output: Annotated[Literal["envoy", "shim", "limits"], Parameter(name=["--output", "-o"])] = "envoy",
) -> int:
    """Print what would be sent for a folder of YAML, as YAML, without running anything.

    Warnings go to stderr. Exit code: 0, 1 when the folder has mistakes, 2 for wrong usage.

    Args:
        folder: The folder to read.
        modules: A folder of fetched modules; the current one of them is configured.
        output: envoy is Envoy's configuration by resource type, shim the configuration of the proxy-wasm
            module for each listener, limits what the rate limit service holds (Limitador reads the same
            file).
    """
    from kuadrant.dialects import UnknownDialectError  # noqa: PLC0415
    from kuadrant.standalone.folder_files import read  # noqa: PLC0415
    from kuadrant.standalone.folder_selection import FolderError, printable  # noqa: PLC0415
    from kuadrant.standalone.plan import Mistakes, plan  # noqa: PLC0415
    from kuadrant.standalone.translate import surroundings, translated  # noqa: PLC0415

    module = current(modules)
    try:
        files = read(folder)
        made_for = surroundings(module)
    except (FolderError, UnknownDialectError) as error:
        sys.exit(f"kuadrant: {error}")
    if not files:
        print(f"warning: {printable(folder)} holds no *.yaml, *.yml or *.json", file=sys.stderr)
    result = plan(files, made_for, {})
    if isinstance(result, Mistakes):
        for problem in result.problems:
            print(problem, file=sys.stderr)
        return 1
    for one in result.findings():
        print(f"{'note' if one.severity == 'note' else 'warning'}: {one}", file=sys.stderr)
    print(translated(result, output, module), end="")
    return 0
