"""The operator has descriptors for its gateways, whatever its shell or runtime gave it."""

from __future__ import annotations

import resource
from typing import TYPE_CHECKING

import pytest

from kuadrant.operator.file_descriptors import have_enough

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def hard() -> Iterator[int]:
    """What may be had at most; this process has 256."""
    former = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, former[1]))
    yield former[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, former)


def test_it_takes_what_it_may_have(hard: int) -> None:
    expected = 65_536 if hard == resource.RLIM_INFINITY else min(65_536, hard)
    assert have_enough() == expected
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (expected, hard)


@pytest.mark.usefixtures("hard")
def test_what_it_has_is_not_taken_from_it() -> None:
    enough = have_enough()
    assert have_enough() == enough
