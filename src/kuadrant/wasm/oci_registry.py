"""The modules as a registry that can only be read (OCI distribution specification, version 1.1); pure."""

from __future__ import annotations

import json
import re
from http import HTTPStatus
from typing import TYPE_CHECKING

from kuadrant.wasm import oci
from kuadrant.wasm.conditional_response import IMMUTABLE, REVALIDATED, Content, given
from kuadrant.wasm.http_response import document

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from kuadrant.wasm.http_request import Request
    from kuadrant.wasm.http_response import Response
    from kuadrant.wasm.module import Module

_ADDRESS = re.compile(
    r"/v2/?"
    rf"|/v2/{oci.REPOSITORY}/(?:manifests/(?:sha256:(?P<manifest>[0-9a-f]{{64}})|(?P<tag>\w[\w.-]{{0,127}}))"
    r"|blobs/sha256:(?P<blob>[0-9a-f]{64})|(?P<tags>tags/list)(?:\?.*)?)",
    re.ASCII,
)
_VERSION = "Docker-Distribution-Api-Version: registry/2.0"


class Registry:
    """Answers those who pull modules as images; it never changes."""

    def __init__(self, modules: Sequence[Module]) -> None:
        """Hold the images of ``modules``, of which the first is the latest."""
        self._blobs: dict[str, tuple[bytes, str]] = {}
        self._manifests: dict[str, tuple[bytes, str]] = {}
        self._tags: dict[str, str] = {}
        for module in modules:
            self._tags.setdefault(oci.LATEST, self._add_image(module))

    def answer(self, request: Request, target: str) -> Response | None:
        """Return the answer to a request for ``target``, or None if that is no address of a registry."""
        address = _ADDRESS.fullmatch(target)
        return None if address is None else self._answer(request, address)

    def _add_image(self, module: Module) -> str:
        """Hold the image of a module, and return the digest of its manifest."""
        image = oci.image(module)
        self._manifests[image.manifest.sha256] = (image.manifest.data, module.sha256)
        for part in (image.config, image.layer):
            self._blobs[part.sha256] = (part.data, module.sha256)
        if module.version:
            self._tags.setdefault(module.version, image.manifest.sha256)
        return image.manifest.sha256

    def _answer(self, request: Request, address: re.Match[str]) -> Response:
        if request.method not in ("GET", "HEAD"):
            status = HTTPStatus.METHOD_NOT_ALLOWED
            return _error(request, status, "UNSUPPORTED", "this registry can only be read")
        if address["tags"]:
            return _json(request, HTTPStatus.OK, {"name": oci.REPOSITORY, "tags": sorted(self._tags)})
        if address["blob"]:
            found, kind, digest = self._blobs.get(address["blob"]), oci.BLOB, address["blob"]
            unknown = "BLOB_UNKNOWN"
        elif address["manifest"] or address["tag"]:
            digest = address["manifest"] or self._tags.get(address["tag"], "")
            found, kind = self._manifests.get(digest), oci.MANIFEST
            unknown = "MANIFEST_UNKNOWN"
        else:
            return _json(request, HTTPStatus.OK, {})
        if found is None:
            return _error(request, HTTPStatus.NOT_FOUND, unknown, "no image that is held here has it")
        data, module = found
        fields = (f"Docker-Content-Digest: sha256:{digest}", _VERSION)
        cache = REVALIDATED if address["tag"] else IMMUTABLE
        return given(request, Content(data, digest, kind, cache, module, fields))


def _error(request: Request, status: HTTPStatus, code: str, message: str) -> Response:
    """Return a refusal in the registry's form of errors."""
    allowed = ("Allow: GET, HEAD",) if status is HTTPStatus.METHOD_NOT_ALLOWED else ()
    return _json(request, status, {"errors": [{"code": code, "message": message}]}, allowed)


def _json(request: Request, status: HTTPStatus, value: object, fields: Iterable[str] = ()) -> Response:
    """Return a small document of the registry."""
    body = json.dumps(value).encode()
    return document(request, status, "application/json", body, fields=(*fields, _VERSION))
