"""API keys: ``key create|list|revoke``."""

from __future__ import annotations

from typing import Annotated

import typer

from guanxi.cli.output import (
    DEFAULT_HOME,
    HomeOption,
    JsonOption,
    MerchantOption,
    choose_merchant,
    notes,
    print_json,
    say,
    session,
    show,
    show_rows,
)

app = typer.Typer(help="密钥 / API keys.", no_args_is_help=True)


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="用途 / What it is for.")],
    kind: Annotated[
        str, typer.Option(help="write：仅写入事件；secret：按权限 / write: events only; secret: by scope.")
    ] = "write",
    scope: Annotated[list[str] | None, typer.Option(help="权限，可重复 / Scopes, repeatable.")] = None,
    account: Annotated[str, typer.Option(help="事件所属企业账号 / Account of the events.")] = "",
    channel: Annotated[str, typer.Option(help="事件渠道 / Channel of the events.")] = "",
    home: HomeOption = DEFAULT_HOME,
    merchant: MerchantOption = None,
    as_json: JsonOption = False,
) -> None:
    """创建密钥，只显示一次 / Create a key; its text is shown once."""
    from guanxi.access.model import KeyDraft, KeyKind, system_actor
    from guanxi.access.permissions import Permission
    from guanxi.kernel.errors import InvalidInput

    with session(home, as_json=as_json) as product:
        chosen = choose_merchant(product, merchant)
        try:
            of_kind = KeyKind(kind)
            scopes = frozenset(Permission(one) for one in scope or ())
        except ValueError as error:
            known = ", ".join(Permission)
            raise InvalidInput(
                reason_zh=f"{error}；类型为 write 或 secret，权限有：{known}",
                reason_en=f"{error}; kinds are write and secret, scopes are {known}",
            ) from error
        if of_kind is KeyKind.WRITE:
            scopes = frozenset({Permission.EVENTS_WRITE})
        draft = KeyDraft(of_kind, name, scopes, account, channel)
        with product.database.transaction() as tx:
            key, secret = product.access.keys.create(
                tx, chosen.merchant_id, draft, by=system_actor("cli"), now=product.clock.now()
            )
        show({"id": key.key_id, "key": secret}, as_json=as_json, title=say("密钥", "Key"))
        if not as_json:
            notes.print(say("密钥只显示这一次，请保存。", "The key is shown this once; keep it."))


@app.command(name="list")
def list_(
    home: HomeOption = DEFAULT_HOME, merchant: MerchantOption = None, as_json: JsonOption = False
) -> None:
    """列出密钥 / List keys."""
    with session(home, as_json=as_json) as product:
        chosen = choose_merchant(product, merchant)
        with product.database.reading() as tx:
            keys = product.access.keys.list(tx, chosen.merchant_id, limit=500).items
        if as_json:
            print_json(
                [
                    {
                        "id": key.key_id,
                        "name": key.name,
                        "kind": key.kind.value,
                        "revoked": key.revoked_at is not None,
                    }
                    for key in keys
                ]
            )
        else:
            state = {True: say("已吊销", "revoked"), False: say("可用", "works")}
            show_rows(
                [
                    (key.key_id, key.name, key.kind.value, key.hint, state[key.revoked_at is not None])
                    for key in keys
                ],
                ("id", say("用途", "For"), say("类型", "Kind"), say("提示", "Hint"), say("状态", "State")),
            )


@app.command()
def revoke(
    key_id: Annotated[str, typer.Argument(help="密钥编号 / The key's id.")],
    home: HomeOption = DEFAULT_HOME,
    merchant: MerchantOption = None,
    as_json: JsonOption = False,
) -> None:
    """吊销密钥 / Revoke a key."""
    from guanxi.access.model import system_actor

    with session(home, as_json=as_json) as product:
        chosen = choose_merchant(product, merchant)
        with product.database.transaction() as tx:
            key = product.access.keys.revoke(
                tx, chosen.merchant_id, key_id, by=system_actor("cli"), now=product.clock.now()
            )
        show({"id": key.key_id, "revoked": True}, as_json=as_json)
