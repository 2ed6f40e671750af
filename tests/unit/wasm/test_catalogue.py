"""The modules that the package carries."""

from __future__ import annotations

import pathlib

import pytest

from kuadrant.wasm import ModuleMissing, catalogue, current, embedded


@pytest.fixture
def package(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """An empty folder of modules in the package's place."""
    (tmp_path / "modules").mkdir()
    monkeypatch.setattr("kuadrant.wasm.catalogue.resources.files", lambda _package: tmp_path)
    return tmp_path / "modules"


def test_the_current_module_is_the_one_of_the_package_byte_for_byte() -> None:
    source = pathlib.Path(catalogue.__file__).parent / "modules" / "kuadrant-wasm-shim.wasm"
    assert current().data == source.read_bytes()


def test_the_current_module_comes_before_older_ones(package: pathlib.Path) -> None:
    for name in ("zero.wasm", "kuadrant-wasm-shim.wasm", "kuadrant-wasm-shim-0.1.wasm"):
        (package / name).write_bytes(name.encode())
    assert [module.name for module in embedded()] == ["kuadrant-wasm-shim", "kuadrant-wasm-shim-0.1", "zero"]
    assert current().data == b"kuadrant-wasm-shim.wasm"


def test_files_that_are_no_modules_are_left_alone(package: pathlib.Path) -> None:
    (package / "kuadrant-wasm-shim.wasm").write_bytes(b"")
    (package / "README.md").write_bytes(b"")
    assert len(embedded()) == 1


def test_a_build_without_the_current_module_says_how_to_make_it(package: pathlib.Path) -> None:
    (package / "kuadrant-wasm-shim-0.1.wasm").write_bytes(b"")
    with pytest.raises(
        ModuleMissing, match=r"carries no module kuadrant-wasm-shim\.wasm; `make shim` builds it"
    ):
        current()
