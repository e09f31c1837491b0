"""A small application that shows every part of the console's shell; tests render it, and people look at it.

``python -m tests.console.guide`` serves it at http://127.0.0.1:8799/console. Its data is invented and lives only here.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from guanxi.console import assets
from guanxi.console.render import Console, render, render_error, toast
from guanxi.console.shell import Column, ListView, Merchant, Person, Place, Visit
from guanxi.kernel.clock import DAY, HOUR, MINUTE, FixedClock, day_to_date, parse_rfc3339
from guanxi.kernel.errors import Forbidden

NOW = parse_rfc3339("2026-11-20T06:30:00Z")
PLACES = (
    Place("home", "总览", "layout-dashboard", "/console", go="h"),
    Place("members", "会员", "users", "/console/members", go="m"),
    Place("audiences", "人群", "users-group", "/console/audiences", go="a"),
    Place("offers", "权益与券", "ticket", "/console/parts", go="o"),
    Place(
        "settings",
        "设置",
        "settings",
        "/console/settings",
        children=(
            Place("accounts", "账号", "building-store", "/console/settings/accounts"),
            Place("health", "数据健康", "heartbeat", "/console/settings/health", go="d"),
        ),
    ),
)
MERCHANTS = (Merchant("demo", "青禾旗舰店", "/console"), Merchant("two", "山野茶铺", "/console"))
COLUMNS = (
    Column("name", "会员", sort=True),
    Column("tier", "等级", wide_only=True, optional=True),
    Column("state", "状态"),
    Column("orders", "订单", sort=True, end=True, wide_only=True, optional=True),
    Column("spent", "累计消费", sort=True, end=True),
    Column("last", "最近付款", sort=True, wide_only=True, optional=True),
)
NAMES = (
    "林晓彤",
    "周子墨",
    "王若溪",
    "陈嘉禾",
    "赵一鸣",
    "孙雨桐",
    "吴俊熙",
    "郑书瑶",
    "何沐阳",
    "许诗涵",
    "高铭泽",
    "罗清婉",
)
TREE: dict[str, Any] = {
    "label": "可以看到分期",
    "verdict": "fail",
    "note": "定义 v7",
    "children": [
        {"label": "已实名", "verdict": "pass", "value": "是"},
        {
            "label": "信用合格",
            "verdict": "fail",
            "children": [
                {"label": "近 90 天无逾期", "verdict": "pass", "value": "0 次"},
                {"label": "可用额度 ≥ 本单金额", "verdict": "fail", "value": "¥320.00 < ¥1,111.11"},
            ],
        },
        {"label": "年龄 ≥ 18", "verdict": "unknown", "note": "没有生日"},
        {"label": "不在免打扰时段", "verdict": "skipped"},
    ],
}
EVENTS: list[dict[str, Any]] = [
    {
        "at": NOW - 2 * HOUR,
        "icon": "shopping-cart",
        "title": "付款 ¥268.00",
        "text": "2 件商品，抖音小店",
        "tone": "ok",
        "href": "/console",
    },
    {
        "at": NOW - 5 * HOUR,
        "icon": "ticket",
        "title": "领取满 200 减 20",
        "cause": "旅程「九十天没来」第 2 步",
        "tone": "info",
    },
    {
        "at": NOW - DAY,
        "icon": "git-merge",
        "title": "与微信身份合并",
        "text": "两边验证过同一个手机号",
        "cause": "规则：手机号已验证",
    },
    {
        "at": NOW - 3 * DAY,
        "icon": "alert-triangle",
        "title": "退款 ¥99.00",
        "text": "质量问题",
        "tone": "warn",
    },
]
JOBS: list[dict[str, Any]] = [
    {
        "id": "wrk_1",
        "title": "导入名单「展会」",
        "state": "running",
        "waiting": False,
        "for": 18_000_000,
        "share": 0.42,
        "rate": "1.8万 行/秒",
        "left": "24 秒",
        "cancel": "/console/toast",
    },
    {"id": "wrk_2", "title": "计算影响：复购", "state": "waiting", "waiting": True, "stuck": False},
    {
        "id": "wrk_3",
        "title": "导出人群「沉睡会员」",
        "state": "done",
        "said": "4,821 位会员",
        "at": NOW,
        "file": "/console",
        "size": 182_000,
        "bad": False,
    },
    {
        "id": "wrk_4",
        "title": "发布：生命周期阶段",
        "state": "failed",
        "at": NOW,
        "error": "磁盘空间不足，清理后再试。",
        "ours": True,
    },
    {"id": "wrk_5", "title": "导出人群「新客」", "state": "cancelled", "at": NOW},
]


@dataclass(frozen=True)
class Row:
    """One invented member."""

    key: str
    href: str
    name: str
    phone: str
    tier: str
    tone: str
    state: str
    orders: int
    spent: int
    last: int


ROWS = [
    Row(
        key=f"m{index}",
        href="/console/one",
        name=name,
        phone=f"138{index:04d}{5678 + index}",
        tier=("金卡", "银卡", "普通")[index % 3],
        tone=("ok", "ok", "warn", "mute")[index % 4],
        state=("活跃", "活跃", "即将流失", "沉睡")[index % 4],
        orders=37 - index * 3,
        spent=1_284_050 // (index + 1),
        last=NOW - index * index * HOUR - 4 * MINUTE,
    )
    for index, name in enumerate(NAMES)
]


async def overview(request: Request) -> Response:
    """Figures and charts."""
    days = [day_to_date(20_748 + index).isoformat() for index in range(30)]
    old = [900 + (index * 37) % 210 for index in range(30)]
    return render(
        request,
        "overview.html",
        now=NOW,
        days=days,
        gmv=[3_000_000 + (index * 7919) % 1_900_000 for index in range(30)],
        old=old,
        old_low=[value - 60 for value in old],
        old_high=[value + 60 for value in old],
        new=[260 + (index * 53) % 120 for index in range(30)],
    )


async def members(request: Request) -> Response:
    """A list with its side panel."""
    asked = request.query_params
    rows = [row for row in ROWS if asked.get("q", "") in row.name + row.phone]
    view = ListView(
        path="/console/members",
        params=tuple((key, value) for key, value in asked.items() if key not in {"sort", "cursor"}),
        sort=asked.get("sort", "-spent").lstrip("-"),
        descending=asked.get("sort", "-spent").startswith("-"),
        cursor=asked.get("cursor", ""),
        next_cursor=None if asked.get("cursor") else "next",
        total=2_469,
    )
    return render(request, "members.html", list=view, columns=COLUMNS, rows=rows)


async def one(request: Request) -> Response:
    """The page of one thing, and its panel."""
    return render(
        request, "one.html", now=NOW, tab=request.query_params.get("tab", "who"), tree=TREE, events=EVENTS
    )


async def parts(request: Request) -> Response:
    """Everything small."""
    return render(request, "parts.html", jobs=JOBS)


async def tray(request: Request) -> Response:
    """The tray of long work."""
    return render(request, "tray.html", jobs=JOBS)


async def sign_in(request: Request) -> Response:
    """The sign-in page; with ``?demo`` it shows the demonstration's credentials."""
    demo = {"name": "demo", "password": "guanxi-demo"} if "demo" in request.query_params else None
    wrong = "用户名或密码不对。" if "wrong" in request.query_params else ""
    return render(
        request,
        "access/sign_in.html",
        action="/console/sign-in",
        next="/console",
        name="",
        error=wrong,
        demo=demo,
    )


