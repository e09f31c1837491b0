"""A small invented shop with everything a page can show: joins, refusals, consents, dead letters, parked work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
from starlette.applications import Starlette

from guanxi.access import PersonDraft, jobs as access_jobs, system_actor
from guanxi.access.service import Access, Passwords, people
from guanxi.console.app import build_console
from guanxi.console.context import ConsoleContext
from guanxi.console.work import asking
from guanxi.customers.accounts.model import AccountKind, Platform
from guanxi.customers.accounts.service import save_account
from guanxi.customers.audiences.jobs import ExportWork, PutWork
from guanxi.customers.audiences.lists import Lists
from guanxi.customers.audiences.service import Audiences
from guanxi.customers.boards.kinds import AttributeKind, AudienceKind, TraitKind
from guanxi.customers.boards.service import Boards
from guanxi.customers.events.model import Source
from guanxi.customers.events.sealing import resealer
from guanxi.customers.events.service import EventIntake
from guanxi.customers.facts.service import Facts
from guanxi.customers.members.service import Members
from guanxi.customers.privacy.service import Privacy
from guanxi.customers.profiles.service import Profiles
from guanxi.customers.projection.jobs import READER, Projection
from guanxi.customers.stages.service import Stages
from guanxi.customers.traits.basics import Basics
from guanxi.customers.traits.service import Vocabularies
from guanxi.definitions.jobs import ApplyWork, EffectWork
from guanxi.definitions.service import Definitions
from guanxi.definitions.text import parse
from guanxi.kernel.clock import DAY, HOUR, MINUTE, SECOND, to_rfc3339
from guanxi.runtime import store as runtime_store
from guanxi.runtime.model import JobStatus, Reason
from guanxi.runtime.timers import service as timers
from guanxi.runtime.timers.jobs import TimerJob
from guanxi.runtime.timers.model import NewTimer
from guanxi.runtime.work.files import Files
from guanxi.runtime.work.handle import Kind
from guanxi.runtime.work.jobs import Crew, Runner
from guanxi.runtime.work.service import Works
from guanxi.storage.events.handover import Handover
from guanxi.storage.merchants import Merchant, add_merchant
from guanxi.storage.person_keys import PersonKeys
from tests.installation import NOW, Installation
from tests.settling import catch_up

PASSWORD: Final = "correct horse battery"
STAFF: Final = (
    ("owner", "李店长", ("owner",)),
    ("analyst", "周分析", ("analyst",)),
    ("service", "孙客服", ("service",)),
    ("developer", "吴开发", ("developer",)),
)
NAMES: Final = (
    "林晓彤 周子墨 王若溪 陈嘉禾 赵一鸣 孙雨桐 吴俊熙 郑书瑶 何沐阳 许诗涵 高铭泽 罗清婉 梁思远 宋佳宁 唐浩然 韩雪怡"
    " 冯子涵 曹文博 彭语嫣 董宇轩 袁梦洁 潘俊杰 蒋欣怡 蔡志强"
).split()
STORE: Final = Source("pos", "store-sh", "store")
WEB: Final = Source("web-shop", "web-shop", "web")
WECHAT: Final = Source("mini-program", "mini", "mini-program")
LIN_PHONE: Final = "13910014007"
DEFINITIONS: Final = """
kind: attribute
key: city
label: {zh: 城市, en: City}
type: text
values:
  上海: {zh: 上海, en: Shanghai}
  苏州: {zh: 苏州, en: Suzhou}
---
kind: trait
key: spent_90d
label: {zh: 近 90 天消费, en: Spent in 90 days}
value: sum(order.paid.amount, 90d)
---
kind: trait
key: stage
history: true
label: {zh: 生命周期阶段, en: Stage}
stages:
  - {value: loyal, label: {zh: 复购, en: Loyal}, when: "count(order.paid, 30d) >= 3"}
  - {value: active, label: {zh: 活跃, en: Active}, when: "count(order.paid, 90d) >= 1"}
