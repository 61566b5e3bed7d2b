"""A backend of traces over the published messages of OTLP: what it takes is what they can be read from, with no field that they do not have.

`collector.py check FILE` reads a file of a collector's file exporter, a request on each line. `collector.py serve` listens at a free port, which it prints, until its standard
input ends. Either way spans come out as the messages have them, a document on each line, as they are taken.
"""

import gzip
import json
import sys
import threading
from base64 import b64encode
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest, ExportTraceServiceResponse

JSON = "application/json"
PROTOBUF = "application/x-protobuf"
# OTLP has ids in hexadecimal where JSON of protocol buffers has base64.
IDS = {"traceId": 16, "spanId": 8, "parentSpanId": 8}


def mapped(value):
    if isinstance(value, list):
        return [mapped(each) for each in value]
    if not isinstance(value, dict):
        return value
    found = {}
    for name, each in value.items():
        if name in IDS:
            found[name] = b64encode(identified(name, bytes.fromhex(each))).decode()
        else:
            found[name] = mapped(each)
    return found


def identified(name, id):
    none = name == "parentSpanId" and not id
    if not none and (len(id) != IDS[name] or not any(id)):
        raise ValueError(f"{name} is {id.hex()!r}")
    return id


def plain(value):
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [plain(each) for each in value.array_value.values]
    return getattr(value, kind)


def from_json(text):
    request = ExportTraceServiceRequest()
    json_format.Parse(json.dumps(mapped(json.loads(text))), request)
    # Through the bytes that collectors send on.
    return from_protobuf(request.SerializeToString())


def from_protobuf(data):
    return ExportTraceServiceRequest.FromString(data)


def spans(request):
    for resource in request.resource_spans:
        service = {each.key: plain(each.value) for each in resource.resource.attributes}
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield {
                    "service": service["service.name"],
                    "scope": scope.scope.name,
                    "trace": identified("traceId", span.trace_id).hex(),
                    "id": identified("spanId", span.span_id).hex(),
                    "parent": identified("parentSpanId", span.parent_span_id).hex(),
                    "name": span.name,
                    "kind": span.kind,
                    "start": span.start_time_unix_nano,
                    "end": span.end_time_unix_nano,
                    "attributes": {each.key: plain(each.value) for each in span.attributes},
                    "events": [[each.name, {it.key: plain(it.value) for it in each.attributes}] for each in span.events],
                    "status": [span.status.code, span.status.message],
                }


class Collector(BaseHTTPRequestHandler):
    printing = threading.Lock()
    asked = []

    def do_POST(self):
        data = self.rfile.read(int(self.headers["content-length"]))
        if self.headers["content-encoding"] == "gzip":
            data = gzip.decompress(data)
        form = self.headers["content-type"]
        self.asked.append(self.path)
        # The first part of the path says how it is to behave.
        if self.path == "/busy/v1/traces" and self.asked.count(self.path) < 3:
            return self.answer(form, 503, {}, ("retry-after", "0"))
        if self.path == "/full/v1/traces":
            return self.answer(form, 200, {"partialSuccess": {"rejectedSpans": "2", "errorMessage": "no room"}})
        if self.path == "/closed/v1/traces" and self.headers["x-key"] != "open sesame":
            return self.answer(form, 401, {"message": "who are you?"})
        if self.path == "/old/v1/traces" and form == JSON:
            return self.answer(form, 415, {})
        if not self.path.endswith("/v1/traces") or form not in (JSON, PROTOBUF):
            return self.answer(form, 404, {})
        try:
            found = list(spans(from_json(data) if form == JSON else from_protobuf(data)))
        except Exception as error:
            return self.answer(form, 400, {"message": f"{type(error).__name__}: {error}"})
        with self.printing:
            for span in found:
                print(json.dumps(span), flush=True)
        self.answer(form, 200, {})

    def answer(self, form, status, document, *headers):
        if form == JSON:
            body = json.dumps(document).encode()
        elif "message" in document:
            # `google.rpc.Status` with its second field, whose length fits into a byte.
            message = document["message"][:120].encode()
            body = bytes([0x12, len(message)]) + message
        else:
            body = json_format.ParseDict(document, ExportTraceServiceResponse()).SerializeToString()
        self.send_response(status)
        for header in (("content-type", form), ("content-length", str(len(body))), *headers):
            self.send_header(*header)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


if sys.argv[1] == "check":
    with open(sys.argv[2], encoding="utf-8") as file:
        for line in file:
            for span in spans(from_json(line)):
                print(json.dumps(span))
else:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)
    sys.stdin.read()
