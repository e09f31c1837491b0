"""The merchants of an installation: ``merchant add|list``."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from guanxi.cli.output import DEFAULT_HOME, HomeOption, JsonOption, print_json, say, session, show, show_rows

app = typer.Typer(help="商家 / Merchants.", no_args_is_help=True)


@app.command()
def add(
    slug: Annotated[str, typer.Argument(help="商家代号 / Slug.")],
    name: Annotated[str, typer.Option(help="名称 / Name.")] = "",
    timezone: Annotated[str, typer.Option(help="时区 / Time zone.")] = "Asia/Shanghai",
    currency: Annotated[str, typer.Option(help="币种 / Currency.")] = "CNY",
    login: Annotated[str, typer.Option(help="店主登录名 / The owner's login.")] = "owner",
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """添加商家及店主 / Add a merchant and its owner."""
    from guanxi.cli.install import add_merchant_and_owner
    from guanxi.storage.merchants import Merchant

    with session(home, as_json=as_json) as product:
        wanted = Merchant(slug, name or slug, timezone, currency, "", product.clock.now())
        password = add_merchant_and_owner(product, wanted, login)
        answer = {"merchant": slug, "login": login}
        if password:
            answer["password"] = password
        show(answer, as_json=as_json, title=say("已添加", "Added"))


@app.command(name="list")
def list_(home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """列出商家 / List merchants."""
    from guanxi.storage.merchants import list_merchants

    with session(home, as_json=as_json) as product:
        with product.database.reading() as tx:
            merchants = list_merchants(tx)
        if as_json:
            print_json([asdict(merchant) for merchant in merchants])
        else:
            show_rows(
                [(one.merchant_id, one.name, one.timezone, one.currency) for one in merchants],
                (say("代号", "Slug"), say("名称", "Name"), say("时区", "Time zone"), say("币种", "Currency")),
            )
