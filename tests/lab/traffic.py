"""GET and POST one after the other, run inside the lab until its input ends; then prints what was answered as JSON.

Arguments: the URL. The result has a map for each method: the status, or the name of the error where there was no answer,
and how often.
"""

from __future__ import annotations

import http.client
import json
import socket
import sys
import threading
import time
from collections import Counter
from urllib.parse import urlsplit

PAUSE = 0.01
HOST = "api.toystore.com"


def answer(connection: http.client.HTTPConnection, method: str, path: str) -> str:
    """What one request gets."""
    try:
        connection.request(method, path, headers={"Host": HOST})
        response = connection.getresponse()
        response.read()
    except (OSError, http.client.HTTPException) as error:
        connection.close()
        return type(error).__name__
    return str(response.status)


def main(url: str) -> None:
    """Send requests to ``url``."""
    parts = urlsplit(url)
    over = threading.Event()

    def listen() -> None:
        sys.stdin.read()
        over.set()

    threading.Thread(target=listen, daemon=True).start()
    # Names are looked up once: whether they are answered all the while is no question of the gateway's.
    address = socket.gethostbyname(parts.hostname or "")
    connection = http.client.HTTPConnection(address, parts.port, timeout=10)
    seen: dict[str, Counter[str]] = {"GET": Counter(), "POST": Counter()}
    while not over.is_set():
        for method, answers in seen.items():
            answers[answer(connection, method, parts.path)] += 1
        time.sleep(PAUSE)
    sys.stdout.write(json.dumps(seen))


main(sys.argv[1])
