"""What is known of members in the console: traits, stages and audiences, on their page, in their story, in the list."""

from __future__ import annotations

import re
from collections.abc import Iterator
from http import HTTPStatus
from urllib.parse import quote

import pytest

from guanxi.customers.boards.service import Boards
from tests.console.client import Client
from tests.e2e.console.shop import NAMES, PASSWORD, Shop, open_shop
from tests.installation import NOW

MEMBERS = "/console/members"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with open_shop(tmp_path_factory.mktemp("known") / "home") as made:
        while made.context.service(Boards).tell(made.installation.merchant):
            pass
        made.project()
        yield made


@pytest.fixture(scope="module")
def lin(shop: Shop) -> str:
    with shop.installation.database.reading() as tx:
        return shop.members.list_members(tx, shop.installation.merchant, query="M1001").items[0].member_id


def sign_in(shop: Shop, login: str) -> Client:
    client = Client(shop.app)
    client.post("/console/sign-in", {"name": login, "password": PASSWORD, "next": ""})
    return client


def results(client: Client, query: str) -> str:
    """Return the list that an address shows, without what surrounds it."""
    return client.get(f"{MEMBERS}?{query}").text.split('id="results"')[1]


def named(page: str) -> set[str]:
    return {name for name in NAMES if name in page}


def test_a_member_has_a_stage_traits_and_audiences(shop: Shop, lin: str) -> None:
    page = sign_in(shop, "owner").get(f"{MEMBERS}/{lin}/known").text
    assert page.index("生命周期阶段") < page.index("复购") < page.index("¥862.00")
    inside, outside = page.split("不在另外")
    assert f'href="/console/audiences/gifted/why/{lin}"' in inside
    assert 'href="/console/audiences/best"' in outside


def test_who_may_not_see_audiences_is_led_nowhere(shop: Shop, lin: str) -> None:
    client = sign_in(shop, "service")
    page = client.get(f"{MEMBERS}/{lin}/known").text
    assert "大额消费会员" in page
    assert "/console/audiences" not in page
    assert "/console/definitions" not in page
    assert "按规则筛选" not in client.get(MEMBERS).text
    assert named(results(client, "audience=gifted")) == named(results(client, ""))


def test_nothing_is_known_of_nobody(shop: Shop) -> None:
    client = sign_in(shop, "owner")
    assert client.get(f"{MEMBERS}/mbr_0000000000000/known").status_code == HTTPStatus.NOT_FOUND


def test_a_story_says_stages_and_audiences_in_words(shop: Shop, lin: str) -> None:
    page = sign_in(shop, "owner").get(f"{MEMBERS}/{lin}/timeline").text
    assert "生命周期阶段：复购" in page
    assert "进入人群“礼盒名单”" in page
    assert "标签变化" not in page


def test_what_the_house_finds_out_is_nobodys_activity(shop: Shop) -> None:
    client = sign_in(shop, "owner")
    assert "礼盒名单" not in client.get("/console/latest").text
    made = shop.installation
    with made.database.reading() as tx:
        today = shop.members.overview(tx, made.merchant, made.merchant.days.day(NOW), 7).days[-1]
        active = {one.last_active_day for one in shop.members.list_members(tx, made.merchant, limit=50).items}
    assert today.active < 3
    assert len(active) > 3


def test_members_are_picked_by_an_audience_a_rule_or_both(shop: Shop) -> None:
    client = sign_in(shop, "owner")
    gifted = results(client, "audience=gifted")
    assert named(gifted) == {"周子墨", "王若溪"}
    assert "晓彤" in gifted
    assert "共 3 条" in gifted
    loyal = results(client, "rule=" + quote("stage = 'loyal'"))
    assert "生命周期阶段为" in loyal
    assert "王若溪" in loyal
    assert "/console/audiences/new?rule=stage+%3D+%27loyal%27" in loyal
    both = results(client, "audience=gifted&rule=" + quote("stage <> 'loyal'"))
    assert named(both) == {"周子墨"}
    assert "in_audience%28%27gifted%27%29+and+%28stage" in both


def test_a_stage_is_picked_without_knowing_the_language(shop: Shop) -> None:
    client = sign_in(shop, "owner")
    menu = results(client, "").split('id="by-stage"')[1].split("</select>")[0]
    assert 'aria-label="阶段与等级"' in menu
    assert '<optgroup label="生命周期阶段">' in menu
    assert menu.index(">活跃<") < menu.index(">复购<") < menu.index(">沉睡<")
    assert "selected" not in menu
    assert re.findall(r'value="([^"]*)" >复购<', menu) == ["stage = &#39;loyal&#39;"]
    for written in ("stage = 'loyal'", "(stage='loyal')"):
        page = results(client, "audience=gifted&rule=" + quote(written))
        assert re.findall(r'value="([^"]*)" selected', page) == ["stage = &#39;loyal&#39;", "gifted"]
        assert '<input type="hidden" name="audience" value="gifted">' in page
    other = results(client, "rule=" + quote("stage = 'loyal' and city = '上海'"))
    assert "selected" not in other.split('id="by-stage"')[1].split("</select>")[0]
    assert "by-stage" not in sign_in(shop, "service").get(MEMBERS).text


def test_a_rule_that_is_wrong_says_where(shop: Shop) -> None:
    page = results(sign_in(shop, "owner"), "rule=" + quote("stag = 1"))
    assert "是不是 stage" in page
    assert "存为人群" not in page
    nobody = results(sign_in(shop, "owner"), "rule=" + quote("spent_90d > ¥100000"))
    assert "没有会员符合这条规则" in nobody


def test_pages_follow_each_other_without_gap(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    client = sign_in(shop, "owner")
    rule = "rule=" + quote("spent_90d > 0")
    everybody = named(results(client, rule))
    monkeypatch.setattr("guanxi.console.members.filtering._PAGE", 10)
    seen: list[str] = []
    page = results(client, rule)
    while 'rel="next"' in page:
        seen += sorted(named(page))
        cursor = page.split("cursor=")[1].split('"')[0]
        page = results(client, f"{rule}&cursor={cursor}")
    seen += sorted(named(page))
    assert len(seen) == len(set(seen))
    assert set(seen) == everybody
    assert client.get(f"{MEMBERS}?{rule}&cursor=nowhere").status_code == HTTPStatus.NOT_FOUND
