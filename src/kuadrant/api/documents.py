"""YAML and JSON texts, as people keep them in a folder, read as the API server would.

Nothing here raises for any text: what is wrong is a ``Problem``, and there are as many as there are mistakes.
"""

import difflib
from collections.abc import Iterable, Iterator
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from kuadrant.api import yaml_documents
from kuadrant.api.document_nodes import Node, find, place_of, quoted, shown
from kuadrant.api.gateway import Gateway
from kuadrant.api.grpc_route import GRPCRoute
from kuadrant.api.http_route import HTTPRoute
from kuadrant.api.kind_rules import RULES
from kuadrant.api.kinds import KINDS
from kuadrant.api.meta import Object
from kuadrant.api.namespaces_in_use import namespaces_in_use
from kuadrant.api.node_reading import read as read_struct
from kuadrant.api.objects import Objects
from kuadrant.api.other_version import other_version
from kuadrant.api.problem import Path, Problem, read_spelled, spelled
from kuadrant.api.rate_limit_policy import RateLimitPolicyV1, RateLimitPolicyV1Beta2
from kuadrant.api.request_authentication import RequestAuthentication
from kuadrant.api.scalar_places import Place, place_within
from kuadrant.api.secret import Secret
from kuadrant.api.service import Namespace

Identity = tuple[str, str, str]
"""Kind, namespace (empty for kinds of the whole cluster) and name of an object."""


class Source(Struct, frozen=True, gc=False):
    """A file that objects are written in, with its ``text``.

    ``node`` is kept for policies, routes, Gateways and Secrets, which more is said of than can be seen while
    they are read. It takes far more memory than the object.
    """

    file: str
    line: int
    node: Node | None = None
    text: str = ""

    def place(self, field: str, at: tuple[int, int] = (0, 0)) -> Place:
        """Line and column of a field, written as in a ``Problem``.

        Of the nearest one above it if it is not there. ``at`` is a line and a column, from 1, within the text
        that the field holds, blanks around it left out.
        """
        if self.node is None:
            return self.line, 1
        path = read_spelled(field)
        start = place_of(self.node, path)
        value = find(self.node, path).value
        if at == (0, 0) or not isinstance(value, str):
            return start
        lines = value.strip().split("\n")
        offset = (
            len(value) - len(value.lstrip()) + sum(len(one) + 1 for one in lines[: at[0] - 1]) + at[1] - 1
        )
        if value[offset : offset + 1] in (".", "(", "["):
            # An engine has a part of an expression begin there; people look for its name.
            offset -= len(value[:offset]) - len(value[:offset].rstrip(_IN_NAMES))
        return place_within(self.text, start, value, offset)

    def has(self, field: str) -> bool:
        """Tell whether the object has a field, also one that is not read."""
        path = read_spelled(field)
        above = self.node and find(self.node, path[:-1])
        return bool(above and isinstance(above.value, dict) and path[-1] in above.value)


class Folder(Struct, frozen=True, gc=False, kw_only=True):
    """The contents of documents.

    ``problems`` are mistakes; objects that have any are not among ``objects``, so a folder with problems is
    not to be acted upon. ``notes`` say what is left out or will not do what its author expects, without being
    a mistake. ``sources`` tells where each object is written. Both lists are in the order of files and lines.
    """

    objects: Objects
    problems: tuple[Problem, ...] = ()
    notes: tuple[Problem, ...] = ()
    sources: dict[Identity, Source]


def read(documents: Iterable[tuple[str, str]]) -> Folder:
    """Read every object of ``documents``, which are (name of the file, its text).

    An object without namespace is in ``default``. Namespaces that objects are in exist without a document of
    their own, and each carries the label ``kubernetes.io/metadata.name``, as in a cluster. Kinds that are not
    read are left out with a note. Reading ends with the document in which there come to be ``MAX_PROBLEMS``,
    or more values than may be read (`yaml_documents.Allowance`).
    """
    reader = Reader()
    for file, text in documents:
        if not reader.read_file(file, text):
            break
    return reader.folder(namespaces_in_use(reader.objects.values()))


MAX_PROBLEMS: Final = 1000
"""As many mistakes nobody reads, and each takes its time."""
_LONGEST_NAME: Final = 253
"""Of anything in a cluster, in characters."""


