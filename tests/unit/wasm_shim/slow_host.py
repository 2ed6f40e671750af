"""A host whose expressions take time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .examples import calls
from .proxy_wasm_host import Host

if TYPE_CHECKING:
    from .proxy_wasm_host import Header


class SlowHost(Host):
    """A host on which each evaluation of an expression takes ``milliseconds``."""

    milliseconds = 0.0

    def _proxy_call_foreign_function(self, *arguments: int) -> int:
        if self._text(*arguments[:2]) == "expr_evaluate":
            self.clock += round(self.milliseconds * 1_000_000)
        return super()._proxy_call_foreign_function(*arguments)

    def answers(self, headers: list[Header], milliseconds: float = 0.0) -> bool:
        """Whether a request is looked at, whose expression takes so long; otherwise it is refused."""
        self.milliseconds = milliseconds
        if calls(self, headers):
            return True
        assert list(self.streams.values())[-1].response.status == 500
        return False
