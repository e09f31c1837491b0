"""Signing in and staying signed in.

Signing in takes three steps, because a password hash takes tens of milliseconds and no transaction should be open for
that long, and because a failed attempt must be counted although it fails::

    with database.transaction() as tx:
        attempt = sessions.begin(tx, login, address, now)      # raises SignInThrottled
    checked = sessions.check(attempt, password)                # no transaction
    with database.transaction() as tx:
        new = sessions.finish(tx, attempt, checked, now, replaces=old_cookie)
    if new is None:
        raise SignInFailed
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from guanxi.access.actions import Action
from guanxi.access.decide import (
    PER_ADDRESS,
    PER_LOGIN,
    SESSION_IDLE,
    SESSION_LIFE,
    must_touch,
    normal_login,
    session_alive,
    throttled_address,
)
from guanxi.access.errors import FormExpired, SignInThrottled
from guanxi.access.model import Actor, ActorKind, NewSession, Person, Session, Visitor
from guanxi.access.permissions import union
from guanxi.access.service import people
from guanxi.access.service.trail import record
from guanxi.access.store import people as people_store, sessions as store
from guanxi.kernel.errors import NotFound
from guanxi.kernel.ids import fresh

if TYPE_CHECKING:
    from guanxi.access.decide import Throttle
    from guanxi.access.passwords import Passwords
    from guanxi.storage.database import Transaction
    from guanxi.storage.vault import Vault


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt to sign in, counted; ``person`` is ``None`` if nobody has the login."""

    person: Person | None
    password_hash: str = field(repr=False)
    login_subject: bytes
    address_subject: bytes
    address: str


@dataclass(frozen=True, slots=True)
class Checked:
    """Whether the password was right, and its new hash if the stored one is of an old make."""

    right: bool
    renewed: str | None = field(default=None, repr=False)


