"""One bucket for the routes of several policies, at a real Envoy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .documents import GATEWAY, POLICY, ROUTE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .conftest import Kuadrant

pytestmark = pytest.mark.e2e

SHARED = "  limits: {%s: {rates: [{limit: %d, window: 1h}], bucket: together}}\n"
ALL = "allowedRoutes: {namespaces: {from: All}}"


def test_what_one_route_uses_up_is_used_up_for_the_others_of_its_namespace_alone(
    start: Callable[..., Kuadrant], tmp_path: Path
) -> None:
    documents = GATEWAY.replace("protocol: HTTP}", f"protocol: HTTP, {ALL}}}")
    for name, limit in {"one": 4, "two": 4, "apart": 2}.items():
        documents += ROUTE % (name, name) + POLICY % ("v1", name, "HTTPRoute", name) + SHARED % (name, limit)
    theirs = (
        ROUTE % ("theirs", "theirs") + POLICY % ("v1", "theirs", "HTTPRoute", "theirs") + SHARED % ("x", 4)
    )
    documents += theirs.replace("namespace: default", "namespace: other").replace(
        "{name: gw}", "{name: gw, namespace: default}"
    )
    (tmp_path / "all.yaml").write_text(documents)
    kuadrant = start(tmp_path, "--echo")

    def statuses(*names: str) -> list[int]:
        return [kuadrant.request("GET", "/", f"{name}.example.com").status for name in names]

    assert statuses("one", "two", "two", "one", "one", "two") == [200, 200, 200, 200, 429, 429]
    assert statuses(*["theirs"] * 5) == [200] * 4 + [429]
    assert statuses(*["apart"] * 3) == [200, 200, 429]
    kuadrant.wait(lambda: _found(kuadrant) == 2)


def _found(kuadrant: Kuadrant) -> int:
    """Of how many policies it is said that they count otherwise."""
    told = [*kuadrant.output, *(line["msg"] for line in kuadrant.lines)]
    return sum(line.endswith("warning: bucket-apart") for line in told)
