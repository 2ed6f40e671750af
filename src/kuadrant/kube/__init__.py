"""The edge to the Kubernetes API: what is there is followed and kept, what ought to be there is applied.

Nothing in here knows what a rate limit is. The parts that decide (``Reflector``, ``Table``, ``Queue``, ``Elector``,
``Aggregator``, ``is_needed``) have neither sockets nor clocks; those that act (``Follower``, ``Workers``, ``Applier``,
``Leadership``, ``Recorder``) are thin and need an event loop.
"""

from kuadrant.kube.apply import Applier, Conflict, Desired, Gone, Outcome, Refused, Unchanged, Written
from kuadrant.kube.client import (
    Access,
    ConfigurationError,
    RequestError,
    Version,
    find_access,
    server_version,
    serves,
)
from kuadrant.kube.events import Event, Recorder, Regarding
from kuadrant.kube.follow import Follower
from kuadrant.kube.kind import Entry, Key, Kind, Labelled, Unreadable
from kuadrant.kube.lease import Leadership
from kuadrant.kube.queue import Workers
from kuadrant.kube.reflector import Status
from kuadrant.kube.store import Change, Store, Table

__all__ = [
    "Access",
    "Applier",
    "Change",
    "ConfigurationError",
    "Conflict",
    "Desired",
    "Entry",
    "Event",
    "Follower",
    "Gone",
    "Key",
    "Kind",
    "Labelled",
    "Leadership",
    "Outcome",
    "Recorder",
    "Refused",
    "Regarding",
    "RequestError",
    "Status",
    "Store",
    "Table",
    "Unchanged",
    "Unreadable",
    "Version",
    "Workers",
    "Written",
    "find_access",
    "server_version",
    "serves",
]