async def say(_request: Request) -> Response:
    """A change without content: only a toast."""
    return Response(status_code=204, headers=toast("已发出一张券", undo="/console/undo"))


async def fault(request: Request) -> Response:
    """An error page."""
    status = int(request.path_params["status"])
    return render_error(request, status, Forbidden(permission="members.read") if status == 403 else None)


class WithVisit(BaseHTTPMiddleware):
    """What the session does in the product: it says who is looking."""

    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        """Put the visit where the renderer looks for it."""
        request.state.visit = Visit(
            person=Person("李店长", "店长"),
            merchant=MERCHANTS[0],
            merchants=MERCHANTS,
            places=PLACES,
            csrf="token",
            request_id="01JD9Z6W3T5Q",
            search="/console/members",
            tray="/console/tray",
            busy=True,
            sign_out="/console/sign-out",
            note="演示数据：由真实零售规律模拟，仅供演示。" if "note" in request.query_params else "",
        )
        return await call_next(request)


def build() -> Starlette:
    """Return the application."""
    routes = [
        Route("/console", overview),
        Route("/console/members", members),
        Route("/console/one", one),
        Route("/console/parts", parts),
        Route("/console/tray", tray),
        Route("/console/sign-in", sign_in),
        Route("/console/toast", say, methods=["POST"]),
        Route("/console/undo", say, methods=["POST"]),
        Route("/console/fault/{status}", fault, methods=["GET", "POST"]),
        Route("/static/{version}/{path:path}", assets.serve),
    ]
    app = Starlette(routes=routes, middleware=[Middleware(WithVisit)])
    app.state.console = Console(clock=FixedClock(NOW), folders=[Path(__file__).parent / "pages"])
    return app


if __name__ == "__main__":
    import uvicorn

    uvicorn.run(build(), host="127.0.0.1", port=8799, log_level="warning")
