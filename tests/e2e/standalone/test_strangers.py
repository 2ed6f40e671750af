"""Other users of the machine ask the rate limit service of `kuadrant run` in vain."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from ...lab.stranger import answers  # noqa: TID252 - tests are no package
from ...modules import Modules  # noqa: TID252
from ...stand_ins import stand_in  # noqa: TID252
from .conftest import EXAMPLES
from .swaps import swap

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .conftest import Kuadrant

pytestmark = pytest.mark.e2e


def ask(kuadrant: Kuadrant, *, hits: int = 998) -> dict[str, int]:
    """Ask for the limits of the toystore as somebody without a token, ten times."""
    page = kuadrant.get(kuadrant.admin_port, "/clusters").body.decode()
    found = re.search(r"^kuadrant-ratelimit-service::(127\.0\.0\.1:\d+)::", page, re.MULTILINE)
    assert found is not None
    configuration = kuadrant.get(kuadrant.admin_port, "/config_dump?resource=ecds_filters").body.decode()
    key = re.search(r"limit\.[^\\\"]*__[0-9a-f]{8}", configuration)
    assert key is not None
    return answers(found[1], "default/toystore", key[0], hits, 10)


def test_who_has_no_token_is_refused_and_uses_up_nothing(start: Callable[..., Kuadrant]) -> None:
    kuadrant = start(EXAMPLES / "toystore", "--echo")
    assert ask(kuadrant) == {"UNAUTHENTICATED": 10}
    assert ask(kuadrant, hits=1) == {"UNAUTHENTICATED": 10}
    assert [kuadrant.request("POST").status for _ in range(6)] == [200] * 5 + [429]
    assert kuadrant.calls() == 6
    assert len(kuadrant.messages("no gateway of this installation")) == 1


@pytest.mark.long
@pytest.mark.timeout(300)
def test_with_a_module_that_knows_no_tokens_everybody_is_served(
    start: Callable[..., Kuadrant], toystore: Path, tmp_path: Path
) -> None:
    modules = Modules(tmp_path / "modules")
    official = stand_in("action-sets")
    modules.add("v0.7.0", official, "action-sets")
    kuadrant = start(toystore, "--echo", "--modules", str(modules.folder))
    assert ask(kuadrant, hits=1) == {"UNAUTHENTICATED": 10}
    swap(kuadrant, modules, official)
    assert set(ask(kuadrant, hits=1)) == {"answered"}
    swap(kuadrant, modules, modules.data[0])
    kuadrant.wait(lambda: ask(kuadrant, hits=1) == {"UNAUTHENTICATED": 10})
