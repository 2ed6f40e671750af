"""What the lab's API server counts of itself."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.conftest import Lab


def samples(lab: Lab, metric: str) -> Iterator[tuple[dict[str, str], int]]:
    """Each sample of a metric: its labels and its value."""
    page = lab.run("kubectl", "get", "--raw", "/metrics")
    for line in re.finditer(rf"^{metric}\{{(.*)\}} (\S+)$", page, re.MULTILINE):
        yield dict(re.findall(r'(\w+)="([^"]*)"', line[1])), int(float(line[2]))
