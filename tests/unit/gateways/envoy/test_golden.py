"""What Envoy is told: one folder of ``tests/golden/envoy`` for each case."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
import yaml
from msgspec import Struct

from kuadrant import envoy_api
from kuadrant.compiler.program import GatewayProgram
from kuadrant.dialects import Service
from kuadrant.dialects.own.configuration import render
from kuadrant.gateways import envoy

if TYPE_CHECKING:
    from collections.abc import Callable

CASES = sorted((Path(__file__).parents[3] / "golden" / "envoy").glob("*/program.yaml"))


class Bound(Struct, forbid_unknown_fields=True):
    gateway: str
    port: int
    to: envoy.Address


class Found(Struct, forbid_unknown_fields=True):
    backend: envoy.BackendKey
    addresses: tuple[envoy.Address, ...]


class Chain(Struct, forbid_unknown_fields=True):
    gateway: str
    port: int
    chains: tuple[envoy.TlsChain, ...]


class Case(Struct, forbid_unknown_fields=True):
    programs: tuple[GatewayProgram, ...]
    addresses: tuple[Bound, ...]
    endpoints: tuple[Found, ...] = ()
    http2: frozenset[envoy.BackendKey] = frozenset()
    echo: envoy.Address | None = None
    chains: tuple[Chain, ...] = ()
    certificates: dict[str, envoy.KeyPair] = {}
    http3: bool = False

    def settings(self) -> envoy.ListenerSettings:
        service = Service(envoy.RATE_LIMIT_CLUSTER)
        return envoy.ListenerSettings(
            module=b"module",
            configure=partial(render, service=service),
            addresses={(bound.gateway, bound.port): bound.to for bound in self.addresses},
            rate_limit=envoy.Address("127.0.0.1", 8081),
            endpoints={found.backend: found.addresses for found in self.endpoints},
            http2=self.http2,
            echo=self.echo,
            http3=self.http3,
            certificates=envoy.Certificates(
                {(one.gateway, one.port): one.chains for one in self.chains}, self.certificates, ()
            ),
        )


def _read(program: Path) -> Case:
    return msgspec.yaml.decode(program.read_bytes(), type=Case)


def _rendered(case: Case) -> dict[str, Any]:
    settings = case.settings()
    resources = envoy.resources(case.programs, settings)
    return {
        "resources": [resource for of_type in resources.values() for resource in of_type.values()],
        "unserved": msgspec.to_builtins(
            envoy.unserved(case.programs, settings.addresses, settings.certificates.chains)
        ),
    }


class _Dumper(yaml.SafeDumper):
    """No anchors: what is the same twice is written twice."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True


@pytest.mark.parametrize("program", CASES, ids=lambda path: path.parent.name)
def test_a_program_as_envoy_s_resources(program: Path, golden: Callable[[Path, str], None]) -> None:
    expected = program.with_name("envoy.yaml")
    text = yaml.dump(
        _rendered(_read(program)), Dumper=_Dumper, sort_keys=False, width=110, allow_unicode=True
    )
    golden(expected, text)


@pytest.mark.parametrize("program", CASES, ids=lambda path: path.parent.name)
def test_every_resource_can_be_sent(program: Path) -> None:
    """What the descriptors do not know would be refused on the way to Envoy."""
    for resource in _rendered(_read(program))["resources"]:
        decoded = envoy_api.decode(envoy_api.encode(resource))
        assert decoded["@type"] == resource["@type"]
        assert decoded.get("name", decoded.get("cluster_name")) == resource.get(
            "name", resource.get("cluster_name")
        )


@pytest.mark.parametrize("program", CASES, ids=lambda path: path.parent.name)
def test_every_resource_has_the_name_that_it_is_asked_for_by(program: Path) -> None:
    case = _read(program)
    for type_url, of_type in envoy.resources(case.programs, case.settings()).items():
        for name, resource in of_type.items():
            assert (resource["@type"], resource.get("name", resource.get("cluster_name"))) == (type_url, name)


def test_there_are_cases() -> None:
    assert len(CASES) >= 5
