"""Text in the product's two languages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Language = Literal["zh", "en"]
LANGUAGES: tuple[Language, ...] = ("zh", "en")


@dataclass(frozen=True, slots=True)
class Text:
    """One thing said in Chinese and in English; ``{name}`` fields are filled by ``fill``."""

    zh: str
    en: str

    def fill(self, **params: Any) -> Text:
        """Return the text with its fields filled; a field without a value is an error."""
        return Text(self.zh.format(**params), self.en.format(**params))

    def in_(self, language: Language) -> str:
        """Return the text in ``language``."""
        return self.zh if language == "zh" else self.en

    @classmethod
    def read(cls, written: str) -> Text:
        """Return what ``both`` wrote; a text in one language is the same for both."""
        zh, parted, en = written.partition(" / ")
        one = not parted or any("\u4e00" <= letter <= "\u9fff" for letter in en)
        return cls(written, written) if one else cls(zh, en)

    def both(self) -> str:
        """Return both languages on one line, for logs and terminals whose reader is unknown."""
        return f"{self.zh} / {self.en}"
