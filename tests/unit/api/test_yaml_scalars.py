"""Scalars as kubectl takes them."""

from __future__ import annotations

import pytest
import yaml

from kuadrant.api.document_nodes import plain
from kuadrant.api.yaml_documents import documents
from kuadrant.api.yaml_scalars import FlawError, scalar


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("yes", True),
        ("on", True),
        ("y", True),
        ("No", False),
        ("OFF", False),
        ("tRUE", "tRUE"),
        ("~", None),
        ("", None),
        ("Null", None),
        ("010", 8),
        ("0o17", 15),
        ("0x1F", 31),
        ("-0b11", -3),
        ("1_000", 1000),
        ("09", 9.0),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("18446744073709551615", 2**64 - 1),
        ("18446744073709551616", float(2**64)),
        (".5_", ".5_"),
        ("1e400", "1e400"),
        ("1:30", "1:30"),
        ("2024-06-12", "2024-06-12"),
        ("2024-06-12T08:54:18Z", "2024-06-12T08:54:18Z"),
        ("10s", "10s"),
        ("-", [None]),
        ("'5'", "5"),
        ('"yes"', "yes"),
        ("!!str 5", "5"),
        ("!!int '5'", 5),
        ("! 5", "5"),
        ("!own 5", "5"),
        ("|-\n  yes", "yes"),
    ],
)
def test_scalars_mean_what_kubectl_takes_them_for(written: str, meant: object) -> None:
    [(node, _)] = documents(f"a:\n  {written}\n")
    assert node is not None
    found = plain(node)
    assert isinstance(found, dict)
    assert found == {"a": meant}
    assert type(found["a"]) is type(meant)


@pytest.mark.parametrize(
    ("tag", "text", "message"),
    [
        (None, ".inf", "is .inf, a number that JSON does not have; put text in quotes"),
        ("tag:yaml.org,2002:binary", "aGk=", "is tagged !!binary; write the text itself"),
        ("tag:yaml.org,2002:int", "five", 'is tagged !!int, which "five" is not'),
    ],
)
def test_a_scalar_without_a_meaning_in_json_is_a_flaw(tag: str | None, text: str, message: str) -> None:
    event = yaml.ScalarEvent(None, tag, (True, False), text)
    with pytest.raises(FlawError) as caught:
        scalar(event, 3, 7)
    assert (caught.value.flaw.line, caught.value.flaw.column, caught.value.flaw.message) == (3, 7, message)
