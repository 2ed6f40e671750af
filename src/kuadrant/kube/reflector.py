"""Keeping up with all objects of one kind, without a socket and without a clock.

The one who drives it asks ``next`` what to do, makes that request, and hands in the head of the answer, its
bytes and its end; objects come out. The rules:

* First everything is listed: as a streaming list where the server has it, else in pages. Then changes are
  watched from the version of the list on.
* A watch that ends, whatever way, is resumed from the last version that was seen; bookmarks keep that version
  young. Half a line is dropped: the server sends it again.
* A version that the server no longer has (410), an ERROR event, or a step back means a new list. A list comes
  out whole, so that what is missing in it is gone: no deletion is lost. If a page's token expires, the list
  is asked for in one piece.
* A watch in which nothing is heard for ``SILENCE`` is given up: bookmarks come every minute. The second time
  in a row everything is listed anew, since a server that was restored from a backup never gets to the version
  that we wait for.
* A kind that is not served (404) is empty, and is looked for again. If there were objects, two answers must
  say so.
* Whoever fails waits, longer each time and never exactly as long as others; a stream that brings something
  ends that.
"""

from __future__ import annotations

import random as random_module
from typing import TYPE_CHECKING, Generic, Literal

from msgspec import Struct

from kuadrant.kube.api_answers import (
    ERRORS,
    ApiStatus,
    ObjectReader,
    decode_event,
    decode_page,
    decode_partial,
    read_status,
)
from kuadrant.kube.kind import (
    Deleted,
    Key,
    Kind,
    Labelled,
    Listing,
    Output,
    StoredObject,
    T,
    Unreadable,
    is_before,
)
from kuadrant.kube.list_watch_request import ListWatch
from kuadrant.kube.object_list import ObjectList
from kuadrant.kube.pending_answer import Answer
from kuadrant.kube.reflector_backoff import Backoff
from kuadrant.kube.refusal_text import refusal_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from msgspec import Raw

SILENCE = 90.0
"""Seconds without a byte after which a connection is taken for dead."""
ABSENT_INTERVAL = 5.0
"""Seconds after which a kind that is not served is looked for again."""
_LIVED = 10.0
"""A watch that was open for so many seconds was no failure, even if nothing happened in it."""

Phase = Literal["listing", "watching", "absent"]


class Get(Struct, frozen=True):
    """A GET request to make now; its answer goes to ``respond``, ``receive`` and ``end``."""

    path: str
    parameters: tuple[tuple[str, str], ...]


class Wait(Struct, frozen=True):
    """Nothing is to be done before ``until``."""

    until: float


class Status(Struct, frozen=True):
    """Tells how following stands.

    Attributes:
        phase: What is being done.
        problem: What is wrong and what to do; None while all is well.
        heard_at: When the server last said something of this kind; None before the first time.
    """

    phase: Phase
    problem: str | None
    heard_at: float | None


