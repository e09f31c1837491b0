"""Importing a file: rows in, messages to the intake, what cannot become one to the dead-letter."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from itertools import compress
from pathlib import Path
from tempfile import TemporaryDirectory

from guanxi.connectors.batches import batched
from guanxi.connectors.files.csvfile import CsvSource
from guanxi.connectors.files.form import form_of
from guanxi.connectors.files.grouping import Grouped, Spill
from guanxi.connectors.files.jsonl import JsonlSource
from guanxi.connectors.files.mapping import Mapping
from guanxi.connectors.files.opening import open_source
from guanxi.connectors.files.parquetfile import ParquetSource
from guanxi.connectors.files.problems import (
    Bad,
    EmptyFile,
    FileProblem,
    NoHeader,
    NothingFits,
    UnknownColumn,
)
from guanxi.connectors.files.rows import Plan, Values
from guanxi.connectors.files.source import BadRow, Block, Source
from guanxi.connectors.intake import Intake, JudgingIntake, Message, Receipt, Rejected, SharedIntake
from guanxi.kernel.clock import zone

_SAME_FAULT = 20
_FEWEST = 3
"""Messages refused alike from which the mapping is to blame: a refusal names a property that the mapping gives."""
_BATCH = 1_000


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an import is. A killed import is simply started again: ids are the same, so nothing is doubled."""

    phase: str
    """``read``, for grouped rows ``group`` after it, and ``write`` for what a shared intake had not stored yet."""
    bytes_read: int
    """Bytes of the file as it lies on disk."""
    bytes_total: int
    rows: int
    messages: int
    rejected: int


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What an import did; ``rows`` = rows in messages + ``filtered`` + ``rejected``."""

    rows: int = 0
    blank: int = 0
    """Blank lines, not counted as rows."""
    filtered: int = 0
    """Rows that ``where`` left out."""
    rejected: int = 0
    """Rows that could not become (part of) a message and are in the dead-letter."""
    messages: int = 0
    """Messages handed over: ``accepted`` + ``duplicates`` + ``dead_lettered``."""
    accepted: int = 0
    duplicates: int = 0
    dead_lettered: int = 0
    unidentified: dict[str, int] = field(default_factory=dict)
    """Values taken in that came as identities but identify nobody, by ``type.reason`` (``phone.invalid_phone``)."""
    bytes_read: int = 0
    encoding: str = ""
    delimiter: str = ""


def import_file(
    path: Path,
    mapping: Mapping,
    intake: Intake,
    *,
    merchant_timezone: str,
    on_progress: Callable[[Progress], None] = lambda _: None,
    scratch: Path | None = None,
) -> ImportResult:
    """Import ``path`` by ``mapping``; memory does not grow with the file. Importing again changes nothing.

    Every row ends as (part of) a message, filtered, or rejected with its line and reason; bad rows stop nothing.
    ``scratch`` is where grouped rows are sorted (by default the system's temporary folder). Raises ``MissingFile``,
    ``EmptyFile``, ``UnsupportedFile``, ``NoHeader``, ``UnknownColumn``, ``InvalidMapping``, ``NothingFits`` before
    anything was handed over, and ``BrokenFile`` where the file breaks off.
    """
    plan = Plan(mapping, zone(merchant_timezone))
    with closing(open_source(path, mapping.file)) as source:
        _check_columns(path, mapping, source)
        run = _Run(path, plan, source, intake, on_progress)
        try:
            if mapping.group is None:
                run.straight()
            else:
                with TemporaryDirectory(prefix="guanxi-import-", dir=scratch) as folder:
                    run.grouped(Path(folder))
        except FileProblem:
            run.finish()
            raise
        run.finish()
        if not run.result.rows:
            raise EmptyFile(file=path.name)
        return run.result


def _check_columns(path: Path, mapping: Mapping, source: Source) -> None:
    names = source.columns()
    missing = [(where, column) for where, column in mapping.columns() if column not in names]
    if not missing:
        return
    if isinstance(source, CsvSource) and source.looks_like_data():
        zh, en = "看起来是数据，而映射需要列名", "it looks like data, and the mapping needs names"
        raise NoHeader(file=path.name, line=1, zh=zh, en=en)
    needed = {"time", "id", "group.by"}
    folded = {name.casefold(): name for name in names}
    for where, column in missing:
        near = difflib.get_close_matches(column.casefold(), list(folded), 1, 0.6)
        # A key that the first thousand JSON lines lack may come later; only a likely slip or a needed one is an error.
        if not isinstance(source, JsonlSource) or near or where in needed:
            nearest = folded[near[0]] if near else "—"
            shown = ", ".join(names[:40])
            raise UnknownColumn(file=path.name, path=where, column=column, nearest=nearest, columns=shown)


class _Run:
    """One import under way."""

    def __init__(
        self, path: Path, plan: Plan, source: Source, intake: Intake, on_progress: Callable[[Progress], None]
    ) -> None:
        self._name = path.name
        self._size = path.stat().st_size
        self._plan = plan
        self._source = source
        self._intake = intake
        self._on_progress = on_progress
        self._form = form_of(plan.mapping, source)
        self._begun = False
        self.result = ImportResult()

    def straight(self) -> None:
        """Make one message of every row."""
        for block, values in self._blocks():
            bad = block.bad
            messages: list[Message] = []
            made = self._made(block, values)
            lines = (
                block.lines if len(values.index) == block.rows else [block.lines[at] for at in values.index]
            )
            for row, (message, line) in enumerate(zip(made, lines, strict=True)):
                if type(message) is Bad:
                    event_id = self._plan.event_id(values.rows[row])
                    bad.append(BadRow(line, block.raw(values.index[row]), message, event_id))
                else:
                    message["line"] = line  # type: ignore[index]
                    messages.append(message)  # type: ignore[arg-type]
            self._refuse_hopeless(bad, len(messages))
            self._reject(bad)
            self._add(rejected=len(bad))
            self._hand_over(messages)
            self._report("read")

    def _made(self, block: Block, values: Values) -> list[Message | Bad]:
        """Return what became of each row of ``values``."""
        whole = [block.whole(index) for index in values.index] if self._plan.needs_whole_row else ()
        if not values.bad:
            return self._plan.messages(values.rows, whole)
        good = [row not in values.bad for row in range(len(values.rows))]
        made = iter(self._plan.messages(list(compress(values.rows, good)), list(compress(whole, good))))
        return [values.bad.get(row) or next(made) for row in range(len(values.rows))]

    def grouped(self, folder: Path) -> None:
        """Make one message of all rows with the same key."""
        spill = Spill(folder, self._plan)
        try:
            for block, values in self._blocks():
                keyed = self._keyed(values)
                unkeyed = [
                    BadRow(block.lines[values.index[row]], block.raw(values.index[row]), bad)
                    for row, bad in values.bad.items()
                    if row not in keyed
                ]
                known = [BadRow(block.lines[values.index[row]], b"", bad) for row, bad in values.bad.items()]
                self._refuse_hopeless([*block.bad, *known], len(values.rows) - len(values.bad))
                spill.add(block, values, sorted(keyed))
                self._reject([*block.bad, *unkeyed])
                self._add(rejected=len(block.bad) + len(unkeyed))
                self._report("read")
            for groups in batched(spill.groups(), _BATCH):
                self._take(groups)
                self._report("group")
        finally:
            spill.close()

    def _keyed(self, values: Values) -> set[int]:
        key = self._plan.key or 0
        return {row for row, cells in enumerate(values.rows) if isinstance(cells[key], str)}

    def _take(self, groups: Sequence[Grouped]) -> None:
        self._reject([group.bad for group in groups if group.bad is not None])
        self._add(rejected=sum(group.rows for group in groups if group.bad is not None))
        self._hand_over([group.message for group in groups if group.message is not None])

    def _blocks(self) -> Iterator[tuple[Block, Values]]:
        wanted = list(self._plan.wanted)
        if self._plan.needs_whole_row and isinstance(self._source, ParquetSource):
            wanted += [name for name in self._source.columns() if name not in wanted]
        for block in self._source.blocks(wanted):
            values = self._plan.values(block)
            self.result = replace(
                self.result,
                blank=self._source.blank,
                bytes_read=block.bytes_read,
                encoding=self._source.encoding,
                delimiter=self._source.delimiter,
            )
            self._add(rows=block.rows + len(block.bad), filtered=values.filtered)
            yield block, values

    def _refuse_hopeless(self, bad: Sequence[BadRow], good: int) -> None:
        """Stop before anything is handed over when all of the first rows fail in the same way."""
        first, self._begun = not self._begun, True
        if (
            not first
            or good
            or len(bad) < _SAME_FAULT
            or len({(row.bad.code, row.bad.column) for row in bad}) > 1
        ):
            return
        line, fault = bad[0].line, bad[0].bad
        reason = fault.text()
        raise NothingFits(
            file=self._name, rows=len(bad), line=line, column=fault.column or "—", zh=reason.zh, en=reason.en
        )

    def _hand_over(self, messages: list[Message]) -> None:
        if not messages:
            return
        messages = self._plan.told_apart(messages)
        if not self.result.messages:
            self._refuse_unwanted(messages)
        if isinstance(self._intake, SharedIntake):
            receipts = self._intake.submit(messages)
        else:
            receipts = [self._intake.accept(messages)]
        self._add(messages=len(messages))
        self._count(receipts)

    def _refuse_unwanted(self, messages: Sequence[Message]) -> None:
        """Stop before anything is handed over when the first messages are all refused in the same way."""
        if not isinstance(self._intake, JudgingIntake):
            return
        first = messages[:_SAME_FAULT]
        refusals = [self._intake.refusal(message) for message in first]
        reasons = [refusal for refusal in refusals if refusal is not None]
        if len(first) < _FEWEST or len(reasons) < len(first) or len({code for code, _ in reasons}) > 1:
            return
        reason = reasons[0][1]
        raise NothingFits(
            file=self._name, rows=len(first), line=first[0]["line"], column="—", zh=reason.zh, en=reason.en
        )

    def finish(self) -> None:
        """Wait until everything that was handed over is durable."""
        if isinstance(self._intake, SharedIntake):
            self._count(self._intake.finish())
            self._report("write")

    def _count(self, receipts: Sequence[Receipt]) -> None:
        for receipt in receipts:
            self._add(
                accepted=receipt.accepted,
                duplicates=receipt.duplicates,
                dead_lettered=receipt.dead_lettered,
            )
            for reason, count in receipt.unidentified.items():
                known = self.result.unidentified
                known[reason] = known.get(reason, 0) + count

    def _reject(self, rows: Sequence[BadRow]) -> None:
        if rows:
            self._intake.reject([self._rejected(row) for row in rows])

    def _rejected(self, row: BadRow) -> Rejected:
        place: dict[str, str | int] = {"file": self._name, "line": row.line}
        if row.bad.column:
            place["column"] = row.bad.column
        raw = row.raw
        with suppress(UnicodeError):  # whoever mends it sees, and writes, UTF-8
            raw = row.raw.decode(self._source.encoding if self._source.delimiter else "utf-8").encode()
        return Rejected(raw, f"import.{row.bad.code}", row.bad.text(), place, self._form, row.event_id)

    def _add(self, **counts: int) -> None:
        self.result = replace(
            self.result, **{name: getattr(self.result, name) + count for name, count in counts.items()}
        )

    def _report(self, phase: str) -> None:
        done = self.result
        self._on_progress(
            Progress(phase, done.bytes_read, self._size, done.rows, done.messages, done.rejected)
        )
