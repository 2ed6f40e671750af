"""Documents that are read again are the same objects where nothing changed; all else is as if read once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from kuadrant.api import yaml_documents
from kuadrant.api.document_cache import DocumentCache
from kuadrant.api.documents import Folder, read

if TYPE_CHECKING:
    import pytest


def service(name: str, namespace: str = "shop") -> str:
    return f"{{apiVersion: v1, kind: Service, metadata: {{name: {name}, namespace: {namespace}}}}}\n"


TEXTS = (
    service("a"),
    service("b"),
    service("a") + "---\n" + service("b"),
    service("Wrong"),
    service("c", "mall") + "---\n{apiVersion: v1, kind: Namespace, metadata: {name: mall, labels: {a: b}}}\n",
    "{apiVersion: example.com/v1, kind: Other, metadata: {name: a}}\n",
    "not: [yaml",
    "",
)
FOLDERS = st.dictionaries(st.sampled_from(("1.yaml", "2.yaml", "3.yaml")), st.sampled_from(TEXTS), max_size=3)


def told(folder: Folder) -> tuple[object, ...]:
    places = {name: (one.file, one.line, one.text) for name, one in folder.sources.items()}
    return folder.objects, folder.problems, folder.notes, places


@given(st.lists(FOLDERS, max_size=6))
def test_it_is_what_one_reading_gives_whatever_was_there_before(folders: list[dict[str, str]]) -> None:
    again = DocumentCache()
    for one in folders:
        assert told(again.read(one.items())) == told(read(one.items()))


def test_objects_of_a_file_that_did_not_change_stay_the_same_instances() -> None:
    again = DocumentCache()
    before = again.read([("a.yaml", service("a")), ("b.yaml", service("b"))])
    after = again.read([("a.yaml", service("a")), ("b.yaml", service("b") + "---\n" + service("c"))])
    assert [one.metadata.name for one in after.objects.services] == ["a", "b", "c"]
    assert after.objects.services[0] is before.objects.services[0]
    assert after.objects.namespaces[0] is before.objects.namespaces[0]


def test_a_file_that_did_not_change_takes_of_what_may_be_read_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    allowance = yaml_documents.Allowance
    monkeypatch.setattr(yaml_documents, "Allowance", lambda: allowance(100))
    files = [(f"{name}.yaml", service(name)) for name in ("a", "b", "c", "d")]
    again = DocumentCache()
    assert not again.read(files[:2]).problems
    assert again.read(files).problems == read(files).problems != ()
