"""Both languages on one line, and back."""

from __future__ import annotations

import pytest

from guanxi.cli.demo import NOTE
from guanxi.definitions.model import Release
from guanxi.kernel.text import Text


@pytest.mark.parametrize(
    ("written", "zh", "en"),
    [
        ("开店 / Opening", "开店", "Opening"),
        ("开店", "开店", "开店"),
        ("价格 / 库存", "价格 / 库存", "价格 / 库存"),
        ("", "", ""),
    ],
)
def test_what_is_written_in_both_languages_is_read_in_each(written: str, zh: str, en: str) -> None:
    found = Text.read(written)
    assert (found.zh, found.en) == (zh, en)
    assert Text.read(Text("甲", "a").both()) == Text("甲", "a")


def test_the_demos_notice_and_reason_follow_the_language() -> None:
    notice = Text.read(NOTE)
    assert notice.zh.startswith("演示数据")
    assert notice.en.startswith("Demonstration data")
    own = Release(1, 0, "demo", "开始 / The beginning", {}).reason
    assert (own.zh, own.en) == ("开始", "The beginning")
    theirs = Release(1, 0, "li", "红 / red", {}).reason
    assert theirs.en == "红 / red"
