"""HTTP requests to the hosts that ``network`` under ``[permissions]`` in ``Pie.toml`` lists, and to no others.

:func:`get`, :func:`post` and :func:`request` wait for the whole response, whatever its status is; requests of several tasks are under way
at once. Redirects are not followed. What the engine records of a run has the bodies, without what is secret in headers, so a run can be
replayed without a network.

A program that *responds* to requests has a function with :func:`handler` in the place of ``main``, and runs under ``bakery run --http
127.0.0.1:8080``, once for each request.

>>> response = Response(200, [("content-type", b"application/json")], b'{"loaves":2}')
>>> response.success().json()
{'loaves': 2}
"""

from __future__ import annotations

import json as json_module
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from . import jsons, wire
from .errors import InferletError
from .waiting import waits
from .wire import BodyWriter, Headers

__all__ = ["BodyWriter", "IncomingRequest", "OutgoingResponse", "Response", "get", "handler", "post", "request"]

HANDLER = "__inferlet_handler__"
"""What marks the function that responds to requests."""

_Handler = TypeVar("_Handler", bound=Callable[..., Awaitable[Any]])


class _Message:
    """What is the same for all messages that come."""

    headers: list[tuple[str, bytes]]
    body: bytes

    def header(self, name: str) -> str | None:
        """The first value of a header, if it is text."""
        for own, value in self.headers:
            if own.lower() == name.lower():
                try:
                    return value.decode()
                except UnicodeDecodeError:
                    return None
        return None

    def text(self) -> str:
        """The body as text. Raises :class:`InferletError` if it is none."""
        try:
            return self.body.decode()
        except UnicodeDecodeError as error:
            raise InferletError(f"the body is not text: {error}") from None

    def json(self, kind: Any = Any) -> Any:
        """The body as JSON; of a type, if one is given: a dataclass, ``list[str]``, a pydantic model. Raises :class:`InferletError` if it is none."""
        try:
            value = json_module.loads(self.body)
        except ValueError as error:
            raise InferletError(f"the body is not JSON: {error}") from None
        try:
            return value if kind is Any else jsons.from_json(value, kind)
        except InferletError as error:
            raise InferletError(f"the body is not the JSON that was expected: {error}") from None


@dataclass(frozen=True)
class Response(_Message):
    """A response that has come."""

    status: int
    """``200``, for example."""
    headers: list[tuple[str, bytes]]
    """Names in lower case, in the order in which they came."""
    body: bytes
    """All of it."""

    def success(self) -> Response:
        """The response itself if its status says that the request was successful, from 200 to 299. Else raises :class:`InferletError` with the
        status and the beginning of the body."""
        if 200 <= self.status < 300:
            return self
        head = self.body.decode(errors="replace")[:200]
        raise InferletError(f"the server answered with status {self.status}: {head}")


@dataclass(frozen=True)
class IncomingRequest(_Message):
    """The request that the program responds to."""

    method: str
    """``"GET"`` and the like."""
    path: str
    """``"/bread"``, for example, without what follows ``?``."""
    query: str | None
    """What follows ``?``, as it was sent."""
    authority: str | None
    """The host that the client asked, and the port if it is given."""
    headers: list[tuple[str, bytes]]
    """Names in lower case, in the order in which they came."""
    body: bytes
    """All of it."""


class OutgoingResponse:
    """The program's response.

    ``write`` writes the rest of the body while the client reads it, behind ``body``: for a text that a model writes. The status and the
    headers go out before, so an error in the middle only cuts the response off::

        async def tell(body: http.BodyWriter) -> None:
            async for text in ctx.generate(Sampler.argmax(), max_tokens=40).text():
                await body.write(text)

        return http.OutgoingResponse(headers={"content-type": "text/plain"}, write=tell)
    """

    def __init__(
        self,
        status: int = 200,
        *,
        body: str | bytes = b"",
        headers: Headers = (),
        write: Callable[[BodyWriter], Awaitable[None]] | None = None,
    ) -> None:
        self.status = status
        self.headers = headers
        self.body = body.encode() if isinstance(body, str) else bytes(body)
        self.write = write

    @classmethod
    def text(cls, text: str, status: int = 200) -> OutgoingResponse:
        """A text, and the header that says so."""
        return cls(status, body=text, headers=[("content-type", "text/plain; charset=utf-8")])

    @classmethod
    def json(cls, value: Any, status: int = 200) -> OutgoingResponse:
        """A value as JSON, and the header that says so: what JSON has, dataclasses, pydantic models."""
        return cls(status, body=jsons.dumps(value), headers=[("content-type", "application/json")])


def handler(function: _Handler) -> _Handler:
    """Marks the ``async def`` that responds to requests, with an :class:`IncomingRequest` as its parameter. It returns an
    :class:`OutgoingResponse`, or a text or a value, which become one. What it raises is a response with status 500 and the error as its text.

    bakery reads from the source whether a program responds to requests, so the mark is written as ``@http.handler``, at the top level::

        from inferlet import http

        @http.handler
        async def handle(request: http.IncomingRequest) -> http.OutgoingResponse:
            if request.path != "/bread":
                return http.OutgoingResponse.text("there is only bread\\n", status=404)
            return http.OutgoingResponse.json({"loaves": len(request.json())})
    """
    setattr(function, HANDLER, True)
    return function


@waits
async def get(url: str, *, headers: Headers = (), timeout: float | None = None) -> Response:
    """Gets what is at a URL; otherwise as :func:`request`."""
    return await _sent("GET", url, headers, b"", timeout)


@waits
async def post(
    url: str, *, json: Any = None, body: str | bytes = b"", headers: Headers = (), timeout: float | None = None
) -> Response:
    """Posts a body, or a value as JSON with the header that says so; otherwise as :func:`request`."""
    return await _sent("POST", url, *_content(headers, body, json), timeout)


@waits
async def request(
    method: str,
    url: str,
    *,
    json: Any = None,
    body: str | bytes = b"",
    headers: Headers = (),
    timeout: float | None = None,
) -> Response:
    """Sends a request with any method and waits for all of the response, ``timeout`` seconds at most; without one, a minute.

    Raises :class:`InferletError` that says what was asked and why there is no response.
    """
    return await _sent(method, url, *_content(headers, body, json), timeout)


async def received(raw: Any) -> IncomingRequest:
    """The request of the bindings, whole."""
    method, authority, target, headers, body = await wire.receive(raw)
    path, found, query = target.partition("?")
    return IncomingRequest(method, path, query if found else None, authority, headers, body)


def response_of(value: Any) -> OutgoingResponse:
    """What a handler has returned, as a response."""
    if isinstance(value, OutgoingResponse):
        return value
    return OutgoingResponse.text(value) if isinstance(value, str) else OutgoingResponse.json(value)


def _content(headers: Headers, body: str | bytes, value: Any) -> tuple[Headers, bytes]:
    if value is None:
        return headers, body.encode() if isinstance(body, str) else bytes(body)
    pairs = list(headers.items() if isinstance(headers, Mapping) else headers)
    return [*pairs, ("content-type", "application/json")], jsons.dumps(value).encode()


async def _sent(method: str, url: str, headers: Headers, body: bytes, timeout: float | None) -> Response:
    try:
        return Response(*await wire.exchange(method, url, headers, body, timeout))
    except InferletError as error:
        raise InferletError(f"{method} {url}: {error}") from None
