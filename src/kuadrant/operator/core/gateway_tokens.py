"""Decides which token each gateway shows the rate limit service."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from kuadrant.api.caller_token import mark_of, shown
from kuadrant.incremental import Last

if TYPE_CHECKING:
    from collections.abc import Callable

    from kuadrant.api.limitador import Limitador
    from kuadrant.gateways.provider import GatewaySettings, Rendering
    from kuadrant.kube.kind import Key


class Keys(Struct, frozen=True):
    """Holds the installation's keys as the API server has them, the current one first.

    None if there is no Secret yet.
    """

    held: tuple[bytes, ...] = ()

    def __repr__(self) -> str:
        """Without what it holds."""
        return f"Keys({len(self.held)})"


class ProvingSettings:
    """Gives the settings of one gateway, the same instance as long as nothing of them is another."""

    def __init__(self, key: Key) -> None:
        self._name = "/".join(key)
        self._shown = Last(lambda keys: shown(keys.held, self._name) if keys.held else "")
        self._made = Last(_proving)

    def of(
        self, settings: GatewaySettings, keys: Keys, prove: Callable[[str], Rendering] | None
    ) -> GatewaySettings:
        """Return ``settings`` for this gateway, where its module can show anything and there is a key."""
        return self._made(settings, self._shown(keys), prove)


def _proving(
    settings: GatewaySettings, value: str, prove: Callable[[str], Rendering] | None
) -> GatewaySettings:
    if prove is None or not value:
        return settings
    return replace(settings, rendering=prove(value))


def marked(limitador: Limitador | None) -> str:
    """Return the fingerprint of the key without a token of which nobody is served; empty if everybody is."""
    return "" if limitador is None else mark_of(limitador.metadata.annotations)
