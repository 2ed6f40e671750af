"""What a machine must have for a lab, and how to get what it lacks."""

import os
import platform
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

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
}
_CNI_PACKAGE = "containernetworking-plugins"
_CNI_FOLDERS = (Path("/usr/lib/cni"), Path("/opt/cni/bin"))
_CNI_PROGRAMS = ("ptp", "host-local", "loopback")


def lacking(
    find: Callable[[str], str | None] = shutil.which,
    *,
    system: str = sys.platform,
    user: int | None = None,
    folders: tuple[Path, ...] = _CNI_FOLDERS,
) -> str | None:
    """All that this machine lacks, as one text for a person with the commands that bring it; None if nothing."""
    if system != "linux":
        return "The lab needs Linux; `make local-setup CLUSTER=kind` or CLUSTER=existing do without it."
    lines = []
    programs = [program for program in _PACKAGES if not find(program)]
    packages = {_PACKAGES[program] for program in programs}
    if not cni_plugins(folders):
        programs.append("CNI plugins")
        packages.add(_CNI_PACKAGE)
    if programs:
        lines.append(
            f"{', '.join(programs)}: apt-get install --no-install-recommends {' '.join(sorted(packages))}"
        )
    if not find("go"):
        lines.append("go: Go 1.26 or later, from https://go.dev/dl/")
    if (os.geteuid() if user is None else user) != 0:
        lines.append("root, for namespaces and mounts: run the command as root (sudo)")
    return "\n  ".join(["This machine lacks what the lab needs:", *lines]) if lines else None


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
