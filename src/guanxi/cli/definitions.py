"""Definitions: ``plan``, ``apply`` and ``definition list|show|history|diff|releases|rollback|restore|remove``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from guanxi.cli.output import (
    DEFAULT_HOME,
    HomeOption,
    JsonOption,
    MerchantOption,
    choose_merchant,
    language,
    print_json,
    say,
    screen,
    session,
    show_rows,
)
from guanxi.cli.plans import carry_out, plan_data, print_diff, print_plan
from guanxi.kernel.clock import to_datetime, to_rfc3339, zone

if TYPE_CHECKING:
    from datetime import tzinfo

    from guanxi.definitions.model import Release, Version

app = typer.Typer(help="定义：特征、人群等 / Definitions: traits, audiences and so on.", no_args_is_help=True)

Paths = Annotated[
    list[Path],
    typer.Argument(help="YAML 文件或文件夹，格式见 docs/guide/definitions.md / YAML files or folders."),
]
KindArgument = Annotated[str, typer.Argument(help="种类，如 trait / Kind, such as trait.")]
KeyArgument = Annotated[str, typer.Argument(help="代号 / Key.")]
WhyOption = Annotated[
    str, typer.Option("--why", help="修改原因，写入历史 / The reason, kept in the history.")
]
YesOption = Annotated[bool, typer.Option("--yes", help="不再询问 / Do not ask.")]
PruneOption = Annotated[
    bool, typer.Option("--prune", help="删除文件中没有的定义 / Delete what the files do not mention.")
]


def register(to: typer.Typer) -> None:
    """Add ``plan`` and ``apply``."""
    to.command()(plan)
    to.command()(apply)


def plan(
    paths: Paths,
    prune: PruneOption = False,
    home: HomeOption = DEFAULT_HOME,
    merchant: MerchantOption = None,
    as_json: JsonOption = False,
) -> None:
    """预览定义文件会带来的修改和影响 / Show what definition files would change and do."""
    from guanxi.definitions import files

    with session(home, as_json=as_json) as product:
        chosen = choose_merchant(product, merchant)
        drawn = product.definitions.plan(chosen.merchant_id, files.read(paths), prune=prune)
        if as_json:
            print_json(plan_data(drawn))
        else:
            print_plan(drawn)


def apply(
    paths: Paths,
    why: WhyOption,
    prune: PruneOption = False,
    expect: Annotated[
        str | None,
        typer.Option(
            help="只执行 plan 显示的这份计划 / Apply only the plan with this hash, as shown by plan."
        ),
    ] = None,
    yes: YesOption = False,
    home: HomeOption = DEFAULT_HOME,
    merchant: MerchantOption = None,
    as_json: JsonOption = False,
) -> None:
    """让定义文件生效：全部或全不 / Make definition files live: all of it or nothing."""
    from guanxi.definitions import files

    with session(home, as_json=as_json) as product:
        chosen = choose_merchant(product, merchant)
        drawn = product.definitions.plan(
            chosen.merchant_id, files.read(paths), prune=prune, effects=not (as_json and yes)
        )
        carry_out(product, chosen, drawn, why, yes=yes or expect is not None, as_json=as_json, expect=expect)


@app.command(name="list")
def list_(
    kind: Annotated[str | None, typer.Option(help="只列这一种 / Only of this kind.")] = None,
    home: HomeOption = DEFAULT_HOME,
    merchant: MerchantOption = None,
    as_json: JsonOption = False,
) -> None:
    """列出生效的定义 / List what is live."""
    from guanxi.definitions.reading import Reading

    with session(home, as_json=as_json) as product:
        chosen = choose_merchant(product, merchant)
        with product.database.reading() as tx:
            live = product.definitions.live(tx, chosen.merchant_id).definitions
        shown = [
            Reading(one, one.spec.keys()) for ref, one in sorted(live.items()) if kind in (None, ref.kind)
        ]
        rows = [(*one.definition.ref, one.definition.version, one.label(), one.note()) for one in shown]
        if as_json:
            names = ("kind", "key", "version", "label", "note")
            told = [(*row[:3], *({"zh": text.zh, "en": text.en} for text in row[3:])) for row in rows]
            print_json([dict(zip(names, row, strict=True)) for row in told])
            return
        columns = (say("种类", "Kind"), say("代号", "Key"), say("版本", "Version"), say("名称", "Label"))
        show_rows(
            [(*row[:3], *(text.in_(language()) for text in row[3:])) for row in rows],
            (*columns, say("说明", "Note")),
        )


@app.command()
def show(
    kind: KindArgument,
    key: KeyArgument,
    version: Annotated[int | None, typer.Option(help="旧版本 / An earlier version.")] = None,
    home: HomeOption = DEFAULT_HOME,
    merchant: MerchantOption = None,
    as_json: JsonOption = False,
) -> None:
    """显示一份定义的原文 / Show a definition's text."""
    from guanxi.definitions.model import Ref

    ref = Ref(kind, key)
    with session(home, as_json=as_json) as product:
        chosen = choose_merchant(product, merchant)
        with product.database.reading() as tx:
            if version is not None:
                old = product.definitions.version(tx, chosen.merchant_id, ref, version)
                number, text = old.version, old.text
            else:
                live = product.definitions.get(tx, chosen.merchant_id, ref)
                number, text = live.version, live.text
            users = product.definitions.dependants(tx, chosen.merchant_id, ref)
        if as_json:
            named = [{"kind": one.kind, "key": one.key} for one in users]
            print_json({"kind": kind, "key": key, "version": number, "text": text, "dependants": named})
        else:
            screen.print(text, end="", highlight=False, soft_wrap=True)


