"""The command line: the table of its commands, and what every one of them says of a failure."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from cyclopts import App, CycloptsError, Parameter

from kuadrant import __version__
from kuadrant.cli.explain import explain
from kuadrant.cli.policy_tests import run_tests
from kuadrant.cli.serve import operator, ratelimit, run
from kuadrant.cli.status import status
from kuadrant.cli.translate import translate
from kuadrant.cli.wasm import collect, fetch_release, inspect, list_modules, verify, who_fetched
from kuadrant.wasm.catalogue import CatalogueError
from kuadrant.wasm.release_download import FetchError

app = App(
    name="kuadrant",
    help="Rate limiting for Gateway API that carries its own data plane.",
    version=__version__,
    default_parameter=Parameter(negative=()),
)
_wasm = App(name="wasm", help="Show and check the proxy-wasm modules that gateways load.")
app.command(_wasm)
app.command(run)
app.command(ratelimit)
app.command(translate)
app.command(explain)
app.command(run_tests, name="test")
app.command(operator)
app.command(status)
_wasm.command(list_modules, name="list")
_wasm.command(inspect)
_wasm.command(verify)
_wasm.command(fetch_release, name="fetch")
_wasm.command(collect, name="gc")
_wasm.command(who_fetched, name="who")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line with ``arguments``, by default the process's own, and exit; 2 is wrong usage."""
    try:
        app(sys.argv[1:] if arguments is None else arguments, exit_on_error=False, print_error=True)
    except CycloptsError:
        sys.exit(2)
    except BrokenPipeError:  # the reader of our output has seen enough
        sys.stderr.close()
        sys.exit(1)
    except (CatalogueError, FetchError) as error:
        sys.exit(f"kuadrant: {error}")
    except OSError as error:  # such as a full disk that our output goes to
        sys.exit(f"kuadrant: {error}")
