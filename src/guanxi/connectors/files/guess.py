"""A first mapping proposed from a file's headings and first rows, for a person to check before importing."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import yaml

from guanxi.connectors.files.cells import Converter, cleaner, converter
from guanxi.connectors.files.mapping import CellType, Field, FileFormat
from guanxi.connectors.files.opening import open_source
from guanxi.connectors.files.problems import Bad, EmptyFile
from guanxi.kernel.clock import zone
from guanxi.kernel.text import Text

_NOISE = re.compile(r"[\s_\-/:：]|\(.*?\)|（.*?）|【.*?】")

# Meaning → headings as merchants' systems write them, without spaces, case and what stands in brackets.
_HEADINGS: dict[str, tuple[str, ...]] = {
    "order_id": ("订单号", "订单编号", "主订单编号", "交易号", "交易单号", "小票号", "orderid", "orderno", "ordernumber", "order", "basketid"),
    "time": ("支付时间", "付款时间", "订单付款时间", "支付完成时间", "下单时间", "订单创建时间", "订单提交时间", "创建时间", "交易时间", "成交时间",
             "日期", "时间", "paidat", "paymenttime", "ordertime", "orderdate", "createdat", "timestamp", "datetime", "time", "date"),
    "joined": ("注册时间", "入会时间", "开卡时间", "加入时间", "registeredat", "joinedat", "signupdate"),
    "amount": ("实付金额", "实收金额", "买家实付金额", "支付金额", "实付款", "应付金额", "订单应付金额", "订单金额", "金额", "总金额", "amount", "paid",
               "total", "totalamount", "salesvalue"),
    "phone": ("手机号", "手机号码", "手机", "电话", "联系电话", "联系手机", "会员手机号", "phone", "mobile",
              "phonenumber", "tel"),
    "member_no": ("会员号", "会员编号", "会员卡号", "卡号", "会员id", "客户编号", "memberno", "memberid", "membernumber", "customerid",
                  "customerno", "householdid"),
    "openid": ("openid", "微信openid", "抖音openid"),
    "unionid": ("unionid", "微信unionid"),
    "alipay_user_id": ("支付宝userid", "支付宝uid", "alipayuserid"),
    "email": ("邮箱", "电子邮箱", "email", "mail"),
    "name": ("姓名", "会员姓名", "客户姓名", "真实姓名", "name", "fullname", "customername"),
    "nickname": ("昵称", "会员昵称", "买家昵称", "nickname"),
    "gender": ("性别", "gender", "sex"),
    "birthday": ("生日", "出生日期", "birthday", "birthdate", "dateofbirth"),
    "level": ("会员等级", "等级", "会员级别", "level", "tier"),
    "city": ("城市", "市", "所在城市", "收货城市", "city"),
    "province": ("省份", "省", "province"),
    "status": ("订单状态", "状态", "交易状态", "orderstatus", "status"),
    "store_id": ("店铺", "门店", "店铺名称", "门店编号", "门店名称", "店铺id", "storeid", "store", "shop"),
    "product_id": ("商品编号", "商品编码", "商品id", "商家编码", "货号", "sku", "skuid", "productid", "itemid"),
    "product": ("商品", "商品名称", "商品标题", "选购商品", "宝贝标题", "product", "productname", "title", "item"),
    "category": ("类目", "品类", "分类", "商品类目", "category", "productcategory"),
    "quantity": ("数量", "商品数量", "购买数量", "件数", "quantity", "qty"),
    "price": ("单价", "商品单价", "商品价格", "价格", "price", "unitprice"),
    "line_amount": ("商品金额", "小计", "行金额", "lineamount", "subtotal"),
    "discount": ("优惠金额", "优惠", "折扣", "discount"),
}  # fmt: skip
_IDENTITIES = ("phone", "member_no", "openid", "unionid", "alipay_user_id", "email")
_ABOUT_BUYER = ("name", "nickname", "gender", "birthday", "level")
_RECIPIENT = re.compile(r"收货人?|收件人?|receiver|recipient|consignee|shipto|shipping")
_AGREED = re.compile(r"同意|愿意|接收|接受|授权|订阅|consent|optin|subscribe")
_CHANNELS = (
    ("sms", re.compile(r"短信|sms")),
    ("email", re.compile(r"邮件|邮箱|email")),
    ("call", re.compile(r"电话|外呼|call")),
)
_LINE_PARTS = ("product_id", "product", "category", "quantity", "price", "line_amount")
_MONEY = ("amount", "price", "line_amount", "discount")
_MONEY_WORDS = re.compile(r"金额|价|费|元|款$|amount|price|fee|cost|value$|disc$")
_PAID = ("已付款", "已支付", "已完成", "交易成功", "已收货", "已发货", "paid", "completed")


@dataclass(frozen=True, slots=True)
class Guess:
    """A proposed mapping as YAML text, and what the person who checks it should look at."""

    text: str
    notes: list[Text]


def guess_mapping(path: Path, *, merchant_timezone: str) -> Guess:
    """Propose a mapping for a file; raises a ``FileProblem`` where the file itself cannot be read."""
    with closing(open_source(path, FileFormat())) as source:
        names = [name for name in source.columns() if name]
        block = next((block for block in source.blocks(names) if block.rows), None)
        if block is None:
            raise EmptyFile(file=path.name)
        clean = cleaner(())
        cells = {name: clean(column) for name, column in zip(names, block.columns, strict=True)}
        # An object of JSON is reached through its keys, which are columns of their own.
        cells = {
            name: column
            for name, column in cells.items()
            if not any(isinstance(cell, dict) for cell in column)
        }
    proposal = _Proposal(path, cells, merchant_timezone)
    data = (
        proposal.orders()
        if proposal.is_orders()
        else proposal.people()
        if proposal.is_people()
        else proposal.other()
    )
    text = yaml.safe_dump(data, allow_unicode=True, sort_keys=False, width=110)
    return Guess(text, proposal.notes)


def _plain(heading: str) -> str:
    return _NOISE.sub("", unicodedata.normalize("NFKC", heading)).casefold()


class _Proposal:
    """What the headings mean, and the mapping that follows."""

    def __init__(self, path: Path, cells: dict[str, list[Any]], timezone: str) -> None:
        self._path = path
        self._cells = cells
        self._zone = zone(timezone)
        self.notes: list[Text] = []
        plain = {name: _plain(name) for name in cells}
        self._found: dict[str, str] = {}
        for meaning, headings in _HEADINGS.items():
            # In the order of the headings: where both 支付时间 and 下单时间 are there, the first is the better one.
            match = next(
                (name for heading in headings for name, text in plain.items() if text == heading), None
            )
            if match is not None and match not in self._found.values():
                self._found[meaning] = match

        self._note_recipients()

    def is_orders(self) -> bool:
        return "order_id" in self._found and "time" in self._found

    def is_people(self) -> bool:
        return self._has_identity() and "time" not in self._found

    def _has_identity(self) -> bool:
        return any(kind in self._found for kind in _IDENTITIES)

    def orders(self) -> dict[str, Any]:
        order = self._found["order_id"]
        given = [cell for cell in self._cells[order] if cell is not None]
        grouped = len(set(given)) < len(given)
        used = {*self._identity_columns(), order, self._found["time"]}
        lines = (
            self._fields(self._found[part] for part in _LINE_PARTS if part in self._found) if grouped else {}
        )
        if grouped:
            used |= {self._found[part] for part in _LINE_PARTS if part in self._found}
            self.notes.append(
                Text(
                    "订单号有重复：各行合并为一个订单。请确认订单金额是每行都重复的整单金额（same），还是要相加（sum）。",
                    "Order numbers repeat, so rows become lines of one order. Check whether the amount is the order's, "
                    "repeated on every row (same), or has to be summed (sum).",
                )
            )
        data: dict[str, Any] = {"type": "track", "event": "order.paid", "time": self._time("time")}
        if not grouped:
            data["id"] = order
        data |= self._identities()
        if "status" in self._found:
            data["where"] = self._paid_only()
        about = [self._found[part] for part in _ABOUT_BUYER if part in self._found]
        traits, consent = (self._fields(about), self._consents()) if data.get("identities") else ({}, [])
        used |= {*(about if traits else ()), *(agreed["column"] for agreed in consent)}
        fields = self._fields(name for name in self._cells if name not in used)
        data["properties"] = {"order_id": order, "currency": {"value": "CNY"}, **fields}
        data |= {"traits": traits} if traits else {}
        data |= {"consent": consent} if consent else {}
        if grouped:
            data["group"] = {"by": order, "lines": lines}
        return data

    def people(self) -> dict[str, Any]:
        used = set(self._identity_columns())
        time: Any = self._file_date()
        if "joined" in self._found:
            time = self._time("joined")
        else:
            self.notes.append(
                Text(
                    "文件没有注册时间：time 暂用文件的修改日期；请改成名单导出的日期，并在再次导入时保持不变。",
                    "The file has no date of joining: time is the day the file was last changed; set it "
                    "to the day of the export and keep it when importing again.",
                )
            )
        consent = self._consents()
        used |= {agreed["column"] for agreed in consent}
        fields = self._fields(name for name in self._cells if name not in used)
        said = {"consent": consent} if consent else {}
        return {"type": "identify", "time": time, **self._identities(), "traits": fields, **said}

    def other(self) -> dict[str, Any]:
        event = re.sub(r"[^a-z0-9]+", "_", self._path.name.split(".")[0].casefold()).strip("_") or "row"
        time: Any = self._time("time") if "time" in self._found else self._file_date()
        if "time" not in self._found:
            self.notes.append(
                Text(
                    "没有认出时间列：请把 time 改成真正的时间列。",
                    "No column of times was recognised: set time to the one that says when it happened.",
                )
            )
        used = {*self._identity_columns(), self._found.get("time")}
        fields = self._fields(name for name in self._cells if name not in used)
        return {
            "type": "track",
            "event": f"imported.{event}",
            "time": time,
            **self._identities(),
            "properties": fields,
        }

    def _file_date(self) -> dict[str, str]:
        changed = datetime.fromtimestamp(self._path.stat().st_mtime, tz=self._zone)
        return {"value": changed.date().isoformat()}

    def _identity_columns(self) -> list[str]:
        return [self._found[kind] for kind in _IDENTITIES if kind in self._found]

    def _identities(self) -> dict[str, Any]:
        found = [{"type": kind, "column": self._found[kind]} for kind in _IDENTITIES if kind in self._found]
        if not found:
            self.notes.append(
                Text(
                    "没有认出身份列（手机号、会员号等）：这些事件将不属于任何会员。",
                    "No identity (phone, member number, …) was recognised: these events will belong to nobody.",
                )
            )
            return {}
        return {"identities": found}

    def _note_recipients(self) -> None:
        for column in self._cells:
            if _RECIPIENT.search(_plain(column)):
                self.notes.append(
                    Text(
                        f"“{column}”列说的是收货人，不一定是买家：保留为属性，不作为身份。",
                        f"Column “{column}” tells of the recipient, who need not be the buyer: "
                        "it is kept as a property and is no identity.",
                    )
                )

    def _consents(self) -> list[dict[str, str]]:
        """Return the columns that say who agreed to be contacted on which channel."""
        found = []
        for column in self._cells:
            plain = _plain(column)
            channel = next((name for name, words in _CHANNELS if words.search(plain)), None)
            if not _AGREED.search(plain) or not self._fits(column, Field(column=column, type="bool")):
                continue
            if channel is None:
                self.notes.append(
                    Text(
                        f"“{column}”列像是授权：请写明渠道，移到 consent 下。",
                        f"Column “{column}” looks like consent: say for which channel, and move it to consent.",
                    )
                )
                continue
            found.append({"purpose": "marketing", "channel": channel, "column": column})
            self.notes.append(
                Text(
                    f"请核对：“{column}”列的“是”表示同意接收营销{channel}。",
                    f"Check that a yes in column “{column}” means agreeing to marketing by {channel}.",
                )
            )
        return found

    def _paid_only(self) -> list[dict[str, Any]]:
        column = self._found["status"]
        states = sorted({str(cell) for cell in self._cells[column] if cell is not None})[:20]
        paid = [state for state in states if state.casefold() in _PAID] or states
        self.notes.append(
            Text(
                f"请核对“{column}”列中哪些状态算已付款。",
                f"Check which states in column “{column}” mean that the order was paid.",
            )
        )
        return [{"column": column, "in": paid}]

    def _time(self, meaning: str) -> Any:
        column = self._found[meaning]
        if self._fits(column, Field(column=column, type="time")):
            return column
        for form in ("epoch_s", "epoch_ms", "%d/%m/%Y %H:%M:%S", "%d/%m/%Y %H:%M", "%d/%m/%Y"):
            if self._fits(column, Field(column=column, type="time", format=form)):
                self.notes.append(
                    Text(
                        f"请核对“{column}”列的格式 {form}。", f"Check the format {form} of column “{column}”."
                    )
                )
                return {"column": column, "format": form}
        self.notes.append(Text(f"请给出“{column}”列的 format。", f"Give the format of column “{column}”."))
        return column

    def _fields(self, columns: Any) -> dict[str, Any]:
        meanings = {column: meaning for meaning, column in self._found.items()}
        fields: dict[str, Any] = {}
        for column in columns:
            meaning = meanings.get(column, "")
            kind = self._kind(column, meaning)
            fields[meaning or column] = column if kind == "text" else {"column": column, "type": kind}
        return fields

    def _kind(self, column: str, meaning: str) -> CellType:
        cents = "(分)" in unicodedata.normalize("NFKC", column)
        if (meaning in _MONEY or _MONEY_WORDS.search(_plain(column))) and not cents:
            kinds: tuple[CellType, ...] = ("money",)
        elif meaning in {"birthday", "joined"}:
            kinds = ("date",)
        elif meaning == "quantity" or cents:
            kinds = ("int",)
        else:
            kinds = self._typed(column)
        sure = meaning in {*_MONEY, "quantity", "birthday", "joined"}
        fitting = (
            kind for kind in kinds if self._fits(column, Field(column=column, type=kind), 2 if sure else 10)
        )
        kind: CellType = next(fitting, "text")
        wrong = self._wrong(column, Field(column=column, type=kind))
        if wrong:
            self.notes.append(
                Text(
                    f"“{column}”列有 {wrong} 个单元格无法按 {kind} 读取，这些行会进入死信。",
                    f"{wrong} of the cells of column “{column}” cannot be read as {kind}: their rows will be dead letters.",
                )
            )
        elif kind == "text" and kinds and meaning in _MONEY:
            self.notes.append(
                Text(
                    f"“{column}”列大多不是金额：请核对，未按金额读取。",
                    f"Most of column “{column}” is no amount: check it; it is not read as one.",
                )
            )
        return kind

    def _typed(self, column: str) -> tuple[CellType, ...]:
        """Return what JSON and Parquet say by themselves; text says nothing."""
        types = {type(cell) for cell in self._cells[column] if cell is not None}
        known: dict[type, CellType] = {bool: "bool", int: "int", list: "list", datetime: "time", date: "date"}
        return (known[types.pop()],) if len(types) == 1 and types <= known.keys() else ()

    def _wrong(self, column: str, field: Field) -> int:
        given: Sequence[Any] = [cell for cell in self._cells[column] if cell is not None]
        convert: Converter = converter(field, self._zone)
        return sum(isinstance(value, Bad) for value in convert(given))

    def _fits(self, column: str, field: Field, share: int = 10) -> bool:
        """Say whether at most one in ``share`` of the first rows reads badly as ``field``."""
        given = sum(cell is not None for cell in self._cells[column])
        return given > 0 and self._wrong(column, field) * share <= given
