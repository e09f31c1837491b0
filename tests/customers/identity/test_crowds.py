"""A till's tablet that twenty thousand people were seen on costs no more than one that twenty were."""

from __future__ import annotations

from typing import Any

import pytest

from guanxi.customers import schema
from guanxi.customers.identity import service, store
from guanxi.customers.identity.model import Decision, Identity, LinkKind, Verdict
from guanxi.storage import sets
from tests.installation import Installation

TABLET = -5
PEOPLE = 20_000
STEP = 500


def _person(number: int) -> int:
    # On both sides of the tablet, so that it is now the smaller end of a link and now the larger.
    return (number + 1) * (1 if number % 2 else -1000)


def _met(installation: Installation, numbers: range, kind: LinkKind = LinkKind.OBSERVED) -> None:
    at = installation.clock.now()
    people = [Identity(_person(number), "member_no", "", at + number) for number in numbers]
    rows = [
        (*sorted((TABLET, one.fragment)), kind.value, 0, one.first_seen, f"e{one.fragment}") for one in people
    ]
    with installation.database.transaction() as tx:
        service.meet(tx, "shop", people)
        save = [("shop", one.fragment, one.type, "", "", b"", one.first_seen) for one in people]

        sets.upsert(tx, schema.identity, save)
        touched = service.record(tx, "shop", rows, ())  # type: ignore[arg-type]
        service.reconcile(tx, installation.merchant, touched)


def _tablet(installation: Installation) -> None:
    at = installation.clock.now()
    with installation.database.transaction() as tx:
        sets.upsert(tx, schema.identity, [("shop", TABLET, "device", "", "", b"", at)])
        service.meet(tx, "shop", [Identity(TABLET, "device", "", at)])


@pytest.mark.slow
def test_twenty_thousand_people_on_one_tablet_stay_linear(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = 0

    def counted(function: Any) -> Any:
        def counting(*args: Any, **kwargs: Any) -> Any:
            nonlocal read
            rows = function(*args, **kwargs)
            read += len(rows)
            return rows

        return counting

    monkeypatch.setattr(sets, "find", counted(sets.find))
    monkeypatch.setattr(store, "_run", counted(store._run))
    _tablet(installation)
    rows_read = []
    for start in range(0, PEOPLE, STEP):
        read = 0
        _met(installation, range(start, start + STEP))
        rows_read.append(read)
    assert rows_read[-1] <= min(rows_read[1:]) * 1.1, rows_read
    assert max(rows_read) < 20 * STEP


def test_a_crowd_stays_shared_and_says_so(installation: Installation) -> None:
    _tablet(installation)
    _met(installation, range(300))
    with installation.database.reading() as tx:
        region = service.load_region(tx, "shop", [TABLET])
        assert region.links == []
        assert region.shared[TABLET].seen == 300
        found = service.explain(tx, installation.merchant, _person(7))
    assert [person.canonical for person in found.people] == sorted([_person(7), TABLET])
    assert found.shared[TABLET].limit == 1


def test_a_crowd_joins_whom_somebody_vouches_for(installation: Installation) -> None:
    _tablet(installation)
    _met(installation, range(300))
    with installation.database.transaction() as tx:
        found = service.decide_pair(
            tx,
            installation.merchant,
            TABLET,
            _person(3),
            Decision.JOINED,
            by="staff",
            now=installation.clock.now(),
        )
    assert {held.fragment for person in found.people for held in person.holdings} >= {TABLET, _person(3)}
    assert len([person for person in found.people if len(person.holdings) == 2]) == 1


def test_a_crowd_that_is_explained_away_is_counted_again(installation: Installation) -> None:
    _tablet(installation)
    _met(installation, range(300))
    at = installation.clock.now()
    verdicts = [Verdict(TABLET, _person(one), Decision.SEPARATED, at, "staff") for one in range(299)]
    with installation.database.transaction() as tx:
        touched = service.record(tx, "shop", [], verdicts)
        found = service.reconcile(tx, installation.merchant, touched)
    assert TABLET not in found.shared
    with installation.database.reading() as tx:
        assert TABLET not in service.explain(tx, installation.merchant, TABLET).shared
