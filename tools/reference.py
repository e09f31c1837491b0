"""Write the reference pages from the code itself: ``python -m tools.reference``; ``--check`` fails if one is stale.

Commands come from the command line, event types from the catalogue, identity types from the identity kinds,
permissions and roles from access, and the HTTP interface from its OpenAPI document.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from guanxi.access.permissions import BUILT_IN_ROLES, Permission
from guanxi.bootstrap import build, create_web
from guanxi.cli import app
from guanxi.customers.events.catalogue import builtin
from guanxi.customers.identity.kinds import KINDS
from guanxi.storage.home import Home, Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "reference"
_HEAD = "<!-- Written by `make reference`; edit the code instead. -->\n\n"


def commands() -> str:
    """Every command of ``guanxi`` with its arguments and options."""
    lines = ["# Commands · 命令\n", "Every command takes `--home DIR` and `--json`.\n"]
    root = typer.main.get_command(app)
    for path, command in _walk(root, ("guanxi",)):
        lines.append(f"## `{' '.join(path)}`\n")
        lines.append((command.help or "").split("\n\n")[0].strip() + "\n")
        rows = [_parameter(one) for one in command.params if one.name not in {"help", "home", "as_json"}]
        rows = [row for row in rows if row]
        if rows:
            lines += ["| option | meaning |", "|---|---|", *rows, ""]
    return "\n".join(lines)


def _walk(command: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    children = getattr(command, "commands", None)
    if children is None:
        yield path, command
        return
    for name in sorted(children):
        yield from _walk(children[name], (*path, name))


def _parameter(one: Any) -> str:
    if getattr(one, "hidden", False):
        return ""
    names = (
        ", ".join(f"`{name}`" for name in (*one.opts, *one.secondary_opts)) if one.opts else f"`{one.name}`"
    )
    if one.param_type_name == "argument":
        names = f"`{one.name.upper()}`"
    return f"| {names} | {getattr(one, 'help', '') or ''} |"


def events() -> str:
    """The built-in event types."""
    lines = [
        "# Event types · 事件类型\n",
        "Money is an integer of the minor unit (fen). Other types are kept as they come.\n",
    ]
    for kind in builtin().types.values():
        note = " (written by Guanxi only)" if kind.internal else ""
        lines.append(f"## `{kind.name}`\n\n{kind.label.zh} · {kind.label.en}, version {kind.version}{note}\n")
        if kind.fields:
            lines += ["| field | type | | 中文 | English |", "|---|---|---|---|---|"]
            lines += [
                f"| `{one.name}` | {one.type} | {'required' if one.required else ''} | {one.label.zh} | {one.label.en} |"
                for one in kind.fields.values()
            ]
            lines.append("")
        if kind.measures:
            lines.append(f"Measures: {', '.join(f'`{name}`' for name in kind.measures)}.\n")
        if kind.dimensions:
            lines.append(f"Dimensions: {', '.join(f'`{name}`' for name in kind.dimensions)}.\n")
    return "\n".join(lines)


def identities() -> str:
    """The types of identity, in the order in which an event's subject is chosen."""
    lines = [
        "# Types of identity · 身份类型\n",
        "| type | 中文 | English | scope | one per person | may change hands |",
        "|---|---|---|---|---|---|",
    ]
    for kind in KINDS.values():
        scope = kind.scope.en if kind.scope else ""
        lines.append(
            f"| `{kind.key}` | {kind.label.zh} | {kind.label.en} | {scope} |"
            f" {'yes' if kind.exclusive else ''} | {'yes' if kind.reassignable else ''} |"
        )
    return "\n".join(lines) + "\n"


def permissions() -> str:
    """Permissions, and the roles that hold them."""
    roles = list(BUILT_IN_ROLES.values())
    lines = [
        "# Permissions and roles · 权限与角色\n",
        f"| permission | 中文 | English | {' | '.join(role.key for role in roles)} |",
        f"|---|---|---|{'---|' * len(roles)}",
    ]
    for one in Permission:
        held = " | ".join("✓" if one in role.permissions else "" for role in roles)
        lines.append(f"| `{one.value}` | {one.label.zh} | {one.label.en} | {held} |")
    return "\n".join(lines) + "\n"


def http() -> str:
    """The HTTP interface, from its OpenAPI document."""
    product = build(Home(Path("home"), Settings(), b"\x00" * 32))
    try:
        document = create_web(product).openapi()
    finally:
        product.database.dispose()
    lines = [
        "# HTTP interface\n",
        "The full description, from which clients can be generated, is served at `/openapi.json`.\n",
    ]
    for path in sorted(document["paths"]):
        for method, operation in document["paths"][path].items():
            lines.append(f"## `{method.upper()} {path}`\n")
            lines.append(str(operation.get("description") or operation.get("summary") or "").strip() + "\n")
    return "\n".join(lines)


PAGES: dict[str, Callable[[], str]] = {
    "commands.md": commands,
    "events.md": events,
    "http.md": http,
    "identities.md": identities,
    "permissions.md": permissions,
}


def main() -> int:
    """Write the pages, or with ``--check`` say which are stale."""
    stale = []
    for name, write in PAGES.items():
        page = FOLDER / name
        text = _HEAD + write().rstrip() + "\n"
        if page.exists() and page.read_text("utf-8") == text:
            continue
        stale.append(name)
        if "--check" not in sys.argv:
            page.parent.mkdir(parents=True, exist_ok=True)
            page.write_text(text, "utf-8")
    if "--check" in sys.argv and stale:
        print(f"docs/reference is stale: {', '.join(stale)}; run make reference")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
