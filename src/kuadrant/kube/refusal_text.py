"""The words for a refusal to list or watch a kind: what is wrong, and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kuadrant.kube.api_answers import ApiStatus


def refusal_text(status: ApiStatus, verb: str, resource: str, namespace: str) -> str:
    """Return why the API server refuses a request.

    Args:
        status: what it answers.
        verb: what was asked for, ``list`` or ``watch``.
        resource: the kind.
        namespace: where; empty for all namespaces.
    """
    if status.code == 401:
        return (
            "the API server does not accept our credentials: renew the token or the client certificate "
            f"({status.message})"
        )
    if status.code == 403:
        role = f"Role in {namespace}" if namespace else "ClusterRole"
        return (
            f"not allowed to {verb} {resource}: grant the verbs list and watch on it in a "
            f"{role} that is bound to this service account ({status.message})"
        )
    return f"the API server answered {status.code} to {verb} {resource}: {status.message}"
