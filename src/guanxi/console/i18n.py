"""The console's words: English is written in templates and code, the Chinese catalogue translates all of it.

Catalogues are read from their ``.po`` text when first used, so that an editable install needs no compile step.
``tools/i18n.py`` collects and updates them; a test fails when a translation is missing or fuzzy.
"""

from __future__ import annotations

from functools import cache
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path
from typing import Final

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from guanxi.kernel.text import LANGUAGES, Language

LOCALE_FOLDER: Final = Path(__file__).parent / "locale"
HTML_LANGUAGE: Final[dict[Language, str]] = {"zh": "zh-CN", "en": "en"}


def N_(message: str) -> str:  # noqa: N802 - the name gettext tools look for
    """Mark ``message`` for translation where it is declared; it is translated where it is shown."""
    return message


def read_language(text: str | None) -> Language | None:
    """Return the language that a cookie or query asks for (``zh``, ``zh-CN``, ``en``…), or ``None``."""
    short = (text or "").replace("_", "-").split("-")[0].lower()
    return next((language for language in LANGUAGES if language == short), None)


@cache
def translations(language: Language) -> NullTranslations:
    """Return the catalogue of ``language``; English needs none, because it is what the sources say."""
    if language == "en":
        return NullTranslations()
    with (LOCALE_FOLDER / "zh_CN" / "LC_MESSAGES" / "guanxi.po").open("rb") as file:
        catalogue = read_po(file, locale="zh_CN", abort_invalid=True)
    compiled = BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return GNUTranslations(compiled)
