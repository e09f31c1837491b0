from __future__ import annotations

import pytest
from sqlalchemy import select

from guanxi.access import Action, Actor, ActorKind, KeyDraft, KeyKind, Permission
from guanxi.access.decide import USED_EVERY
from guanxi.access.errors import BeyondOwnPermissions, KeyInUse
from guanxi.access.schema import access_key
from guanxi.access.service import KeyRing, trail
from guanxi.access.service.keys import RING_SECONDS
from guanxi.kernel.clock import DAY
from guanxi.kernel.errors import Forbidden, NotFound
from guanxi.kernel.paging import InvalidCursor
from tests.access.conftest import CLI, OTHER, SHOP, Desk


class Watch:
    """A monotonic clock that is moved by hand."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def test_a_key_is_stored_as_a_keyed_hash_and_recognised(desk: Desk) -> None:
    key_id, text = desk.key(Permission.EVENTS_READ)
    with desk.installation.database.reading() as tx:
        [row] = tx.conn.execute(select(access_key)).all()
    assert text not in repr(row)
    assert row.secret_hash == desk.installation.vault.token_hash(text)
    found = desk.access.ring.load(text, desk.now)
    assert found
    assert (found.merchant_id, found.key_id) == (SHOP, key_id)
    assert found.scopes == {Permission.EVENTS_READ}
    assert desk.access.ring.load(text[:-1] + ("0" if text[-1] != "0" else "1"), desk.now) is None


def test_the_ring_answers_without_the_database_for_a_few_seconds(desk: Desk) -> None:
    watch = Watch()
    ring = KeyRing(desk.installation.database, desk.installation.vault, watch)
    key_id, text = desk.key(Permission.EVENTS_WRITE)
    assert ring.cached(text, desk.now) is None
    assert ring.load(text, desk.now)
    with desk.installation.database.transaction() as tx:
        desk.access.keys.revoke(tx, SHOP, key_id, by=CLI, now=desk.now)
    watch.seconds = RING_SECONDS - 0.01
    assert ring.cached(text, desk.now)  # another process has not noticed yet
    watch.seconds = RING_SECONDS
    assert ring.cached(text, desk.now) is None
    assert ring.load(text, desk.now) is None
    assert RING_SECONDS <= 5


def test_revoking_is_noticed_at_once_where_it_was_done(desk: Desk) -> None:
    key_id, text = desk.key(Permission.EVENTS_WRITE)
    assert desk.access.ring.load(text, desk.now)
    with desk.installation.database.transaction() as tx:
        desk.access.keys.revoke(tx, SHOP, key_id, by=CLI, now=desk.now, reason="泄露")
        again = desk.access.keys.revoke(tx, SHOP, key_id, by=CLI, now=desk.now + 5)
    assert again.revoked_at == desk.now
    assert desk.access.ring.cached(text, desk.now) is None
    assert desk.access.ring.load(text, desk.now) is None
    with desk.installation.database.reading() as tx:
        [entry] = trail.entries(tx, SHOP, action=Action.KEY_REVOKED).items
    assert (entry.target, entry.reason) == (key_id, "泄露")


def test_an_expired_key_fails_also_from_the_cache(desk: Desk) -> None:
    _, text = desk.key(Permission.EVENTS_WRITE, days=1)
    assert desk.access.ring.load(text, desk.now)
    assert desk.access.ring.cached(text, desk.now + DAY - 1)
    assert desk.access.ring.cached(text, desk.now + DAY) is None
    assert desk.access.ring.load(text, desk.now + DAY) is None


def test_last_use_is_recorded_once_an_hour(desk: Desk) -> None:
    key_id, text = desk.key(Permission.EVENTS_WRITE)
    begun = desk.now

    def used(after: int) -> int | None:
        desk.access.ring.load(text, begun + after)
        with desk.installation.database.reading() as tx:
            return desk.access.keys.get(tx, SHOP, key_id).last_used_at

    assert used(0) == begun
    assert used(USED_EVERY - 1) == begun
    assert used(USED_EVERY) == begun + USED_EVERY


def test_a_key_gives_no_more_than_its_maker_has(desk: Desk) -> None:
    developer = desk.actor(desk.add("dev", "developer"))
    clerk = desk.actor(desk.add("clerk", "service"))
    draft = KeyDraft(KeyKind.SECRET, "phones", frozenset({Permission.MEMBERS_PII}))
    with desk.installation.database.transaction() as tx:
        with pytest.raises(BeyondOwnPermissions):
            desk.access.keys.create(tx, SHOP, draft, by=developer, now=desk.now)
        with pytest.raises(Forbidden):
            desk.access.keys.create(tx, SHOP, draft, by=clerk, now=desk.now)
        with pytest.raises(Forbidden):
            desk.access.keys.create(tx, OTHER, draft, by=desk.actor(desk.owner), now=desk.now)
        write = KeyDraft(
            KeyKind.WRITE, "web", frozenset({Permission.EVENTS_WRITE}), account="tmall-1", channel="tmall"
        )
        key, text = desk.access.keys.create(tx, SHOP, write, by=developer, now=desk.now)
    assert text.startswith("gx_wk_")
    assert (key.account, key.channel, key.created_by) == ("tmall-1", "tmall", developer.id)


def test_a_key_cannot_revoke_itself(desk: Desk) -> None:
    key_id, _ = desk.key(Permission.KEYS_MANAGE)
    other_id, _ = desk.key(Permission.KEYS_MANAGE)
    itself = Actor(ActorKind.KEY, key_id, "key", SHOP, frozenset({Permission.KEYS_MANAGE}))
    with desk.installation.database.transaction() as tx:
        with pytest.raises(KeyInUse):
            desk.access.keys.revoke(tx, SHOP, key_id, by=itself, now=desk.now)
        desk.access.keys.revoke(tx, SHOP, other_id, by=itself, now=desk.now)


def test_keys_are_listed_newest_first_and_per_merchant(desk: Desk) -> None:
    made = []
    for turn in range(7):
        made.append(desk.key(Permission.EVENTS_READ)[0])
        if turn % 2:
            desk.installation.clock.move(1)
    seen: list[str] = []
    cursor = None
    with desk.installation.database.reading() as tx:
        while True:
            page = desk.access.keys.list(tx, SHOP, cursor=cursor, limit=2)
            seen += [key.key_id for key in page.items]
            cursor = page.next_cursor
            if cursor is None:
                break
        assert len(seen) == 7
        assert set(seen) == set(made)
        assert desk.access.keys.list(tx, OTHER).items == []
        with pytest.raises(NotFound):
            desk.access.keys.get(tx, OTHER, made[0])
        with pytest.raises(InvalidCursor):
            desk.access.keys.list(tx, SHOP, cursor="zzz")