_UNREAD_KINDS: Final = {
    "gateway.networking.k8s.io": (
        "BackendLBPolicy",
        "BackendTLSPolicy",
        "ListenerSet",
        "TCPRoute",
        "TLSRoute",
        "UDPRoute",
    ),
    "kuadrant.io": (
        "AuthPolicy",
        "DNSPolicy",
        "DNSRecord",
        "ManagedZone",
        "TLSPolicy",
        "TokenRateLimitPolicy",
    ),
    "security.istio.io": ("AuthorizationPolicy", "PeerAuthentication"),
}
"""Kinds of the groups whose policies and routes decide what is limited; any other kind there is a mistake."""
_BESIDE: Final = {
    "": (
        *("ConfigMap", "Endpoints", "Event", "LimitRange", "PersistentVolume", "PersistentVolumeClaim"),
        *("Pod", "PodTemplate", "ReplicationController", "ResourceQuota", "ServiceAccount"),
    ),
    "apps": ("DaemonSet", "Deployment", "ReplicaSet", "StatefulSet"),
    "autoscaling": ("HorizontalPodAutoscaler",),
    "batch": ("CronJob", "Job"),
    "policy": ("PodDisruptionBudget",),
    "rbac.authorization.k8s.io": ("ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"),
}
"""What stands beside of what is read, and of which nobody expects that it routes or limits anything."""
_IN_NAMES: Final = "._abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
_KNOWN_BY_FIELD: Final = (
    Gateway,
    GRPCRoute,
    HTTPRoute,
    RateLimitPolicyV1,
    RateLimitPolicyV1Beta2,
    RequestAuthentication,
    Secret,
)
"""The kinds whose fields are known by their places also after they were read."""


