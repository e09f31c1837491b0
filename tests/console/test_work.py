"""The tray of long work, without a browser: what takes longer goes on there, and only whoever asked sees it."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from http import HTTPStatus

import pytest

from guanxi.access.actions import Action
from guanxi.access.service import people, trail
from guanxi.console.work import asking
from guanxi.definitions import Ref
from guanxi.definitions.service import Definitions
from guanxi.kernel.clock import DAY, SECOND
from guanxi.runtime.model import Reason
from guanxi.runtime.work import store
from guanxi.runtime.work.model import State, Work
from guanxi.runtime.work.service import Works
from tests.console.client import Client
from tests.e2e.console.shop import PASSWORD, Shop, open_shop, phone_of

TRAY = "/console/work/tray"
TRAIT = "kind: trait\nkey: orders_30d\nlabel: {zh: 近 30 天订单, en: Orders}\nvalue: count(order.paid, 30d)\n"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with open_shop(tmp_path_factory.mktemp("work") / "home") as made:
        yield made


@pytest.fixture
def enter(shop: Shop) -> Callable[[str], Client]:
    def sign_in(login: str) -> Client:
        client = Client(shop.app)
        client.post("/console/sign-in", {"name": login, "password": PASSWORD, "next": ""})
        return client

    return sign_in


@pytest.fixture
def owner(enter: Callable[[str], Client]) -> Client:
    return enter("owner")


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits: all work goes to the tray."""
    monkeypatch.setattr(asking, "PATIENCE", 0)


@pytest.fixture(autouse=True)
def _tomorrow(shop: Shop) -> None:
    """Each test has a day of its own, and with it a tray."""
    shop.installation.clock.move(DAY)


def newest(shop: Shop) -> Work:
    """Return what was asked for last; what is asked for next is asked later."""
    shop.installation.clock.move(SECOND)
    with shop.installation.database.reading() as tx:
        return shop.context.service(Works).page(tx, "shop", limit=1).items[0]


def finished(shop: Shop) -> Work:
    """Return the latest work, when it has ended."""
    return shop.context.service(Works).wait("shop", newest(shop).id, 30)


def test_what_is_short_is_answered_at_once_and_leaves_nothing(owner: Client, shop: Shop) -> None:
    answer = owner.post("/console/audiences/gifted/export", {"column": "spent_90d"})
    assert answer.status_code == HTTPStatus.OK
    assert answer.text.startswith("\ufeffmember_id,spent_90d")
    work = finished(shop)
    assert (work.state, work.told, work.outcome.part) == (State.DONE, True, "")
    assert shop.context.service(Works).files.names("shop") == []
    assert "gx-job" not in owner.get(TRAY).text


@pytest.mark.usefixtures("hasty")
def test_an_export_that_takes_longer_is_fetched_from_the_tray(
    owner: Client, enter: Callable[[str], Client], shop: Shop
) -> None:
    answer = owner.post("/console/audiences/big_spenders/export", {"column": "stage", "reason": "回访"})
    assert answer.headers["location"] == "/console/audiences/big_spenders?work=started"
    with shop.installation.database.reading() as tx:
        line = trail.entries(tx, "shop", action=Action.AUDIENCE_EXPORTED).items[0]
    assert (line.target, line.reason, line.detail) == ("big_spenders", "回访", {"columns": ["stage"]})
    assert line.actor_name == "李店长"
    page = owner.get(answer.headers["location"]).text
    assert "data-toast" in page
    assert re.search(r'id="tray"[^>]*hx-trigger="load, ', page)
    work = finished(shop)
    shown = owner.get(f"{TRAY}?running={work.id}")
    assert "导出人群「大额消费会员」" in shown.text
    assert f"{work.outcome.counts['members']} 位会员" in shown.text
    assert "every 1s" not in shown.text, "nothing runs any more"
    assert "gx-toast" in shown.headers["hx-trigger"]
    assert "hx-trigger" not in owner.get(TRAY).headers
    file = owner.get(f"/console/work/{work.id}/file")
    assert file.text.splitlines()[0] == "\ufeffmember_id,stage"
    assert len(file.text.splitlines()) == 1 + work.outcome.counts["members"]
    assert file.headers["content-disposition"] == f'attachment; filename="{work.outcome.file}"'
    other = enter("analyst")
    assert other.get(f"/console/work/{work.id}/file").status_code == HTTPStatus.NOT_FOUND
    assert other.post(f"/console/work/{work.id}/cancel", {}).status_code == HTTPStatus.NOT_FOUND
    assert "gx-job" not in other.get(TRAY).text
    shop.context.service(Works).forget("shop")
    assert owner.get(f"/console/work/{work.id}/file").status_code == HTTPStatus.GONE
    assert "文件已不再保留" in owner.get(TRAY).text


