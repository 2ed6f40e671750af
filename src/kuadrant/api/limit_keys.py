"""The descriptor keys that stand for a limit of a policy.

``limit.<name>__<8 hex digits>``, and Kuadrant's ``tokenlimit.``.

Nobody else writes keys of that shape, so a question that has one is known to be about a limit.
"""

from __future__ import annotations

import re
from functools import lru_cache
from hashlib import sha256
from itertools import islice, product
from typing import TYPE_CHECKING, Final

from kuadrant.api.algorithm import FIXED_WINDOW

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from kuadrant.api.algorithm import Algorithm

VALUE = "1"
"""What an entry with such a key says when its limit applies."""

SHADOW_KEY: Final = "kuadrant:shadow"
"""The entry of a descriptor that names, with commas between, the keys of those that refuse nobody.

A question for them is answered as if they were not there, where it cannot be answered with them.
"""

AGAIN_KEY: Final = "kuadrant:again"
"""The entry of a descriptor that asks when one more such request would be admitted.

Of a question that is one of several for a request: ``told`` with the decision, ``only`` without one.
"""
AGAIN_HEADER: Final = "kuadrant-again"
"""The header that says it, in seconds, or ``never``."""

SOFT_KEY: Final = "kuadrant:soft"
"""The entry of a descriptor that asks, with the value ``told``, which soft limits are exceeded."""
SOFT_HEADER: Final = "kuadrant-soft"
"""The header that names them, by their keys with commas between."""

VIOLATED_HEADER: Final = "kuadrant-violated"
"""The header that names the limits that have some hits left, but not as many as a request costs."""

_HITS: Final = "kuadrant:hits:"
MOST_HITS: Final = 2**32 - 1
"""More hits of a request are not counted; that is as many as Envoy's protocol has for a request."""

_DIGITS: Final = 8
_PREFIXES = ("limit.", "tokenlimit.")
_KEY = re.compile(r"(?:token)?limit\.(?P<name>.*)__[0-9a-f]{8}", re.DOTALL)
_IN_A_TEXT = re.compile(r"""(?:token)?limit\.[^"'\\\s]*?__[0-9a-f]{8}(?![0-9a-zA-Z_])""")


def is_limit_key(key: str) -> bool:
    """Tell whether ``key`` stands for a limit of a policy (specification G.1)."""
    return key.startswith(_PREFIXES) and _KEY.fullmatch(key) is not None


def name_in_key(name: str) -> str:
    """Return a limit's name as it stands in its key: of letters and digits of any script, and ``_``."""
    return "".join(one if one.isalpha() or one.isdecimal() or one == "_" else "_" for one in name)


def name_of(key: str) -> str:
    """Return the name in a limit's key, as `name_in_key` writes it; what is no such key as it is."""
    found = _KEY.fullmatch(key)
    return found["name"] if found else key


@lru_cache(maxsize=4096)
def written_name(key: str, policies: tuple[str, ...]) -> str:
    """Return the name of a limit as it is written in one of ``policies`` (``namespace/name``), by its key.

    The key's digits prove it. Where they do not, as for one that took the place of another, or for a bucket,
    it is as the key has it.
    """
    name = name_of(key)
    letters = [_WRITTEN if one == "_" else one for one in name]
    for written in islice(map("".join, product(*letters)), _MOST_WRITINGS):
        if any(key.endswith(f"__{limit_digest(policy, written)}") for policy in policies):
            return written
    return name


_WRITTEN: Final = "-_. "
"""What stands as ``_`` in a key, as people write it most often."""
_MOST_WRITINGS: Final = 1024


def counts_hits(key: str) -> bool:
    """Tell whether the limit of such a key counts what a request costs, such as tokens, and not requests."""
    return key.startswith("tokenlimit.")


def asked_keys(descriptor: Mapping[str, str]) -> Iterator[str]:
    """The keys of limits that a request's descriptor asks for."""
    for key, value in descriptor.items():
        if value == VALUE and is_limit_key(key):
            yield key


def hits_key(key: str) -> str:
    """Return the key of the entry that says how many hits a request is for the limit of ``key``."""
    return f"{_HITS}{key}"


def hits_of(descriptor: Mapping[str, str]) -> dict[str, int]:
    """Return how many hits a request is for limits, by their keys; of others it is one.

    Raises:
        ValueError: An entry says something else than a whole number.
    """
    found = {}
    for key, value in descriptor.items():
        if key.startswith(_HITS):
            if not (value.isascii() and value.isdigit()):
                raise ValueError(f"{key} is no whole number")
            # However long it is: Python reads no number of more than some thousand digits.
            found[key.removeprefix(_HITS)] = (
                int(value) if len(value) < 10 else min(int(value[:20]), MOST_HITS)
            )
    return found


def limit_digest(policy: str, limit: str) -> str:
    """The digits at the end of the key of a limit of ``policy`` (``namespace/name``)."""
    return sha256(f"{policy}/{limit}".encode()).hexdigest()[:_DIGITS]


def revision(key: str, rates: Iterable[tuple[int, Iterable[str], Algorithm]]) -> str:
    """Return the key of a limit that took the place of another one under ``key``.

    It differs from ``key`` in the digits, and tells windows, counters and algorithms apart and nothing else.

    Args:
        key: the key of the limit as it is first asked for.
        rates: the seconds, the counters and the algorithm of each of its rates, in any order.
    """
    texts = sorted(
        f"{seconds} {sorted(counters)}" + ("" if algorithm == FIXED_WINDOW else f" {algorithm}")
        for seconds, counters, algorithm in rates
    )
    digest = sha256("\n".join((key, *texts)).encode()).hexdigest()
    return f"{key[:-_DIGITS]}{digest[:_DIGITS]}"


def is_key_of(
    key: str, policy: str, limit: str, rates: Iterable[tuple[int, Iterable[str], Algorithm]]
) -> bool:
    """Tell whether a key stands for a limit of ``policy`` (``namespace/name``) with these rates."""
    first = f"{key[:-_DIGITS]}{limit_digest(policy, limit)}"
    return key in (first, revision(first, rates))


def keys_in(texts: Iterable[str]) -> frozenset[str]:
    """The keys of limits that stand somewhere in these texts, such as conditions that cannot be read."""
    return frozenset(key for text in texts for key in _IN_A_TEXT.findall(text))
