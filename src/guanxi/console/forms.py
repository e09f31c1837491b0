"""Checking forms: every complaint lands beside the field it is about."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, ParamSpec, TypeVar

from guanxi.console.session import Asked
from guanxi.kernel.errors import Conflict, GuanxiError, InvalidInput

P = ParamSpec("P")
T = TypeVar("T")

WHOLE: Final = "form"
"""The field of complaints that are about the form as a whole."""


class Checked:
    """Collects what is wrong with a form, by field, in the reader's language."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self.errors: dict[str, str] = {}

    def __bool__(self) -> bool:
        return not self.errors

    def field(self, name: str, check: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
        """Return what ``check`` makes of a field, or ``None`` after noting what it says is wrong."""
        try:
            return check(*args, **kwargs)
        except GuanxiError as error:
            self._note(name, error)
            return None

    def wrong(self, name: str, message: str) -> None:
        """Note what is wrong with a field; the message is translated."""
        self.errors.setdefault(name, self._asked.say(message))

    @contextmanager
    def noting(self, name: str = WHOLE) -> Iterator[None]:
        """Note what the block complains about, and leave it; what the person cannot mend is raised on."""
        try:
            yield
        except GuanxiError as error:
            self._note(name, error)

    def _note(self, name: str, error: GuanxiError) -> None:
        if not isinstance(error, InvalidInput | Conflict) and error.status not in {403, 422, 429}:
            raise error
        self.errors.setdefault(name, error.say(self._asked.language))
