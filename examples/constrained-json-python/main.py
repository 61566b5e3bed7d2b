"""Turns a report into a ticket: JSON that satisfies a schema, whatever the model would like to say."""

from inferlet import Context, Model, Sampler

# What a ticket looks like.
TICKET = """{
    "type": "object",
    "properties": {
        "title": { "type": "string", "minLength": 1, "maxLength": 60 },
        "severity": { "enum": ["low", "medium", "high"] },
        "parts": { "type": "array", "items": { "type": "string", "maxLength": 30 }, "maxItems": 3 },
        "reproducible": { "type": "boolean" }
    },
    "required": ["title", "severity", "parts", "reproducible"],
    "additionalProperties": false
}"""


async def main(report: str) -> dict:
    model = Model.load("default")
    ctx = Context(model)
    ctx.system("You write tickets, in JSON.").user(report)
    return await ctx.generate(Sampler.argmax(), max_tokens=256).collect_json(schema=TICKET)
