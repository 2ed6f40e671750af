"""Reading all objects of a kind once, for who does not follow them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from kuadrant.kube.api_answers import ERRORS, ObjectReader, decode_page
from kuadrant.kube.client import AbsentError, RequestError, get
from kuadrant.kube.kind import Kind, Listing, T, Unreadable
from kuadrant.kube.list_watch_request import PAGE
from kuadrant.kube.object_list import ObjectList

if TYPE_CHECKING:
    import httpx2

_MOST_PAGES: Final = 10_000


async def read_list(client: httpx2.AsyncClient, kind: Kind[T]) -> Listing[T]:
    """All objects of a kind, in all namespaces; none of a kind that is not served.

    It takes the right to list them, and no other.

    Raises:
        RequestError: They were not given; the text says why.
    """
    objects: ObjectList[T] = ObjectList(ObjectReader(kind, {}))
    parameters = {"limit": str(PAGE)}
    for _ in range(_MOST_PAGES):
        path = f"{kind.path()}?{urlencode(parameters)}"
        try:
            page = decode_page(await get(client, path))
        except AbsentError:
            return Listing("", {}, {})
        except ERRORS as error:
            raise RequestError(f"GET {path}: this is no list ({error})") from error
        for raw in page.items or ():
            for item in objects.gather(raw):
                if isinstance(item, Unreadable):
                    raise RequestError(f"GET {path}: an object has no name ({item.problem})")
        if not page.metadata.continue_:
            return objects.complete(page.metadata.resource_version)
        parameters["continue"] = page.metadata.continue_
    raise RequestError(f"GET {kind.path()}: the list does not end")
