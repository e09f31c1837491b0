"""SQL of enterprise accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, select

from guanxi.customers.accounts.model import Account, AccountKind, Platform
from guanxi.customers.schema import account as accounts
from guanxi.storage import sets

if TYPE_CHECKING:
    from guanxi.storage.database import Transaction


def all_of(tx: Transaction, merchant_id: str) -> list[Account]:
    """Return a merchant's accounts, by platform and key."""
    columns = (
        accounts.c.account,
        accounts.c.name,
        accounts.c.platform,
        accounts.c.kind,
        accounts.c.created_at,
    )
    rows = tx.conn.execute(
        select(*columns)
        .where(accounts.c.merchant_id == merchant_id)
        .order_by(accounts.c.platform, accounts.c.account)
    )
    return [
        Account(key, name, Platform(platform), AccountKind(kind), at)
        for key, name, platform, kind, at in rows
    ]


def save(tx: Transaction, merchant_id: str, account: Account) -> None:
    """Add an account, or change what it is called and what it is."""
    row = (
        merchant_id,
        account.key,
        account.name,
        account.platform.value,
        account.kind.value,
        account.created_at,
    )
    update = ", ".join(f"{name} = excluded.{name}" for name in ("name", "platform", "kind"))
    sets.upsert(tx, accounts, [row], update=update)


def remove(tx: Transaction, merchant_id: str, key: str) -> bool:
    """Forget an account; says whether there was one."""
    done = tx.conn.execute(
        delete(accounts).where(accounts.c.merchant_id == merchant_id, accounts.c.account == key)
    )
    return done.rowcount == 1
