"""One module put into the place of another, under `kuadrant run`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ...modules import Modules  # noqa: TID252 - tests are no package
    from .conftest import Kuadrant


def swap(kuadrant: Kuadrant, modules: Modules, data: bytes) -> None:
    before = len(kuadrant.messages("is live"))
    modules.choose(data)
    kuadrant.wait(lambda: len(kuadrant.messages("is live")) > before, 120)
    assert kuadrant.get(kuadrant.wasm_port, "/kuadrant-wasm-shim").body == data
