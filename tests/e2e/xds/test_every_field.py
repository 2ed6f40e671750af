"""Every field that we can send has the number and the type that the real Envoy gives it."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Any

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from kuadrant.envoy_api import decode, encode, message

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .conftest import Rig

from . import every_field
from .conftest import until

pytestmark = pytest.mark.e2e

# What no resource of ours holds: messages of the discovery protocol itself and of the rate limit service, and
# code by URL, which Envoy would fetch.
ELSEWHERE = (
    "envoy.service.",
    "envoy.extensions.common.ratelimit.",
    "google.",
    "envoy.config.core.v3.Node",
    "envoy.config.core.v3.HttpUri",
    "envoy.config.core.v3.RetryPolicy",
    "envoy.config.core.v3.RemoteDataSource",
    "envoy.config.core.v3.AsyncDataSource.remote",
    # A file is read when the resource is taken, which says nothing of the field's number.
    "envoy.config.core.v3.DataSource.filename",
    # Needs a resolver of names for ports.
    "envoy.config.core.v3.SocketAddress.named_port",
)


def resources() -> list[dict[str, Any]]:
    every = every_field
    return [
        *every.clusters(),
        *every.endpoints(),
        *every.routes(),
        *every.listeners(),
        every.http3(),
        *every.extensions(),
        *every.secrets(),
    ]


def used(value: Any) -> Iterator[str]:
    """The full names of the fields that are set in a message and in what it holds."""
    if value.DESCRIPTOR.full_name == "google.protobuf.Any":
        if value.type_url:
            yield from used(message(value.type_url.rpartition("/")[2]).FromString(value.value))
        return
    for field, content in value.ListFields():
        yield field.full_name
        if field.message_type is None:
            continue
        if field.message_type.GetOptions().map_entry:
            items = content.values() if field.message_type.fields_by_name["value"].message_type else ()
        else:
            items = content if field.is_repeated else (content,)
        for item in items:
            yield from used(item)


def ours() -> Iterator[str]:
    """The full names of all fields of all messages in the ``.proto`` files."""

    def fields(prefix: str, definition: Any) -> Iterator[str]:
        name = f"{prefix}.{definition.name}"
        if definition.options.map_entry:
            return
        yield from (f"{name}.{field.name}" for field in definition.field)
        for nested in definition.nested_type:
            yield from fields(name, nested)

    compiled = files("kuadrant.envoy_api").joinpath("descriptors.binpb").read_bytes()
    for file in FileDescriptorSet.FromString(compiled).file:
        for definition in file.message_type:
            yield from fields(file.package, definition)


def test_the_resources_use_every_field() -> None:
    seen = set()
    for resource in resources():
        seen |= set(used(message("google.protobuf.Any").FromString(encode(resource))))

    assert sorted({name for name in ours() if not name.startswith(ELSEWHERE)} - seen) == []


SECTIONS = {
    "dynamic_active_clusters": lambda entry: entry["cluster"],
    "dynamic_listeners": lambda entry: entry["active_state"]["listener"],
    "dynamic_route_configs": lambda entry: entry["route_config"],
    "ecds_filters": lambda entry: entry["ecds_filter"],
    "dynamic_active_secrets": lambda entry: entry["secret"],
    "dynamic_endpoint_configs": lambda entry: without_defaults(entry["endpoint_config"]),
}


def without_defaults(value: Any) -> Any:
    """Endpoints as Envoy tells them, from what they became, without what it filled in."""
    filled_in = {
        "health_check_config": {},
        "health_status": "HEALTHY",
        "locality": {},
        "metadata": {},
        "policy": {"overprovisioning_factor": 140},
    }
    if isinstance(value, list):
        return [without_defaults(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: without_defaults(item)
        for key, item in value.items()
        if filled_in.get(key) != item and not (key == "load_balancing_weight" and item in (0, 1))
    }


def without_key(resource: dict[str, Any]) -> dict[str, Any]:
    """Return a resource as Envoy tells it, who tells nobody a private key."""
    if "tls_certificate" not in resource:
        return resource
    redacted = {"inline_string": "[redacted]"}
    return {**resource, "tls_certificate": {**resource["tls_certificate"], "private_key": redacted}}


def dumped(dump: dict[str, Any]) -> list[dict[str, Any]]:
    """The dynamic resources in ``/config_dump``."""
    return [
        SECTIONS[key](entry)
        for section in dump["configs"]
        for key, entries in section.items()
        if key in SECTIONS
        for entry in entries
    ]


def by_name(resources: list[dict[str, Any]]) -> dict[tuple[str, str], Any]:
    """In one canonical form, whatever spelling of JSON it came in.

    A field that we do not know is an error.
    """
    return {
        (form["@type"], form.get("cluster_name") or form["name"]): decode(encode(form)) for form in resources
    }


async def test_envoy_says_back_what_it_was_sent(rig: Rig) -> None:
    sent = resources()
    await rig.set(*sent)
    await until(lambda: len(rig.server.status()) == 1 and len(rig.server.status()[0].types) == 6)
    assert await rig.settled() == ()

    told = by_name(dumped(await rig.gateway.config_dump()))
    assert rig.refusals == []
    wanted = by_name([without_key(each) for each in sent])
    assert set(wanted) - set(told) == set()
    for key, form in wanted.items():
        assert told[key] == form, key
