"""Long work in a whole installation: lists put in twice count once, and no export outlives an erasure."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from guanxi.access.service import trail
from guanxi.bootstrap import Background, Product, build
from guanxi.customers.boards.service import Boards
from guanxi.customers.events.model import Source
from guanxi.definitions import Ref
from guanxi.definitions.text import parse
from guanxi.definitions.wishes import Way, Wish
from guanxi.kernel.clock import MINUTE
from guanxi.kernel.text import Text
from guanxi.runtime.work.jobs import Runner
from guanxi.runtime.work.model import Asker, FileGone, NewWork, State, Work
from tests.installation import Installation

WHO = Asker("person", "per_1", "李店长")
PHONES = [f"139140{number:05d}" for number in range(30)]
AUDIENCE = "kind: audience\nkey: fair\nlabel: {zh: 展会, en: Fair}\nstatic: true\n"


@pytest.fixture
def product(home: Path, migrated_setting: str) -> Iterator[Product]:
    """An installation with thirty members and a list."""
    with Installation.fresh(home, migrated_setting) as made:
        one = build(made.home, made.clock)
        try:
            messages = [
                {"type": "identify", "messageId": phone, "userId": f"u{phone}", "traits": {"phone": phone}}
                for phone in PHONES
            ]
            one.intake.accept("shop", Source("till", "", "store"), messages)
            Background(one).settle()
            one.definitions.apply("shop", parse(AUDIENCE), by="test", why="展会")
            yield one
        finally:
            one.database.dispose()


def runner(product: Product) -> Runner:
    return Runner(product.database, product.works.files, Background(product).work_kinds(), product.clock)


def put(product: Product, phones: list[str]) -> Work:
    arguments = {"key": "fair", "kind": "phone", "scope": "", "replace": False}
    new = NewWork("audience.put", Text("导入", "Put"), arguments, WHO, "definitions.write")
    return product.works.start("shop", new, io.BytesIO("\n".join(phones).encode()))


def export(product: Product) -> Work:
    arguments: dict[str, object] = {"key": "fair", "columns": ["first_seen"]}
    return product.works.start(
        "shop", NewWork("audience.export", Text("导出", "Export"), arguments, WHO, "audiences.export")
    )


def get(product: Product, work: Work) -> Work:
    with product.database.reading() as tx:
        return product.works.get(tx, "shop", work.id)


def test_no_export_outlives_an_erasure(product: Product) -> None:
    asked = put(product, PHONES[:10])
    runner(product).step()
    assert get(product, asked).state is State.DONE
    first = export(product)
    runner(product).step()
    assert len(b"".join(product.works.read(get(product, first))).splitlines()) == 11
    merchant, _ = product.intake.merchant("shop")
    with product.database.reading() as tx:
        member = product.members.list_members(tx, merchant, query=PHONES[3]).items[0].member_id
    assert member in b"".join(product.works.read(get(product, first))).decode()
    with product.database.transaction() as tx:
        product.privacy.request(tx, merchant, member, by="test", now=product.clock.now())
    assert product.erasures.run("shop", wait=True) == 1
    assert product.works.files.names("shop") == []
    with pytest.raises(FileGone):
        product.works.read(get(product, first))
    again = export(product)
    runner(product).step()
    text = b"".join(product.works.read(get(product, again))).decode()
    assert member not in text
    assert len(text.splitlines()) == 10


def test_a_list_that_is_put_in_again_counts_once(product: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    refresh, failures = Boards.refresh, [1, 1]

    def away(self: Boards, *given: object, **named: object) -> object:
        if failures:
            failures.pop()
            raise OperationalError("", {}, Exception("gone"))
        return refresh(self, *given, **named)  # type: ignore[arg-type]

    asked = put(product, [*PHONES[:5], "13816203377", "no phone"])
    monkeypatch.setattr(Boards, "refresh", away)
    one = runner(product)
    for attempt in (1, 2):
        one.step()
        found = get(product, asked)
        assert (found.state, found.attempts) == (State.WAITING, attempt)
        product.clock.move(MINUTE)  # type: ignore[attr-defined]
    one.step()
    done = get(product, asked)
    assert done.state is State.DONE
    assert dict(done.outcome.counts) == {"rows": 6, "added": 6, "known": 5, "bad": 1}
    assert b'7,"' in b"".join(product.works.read(done))
    with product.database.reading() as tx:
        (line,) = trail.entries(tx, "shop").items
        size = {one.key: one.size for one in product.audiences.list(tx, product.intake.merchant("shop")[0])}
    assert (line.action.value, line.actor_name, line.detail["added"]) == ("audience.list_put", "李店长", 6)
    assert size["fair"] == 5


def test_a_change_is_counted_and_made_live_once(product: Product) -> None:
    text = "kind: audience\nkey: half\nrule: in_audience('fair')\n"
    wish = Wish(Way.TEXT, text).said()
    put(product, PHONES[:4])
    counting = product.works.start(
        "shop", NewWork("definitions.effect", Text("算", "Count"), {"wish": wish}, WHO, "definitions.write")
    )
    one = runner(product)
    while one.step():
        pass
    told = {"wish": wish, "why": "试", "expect": None, "action": "definitions.applied"}
    applying = product.works.start(
        "shop", NewWork("definitions.apply", Text("发布", "Apply"), told, WHO, "definitions.write")
    )
    while one.step():
        pass
    counted = get(product, counting)
    assert counted.outcome.detail["effects"] == [
        ["audience", "half", {"members": 4, "gains": 4, "losses": 0}]
    ]
    assert get(product, applying).outcome.counts == {"release": 2}
    with product.database.reading() as tx:
        assert Ref("audience", "half") in product.definitions.live(tx, "shop").definitions
        lines = [line.action.value for line in trail.entries(tx, "shop").items]
    assert lines.count("definitions.applied") == 1
