"""Measure an honest tenant alone, beside a hostile one, and beside one who only sends as much, in one run.

The hostile one has all that he may have.

    .venv/bin/python -m benchmarks.tenants [--seconds S] [--output json]

`kuadrant run` with a real Envoy. The hostile tenant has a namespace's whole budget of limits, conditions and
patterns, edits them without an end, and sends what is worst for them on 20 connections as fast as it is
answered. In the last two parts the same requests go to routes without policies, as many a second, and then on
as many connections without a pause: what that makes slower, the load makes slower, and not the policies.
Ratios are to what the honest tenant met alone; `busy` is the part of the machine's processors that was used,
by anybody. Exit code 1 if a limit was not exact, a request of the honest tenant failed or an edit of his did
not come into force.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from pathlib import Path

from tests.e2e.standalone.conftest import Kuadrant
from tests.e2e.standalone.tenancy import Folder
from tests.two_tenants import measure, shown, wrong


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=60, help="of each part")
    parser.add_argument("--output", choices=("text", "json"), default="text")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Folder(Path(name))
        kuadrant = Kuadrant(folder.path, "--echo")
        try:
            kuadrant.wait_ready()
            folder.port = kuadrant.port
            result = asyncio.run(measure(folder, options.seconds))
        finally:
            kuadrant.close()
    print(json.dumps(result, indent=2) if options.output == "json" else shown(result))
    if found := wrong(result):
        sys.exit("\n".join(found))


if __name__ == "__main__":
    main()