class Reader:
    """Holds what was found so far."""

    def __init__(self) -> None:
        self.objects: dict[Identity, Object] = {}
        self.problems: list[Problem] = []
        self.notes: list[Problem] = []
        self.sources: dict[Identity, Source] = {}
        self.allowance = yaml_documents.Allowance()
        self._text = ""

    def folder(self, namespaces: Iterable[Namespace]) -> Folder:
        """Return all of it, with these namespaces."""
        others = (one for one in self.objects.values() if not isinstance(one, Namespace))
        return Folder(
            objects=Objects.of((*others, *namespaces)),
            problems=tuple(sorted(self.problems)),
            notes=tuple(sorted(self.notes)),
            sources=self.sources,
        )

    def read_file(self, file: str, text: str) -> bool:
        """Read a file; return whether to go on."""
        self._text = text
        for node, flaws in yaml_documents.documents(text, self.allowance):
            self.problems.extend(
                Problem(file, one.line, one.column, "", "", one.message, "not-yaml") for one in flaws
            )
            if node is not None and node.value is not None:
                for version, kind, one in self._unpacked(file, node):
                    self._read_object(file, version, kind, one, trusted=not flaws)
                    if len(self.problems) >= MAX_PROBLEMS:
                        break
            if len(self.problems) >= MAX_PROBLEMS:
                # At the end of the file and of what is told.
                del self.problems[MAX_PROBLEMS:]
                message = (
                    f"and what follows is not read any more: there are {MAX_PROBLEMS} mistakes before it"
                )
                end = text.count("\n") + 1
                self.problems.append(Problem(file, end, 1, "", "", message, "too-many-mistakes"))
                return False
        return True

    def _unpacked(self, file: str, document: Node) -> Iterator[tuple[str, str, Node]]:
        """Yield apiVersion, kind and node of the document's object, or of each item if it is a list."""
        left = [("", "", document)]
        while left:
            list_version, item_kind, node = left.pop()
            if not isinstance(node.value, dict):
                message = f"is {shown(node)}, must be an object with apiVersion and kind"
                self._wrong(file, "", node, message, code="no-object")
                continue
            version = self._type_field(file, node, "apiVersion", list_version)
            kind = self._type_field(file, node, "kind", item_kind)
            if version is None or kind is None:
                continue
            items = node.value.get("items")
            if kind.endswith("List") and items is not None and isinstance(items.value, list):
                of_kind = kind.removesuffix("List")
                left.extend((version if of_kind else "", of_kind, item) for item in reversed(items.value))
            else:
                yield version, kind, node

    def _type_field(self, file: str, node: Node, field: str, default: str) -> str | None:
        """Return apiVersion or kind; an item of a typed list may leave them out."""
        below = node.value.get(field) if isinstance(node.value, dict) else None
        if below is None or below.value in (None, ""):
            if default:
                return default
            message = f"{field} is missing; every object has apiVersion and kind"
            self._wrong(file, "", node, message, code="no-object")
            return None
        if not isinstance(below.value, str):
            self._wrong(file, "", below, f"{field} is {shown(below)}, must be text", code="no-object")
            return None
        if len(below.value) > _LONGEST_NAME:
            message = f"{field} is {shown(below)}, longer than {_LONGEST_NAME} characters"
            self._wrong(file, "", below, message, code="no-object")
            return None
        return below.value

    def _read_object(self, file: str, version: str, kind: str, node: Node, *, trusted: bool) -> None:
        struct = KINDS.get((version, kind))
        if struct is None:
            self._not_read(file, version, kind, node)
            return
        value, mistakes = read_struct(struct, node, RULES)
        namespace = (value.metadata.namespace or "default") if struct.namespaced else ""
        subject = _subject(kind, namespace, value.metadata.name)
        if said := other_version(struct, node, mistakes):
            self._wrong(file, subject, node, said, ("apiVersion",), code="other-version")
        for one in () if said else mistakes[:MAX_PROBLEMS]:
            field = spelled(one.path)
            self.problems.append(
                Problem(file, one.line, one.column, subject, field, one.message, "invalid-field")
            )
        if value.metadata.namespace and not struct.namespaced:
            self._wrong(
                file,
                subject,
                node,
                f"is of the whole cluster: a {kind} has no namespace",
                ("metadata", "namespace"),
                code="invalid-field",
            )
            return
        if not value.metadata.name or any(one.path[:1] == ("metadata",) for one in mistakes):
            return
        self._keep(file, node, value, subject, sound=trusted and not mistakes)

    def _keep(self, file: str, node: Node, value: Object, subject: str, *, sound: bool) -> None:
        """Add an object, unless its name is taken or it has mistakes; its name is taken in either case."""
        namespace = (value.metadata.namespace or "default") if value.namespaced else ""
        identity = (value.kind, namespace, value.metadata.name)
        first = self.sources.get(identity)
        if first is not None:
            message = f"is given twice, first in {first.file}:{first.line}"
            self._wrong(file, subject, node, message, code="given-twice")
            return
        kept = node if isinstance(value, _KNOWN_BY_FIELD) else None
        self.sources[identity] = Source(file, node.line, kept, self._text)
        if sound:
            self.objects[identity] = replace(value, metadata=replace(value.metadata, namespace=namespace))

    def _not_read(self, file: str, version: str, kind: str, node: Node) -> None:
        """Tell a misspelled apiVersion or kind, which is a mistake, from a kind that is none of ours."""
        group = version.rpartition("/")[0]
        subject = _subject(kind, *_names(node))
        versions = [known for known, known_kind in KINDS if known_kind == kind]
        groups = {known.rpartition("/")[0] for known, _ in KINDS}
        same_group = [known for known in versions if known.rpartition("/")[0] == group]
        if same_group:
            message = f"is {quoted(version)}, {kind} is read as {_or(same_group)}"
            self._wrong(file, subject, node, message, ("apiVersion",), code="unknown-kind")
        elif group in groups and group and kind not in _UNREAD_KINDS.get(group, ()):
            self._unknown_kind(file, group, kind, node, subject)
        elif versions and (not group or (difflib.get_close_matches(group, _named(groups), n=1, cutoff=0.8))):
            message = f"is {quoted(version)}, a {kind} is of {_or(versions)}"
            self._wrong(file, subject, node, message, ("apiVersion",), code="unknown-kind")
        elif kind not in _BESIDE.get(group, ()):
            note = f"{kind} of {version} is not read here; it has no effect"
            self.notes.append(self._problem(file, subject, node, note, ("kind",), code="kind-not-read"))

    def _unknown_kind(self, file: str, group: str, kind: str, node: Node, subject: str) -> None:
        known = [one for version, one in KINDS if version.rpartition("/")[0] == group]
        known = sorted({*known, *_UNREAD_KINDS.get(group, ())})
        close = difflib.get_close_matches(kind, known, n=1)
        meant = f'did you mean "{close[0]}"?' if close else f"there are {', '.join(known)}"
        message = f"is {quoted(kind)}, which {group} does not have; {meant}"
        self._wrong(file, subject, node, message, ("kind",), code="unknown-kind")

    def _wrong(
        self, file: str, subject: str, node: Node, message: str, path: Path = (), *, code: str
    ) -> None:
        self.problems.append(self._problem(file, subject, node, message, path, code=code))

    def _problem(
        self, file: str, subject: str, node: Node, message: str, path: Path, *, code: str
    ) -> Problem:
        place = find(node, path)
        return Problem(file, place.line, place.column, subject, spelled(path), message, code)


def _named(groups: set[str]) -> list[str]:
    return sorted(group for group in groups if group)


def _names(node: Node) -> tuple[str, str]:
    """Return namespace and name of an object that is not read, as far as they are there."""
    namespace, name = (find(node, ("metadata", field)).value for field in ("namespace", "name"))
    return namespace if isinstance(namespace, str) else "", name if isinstance(name, str) else ""


def _subject(kind: str, namespace: str, name: str) -> str:
    namespace, name = namespace[:_LONGEST_NAME], name[:_LONGEST_NAME]
    return f"{kind} {namespace}/{name}" if namespace and name else f"{kind} {name}".rstrip()


def _or(words: list[str]) -> str:
    return " or ".join(words)
