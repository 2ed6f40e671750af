"""What `import kuadrant` brings: docs/python.md, run."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import kuadrant

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "python.md"
TOYS = "http://api.toystore.com/toys"
CREATE = kuadrant.Request(url=TOYS, method="POST")


@pytest.fixture
def toystore() -> kuadrant.Policies:
    return kuadrant.read(ROOT / "examples" / "toystore")


def test_the_page_shows_a_test_that_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    (block,) = re.findall(r"(?:^    .*\n|^\n(?=    |\n))+", PAGE.read_text(), re.MULTILINE)
    names: dict[str, Any] = {}
    exec(re.sub("^    ", "", block, flags=re.MULTILINE), names)  # what a reader copies
    names["test_five_new_toys_in_ten_seconds"]()


def test_the_page_types_and_the_package_have_the_same_names() -> None:
    types = ast.parse((ROOT / "src" / "kuadrant" / "__init__.pyi").read_text())
    imported = {name.asname for one in types.body if isinstance(one, ast.ImportFrom) for name in one.names}
    names = set(kuadrant.__all__) - {"__version__"}
    assert imported == names == {name for name in names if getattr(kuadrant, name)}
    assert set(re.findall(r"^\| `(\w+)", PAGE.read_text(), re.MULTILINE)) <= names
    with pytest.raises(AttributeError, match="no attribute 'loads'"):
        kuadrant.loads  # type: ignore[attr-defined]  # noqa: B018


def test_to_import_it_brings_nothing_else() -> None:
    loaded = "import kuadrant, sys; print(*(name for name in sys.modules if name.startswith('kuadrant.')))"
    assert subprocess.check_output([sys.executable, "-c", loaded], text=True).split() == []


def test_counters_go_on_for_a_client_and_begin_anew_for_the_next(toystore: kuadrant.Policies) -> None:
    client = toystore.client()
    assert [client.send(CREATE).outcome for _ in range(6)] == ["admitted"] * 5 + ["limited"]
    client.advance(9.5)
    assert client.send(CREATE).outcome == "limited"
    client.advance(0.5)
    assert client.send(CREATE).outcome == "admitted"
    assert toystore.client().send(CREATE).limits[0].standings[0].remaining == 4
    with pytest.raises(ValueError, match="does not go back"):
        client.advance(-1)


def test_a_url_alone_is_a_request_to_get_it(toystore: kuadrant.Policies) -> None:
    assert toystore.explain(TOYS, times=20).outcome == "admitted"
    assert toystore.explain("http://elsewhere.example.com/").outcome == "no-route"
    with pytest.raises(kuadrant.RequestError):
        toystore.explain("http://api.toystore.com:7/toys")


def test_limits_in_effect_have_their_rule(toystore: kuadrant.Policies) -> None:
    (one,) = toystore.limits
    assert (one.gateway, one.listener) == ("istio-system/istio-ingressgateway", "http")
    assert (one.route, one.rule, one.limit.name) == ("default/toystore", "rule-2", "create-toy")
    assert one.limit.rates == ((5, 10),)


def test_two_are_compared(toystore: kuadrant.Policies) -> None:
    text = "\n---\n".join(
        path.read_text() for path in sorted((ROOT / "examples" / "toystore").glob("[ghkr]*"))
    )
    text += "\n---\n" + (ROOT / "examples" / "toystore" / "toystore.yaml").read_text()
    assert not toystore.diff(kuadrant.read_documents(text))
    found = toystore.diff(kuadrant.read_documents(text.replace("limit: 5", "limit: 4")))
    assert found
    assert found.requests[0].steps[0].url == TOYS


def test_mistakes_have_places(tmp_path: Path) -> None:
    with pytest.raises(kuadrant.MistakesError) as raised:
        kuadrant.read_documents("kind: [")
    assert raised.value.problems[0].line == 1
    with pytest.raises(kuadrant.FolderError):
        kuadrant.read(tmp_path / "nothing")
    assert kuadrant.check() == ()
    assert [one.code for one in kuadrant.check(ROOT / "examples" / "toystore")] == []


def test_what_is_no_argument_is_told_and_opens_nothing(toystore: kuadrant.Policies) -> None:
    any_mode: Any = "Deny"
    with pytest.raises(ValueError, match="'Deny'; it is one of deny, allow"):
        kuadrant.read(ROOT / "examples" / "toystore", failure_mode=any_mode)
    with pytest.raises(ValueError, match="'Deny'"):
        kuadrant.read_documents("", failure_mode=any_mode)
    no_number: Any = "1d"
    with pytest.raises(TypeError, match="no number"):
        toystore.client().advance(no_number)
    no_policies: Any = "folder"
    with pytest.raises(TypeError, match="read it first"):
        toystore.diff(no_policies)


def test_headers_may_be_a_mapping(toystore: kuadrant.Policies) -> None:
    headers: Any = {"host": "api.toystore.com"}
    request = kuadrant.Request(url="http://127.0.0.1/toys", headers=headers)
    assert toystore.explain(request).outcome == "admitted"
