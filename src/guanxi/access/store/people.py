"""Persons, their memberships, and merchants' own roles."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, delete, insert, select, update

from guanxi.access.decide import read_permissions
from guanxi.access.model import Person
from guanxi.access.permissions import Role
from guanxi.access.schema import access_membership, access_person, access_role
from guanxi.kernel.text import Text

if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Any

    from guanxi.storage.database import Transaction

_p = access_person.c
_m = access_membership.c
_r = access_role.c
_PERSON = (_p.person_id, _p.login, _p.name, _p.language, _p.disabled, _p.created_at)


def _person(row: Any) -> Person:
    return Person(row.person_id, row.login, row.name, row.language, bool(row.disabled), row.created_at)


def person_by_login(tx: Transaction, login: str) -> tuple[Person, str] | None:
    """Return a person and their password's hash."""
    row = tx.conn.execute(select(*_PERSON, _p.password_hash).where(_p.login == login)).one_or_none()
    return None if row is None else (_person(row), row.password_hash)


def person_by_id(tx: Transaction, person_id: str) -> tuple[Person, str] | None:
    """Return a person and their password's hash."""
    row = tx.conn.execute(select(*_PERSON, _p.password_hash).where(_p.person_id == person_id)).one_or_none()
    return None if row is None else (_person(row), row.password_hash)


def add_person(tx: Transaction, person: Person, password_hash: str) -> None:
    """Store a new person."""
    tx.conn.execute(
        insert(access_person).values(
            person_id=person.person_id,
            login=person.login,
            name=person.name,
            language=person.language,
            password_hash=password_hash,
            disabled=int(person.disabled),
            created_at=person.created_at,
        )
    )


def change_person(tx: Transaction, person_id: str, **values: str | int) -> None:
    """Change columns of a person."""
    tx.conn.execute(update(access_person).where(_p.person_id == person_id).values(**values))


def merchants_of(tx: Transaction, person_id: str) -> list[str]:
    """Return the merchants a person works for, by slug."""
    query = select(_m.merchant_id).distinct().where(_m.person_id == person_id).order_by(_m.merchant_id)
    return list(tx.conn.execute(query).scalars())


def role_keys(tx: Transaction, merchant_id: str, person_id: str) -> list[str]:
    """Return the roles of one person at one merchant."""
    query = select(_m.role).where(_m.merchant_id == merchant_id, _m.person_id == person_id)
    return list(tx.conn.execute(query).scalars())


def staff(tx: Transaction, merchant_id: str) -> list[tuple[Person, list[str]]]:
    """Return everybody who works for a merchant with the keys of their roles, by login."""
    rows = tx.conn.execute(
        select(*_PERSON, _m.role)
        .join(access_membership, _m.person_id == _p.person_id)
        .where(_m.merchant_id == merchant_id)
        .order_by(_p.login)
    )
    people: dict[str, Person] = {}
    roles: defaultdict[str, list[str]] = defaultdict(list)
    for row in rows:
        people[row.person_id] = _person(row)
        roles[row.person_id].append(row.role)
    return [(person, roles[person_id]) for person_id, person in people.items()]


def replace_roles(
    tx: Transaction, merchant_id: str, person_id: str, roles: Collection[str], now: int
) -> None:
    """Make ``roles`` the roles of a person at a merchant; none of them ends the membership."""
    tx.conn.execute(delete(access_membership).where(_m.merchant_id == merchant_id, _m.person_id == person_id))
    if roles:
        tx.conn.execute(
            insert(access_membership),
            [
                {"merchant_id": merchant_id, "person_id": person_id, "role": role, "granted_at": now}
                for role in roles
            ],
        )


def holders(tx: Transaction, merchant_id: str, role: str) -> list[Person]:
    """Return who holds a role, locked until the transaction ends so that two changes cannot both count on the other."""
    query = (
        select(*_PERSON)
        .join(access_membership, _m.person_id == _p.person_id)
        .where(_m.merchant_id == merchant_id, _m.role == role)
        .order_by(_p.person_id)
        .with_for_update()
    )
    return [_person(row) for row in tx.conn.execute(query)]


def custom_roles(tx: Transaction, merchant_id: str) -> dict[str, Role]:
    """Return a merchant's own roles by key."""
    query = select(access_role).where(_r.merchant_id == bindparam("m")).order_by(_r.role)
    return {
        row.role: Role(row.role, Text(row.name_zh, row.name_en), read_permissions(row.permissions.split()))
        for row in tx.conn.execute(query, {"m": merchant_id})
    }


def save_role(tx: Transaction, merchant_id: str, role: Role) -> None:
    """Store a merchant's own role, replacing one of the same key."""
    delete_role(tx, merchant_id, role.key)
    tx.conn.execute(
        insert(access_role).values(
            merchant_id=merchant_id,
            role=role.key,
            name_zh=role.name.zh,
            name_en=role.name.en,
            permissions=" ".join(sorted(role.permissions)),
        )
    )


def delete_role(tx: Transaction, merchant_id: str, key: str) -> None:
    """Delete a merchant's own role."""
    tx.conn.execute(delete(access_role).where(_r.merchant_id == merchant_id, _r.role == key))
