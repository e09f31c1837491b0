"""The pages of audiences, without a browser: both sides of the builder, saving, lists, exports, reasons."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from html import unescape
from http import HTTPStatus
from io import BytesIO
from pathlib import Path

import httpx
import pytest

from guanxi.access.actions import Action
from guanxi.access.permissions import Permission
from guanxi.access.service import trail
from guanxi.customers.audiences.lines import lines_of
from guanxi.customers.audiences.model import Counted
from guanxi.customers.audiences.service import Audiences
from guanxi.customers.audiences.sheets import harmless
from guanxi.customers.boards.service import Boards
from guanxi.definitions import Ref
from guanxi.definitions.service import Definitions
from guanxi.kernel.clock import DAY
from tests.console.client import Client
from tests.e2e.console.shop import LIN_PHONE, PASSWORD, Shop, number_of, open_shop, phone_of

SPENT = "sum(order.paid.amount, 90d) >= ¥500"
PICKED = {
    "side": "form",
    "subject@0": "event:order.paid",
    "what@0": "sum amount",
    "days@0": "90",
    "op@0": ">=",
    "value@0": "500",
}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with open_shop(tmp_path_factory.mktemp("audiences") / "home") as made:
        yield made


@pytest.fixture(scope="module")
def enter(shop: Shop) -> Callable[[str], Client]:
    """Sign people in."""

    def client_of(login: str) -> Client:
        client = Client(shop.app)
        client.post("/console/sign-in", {"name": login, "password": PASSWORD, "next": ""})
        return client

    return client_of


@pytest.fixture(scope="module")
def owner(enter: Callable[[str], Client]) -> Client:
    return enter("owner")


def text_in(answer: httpx.Response) -> str:
    return unescape(answer.text)


def rule_in(answer: httpx.Response) -> str:
    """Return what the text side holds."""
    found = re.search(r'id="f-rule".*?delay:300ms">(.*?)</textarea>', answer.text, re.DOTALL)
    assert found is not None
    return unescape(found[1])


def size_of(shop: Shop, rule: str) -> int:
    audiences, merchant = shop.context.service(Audiences), shop.installation.merchant
    return audiences.count(merchant, audiences.rule(merchant, rule)).members


def member_of(shop: Shop, query: str) -> str:
    with shop.installation.database.reading() as tx:
        return shop.members.list_members(tx, shop.installation.merchant, query=query).items[0].member_id


# List and page -------------------------------------------------------------------------------------------------------


def test_the_list_says_in_words_who_is_in(owner: Client) -> None:
    page = text_in(owner.get("/console/audiences"))
    assert "近 90 天消费不少于 ¥500.00" in page
    assert "不属于人群「礼盒名单」" in page
    found = text_in(owner.get("/console/audiences?q=上海复购"))
    assert "loyal_in_shanghai" in found
    assert "big_spenders" not in found
    assert "没有找到“zzz”" in text_in(owner.get("/console/audiences?q=zzz"))


def test_a_shop_without_audiences_is_shown_how_to_begin(enter: Callable[[str], Client]) -> None:
    client = enter("owner")
    client.post("/console/merchants/tea", {})
    page = text_in(client.get("/console/audiences"))
    assert "还没有人群" in page
    assert "/console/audiences/new?example=spenders" in page
    assert rule_in(client.get("/console/audiences/new?example=spenders")) == SPENT


def test_a_page_tells_what_an_audience_rests_on_and_who_uses_it(owner: Client, shop: Shop) -> None:
    page = text_in(owner.get("/console/audiences/big_spenders"))
    assert 'href="/console/definitions/trait/spent_90d"' in page
    assert 'href="/console/audiences/best"' in page
    assert 'href="/console/definitions/audience/big_spenders"' in page
    assert ">12<" in page
    members = text_in(owner.get("/console/audiences/big_spenders/members"))
    assert members.count('class="gx-ask"') == size_of(shop, "in_audience('big_spenders')")
    assert owner.get("/console/audiences/nobody").status_code == HTTPStatus.NOT_FOUND


def test_two_audiences_are_compared(owner: Client, shop: Shop) -> None:
    page = text_in(owner.get("/console/audiences/overlap?one=big_spenders&other=gifted"))
    both = size_of(shop, "in_audience('big_spenders') and in_audience('gifted')")
    assert f"{both} 位会员同时在两个人群中" in page
    assert "只在「礼盒名单」" in page


# Builder -------------------------------------------------------------------------------------------------------------


def test_picking_writes_the_text(owner: Client) -> None:
    answer = owner.post("/console/audiences/draft", PICKED)
    assert rule_in(answer) == SPENT
    assert "近 90 天支付订单的实付金额合计不少于 ¥500.00" in text_in(answer)


def test_a_value_that_never_occurred_is_told_beside_the_count(owner: Client) -> None:
    rule = "count(order.paid where category = '茶叶', 30d) >= 1"
    page = text_in(owner.post("/console/audiences/draft", {"side": "text", "rule": rule}))
    assert "品类“茶叶”还没有出现过。" in page
    assert "gx-counted" in page
    label = text_in(owner.post("/console/audiences/draft", {"side": "text", "rule": "stage = '复购'"}))
    assert "“复购”是名称，请写 'loyal'（复购）。" in label


def test_writing_picks(owner: Client) -> None:
    answer = owner.post("/console/audiences/draft", {"side": "text", "rule": f"{SPENT} or stage = 'loyal'"})
    page = text_in(answer)
    assert re.search(r'name="value@0" value="500"', page)
    assert re.search(r'<option value="loyal" selected>复购', page)
    assert re.search(r'<option value="or" selected>', page)


def test_a_rule_that_says_more_than_rows_is_left_to_the_text(owner: Client) -> None:
    page = text_in(owner.post("/console/audiences/draft", {"side": "text", "rule": "spent_90d / 2 >= 5"}))
    assert "这条规则无法用条件完整表示" in page


def test_a_wrong_name_is_shown_at_its_place_and_mended_by_a_click(owner: Client) -> None:
    wrong = SPENT.replace("amount", "amont")
    page = text_in(owner.post("/console/audiences/draft", {"side": "text", "rule": wrong}))
    assert "<mark>order.paid.amont</mark>" in page
    assert "第 1 行第 5 个字符" in page
    found = re.search(r'"fix": "([^"]*)"', page)
    assert found is not None
    mended = owner.post("/console/audiences/draft", {"side": "text", "rule": wrong, "fix": found[1]})
    assert rule_in(mended) == SPENT
    same = owner.post("/console/audiences/draft", {"side": "text", "rule": wrong, "fix": "90:4:x"})
    assert rule_in(same) == wrong


def test_a_wrong_value_is_mended_in_its_quotes(owner: Client) -> None:
    page = text_in(owner.post("/console/audiences/draft", {"side": "text", "rule": "stage = 'loyl'"}))
    found = re.search(r'"fix": "([^"]*)"', page)
    assert found is not None
    fixed = owner.post("/console/audiences/draft", {"rule": "stage = 'loyl'", "fix": found[1]})
    assert rule_in(fixed) == "stage = 'loyal'"


def test_rows_are_added_ready_and_say_what_they_lack(owner: Client) -> None:
    page = text_in(owner.post("/console/audiences/draft", {"side": "form", "do": "spent@"}))
    assert re.search(r'<option value="sum amount" selected>', page)
    assert "填好后计入" in page
    assert rule_in(owner.post("/console/audiences/draft", {"side": "form", "do": "group@"})) == ""


def test_a_slice_offers_what_was_met(owner: Client) -> None:
    page = text_in(owner.post("/console/audiences/draft", {**PICKED, "where@0": "category"}))
    assert re.search(r'name="chosen@0" value="茶"', page)
    assert "请至少选择一个值" in page
    chosen = {**PICKED, "where@0": "category", "chosen@0": "茶"}
    assert rule_in(owner.post("/console/audiences/draft", chosen)) == SPENT.replace(
        "amount", "amount where category = '茶'"
    )


def test_a_count_comes_with_some_of_the_members(
    owner: Client, enter: Callable[[str], Client], shop: Shop
) -> None:
    page = text_in(owner.post("/console/audiences/count", {"rule": SPENT}))
    assert f"<b>{size_of(shop, SPENT)}</b>" in page
    assert page.count("/console/members/mbr_") == 10
    assert LIN_PHONE not in page
    assert "规则有误" in text_in(owner.post("/console/audiences/count", {"rule": "sum("}))
    refused = enter("developer").post("/console/audiences/count", {"rule": SPENT})
    assert refused.status_code == HTTPStatus.FORBIDDEN


def test_a_sample_says_how_far_off_it_may_be(owner: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Audiences, "count_now", lambda *_, **__: Counted(1_200, 9_000, 400, 87))
    page = text_in(owner.post("/console/audiences/draft", PICKED))
    assert "<b>≈ 1,200</b>" in page
    assert "±87" in page


# Saving --------------------------------------------------------------------------------------------------------------


def saved(client: Client, path: str, fields: dict[str, str]) -> httpx.Response:
    """Look at what saving does, then save."""
    seen = client.post(path, {**fields, "do": "plan"})
    assert seen.status_code == HTTPStatus.OK, text_in(seen)
    found = re.search(r'name="seen" value="([^"]*)"', seen.text)
    assert found is not None
    return client.post(path, {**fields, "do": "apply", "seen": found[1]})


def test_saving_says_first_what_it_does(owner: Client, shop: Shop) -> None:
    fields = {"label_zh": "满五百", "label_en": "Five hundred", "why": "试试", "rule": SPENT}
    seen = text_in(owner.post("/console/audiences/new", {**fields, "do": "plan"}))
    assert f"将新建人群 five_hundred，含 {size_of(shop, SPENT)} 位会员" in seen
    assert owner.get("/console/audiences/five_hundred").status_code == HTTPStatus.NOT_FOUND
    done = saved(owner, "/console/audiences/new", fields)
    assert done.headers["location"] == "/console/audiences/five_hundred?done=saved"
    with shop.installation.database.reading() as tx:
        found = shop.context.service(Definitions).get(tx, "shop", Ref("audience", "five_hundred"))
        lines = trail.entries(tx, "shop", action=Action.DEFINITIONS_APPLIED).items
    assert found.spec == {"label": {"zh": "满五百", "en": "Five hundred"}, "rule": SPENT}
    assert (lines[0].target, lines[0].reason) == ("audience five_hundred", "试试")
    edit = {**fields, "why": "多一点", "rule": SPENT.replace("500", "100"), "agreed": SPENT}
    again = text_in(owner.post("/console/audiences/five_hundred/edit", {**edit, "do": "plan"}))
    assert re.search(r"将有 \d+ 位会员进入、0 位离开", again)
    assert saved(owner, "/console/audiences/five_hundred/edit", edit).status_code == HTTPStatus.SEE_OTHER
    gone = owner.post("/console/audiences/five_hundred/delete", {"why": "试完了"})
    assert gone.headers["location"] == "/console/audiences?done=deleted"


def test_what_was_picked_last_is_saved_even_if_the_text_is_late(owner: Client) -> None:
    fields = {"label_zh": "晚到", "why": "试试", "rule": SPENT, "agreed": SPENT, **PICKED, "value@0": "800"}
    seen = text_in(owner.post("/console/audiences/new", {**fields, "do": "plan"}))
    assert "¥800" in seen
    assert "含" in seen


def test_a_form_says_what_is_wrong_beside_each_field(owner: Client) -> None:
    answer = owner.post(
        "/console/audiences/new", {"do": "plan", "rule": "", "key": "Neu!", "label_en": "x" * 99}
    )
    page = text_in(answer)
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    for said in ("请至少选择一个条件", "代号以小写字母开头", "太长了", "请用一句话说明原因"):
        assert said in page
    empty = {"label_zh": "空", "why": "试试", **PICKED, "value@0": "", "rule": "", "agreed": ""}
    assert "有条件还没填好" in text_in(owner.post("/console/audiences/new", empty))
    taken = {"label_zh": "重", "why": "试试", "rule": SPENT, "key": "gifted"}
    assert "这个代号已被占用" in text_in(owner.post("/console/audiences/new", taken))
    circle = {"label_zh": "圈", "why": "试试", "rule": "in_audience('best')", "agreed": "x"}
    assert "循环引用" in text_in(owner.post("/console/audiences/big_spenders/edit", circle))


def test_who_may_only_look_cannot_save(enter: Callable[[str], Client]) -> None:
    analyst = enter("analyst")
    assert "不能保存为人群" in text_in(analyst.get("/console/audiences/new"))
    refused = analyst.post("/console/audiences/new", {"label_zh": "x", "rule": SPENT, "why": "y"})
    assert refused.status_code == HTTPStatus.FORBIDDEN
    assert Permission.DEFINITIONS_WRITE.label.zh in text_in(refused)


def test_an_audience_in_use_is_not_deleted(owner: Client) -> None:
    page = text_in(owner.get("/console/audiences/gifted/delete"))
    assert "正在被使用" in page
    assert 'href="/console/audiences/best"' in page
    answer = owner.post("/console/audiences/gifted/delete", {"why": "试试"})
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert owner.get("/console/audiences/gifted").status_code == HTTPStatus.OK


# Lists and exports ---------------------------------------------------------------------------------------------------


def test_a_file_is_put_on_a_list(owner: Client, shop: Shop) -> None:
    fields = {"static": "yes", "label_zh": "展会名单", "label_en": "Fair", "why": "展会"}
    assert saved(owner, "/console/audiences/new", fields).status_code == HTTPStatus.SEE_OTHER
    file = "\ufeff手机号,姓名\n" + "".join(f"{phone_of(n)},某人\n" for n in (1, 2, 3)) + "12\n13900000000\n"
    answer = owner.send("/console/audiences/put/fair", {"kind": "phone"}, file.encode())
    page = text_in(answer)
    assert answer.status_code == HTTPStatus.OK
    assert re.search(r"<td>1</td><td>", page)
    assert re.search(r"<td>5</td><td>", page)
    assert size_of(shop, "in_audience('fair')") == 3
    assert ">3<" in text_in(owner.get("/console/audiences/fair"))
    owner.send("/console/audiences/put/fair", {"kind": "member_no", "replace": "yes"}, number_of(5).encode())
    assert size_of(shop, "in_audience('fair')") == 1


def test_a_file_that_cannot_be_put_says_why(owner: Client) -> None:
    none = owner.send("/console/audiences/put/gifted", {"kind": "phone"}, None)
    assert "请选择文件" in text_in(none)
    assert "请填写所属账号" in text_in(owner.send("/console/audiences/put/gifted", {"kind": "openid"}, b"x"))
    rule = owner.send("/console/audiences/put/best", {"kind": "phone"}, b"13900000000")
    assert "由规则决定" in text_in(rule)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_files_are_read_as_they_were_written(encoding: str) -> None:
    some = '手机号\t姓名\r\n"13900000000",张三\r\n'
    assert list(lines_of(BytesIO(some.encode(encoding)))) == ["手机号", "13900000000"]


def test_an_export_has_the_columns_that_were_chosen(
    owner: Client, enter: Callable[[str], Client], shop: Shop
) -> None:
    answer = owner.post("/console/audiences/gifted/export", {"column": "spent_90d", "reason": "寄礼盒"})
    lines = answer.text.removeprefix("\ufeff").splitlines()
    assert answer.headers["content-disposition"].startswith('attachment; filename="gifted-')
    assert lines[0] == "member_id,spent_90d"
    assert len(lines) == 1 + size_of(shop, "in_audience('gifted')")
    with shop.installation.database.reading() as tx:
        line = trail.entries(tx, "shop", action=Action.AUDIENCE_EXPORTED).items[0]
    assert (line.target, line.reason, line.detail) == ("gifted", "寄礼盒", {"columns": ["spent_90d"]})
    refused = enter("analyst").post("/console/audiences/gifted/export", {"column": "stage"})
    assert refused.status_code == HTTPStatus.FORBIDDEN


def test_nothing_in_an_export_is_computed_by_a_spreadsheet() -> None:
    assert [harmless(cell) for cell in ("=1+1", "@x", "-5", "+3.2", "上海", "")] == [
        "'=1+1",
        "'@x",
        "-5",
        "+3.2",
        "上海",
        "",
    ]


# Why -----------------------------------------------------------------------------------------------------------------


def test_a_reason_shows_each_condition_with_its_value(owner: Client, shop: Shop) -> None:
    member = member_of(shop, "M1004")
    page = text_in(owner.get(f"/console/audiences/loyal_in_shanghai/why/{member}"))
    assert "生命周期阶段为 复购" in page
    assert "城市为 上海" in page
    inside = member in shop.context.service(Audiences).members(
        shop.installation.merchant,
        shop.context.service(Audiences).rule_of(shop.installation.merchant, "loyal_in_shanghai"),
    )
    assert ("今天符合规则的全部要求" in page) is inside
    nested = text_in(owner.get(f"/console/audiences/best/why/{member}"))
    assert "属于人群「大额消费会员」" in nested
    assert "近 90 天消费不少于 ¥500.00" in nested
    listed = text_in(owner.get(f"/console/audiences/gifted/why/{member}"))
    assert "属于人群「礼盒名单」" in listed
    assert owner.get("/console/audiences/gifted/why/mbr_nobody").status_code == HTTPStatus.NOT_FOUND


# Over days -----------------------------------------------------------------------------------------------------------


def test_sizes_are_drawn_from_the_second_day_on(tmp_path: Path) -> None:
    with open_shop(tmp_path / "home") as made:
        installation = made.installation
        installation.clock.move(DAY)
        made.context.service(Boards).refresh(installation.merchant)
        client = Client(made.app)
        client.post("/console/sign-in", {"name": "owner", "password": PASSWORD, "next": ""})
        page = text_in(client.get("/console/audiences/big_spenders"))
        assert '"x": ["2026-06-15", "2026-06-16"]' in page
        assert "从 2026-06-15 的 12 位到 2026-06-16 的" in page
        assert "<polyline" in client.get("/console/audiences").text
