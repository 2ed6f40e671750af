"""Lists every wait of the operator whose length is a rule of ours, in seconds, each with its reason.

Waits of the Kubernetes edge, which knows no rules of ours, are in `kube`: `reflector_backoff` and
`list_watch_request` (following), `retry_queue` (work that failed), `lease` (leadership), `client` (one
request).
"""

from __future__ import annotations

from typing import Final

# What is known of gateways

TAKE_SECONDS: Final = 1.0
"""Holds back Enforced=True on gateways that pull, because they send no acknowledgement.

For them to take what is new in their objects, at most 0.2 s were seen on a machine that had time, and 0.4 s
where it had to fetch the module first.
"""

FORGET_SECONDS: Final = 1.0
"""A gateway remembers that somebody was denied for this time at most (``LONGEST_SECONDS`` of the service).

Enforced=True waits for it where a limit was raised, of which gateways are told nothing.
"""

BEHIND_SECONDS: Final = 5.0
"""A gateway is behind when it has been without something for this time.

Until then a policy that did not change is what it was, while its gateways get something new for others.
"""

REACH_SECONDS: Final = 2.0
"""The rate limit service has ready endpoints for this time before a gateway first hears of it.

Nodes and providers hear of endpoints one after the other (half a second on Istio, two on Envoy Gateway were
seen).
"""

PROVIDER_HEARD_SECONDS: Final = 5.0
"""A provider has heard of an object that it follows after this time."""

ARRIVALS_APART_SECONDS: Final = 0.1
"""Arrivals that are remembered are this far apart.

There may be hundreds a second, and each is told by the next one as well.
"""

# Limits that nobody asks for any more

RETENTION_SECONDS: Final = 30.0
"""Limits stay for this time after the last gateway is known to ask for others.

Requests that are under way have the former ones.
"""

UNSEEN_SECONDS: Final = 600.0
"""Limits stay for this time where a gateway pulls and nobody can see its provider's control plane."""

# What is written

OBJECT_PACE_SECONDS: Final = 0.3
"""Two writes of one gateway's objects are this far apart.

A provider gets to every version, and the API server is not kept busy by one gateway.
"""

LIMITS_PACE_SECONDS: Final = 0.2
"""Two writes of the limits are this far apart.

Each costs the API server and the rate limit service the more the more limits there are.
"""

LIMITS_TAKEN_SECONDS: Final = 2.0
"""The same, as long as the rate limit service has not said that it holds what was written last.

With half a second, on an API server that took as long for an answer, each word of the service came too late:
the limits were others already, and it was held up for seconds.
"""

SETTLE_SECONDS: Final = 3.0
"""A status says that something is awaited after this time.

Most of it is there before it would be read.
"""

FIRST_REPETITION_SECONDS: Final = 0.25
"""Work that somebody undoes waits this long before its fourth time.

Twice as long before each further one.
"""

LONGEST_REPETITION_SECONDS: Final = 60.0
"""It never waits longer: a quarrel with another controller costs both little."""

REPETITION_CALM_SECONDS: Final = 120.0
"""A former time does not count any more after this one."""

# How often to decide

PACE_MEMORY_SECONDS: Final = 2.0
"""About a third of what was spent on deciding still counts after this time."""

PACE_FREE_SECONDS: Final = 0.3
"""So much of deciding is free.

An edit and what comes of it are a few decisions, one right after the other.
"""

LONGEST_PACE_SECONDS: Final = 0.5
"""Two decisions are never further apart: an edit is not to wait longer for those of others."""

STANDBY_PACE_SECONDS: Final = 1.0
"""Two decisions of a replica that does not lead, and to which no pod is connected, are this far apart.

It is to be ready when it has to lead; until then nobody acts on what it decides.
"""

DECISION_REST: Final = 4.0
"""So many times as long as the last decision took is then left to everything else.

That includes the API server on the same machine.
"""

INSPECTION_REST: Final = 20.0
"""So many times as long as policies were looked at with all routes is rested before the next time.

It is 0.5 s for 1,000 policies, and of use to people only.
"""

# Proofs

PROOF_SILENCE_SECONDS: Final = 5.0
"""An address that gives no byte for this time is taken not to give the module."""

PROOF_SECONDS: Final = 10.0
"""An address has to give the whole module within this time.

A gateway gives up after 15 s, however steadily bytes come.
"""

PROVEN_SECONDS: Final = 30.0
"""A proof that was good is made again after this time.

A break is reported by then, even if nothing else shows it.
"""

UNPROVEN_SECONDS: Final = 1.0
"""A proof that failed is tried again after this time."""

FIRST_UNPROVEN_SECONDS: Final = 0.1
"""A first try that failed is repeated after this time.

The other replicas may be about to see the same change.
"""

LONGEST_RETRY_SECONDS: Final = 10.0
"""A gateway's tries to get its module are at most this far apart.

They begin at one second and double up to this.
"""

FIELDS_SECONDS: Final = 60.0
"""The fields that the kinds of others have are looked at again after this time.

Definitions change when somebody upgrades.
"""

# Pods that are pushed to, and replicas

FIRST_ANSWER_SECONDS: Final = 5.0
"""A pod that has just connected waits this long at most until it can be told all that is wanted.

Another replica may have told it more than was decided here last, and more than is known here to be held.
"""

AGAIN_SECONDS: Final = 1.0
"""The API server or another replica, if it did not answer, is asked again after this time."""

TOKEN_ANSWER_SECONDS: Final = 10.0
"""An answer about a token counts for this time, as the API server's own do."""

SECRET_LOOK_SECONDS: Final = 3600.0
"""A Secret of ours is looked at again after this time, for what else is due.

A certificate lasts for months.
"""

KEYS_SECONDS: Final = 10.0
"""The operator looks this often for the key of gateways' tokens."""

REPLICA_PACE_SECONDS: Final = 0.02
"""Two words to another replica about what pods say are this far apart: what comes at once goes as one."""

# The end of a pod of ours

LINGER_SECONDS: Final = 3.0
"""The module server answers new clients for this time after the pod's end was said.

Nodes hear of it when we do, or later.
"""

GRACE_SECONDS: Final = 1.5
"""Answers of the module server may end within this time after that; with the Lease, 5 s in all."""
