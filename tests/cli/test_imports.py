"""``guanxi import`` as a person meets it: what is refused, mended, and said."""

from __future__ import annotations

from typing import TYPE_CHECKING

from guanxi.cli.output import session
from guanxi.storage.events import dead_letters
from tests.cli.test_commands import Shell, shell

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["shell"]


ROWS = """订单号,手机号,下单时间,实付金额
B1,13911110000,2025-06-01 10:00:00,12.50
B2,13911110001,2025-06-02 10:00:00,abc
B3,13911110002,2025-06-02 10:00:00,not yet
"""


def test_a_rejected_row_is_mended_under_its_mapping_or_by_its_file(shell: Shell, tmp_path: Path) -> None:

    file, mapping = tmp_path / "rows.csv", tmp_path / "rows.yaml"
    file.write_bytes(ROWS.encode("gb18030"))
    mapping.write_text(
        "{type: track, event: order.paid, time: 下单时间, id: 订单号, identities: [{type: phone, column: 手机号}],"
        " properties: {order_id: 订单号, currency: {value: CNY}, amount: {column: 实付金额, type: money}}}",
        "utf-8",
    )
    words = ("import", str(file), "--mapping", str(mapping))
    first = shell.json(*words)
    assert (first["accepted"], first["rejected"]) == (1, 2)

    with session(shell.home, as_json=False) as product:
        with product.database.tail.reading() as tx:
            found = dead_letters.page(tx, "main", "open", None, 10)
        by_row = {product.intake.raw_letter(one).decode(): one for one in found}
        assert sorted(by_row) == ROWS.splitlines()[2:]
        second = by_row[ROWS.splitlines()[2]]
        assert product.intake.heading(second) == ROWS.splitlines()[0]
        still = product.intake.replay("main", second.letter_id)
        assert still is not None
        assert still.code == "import.cell.money"
        assert product.intake.replay("main", second.letter_id, b"too,short") is not None
        good = ROWS.splitlines()[2].replace("abc", "10.00").encode()
        assert product.intake.replay("main", second.letter_id, good) is None

    file.write_text(ROWS.replace("abc", "10.00").replace("not yet", "3"), "utf-8")
    again = shell.json(*words)
    assert (again["accepted"], again["duplicates"], again["rejected"]) == (1, 2, 0)
    with session(shell.home, as_json=False) as product:
        assert product.log.dead_letters("main") == {"mended": 2}


UNTYPED = (
    "{type: track, event: order.paid, time: 下单时间, id: 订单号, identities: [{type: phone, column: 手机号}],"
    " properties: {order_id: 订单号, amount: 实付金额}}"
)


def test_a_mapping_that_fits_no_row_stops_before_anything_is_kept(shell: Shell, tmp_path: Path) -> None:
    file, mapping = tmp_path / "rows.csv", tmp_path / "rows.yaml"
    file.write_text(ROWS, "utf-8")
    mapping.write_text(UNTYPED, "utf-8")
    refused = shell.json("import", str(file), "--mapping", str(mapping), status=1)
    assert refused["error"]["code"] == "import.nothing_fits"
    with session(shell.home, as_json=False) as product:
        assert product.log.dead_letters("main") == {}


def test_a_message_that_is_refused_names_its_line(shell: Shell, tmp_path: Path) -> None:
    file, mapping = tmp_path / "rows.csv", tmp_path / "rows.yaml"
    file.write_text(ROWS.replace("abc", "").replace("not yet", "3"), "utf-8")
    mapping.write_text(
        UNTYPED.replace("amount: 实付金额", "amount: {column: 实付金额, type: money}"), "utf-8"
    )
    result = shell.json("import", str(file), "--mapping", str(mapping))
    assert (result["accepted"], result["dead_lettered"]) == (2, 1)
    with session(shell.home, as_json=False) as product, product.database.tail.reading() as tx:
        (letter,) = dead_letters.page(tx, "main", "open", None, 10)
    assert letter.path == "file rows.csv, line 3, properties.amount"


def test_an_import_says_what_comes_next_and_fails_when_nothing_came(shell: Shell, tmp_path: Path) -> None:
    file, mapping = tmp_path / "rows.csv", tmp_path / "rows.yaml"
    typed = UNTYPED.replace("amount: 实付金额", "amount: {column: 实付金额, type: money}")
    mapping.write_text(typed.replace("}]", "}, {type: member_no, column: 会员号}]"), "utf-8")
    file.write_text("订单号,会员号,手机号,下单时间,实付金额\nC1,M1,12345,2025-06-01,5\n", "utf-8")
    words = ("import", str(file), "--mapping", str(mapping))
    assert shell.json(*words)["unidentified"] == {"phone.invalid_phone": 1}
    file.write_text("订单号,会员号,手机号,下单时间,实付金额\nC2,M1,12345,2025-06-01,5\n", "utf-8")
    said = shell.run(*words)
    assert "1 个手机号不能识别人" in said
    assert "guanxi worker --settle" in said
    file.write_text("订单号,会员号,手机号,下单时间,实付金额\nC3,M1,12345,2025-06-01,-5\n", "utf-8")
    assert "死信" in shell.run(*words, status=1)
