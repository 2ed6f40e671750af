"""Load in the background."""

from __future__ import annotations

import asyncio
import threading

from tests.e2e.load import Result, load

POST = b"POST /toys HTTP/1.1\r\nhost: api.toystore.com\r\ncontent-length: 0\r\n\r\n"


class Clients:
    """Load in the background until `stop`."""

    def __init__(self, port: int, connections: int, request: bytes = POST, *, rate: float = 0.0) -> None:
        self._go = True
        self.result = Result()

        def work() -> None:
            self.result = asyncio.run(
                load(port, request, connections=connections, more=lambda: self._go, rate=rate)
            )

        self._thread = threading.Thread(target=work)
        self._thread.start()

    def stop(self) -> Result:
        self._go = False
        self._thread.join()
        return self.result
