"""A real server to send to, and a network that loses answers."""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


def free_port() -> int:
    """Return a port of this machine that nobody listens on.

    Not one of those that connections get on their way out: while the server is down, somebody might get just that one,
    or a client that tries to reach it be connected with itself.
    """
    while True:
        port = random.SystemRandom().randrange(20_000, 32_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


class Shop:
    """An installation served by ``guanxi serve`` in processes of its own."""

    def __init__(self, home: Path, database: str) -> None:
        self.home = home
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self.run("init", "--database", database)
        self.key = str(self.run("key", "create", "website")["key"])

    def run(self, *words: str) -> Any:
        """Return the answer of a command."""
        command = [sys.executable, "-m", "guanxi", *words, "--home", str(self.home), "--json"]
        return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    def start(self) -> None:
        """Start the server with its worker and wait until it answers."""
        command = [
            sys.executable,
            "-m",
            "guanxi",
            "serve",
            "--home",
            str(self.home),
            "--port",
            str(self.port),
        ]
        self.process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)) as connection:
                    connection.request("GET", "/healthz")
                    if connection.getresponse().status == 200:
                        return
            except OSError:
                time.sleep(0.1)
        raise TimeoutError

    def kill(self) -> None:
        """End server and worker at once, as a power cut would."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

    def summary(self) -> dict[str, int]:
        """Return the shop's numbers once everything that has come is worked off."""
        self.run("worker", "--settle")
        numbers: dict[str, int] = self.run("summary")
        return numbers

    @property
    def address(self) -> str:
        """Where clients send to."""
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def losing_answers(upstream: int, *, lost: int) -> Iterator[str]:
    """Give an address that passes requests on, but loses the first ``lost`` answers after the server has acted."""
    left = [lost]
    guard = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {key: value for key, value in self.headers.items() if key.lower() != "host"}
            with closing(http.client.HTTPConnection("127.0.0.1", upstream, timeout=30)) as connection:
                connection.request("POST", self.path, body, headers)
                answer = connection.getresponse()
                content = answer.read()
            with guard:
                left[0] -= 1
                drop = left[0] >= 0
            if drop:
                self.connection.shutdown(socket.SHUT_RDWR)
                self.close_connection = True
                return
            self.send_response(answer.status)
            self.send_header("content-type", answer.getheader("content-type") or "application/json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
