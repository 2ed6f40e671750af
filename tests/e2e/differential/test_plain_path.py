"""A path that is explained is the one that filters and router of a real Envoy see."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml

from kuadrant.explanation.plain_path import plain_target

from .gateways import GATEWAYS
from .generator import Asked, Case

if TYPE_CHECKING:
    from .conftest import Reality

pytestmark = pytest.mark.e2e

TARGETS = [
    *("/", "/a", "/a/b?q=1", "/a?", "/a?q=%31", "/a?q=1?q=2", "/a//b", "//a", "/a/./b", "/b/../a", "/../a"),
    *("/a/..", "/a/.", "/a/../", "/a/b/../../..", "/a/...", "/..a", "/a/%2e%2E/b", "/a/%2e", "/%61"),
    *("/%7Etilde", "/a;x=1", "/a/;/b", "/it's", "/a%20b", "/a%zz", "/a%", "/%C3%A9", "/a\\b", "/a\\..\\b"),
    *("/a/?q=/../b", "/a%2Fb", "/a%5cb", "/a%5Cb", "/a=b&c", "/a!$()*+,", "/a[b]", "/a|b", "/a{b}", '/a"b'),
    *("/a<b>", "/a^b`"),
]  # fmt: skip


def test_paths_are_made_plain_as_envoy_does(reality: Reality) -> None:
    reality.configure(Case(tuple(one for one in yaml.safe_load_all(GATEWAYS) if one), "deny", ()))
    asked = [(0.0, Asked("g0", 80, "a.x", "GET", target, odd=True)) for target in TARGETS]
    seen = {target: one.target for target, one in zip(TARGETS, reality.ask(asked), strict=True)}
    told = {target: plain_target(target) for target in TARGETS}
    assert {one: (told[one], seen[one]) for one in TARGETS if told[one] != seen[one]} == {}