@app.command()
def history(
    kind: KindArgument,
    key: KeyArgument,
    home: HomeOption = DEFAULT_HOME,
    merchant: MerchantOption = None,
    as_json: JsonOption = False,
) -> None:
    """列出一份定义的所有版本：谁、何时、为什么 / List all versions of a definition: who, when, why."""
    from guanxi.definitions.model import Ref

    with session(home, as_json=as_json) as product:
        chosen = choose_merchant(product, merchant)
        with product.database.reading() as tx:
            found = product.definitions.history(tx, chosen.merchant_id, Ref(kind, key))
        if as_json:
            print_json([_version_data(one) for one in found])
            return
        local = zone(chosen.timezone)
        show_rows(
            [
                (one.version, one.action.label.in_(language()), *_release_row(one.release, local))
                for one in found
            ],
            (say("版本", "Version"), say("操作", "Action"), *_release_columns()),
        )


@app.command()
def diff(
    kind: KindArgument,
    key: KeyArgument,
    first: Annotated[int, typer.Argument(help="版本 / Version.")],
    second: Annotated[int, typer.Argument(help="版本 / Version.")],
    home: HomeOption = DEFAULT_HOME,
    merchant: MerchantOption = None,
    as_json: JsonOption = False,
) -> None:
    """比较两个版本的原文 / Compare the texts of two versions."""
    from guanxi.definitions import decide
    from guanxi.definitions.model import Ref

    ref = Ref(kind, key)
    with session(home, as_json=as_json) as product:
        chosen = choose_merchant(product, merchant)
        with product.database.reading() as tx:
            one, other = (
                product.definitions.version(tx, chosen.merchant_id, ref, number) for number in (first, second)
            )
        said = decide.diff(one.text, other.text, (f"{ref} {first}", f"{ref} {second}"))
        if as_json:
            print_json({"kind": kind, "key": key, "from": first, "to": second, "diff": said})
        else:
            print_diff(said)


@app.command()
def releases(
    lines: Annotated[
        int, typer.Option("--lines", "-n", min=1, help="最近几次 / How many of the latest.")
    ] = 20,
    home: HomeOption = DEFAULT_HOME,
    merchant: MerchantOption = None,
    as_json: JsonOption = False,
) -> None:
    """列出每次发布 / List releases: what went live together."""
    with session(home, as_json=as_json) as product:
        chosen = choose_merchant(product, merchant)
        with product.database.reading() as tx:
            found = product.definitions.releases(tx, chosen.merchant_id, limit=lines)
        if as_json:
            print_json([{**_release_data(one), "summary": one.summary} for one in found])
            return
        local = zone(chosen.timezone)
        show_rows([_release_row(one, local) for one in found], _release_columns())


@app.command()
def rollback(
    kind: KindArgument,
    key: KeyArgument,
    version: Annotated[int, typer.Argument(help="回到这个版本 / The version to go back to.")],
    why: WhyOption,
    yes: YesOption = False,
    home: HomeOption = DEFAULT_HOME,
    merchant: MerchantOption = None,
    as_json: JsonOption = False,
) -> None:
    """让一份定义回到旧版本 / Give a definition the text of an earlier version."""
    from guanxi.definitions.model import Ref

    with session(home, as_json=as_json) as product:
        chosen = choose_merchant(product, merchant)
        drawn = product.definitions.plan_rollback(chosen.merchant_id, Ref(kind, key), version)
        carry_out(product, chosen, drawn, why, yes=yes, as_json=as_json)


@app.command()
def restore(
    release: Annotated[int, typer.Argument(help="发布编号 / The release's number.")],
    why: WhyOption,
    yes: YesOption = False,
    home: HomeOption = DEFAULT_HOME,
    merchant: MerchantOption = None,
    as_json: JsonOption = False,
) -> None:
    """让全部定义回到某次发布之后的样子 / Go back to everything that was live after a release."""
    with session(home, as_json=as_json) as product:
        chosen = choose_merchant(product, merchant)
        drawn = product.definitions.plan_release(chosen.merchant_id, release)
        carry_out(product, chosen, drawn, why, yes=yes, as_json=as_json)


@app.command()
def remove(
    kind: KindArgument,
    key: KeyArgument,
    why: WhyOption,
    yes: YesOption = False,
    home: HomeOption = DEFAULT_HOME,
    merchant: MerchantOption = None,
    as_json: JsonOption = False,
) -> None:
    """删除一份没有被使用的定义 / Delete a definition that nothing rests on."""
    from guanxi.definitions.model import Ref

    with session(home, as_json=as_json) as product:
        chosen = choose_merchant(product, merchant)
        drawn = product.definitions.plan_removal(chosen.merchant_id, [Ref(kind, key)])
        carry_out(product, chosen, drawn, why, yes=yes, as_json=as_json)


def _version_data(one: Version) -> dict[str, Any]:
    return {
        "kind": one.ref.kind,
        "key": one.ref.key,
        "version": one.version,
        "action": one.action.value,
        **_release_data(one.release),
    }


def _release_data(one: Release) -> dict[str, Any]:
    return {
        "release": one.number,
        "applied_at": to_rfc3339(one.applied_at),
        "applied_by": one.applied_by,
        "why": one.why,
    }


def _release_row(one: Release, local: tzinfo) -> tuple[object, ...]:
    at = to_datetime(one.applied_at).astimezone(local).isoformat(" ", "seconds")
    return (one.number, at, one.applied_by, one.reason.in_(language()))


def _release_columns() -> tuple[str, ...]:
    return (say("发布", "Release"), say("时间", "When"), say("操作者", "Who"), say("原因", "Why"))
