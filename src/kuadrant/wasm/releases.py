"""The official wasm-shim's releases: which versions are known, and what GitHub's API says of one; pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: Where releases are looked up: the root of GitHub's REST API.
GITHUB = "https://api.github.com"
REPOSITORY = "Kuadrant/wasm-shim"

# The forms of configuration by version; between two releases of a line nothing that is written for them
# differs.
_DIALECTS = {
    "rate-limit-policies": (
        *("v0.4.0-alpha.1", "v0.4.0-alpha.2", "v0.4.0-alpha.3", "v0.4.0-alpha.4", "v0.4.0"),
    ),
    "rate-limit-policies-v0.5": ("v0.5.0",),
    "policies": ("v0.6.0",),
    "action-sets-v0.7": ("v0.7.0",),
    "action-sets-v0.8": ("v0.8.0", "v0.8.1"),
    "action-sets": ("v0.9.0",),
    "action-sets-conditional-data": (
        *("v0.10.0", "v0.11.0", "v0.11.1", "v0.12.0", "v0.12.1", "v0.12.2", "v0.12.3", "v0.12.4"),
        *("v0.13.0", "v0.14.0", "v0.14.1", "v0.14.2"),
    ),
}
#: The dialects of every known version, oldest first.
KNOWN = {version: (dialect,) for dialect, versions in _DIALECTS.items() for version in versions}

_SHA256 = re.compile(r"(?:sha256:)?([0-9a-f]{64})", re.IGNORECASE)
_CHECKSUM_LISTS = ("sha256sums", "sha256sums.txt", "sha256sum.txt", "checksums.txt")


class ReleaseError(ValueError):
    """A release is not known or does not have what is needed; the text says what there is."""


class Asset(Struct, frozen=True):
    """A file of a release: ``url`` gives it as ``application/octet-stream``, ``digest`` is ``sha256:...``."""

    name: str
    url: str
    digest: str | None = None


class Release(Struct, frozen=True):
    """A release as the API describes it."""

    assets: tuple[Asset, ...]


def dialects(version: str) -> tuple[str, ...]:
    """Return the forms of configuration that a version understands.

    Raises:
        ReleaseError: the version is not known, so nobody could tell how to configure it.
    """
    try:
        return KNOWN[version]
    except KeyError:
        raise ReleaseError(
            f"wasm-shim@{version} is not known here, so it could not be configured; "
            f"known are {', '.join(KNOWN)}"
        ) from None


def release_address(source: str, version: str) -> str:
    """Return where a release is described; ``source`` is the root of an API, or a repository in it."""
    source = source.rstrip("/")
    repository = source if "/repos/" in source else f"{source}/repos/{REPOSITORY}"
    return f"{repository}/releases/tags/{version}"


def read_release(text: bytes) -> Release:
    """Return the release that an API's answer describes.

    Raises:
        ReleaseError: it describes none.
    """
    try:
        return msgspec.json.decode(text, type=Release)
    except msgspec.DecodeError as error:
        raise ReleaseError(f"that is not the description of a release: {error}") from None


def module_asset(release: Release, version: str) -> Asset:
    """Return the asset that holds the module.

    Raises:
        ReleaseError: none of them does, or it cannot be told which.
    """
    names = [
        f"kuadrant-{kind}-{version}{end}" for kind in ("wasm-shim", "ratelimit-wasm") for end in ("", ".wasm")
    ]
    for name in names:
        for asset in release.assets:
            if asset.name == name:
                return asset
    named = [
        asset for asset in release.assets if asset.name.endswith((".wasm", version)) and "wasm" in asset.name
    ]
    if len(named) == 1:
        return named[0]
    has = ", ".join(asset.name for asset in release.assets) or "nothing"
    raise ReleaseError(
        f"wasm-shim@{version} was released without a module: there is no {names[0]}, there is {has}"
    )


def checksum_asset(release: Release, module: Asset) -> Asset | None:
    """Return the asset that tells the module's checksum, if there is one."""
    own = {f"{module.name}{end}".lower() for end in (".sha256", ".sha256sum")}
    for wanted in (own, set(_CHECKSUM_LISTS)):
        for asset in release.assets:
            if asset.name.lower() in wanted:
                return asset
    return None


def read_digest(text: str) -> str | None:
    """Return a SHA-256 in lower case from ``sha256:<hex>`` or the bare digits, None if it is neither."""
    match = _SHA256.fullmatch(text.strip())
    return match[1].lower() if match else None


def read_checksums(text: str, name: str) -> str | None:
    """Return what sha256sum's output, or a bare checksum, says of the file ``name``; None for nothing."""
    lines = [line.split(maxsplit=1) for line in text.splitlines() if line.strip()]
    named = [words[0] for words in lines if len(words) == 2 and _file_name(words[1]) == name]
    alone = [words[0] for words in lines if len(words) == 1] if len(lines) == 1 else []
    return next(_digests(named or alone), None)


def _file_name(words: str) -> str:
    return words.strip().removeprefix("*").rpartition("/")[2]


def _digests(words: Iterable[str]) -> Iterator[str]:
    return (digest for word in words if (digest := read_digest(word)))
