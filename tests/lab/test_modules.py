"""Which modules the operator's image carries beside those of its package."""

from pathlib import Path

import pytest

from kuadrant.wasm import current, embedded
from kuadrant.wasm.release_fetch import fetch
from kuadrant.wasm.release_proof import WantedRelease
from lab import modules
from lab.programs import BuildError
from tests.lab.conftest import ROOT


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with the packaged module in its place."""
    place = tmp_path / "src/kuadrant/wasm/modules"
    place.parent.mkdir(parents=True)
    place.symlink_to(ROOT / "src/kuadrant/wasm/modules")
    (tmp_path / "official").write_bytes(embedded()[0].data + b"\0\2\1x")
    return tmp_path


def test_without_a_fetched_module_our_own_is_the_one_that_a_person_finds(checkout: Path) -> None:
    assert modules.fetched(checkout) == {}
    assert modules.fetched(checkout) == {}

    assert (checkout / "kuadrant-wasm-shim").read_bytes() == embedded()[0].data


def test_a_fetched_module_is_carried_and_current(checkout: Path, tmp_path: Path) -> None:
    modules.fetched(checkout)
    fetch(checkout, WantedRelease(version="v0.6.0", file=checkout / "official", trust=True), lambda _: None)

    carried = tmp_path / "image"
    carried.mkdir()
    for name, file in modules.fetched(checkout).items():
        (carried / name).write_bytes(file.read_bytes())

    assert current(carried).version == "v0.6.0"


def test_removed_it_is_still_carried_behind_our_own(checkout: Path) -> None:
    fetch(checkout, WantedRelease(version="v0.6.0", file=checkout / "official", trust=True), lambda _: None)
    (checkout / "kuadrant-wasm-shim").unlink()

    assert len(modules.fetched(checkout)) == 2
    assert current(checkout) == embedded()[0]


def test_a_file_from_somewhere_is_not_carried(checkout: Path) -> None:
    (checkout / "kuadrant-wasm-shim").write_bytes(b"from somewhere")

    with pytest.raises(BuildError, match="does not name; remove it, or `kuadrant wasm fetch`"):
        modules.fetched(checkout)
