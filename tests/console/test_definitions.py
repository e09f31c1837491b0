"""Definitions in the console: read, written, planned, made live, taken back; and what is told of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from http import HTTPStatus

import pytest

from guanxi.access.service import trail
from guanxi.definitions import Ref
from guanxi.definitions.service import Definitions
from guanxi.definitions.text import parse
from tests.console.client import Client
from tests.e2e.console.shop import PASSWORD, Shop, open_shop

HERE = "/console/definitions"
TRAIT = "kind: trait\nkey: orders_30d\nlabel: {zh: 近 30 天订单, en: Orders}\nvalue: count(order.paid, 30d)\n"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with open_shop(tmp_path_factory.mktemp("definitions") / "home") as made:
        yield made


@pytest.fixture(scope="module")
def client(shop: Shop) -> Client:
    client = Client(shop.app)
    client.post("/console/sign-in", {"name": "owner", "password": PASSWORD, "next": ""})
    return client


def newest(shop: Shop) -> int:
    """Return the number of the newest release."""
    with shop.installation.database.reading() as tx:
        return shop.context.service(Definitions).release(tx, "shop")


def hash_in(page: str) -> str:
    """Return the plan that a page shows."""
    found = re.search(r'name="expect" value="(\w+)"', page)
    assert found is not None
    return found[1]


def audited(shop: Shop) -> tuple[str, str, str]:
    """Return what the audit trail says of the newest release."""
    with shop.installation.database.reading() as tx:
        entries = trail.entries(tx, "shop", limit=100).items
    (entry,) = [one for one in entries if one.detail.get("release") == newest(shop)]
    return entry.action.value, entry.target, entry.reason


def test_what_is_live_is_listed_and_found(client: Client) -> None:
    page = client.get(HERE).text
    assert page.index("城市") < page.index("近 90 天消费") < page.index("大额消费会员")
    assert "开店" in page
    assert "中秋活动" in page
    found = client.get(f"{HERE}?q=loyal_in").text
    assert "上海复购会员" in found
    assert "大额消费会员" not in found.split('id="results"')[1]
    traits = client.get(f"{HERE}?kind=trait").text.split('id="results"')[1]
    assert "生命周期阶段" in traits
    assert "上海复购会员" not in traits
    assert "没有符合的定义" in client.get(f"{HERE}?q=nothing+like+it").text


def test_one_definition_says_what_it_rests_on_and_what_rests_on_it(client: Client) -> None:
    page = client.get(f"{HERE}/trait/spent_90d").text
    assert "value: sum(order.paid.amount, 90d)" in page
    assert f"{HERE}/audience/big_spenders" in page
    best = client.get(f"{HERE}/audience/best").text
    assert f"{HERE}/audience/gifted" in best
    assert "/console/audiences/best" in best
    assert client.get(f"{HERE}/audience/nobody").status_code == HTTPStatus.NOT_FOUND


def test_a_text_is_checked_planned_counted_and_made_live(shop: Shop, client: Client) -> None:
    wrong = client.post(f"{HERE}/check", {"text": TRAIT.replace("order.paid", "order.payd")}).text
    assert 'data-goto="4:14"' in wrong
    assert "第 4 行第 14 列" in wrong
    assert "order.paid" in wrong
    assert 'name="expect"' not in wrong
    plan = client.post(f"{HERE}/check", {"text": TRAIT}).text
    assert "将新增 1 个标签" in plan
    counted = client.post(f"{HERE}/effect", {"text": TRAIT}).text
    assert "近 30 天订单" in counted
    form = {"text": TRAIT, "expect": hash_in(plan)}
    without = client.post(f"{HERE}/apply", {**form, "why": " "})
    assert without.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "请用一行文字说明修改原因" in without.text
    done = client.post(f"{HERE}/apply", {**form, "why": "看近况"})
    assert done.headers["location"] == f"{HERE}/trait/orders_30d?done=applied"
    assert audited(shop) == ("definitions.applied", "trait orders_30d", "看近况")
    page = client.get(done.headers["location"]).text
    assert f"已生效，发布 {newest(shop)}" in page
    assert "李店长" in page


def test_a_plan_that_somebody_overtook_is_shown_again(shop: Shop, client: Client) -> None:
    text = TRAIT.replace("orders_30d", "overtaken")
    plan = client.post(f"{HERE}/check", {"text": text}).text
    other = parse(TRAIT.replace("30", "7"))
    shop.context.service(Definitions).apply("shop", other, by="cli", why="别人更快")
    late = client.post(f"{HERE}/apply", {"text": text, "expect": hash_in(plan), "why": "慢了"})
    assert late.status_code == HTTPStatus.CONFLICT
    assert "请再次点击生效" in late.text
    assert hash_in(late.text) != hash_in(plan)
    again = client.post(f"{HERE}/apply", {"text": text, "expect": hash_in(late.text), "why": "慢了"})
    assert again.status_code == HTTPStatus.SEE_OTHER


def test_what_is_so_already_changes_nothing(shop: Shop, client: Client) -> None:
    page = client.get(f"{HERE}/trait/spent_90d/edit").text
    assert "内容与现状相同" in page
    service, before = shop.context.service(Definitions), newest(shop)
    with shop.installation.database.reading() as tx:
        same = service.get(tx, "shop", Ref("trait", "spent_90d"))
    expect = service.plan("shop", [same], effects=False).hash
    done = client.post(f"{HERE}/apply", {"text": same.text, "expect": expect, "why": "无"})
    assert done.headers["location"] == f"{HERE}/trait/spent_90d?done=same"
    assert newest(shop) == before


def test_several_go_live_together_and_back_together(shop: Shop, client: Client) -> None:
    before = newest(shop)
    both = TRAIT.replace("orders_30d", "visits") + "---\nkind: audience\nkey: busy\nrule: visits >= 3\n"
    plan = client.post(f"{HERE}/check", {"text": both}).text
    assert "将新增 1 个标签，新增 1 个人群" in plan
    done = client.post(f"{HERE}/apply", {"text": both, "expect": hash_in(plan), "why": "一起"})
    assert done.headers["location"] == f"{HERE}/releases/{before + 1}?done=applied"
    assert audited(shop) == ("definitions.applied", "", "一起")
    assert f"{HERE}/releases/{before + 1}" in client.get("/console/settings/audit").text
    release = client.get(f"{HERE}/releases/{before + 1}").text
    assert "visits" in release
    assert "busy" in release
    back = client.get(f"{HERE}/releases/{before}/restore").text
    assert "删除 1 个标签" in back
    gone = client.post(f"{HERE}/releases/{before}/restore", {"expect": hash_in(back), "why": "不要了"})
    assert gone.headers["location"] == f"{HERE}/releases?done=restored"
    assert audited(shop) == ("definitions.rolled_back", "", "不要了")
    assert "已删除" in client.get(f"{HERE}/audience/busy").text


def test_back_to_an_earlier_version(shop: Shop, client: Client) -> None:
    service, text = shop.context.service(Definitions), TRAIT.replace("orders_30d", "turned")
    service.apply("shop", parse(text), by="cli", why="先")
    service.apply("shop", parse(text.replace("30d)", "60d)")), by="cli", why="后")
    page = client.get(f"{HERE}/trait/turned?from=1&to=2").text
    assert '<span class="is-del">value: count(order.paid, 30d)' in page
    assert '<span class="is-add">value: count(order.paid, 60d)' in page
    address = f"{HERE}/trait/turned/rollback?version=1"
    plan = client.get(address).text
    figures = client.get(address, headers={"HX-Request": "true", "HX-Target": "div#effect"}).text
    assert "<table" in figures
    assert "<main" not in figures
    done = client.post(address, {"expect": hash_in(plan), "why": "改回来"})
    assert done.headers["location"] == f"{HERE}/trait/turned?done=back"
    assert audited(shop) == ("definitions.rolled_back", "trait turned", "改回来")
    assert "版本 3" in client.get(f"{HERE}/trait/turned").text
    for wrong in ("9", "x", ""):
        address = f"{HERE}/trait/turned/rollback?version={wrong}"
        assert client.get(address).status_code == HTTPStatus.NOT_FOUND


def test_what_is_in_use_stays_and_the_rest_can_go(shop: Shop, client: Client) -> None:
    kept = client.get(f"{HERE}/trait/spent_90d/remove").text
    assert "还在被使用" in kept
    assert 'name="expect"' not in kept
    plan = client.get(f"{HERE}/audience/best/remove").text
    stale = client.post(f"{HERE}/audience/best/remove", {"expect": "0" * 32, "why": "不用"})
    assert stale.status_code == HTTPStatus.CONFLICT
    done = client.post(f"{HERE}/audience/best/remove", {"expect": hash_in(plan), "why": "不用"})
    assert done.headers["location"] == f"{HERE}?done=removed"
    assert audited(shop) == ("definitions.removed", "audience best", "不用")
    gone = client.get(f"{HERE}/audience/best").text
    assert "已删除" in gone
    assert "退回此版" in gone


def test_what_would_be_wrong_elsewhere_names_its_definition(client: Client) -> None:
    text = "kind: trait\nkey: stage\nlabel: {zh: 阶段, en: Stage}\nvalue: count(order.paid, 30d)\n"
    wrong = client.post(f"{HERE}/check", {"text": text}).text
    assert 'href="/console/definitions/audience/loyal_in_shanghai"' in wrong
    assert "人群 loyal_in_shanghai · 第 " in wrong
    assert "data-goto" not in wrong
    gone = client.get(f"{HERE}/trait/stage/remove").text
    assert "第 1 行第 1 列" not in gone
