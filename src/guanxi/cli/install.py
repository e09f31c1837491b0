"""Setting an installation up, checking it, keeping a copy: ``init``, ``doctor``, ``backup``."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from guanxi.cli.output import (
    DEFAULT_HOME,
    HomeOption,
    JsonOption,
    fail,
    notes,
    say,
    session,
    show,
    show_rows,
    styled,
)
from guanxi.kernel.errors import GuanxiError

if TYPE_CHECKING:
    from guanxi.bootstrap import Product


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(init)
    app.command()(doctor)
    app.command()(backup)


def init(
    home: HomeOption = DEFAULT_HOME,
    merchant: Annotated[str, typer.Option(help="商家代号 / The merchant's slug.")] = "main",
    name: Annotated[str, typer.Option(help="商家名称 / The merchant's name.")] = "",
    timezone: Annotated[str, typer.Option(help="商家时区 / The merchant's time zone.")] = "Asia/Shanghai",
    database: Annotated[
        str, typer.Option(help="sqlite，或 postgresql://… / sqlite, or postgresql://…")
    ] = "sqlite",
    login: Annotated[str, typer.Option(help="店主登录名 / The owner's login.")] = "owner",
    as_json: JsonOption = False,
) -> None:
    """建立数据目录、第一个商家和店主账号 / Make the folder, the first merchant and its owner."""
    from guanxi.storage.home import Home
    from guanxi.storage.merchants import Merchant, add_merchant, list_merchants

    try:
        Home.create(home, database=database)
    except GuanxiError as error:
        fail(error, as_json=as_json)
    with session(home, as_json=as_json) as product:
        with product.database.reading() as tx:
            known = [one.merchant_id for one in list_merchants(tx)]
        password = ""
        if merchant not in known:
            now = product.clock.now()
            with product.database.transaction() as tx:
                add_merchant(tx, Merchant(merchant, name or merchant, timezone, "CNY", "", now))
            password = add_owner(product, merchant, login, secrets.token_urlsafe(12))
        answer = {"home": str(home.resolve()), "merchant": merchant, "login": login if password else ""}
        if password:
            answer["password"] = password
        show(answer, as_json=as_json, title=say("已就绪", "Ready"))
    if not as_json and password:
        notes.print(say("密码只显示这一次，请保存。", "The password is shown this once; keep it."))


def add_owner(product: Product, merchant_id: str, login: str, password: str) -> str:
    """Add a merchant's owner unless the login is taken; returns the password, or nothing if there was somebody."""
    from guanxi.access.errors import LoginTaken
    from guanxi.access.model import PersonDraft, system_actor
    from guanxi.access.service import people

    hashed = product.access.passwords.hash(password, login=login)
    actor = system_actor("cli")
    try:
        with product.database.transaction() as tx:
            draft = PersonDraft(login=login, name=login, language="zh", roles=("owner",))
            people.add_person(tx, merchant_id, draft, hashed, by=actor, now=product.clock.now())
    except LoginTaken:
        with product.database.transaction() as tx:
            people.attach_person(tx, merchant_id, login, ["owner"], by=actor, now=product.clock.now())
        return ""
    return password


def doctor(home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """检查安装并指出如何修复 / Check the installation and say what to mend."""
    from guanxi.cli.checks import examine

    findings = examine(home)
    broken = [finding for finding in findings if not finding.ok]
    if as_json:
        checks = [{"check": one.name, "ok": one.ok, "zh": one.text.zh, "en": one.text.en} for one in findings]
        show({"ok": not broken, "checks": checks}, as_json=True)
    else:
        marks = {True: styled(("✓", "green")), False: styled(("✗", "red"))}
        show_rows(
            [(marks[one.ok], one.name, say(one.text.zh, one.text.en)) for one in findings],
            ("", say("检查", "Check"), say("结果", "Finding")),
        )
    if broken:
        raise typer.Exit(1)


def backup(
    target: Annotated[
        Path, typer.Argument(help="备份目录，须不存在或为空 / Folder for the copy; new or empty.")
    ],
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """在运行中备份整个安装 / Copy the whole installation while it runs."""
    from guanxi.storage.backup import copy_installation

    with session(home, as_json=as_json) as product:
        made = copy_installation(product.home, product.database, product.locks, target)
        show(
            {
                "target": str(target.resolve()),
                "files": made.files,
                "bytes": made.bytes,
                "database": made.database,
            },
            as_json=as_json,
            title=say("备份完成", "Backed up"),
        )
