from __future__ import annotations

import csv
import gzip
import random
import re
import textwrap
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings, strategies as st

from guanxi.connectors.files import (
    BrokenFile,
    EmptyFile,
    MissingFile,
    NoHeader,
    NothingFits,
    Progress,
    UnknownColumn,
    UnsupportedFile,
)
from tests.connectors.files.support import HEADER, ORDERS, reasons, rows, run, write
from tests.connectors.memory import MemoryIntake

THREE = "\n".join([HEADER, *rows(3), ""])


def amounts(intake: MemoryIntake) -> list[Any]:
    return [message["properties"]["amount"] for message in intake.all]


def test_a_row_becomes_a_message(tmp_path: Path) -> None:
    result, intake = run(write(tmp_path, THREE))
    assert intake.all[0] == {
        "type": "track",
        "event": "order.paid",
        "messageId": "order.paid:1",
        "timestamp": "2026-01-31T18:30:00+08:00",
        "context": {"identities": [{"type": "phone", "scope": "", "value": "13800000001"}]},
        "properties": {"amount": 1250},
        "line": 2,
    }
    assert (result.rows, result.accepted, result.rejected) == (3, 3, 0)


@pytest.mark.parametrize(
    ("encode", "encoding"),
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8"),
        ("gbk", "gb18030"),
        ("gb18030", "gb18030"),
        ("utf-16", "utf-16-le"),
        ("utf-16-le", "utf-16-le"),
        ("utf-16-be", "utf-16-be"),
    ],
)
def test_encodings_are_found_out(tmp_path: Path, encode: str, encoding: str) -> None:
    result, intake = run(write(tmp_path, THREE.encode(encode)))
    assert (result.encoding, amounts(intake)) == (encoding, [1250, 1250, 1250])


def test_gbk_that_begins_after_a_megabyte_of_ascii_is_still_found_out(tmp_path: Path) -> None:
    mapping = (
        ORDERS.replace("订单号", "id").replace("时间", "at").replace("手机号", "tel").replace("金额", "paid")
    )
    lines = ["id,at,tel,paid,note", *(row + ",plain" for row in rows(30_000)), rows(1, 40_000)[0] + ",备注"]
    content = "\n".join(lines).encode("gbk")
    assert content[: 1 << 20].isascii()
    result, _ = run(write(tmp_path, content), mapping + "      note: note\n")
    assert (result.encoding, result.accepted, result.rejected) == ("gb18030", 30_001, 0)


@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|"])
def test_delimiters_are_found_out(tmp_path: Path, delimiter: str) -> None:
    result, intake = run(write(tmp_path, THREE.replace(",", delimiter)))
    assert (result.delimiter, len(intake.all)) == (delimiter, 3)


def test_single_quotes_are_found_out(tmp_path: Path) -> None:
    _, intake = run(write(tmp_path, HEADER + "\n'1','2026-01-31 18:30:00','13800000001','1,250.00'\n"))
    assert amounts(intake) == [125_000]


@pytest.mark.parametrize("end", ["\r\n", "\r", "\n"])
def test_line_ends(tmp_path: Path, end: str) -> None:
    result, _ = run(write(tmp_path, THREE.replace("\n", end)))
    assert result.accepted == 3


def test_quoted_line_breaks_delimiters_and_quotes(tmp_path: Path) -> None:
    note = 'two\nlines, and a ""quote""'
    content = f'{HEADER},备注\n{rows(1)[0]},"{note}"\n{rows(1, 2)[0]},plain\n'
    _, intake = run(write(tmp_path, content), ORDERS + "      note: 备注\n")
    assert [m["properties"]["note"] for m in intake.all] == [note.replace('""', '"'), "plain"]


def test_blank_lines_are_passed_over(tmp_path: Path) -> None:
    result, _ = run(write(tmp_path, THREE.replace("\n", "\n\n")))
    assert (result.rows, result.blank, result.accepted) == (3, 4, 3)


def test_spreadsheet_guards_around_numbers(tmp_path: Path) -> None:
    _, intake = run(write(tmp_path, HEADER + '\n="D001",2026-01-31 18:30:00,"\t13800000001 ",1.00\n'))
    message = intake.all[0]
    assert message["messageId"] == "order.paid:D001"
    assert message["context"]["identities"][0]["value"] == "13800000001"


def test_gzip(tmp_path: Path) -> None:
    result, _ = run(write(tmp_path, gzip.compress(THREE.encode("gbk")), "orders.csv.gz"))
    assert (result.encoding, result.accepted) == ("gb18030", 3)


def test_file_without_header(tmp_path: Path) -> None:
    mapping = textwrap.dedent(ORDERS) + "file: {columns: [订单号, 时间, 手机号, 金额]}\n"
    result, _ = run(write(tmp_path, "\n".join(rows(3))), mapping)
    assert result.accepted == 3


def test_importing_again_changes_nothing(tmp_path: Path) -> None:
    path = write(tmp_path, THREE)
    _, intake = run(path)
    again, _ = run(path, intake=intake)
    assert (again.accepted, again.duplicates) == (0, 3)


