"""Getting an official module into a folder: looked up, downloaded, checked, and only then stored."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from kuadrant.wasm import catalogue, lock, module_folder, releases
from kuadrant.wasm.fetch_error import FetchError
from kuadrant.wasm.release_download import JSON, Downloads
from kuadrant.wasm.release_proof import (
    WantedRelease,
    check_bytes,
    digest_beside,
    expected_digest,
    published_digest,
    require_trustworthy_place,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def fetch(
    folder: Path,
    wanted: WantedRelease,
    say: Callable[[str], None],
    progress: Callable[[int, int | None], None] = lambda _done, _all: None,
) -> lock.LockedModule:
    """Store the module in ``folder``, as the one to be served first, and return its entry.

    ``say`` is told what is done, a line each time; ``progress`` how many bytes of how many are there.

    Raises:
        FetchError: it cannot be had, or its bytes are not what they should be.
    """
    try:
        dialects = releases.dialects(wanted.version)
        present = module_folder.chosen(folder)
        if present is not None and _is_wanted(present, wanted):
            there = folder / catalogue.CHOSEN
            say(f"wasm-shim@{wanted.version} is there already; remove {there} to fetch it again")
            return present
        with module_folder.temporary(folder) as target:
            source, digest = _get(wanted, target, say, progress)
            check_bytes(target, wanted, digest, source)
            size = target.stat().st_size
            entry = lock.LockedModule(
                name=catalogue.CHOSEN,
                version=wanted.version,
                file=module_folder.file_name(wanted.version, digest),
                sha256=digest,
                size=size,
                dialects=dialects,
                source=source,
            )
            module_folder.keep(folder, entry, target)
    except (releases.ReleaseError, catalogue.CatalogueError) as error:
        raise FetchError(str(error)) from None
    except OSError as error:
        raise FetchError(f"{error.filename or folder}: {error.strerror or error}") from None
    return entry


def _is_wanted(present: lock.LockedModule, wanted: WantedRelease) -> bool:
    return (
        wanted.file is None
        and wanted.url is None
        and present.version == wanted.version
        and wanted.sha256 in (None, present.sha256)
    )


def _get(
    wanted: WantedRelease,
    target: Path,
    say: Callable[[str], None],
    progress: Callable[[int, int | None], None],
) -> tuple[str, str]:
    """Fill ``target``; return where from, and the SHA-256 that its bytes should have.

    That is its own where no other is known and it is to be trusted.
    """
    name = f"wasm-shim@{wanted.version}"
    if wanted.file is not None:
        expected = expected_digest(
            wanted, digest_beside(wanted.file), f"{wanted.file} has no checksum beside it"
        )
        say(f"Taking {name} from {wanted.file}")
        data = wanted.file.read_bytes()
        target.write_bytes(data)
        return wanted.file.name, expected or hashlib.sha256(data).hexdigest()
    require_trustworthy_place(wanted)
    with Downloads(wanted.source, wanted.token, wanted.patience, wanted.longest) as downloads:
        if wanted.url is not None:
            expected = expected_digest(wanted, None, "nothing tells which bytes that address should give")
            asset = releases.Asset("", wanted.url)
        else:
            release = releases.read_release(
                downloads.text(releases.release_address(wanted.source, wanted.version), JSON)
            )
            asset = releases.module_asset(release, wanted.version)
            published = None if wanted.sha256 else published_digest(downloads, release, asset)
            expected = expected_digest(
                wanted, published, f"the release {wanted.version} publishes no checksum"
            )
        say(f"Downloading {name} from {asset.url}")
        digest = downloads.file(asset.url, target, progress)
        return asset.url, expected or digest
