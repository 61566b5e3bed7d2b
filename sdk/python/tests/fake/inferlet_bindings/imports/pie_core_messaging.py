"""Queues and broadcasts."""

from __future__ import annotations

from collections import defaultdict

from .pie_core_types import FutureString
from .wasi_io_poll import Pollable, Resource

QUEUES: dict[str, list[str]] = defaultdict(list)
PULLERS: dict[str, list[FutureString]] = defaultdict(list)
AUDIENCE: dict[str, list[Subscription]] = defaultdict(list)


def _serve(topic: str) -> None:
    while PULLERS[topic] and QUEUES[topic]:
        PULLERS[topic].pop(0).give(QUEUES[topic].pop(0))


def push(topic: str, message: str) -> None:
    QUEUES[topic].append(message)
    _serve(topic)


def pull(topic: str) -> FutureString:
    future = FutureString()
    PULLERS[topic].append(future)
    _serve(topic)
    return future


def broadcast(topic: str, message: str) -> None:
    for subscription in AUDIENCE[topic]:
        subscription.messages.append(message)


def subscribe(topic: str) -> Subscription:
    subscription = Subscription(topic)
    AUDIENCE[topic].append(subscription)
    return subscription


class Subscription(Resource):
    def __init__(self, topic: str) -> None:
        self.topic = topic
        self.messages: list[str] = []
        self.is_open = True

    def pollable(self) -> Pollable:
        return Pollable(None, lambda: bool(self.messages) or not self.is_open)

    def get(self) -> str | None:
        return self.messages.pop(0) if self.messages else None

    def unsubscribe(self) -> None:
        self.is_open = False
        self.messages.clear()
        if self in AUDIENCE[self.topic]:
            AUDIENCE[self.topic].remove(self)
