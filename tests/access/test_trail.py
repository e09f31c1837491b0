from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import delete, update
from sqlalchemy.exc import DBAPIError

from guanxi.access import Action, Actor, ActorKind
from guanxi.access.decide import IDEMPOTENCY_LIFE
from guanxi.access.jobs import prune
from guanxi.access.schema import access_audit
from guanxi.access.service import idempotency, trail
from guanxi.kernel.errors import IdempotencyMismatch
from tests.access.conftest import CLI, OTHER, SHOP, Desk

CLERK = Actor(ActorKind.PERSON, "psn_1", "小李", SHOP, frozenset(), "203.0.113.7", "req_1")


def test_a_look_at_a_phone_number_says_who_whose_why_and_whence(desk: Desk) -> None:
    with desk.installation.database.transaction() as tx:
        trail.record(
            tx, SHOP, Action.PHONE_SEEN, by=CLERK, now=desk.now, target="mbr_1", reason="客户来电\x00核对"
        )
    with desk.installation.database.reading() as tx:
        [entry] = trail.entries(tx, SHOP, target="mbr_1").items
        assert trail.entries(tx, OTHER).items == []
    assert entry.actor_name == "小李"
    assert entry.reason == "客户来电核对"
    assert (entry.time, entry.address, entry.request_id) == (desk.now, "203.0.113.7", "req_1")


def test_the_trail_cannot_be_changed_or_shortened(desk: Desk) -> None:
    for change in (update(access_audit).values(reason=""), delete(access_audit)):
        with pytest.raises(DBAPIError, match="append-only"), desk.installation.database.transaction() as tx:
            tx.conn.execute(change)


def test_pages_follow_each_other_without_gap_or_repeat(desk: Desk) -> None:
    with desk.installation.database.transaction() as tx:
        for turn in range(9):
            trail.record(
                tx, SHOP, Action.PHONE_SEEN, by=CLERK, now=desk.now + turn // 4, target=f"mbr_{turn}"
            )
    seen: list[str] = []
    cursor = None
    with desk.installation.database.reading() as tx:
        while True:
            page = trail.entries(tx, SHOP, action=Action.PHONE_SEEN, cursor=cursor, limit=2)
            seen += [entry.target for entry in page.items]
            cursor = page.next_cursor
            if cursor is None:
                break
    assert len(seen) == 9
    assert set(seen) == {f"mbr_{turn}" for turn in range(9)}
    assert seen[0] == "mbr_8"


def test_an_idempotency_key_gives_the_first_answer_for_a_day(desk: Desk) -> None:
    def ask(
        request: object, caller: str = "key_1", merchant: str = SHOP, key: str = "k"
    ) -> tuple[bool, object]:
        with desk.installation.database.transaction() as tx:
            claim = idempotency.claim(tx, merchant, caller, key=key, request=request, now=desk.now)
            if claim.replayed:
                return True, claim.before
            claim.answer(tx, {"made": request})
            return False, None

    assert ask(1) == (False, None)
    assert ask(1) == (True, {"made": 1})
    with pytest.raises(IdempotencyMismatch):
        ask(2)
    assert ask(2, caller="key_2") == (False, None)
    assert ask(2, merchant=OTHER) == (False, None)
    assert ask(2, key="other") == (False, None)
    desk.installation.clock.move(IDEMPOTENCY_LIFE + 1)
    assert ask(3) == (False, None)
    with desk.installation.database.transaction() as tx:
        prune(tx, desk.now)
    assert ask(3) == (True, {"made": 3})


def test_a_failed_request_leaves_its_idempotency_key_free(desk: Desk) -> None:
    def fail() -> None:
        with desk.installation.database.transaction() as tx:
            idempotency.claim(tx, SHOP, "key_1", key="k", request=1, now=desk.now)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with desk.installation.database.transaction() as tx:
        assert not idempotency.claim(tx, SHOP, "key_1", key="k", request=2, now=desk.now).replayed


def test_of_requests_at_the_same_moment_one_does_the_work(desk: Desk) -> None:
    def ask(turn: int) -> int | None:
        with desk.installation.database.transaction() as tx:
            claim = idempotency.claim(tx, SHOP, "key_1", key="k", request="same", now=desk.now)
            if claim.replayed:
                assert claim.before is not None
                return None
            claim.answer(tx, turn + 1)
            return turn + 1

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(ask, range(12)))
    assert len([answer for answer in answers if answer is not None]) == 1


def test_the_system_is_an_actor_too(desk: Desk) -> None:
    with desk.installation.database.reading() as tx:
        [added] = trail.entries(tx, SHOP, action=Action.PERSON_ADDED).items
    assert (added.actor_kind, added.actor_id) == (ActorKind.SYSTEM, CLI.id)
