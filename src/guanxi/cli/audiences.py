"""Audiences: ``audience count|list|members|export|overlap|put``, and ``audience refresh``."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from guanxi.cli.output import (
    DEFAULT_HOME,
    HomeOption,
    JsonOption,
    MerchantOption,
    Tenths,
    choose_merchant,
    language,
    notes,
    opened_for,
    print_json,
    say,
    screen,
    session,
    show_rows,
    styled,
)
from guanxi.kernel.clock import day_to_date, to_datetime, zone

if TYPE_CHECKING:
    from guanxi.bootstrap import Product
    from guanxi.rules import Node
    from guanxi.storage.merchants import Merchant

app = typer.Typer(help="人群 / Audiences.", no_args_is_help=True)

Rule = Annotated[
    str,
    typer.Argument(
        help="规则，或人群代号（也可写 audience/代号）/ A rule, or an audience by KEY or audience/KEY.",
        show_default=False,
    ),
]
AsOf = Annotated[
    str | None,
    typer.Option(
        "--as-of",
        help="以哪一天结束时为准，如 2026-01-31；默认今天 / As of the end of which day; today by default.",
        show_default=False,
    ),
]


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a command asks about: whom, and as of which day."""

    merchant: Merchant
    rule: Node
    as_of: int


def _asked(product: Product, merchant: str | None, text: str, as_of: str | None) -> _Asked:
    """Return what is asked, with everything taken in that has arrived."""
    chosen = choose_merchant(product, merchant)
    settle(product, chosen.merchant_id)
    today = product.audiences.today(chosen)
    day = today if as_of is None else _day(as_of)
    if day > today:
        _not_come(day, today)
    rule = rule_of(product, chosen, text)
    hint(product, chosen, text, rule)
    return _Asked(chosen, rule, day)


def _not_come(day: int, today: int) -> None:
    """Say beside the answer that a day is still to come."""
    asked, now = day_to_date(day), day_to_date(today)
    zh = f"{asked} 还没有到，今天是 {now}：其间会发生什么还不知道，都没有计入。"
    en = f"{asked} has not come yet, today is {now}: what happens until then is not known and not counted."
    notes.print(styled(("! ", "yellow"), say(zh, en)))


def hint(product: Product, merchant: Merchant, text: str, rule: Node) -> None:
    """Say beside the answer what of a rule is perhaps not meant."""
    for one in product.audiences.hints(merchant, text, rule):
        notes.print(styled(("! ", "yellow"), one.reason.in_(language())))


def rule_of(product: Product, merchant: Merchant, text: str) -> Node:
    """Return the rule that a text is, or that of the audience whose key it is.

    A trait may have an audience's key: ``audience/KEY`` always means the audience, and a key that could be either is refused.
    """
    from guanxi.kernel.errors import InvalidInput, NotFound
    from guanxi.rules import Type
    from guanxi.rules.catalogue import nearest

    kind, _, key = text.strip().rpartition("/")
    if kind == "audience":
        return product.audiences.rule_of(merchant, key)
    key = text.strip()
    try:
        found = product.audiences.rule_of(merchant, key)
        known = product.audiences.vocabulary(merchant).catalogue.attributes.get(key)
        if known is not None and known.type is Type.BOOL:
            raise InvalidInput(
                reason_zh=f"{key} 既是人群也是“是/否”的标签；请写 audience/{key} 或 {key} = true",
                reason_en=f"{key} is an audience and a trait that is true or false; write audience/{key} or {key} = true",
            )
        return found
    except NotFound:
        catalogue = product.audiences.vocabulary(merchant).catalogue
        named = key.isidentifier() and key not in catalogue.attributes
        near = nearest(key, catalogue.audiences) if named else ""
        if near:
            raise InvalidInput(
                reason_zh=f"没有人群或属性 {key}，是不是人群 {near}？",
                reason_en=f"there is no audience or attribute {key}; did you mean the audience {near}?",
            ) from None
        return product.audiences.rule(merchant, text)


def settle(product: Product, merchant_id: str) -> None:
    """Take in what has arrived: without a worker beside us nobody else would."""
    product.log.drain_beside(merchant_id)
    with (
        notes.status(say("整理新到的事件…", "Taking in new events…")) if notes.is_terminal else nullcontext()
    ):
        while product.projection.run(merchant_id, 10_000):
            pass


def _day(text: str) -> int:
    from guanxi.kernel.errors import InvalidInput

    try:
        return date.fromisoformat(text).toordinal() - date(1970, 1, 1).toordinal()
    except ValueError:
        raise InvalidInput(
            reason_zh=f"看不懂日期 {text}，应为 2026-01-31 这样。",
            reason_en=f"{text} is no date; write it as 2026-01-31.",
        ) from None


