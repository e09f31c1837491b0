"""Running: ``serve`` answers requests, ``worker`` does everything else."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Annotated

import typer

from guanxi.cli.output import DEFAULT_HOME, HomeOption, JsonOption, fail, notes, say, session, show, styled
from guanxi.kernel.errors import InvalidInput


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
        try:
            listening = _listen(host, port)
        except InvalidInput as error:
            fail(error, as_json=False)
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
            server.run(sockets=[listening])
        except KeyboardInterrupt:
            # Ctrl-C is how one stops it; everything has been closed by now.
            pass
        finally:
            listening.close()
            if child is not None:
                child.terminate()
                child.wait()


def _listen(host: str, port: int) -> socket.socket:
    """Take the address before anything says that it is served; raises ``InvalidInput``."""
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(2048)
    except (OSError, OverflowError) as error:
        listening.close()
        if getattr(error, "errno", None) == errno.EADDRINUSE:
            raise InvalidInput(
                reason_zh=f"端口 {port} 已被占用；请停掉占用它的程序，或用 --port 换一个。",
                reason_en=f"port {port} is in use; stop whatever uses it, or choose another with --port.",
            ) from error
        raise InvalidInput(
            reason_zh=f"无法监听 {host}:{port}：{error}", reason_en=f"cannot listen on {host}:{port}: {error}"
        ) from error
    return listening


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
        crew = background.crew()
        crew.start()
        try:
            running.run()
        finally:
            lake.stop()
            crew.stop()
            beside.join()


def _stop_with_parent(running: object) -> None:
    while os.read(sys.stdin.fileno(), 4096):
        pass
    running.stop()  # type: ignore[attr-defined]
