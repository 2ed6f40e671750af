"""What `make release` refuses before it builds anything, and what it would not deliver."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kuadrant import __version__
from lab.programs import BuildError
from scripts import release
from scripts.release import ReleaseError, complain_of_places, key_of, source
from tests.signed_releases import ED25519, private_pem, public_pem, signer

if TYPE_CHECKING:
    from pathlib import Path


def _git(*, status: str = "") -> object:
    return lambda *words: status if words[0] == "status" else "c0ffee 1700000000\n"


def test_it_is_made_of_the_commit_that_is_checked_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(release, "_git", _git())
    found = source(__version__)
    assert (found.version, found.commit, found.timestamp) == (__version__, "c0ffee", "2023-11-14T22:13:20Z")


def test_another_version_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(release, "_git", _git())
    with pytest.raises(ReleaseError, match=f"VERSION=99.0.0, but the checkout has {__version__}"):
        source("99.0.0")


def test_what_is_not_committed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(release, "_git", _git(status=" M src/kuadrant/log.py\n"))
    with pytest.raises(ReleaseError, match=r"src/kuadrant/log\.py is not committed as it is"):
        source(__version__)


def test_a_key_is_given_by_its_path_and_never_lies_in_the_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "key.pem"
    file.write_bytes(private_pem(ED25519))
    assert key_of("") is None
    assert key_of(str(file)) == signer()
    file.write_bytes(public_pem(ED25519))
    with pytest.raises(ReleaseError, match=r"key\.pem is a public key, which cannot sign"):
        key_of(str(file))
    with pytest.raises(ReleaseError, match="cannot be read: No such file"):
        key_of(str(tmp_path / "nowhere"))
    monkeypatch.setattr(release, "ROOT", tmp_path)
    with pytest.raises(ReleaseError, match="is in the checkout, where no key belongs"):
        key_of(str(file))


def test_what_names_a_folder_of_the_machine_is_not_delivered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(release, "ROOT", tmp_path / "checkout")
    (tmp_path / "release").mkdir()
    (tmp_path / "release" / "good").write_text("/opt/kuadrant/package")
    complain_of_places(tmp_path / "release")
    (tmp_path / "release" / "bad").write_bytes(b"\0" + str(tmp_path / "checkout/src").encode())
    with pytest.raises(BuildError, match=r"bad names .*checkout, a folder of this machine"):
        complain_of_places(tmp_path / "release")
