"""The commands of the lab: python -m lab COMMAND."""

import argparse
import sys

from lab import programs
from lab.programs import BuildError


def _binaries(arguments: argparse.Namespace) -> int:
    unknown = [name for name in arguments.names if name not in programs.PROGRAMS]
    if unknown:
        print(
            f"no such program: {', '.join(unknown)}; there are {', '.join(programs.PROGRAMS)}",
            file=sys.stderr,
        )
        return 2
    for name in arguments.names or programs.PROGRAMS:
        print(programs.path_of(name), flush=True)
    return 0


def main(words: list[str] | None = None) -> int:
    """Run one command; the exit status is 0 when what it promises is true."""
    parser = argparse.ArgumentParser(prog="lab", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    command = commands.add_parser(
        "binaries", help="build programs if need be and print their paths, one on a line"
    )
    command.add_argument("names", nargs="*", metavar="NAME")
    command.set_defaults(call=_binaries)

    arguments = parser.parse_args(words)
    try:
        status: int = arguments.call(arguments)
    except BuildError as error:
        print(error, file=sys.stderr)
        return 1
    return status


if __name__ == "__main__":
    sys.exit(main())