class Sessions:
    """Sessions of one installation."""

    def __init__(self, vault: Vault, passwords: Passwords) -> None:
        self._vault = vault
        self._passwords = passwords

    def begin(self, tx: Transaction, login: str, address: str, now: int) -> Attempt:
        """Count an attempt; raises ``SignInThrottled``, alike for logins that exist and those that do not."""
        plain = normal_login(login)
        attempt_login = self._vault.token_hash(f"sign-in/login/{plain or login[:200]}")
        attempt_address = self._vault.token_hash(f"sign-in/address/{throttled_address(address)}")
        _take(tx, attempt_login, PER_LOGIN, now)
        _take(tx, attempt_address, PER_ADDRESS, now)
        found = people_store.person_by_login(tx, plain) if plain else None
        person, password_hash = found or (None, self._passwords.nobody)
        return Attempt(person, password_hash, attempt_login, attempt_address, address)

    def check(self, attempt: Attempt, password: str) -> Checked:
        """Verify the password, taking as long for a login that nobody has. No transaction may be open."""
        right = self._passwords.verify(attempt.password_hash, password)
        if not right or attempt.person is None:
            return Checked(right=False)
        return Checked(right=True, renewed=self._passwords.renewed(attempt.password_hash, password))

    def finish(
        self, tx: Transaction, attempt: Attempt, checked: Checked, now: int, *, replaces: str | None = None
    ) -> NewSession | None:
        """Begin a session under a new token, or record the failure and return ``None``.

        ``replaces`` is the token that the browser came with: its session ends, so that a planted one is worth nothing.
        A disabled person and one who works for nobody fail like a wrong password.
        """
        person = self._confirmed(tx, attempt, checked)
        merchants = people_store.merchants_of(tx, person.person_id) if person else []
        if person is None or not merchants:
            self._record_failure(tx, attempt, now)
            return None
        store.forget_attempts(tx, attempt.login_subject)
        store.give_back(tx, attempt.address_subject, PER_ADDRESS.interval)
        if checked.renewed is not None:
            people_store.change_person(tx, person.person_id, password_hash=checked.renewed)
        if replaces:
            store.remove(tx, self._vault.token_hash(replaces))
        token = secrets.token_urlsafe(32)
        session = Session(
            session_id=fresh("ses"),
            person_id=person.person_id,
            merchant_id=merchants[0],
            address=attempt.address,
            created_at=now,
            seen_at=now,
            expires_at=now + SESSION_LIFE,
        )
        store.add(tx, self._vault.token_hash(token), session)
        for merchant_id in merchants:
            actor = _as_actor(person, merchant_id, attempt.address)
            record(tx, merchant_id, Action.SIGNED_IN, by=actor, now=now, target=session.session_id)
        return NewSession(token, self.csrf(token), session, person)

    def resolve(self, tx: Transaction, token: str, now: int) -> Visitor | None:
        """Return who a token stands for, with today's roles; ``None`` if it is over, revoked or never was.

        Reads only. When ``must_touch(visitor.session, now)`` the edge calls ``touch`` in a transaction of its own, or
        the session ends 12 hours after it was last touched.
        """
        session = store.by_token(tx, self._vault.token_hash(token))
        if session is None or not session_alive(session, now):
            return None
        found = people_store.person_by_id(tx, session.person_id)
        if found is None or found[0].disabled:
            return None
        merchants = people_store.merchants_of(tx, session.person_id)
        if not merchants:
            return None
        if session.merchant_id not in merchants:
            session = replace(session, merchant_id=merchants[0])
        roles = people.roles_of(tx, session.merchant_id, session.person_id)
        return Visitor(session, found[0], tuple(merchants), roles, union(roles))

    def touch(self, tx: Transaction, session: Session, now: int) -> None:
        """Keep a session from growing idle."""
        if must_touch(session, now):
            store.touch(tx, session.session_id, session.person_id, now)

    def switch(self, tx: Transaction, token: str, merchant_id: str, now: int) -> Visitor:
        """Look at another merchant; raises ``NotFound`` for one the person does not work for, or a session that is over."""
        visitor = self.resolve(tx, token, now)
        if visitor is None or merchant_id not in visitor.merchants:
            raise NotFound(what_zh="商家", what_en="merchant", key=merchant_id)
        store.move(tx, self._vault.token_hash(token), merchant_id)
        switched = self.resolve(tx, token, now)
        if switched is None:
            raise NotFound(what_zh="商家", what_en="merchant", key=merchant_id)
        return switched

    def sign_out(self, tx: Transaction, token: str, now: int) -> None:
        """End a session; one that is over already is no error."""
        visitor = self.resolve(tx, token, now)
        store.remove(tx, self._vault.token_hash(token))
        if visitor is not None:
            actor = visitor.actor(visitor.session.address)
            record(
                tx,
                visitor.merchant_id,
                Action.SIGNED_OUT,
                by=actor,
                now=now,
                target=visitor.session.session_id,
            )

    def of_person(self, tx: Transaction, person_id: str, now: int) -> list[Session]:
        """Return a person's living sessions, newest first."""
        return [session for session in store.of_person(tx, person_id) if session_alive(session, now)]

    def revoke(self, tx: Transaction, visitor: Visitor, session_id: str, now: int) -> None:
        """End one of the visitor's own sessions; raises ``NotFound``."""
        if not store.remove_one(tx, visitor.person.person_id, session_id):
            raise NotFound(what_zh="登录", what_en="session", key=session_id)
        actor = visitor.actor(visitor.session.address)
        record(tx, visitor.merchant_id, Action.SIGNED_OUT, by=actor, now=now, target=session_id)

    def change_password(
        self, tx: Transaction, visitor: Visitor, token: str, password_hash: str, now: int
    ) -> None:
        """Change one's own password and end one's other sessions.

        The edge has confirmed the old one by ``begin`` and ``check``, which also keeps a stolen session from guessing it.
        """
        people_store.change_person(tx, visitor.person.person_id, password_hash=password_hash)
        store.remove_all(tx, visitor.person.person_id, keep=self._vault.token_hash(token))
        for merchant_id in visitor.merchants:
            actor = _as_actor(visitor.person, merchant_id, visitor.session.address)
            record(tx, merchant_id, Action.PASSWORD_SET, by=actor, now=now, target=visitor.person.person_id)

    def csrf(self, token: str) -> str:
        """Return the token that forms of this session carry.

        It is derived from the session's token, so there is nothing to store; before sign-in the page derives it from a
        random cookie of its own in the same way.
        """
        return self._vault.token_hash(f"csrf/{token}").hex()

    def check_csrf(self, token: str, given: str) -> None:
        """Raise ``FormExpired`` unless ``given`` is this session's form token."""
        if not hmac.compare_digest(self.csrf(token).encode(), given.encode()):
            raise FormExpired(permission="csrf")

    def _confirmed(self, tx: Transaction, attempt: Attempt, checked: Checked) -> Person | None:
        if attempt.person is None or not checked.right:
            return None
        found = people_store.person_by_id(tx, attempt.person.person_id)
        # Whatever changed while the password was being verified counts.
        if found is None or found[0].disabled or found[1] != attempt.password_hash:
            return None
        return found[0]

    def _record_failure(self, tx: Transaction, attempt: Attempt, now: int) -> None:
        if attempt.person is None:
            return
        for merchant_id in people_store.merchants_of(tx, attempt.person.person_id):
            actor = _as_actor(attempt.person, merchant_id, attempt.address)
            record(tx, merchant_id, Action.SIGN_IN_FAILED, by=actor, now=now, target=attempt.person.person_id)


def idle_before(now: int) -> int:
    """Return the instant since when a session must have been seen to be alive at ``now``."""
    return now - SESSION_IDLE


def _take(tx: Transaction, subject: bytes, throttle: Throttle, now: int) -> None:
    if not store.take_attempt(tx, subject, throttle, now):
        raise SignInThrottled(retry_after=throttle.retry_after(store.attempts(tx, subject), now))


def _as_actor(person: Person, merchant_id: str, address: str) -> Actor:
    return Actor(ActorKind.PERSON, person.person_id, person.name, merchant_id, frozenset(), address)
