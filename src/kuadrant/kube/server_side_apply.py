"""Writing what ought to be there.

Server-side apply, only where it would change something, and deletion of a known object.

Every subject has a field manager of its own, so that each owns its fields alone, foreign fields are left as
they are, and what is no longer applied goes away.
"""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from kuadrant.kube.api_answers import ERRORS, ApiStatus, decode_partial, read_status
from kuadrant.kube.client import FAILURES, describe
from kuadrant.kube.field_ownership import digest
from kuadrant.kube.kind import Key, Kind, Owned, StoredObject, is_before

if TYPE_CHECKING:
    import httpx2

    from kuadrant.kube.store import Table

_encode = msgspec.json.Encoder(order="deterministic").encode

_APPLY = {"content-type": "application/apply-patch+yaml"}
_ONLY_METADATA = {"accept": "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json"}
"""Of what was written only the new version has to be known."""

_NOT_IN_YAML = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
"""Characters that JSON may have as they are, but that YAML takes for a line's end or refuses."""


class Desired(Struct, frozen=True, dict=True):
    """The wish of one manager for one object.

    ``content`` has the fields that it wants to own: labels, annotations and the like under ``metadata``,
    ``spec``, or ``status`` where ``subresource`` is "status". Identity (``apiVersion``, ``kind``, name,
    namespace) is filled in. With ``force`` the fields are taken from whoever has them; without it that is a
    ``Conflict``.
    """

    kind: Kind[Any]
    key: Key
    manager: str
    content: dict[str, Any]
    subresource: str = ""
    force: bool = False

    @cached_property
    def digest(self) -> bytes:
        """The digest of ``content``, which is not to be changed."""
        return digest(self.content)


class Unchanged(Struct, frozen=True):
    """Nothing was written: it is there already."""


class Written(Struct, frozen=True):
    """The object is as wanted at ``resource_version``; ``uid`` is the object's."""

    uid: str
    resource_version: str


class Conflict(Struct, frozen=True):
    """Nothing was written: others own these fields with other values.

    ``fields`` are pairs of manager and field.
    """

    fields: tuple[tuple[str, str], ...]
    message: str


class Refused(Struct, frozen=True):
    """The API server said no with ``code``; ``message`` is its reason.

    ``code`` is 0 where there was no answer.

    Whether the same request may succeed later is told by ``lasting``: it will not, until the request or the
    server changes.
    """

    code: int
    message: str

    @property
    def lasting(self) -> bool:
        """Tell whether it is of no use to ask again for the same thing."""
        return self.code in {400, 413, 422}


class Gone(Struct, frozen=True):
    """The object is not there: to delete it was not needed, or its status has nobody to belong to."""


Outcome = Unchanged | Written | Conflict | Refused | Gone


class _Last(Struct, frozen=True):
    """Holds what an apply left behind: the digest of what was wanted, and the version of the object then.

    ``returns`` is that of the table then: where it went back since, nothing of it need be there any more.
    """

    digest: bytes
    uid: str
    resource_version: str
    returns: int


def is_needed(desired: Desired, table: Table[Any], last: _Last | None) -> bool:
    """Tell whether applying could change something.

    Not if the manager owns exactly what is wanted. Nor if the very same was applied and nobody changed the
    object since: also where the API server stores it in another spelling, or where the table did not get to
    our own change yet.
    """
    observed = table.entries.get(desired.key)
    if last is not None and last.returns != table.returns:
        last = None
    applied = last is not None and last.digest == desired.digest
    if observed is None:
        return last is None or not applied or not is_before(table.resource_version, last.resource_version)
    if last is not None and applied and observed.uid == last.uid:
        version = observed.resource_version
        if version == last.resource_version or is_before(version, last.resource_version):
            return False
    return not _is_owned(desired, table)


def _is_owned(desired: Desired, table: Table[Any]) -> bool:
    observed = table.entries.get(desired.key)
    wanted = Owned(desired.manager, desired.subresource, desired.digest)
    return observed is not None and wanted in observed.owned


def request_of(desired: Desired, *, strict: bool = True) -> tuple[str, dict[str, str], bytes]:
    """Path, parameters and body of the PATCH that applies ``desired``.

    If ``strict``, fields that nobody knows are refused.
    """
    namespace, name = desired.key
    identity = {"name": name, "namespace": namespace} if desired.kind.namespaced else {"name": name}
    body = {
        **desired.content,
        "apiVersion": desired.kind.api_version,
        "kind": desired.kind.name,
        "metadata": {**desired.content.get("metadata", {}), **identity},
    }
    parameters = {"fieldManager": desired.manager, "fieldValidation": "Strict" if strict else "Ignore"}
    if desired.force:
        parameters["force"] = "true"
    return desired.kind.path(desired.key, desired.subresource), parameters, as_yaml(body)


def as_yaml(content: dict[str, Any]) -> bytes:
    """JSON that means the same to the YAML parser through which the API server reads what is applied."""
    return _NOT_IN_YAML.sub(lambda found: f"\\u{ord(found[0]):04x}", _encode(content).decode()).encode()


