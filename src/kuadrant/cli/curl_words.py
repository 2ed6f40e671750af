"""A request in curl's words, as commands take it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Final

from cyclopts import Parameter
from cyclopts.validators import Number

from kuadrant.cli.more_curl_words import MoreCurlWords

if TYPE_CHECKING:
    from kuadrant.cli.curl_values import When
    from kuadrant.explanation import ClientRequest

_MORE: Final = MoreCurlWords()


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class CurlWords:
    """The part of a request that stands beside its URL.

    Attributes:
        request: The method, by default GET, with --data POST.
        header: A header, as 'name: value'; may be given more than once.
        data: A body, or with @FILE what is in a file; several are joined with &. Policies see its length
            and type, in no case what it says.
        times: How often the request is sent; told is the last one.
        at: When the last request comes, after the first one: seconds, or a duration such as 1m30s. Or a
            moment, such as 2026-01-02T03:04:05Z, which is what request.time is then.
        port: The Gateway's port, whatever the URL says.
        gateway: The Gateway, as name or namespace/name, where several are meant.
        source: The client's IP address, with :PORT if policies look at it.
        jwt: The claims of the client's token as a JSON object, as the gateway's JWT filter has them.
        more: Words that are seldom needed.
    """

    request: Annotated[str | None, Parameter(name=["--request", "-X"], metavar="METHOD")] = None
    header: Annotated[tuple[str, ...], Parameter(name=["--header", "-H"], metavar="'NAME: VALUE'...")] = ()
    data: Annotated[tuple[str, ...], Parameter(name=["--data", "-d"])] = ()
    times: Annotated[int, Parameter(validator=Number(gte=1))] = 1
    at: Annotated[str | None, Parameter(metavar="DURATION|MOMENT")] = None
    port: Annotated[int | None, Parameter(validator=Number(gte=1, lte=65535))] = None
    gateway: Annotated[str | None, Parameter(metavar="NAME")] = None
    source: Annotated[str | None, Parameter(name="--from", metavar="IP[:PORT]")] = None
    jwt: Annotated[str | None, Parameter(metavar="JSON")] = None
    more: MoreCurlWords = _MORE

    def of(self, url: str) -> tuple[ClientRequest, When]:
        """The request that curl would send to ``url``, and when.

        Raises:
            RequestError: One of the words is not what it has to be.
        """
        from kuadrant.cli.curl_values import body_of, claims_of, when_of  # noqa: PLC0415
        from kuadrant.explanation import ClientRequest, header_of  # noqa: PLC0415

        when = when_of(self.at)
        given = [header for text in self.header if (header := header_of(text)) is not None]
        body = self.more.body(body_of(self.data) if self.data else None)
        given += self.more.headers(
            (text.partition(":")[0].removesuffix(";").lower().strip() for text in self.header), body
        )
        asked = ClientRequest(
            url=self.more.target(url, body),
            method=self.request or self.more.method(has_body=body is not None),
            headers=tuple(given),
            body=b"" if self.more.get else body or b"",
            port=self.port,
            gateway=self.gateway,
            source=self.source,
            claims=claims_of(self.jwt),
            time=when.moment,
        )
        return asked, when