class Reflector(Generic[T]):
    """Keeps up with one kind: says what to ask for, and gives the objects that come.

    ``held`` is what the caller's store has; an object in it is not read again if its version is the same.
    With ``only`` that one object is followed, for which a Role that names it is enough, or those of a
    namespace that have certain labels; all others are not there. ``random`` gives numbers from 0 to 1 for
    jitter.
    """

    def __init__(
        self,
        kind: Kind[T],
        held: Mapping[Key, StoredObject[T]],
        random: Callable[[], float] = random_module.random,
        *,
        only: Key | Labelled | None = None,
    ) -> None:
        self.kind = kind
        self._held = held
        self._reader = ObjectReader(kind, held)
        self._list = ObjectList(self._reader)
        self._asked = ListWatch(only, random)
        self._answer = Answer(0.0)
        self._backoff = Backoff(random)
        self._reading = False
        self._silences = 0
        self._absences = 0
        self._absent = False
        self._problem: str | None = None
        self._heard_at: float | None = None

    @property
    def reading(self) -> bool:
        """Tell whether more of the present answer is wanted; if not, its connection is to be closed."""
        return self._reading

    @property
    def deadline(self) -> float:
        """The moment to call ``expire`` if no byte comes before."""
        return self._answer.last_byte_at + SILENCE

    @property
    def status(self) -> Status:
        """The present state of following the kind."""
        phase: Phase = "absent" if self._absent else "watching" if self._asked.goal == "watch" else "listing"
        return Status(phase, self._problem, self._heard_at)

    def next(self, now: float) -> Get | Wait:
        """Return what to do next; a request that is returned counts as begun."""
        if now < self._backoff.until:
            return Wait(self._backoff.until)
        self._reading = True
        self._answer = Answer(now)
        if self._asked.begins_list:
            self._list.forget()
        namespace = self._asked.namespace
        path = self.kind.collection(namespace) if namespace else self.kind.path()
        return Get(path, tuple(self._asked.parameters()))

    def look_again(self, now: float) -> None:
        """The kind may be served by now: do not wait any longer to look."""
        if self._absent:
            self._backoff.until = min(self._backoff.until, now)

    def respond(self, code: int, retry_after: str | None, now: float) -> None:
        """The head of the answer: its status code and its Retry-After."""
        self._answer.respond(code, retry_after, now)
        if code == 200 and self._asked.goal == "watch":
            self._problem = None

    def receive(self, data: bytes, now: float) -> list[Output[T]]:
        """The next bytes of the answer."""
        if not self._reading:
            return []
        self._answer.last_byte_at = now
        if self._answer.code != 200 or self._asked.goal == "page":
            self._answer.keep(data)
            return []
        outputs: list[Output[T]] = []
        try:
            for line in self._answer.lines.feed(data):
                if not self._reading:
                    break
                outputs += self._take_line(line, now)
        except ERRORS as error:
            self._fail(f"what came is no watch event ({error}); everything is listed anew", now)
            self._asked.start_over()
        return outputs

    def end(self, now: float, error: str | None = None) -> list[Output[T]]:
        """The answer ended, or the request failed with ``error``."""
        if not self._reading:
            return []
        self._reading = False
        if error is not None:
            self._take_cut(error, now)
            return []
        if self._answer.code != 200:
            return self._take_refusal(read_status(self._answer.code, self._answer.body), now)
        if self._asked.goal == "page":
            return self._take_page(self._answer.body, now)
        self._take_cut(None, now)
        return []

    def expire(self, now: float) -> None:
        """Nothing came until the deadline."""
        if not self._reading:
            return
        self._reading = False
        if self._asked.goal == "watch" and self._answer.code == 200:
            self._silences += not self._answer.heard
            self._fail(f"nothing was heard for {SILENCE:.0f} s; the watch is opened again", now)
            if self._silences >= 2:
                self._silences = 0
                self._asked.start_list()
            return
        self._fail(f"no answer for {SILENCE:.0f} s", now)
        if self._asked.goal == "stream":
            self._asked.start_pages()

    def _listed(self, version: str) -> Listing[T]:
        snapshot = self._list.complete(version)
        self._asked.watch_from(version)
        self._problem = None
        self._absences = 0
        self._absent = False
        return snapshot

    def _take_page(self, body: bytes, now: float) -> list[Output[T]]:
        try:
            page = decode_page(body)
        except ERRORS as error:
            self._fail(f"what came is no list ({error})", now)
            return []
        self._heard_at = now
        outputs = [output for raw in page.items or () for output in self._list.gather(raw)]
        self._asked.token = page.metadata.continue_
        return outputs if self._asked.token else [*outputs, self._listed(page.metadata.resource_version)]

    def _take_line(self, line: bytes, now: float) -> list[Output[T]]:
        event = decode_event(line)
        self._answer.heard = True
        self._heard_at = now
        if event.type == "ERROR":
            status = read_status(0, bytes(event.object))
            self._fail(f"the server ended the watch: {status.message}", now)
            self._asked.start_over()
            return []
        if self._asked.goal == "watch":
            self._backoff.failures = self._silences = 0
            self._problem = None
        if event.type == "BOOKMARK":
            return self._take_bookmark(event.object, now)
        if self._asked.goal == "stream":
            return self._list.gather(event.object, event.type)
        return self._take_change(event.type, event.object, now)

    def _take_bookmark(self, raw: Raw, now: float) -> list[Output[T]]:
        metadata = decode_partial(raw).metadata
        if self._asked.goal == "watch":
            self._go_on(metadata.resource_version, now)
            return []
        if (metadata.annotations or {}).get("k8s.io/initial-events-end") != "true":
            return []
        snapshot = self._listed(metadata.resource_version)
        # The same answer goes on as a watch.
        self._answer.heard = False
        return [snapshot]

    def _take_change(self, event_type: str, raw: Raw, now: float) -> list[Output[T]]:
        try:
            metadata = decode_partial(raw).metadata
        except ERRORS as error:
            return [Unreadable(None, "", "", str(error))]
        if not self._go_on(metadata.resource_version, now):
            return []
        if event_type == "DELETED":
            return [Deleted((metadata.namespace, metadata.name), metadata.resource_version)]
        return [self._reader.read_rest(metadata, raw)]

    def _go_on(self, version: str, now: float) -> bool:
        """Note a version of the watch; return whether it is not older than what was seen."""
        if is_before(version, self._asked.version):
            self._fail("the watch goes back to what was before; everything is listed anew", now)
            self._asked.start_list()
            return False
        self._asked.version = version or self._asked.version
        return True

    def _take_cut(self, error: str | None, now: float) -> None:
        if self._asked.goal == "stream" and self._answer.code == 200:
            self._fail(f"the list broke off: {error or 'the answer ended early'}", now)
            self._asked.start_pages()
        elif self._asked.goal == "watch" and self._answer.code == 200:
            if now - self._answer.opened_at >= _LIVED:
                self._backoff.failures = 0
            if self._answer.heard and error is None:
                return
            self._fail(None, now)
        else:
            self._fail(error or "the answer ended early", now)

    def _take_refusal(self, status: ApiStatus, now: float) -> list[Output[T]]:
        code = status.code
        if code == 404:
            return self._take_absence(now)
        if code == 410:
            in_one_piece = self._asked.goal == "page" and bool(self._asked.token)
            self._fail("the version is no longer kept by the server; everything is listed anew", now)
            if in_one_piece:
                self._asked.start_pages(in_one_piece=True)
            else:
                self._asked.start_list()
            return []
        verb = "watch" if self._asked.goal == "watch" else "list"
        self._fail(refusal_text(status, verb, self.kind.resource, self._asked.namespace), now)
        if self._asked.goal == "stream":
            if code in {400, 422}:
                # Servers from before streaming lists, or with them switched off.
                self._asked.stream_no_more()
                self._backoff.failures = 0
                self._backoff.until = now
                self._problem = None
            if code not in {401, 403, 429, 503}:
                self._asked.start_pages()
        elif self._asked.goal == "watch" and code in {400, 422, 504}:
            self._asked.start_list()
        elif self._asked.goal == "page" and self._asked.token and code == 400:
            self._asked.start_pages()
        return []

    def _take_absence(self, now: float) -> list[Output[T]]:
        self._asked.start_list()
        self._absences += 1
        if self._held and self._absences < 2:
            # All of a kind's objects go with its CRD. Too much to believe it at the first word.
            self._fail(f"{self.kind.resource} is no longer served; asking once more", now)
            self._backoff.ask_once_more(now)
            return []
        known = self._absent
        self._absent = True
        served = f"{self.kind.resource} {self.kind.version}"
        self._problem = f"the API server does not serve {served}: if it is needed, install its CRD"
        self._backoff.until = now + self._backoff.about(ABSENT_INTERVAL)
        return [] if known else [Listing("", {}, {})]

    def _fail(self, problem: str | None, now: float) -> None:
        """Wait before the next request; the cut of a watch, no ``problem``, is told if it happens again."""
        self._reading = False
        if problem is not None or self._backoff.failures:
            endless = "the watch ends again and again before anything is heard"
            self._problem = problem or self._problem or endless
        self._backoff.fail(now, self._answer.retry_after)
