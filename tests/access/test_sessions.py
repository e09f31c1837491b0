from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select

from guanxi.access import OWNER, Action, Permission, PersonDraft
from guanxi.access.decide import PER_ADDRESS, PER_LOGIN, SESSION_IDLE, SESSION_LIFE, TOUCH_EVERY, must_touch
from guanxi.access.errors import FormExpired, SignInThrottled
from guanxi.access.jobs import prune
from guanxi.access.schema import access_attempt, access_session
from guanxi.access.service import Passwords, people, trail
from guanxi.kernel.clock import SECOND
from guanxi.kernel.errors import NotFound
from tests.access.conftest import CLI, OTHER, PASSWORD, SHOP, Desk


def test_the_right_password_opens_a_session_and_a_wrong_one_does_not(desk: Desk) -> None:
    token = desk.sign_in(" OWNER ")
    visitor = desk.visitor(token)
    assert visitor is not None
    assert visitor.person == desk.owner
    assert visitor.merchant_id == SHOP
    assert visitor.may(Permission.AUDIT_READ)
    assert visitor.actor("203.0.113.7").address == "203.0.113.7"
    assert desk.sign_in("owner", "wrong") is None
    assert desk.sign_in("owner", "x" * 5000) is None
    assert desk.visitor("made up") is None
    assert desk.visitor(None) is None


def test_a_token_is_stored_as_a_keyed_hash_only(desk: Desk) -> None:
    token = desk.sign_in("owner")
    assert token is not None
    with desk.installation.database.reading() as tx:
        [row] = tx.conn.execute(select(access_session)).all()
    assert row.token_hash == desk.installation.vault.token_hash(token)
    assert token not in repr(row)


