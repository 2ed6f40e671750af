"""The commands of the lab: python -m lab COMMAND."""

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from lab import existing, images, in_box, in_kind, machine, programs
from lab.box import Box, BoxError
from lab.existing import ExistingError
from lab.in_kind import KindError
from lab.kubectl import KubectlError
from lab.programs import BuildError
from lab.progress import say
from lab.providers import CHOICES


def _setup(arguments: argparse.Namespace) -> int:
    match arguments.cluster:
        case "kind":
            in_kind.setup(arguments.lab, arguments.gateway)
        case "existing":
            existing.setup()
        case _:
            in_box.setup(arguments.lab, arguments.gateway)
    return 0


def _deploy(arguments: argparse.Namespace) -> int:
    match arguments.cluster:
        case "kind":
            in_kind.operator(arguments.lab)
        case "existing":
            existing.operator()
        case _:
            in_box.operator(arguments.lab)
    return 0


def _cleanup(arguments: argparse.Namespace) -> int:
    match arguments.cluster:
        case "kind":
            in_kind.cleanup(arguments.lab)
        case "existing":
            existing.cleanup()
        case _:
            in_box.cleanup(arguments.lab)
    return 0


def _run(arguments: argparse.Namespace) -> int:
    words = arguments.words[arguments.words[:1] == ["--"] :]
    if words:
        line = Box(arguments.lab).command(*words)
        os.execvp(line[0], line)  # the command takes this process's place: its input, output and status
    print("usage: lab/run [--lab NAME] COMMAND...", file=sys.stderr)
    return 2


def _check(arguments: argparse.Namespace) -> int:
    here = machine.Machine()
    if arguments.install and (missing := here.missing(tests=arguments.tests)):
        machine.install(missing)
    lack = here.lacking(tests=arguments.tests)
    if lack:
        print(lack, file=sys.stderr)
        return 1
    say(f"this machine has all that the {'tests need' if arguments.tests else 'lab needs'}")
    return 0


def _build(_: argparse.Namespace) -> int:
    in_box.build()
    return 0


def _image(arguments: argparse.Namespace) -> int:
    name, archive = images.operator(arguments.image)
    arguments.archive.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(archive, arguments.archive)
    print(f"{arguments.archive}: {name}, {archive.stat().st_size >> 20} MiB, an OCI archive")
    listed = arguments.archive.with_suffix(".packages")
    listed.write_text("".join(f"{one}\n" for one in images.packages(images.debian())))
    print(f"{listed}: the packages of Debian that are in it")
    return 0


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


def _parser() -> argparse.ArgumentParser:
    """Return what reads the words of a command."""
    parser = argparse.ArgumentParser(prog="lab", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    name = argparse.ArgumentParser(add_help=False)
    name.add_argument(
        "--lab", default=os.environ.get("LAB") or "default", help="the lab's name ($LAB, or `default`)"
    )
    which = argparse.ArgumentParser(add_help=False)
    which.add_argument(
        "--cluster", choices=("lab", "kind", "existing"), default=os.environ.get("CLUSTER") or "lab"
    )
    gateway = argparse.ArgumentParser(add_help=False)
    gateway.add_argument(
        "--gateway",
        choices=tuple(CHOICES),
        default=os.environ.get("GATEWAY") or "istio",
        help="who provides the gateways ($GATEWAY, or istio)",
    )

    command = commands.add_parser(
        "setup", parents=[name, which, gateway], help="have a cluster with gateways and the operator"
    )
    command.set_defaults(call=_setup)
    command = commands.add_parser(
        "deploy", parents=[name, which], help="deploy the operator of this checkout"
    )
    command.set_defaults(call=_deploy)
    command = commands.add_parser("cleanup", parents=[name, which], help="remove it and all that it left")
    command.set_defaults(call=_cleanup)
    command = commands.add_parser("run", parents=[name], help="run a command inside the lab")
    command.add_argument("words", nargs=argparse.REMAINDER, metavar="COMMAND...")
    command.set_defaults(call=_run)
    _add_builders(commands)
    return parser


def _add_builders(commands: Any) -> None:
    """Add the commands that need no lab."""
    command = commands.add_parser(
        "build", help="build all that labs and their tests are made of into the cache"
    )
    command.set_defaults(call=_build)
    command = commands.add_parser("check", help="name what this machine lacks")
    command.add_argument("--tests", action="store_true", help="for the tests, too")
    command.add_argument("--install", action="store_true", help="install the Debian packages that it lacks")
    command.set_defaults(call=_check)
    command = commands.add_parser("image", help="build the operator's image into an archive")
    command.add_argument(
        "--image",
        default=os.environ.get("IMG"),
        help="its name with a tag ($IMG, or one that says what is in it)",
    )
    command.add_argument("archive", type=Path, help="the file to write")
    command.set_defaults(call=_image)
    command = commands.add_parser(
        "binaries", help="build programs if need be and print their paths, one on a line"
    )
    command.add_argument("names", nargs="*", metavar="NAME")
    command.set_defaults(call=_binaries)


def main(words: list[str] | None = None) -> int:
    """Run one command; the exit status is 0 when what it promises is true."""
    arguments = _parser().parse_args(words)
    try:
        status: int = arguments.call(arguments)
    except (BoxError, BuildError, ExistingError, KindError, KubectlError) as error:
        print(error, file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        print(f"`{' '.join(error.cmd)}` failed", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted: the same command again goes on from here", file=sys.stderr)
        return 130
    return status


if __name__ == "__main__":
    sys.exit(main())
