"""Kinds of work to try runners with, and the least that a question says."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from guanxi.kernel.text import Text
from guanxi.runtime.work.files import Files
from guanxi.runtime.work.jobs import Runner
from guanxi.runtime.work.model import Asker, NewWork, Outcome, Work
from guanxi.runtime.work.service import Works

if TYPE_CHECKING:
    from collections.abc import Callable

    from guanxi.runtime.work.handle import Handle
    from tests.installation import Installation

WHO = Asker("person", "per_1", "李店长", "203.0.113.9", "req-1")


def asking(kind: str = "count", topic: str = "", **arguments: Any) -> NewWork:
    return NewWork(kind, Text("数数", "Counting"), arguments, WHO, "audiences.export", "/console/{id}", topic)


@dataclass
class Count:
    """Counts to a number that it is told, writes the numbers, and does at each what a test wants."""

    at: Callable[[Handle, int], None] = lambda _handle, _number: None
    name: str = "count"
    runs: list[str] = field(default_factory=list)

    def run(self, handle: Handle) -> Outcome:
        self.runs.append(handle.work.id)
        to = int(handle.arguments.get("to", 3))
        with handle.writing() as out:
            for number in range(to):
                self.at(handle, number)
                out.write(b"%d\n" % number)
                handle.step(number + 1, to)
        return handle.wrote(Outcome(Text("数完了", "Counted"), {"numbers": to}), "numbers.csv", out.size)


@dataclass
class Desk:
    """Somebody who asks, and those who do it."""

    installation: Installation
    works: Works

    def runner(self, *kinds: Any, beat: float = 0.01) -> Runner:
        made = self.installation
        return Runner(
            made.database, self.works.files, {kind.name: kind for kind in kinds}, made.clock, beat=beat
        )

    def ask(self, **arguments: Any) -> Work:
        return self.works.start("shop", asking(**arguments))

    def get(self, work: Work) -> Work:
        with self.installation.database.reading() as tx:
            return self.works.get(tx, "shop", work.id)

    def cancel(self, work: Work) -> Work:
        with self.installation.database.transaction() as tx:
            return self.works.cancel(tx, "shop", work.id)

    def files(self) -> list[str]:
        return self.works.files.names("shop")


def desk(installation: Installation) -> Desk:
    files = Files(installation.home.path / "work", installation.vault, installation.clock)
    return Desk(installation, Works(installation.database, files, installation.clock))


@dataclass
class Gate:
    """Holds work at a number until a test lets it go on."""

    number: int
    reached: threading.Event = field(default_factory=threading.Event)
    open: threading.Event = field(default_factory=threading.Event)

    def __call__(self, handle: Handle, number: int) -> None:
        if number == self.number:
            self.reached.set()
            while not self.open.wait(0.01):
                handle.check()
