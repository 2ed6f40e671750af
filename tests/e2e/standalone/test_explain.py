"""What `kuadrant explain` and `kuadrant check` know of requests is what a real Envoy does with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kuadrant.policy.expression_check import checked
from kuadrant.policy.fallible_parts import ALWAYS
from kuadrant.policy.possible_failures import failing

from .conftest import EXAMPLES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .conftest import Kuadrant

pytestmark = pytest.mark.e2e

GATEWAY = ("toystore.yaml", "gateway.yaml", "httproute.yaml")


def folder_with(folder: Path, predicate: str) -> Path:
    """The toystore with a limit of two requests that has this condition."""
    for name in GATEWAY:
        source = EXAMPLES / "toystore" / name
        if source.exists():
            (folder / name).write_text(source.read_text())
    (folder / "policy.yaml").write_text(
        "apiVersion: kuadrant.io/v1\nkind: RateLimitPolicy\nmetadata: {name: p}\nspec:\n"
        "  targetRef: {group: gateway.networking.k8s.io, kind: HTTPRoute, name: toystore}\n"
        f'  limits: {{a: {{rates: [{{limit: 1000, window: 1m}}], when: [{{predicate: "{predicate}"}}]}}}}\n'
    )
    return folder


def test_each_request_has_the_headers_that_nothing_is_warned_of(
    start: Callable[..., Kuadrant], tmp_path: Path
) -> None:
    reads = " + ".join(f"request.headers['{name}']" for name in sorted(ALWAYS))
    predicate = f"size({reads} + request.id) > 0"
    assert failing([checked(predicate)], [], []) == ()
    kuadrant = start(folder_with(tmp_path, predicate), "--echo")
    assert [kuadrant.request(method).status for method in ("GET", "POST")] == [200, 200]
