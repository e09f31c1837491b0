"""A network where requests and answers get lost, and a server that says that it is busy."""

from __future__ import annotations

import http.client
import threading
from collections import Counter
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import cycle
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Mishap = Literal["none", "lost answer", "lost request", "429", "503"]

ALL: tuple[Mishap, ...] = (
    "lost answer", "none", "503", "none", "lost answer", "none", "429", "none", "lost request", "none",
)  # fmt: skip


@contextmanager
def rough_road(upstream: int, mishaps: Sequence[Mishap] = ALL) -> Iterator[tuple[str, Counter[str]]]:
    """Give an address in front of a port where ``mishaps`` happen to the requests in turn, and what happened so far."""
    coming = cycle(mishaps)
    done: Counter[str] = Counter()
    guard = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            with guard:
                mishap = next(coming)
                done[mishap] += 1
            if mishap in {"429", "503"}:
                self._answer(int(mishap), b'{"code":"busy","message":"later"}', {"Retry-After": "1"})
            elif mishap == "lost request":
                self.close_connection = True
            else:
                self._forward(body, lose=mishap == "lost answer")

        def _forward(self, body: bytes, *, lose: bool) -> None:
            server = http.client.HTTPConnection("127.0.0.1", upstream, timeout=30)
            try:
                server.request("POST", self.path, body, dict(self.headers))
                answer = server.getresponse()
                content = answer.read()
            except (OSError, http.client.HTTPException):
                self.close_connection = True
                return
            finally:
                server.close()
            if lose:
                self.close_connection = True
                return
            done[f"answered {answer.status}"] += 1
            self._answer(answer.status, content, {"Content-Type": answer.headers["Content-Type"]})

        def _answer(self, status: int, content: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", done
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