@pytest.mark.usefixtures("hasty")
def test_a_list_is_put_in_and_its_bad_lines_are_told(owner: Client, shop: Shop) -> None:
    lines = [phone_of(2), phone_of(3), "不是电话", "13900009999", "1390000"]
    answer = owner.send("/console/audiences/put/gifted", {"kind": "phone"}, "\n".join(lines).encode())
    assert answer.headers["location"] == "/console/audiences/gifted?work=started"
    work = finished(shop)
    assert {name: work.outcome.counts[name] for name in ("rows", "known", "bad")} == {
        "rows": 3, "known": 2, "bad": 2,
    }  # fmt: skip
    shown = owner.get(TRAY).text
    assert "3 行有效" in shown
    assert work.link in shown
    page = owner.get(work.link).text
    assert "导入结果" in page
    report = owner.get(f"/console/work/{work.id}/file").text.splitlines()
    assert [line.split(",")[0] for line in report] == ["\ufeff行号 Line", "3", "5"]
    assert "不是电话" not in "".join(report), "the report repeats nothing that somebody wrote"
    with shop.installation.database.reading() as tx:
        lines_of_trail = trail.entries(tx, "shop", action=Action.LIST_PUT, target="gifted").items
    assert len(lines_of_trail) == 1
    assert lines_of_trail[0].detail["bad"] == 2
    assert owner.get(work.link.replace("/gifted", "/students")).status_code == HTTPStatus.NOT_FOUND


@pytest.mark.usefixtures("hasty")
def test_an_effect_is_waited_for_and_what_was_typed_over_is_dropped(owner: Client, shop: Shop) -> None:
    htmx = {"hx-request": "true", "hx-target": "div#effect"}

    def effect(text: str) -> str:
        fields = {"text": text, "page": "p1"}
        return owner.post("/console/definitions/effect", fields, headers=htmx).text

    shown = effect(TRAIT)
    assert "计算影响：近 30 天订单" in shown
    first = newest(shop)
    assert f"/console/definitions/effect/{first.id}" in shown
    finished(shop)
    table = owner.get(f"/console/definitions/effect/{first.id}", headers=htmx).text
    assert "<table" in table
    assert "将新增 1 个标签" in owner.get(f"/console/definitions/effect/{first.id}").text
    with held(shop):
        effect(TRAIT.replace("30d)", "31d)"))
        second = newest(shop)
        effect(TRAIT.replace("30d)", "32d)"))
        with shop.installation.database.reading() as tx:
            assert shop.context.service(Works).get(tx, "shop", second.id).state is State.CANCELLED
        owner.post("/console/definitions/check", {"text": TRAIT, "page": "p1"})
        assert newest(shop).state is State.CANCELLED


class held:  # noqa: N801 - reads as a word of the test
    """Holds the merchant's work back: what is counted waits until the block has ended."""

    def __init__(self, shop: Shop) -> None:
        self._definitions = shop.context.service(Definitions)
        self._plan = self._definitions.plan_wish
        self._go = threading.Event()

    def __enter__(self) -> None:
        def plan_wish(*given: object, **named: object) -> object:
            if threading.current_thread().name.startswith("guanxi-work"):
                assert self._go.wait(30)
            return self._plan(*given, **named)  # type: ignore[arg-type]

        self._definitions.plan_wish = plan_wish  # type: ignore[method-assign,assignment]

    def __exit__(self, *_: object) -> None:
        self._go.set()
        del self._definitions.plan_wish


