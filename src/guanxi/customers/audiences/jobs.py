"""Long work about audiences: writing an export, and putting the lines of a file on a list."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Final

from guanxi.customers.audiences.lines import lines_of
from guanxi.customers.audiences.model import Put
from guanxi.customers.audiences.sheets import pieces
from guanxi.kernel.clock import day_to_date
from guanxi.kernel.errors import Unavailable
from guanxi.kernel.text import Text
from guanxi.runtime.work.model import Outcome

if TYPE_CHECKING:
    from guanxi.customers.audiences.model import BadRow
    from guanxi.customers.audiences.service import Audiences
    from guanxi.customers.boards.service import Boards
    from guanxi.customers.events.service import EventIntake
    from guanxi.runtime.work.files import Writing
    from guanxi.runtime.work.handle import Handle, Record
    from guanxi.storage.database import Database, Transaction

_LIST_PUT: Final = "audience.list_put"


class ExportWork:
    """Writes who is in an audience as a CSV: arguments ``key`` and ``columns``."""

    name = "audience.export"

    def __init__(self, audiences: Audiences, intake: EventIntake) -> None:
        self._audiences = audiences
        self._intake = intake

    def run(self, handle: Handle) -> Outcome:
        """See ``Kind.run``."""
        merchant, _ = self._intake.merchant(handle.merchant_id)
        key, columns = str(handle.arguments["key"]), list(handle.arguments["columns"])
        rule = self._audiences.rule_of(merchant, key)
        rows = self._audiences.export(merchant, rule, columns, on_progress=handle.step)
        with handle.writing() as out:
            for piece in pieces(rows):
                out.write(piece.encode())
        members = handle.work.done
        outcome = Outcome(Text(f"{members:,} 位会员", f"{members:,} members"), {"members": members})
        day = day_to_date(self._audiences.today(merchant)).isoformat()
        return handle.wrote(outcome, f"{key}-{day}.csv", out.size)


class PutWork:
    """Puts those whom a file names on a list: arguments ``key``, ``kind``, ``scope`` and ``replace``.

    Its outcome counts ``rows``, ``added``, ``known`` and ``bad`` as ``Put`` does; its file says why each bad line names
    nobody, by number and without what stands on it.
    """

    name = "audience.put"

    def __init__(
        self,
        database: Database,
        audiences: Audiences,
        boards: Boards,
        intake: EventIntake,
        record: Record,
    ) -> None:
        self._database = database
        self._audiences = audiences
        self._boards = boards
        self._intake = intake
        self._record = record

    def run(self, handle: Handle) -> Outcome:
        """See ``Kind.run``."""
        merchant, _ = self._intake.merchant(handle.merchant_id)
        told = handle.arguments
        key, whole = str(told["key"]), int(told.get("lines", 0))
        before, known = self._before(handle, key), handle.work.memo.get("put")

        def beside(tx: Transaction, put: Put) -> None:
            if known is None:
                said = {name: value for name, value in put._asdict().items() if name != "examples"}
                detail = {**said, "replace": told["replace"]}
                self._record(tx, handle.work, _LIST_PUT, target=key, reason="", detail=detail)
                handle.remember(tx, {"put": _kept(put)})

        with ExitStack() as files, handle.input() as source:
            bad = _BadLines(handle, files)
            done = self._audiences.put(
                merchant,
                key,
                enumerate(lines_of(source), 1),
                str(told["kind"]),
                str(told["scope"]),
                replace=bool(told["replace"]),
                on_progress=lambda rows: handle.step(min(rows, whole), whole),
                on_bad=bad.add,
                before=before if known is None else None,
                beside=beside,
            )
        handle.step(whole, whole)
        self._renew(merchant)
        outcome = _outcome(known or _kept(done))
        if bad.out is None:
            return outcome
        return handle.wrote(outcome, f"{key}-bad-lines.csv", bad.out.size)

    def _before(self, handle: Handle, key: str) -> int:
        """Return how many were on the list before the first try."""
        with self._database.transaction() as tx:
            before = handle.work.memo.get("before")
            if before is None:
                before = self._audiences.listed(tx, handle.merchant_id, key)
                handle.remember(tx, {"before": before})
        return int(before)

    def _renew(self, merchant: Any) -> None:
        """Count the list into the board at once; if somebody else is at it, it counts a few minutes later."""
        try:
            self._boards.refresh(merchant, force=True)
        except Unavailable:
            return


class _BadLines:
    """The report of lines that name nobody; there is none until there is such a line."""

    def __init__(self, handle: Handle, files: ExitStack) -> None:
        self._handle = handle
        self._files = files
        self.out: Writing | None = None

    def add(self, row: BadRow) -> None:
        """Write one line."""
        if self.out is None:
            self.out = self._files.enter_context(self._handle.writing())
            self._write("\ufeff行号 Line,原因,Why\r\n")
        zh, en = (text.replace('"', '""') for text in (row.reason.zh, row.reason.en))
        self._write(f'{row.line},"{zh}","{en}"\r\n')

    def _write(self, text: str) -> None:
        if self.out is not None:
            self.out.write(text.encode())


def _kept(put: Put) -> dict[str, Any]:
    counts = {name: value for name, value in put._asdict().items() if name != "examples"}
    return {**counts, "examples": [[one.line, one.reason.zh, one.reason.en] for one in put.examples]}


def _outcome(put: dict[str, Any]) -> Outcome:
    counts = {name: int(value) for name, value in put.items() if name != "examples"}
    said = Text(
        "{rows:,} 行有效，名单新增 {added:,} 个，{bad:,} 行无法识别",
        "{rows:,} good lines, {added:,} new on the list, {bad:,} that name nobody",
    )
    return Outcome(said.fill(**counts), counts, {"examples": put["examples"]})
