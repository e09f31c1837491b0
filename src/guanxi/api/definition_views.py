"""Definitions, plans and releases as the API shows them, and definitions as it takes them."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import HTTPException, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from guanxi.api.happenings import both
from guanxi.api.paging import Paged
from guanxi.api.problems import BothLanguages
from guanxi.api.values import Input, Instant, Output
from guanxi.definitions import Action, Change, Definition, Plan, Ref
from guanxi.definitions.decide import diff
from guanxi.definitions.model import Applied, Draft, Problem, Release, Version
from guanxi.definitions.reading import Reading
from guanxi.definitions.text import MAX_DEPTH, MAX_DOCUMENTS, draft, write
from guanxi.kernel.errors import InvalidInput

NAME = r"^[a-z][a-z0-9_]{0,63}$"
YAML = frozenset({"text/yaml", "application/yaml", "text/x-yaml", "application/x-yaml"})


class RefView(Output):
    """The name of a definition."""

    kind: str
    key: str


class DefinitionLine(Output):
    """A live definition in a list."""

    id: str = Field(description="kind and key, parted by a slash")
    kind: str
    key: str
    version: int
    label: BothLanguages


class DefinitionPage(Paged[DefinitionLine]):
    """Some definitions, by kind and key."""


class DefinitionView(DefinitionLine):
    """A live definition."""

    text: str = Field(description="the YAML document, as its author wrote it")
    spec: dict[str, Any] = Field(description="the same as data, without kind and key")
    dependants: list[RefView] = Field(
        description="what rests on it; as long as there is any it cannot be deleted"
    )


class ReleaseView(Output):
    """Definitions that went live together."""

    id: int = Field(description="its number")
    applied_at: Instant
    applied_by: str = Field(description="id of the key or person, or what the command line calls itself")
    why: str
    summary: dict[str, dict[str, int]] = Field(
        description="how many of each kind were created, changed, deleted"
    )


class ReleasePage(Paged[ReleaseView]):
    """Some releases, newest first."""


class VersionView(Output):
    """One text that a definition had; a deletion has none."""

    version: int
    action: Action
    text: str
    release: int
    applied_at: Instant
    applied_by: str
    why: str


class VersionPage(Paged[VersionView]):
    """Some versions of a definition, newest first."""


class ChangeView(Output):
    """What happens to one definition."""

    kind: str
    key: str
    action: Action
    before: int | None = Field(description="the version that is live; null for a new one")
    version: int | None = Field(description="the version that this makes; null in a plan and for what stays")


class PlannedView(ChangeView):
    """What would happen to one definition."""

    diff: str = Field(description="what changes in its text, as a unified diff; empty unless it changes")
    effect: dict[str, Any] | None = Field(
        description="what it does, in figures: `members` who have a value or belong to it afterwards, `gains` who come"
        " or whose value changes, `losses` who go; null if that was not asked, the key may not count members or the"
        " definition stays as it is"
    )


class HintView(Output):
    """What is right in a definition, but perhaps not meant."""

    code: str
    kind: str
    key: str
    source: str
    line: int
    column: int
    message: BothLanguages
    nearest: str = Field(description="what was perhaps meant, or empty")


class PlanView(Output):
    """What applying definitions would do."""

    base: int = Field(description="the release that it was made against; 0: there is none yet")
    hash: str = Field(description="give it to apply as `expect`, and nothing but this plan is applied")
    empty: bool = Field(description="whether nothing would change")
    changes: list[PlannedView] = Field(description="in the order in which they rest on each other")
    hints: list[HintView] = Field(
        description="what is right but perhaps not meant, such as a value that never occurred"
    )


class AppliedView(Output):
    """What was done."""

    release: int = Field(description="the newest release")
    changed: bool = Field(description="false if everything was so already, which makes no release")
    changes: list[ChangeView]


class DocumentInput(BaseModel):
    """One definition; the fields beside these two are its kind's."""

    model_config = ConfigDict(extra="allow", frozen=True)

    kind: Annotated[str, Field(pattern=NAME)]
    key: Annotated[str, Field(pattern=NAME)]


class DocumentsInput(Input):
    """Definitions."""

    documents: Annotated[list[DocumentInput], Field(min_length=1, max_length=MAX_DOCUMENTS)]


_EXAMPLE = {
    "kind": "audience",
    "key": "big_spenders",
    "label": {"zh": "高消费", "en": "Big spenders"},
    "rule": "sum(order.paid.amount, 90d) >= ¥500",
}


def _body() -> dict[str, Any]:
    schema = DocumentsInput.model_json_schema()
    [(_, document)] = schema.pop("$defs").items()
    schema["properties"]["documents"]["items"] = document
    written = write(Ref("audience", "big_spenders"), {name: _EXAMPLE[name] for name in ("label", "rule")})
    return {
        "required": True,
        "content": {
            "application/json": {"schema": schema, "example": {"documents": [_EXAMPLE]}},
            "text/yaml": {"schema": {"type": "string", "minLength": 1}, "example": written},
        },
    }


