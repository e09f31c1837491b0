"""The only SQL of definitions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, func, select, text

from guanxi.definitions import schema
from guanxi.definitions.model import Action, Change, Ref, Release, Version
from guanxi.storage import sets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Select

    from guanxi.storage.database import Transaction

_r, _v, _l = schema.release.c, schema.version.c, schema.live.c

_CLAIM = text(
    "INSERT INTO definition_release (merchant_id, release, applied_at, applied_by, why, summary)"
    " VALUES (:merchant_id, :release, :applied_at, :applied_by, :why, :summary) ON CONFLICT DO NOTHING"
)


def head(tx: Transaction, merchant_id: str) -> int:
    """Return the number of the newest release; 0 if there is none."""
    return tx.conn.execute(select(func.max(_r.release)).where(_r.merchant_id == merchant_id)).scalar() or 0


def claim(tx: Transaction, merchant_id: str, release: Release) -> bool:
    """Take a release's number; on ``True`` nobody else can change definitions until the transaction ends.

    Whoever wants the same number waits here for us, and then finds it taken.
    """
    done = tx.conn.execute(
        _CLAIM,
        {
            "merchant_id": merchant_id,
            "release": release.number,
            "applied_at": release.applied_at,
            "applied_by": release.applied_by,
            "why": release.why,
            "summary": json.dumps(release.summary),
        },
    )
    return done.rowcount == 1


def live(tx: Transaction, merchant_id: str) -> list[tuple[Ref, str, int]]:
    """Return every live definition: name, text, version; sorted by name."""
    return _texts(
        tx,
        select(_v.kind, _v.key, _v.text, _v.version)
        .join_from(
            schema.live,
            schema.version,
            and_(
                _v.merchant_id == _l.merchant_id,
                _v.kind == _l.kind,
                _v.key == _l.key,
                _v.version == _l.version,
            ),
        )
        .where(_l.merchant_id == merchant_id),
    )


def live_at(tx: Transaction, merchant_id: str, release: int) -> list[tuple[Ref, str, int]]:
    """Return what was live after a release: name, text, version; sorted by name."""
    newest = (
        select(_v.kind, _v.key, func.max(_v.version).label("version"))
        .where(_v.merchant_id == merchant_id, _v.release <= release)
        .group_by(_v.kind, _v.key)
        .subquery()
    )
    return _texts(
        tx,
        select(_v.kind, _v.key, _v.text, _v.version)
        .join(
            newest,
            and_(_v.kind == newest.c.kind, _v.key == newest.c.key, _v.version == newest.c.version),
        )
        .where(_v.merchant_id == merchant_id, _v.action != Action.DELETE.value),
    )


def _texts(tx: Transaction, query: Select[Any]) -> list[tuple[Ref, str, int]]:
    rows = tx.conn.execute(query.order_by(_v.kind, _v.key))
    return [(Ref(kind, key), said, version) for kind, key, said, version in rows]


def newest_versions(tx: Transaction, merchant_id: str) -> dict[Ref, int]:
    """Return the newest version of everything that was ever defined."""
    rows = tx.conn.execute(
        select(_v.kind, _v.key, func.max(_v.version))
        .where(_v.merchant_id == merchant_id)
        .group_by(_v.kind, _v.key)
    )
    return {Ref(kind, key): version for kind, key, version in rows}


def write(tx: Transaction, merchant_id: str, release: int, changes: Sequence[tuple[Change, int]]) -> None:
    """Write changes with their new versions, and make them live."""
    versions, standing = [], []
    for change, version in changes:
        said = change.after.text if change.after else ""
        versions.append((merchant_id, *change.ref, version, release, change.action.value, said))
        if change.after:
            standing.append((merchant_id, *change.ref, version))
        else:
            kind, key = change.ref
            tx.conn.execute(
                schema.live.delete().where(_l.merchant_id == merchant_id, _l.kind == kind, _l.key == key)
            )
    sets.upsert(tx, schema.version, versions)
    sets.upsert(tx, schema.live, standing, update="version = excluded.version")


def releases(tx: Transaction, merchant_id: str, *, before: int, limit: int) -> list[Release]:
    """Return releases below ``before``, the newest first."""
    rows = tx.conn.execute(
        select(_r.release, _r.applied_at, _r.applied_by, _r.why, _r.summary)
        .where(_r.merchant_id == merchant_id, _r.release < before)
        .order_by(_r.release.desc())
        .limit(limit)
    )
    return [_release(row) for row in rows]


def history(tx: Transaction, merchant_id: str, ref: Ref) -> list[Version]:
    """Return every version of a definition, the newest first."""
    return _versions(tx, merchant_id, _v.kind == ref.kind, _v.key == ref.key)


def standing(tx: Transaction, merchant_id: str) -> list[Version]:
    """Return the live version of every definition, sorted by name."""
    holds = (
        select(_l.version)
        .where(
            _l.merchant_id == _v.merchant_id,
            _l.kind == _v.kind,
            _l.key == _v.key,
            _l.version == _v.version,
        )
        .exists()
    )
    return sorted(_versions(tx, merchant_id, holds), key=lambda one: one.ref)


def version(tx: Transaction, merchant_id: str, ref: Ref, number: int) -> Version | None:
    """Return one version of a definition."""
    found = _versions(tx, merchant_id, _v.kind == ref.kind, _v.key == ref.key, _v.version == number)
    return found[0] if found else None


def of_release(tx: Transaction, merchant_id: str, release: int) -> list[Version]:
    """Return what a release brought, by name."""
    found = _versions(tx, merchant_id, _v.release == release)
    return sorted(found, key=lambda one: one.ref)


def _versions(tx: Transaction, merchant_id: str, *which: Any) -> list[Version]:
    rows = tx.conn.execute(
        select(
            _r.release, _r.applied_at, _r.applied_by, _r.why, _r.summary,
            _v.kind, _v.key, _v.version, _v.action, _v.text,
        )
        .join_from(
            schema.version,
            schema.release,
            and_(_r.merchant_id == _v.merchant_id, _r.release == _v.release),
        )
        .where(_v.merchant_id == merchant_id, *which)
        .order_by(_v.version.desc())
    )  # fmt: skip
    return [Version(Ref(row[5], row[6]), row[7], Action(row[8]), row[9], _release(row)) for row in rows]


def _release(row: Any) -> Release:
    return Release(row[0], row[1], row[2], row[3], json.loads(row[4]))
