"""The module's address is proven by its bytes."""

from __future__ import annotations

import socket

from kuadrant.api.meta import ObjectMeta
from kuadrant.api.service import Endpoint, EndpointConditions, EndpointPort, EndpointSlice
from kuadrant.gateways.envoy import Address as Replica
from kuadrant.gateways.module_address import ModuleAddress as Address
from kuadrant.operator.modules.address_proof import endpoints, prove
from kuadrant.wasm.module import Module
from kuadrant.wasm.server import serve

MODULE = Module("kuadrant-wasm-shim", b"\0asm\1\0\0\0")


async def test_the_right_bytes_are_proof() -> None:
    async with serve([MODULE], "127.0.0.1") as server:
        url = f"http://127.0.0.1:{server.port}/kuadrant-wasm-shim"

        assert await prove(Address(url=url, sha256=MODULE.sha256)) == ""
        assert await prove(Address(url=f"{url}?sha256={MODULE.sha256}", sha256=MODULE.sha256)) == ""


async def test_other_bytes_another_answer_and_none_are_not() -> None:
    other = "0" * 64
    async with serve([MODULE], "127.0.0.1") as server:
        url = f"http://127.0.0.1:{server.port}/kuadrant-wasm-shim"

        assert (
            await prove(Address(url=url, sha256=other))
            == f"{url} gives other bytes, of sha256 {MODULE.sha256}"
        )
        assert (
            await prove(Address(url=f"{url}?sha256={other}", sha256=other))
            == f"{url}?sha256={other} answers 503"
        )
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        closed = f"http://127.0.0.1:{nobody.getsockname()[1]}/"
    assert (await prove(Address(url=closed, sha256=other))).startswith(f"{closed} cannot be reached: ")


async def test_every_replica_behind_the_name_has_to_have_the_module() -> None:
    old = Module("kuadrant-wasm-shim", b"\0asm\1\0\0\0old")
    async with (
        serve([MODULE, old], "127.0.0.1") as new_replica,
        serve([old], "127.0.0.1") as old_replica,
    ):
        name = f"http://localhost:{new_replica.port}/kuadrant-wasm-shim"
        new, behind = (Replica("127.0.0.1", one.port) for one in (new_replica, old_replica))

        # From the new module on, and back to the old one: which the new replica still has.
        module = Address(url=f"{name}?sha256={MODULE.sha256}", sha256=MODULE.sha256)
        assert await prove(module, [new]) == ""
        assert (
            await prove(module, [new, behind])
            == f"http://{behind}/kuadrant-wasm-shim?sha256={MODULE.sha256} answers 503"
        )
        assert await prove(Address(url=f"{name}?sha256={old.sha256}", sha256=old.sha256), [new, behind]) == ""


def test_the_replicas_are_those_that_take_requests() -> None:
    def at(address: str, **conditions: bool) -> Endpoint:
        return Endpoint(addresses=(address,), conditions=EndpointConditions(**conditions))

    slices = [
        EndpointSlice(
            metadata=ObjectMeta(name="a", namespace="ns"),
            address_type="IPv4",
            endpoints=(at("10.0.0.2", ready=True), at("10.0.0.1"), at("10.0.0.3", ready=False, serving=True)),
            ports=(EndpointPort(port=8082), EndpointPort()),
        ),
        EndpointSlice(
            metadata=ObjectMeta(name="b", namespace="ns"),
            address_type="IPv6",
            endpoints=(at("fd00::1", ready=True),),
            ports=(EndpointPort(port=8082),),
        ),
    ]

    found = endpoints(slices)

    assert found == (Replica("10.0.0.1", 8082), Replica("10.0.0.2", 8082), Replica("fd00::1", 8082))
    assert str(found[-1]) == "[fd00::1]:8082"


async def test_outside_a_cluster_the_endpoints_are_proof_and_without_one_nothing_is() -> None:
    async with serve([MODULE], "127.0.0.1") as server:
        module = Address(url="http://no-such-name.invalid/kuadrant-wasm-shim", sha256=MODULE.sha256)

        assert await prove(module, [Replica("127.0.0.1", server.port)], by_name=False) == ""
        assert await prove(module, by_name=False) == f"no endpoint is behind {module.url}"
