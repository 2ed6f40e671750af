"""The lowest layer of the image without a base image: where its packages come from, and which they are."""

from __future__ import annotations

import io
import tarfile
from typing import TYPE_CHECKING

import pytest

from lab import cache, images
from lab.programs import BuildError

if TYPE_CHECKING:
    from pathlib import Path

STATUS = """\
Package: zlib1g
Status: install ok installed
Description: compression library
 Package: this line is part of a description
Version: 1:1.2.13.dfsg-1

Package: base-files
Essential: yes
Status: install ok installed
Version: 12.4+deb12u15
Depends: awk
"""


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[list[str]]:
    """The commands that would be run."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("DEBIAN_SOURCES", raising=False)
    found: list[list[str]] = []
    monkeypatch.setattr(images, "_run", found.append)
    return found


def test_the_packages_are_listed_with_their_versions(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "layer.tar", "w") as files:
        content = STATUS.encode()
        member = tarfile.TarInfo("./var/lib/dpkg/status")
        member.size = len(content)
        files.addfile(member, io.BytesIO(content))
    assert images.packages(tmp_path / "layer.tar") == ["base-files=12.4+deb12u15", "zlib1g=1:1.2.13.dfsg-1"]


def test_they_are_those_of_the_sources_that_are_named(
    commands: list[list[str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    sources = tmp_path / "snapshot.sources"
    places = [images.debian()]
    monkeypatch.setenv("DEBIAN_SOURCES", str(sources))
    for content in ("one day", "another day", "one day"):
        sources.write_text(content)
        places.append(images.debian())
    latest, first, second, again = places
    assert len({latest, first, second}) == 3
    assert again == first, "the same sources are the same layer, which is built once"
    assert [command[-1] == str(sources) for command in commands] == [False, True, True]
    assert latest.is_relative_to(cache.home())


def test_sources_that_are_not_there_are_no_reason_to_take_others(
    commands: list[list[str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DEBIAN_SOURCES", str(tmp_path / "missing.sources"))
    with pytest.raises(BuildError, match=r"missing\.sources: there is no such file"):
        images.debian()
    assert commands == []
