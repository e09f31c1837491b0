"""The demo merchant: ``guanxi demo``."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Annotated, Any

import typer

from guanxi.cli.output import DEFAULT_HOME, HomeOption, JsonOption, Tenths, notes, say, session, show
from guanxi.kernel.clock import day_to_date

if TYPE_CHECKING:
    from guanxi.bootstrap import Product
    from guanxi.customers.events.service import Receipt

MERCHANT = "demo"
LOGIN = "demo"
PASSWORD = "guanxi-tour"  # noqa: S105 - of a demo that listens on this machine only, and printed by it
NOTE = (
    "演示数据：基于真实零售规律的模拟数据（The Complete Journey）；姓名、手机号、平台账号和授权均为模拟，仅供演示。"
    " / Demonstration data: simulated on real retail patterns (The Complete Journey); names, phones, platform accounts"
    " and consents are made up."
)

_ANCHOR = "demo.anchor"
_LOADED = "demo.loaded"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(demo)


def demo(
    home: HomeOption = DEFAULT_HOME,
    serve: Annotated[
        bool, typer.Option("--serve/--no-serve", help="装好后启动 / Start the server afterwards.")
    ] = True,
    host: Annotated[str | None, typer.Option(help="监听地址 / Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="监听端口 / Port to listen on.")] = None,
    as_json: JsonOption = False,
) -> None:
    """装入演示商家并启动 / Load the demo merchant and start. Data simulated on real retail patterns."""
    from guanxi.storage.home import Home

    Home.create(home)
    with session(home, as_json=as_json) as product:
        prepare(product)
        if as_json or not serve:
            show({"home": str(home.resolve()), "merchant": MERCHANT, "login": LOGIN}, as_json=as_json)
    if serve:
        from guanxi.cli.server import run_server

        run_server(home, host, port, sign_in=(LOGIN, PASSWORD))


def prepare(product: Product) -> None:
    """Bring the demo merchant to its full state; a second call finds everything done and returns at once."""
    from guanxi.storage.merchants import Merchant, add_merchant, get_setting, list_merchants, put_note

    with product.database.reading() as tx:
        known = {merchant.merchant_id: merchant for merchant in list_merchants(tx)}
        loaded = MERCHANT in known and get_setting(tx, MERCHANT, _LOADED) is not None
    if loaded:
        if known[MERCHANT].note != NOTE:
            # It was loaded when the notice was in one language.
            with product.database.transaction() as tx:
                put_note(tx, MERCHANT, NOTE)
        _define(product)
        return
    if MERCHANT not in known:
        merchant = Merchant(
            MERCHANT, "示例超市 The Complete Journey", "Asia/Shanghai", "CNY", NOTE, product.clock.now()
        )
        with product.database.transaction() as tx:
            add_merchant(tx, merchant)
    _add_people(product)
    _add_accounts(product)
    _load(product)
    _define(product)


def _add_people(product: Product) -> None:
    from guanxi.cli.install import add_owner

    add_owner(product, MERCHANT, LOGIN, PASSWORD)


def _add_accounts(product: Product) -> None:
    from guanxi.connectors.completejourney import DOUYIN, SHOP, WECHAT
    from guanxi.customers.accounts.model import AccountKind, Platform
    from guanxi.customers.accounts.service import save_account

    now = product.clock.now()
    with product.database.transaction() as tx:
        for key, name, platform, kind in (
            (SHOP, "示例超市门店", Platform.STORE, AccountKind.STORE),
            (DOUYIN, "示例超市抖音号（模拟）", Platform.DOUYIN, AccountKind.BRAND),
            (WECHAT, "示例超市微信小程序（模拟）", Platform.WECHAT, AccountKind.BRAND),
        ):
            save_account(tx, MERCHANT, key, name=name, platform=platform, kind=kind, now=now)


class _DemoIntake:
    """The demo merchant's door."""

    def __init__(self, product: Product) -> None:
        from guanxi.connectors.completejourney import ACCOUNT, CHANNEL
        from guanxi.customers.events.model import Source

        self._product = product
        self._source = Source("completejourney", ACCOUNT, CHANNEL)

    def accept(self, messages: Sequence[Mapping[str, Any]]) -> Receipt:
        """Store messages."""
        return self._product.intake.accept(MERCHANT, self._source, messages)

    def reject(self, rejected: Sequence[Any]) -> None:
        """The package's tables are whole; nothing of them is ever rejected."""
        raise AssertionError(rejected)


def _load(product: Product) -> None:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from guanxi.bootstrap import Background
    from guanxi.connectors.completejourney import Progress as Step, load
    from guanxi.storage.merchants import get_setting, set_setting

    with product.database.reading() as tx:
        stored = get_setting(tx, MERCHANT, _ANCHOR)
        days = _merchant_days(product)
    today = day_to_date(days.day(product.clock.now()))
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    # The second core projects while this one reads and judges.
    worker = subprocess.Popen(  # noqa: S603 - ourselves
        [sys.executable, "-m", "guanxi", "worker", "--home", str(product.home.path), "--follow"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        stdin=subprocess.PIPE,
    )
    try:
        with Progress(*columns, console=notes, transient=True) as bar:
            label = say("读取演示数据", "Reading the demo data")
            reading = bar.add_task(label, total=None)
            tenths = Tenths(label)

            def on_progress(step: Step) -> None:
                bar.update(reading, total=step.total, completed=step.done)
                tenths(step.done, step.total)

            done = load(
                _DemoIntake(product),
                today=today,
                anchor=int(stored) if stored else None,
                on_progress=on_progress,
            )
            with product.database.transaction() as tx:
                set_setting(tx, MERCHANT, _ANCHOR, str(done.anchor))
    finally:
        worker.terminate()
        worker.wait()
    with Progress(*columns, console=notes, transient=True) as bar:
        settling = bar.add_task(say("整理会员", "Making out the members"), total=None)
        Background(product).settle(lambda count: bar.update(settling, completed=count))
    with product.database.transaction() as tx:
        set_setting(tx, MERCHANT, _LOADED, "1")


def _define(product: Product) -> None:
    """Give the demo merchant its attributes, traits and audiences, unless it has had definitions of any kind."""
    from importlib import resources

    from guanxi.bootstrap import Background
    from guanxi.customers.history.decide import LIFECYCLE
    from guanxi.definitions.text import parse_all

    with product.database.reading() as tx:
        if product.definitions.release(tx, MERCHANT):
            return
    folder = resources.files("guanxi").joinpath("playbooks", "demo")
    files = {one.name: one.read_text("utf-8") for one in folder.iterdir() if one.name.endswith(".yaml")}
    with (
        notes.status(say("建立标签和人群", "Making traits and audiences"))
        if notes.is_terminal
        else nullcontext()
    ):
        product.definitions.apply(
            MERCHANT,
            parse_all(files),
            by="demo",
            why="演示商家的初始定义 / What the demo merchant begins with",
        )
        merchant, _ = product.intake.merchant(MERCHANT)
        while product.boards.tell(merchant):
            pass
    # The worker looks back upon the other traits.
    with (
        notes.status(say("回看生命周期", "Looking back upon the life cycle"))
        if notes.is_terminal
        else nullcontext()
    ):
        while product.history.run(merchant, LIFECYCLE):
            pass
        Background(product).settle()


def _merchant_days(product: Product) -> Any:
    return product.intake.merchant(MERCHANT)[0].days
