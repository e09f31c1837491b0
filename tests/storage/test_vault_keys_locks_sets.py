"""Sealing, the keys of persons, locks that die with their holder, and sets of rows."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, strategies as st

from guanxi.customers import schema as tables
from guanxi.storage import key_check, sets
from guanxi.storage.person_keys import PersonKeys
from guanxi.storage.vault import SealBroken, Sealer, Vault

if TYPE_CHECKING:
    from pathlib import Path

    from tests.installation import Installation

KEY = bytes(range(32))


@given(st.binary(max_size=200), st.binary(max_size=20))
def test_what_is_sealed_opens_whole_or_not_at_all(plain: bytes, context: bytes) -> None:
    sealer = Sealer(KEY)
    sealed = sealer.seal(plain, context)
    assert sealer.open(sealed, context) == plain
    assert sealer.seal(plain, context) != sealed, "equal values are not seen to be equal"
    broken = bytearray(sealed)
    broken[len(sealed) // 2] ^= 1
    for other in (bytes(broken), sealed[:-1], sealed[:5], b""):
        with pytest.raises(SealBroken):
            sealer.open(other, context)
    with pytest.raises(SealBroken):
        sealer.open(sealed, context + b"x")
    with pytest.raises(SealBroken):
        Sealer(bytes(32)).open(sealed, context)


def test_every_purpose_and_merchant_has_a_key_of_its_own() -> None:
    vault = Vault(KEY)
    sealed = vault.sealer("tail", "shop").seal(b"x")
    assert Vault(KEY).sealer("tail", "shop").open(sealed) == b"x"
    for purpose, merchant in (("tail", "other"), ("wrap", "shop")):
        with pytest.raises(SealBroken):
            vault.sealer(purpose, merchant).open(sealed)
    with pytest.raises(SealBroken):
        Vault(bytes(32)).sealer("tail", "shop").open(sealed)
    assert len({vault.lookup_key("a"), vault.lookup_key("b"), Vault(bytes(32)).lookup_key("a")}) == 3
    assert vault.token_hash("t") != Vault(bytes(32)).token_hash("t")


def test_keys_of_persons(installation: Installation) -> None:
    one, keys = installation, PersonKeys(installation.vault)
    many = list(range(-600, 600))
    with one.database.transaction() as tx:
        made = keys.ensure(tx, "shop", many)
        sealed = made[-600].seal(b"x")
        assert keys.ensure(tx, "shop", many)[-600].open(sealed) == b"x"
        assert keys.sealers(tx, "other", many) == {}
        keys.ensure(tx, "other", [-600])
    with one.database.transaction() as tx:
        keys.destroy(tx, "shop", [-600, 5])
        assert keys.sealers(tx, "shop", many).keys() == set(many) - {-600, 5}
        assert keys.sealers(tx, "other", [-600]).keys() == {-600}
        with pytest.raises(SealBroken):
            keys.ensure(tx, "shop", [-600])[-600].open(sealed)
        rows = tx.conn.exec_driver_sql(
            "SELECT fragment, wrapped FROM storage_person_key WHERE merchant_id = 'shop'"
        ).all()
        wrapped = {row[0]: bytes(row[1]) for row in rows}
    # A key moved to another person's row opens nothing.
    with pytest.raises(SealBroken):
        one.vault.sealer("wrap", "shop").open(wrapped[7], (8).to_bytes(8, "little", signed=True))


def test_two_that_need_one_persons_key_get_the_same(installation: Installation) -> None:
    one, keys, got = installation, PersonKeys(installation.vault), []
    start = threading.Barrier(4)

    def ensure() -> None:
        start.wait()
        with one.database.transaction() as tx:
            sealers = keys.ensure(tx, "shop", [3, 1, 2])
        got.append(sealers)

    threads = [threading.Thread(target=ensure) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sealed = got[0][2].seal(b"x")
    assert [sealers[2].open(sealed) for sealers in got] == [b"x"] * 4


def test_a_lock_is_one_holders(installation: Installation) -> None:
    locks = installation.locks
    with locks.hold("a", wait=False) as first, locks.hold("b", wait=False) as other:
        assert first
        assert other
        said: list[bool] = []

        def ask() -> None:
            with locks.hold("a", wait=False) as mine:
                said.append(mine)

        asking = threading.Thread(target=ask)
        asking.start()
        asking.join()
        assert said == [False]
    with pytest.raises(ZeroDivisionError), locks.hold("a", wait=True):
        raise ZeroDivisionError
    with locks.hold("a", wait=False) as again:
        assert again


def test_one_may_wait_for_a_lock(installation: Installation) -> None:
    locks, order = installation.locks, []

    def wait() -> None:
        with locks.hold("a", wait=True) as mine:
            order.append(("waited", mine))

    with locks.hold("a", wait=True):
        waiting = threading.Thread(target=wait)
        waiting.start()
        time.sleep(0.1)
        order.append(("done", True))
    waiting.join(timeout=10)
    assert order == [("done", True), ("waited", True)]


HOLD = """
import sys, time
from pathlib import Path
from guanxi.storage.database import Database
from guanxi.storage.home import Home
from guanxi.storage.locks import locks_of
home = Home.open(Path(sys.argv[1]))
with locks_of(Database.of(home), home.locks).hold("a", wait=True):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_lock_dies_with_its_holder(installation: Installation) -> None:
    path: Path = installation.home.path
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with installation.locks.hold("a", wait=False) as mine:
            assert not mine
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait()
    with installation.locks.hold("a", wait=True) as mine:
        assert mine


