"""The loop in the console: who is in which stage, who moved, and how long it took; on both databases."""

from __future__ import annotations

import re
from http import HTTPStatus
from pathlib import Path

from guanxi.customers.boards.service import Boards
from guanxi.customers.events.service import EventIntake
from guanxi.customers.history.service import History
from guanxi.customers.profiles.service import Profiles
from guanxi.customers.stages.model import way
from guanxi.customers.stages.service import Stages
from guanxi.customers.traits.service import Vocabularies
from guanxi.definitions.service import Definitions
from guanxi.definitions.text import parse
from guanxi.kernel.clock import DAY
from tests.console.client import Client
from tests.e2e.console.shop import PASSWORD, Shop, open_shop

LOOP = "/console/loop"


def wait(shop: Shop, days: int) -> None:
    """Let days pass, count everybody anew, and tell of what changed."""
    made = shop.installation
    made.clock.move(days * DAY)
    boards = shop.context.service(Boards)
    boards.refresh(made.merchant)
    while boards.tell(made.merchant):
        pass
    shop.project()


def looking_back(shop: Shop) -> History:
    """What looks back upon the shop's traits; the worker's, which the console does not have."""
    one, context = shop.installation, shop.context
    return History(
        one.database,
        one.log,
        one.locks,
        context.service(EventIntake),
        context.service(Profiles),
        context.service(Boards),
        context.service(Vocabularies),
        one.clock,
    )


def sign_in(shop: Shop) -> Client:
    client = Client(shop.app)
    client.post("/console/sign-in", {"name": "owner", "password": PASSWORD, "next": ""})
    return client


def test_members_move_and_time_is_told_where_it_is_known(tmp_path: Path, database_setting: str) -> None:
    with open_shop(tmp_path / "loop", database_setting) as shop:
        service, merchant = shop.context.service(Stages), shop.installation.merchant
        wait(shop, 0)
        standing = service.standing(merchant, "stage")
        assert standing is not None
        loyal, active = standing.stages["loyal"], standing.stages["active"]
        assert loyal + active == standing.members
        first = service.moves(merchant, "stage")
        # Nothing is known of the days before the first board, so the past is worked out from the definition.
        assert first.looked_back
        assert 0 < sum(one.members for one in first.moves if one.after == "loyal") < loyal
        assert all(one.days is None for one in first.moves)
        wait(shop, 40)
        told = service.moves(merchant, "stage")
        assert not told.looked_back
        (cooled,) = [one for one in told.moves if one.members]
        assert (cooled.before, cooled.after, cooled.members) == ("loyal", "active", loyal)
        assert cooled.days is None, "since when they had been loyal is not known"
        wait(shop, 60)
        moves = {(one.before, one.after): one for one in service.moves(merchant, "stage").moves}
        asleep = moves["active", "asleep"]
        assert (asleep.members, asleep.days, asleep.timed) == (loyal + active, 60.0, loyal)
        assert moves["loyal", "active"].members == 0, "that was before these 30 days"


def test_the_page_shows_stages_moves_and_what_is_not_known(tmp_path: Path) -> None:
    with open_shop(tmp_path / "loop") as shop:
        client = sign_in(shop)
        page = client.get(LOOP).text
        assert page.index(">活跃<") < page.index(">复购<") < page.index(">沉睡<")
        assert "/console/members?rule=stage+%3D+%27loyal%27" in page
        assert "裂变" not in page
        part = client.get(f"{LOOP}/moves?trait=stage").text
        table, told = part.split('<ul class="gx-went')
        assert "离开合计" in table
        # On a phone the same moves are a list: from, to, how many.
        assert re.search(
            r"<h3>活跃<span>离开合计 8</span></h3>.*? 复购</span><span>8 位会员", told, re.DOTALL
        )
        assert "几分钟内开始记录变化" in client.get(f"{LOOP}/funnel").text
        wait(shop, 0)
        history = looking_back(shop)
        history.run(shop.installation.merchant)
        part = client.get(f"{LOOP}/funnel").text
        assert "正在从 2026-04-20 起按周回看：第 0 步，共 9 步" in part
        assert 'hx-trigger="load delay:3s"' in part
        while history.run(shop.installation.merchant):
            pass
        wait(shop, 40)
        client = sign_in(shop)
        assert "计在那一周的最后一天" in client.get(f"{LOOP}/moves").text
        part = client.get(f"{LOOP}/funnel?trait=stage").text
        assert "历史从 2026-04-20 开始" in part
        assert "人计时" in part
        assert part.count('<span class="gx-label">还没走</span>') == 1, "a phone names every figure beside it"
        assert f'hx-get="{LOOP}/meaning/days"' in part
        assert 'aria-current="true">近 90 天新来的' in client.get(f"{LOOP}/funnel?came=90&trait=stage").text
        behind = client.get(f"{LOOP}/behind?trait=stage&stage=active&onward=yes").text
        assert "走到了“复购”或更远的会员" in behind
        assert "/console/members/mbr_" in behind
        assert client.get(f"{LOOP}/behind?trait=stage&stage=asleep").status_code == HTTPStatus.NOT_FOUND
        members = client.get("/console/members?q=林晓彤").text
        (member,) = set(re.findall(r"/console/members/(mbr_[0-9a-z]+)", members))
        story = client.get(f"/console/members/{member}/timeline").text
        assert "生命周期阶段" in story
        assert "按周回看：在这天或此前 6 天内" in story
        assert "中间一半" in client.get(f"{LOOP}/meaning/days").text
        assert client.get(f"{LOOP}/meaning/nothing").status_code == HTTPStatus.NOT_FOUND
        assert client.get(f"{LOOP}?trait=spent_90d").status_code == HTTPStatus.NOT_FOUND
        flag = parse("kind: trait\nkey: fission\nlabel: 裂变\nvalue: spent_90d >= ¥500\n")
        shop.context.service(Definitions).apply("shop", flag, by="cli", why="标记")
        assert "裂变（带来好友）" in client.get(LOOP).text


def test_without_stages_the_page_says_how_to_begin(tmp_path: Path) -> None:
    with open_shop(tmp_path / "loop") as shop:
        client = sign_in(shop)
        client.post("/console/merchants/tea", {})
        page = client.get(LOOP).text
        assert "还没有带阶段的标签" in page
        begin = client.get("/console/definitions/new?kind=stages")
        assert "将新增 1 个标签" in begin.text
        assert client.get(f"{LOOP}/moves").status_code == HTTPStatus.NOT_FOUND


def test_the_way_goes_backwards_through_a_definition() -> None:
    assert way(["lost", "asleep", "repeat", "active", "new"]) == (
        ["new", "active", "repeat"],
        ["asleep", "lost"],
    )
