"""Rate limiting for Gateway API that carries its own data plane.

What its commands tell of policies, Python can ask, too: ``docs/python.md``.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_FROM = {
    "Client": "kuadrant.standalone.policies",
    "Differences": "kuadrant.difference",
    "EffectiveLimit": "kuadrant.standalone.policies",
    "Explanation": "kuadrant.explanation",
    "Finding": "kuadrant.findings",
    "FolderError": "kuadrant.standalone.folder_selection",
    "MistakesError": "kuadrant.standalone.loading",
    "Policies": "kuadrant.standalone.policies",
    "Request": "kuadrant.explanation.client_request",
    "RequestError": "kuadrant.explanation",
    "check": "kuadrant.standalone.policies",
    "read": "kuadrant.standalone.policies",
    "read_documents": "kuadrant.standalone.policies",
}
"""Where each name is. It is imported when it is asked for: every part of this package imports this file."""
_NAMED_OTHERWISE = {"Request": "ClientRequest"}

__all__ = [*_FROM, "__version__"]  # noqa: PLE0604 - names of a table


def __getattr__(name: str) -> Any:  # PEP 562
    if name not in _FROM:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_FROM[name]), _NAMED_OTHERWISE.get(name, name))


def __dir__() -> list[str]:
    return sorted(__all__)
