"""Long work: ``work list|show|cancel``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from guanxi.cli.output import (
    DEFAULT_HOME,
    HomeOption,
    JsonOption,
    MerchantOption,
    choose_merchant,
    language,
    print_json,
    say,
    session,
    show as show_one,
    show_rows,
    styled,
)

if TYPE_CHECKING:
    from guanxi.runtime.work.model import Work

app = typer.Typer(help="任务 / Long work.", no_args_is_help=True)

WorkId = Annotated[str, typer.Argument(help="任务编号 / The work's id.")]
_SHOWN = 50


@app.command(name="list")
def list_(
    home: HomeOption = DEFAULT_HOME, merchant: MerchantOption = None, as_json: JsonOption = False
) -> None:
    """列出最近的任务 / List the latest long work."""
    with session(home, as_json=as_json) as product:
        chosen = choose_merchant(product, merchant)
        with product.database.reading() as tx:
            found = product.works.page(tx, chosen.merchant_id, limit=_SHOWN).items
        now = product.clock.now()
        if as_json:
            print_json([_fields(work, now) for work in found])
            return
        show_rows(
            [
                (
                    styled((work.id, "bold")),
                    work.title.in_(language()),
                    work.state.label.in_(language()),
                    _progress(work, now),
                    work.asker.name,
                )
                for work in found
            ],
            (
                "id",
                say("任务", "Work"),
                say("状态", "State"),
                say("进度", "Progress"),
                say("发起人", "Asked by"),
            ),
        )


@app.command()
def show(
    work_id: WorkId,
    home: HomeOption = DEFAULT_HOME,
    merchant: MerchantOption = None,
    as_json: JsonOption = False,
) -> None:
    """查看一项任务 / Show a piece of long work."""
    with session(home, as_json=as_json) as product:
        chosen = choose_merchant(product, merchant)
        with product.database.reading() as tx:
            work = product.works.get(tx, chosen.merchant_id, work_id)
        show_one(_fields(work, product.clock.now()), as_json=as_json)


@app.command()
def cancel(
    work_id: WorkId,
    home: HomeOption = DEFAULT_HOME,
    merchant: MerchantOption = None,
    as_json: JsonOption = False,
) -> None:
    """取消一项任务 / Cancel a piece of long work."""
    with session(home, as_json=as_json) as product:
        chosen = choose_merchant(product, merchant)
        with product.database.transaction() as tx:
            work = product.works.cancel(tx, chosen.merchant_id, work_id)
        show_one({"id": work.id, "state": work.state.value}, as_json=as_json)


def _fields(work: Work, now: int) -> dict[str, Any]:
    """Return what is told of a piece of work; instants as RFC 3339."""
    from guanxi.kernel.clock import to_rfc3339
    from guanxi.runtime.work import decide

    progress = decide.progress(work, now)
    return {
        "id": work.id,
        "kind": work.kind,
        "title": work.title.in_(language()),
        "state": work.state.value,
        "asked_by": work.asker.name,
        "asked_at": to_rfc3339(work.asked_at),
        "ended_at": to_rfc3339(work.ended_at) if work.ended_at else None,
        "attempts": work.attempts,
        "done": work.done,
        "rate": round(progress.rate) if progress.rate is not None else None,
        "seconds_left": progress.left // 1_000_000 if progress.left is not None else None,
        "counts": dict(work.outcome.counts),
        "error": {"code": work.reason.code, "message": work.reason.say(language())}
        if work.reason.code
        else None,
    }


def _progress(work: Work, now: int) -> str:
    from guanxi.runtime.work import decide

    if work.state.ended:
        return work.outcome.said.in_(language()) or work.reason.say(language())
    found = decide.progress(work, now)
    share = f"{found.share:.0%}" if found.share is not None else ""
    rate = say(f"{found.rate:,.0f} 行/秒", f"{found.rate:,.0f} rows/s") if found.rate is not None else ""
    return " · ".join(part for part in (share, rate) if part)