def test_an_unknown_login_takes_as_much_work_and_fails_alike(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    verified: list[str] = []
    verify = Passwords.verify

    def counted(self: Passwords, stored: str, password: str) -> bool:
        verified.append(stored)
        return verify(self, stored, password)

    monkeypatch.setattr(Passwords, "verify", counted)
    assert desk.sign_in("nobody") is None
    assert desk.sign_in("not a login") is None
    assert verified == [desk.access.passwords.nobody] * 2
    # The comparison hash costs what a real one costs.
    assert desk.access.passwords.renewed(desk.access.passwords.nobody, "") is None


def test_a_disabled_person_cannot_sign_in_and_is_signed_out(desk: Desk) -> None:
    clerk = desk.add("clerk", "service")
    token = desk.sign_in("clerk")
    with desk.installation.database.transaction() as tx:
        people.set_disabled(tx, SHOP, clerk.person_id, disabled=True, by=CLI, now=desk.now)
    assert desk.visitor(token) is None
    assert desk.sign_in("clerk") is None
    with desk.installation.database.transaction() as tx:
        people.set_disabled(tx, SHOP, clerk.person_id, disabled=False, by=CLI, now=desk.now)
    assert desk.visitor(token) is None
    assert desk.sign_in("clerk")


def test_a_password_changed_while_it_was_verified_counts(desk: Desk) -> None:
    sessions = desk.access.sessions
    with desk.installation.database.transaction() as tx:
        attempt = sessions.begin(tx, "owner", "203.0.113.7", desk.now)
    checked = sessions.check(attempt, PASSWORD)
    with desk.installation.database.transaction() as tx:
        people.set_password(tx, SHOP, desk.owner.person_id, "other hash", by=CLI, now=desk.now)
        assert sessions.finish(tx, attempt, checked, desk.now) is None


def test_attempts_are_throttled_by_login_whether_it_exists_or_not(desk: Desk) -> None:
    told = []
    for login in ("owner", "nobody"):
        for turn in range(PER_LOGIN.burst):
            assert desk.sign_in(login, "wrong", f"203.0.113.{turn}") is None
        with pytest.raises(SignInThrottled) as refused:
            desk.sign_in(login, PASSWORD, "198.51.100.1")
        told.append(refused.value.params)
    assert told[0] == told[1] == {"retry_after": PER_LOGIN.interval // SECOND}
    desk.installation.clock.move(PER_LOGIN.interval)
    assert desk.sign_in("owner")
    for _ in range(PER_LOGIN.burst):  # success began the count anew
        assert desk.sign_in("owner", "wrong") is None


def test_attempts_are_throttled_by_address(desk: Desk) -> None:
    for turn in range(PER_ADDRESS.burst):
        assert desk.sign_in(f"guess{turn}", "wrong") is None
    with pytest.raises(SignInThrottled):
        desk.sign_in("owner")
    assert desk.sign_in("owner", address="198.51.100.1")


def test_signing_in_rightly_does_not_use_up_an_address(desk: Desk) -> None:
    for _ in range(PER_ADDRESS.burst + 5):
        assert desk.sign_in("owner")


def test_attempts_at_the_same_moment_all_count(desk: Desk) -> None:
    def attempt(_: int) -> bool:
        try:
            with desk.installation.database.transaction() as tx:
                desk.access.sessions.begin(tx, "owner", "203.0.113.7", desk.now)
        except SignInThrottled:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(attempt, range(20))) == PER_LOGIN.burst


def test_a_session_ends_when_idle_when_old_and_by_signing_out(desk: Desk) -> None:
    clock = desk.installation.clock
    idle = desk.sign_in("owner")
    clock.move(SESSION_IDLE - 1)
    assert desk.visitor(idle)
    clock.move(1)
    assert desk.visitor(idle) is None

    busy = desk.sign_in("owner")
    for _ in range(SESSION_LIFE // (SESSION_IDLE - 1)):
        clock.move(SESSION_IDLE - 1)
        visitor = desk.visitor(busy)
        assert visitor
        assert must_touch(visitor.session, desk.now)
        with desk.installation.database.transaction() as tx:
            desk.access.sessions.touch(tx, visitor.session, desk.now)
    clock.move(SESSION_IDLE - 1)
    assert desk.visitor(busy) is None

    left = desk.sign_in("owner")
    assert left
    with desk.installation.database.transaction() as tx:
        desk.access.sessions.sign_out(tx, left, desk.now)
        desk.access.sessions.sign_out(tx, left, desk.now)
    assert desk.visitor(left) is None


def test_looking_does_not_write(desk: Desk) -> None:
    visitor = desk.visitor(desk.sign_in("owner"))
    assert visitor
    desk.installation.clock.move(TOUCH_EVERY - 1)
    assert not must_touch(visitor.session, desk.now)


def test_signing_in_gives_a_new_token_and_ends_the_old_session(desk: Desk) -> None:
    old = desk.sign_in("owner")
    new = desk.sign_in("owner", old=old)
    assert old != new
    assert desk.visitor(old) is None
    assert desk.visitor(new)


def test_a_form_token_belongs_to_one_session(desk: Desk) -> None:
    sessions = desk.access.sessions
    first, second = desk.sign_in("owner"), desk.sign_in("owner")
    assert first
    assert second
    sessions.check_csrf(first, sessions.csrf(first))
    for given in (sessions.csrf(second), "", "汉字", sessions.csrf(first)[:-1]):
        with pytest.raises(FormExpired):
            sessions.check_csrf(first, given)


def test_one_sees_and_ends_ones_own_sessions_only(desk: Desk) -> None:
    desk.add("clerk", "service")
    mine, phone, theirs = desk.sign_in("owner"), desk.sign_in("owner"), desk.sign_in("clerk")
    me, on_phone, clerk = desk.visitor(mine), desk.visitor(phone), desk.visitor(theirs)
    assert me
    assert on_phone
    assert clerk
    with desk.installation.database.transaction() as tx:
        assert len(desk.access.sessions.of_person(tx, me.person.person_id, desk.now)) == 2
        with pytest.raises(NotFound):
            desk.access.sessions.revoke(tx, me, clerk.session.session_id, desk.now)
        desk.access.sessions.revoke(tx, me, on_phone.session.session_id, desk.now)
    assert desk.visitor(phone) is None
    assert desk.visitor(mine)


def test_changing_ones_password_ends_ones_other_sessions(desk: Desk) -> None:
    here, elsewhere = desk.sign_in("owner"), desk.sign_in("owner")
    visitor = desk.visitor(here)
    assert here
    assert visitor
    renewed = desk.access.passwords.hash("another long phrase", login="owner")
    with desk.installation.database.transaction() as tx:
        desk.access.sessions.change_password(tx, visitor, here, renewed, desk.now)
    assert desk.visitor(here)
    assert desk.visitor(elsewhere) is None
    assert desk.sign_in("owner") is None
    assert desk.sign_in("owner", "another long phrase")


def test_roles_count_at_once_and_merchants_can_be_switched(desk: Desk) -> None:
    clerk = desk.add("clerk", "service")
    token = desk.sign_in("clerk")
    assert token
    with desk.installation.database.transaction() as tx:
        people.set_roles(tx, SHOP, clerk.person_id, ["finance"], by=CLI, now=desk.now)
        with pytest.raises(NotFound):
            desk.access.sessions.switch(tx, token, OTHER, desk.now)
        people.attach_person(tx, OTHER, "clerk", [OWNER], by=CLI, now=desk.now)
        switched = desk.access.sessions.switch(tx, token, OTHER, desk.now)
    assert switched.merchants == (OTHER, SHOP)
    assert switched.merchant_id == OTHER
    assert switched.may(Permission.KEYS_MANAGE)
    with desk.installation.database.transaction() as tx:
        people.set_roles(tx, OTHER, clerk.person_id, ["analyst", OWNER], by=CLI, now=desk.now)
        people.add_person(
            tx,
            OTHER,
            PersonDraft("second", "Second", "en", (OWNER,)),
            "hash",
            by=CLI,
            now=desk.now,
        )
        people.remove_person(tx, OTHER, clerk.person_id, by=CLI, now=desk.now)
    back = desk.visitor(token)
    assert back
    assert back.merchant_id == SHOP
    assert not back.may(Permission.KEYS_MANAGE)


def test_somebody_who_works_for_nobody_cannot_sign_in(desk: Desk) -> None:
    clerk = desk.add("clerk", "service")
    token = desk.sign_in("clerk")
    with desk.installation.database.transaction() as tx:
        people.remove_person(tx, SHOP, clerk.person_id, by=CLI, now=desk.now)
    assert desk.visitor(token) is None
    assert desk.sign_in("clerk") is None


def test_an_old_hash_is_renewed_at_sign_in(desk: Desk) -> None:
    old = Passwords(desk.access.passwords._hasher.__class__(time_cost=2, memory_cost=8, parallelism=1))
    with desk.installation.database.transaction() as tx:
        people.set_password(
            tx, SHOP, desk.owner.person_id, old.hash(PASSWORD, login="owner"), by=CLI, now=desk.now
        )
    assert desk.sign_in("owner")
    with desk.installation.database.transaction() as tx:
        attempt = desk.access.sessions.begin(tx, "owner", "203.0.113.7", desk.now)
    assert desk.access.sessions.check(attempt, PASSWORD).renewed is None
    assert "argon2" not in repr(attempt)


def test_signing_in_and_failing_to_are_in_the_trail(desk: Desk) -> None:
    token = desk.sign_in("owner")
    desk.sign_in("owner", "wrong", "198.51.100.1")
    assert token
    with desk.installation.database.transaction() as tx:
        desk.access.sessions.sign_out(tx, token, desk.now)
        found = trail.entries(tx, SHOP, actor_id=desk.owner.person_id).items
    assert {(entry.action, entry.address) for entry in found} == {
        (Action.SIGNED_IN, "203.0.113.7"),
        (Action.SIGN_IN_FAILED, "198.51.100.1"),
        (Action.SIGNED_OUT, "203.0.113.7"),
    }


def test_pruning_deletes_what_is_over_and_nothing_else(desk: Desk) -> None:
    desk.sign_in("owner")
    desk.sign_in("nobody")
    desk.installation.clock.move(SESSION_IDLE)
    alive = desk.sign_in("owner")
    with desk.installation.database.transaction() as tx:
        prune(tx, desk.now)
        assert tx.conn.execute(select(func.count()).select_from(access_session)).scalar() == 1
        assert tx.conn.execute(select(func.count()).select_from(access_attempt)).scalar() == 0
    assert desk.visitor(alive)
