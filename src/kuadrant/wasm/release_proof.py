"""Decides which bytes are taken for a module: those of the wanted or published digest that Envoy can load."""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from msgspec import Struct

from kuadrant.wasm import releases
from kuadrant.wasm.fetch_error import FetchError
from kuadrant.wasm.module_contents import inspect
from kuadrant.wasm.release_download import BYTES, is_safe
from kuadrant.wasm.wasm_binary import NotAModule

if TYPE_CHECKING:
    from kuadrant.wasm.release_download import Downloads


class WantedRelease(Struct, frozen=True, kw_only=True):
    """Names a module, and the place to take it from: a release, or a file or an address instead of it.

    Attributes:
        version: The release.
        sha256: What the bytes have to have; None to go by what is published beside them.
        trust: Take the bytes where nothing is published.
        file: The file to take the module from.
        url: The address to take the module from.
        source: The root of the API to look the release up with.
        token: Goes to ``source`` and no other host.
        patience: How many seconds a server may be silent.
        longest: How many seconds everything may take.
    """

    version: str
    sha256: str | None = None
    trust: bool = False
    file: Path | None = None
    url: str | None = None
    source: str = releases.GITHUB
    token: str | None = None
    patience: float = 30.0
    longest: float = 600.0


def require_trustworthy_place(wanted: WantedRelease) -> None:
    """Refuse a place without TLS, unless it is told which bytes are wanted."""
    if wanted.sha256 is None:
        _require_safe(wanted.url or wanted.source)


def _require_safe(url: str) -> None:
    """Refuse a place whose word on a digest anybody could change who can change the bytes."""
    if urlsplit(url).scheme == "http" and not is_safe(url):
        raise FetchError(
            f"{url} is without TLS: whoever could change the bytes on their way could change what is"
            " published of them, too; give --sha256, or an address with https"
        )


def published_digest(downloads: Downloads, release: releases.Release, asset: releases.Asset) -> str | None:
    """Return the digest that the API or a checksum file of the release tells of ``asset``."""
    if asset.digest is not None:
        digest = releases.read_digest(asset.digest)
        if digest is None:
            raise FetchError(
                f"the release tells the digest {asset.digest!r}, which is no SHA-256; give --sha256"
            )
        return digest
    checksums = releases.checksum_asset(release, asset)
    if checksums is None:
        return None
    _require_safe(checksums.url)
    told = releases.read_checksums(
        downloads.text(checksums.url, BYTES).decode("utf-8", "replace"), asset.name
    )
    if told is None:
        raise FetchError(f"{checksums.url} tells no SHA-256 of {asset.name}; give --sha256")
    return told


def digest_beside(file: Path) -> str | None:
    """Return the digest that the checksum file beside ``file`` tells, if there is one."""
    with contextlib.suppress(FileNotFoundError):
        text = file.with_name(f"{file.name}.sha256").read_text(encoding="utf-8", errors="replace")
        return releases.read_checksums(text, file.name)
    return None


def expected_digest(wanted: WantedRelease, published: str | None, lacking: str) -> str | None:
    """Return the digest that the bytes are to have; None if whatever comes is to be trusted.

    Args:
        wanted: what is asked for.
        published: the digest that is published, if one is.
        lacking: what to say where none is known.

    Raises:
        FetchError: none is known.
    """
    expected = wanted.sha256 or published
    if expected is None and not wanted.trust:
        raise FetchError(f"{lacking}; give --sha256, or --trust-first-use to take whatever bytes come")
    return expected


def check_bytes(target: Path, wanted: WantedRelease, digest: str, source: str) -> None:
    """Refuse what is not the wanted module, or none that Envoy could load."""
    data = target.read_bytes()
    found = hashlib.sha256(data).hexdigest()
    try:
        problems = inspect(data).problems
    except NotAModule as error:
        problems = (str(error),)
    if found != digest:
        why = f" ({problems[0]})" if problems else ""
        given = "--sha256" if wanted.sha256 else "the published one"
        raise FetchError(
            f"{source} gives bytes of sha256 {found}, but {given} is {digest}{why}; they are not stored"
        )
    if problems:
        raise FetchError(f"Envoy could not load what {source} gives: {'; '.join(problems)}; it is not stored")
