"""Tells what a machine must have for a lab and for the tests, and how to get what it lacks."""

import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

GO = Path(__file__).parent / "go"

# program: the Debian package that brings it
_PACKAGES = {
    "containerd": "containerd",
    "runc": "runc",
    "nft": "nftables",
    "ip": "iproute2",
    "conntrack": "conntrack",
    "nsenter": "util-linux",
    "openssl": "openssl",
    "mmdebstrap": "mmdebstrap",
    "curl": "curl",
}
_TEST_PACKAGES = {
    "chromium": "chromium",
    "redis-server": "redis-server",
    "skopeo": "skopeo",
    "iptables-nft": "iptables",
    "zsh": "zsh",
    "fish": "fish",
}
_CNI_PACKAGE = "containernetworking-plugins"
_CNI_FOLDERS = (Path("/usr/lib/cni"), Path("/opt/cni/bin"))
_CNI_PROGRAMS = ("ptp", "host-local", "loopback")
_VENV_PACKAGE = "python3-venv"
_GO_FOLDER = Path("/usr/local/go/bin")  # where Go's own instructions put it, which is in no PATH by itself


def find_go() -> str | None:
    """The path of the go tool, if it is there."""
    return shutil.which("go") or shutil.which("go", path=_GO_FOLDER)


def go_version() -> str | None:
    """The version of Go that compiles the lab's programs, such as 1.26.3; None if there is none."""
    go = find_go()
    if go is None:
        return None
    # In the folder of a module, since Go may get itself the version that the module asks for.
    command = [go, "env", "GOVERSION"]
    said = subprocess.run(command, cwd=GO / "pause", capture_output=True, text=True, check=False)
    if said.returncode:
        said = subprocess.run([go, "version"], capture_output=True, text=True, check=False)
    found = re.search(r"\bgo([0-9][0-9.]*)", said.stdout)
    return found[1].rstrip(".") if found else None


@dataclass(frozen=True)
class Machine:
    """Knows what is there: `find` tells where a program is, `go` which version of Go compiles."""

    find: Callable[[str], str | None] = shutil.which
    go: Callable[[], str | None] = go_version
    system: str = sys.platform
    user: int = os.geteuid()
    cni_folders: tuple[Path, ...] = _CNI_FOLDERS
    has_venv: bool = importlib.util.find_spec("ensurepip") is not None

    def missing(self, *, tests: bool = False) -> dict[str, str]:
        """Return what Debian's packages bring and is not there: what it is, and the package's name."""
        wanted = {**_PACKAGES, **(_TEST_PACKAGES if tests else {})}
        found = {program: package for program, package in wanted.items() if not self.find(program)}
        if not cni_plugins(self.cni_folders):
            found["CNI plugins"] = _CNI_PACKAGE
        if tests and not self.has_venv:
            found["Python's venv"] = _VENV_PACKAGE
        return found

    def lacking(self, *, tests: bool = False) -> str | None:
        """All that is lacking for a lab, or for the `tests` too; None if nothing is.

        It is one text, with the commands that bring it.
        """
        if self.system != "linux":
            return "The lab needs Linux; `make local-setup CLUSTER=kind` or CLUSTER=existing do without it."
        lines = []
        if missing := self.missing(tests=tests):
            lines.append(f"{', '.join(missing)}: {' '.join(_install(missing))}")
        needed, found = _needed_go(), self.go()
        if found is None or _numbers(found) < _numbers(needed):
            here = "" if found is None else f", this is {found}"
            lines.append(f"go: Go {needed} or later{here}; from https://go.dev/dl/")
        if self.user != 0:
            lines.append("root, for namespaces and mounts: run the command as root (sudo)")
        what = "the tests need" if tests else "the lab needs"
        rest = ["(`make test-unit` runs the tests that need none of it)"] if tests else []
        return "\n  ".join([f"This machine lacks what {what}:", *lines, *rest]) if lines else None


def lacking() -> str | None:
    """All that this machine lacks for a lab, as one text for a person; None if nothing."""
    return Machine().lacking()


def install(missing: dict[str, str]) -> None:
    """Install Debian packages, as root.

    Raises:
        subprocess.CalledProcessError: apt-get refused; it has said why.
    """
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["apt-get", "update"], [*_install(missing), "--yes"]):
        quiet = ["--quiet", "--quiet", "--option=Acquire::Retries=5"]
        subprocess.run([command[0], *quiet, *command[1:]], check=True, env=environment)


def _install(missing: dict[str, str]) -> list[str]:
    return ["apt-get", "install", "--no-install-recommends", *sorted(set(missing.values()))]


def _needed_go() -> str:
    """The version of Go that the go.mod files ask for: major and minor."""
    (version,) = re.findall(r"^go ([0-9]+\.[0-9]+)", (GO / "kubernetes" / "go.mod").read_text(), re.MULTILINE)
    return str(version)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in version.split("."))


def cni_plugins(folders: tuple[Path, ...] = _CNI_FOLDERS) -> Path | None:
    """The folder with the CNI plugins that the box uses, if it is there."""
    return next(
        (folder for folder in folders if all((folder / name).is_file() for name in _CNI_PROGRAMS)), None
    )


def architecture() -> str:
    """The machine's architecture as container images name it.

    Raises:
        KeyError: it is one that the lab was not made for.
    """
    return {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]
