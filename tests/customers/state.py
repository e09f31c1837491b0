"""All that is known of customers, in a form that two runs can be compared by."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

from guanxi.customers.identity.decide import resolve
from guanxi.customers.identity.model import Decision, Identity, Link, LinkKind, Verdict
from guanxi.storage import schema

if TYPE_CHECKING:
    from guanxi.storage.database import Transaction
    from tests.customers.conftest import Customers

State = dict[str, Any]

_PLAIN = {
    "members": "SELECT member, known, first_seen FROM customer_member",
    "holdings": "SELECT fragment, from_day, until_day, member FROM customer_holding",
    "refusals": "SELECT a, b, code FROM customer_refusal",
    "links": "SELECT a, b, kind, slot, seen_at, event_id FROM customer_link",
    "verdicts": "SELECT a, b, verdict, decided_at, decided_by FROM customer_verdict",
    "consents": "SELECT fragment, purpose, channel, given, time, event_id, evidence FROM customer_consent",
    "tokens": "SELECT token, fragment FROM customer_token",
    "buckets": "SELECT day, fragment, type, measure, dimension, value, n, total, low, high, first_at, last_at"
    " FROM customer_bucket NATURAL JOIN customer_series",
}


def rows(tx: Transaction, sql: str) -> list[tuple[Any, ...]]:
    return sorted(tuple(row) for row in tx.conn.exec_driver_sql(sql))


def state_of(customers: Customers) -> State:
    """Everything stored, with what is sealed opened."""
    with customers.installation.database.reading() as tx:
        found: State = {name: rows(tx, sql) for name, sql in _PLAIN.items()}
        identities = rows(tx, "SELECT fragment, type, scope, mask, first_seen, sealed FROM customer_identity")
        attributes = rows(
            tx, "SELECT fragment, name, personal, time, event_id, value FROM customer_attribute"
        )
        owners = {row[0] for row in (*identities, *attributes)}
        keys = customers.keys.sealers(tx, "shop", owners)
    found["identities"] = [
        (*row[:5], keys[row[0]].open(bytes(row[5])) if row[5] else b"") for row in identities
    ]
    found["attributes"] = [
        (*row[:5], keys[row[0]].open(bytes(row[5])) if row[2] else bytes(row[5])) for row in attributes
    ]
    return found


def resolved_afresh(customers: Customers) -> tuple[list[Any], list[Any]]:
    """Members and holdings as they follow from all evidence at once, in the form of ``state_of``."""
    one = customers.installation
    with one.database.reading() as tx:
        identities = [
            Identity(*row)
            for row in rows(tx, "SELECT fragment, type, scope, first_seen FROM customer_identity")
        ]
        links = [
            Link(a, b, at, LinkKind(kind), event)
            for a, b, kind, at, event in rows(tx, "SELECT a, b, kind, seen_at, event_id FROM customer_link")
        ]
        verdicts = [
            Verdict(a, b, Decision(verdict), at, by)
            for a, b, verdict, at, by in rows(
                tx, "SELECT a, b, verdict, decided_at, decided_by FROM customer_verdict"
            )
        ]
    resolution = resolve(identities, links, verdicts, one.merchant.days.day)
    members = sorted(person.canonical for person in resolution.people)
    holdings = sorted(
        (*held, person.canonical)
        for person in resolution.people
        for held in person.holdings
        if len(person.holdings) > 1 or (held.from_day, held.until_day) != (-(2**31), 2**31 - 1)
    )
    return members, holdings


def forget_everything(customers: Customers) -> None:
    """Leave the installation as it was before the first event; keys of persons may stay."""
    one = customers.installation
    kept = {"storage_merchant", "storage_person_key"}
    for store, metadata in ((one.database.main, schema.main), (one.database.tail, schema.tail)):
        with store.transaction() as tx:
            for table in metadata.tables.values():
                if table.name.startswith(("customer_", "event_")) and table.name not in kept:
                    tx.conn.exec_driver_sql(f"DELETE FROM {table.name}")
    shutil.rmtree(one.home.path / "lake", ignore_errors=True)
