"""Pages: from a template and values to an answer, in the reader's language and the merchant's time zone.

A partial is a block of the page. When htmx asks to fill the element ``#results``, the block ``results`` of the same
template is rendered alone, so one route serves the page, its refreshed parts and its side panel. Escaping is always on
and a name that is missing is an error, never an empty space.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from html import unescape
from http import HTTPStatus
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final
from urllib.parse import quote, urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from guanxi.console import assets, formats
from guanxi.console.i18n import HTML_LANGUAGE, N_, read_language, translations
from guanxi.console.shell import Visit, draw
from guanxi.kernel.clock import Clock, SystemClock
from guanxi.kernel.errors import GuanxiError
from guanxi.kernel.phone import mask
from guanxi.kernel.text import LANGUAGES, Language

TEMPLATES: Final = Path(__file__).parent / "templates"
LANGUAGE_COOKIE: Final = "gx_lang"
CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; object-src 'none'"
)
_HEADERS: Final = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Vary": "HX-Request, HX-Target, Cookie",
}
_MACROS: Final = ("basics", "forms", "lists", "numbers", "story", "work")
_ADVICE: Final = {
    403: (
        N_("You may not see this"),
        N_(
            "Your role does not include it. Ask whoever manages roles in this shop, and give them the address of this page."
        ),
    ),
    404: (
        N_("There is nothing here"),
        N_(
            "The address may be mistyped, or what it showed was merged or deleted. Search for it, or start from the overview."
        ),
    ),
    429: (N_("Too many requests"), N_("Wait a few seconds, then reload the page.")),
    500: (
        N_("Something broke on our side"),
        N_(
            "What had been saved is safe. Reload the page; if it happens again, give the request number to whoever runs this server."
        ),
    ),
    503: (
        N_("Not available for now"),
        N_("A part of the system is starting or being maintained. Try again in a minute."),
    ),
}
_ADVICE_ELSE: Final = (N_("That did not work"), N_("Go back, check what was entered and try again."))
_YEAR: Final = 365 * 24 * 3600


@dataclass(frozen=True, slots=True)
class View:
    """How what is being rendered right now is written: language, time zone and the present instant."""

    language: Language
    timezone: str
    now: int


_view: ContextVar[View] = ContextVar("guanxi_console_view")


@contextmanager
def viewing(view: View) -> Iterator[None]:
    """Render inside with the words, time zone and present of ``view``."""
    token = _view.set(view)
    try:
        yield
    finally:
        _view.reset(token)


def gettext(message: str) -> str:
    """Translate ``message`` into the language of the page being rendered."""
    return translations(_view.get().language).gettext(message)


def ngettext(one: str, many: str, count: int) -> str:
    """Translate a message that depends on a count."""
    return translations(_view.get().language).ngettext(one, many, count)


def _icon(name: str, label: str = "") -> Markup:
    """Draw an icon of the sprite; with a ``label`` it speaks for itself, without one it is decoration."""
    if name not in assets.icon_names():
        msg = f"no icon {name!r} in the sprite: add it to tools/vendor.py"
        raise LookupError(msg)
    hidden = Markup('role="img" aria-label="{}"').format(label) if label else Markup('aria-hidden="true"')
    return Markup('<svg class="icon" {}><use href="{}#{}"/></svg>').format(
        hidden, assets.url("icons.svg"), name
    )


def _spark(values: Sequence[float], width: int = 96, height: int = 28) -> str:
    """Return the points of a small line chart that begins at zero, for an SVG polyline."""
    top = max([*values, 1e-9])
    low = min([*values, 0])
    step = width / max(len(values) - 1, 1)
    return " ".join(
        f"{index * step:.1f},{height - 1 - (value - low) / (top - low) * (height - 2):.1f}"
        for index, value in enumerate(values)
    )


def _filters() -> dict[str, Callable[..., Any]]:
    """Return the filters that depend on who is reading, bound to the page being rendered."""
    return {
        "money": formats.money,
        "money_compact": lambda fen, currency="CNY", plus=False: formats.money_compact(
            fen, _view.get().language, currency, plus=plus
        ),
        "number": formats.number,
        "compact": lambda value, plus=False: formats.compact(value, _view.get().language, plus=plus),
        "percent": formats.percent,
        "points": lambda ratio, digits=1: formats.points(ratio, _view.get().language, digits),
        "date": lambda day, style="medium": formats.date(day, _view.get().language, style),
        "moment": lambda instant, seconds=False: formats.moment(
            instant, _view.get().language, _view.get().timezone, seconds=seconds
        ),
        "time_of_day": lambda instant: formats.time_of_day(instant, _view.get().timezone),
        "local_day": lambda instant: formats.local_day(instant, _view.get().timezone),
        "ago": lambda instant: formats.ago(
            instant, _view.get().now, _view.get().language, _view.get().timezone
        ),
        "duration": lambda length: formats.duration(length, _view.get().language),
        "file_size": formats.file_size,
        "mask": mask,
        "say": lambda text: text.in_(_view.get().language),
        "spark": _spark,
    }


class Console:
    """Renders templates; one for the application, kept at ``app.state.console``.

    ``folders`` come before the shell's own templates: capabilities above the shell keep their pages beside their code.
    """

    def __init__(self, *, clock: Clock | None = None, folders: Sequence[Path] = ()) -> None:
        self.clock: Clock = clock or SystemClock()
        self.environment = Environment(
            loader=FileSystemLoader([*folders, TEMPLATES]),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=["jinja2.ext.i18n", "jinja2.ext.do"],
        )
        self.environment.install_gettext_callables(gettext, ngettext, newstyle=True)  # type: ignore[attr-defined]
        self.environment.filters.update(_filters())
        self.environment.globals.update(icon=_icon, asset=assets.url)
        ui = SimpleNamespace()
        self.environment.globals["ui"] = ui
        for name in _MACROS:
            macros = self.environment.get_template(f"macros/{name}.html").module
            vars(ui).update({key: value for key, value in vars(macros).items() if not key.startswith("_")})

    def load(self, *folders: str) -> None:
        """Compile the templates whose names begin so, and read the words, before a reader has to wait for it."""
        for language in LANGUAGES:
            translations(language)
        for name in self.environment.list_templates(extensions=["html"]):
            if name.startswith(folders):
                self.environment.get_template(name)

    def html(
        self, request: Request, name: str, context: Mapping[str, Any], *, block: str | None = None
    ) -> str:
        """Return a page, or one of its blocks, as text; raises ``UndefinedError`` for a name that is not given."""
        visit = visit_of(request)
        view = View(language_of(request), visit.timezone, self.clock.now())
        template = self.environment.get_template(name)
        values = {**_surroundings(request, visit, view), **context}
        with viewing(view):
            if block is None:
                return template.render(values)
            return "".join(template.blocks[block](template.new_context(values)))

    def wanted_block(self, request: Request, name: str) -> str | None:
        """Return the block that htmx asks for: the one named like the element it will fill, if the page has it."""
        if request.headers.get("hx-request") != "true" or "hx-history-restore-request" in request.headers:
            return None
        target = request.headers.get("hx-target", "").partition("#")[2].replace("-", "_")
        return target if target in self.environment.get_template(name).blocks else None


def visit_of(request: Request) -> Visit:
    """Return who is looking; nobody in particular when the routes did not say."""
    found = getattr(request.state, "visit", None)
    return found if isinstance(found, Visit) else Visit()


def language_of(request: Request) -> Language:
    """Return the language to answer in: what the address asks for, else the cookie's, else the merchant's."""
    asked = read_language(request.query_params.get("lang")) or read_language(
        request.cookies.get(LANGUAGE_COOKIE)
    )
    return asked or visit_of(request).language


def _surroundings(request: Request, visit: Visit, view: View) -> dict[str, Any]:
    others = [(key, value) for key, value in request.query_params.multi_items() if key != "lang"]
    path = request.url.path
    return {
        "visit": visit,
        "language": view.language,
        "html_language": HTML_LANGUAGE[view.language],
        "places": draw(visit.places, path),
        "here": path + ("?" + urlencode(others) if others else ""),
        "in_language": {other: f"{path}?{urlencode([*others, ('lang', other)])}" for other in HTML_LANGUAGE},
        "query": request.query_params.get("q", ""),
    }


def render(
    request: Request,
    name: str,
    /,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    **context: Any,
) -> HTMLResponse:
    """Answer ``request`` with the page ``name``, or with the part of it that htmx asked for.

    ``context`` holds what the template names. A language chosen in the address is remembered in a cookie. Raises
    ``jinja2.UndefinedError`` when the template uses a name that is not given, ``TemplateNotFound`` when there is none.
    """
    console: Console = request.app.state.console
    body = console.html(request, name, context, block=console.wanted_block(request, name))
    response = HTMLResponse(body, status_code=status, headers={**_HEADERS, **(headers or {})})
    chosen = read_language(request.query_params.get("lang"))
    response.headers["Content-Language"] = HTML_LANGUAGE[language_of(request)]
    if chosen:
        secure = request.url.scheme == "https"
        response.set_cookie(
            LANGUAGE_COOKIE, chosen, max_age=_YEAR, path="/", samesite="lax", httponly=True, secure=secure
        )
    return response


def render_error(request: Request, status: int, error: GuanxiError | None = None) -> Response:
    """Answer with the error page for ``status``: what happened, what to do, and the request's id.

    A request made by htmx gets a toast instead and leaves the page as it is.
    """
    message = (
        error.say(language_of(request))
        if error is not None and status < HTTPStatus.INTERNAL_SERVER_ERROR
        else ""
    )
    title, advice = _ADVICE.get(status) or (
        _ADVICE[500] if status >= HTTPStatus.INTERNAL_SERVER_ERROR else _ADVICE_ELSE
    )
    shown: dict[str, Any] = {"code": status, "title": title, "advice": advice, "message": message}
    if request.headers.get("hx-request") == "true":
        console: Console = request.app.state.console
        text = console.html(request, "errors/error.html", shown, block="brief").strip()
        return Response(status_code=status, headers={**_HEADERS, **toast(unescape(text), tone="bad")})
    return render(request, "errors/error.html", status=status, **shown)


def toast(text: str, *, tone: str = "ok", undo: str = "") -> dict[str, str]:
    """Return the header that makes the page show ``text`` for a moment; ``undo`` is a path that takes the change back."""
    return {"HX-Trigger": json.dumps({"gx-toast": {"text": text, "tone": tone, "undo": undo}})}


def path(*parts: str) -> str:
    """Join ``parts`` to a path, each escaped as one segment: ``path("console", "members", key)``."""
    return "/" + "/".join(quote(part, safe="") for part in parts)
