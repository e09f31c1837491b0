"""The numbers of a merchant at a glance: ``summary``."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from guanxi.cli.output import (
    DEFAULT_HOME,
    HomeOption,
    JsonOption,
    MerchantOption,
    choose_merchant,
    notes,
    say,
    session,
    show,
)

if TYPE_CHECKING:
    from guanxi.bootstrap import Product


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(summary)


def summary(
    home: HomeOption = DEFAULT_HOME, merchant: MerchantOption = None, as_json: JsonOption = False
) -> None:
    """会员、订单、GMV（分）、事件、死信 / Members, orders, GMV (in fen), events, dead letters."""
    with session(home, as_json=as_json) as product:
        chosen = choose_merchant(product, merchant)
        with product.database.reading() as tx:
            numbers = product.members.summary(tx, chosen)
        _say_what_is_missing(product, chosen.merchant_id)
        show(asdict(numbers), as_json=as_json, title=chosen.name)


def _say_what_is_missing(product: Product, merchant_id: str) -> None:
    """Say on standard error what the numbers do not hold yet."""
    from guanxi.storage.events import vitals

    if vitals.is_afresh(product.database, product.log, merchant_id, product.projection.reader):
        notes.print(
            say(
                "正在从日志重新推算会员，以下数字还不完整。",
                "Members are being worked out afresh from the log; these numbers are not complete yet.",
            )
        )
    elif rows := vitals.waiting(product.database, product.log, merchant_id, product.projection.reader).rows:
        notes.print(
            say(
                f"还有 {rows} 条事件待整理，由 guanxi worker 或 guanxi serve 完成。",
                f"{rows} events wait to be taken in by guanxi worker or guanxi serve.",
            )
        )