otherwise: {value: asleep, label: {zh: 沉睡, en: Asleep}}
---
kind: audience
key: big_spenders
label: {zh: 大额消费会员, en: Big spenders}
note: {zh: 送中秋礼盒, en: They get the autumn box}
rule: spent_90d >= ¥500
---
kind: audience
key: loyal_in_shanghai
label: {zh: 上海复购会员, en: Loyal in Shanghai}
rule: stage = 'loyal' and city = '上海'
---
kind: audience
key: gifted
label: {zh: 礼盒名单, en: The gift list}
static: true
"""
LATER: Final = """
kind: audience
key: best
label: {zh: 核心会员, en: Core members}
rule: in_audience('big_spenders') and not in_audience('gifted')
"""


def phone_of(number: int) -> str:
    """Return the phone of the shop's n-th member."""
    return f"1391{number:03d}{4000 + 7 * number:04d}"


def number_of(number: int) -> str:
    """Return the member number of the shop's n-th member."""
    return f"M{1000 + number}"


def order(order_id: str, amount: int, at: int, **who: Any) -> dict[str, Any]:
    """Return the message of a paid order; ``who`` is what names the buyer."""
    lines = [{"product_id": "P1", "name": "桂花乌龙", "category": "茶", "quantity": 1, "amount": amount}]
    return {
        "type": "track",
        "event": "order.paid",
        "messageId": f"order-{order_id}",
        "timestamp": to_rfc3339(at),
        "properties": {"order_id": order_id, "amount": amount, "discount": amount // 10, "lines": lines},
        **who,
    }


def known_as(*identities: tuple[str, str, str]) -> dict[str, Any]:
    """Return the part of a message that names somebody by (type, scope, value)."""
    return {"context": {"identities": [{"type": a, "scope": b, "value": c} for a, b, c in identities]}}


def identify(key: str, at: int, traits: dict[str, Any], *identities: tuple[str, str, str]) -> dict[str, Any]:
    """Return the message of somebody's traits."""
    return {
        "type": "identify",
        "messageId": f"identify-{key}",
        "timestamp": to_rfc3339(at),
        "traits": traits,
        **known_as(*identities),
    }


def till() -> list[dict[str, Any]]:
    """What the shop's till sent over two months: every member with name, phone, number and a few orders."""
    messages = []
    for index, name in enumerate(NAMES, 1):
        met = NOW - (62 - index) * DAY
        number = ("member_no", "", number_of(index))
        traits = {"name": name, "phone": phone_of(index), "city": "上海" if index % 3 else "苏州"}
        messages.append(identify(number_of(index), met, traits, number))
        messages += [
            order(f"S{index}-{turn}", 5_900 + 1_300 * ((index * turn) % 9), at, **known_as(number))
            for turn in range(1, 4 + index % 5)
            if (at := met + turn * (5 + index % 4) * DAY + index * MINUTE) < NOW
        ]
    return messages


def online() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """What web shop and mini-program sent: 林晓彤 under her phone, 周子墨 under hers too, a phone's family."""
    phone = ("phone", "", LIN_PHONE)
    user = ("user_id", "web-shop", "u-7700")
    web = [
        identify(
            "web-7700",
            NOW - 20 * DAY,
            {"name": "晓彤", "city": "杭州", "birthday": "1994-05-01"},
            user,
            phone,
        ),
        order("W-1", 26_800, NOW - 19 * DAY, **known_as(user)),
        order("W-2", 9_900, NOW - 2 * DAY, **known_as(user)),
        order("W-3", 3_900, NOW - 9 * DAY, **known_as(("member_no", "", "M1002"), phone)),
        {"type": "page", "messageId": "page-1", "anonymousId": "anon-1", "timestamp": to_rfc3339(NOW - DAY)},
    ]
    union = ("unionid", "wechat", "oUnion-lin-xiaotong")
    wechat = [
        {
            "type": "track",
            "event": "signed_in",
            "messageId": "signed-in-1",
            "timestamp": to_rfc3339(NOW - 12 * DAY),
            "properties": {"with": "微信一键登录"},
            **known_as(union, ("openid", "wx-tea", "oOpen-lin"), phone),
        },
        order("X-1", 12_900, NOW - 11 * DAY, **known_as(union)),
        *(
            {
                "type": "track",
                "event": event,
                "messageId": f"{event}-{channel}",
                "timestamp": to_rfc3339(NOW - days * DAY),
                "properties": {"purpose": "marketing", "channel": channel, "evidence": "小程序授权弹窗 v3"},
                **known_as(union),
            }
            for event, channel, days in (
                ("consent.given", "sms", 12),
                ("consent.given", "wechat", 12),
                ("consent.withdrawn", "sms", 3),
            )
        ),
    ]
    return web, wechat


def broken() -> list[dict[str, Any]]:
    """What cannot become an event."""
    who = known_as(("member_no", "", "M1003"))
    bad_amount = order("W-9", 1, NOW - HOUR, **who)
    bad_amount["properties"]["amount"] = "九十九元"
    nobody = order("W-10", 4_500, NOW - 2 * HOUR)
    masked = order("W-11", 6_600, NOW - 3 * HOUR, **known_as(("phone", "", "139****4007")))
    late = order("W-12", 7_700, NOW - 4 * HOUR, **who)
    late["timestamp"] = "明天"
    bad_amount["properties"]["receiver_phone"] = LIN_PHONE
    return [bad_amount, nobody, masked, late]


@dataclass(frozen=True)
class Shop:
    """The shop, ready to be looked at."""

    installation: Installation
    members: Members
    intake: EventIntake
    projection: Projection
    context: ConsoleContext
    app: Starlette

    def project(self) -> None:
        """Let the projection catch up, with what the system itself wrote too."""
        self.installation.log.drain_beside("shop")
        made = self.installation
        catch_up(made.database, made.log, self.projection, "shop")


@contextmanager
def open_shop(folder: Path, database: str = "sqlite") -> Iterator[Shop]:
    """Build the shop in ``folder``; ``database`` as in the settings of a home."""
    with Installation.fresh(folder, database) as made:
        shop = _assemble(made)
        _hire(shop)
        _trade(shop)
        _define(shop)
        _work(shop)
        crew = _crew(shop)
        crew.start()
        try:
            with pytest.MonkeyPatch.context() as patch:
                # On a busy machine what is short takes long.
                patch.setattr(asking, "PATIENCE", 60)
                yield shop
        finally:
            crew.stop()


def _crew(shop: Shop) -> Crew:
    """Those who do the shop's long work."""
    made, service = shop.installation, shop.context.service
    record = access_jobs.recording(made.clock)
    audiences, definitions = service(Audiences), service(Definitions)
    kinds: tuple[Kind, ...] = (
        ExportWork(audiences, shop.intake),
        PutWork(made.database, audiences, service(Boards), shop.intake, record),
        EffectWork(definitions, lambda _: 0),
        ApplyWork(definitions, lambda _: 0, record),
    )
    by_name = {kind.name: kind for kind in kinds}
    files = service(Works).files
    return Crew(lambda: Runner(made.database, files, by_name, made.clock), 2)


def _assemble(made: Installation) -> Shop:
    keys = PersonKeys(made.vault)
    intake = EventIntake(made.database, made.log, made.vault, made.clock)
    members = Members(made.log, intake, made.vault, keys)
    projection = Projection(made.database, made.log, intake, made.vault, keys)
    privacy = Privacy(made.database, made.log, intake, made.vault, keys, projection.catch_up)
    readable = Definitions(made.database, (), made.clock)
    providers = (Basics(intake),)
    vocabularies = Vocabularies(intake, readable, providers)
    facts = Facts(made.home, made.database, made.log, made.locks, made.vault)
    profiles = Profiles(made.database, made.log, facts, providers, Lists(), READER)
    boards = Boards(made.database, made.log, intake, profiles, vocabularies, readable, made.clock)
    kinds = [kind(vocabularies, boards, intake) for kind in (AttributeKind, TraitKind, AudienceKind)]
    definitions = Definitions(made.database, kinds, made.clock)
    audiences = Audiences(made.database, profiles, boards, vocabularies, readable, made.vault, made.clock)
    stages = Stages(made.database, profiles, boards, vocabularies, made.clock)
    works = Works(made.database, Files(made.home.path / "work", made.vault, made.clock), made.clock)
    context = ConsoleContext(
        database=made.database,
        clock=made.clock,
        vault=made.vault,
        access=Access.of(made.database, made.vault, Passwords.cheap()),
        log=made.log,
        services=(
            intake,
            members,
            privacy,
            definitions,
            vocabularies,
            profiles,
            boards,
            audiences,
            stages,
            works,
        ),
    )
    return Shop(made, members, intake, projection, context, build_console(context))


def _hire(shop: Shop) -> None:
    by, hashed = system_actor("test"), shop.context.access.passwords.hash(PASSWORD, login="somebody")
    with shop.installation.database.transaction() as tx:
        add_merchant(tx, Merchant("tea", "山野茶铺", "Asia/Shanghai", "CNY", "演示数据：模拟", NOW))
        for login, name, roles in STAFF:
            people.add_person(tx, "shop", PersonDraft(login, name, "zh", roles), hashed, by=by, now=NOW)
        people.attach_person(tx, "tea", "owner", ["owner"], by=by, now=NOW)
        for key, name, platform, kind in (
            ("store-sh", "上海徐汇店", Platform.STORE, AccountKind.STORE),
            ("web-shop", "官网商城", Platform.OWN, AccountKind.BRAND),
        ):
            save_account(tx, "shop", key, name=name, platform=platform, kind=kind, now=NOW)


def _trade(shop: Shop) -> None:
    web, wechat = online()
    made = shop.installation
    for source, messages in ((STORE, till()), (WEB, web), (WECHAT, wechat), (WEB, broken())):
        shop.intake.accept("shop", source, messages)
    shop.project()
    keys = PersonKeys(made.vault)
    reseal = resealer(made.database, made.vault, keys)
    Handover(made.database, made.log, made.locks, reseal, made.clock).run("shop", [READER], limit=100)


def _define(shop: Shop) -> None:
    """Traits and audiences of every sort, with a few members on the list."""
    definitions, audiences = shop.context.service(Definitions), shop.context.service(Audiences)
    definitions.apply("shop", parse(DEFINITIONS), by="owner", why="开店")
    rows = enumerate(map(number_of, (1, 2, 3)), 1)
    audiences.put(shop.installation.merchant, "gifted", rows, "member_no")
    definitions.apply("shop", parse(LATER), by="owner", why="中秋活动")


def _work(shop: Shop) -> None:
    done = Reason()
    failed = Reason(
        "unavailable", "数据湖暂时无法写入：磁盘已满。", "The lake cannot be written: the disk is full."
    )
    jobs = [
        JobStatus("", name, "w1", NOW - 2 * SECOND, took, count, failures, 0, NOW if failures else 0, reason)
        for name, took, count, failures, reason in (
            ("customers", 18_000, 214, 0, done),
            ("handover", 350_000, 100, 2, failed),
            ("timers", 900, 12, 0, done),
        )
    ]
    database = shop.installation.database
    with database.transaction() as tx:
        runtime_store.save_jobs(tx, jobs)
        timers.schedule(tx, [NewTimer("shop", "birthday.greeting", "mbr-1", NOW - MINUTE)])
    TimerJob(database, {}).run_once(NOW)
