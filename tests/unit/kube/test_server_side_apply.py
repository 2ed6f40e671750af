"""When something is written, what is sent, and what the answers mean."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from kuadrant.kube.field_ownership import digest
from kuadrant.kube.kind import Deleted, Kind, Listing, Owned, StoredObject
from kuadrant.kube.server_side_apply import (
    Applier,
    Conflict,
    Desired,
    Gone,
    Refused,
    Unchanged,
    Written,
    as_yaml,
)
from kuadrant.kube.store import Table

from .http_server import Request, Response, serve
from .scripted import status

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PLUGINS: Kind[dict[str, Any]] = Kind(
    "extensions.example.com", "v1", "plugins", "Plugin", dict, managers=("gateways",)
)
KEY = ("ns", "a")
SPEC = {"spec": {"url": "http://x"}}


def desired(content: dict[str, Any] = SPEC, **more: Any) -> Desired:
    return Desired(PLUGINS, KEY, "gateways", content, **more)


def entry(version: int, owns: dict[str, Any] | None, uid: str = "u") -> StoredObject[dict[str, Any]]:
    owned = () if owns is None else (Owned("gateways", "", digest(owns)),)
    return StoredObject(KEY, uid, str(version), {}, owned)


def table(*entries: StoredObject[dict[str, Any]], version: int = 10) -> Table[dict[str, Any]]:
    result = Table(PLUGINS)
    result.replace(Listing(str(version), {item.key: item for item in entries}, {}))
    return result


class Api:
    """Answers every request the same way, and keeps the requests."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.code = 200
        self.content: Any = {
            "metadata": {"name": "a", "namespace": "ns", "uid": "u", "resourceVersion": "20"}
        }

    async def handle(self, request: Request, response: Response) -> None:
        self.requests.append(request)
        await response.json(self.code, self.content)

    @asynccontextmanager
    async def applier(self) -> AsyncIterator[Applier]:
        async with serve(self.handle) as address, httpx2.AsyncClient(base_url=address) as client:
            yield Applier(client)


@pytest.fixture
def api() -> Api:
    return Api()


@pytest.fixture
async def applier(api: Api) -> AsyncIterator[Applier]:
    async with api.applier() as applier:
        yield applier


class TestWhatIsSent:
    async def test_an_apply_names_the_object_and_its_manager(self, api: Api, applier: Applier) -> None:
        content = {"metadata": {"labels": {"a": "b"}}, "spec": {"note": "a\u0085b"}}
        assert await applier.apply(desired(content), table()) == Written("u", "20")
        (request,) = api.requests
        assert (request.method, request.path) == (
            "PATCH",
            "/apis/extensions.example.com/v1/namespaces/ns/plugins/a",
        )
        assert request.headers["content-type"] == "application/apply-patch+yaml"
        assert request.parameters == {"fieldManager": "gateways", "fieldValidation": "Strict"}
        assert json.loads(request.body) == {
            "apiVersion": "extensions.example.com/v1",
            "kind": "Plugin",
            "metadata": {"name": "a", "namespace": "ns", "labels": {"a": "b"}},
            "spec": {"note": "a\u0085b"},
        }

    async def test_the_names_of_fields_are_checked_until_an_object_was_taken_with_other_content(
        self, api: Api, applier: Applier
    ) -> None:
        """Checking costs the API server much.

        What it took without, and is not there after all, is checked when it comes again.
        """
        other = {"spec": {"url": "http://y"}}
        for content in (SPEC, SPEC, other, other, SPEC):
            await applier.apply(desired(content), table(entry(30, None), version=30))
        api.code, api.content = 400, status(400, "BadRequest", "no")
        for content in (other, SPEC):
            await applier.apply(desired(content), table(entry(30, None), version=30))
        checked = [one.parameters["fieldValidation"] == "Strict" for one in api.requests]
        assert checked == [True, True, False, True, False, False, True]

    async def test_only_the_metadata_is_asked_for(self, api: Api, applier: Applier) -> None:
        await applier.apply(desired(), table())
        assert api.requests[0].headers["accept"].startswith("application/json;as=PartialObjectMetadata")

    @given(st.text())
    @example("a\x7f\x80\x85\u2028\u2029\ufeff\ufffe\U0001f600")
    def test_what_is_applied_means_the_same_as_json_and_as_yaml(self, text: str) -> None:
        body = as_yaml({"note": text})
        assert json.loads(body) == {"note": text}
        assert yaml.safe_load(body) == {"note": text}

    async def test_fields_are_taken_from_others_only_where_that_is_told(
        self, api: Api, applier: Applier
    ) -> None:
        await applier.apply(desired(force=True), table())
        assert api.requests[0].parameters["force"] == "true"

    async def test_a_status_goes_to_its_subresource(self, api: Api, applier: Applier) -> None:
        await applier.apply(desired({"status": {}}, subresource="status"), table(entry(5, None)))
        assert api.requests[0].path.endswith("/namespaces/ns/plugins/a/status")

    async def test_an_object_of_the_whole_cluster_has_no_namespace(self, api: Api, applier: Applier) -> None:
        classes: Kind[dict[str, Any]] = Kind("", "v1", "nodes", "Node", dict, namespaced=False)
        await applier.apply(Desired(classes, ("", "n"), "gateways", SPEC), Table(classes))
        assert api.requests[0].path == "/api/v1/nodes/n"
        assert json.loads(api.requests[0].body)["metadata"] == {"name": "n"}

    async def test_only_the_object_that_was_observed_is_deleted(self, api: Api, applier: Applier) -> None:
        assert await applier.delete(PLUGINS, entry(5, SPEC)) == Written("u", "5")
        (request,) = api.requests
        assert (request.method, request.path) == (
            "DELETE",
            "/apis/extensions.example.com/v1/namespaces/ns/plugins/a",
        )
        assert json.loads(request.body)["preconditions"] == {"uid": "u", "resourceVersion": "5"}


