"""Turns a report into a ticket: JSON that satisfies a schema, whatever the model would like to say."""

import json
from typing import Any

from inferlet import Context, Model, Sampler

# What a ticket looks like.
TICKET: dict[str, Any] = {
    "type": "object",
    "properties": {
        "title": {"type": "string", "minLength": 1, "maxLength": 60},
        "severity": {"enum": ["low", "medium", "high"]},
        "reproducible": {"type": "boolean"},
    },
    "required": ["title", "severity", "reproducible"],
    "additionalProperties": False,
}


def is_urgent(ticket: dict[str, Any]) -> bool:
    return ticket["severity"] == "high" and ticket["reproducible"]


async def main(report: str) -> dict[str, Any]:
    ctx = Context(Model.load("default"))
    ctx.system("You write tickets, in JSON.").user(report)
    ticket = await ctx.generate(Sampler.argmax(), max_tokens=256).collect_json(schema=json.dumps(TICKET))
    return {**ticket, "urgent": is_urgent(ticket)}
