"""The answer of the API server to the request that is under way, as far as it came."""

from __future__ import annotations

from kuadrant.kube.api_answers import Lines

_ERROR_BODY = 64 * 1024


class Answer:
    """Holds what came of one answer.

    Attributes:
        opened_at: When the request was made.
        last_byte_at: When the last byte came.
        heard: Whether an event came.
        code: The status code; 0 before the head came.
        retry_after: How many seconds the server wants us to wait.
        lines: The lines of a watch.
    """

    def __init__(self, now: float) -> None:
        """Begin, with a request that is made now."""
        self.opened_at = self.last_byte_at = now
        self.heard = False
        self.code = 0
        self.retry_after = 0.0
        self.lines = Lines()
        self._body: list[bytes] = []
        self._size = 0

    def respond(self, code: int, retry_after: str | None, now: float) -> None:
        """Take the head: its status code and its Retry-After."""
        self.last_byte_at = now
        self.code = code
        self.retry_after = float(retry_after) if retry_after is not None and retry_after.isdecimal() else 0.0

    def keep(self, data: bytes) -> None:
        """Keep the next bytes of a body that is read as a whole; of a refusal, the beginning is enough."""
        if self.code == 200 or self._size < _ERROR_BODY:
            self._body.append(data)
            self._size += len(data)

    @property
    def body(self) -> bytes:
        """The body that was kept."""
        return b"".join(self._body)