@app.command()
def count(
    rule: Rule,
    as_of: AsOf = None,
    home: HomeOption = DEFAULT_HOME,
    merchant: MerchantOption = None,
    as_json: JsonOption = False,
) -> None:
    """一条规则有多少会员 / How many members a rule is true of. A window of 90d is the 90 days that end with that day."""
    with session(home, as_json=as_json) as product:
        asked = _asked(product, merchant, rule, as_of)
        found = product.audiences.count(asked.merchant, asked.rule, asked.as_of)
        if as_json:
            print_json({"count": found.members, "of": found.of, "as_of": str(day_to_date(asked.as_of))})
            return
        screen.print(
            say(
                f"{found.members} 位会员（共 {found.of} 位），截至 {day_to_date(asked.as_of)}",
                f"{found.members} of {found.of} members, as of {day_to_date(asked.as_of)}",
            )
        )


@app.command("list")
def list_(
    home: HomeOption = DEFAULT_HOME, merchant: MerchantOption = None, as_json: JsonOption = False
) -> None:
    """所有人群和人数 / All audiences and their sizes."""
    with session(home, as_json=as_json) as product:
        chosen = choose_merchant(product, merchant)
        with product.database.reading() as tx:
            lines = product.audiences.list(tx, chosen)
        if as_json:
            print_json(
                [
                    {
                        "key": one.key,
                        "label": {"zh": one.label.zh, "en": one.label.en},
                        "note": {"zh": one.note.zh, "en": one.note.en},
                        "static": one.static,
                        "rule": one.rule,
                        "version": one.version,
                        "size": one.size,
                        "entered": one.entered,
                        "left": one.left,
                    }
                    for one in lines
                ]
            )
            return
        if not lines:
            screen.print(
                say(
                    "还没有人群。写一个 YAML 文件并运行 guanxi apply，或在控制台新建。",
                    "There are no audiences yet. Write a YAML file and run guanxi apply, or make one in the console.",
                )
            )
            return
        local = zone(chosen.timezone)
        show_rows(
            [
                (
                    one.key,
                    "\n".join(filter(None, (one.label.in_(language()), one.note.in_(language())))),
                    "—" if one.size is None else one.size,
                    f"+{one.entered} −{one.left}",
                    to_datetime(one.at).astimezone(local).strftime("%m-%d %H:%M") if one.at else "—",
                    say("名单", "list") if one.static else one.rule,
                )
                for one in lines
            ],
            [
                say("代号", "Key"),
                say("名称", "Label"),
                say("人数", "Size"),
                say("变化", "Change"),
                say("时间", "At"),
                say("规则", "Rule"),
            ],
        )


@app.command()
def members(
    rule: Rule,
    as_of: AsOf = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="最多几位 / How many at most.")] = 100,
    after: Annotated[
        str, typer.Option(help="接着哪位会员之后 / Go on after this member id.", show_default=False)
    ] = "",
    home: HomeOption = DEFAULT_HOME,
    merchant: MerchantOption = None,
    as_json: JsonOption = False,
) -> None:
    """列出会员编号 / List the members' ids."""
    with session(home, as_json=as_json) as product:
        asked = _asked(product, merchant, rule, as_of)
        ids = product.audiences.members(asked.merchant, asked.rule, asked.as_of, after=after, limit=limit)
        if as_json:
            print_json({"members": ids, "next": ids[-1] if len(ids) == limit else None})
        else:
            for one in ids:
                screen.print(one)


@app.command()
def export(
    rule: Rule,
    to: Annotated[
        Path | None,
        typer.Option("--to", help="写到哪个文件；默认标准输出 / File; standard output by default."),
    ] = None,
    columns: Annotated[
        str, typer.Option(help="随编号导出的属性和标签，逗号分隔 / Attributes and traits beside the id.")
    ] = "",
    excel: Annotated[
        bool,
        typer.Option(
            "--excel", help="供 Excel 直接打开 / For Excel: marked as UTF-8, and nothing it would compute."
        ),
    ] = False,
    as_of: AsOf = None,
    home: HomeOption = DEFAULT_HOME,
    merchant: MerchantOption = None,
) -> None:
    """导出为 CSV / Export as CSV."""
    from guanxi.customers.audiences.sheets import pieces

    with session(home, as_json=False) as product:
        asked = _asked(product, merchant, rule, as_of)
        wanted = [name.strip() for name in columns.split(",") if name.strip()]
        tenths, written = Tenths(say("导出", "Exporting")), 0

        def progress(done: int, total: int) -> None:
            nonlocal written
            written = done
            tenths(done, total)

        rows = product.audiences.export(asked.merchant, asked.rule, wanted, asked.as_of, progress)
        with opened_for(to) if to else nullcontext(sys.stdout.buffer) as file:
            try:
                for piece in pieces(rows, excel=excel):
                    file.write(piece.encode())
                file.flush()
            except BrokenPipeError:
                # Whoever reads has had enough, as `head` has.
                sys.stdout = None
                return
    notes.print(say(f"已导出 {written} 位会员。", f"{written} members exported."))