class TestWhenNothingIsWritten:
    async def test_what_is_owned_as_wanted_is_not_written(self, api: Api, applier: Applier) -> None:
        assert await applier.apply(desired(), table(entry(5, SPEC))) == Unchanged()
        assert api.requests == []

    @pytest.mark.parametrize(
        "owns", [None, {"spec": {"url": "http://other"}}, {"spec": {"url": "http://x", "old": 1}}]
    )
    async def test_what_is_owned_otherwise_is_written(
        self, api: Api, applier: Applier, owns: dict[str, Any] | None
    ) -> None:
        assert await applier.apply(desired(), table(entry(5, owns))) == Written("u", "20")
        assert len(api.requests) == 1

    async def test_the_status_is_not_taken_for_the_object(self, applier: Applier) -> None:
        assert await applier.apply(desired(SPEC, subresource="status"), table(entry(5, SPEC))) == Written(
            "u", "20"
        )

    @pytest.mark.parametrize("observed", [(), (entry(5, None),)])
    async def test_our_own_write_that_was_not_observed_yet_is_not_done_twice(
        self, api: Api, applier: Applier, observed: tuple[StoredObject[dict[str, Any]], ...]
    ) -> None:
        before = table(*observed)
        await applier.apply(desired(), before)
        assert await applier.apply(desired(), before) == Unchanged()
        assert len(api.requests) == 1

    async def test_what_the_server_spells_otherwise_is_not_written_again(self, applier: Applier) -> None:
        await applier.apply(desired(), table(entry(5, None)))
        assert await applier.apply(desired(), table(entry(20, {"spec": "other"}), version=20)) == Unchanged()

    async def test_what_the_table_knows_is_not_remembered_besides(self, applier: Applier) -> None:
        await applier.apply(desired(), table())
        assert len(applier._last) == 1
        assert await applier.apply(desired(), table(entry(20, SPEC), version=20)) == Unchanged()
        assert not applier._last

    async def test_a_change_of_somebody_is_put_back(self, applier: Applier) -> None:
        await applier.apply(desired(), table(entry(5, None)))
        assert await applier.apply(desired(), table(entry(21, {"spec": "other"}), version=21)) == Written(
            "u", "20"
        )

    async def test_something_else_is_written_even_if_nothing_was_observed_yet(self, applier: Applier) -> None:
        before = table()
        await applier.apply(desired(), before)
        assert await applier.apply(desired({"spec": {"url": "http://y"}}), before) == Written("u", "20")

    async def test_what_was_deleted_after_our_write_is_made_again(self, applier: Applier) -> None:
        seen = table()
        await applier.apply(desired(), seen)
        seen.apply(entry(20, SPEC))
        seen.apply(Deleted(KEY, "21"))
        assert await applier.apply(desired(), seen) == Written("u", "20")

    async def test_what_was_deleted_before_it_was_ever_observed_is_made_again(self, applier: Applier) -> None:
        await applier.apply(desired(), table())
        assert await applier.apply(desired(), table(version=21)) == Written("u", "20")

    @pytest.mark.parametrize("left", [(), (entry(5, None),)], ids=["nothing", "what was before"])
    async def test_what_a_restored_server_has_no_more_is_written_again(
        self, applier: Applier, left: tuple[StoredObject[dict[str, Any]], ...]
    ) -> None:
        seen = table(entry(5, None))
        await applier.apply(desired(), seen)
        seen.apply(entry(20, SPEC))
        seen.replace(Listing("8", {item.key: item for item in left}, {}))
        assert not applier.is_in_place(desired(), seen)
        assert applier.is_seen(desired(), seen) == bool(left)
        assert await applier.apply(desired(), seen) == Written("u", "20")

    async def test_another_object_of_the_same_name_is_written(self, applier: Applier) -> None:
        await applier.apply(desired(), table())
        assert await applier.apply(desired(), table(entry(12, None, uid="other"))) == Written("u", "20")

    async def test_what_may_have_been_written_is_not_taken_for_unwritten(
        self, api: Api, applier: Applier
    ) -> None:
        before = table(entry(5, None))
        await applier.apply(desired(), before)
        api.code = 504
        await applier.apply(desired({"spec": {"url": "http://y"}}), before)
        api.code = 200
        assert await applier.apply(desired(), before) == Written("u", "20")

    async def test_what_failed_is_tried_again(self, api: Api, applier: Applier) -> None:
        api.code = 500
        await applier.apply(desired(), table())
        await applier.apply(desired(), table())
        assert len(api.requests) == 2


