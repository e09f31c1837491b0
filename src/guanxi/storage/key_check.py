"""Whether the master key of a home is the one that its database was filled under.

Under another key nobody would be found and everything new would be sealed apart from the old, without a single error. So
the database keeps a value that only the holder of the key can compute and that says nothing about it.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from guanxi.kernel.text import Text
from guanxi.storage import sets
from guanxi.storage.home import KEY_FILE, BrokenHome
from guanxi.storage.merchants import get_setting, storage_setting

if TYPE_CHECKING:
    from guanxi.storage.database import Database, Transaction
    from guanxi.storage.vault import Vault

_EVERYBODY = ""
"""In place of a merchant: the setting is the installation's."""

_NAME = "master_key.check"


class WrongKey(BrokenHome):
    """The master key is not the one under which the database was filled."""

    code = "wrong_key"
    text = Text(
        f"{KEY_FILE} 不是这个数据库的主密钥：用它找不到任何会员，写入的数据也会读不出。请放回原来的 {KEY_FILE}。",
        f"{KEY_FILE} is not the master key of this database: nobody would be found with it, and what is written could"
        f" not be read. Put the original {KEY_FILE} back.",
    )


def fits(tx: Transaction, vault: Vault) -> bool:
    """Say whether the database was filled under the vault's key; true of one that nobody has opened yet."""
    stored = get_setting(tx, _EVERYBODY, _NAME)
    return stored is None or hmac.compare_digest(stored, vault.check)


def is_taken(tx: Transaction) -> bool:
    """Say whether a database belongs to a master key already; it may have no tables at all."""
    return tx.conn.dialect.has_table(tx.conn, storage_setting.name) and (
        get_setting(tx, _EVERYBODY, _NAME) is not None
    )


def check(database: Database, vault: Vault) -> None:
    """Raise ``WrongKey`` unless the database was filled under the vault's key; the first to open it decides which.

    Costs one look-up by key.
    """
    with database.reading() as tx:
        stored = get_setting(tx, _EVERYBODY, _NAME)
    if stored is None:
        with database.transaction() as tx:
            # Of two that open it at once the second finds the first's.
            sets.upsert(tx, storage_setting, [(_EVERYBODY, _NAME, vault.check)], update="")
            stored = get_setting(tx, _EVERYBODY, _NAME)
    if not hmac.compare_digest(stored or "", vault.check):
        raise WrongKey
