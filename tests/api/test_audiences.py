"""Audiences and rules over HTTP, on both databases where something is written."""

from __future__ import annotations

import csv
import time
from io import StringIO

import pytest

from guanxi.kernel.ids import identity_id
from tests.api.composed import Composed
from tests.api.shop import CITIES, phone, put, trade

ON_ONE = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)


@pytest.fixture
def shop(composed: Composed) -> Composed:
    """The API over a shop that has members and definitions."""
    trade(composed)
    put(composed.own)
    return composed


def count(shop: Composed, rule: str, **more: object) -> int:
    answer = shop.own.post("/v1/audiences/count", json={"rule": rule, **more})
    assert answer.status_code == 200, answer.text
    return int(answer.json()["members"])


def exported(shop: Composed, key: str, *columns: str) -> list[dict[str, str]]:
    answer = shop.own.get(f"/v1/audiences/{key}/export", params={"columns": list(columns)})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == f'attachment; filename="{key}-2026-06-15.csv"'
    return list(csv.DictReader(StringIO(answer.text)))


def test_audiences_are_listed_counted_and_compared(shop: Composed) -> None:
    lines = shop.own.get("/v1/audiences").json()["items"]
    assert [(one["id"], one["static"], one["size"]) for one in lines] == [
        ("invited", True, 0),
        ("spenders", False, 3),
    ]
    one = shop.own.get("/v1/audiences/spenders").json()
    assert one["sentence"] == {
        "zh": "近 90 天消费不少于 ¥3.00",
        "en": "Spent in 90 days is at least ¥3.00",
    }
    assert one["online"]
    [size] = shop.own.get("/v1/audiences/spenders/sizes").json()["items"]
    assert size == {"day": "2026-06-15", "size": 3, "entered": 3, "left": 0}
    whole = shop.own.post("/v1/audiences/count", json={"rule": "spent_90d >= ¥2", "sampled": True}).json()
    assert whole == {"members": 4, "of": 5, "as_of": "2026-06-15", "sample": 0, "margin": 0}
    assert count(shop, "count(order.paid, 3d) = 1", as_of="2026-06-13") == 3
    both = {"one": "in_audience('spenders')", "other": "city = '杭州'"}
    assert shop.own.post("/v1/audiences/overlap", json=both).json() == {
        "one": 3,
        "other": 2,
        "both": 1,
        "as_of": "2026-06-15",
    }
    for what in ("", "/members", "/sizes", "/export"):
        missing = shop.own.get(f"/v1/audiences/nobody{what}")
        assert (missing.status_code, missing.json()["code"]) == (404, "not_found")


def test_an_export_holds_the_members_of_all_pages(shop: Composed) -> None:
    path = "/v1/audiences/spenders/members"
    pages = [shop.own.get(path, params={"limit": 2}).json()]
    while cursor := pages[-1]["next_cursor"]:
        pages.append(shop.own.get(path, params={"limit": 2, "cursor": cursor}).json())
    ids = [one for page in pages for one in page["items"]]
    assert [len(page["items"]) for page in pages] == [2, 1]
    rows = exported(shop, "spenders", "city", "spent_90d", "last_order", "first_seen", "identities")
    assert [one["member_id"] for one in rows] == ids
    assert len(set(ids)) == 3 == count(shop, "in_audience('spenders')")
    rows.sort(key=lambda one: int(one["spent_90d"]))
    assert [one["city"] for one in rows] == CITIES[2:]
    assert [one["last_order"] for one in rows] == ["2026-06-12", "2026-06-11", "2026-06-10"]
    assert {one["identities"] for one in rows} == {"phone|user_id"}
    [entry] = shop.own.get("/v1/audit?action=audience.exported").json()["items"]
    assert (entry["target"], entry["detail"]["columns"][0]) == ("spenders", "city")
    assert shop.own.get(path, params={"cursor": "nowhere"}).status_code == 404
    assert shop.own.get(path, params={"as_of": "2020-01-01"}).json() == {"items": [], "next_cursor": None}


def test_a_column_is_a_name_and_nothing_else(shop: Composed) -> None:
    path = "/v1/audiences/spenders/export"
    for column in (
        'city" is null or "city',
        "member",
        "city; DROP TABLE people",
        "sum(order.paid.amount, 9d)",
        '"',
    ):
        answer = shop.own.get(path, params={"columns": column})
        assert (answer.status_code, answer.json()["code"]) == (422, "bad_rule"), column
    misspelt = shop.own.get(path, params={"columns": "spent_9d"}).json()["params"]["problems"][0]
    assert misspelt["nearest"] == "spent_90d"
    assert shop.own.get(path, params={"columns": ["city", "city"]}).status_code == 422
    assert shop.own.get("/v1/audit?action=audience.exported").json()["items"] == []