@pytest.mark.usefixtures("hasty")
def test_definitions_are_applied_beside(owner: Client, shop: Shop) -> None:
    text = TRAIT.replace("orders_30d", "orders_40d").replace("30d)", "40d)")
    page = owner.post("/console/definitions/check", {"text": text}).text
    found = re.search(r'name="expect" value="(\w+)"', page)
    assert found is not None
    with held(shop):
        answer = owner.post("/console/definitions/apply", {"text": text, "why": "四十天", "expect": found[1]})
        assert answer.headers["location"] == "/console/definitions?work=started"
        shown = owner.get(TRAY).text
        assert "发布：近 30 天订单" in shown
        assert "every 1s" in shown
        assert "正在进行 1 项后台任务" in shown
    work = finished(shop)
    assert work.state is State.DONE
    assert work.link in owner.get(TRAY).text
    assert "已生效" in owner.get(work.link).text
    with shop.installation.database.reading() as tx:
        live = shop.context.service(Definitions).live(tx, "shop").definitions
        entry = trail.entries(tx, "shop", action=Action.DEFINITIONS_APPLIED).items[0]
    assert Ref("trait", "orders_40d") in live
    assert (entry.target, entry.reason) == ("trait orders_40d", "四十天")
    late = owner.post(
        "/console/definitions/apply", {"text": text + "note: x\n", "why": "y", "expect": "0" * 32}
    )
    assert late.status_code == HTTPStatus.SEE_OTHER
    failed = finished(shop)
    assert (failed.state, failed.reason.code) == (State.FAILED, "definitions_moved")
    assert "请重新查看计划" in owner.get(TRAY).text


@pytest.mark.usefixtures("hasty")
def test_cancelling_and_failing_are_told_in_both_languages(owner: Client, shop: Shop) -> None:
    with held(shop):
        token = {"text": TRAIT.replace("30d)", "33d)"), "page": "p2"}
        owner.post("/console/definitions/effect", token)
        work = newest(shop)
        assert work.state in {State.WAITING, State.RUNNING}
        shown = owner.post(f"/console/work/{work.id}/cancel", {}).text
        assert "已取消" in shown
        assert "Cancelled" in owner.get(f"{TRAY}?lang=en").text
    with shop.installation.database.transaction() as tx:
        found = store.get(tx, "shop", work.id)
        assert found is not None
        reason = Reason("internal", "内部错误：磁盘已满", "Internal error: the disk is full")
        store.save(tx, replace(found, state=State.FAILED, reason=reason))
    assert "the disk is full" in owner.get(f"{TRAY}?lang=en").text
    assert work.id in owner.get(f"{TRAY}?lang=zh").text, "whoever runs the server asks for it"


def test_nobody_without_a_session_sees_work(shop: Shop) -> None:
    assert Client(shop.app).get(TRAY).status_code == HTTPStatus.SEE_OTHER


def test_who_lost_the_permission_cannot_fetch(
    enter: Callable[[str], Client], owner: Client, shop: Shop
) -> None:
    owner.post("/console/audiences/gifted/export", {})
    with shop.installation.database.transaction() as tx:
        staff = {one.person.login: one.person.person_id for one in people.list_staff(tx, "shop")}
        found = newest(shop)
        store.save(tx, replace(found, asker=replace(found.asker, id=staff["analyst"])))
    file = f"/console/work/{found.id}/file"
    assert enter("analyst").get(file).status_code == HTTPStatus.FORBIDDEN
    assert owner.get(file).status_code == HTTPStatus.NOT_FOUND


@pytest.mark.usefixtures("hasty")
def test_what_saving_an_audience_does_is_counted_beside(owner: Client, shop: Shop) -> None:
    fields = {"rule": "spent_90d >= ¥300", "label_zh": "三百以上", "label_en": "Over 300", "why": "回访"}
    shown = owner.post("/console/audiences/new", {**fields, "do": "plan"}).text
    work = newest(shop)
    assert f"/console/audiences/effect/{work.id}" in shown
    assert "也可以不等结果，直接保存" in shown
    finished(shop)
    assert "将新建人群 over_300，含" in owner.get(f"/console/audiences/effect/{work.id}").text
    seen = re.search(r'name="seen" value="(\w+)"', shown)
    assert seen is not None
    answer = owner.post("/console/audiences/new", {**fields, "do": "apply", "seen": seen[1]})
    assert answer.headers["location"] == "/console/audiences?work=started"
    assert finished(shop).state is State.DONE
    assert "已保存" in owner.get(finished(shop).link).text
    gone = owner.post("/console/audiences/over_300/delete", {"why": "试完了"})
    assert gone.headers["location"] == "/console/audiences?work=started"
    assert finished(shop).state is State.DONE
    assert owner.get("/console/audiences/over_300").status_code == HTTPStatus.NOT_FOUND
