"""The event log: ``events tail|replay|declare``."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
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
    show,
    styled,
)
from guanxi.kernel.clock import to_datetime, to_rfc3339, zone

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import tzinfo

    from guanxi.storage.events.model import LoggedEvent

app = typer.Typer(help="事件 / Events.", no_args_is_help=True)


@app.command()
def tail(
    lines: Annotated[
        int, typer.Option("--lines", "-n", help="先显示最近几条 / How many of the latest first.")
    ] = 20,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="持续显示 / Go on as events come.")] = False,
    home: HomeOption = DEFAULT_HOME,
    merchant: MerchantOption = None,
    as_json: JsonOption = False,
) -> None:
    """显示最近的事件，不含个人信息 / Show the latest events, without what is personal."""
    with session(home, as_json=as_json) as product:
        chosen = choose_merchant(product, merchant)

        def label(name: str) -> str:
            kind = product.intake.merchant(chosen.merchant_id)[1].get(name)
            return name if kind is None else kind.title.in_(language())

        local = zone(chosen.timezone)
        latest = product.log.newest(chosen.merchant_id, limit=lines)[::-1]
        for event in latest:
            _print(event, label, local, as_json=as_json)
        after = latest[-1].position if latest else product.log.end(chosen.merchant_id)
        while follow:
            events = product.log.read(chosen.merchant_id, after, 500)
            for event in events:
                _print(event, label, local, as_json=as_json)
                after = event.position
            if not events:
                time.sleep(0.5)


def _print(event: LoggedEvent, label: Callable[[str], str], local: tzinfo, *, as_json: bool) -> None:
    payload: dict[str, Any] = msgspec.json.decode(event.payload)
    if as_json:
        print_json(
            {
                "position": list(event.position),
                "id": event.event_id,
                "type": event.type,
                "time": to_rfc3339(event.time),
                "account": event.account,
                "channel": event.channel,
                "subject": event.subject,
                **payload,
            }
        )
    else:
        said = msgspec.json.encode(payload.get("properties") or payload.get("traits") or {}).decode()
        screen.print(
            styled(
                # The merchant's own time, with its offset from UTC.
                (to_datetime(event.time).astimezone(local).isoformat(" ", "seconds"), "dim"),
                " ",
                (label(event.type), "bold"),
                f" {event.channel} {said[:160]}",
            )
        )


@app.command()
def replay(
    home: HomeOption = DEFAULT_HOME, merchant: MerchantOption = None, as_json: JsonOption = False
) -> None:
    """从事件日志重新推算会员 / Work members out afresh from the whole log."""
    with session(home, as_json=as_json) as product:
        chosen = choose_merchant(product, merchant)
        done = product.projection.rebuild(chosen.merchant_id)
        show({"events": done}, as_json=as_json, title=say("已重放", "Replayed"))


@app.command()
def declare(
    file: Annotated[Path, typer.Argument(help="YAML：类型名 → 声明 / YAML: type → declaration.")],
    home: HomeOption = DEFAULT_HOME,
    merchant: MerchantOption = None,
    as_json: JsonOption = False,
) -> None:
    """声明商家自己的事件类型，格式见 docs/guide/declare.md / Declare event types; docs/guide/declare.md has the format."""
    import yaml

    from guanxi.customers.events.service import declare as declare_type
    from guanxi.kernel.errors import InvalidInput

    with session(home, as_json=as_json) as product:
        chosen = choose_merchant(product, merchant)
        try:
            declared = yaml.safe_load(file.read_text("utf-8"))
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise InvalidInput(
                reason_zh=f"{file} 无法读取：{error}", reason_en=f"{file} cannot be read: {error}"
            ) from error
        if not isinstance(declared, dict):
            raise InvalidInput(reason_zh=f"{file} 应为键值对", reason_en=f"{file} should be a mapping")
        with product.database.transaction() as tx:
            for name, spec in declared.items():
                declare_type(tx, chosen.merchant_id, str(name), spec, product.clock.now())
        show({"declared": sorted(map(str, declared))}, as_json=as_json)