def test_a_list_is_put_in_and_replaced(shop: Composed) -> None:
    path = "/v1/audiences/invited/list"
    values = [phone(0), phone(1), "nobody", "", "13800001234"]
    done = shop.own.post(path, json={"kind": "phone", "values": values, "reason": "线下活动"}).json()
    assert [done[name] for name in ("rows", "added", "known", "bad")] == [3, 3, 2, 1]
    assert [one["index"] for one in done["examples"]] == [2]
    assert shop.own.post(path, json={"kind": "phone", "values": values}).json()["added"] == 0
    assert count(shop, "in_audience('invited')") == 2
    shop.own.post(path, json={"kind": "phone", "values": [phone(4)], "replace": True})
    assert count(shop, "in_audience('invited')") == 1
    assert [one["city"] for one in exported(shop, "invited", "city")] == CITIES[4:]
    entries = shop.own.get("/v1/audit?action=audience.list_put").json()["items"]
    assert {(one["reason"], one["detail"]["rows"]) for one in entries} == {("线下活动", 3), ("", 3), ("", 1)}
    assert phone(0) not in str(entries)
    ruled = shop.own.post("/v1/audiences/spenders/list", json={"kind": "phone", "values": [phone(0)]})
    assert (ruled.status_code, ruled.json()["code"]) == (409, "no_list")
    assert shop.own.post("/v1/audiences/nobody/list", json={"kind": "phone", "values": []}).status_code == 404
    for wrong in (
        {"kind": "telephone", "values": []},
        {"kind": "phone", "values": ["1"] * 10_001},
        {"kind": "phone", "values": [13816200001]},
        {"kind": "phone", "values": [], "replace": "yes"},
    ):
        assert shop.own.post(path, json=wrong).status_code == 422


def test_what_is_known_of_a_member_is_said_plainly(shop: Composed) -> None:
    [line] = shop.own.get("/v1/members", params={"query": phone(4)}).json()["items"]
    known = shop.own.get(f"/v1/members/{line['id']}/known").json()
    assert known["member_id"] == line["id"]
    attributes = {one["name"]: one["value"] for one in known["attributes"]}
    assert attributes == {
        "city": CITIES[4],
        "first_seen": "2026-06-10",
        "identities": ["phone", "user_id"],
        "consents": [],
    }
    traits = {one["name"]: (one["type"], one["value"]) for one in known["traits"]}
    assert traits == {
        "spent_90d": ("money", 500),
        "last_order": ("date", "2026-06-10"),
        "loyalty": ("text", "regular"),
    }
    [loyalty] = [one for one in known["traits"] if one["name"] == "loyalty"]
    assert loyalty["value_label"] == {"zh": "常客", "en": "Regular"}
    assert {one["key"]: one["inside"] for one in known["audiences"]} == {"invited": False, "spenders": True}
    [other] = {one["id"] for one in shop.own.get(f"/v1/members/{line['id']}").json()["identities"]} - {
        line["id"].replace("mbr_", "idn_")
    }
    assert shop.own.get(f"/v1/members/{other.replace('idn_', 'mbr_')}/known").json() == known
    nobody = identity_id(7).replace("idn_", "mbr_")
    assert shop.own.get(f"/v1/members/{nobody}/known").status_code == 404


@ON_ONE
def test_a_rule_is_checked_and_said(shop: Composed) -> None:
    def check(rule: str) -> dict[str, object]:
        found: dict[str, object] = shop.own.post("/v1/rules/check", json={"rule": rule}).json()
        return found

    good = check("spent_90d >= ¥3 and city = '杭州'")
    assert (good["valid"], good["type"], good["online"], good["problems"]) == (True, "bool", True, [])
    assert "近 90 天消费" in str(good["sentence"])
    assert check("spent_90d * 2")["type"] == "money"
    bad = check("city = '杭州'\n  and spnt_90d > 3")
    assert (bad["valid"], bad["type"], bad["sentence"], bad["online"]) == (False, None, None, None)
    assert bad["problems"] == [
        {
            "code": "unknown_attribute",
            "start": 18,
            "end": 26,
            "line": 2,
            "column": 7,
            "message": {
                "zh": "没有属性“spnt_90d”。是不是 spent_90d？",
                "en": "there is no attribute spnt_90d. Did you mean spent_90d?",
            },
            "nearest": "spent_90d",
        }
    ]


HOSTILE = [
    "",
    "phone = '13816200000'",
    "__import__('os').system('id') = 0",
    "1 = 1); DROP TABLE people; --",
    "city = '杭州' UNION SELECT 1",
    "city = '\x00'",
    "(" * 5_000 + "1 = 1" + ")" * 5_000,
    "not " * 9_000 + "1 = 1",
    " and ".join(["spent_90d > 1"] * 5_000),
    "count(order.paid, -1d) > 0",
    "count(order.paid, 99999999999d) > 0",
    "city in (" + ",".join(f"'{n}'" for n in range(3_000)) + ")",
    "'" + "a" * 30_000,
    "spent_90d",
]


@ON_ONE
def test_a_hostile_rule_is_refused_at_once(shop: Composed) -> None:
    for rule in HOSTILE:
        begun = time.monotonic()
        answer = shop.own.post("/v1/audiences/count", json={"rule": rule})
        assert (answer.status_code, answer.json()["code"]) == (422, "bad_rule"), rule[:50]
        assert answer.json()["params"]["problems"][0]["zh"]
        other = shop.own.post("/v1/audiences/overlap", json={"one": "1 = 1", "other": rule})
        assert other.status_code == 422
        assert time.monotonic() - begun < 5, rule[:50]
    checked = shop.own.post("/v1/rules/check", json={"rule": HOSTILE[1]}).json()
    assert checked["problems"][0]["code"] == "unknown_attribute"
    for body in ({}, {"rule": 1}, {"rule": "1 = 1", "more": 1}, {"rule": "1 = 1", "as_of": "2026-02-30"}):
        assert shop.own.post("/v1/audiences/count", json=body).status_code == 422
    assert count(shop, "city like '%'") == 5
