"""HTTP requests to the hosts that ``network`` under ``[permissions]`` in ``Pie.toml`` lists, and to no others.

:func:`get`, :func:`post` and :func:`request` wait for the whole response, whatever its status is; requests of several tasks are under way
at once. Redirects are not followed. What the engine records of a run has the bodies, without what is secret in headers, so a run can be
replayed without a network.

>>> response = Response(200, [("content-type", b"application/json")], b'{"loaves":2}')
>>> response.success().json()
{'loaves': 2}
"""

from __future__ import annotations

import json as json_module
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from . import _bindings, jsons
from ._bindings import Err
from .errors import InferletError
from .waiting import pollable_ready, waits

__all__ = ["Response", "get", "post", "request"]

_READ_BYTES = 64 << 10
_METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH")

Headers = Mapping[str, "str | bytes"] | Iterable["tuple[str, str | bytes]"]
"""Names and values; a name may come more than once in a list of pairs."""

# Those that a manifest can help with say so.
_REASONS = {
    "HttpRequestDenied": "the host is not among those that `[permissions]` in `Pie.toml` lists under `network`",
    "DestinationIpProhibited": "the host leads to an address of a private network, and such have to be listed themselves under `network`",
    "HttpResponseTimeout": "the server took too long",
    "ConnectionTimeout": "the server took too long",
    "HttpResponseBodySize": "the body of the response is too long",
    "ConnectionRefused": "the server refused the connection",
    "DnsError": "the host cannot be found",
    "DestinationNotFound": "the host cannot be found",
    "TlsCertificateError": "the server's certificate is not trusted",
    "HttpRequestUriInvalid": "the URL has no host that can be asked",
}


@dataclass(frozen=True)
class Response:
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

    def json(self) -> Any:
        """The body as JSON. Raises :class:`InferletError` if it is none."""
        try:
            return json_module.loads(self.body)
        except ValueError as error:
            raise InferletError(f"the body is not JSON: {error}") from None


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


def _content(headers: Headers, body: str | bytes, value: Any) -> tuple[Headers, bytes]:
    if value is None:
        return headers, body.encode() if isinstance(body, str) else bytes(body)
    pairs = list(headers.items() if isinstance(headers, Mapping) else headers)
    return [*pairs, ("content-type", "application/json")], jsons.dumps(value).encode()


async def _sent(method: str, url: str, headers: Headers, body: bytes, timeout: float | None) -> Response:
    try:
        return await _exchange(method, url, headers, body, timeout)
    except InferletError as error:
        raise InferletError(f"{method} {url}: {error}") from None


async def _exchange(method: str, url: str, headers: Headers, body: bytes, timeout: float | None) -> Response:
    secure, authority, path = _parts(url)
    if isinstance(_bindings.http, _bindings._Absent):
        raise InferletError("the program may not ask any host: `network` under `[permissions]` in `Pie.toml` lists them")
    raw = _bindings.http_types
    message = raw.OutgoingRequest(_fields(headers))
    named = method in _METHODS
    try:
        message.set_method(getattr(raw, f"Method_{method.capitalize()}")() if named else raw.Method_Other(method))
        message.set_scheme(raw.Scheme_Https() if secure else raw.Scheme_Http())
        message.set_authority(authority)
        message.set_path_with_query(path)
    except Err:
        raise InferletError("the method or the URL has characters that cannot be sent") from None
    options = None
    if timeout is not None:
        options = raw.RequestOptions()
        options.set_first_byte_timeout(max(0, round(timeout * 1_000_000_000)))
    draft = message.body()
    future = _explained(_bindings.http.handle, message, options)
    await _write(draft, body)
    await pollable_ready(future.subscribe())
    response = _response(future.get())
    status, found = response.status(), response.headers().entries()
    return Response(status, [(name, bytes(value)) for name, value in found], await _read(response.consume()))


def _response(got: Any) -> Any:
    """What a future of ``wasi:http`` holds: a result in a result."""
    inner = getattr(got, "value", None)
    if isinstance(inner, Err):
        raise InferletError(_reason(inner.value))
    if inner is None:
        raise InferletError("the response was taken before")
    return inner.value


def _parts(url: str) -> tuple[bool, str, str]:
    """Whether it is ``https``, host and port, and the path with what follows it. What is behind ``#`` is for the reader and not for the server."""

    def wrong(why: str) -> InferletError:
        return InferletError(f"that is no URL that can be asked: {why}")

    scheme, found, rest = url.partition("://")
    if not found:
        raise wrong("it begins with neither `http://` nor `https://`")
    if scheme.lower() not in ("http", "https"):
        raise wrong("its scheme is neither `http` nor `https`")
    rest = rest.partition("#")[0]
    end = min((index for index in (rest.find("/"), rest.find("?")) if index >= 0), default=len(rest))
    authority, path = rest[:end], rest[end:]
    if not authority:
        raise wrong("it has no host")
    if "@" in authority:
        raise wrong("names and passwords belong in a header")
    return scheme.lower() == "https", authority, path if path.startswith("/") else f"/{path}"


def _fields(headers: Headers) -> Any:
    raw = _bindings.http_types
    fields = raw.Fields()
    for name, value in headers.items() if isinstance(headers, Mapping) else headers:
        try:
            fields.append(name, value.encode() if isinstance(value, str) else bytes(value))
        except Err as error:
            kind = type(error.value).__name__
            is_reserved = kind.endswith("Forbidden")
            why = "belongs to the connection, and is not for an inferlet to set" if is_reserved else "has characters that cannot be sent"
            raise InferletError(f"the header `{name}` {why}") from None
    return fields


async def _write(draft: Any, body: bytes) -> None:
    raw = _bindings.http_types
    if body:
        with draft.write() as stream:
            try:
                while body:
                    room = min(stream.check_write(), len(body))
                    if room == 0:
                        await pollable_ready(stream.subscribe())
                        continue
                    stream.write(body[:room])
                    body = body[room:]
                stream.flush()
                await pollable_ready(stream.subscribe())
            except Err:
                raise InferletError("the body was cut off while it was sent") from None
    _explained(raw.OutgoingBody.finish, draft, None)


async def _read(body: Any) -> bytes:
    parts = []
    with body.stream() as stream:
        while True:
            try:
                part = stream.read(_READ_BYTES)
            except Err as error:
                is_over = type(error.value).__name__.endswith("Closed")
                # It leads to the frames of all who wait for this, and would keep what they hold.
                error.with_traceback(None)
                if is_over:
                    break
                raise InferletError("the body was cut off") from None
            if part:
                parts.append(bytes(part))
            else:
                await pollable_ready(stream.subscribe())
    _bindings.http_types.IncomingBody.finish(body)
    return b"".join(parts)


def _explained(function: Any, *arguments: Any) -> Any:
    try:
        return function(*arguments)
    except Err as error:
        raise InferletError(_reason(error.value)) from None


def _reason(code: Any) -> str:
    """An error of ``wasi:http`` as a person reads it."""
    name = type(code).__name__.rpartition("_")[2]
    if name == "InternalError":
        return getattr(code, "value", None) or "the engine cannot ask"
    return _REASONS.get(name, f"there is no response: {name}")
