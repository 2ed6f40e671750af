"""The programs of the cluster, built from Go modules: no release archive and no image is downloaded.

Each folder of go/ pins one set of modules by its go.mod and go.sum; `tool` lines make the programs buildable without Go
code of our own.
"""

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from lab import cache
from lab.progress import say

GO = Path(__file__).parent / "go"


class BuildError(Exception):
    """A program could not be built; the message holds the end of what the tool said."""


@dataclass(frozen=True)
class Program:
    """A program: its name, the folder of its module in go/, its package, and variables for the linker to set."""

    name: str
    module: str
    package: str
    variables: tuple[str, ...] = ()


_ISTIO = "istio.io/istio"
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
        Program("pilot-discovery", "istio", f"{_ISTIO}/pilot/cmd/pilot-discovery"),
        Program("pilot-agent", "istio", f"{_ISTIO}/pilot/cmd/pilot-agent"),
    )
}


def path_of(name: str) -> Path:
    """The executable of a program, built now if it was not built before.

    Raises:
        BuildError: the compiler refused, or a module could not be downloaded.
    """
    program = PROGRAMS[name]
    module = GO / program.module
    command = ["go", "build", "-trimpath", "-buildvcs=false", "-mod=readonly"]
    command += ["-ldflags", " ".join(["-s -w", *(f"-X {variable}" for variable in program.variables)])]

    def build(folder: Path) -> None:
        say(f"building {name} (the first time takes minutes)")
        _go([*command, "-o", str(folder / name), program.package], module)

    return (
        cache.entry(f"programs/{name}", [module, " ".join(command), program.package, _toolchain()], build)
        / name
    )


def module_folder(module: str, path: str) -> Path:
    """The folder with the files of a module that go/`module` pins, downloaded now if it is not there yet.

    Raises:
        BuildError: the module could not be downloaded.
    """
    _go(["go", "mod", "download", path], GO / module)
    found = json.loads(_go(["go", "list", "-m", "-json", path], GO / module))
    return Path(found["Dir"])


def _toolchain() -> str:
    """What else decides about the bytes of a program: the version of Go and the machine it builds for."""
    return _go(["go", "env", "GOVERSION", "GOOS", "GOARCH"], GO)


def _go(command: list[str], folder: Path) -> str:
    """Run the go tool, politely, and return what it printed."""
    if not shutil.which("go"):
        raise BuildError("go is not installed: see https://go.dev/dl/")
    environment = {**os.environ, "CGO_ENABLED": "0"}
    done = subprocess.run(
        ["nice", "-n", "19", *command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = "\n".join(done.stderr.splitlines()[-20:])
        raise BuildError(f"`{' '.join(command)}` in {folder} failed:\n{said}")
    return done.stdout