def test_killed_import_started_again_skips_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    path = write(tmp_path, "\n".join([HEADER, *rows(9_000)]))

    class Killed(MemoryIntake):
        def accept(self, messages: Any) -> Any:
            if len(self.messages) >= 4_000:
                raise KeyboardInterrupt
            return super().accept(messages)

    killed = Killed()
    with pytest.raises(KeyboardInterrupt):
        run(path, intake=killed)
    after = MemoryIntake()
    after.messages = killed.messages
    result, _ = run(path, intake=after)
    assert (len(after.messages), result.accepted + result.duplicates) == (9_000, 9_000)
    assert result.duplicates >= 4_000


def test_progress_tells_bytes_and_rows(tmp_path: Path) -> None:
    path, seen = write(tmp_path, "\n".join([HEADER, *rows(5_000)])), list[Progress]()
    run(path, on_progress=seen.append)
    assert [p.rows for p in seen] == sorted(p.rows for p in seen)
    assert (seen[-1].rows, seen[-1].bytes_read, seen[-1].bytes_total) == (
        5_000,
        path.stat().st_size,
        path.stat().st_size,
    )


# --- bad rows: rejected with their line, the rest goes on ---


def test_wrong_bytes_reject_the_row_and_not_the_file(tmp_path: Path) -> None:
    good = rows(4)
    content = "\n".join([HEADER + ",备注", *(row + ",说明" for row in good)]).encode().split(b"\n")
    content[2] = content[2].replace("说明".encode(), b"\xff\xfe\x80")
    result, intake = run(write(tmp_path, b"\n".join(content)))
    assert reasons(intake) == [("import.row.encoding", 3)]
    assert intake.rejected[0].raw == content[2]
    assert (result.accepted, result.rejected, result.rows) == (3, 1, 4)


def test_wrong_bytes_in_utf16(tmp_path: Path) -> None:
    lines = [line.encode("utf-16-le") for line in [HEADER, *rows(3)]]
    lines[2] += b"\x00\xd8"
    _, intake = run(write(tmp_path, b"\xff\xfe" + "\n".encode("utf-16-le").join(lines)))
    assert reasons(intake) == [("import.row.encoding", 3)]
    assert len(intake.all) == 2


def test_nul_bytes(tmp_path: Path) -> None:
    content = "\n".join([HEADER, rows(1)[0], rows(1, 2)[0].replace("12.50", "12\0.50"), rows(1, 3)[0]])
    _, intake = run(write(tmp_path, content))
    assert reasons(intake) == [("import.row.nul", 3)]
    assert len(intake.all) == 2


def test_endless_line_is_rejected_without_being_held(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    with path.open("wb") as stream:
        stream.write(f"{HEADER}\n{rows(1)[0]}\n".encode())
        for _ in range(100):
            stream.write(b"x" * (1 << 20))
        stream.write(f"\n{rows(1, 2)[0]}\n".encode())
    result, intake = run(path)
    assert reasons(intake) == [("import.row.too_long", 3)]
    assert len(intake.rejected[0].raw) <= 64 * 1024
    assert str(100 << 20) in intake.rejected[0].reason.en
    assert result.accepted == 2


def test_endless_first_line_is_no_header(tmp_path: Path) -> None:
    with pytest.raises(NoHeader):
        run(write(tmp_path, b"x" * (3 << 20)))


@pytest.mark.parametrize(
    "cells", ["1,2026-01-31 18:30:00,13800000001", "1,2026-01-31 18:30:00,13800000001,1,2"]
)
def test_rows_of_the_wrong_width(tmp_path: Path, cells: str) -> None:
    _, intake = run(write(tmp_path, "\n".join([HEADER, cells, rows(1, 2)[0]])))
    assert reasons(intake) == [("import.row.width", 2)]
    assert len(intake.all) == 1


def test_empty_cells_at_the_end_of_a_row_do_no_harm(tmp_path: Path) -> None:
    result, _ = run(write(tmp_path, "\n".join([HEADER + ",,", *(row + ", ," for row in rows(2))])))
    assert result.accepted == 2


def test_a_stray_quote_does_not_swallow_its_neighbours(tmp_path: Path) -> None:
    lines = rows(6)
    lines[1] = lines[1].replace("12.50", '"12.50')
    lines[3] = lines[3].replace("12.50", '"12.5"0')
    _, intake = run(write(tmp_path, "\n".join([HEADER, *lines])))
    assert reasons(intake) == [("import.row.quote", 3), ("import.row.quote", 5)]
    assert [m["messageId"] for m in intake.all] == [f"order.paid:{n}" for n in (1, 3, 5, 6)]


def test_rows_between_two_stray_quotes_are_one_cell_by_the_rules_and_are_kept_whole(tmp_path: Path) -> None:
    lines = rows(5)
    lines[1] = lines[1].replace(",12.50", ',"12.50')
    lines[3] = lines[3].replace(",12.50", ',12.50"')
    _, intake = run(write(tmp_path, "\n".join([HEADER, *lines])))
    assert reasons(intake) == [("import.cell.money", 3)]
    assert intake.rejected[0].raw.decode() == "\n".join(lines[1:4])
    assert len(intake.all) == 2


def test_a_stray_quote_far_from_the_end(tmp_path: Path) -> None:
    lines = rows(20_000)
    lines[100] = lines[100].replace("12.50", '"12.50')
    result, intake = run(write(tmp_path, "\n".join([HEADER, *lines])))
    assert reasons(intake) == [("import.row.quote", 102)]
    assert result.accepted == 19_999


# --- bad files ---


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(MissingFile) as caught:
        run(tmp_path / "no.csv")
    assert "no.csv" in caught.value.say("zh")


@pytest.mark.parametrize("content", [b"", b"\n\n  \n", b"\xef\xbb\xbf\n", HEADER.encode() + b"\n"])
@pytest.mark.parametrize("name", ["orders.csv", "orders.jsonl"])
def test_empty_file(tmp_path: Path, content: bytes, name: str) -> None:
    with pytest.raises(EmptyFile):
        run(write(tmp_path, content, name))


def test_file_whose_first_row_is_data_has_no_header(tmp_path: Path) -> None:
    with pytest.raises(NoHeader, match=r"file\.columns"):
        run(write(tmp_path, "\n".join(rows(3))))


def test_column_twice(tmp_path: Path) -> None:
    with pytest.raises(NoHeader, match="金额"):
        run(write(tmp_path, f"{HEADER},金额\n"))


def test_unknown_column_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UnknownColumn) as caught:
        run(write(tmp_path, THREE.replace("手机号", "手机号码")))
    params = caught.value.params
    assert (params["path"], params["column"], params["nearest"]) == ("identities[0]", "手机号", "手机号码")


