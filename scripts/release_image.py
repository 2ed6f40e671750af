"""The image of a release: for several architectures, built on a machine of any of them.

Nothing that is put into it is run: Debian's packages are unpacked (each verified by Debian's signature), and
of Python's packages the wheels of `requirements/operator.txt`, by their hashes.
"""

from __future__ import annotations

import os
import re
import subprocess
import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from lab import cache, images, oci
from lab.oci import Image
from lab.programs import BuildError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

ARCHITECTURES: Final = ("amd64", "arm64")
NAME: Final = "kuadrant-operator"
_SUITE: Final = "bookworm"
_INCLUDED: Final = "base-files,python3,libstdc++6"
_LAYER: Final = "debian.tar"
_SUMS: Final = "packages.sha256"
# What is unpacked leaves no word of it behind by itself, and scanners of images look for dpkg's.
_HOOK: Final = """
set -eu
cd "$1"/var/cache/apt/archives
for deb in *.deb; do
    dpkg-deb --field "$deb" | sed '1a Status: install ok installed'
    echo
done > "$1"/var/lib/dpkg/status
sha256sum -- *.deb > "$RELEASE_SUMS"
"""
_FORGET: Final = 'rm -rf "$1"/etc/apt "$1"/dev "$1"/var/log "$1"/var/cache; mkdir "$1"/dev'


@dataclass(frozen=True)
class DebianPackage:
    """A package of Debian: what a scanner and a lawyer want to know of it, and which bytes it was."""

    name: str
    version: str
    architecture: str
    sha256: str
    licenses: tuple[str, ...]


def debian(architecture: str) -> Path:
    """The folder with the lowest layer for an architecture, and the checksums of the packages in it.

    The packages are the latest on the day when it is built, or those of the snapshot that $DEBIAN_SOURCES
    names; same packages, same bytes.

    Raises:
        BuildError: they cannot be had.
    """
    sources = [os.environ["DEBIAN_SOURCES"]] if os.environ.get("DEBIAN_SOURCES") else []
    command = [
        "mmdebstrap",
        "--quiet",
        "--skip=output/dev",
        "--variant=extract",
        f"--architectures={architecture}",
    ]
    command += [f"--include={_INCLUDED}", f"--extract-hook={_HOOK}", f"--customize-hook={_FORGET}"]
    command += [
        "--dpkgopt=path-exclude=/usr/share/doc/*",
        "--dpkgopt=path-include=/usr/share/doc/*/copyright",
    ]
    command += [f"--dpkgopt=path-exclude=/usr/share/{folder}/*" for folder in ("man", "locale", "lintian")]

    def build(folder: Path) -> None:
        # A time for all that has none of its own, so that it is no day's.
        environment = {**os.environ, "SOURCE_DATE_EPOCH": "1", "RELEASE_SUMS": str(folder / _SUMS)}
        done = subprocess.run(
            [*command, _SUITE, str(folder / _LAYER), *sources],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise BuildError(f"Debian's packages for {architecture} cannot be had:\n{done.stderr[-2000:]}")

    return cache.entry(f"layers/release-{architecture}", [*command, _SUITE, *sources], build)


def debian_packages(folder: Path) -> tuple[DebianPackage, ...]:
    """Return what is in such a layer, in the order of names."""
    lines = (folder / _SUMS).read_text().splitlines()
    sums = {file: digest for digest, file in (line.split("  ") for line in lines)}
    found = []
    with tarfile.open(folder / _LAYER) as layer:
        status = layer.extractfile("./var/lib/dpkg/status")
        assert status is not None
        for paragraph in status.read().decode().split("\n\n"):
            fields = dict(re.findall(r"^([A-Za-z-]+): (.*)$", paragraph, re.MULTILINE))
            if not fields:
                continue
            name, version, architecture = fields["Package"], fields["Version"], fields["Architecture"]
            file = f"{name}_{version.replace(':', '%3a')}_{architecture}.deb"
            found.append(DebianPackage(name, version, architecture, sums[file], _licenses(layer, name)))
    return tuple(sorted(found, key=lambda one: one.name))


def write(version: str, labels: Mapping[str, str], wheel: Path, to: Path) -> None:
    """Write the image, an OCI layout in one tar, with an index of its architectures.

    Args:
        version: its tag.
        labels: what it says of itself.
        wheel: the folder into which our wheel was unpacked.
        to: the file to write.

    Raises:
        BuildError: something that it is made of cannot be had.
    """
    name = f"docker.io/library/{NAME}:{version}"
    oci.write_archive([_image(name, architecture, labels, wheel) for architecture in ARCHITECTURES], to)


def _image(name: str, architecture: str, labels: Mapping[str, str], wheel: Path) -> Image:
    packages = images.installed(images.ROOT / "requirements/operator.txt", architecture, compiled=False)
    layers: Sequence[Path] = [
        debian(architecture) / _LAYER,
        images.layer(f"dependencies-{architecture}", {"/opt/kuadrant/dependencies": packages}),
        images.layer("package", {"/opt/kuadrant/package": wheel}),
    ]
    environment = {
        **images.SEARCH,
        "PYTHONPATH": "/opt/kuadrant/package:/opt/kuadrant/dependencies",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    return Image(
        name,
        layers,
        ["python3", "-m", "kuadrant"],
        environment,
        user="65532:65532",
        architecture=architecture,
        labels=labels,
    )


def _licenses(layer: tarfile.TarFile, package: str) -> tuple[str, ...]:
    """The licences that a package's copyright file names, where it is of the form that programs read."""
    try:
        file = layer.extractfile(f"./usr/share/doc/{package}/copyright")
    except KeyError:
        return ()
    text = "" if file is None else file.read().decode("utf-8", "replace")
    return tuple(sorted({one.strip() for one in re.findall(r"^License: *(\S.*)$", text, re.MULTILINE)}))
