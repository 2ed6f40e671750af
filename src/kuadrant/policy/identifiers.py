"""The names by which the data plane, the rate limit service and the statuses speak of the same thing.

They are Kuadrant's, hash for hash, so that counters and dashboards survive a change of operator.
"""

from __future__ import annotations

from hashlib import sha256

from kuadrant.api.limit_keys import limit_digest, name_in_key


def limit_identifier(policy: str, limit: str) -> str:
    """The descriptor key of a limit: ``limit.<name>__<8 hex digits>``.

    ``policy`` is ``namespace/name``. Of the limit's name letters and digits of any script and ``_`` stay, all
    else becomes ``_``; the hash over policy and name keeps the result apart from others that read the same.
    """
    return f"limit.{name_in_key(limit)}__{limit_digest(policy, limit)}"


def action_set_name(
    *, gateway_class: str, gateway: str, listener: str, route: str, rule: str, match_index: int, hostname: str
) -> str:
    """The name of one match of a rule under one host name: 64 hex digits.

    ``gateway`` and ``route`` are ``namespace/name``, ``listener`` and ``rule`` plain names; ``match_index``
    counts from 0.
    """
    path = "|".join((gateway_class, gateway, f"{gateway}#{listener}", route, f"{route}#{rule}"))
    return sha256(f"{path}|{match_index + 1}|{hostname}".encode()).hexdigest()


def limit_condition(identifier: str) -> str:
    """The condition by which the rate limit service knows requests that a limit applies to."""
    return f'{descriptor_entry(identifier)} == "1"'


def key_of_condition(condition: str) -> str:
    """Return the identifier that `limit_condition` was made of."""
    # Nothing in an identifier is written otherwise in a literal.
    return condition.removeprefix('descriptors[0]["').removesuffix('"] == "1"')


def descriptor_entry(key: str) -> str:
    """The CEL text for the value that a request's descriptor has under ``key``."""
    return f"descriptors[0][{string_literal(key)}]"


_ESCAPES = {
    ord("\\"): "\\\\",
    ord('"'): '\\"',
    ord("\n"): "\\n",
    ord("\r"): "\\r",
    ord("\t"): "\\t",
}


def string_literal(text: str) -> str:
    """``text`` as a CEL string literal in double quotes; no text can end it early."""
    return f'"{text.translate(_ESCAPES)}"'