DOCUMENTS_BODY: dict[str, Any] = {"requestBody": _body()}
"""Describes the body that ``read_documents`` takes."""


def read_documents(media_type: str, raw: bytes) -> Draft:
    """Return the definitions in a body, as YAML or JSON, and what is wrong with their form.

    Raises ``InvalidInput`` for a body without any, ``RequestValidationError``, and 415.
    """
    if media_type in YAML:
        try:
            found = draft({"": raw.decode("utf-8")})
        except UnicodeDecodeError:
            raise InvalidInput(reason_zh="内容不是 UTF-8。", reason_en="the body is not UTF-8.") from None
    elif media_type == "application/json":
        found = draft(_documents(raw))
    else:
        raise HTTPException(415)
    if not (found.definitions or found.problems):
        # With prune this would mean that everything goes.
        raise InvalidInput(reason_zh="内容里没有任何定义。", reason_en="the body holds no definitions.")
    return found


def _documents(raw: bytes) -> dict[str, str]:
    """Return the documents of a JSON body as YAML, by their place in it."""
    try:
        body = DocumentsInput.model_validate_json(raw)
    except ValidationError as error:
        places = [{**one, "loc": ("body", *one["loc"])} for one in error.errors(include_url=False)]
        raise RequestValidationError(places) from None
    texts = {}
    for number, document in enumerate(body.documents):
        spec = document.model_extra or {}
        _check_depth(spec, ("body", "documents", number), MAX_DEPTH)
        texts[f"documents/{number}"] = write(Ref(document.kind, document.key), spec)
    return texts


def _check_depth(value: object, place: tuple[str | int, ...], left: int) -> None:
    """Refuse what is nested so deeply that writing it as YAML would exhaust the stack."""
    if not left:
        raise RequestValidationError([{"type": "too_deep", "loc": place}])
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for part in parts:
        _check_depth(part, place, left - 1)


async def body_of(request: Request) -> tuple[str, bytes]:
    """Return a body with its media type, as a dependency."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower(), await request.body()


def line_view(one: Definition) -> DefinitionLine:
    """Return a live definition in a list as the API shows it."""
    return DefinitionLine(**_line(one))


def definition_view(one: Definition, dependants: list[Ref]) -> DefinitionView:
    """Return a live definition as the API shows it."""
    return DefinitionView(
        **_line(one),
        text=one.text,
        spec=dict(one.spec),
        dependants=[RefView(kind=ref.kind, key=ref.key) for ref in dependants],
    )


def _line(one: Definition) -> dict[str, Any]:
    return {
        "id": f"{one.ref.kind}/{one.ref.key}",
        "kind": one.ref.kind,
        "key": one.ref.key,
        "version": one.version,
        "label": both(Reading(one, one.spec.keys()).label()),
    }


def release_view(one: Release) -> ReleaseView:
    """Return a release as the API shows it."""
    return ReleaseView(
        id=one.number,
        applied_at=one.applied_at,
        applied_by=one.applied_by,
        why=one.why,
        summary={kind: dict(counts) for kind, counts in one.summary.items()},
    )


def version_view(one: Version) -> VersionView:
    """Return a version as the API shows it."""
    return VersionView(
        version=one.version,
        action=one.action,
        text=one.text,
        release=one.release.number,
        applied_at=one.release.applied_at,
        applied_by=one.release.applied_by,
        why=one.release.why,
    )


def plan_view(plan: Plan) -> PlanView:
    """Return a plan as the API shows it."""
    changes = [
        PlannedView(
            **_change(one),
            diff=diff(_text(one.before), _text(one.after), ("now", "then"))
            if one.action is Action.CHANGE
            else "",
            effect=dict(plan.effects[one.ref]) if one.ref in plan.effects else None,
        )
        for one in plan.changes
    ]
    hints = [_hint(one) for one in plan.hints]
    return PlanView(base=plan.base, hash=plan.hash, empty=plan.empty, changes=changes, hints=hints)


def _hint(one: Problem) -> HintView:
    kind, key = one.ref or ("", "")
    return HintView(
        code=one.code,
        kind=kind,
        key=key,
        source=one.source,
        line=one.line,
        column=one.column,
        message=both(one.reason),
        nearest=one.nearest,
    )


def applied_view(applied: Applied) -> AppliedView:
    """Return what was done as the API shows it."""
    return AppliedView(
        release=applied.release,
        changed=applied.changed,
        changes=[ChangeView(**_change(one)) for one in applied.changes if one.action is not Action.SAME],
    )


def _change(one: Change) -> dict[str, Any]:
    return {
        "kind": one.ref.kind,
        "key": one.ref.key,
        "action": one.action,
        "before": one.before.version if one.before else None,
        "version": one.after.version or None if one.after and one.action is not Action.SAME else None,
    }


def _text(one: Definition | None) -> str:
    return one.text if one else ""
