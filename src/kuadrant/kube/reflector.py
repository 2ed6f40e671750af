"""Keeping up with all objects of one kind, without a socket and without a clock.

The one who drives it asks ``next`` what to do, makes that request, and hands in the head of the answer, its bytes and
its end; objects come out. The rules:

* First everything is listed: as a streaming list where the server has it, else in pages. Then changes are watched from
  the version of the list on.
* A watch that ends, whatever way, is resumed from the last version that was seen; bookmarks keep that version young.
  Half a line is dropped: the server sends it again.
* A version that the server no longer has (410), or an ERROR event, means a new list. A list comes out whole, so that
  what is missing in it is gone: no deletion is lost. If a page's token expires, the list is asked for in one piece.
* A watch in which nothing is heard for ``SILENCE`` is given up: bookmarks come every minute. The second time in a row
  everything is listed anew, since a server that was restored from a backup never gets to the version that we wait for.
* A kind that is not served (404) is empty, and is looked for again. If there were objects, two answers must say so.
* Whoever fails waits, longer each time and never exactly as long as others; a stream that brings something ends that.
"""

from __future__ import annotations

import random as random_module
from typing import TYPE_CHECKING, Generic, Literal

from msgspec import Struct

from kuadrant.kube.kind import Deleted, Entry, Key, Kind, Labelled, Snapshot, T, Unreadable
from kuadrant.kube.wire import (
    ERRORS,
    ApiStatus,
    Lines,
    ObjectReader,
    decode_event,
    decode_page,
    decode_partial,
    read_status,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from msgspec import Raw

PAGE = 500
SILENCE = 90.0
"""Seconds without a byte after which a connection is taken for dead."""
ABSENT_INTERVAL = 5.0
"""Seconds after which a kind that is not served is looked for again."""
FIRST_DELAY = 0.2
LONGEST_DELAY = 10.0
_WATCH_SECONDS = 300
_LIVED = 10.0
"""A watch that was open for so many seconds was no failure, even if nothing happened in it."""
_ERROR_BODY = 64 * 1024

Phase = Literal["listing", "watching", "absent"]


class Get(Struct, frozen=True):
    """A GET request to make now; its answer goes to ``respond``, ``receive`` and ``end``."""

    path: str
    parameters: tuple[tuple[str, str], ...]


class Wait(Struct, frozen=True):
    """Nothing is to be done before ``until``."""

    until: float


class Status(Struct, frozen=True):
    """How the reflector stands.

    ``problem`` says what is wrong and what to do; it is None while all is well. ``heard_at`` is when the server last said something
    of this kind, None before the first time.
    """

    phase: Phase
    problem: str | None
    heard_at: float | None


Output = Snapshot[T] | Entry[T] | Deleted | Unreadable


class Reflector(Generic[T]):
    """The state of one kind's list and watch.

    ``held`` is what the caller's store has; an object in it is not read again if its version is the same. With ``only``
    that one object is followed, for which a Role that names it is enough, or those of a namespace that have certain labels; all
    others are not there. ``random`` gives numbers from 0 to 1 for jitter.
    """

    def __init__(
        self,
        kind: Kind[T],
        held: Mapping[Key, Entry[T]],
        random: Callable[[], float] = random_module.random,
        *,
        only: Key | Labelled | None = None,
    ) -> None:
        self.kind = kind
        self._only = only
        self._held = held
        self._random = random
        self._reader = ObjectReader(kind, held)
        self._goal: Literal["stream", "page", "watch"] = "stream"
        self._reading = False
        self._version = ""
        self._token = ""
        self._entries: dict[Key, Entry[T]] = {}
        self._unreadable: dict[Key, Unreadable] = {}
        self._can_stream = True
        self._in_one_piece = False
        self._not_before = 0.0
        self._failures = 0
        self._silences = 0
        self._absences = 0
        self._absent = False
        self._problem: str | None = None
        self._heard_at: float | None = None
        # Of the request that is under way:
        self._opened_at = 0.0
        self._last_byte_at = 0.0
        self._heard = False
        self._code = 0
        self._retry_after = 0.0
        self._lines = Lines()
        self._body: list[bytes] = []
        self._body_size = 0

    @property
    def reading(self) -> bool:
        """Whether more of the present answer is wanted; if not, its connection is to be closed."""
        return self._reading

    @property
    def deadline(self) -> float:
        """When to call ``expire`` if no byte comes before."""
        return self._last_byte_at + SILENCE

    @property
    def status(self) -> Status:
        """How it stands now."""
        phase: Phase = "absent" if self._absent else "watching" if self._goal == "watch" else "listing"
        return Status(phase, self._problem, self._heard_at)

    def next(self, now: float) -> Get | Wait:
        """What to do next; a request that is returned counts as begun."""
        if now < self._not_before:
            return Wait(self._not_before)
        self._reading = True
        self._opened_at = self._last_byte_at = now
        self._heard = False
        self._code = 0
        self._retry_after = 0.0
        self._lines = Lines()
        self._body = []
        self._body_size = 0
        if self._goal == "stream":
            self._forget_list()
        path = self.kind.path() if self._only is None else self.kind.collection(self._namespace)
        return Get(path, tuple(self._parameters()))

    @property
    def _namespace(self) -> str:
        """The one that objects are followed in; empty for all."""
        if self._only is None:
            return ""
        return self._only.namespace if isinstance(self._only, Labelled) else self._only[0]

    def look_again(self, now: float) -> None:
        """The kind may be served by now: do not wait any longer to look."""
        if self._absent:
            self._not_before = min(self._not_before, now)

    def respond(self, code: int, retry_after: str | None, now: float) -> None:
        """The head of the answer: its status code and its Retry-After."""
        self._last_byte_at = now
        self._code = code
        if code == 200 and self._goal == "watch":
            self._problem = None
        self._retry_after = float(retry_after) if retry_after is not None and retry_after.isdecimal() else 0.0

    def receive(self, data: bytes, now: float) -> list[Output[T]]:
        """The next bytes of the answer."""
        if not self._reading:
            return []
        self._last_byte_at = now
        if self._code != 200 or self._goal == "page":
            if self._code == 200 or self._body_size < _ERROR_BODY:
                self._body.append(data)
                self._body_size += len(data)
            return []
        outputs: list[Output[T]] = []
        try:
            for line in self._lines.feed(data):
                if not self._reading:
                    break
                outputs += self._take_line(line, now)
        except ERRORS as error:
            self._fail(f"what came is no watch event ({error}); everything is listed anew", now)
            self._start_over()
        return outputs

    def end(self, now: float, error: str | None = None) -> list[Output[T]]:
        """The answer ended, or the request failed with ``error``."""
        if not self._reading:
            return []
        self._reading = False
        if error is not None:
            self._take_cut(error, now)
            return []
        if self._code != 200:
            return self._take_refusal(read_status(self._code, b"".join(self._body)), now)
        if self._goal == "page":
            return self._take_page(b"".join(self._body), now)
        self._take_cut(None, now)
        return []

    def expire(self, now: float) -> None:
        """Nothing came until the deadline."""
        if not self._reading:
            return
        self._reading = False
        if self._goal == "watch" and self._code == 200:
            self._silences += not self._heard
            self._fail(f"nothing was heard for {SILENCE:.0f} s; the watch is opened again", now)
            if self._silences >= 2:
                self._silences = 0
                self._start_list()
            return
        self._fail(f"no answer for {SILENCE:.0f} s", now)
        if self._goal == "stream":
            self._start_pages()

    def _parameters(self) -> Iterator[tuple[str, str]]:
        if isinstance(self._only, Labelled):
            yield "labelSelector", self._only.selector
        elif self._only is not None:
            yield "fieldSelector", f"metadata.name={self._only[1]}"
        if self._goal == "page":
            if not self._in_one_piece:
                yield "limit", str(PAGE)
            if self._token:
                yield "continue", self._token
            return
        yield "watch", "true"
        yield "allowWatchBookmarks", "true"
        if self._goal == "stream":
            yield "sendInitialEvents", "true"
            yield "resourceVersionMatch", "NotOlderThan"
        else:
            yield "resourceVersion", self._version
        # Not all at once: the watches of one process were opened together.
        yield "timeoutSeconds", str(int(_WATCH_SECONDS * (1 + self._random())))

    def _forget_list(self) -> None:
        self._entries, self._unreadable = {}, {}

    def _start_list(self) -> None:
        self._goal = "stream" if self._can_stream else "page"
        self._token = ""
        self._in_one_piece = False
        self._reading = False
        self._forget_list()

    def _start_over(self) -> None:
        """After what came went wrong: a streaming list that fails is not tried a second time before a list succeeded."""
        if self._goal == "stream":
            self._start_pages()
        else:
            self._start_list()

    def _start_pages(self, *, in_one_piece: bool = False) -> None:
        self._start_list()
        self._goal = "page"
        self._in_one_piece = in_one_piece

    def _listed(self, version: str) -> Snapshot[T]:
        snapshot = Snapshot(version, self._entries, self._unreadable)
        self._forget_list()
        self._goal = "watch"
        self._version = version
        self._token = ""
        self._in_one_piece = False
        self._problem = None
        self._is_there()
        return snapshot

    def _is_there(self) -> None:
        self._absences = 0
        self._absent = False

    def _gather(self, raw: Raw, event_type: str = "ADDED") -> list[Output[T]]:
        """Take an object of a list. A streaming list may begin in the past: then changes come before its end, deletions too."""
        item = self._reader.read(raw)
        if item.key is None:
            return [item]
        self._entries.pop(item.key, None)
        self._unreadable.pop(item.key, None)
        if event_type == "DELETED":
            return []
        if isinstance(item, Entry):
            self._entries[item.key] = item
        else:
            self._unreadable[item.key] = item
        return []

    def _take_page(self, body: bytes, now: float) -> list[Output[T]]:
        try:
            page = decode_page(body)
        except ERRORS as error:
            self._fail(f"what came is no list ({error})", now)
            return []
        self._heard_at = now
        outputs = [output for raw in page.items or () for output in self._gather(raw)]
        self._token = page.metadata.continue_
        return outputs if self._token else [*outputs, self._listed(page.metadata.resource_version)]

    def _take_line(self, line: bytes, now: float) -> list[Output[T]]:
        event = decode_event(line)
        self._heard = True
        self._heard_at = now
        if event.type == "ERROR":
            status = read_status(0, bytes(event.object))
            self._fail(f"the server ended the watch: {status.message}", now)
            self._start_over()
            return []
        if self._goal == "watch":
            self._failures = self._silences = 0
            self._problem = None
        if event.type == "BOOKMARK":
            return self._take_bookmark(event.object)
        if self._goal == "stream":
            return self._gather(event.object, event.type)
        return [self._take_change(event.type, event.object)]

    def _take_bookmark(self, raw: Raw) -> list[Output[T]]:
        metadata = decode_partial(raw).metadata
        if self._goal == "watch":
            self._version = metadata.resource_version or self._version
            return []
        if (metadata.annotations or {}).get("k8s.io/initial-events-end") != "true":
            return []
        snapshot = self._listed(metadata.resource_version)
        # The same answer goes on as a watch.
        self._heard = False
        return [snapshot]

    def _take_change(self, event_type: str, raw: Raw) -> Output[T]:
        try:
            metadata = decode_partial(raw).metadata
        except ERRORS as error:
            return Unreadable(None, "", "", str(error))
        self._version = metadata.resource_version or self._version
        if event_type == "DELETED":
            return Deleted((metadata.namespace, metadata.name), metadata.resource_version)
        return self._reader.read_rest(metadata, raw)

    def _take_cut(self, error: str | None, now: float) -> None:
        if self._goal == "stream" and self._code == 200:
            self._fail(f"the list broke off: {error or 'the answer ended early'}", now)
            self._start_pages()
        elif self._goal == "watch" and self._code == 200:
            if now - self._opened_at >= _LIVED:
                self._failures = 0
            if self._heard and error is None:
                return
            self._fail(None, now)
        else:
            self._fail(error or "the answer ended early", now)

    def _take_refusal(self, status: ApiStatus, now: float) -> list[Output[T]]:
        code = status.code
        if code == 404:
            return self._take_absence(now)
        if code == 410:
            in_one_piece = self._goal == "page" and bool(self._token)
            self._fail("the version is no longer kept by the server; everything is listed anew", now)
            if in_one_piece:
                self._start_pages(in_one_piece=True)
            else:
                self._start_list()
            return []
        self._fail(self._explain(status), now)
        if self._goal == "stream":
            if code in {400, 422}:
                # Servers from before streaming lists, or with them switched off.
                self._can_stream = False
                self._failures = 0
                self._not_before = now
                self._problem = None
            if code not in {401, 403, 429, 503}:
                self._start_pages()
        elif self._goal == "watch" and code in {400, 422, 504}:
            self._start_list()
        elif self._goal == "page" and self._token and code == 400:
            self._start_pages()
        return []

    def _take_absence(self, now: float) -> list[Output[T]]:
        self._start_list()
        self._absences += 1
        if self._held and self._absences < 2:
            # All of a kind's objects go with its CRD. Too much to believe it at the first word.
            self._fail(f"{self.kind.resource} is no longer served; asking once more", now)
            self._not_before = now + 2 * FIRST_DELAY
            return []
        known = self._absent
        self._absent = True
        self._problem = f"the API server does not serve {self.kind.resource} {self.kind.version}: if it is needed, install its CRD"
        self._not_before = now + ABSENT_INTERVAL * (0.5 + 0.5 * self._random())
        return [] if known else [Snapshot("", {}, {})]

    def _explain(self, status: ApiStatus) -> str:
        verb = "watch" if self._goal == "watch" else "list"
        if status.code == 401:
            return f"the API server does not accept our credentials: renew the token or the client certificate ({status.message})"
        if status.code == 403:
            role = "ClusterRole" if self._only is None else f"Role in {self._namespace}"
            return (
                f"not allowed to {verb} {self.kind.resource}: grant the verbs list and watch on it in a {role} that is "
                f"bound to this service account ({status.message})"
            )
        return f"the API server answered {status.code} to {verb} {self.kind.resource}: {status.message}"

    def _fail(self, problem: str | None, now: float) -> None:
        """Wait before the next request; a cut of a watch (``problem`` None) is worth a word only if it happens again."""
        self._reading = False
        self._failures += 1
        if problem is not None or self._failures > 1:
            self._problem = (
                problem or self._problem or "the watch ends again and again before anything is heard"
            )
        delay = min(LONGEST_DELAY, FIRST_DELAY * 2 ** min(self._failures - 1, 16)) * (
            0.5 + 0.5 * self._random()
        )
        self._not_before = now + max(delay, self._retry_after)
