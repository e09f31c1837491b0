"""The merchants of an installation: whose data a row is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Column, PrimaryKeyConstraint, String, Table, insert, select, update

from guanxi.kernel.clock import LocalDays, zone
from guanxi.kernel.errors import Conflict, InvalidInput, NotFound
from guanxi.kernel.ids import is_slug
from guanxi.kernel.text import Text
from guanxi.storage import sets
from guanxi.storage.schema import Big, Merchant as MerchantColumn, main

if TYPE_CHECKING:
    from guanxi.storage.database import Transaction

storage_merchant = Table(
    "storage_merchant",
    main,
    Column("merchant_id", MerchantColumn, nullable=False),
    Column("name", String, nullable=False),
    Column("timezone", String, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("note", String, nullable=False),
    Column("created_at", Big, nullable=False),
    PrimaryKeyConstraint("merchant_id"),
    sqlite_with_rowid=False,
)


@dataclass(frozen=True, slots=True)
class Merchant:
    """A merchant. ``timezone`` decides where its days begin; ``note`` is shown on every console page (demo data)."""

    merchant_id: str
    name: str
    timezone: str
    currency: str
    note: str
    created_at: int

    @property
    def notice(self) -> Text:
        """The note, for readers of either language: it may be written as "中文 / English"."""
        return Text.read(self.note)

    @property
    def days(self) -> LocalDays:
        """The merchant's local days."""
        return _days(self.timezone)


_DAYS: dict[str, LocalDays] = {}


def _days(timezone: str) -> LocalDays:
    return _DAYS.setdefault(timezone, LocalDays(timezone))


def check_merchant(merchant: Merchant) -> None:
    """Raise ``InvalidInput`` for a bad slug or zone."""
    if not is_slug(merchant.merchant_id):
        raise InvalidInput(
            reason_zh="商家代号只能用 1–32 个小写字母、数字、- 和 _。",
            reason_en="a merchant's slug is 1–32 of a-z, 0-9, - and _.",
        )
    try:
        zone(merchant.timezone)
    except (KeyError, ValueError) as error:
        raise InvalidInput(
            reason_zh=f"未知时区 {merchant.timezone}", reason_en=f"unknown time zone {merchant.timezone}"
        ) from error


def add_merchant(tx: Transaction, merchant: Merchant) -> None:
    """Add a merchant; raises ``InvalidInput`` for a bad slug or zone, ``Conflict`` if the slug is taken."""
    check_merchant(merchant)
    if any(known.merchant_id == merchant.merchant_id for known in list_merchants(tx)):
        raise Conflict(
            reason_zh=f"商家 {merchant.merchant_id} 已存在",
            reason_en=f"merchant {merchant.merchant_id} exists",
        )
    tx.conn.execute(
        insert(storage_merchant).values(
            merchant_id=merchant.merchant_id,
            name=merchant.name,
            timezone=merchant.timezone,
            currency=merchant.currency,
            note=merchant.note,
            created_at=merchant.created_at,
        )
    )


def put_note(tx: Transaction, merchant_id: str, note: str) -> None:
    """Set what every console page of a merchant says."""
    where = storage_merchant.c.merchant_id == merchant_id
    tx.conn.execute(update(storage_merchant).where(where).values(note=note))


def get_merchant(tx: Transaction, merchant_id: str) -> Merchant:
    """Return a merchant; raises ``NotFound``."""
    row = tx.conn.execute(
        select(storage_merchant).where(storage_merchant.c.merchant_id == merchant_id)
    ).one_or_none()
    if row is None:
        raise NotFound(what_zh="商家", what_en="merchant", key=merchant_id)
    return Merchant(*row)


def list_merchants(tx: Transaction) -> list[Merchant]:
    """Return all merchants, by slug."""
    return [
        Merchant(*row)
        for row in tx.conn.execute(select(storage_merchant).order_by(storage_merchant.c.merchant_id))
    ]


storage_setting = Table(
    "storage_setting",
    main,
    Column("merchant_id", MerchantColumn, nullable=False),
    Column("name", String, nullable=False),
    Column("value", String, nullable=False),
    PrimaryKeyConstraint("merchant_id", "name"),
    sqlite_with_rowid=False,
)


def get_setting(tx: Transaction, merchant_id: str, name: str) -> str | None:
    """Return a merchant's setting, or ``None`` if it was never set."""
    where = (storage_setting.c.merchant_id == merchant_id, storage_setting.c.name == name)
    return tx.conn.execute(select(storage_setting.c.value).where(*where)).scalar_one_or_none()


def set_setting(tx: Transaction, merchant_id: str, name: str, value: str) -> None:
    """Set a merchant's setting."""
    sets.upsert(tx, storage_setting, [(merchant_id, name, value)], update="value = excluded.value")
