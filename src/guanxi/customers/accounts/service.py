"""Declaring the merchant's enterprise accounts, on an open transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from guanxi.customers.accounts import store
from guanxi.customers.accounts.model import Account, AccountKind, Platform
from guanxi.kernel.errors import InvalidInput, NotFound
from guanxi.kernel.ids import is_slug

if TYPE_CHECKING:
    from guanxi.storage.database import Transaction

NAME_MAX = 80


def list_accounts(tx: Transaction, merchant_id: str) -> list[Account]:
    """Return a merchant's accounts, by platform and key."""
    return store.all_of(tx, merchant_id)


def get_account(tx: Transaction, merchant_id: str, key: str) -> Account:
    """Return one account; raises ``NotFound``."""
    for account in store.all_of(tx, merchant_id):
        if account.key == key:
            return account
    raise NotFound(what_zh="账号", what_en="account", key=key)


def save_account(
    tx: Transaction, merchant_id: str, key: str, *, name: str, platform: Platform, kind: AccountKind, now: int
) -> Account:
    """Declare an account or change one; raises ``InvalidInput`` for a bad key or name.

    Events that named the account before it was declared belong to it as well: they carry its key.
    """
    if not is_slug(key):
        raise InvalidInput(
            reason_zh="账号代号为 1–32 个小写字母、数字、- 和 _。",
            reason_en="an account's key is 1–32 of a-z, 0-9, - and _.",
        )
    plain = name.strip()
    if not 1 <= len(plain) <= NAME_MAX or any(letter < " " or letter == "\x7f" for letter in plain):
        raise InvalidInput(
            reason_zh=f"名称为 1–{NAME_MAX} 个字符。", reason_en=f"a name is 1–{NAME_MAX} characters."
        )
    account = Account(key, plain, platform, kind, now)
    store.save(tx, merchant_id, account)
    return account


def remove_account(tx: Transaction, merchant_id: str, key: str) -> None:
    """Forget the declaration of an account; its events stay and keep its key. Raises ``NotFound``."""
    if not store.remove(tx, merchant_id, key):
        raise NotFound(what_zh="账号", what_en="account", key=key)
