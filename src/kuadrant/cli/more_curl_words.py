"""Words of curl that are seldom needed for a request, and those that change none."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

from cyclopts import Parameter

if TYPE_CHECKING:
    from kuadrant.explanation import RequestError

_JSON: Final = "application/json"
_FORM: Final = "application/x-www-form-urlencoded"


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class MoreCurlWords:
    """Holds what else curl may be told of a request.

    Attributes:
        get: Put what --data says behind the ? of the URL, and ask by GET.
        head: Ask by HEAD.
        data_raw: As --data, and an @ is one.
        data_binary: As --data, and the ends of lines of a @FILE stay.
        json: A body of JSON, with the headers that say so.
        user: NAME:PASSWORD, which becomes the header authorization.
        silent: Taken as curl's word, and changes nothing; so are the next ones.
        show_error: As --silent.
        include: As --silent.
        insecure: As --silent.
        location: As --silent: told is what becomes of the request to this URL.
        form: There is none here.
        data_urlencode: There is none here.
    """

    get: Annotated[bool, Parameter(name=["--get", "-G"], negative=())] = False
    head: Annotated[bool, Parameter(name=["--head", "-I"], negative=())] = False
    data_raw: tuple[str, ...] = ()
    data_binary: tuple[str, ...] = ()
    json: tuple[str, ...] = ()
    user: Annotated[str | None, Parameter(name=["--user", "-u"], metavar="NAME:PASSWORD")] = None
    silent: Annotated[bool, Parameter(name=["--silent", "-s"], negative=(), show=False)] = False
    show_error: Annotated[bool, Parameter(name=["--show-error", "-S"], negative=(), show=False)] = False
    include: Annotated[bool, Parameter(name=["--include", "-i"], negative=(), show=False)] = False
    insecure: Annotated[bool, Parameter(name=["--insecure", "-k"], negative=(), show=False)] = False
    location: Annotated[bool, Parameter(name=["--location", "-L"], negative=(), show=False)] = False
    form: Annotated[tuple[str, ...], Parameter(name=["--form", "-F"], show=False)] = ()
    data_urlencode: Annotated[tuple[str, ...], Parameter(show=False)] = ()

    def body(self, data: bytes | None) -> bytes | None:
        """The whole body, of which ``data`` is what --data says; None if there is none.

        Raises:
            RequestError: A word is one that nothing is known of here, does not go with another, or names a
                file that cannot be read.
        """
        if self.form:
            raise _wrong(
                "-F makes a body with parts, which is not made here; write --data-binary @FILE and "
                "-H 'content-type: multipart/form-data; boundary=..'"
            )
        if self.data_urlencode:
            raise _wrong("--data-urlencode is not there; write --data-raw with the encoded text")
        given = [] if data is None else [data]
        given += map(_binary, self.data_binary)
        given += map(os.fsencode, self.data_raw)
        if self.json and given:
            raise _wrong("--json stands without another body; write one of the two")
        if self.head and (given or self.json) and not self.get:
            raise _wrong("with -I there is no body, as for curl; leave out one of the two, or add -G")
        if self.json:
            return b"".join(map(_binary, self.json))
        return b"&".join(given) if given else None

    def target(self, url: str, body: bytes | None) -> str:
        """``url`` with ``body`` as its query, if --get says so."""
        if not self.get or not body:
            return url
        bare, sharp, fragment = url.partition("#")
        text = body.decode("utf-8", "surrogateescape")
        return f"{bare}{'&' if '?' in bare else '?'}{text}{sharp}{fragment}"

    def method(self, *, has_body: bool) -> str:
        """The method, if none is written."""
        return "HEAD" if self.head else "POST" if has_body and not self.get else "GET"

    def headers(self, named: Iterable[str], body: bytes | None) -> list[tuple[str, str]]:
        """The headers that come with these words, but those that are ``named``, in lower case.

        Raises:
            RequestError: There is no password.
        """
        # As by curl, what is written as 'name:' is not sent either.
        names = frozenset(named)
        found: list[tuple[str, str]] = []
        if self.user is not None:
            if ":" not in self.user:
                raise _wrong("-u: a password is not asked for; write NAME:PASSWORD")
            word = base64.b64encode(os.fsencode(self.user)).decode()
            found.append(("authorization", f"Basic {word}"))
        if body is not None and not self.get:
            if "transfer-encoding" not in names:
                found.append(("content-length", str(len(body))))
            found.append(("content-type", _JSON if self.json else _FORM))
        if self.json:
            found.append(("accept", _JSON))
        return [(name, value) for name, value in found if name not in names]


def _wrong(text: str) -> RequestError:
    from kuadrant.explanation import RequestError  # noqa: PLC0415

    return RequestError(text)


def _binary(text: str) -> bytes:
    if not text.startswith("@"):
        return os.fsencode(text)
    if text == "@-":
        raise _wrong("a body is not read from standard input; write @FILE")
    try:
        return Path(text[1:]).read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise _wrong(f"{text[1:]} cannot be read: {reason}") from None
