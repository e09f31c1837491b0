"""API keys: made once, shown once, kept as a keyed hash; and the ring that recognises them on every request."""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict
from dataclasses import replace
from typing import TYPE_CHECKING

from guanxi.access.actions import Action
from guanxi.access.decide import USED_EVERY, check_key, check_within, is_key_text, key_hint, key_text
from guanxi.access.errors import KeyInUse
from guanxi.access.model import ActorKind, Key, KeyDraft
from guanxi.access.permissions import Permission
from guanxi.access.service.trail import record
from guanxi.access.store import keys as store
from guanxi.kernel.errors import NotFound
from guanxi.kernel.ids import fresh
from guanxi.kernel.paging import Page, read_cursor, write_cursor

if TYPE_CHECKING:
    from collections.abc import Callable

    from guanxi.access.model import Actor
    from guanxi.storage.database import Database, Transaction
    from guanxi.storage.vault import Vault

RING_SECONDS = 5.0
"""How long a process may go on accepting a key after it was revoked."""

RING_SIZE = 10_000


class Keys:
    """The keys of every merchant."""

    def __init__(self, vault: Vault, ring: KeyRing) -> None:
        self._vault = vault
        self._ring = ring

    def create(
        self, tx: Transaction, merchant_id: str, draft: KeyDraft, *, by: Actor, now: int
    ) -> tuple[Key, str]:
        """Make a key; returns it and its text, which nobody can be shown again.

        Raises ``Forbidden``, ``InvalidInput``, ``BeyondOwnPermissions`` for a scope the maker has not.
        """
        by.need(Permission.KEYS_MANAGE, merchant_id)
        checked = check_key(draft, now)
        check_within(by, checked.scopes)
        secret = key_text(checked.kind, secrets.randbits(256))
        key = Key(
            merchant_id=merchant_id,
            key_id=fresh("key"),
            kind=checked.kind,
            name=checked.name,
            hint=key_hint(secret),
            scopes=checked.scopes,
            account=checked.account,
            channel=checked.channel,
            created_by=by.id,
            created_at=now,
            expires_at=checked.expires_at,
            revoked_at=None,
            last_used_at=None,
        )
        store.add(tx, key, self._vault.token_hash(secret))
        record(
            tx,
            merchant_id,
            Action.KEY_CREATED,
            by=by,
            now=now,
            target=key.key_id,
            detail={"kind": key.kind.value, "scopes": sorted(key.scopes)},
        )
        return key, secret

    def get(self, tx: Transaction, merchant_id: str, key_id: str) -> Key:
        """Return a merchant's key; raises ``NotFound``."""
        key = store.by_id(tx, merchant_id, key_id)
        if key is None:
            raise NotFound(what_zh="密钥", what_en="key", key=key_id)
        return key

    def list(
        self, tx: Transaction, merchant_id: str, *, cursor: str | None = None, limit: int = 50
    ) -> Page[Key]:
        """Return keys newest first, revoked ones too; raises ``InvalidCursor``."""
        before: tuple[int, str] | None = None
        if cursor is not None:
            created_at, key_id = read_cursor(cursor, int, str)
            before = (created_at, key_id)
        found = store.page(tx, merchant_id, before, limit + 1)
        items = found[:limit]
        more = len(found) > limit
        return Page(items, write_cursor(items[-1].created_at, items[-1].key_id) if more else None)

    def revoke(
        self, tx: Transaction, merchant_id: str, key_id: str, *, by: Actor, now: int, reason: str = ""
    ) -> Key:
        """Refuse a key from now on; every process has noticed after ``RING_SECONDS``. Twice is no error.

        Raises ``Forbidden``, ``NotFound``, ``KeyInUse`` for a key that would revoke itself.
        """
        by.need(Permission.KEYS_MANAGE, merchant_id)
        key = self.get(tx, merchant_id, key_id)
        if by.kind is ActorKind.KEY and by.id == key_id:
            raise KeyInUse
        if key.revoked_at is not None:
            return key
        store.revoke(tx, merchant_id, key_id, now)
        record(tx, merchant_id, Action.KEY_REVOKED, by=by, now=now, target=key_id, reason=reason)
        self._ring.forget(key_id)
        return replace(key, revoked_at=now)


class KeyRing:
    """Recognises keys without asking the database each time: what it learned is good for ``RING_SECONDS``.

    ``cached`` never blocks and serves the hot path; ``load`` reads the database, so an event loop calls it in a thread.
    """

    def __init__(
        self, database: Database, vault: Vault, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._database = database
        self._vault = vault
        self._monotonic = monotonic
        self._known: OrderedDict[str, tuple[float, Key]] = OrderedDict()
        self._guard = threading.Lock()

    def cached(self, text: str, now: int) -> Key | None:
        """Return the key of a text learned lately and still working; ``None`` means: ask ``load``."""
        found = self._known.get(text)
        if found is None or self._monotonic() >= found[0] or not found[1].works(now):
            return None
        return found[1]

    def load(self, text: str, now: int) -> Key | None:
        """Return the working key of a text, or ``None``. Records its use when the last record is an hour old."""
        if not is_key_text(text):
            return None
        until = self._monotonic() + RING_SECONDS
        with self._database.reading() as tx:
            key = store.by_secret(tx, self._vault.token_hash(text))
        if key is None or not key.works(now):
            with self._guard:
                self._known.pop(text, None)
            return None
        if key.last_used_at is None or key.last_used_at <= now - USED_EVERY:
            with self._database.transaction() as tx:
                store.mark_used(tx, key.merchant_id, key.key_id, now, now - USED_EVERY + 1)
        with self._guard:
            self._known[text] = (until, key)
            self._known.move_to_end(text)
            while len(self._known) > RING_SIZE:
                self._known.popitem(last=False)
        return key

    def forget(self, key_id: str) -> None:
        """Drop what is known of a key, so that this process asks the database again."""
        with self._guard:
            for text in [text for text, (_, key) in self._known.items() if key.key_id == key_id]:
                del self._known[text]
