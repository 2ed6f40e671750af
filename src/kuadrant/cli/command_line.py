"""The command line: the table of its commands, and what every one of them says of a failure.

A command is imported when it is asked for: nobody waits for what all the others need.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Final

from cyclopts import App, CycloptsError, Parameter

from kuadrant import __version__
from kuadrant.wasm.catalogue import CatalogueError
from kuadrant.wasm.fetch_error import FetchError

_NARROWEST: Final = 20
"""So many columns the help needs at least: in none it cannot be laid out, in one or two it takes forever."""

app = App(
    name="kuadrant",
    help="Rate limiting for Gateway API that carries its own data plane.",
    version=__version__,
    default_parameter=Parameter(negative=()),
)
_wasm = App(name="wasm", help="Show and check the proxy-wasm modules that gateways load.")
app.command(_wasm)
_bundle = App(name="bundle", help="Verify and sign the folder of a release.")
app.command(_bundle)
app.command("kuadrant.cli.lasting_commands:run", name="run")
app.command("kuadrant.cli.lasting_commands:ratelimit", name="ratelimit")
app.command("kuadrant.cli.check:check", name="check")
app.command("kuadrant.cli.policy_tests:run_tests", name="test")
app.command("kuadrant.cli.translate:translate", name="translate")
app.command("kuadrant.cli.explain:explain", name="explain")
app.command("kuadrant.cli.explain_key:explain_key", name="explain-key")
app.command("kuadrant.cli.topology:topology", name="topology")
app.command("kuadrant.cli.limits:limits", name="limits")
app.command("kuadrant.cli.tap:tap", name="tap")
app.command("kuadrant.cli.console:console", name="console")
app.command("kuadrant.cli.version:version", name="version")
app.command("kuadrant.cli.completion:completion", name="completion")
app.command("kuadrant.cli.diff:diff", name="diff")
app.command("kuadrant.cli.lasting_commands:operator", name="operator")
app.command("kuadrant.cli.status:status", name="status")
app.command("kuadrant.cli.doctor:doctor", name="doctor")
app.command("kuadrant.cli.uninstall:uninstall", name="uninstall")
_wasm.command("kuadrant.cli.wasm:list_modules", name="list")
_wasm.command("kuadrant.cli.wasm:inspect", name="inspect")
_wasm.command("kuadrant.cli.wasm:verify", name="verify")
_wasm.command("kuadrant.cli.wasm:sign", name="sign")
_wasm.command("kuadrant.cli.wasm:fetch_release", name="fetch")
_wasm.command("kuadrant.cli.wasm:collect", name="gc")
_wasm.command("kuadrant.cli.wasm:who_fetched", name="who")
_bundle.command("kuadrant.cli.bundle:verify", name="verify")
_bundle.command("kuadrant.cli.bundle:sign", name="sign")


def _import_listed(words: Sequence[str]) -> None:
    """Import the commands that ``words`` do not choose among: a list has the first sentence of each."""
    group = app
    for word in words:
        if word.startswith("-") or word not in [*group]:
            break
        group = group[word]
    for name in group:
        group[name]


def _widen() -> None:
    """Lay the help out for a terminal that is not absurdly narrow."""
    columns = os.environ.get("COLUMNS", "")
    try:
        width = int(columns) if columns.isdecimal() else os.get_terminal_size().columns
    except OSError:  # there is no terminal
        return
    if width < _NARROWEST and (columns or width):
        os.environ["COLUMNS"] = str(_NARROWEST)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line with ``arguments``, by default the process's own, and exit; 2 is wrong usage."""
    words = sys.argv[1:] if arguments is None else arguments
    _widen()
    try:
        _import_listed(words)
        app(words, exit_on_error=False, print_error=True)
    except CycloptsError:
        sys.exit(2)
    except BrokenPipeError:  # the reader of our output has seen enough
        sys.stderr.close()
        sys.exit(1)
    except (CatalogueError, FetchError) as error:
        sys.exit(f"kuadrant: {error}")
    except OSError as error:  # such as a full disk that our output goes to
        sys.exit(f"kuadrant: {error}")
