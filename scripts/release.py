"""Make a release: all that is delivered of one version, in one folder (`make release VERSION=x.y.z`).

Nothing is published. The same commit gives the same bytes, in whatever folder and at whatever time it is
built, as long as Debian has the same packages. With a key (KEY=path, outside of the checkout) it is signed;
without one it says that it is not, and `kuadrant bundle sign` signs it later, elsewhere.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import TYPE_CHECKING, Final

import yaml

from kuadrant import __version__
from kuadrant.bundle.folder import seal, sign_folder
from kuadrant.signing.keys import KeyFileError, signing_key
from kuadrant.wasm import lock
from lab import images
from lab.programs import BuildError
from scripts import release_image, release_lists
from scripts.installation import CONFIG, ROOT, built, dumped
from scripts.release_lists import LICENSE, PythonPackage, Source

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kuadrant.signing.keys import SigningKey

MODULES: Final = ROOT / "src/kuadrant/wasm/modules"
_PINS: Final = ("requirements/operator.txt", "requirements/run.txt", "requirements/install.txt")
_DEVELOPED: Final = "kuadrant-operator:latest"


class ReleaseError(Exception):
    """No release can be made; the text says why, and what to do."""


def source(version: str) -> Source:
    """Return what would be released: the commit that is checked out, and nothing else.

    Raises:
        ReleaseError: it has another version, or there is more than what was committed.
    """
    if version != __version__:
        raise ReleaseError(
            f"VERSION={version}, but the checkout has {__version__}; docs/releasing.md tells how to set it"
        )
    if changed := _git("status", "--porcelain").splitlines():
        raise ReleaseError(f"{changed[0][3:]} is not committed as it is; a release is made of a commit")
    commit, time = _git("log", "-1", "--format=%H %ct").split()
    return Source(version, commit, int(time))


def key_of(path: str) -> SigningKey | None:
    """The key to sign with; None without a path.

    Raises:
        ReleaseError: it is in the checkout, or no key that can be used.
    """
    if not path:
        return None
    file = Path(path).resolve()
    if file.is_relative_to(ROOT):
        raise ReleaseError(f"KEY={path} is in the checkout, where no key belongs; move it out")
    try:
        return signing_key(file.read_bytes(), os.environ.get("KUADRANT_KEY_PASSWORD"))
    except OSError as error:
        raise ReleaseError(f"KEY={path} cannot be read: {error.strerror}") from None
    except KeyFileError as error:
        raise ReleaseError(f"KEY={path} {error}") from None


def make(source: Source, folder: Path) -> None:
    """Fill an empty folder with the release, not signed yet.

    Raises:
        BuildError: a part of it cannot be built.
    """
    _python_packages(source, folder / "python")
    _image(source, folder)
    _texts(source, folder)
    (folder / "modules").mkdir()
    for file in (*MODULES.glob("*.wasm"), MODULES / lock.NAME):
        shutil.copyfile(file, folder / "modules" / file.name)
    predicate = _lists(source, folder)
    for file in folder.rglob("*"):
        file.chmod(0o755 if file.is_dir() else 0o644)
    complain_of_places(folder)
    seal(folder, predicate)


def complain_of_places(folder: Path) -> None:
    """See that nothing names a folder of the machine that has built it.

    Raises:
        BuildError: something does.
    """
    places = [str(place).encode() for place in (ROOT, Path(sys.prefix), Path.home(), tempfile.gettempdir())]
    named = [place for place in places if len(place) > len("/root")]
    for file in (file for file in sorted(folder.rglob("*")) if file.is_file()):
        data = file.read_bytes()
        for place in named:
            if place + b"/" in data:
                raise BuildError(
                    f"{file.relative_to(folder)} names {place.decode()}, a folder of this machine"
                )


def chart(files: Mapping[str, bytes], time: int) -> bytes:
    """A chart as Helm packs it: a folder with the chart's name, in the order of names, of one time."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as tar:
        # Helm looks for Chart.yaml first.
        for name, data in sorted(files.items(), key=lambda one: (one[0] != "Chart.yaml", one[0])):
            member = tarfile.TarInfo(f"kuadrant/{name}")
            member.size, member.mtime, member.mode = len(data), time, 0o644
            tar.addfile(member, io.BytesIO(data))
    zipped = io.BytesIO()
    with gzip.GzipFile(filename="", fileobj=zipped, mode="wb", mtime=time) as file:
        file.write(packed.getvalue())
    return zipped.getvalue()


def released_values(text: str, version: str) -> str:
    """The chart's values with the image of a version.

    Raises:
        BuildError: they name no image, or more than one.
    """
    values, found = re.subn(r"^(  tag: )latest$", rf"\g<1>{version}", text, flags=re.MULTILINE)
    if found != 1:
        raise BuildError(f"values.yaml of the chart has {found} tags of an image")
    return values


def _python_packages(source: Source, to: Path) -> None:
    to.mkdir(parents=True)
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--target", "sdist"]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(source.time)}
    _run([*command, "--directory", str(to)], environment)


