"""An API server for one kind, as a value.

Objects with a history, answering the requests of a reflector with bytes.
"""

from __future__ import annotations

import json
from typing import Any

from msgspec import Struct

from kuadrant.kube.kind import Kind


class Metadata(Struct, frozen=True, gc=False):
    name: str
    namespace: str = ""
    annotations: dict[str, str] | None = None


class Spec(Struct, frozen=True, gc=False):
    value: int = 0


class Thing(Struct, frozen=True, gc=False):
    metadata: Metadata
    spec: Spec = Spec()


THINGS: Kind[Thing] = Kind("example.com", "v1", "things", "Thing", Thing)


def status(code: int, reason: str, message: str, **more: Any) -> dict[str, Any]:
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "code": code,
        "reason": reason,
        "message": message,
        **more,
    }


class Answer(Struct):
    """A status code and the body that is there so far; the body goes on for a watch."""

    code: int
    body: bytes
    ends: bool
    follows: int | None = None


class Server:
    """Objects by (namespace, name). ``streams`` tells whether it has streaming lists."""

    def __init__(self, *, streams: bool = True) -> None:
        self.streams = streams
        self.served = True
        self.allowed = True
        self.version = 100
        self.compacted = 0
        self.objects: dict[tuple[str, str], dict[str, Any]] = {}
        self.history: list[tuple[int, str, dict[str, Any]]] = []
        self.tokens: dict[str, list[dict[str, Any]]] = {}
        self.page = 2
        self.behind = 0
        self._uid = 0

    def put(self, namespace: str, name: str, spec: Any = None, **metadata: Any) -> int:
        self.version += 1
        old = self.objects.get((namespace, name))
        if old is None:
            self._uid += 1
        item = {
            "metadata": {
                "name": name,
                "namespace": namespace,
                "uid": old["metadata"]["uid"] if old else f"uid-{self._uid}",
                "resourceVersion": str(self.version),
                **metadata,
            },
            "spec": {"value": self.version} if spec is None else spec,
        }
        self.objects[namespace, name] = item
        self.history.append((self.version, "MODIFIED" if old else "ADDED", item))
        return self.version

    def delete(self, namespace: str, name: str) -> None:
        item = self.objects.pop((namespace, name))
        self.version += 1
        item = {**item, "metadata": {**item["metadata"], "resourceVersion": str(self.version)}}
        self.history.append((self.version, "DELETED", item))

    def compact(self) -> None:
        """Forget what was before now; tokens of lists as well."""
        self.compacted = self.version
        self.tokens.clear()

    def answer(self, path: str, parameters: dict[str, str]) -> Answer:
        assert path == THINGS.path()
        if not self.allowed:
            return _failure(status(403, "Forbidden", 'things.example.com is forbidden: User "x" cannot list'))
        if self.served:
            return self._answer(parameters)
        return Answer(404, b"404 page not found\n", ends=True)

    def _answer(self, parameters: dict[str, str]) -> Answer:
        if parameters.get("watch") != "true":
            return self._list(parameters)
        if parameters.get("sendInitialEvents") == "true":
            if not self.streams:
                return _failure(status(422, "Invalid", "sendInitialEvents: Forbidden"))
            lines = [event("ADDED", item) for item in self.objects.values()]
            return Answer(
                200,
                b"".join([*lines, bookmark(self.version, initial_end=True)]),
                ends=False,
                follows=self.version,
            )
        return self._watch(int(parameters["resourceVersion"]))

    def _watch(self, since: int) -> Answer:
        if since < self.compacted:
            return Answer(200, expired(), ends=True)
        return Answer(200, self.since(since), ends=False, follows=self.version)

    def _stream(self) -> Answer:
        if not self.streams:
            return _failure(status(422, "Invalid", "sendInitialEvents: Forbidden"))
        # From a cache that is somewhat behind, as in the API server: what happened since comes before the
        # end.
        past = max(self.compacted, self.version - self.behind)
        lines = [event("ADDED", item) for item in self._at(past).values()]
        lines += [self.since(past), bookmark(self.version, initial_end=True)]
        return Answer(200, b"".join(lines), ends=False, follows=self.version)

    def _at(self, version: int) -> dict[tuple[str, str], dict[str, Any]]:
        """The objects as they were."""
        objects: dict[tuple[str, str], dict[str, Any]] = {}
        for at, type_, item in self.history:
            if at <= version:
                key = item["metadata"]["namespace"], item["metadata"]["name"]
                objects.pop(key, None)
                if type_ != "DELETED":
                    objects[key] = item
        return objects

    def since(self, version: int) -> bytes:
        return b"".join(event(type_, item) for at, type_, item in self.history if at > version)

    def _list(self, parameters: dict[str, str]) -> Answer:
        token = parameters.get("continue")
        if token is None:
            items, version = list(self.objects.values()), str(self.version)
        elif token in self.tokens:
            items, version = self.tokens[token], token.split("-")[0]
        else:
            return _failure(status(410, "Expired", "The provided continue parameter is too old"))
        metadata = {"resourceVersion": version}
        if "limit" in parameters and len(items) > self.page:
            following = f"{version}-{len(items)}"
            self.tokens[following] = items[self.page :]
            items = items[: self.page]
            metadata["continue"] = following
        body = {"kind": "ThingList", "apiVersion": "example.com/v1", "metadata": metadata, "items": items}
        return Answer(200, encode(body), ends=True)


def _failure(content: dict[str, Any]) -> Answer:
    return Answer(content["code"], encode(content), ends=True)


def encode(content: Any) -> bytes:
    """JSON as Go writes it: U+2028 and U+2029 escaped, U+0085 and everything else raw."""
    text = json.dumps(content, ensure_ascii=False)
    return text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029").encode()


def event(type_: str, item: dict[str, Any]) -> bytes:
    return encode({"type": type_, "object": item}) + b"\n"


def bookmark(version: int, *, initial_end: bool = False) -> bytes:
    annotations = {"annotations": {"k8s.io/initial-events-end": "true"}} if initial_end else {}
    return event("BOOKMARK", {"metadata": {"resourceVersion": str(version), **annotations}})


def expired() -> bytes:
    return event("ERROR", status(410, "Expired", "too old resource version: 1 (2)"))
