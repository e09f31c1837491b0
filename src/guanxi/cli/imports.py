"""Bringing a merchant's own files in: ``import``."""

from __future__ import annotations

import gc
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self

import typer

from guanxi.cli.output import (
    DEFAULT_HOME,
    HomeOption,
    JsonOption,
    MerchantOption,
    choose_merchant,
    notes,
    say,
    screen,
    session,
    show,
    styled,
)

if TYPE_CHECKING:
    from guanxi.bootstrap import Product
    from guanxi.connectors.files import ImportResult
    from guanxi.customers.events.service import Receipt
    from guanxi.kernel.text import Text
    from guanxi.storage.merchants import Merchant


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="import")(import_)


_LARGE = 4 << 20
"""Bytes of a file from which starting processes to share the work pays."""


class _FileIntake:
    """A merchant's door for files."""

    def __init__(self, product: Product, merchant: Merchant, name: str) -> None:
        from guanxi.customers.events.model import Source

        self._product = product
        self._merchant = merchant.merchant_id
        self._source = Source(name, "", "import")
        self._awaited = product.intake.awaited(merchant.merchant_id)

    def accept(self, messages: Sequence[Mapping[str, Any]]) -> Receipt:
        """Store messages."""
        return self._product.intake.accept(self._merchant, self._source, messages, self._awaited)

    def refusal(self, message: Mapping[str, Any]) -> tuple[str, Text] | None:
        """Say why a message would not be taken."""
        refused = self._product.intake.refusal(self._merchant, self._source, message)
        return None if refused is None else (refused.code, refused.reason)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to close."""

    def reject(self, rejected: Sequence[Any]) -> None:
        """Keep rows that could not become messages, each with its place and what is needed to read it again."""
        from guanxi.customers.events.model import Refused

        letters = []
        for one in rejected:
            place = ", ".join(f"{key} {value}" for key, value in one.place.items())
            letters.append((one.raw, Refused(one.code, one.reason, place)))
        if rejected:
            event_ids = [one.event_id for one in rejected]
            self._product.intake.reject(self._merchant, self._source, letters, rejected[0].form, event_ids)


class _LargeFileIntake(_FileIntake):
    """A merchant's door for large files: processes beside this one prepare what it writes."""

    def __init__(self, product: Product, merchant: Merchant, name: str, helpers: int) -> None:
        from guanxi.customers.events.preparing import SharedIntake

        super().__init__(product, merchant, name)
        self._shared = SharedIntake(
            product.intake, product.home, self._merchant, self._source, helpers, self._awaited
        )

    def submit(self, messages: Sequence[Mapping[str, Any]]) -> Sequence[Receipt]:
        """Hand in messages; return what became of earlier ones."""
        return self._shared.submit(messages)

    def finish(self) -> Sequence[Receipt]:
        """Store what was handed in."""
        return self._shared.finish()

    def __exit__(self, *_: object) -> None:
        self._shared.__exit__()


def _door(product: Product, merchant: Merchant, file: Path) -> _FileIntake:
    """Return the intake for a file: shared among processes where that pays."""
    processors = os.cpu_count() or 1
    large = file.is_file() and file.stat().st_size >= _LARGE
    if not large or processors == 1:
        return _FileIntake(product, merchant, file.name)
    return _LargeFileIntake(product, merchant, file.name, min(3, processors))


def import_(
    file: Annotated[Path, typer.Argument(help="CSV、JSONL 或 Parquet / CSV, JSON Lines or Parquet.")],
    mapping: Annotated[
        Path | None, typer.Option("--mapping", "-m", help="映射文件 / Mapping file (YAML).")
    ] = None,
    guess: Annotated[
        bool, typer.Option("--guess", help="按表头猜一份映射并打印 / Propose a mapping and print it.")
    ] = False,
    home: HomeOption = DEFAULT_HOME,
    merchant: MerchantOption = None,
    as_json: JsonOption = False,
) -> None:
    """导入文件；重复导入不会重复计数 / Import a file; importing it again counts nothing twice."""
    from guanxi.connectors.files import guess_mapping, import_file, load_mapping
    from guanxi.kernel.errors import InvalidInput

    with session(home, as_json=as_json) as product:
        chosen = choose_merchant(product, merchant)
        if guess:
            proposed = guess_mapping(file, merchant_timezone=chosen.timezone)
            if as_json:
                said = [{"zh": note.zh, "en": note.en} for note in proposed.notes]
                show({"mapping": proposed.text, "notes": said}, as_json=True)
            else:
                screen.print(proposed.text, highlight=False)
                for note in proposed.notes:
                    notes.print(styled(("!", "yellow"), f" {say(note.zh, note.en)}"))
            return
        if mapping is None:
            raise InvalidInput(
                reason_zh="请用 --mapping 指定映射文件，或先用 --guess 生成一份。",
                reason_en="name a mapping file with --mapping, or have one proposed with --guess.",
            )
        plan = load_mapping(mapping)
        gc.set_threshold(1_000_000, 20, 100)  # rows make many small values and no cycles
        with _door(product, chosen, file) as door, _progress() as on_progress:
            result = import_file(
                file,
                plan,
                door,
                merchant_timezone=chosen.timezone,
                on_progress=on_progress,
            )
        show(asdict(result), as_json=as_json, title=say("导入完成", "Imported"))
        _explain(result)
        if not result.accepted and not result.duplicates and (result.rejected or result.dead_lettered):
            raise typer.Exit(1)


def _explain(result: ImportResult) -> None:
    """Say what a person should do next, on the side of what programs read."""
    from guanxi.customers.identity.kinds import KINDS, Rejection

    for name, count in sorted(result.unidentified.items()):
        kind, _, code = name.partition(".")
        label, reason = KINDS[kind].label, Rejection(code).text
        zh = f"{count} 个{label.zh}不能识别人，已随事件保留：{reason.zh}"
        en = f"{count} values of {label.en} identify nobody and are kept with their events: {reason.en}"
        notes.print(styled(("!", "yellow"), f" {say(zh, en)}"))
    if result.rejected or result.dead_lettered:
        notes.print(
            say(
                "有行未能导入：控制台 → 数据健康 → 死信。",
                "Some rows were not imported: console → Data health → dead letters.",
            ),
            highlight=False,
        )
    if result.accepted:
        notes.print(
            say(
                "会员与数字由后台整理：`guanxi worker` 运行时几秒内可见；未运行时请执行 `guanxi worker --settle`。",
                "Members and figures are made in the background: they show within seconds while `guanxi worker` runs; "
                "if it does not, run `guanxi worker --settle`.",
            ),
            highlight=False,
            soft_wrap=True,
        )


class _progress:  # noqa: N801 - used as a function
    """A bar of the bytes read, that reports rows per second."""

    def __enter__(self) -> Any:
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TextColumn("{task.fields[rows]:,} " + say("行", "rows")),
            TimeRemainingColumn(),
            console=notes,
            transient=True,
        )
        self._bar.start()
        task = self._bar.add_task(say("导入", "Importing"), total=None, rows=0)

        def on_progress(step: Any) -> None:
            self._bar.update(task, total=step.bytes_total, completed=step.bytes_read, rows=step.rows)

        return on_progress

    def __exit__(self, *_: object) -> None:
        self._bar.stop()
