"""Asking for long work, looking at it, cancelling it, and fetching what it wrote."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import replace
from time import monotonic, sleep
from typing import TYPE_CHECKING, BinaryIO

from guanxi.kernel.errors import NotFound, TooLarge
from guanxi.kernel.ids import fresh
from guanxi.kernel.paging import Page, read_cursor, write_cursor
from guanxi.runtime.work import decide, store
from guanxi.runtime.work.model import (
    ARGUMENTS_LIMIT,
    FileGone,
    NewWork,
    Outcome,
    State,
    Unit,
    Work,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from guanxi.kernel.clock import Clock
    from guanxi.runtime.work.files import Files
    from guanxi.storage.database import Database, Transaction

_LOOK = 0.04
"""Seconds between two looks of somebody who waits."""

_SHOWN = 20
"""How much of somebody's work is shown at once."""


class Works:
    """The long work of all merchants."""

    def __init__(self, database: Database, files: Files, clock: Clock) -> None:
        self._database = database
        self.files = files
        self._clock = clock

    def start(
        self,
        merchant_id: str,
        new: NewWork,
        source: BinaryIO | None = None,
        beside: Callable[[Transaction], None] = lambda _: None,
    ) -> Work:
        """Ask for a piece of work, with the file that it is to read; whoever runs it takes it within moments.

        Cancels what the same asker's work on the same topic has not ended. ``beside`` is called in the transaction. Raises
        ``TooLarge``.
        """
        work_id = fresh("wrk")
        size = lines = 0
        if source is not None:
            size, lines = self.files.save_input(merchant_id, work_id, source)
        try:
            with self._database.transaction() as tx:
                work = self._add(tx, merchant_id, new, work_id, size, lines)
                beside(tx)
        except BaseException:
            self.files.drop(merchant_id, work_id)
            raise
        return work

    def _add(
        self, tx: Transaction, merchant_id: str, new: NewWork, work_id: str, size: int, lines: int
    ) -> Work:
        now = self._clock.now()
        arguments = {**new.arguments, **({"bytes": size, "lines": lines} if size else {})}
        if (length := len(json.dumps(arguments, ensure_ascii=False).encode())) > ARGUMENTS_LIMIT:
            raise TooLarge(what="arguments", size=length, limit=ARGUMENTS_LIMIT)
        if new.topic:
            self.drop_topic(tx, merchant_id, new.asker.id, new.topic)
        work = Work(
            merchant_id=merchant_id,
            id=work_id,
            state=State.WAITING,
            kind=new.kind,
            title=new.title,
            asker=new.asker,
            permission=new.permission,
            arguments=arguments,
            memo={},
            link=new.link.replace("{id}", work_id),
            topic=new.topic,
            asked_at=now,
            started_at=0,
            ended_at=0,
            next_at=now,
            holder="",
            attempts=0,
            unit=Unit.ROWS,
            done=0,
            whole=0,
            told=False,
            outcome=Outcome(),
        )
        store.add(tx, work)
        return work

    def drop_topic(self, tx: Transaction, merchant_id: str, asker: str, topic: str) -> None:
        """Cancel what somebody's work on a topic has not ended, and tell nobody of it."""
        for one in store.of_topic(tx, merchant_id, asker, topic):
            store.save(tx, replace(self._cancelled(one), told=True))

    def get(self, tx: Transaction, merchant_id: str, work_id: str) -> Work:
        """Return a piece of work; raises ``NotFound``."""
        found = store.get(tx, merchant_id, work_id)
        if found is None:
            raise NotFound(what_zh="任务", what_en="piece of work", key=work_id)
        return found

    def page(
        self,
        tx: Transaction,
        merchant_id: str,
        *,
        permissions: Collection[str] | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> Page[Work]:
        """Return work, the latest asked for first; with ``permissions`` what one who has them may see.

        Raises ``InvalidCursor``.
        """
        before = read_cursor(cursor, int, str) if cursor is not None else None
        found = store.page(
            tx,
            merchant_id,
            permissions=permissions,
            before=(before[0], before[1]) if before else None,
            limit=limit + 1,
        )
        items, more = found[:limit], len(found) > limit
        return Page(items, write_cursor(items[-1].asked_at, items[-1].id) if more else None)

    def of(self, tx: Transaction, merchant_id: str, asker: str, since: int) -> list[Work]:
        """Return what somebody asked for since an instant, or has not ended, and was not told; the latest first."""
        return store.of_asker(tx, merchant_id, asker, since, _SHOWN)

    def any_of(self, tx: Transaction, merchant_id: str, asker: str, since: int) -> bool:
        """Say whether ``of`` would return anything."""
        return bool(store.of_asker(tx, merchant_id, asker, since, 1))

    def cancel(self, tx: Transaction, merchant_id: str, work_id: str) -> Work:
        """Cancel a piece of work; whoever runs it stops within a second or two. What has ended stays as it is.

        Raises ``NotFound``.
        """
        found = store.get(tx, merchant_id, work_id, for_change=True)
        if found is None:
            raise NotFound(what_zh="任务", what_en="piece of work", key=work_id)
        cancelled = self._cancelled(found)
        if cancelled is not found:
            store.save(tx, cancelled)
        return cancelled

    def _cancelled(self, work: Work) -> Work:
        # Its files are dropped by whoever runs it, or swept by the next runner: a transaction may still be undone.
        return decide.ended(work, State.CANCELLED, self._clock.now(), Outcome())

    def wait(self, merchant_id: str, work_id: str, seconds: float) -> Work:
        """Return a piece of work as soon as it has ended, or as it is after so many seconds."""
        until = monotonic() + seconds
        while True:
            with self._database.reading() as tx:
                work = self.get(tx, merchant_id, work_id)
            if work.state.ended or monotonic() >= until:
                return work
            sleep(_LOOK)

    def told(self, work: Work) -> None:
        """Note that whoever asked has had the answer at once."""
        with self._database.transaction() as tx:
            store.told(tx, work.merchant_id, work.id)

    def read(self, work: Work) -> Iterator[bytes]:
        """Return the pieces of the file that a piece of work wrote; raises ``FileGone`` at once."""
        pieces = self.files.pieces(work.merchant_id, work.id, work.outcome.part)
        try:
            first = next(pieces, b"") if work.outcome.part else None
        except FileNotFoundError:
            first = None
        if first is None:
            raise FileGone
        return _after(first, pieces)

    @contextmanager
    def reading_once(self, work: Work) -> Iterator[Iterator[bytes]]:
        """Give the pieces of a file that nobody can fetch again: it is deleted at the end of the block."""
        pieces = self.read(work)
        try:
            yield pieces
        finally:
            with self._database.transaction() as tx:
                if found := store.get(tx, work.merchant_id, work.id, for_change=True):
                    store.save(tx, _without_file(found))
            self.files.drop(work.merchant_id, work.id)

    def forget(self, merchant_id: str) -> None:
        """Delete every file that a merchant's work has written, because somebody in it is being erased.

        Work under way begins again, with what may still be known.
        """
        now = self._clock.now()
        with self._database.transaction() as tx:
            for work in store.in_state(tx, merchant_id, {State.RUNNING}):
                store.save(tx, decide.put_down(work, now))
            for work in store.in_state(tx, merchant_id, {State.DONE}):
                if work.outcome.part:
                    store.save(tx, _without_file(work))
            # Before anybody can take up what was put down, and write anew.
            self.files.drop_written(merchant_id)


def _without_file(work: Work) -> Work:
    return replace(work, outcome=replace(work.outcome, file="", size=0, part=""))


def _after(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest
