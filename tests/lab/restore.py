"""Delete an object of the operator's and wait until it is back; prints the seconds that it was away as JSON.

Run inside the lab.

Arguments: the path of the object at the API server.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any

from kuadrant.kube.client import find_access

MOST_SECONDS = 30


def content(document: dict[str, Any]) -> dict[str, Any]:
    """What the operator wrote of it."""
    metadata = document["metadata"]
    return {
        "labels": metadata["labels"],
        "ownerReferences": metadata["ownerReferences"],
        "spec": document["spec"],
    }


async def main(path: str) -> None:
    """Delete what is at ``path``."""
    async with find_access().connect() as api, asyncio.timeout(MOST_SECONDS):
        before = (await api.get(path)).raise_for_status().json()
        (await api.delete(path)).raise_for_status()
        began = time.monotonic()
        while True:
            answer = await api.get(path)
            if answer.status_code == 200 and answer.json()["metadata"]["uid"] != before["metadata"]["uid"]:
                break
            await asyncio.sleep(0.005)
        seconds = round(time.monotonic() - began, 3)
    sys.stdout.write(json.dumps({"seconds": seconds, "same": content(answer.json()) == content(before)}))


asyncio.run(main(sys.argv[1]))
