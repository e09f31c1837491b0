"""Sets in, sets out: upserts and look-ups of many rows in few statements, on both databases.

SQLite runs a prepared statement per row inside the process, which is its fastest way; PostgreSQL gets the whole set as
arrays in one statement, which saves a round trip per row. Rows are always written in the order of their key, so that
two writers of overlapping sets wait for each other instead of deadlocking.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import chain
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from sqlalchemy import BigInteger, Boolean, Integer, LargeBinary, Table

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from numpy.typing import NDArray

    from guanxi.storage.database import Transaction


def cursor(tx: Transaction) -> Any:
    """Return a cursor of the driver itself, on the open transaction."""
    connection: Any = tx.conn.connection.driver_connection
    return connection.cursor()


def upsert(tx: Transaction, table: Table, rows: Sequence[tuple[Any, ...]], *, update: str = "") -> None:
    """Insert rows (values of all of the table's columns, in order); on a key that exists do what ``update`` says.

    ``update`` is the text after ``DO UPDATE SET``, where ``excluded`` is the new row and ``old`` the stored one;
    without it an existing row stays as it is. No two rows may have the same key.
    """
    if not rows:
        return
    ordered = sorted(rows, key=_key_of(table))
    sql = _upsert_sql(table, update, tx.dialect)
    if tx.dialect == "sqlite":
        cursor(tx).executemany(sql, ordered)
    else:
        cursor(tx).execute(sql, [list(column) for column in zip(*ordered, strict=True)])


@lru_cache(maxsize=512)
def _key_of(table: Table) -> Callable[[tuple[Any, ...]], Any]:
    return itemgetter(*(table.c.keys().index(column.name) for column in table.primary_key))


@lru_cache(maxsize=512)
def _upsert_sql(table: Table, update: str, dialect: str) -> str:
    names = ", ".join(table.c.keys())
    key = ", ".join(column.name for column in table.primary_key)
    what = f"DO UPDATE SET {update}" if update else "DO NOTHING"
    if dialect == "sqlite":
        values = f"VALUES ({', '.join('?' * len(table.c))})"
    else:
        arrays = ", ".join(f"%s::{_array_type(column.type)}[]" for column in table.c)
        values = f"SELECT * FROM unnest({arrays})"  # noqa: S608 - types of our own columns
    return f"INSERT INTO {table.name} AS old ({names}) {values} ON CONFLICT ({key}) {what}"


def _array_type(kind: object) -> str:
    if isinstance(kind, (BigInteger, Integer)):
        return "bigint"
    if isinstance(kind, LargeBinary):
        return "bytea"
    return "boolean" if isinstance(kind, Boolean) else "text"


def find(
    tx: Transaction, table: Table, merchant_id: str, column: str, values: Collection[Any], columns: str = "*"
) -> list[tuple[Any, ...]]:
    """Return the rows of a merchant whose ``column`` is one of ``values``; ``columns`` is the select list."""
    wanted = sorted(values)  # neighbours share pages
    if not wanted:
        return []
    head = f"SELECT {columns} FROM {table.name} WHERE merchant_id = "  # noqa: S608 - names of our own
    if tx.dialect == "postgresql":
        kind = _array_type(table.c[column].type)
        sql = f"{head}%s AND {column} = ANY(%s::{kind}[])"
        return list(cursor(tx).execute(sql, (merchant_id, wanted)))
    # One prepared statement for any number of values; a list of marks would be parsed anew for each number.
    sql = f"{head}? AND {column} IN (SELECT value FROM json_each(?))"  # noqa: S608
    return cursor(tx).execute(sql, (merchant_id, msgspec.json.encode(wanted).decode())).fetchall()  # type: ignore[no-any-return]


def delete(tx: Transaction, table: Table, merchant_id: str, column: str, values: Collection[Any]) -> None:
    """Delete the rows of a merchant whose ``column`` is one of ``values``."""
    run = cursor(tx)
    if tx.dialect == "postgresql":
        kind = _array_type(table.c[column].type)
        sql = f"DELETE FROM {table.name} WHERE merchant_id = %s AND {column} = ANY(%s::{kind}[])"  # noqa: S608
        run.execute(sql, (merchant_id, list(values)))
    else:
        sql = f"DELETE FROM {table.name} WHERE merchant_id = ? AND {column} = ?"  # noqa: S608
        run.executemany(sql, [(merchant_id, value) for value in values])


_FETCH = 50_000


def rows(tx: Transaction, sql: str, *params: Any) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of SQL with ``?`` for each value, however many there are."""
    found = cursor(tx).execute(sql if tx.dialect == "sqlite" else sql.replace("?", "%s"), params)
    while some := found.fetchmany(_FETCH):
        yield from some


def numbers(tx: Transaction, sql: str, *params: Any, columns: int) -> NDArray[np.int64]:
    """Return rows of ``columns`` whole numbers as an array with a row per column; see ``rows``."""
    flat = np.fromiter(chain.from_iterable(rows(tx, sql, *params)), np.int64)
    return flat.reshape(-1, columns).T
