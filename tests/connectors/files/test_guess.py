from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from guanxi.connectors.files import EmptyFile, guess_mapping
from tests.connectors.files.support import run, write

GROUPED = """订单编号,订单创建时间,买家会员号,会员号,手机号码,订单状态,实付金额(元),商品名称,数量,单价（元）,运费
1,2026/1/31 18:30,x,M1,13800000001,交易成功,30.00,茶,2,10.00,0
1,2026/1/31 18:30,x,M1,13800000001,交易成功,30.00,杯,1,10.00,0
2,2026/1/31 19:30,x,M2,13800000002,已关闭,5.00,糖,1,5.00,0
"""


def test_orders_with_lines(tmp_path: Path) -> None:
    path = write(tmp_path, GROUPED.encode("gbk"))
    guess = guess_mapping(path, merchant_timezone="Asia/Shanghai")
    data = yaml.safe_load(guess.text)
    assert data["group"] == {
        "by": "订单编号",
        "lines": {
            "product": "商品名称",
            "quantity": {"column": "数量", "type": "int"},
            "price": {"column": "单价（元）", "type": "money"},
        },
    }
    assert data["identities"] == [
        {"type": "phone", "column": "手机号码"},
        {"type": "member_no", "column": "会员号"},
    ]
    assert data["where"] == [{"column": "订单状态", "in": ["交易成功"]}]
    assert data["properties"]["运费"] == {"column": "运费", "type": "money"}
    assert len(guess.notes) == 2
    result, intake = run(path, guess.text)
    assert (result.accepted, result.filtered) == (1, 1)
    assert intake.all[0]["properties"]["amount"] == 3000


def test_orders_in_english_one_a_row(tmp_path: Path) -> None:
    path = write(
        tmp_path, "Order ID,Created At,Phone,Total Amount\nA1,2026-01-31 18:30:00,13800000001,12.50\n"
    )
    guess = guess_mapping(path, merchant_timezone="Asia/Shanghai")
    result, intake = run(path, guess.text)
    assert intake.messages["order.paid:A1"]["properties"] == {
        "currency": "CNY",
        "order_id": "A1",
        "amount": 1250,
    }
    assert result.rejected == 0


def test_people(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "会员号,手机号,姓名,性别,生日,注册时间,累计消费金额(分)\nM1,13800000001,张三,女,1990-02-08,2024-05-01,12000\n",
    )
    guess = guess_mapping(path, merchant_timezone="Asia/Shanghai")
    _, intake = run(path, guess.text)
    (message,) = intake.all
    assert message["type"] == "identify"
    assert message["timestamp"] == "2024-05-01T00:00:00+08:00"
    assert message["traits"] == {
        "name": "张三",
        "gender": "女",
        "birthday": "1990-02-08",
        "joined": "2024-05-01",
        "累计消费金额(分)": 12_000,
    }


def test_people_without_a_date_of_joining_say_what_to_check(tmp_path: Path) -> None:
    path = write(tmp_path, "phone,name\n13800000001,Zhang San\n")
    guess = guess_mapping(path, merchant_timezone="Asia/Shanghai")
    assert any("导出" in note.zh and "export" in note.en for note in guess.notes)
    assert run(path, guess.text)[0].accepted == 1


@pytest.mark.parametrize(
    ("cell", "form"),
    [("31/01/2026 18:30", "%d/%m/%Y %H:%M"), ("1769855400", "epoch_s"), ("1769855400123", "epoch_ms")],
)
def test_unusual_times_get_a_format(tmp_path: Path, cell: str, form: str) -> None:
    path = write(tmp_path, f"time,手机号,动作\n{cell},13800000001,进店\n", "Visits 2026.csv")
    guess = guess_mapping(path, merchant_timezone="Asia/Shanghai")
    data = yaml.safe_load(guess.text)
    assert data["time"] == {"column": "time", "format": form}
    result, _ = run(path, guess.text)
    assert result.accepted == 1


def test_unknown_headings_still_give_a_mapping_with_notes(tmp_path: Path) -> None:
    path = write(tmp_path, "foo,bar\n1,2\n", "步行.csv")
    guess = guess_mapping(path, merchant_timezone="Asia/Shanghai")
    assert len(guess.notes) == 2
    assert run(path, guess.text)[0].accepted == 1


def test_jsonl_with_objects_and_types(tmp_path: Path) -> None:
    line = '{"order_id": "A", "time": "2026-01-31", "buyer": {"phone": "13800000001"}, "n": 3, "tags": ["a"], "new": true}'
    path = write(tmp_path, line, "o.jsonl")
    guess = guess_mapping(path, merchant_timezone="Asia/Shanghai")
    _, intake = run(path, guess.text)
    properties = intake.all[0]["properties"]
    assert (properties["n"], properties["tags"], properties["new"]) == (3, ["a"], True)
    assert "buyer" not in properties


def test_empty_file(tmp_path: Path) -> None:
    with pytest.raises(EmptyFile):
        guess_mapping(write(tmp_path, "a,b\n"), merchant_timezone="Asia/Shanghai")


SHOP = "手机号,会员号,订单号,下单时间,实付金额,姓名,收货人,收货人手机,同意短信\n"


def shop_row(n: int, amount: str = "10.00") -> str:
    return f"1391111{n:04d},M{n},A{n},2026-01-31 18:30:00,{amount},王小明,李四,13922220000,{'是' if n % 2 else '否'}\n"


def test_what_orders_say_of_the_buyer_and_what_of_the_recipient(tmp_path: Path) -> None:
    path = write(tmp_path, SHOP + "".join(shop_row(n) for n in range(8)))
    guess = guess_mapping(path, merchant_timezone="Asia/Shanghai")
    data = yaml.safe_load(guess.text)
    assert [one["column"] for one in data["identities"]] == ["手机号", "会员号"]
    assert data["traits"] == {"name": "姓名"}
    assert data["consent"] == [{"purpose": "marketing", "channel": "sms", "column": "同意短信"}]
    assert data["properties"]["收货人手机"] == "收货人手机"
    assert sum("收货人" in note.zh and "recipient" in note.en for note in guess.notes) == 2
    result, intake = run(path, guess.text)
    assert (result.rows, result.messages) == (8, 16)
    order, about = intake.messages["order.paid:A1"], intake.messages["identify:order.paid:A1"]
    assert "traits" not in order
    assert (about["type"], about["traits"]) == ("identify", {"name": "王小明"})
    assert about["context"]["identities"] == order["context"]["identities"]
    assert order["context"]["consent"] == [{"purpose": "marketing", "channel": "sms", "granted": True}]


def test_a_recipients_phone_alone_is_no_identity(tmp_path: Path) -> None:
    path = write(tmp_path, "订单号,下单时间,实付金额,收件人手机\nA1,2026-01-31,1.00,13911110000\n")
    guess = guess_mapping(path, merchant_timezone="Asia/Shanghai")
    assert "identities" not in yaml.safe_load(guess.text)


def test_one_bad_cell_does_not_change_what_a_column_is(tmp_path: Path) -> None:
    path = write(tmp_path, SHOP + shop_row(0, "abc") + "".join(shop_row(n) for n in range(1, 8)))
    guess = guess_mapping(path, merchant_timezone="Asia/Shanghai")
    assert yaml.safe_load(guess.text)["properties"]["amount"] == {"column": "实付金额", "type": "money"}
    assert any("实付金额" in note.zh and note.en.startswith("1 of the cells") for note in guess.notes)
    result, _ = run(path, guess.text)
    assert (result.rejected, result.accepted) == (1, 14)
