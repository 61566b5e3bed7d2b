"""One server, which answers with what it was asked."""

from __future__ import annotations

import json

from componentize_py_types import Err

from .pie_mcp_types import Error
from .wasi_io_poll import Resource


def available_servers() -> list[str]:
    return ["files"]


def connect(server_name: str) -> Session:
    if server_name != "files":
        raise Err(Error(-32000, f"there is no server `{server_name}`", None))
    return Session()


def _reply(method: str, **parameters: object) -> str:
    return json.dumps({"method": method, **parameters})


class Session(Resource):
    def list_tools(self) -> str:
        return _reply("tools/list")

    def call_tool(self, name: str, args: str) -> str:
        if name == "unknown":
            raise Err(Error(-32602, "unknown tool", '{"name":"unknown"}'))
        return _reply("tools/call", name=name, args=json.loads(args))

    def list_resources(self) -> str:
        return _reply("resources/list")

    def read_resource(self, uri: str) -> str:
        return _reply("resources/read", uri=uri)

    def list_prompts(self) -> str:
        return _reply("prompts/list")

    def get_prompt(self, name: str, args: str) -> str:
        return _reply("prompts/get", name=name, args=json.loads(args))
