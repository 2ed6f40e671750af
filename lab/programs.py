"""The programs of the cluster, built from Go modules: no release archive and no image is downloaded.

Each folder of go/ pins one set of modules by its go.mod and go.sum; `tool` lines make the programs buildable
without Go code of our own.
"""

import functools
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from lab import cache, machine
from lab.machine import GO
from lab.progress import say

_COMPILE = ("go", "build", "-trimpath", "-buildvcs=false", "-mod=readonly")
_SPEAK_EVERY = 30.0  # seconds
# What the go tool says when a download broke off; it does not try again by itself.
_BROKEN_OFF = re.compile(
    r"dial tcp|unexpected EOF|[Tt]imeout|connection reset|TLS handshake|50[0234] |429 Too Many"
)
_ATTEMPTS = 4
_PAUSE = 5.0  # seconds, longer each time


class BuildError(Exception):
    """A program could not be built; the message holds the end of what the tool said."""


@dataclass(frozen=True)
class Program:
    """A program: its name, the folder of its module in go/, its package, and variables for the linker."""

    name: str
    module: str
    package: str
    variables: tuple[str, ...] = ()


_ISTIO = "istio.io/istio"
_ENVOY_GATEWAY = "github.com/envoyproxy/gateway"
_KUBERNETES = "k8s.io/kubernetes"
_VERSION_PACKAGES = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")


def versions() -> dict[str, str]:
    """The version of each module that the programs come from, as the go.mod files pin it."""
    return {
        path: _required(module)[path]
        for module, path in (
            ("kubernetes", _KUBERNETES),
            ("kubernetes", "go.etcd.io/etcd/server/v3"),
            ("coredns", "github.com/coredns/coredns"),
            ("istio", _ISTIO),
            ("istio", "sigs.k8s.io/gateway-api"),
            ("envoy-gateway", _ENVOY_GATEWAY),
        )
    }


def _required(module: str) -> dict[str, str]:
    """The versions that a go.mod requires, by module path."""
    lines = (GO / module / "go.mod").read_text().splitlines()
    words = [line.removeprefix("require ").split() for line in lines]
    return {word[0]: word[1] for word in words if len(word) > 1 and word[1].startswith("v")}


def _kubernetes(name: str) -> Program:
    """A program of Kubernetes; without the variables it would report version v0.0.0."""
    version = _required("kubernetes")[_KUBERNETES]
    major, minor, _ = version.removeprefix("v").split(".")
    values = {"gitVersion": version, "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
    variables = tuple(
        f"{package}.{key}={value}" for package in _VERSION_PACKAGES for key, value in values.items()
    )
    return Program(name, "kubernetes", f"{_KUBERNETES}/cmd/{name}", variables)


PROGRAMS = {
    program.name: program
    for program in (
        Program("etcd", "kubernetes", "go.etcd.io/etcd/server/v3"),
        _kubernetes("kube-apiserver"),
        _kubernetes("kube-controller-manager"),
        _kubernetes("kube-scheduler"),
        _kubernetes("kubelet"),
        _kubernetes("kube-proxy"),
        _kubernetes("kubectl"),
        Program("coredns", "coredns", "."),
        Program("pause", "pause", "."),
        Program("helm-template", "helm", "."),
        Program("prometheus-alerts", "prometheus", "."),
        Program("kube-network-policies", "network-policies", "sigs.k8s.io/kube-network-policies/cmd"),
        Program("pilot-discovery", "istio", f"{_ISTIO}/pilot/cmd/pilot-discovery"),
        Program("pilot-agent", "istio", f"{_ISTIO}/pilot/cmd/pilot-agent"),
        Program("envoy-gateway", "envoy-gateway", f"{_ENVOY_GATEWAY}/cmd/envoy-gateway"),
    )
}

OF_THE_NODE = tuple(
    program.name for program in PROGRAMS.values() if program.module in ("kubernetes", "coredns", "pause")
)
"""Those that a lab always needs; the others are of a gateway provider."""


def path_of(name: str) -> Path:
    """The executable of a program, built now if it was not built before.

    Raises:
        BuildError: the compiler refused, or a module could not be downloaded.
    """
    build([name])
    return _place(PROGRAMS[name]) / name


def build(names: Iterable[str] = tuple(PROGRAMS)) -> None:
    """Have these programs.

    Those of one module are compiled together, since they have most of their packages in common.

    Raises:
        BuildError: the compiler refused, or a module could not be downloaded.
    """
    missing: dict[str, list[Program]] = {}
    for program in (PROGRAMS[name] for name in names):
        if not _place(program).is_dir():
            missing.setdefault(program.module, []).append(program)
    for module, programs in missing.items():
        _build(module, programs)


def _build(module: str, programs: Sequence[Program]) -> None:
    say(f"building {', '.join(program.name for program in programs)} (the first time takes minutes)")
    cache.home().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".go-", dir=cache.home()) as folder:
        flags = [f"-ldflags={program.package}={_linker_flags(program)}" for program in programs]
        packages = [program.package for program in programs]
        _go([*_COMPILE, "-v", *flags, "-o", f"{folder}/", *packages], GO / module)
        for program in programs:

            def move(to: Path, program: Program = program) -> None:
                shutil.move(Path(folder) / _built_name(program), to / program.name)

            cache.entry(f"programs/{program.name}", _parts(program), move)


