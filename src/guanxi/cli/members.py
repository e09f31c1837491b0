"""Members: ``member show|find|export|erase``."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from guanxi.cli.output import (
    DEFAULT_HOME,
    HomeOption,
    JsonOption,
    MerchantOption,
    choose_merchant,
    language,
    opened_for,
    print_json,
    say,
    screen,
    session,
    show as show_one,
    show_rows,
    styled,
)
from guanxi.kernel.clock import day_to_date, to_datetime, zone

if TYPE_CHECKING:
    from guanxi.access.actions import Action
    from guanxi.bootstrap import Product
    from guanxi.customers.members.model import AttributeView, MemberProfile
    from guanxi.storage.database import Transaction
    from guanxi.storage.merchants import Merchant

app = typer.Typer(help="会员 / Members.", no_args_is_help=True)

Reference = Annotated[
    str, typer.Argument(help="会员编号、手机号、会员号或姓名 / Member id, phone, member number or name.")
]


@app.command()
def show(
    who: Reference,
    personal: Annotated[
        bool,
        typer.Option(
            "--personal",
            help="显示个人信息全文，并记入审计 / Show personal values in full; the audit trail keeps it.",
        ),
    ] = False,
    home: HomeOption = DEFAULT_HOME,
    merchant: MerchantOption = None,
    as_json: JsonOption = False,
) -> None:
    """查看一位会员 / Show one member. Personal values are masked."""
    from guanxi.access.actions import Action

    with session(home, as_json=as_json) as product:
        chosen = choose_merchant(product, merchant)
        with product.database.reading() as tx:
            member_id = find_one(product, tx, chosen, who)
            profile = product.members.get_member(tx, chosen, member_id, personal=personal)
        if personal:
            with product.database.transaction() as tx:
                _record(product, tx, chosen, Action.ATTRIBUTES_SEEN, profile.member_id)
        if as_json:
            print_json(asdict(profile))
        else:
            _print(profile, chosen)


def _record(product: Product, tx: Transaction, merchant: Merchant, action: Action, member_id: str) -> None:
    from guanxi.access.model import system_actor
    from guanxi.access.service import trail

    trail.record(
        tx,
        merchant.merchant_id,
        action,
        by=system_actor("cli"),
        now=product.clock.now(),
        target=member_id,
    )


def _written(one: AttributeView) -> str:
    """Write a value; a personal one that was not opened is a mask."""
    value = one.shown.value
    if value is None:
        return "******" if one.personal else "—"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def find_one(product: Product, tx: Transaction, merchant: Merchant, who: str) -> str:
    """Return the id of the one member that ``who`` names; raises ``NotFound``, or ``InvalidInput`` if it names several."""
    from guanxi.kernel.errors import InvalidInput, NotFound

    if who.startswith("mbr_"):
        return who
    found = product.members.list_members(tx, merchant, query=who, limit=6).items
    if not found:
        raise NotFound(what_zh="会员", what_en="member", key=who)
    if len(found) > 1:
        names = ", ".join(f"{one.member_id} ({one.display})" for one in found[:5])
        raise InvalidInput(reason_zh=f"有多位会员符合：{names}", reason_en=f"several members fit: {names}")
    return found[0].member_id


def _print(profile: MemberProfile, merchant: Merchant) -> None:
    speak = language()
    local = zone(merchant.timezone)

    def at(instant: int | None) -> str:
        return (
            to_datetime(instant).astimezone(local).strftime("%Y-%m-%d %H:%M") if instant is not None else "—"
        )

    screen.print(styled((profile.display, "bold"), f"  {profile.member_id}"))
    spent = f"¥{profile.spent // 100:,}.{profile.spent % 100:02}"
    screen.print(
        say(
            f"订单 {profile.orders}，消费 {spent}，首次 {at(profile.first_seen)}，最近 {at(profile.last_seen)}",
            f"{profile.orders} orders, {spent}, first {at(profile.first_seen)}, last {at(profile.last_seen)}",
        ),
        highlight=False,
    )
    show_rows(
        [(one.label.in_(speak), one.scope, one.masked, at(one.first_seen)) for one in profile.identities],
        (say("身份", "Identity"), say("范围", "Scope"), say("值", "Value"), say("首次出现", "First seen")),
    )
    if profile.attributes:
        show_rows(
            [(one.name, _written(one), at(one.shown.time)) for one in profile.attributes],
            (say("属性", "Attribute"), say("值", "Value"), say("更新", "Said")),
        )
    for join in profile.joins:
        screen.print(f"· {join.text.in_(speak)} {at(join.time)}", highlight=False)
    for refusal in profile.refusals:
        screen.print(styled(("·", "yellow"), f" {refusal.text.in_(speak)}"))


@app.command()
def find(
    query: Reference,
    home: HomeOption = DEFAULT_HOME,
    merchant: MerchantOption = None,
    as_json: JsonOption = False,
) -> None:
    """查找会员 / Find members."""
    with session(home, as_json=as_json) as product:
        chosen = choose_merchant(product, merchant)
        with product.database.reading() as tx:
            found = product.members.list_members(tx, chosen, query=query, limit=50).items
        if as_json:
            print_json([asdict(one) for one in found])
        elif not found:
            screen.print(
                say(
                    "没有找到。可试：完整手机号或后四位、至少两个字的姓名、完整会员号。",
                    "Nobody is found. Try a whole phone or its last four digits, two letters of a name, a whole member number.",
                )
            )
        else:
            show_rows(
                [
                    (
                        one.member_id,
                        one.display,
                        one.phone,
                        one.orders,
                        f"{one.spent // 100}.{one.spent % 100:02}",
                        day_to_date(one.last_active_day) if one.last_active_day is not None else "—",
                    )
                    for one in found
                ],
                (
                    "id",
                    say("姓名", "Name"),
                    say("手机", "Phone"),
                    say("订单", "Orders"),
                    say("消费", "Spent"),
                    say("最近", "Last"),
                ),
            )


@app.command()
def export(
    who: Reference,
    to: Annotated[Path, typer.Option("--to", help="写入的 JSON 文件 / JSON file to write.")],
    home: HomeOption = DEFAULT_HOME,
    merchant: MerchantOption = None,
    as_json: JsonOption = False,
) -> None:
    """导出一位会员的全部信息 / Write down everything known of one member."""
    from guanxi.access.actions import Action

    with session(home, as_json=as_json) as product:
        chosen = choose_merchant(product, merchant)
        now = product.clock.now()
        with product.database.reading() as tx:
            member_id = find_one(product, tx, chosen, who)
        with product.database.transaction() as tx:
            _record(product, tx, chosen, Action.MEMBER_EXPORTED, member_id)
        with product.database.reading() as tx, opened_for(to) as file:
            for piece in product.privacy.export_person(tx, chosen, member_id, now=now):
                file.write(piece)
        to.chmod(0o600)
        show_one(
            {"member": member_id, "file": str(to.resolve()), "bytes": to.stat().st_size}, as_json=as_json
        )


@app.command()
def erase(
    who: Reference,
    yes: Annotated[bool, typer.Option("--yes", help="不再询问 / Do not ask again.")] = False,
    home: HomeOption = DEFAULT_HOME,
    merchant: MerchantOption = None,
    as_json: JsonOption = False,
) -> None:
    """删除一位会员的个人信息，不可恢复 / Forget one member for good."""
    from guanxi.access.actions import Action

    with session(home, as_json=as_json) as product:
        chosen = choose_merchant(product, merchant)
        # What has come and is not projected yet may be theirs too.
        while product.projection.run(chosen.merchant_id):
            pass
        with product.database.reading() as tx:
            member_id = find_one(product, tx, chosen, who)
        if not (yes or _is_sure(member_id, as_json=as_json)):
            screen.print(say("没有删除。", "Nothing was erased."))
            raise typer.Exit(1)
        now = product.clock.now()
        with product.database.transaction() as tx:
            erasure = product.privacy.request(tx, chosen, member_id, by="cli", now=now)
            _record(product, tx, chosen, Action.MEMBER_ERASED, member_id)
        product.erasures.run(chosen.merchant_id, wait=True)
        show_one({"member": member_id, "erasure": erasure.erasure_id}, as_json=as_json)


def _is_sure(member_id: str, *, as_json: bool) -> bool:
    """Ask the person at the terminal; a program has nobody to ask and must say ``--yes``."""
    from guanxi.kernel.errors import InvalidInput

    if as_json or not sys.stdin.isatty():
        raise InvalidInput(
            reason_zh=f"删除 {member_id} 后无法恢复；确认请加 --yes",
            reason_en=f"forgetting {member_id} cannot be undone; confirm it with --yes",
        )
    return typer.confirm(say(f"删除 {member_id} 后无法恢复，继续吗？", f"Forget {member_id} for good?"))