def test_mapping_that_fits_no_row_stops_before_anything_is_handed_over(tmp_path: Path) -> None:
    intake = MemoryIntake()
    with pytest.raises(NothingFits, match="金额"):
        run(write(tmp_path, "\n".join([HEADER, *rows(50)]).replace("12.50", "十二")), intake=intake)
    assert (intake.messages, intake.rejected) == ({}, [])


def test_truncated_gzip_keeps_what_was_read_and_says_so(tmp_path: Path) -> None:
    letters = random.Random(1)
    noise = ["".join(letters.choices("abcdefghij", k=60)) for _ in range(40_000)]
    whole = gzip.compress(
        "\n".join(
            [HEADER + ",备注", *(f"{r},{n}" for r, n in zip(rows(40_000), noise, strict=True))]
        ).encode()
    )
    intake = MemoryIntake()
    with pytest.raises(BrokenFile) as caught:
        run(write(tmp_path, whole[: len(whole) * 3 // 4], "o.csv.gz"), intake=intake)
    assert 0 < len(intake.messages) < 40_000
    assert caught.value.params["line"] >= len(intake.messages)
    with pytest.raises(BrokenFile):
        run(write(tmp_path, whole[:40], "o.csv.gz"))


@pytest.mark.parametrize("head", [b"PK\x03\x04rest", b"\xd0\xcf\x11\xe0rest", b"%PDF-1.7"])
def test_other_kinds_of_file_are_named(tmp_path: Path, head: bytes) -> None:
    with pytest.raises(UnsupportedFile, match="CSV"):
        run(write(tmp_path, head, "orders.xlsx"))


# --- nothing is lost, whatever stands in the file ---

CELL = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(table=st.lists(st.lists(CELL, min_size=2, max_size=2), min_size=1, max_size=30))
@example(table=[['="', ""], ['=""', ""], ['="138 "', ""], ['="a"b"', ""]])
def test_what_a_csv_writer_wrote_is_read_back(tmp_path: Path, table: list[list[str]]) -> None:
    path = tmp_path / "t.csv"
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n", quoting=csv.QUOTE_ALL)
        writer.writerows(
            [["k", "at", "v"], *([str(n), "2026-01-01", cell[0]] for n, cell in enumerate(table))]
        )
    mapping = "{type: track, event: e, id: k, time: at, properties: {v: v}, file: {delimiter: ','}}"
    result, intake = run(path, mapping)
    plain = (re.sub(r'\A="([^"]*)"\Z', r"\1", cell[0].strip()).strip() for cell in table)
    assert [m["properties"].get("v") for m in intake.all] == [value or None for value in plain]
    assert result.rejected == 0


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    noise=st.lists(
        st.binary(max_size=40).map(lambda raw: raw.replace(b"\n", b"").replace(b"\r", b"")), max_size=20
    )
)
def test_every_row_of_a_damaged_file_is_accounted_for(tmp_path: Path, noise: list[bytes]) -> None:
    good = [row.encode() for row in rows(5)]
    path = write(tmp_path, b"\n".join([HEADER.encode(), *noise, *good, b""]))
    result, intake = run(
        path, "{type: track, event: e, id: 订单号, time: 时间, file: {encoding: utf-8, delimiter: ','}}"
    )
    assert result.rows == result.messages + result.rejected
    assert len(intake.rejected) == result.rejected
    assert {f"e:{n}" for n in range(1, 6)} <= set(intake.messages)
