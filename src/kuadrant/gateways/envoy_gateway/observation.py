"""The state of Envoy Gateway that the objects of a gateway depend on.

Envoy Gateway fetches a module itself, once for each new address, and does not try again for an address that
failed: it answers every request of the gateway with 500 until something changes, and after its eleventh
failure it refuses that address for an hour. The same bytes under another address are fetched at once. So the
number of tries is a part of the address.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct

from kuadrant.gateways.delivery_mode import asks
from kuadrant.gateways.envoy_gateway.ancestor_status import is_programmed, module_failed, unpatched
from kuadrant.gateways.module_address import try_of
from kuadrant.gateways.obsolete_objects import guards_by_authorization

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from kuadrant.gateways.module_address import ModuleAddress


class Observation(Struct, frozen=True, gc=False):
    """Tells what Envoy Gateway has made of one gateway's objects so far.

    Attributes:
        has_cluster: It has made the cluster of the rate limit service.
        refusal: Its words if it has not.
        sha256: The module that it was told last.
        number: The try that it was told last.
        failed: It could not fetch the module from there.
        authorizes: An EnvoyExtensionPolicy of a former version that guards by authorization, if there is one.
    """

    has_cluster: bool = False
    refusal: str = ""
    sha256: str = ""
    number: int = 0
    failed: bool = False
    authorizes: str = ""

    def next_try(self, sha256: str) -> int:
        """Return the number of the try to have for a module: the last one unless that failed."""
        if sha256 != self.sha256:
            return 0
        return self.number + 1 if self.failed else self.number

    def has_tried(self, module: ModuleAddress) -> bool:
        """Tell whether Envoy Gateway was told the address of ``module`` and nothing else since."""
        return (module.sha256, try_of(module.url)) == (self.sha256, self.number)


def observation(existing: Iterable[Mapping[str, Any]]) -> Observation:
    """Return what ``existing``, the objects of a gateway as the API server has them, say."""
    existing = tuple(existing)
    policies = [one for one in existing if one["kind"] == "EnvoyExtensionPolicy"]
    # Where ports differ there is a policy for each; they have the same address, unless one could not be
    # written.
    told = max((_told(one) for one in policies), default=("", 0), key=lambda told: told[1])
    clusters = [one for one in existing if one["kind"] == "EnvoyPatchPolicy" and not asks(one)]
    return Observation(
        has_cluster=any(map(is_programmed, clusters)),
        refusal=next(filter(None, map(unpatched, clusters)), ""),
        sha256=told[0],
        number=told[1],
        failed=any(module_failed(one) for one in policies),
        authorizes=next((one["metadata"]["name"] for one in policies if _authorizes(one)), ""),
    )


def module_of(document: Mapping[str, Any]) -> str:
    """Return the SHA-256 of the module that an object of ours names; empty if it names none."""
    return _told(document)[0]


def _told(policy: Mapping[str, Any]) -> tuple[str, int]:
    """Return the module's sha256 and the number of the try that a policy tells; nothing in another form."""
    for source in _sources(policy):
        return (source.get("sha256") or "", try_of(source.get("url") or ""))
    return ("", 0)


def _sources(policy: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for extension in policy.get("spec", {}).get("wasm") or ():
        source = extension.get("code", {}).get("http")
        if source:
            yield source


def _authorizes(policy: Mapping[str, Any]) -> bool:
    """Tell whether a policy asks an authorization service: to replace it would open what it guards."""
    sources = list(_sources(policy))
    if sources and all(source.get("sha256") for source in sources):
        # One of ours, however large: only we name a module by its bytes.
        return False
    return guards_by_authorization(policy)
