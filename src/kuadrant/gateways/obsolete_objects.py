"""The objects of ours, of this version or a former one, that are not wanted any more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from kuadrant.gateways.provider import GatewayObjects, Provider


def obsolete(
    existing: Iterable[Mapping[str, Any]],
    gateways: Iterable[GatewayObjects],
    providers: Sequence[Provider],
) -> tuple[Mapping[str, Any], ...]:
    """Return those of ``existing`` that are to be deleted; all are of the kinds of ``providers``.

    They are in the order to delete in: what others need goes last. Nothing of a gateway with a problem is
    among them, and everything of one that is not among ``gateways``.
    """
    gateways = tuple(gateways)
    undecided = {(one.namespace, one.name) for one in gateways if one.problem is not None}
    wanted = {_key(document) for one in gateways for document in one.objects}
    kinds = {kind.name: provider for provider in providers for kind in provider.KINDS}

    def is_obsolete(document: Mapping[str, Any]) -> bool:
        owner = kinds[document["kind"]].owner(document)
        return (
            owner is not None
            and _key(document) not in wanted
            and (document["metadata"]["namespace"], owner) not in undecided
        )

    def order(document: Mapping[str, Any]) -> tuple[bool, tuple[str, str, str]]:
        return (kinds[document["kind"]].is_needed(document), _key(document))

    return tuple(sorted(filter(is_obsolete, existing), key=order))


def guards_by_authorization(document: Mapping[str, Any]) -> bool:
    """Tell whether a filter of a former version asks an authorization service.

    It stays where it is: to remove or replace it would open what it guards.
    """
    text = msgspec.json.encode(document.get("spec", {})).replace(b"\\", b"").replace(b" ", b"")
    return b'"service":"auth-service"' in text


def _key(document: Mapping[str, Any]) -> tuple[str, str, str]:
    return (document["kind"], document["metadata"]["namespace"], document["metadata"]["name"])
