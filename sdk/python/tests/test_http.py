"""What of HTTP is the same with and without an engine; requests themselves are tested over one (`tests/python.rs`)."""

from dataclasses import dataclass

from inferlet import http, wire
from inferlet.http import IncomingRequest, OutgoingResponse, Response
from inferlet.style import Style, style_of

from .support import Case


class Urls(Case):
    def test_a_url_is_taken_apart(self):
        self.assertEqual(wire.parts("http://a.com"), (False, "a.com", "/"))
        self.assertEqual(wire.parts("HTTPS://a.com:8443/b?c=d#e"), (True, "a.com:8443", "/b?c=d"))
        self.assertEqual(wire.parts("http://a.com?c/d"), (False, "a.com", "/?c/d"))

    def test_what_cannot_be_asked_is_refused_with_the_reason(self):
        for url, why in [
            ("a.com/b", "neither `http://` nor"),
            ("ftp://a.com", "scheme is neither"),
            ("http:///b", "no host"),
            ("http://user:word@a.com/", "belong in a header"),
        ]:
            with self.refused(f"GET {url}: that is no URL", why):
                http.get(url)

    def test_without_permission_it_is_said_where_hosts_are_listed(self):
        with self.refused("POST http://a.com", "`network` under `[permissions]`"):
            http.post("http://a.com", json={"a": 1})


class Responses(Case):
    def test_a_response_is_read_as_what_it_is(self):
        ok = Response(200, [("content-type", b"text/plain"), ("x", b"\xff")], b'{"a": [1]}')
        self.assertEqual((ok.header("Content-Type"), ok.header("x"), ok.header("y")), ("text/plain", None, None))
        self.assertEqual((ok.success().json(), ok.text()), ({"a": [1]}, '{"a": [1]}'))
        with self.refused("the server answered with status 404: no such bread"):
            Response(404, [], b"no such bread").success()

    def test_a_body_of_another_form_is_refused(self):
        with self.refused("the body is not JSON"):
            Response(200, [], b"{").json()
        with self.refused("the body is not text"):
            Response(200, [], b"\xff").text()

    def test_a_value_is_sent_as_json_with_the_header_that_says_so(self):
        headers, body = http._content({"accept": "text/plain"}, b"", {"loaves": 2})
        self.assertEqual((list(headers)[1], body), (("content-type", "application/json"), b'{"loaves":2}'))
        self.assertEqual(http._content((), "é", None), ((), "é".encode()))


@dataclass
class Order:
    loaves: int


class Serving(Case):
    def test_a_request_is_read_as_the_type_that_is_expected(self):
        request = IncomingRequest("POST", "/", None, None, [("x-shop", b"mill")], b'{"loaves": 2}')
        self.assertEqual((request.json(Order), request.json(), request.header("X-Shop")), (Order(2), {"loaves": 2}, "mill"))
        with self.refused("the body is not the JSON that was expected: `loaves`"):
            IncomingRequest("POST", "/", None, None, [], b'{"loaves": "two"}').json(Order)

    def test_what_a_handler_returns_becomes_a_response(self):
        for value, body, kind in [("hot", b"hot", "text/plain; charset=utf-8"), (Order(2), b'{"loaves":2}', "application/json")]:
            response = http.response_of(value)
            self.assertEqual((response.status, response.body, response.headers), (200, body, [("content-type", kind)]))
        own = OutgoingResponse(204)
        self.assertIs(http.response_of(own), own)

    def test_the_mark_decides_that_a_program_responds(self):
        for mark in ["handler", "http.handler", "inferlet.http.handler"]:
            self.assertEqual(style_of(f"@{mark}\nasync def f(request): ...", "a.py"), Style.HANDLER)
        marked = "@http.handler\nasync def f(request): ...\n"
        with self.refused("`a.py`, line 4: there are `main` and a handler"):
            style_of(f"{marked}\nasync def main(): ...", "a.py")
        with self.refused("`a.py`, line 4: there is a second handler"):
            style_of(marked * 2, "a.py")
        with self.refused("`a.py`, line 2: a handler of requests is `async def`"):
            style_of("@http.handler\ndef f(request): ...", "a.py")
