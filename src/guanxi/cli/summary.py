"""The numbers of a merchant at a glance: ``summary``."""

from __future__ import annotations

from dataclasses import asdict

import typer

from guanxi.cli.output import (
    DEFAULT_HOME,
    HomeOption,
    JsonOption,
    MerchantOption,
    choose_merchant,
    session,
    show,
)


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
        show(asdict(numbers), as_json=as_json, title=chosen.name)
