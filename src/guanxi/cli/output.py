"""How every command speaks: tables for people, JSON for programs, errors that say what to do."""

from __future__ import annotations

import json
import locale
import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, NoReturn

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text as Styled

from guanxi.kernel.errors import GuanxiError, InvalidInput
from guanxi.kernel.text import Language, Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from guanxi.bootstrap import Product
    from guanxi.storage.merchants import Merchant

DEFAULT_HOME = Path("guanxi-home")

HomeOption = Annotated[
    Path,
    typer.Option(
        "--home", envvar="GUANXI_HOME", help="数据目录 / Folder of the installation.", show_default=True
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="输出 JSON / Print JSON.")]
MerchantOption = Annotated[
    str | None,
    typer.Option("--merchant", help="商家代号；只有一个时可省略 / Merchant; not needed if there is one."),
]

# What is printed holds names and values that somebody else typed: no mark-up in it is ever obeyed.
screen = Console(stderr=False, markup=False, emoji=False)
notes = Console(stderr=True, markup=False, emoji=False)


def language() -> Language:
    """Return the language of the terminal: Chinese unless it says otherwise."""
    said = os.environ.get("GUANXI_LANGUAGE") or os.environ.get("LC_ALL") or os.environ.get("LANG") or ""
    if not said or said.startswith(("C", "POSIX")):
        said = locale.getlocale()[0] or ""
    return "en" if said.lower().startswith("en") else "zh"


def say(zh: str, en: str) -> str:
    """Return the text in the terminal's language."""
    return Text(zh, en).in_(language())


def styled(*pieces: str | tuple[str, str]) -> Styled:
    """Return a line of plain pieces and of (text, style) pieces."""
    return Styled.assemble(*pieces)


def show(value: Any, *, as_json: bool, title: str = "") -> None:
    """Print one thing: JSON, or a table of its fields."""
    if as_json:
        print_json(value)
        return
    table = Table(title=title or None, show_header=False, title_justify="left")
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for key, item in value.items():
        table.add_row(str(key), item if isinstance(item, str) else json.dumps(item, ensure_ascii=False))
    screen.print(table)


def show_rows(rows: Iterable[Sequence[Any]], columns: Sequence[str], *, title: str = "") -> None:
    """Print a table."""
    table = Table(*columns, title=title or None, title_justify="left")
    for row in rows:
        table.add_row(*(cell if isinstance(cell, Styled) else str(cell) for cell in row))
    screen.print(table)


class Tenths:
    """Says how far long work is where no bar can be drawn, such as in a container's log: a line at each tenth."""

    def __init__(self, label: str) -> None:
        self._label = label
        self._said = 0

    def __call__(self, done: int, total: int | None) -> None:
        """Take how much of it is done."""
        if notes.is_terminal or not total:
            return
        tenth = min(10, done * 10 // total)
        if tenth > self._said:
            self._said = tenth
            notes.print(f"{self._label} {tenth * 10} %", highlight=False)


def print_json(value: Any) -> None:
    """Print JSON on one line, for programs."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, default=str) + "\n")
    sys.stdout.flush()


def fail(error: GuanxiError, *, as_json: bool) -> NoReturn:
    """Say what went wrong and end with status 1."""
    tell(error, as_json=as_json)
    raise typer.Exit(1)


def tell(error: GuanxiError, *, as_json: bool) -> None:
    """Say what went wrong; if that is several things in a text, each with its place."""
    problems: list[dict[str, Any]] = error.params.get("problems", [])
    if as_json:
        said: dict[str, Any] = {
            "code": error.code,
            "message": {"zh": error.message.zh, "en": error.message.en},
        }
        if problems:
            said["problems"] = problems
        sys.stderr.write(json.dumps({"error": said}, ensure_ascii=False) + "\n")
        return
    notes.print(styled(("✗", "bold red"), f" {error.say(language())}"))
    placed = [one for one in problems if "line" in one]
    for one in placed if len(placed) > 1 else ():
        notes.print(styled(("  ", ""), (one["where"], "bold"), f" {one[language()]}"))


@contextmanager
def session(home: Path, *, as_json: bool) -> Iterator[Product]:
    """Open the installation for a command; what goes wrong inside is said in the terminal's language."""
    import structlog

    from guanxi.bootstrap import opened

    # What a command prints may be read by a program.
    structlog.configure(logger_factory=lambda *_: structlog.PrintLogger(sys.stderr))
    with errors_said(as_json=as_json), opened(home) as product:
        yield product


@contextmanager
def errors_said(*, as_json: bool) -> Iterator[None]:
    """Say in the terminal's language what goes wrong in the block, and end."""
    from guanxi.storage.database import FAILED, UNAVAILABLE, is_damaged, why_unavailable
    from guanxi.storage.home import BrokenHome

    try:
        yield
    except GuanxiError as error:
        fail(error, as_json=as_json)
    except FAILED as error:
        if is_damaged(error):
            reason = why_unavailable(error)
            fail(
                BrokenHome(
                    reason_zh=f"数据库文件已损坏（{reason}），请从备份恢复",
                    reason_en=f"a database file is damaged ({reason}); restore a backup",
                ),
                as_json=as_json,
            )
        if not isinstance(error, UNAVAILABLE):
            raise
        reason = why_unavailable(error)
        fail(
            InvalidInput(
                reason_zh=f"数据库打不开：{reason}。请检查 guanxi.toml 的 database，并运行 guanxi doctor。",
                reason_en=f"the database cannot be opened: {reason}. Check `database` in guanxi.toml and run guanxi doctor.",
            ),
            as_json=as_json,
        )


def opened_for(to: Path) -> BinaryIO:
    """Open a file that a command writes; raises ``InvalidInput`` that says what is in the way."""
    try:
        return to.open("wb")
    except FileNotFoundError:
        raise InvalidInput(
            reason_zh=f"文件夹 {to.parent} 不存在，请先建立",
            reason_en=f"there is no folder {to.parent}; make it first",
        ) from None
    except OSError as error:
        raise InvalidInput(
            reason_zh=f"不能写入 {to}（{error.strerror}）",
            reason_en=f"{to} cannot be written ({error.strerror})",
        ) from None


def choose_merchant(product: Product, slug: str | None) -> Merchant:
    """Return the merchant named, or the only one there is; raises ``InvalidInput`` or ``NotFound``."""
    from guanxi.storage.merchants import get_merchant, list_merchants

    with product.database.reading() as tx:
        if slug is not None:
            return get_merchant(tx, slug)
        merchants = list_merchants(tx)
    if len(merchants) == 1:
        return merchants[0]
    names = ", ".join(merchant.merchant_id for merchant in merchants)
    if not merchants:
        raise InvalidInput(
            reason_zh="还没有商家，请运行 guanxi merchant add",
            reason_en="there is no merchant yet; run guanxi merchant add",
        )
    raise InvalidInput(
        reason_zh=f"请用 --merchant 指定商家：{names}",
        reason_en=f"say which merchant with --merchant: {names}",
    )
