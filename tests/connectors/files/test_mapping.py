from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from guanxi.connectors.files import InvalidMapping, MissingFile, load_mapping, read_mapping
from tests.connectors.files.support import run, write

BASE = "{type: track, event: e, id: k, time: at%s}"


def invalid(text: str) -> InvalidMapping:
    with pytest.raises(InvalidMapping) as caught:
        read_mapping(textwrap.dedent(text))
    assert not caught.value.say("zh").isascii()
    return caught.value


@pytest.mark.parametrize(
    ("more", "path"),
    [
        (", properties: {a: {column: A, type: float}}", "properties"),
        (", properties: {a: {colum: A}}", "properties"),
        (", properties: {a: {column: A, value: 1}}", "properties.a"),
        (", properties: {a: {}}", "properties.a"),
        (", properties: {a: {column: A, format: '%Y'}}", "properties.a.format"),
        (", properties: {a: {column: A, take: sum}}", "properties.a.take"),
        (", properties: {a: {column: A, rounding: half_up}}", "properties.a.rounding"),
        (", properties: {a: {column: A, type: time, zone: Mars/Olympus}}", "properties.a.zone"),
        (", identities: {type: phone}", "identities"),
        (", traits: {a: A}", "traits"),
        (", where: [{column: A}]", "where[0]"),
        (", where: [{column: A, equals: x, empty: false}]", "where[0]"),
        (", file: {delimiter: '::'}", "file.delimiter"),
        (", file: {quote: ''}", "file.quote"),
        (", file: {encoding: latin-1}", "file.encoding"),
        (", group: {by: k, lines: {a: {column: A, take: sum}}}", "group.lines.a.take"),
        (", group: {by: k}, properties: {a: {column: A, take: sum}}", "properties.a.take"),
    ],
)
def test_wrong_mappings_say_where(more: str, path: str) -> None:
    assert path in invalid(BASE % more).params["path"]


def test_misspelt_field_is_corrected() -> None:
    assert "column" in invalid(BASE % ", properties: {a: {colum: A}}").say("en")


@pytest.mark.parametrize(
    "text",
    [
        "{type: track, time: at}",
        "{type: identify, time: at}",
        "{type: identify, time: at, user_id: u, properties: {a: A}}",
        "{type: track, event: e}",
        "{type: pageview, event: e, time: at}",
        "{type: track, event: e, time: at, id: {column: a, columns: [b]}}",
        "[1, 2]",
        "",
        "just text",
        "{type: track",
        "type: track\n\tevent: e",
        "!!python/object/apply:os.system [id]",
        "type: track\ntype: identify\n",
        "a: &a [x, x]\nb: [*a, *a]\n",
        "x: " + "[" * 5_000,
        "# " + "x" * 300_000,
    ],
)
def test_what_is_no_mapping_is_refused(text: str) -> None:
    invalid(text)


def test_yaml_errors_name_the_line() -> None:
    assert invalid("type: track\nevent: [\n").params["path"] == "line 3"
    assert invalid("type: track\nevent: e\ntype: track\n").params["path"] == "line 3"


def test_mapping_file(tmp_path: Path) -> None:
    path = write(tmp_path, b"\xef\xbb\xbf{type: track, event: e, time: at}", "m.yaml")
    assert load_mapping(path).event == "e"
    with pytest.raises(MissingFile):
        load_mapping(tmp_path / "no.yaml")
    with pytest.raises(InvalidMapping, match="UTF-8"):
        load_mapping(write(tmp_path, "{type: 追踪}".encode("gbk"), "m.yaml"))


def test_constants_are_checked_before_anything_is_read(tmp_path: Path) -> None:
    path = write(tmp_path, "k,at\n1,2026-01-01\n")
    with pytest.raises(InvalidMapping, match=r"properties\.a"):
        run(path, BASE % ", properties: {a: {value: x, type: money}}")
    with pytest.raises(InvalidMapping, match="time"):
        run(path, "{type: track, event: e, time: {value: soon}}")


