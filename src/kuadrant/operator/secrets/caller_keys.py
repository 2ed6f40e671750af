"""Keeps the keys of which gateways get tokens, in a Secret beside the rate limit service's resource.

Deleting the Secret rotates them: another key is made, and the former one stays in it until every gateway has
a token of the new one.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from kuadrant.api.caller_token import CURRENT, KEY_BYTES, PREVIOUS, SECRET, keys_in
from kuadrant.operator.core.gateway_tokens import Keys
from kuadrant.operator.secrets.stored_secret import InvalidSecretError

if TYPE_CHECKING:
    from collections.abc import Callable

    from kuadrant.operator.secrets.stored_secret import StoredSecret


class CallerKeys:
    """Tells a `SecretKeeper` how to keep the keys.

    Args:
        namespace: the namespace of the Secret.
        are_spread: tells whether every gateway has a token of the current key.
        make: gives so many random bytes.
    """

    what = "the key of gateways' tokens"
    type = "Opaque"

    def __init__(
        self, namespace: str, are_spread: Callable[[Keys], bool], make: Callable[[int], bytes] = os.urandom
    ) -> None:
        self.key = (namespace, SECRET)
        self._are_spread = are_spread
        self._make = make

    def read(self, secret: StoredSecret) -> Keys:
        """Return the keys of a Secret, somebody else's too.

        Raises:
            InvalidSecretError: it has no such keys.
        """
        try:
            return Keys(keys_in(secret.data))
        except ValueError as error:
            raise InvalidSecretError(str(error)) from None

    def due(self, secret: StoredSecret | None, held: Keys | None) -> dict[str, bytes] | None:
        """Return what is to be in the Secret; None if it stays.

        The current one of the keys in use stays, as the previous one.
        """
        if secret is not None:
            if not secret.is_ours:
                return None
            try:
                found = self.read(secret)
            except InvalidSecretError:
                pass
            else:
                is_over = len(found.held) > 1 and found == held and self._are_spread(found)
                return {CURRENT: found.held[0]} if is_over else None
        former = {} if held is None or not held.held else {PREVIOUS: held.held[0]}
        return {CURRENT: self._make(KEY_BYTES), **former}
