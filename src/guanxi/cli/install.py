"""Setting an installation up, checking it, keeping a copy: ``init``, ``doctor``, ``backup``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from guanxi.cli.output import (
    DEFAULT_HOME,
    HomeOption,
    JsonOption,
    errors_said,
    notes,
    say,
    session,
    show,
    show_rows,
    styled,
)

if TYPE_CHECKING:
    from guanxi.bootstrap import Product
    from guanxi.storage.database import Transaction
    from guanxi.storage.merchants import Merchant


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
        str, typer.Option(help="sqlite（默认），或 postgresql://… / sqlite (default), or postgresql://…")
    ] = "",
    login: Annotated[str, typer.Option(help="店主登录名 / The owner's login.")] = "owner",
    as_json: JsonOption = False,
) -> None:
    """建立数据目录、第一个商家和店主账号 / Make the folder, the first merchant and its owner."""
    from guanxi.access.decide import check_login
    from guanxi.storage.home import Home
    from guanxi.storage.merchants import Merchant, check_merchant

    with errors_said(as_json=as_json):
        # Whatever can be known to fail is found before anything is written.
        check_merchant(Merchant(merchant, name or merchant, timezone, "CNY", "", 0))
        check_login(login)
        _check_database(home, database)
        Home.create(home, database=database)
    with session(home, as_json=as_json) as product:
        wanted = Merchant(merchant, name or merchant, timezone, "CNY", "", product.clock.now())
        password = add_merchant_and_owner(product, wanted, login, may_exist=True)
        answer = {"home": str(home.resolve()), "merchant": merchant, "login": login if password else ""}
        if password:
            answer["password"] = password
        show(answer, as_json=as_json, title=say("已就绪", "Ready"))
    if not as_json and password:
        notes.print(say("密码只显示这一次，请保存。", "The password is shown this once; keep it."))


def _check_database(home: Path, address: str) -> None:
    """Raise unless a new home could use the database: it answers, and nobody else's master key has filled it."""
    from guanxi.kernel.errors import Conflict
    from guanxi.storage import key_check
    from guanxi.storage.database import Database
    from guanxi.storage.home import KEY_FILE, SETTINGS, check_address, driver_url

    if address in {"", "sqlite"} or (home / SETTINGS).exists():
        return
    check_address(address)
    url = driver_url(address)
    database = Database(url, url)
    try:
        with database.reading() as tx:
            taken = key_check.is_taken(tx)
    finally:
        database.dispose()
    if taken and not (home / KEY_FILE).exists():
        raise Conflict(
            reason_zh=f"这个数据库属于另一个安装；请先把那里的 {KEY_FILE} 放进 {home}。",
            reason_en=f"this database belongs to another installation; put its {KEY_FILE} into {home} first.",
        )


def add_merchant_and_owner(
    product: Product, merchant: Merchant, login: str, *, may_exist: bool = False
) -> str:
    """Add a merchant and its owner, both or neither; returns the owner's password, or nothing if they had one.

    One that ``may_exist`` is left as it is, but for an owner if it has none. Raises ``InvalidInput``, ``Conflict``.
    """
    from guanxi.access.decide import check_login
    from guanxi.access.passwords import fresh_password
    from guanxi.access.permissions import OWNER
    from guanxi.access.service import people
    from guanxi.storage.merchants import add_merchant, list_merchants

    password = fresh_password()
    hashed = product.access.passwords.hash(password, login=check_login(login))
    with product.database.transaction() as tx:
        slugs = {one.merchant_id for one in list_merchants(tx)}
        if not may_exist or merchant.merchant_id not in slugs:
            add_merchant(tx, merchant)
        staff = people.list_staff(tx, merchant.merchant_id)
        if any(role.key == OWNER for one in staff for role in one.roles):
            return ""
        return password if _own(tx, merchant.merchant_id, login, hashed, product.clock.now()) else ""


def add_owner(product: Product, merchant_id: str, login: str, password: str) -> str:
    """Add a merchant's owner unless the login is taken; returns the password, or nothing if there was somebody."""
    hashed = product.access.passwords.hash(password, login=login)
    with product.database.transaction() as tx:
        return password if _own(tx, merchant_id, login, hashed, product.clock.now()) else ""


def _own(tx: Transaction, merchant_id: str, login: str, password_hash: str, now: int) -> bool:
    """Make somebody owner of a merchant; says whether they are new."""
    from guanxi.access.errors import LoginTaken
    from guanxi.access.model import PersonDraft, system_actor
    from guanxi.access.permissions import OWNER
    from guanxi.access.service import people

    actor = system_actor("cli")
    draft = PersonDraft(login=login, name=login, language="zh", roles=(OWNER,))
    try:
        people.add_person(tx, merchant_id, draft, password_hash, by=actor, now=now)
    except LoginTaken:  # nothing has been written yet
        people.attach_person(tx, merchant_id, login, [OWNER], by=actor, now=now)
        return False
    return True


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
    with_key: Annotated[
        bool, typer.Option("--with-key", help="连同主密钥 / With the master key in it.")
    ] = False,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """在运行中备份安装，默认不含主密钥 / Copy the installation while it runs, without its master key."""
    from guanxi.storage.backup import copy_installation

    with session(home, as_json=as_json) as product:
        made = copy_installation(product.home, product.database, product.locks, target, with_key=with_key)
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
    if not as_json:
        notes.print(
            say(
                "备份含主密钥：拿到它的人能读到每一位会员，请加密保存。",
                "The copy holds the master key: whoever has it can read every member; keep it encrypted.",
            )
            if with_key
            else say(
                "备份不含主密钥 secret.key：没有它就无法恢复，请另存一份到别处。",
                "The copy does not hold secret.key, and is of no use without it: keep that somewhere else.",
            )
        )