class TestAnswers:
    async def test_a_conflict_names_managers_and_fields(self, api: Api, applier: Applier) -> None:
        causes = [
            {
                "reason": "FieldManagerConflict",
                "message": 'conflict with "kubectl-edit" using v1',
                "field": ".spec.url",
            },
            {"reason": "FieldManagerConflict", "message": 'conflict with "helm"', "field": ".spec.phase"},
        ]
        api.code = 409
        api.content = status(409, "Conflict", "Apply failed with 2 conflicts", details={"causes": causes})
        assert await applier.apply(desired(), table()) == Conflict(
            (("kubectl-edit", ".spec.url"), ("helm", ".spec.phase")), "Apply failed with 2 conflicts"
        )

    async def test_a_failed_precondition_is_refused_and_not_lasting(self, api: Api, applier: Applier) -> None:
        api.code, api.content = (
            409,
            status(409, "Conflict", "the ResourceVersion in the precondition does not match"),
        )
        outcome = await applier.delete(PLUGINS, entry(5, SPEC))
        assert outcome == Refused(409, "the ResourceVersion in the precondition does not match")
        assert not outcome.lasting

    async def test_what_is_invalid_is_refused_for_good(self, api: Api, applier: Applier) -> None:
        api.code, api.content = 422, status(422, "Invalid", "spec.url: Required value")
        outcome = await applier.apply(desired(), table())
        assert outcome == Refused(422, "spec.url: Required value")
        assert outcome.lasting

    async def test_what_is_not_there_is_gone(self, api: Api, applier: Applier) -> None:
        api.code, api.content = 404, status(404, "NotFound", 'plugins "a" not found')
        assert await applier.delete(PLUGINS, entry(5, SPEC)) == Gone()

    async def test_a_kind_that_is_not_served_is_not_an_object_that_is_gone(
        self, api: Api, applier: Applier
    ) -> None:
        api.code, api.content = 404, b"404 page not found"
        assert await applier.apply(desired(), table()) == Refused(404, "404 page not found")

    @pytest.mark.parametrize("content", [b"", b"<html>", b"[]"])
    async def test_success_without_an_object_is_no_success(
        self, api: Api, applier: Applier, content: bytes
    ) -> None:
        api.content = content
        assert isinstance(await applier.apply(desired(), table()), Refused)

    async def test_a_server_that_is_away_is_a_value_too(self) -> None:
        async with httpx2.AsyncClient(base_url="http://127.0.0.1:9") as client:
            applier = Applier(client)
            for outcome in (
                await applier.apply(desired(), table()),
                await applier.delete(PLUGINS, entry(5, SPEC)),
            ):
                assert isinstance(outcome, Refused)
                assert outcome.code == 0
                assert not outcome.lasting
