"""Data health at a glance."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from guanxi.access import Permission
from guanxi.console.i18n import N_
from guanxi.console.members import labels
from guanxi.console.places import HEALTH
from guanxi.console.session import Asked, Page
from guanxi.customers.accounts.service import list_accounts
from guanxi.kernel.clock import MINUTE, SECOND
from guanxi.runtime.model import JobStatus
from guanxi.runtime.outbox import service as outbox
from guanxi.runtime.service import job_statuses
from guanxi.runtime.timers import service as timers
from guanxi.storage.events import dead_letters
from guanxi.storage.events.vitals import arrivals, lake_state, waiting

NEEDS: Final = Permission.HEALTH_READ
_READER: Final = "customers"
_SLOW: Final = 10 * SECOND
_SILENT: Final = 5 * MINUTE

_JOBS: Final = {
    "beside": N_("Moving the system's own events to the log"),
    "customers": N_("Turning events into members and figures"),
    "timers": N_("Firing what waits for its time"),
    "outbox": N_("Sending what is to be sent"),
    "handover": N_("Handing events over to the lake"),
    "compaction": N_("Tidying the lake"),
    "boards": N_("Counting all members anew"),
    "changes": N_("Telling who changed"),
    "history": N_("Looking back upon past weeks"),
    "access": N_("Forgetting old sessions"),
    "erasures": N_("Erasing people who asked for it"),
    "privacy": N_("Erasing people who asked for it"),
}


def pages() -> list[Page]:
    """Return the page and its part that loads later."""
    return [Page(HEALTH, show, NEEDS), Page(f"{HEALTH}/arrivals", came_in, NEEDS)]


def show(asked: Asked) -> Response:
    """Show what waits, what failed and what the worker does."""
    context, merchant_id = asked.context, asked.merchant_id
    behind = waiting(context.database, context.log, merchant_id, _READER)
    tail = context.log.backlog(merchant_id)
    with context.database.tail.reading() as tx:
        letters = dead_letters.count(tx, merchant_id)
    with context.database.reading() as tx:
        jobs = job_statuses(tx, merchant_id)
        waits, sends = timers.counts(tx, merchant_id), outbox.counts(tx, merchant_id)
    lag = asked.now - behind.since if behind.rows else 0
    return asked.render(
        "health/overview.html",
        behind=behind,
        lag=max(0, lag),
        slow=lag > _SLOW,
        tail=tail,
        lake=lake_state(context.log, merchant_id),
        letters={"open": 0, "mended": 0, "dropped": 0, **letters},
        waits=waits,
        sends=sends,
        jobs=[_job(asked, job) for job in jobs],
        idle=not jobs or max(job.last_run_at for job in jobs) < asked.now - _SILENT,
        here=HEALTH,
    )


def _job(asked: Asked, job: JobStatus) -> dict[str, object]:
    label = _JOBS.get(job.name)
    return {
        "label": asked.say(label) if label else job.name,
        "job": job,
        "error": job.reason.say(asked.language) if job.failures else "",
    }


def came_in(asked: Asked) -> Response:
    """Show what came in lately, by account and channel."""
    rows = arrivals(asked.context.database, asked.context.log, asked.merchant_id, asked.now)
    with asked.context.database.reading() as tx:
        names = {one.key: one.name for one in list_accounts(tx, asked.merchant_id)}
    return asked.render(
        "health/arrivals.html",
        rows=rows,
        names=names,
        channel=lambda name: labels.channel(name, asked.language),
        here=HEALTH,
    )
