"""The command line: ``guanxi``."""

from __future__ import annotations

import sys

import typer

from guanxi.cli import (
    audiences,
    definitions,
    demo,
    events,
    imports,
    install,
    keys,
    members,
    merchants,
    server,
    staff,
    summary,
    work,
)
from guanxi.cli.output import tell
from guanxi.kernel.errors import GuanxiError

app = typer.Typer(
    name="guanxi",
    help="关系 Guanxi：商家自己的会员中心 / the member centre that a merchant runs for itself.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
for part in (install, demo, imports, server, summary, definitions):
    part.register(app)
app.add_typer(members.app, name="member")
app.add_typer(audiences.app, name="audience")
app.add_typer(events.app, name="events")
app.add_typer(definitions.app, name="definition")
app.add_typer(merchants.app, name="merchant")
app.add_typer(staff.app, name="staff")
app.add_typer(keys.app, name="key")
app.add_typer(work.app, name="work")


def main() -> None:
    """Run the command line."""
    try:
        app()
    except GuanxiError as error:
        # From what a command does before it opens the installation.
        tell(error, as_json="--json" in sys.argv)
        sys.exit(1)
