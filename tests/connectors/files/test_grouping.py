from __future__ import annotations

import random
from pathlib import Path

import pytest

from guanxi.connectors.files import EmptyFile
from tests.connectors.files.support import reasons, run, write

HEADER = "订单号,时间,会员号,实付,商品,数量,小计"
MAPPING = """
    type: track
    event: order.paid
    time: 时间
    identities: [{type: member_no, scope: shop, column: 会员号}]
    properties:
      order_id: 订单号
      amount: {column: 小计, type: money, take: sum}
      paid: {column: 实付, type: money}
      first: {column: 商品, take: first}
      last: {column: 商品, take: last}
      most: {column: 数量, type: int, take: max}
      least: {column: 数量, type: int, take: min}
      currency: {value: CNY}
    group:
      by: 订单号
      lines:
        product: 商品
        quantity: {column: 数量, type: int}
        amount: {column: 小计, type: money}
        unit: {value: 件}
"""
A = ["A,2026-01-31 18:30:00,M1,30.00,茶,2,20.00", "A,2026-01-31 18:30:00,M1,30.00,杯,1,10.00"]
B = ["B,2026-01-31 19:00:00,M2,5.00,糖,1,5.00"]


def file(folder: Path, *lines: str) -> Path:
    return write(folder, "\n".join([HEADER, *lines]))


def test_rows_of_one_order_become_one_event_wherever_they_stand(tmp_path: Path) -> None:
    result, intake = run(file(tmp_path, A[0], *B, A[1]), MAPPING)
    assert intake.messages["order.paid:A"]["properties"] == {
        "currency": "CNY",
        "order_id": "A",
        "amount": 3000,
        "paid": 3000,
        "first": "茶",
        "last": "杯",
        "most": 2,
        "least": 1,
        "lines": [
            {"unit": "件", "product": "茶", "quantity": 2, "amount": 2000},
            {"unit": "件", "product": "杯", "quantity": 1, "amount": 1000},
        ],
    }
    assert (result.rows, result.messages, result.rejected) == (3, 2, 0)


def test_order_with_a_bad_line_is_held_back_whole(tmp_path: Path) -> None:
    result, intake = run(file(tmp_path, A[0], *B, A[1].replace("10.00", "十元")), MAPPING)
    assert list(intake.messages) == ["order.paid:B"]
    assert reasons(intake) == [("import.group.row", 2)]
    (rejected,) = intake.rejected
    assert rejected.raw.decode().splitlines() == [A[0], A[1].replace("10.00", "十元")]
    assert "4" in rejected.reason.zh
    assert "小计" in rejected.reason.zh
    assert (result.rows, result.messages, result.rejected) == (3, 1, 2)


def test_rows_that_disagree_are_rejected(tmp_path: Path) -> None:
    _, intake = run(file(tmp_path, A[0], A[1].replace("M1", "M9"), *B), MAPPING)
    assert reasons(intake) == [("import.group.conflict", 2)]
    assert intake.rejected[0].place["column"] == "会员号"


def test_value_that_stands_on_one_row_only_counts_for_all(tmp_path: Path) -> None:
    _, intake = run(file(tmp_path, A[0].replace("M1", "").replace("30.00", ""), A[1]), MAPPING)
    message = intake.messages["order.paid:A"]
    assert message["context"]["identities"] == [{"type": "member_no", "scope": "shop", "value": "M1"}]
    assert message["properties"]["paid"] == 3000


def test_row_without_a_key_is_rejected_alone(tmp_path: Path) -> None:
    result, intake = run(file(tmp_path, *A, "," + B[0].partition(",")[2]), MAPPING)
    assert reasons(intake) == [("import.cell.required", 4)]
    assert (result.messages, result.rejected) == (1, 1)


def test_group_by_the_wrong_column_does_not_fill_memory(tmp_path: Path) -> None:
    lines = [f"A,2026-01-31 18:30:00,M1,30.00,茶,1,{n}.00" for n in range(5_001)]
    result, intake = run(file(tmp_path, *lines, *B), MAPPING)
    assert {rejected.code for rejected in intake.rejected} == {"import.group.too_large"}
    assert sum(len(rejected.raw.splitlines()) for rejected in intake.rejected) == result.rejected == 5_001
    assert list(intake.messages) == ["order.paid:B"]


def test_filtered_rows_are_no_lines(tmp_path: Path) -> None:
    mapping = MAPPING + "    where: [{column: 商品, not_in: [杯]}]\n"
    result, intake = run(file(tmp_path, *A, *B), mapping)
    assert len(intake.messages["order.paid:A"]["properties"]["lines"]) == 1
    assert (result.filtered, result.rows) == (1, 3)


def test_shuffled_file_gives_the_same_orders(tmp_path: Path) -> None:
    lines = [f"{n % 997},2026-01-31 18:30:00,M{n % 997},9.00,p{n:05d},1,1.00" for n in range(6_000)]
    _, sorted_ = run(file(tmp_path, *sorted(lines)), MAPPING)
    shuffled = lines[:]
    random.Random(7).shuffle(shuffled)
    result, mixed = run(file(tmp_path, *shuffled), MAPPING)
    assert mixed.messages.keys() == sorted_.messages.keys()
    assert {k: m["properties"]["amount"] for k, m in mixed.messages.items()} == {
        k: m["properties"]["amount"] for k, m in sorted_.messages.items()
    }
    assert sum(len(m["properties"]["lines"]) for m in mixed.all) == result.rows == 6_000


def test_nothing_is_left_in_the_scratch_folder(tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    run(file(tmp_path, *A), MAPPING, scratch=scratch)
    with pytest.raises(EmptyFile):
        run(file(tmp_path), MAPPING, scratch=scratch)
    assert list(scratch.iterdir()) == []