def _linker_flags(program: Program) -> str:
    return " ".join(["-s -w", *(f"-X {variable}" for variable in program.variables)])


def _parts(program: Program) -> list[str | Path]:
    """All that a program is made from."""
    command = " ".join([*_COMPILE, "-ldflags", _linker_flags(program)])
    return [GO / program.module, command, program.package, _toolchain()]


def _place(program: Program) -> Path:
    return cache.place(f"programs/{program.name}", _parts(program))


def _built_name(program: Program) -> str:
    """The name that Go gives a program.

    That of its package's folder, or of the one above if that is a major version.
    """
    path = PurePosixPath(program.module if program.package == "." else program.package)
    is_version = path.name.startswith("v") and path.name[1:].isdigit()
    return path.parent.name if is_version else path.name


def module_folder(module: str, path: str) -> Path:
    """The folder with the files of a module that go/`module` pins, downloaded now if it is not there yet.

    Raises:
        BuildError: the module could not be downloaded.
    """
    _go(["go", "mod", "download", path], GO / module)
    found = json.loads(_go(["go", "list", "-m", "-json", path], GO / module))
    return Path(found["Dir"])


@functools.cache
def _toolchain() -> str:
    """Return what else decides about a program's bytes: the version of Go, and the machine it builds for."""
    return _go(["go", "env", "GOVERSION", "GOOS", "GOARCH"], GO)


def _go(command: Sequence[str], folder: Path) -> str:
    """Run the go tool, politely, and return what it printed; again if a download broke off."""
    for attempt in range(1, _ATTEMPTS):
        try:
            return _go_once(command, folder)
        except BuildError as error:
            if not _BROKEN_OFF.search(str(error)):
                raise
            say(f"a download broke off; once more in {_PAUSE * attempt:.0f} s ({str(error).strip()[-300:]})")
            time.sleep(_PAUSE * attempt)
    return _go_once(command, folder)


def _go_once(command: Sequence[str], folder: Path) -> str:
    """Run the go tool once; says now and then how far it is."""
    go = machine.find_go()
    if go is None:
        raise BuildError("go is not installed: see https://go.dev/dl/")
    environment = {**os.environ, "CGO_ENABLED": "0"}
    last: deque[str] = deque(maxlen=20)
    with (
        tempfile.TemporaryFile("w+") as output,
        subprocess.Popen(
            ["nice", "-n", "19", go, *command[1:]],
            cwd=folder,
            env=environment,
            stdout=output,
            stderr=subprocess.PIPE,
            text=True,
        ) as process,
    ):
        assert process.stderr is not None
        spoke = time.monotonic()
        for count, line in enumerate(process.stderr, 1):  # with -v, a line is a package that is compiled
            last.append(line)
            if time.monotonic() - spoke > _SPEAK_EVERY:
                spoke = time.monotonic()
                say(f"{count} packages are done")
        if process.wait():
            raise BuildError(f"`{' '.join(command)}` in {folder} failed:\n{''.join(last)}")
        output.seek(0)
        return output.read()
