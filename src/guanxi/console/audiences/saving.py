"""Saving and deleting audiences: what would happen is said first, and happens when it is confirmed."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from starlette.responses import Response

from guanxi.access.actions import Action
from guanxi.access.permissions import Permission
from guanxi.console.audiences import builder, effects, rows
from guanxi.console.audiences.choices import Choices, choices
from guanxi.console.audiences.effects import label_of
from guanxi.console.audiences.paths import HERE, definition_of, page_of
from guanxi.console.definitions import counting
from guanxi.console.forms import Checked
from guanxi.console.i18n import N_
from guanxi.console.session import Asked, Page, go_whole, post
from guanxi.console.work.asking import later_at
from guanxi.customers.audiences.service import Audiences
from guanxi.customers.traits.derived import AUDIENCE
from guanxi.definitions import BadDefinitions, Plan, Ref, World
from guanxi.definitions.service import Definitions
from guanxi.definitions.text import write
from guanxi.definitions.wishes import Way, Wish
from guanxi.kernel.errors import InvalidInput
from guanxi.kernel.text import Text

NEEDS: Final = Permission.DEFINITIONS_WRITE
_KEY: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")
_TAKEN: Final = frozenset({"new", "overlap", "draft", "count"})
"""Keys whose pages would be others."""
_FIELDS: Final = ("label_zh", "label_en", "note_zh", "note_en", "key", "why")
_MOST_LABEL: Final = 60
_MOST_NOTE: Final = 500


def pages() -> list[Page]:
    """Return what changes audiences."""
    return [
        post(f"{HERE}/new", save, NEEDS),
        post(f"{HERE}/{{key}}/edit", save, NEEDS),
        Page(f"{HERE}/{{key}}/delete", ask_delete, NEEDS),
        post(f"{HERE}/{{key}}/delete", delete, NEEDS),
    ]


def save(asked: Asked) -> Response:
    """Say what saving would do, or do it if that was seen."""
    key = str(asked.request.path_params.get("key", ""))
    values = {name: asked.form.get(name) for name in _FIELDS}
    static = asked.form.get("static") == "yes"
    some = choices(asked, asked.service(Audiences).vocabulary(asked.merchant))
    rule, group, missing = (builder.Rule(""), None, {}) if static else _rule(asked, some)
    checked = Checked(asked)
    ref = Ref(AUDIENCE, key or _key(asked, checked, values))
    _check(checked, values)
    if not static:
        _check_rule(checked, rule, missing)
    effect: dict[str, Any] | None = None
    if checked:
        with checked.noting():
            try:
                wish = _wish(asked, ref, values, rule.text, static=static, fresh=not key)
                plan = asked.service(Definitions).plan_wish(asked.merchant_id, wish, effects=False)
            except BadDefinitions as error:
                one = error.problems[0]
                # What is wrong may be a definition that rests on this one.
                where = "" if one.ref in (None, ref) else f"{one.ref}: "
                raise InvalidInput(
                    reason_zh=f"{where}{one.reason.zh}", reason_en=f"{where}{one.reason.en}"
                ) from error
            if asked.form.get("do") == "apply" and asked.form.get("seen") == plan.hash:
                if (answer := _apply(asked, ref, wish, plan, checked, fresh=not key)) is not None:
                    return answer
            else:
                effect = effects.effect(asked, ref, wish, plan)
    values["key"] = ref.key if not key else values["key"]
    status = 200 if checked else 422
    if static:
        return asked.render(
            "audiences/static_new.html",
            status=status,
            headers=counting.tray_looks(effect),
            **builder.static_values(values, key=key, errors=checked.errors, effect=effect),
        )
    return asked.render(
        "audiences/builder.html",
        status=status,
        headers=counting.tray_looks(effect),
        **builder.builder(
            asked,
            some,
            rule,
            values,
            key=key,
            group=group,
            missing=missing,
            errors=checked.errors,
            effect=effect,
        ),
    )


def _apply(
    asked: Asked, ref: Ref, wish: Wish, plan: Plan, checked: Checked, *, fresh: bool
) -> Response | None:
    """Make what was seen live and lead on; ``None`` after noting why that could not be."""
    done = f"{page_of(ref.key)}?done=saved"
    made = counting.apply(
        asked,
        wish,
        Action.DEFINITIONS_APPLIED,
        counting.named(plan, Text("保存人群", "Save the audience")),
        done,
        topic=f"audience/{ref.key}",
        expect=plan.hash,
    )
    if made.work is None:
        return go_whole(asked, later_at(HERE if fresh else page_of(ref.key)))
    if made.error or made.moved:
        checked.errors["form"] = made.error or made.moved
        return None
    return go_whole(asked, done)


def _rule(asked: Asked, some: Choices) -> tuple[builder.Rule, rows.Group | None, Mapping[str, str]]:
    """Return the rule that was sent: the side that was changed since both agreed; the rows if they are not complete.

    A click on save may come before the other side has followed.
    """
    text, agreed = builder.text_of(asked), asked.form.raw("agreed").replace("\r\n", "\n")
    written = builder.read_rule(text, some)
    if text != agreed:
        return written, None, {}
    group = rows.read(asked.form.fields)
    if not group.items:
        return written, None, {}
    rule, missing = builder.picked(group, some)
    return (written if rule.node is not None and rule.node == written.node else rule), group, missing


def _check_rule(checked: Checked, rule: builder.Rule, missing: Mapping[str, str]) -> None:
    if missing:
        checked.wrong("rule", N_("A condition is not filled in yet. Fill it in, or take it off."))
    elif rule.node is None:
        checked.wrong(
            "rule",
            N_("The rule cannot be used yet; see what is wrong with it.")
            if rule.text.strip() or rule.lacks
            else N_("Choose at least one condition."),
        )


def _check(checked: Checked, values: Mapping[str, str]) -> None:
    if not (values["label_zh"] or values["label_en"]):
        checked.wrong("label_zh", N_("Say what the audience is called."))
    for name in ("label_zh", "label_en"):
        if len(values[name]) > _MOST_LABEL:
            checked.wrong(name, N_("This is too long."))
    for name in ("note_zh", "note_en"):
        if len(values[name]) > _MOST_NOTE:
            checked.wrong(name, N_("This is too long."))
    if not values["why"]:
        checked.wrong("why", N_("Say in a few words why, for whoever asks later."))


def _key(asked: Asked, checked: Checked, values: Mapping[str, str]) -> str:
    """Return the key of a new audience: the given one, or one made from its name that is free."""
    with asked.context.database.reading() as tx:
        taken = set(asked.service(Definitions).live(tx, asked.merchant_id).of(AUDIENCE)) | _TAKEN
    given = values["key"]
    if given and asked.form.get("proposed") != given:
        if not _KEY.fullmatch(given):
            checked.wrong("key", N_("A code begins with a–z and has a–z, 0–9 and _ only."))
        elif given in taken:
            checked.wrong("key", N_("This code is taken."))
        return given
    return proposed(values["label_en"], taken)


def proposed(label: str, taken: Collection[str]) -> str:
    """Return a free key made from an English name, or a numbered one."""
    made = re.sub(r"[^a-z0-9]+", "_", label.lower()).strip("_")[:50]
    stem = made if _KEY.fullmatch(made) else f"audience_{made}".strip("_")
    found, number = stem if stem != "audience" else "audience_1", 1
    while found in taken:
        number += 1
        found = f"{stem}_{number}"
    return found


def _wish(asked: Asked, ref: Ref, values: Mapping[str, str], rule: str, *, static: bool, fresh: bool) -> Wish:
    """Return what saving changes."""
    spec: dict[str, Any] = {} if fresh else dict(builder.definition(asked, ref.key).spec)
    zh, en = values["label_zh"], values["label_en"]
    spec["label"] = {"zh": zh or en, "en": en or zh}
    spec.pop("note", None)
    if values["note_zh"] or values["note_en"]:
        spec["note"] = {
            "zh": values["note_zh"] or values["note_en"],
            "en": values["note_en"] or values["note_zh"],
        }
    if static:
        spec["static"] = True
    else:
        spec["rule"] = rule
    return Wish(Way.TEXT, write(ref, spec))


def ask_delete(asked: Asked) -> Response:
    """Ask why an audience should go, or say what rests on it."""
    return _deletion(asked, {})


def _deletion(asked: Asked, errors: Mapping[str, str]) -> Response:
    key = asked.part("key")
    found = builder.definition(asked, key)
    with asked.context.database.reading() as tx:
        users = asked.service(Definitions).dependants(tx, asked.merchant_id, found.ref)
        world = asked.service(Definitions).live(tx, asked.merchant_id)
    return asked.render(
        "audiences/delete.html",
        status=422 if errors else 200,
        audience=builder.fields_of(found),
        key=key,
        href=page_of(key),
        users=named(asked, world, users),
        errors=errors,
        why=asked.form.get("why"),
    )


def named(asked: Asked, world: World, refs: Iterable[Ref]) -> list[dict[str, str]]:
    """Return the kinds, names and pages of definitions."""
    kinds = asked.service(Definitions).kinds
    return [
        {
            "name": label_of(asked, world, ref),
            "kind": kinds[ref.kind].label.in_(asked.language) if ref.kind in kinds else ref.kind,
            "href": page_of(ref.key) if ref.kind == AUDIENCE else definition_of(ref.key, ref.kind),
        }
        for ref in refs
    ]


def delete(asked: Asked) -> Response:
    """Delete an audience on which nothing rests."""
    ref = Ref(AUDIENCE, asked.part("key"))
    why = asked.form.get("why")
    checked = Checked(asked)
    if not why:
        checked.wrong("why", N_("Say in a few words why, for whoever asks later."))
        return _deletion(asked, checked.errors)
    wish = Wish(Way.REMOVE, ref=ref)
    try:
        plan = asked.service(Definitions).plan_wish(asked.merchant_id, wish, effects=False)
    except BadDefinitions:
        return _deletion(asked, {"form": asked.say(N_("Something rests on it by now; look again."))})
    made = counting.apply(
        asked,
        wish,
        Action.DEFINITIONS_REMOVED,
        counting.named(plan, Text("删除人群", "Delete the audience")),
        f"{HERE}?done=deleted",
        topic=f"audience/{ref.key}",
        expect=plan.hash,
    )
    if made.work is None:
        return go_whole(asked, later_at(HERE))
    if made.error or made.moved:
        return _deletion(asked, {"form": made.error or made.moved})
    return go_whole(asked, f"{HERE}?done=deleted")
