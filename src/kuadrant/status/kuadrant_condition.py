"""The condition ``Ready`` of a Kuadrant: whether policies can be enforced at all."""

from __future__ import annotations

from msgspec import Struct

from kuadrant.api.meta import Condition


class Installation(Struct, frozen=True, gc=False, kw_only=True):
    """Tells how the parts stand that an installation needs.

    Attributes:
        missing: The names of what the cluster does not have; empty is good, here and below.
        distrust: Why a module that is to be served is not: nobody who is trusted has signed it.
        failure: What keeps the operator from writing or serving.
        limitador: Why the rate limit service is not ready.
    """

    missing: tuple[str, ...] = ()
    distrust: str = ""
    failure: str = ""
    limitador: str = ""


def kuadrant_condition(installation: Installation) -> Condition:
    """Return the condition: the first of these that is so, and ``Ready`` if none is."""
    if installation.missing:
        # Kuadrant asks for a restart here; nothing has to be restarted.
        return _not_ready("MissingDependency", f"[{', '.join(installation.missing)}] is not installed")
    if installation.distrust:
        return _not_ready("ModuleNotTrusted", installation.distrust)
    if installation.failure:
        return _not_ready("ReconciliationError", installation.failure)
    if installation.limitador:
        return _not_ready("LimitadorNotReady", installation.limitador)
    return Condition(type="Ready", status="True", reason="Ready", message="Kuadrant is ready")


def leaving_condition(obstacle: str) -> Condition:
    """Return the condition of a Kuadrant that is being deleted and stays for ``obstacle``, a sentence."""
    return _not_ready("Deleting", obstacle)


def _not_ready(reason: str, message: str) -> Condition:
    return Condition(type="Ready", status="False", reason=reason, message=message)
