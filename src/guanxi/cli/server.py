"""Running: ``serve`` answers requests, ``worker`` does everything else."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Annotated

import typer

from guanxi.cli.output import DEFAULT_HOME, HomeOption, JsonOption, notes, say, session, show, styled


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(serve)
    app.command()(worker)


def serve(
    home: HomeOption = DEFAULT_HOME,
    host: Annotated[str | None, typer.Option(help="监听地址 / Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="监听端口 / Port to listen on.")] = None,
    with_worker: Annotated[
        bool, typer.Option("--worker/--no-worker", help="同时运行 worker / Run the worker too.")
    ] = True,
    as_json: JsonOption = False,
) -> None:
    """启动 API 与控制台 / Answer API and console."""
    with session(home, as_json=as_json) as product:
        settings = product.home.settings
    address = (host or settings.host, port or settings.port)
    if as_json:
        show({"host": address[0], "port": address[1]}, as_json=True)
    run_server(home, *address, with_worker=with_worker)


def run_server(
    home: Path,
    host: str | None,
    port: int | None,
    *,
    with_worker: bool = True,
    sign_in: tuple[str, str] | None = None,
) -> None:
    """Serve until stopped, with a worker in a process of its own that ends when this one does."""
    import uvicorn

    from guanxi.bootstrap import create_web, opened
    from guanxi.runtime.logs import write_logs
    from guanxi.runtime.process import settle_in

    write_logs()
    with opened(home) as product:
        settings = product.home.settings
        host, port = host or settings.host, port or settings.port
        child = _start_worker(home) if with_worker else None
        try:
            app = create_web(product, demo=sign_in)
            config = uvicorn.Config(
                app, host=host, port=port, log_level="warning", access_log=False, timeout_graceful_shutdown=10
            )
            server = uvicorn.Server(config)
            address = f"http://{host}:{port}/console"
            notes.print(styled(("●", "bold green"), f" {say('控制台', 'Console')}: {address}"))
            if sign_in is not None:
                notes.print(
                    f"  {say('登录', 'Sign in')}: {sign_in[0]} / {sign_in[1]}   {say('（演示数据）', '(demo data)')}",
                    highlight=False,
                )
            settle_in()
            server.run()
        finally:
            if child is not None:
                child.terminate()
                child.wait()


def _start_worker(home: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 - ourselves
        [sys.executable, "-m", "guanxi", "worker", "--home", str(home), "--follow"], stdin=subprocess.PIPE
    )


def worker(
    home: HomeOption = DEFAULT_HOME,
    settle: Annotated[
        bool,
        typer.Option(
            "--settle", help="处理完现有事件即结束 / End when everything that has come is worked off."
        ),
    ] = False,
    follow: Annotated[bool, typer.Option("--follow", hidden=True)] = False,
    as_json: JsonOption = False,
) -> None:
    """在后台整理事件、触发定时、投递消息 / Work off events, timers and messages."""
    from guanxi.bootstrap import Background
    from guanxi.runtime.logs import write_logs
    from guanxi.runtime.process import settle_in
    from guanxi.runtime.worker import Worker

    with session(home, as_json=as_json) as product:
        background = Background(product)
        settle_in()
        if settle:
            show({"events": background.settle()}, as_json=as_json)
            return
        write_logs()
        running = Worker(product.database, background.jobs(), product.clock)
        if follow:
            # The parent holds the other end of our standard input; when it dies, however it dies, that end closes.
            threading.Thread(target=_stop_with_parent, args=(running,), daemon=True).start()
        lake = Worker(product.database, background.lake_jobs(), product.clock)
        beside = threading.Thread(target=lake.run, name="guanxi-lake")
        beside.start()
        try:
            running.run()
        finally:
            lake.stop()
            beside.join()


def _stop_with_parent(running: object) -> None:
    while os.read(sys.stdin.fileno(), 4096):
        pass
    running.stop()  # type: ignore[attr-defined]
