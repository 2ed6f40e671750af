"""The modules that the package carries."""

from __future__ import annotations

from importlib import resources

from kuadrant.wasm.module import Module

CURRENT = "kuadrant-wasm-shim"


class ModuleMissing(LookupError):  # noqa: N818 - it says what happened
    """The package was built without the module that it is meant to carry."""


def embedded() -> tuple[Module, ...]:
    """Read all modules that the package carries; the one that new configuration is written for comes first.

    Raises:
        ModuleMissing: that one is not there.
        OSError: a module cannot be read.
    """
    modules = [
        Module(name=entry.name.removesuffix(".wasm"), data=entry.read_bytes())
        for entry in sorted(
            resources.files("kuadrant.wasm").joinpath("modules").iterdir(), key=lambda entry: entry.name
        )
        if entry.name.endswith(".wasm")
    ]
    modules.sort(key=lambda module: module.name != CURRENT)
    if not modules or modules[0].name != CURRENT:
        raise ModuleMissing(f"this build carries no module {CURRENT}.wasm; `make shim` builds it")
    return tuple(modules)


def current() -> Module:
    """Read the module that new configuration is written for.

    Raises:
        ModuleMissing: the package does not carry it.
        OSError: it cannot be read.
    """
    return embedded()[0]
