"""A client that tests speak for: `CLIENT`."""

from __future__ import annotations

from typing import Any

from .pie_core_types import FutureBlob, FutureString


class Client:
    def __init__(self) -> None:
        self.got: list[Any] = []
        self._texts: list[str] = []
        self._files: list[bytes] = []
        self._asked: list[FutureString] = []
        self._asked_files: list[FutureBlob] = []
        self._gone = False

    def say(self, text: str) -> None:
        self._texts.append(text)
        self._serve()

    def give(self, data: bytes) -> None:
        self._files.append(data)
        self._serve()

    def leave(self) -> None:
        self._gone = True
        self._serve()

    def ask(self) -> FutureString:
        self._asked.append(FutureString())
        asked = self._asked[-1]
        self._serve()
        return asked

    def ask_file(self) -> FutureBlob:
        self._asked_files.append(FutureBlob())
        asked = self._asked_files[-1]
        self._serve()
        return asked

    def _serve(self) -> None:
        for asked, there in ((self._asked, self._texts), (self._asked_files, self._files)):
            while asked and (there or self._gone):
                asked.pop(0).give(there.pop(0) if there else None)


CLIENT = Client()


def send(message: str) -> None:
    assert isinstance(message, str)
    CLIENT.got.append(message)


def receive() -> FutureString:
    return CLIENT.ask()


def send_file(data: bytes) -> None:
    assert isinstance(data, bytes)
    CLIENT.got.append(data)


def receive_file() -> FutureBlob:
    return CLIENT.ask_file()