@app.command()
def overlap(
    one: Rule,
    other: Rule,
    as_of: AsOf = None,
    home: HomeOption = DEFAULT_HOME,
    merchant: MerchantOption = None,
    as_json: JsonOption = False,
) -> None:
    """两个人群的重叠 / How far two audiences overlap."""
    with session(home, as_json=as_json) as product:
        first = _asked(product, merchant, one, as_of)
        second = rule_of(product, first.merchant, other)
        hint(product, first.merchant, other, second)
        found = product.audiences.overlap(first.merchant, first.rule, second, first.as_of)
        if as_json:
            print_json(found._asdict())
            return
        screen.print(
            say(
                f"前者 {found.one}，后者 {found.other}，同时属于两者 {found.both}",
                f"the first {found.one}, the second {found.other}, both {found.both}",
            )
        )


@app.command()
def put(
    key: Annotated[str, typer.Argument(help="人群代号 / Key of the audience.")],
    file: Annotated[
        Path,
        typer.Argument(
            help="每行一个身份的文件 / File with one identity a line.", exists=True, dir_okay=False
        ),
    ],
    kind: Annotated[
        str, typer.Option("--type", help="身份类型，如 phone、member_no / Kind of identity.")
    ] = "phone",
    scope: Annotated[str, typer.Option(help="平台内身份的范围，如 AppID / Scope, such as an AppID.")] = "",
    replace: Annotated[
        bool, typer.Option("--replace", help="名单之外的人移出 / Take out whoever is not in the file.")
    ] = False,
    home: HomeOption = DEFAULT_HOME,
    merchant: MerchantOption = None,
    as_json: JsonOption = False,
) -> None:
    """把名单放进静态人群 / Put a list into a static audience."""
    with session(home, as_json=as_json) as product:
        chosen = choose_merchant(product, merchant)

        def told(rows: int) -> None:
            if notes.is_terminal:
                notes.print(say(f"已读 {rows} 行", f"{rows} rows read"), end="\r")

        from guanxi.customers.audiences.lines import lines_of

        with file.open("rb") as opened:
            lines = enumerate(lines_of(opened), 1)
            done = product.audiences.put(chosen, key, lines, kind, scope, replace=replace, on_progress=told)
        if as_json:
            examples = [{"line": one.line, "zh": one.reason.zh, "en": one.reason.en} for one in done.examples]
            print_json({**done._asdict(), "examples": examples})
            return
        screen.print(
            say(
                f"有效 {done.rows} 行，新加入 {done.added} 个，其中 {done.known} 个是会员；无效 {done.bad} 行。",
                f"{done.rows} good rows, {done.added} new, {done.known} of members; {done.bad} bad rows.",
            )
        )
        for one in done.examples:
            notes.print(say(f"第 {one.line} 行：{one.reason.zh}", f"line {one.line}: {one.reason.en}"))
        if more := done.bad - len(done.examples):
            notes.print(say(f"另有 {more:,} 行无效。", f"and {more:,} more bad rows."))


@app.command()
def refresh(
    home: HomeOption = DEFAULT_HOME, merchant: MerchantOption = None, as_json: JsonOption = False
) -> None:
    """立即更新所有标签和人群 / Bring all traits and audiences up to date now."""
    with session(home, as_json=as_json) as product:
        chosen = choose_merchant(product, merchant)
        settle(product, chosen.merchant_id)
        product.boards.refresh(chosen, force=True)
        told = 0
        while done := product.boards.tell(chosen):
            told += done
        with product.database.reading() as tx:
            board = product.boards.live(tx, chosen.merchant_id)
        if board is None:
            return
        if as_json:
            print_json({"members": board.members, "changes": board.changes, "took_ms": board.took // 1_000})
            return
        screen.print(
            say(
                f"{board.members} 位会员，{board.changes} 处变化，用时 {board.took / 1e6:.1f} 秒",
                f"{board.members} members, {board.changes} changes, in {board.took / 1e6:.1f} s",
            )
        )
