"""What ``guanxi doctor`` looks at."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from guanxi.kernel.clock import HOUR, MINUTE, SECOND
from guanxi.kernel.errors import GuanxiError
from guanxi.kernel.text import Text

if TYPE_CHECKING:
    from guanxi.bootstrap import Product
    from guanxi.runtime.model import JobStatus

_FREE = 2 << 30


class Finding(NamedTuple):
    """One check: its name, whether all is well, and what was found or what to mend."""

    name: str
    ok: bool
    text: Text


def examine(home: Path) -> list[Finding]:
    """Run every check; one that cannot be made because an earlier one failed is left out."""
    from guanxi.storage.home import KEY_FILE, Home

    try:
        opened = Home.open(home)
    except GuanxiError as error:
        return [Finding("home", False, error.message)]
    found = [Finding("home", True, Text(f"数据目录 {opened.path}", f"home {opened.path}"))]
    mode = (opened.path / KEY_FILE).stat().st_mode & 0o077
    found.append(
        Finding(
            "key",
            False,
            Text(f"请运行 chmod 600 {opened.path / KEY_FILE}", f"run chmod 600 {opened.path / KEY_FILE}"),
        )
        if mode
        else Finding(
            "key",
            True,
            Text(
                "主密钥仅本人可读；请离线保存一份。", "Only you can read the master key; keep a copy offline."
            ),
        )
    )
    free = shutil.disk_usage(opened.path).free
    gib = f"{free / (1 << 30):.1f} GiB"
    found.append(
        Finding("disk", True, Text(f"剩余 {gib}", f"{gib} free"))
        if free >= _FREE
        else Finding(
            "disk",
            False,
            Text(f"磁盘只剩 {gib}，请清理或扩容。", f"Only {gib} of disk left; free some or add more."),
        )
    )
    if not os.access(opened.path, os.W_OK):
        found.append(
            Finding("home", False, Text("数据目录不可写。", "The home folder cannot be written to."))
        )
    return [*found, *_database(home)]


def _database(home: Path) -> Iterator[Finding]:
    from guanxi.bootstrap import build
    from guanxi.storage.database import FAILED
    from guanxi.storage.home import Home
    from guanxi.storage.migrate import current, newest

    product = build(Home.open(home))
    try:
        try:
            at, head = current(product.database), newest()
        except FAILED as error:
            yield _unreadable(error)
            return
        if at != head:
            yield Finding(
                "database",
                False,
                Text(
                    "表结构不是最新；运行任何命令会自动升级。",
                    "Tables are not up to date; any command brings them up.",
                ),
            )
            return
        yield Finding(
            "database",
            True,
            Text(f"{product.database.dialect}，表结构最新", f"{product.database.dialect}, tables up to date"),
        )
        for check in (_integrity, _master_key, _transactions, _merchants):
            try:
                yield from check(product)
            except FAILED as error:
                yield _unreadable(error)
    finally:
        product.database.dispose()


def _unreadable(error: Exception) -> Finding:
    from guanxi.storage.database import is_damaged, why_unavailable

    reason = why_unavailable(error)
    if is_damaged(error):
        text = Text(
            f"数据库文件已损坏：{reason}；请从备份恢复。",
            f"A database file is damaged: {reason}; restore a backup.",
        )
    else:
        text = Text(f"数据库打不开：{reason}", f"The database cannot be opened: {reason}")
    return Finding("database", False, text)


def _integrity(product: Product) -> Iterator[Finding]:
    from guanxi.storage import health

    if product.database.dialect != "sqlite":
        return
    for name, store in (("guanxi.db", product.database.main), ("tail.db", product.database.tail)):
        said = health.integrity(store)
        yield Finding(
            name,
            said == "ok",
            Text("完好", "sound")
            if said == "ok"
            else Text(f"损坏：{said}；请从备份恢复。", f"broken: {said}; restore a backup."),
        )


def _master_key(product: Product) -> Iterator[Finding]:
    from guanxi.storage import key_check

    with product.database.reading() as tx:
        fits = key_check.fits(tx, product.vault)
    yield Finding(
        "master key",
        fits,
        Text("与数据库相符", "fits the database") if fits else key_check.WrongKey().message,
    )


def _transactions(product: Product) -> Iterator[Finding]:
    """On PostgreSQL readers wait for the oldest writing transaction of the whole server; one left open stops them."""
    from guanxi.storage import health
    from guanxi.storage.events import epochs

    if product.database.dialect != "postgresql":
        return
    with product.database.reading() as tx:
        seconds = health.oldest_writer(tx)
        ahead = epochs.are_ahead(tx)
    yield Finding(
        "transactions",
        seconds < 60,
        Text(f"最久的写事务已开启 {seconds} 秒", f"the oldest writing transaction is {seconds} s old")
        if seconds < 60
        else Text(
            f"有写事务已开启 {seconds} 秒，读者都在等它；请在 pg_stat_activity 中找出并结束。",
            f"a writing transaction has been open for {seconds} s and every reader waits for it; find it in pg_stat_activity and end it.",
        ),
    )
    if ahead:
        yield Finding(
            "positions",
            False,
            Text(
                "事件位置大于本服务器的事务号：数据库恢复自别的服务器；运行任何其他命令会自动理顺。",
                "Event positions are ahead of this server's transaction ids: the database was restored from elsewhere;"
                " any other command brings them in line.",
            ),
        )


def _merchants(product: Product) -> Iterator[Finding]:
    from guanxi.runtime.service import job_statuses
    from guanxi.storage.events import dead_letters
    from guanxi.storage.merchants import list_merchants

    with product.database.reading() as tx:
        merchants = list_merchants(tx)
        jobs = job_statuses(tx, "")
    if not merchants:
        yield Finding(
            "merchants",
            False,
            Text("还没有商家：guanxi merchant add", "No merchant yet: guanxi merchant add"),
        )
    now = product.clock.now()
    for merchant in merchants:
        slug = merchant.merchant_id
        tail = product.log.backlog(slug)
        with product.database.tail.reading() as tx:
            letters = dead_letters.count(tx, slug).get("open", 0)
        waited = (now - tail["oldest"]) // SECOND if tail["rows"] else 0
        late = waited > HOUR // SECOND
        yield Finding(
            f"{slug}: log",
            not late,
            Text(
                f"热区 {tail['rows']} 条事件，最旧 {waited} 秒",
                f"{tail['rows']} events in the tail, the oldest {waited} s",
            )
            if not late
            else Text(
                f"热区最旧的事件已等 {waited} 秒；guanxi worker 在运行吗？",
                f"the oldest event in the tail has waited {waited} s; is guanxi worker running?",
            ),
        )
        yield _lake(product, slug)
        yield Finding(
            f"{slug}: dead letters",
            not letters,
            Text("没有死信", "none")
            if not letters
            else Text(
                f"{letters} 条待处理：控制台 → 数据健康", f"{letters} to look at: console → Data health"
            ),
        )
    yield from _jobs(jobs, now)


def _lake(product: Product, slug: str) -> Finding:
    from guanxi.storage.events import vitals
    from guanxi.storage.events.lake import LakeAhead

    name = f"{slug}: lake"
    try:
        vitals.check_lake(product.database, product.log, slug)
        if vitals.is_lake_further(product.database, product.log, slug):
            raise LakeAhead(path=str(product.log.lake(slug).path))
    except GuanxiError as error:
        return Finding(name, False, error.message)
    return Finding(name, True, Text("与数据库相符", "fits the database"))


def _jobs(jobs: Sequence[JobStatus], now: int) -> Iterator[Finding]:
    for job in jobs:
        if job.failures:
            yield Finding(
                f"job {job.name}",
                False,
                Text(
                    f"连续失败 {job.failures} 次：{job.reason.zh}",
                    f"failed {job.failures} times: {job.reason.en}",
                ),
            )
    last = max((job.last_run_at for job in jobs if job.worker), default=0)
    runs = now - last < MINUTE
    yield Finding(
        "worker",
        runs,
        Text("在运行", "running")
        if runs
        else Text(
            "没有在运行；请启动 guanxi worker 或 guanxi serve。",
            "is not running; start guanxi worker or guanxi serve.",
        ),
    )
