"""A person who asks to be forgotten is, everywhere, and the merchant's sums stay what they were."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import inspect, text

from guanxi.customers.events.model import Refused, Source
from guanxi.customers.identity import service as people
from guanxi.customers.identity.model import Decision
from guanxi.customers.projection.jobs import Projection
from guanxi.kernel.errors import NotFound
from guanxi.kernel.text import Text
from guanxi.storage.events import erasing
from tests.customers.privacy.shop import (
    ANNA,
    BO,
    CHEN,
    DAY,
    MINUTE,
    NAMES,
    device,
    openid,
    order,
    phone,
    profile,
)

if TYPE_CHECKING:
    from tests.customers.privacy.shop import Shop


def three_people(shop: Shop) -> None:
    """Anna on two platforms, Bo and Chen; Anna and Bo pay at a till whose tablet is shared."""
    shop.send(
        profile(
            "event-p1", openid("anna-wx"), ago=40 * DAY, phone=ANNA, name=NAMES[ANNA], birthday="1990-01-02"
        ),
        profile("event-p2", ("user_id", "app", "anna-77"), ago=39 * DAY, phone=ANNA, city="杭州"),
        profile("event-p3", openid("bo-wx"), ago=38 * DAY, phone=BO, name=NAMES[BO]),
        profile("event-p4", openid("chen-wx"), ago=37 * DAY, phone=CHEN, name=NAMES[CHEN]),
        order("event-o1", openid("anna-wx"), device("till"), fen=100, ago=30 * DAY),
        order("event-o2", openid("bo-wx"), device("till"), fen=200, ago=29 * DAY),
        order("event-o3", openid("chen-wx"), device("till"), fen=400, ago=28 * DAY),
        order("event-o4", phone(ANNA), fen=800, ago=30 * DAY + MINUTE),
    )
    given = {"purpose": "marketing", "channel": "sms", "evidence": "勾选"}
    consent = order("event-c1", phone(ANNA), ago=20 * DAY) | {"event": "consent.given", "properties": given}
    shop.send(consent)
    shop.customers.project()


def remnants(shop: Shop, *needles: bytes) -> list[str]:
    """Where the needles lie: every file of the home, and on PostgreSQL every row of every table."""
    one = shop.customers.installation
    found = []
    for path in one.home.path.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            found += [f"{path.name}: {needle!r}" for needle in needles if needle in content]
    for store in {one.database.main, one.database.tail} if one.database.dialect == "postgresql" else ():
        with store.reading() as tx:
            for table in inspect(tx.conn).get_table_names():
                for row in tx.conn.execute(text(f"SELECT * FROM {table}")):
                    content = b"|".join(_bytes(value) for value in row)
                    found += [f"{table}: {needle!r}" for needle in needles if needle in content]
    return found


def _bytes(value: Any) -> bytes:
    return bytes(value) if isinstance(value, (bytes, memoryview)) else str(value).encode()


def secrets_of(shop: Shop, *identities: tuple[str, str, str]) -> set[bytes]:
    """The sealed parts, ids and wrapped keys of everything that is kept about identities."""
    one = shop.customers.installation
    theirs = [shop.fragment(identity) for identity in identities]
    listed = ", ".join(str(fragment) for fragment in theirs)
    found: set[bytes] = set()
    for table, column in (
        ("storage_person_key", "wrapped"),
        ("customer_identity", "sealed"),
        ("customer_attribute", "value"),
    ):
        rows = shop.rows(f"SELECT {column} FROM {table} WHERE fragment IN ({listed})")
        found.update(bytes(row[0]) for row in rows)
    for event in erasing.carrying(one.database, one.log, "shop", theirs):
        found.update((event.sealed, event.event_id.encode()) if event.subject in theirs else ())
    return {secret for secret in found if len(secret) > 6}


def test_nothing_is_left_of_her(shop: Shop) -> None:
    three_people(shop)
    before = shop.totals()
    known = secrets_of(shop, openid("anna-wx"), phone(ANNA), ("user_id", "app", "anna-77"))
    shop.customers.hand_over()
    known |= secrets_of(shop, openid("anna-wx"), phone(ANNA), ("user_id", "app", "anna-77"))
    shop.send(order("event-o5", openid("anna-wx"), fen=1600, ago=DAY))
    known |= secrets_of(shop, openid("anna-wx"), phone(ANNA))
    assert len(known) > 15
    shop.erase(phone(ANNA))
    shop.customers.installation.log.drain_beside("shop")
    shop.customers.project()
    assert shop.totals() != before  # the order that was on its way counts
    words = (
        ANNA.encode(),
        NAMES[ANNA].encode(),
        b"anna-wx",
        b"anna-77",
        b"no-event-o1",
        b"1990-01-02",
        "杭州".encode(),
    )
    assert remnants(shop, *words, *known) == []
    assert remnants(shop, b"no-event-o2")


def test_the_sums_stay_true_and_the_others_whole(shop: Shop) -> None:
    three_people(shop)
    shop.customers.hand_over()
    before, members = shop.totals(), shop.rows("SELECT count(*) FROM customer_member")[0][0]
    bo = shop.export(phone(BO))
    shop.erase(openid("anna-wx"))
    assert shop.totals() == before
    assert shop.rows("SELECT count(*) FROM customer_member")[0][0] == members - 1
    assert shop.export(phone(BO)) == bo
    state = shop.state()
    shop.customers.projection.rebuild("shop")
    assert shop.state() == state


@pytest.mark.parametrize("handed_over", [False, True])
@pytest.mark.parametrize("projected", [False, True])
def test_whatever_has_become_of_the_events_so_far(shop: Shop, handed_over: bool, projected: bool) -> None:
    three_people(shop)
    if handed_over:
        shop.customers.hand_over()
    shop.send(
        order("event-o6", openid("anna-wx"), phone(ANNA), fen=3200, ago=2 * DAY),
        order("event-o7", openid("bo-wx"), device("till"), fen=6400, ago=2 * DAY),
    )
    if projected:
        shop.customers.project()
    shop.ask(phone(ANNA))
    shop.customers.project()  # it meets her events before the log is rewritten
    assert shop.rows(f"SELECT 1 FROM customer_identity WHERE fragment = {shop.fragment(phone(ANNA))}") == []
    shop.customers.hand_over()
    assert shop.job.run("shop") == 1
    assert shop.job.run("shop") == 0
    assert sum(row[3] for row in shop.totals() if row[3]) > 0
    state = shop.state()
    shop.customers.projection.rebuild("shop")
    assert shop.state() == state
    with pytest.raises(NotFound):
        shop.export(phone(ANNA))


def test_who_comes_back_is_a_stranger(shop: Shop) -> None:
    three_people(shop)
    shop.ask(phone(ANNA))
    shop.send(profile("event-p9", openid("anna-wx"), phone(ANNA), ago=MINUTE, name="安新"))
    shop.customers.project()
    shop.customers.hand_over()
    assert shop.job.run("shop") == 1
    again = shop.export(phone(ANNA))
    assert [event["id"] for event in again["events"]] == ["event-p9"]
    assert again["events"][0]["content"]["traits"] == {"name": "安新"}
    assert {one["value"] for one in again["identities"]} == {ANNA, "anna-wx"}
    state = shop.state()
    shop.customers.projection.rebuild("shop")
    assert shop.state() == state
    shop.erase(openid("anna-wx"))
    assert remnants(shop, "安新".encode(), ANNA.encode()) == []
    assert [row[0] for row in shop.rows("SELECT state FROM customer_erasure")] == ["done"] * 2


def test_a_late_duplicate_is_still_one(shop: Shop) -> None:
    three_people(shop)
    shop.customers.hand_over()
    shop.erase(phone(ANNA))
    before = shop.totals()
    again = order("event-o1", openid("anna-wx"), device("till"), fen=100, ago=30 * DAY)
    assert shop.customers.send(again).duplicates == 1
    shop.customers.project()
    assert shop.totals() == before


def test_a_shared_phone_is_not_hers_to_take_away(shop: Shop) -> None:
    family = [openid(f"member-{n}") for n in range(5)]
    shop.send(
        *(order(f"f{n}", one, phone(CHEN), fen=100 + n, ago=(9 - n) * DAY) for n, one in enumerate(family)),
        order("f9", phone(CHEN), fen=1000),
        profile("fp", family[0], ago=8 * DAY, phone=CHEN, name="一家人"),
        profile("fq", family[1], ago=8 * DAY, phone=CHEN, name="另一人"),
    )
    shop.customers.project()
    shop.customers.hand_over()
    before = shop.totals()
    shop.erase(family[0])
    assert shop.totals() == before
    assert [event["id"] for event in shop.export(phone(CHEN))["events"]] == ["f9"]
    assert [event["id"] for event in shop.export(family[1])["events"]] == ["f1", "fq"]
    state = shop.state()
    shop.customers.projection.rebuild("shop")
    assert shop.state() == state
    assert remnants(shop, "一家人".encode(), b"member-0") == []
    shop.erase(family[1])
    # With three left it is shared no more, and belongs to who was seen with it first.
    assert {event["id"] for event in shop.export(phone(CHEN))["events"]} == {"f2", "f9"}
    shop.erase(family[2])
    with pytest.raises(NotFound):
        shop.ask(phone(CHEN))
    assert [event["id"] for event in shop.export(family[3])["events"]] == ["f3"]
    state = shop.state()
    shop.customers.projection.rebuild("shop")
    assert shop.state() == state
    assert shop.totals() == before


def test_a_reassigned_phone_keeps_what_is_the_new_holders(shop: Shop) -> None:
    old, new = openid("old-holder"), openid("new-holder")
    verified = {"event": "identity.verified", "properties": {"method": "sms"}}
    shop.send(
        order("v1", old, phone(ANNA), ago=60 * DAY) | verified,
        profile("n1", old, ago=59 * DAY, name="旧主人"),
        profile("n2", phone(ANNA), ago=58 * DAY, name="旧主人", city="杭州"),
        order("h1", phone(ANNA), fen=100, ago=50 * DAY),
        order("h2", phone(ANNA), new, fen=200, ago=31 * DAY),
        order("v2", new, phone(ANNA), ago=30 * DAY) | verified,
        order("h3", phone(ANNA), fen=400, ago=20 * DAY),
        profile("n3", phone(ANNA), ago=10 * DAY, name="新主人"),
    )
    shop.customers.project()
    shop.customers.hand_over()
    before = shop.totals()
    assert {event["id"] for event in shop.export(new)["events"]} == {"h2", "v2", "h3", "n3"}
    shop.erase(old)
    assert shop.totals() == before
    assert {event["id"] for event in shop.export(new)["events"]} == {"h2", "v2", "h3", "n3"}
    assert shop.export(new)["attributes"][0]["value"] == "新主人"
    assert remnants(shop, "旧主人".encode(), b"old-holder", b"no-h1") == []
    state = shop.state()
    shop.customers.projection.rebuild("shop")
    assert shop.state() == state


def test_merged_separated_and_merged_again(shop: Shop) -> None:
    three_people(shop)
    one = shop.customers.installation
    anna, bo, chen = (shop.fragment(openid(f"{name}-wx")) for name in ("anna", "bo", "chen"))

    def decide(a: int, b: int, decision: Decision, type: str, key: str) -> None:
        one.clock.move(MINUTE)
        now = one.clock.now()
        said = {"with": "x", "from": "x", "by": "lin"}
        event = shop.customers.intake.internal_event(
            one.merchant, type, key, [], said, fragments=[a, b], now=now
        )
        with one.database.transaction() as tx:
            people.decide_pair(tx, one.merchant, a, b, decision, by="lin", now=now)
            one.log.append(tx, [event])

    decide(anna, bo, Decision.JOINED, "identity.joined", "d1")
    decide(bo, chen, Decision.SEPARATED, "identity.separated", "d2")
    decide(anna, bo, Decision.SEPARATED, "identity.separated", "d3")
    one.log.drain_beside("shop")
    shop.customers.project()
    shop.customers.hand_over()
    shop.send(order("late", openid("bo-wx"), ago=45 * DAY))
    shop.customers.project()
    state = shop.state()
    shop.customers.projection.rebuild("shop")
    assert shop.state() == state
    decide(anna, chen, Decision.SEPARATED, "identity.separated", "d4")  # still beside the state
    shop.ask(openid("anna-wx"))
    one.log.drain_beside("shop")
    shop.customers.project()
    assert shop.job.run("shop") == 1
    state = shop.state()
    assert len(state["verdicts"]) == 1
    shop.customers.projection.rebuild("shop")
    assert shop.state() == state


def test_what_was_rejected_goes_too(shop: Shop) -> None:
    three_people(shop)
    source = Source("import", "", "")
    bad = {"type": "track", "event": "order.paid", "messageId": "x", "timestamp": "?"}
    hers = {"context": {"identities": [{"type": "phone", "value": f"+86 {ANNA[:3]} {ANNA[3:7]} {ANNA[7:]}"}]}}
    his = {"context": {"identities": [{"type": "phone", "value": BO}]}}
    shop.customers.intake.accept("shop", source, [bad | hers, bad | his, bad | {"userId": "anna-77"}])
    refused = Refused("cell", Text("坏", "bad"))
    rows = [f"2026-13-45,{ANNA},200".encode(), f"2026-13-45,{BO},200".encode(), b'{"phone":"' + ANNA.encode()]
    shop.customers.intake.reject("shop", source, [(row, refused) for row in rows])
    shop.erase(phone(ANNA))
    with shop.customers.installation.database.tail.reading() as tx:
        left = tx.conn.execute(text("SELECT count(*) FROM event_dead_letter")).scalar_one()
    assert left == 2


def test_what_could_not_be_taken_in_goes_too(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    three_people(shop)
    shop.send(order("event-bad", phone(ANNA), ago=DAY), order("event-bad-too", phone(BO), ago=DAY))
    monkeypatch.setattr(Projection, "_apply", lambda *_: 1 / 0)
    shop.customers.project()
    monkeypatch.undo()
    with shop.customers.installation.database.tail.reading() as tx:
        assert tx.conn.execute(text("SELECT count(*) FROM event_dead_letter")).scalar_one() == 2
    shop.erase(phone(ANNA))
    with shop.customers.installation.database.tail.reading() as tx:
        assert tx.conn.execute(text("SELECT path FROM event_dead_letter")).all() == [("event event-bad-too",)]
    assert remnants(shop, b"event-bad\0", b'no-event-bad"') == []


def test_nobody_knows_them(shop: Shop) -> None:
    three_people(shop)
    for missing in ("mbr_0000000000000", "nonsense"):
        one = shop.customers.installation
        with pytest.raises(NotFound), one.database.transaction() as tx:
            shop.privacy.request(tx, one.merchant, missing, by="lin", now=1)
    shop.erase(phone(ANNA))
    with pytest.raises(NotFound):
        shop.ask(phone(ANNA))


def test_two_at_once(shop: Shop) -> None:
    three_people(shop)
    shop.customers.hand_over()
    before = shop.totals()
    shop.ask(phone(ANNA))
    shop.ask(phone(CHEN))
    assert shop.job.run("shop") == 2
    assert shop.totals() == before
    state = shop.state()
    shop.customers.projection.rebuild("shop")
    assert shop.state() == state
    done = shop.rows("SELECT state, length(plan), tombstone, asked_by FROM customer_erasure")
    assert done == [("done", 0, 0, "lin")] * 2


def test_a_thousand_events_of_a_year(shop: Shop) -> None:
    three_people(shop)
    year = [order(f"y{n}", openid("anna-wx"), fen=n, ago=n * 8 * 60 * MINUTE + MINUTE) for n in range(1000)]
    shop.send(*year, *(order(f"b{n}", openid("bo-wx"), fen=n, ago=n * DAY) for n in range(300)))
    shop.customers.project()
    shop.customers.hand_over()
    before = shop.totals()
    assert len(shop.export(phone(ANNA))["events"]) == 1005
    shop.erase(phone(ANNA))
    assert shop.totals() == before
    assert remnants(shop, b"no-y999", b"anna-wx") == []
    state = shop.state()
    shop.customers.projection.rebuild("shop")
    assert shop.state() == state
