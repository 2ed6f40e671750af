"""Requests at a steady rate, run inside the lab until its input ends.

Tells of each answer on a line as it comes.

A line: Unix time, method, and the status or, where there was no answer, the name of what came in its place.
Arguments: the URL, the methods with commas between them, how many requests a second, and over how many
connections: none is a new one for each request.
"""

from __future__ import annotations

import http.client
import socket
import sys
import threading
import time
from urllib.parse import urlsplit

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


def main(url: str, methods: str, rate: str, connections: str) -> None:
    """Send requests to ``url``."""
    parts = urlsplit(url)
    # Names are looked up once: whether they are answered all the while is no question of the gateway's.
    address = socket.gethostbyname(parts.hostname or "")
    kept = int(connections)
    clients = kept or 1
    pause = clients / float(rate)
    over = threading.Event()
    writing = threading.Lock()

    def work(number: int) -> None:
        connection = http.client.HTTPConnection(address, parts.port, timeout=30)
        due = time.monotonic() + pause * number / clients
        while not over.wait(max(0.0, due - time.monotonic())):
            for method in methods.split(","):
                found = answer(connection, method, parts.path)
                with writing:
                    sys.stdout.write(f"{time.time()} {method} {found}\n")
                    sys.stdout.flush()
            if not kept:
                connection.close()
            # What was missed is not made up for all at once.
            due = max(due + pause * len(methods.split(",")), time.monotonic() - 1)
        connection.close()

    workers = [threading.Thread(target=work, args=(number,)) for number in range(clients)]
    for worker in workers:
        worker.start()
    sys.stdin.read()
    over.set()
    for worker in workers:
        worker.join()


if __name__ == "__main__":
    main(*sys.argv[1:])