def _image(source: Source, folder: Path) -> None:
    labels = {
        "org.opencontainers.image.licenses": LICENSE,
        "org.opencontainers.image.revision": source.commit,
        "org.opencontainers.image.title": "kuadrant",
        "org.opencontainers.image.version": source.version,
    }
    (wheel,) = (folder / "python").glob("*.whl")
    (folder / "image").mkdir()
    with tempfile.TemporaryDirectory() as unpacked:
        shutil.unpack_archive(wheel, unpacked, "zip")
        to = folder / "image" / f"{release_image.NAME}-{source.version}.tar"
        release_image.write(source.version, labels, Path(unpacked), to)


def _texts(source: Source, folder: Path) -> None:
    """Write chart, manifests, OLM's bundle, licence and notes; the image in them is that of the release."""

    def released(text: str) -> bytes:
        return text.replace(_DEVELOPED, f"{release_image.NAME}:{source.version}").encode()

    def put(name: str, data: bytes) -> None:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)

    charted = ROOT / "charts/kuadrant"
    files = {str(file.relative_to(charted)): file.read_bytes() for file in _files(charted)}
    files["values.yaml"] = released_values(files["values.yaml"].decode(), source.version).encode()
    put(f"charts/kuadrant-{source.version}.tgz", chart(files, source.time))
    for name, folders in (("crds", "crd"), ("kuadrant", "default")):
        documents = [document for _, document in built(CONFIG / folders)]
        put(f"manifests/{name}.yaml", released("---\n".join(map(dumped, documents))))
    put("manifests/sample.yaml", (CONFIG / "samples/kuadrant.yaml").read_bytes())
    for file in _files(ROOT / "bundle"):
        put(f"olm/{file.relative_to(ROOT / 'bundle')}", released(file.read_text()))
    put("LICENSE", (ROOT / "LICENSE").read_bytes())
    put("NOTES.md", notes((ROOT / "CHANGELOG.md").read_text(), source.version).encode())


def notes(changelog: str, version: str) -> str:
    """The section of a version in the changelog; what is not released yet, where it has none of its own."""
    sections = re.findall(r"^## \[(.+?)\].*\n((?:(?!## ).*\n)*)", changelog, re.MULTILINE)
    found = {name: text.strip() for name, text in sections}
    return f"# {version}\n\n{found.get(version) or found['Unreleased']}\n"


def _lists(source: Source, folder: Path) -> dict[str, object]:
    """Write what the release is made of and what is known of weaknesses; return how it was built."""
    requirements = ROOT / "requirements/operator.txt"
    metadata = {
        re.sub(r"[-_.]+", "-", re.findall(r"^Name: (.+)$", text, re.MULTILINE)[0]).lower(): text
        for file in sorted(
            images.installed(requirements, "amd64", compiled=False).glob("*.dist-info/METADATA")
        )
        for text in (file.read_text(),)
    }
    debian = {
        architecture: release_image.debian_packages(release_image.debian(architecture))
        for architecture in release_image.ARCHITECTURES
    }
    zig = PythonPackage("ziglang", installed_version("ziglang"), (), "MIT")
    python = release_lists.pinned(requirements.read_text(), metadata)
    modules = lock.parse((MODULES / lock.NAME).read_text())
    (folder / "sbom.cdx.json").write_bytes(release_lists.sbom(source, python, debian, modules, zig))
    statements = yaml.safe_load((ROOT / "scripts/vex.yaml").read_text())
    (folder / "vex.openvex.json").write_bytes(release_lists.vex(source, statements))
    pins = {name: hashlib.sha256((ROOT / name).read_bytes()).hexdigest() for name in _PINS}
    tools = {"python": platform.python_version(), "hatchling": installed_version("hatchling")}
    return release_lists.provenance(source, tools, release_lists.materials(pins, debian))


def _files(folder: Path) -> list[Path]:
    return [file for file in sorted(folder.rglob("*")) if file.is_file()]


def _git(*words: str) -> str:
    return subprocess.run(["git", *words], cwd=ROOT, check=True, capture_output=True, text=True).stdout


def _run(command: Sequence[str], environment: Mapping[str, str]) -> None:
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BuildError(f"`{' '.join(command)}` failed:\n{(done.stdout + done.stderr)[-3000:]}")


def main(words: Sequence[str]) -> None:
    version, key = (*words, "")[:2]
    try:
        released, signer = source(version), key_of(key)
        dist = ROOT / "dist"
        dist.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".release-", dir=dist) as temporary:
            folder = Path(temporary) / "release"
            folder.mkdir()
            make(released, folder)
            if signer is not None:
                sign_folder(folder, signer)
            to = dist / f"kuadrant-{released.version}"
            shutil.rmtree(to, ignore_errors=True)
            folder.rename(to)
    except (BuildError, ReleaseError) as error:
        sys.exit(f"make release: {error}")
    place = to.relative_to(ROOT)
    if signer is None:
        print(f"{place}: NOT SIGNED; `kuadrant bundle sign {place} --key KEY` signs it, also elsewhere")
    else:
        print(f"{place}: signed by {signer.trusted.algorithm} key {signer.trusted.key_id}")


if __name__ == "__main__":
    main(sys.argv[1:])
