"""A swarm: members are launched, hear what the others say on a topic, and each adds a word. Whoever launched them hears too, and takes notes."""

import asyncio
from dataclasses import asdict, dataclass, replace

from inferlet import Context, Model, Sampler, launch, messaging

# Where all can hear what is said, and where a member says that it listens.
TALK, READY = "talk", "ready"


@dataclass
class Input:
    goal: str
    roles: list[str]
    role: str | None = None


async def main(input: Input) -> list[str]:
    return await (host(input) if input.role is None else take_part(input, input.role))


async def host(input: Input) -> list[str]:
    """Brings the members together, opens the talk and notes what is said."""
    talk = messaging.subscribe(TALK)
    members = [launch("pubsub-swarm-python", asdict(replace(input, role=role))) for role in input.roles]
    # A broadcast reaches those who subscribe by then, so all have to.
    for _ in members:
        await messaging.pull(READY)
    messaging.broadcast(TALK, f"We plan {input.goal}.")

    notes = [await talk.next() for _ in range(len(members) + 1)]
    await asyncio.gather(*(member.wait() for member in members))
    return notes


async def take_part(input: Input, role: str) -> list[str]:
    """Listens until it is this one's turn, which comes in the order of the roles, and says something that fits."""
    talk = messaging.subscribe(TALK)
    messaging.push(READY, role)
    turn = input.roles.index(role)
    heard = [await talk.next() for _ in range(turn + 1)]
    ctx = Context(Model.load("default"))
    ctx.system(f"You are the {role}. Add one sentence to the talk.").user("\n".join(heard))
    said = await ctx.generate(Sampler.argmax(), max_tokens=48).collect_text()
    print(said)
    messaging.broadcast(TALK, f"{role}: {said}")
    return heard
