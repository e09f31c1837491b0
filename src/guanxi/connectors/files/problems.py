"""What can be wrong with a file, a mapping or a row, in both languages.

Errors stop an import before, or at the point where, nothing more can be read; what was handed over until then stays,
and importing again doubles nothing. Reasons belong to one row, which goes to the dead-letter while the rest goes on.
Neither repeats what stood in a cell: it may be personal, and the row itself is kept with the reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from guanxi.kernel.errors import GuanxiError
from guanxi.kernel.text import Text


class FileProblem(GuanxiError):
    """A file cannot be imported."""

    code: ClassVar[str] = "import.file"
    status: ClassVar[int] = 400


class MissingFile(FileProblem):
    """There is no such file, or it may not be read."""

    code = "import.missing_file"
    text = Text(
        "文件 {file} 不存在或无法读取；请检查路径和权限。",
        "File {file} does not exist or cannot be read; check its path and permissions.",
    )


class EmptyFile(FileProblem):
    """The file has no row."""

    code = "import.empty_file"
    text = Text(
        "文件 {file} 没有任何数据行；请重新导出。",
        "File {file} has no rows of data; export it again.",
    )


class NoHeader(FileProblem):
    """The first line is no list of column names."""

    code = "import.no_header"
    text = Text(
        "文件 {file} 第 {line} 行不是列名（{zh}）；请补上表头，或在映射的 file.columns 中列出列名。",
        "File {file}, line {line} is not a row of column names ({en}); "
        "add a header, or list the names in the mapping under file.columns.",
    )


class UnknownColumn(FileProblem):
    """The mapping names a column that the file does not have."""

    code = "import.unknown_column"
    text = Text(
        "文件 {file} 没有映射 {path} 所用的列“{column}”；最接近的是“{nearest}”。现有的列：{columns}。",
        "File {file} has no column “{column}”, which the mapping uses at {path}; the nearest is “{nearest}”. "
        "It has: {columns}.",
    )


class BrokenFile(FileProblem):
    """The file ends too early or is damaged inside."""

    code = "import.broken_file"
    text = Text(
        "文件 {file} 已损坏或不完整（第 {line} 行之后，{detail}）；请重新下载后再导入，已导入的行不会重复。",
        "File {file} is damaged or cut off (after row {line}: {detail}); fetch it again and import it again, "
        "rows already imported will not be doubled.",
    )


class UnsupportedFile(FileProblem):
    """The file is of a kind we do not read."""

    code = "import.unsupported_file"
    text = Text(
        "文件 {file} 是 {kind}，不能直接导入；请另存为 CSV（UTF-8）、JSONL 或 Parquet。",
        "File {file} is {kind} and cannot be imported as it is; save it as CSV (UTF-8), JSONL or Parquet.",
    )


class NothingFits(FileProblem):
    """Every one of the first rows fails for the same reason, so the mapping is wrong and not the rows."""

    code = "import.nothing_fits"
    text = Text(
        "文件 {file} 的前 {rows} 行都不符合映射，例如第 {line} 行“{column}”列：{zh} 请修改映射；尚未导入任何数据。",
        "None of the first {rows} rows of {file} fits the mapping; for example line {line}, column “{column}”: {en} "
        "Mend the mapping; nothing was imported.",
    )


class InvalidMapping(GuanxiError):
    """The mapping file does not say what it should."""

    code = "import.invalid_mapping"
    status = 400
    text = Text("映射 {file} 的 {path} 有误：{zh}", "Mapping {file}, {path}: {en}")


@dataclass(frozen=True, slots=True)
class Bad:
    """A cell, or a whole row, that cannot be used: a code of ``REASONS`` and what fills its text."""

    code: str
    column: str = ""
    params: tuple[tuple[str, str | int], ...] = ()

    def text(self) -> Text:
        """Return the reason in both languages."""
        return REASONS[self.code].fill(column=self.column, **dict(self.params))


REASONS: dict[str, Text] = {
    "row.encoding": Text(
        "这一行含有无法按 {encoding} 解码的字节；请修正后重新导入。",
        "The row holds bytes that are not {encoding}; mend them and import it again.",
    ),
    "row.nul": Text(
        "这一行含有 NUL 字节；文件可能已损坏，请重新导出。",
        "The row holds NUL bytes; the file may be damaged, export it again.",
    ),
    "row.too_long": Text(
        "这一行有 {size} 字节，上限 {limit}；很可能缺少换行或引号未闭合。",
        "The row is {size} bytes long, the limit is {limit}; most likely a line break or a closing quote is missing.",
    ),
    "row.width": Text(
        "这一行有 {found} 列，表头有 {expected} 列；含分隔符的内容要用引号括起来。",
        "The row has {found} columns, the header has {expected}; put text that holds the delimiter in quotes.",
    ),
    "row.quote": Text(
        "这一行的引号不成对；引号内的引号要写两次。",
        "The quotes in this row do not match; a quote inside quotes is written twice.",
    ),
    "row.json": Text(
        "这一行不是 JSON 对象：{detail}。",
        "The line is not a JSON object: {detail}.",
    ),
    "row.no_identity": Text(
        "这一行没有任何身份（手机号、会员号等），不知道是谁。",
        "The row has no identity (phone, member number, …), so nobody knows whom it is about.",
    ),
    "cell.required": Text("“{column}”列不能为空。", "Column “{column}” must not be empty."),
    "cell.money": Text(
        "“{column}”列不是以元为单位、至多两位小数的金额（例如 1234.50）。",
        "Column “{column}” is not an amount in yuan with at most two decimals (such as 1234.50).",
    ),
    "cell.int": Text("“{column}”列不是整数。", "Column “{column}” is not a whole number."),
    "cell.bool": Text(
        "“{column}”列不是“是/否”（可用：是 否 true false 1 0 Y N）。",
        "Column “{column}” is not a yes or no (是 否 true false 1 0 Y N).",
    ),
    "cell.date": Text(
        "“{column}”列不是有效日期，或与声明的格式不符（例如 2026-01-31）。",
        "Column “{column}” is not a possible date, or not in the declared format (such as 2026-01-31).",
    ),
    "cell.time": Text(
        "“{column}”列不是有效时间，或与声明的格式不符（例如 2026-01-31 18:30:00；"
        "时间戳要声明 epoch_s 或 epoch_ms）。",
        "Column “{column}” is not a possible time, or not in the declared format (such as 2026-01-31 18:30:00; "
        "declare epoch_s or epoch_ms for time stamps).",
    ),
    "cell.time_range": Text(
        "“{column}”列的时间不在 1970 至 2100 年之间。",
        "The time in column “{column}” is not between the years 1970 and 2100.",
    ),
    "cell.text": Text("“{column}”列不是文字。", "Column “{column}” is not text."),
    "cell.too_long": Text(
        "“{column}”列超过 {limit} 个字符，不能作为编号或身份。",
        "Column “{column}” is longer than {limit} characters, too long for a number or an identity.",
    ),
    "cell.scientific": Text(
        "“{column}”列被表格软件改成了科学计数法，尾数已丢失；请把该列设为文本后重新导出。",
        "A spreadsheet turned column “{column}” into scientific notation and lost its last digits; "
        "format the column as text and export it again.",
    ),
    "group.conflict": Text(
        "“{key}”的各行在“{column}”列上不一致（第 {first} 行与第 {second} 行）；请修正，或在映射中声明 take。",
        "The rows of “{key}” differ in column “{column}” (lines {first} and {second}); mend them, "
        "or declare take in the mapping.",
    ),
    "group.row": Text(
        "同一事件的第 {line} 行有误，为免金额不全整组未导入：{zh}",
        "Line {line} of the same event is wrong, so the whole event was held back rather than sent in part: {en}",
    ),
    "group.too_large": Text(
        "同一事件超过 {limit} 行；分组列很可能选错了。",
        "One event has more than {limit} rows; most likely it is grouped by the wrong column.",
    ),
}
