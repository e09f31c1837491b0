"""The two sets of tables, and column types that mean the same on both databases.

Every table's name begins with its capability, and ``merchant_id`` comes first in every key: one merchant's rows lie
together and a query that forgets whose data it reads finds no index (a test enumerates all tables).
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Integer, LargeBinary, MetaData, String

_NAMES = {
    "pk": "pk_%(table_name)s",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
}

main = MetaData(naming_convention=_NAMES)
"""State: ``guanxi.db`` on SQLite."""

tail = MetaData(naming_convention=_NAMES)
"""The hot event tail: ``tail.db`` on SQLite; the same database as ``main`` on PostgreSQL."""

Merchant = String(32)
"""A merchant's slug."""

Big = BigInteger().with_variant(Integer(), "sqlite")
"""A signed 64-bit integer: instants (µs), days, fen, fragments, positions."""

Code = String().with_variant(String(collation="C"), "postgresql")
"""Text that is compared letter by letter, as Python and SQLite do, whatever language the server sorts by."""

Bytes = LargeBinary
