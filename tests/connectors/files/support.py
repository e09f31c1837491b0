"""A file, a mapping, and what came of importing the one by the other."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

from guanxi.connectors.files import ImportResult, import_file, read_mapping
from tests.connectors.memory import MemoryIntake

ORDERS = """
    type: track
    event: order.paid
    id: 订单号
    time: 时间
    identities: [{type: phone, column: 手机号}]
    properties:
      amount: {column: 金额, type: money, required: true}
"""
HEADER = "订单号,时间,手机号,金额"
ROW = "{n},2026-01-31 18:30:00,1380000{n:04d},12.50"


def rows(count: int, start: int = 1) -> list[str]:
    return [ROW.format(n=n) for n in range(start, start + count)]


def write(folder: Path, content: str | bytes, name: str = "orders.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def run(
    path: Path, mapping: str = ORDERS, intake: MemoryIntake | None = None, **options: Any
) -> tuple[ImportResult, MemoryIntake]:
    intake = intake or MemoryIntake()
    options.setdefault("merchant_timezone", "Asia/Shanghai")
    result = import_file(path, read_mapping(textwrap.dedent(mapping)), intake, **options)
    assert result.messages == result.accepted + result.duplicates
    return result, intake


def reasons(intake: MemoryIntake) -> list[tuple[str, Any]]:
    """Every rejection as (code, line); each must say what is wrong in both languages."""
    for rejected in intake.rejected:
        assert rejected.reason.zh.isascii() is False
        assert rejected.reason.en.isascii() or "“" in rejected.reason.en
        assert "{" not in rejected.reason.both()
    return [(rejected.code, rejected.place["line"]) for rejected in intake.rejected]
