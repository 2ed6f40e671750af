"""What is shipped is what the .proto files say, and it is nobody else's."""

import subprocess
import sys
from pathlib import Path

import pytest
from google.protobuf import descriptor_pool

from kuadrant.envoy_api import message

ROOT = Path(__file__).parents[3]


def test_the_packaged_descriptors_are_those_of_the_proto_files() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "build_envoy_api.py", "--check"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")


def test_the_messages_are_not_in_the_default_pool() -> None:
    pool = message("envoy.service.ratelimit.v3.RateLimitRequest").DESCRIPTOR.file.pool

    assert pool is not descriptor_pool.Default()


def test_a_name_always_gives_the_same_class() -> None:
    assert message("envoy.config.core.v3.Node") is message("envoy.config.core.v3.Node")


def test_an_unknown_name_is_an_error_that_names_it() -> None:
    with pytest.raises(KeyError, match=r"envoy\.nothing"):
        message("envoy.nothing")