def read_failure(status: ApiStatus) -> Conflict | Refused | Gone:
    """Return the error that an answer other than success stands for."""
    causes = (status.details.causes or []) if status.details else []
    fields = tuple(
        (_manager_in(cause.message), cause.field)
        for cause in causes
        if cause.reason == "FieldManagerConflict"
    )
    if status.code == 409 and fields:
        return Conflict(fields, status.message)
    if status.code == 404 and status.reason == "NotFound":
        return Gone()
    return Refused(status.code, status.message)


def _manager_in(message: str) -> str:
    """The manager that a cause names: ``conflict with "kubectl-edit" using v1 at ...``."""
    parts = message.split('"')
    return parts[1] if len(parts) > 2 else message


def _identity(desired: Desired) -> tuple[str, Key, str, str]:
    return (desired.kind.resource, desired.key, desired.manager, desired.subresource)


class Applier:
    """Applies and deletes over one client, and remembers what it applied."""

    def __init__(self, client: httpx2.AsyncClient) -> None:
        self._client = client
        self._last: dict[tuple[str, Key, str, str], _Last] = {}
        # The digest of what was taken last, field for field as far as is known.
        self._taken: dict[tuple[str, Key, str, str], bytes] = {}

    def is_in_place(self, desired: Desired, table: Table[Any]) -> bool:
        """Tell whether the object is as ``desired`` as far as is known: applying it would do nothing."""
        return not is_needed(desired, table, self._last.get(_identity(desired)))

    def is_seen(self, desired: Desired, table: Table[Any]) -> bool:
        """Tell whether the object that ``table`` has is not older than what was applied last.

        What is said of it is said of that.
        """
        observed, last = table.entries.get(desired.key), self._last.get(_identity(desired))
        return observed is not None and (
            last is None
            or last.returns != table.returns
            or not is_before(observed.resource_version, last.resource_version)
        )

    async def apply(self, desired: Desired, table: Table[Any]) -> Outcome:
        """Make ``desired`` so, if what ``table`` knows of the object leaves something to do.

        The table must be synced and of a kind whose ``managers`` include the one of ``desired``. The object
        is created where it is missing; a status is not.
        """
        identity = _identity(desired)
        if not is_needed(desired, table, self._last.get(identity)):
            if _is_owned(desired, table):
                # The table knows it by itself now.
                self._last.pop(identity, None)
            return Unchanged()
        # Whether a request that fails was carried out is not always known.
        self._last.pop(identity, None)
        # To check the names of fields the API server reads everything twice, which is a fifth of what a large
        # object costs. Those of an object that it took before are known to it. If it did drop one, the object
        # is not as it is wanted, and comes again.
        strict = self._taken.pop(identity, desired.digest) == desired.digest
        path, parameters, body = request_of(desired, strict=strict)
        outcome = await self._patch(path, parameters, body, _APPLY)
        if isinstance(outcome, Written):
            self._last[identity] = _Last(desired.digest, outcome.uid, outcome.resource_version, table.returns)
            self._taken[identity] = desired.digest
        return outcome

    async def replace_status(
        self, kind: Kind[Any], observed: StoredObject[Any], status: dict[str, Any], manager: str
    ) -> Outcome:
        """Write a whole status, other people's parts of it included, over the one that was ``observed``.

        For kinds whose status is in lists that cannot be applied by several. If the object changed since,
        that is refused (409).
        """
        path = kind.path(observed.key, "status")
        body = {"metadata": {"resourceVersion": observed.resource_version}, "status": status}
        merge = {"content-type": "application/merge-patch+json"}
        return await self._patch(path, {"fieldManager": manager}, _encode(body), merge)

    async def _patch(
        self, path: str, parameters: dict[str, str], body: bytes, form: dict[str, str]
    ) -> Outcome:
        try:
            response = await self._client.patch(
                path, params=parameters, content=body, headers={**_ONLY_METADATA, **form}
            )
        except FAILURES as error:
            return Refused(0, f"PATCH {path}: {describe(error)}")
        if response.status_code not in {200, 201}:
            return read_failure(read_status(response.status_code, response.content))
        try:
            metadata = decode_partial(response.content).metadata
        except ERRORS as error:
            return Refused(response.status_code, f"PATCH {path}: the answer is no object ({error})")
        return Written(metadata.uid, metadata.resource_version)

    async def delete(self, kind: Kind[Any], observed: StoredObject[Any]) -> Outcome:
        """Delete an object if it is still the one that was ``observed``, in the same version.

        Else that is refused (409).
        """
        path = kind.path(observed.key)
        preconditions = {"uid": observed.uid, "resourceVersion": observed.resource_version}
        body = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "preconditions": preconditions,
            "propagationPolicy": "Background",
        }
        try:
            response = await self._client.request(
                "DELETE", path, content=_encode(body), headers={"content-type": "application/json"}
            )
        except FAILURES as error:
            return Refused(0, f"DELETE {path}: {describe(error)}")
        for known in (self._last, self._taken):
            for identity in [one for one in known if one[:2] == (kind.resource, observed.key)]:
                del known[identity]
        if response.status_code in {200, 202}:
            return Written(observed.uid, observed.resource_version)
        return read_failure(read_status(response.status_code, response.content))
