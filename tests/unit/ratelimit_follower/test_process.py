"""The rate limit service follows one resource and never answers without limits."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING

import grpc  # type: ignore[import-untyped]
import httpx2
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc  # type: ignore[import-untyped]

from kuadrant.api.counter_page import PATH
from kuadrant.operations import UID_HEADER
from kuadrant.ratelimit import unknown_limits
from kuadrant.ratelimit_follower import asked_in_vain
from kuadrant.ratelimit_follower.limitador_status import KNOWN, VALID
from scripts.generate_metrics import sections
from tests.ports import free_port
from tests.scraped import assert_told

from ..kube.scripted import status  # noqa: TID252 - tests are no package
from .conftest import limit, ours, until

if TYPE_CHECKING:
    from .conftest import Api, Start

WRONG = limit(7, 'descriptors[0]["a" == "1"')


async def test_the_limits_of_the_resource_are_what_is_answered_by(api: Api, start: Start) -> None:
    api.put(limit(3))
    replica = await start()
    await replica.until_ready()

    assert await replica.admitted() == 3
    assert await replica.page("/healthz") == (200, "ok")
    assert await replica.metric("kuadrant_ratelimit_generation") == 1
    assert await replica.metric("kuadrant_ratelimit_following") == 1
    async with replica.channel() as channel:
        health = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
    assert health.status == health_pb2.HealthCheckResponse.SERVING


async def test_what_it_tells_prometheus_is_what_the_page_has(api: Api, start: Start) -> None:
    api.put(limit(3))
    replica = await start()
    await replica.until_ready()
    await replica.admitted()
    told = sections()
    metrics = [*told["The rate limit service"], *told["The rate limit service of a cluster"]]
    assert_told((await replica.page("/metrics"))[1] + "\n", metrics)


async def test_a_change_holds_within_100_ms(api: Api, start: Start) -> None:
    api.put(limit(1))
    replica = await start()
    await replica.until_ready()
    seconds = []
    for most in range(2, 7):
        began = time.perf_counter()
        api.put(limit(most))
        await replica.until_taken(most)
        seconds.append(time.perf_counter() - began)
        assert await replica.admitted() == most
    # The best of five: what is slower is the machine.
    assert min(seconds) < 0.1


async def test_a_limit_that_is_wrong_is_left_out_alone_and_named(api: Api, start: Start) -> None:
    api.put(limit(3))
    replica = await start()
    await until(lambda: api.ready.get("status") == "True")
    api.put(limit(9), WRONG, {"namespace": "n", "seconds": 1})
    await until(lambda: api.condition(VALID).get("status") == "False")

    said = api.condition(VALID)
    assert said["reason"] == "LimitsLeftOut"
    assert "limits[2]: Object missing required field `max_value`" in said["message"]
    assert "limit of 'n' (7 in 1 h): condition" in said["message"]
    assert (api.status["observedGeneration"], said["observedGeneration"]) == (2, 2)
    assert api.ready["message"] == "1 limits are held and 2 left out"
    assert await replica.page("/readyz") == (200, "ok")
    assert await replica.admitted() == 9

    api.put(limit(8))
    await until(lambda: api.condition(VALID)["status"] == "True")
    assert await replica.admitted() == 8


async def test_what_is_no_list_of_limits_leaves_the_last_good_ones(api: Api, start: Start) -> None:
    api.put(limit(3))
    replica = await start()
    await until(lambda: api.ready.get("status") == "True")
    assert api.limitador is not None
    api.put()
    api.limitador["spec"]["limits"] = {"a": 1}
    api.cut()
    await until(lambda: api.ready["status"] == "False")

    assert api.ready["reason"] == "InvalidLimits"
    assert api.ready["message"].endswith("the last good ones stay: limits: must be a list")
    assert await replica.page("/readyz") == (200, "ok")


async def test_a_process_that_starts_with_a_wrong_limit_serves_the_others(api: Api, start: Start) -> None:
    api.put(
        limit(3),
        ours(7, "limit.good__00000000"),
        WRONG | {"namespace": "m"},
        ours(9, "limit.bad__0badbad0", broken=True),
    )
    replica = await start()
    await replica.until_ready()
    await until(lambda: api.condition(VALID).get("status") == "False")

    assert await replica.admitted() == 3
    assert await replica.outcomes("n", "limit.good__00000000") == {"OK": 7, "OVER_LIMIT": 13}
    assert await replica.outcomes("n", "limit.bad__0badbad0") == {"FAILED_PRECONDITION": 20}
    # Nobody can tell which question is about that one.
    assert await replica.outcomes("m", "a") == {"FAILED_PRECONDITION": 20}


async def test_a_limit_that_is_asked_for_and_not_held_is_told_for_a_while(
    api: Api, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asked_in_vain, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(asked_in_vain, "HOLD_SECONDS", 0.05)
    monkeypatch.setattr(unknown_limits, "REMEMBERED_SECONDS", 0.5)
    api.put(ours(3, "limit.held__00000000"))
    replica = await start()
    await until(lambda: api.condition(KNOWN).get("status") == "True")

    assert await replica.outcomes("n", "limit.gone__00000000") == {"FAILED_PRECONDITION": 20}
    await until(lambda: api.condition(KNOWN)["status"] == "False")
    said = api.condition(KNOWN)
    assert said["reason"] == "UnknownLimitAsked"
    assert said["message"].endswith("limit.gone__00000000 of n")
    assert api.status["askedInVain"] == [{"namespace": "n", "key": "limit.gone__00000000"}]

    await until(lambda: api.condition(KNOWN)["status"] == "True")
    assert await replica.outcomes("n", "limit.gone__00000000") == {"FAILED_PRECONDITION": 20}
    await until(lambda: api.condition(KNOWN)["status"] == "False")
    api.put(ours(3, "limit.held__00000000"), ours(4, "limit.gone__00000000"))
    await until(lambda: api.condition(KNOWN)["status"] == "True")
    assert await replica.outcomes("n", "limit.gone__00000000") == {"OK": 4, "OVER_LIMIT": 16}


async def test_what_is_held_by_now_is_taken_back_at_once(
    api: Api, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asked_in_vain, "LOOK_SECONDS", 0.01)
    api.put(ours(3, "limit.held__00000000"))
    replica = await start()
    await replica.until_ready()
    await replica.outcomes("n", "limit.late__00000000")
    await until(lambda: api.condition(KNOWN).get("status") == "False")

    api.put(ours(3, "limit.held__00000000"), ours(4, "limit.late__00000000"))
    await until(lambda: api.condition(KNOWN)["status"] == "True")
    assert api.status["askedInVain"] == []


async def test_who_asks_for_ever_other_names_causes_a_write_each_half_minute(
    api: Api, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asked_in_vain, "LOOK_SECONDS", 0.001)
    api.put(ours(3, "limit.held__00000000"))
    replica = await start()
    await until(lambda: api.condition(KNOWN).get("status") == "True")
    writes = len(api.writes)
    for number in range(40):
        await replica.outcomes("n", f"limit.gone__{number:08}")

    await until(lambda: api.condition(KNOWN)["status"] == "False")
    await replica.outcomes("n", "limit.last__00000000")
    assert len(api.writes) == writes + 1
    assert len(replica.process._service.unknown_limits()) == 41


async def test_a_resource_that_cannot_be_read_is_not_taken_for_none(api: Api, start: Start) -> None:
    api.put()
    assert api.limitador is not None
    api.limitador["spec"] = 7
    replica = await start()
    await replica.until_not_ready(
        "the Limitador ns/limitador cannot be read: Expected `object`, got `int` - at `$.spec`"
    )
    api.put(limit(2))
    await replica.until_ready()
    assert await replica.admitted() == 2


async def test_no_limits_are_no_mistake(api: Api, start: Start) -> None:
    api.put()
    replica = await start()
    await replica.until_ready()

    assert await replica.admitted() == 20


async def test_a_deleted_resource_leaves_its_last_limits(api: Api, start: Start) -> None:
    api.put(limit(3))
    replica = await start()
    await replica.until_ready()
    api.delete()
    await until(lambda: replica.process._holder._missing)

    assert await replica.admitted() == 3
    assert await replica.page("/readyz") == (200, "ok")

    api.put(limit(4))
    await until(lambda: api.ready.get("status") == "True")
    assert await replica.admitted() == 4


async def test_without_the_resource_nothing_is_answered(api: Api, start: Start) -> None:
    replica = await start()
    await replica.until_not_ready("there is no Limitador ns/limitador")
    with pytest.raises(grpc.aio.AioRpcError):
        await replica.admitted()

    api.put(limit(2))
    await replica.until_ready()
    assert await replica.admitted() == 2


async def test_a_kind_that_is_not_served_is_waited_for(api: Api, start: Start) -> None:
    api.served = False
    replica = await start()
    await replica.until_not_ready(
        "the API server does not serve limitadors.limitador.kuadrant.io v1alpha1: if it is needed, "
        "install its CRD"
    )
    api.put(limit(2))
    api.served = True
    await replica.until_ready()
    assert await replica.admitted() == 2


async def test_while_the_api_server_is_away_the_last_limits_stay(api: Api, start: Start) -> None:
    api.put(limit(3))
    replica = await start()
    await until(lambda: api.ready.get("status") == "True")
    api.go()
    await until(lambda: replica.process._follower.status.problem is not None)

    assert await replica.admitted() == 3
    assert await replica.page("/readyz") == (200, "ok")
    assert await replica.metric("kuadrant_ratelimit_following") == 0

    api.put(limit(5))
    api.away = False
    await until(lambda: api.status["observedGeneration"] == 2)
    assert await replica.admitted() == 5


async def test_the_headers_that_the_resource_asks_for(api: Api, start: Start) -> None:
    api.put(limit(3), rateLimitHeaders="DRAFT_VERSION_03")
    replica = await start()
    await replica.until_ready()
    assert replica.process._service.headers
    api.put(limit(3), rateLimitHeaders="NONE")
    await replica.until_taken(2)
    assert not replica.process._service.headers


class TestStatus:
    async def test_it_says_where_and_since_which_generation(self, api: Api, start: Start) -> None:
        api.put(limit(3), limit(4, 'descriptors[0]["b"] == "1"'))
        replica = await start()
        await until(lambda: api.ready.get("status") == "True")

        since = api.ready["lastTransitionTime"]
        assert api.status == {
            "observedGeneration": 1,
            "reads": [
                "packedLimits",
                "packedLimits.algorithm",
                "packedLimits.mode",
                "packedLimits.mode.Soft",
                "packedLimits.by_cost",
                "responseHeaders",
                "tracing",
            ],
            "leftOut": [],
            "askedInVain": [],
            "conditions": [
                {
                    "type": "Ready",
                    "status": "True",
                    "reason": "Ready",
                    "message": "2 limits are held",
                    "observedGeneration": 1,
                    "lastTransitionTime": since,
                },
                *api.status["conditions"][1:],
            ],
            "service": {
                "host": "here",
                "ports": {
                    "grpc": replica.settings.port,
                    "http": replica.settings.operations_port,
                },
            },
        }

        api.put(limit(5))
        await until(lambda: api.status["observedGeneration"] == 2)
        assert api.ready["lastTransitionTime"] == since

    async def test_it_is_written_once_for_each_generation(self, api: Api, start: Start) -> None:
        api.put(limit(1))
        replica = await start()
        await until(lambda: api.ready.get("status") == "True")
        for generation in range(2, 6):
            api.put(limit(generation))
            await until(lambda generation=generation: api.status["observedGeneration"] == generation)  # type: ignore[misc]
        requests = len(api.requests)
        # Being cut off and coming back is no reason to write.
        api.cut()
        await until(lambda: len(api.requests) > requests)
        api.put(limit(6))
        await until(lambda: api.status["observedGeneration"] == 6)
        await replica.until_taken(6)
        assert len(api.writes) == 6

    async def test_two_replicas_say_the_same_and_end_saying_it(self, api: Api, start: Start) -> None:
        api.put(limit(1))
        first = await start()
        await until(lambda: api.ready.get("status") == "True")
        second = await start(
            address="127.0.0.2", port=first.settings.port, operations_port=first.settings.operations_port
        )
        await second.until_ready()
        assert len(api.writes) == 1

        for generation in range(2, 6):
            api.put(limit(generation))
            for replica in (first, second):
                await replica.until_taken(generation)
            await until(lambda generation=generation: api.status["observedGeneration"] == generation)  # type: ignore[misc]
            assert await first.admitted() == await second.admitted() == generation
        # Where both wrote at once, one was refused: the object was another one already.
        assert len(api.writes) <= 1 + 2 * 4
        assert [said["observedGeneration"] for said in api.writes] == sorted(
            said["observedGeneration"] for said in api.writes
        )

    async def test_what_somebody_changes_in_it_is_put_back(self, api: Api, start: Start) -> None:
        api.put(limit(1))
        await start()
        await until(lambda: api.ready.get("status") == "True")
        api.say("kubectl-edit", {"service": {"host": "nowhere"}}, {"f:service": {"f:host": {}}})
        await until(lambda: api.status["service"]["host"] == "here")

    async def test_the_status_of_the_limitador_operator_is_left_to_it(self, api: Api, start: Start) -> None:
        api.put(limit(1))
        said = {"conditions": [{"type": "Ready", "status": "False", "reason": "LimitadorNotReady"}]}
        api.say("manager", said, {"f:conditions": {}, "f:observedGeneration": {}})
        replica = await start()
        await replica.until_ready()
        api.put(limit(4))
        await replica.until_taken(2)
        await until(lambda: replica.process._writer._said is not None)

        assert replica.process._writer._said == "the status is written by manager and left to it"
        assert api.writes == []
        assert await replica.admitted() == 4

    async def test_a_refused_write_is_said_and_tried_again(self, api: Api, start: Start) -> None:
        api.refusal = status(403, "Forbidden", "may not")
        api.put(limit(1))
        replica = await start()
        await until(lambda: len(api.writes) >= 2)

        assert replica.process._writer._said == "the status cannot be written: may not"
        assert await replica.admitted() == 1

        api.refusal = None
        await until(lambda: api.ready.get("status") == "True")

    async def test_where_the_kind_has_no_fields_of_ours_the_rest_is_said(
        self, api: Api, start: Start, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(api, "fields", {"observedGeneration", "conditions", "service"})
        api.put(limit(1))
        await start()
        await until(lambda: api.ready.get("status") == "True")
        assert api.status.keys() == {"observedGeneration", "conditions", "service"}
        assert len(api.writes) == 2

    async def test_a_write_that_can_never_succeed_is_not_tried_again(self, api: Api, start: Start) -> None:
        api.refusal = status(422, "Invalid", "no such field")
        api.put(limit(1))
        replica = await start()
        await until(lambda: replica.process._writer._said is not None)
        assert replica.process._writer._retry_at is None
        api.refusal = None
        api.put(limit(2))
        await until(lambda: api.ready.get("status") == "True")
        assert len(api.writes) == 2


async def test_a_taken_port_ends_it_with_its_name(api: Api, start: Start) -> None:
    api.put(limit(1))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        replica = await start(port=port)
        with pytest.raises(OSError, match=f"cannot listen on 127.0.0.1:{port}"):
            await replica.task


async def test_a_stop_is_announced_before_anything_is_refused(api: Api, start: Start) -> None:
    api.put(limit(3))
    replica = await start()
    await replica.until_ready()
    replica.stop.set()
    await replica.until_not_ready("stopping")

    assert await replica.admitted() == 3


async def test_it_says_where_counters_stand_at_a_port_of_their_own(api: Api, start: Start) -> None:
    api.put(limit(3))
    replica = await start(counters_port=free_port(), pod_uid="0a1b")
    counters = f"http://127.0.0.1:{replica.settings.counters_port}{PATH}"
    async with httpx2.AsyncClient() as client:
        answer = await client.get(counters, headers={UID_HEADER: "0a1b"})
    assert (answer.status_code, answer.json()["masked"]) == (200, True)
