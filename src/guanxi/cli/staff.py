"""The staff of a merchant, for whoever runs the installation: ``staff list|reset``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from guanxi.cli.output import (
    DEFAULT_HOME,
    HomeOption,
    JsonOption,
    MerchantOption,
    choose_merchant,
    language,
    notes,
    print_json,
    say,
    session,
    show,
    show_rows,
)

if TYPE_CHECKING:
    from guanxi.access.model import Staff
    from guanxi.bootstrap import Product

app = typer.Typer(help="人员 / Staff.", no_args_is_help=True)


@app.command(name="list")
def list_(
    home: HomeOption = DEFAULT_HOME, merchant: MerchantOption = None, as_json: JsonOption = False
) -> None:
    """列出人员与角色 / List people and their roles."""
    from guanxi.access.service import people

    with session(home, as_json=as_json) as product:
        chosen = choose_merchant(product, merchant)
        with product.database.reading() as tx:
            staff = people.list_staff(tx, chosen.merchant_id)
        if as_json:
            print_json(
                [
                    {
                        "login": one.person.login,
                        "name": one.person.name,
                        "roles": [role.key for role in one.roles],
                        "disabled": one.person.disabled,
                    }
                    for one in staff
                ]
            )
            return
        show_rows(
            [
                (
                    one.person.login,
                    one.person.name,
                    ", ".join(role.name.in_(language()) for role in one.roles),
                    say("已停用", "disabled") if one.person.disabled else say("可登录", "may sign in"),
                )
                for one in staff
            ],
            (say("登录名", "Login"), say("姓名", "Name"), say("角色", "Roles"), say("状态", "State")),
        )


@app.command()
def reset(
    login: Annotated[str, typer.Argument(help="登录名 / Login.")],
    home: HomeOption = DEFAULT_HOME,
    merchant: MerchantOption = None,
    as_json: JsonOption = False,
) -> None:
    """重设密码并结束其登录；新密码只显示一次 / Set a new password, shown once, and end their sessions."""
    from guanxi.access.model import system_actor
    from guanxi.access.passwords import fresh_password
    from guanxi.access.service import people

    with session(home, as_json=as_json) as product:
        merchant_id, staff = _find(product, login, merchant)
        person = staff.person
        password = fresh_password()
        hashed = product.access.passwords.hash(password, login=person.login)
        with product.database.transaction() as tx:
            people.set_password(
                tx, merchant_id, person.person_id, hashed, by=system_actor("cli"), now=product.clock.now()
            )
        show({"login": person.login, "password": password}, as_json=as_json, title=say("已重设", "Reset"))
    if not as_json:
        notes.print(say("密码只显示这一次，请保存。", "The password is shown this once; keep it."))


def _find(product: Product, login: str, merchant: str | None) -> tuple[str, Staff]:
    """Return somebody by login and a merchant they work for; raises ``InvalidInput``, ``NotFound``."""
    from guanxi.access.decide import check_login
    from guanxi.access.service import people
    from guanxi.kernel.errors import NotFound
    from guanxi.storage.merchants import get_merchant, list_merchants

    plain = check_login(login)
    with product.database.reading() as tx:
        for one in list_merchants(tx) if merchant is None else [get_merchant(tx, merchant)]:
            for staff in people.list_staff(tx, one.merchant_id):
                if staff.person.login == plain:
                    return one.merchant_id, staff
    raise NotFound(what_zh="人员", what_en="person", key=login)
