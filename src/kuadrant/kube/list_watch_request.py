"""The requests by which a kind is followed: a streaming list, a list in pages, or a watch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from kuadrant.kube.kind import Labelled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kuadrant.kube.kind import Key

PAGE = 500
_WATCH_SECONDS = 300


class ListWatch:
    """Knows the request that comes next.

    Attributes:
        goal: A streaming list, the next page of a list, or a watch.
        version: The version that a watch goes on from.
        token: What the next page is asked for by; empty for the first one.
        namespace: The one that objects are followed in; empty for all.
    """

    def __init__(self, only: Key | Labelled | None, random: Callable[[], float]) -> None:
        """Begin with a list of all objects, or of ``only`` one, or of those with certain labels.

        Args:
            only: What is followed; None for all.
            random: Gives numbers from 0 to 1.
        """
        self.goal: Literal["stream", "page", "watch"] = "stream"
        self.version = ""
        self.token = ""
        self.namespace = "" if only is None else only.namespace if isinstance(only, Labelled) else only[0]
        self._only = only
        self._random = random
        self._can_stream = True
        self._in_one_piece = False

    @property
    def begins_list(self) -> bool:
        """Tell whether what comes next is the beginning of a list."""
        return self.goal == "stream" or (self.goal == "page" and not self.token)

    def parameters(self) -> Iterator[tuple[str, str]]:
        """Yield the parameters of the request."""
        if isinstance(self._only, Labelled):
            yield "labelSelector", self._only.selector
        elif self._only is not None:
            yield "fieldSelector", f"metadata.name={self._only[1]}"
        if self.goal == "page":
            if not self._in_one_piece:
                yield "limit", str(PAGE)
            if self.token:
                yield "continue", self.token
            return
        yield "watch", "true"
        yield "allowWatchBookmarks", "true"
        if self.goal == "stream":
            yield "sendInitialEvents", "true"
            yield "resourceVersionMatch", "NotOlderThan"
        else:
            yield "resourceVersion", self.version
        # Not all at once: the watches of one process were opened together.
        yield "timeoutSeconds", str(int(_WATCH_SECONDS * (1 + self._random())))

    def start_list(self) -> None:
        """List everything anew, as a stream where the server has it."""
        self.goal = "stream" if self._can_stream else "page"
        self.token = ""
        self._in_one_piece = False

    def start_pages(self, *, in_one_piece: bool = False) -> None:
        """List everything anew in pages, or ``in_one_piece``."""
        self.start_list()
        self.goal = "page"
        self._in_one_piece = in_one_piece

    def start_over(self) -> None:
        """List anew after what came went wrong.

        A streaming list that fails is not tried a second time before a list succeeded.
        """
        if self.goal == "stream":
            self.start_pages()
        else:
            self.start_list()

    def stream_no_more(self) -> None:
        """Take note that the server has no streaming lists."""
        self._can_stream = False

    def watch_from(self, version: str) -> None:
        """Go on with a watch: a list is complete."""
        self.start_list()
        self.goal = "watch"
        self.version = version
