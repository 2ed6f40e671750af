"""Puts the keys of issuers, which are in files of their own, into the documents that name them.

A file ``*.jwks.json`` is no document. A rule of a RequestAuthentication beside it names it by
``jwksUri: file:NAME``.
"""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from kuadrant.api.documents import Folder
    from kuadrant.api.request_authentication import JWTRule, RequestAuthentication
    from kuadrant.standalone.folder_files import File

SUFFIX: Final = ".jwks.json"
_SCHEME: Final = "file:"


def with_keys(folder: Folder, files: Iterable[File]) -> Folder:
    """Return ``folder`` with the text of each of ``files`` in the rules that name it."""
    texts = {file.path: file.text for file in files}
    if not texts:
        return folder
    made = tuple(
        _with_texts(one, folder.sources[one.kind, one.metadata.namespace, one.metadata.name].file, texts)
        for one in folder.objects.request_authentications
    )
    return replace(folder, objects=replace(folder.objects, request_authentications=made))


def _with_texts(
    one: RequestAuthentication, written_in: str, texts: Mapping[str, str]
) -> RequestAuthentication:
    def filled(rule: JWTRule) -> JWTRule:
        scheme, name = (rule.jwks_uri or "")[: len(_SCHEME)], (rule.jwks_uri or "")[len(_SCHEME) :]
        if rule.jwks or scheme != _SCHEME or "/" in name:
            return rule
        path = posixpath.join(posixpath.dirname(written_in), name)
        return replace(rule, jwks=texts.get(path))

    return replace(one, spec=replace(one.spec, jwt_rules=tuple(map(filled, one.spec.jwt_rules))))
