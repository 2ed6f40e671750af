"""Two tenants in one folder.

What one does with all that he may have costs the other neither a limit nor an answer nor an edit.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.two_tenants import measure, wrong

from .tenancy import Folder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .conftest import Kuadrant

pytestmark = pytest.mark.e2e


def test_a_tenant_keeps_his_limits_and_edits_beside_a_hostile_one(
    start: Callable[..., Kuadrant], tmp_path: Path
) -> None:
    folder = Folder(tmp_path)
    # On a machine that is busy otherwise an answer may take longer than the second that it may take by
    # default.
    folder.port = start(tmp_path, "--echo", "--rate-limit-timeout", "30s").port

    result = asyncio.run(measure(folder, 4))

    assert wrong(result) == []
    beside = result["beside"]
    assert beside["others"]["statuses"]["500"] > 0, "the hostile one was slowed down by himself"
    assert beside["edits of others"] > 10
