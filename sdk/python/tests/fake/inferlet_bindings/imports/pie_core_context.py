"""Contexts whose pages have four slots."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field

from componentize_py_types import Err

from .pie_core_model import Model
from .wasi_io_poll import Resource

PAGE_SIZE = 4


@dataclass
class State:
    slots: list[tuple[int, int]] = field(default_factory=list)
    committed_pages: int = 0
    working_pages: int = 0
    bids: list[float] = field(default_factory=list)

    @property
    def working_tokens(self) -> int:
        return len(self.slots) - self.committed_pages * PAGE_SIZE

    @property
    def free_slots(self) -> int:
        return self.working_pages * PAGE_SIZE - self.working_tokens


SAVED: dict[str, State] = {}


class Context(Resource):
    def __init__(self, state: State | None = None) -> None:
        self.state = state or State()
        self.is_destroyed = False

    @classmethod
    def create(cls, model: Model) -> Context:
        assert isinstance(model, Model)
        return cls()

    @classmethod
    def open(cls, model: Model, name: str) -> Context:
        if name not in SAVED:
            raise Err(f"no context is saved under `{name}`")
        return cls(copy.deepcopy(SAVED[name]))

    @classmethod
    def take(cls, model: Model, name: str) -> Context:
        context = cls.open(model, name)
        del SAVED[name]
        return context

    @classmethod
    def delete(cls, model: Model, name: str) -> None:
        if SAVED.pop(name, None) is None:
            raise Err(f"no context is saved under `{name}`")

    def fork(self) -> Context:
        state = copy.deepcopy(self.state)
        state.bids.clear()
        return Context(state)

    def save(self, name: str) -> None:
        SAVED[name] = copy.deepcopy(self.state)

    def snapshot(self) -> str:
        name = f"snapshot-{len(SAVED) + 1}"
        self.save(name)
        return name

    def destroy(self) -> None:
        self.is_destroyed = True
        self.state = State()

    def tokens_per_page(self) -> int:
        return PAGE_SIZE

    def model(self) -> Model:
        return Model()

    def committed_page_count(self) -> int:
        return self.state.committed_pages

    def working_page_count(self) -> int:
        return self.state.working_pages

    def commit_working_pages(self, num_pages: int) -> None:
        if self.state.working_tokens < num_pages * PAGE_SIZE:
            raise Err(f"cannot commit {num_pages} pages: they are not full")
        self.state.committed_pages += num_pages
        self.state.working_pages -= num_pages

    def reserve_working_pages(self, num_pages: int) -> None:
        self.state.working_pages += num_pages

    def release_working_pages(self, num_pages: int) -> None:
        self.state.working_pages -= min(num_pages, self.state.free_slots // PAGE_SIZE)

    def working_page_token_count(self) -> int:
        return self.state.working_tokens

    def truncate_working_page_tokens(self, num_tokens: int) -> None:
        left = len(self.state.slots) - min(num_tokens, self.state.working_tokens)
        del self.state.slots[left:]

    def suspend(self) -> None:
        pass

    def bid(self, value: float) -> None:
        self.state.bids.append(value)
