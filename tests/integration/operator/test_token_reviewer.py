"""Whose tokens a real API server says that they are."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from kuadrant.operator.push.token_review import TokenReviewer
from kuadrant.xds import Identity

if TYPE_CHECKING:
    from tests.integration.kube.conftest import Api

AUDIENCE = "istio-ca"


async def token(api: Api, audience: str = AUDIENCE, pod: dict[str, Any] | None = None) -> str:
    """A token of the account ``gateway``, bound to a pod or to none."""
    accounts = f"/api/v1/namespaces/{api.namespace}/serviceaccounts"
    await api.client.post(accounts, json={"metadata": {"name": "gateway"}})
    spec: dict[str, Any] = {"audiences": [audience], "expirationSeconds": 600}
    if pod is not None:
        spec["boundObjectRef"] = {"kind": "Pod", "apiVersion": "v1", **pod}
    answer = await api.send("POST", f"{accounts}/gateway/token", json={"spec": spec})
    made: str = answer.json()["status"]["token"]
    return made


async def pod(api: Api) -> dict[str, Any]:
    """A pod of that account, as what a token is bound to."""
    await token(api)  # the account is there after that
    document = {
        "metadata": {"name": "gateway-1"},
        "spec": {
            "serviceAccountName": "gateway",
            "automountServiceAccountToken": False,
            "containers": [{"name": "proxy", "image": "proxy"}],
        },
    }
    answer = await api.send("POST", f"/api/v1/namespaces/{api.namespace}/pods", json=document)
    return {"name": "gateway-1", "uid": answer.json()["metadata"]["uid"]}


async def test_a_token_that_is_bound_to_a_pod_is_the_pods(api: Api) -> None:
    bound = await token(api, pod=await pod(api))
    identity = await TokenReviewer(api.client, [AUDIENCE]).identify(bound, "10.0.0.1")
    assert identity == Identity(f"{api.namespace}/gateway-1", "")


async def test_a_token_that_is_bound_to_nothing_is_nobodys(api: Api) -> None:
    identity = await TokenReviewer(api.client, [AUDIENCE]).identify(await token(api), "10.0.0.1")
    assert identity == Identity(
        problem=f"it is one of system:serviceaccount:{api.namespace}:gateway, bound to no pod"
    )


async def test_a_token_for_somebody_else_and_one_that_is_none_are_not_believed(api: Api) -> None:
    reviewer = TokenReviewer(api.client, [AUDIENCE])
    for shown in (await token(api, "somebody-else"), "secret-that-is-nobodys"):
        identity = await reviewer.identify(shown, "10.0.0.1")
        assert identity.pod == ""
        assert identity.problem.startswith("the API server does not believe it: ")
        assert shown not in identity.problem


async def test_a_token_of_a_pod_that_is_gone_is_not_believed(api: Api) -> None:
    bound = await token(api, pod=await pod(api))
    await api.send(
        "DELETE", f"/api/v1/namespaces/{api.namespace}/pods/gateway-1", json={"gracePeriodSeconds": 0}
    )
    reviewer = TokenReviewer(api.client, [AUDIENCE])
    async with asyncio.timeout(30):
        # The API server's own picture of pods is a moment behind.
        while (await reviewer.identify(bound, "10.0.0.1")).pod:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
