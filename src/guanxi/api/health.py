"""Is the process alive, can it serve, and what are its figures."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Annotated, Literal

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from guanxi.access import Permission
from guanxi.api.auth import find_caller
from guanxi.api.context import ApiContext, context_of
from guanxi.api.document import problems
from guanxi.api.values import Output
from guanxi.kernel.errors import GuanxiError, Unavailable
from guanxi.storage.migrate import current, newest

if TYPE_CHECKING:
    from collections.abc import Mapping

router = APIRouter(tags=["system"])

_FORWARDED = ("x-forwarded-for", "forwarded", "x-real-ip")


class Health(Output):
    """It works."""

    status: Literal["ok"] = "ok"


@cache
def _newest() -> Mapping[str, str]:
    return newest()


@router.get("/healthz")
async def healthz() -> Health:
    """Say that the process is alive; asks nothing of anybody else."""
    return Health()


@router.get("/readyz", responses=problems(503))
def readyz(context: Annotated[ApiContext, Depends(context_of)]) -> Health:
    """Say that requests can be served: the database answers, its tables are of this release, every part is ready."""
    try:
        ready = current(context.database) == _newest()
    except Exception as error:
        raise Unavailable(reason_zh="数据库没有响应。", reason_en="the database does not answer.") from error
    if not ready:
        raise Unavailable(
            reason_zh="数据库版本与程序不符，请重启以完成升级。",
            reason_en="the database is of another version; restart to upgrade it.",
        )
    for name, probe in context.probes.items():
        try:
            probe()
        except GuanxiError:
            raise
        except Exception as error:
            raise Unavailable(reason_zh=f"{name} 尚未就绪。", reason_en=f"{name} is not ready.") from error
    return Health()


@router.get(
    "/metrics",
    response_class=PlainTextResponse,
    responses={200: {"description": "Prometheus text"}, **problems(401, 403, 429)},
)
async def metrics(request: Request, context: Annotated[ApiContext, Depends(context_of)]) -> Response:
    """Give figures to Prometheus: to this machine freely, to others with a key that has ``health.read``.

    They are the installation's and name no merchant. A request that a proxy passed on comes from elsewhere.
    """
    local = request.client is not None and request.client.host in {"127.0.0.1", "::1"}
    if not local or any(name in request.headers for name in _FORWARDED):
        await find_caller(context, request, Permission.HEALTH_READ)
    return Response(generate_latest(context.metrics), media_type=CONTENT_TYPE_LATEST)
