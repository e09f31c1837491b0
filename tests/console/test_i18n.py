from __future__ import annotations

from guanxi.console.i18n import read_language, translations
from tools import i18n


def test_the_chinese_catalogue_is_complete() -> None:
    assert i18n.faults(i18n.collect(), i18n.load()) == [], (
        "run: python -m tools.i18n, then translate what it lists"
    )


def test_a_missing_a_fuzzy_and_a_stale_message_are_found() -> None:
    wanted, present = i18n.collect(), i18n.load()
    wanted.add("Brand new")
    present["Search"].flags.add("fuzzy")
    present["%(time)s left"].string = "还需 %(zeit)s"
    present.add("Long gone", "早已不用")
    assert set(i18n.faults(wanted, present)) == {
        "missing: Brand new",
        "fuzzy: Search",
        "fills other fields: %(time)s left",
        "no longer used: Long gone",
    }


def test_english_is_what_the_sources_say() -> None:
    assert translations("en").gettext("Sign in") == "Sign in"
    assert translations("zh").gettext("Sign in") == "登录"
    assert translations("zh").ngettext("%(num)s in all", "%(num)s in all", 2) == "共 %(num)s 条"


def test_languages_are_read_generously() -> None:
    asked = ("zh", "zh-CN", "zh_Hans", "EN", "en-GB", "fr", "", None)
    assert [read_language(text) for text in asked] == ["zh", "zh", "zh", "en", "en", None, None, None]
