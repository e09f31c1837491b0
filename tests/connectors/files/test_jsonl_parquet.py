from __future__ import annotations

import gzip
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from guanxi.connectors.files import BrokenFile, EmptyFile, MissingFile, UnknownColumn
from tests.connectors.files.support import reasons, run, write

JSON = """
    type: track
    event: order.paid
    id: id
    time: at
    identities: [{type: phone, column: buyer.phone}]
    properties:
      amount: {column: amount, type: money}
      new: {column: new, type: bool}
      note: note
"""
LINE = {"id": 1, "at": "2026-01-31 18:30:00", "buyer": {"phone": "13800000001"}, "amount": 12.35, "new": True}


def lines(*rows: object) -> str:
    return "\n".join(row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows)


@pytest.mark.parametrize("name", ["o.jsonl", "o.ndjson", "o.txt"])
def test_jsonl(tmp_path: Path, name: str) -> None:
    _, intake = run(write(tmp_path, lines(LINE, LINE | {"id": 2, "note": "好"}), name), JSON)
    first, second = intake.all
    assert first["context"]["identities"] == [{"type": "phone", "scope": "", "value": "13800000001"}]
    assert first["properties"] == {"amount": 1235, "new": True}
    assert second["properties"]["note"] == "好"


def test_jsonl_gz(tmp_path: Path) -> None:
    path = write(tmp_path, gzip.compress(lines(LINE).encode()), "o.jsonl.gz")
    assert run(path, JSON)[0].accepted == 1


def test_amounts_in_json_are_exact(tmp_path: Path) -> None:
    _, intake = run(
        write(tmp_path, lines('{"id":1,"at":"2026-01-31","amount":90071992547409.93}'), "o.jsonl"), JSON
    )
    assert intake.all[0]["properties"]["amount"] == 9_007_199_254_740_993


def test_bad_json_lines_are_rejected_alone(tmp_path: Path) -> None:
    content = lines(LINE, "{broken", "[1]", '"text"', "", LINE | {"id": 2}, '{"id": 3', "[" * 3_000).encode()
    content += b"\n" + json.dumps(LINE | {"id": 4}).encode().replace(b"phone", b"ph\xffne")
    result, intake = run(write(tmp_path, content, "o.jsonl"), JSON)
    assert [line for code, line in reasons(intake) if code == "import.row.json"] == [2, 3, 4, 7, 8]
    assert ("import.row.encoding", 9) in reasons(intake)
    assert (result.accepted, result.rejected, result.blank) == (2, 6, 1)


def test_key_of_later_lines_is_no_unknown_column_but_a_slip_is(tmp_path: Path) -> None:
    path = write(tmp_path, lines(LINE), "o.jsonl")
    assert run(path, JSON)[0].accepted == 1
    with pytest.raises(UnknownColumn, match="amount"):
        run(path, JSON.replace("column: amount", "column: amounts"))
    with pytest.raises(UnknownColumn):
        run(path, JSON.replace("time: at", "time: happened"))


def table(**more: object) -> pa.Table:
    columns = {
        "id": [1, 2],
        "at": pa.array(
            [datetime.fromisoformat("2026-01-31T18:30"), datetime.fromisoformat("2026-01-31T19:00")],
            pa.timestamp("ns"),
        ),
        "amount": [12.35, None],
        "birthday": [date(1990, 2, 8), None],
        "tags": [["a", "b"], None],
        "city": pa.array(["杭州", "杭州"]).dictionary_encode(),
    }
    return pa.table(columns | more)


PARQUET = """
    type: track
    event: order.paid
    id: id
    time: at
    properties:
      amount: {column: amount, type: money}
      birthday: {column: birthday, type: date}
      tags: {column: tags, type: list}
      city: city
"""


def saved(folder: Path, what: pa.Table) -> Path:
    path = folder / "o.parquet"
    parquet.write_table(what, path)
    return path


def test_parquet(tmp_path: Path) -> None:
    result, intake = run(saved(tmp_path, table()), PARQUET)
    first, second = intake.all
    assert first["timestamp"] == "2026-01-31T18:30:00+08:00"
    assert first["properties"] == {
        "amount": 1235,
        "birthday": "1990-02-08",
        "tags": ["a", "b"],
        "city": "杭州",
    }
    assert second["properties"] == {"city": "杭州"}
    assert result.bytes_read == (tmp_path / "o.parquet").stat().st_size


def test_parquet_decimals_and_zones(tmp_path: Path) -> None:
    at = pa.array([datetime(2026, 1, 31, tzinfo=UTC)] * 2, pa.timestamp("us", "UTC"))
    _, intake = run(saved(tmp_path, table(at=at, amount=[Decimal("1.10"), Decimal("0.00")])), PARQUET)
    assert [m["properties"]["amount"] for m in intake.all] == [110, 0]
    assert intake.all[0]["timestamp"] == "2026-01-31T00:00:00+00:00"


def test_bad_cell_of_parquet_is_rejected_with_its_row(tmp_path: Path) -> None:
    _, intake = run(saved(tmp_path, table(amount=[12.345, 1.0])), PARQUET)
    assert reasons(intake) == [("import.cell.money", 1)]
    assert json.loads(intake.rejected[0].raw)["amount"] == 12.345


def test_parquet_rows_without_an_id_are_told_apart_by_all_their_columns(tmp_path: Path) -> None:
    mapping = "{type: track, event: e, time: at}"
    assert run(saved(tmp_path, table()), mapping)[0].accepted == 2
    again = table(at=pa.array([datetime.fromisoformat("2026-01-31")] * 2))
    assert len(run(saved(tmp_path, again), mapping)[1].messages) == 2


def test_damaged_parquet(tmp_path: Path) -> None:
    path = saved(tmp_path, table())
    whole = path.read_bytes()
    for broken in (whole[:-10], whole[:50], b"PAR1"):
        path.write_bytes(broken)
        with pytest.raises(BrokenFile):
            run(path, PARQUET)
    parquet.write_table(
        pa.table({"id": list(range(100_000)), "at": ["2026-01-31"] * 100_000}),
        path,
        row_group_size=20_000,
        write_page_checksum=True,
    )
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2 : len(raw) // 2 + 200] = b"\xff" * 200
    path.write_bytes(bytes(raw))
    with pytest.raises(BrokenFile) as caught:
        run(path, "{type: track, event: e, id: id, time: at}")
    assert 0 < caught.value.params["line"] < 100_000


def test_empty_or_missing_parquet(tmp_path: Path) -> None:
    with pytest.raises(EmptyFile):
        run(saved(tmp_path, table().slice(0, 0)), PARQUET)
    with pytest.raises(EmptyFile):
        run(write(tmp_path, b"", "o.parquet"), PARQUET)
    with pytest.raises(MissingFile):
        run(tmp_path / "no.parquet", PARQUET)
