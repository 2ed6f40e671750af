"""Requests one after the other, run inside the lab until its input ends; then tells the statuses that it saw.

Each line is a status, and when the first and the last of so many answers in a row came, in seconds of Unix time.
"""

import http.client
import sys
import threading
import time

PAUSE = 0.005


def main(address: str, host: str, path: str) -> None:
    over = threading.Event()

    def listen() -> None:
        sys.stdin.read()
        over.set()

    threading.Thread(target=listen, daemon=True).start()
    rows: list[tuple[int, float, float, int]] = []
    connection = http.client.HTTPConnection(address, timeout=30)
    while not over.is_set():
        try:
            connection.request("POST", path, headers={"Host": host})
            answer = connection.getresponse()
            answer.read()
            status = answer.status
        except (OSError, http.client.HTTPException):
            connection.close()
            status = 0
        now = time.time()
        if rows and rows[-1][0] == status:
            rows[-1] = (status, rows[-1][1], now, rows[-1][3] + 1)
        else:
            rows.append((status, now, now, 1))
        time.sleep(PAUSE)
    sys.stdout.writelines(f"{' '.join(map(str, row))}\n" for row in rows)


if __name__ == "__main__":
    main(*sys.argv[1:])
