"""Envoy's messages, as far as a gateway that we configure needs them.

The ``.proto`` files beside this one name the fields that we use, with Envoy's own full names and numbers; a
field that is not there cannot be sent. ``scripts/build_envoy_api.py`` compiles them.
"""

from kuadrant.envoy_api.codec import InvalidResourceError, decode, encode, message
from kuadrant.envoy_api.wire import field

__all__ = ["InvalidResourceError", "decode", "encode", "field", "message"]
