"""What Envoy is started with."""

from __future__ import annotations

import json
import subprocess

import pytest

from kuadrant.gateways.envoy import Address, bootstrap
from tests.envoy_under_test import envoy_path


@pytest.mark.e2e
def test_envoy_takes_the_bootstrap() -> None:
    text = json.dumps(bootstrap("node", admin=Address("127.0.0.1", 9901), xds=Address("::1", 18000)))
    command = [envoy_path(), "--mode", "validate", "--config-yaml", text]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr


def test_everything_that_is_named_is_on_this_machine() -> None:
    text = bootstrap("node", admin=Address("127.0.0.1", 9901), xds=Address("127.0.0.1", 18000))
    (cluster,) = text["static_resources"]["clusters"]
    assert cluster["type"] == "STATIC"
    assert json.dumps(text).count('"address": "127.0.0.1"') == json.dumps(text).count('"port_value"') == 2
    assert "stats_sinks" not in text
