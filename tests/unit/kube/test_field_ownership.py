"""What a field manager owns, by the records of server-side apply."""

from __future__ import annotations

import json
from typing import Any

from kuadrant.kube.field_ownership import digest, owned_by
from kuadrant.kube.kind import Owned

OBJECT: dict[str, Any] = {
    "apiVersion": "example.com/v1",
    "kind": "Thing",
    "metadata": {
        "name": "a",
        "namespace": "ns",
        "labels": {"ours": "1", "theirs": "2"},
        "uid": "u",
        "resourceVersion": "5",
    },
    "spec": {
        "url": "http://x",
        "replicas": 3,
        "ports": [{"port": 80, "name": "web"}, {"port": 90, "name": "theirs"}],
        "finalizers": ["ours", "theirs"],
        "list": [1, 2, 3],
        "match": {"labels": {"a": "b"}},
    },
    "status": {"conditions": [{"type": "Ready", "status": "True"}, {"type": "Foreign", "status": "False"}]},
}
FIELDS: dict[str, Any] = {
    "f:metadata": {"f:labels": {"f:ours": {}}},
    "f:spec": {
        "f:url": {},
        "f:ports": {'k:{"port":80}': {".": {}, "f:port": {}, "f:name": {}}},
        "f:finalizers": {'v:"ours"': {}},
        "f:list": {},
        "f:match": {"f:labels": {"f:a": {}}},
    },
}
STATUS: dict[str, Any] = {
    "f:status": {"f:conditions": {'k:{"type":"Ready"}': {".": {}, "f:type": {}, "f:status": {}}}}
}
WANTED: dict[str, Any] = {
    "metadata": {"labels": {"ours": "1"}},
    "spec": {
        "url": "http://x",
        "ports": [{"port": 80, "name": "web"}],
        "finalizers": ["ours"],
        "list": [1, 2, 3],
        "match": {"labels": {"a": "b"}},
    },
}


def managed(*entries: dict[str, Any], **changes: Any) -> bytes:
    content = {**OBJECT, **changes}
    return json.dumps(
        {**content, "metadata": {**content["metadata"], "managedFields": list(entries)}}
    ).encode()


def applied(manager: str, fields: dict[str, Any], subresource: str | None = None) -> dict[str, Any]:
    more = {"subresource": subresource} if subresource else {}
    return {"manager": manager, "operation": "Apply", "fieldsV1": fields, "fieldsType": "FieldsV1", **more}


def test_what_is_owned_is_what_was_applied() -> None:
    raw = managed(applied("ours", FIELDS), applied("theirs", {"f:spec": {"f:replicas": {}}}))
    assert owned_by(("ours",), raw) == (Owned("ours", "", digest(WANTED)),)


def test_a_status_is_owned_apart_from_its_object() -> None:
    wanted = {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}
    raw = managed(applied("ours", FIELDS), applied("ours", STATUS, "status"))
    assert owned_by(("ours",), raw) == (
        Owned("ours", "", digest(WANTED)),
        Owned("ours", "status", digest(wanted)),
    )


def test_a_value_that_changed_is_another_digest() -> None:
    raw = managed(applied("ours", FIELDS), spec={**OBJECT["spec"], "url": "http://evil"})
    assert owned_by(("ours",), raw)[0].digest != digest(WANTED)


def test_a_field_that_somebody_took_is_another_digest() -> None:
    fields = {
        **FIELDS,
        "f:spec": {path: below for path, below in FIELDS["f:spec"].items() if path != "f:url"},
    }
    assert owned_by(("ours",), managed(applied("ours", fields)))[0].digest != digest(WANTED)


def test_a_field_that_is_no_longer_wanted_is_another_digest() -> None:
    fields = {**FIELDS, "f:spec": {**FIELDS["f:spec"], "f:replicas": {}}}
    assert owned_by(("ours",), managed(applied("ours", fields)))[0].digest != digest(WANTED)


def test_what_was_updated_and_not_applied_is_not_owned() -> None:
    assert owned_by(("ours",), managed({**applied("ours", FIELDS), "operation": "Update"})) == ()


def test_a_manager_without_anything_owns_nothing() -> None:
    assert owned_by(("nobody",), managed(applied("ours", FIELDS))) == ()
    assert owned_by((), managed(applied("ours", FIELDS))) == ()


def test_identity_and_the_order_of_keys_do_not_count() -> None:
    identified = {"kind": "Thing", "apiVersion": "example.com/v1", **WANTED}
    identified["metadata"] = {"namespace": "ns", "labels": {"ours": "1"}, "name": "a"}
    assert digest(identified) == digest(dict(reversed(WANTED.items())))
    assert digest({"spec": {"a": 1}}) == digest({"spec": {"a": 1}, "metadata": {}})
    assert digest({"spec": {"name": "x"}}) != digest({"spec": {}})


def test_the_version_that_must_hold_when_it_is_applied_is_no_content() -> None:
    assert digest({"metadata": {"resourceVersion": "5"}, "spec": {}}) == digest({"spec": {}})