def test_sets_of_rows(installation: Installation) -> None:
    database = installation.database
    many = [("shop", number, 7, f"d-{number}", bool(number % 2)) for number in range(1_200)]
    table = tables.attribute
    rows = [
        ("shop", number, "name", flag, text.encode(), number, text)
        for _, number, _, text, flag in reversed(many)
    ]
    with database.transaction() as tx:
        sets.upsert(tx, table, [])
        sets.upsert(tx, table, rows)
        sets.upsert(tx, table, [("other", 5, "name", True, b"", 1, "e")])
        sets.upsert(tx, table, [("shop", 5, "name", True, b"ignored", 1, "e")])
        assert sets.find(tx, table, "shop", "fragment", [], "fragment") == []
        found = sets.find(tx, table, "shop", "fragment", range(-5, 1_100), "fragment, event_id, personal")
        assert {tuple(row) for row in found} == {(n, f"d-{n}", n % 2) for n in range(1_100)}
        sets.upsert(
            tx,
            table,
            [("shop", 5, "name", True, b"new", 9, "n")],
            update="value = excluded.value, time = old.time + 1",
        )
        (row,) = sets.find(tx, table, "shop", "fragment", [5])
        assert (bytes(row[4]), row[5], row[6]) == (b"new", 6, "d-5")
        sets.delete(tx, table, "shop", "fragment", range(1_000))
        assert len(sets.find(tx, table, "shop", "name", ["name"])) == 200
        assert len(sets.find(tx, table, "other", "fragment", [5])) == 1


@pytest.mark.postgres
def test_two_writers_of_the_same_rows_do_not_deadlock(installation: Installation) -> None:
    database, trouble = installation.database, []

    def write(numbers: list[int]) -> None:
        try:
            for _ in range(10):
                with database.transaction() as tx:
                    sets.upsert(
                        tx,
                        tables.token,
                        [("shop", n, 1) for n in numbers],
                        update="fragment = excluded.fragment",
                    )
        except Exception as error:  # noqa: BLE001
            trouble.append(error)

    numbers = list(range(2_000))
    writers = [threading.Thread(target=write, args=(some,)) for some in (numbers, numbers[::-1])]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert trouble == []


def test_the_first_to_open_a_database_decides_its_master_key(installation: Installation) -> None:
    one, other = installation, Vault(bytes(32))
    with one.database.reading() as tx:
        assert key_check.fits(tx, other), "nobody has opened it yet"
    for _ in range(2):
        key_check.check(one.database, one.vault)
    with pytest.raises(key_check.WrongKey):
        key_check.check(one.database, other)
    with one.database.reading() as tx:
        assert key_check.fits(tx, one.vault)
        assert not key_check.fits(tx, other)
