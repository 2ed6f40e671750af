"""Each recipe of examples/recipes at a real Envoy: its own tests, request by request.

Addresses of clients are addresses of this machine, tokens are signed by a key of ours that takes the place of
the recipe's. Windows are hours in place of minutes, so that none ends however slow the machine is. What a
test does after its first wait, and what depends on how long windows are, is left to `kuadrant test`.
"""

from __future__ import annotations

import http.client
import re
import shutil
from itertools import takewhile
from typing import TYPE_CHECKING

import pytest

from kuadrant.policy_tests import PolicyTestFile, read
from kuadrant.policy_tests.schedule import Turn, schedule
from kuadrant.policy_tests.status_run import read_status
from tests import tokens

from .conftest import EXAMPLES, Answer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .conftest import Kuadrant

pytestmark = pytest.mark.e2e

RECIPES = sorted(folder.name for folder in (EXAMPLES / "recipes").iterdir())


def file_of(recipe: str) -> PolicyTestFile:
    path = EXAMPLES / "recipes" / recipe / f"{recipe}.kuadrant-test.yaml"
    file = read(str(path), path.read_text())
    assert isinstance(file, PolicyTestFile), file
    return file


def with_our_key(recipe: str, folder: Path) -> Path:
    """A copy of the recipe with longer windows, whose gateway believes tokens of ours."""
    copy = shutil.copytree(EXAMPLES / "recipes" / recipe, folder / recipe)
    policy = copy / "policy.yaml"
    policy.write_text(re.sub(r"window: \d+[sm]$", "window: 10h", policy.read_text(), flags=re.MULTILINE))
    if (users := copy / "users.yaml").exists():
        users.write_text(users.read_text().replace("https://issuer.example.com", tokens.ISSUER))
        (copy / "users.jwks.json").write_text(tokens.JWKS)
    return copy


def answers(kuadrant: Kuadrant, turn: Turn) -> list[Answer]:
    """What the requests of a turn get, each by a connection of its own from the address that it says."""
    asked = turn.request
    # The last byte of a documentation address, on this machine.
    from_address = f"127.0.7.{(asked.source or '1').partition(':')[0].rpartition('.')[2]}"
    headers = {"Host": asked.host, **asked.headers}
    if asked.jwt:
        headers["Authorization"] = f"Bearer {tokens.token(**asked.jwt)}"
    got = []
    for _ in range(turn.requests):
        connection = http.client.HTTPConnection(
            "127.0.0.1", kuadrant.port, timeout=30, source_address=(from_address, 0)
        )
        connection.request(asked.method, asked.path, headers=headers)
        got.append(Answer(connection.getresponse()))
        connection.close()
    return got


@pytest.mark.parametrize(
    ("recipe", "number"), [(recipe, n) for recipe in RECIPES for n in range(len(file_of(recipe).tests.tests))]
)
def test_a_recipe_does_at_a_real_gateway_what_its_test_says(
    start: Callable[..., Kuadrant], tmp_path: Path, recipe: str, number: int
) -> None:
    case = file_of(recipe).tests.tests[number]
    turns = [*takewhile(lambda turn: turn.moment == 0, schedule(case))]
    kuadrant = start(with_our_key(recipe, tmp_path), "--echo")

    for turn in turns:
        got = answers(kuadrant, turn)
        expect = turn.expect
        if expect is None:
            continue
        assert [one.status for one in got] == read_status(expect.status).of(len(got)), (case.name, turn.step)
        assert expect.headers.keys() <= got[-1].headers.keys(), (case.name, turn.step)
