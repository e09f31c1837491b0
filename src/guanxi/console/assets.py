"""The console's static files: served under a path that contains their hash, so that browsers keep them for ever."""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

FOLDER: Final = Path(__file__).parent / "static"
PREFIX: Final = "/static"

_TYPES: Final = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
_KEEP: Final = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class Asset:
    """One file as it is sent: its bytes, the same compressed, and its media type."""

    body: bytes
    compressed: bytes
    media_type: str


@cache
def version() -> str:
    """Return a short hash over the names and contents of all static files."""
    digest = hashlib.sha256()
    for path in sorted(FOLDER.rglob("*")):
        if path.is_file():
            digest.update(path.relative_to(FOLDER).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]


@cache
def icon_names() -> frozenset[str]:
    """Return the names of the icons in the sprite."""
    return frozenset(
        re.findall(r'<symbol id="([a-z0-9-]+)"', (FOLDER / "icons.svg").read_text(encoding="utf-8"))
    )


def url(name: str) -> str:
    """Return the path of a static file, such as ``/static/3f2a…/guanxi.css``; raises ``LookupError`` if there is none."""
    if not (FOLDER / name).is_file():
        msg = f"no static file {name}"
        raise LookupError(msg)
    return f"{PREFIX}/{version()}/{name}"


@cache
def _load(name: str) -> Asset | None:
    if name not in _names():
        return None
    body = (FOLDER / name).read_bytes()
    suffix = Path(name).suffix
    media_type = _TYPES.get(suffix) or mimetypes.guess_type(name)[0] or "text/plain; charset=utf-8"
    return Asset(body, gzip.compress(body, 9, mtime=0), media_type)


@cache
def _names() -> frozenset[str]:
    return frozenset(path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*") if path.is_file())


async def serve(request: Request) -> Response:
    """Answer ``/static/{version}/{path:path}``: compressed where accepted, kept for ever only under the present version."""
    name = request.path_params["path"]
    asset = _load(name) if name in _names() else None
    if asset is None:
        return Response(status_code=404)
    headers = {
        "Cache-Control": _KEEP if request.path_params["version"] == version() else "no-cache",
        "X-Content-Type-Options": "nosniff",
        "Vary": "Accept-Encoding",
    }
    body = asset.body
    if "gzip" in request.headers.get("accept-encoding", "") and len(asset.compressed) < len(body):
        body, headers["Content-Encoding"] = asset.compressed, "gzip"
    return Response(body, media_type=asset.media_type, headers=headers)
