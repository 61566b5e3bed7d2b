"""A small completion endpoint: a prompt comes in as JSON, the answer goes out as JSON. Each request is an instance of its own."""

from dataclasses import dataclass

from inferlet import Context, InferletError, Model, Sampler, http


@dataclass
class Question:
    prompt: str
    max_tokens: int = 64


# ANCHOR: handle
@http.handler
async def handle(request: http.IncomingRequest) -> http.OutgoingResponse:
    match request.method, request.path:
        case "POST", "/complete":
            try:
                question = request.json(Question)
            except InferletError as why:
                return http.OutgoingResponse.text(str(why), status=400)
            return http.OutgoingResponse.json({"text": await complete(question)})
        case "GET", "/health":
            return http.OutgoingResponse.text("fresh\n")
    return http.OutgoingResponse.text("POST a prompt to /complete\n", status=404)
# ANCHOR_END: handle


async def complete(question: Question) -> str:
    ctx = Context(Model.load("default")).user(question.prompt).cue()
    return await ctx.generate(Sampler.top_p(0.6, 0.95), max_tokens=question.max_tokens).collect_text()
