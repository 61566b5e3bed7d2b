"""HTTP over ``wasi:http``: what :mod:`inferlet.http` sends, and what it responds with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from . import _bindings
from ._bindings import Err
from .errors import InferletError
from .waiting import pollable_ready

if TYPE_CHECKING:
    from .http import OutgoingResponse

_READ_BYTES = 64 << 10
_METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH")

Headers = Mapping[str, "str | bytes"] | Iterable["tuple[str, str | bytes]"]
"""Names and values; a name may come more than once in a list of pairs."""

Message = tuple[int, list[tuple[str, bytes]], bytes]
"""Status, headers and body of a response."""

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


async def exchange(method: str, url: str, headers: Headers, body: bytes, timeout: float | None) -> Message:
    """Sends a request and waits for its response."""
    secure, authority, path = parts(url)
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
    await _write(draft, body, None)
    await pollable_ready(future.subscribe())
    response = _response(future.get())
    status, found = response.status(), response.headers().entries()
    return status, _pairs(found), await _read(response.consume())


def _response(got: Any) -> Any:
    """What a future of ``wasi:http`` holds: a result in a result."""
    inner = getattr(got, "value", None)
    if isinstance(inner, Err):
        raise InferletError(_reason(inner.value))
    if inner is None:
        raise InferletError("the response was taken before")
    return inner.value


def parts(url: str) -> tuple[bool, str, str]:
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


def _pairs(entries: Any) -> list[tuple[str, bytes]]:
    return [(name, bytes(value)) for name, value in entries]


async def receive(request: Any) -> tuple[str, str | None, str, list[tuple[str, bytes]], bytes]:
    """Method, authority, path with what follows it, headers and body of the request that the program responds to."""
    method = request.method()
    name = type(method).__name__.rpartition("_")[2]
    named = str(method.value) if name == "Other" else name.upper()
    path = request.path_with_query() or "/"
    return named, request.authority(), path, _pairs(request.headers().entries()), await _read(request.consume())


async def respond(out: Any, response: OutgoingResponse) -> None:
    """Sends a response. The client gets its head at once, and its body as it is written."""
    raw = _bindings.http_types
    try:
        message = raw.OutgoingResponse(_fields(response.headers))
        try:
            # What does not fit into the type of the interface would end the instance.
            message.set_status_code(response.status if response.status in range(1000) else 0)
        except Err:
            raise InferletError(f"{response.status} is not the status of a response") from None
    except InferletError as error:
        raw.ResponseOutparam.set(out, Err(raw.ErrorCode_InternalError(str(error))))
        raise
    draft = message.body()
    raw.ResponseOutparam.set(out, _bindings.Ok(message))
    await _write(draft, response.body, response.write)


class BodyWriter:
    """Takes the body of a response piece by piece."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    async def write(self, piece: str | bytes) -> None:
        """Writes a piece. The client gets it at the latest when the program waits for something else. Raises :class:`InferletError` if
        the client has gone."""
        rest = piece.encode() if isinstance(piece, str) else bytes(piece)
        try:
            while rest:
                room = min(self._stream.check_write(), len(rest))
                if room == 0:
                    await pollable_ready(self._stream.subscribe())
                    continue
                self._stream.write(rest[:room])
                rest = rest[room:]
            self._stream.flush()
            await pollable_ready(self._stream.subscribe())
        except Err:
            raise InferletError("the body was cut off while it was sent") from None


async def _write(draft: Any, body: bytes, more: Any) -> None:
    if body or more is not None:
        with draft.write() as stream:
            writer = BodyWriter(stream)
            await writer.write(body)
            if more is not None:
                await more(writer)
    _explained(_bindings.http_types.OutgoingBody.finish, draft, None)


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