def test_context_constants_and_columns(tmp_path: Path) -> None:
    path = write(tmp_path, "k,at,shop,u,n\n1,2026-01-01,S1,u1,\n2,2026-01-01,,,5\n")
    _, intake = run(
        path,
        BASE % ", user_id: u, anonymous_id: k, channel: store, account: {column: shop}, "
        "properties: {n: {column: n, type: int}, fee: {value: '1.50', type: money}, since: {value: 2026-01-01}}",
    )
    first, second = intake.all
    assert first["context"] == {"channel": "store", "account": "S1", "identities": []}
    assert second["context"] == {"channel": "store", "identities": []}
    assert (first["userId"], first["anonymousId"], "userId" in second) == ("u1", "1", False)
    assert first["properties"] == {"fee": 150, "since": "2026-01-01"}
    assert second["properties"] == {"fee": 150, "since": "2026-01-01", "n": 5}


@pytest.mark.parametrize(
    ("condition", "kept"),
    [
        ("equals: paid", "1"),
        ("in: [paid, done]", "13"),
        ("not_in: [paid]", "234"),
        ("empty: true", "4"),
        ("empty: false", "123"),
    ],
)
def test_rows_are_filtered(tmp_path: Path, condition: str, kept: str) -> None:
    path = write(
        tmp_path, "k,at,s\n1,2026-01-01,paid\n2,2026-01-01,open\n3,2026-01-01, done\n4,2026-01-01,\n"
    )
    result, intake = run(path, BASE % f", where: [{{column: s, {condition}}}]")
    assert "".join(key[-1] for key in intake.messages) == kept
    assert result.filtered == 4 - len(kept)
    assert result.rows == result.messages + result.filtered


def test_ids(tmp_path: Path) -> None:
    path = write(tmp_path, "k,at,v\n1,2026-01-01,a\n1,2026-01-01,b\n1,2026-01-01,b\n")

    def keys(id_: str) -> list[str]:
        return list(run(path, f"{{type: track, event: e, time: at{id_}}}")[1].messages)

    assert keys(", id: k") == ["e:1"]
    assert keys(", id: {column: k, verbatim: true}") == ["1"]
    assert len(keys(", id: {columns: [k, v]}")) == 2
    assert keys(", id: {columns: [k, v]}") == keys(", id: {columns: [k, v]}")
    assert len(keys("")) == 2  # without an id, equal rows are one event
    assert keys("") == keys("")


def test_hashed_ids_do_not_confuse_columns(tmp_path: Path) -> None:
    path = write(tmp_path, 'at,a,b\n2026-01-01,xy,z\n2026-01-01,x,yz\n2026-01-01,,"xyz"\n')
    _, intake = run(path, "{type: track, event: e, time: at, id: {columns: [a, b]}}")
    assert len(intake.messages) == 3


def test_identify_with_traits_and_consent(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "会员号,手机号,姓名,生日,标签,短信\nM1,13800000001,张三,1990/2/8,常客、妈妈,是\nM2,,,,,否\nM3,,,,,\n,,无名,,,\n",
    )
    mapping = """
        type: identify
        time: {value: 2026-01-31}
        id: {columns: [会员号, 手机号]}
        identities:
          - {type: member_no, scope: shop, column: 会员号}
          - {type: phone, column: 手机号}
        traits:
          name: 姓名
          birthday: {column: 生日, type: date}
          tags: {column: 标签, type: list}
          source: {value: 门店}
        consent:
          - {purpose: marketing, channel: sms, column: 短信}
          - {purpose: service, channel: sms, value: true}
    """
    result, intake = run(path, mapping)
    first, second, third = intake.all
    assert first["traits"] == {
        "source": "门店",
        "name": "张三",
        "birthday": "1990-02-08",
        "tags": ["常客", "妈妈"],
    }
    assert first["timestamp"] == "2026-01-31T00:00:00+08:00"
    assert "event" not in first
    assert first["context"]["consent"] == [
        {"purpose": "marketing", "channel": "sms", "granted": True},
        {"purpose": "service", "channel": "sms", "granted": True},
    ]
    assert second["context"]["consent"][0]["granted"] is False
    assert [part["purpose"] for part in third["context"]["consent"]] == ["service"]
    assert [rejected.code for rejected in intake.rejected] == ["import.row.no_identity"]
    assert result.rejected == 1
