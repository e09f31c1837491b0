"""The tracking routes as the product serves them, in this process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from guanxi.access import KeyDraft, KeyKind, Permission, system_actor
from guanxi.access.service import Access, Passwords
from guanxi.api.app import create_app
from guanxi.api.context import ApiContext
from guanxi.api.rate_limit import Limit, Limits
from guanxi.bootstrap.web import _authenticate
from guanxi.connectors.segment.routes import BODY_LIMITS, routes
from guanxi.customers.events.service import EventIntake
from guanxi.storage.events import dead_letters
from guanxi.storage.events.model import LoggedEvent
from guanxi.storage.events.writer import GroupWriter
from tests.api.client import Client
from tests.settling import read_to_end

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

    from tests.installation import Installation


@dataclass(frozen=True)
class Tracking:
    """The app and what it stored."""

    installation: Installation
    context: ApiContext
    writer: GroupWriter
    client: Client
    write_key: str
    secret_key: str

    def send(
        self, body: Any, path: str = "/v1/batch", *, key: str | None = None, **given: Any
    ) -> httpx.Response:
        """Post as a client does: JSON, the key as the user name."""
        auth = (self.write_key if key is None else key, "")
        content = {"content": body} if isinstance(body, bytes) else {"json": body}
        return self.client.post(path, auth=auth, **content, **given)

    def events(self) -> list[LoggedEvent]:
        """Return what is stored."""
        return read_to_end(self.installation.log, "shop")

    def dead(self) -> dict[str, int]:
        """Return the number of dead letters by state."""
        with self.installation.database.tail.reading() as tx:
            return dead_letters.count(tx, "shop")

    def key(self, kind: KeyKind, *scopes: Permission, account: str = "", channel: str = "") -> str:
        """Return a new key of the shop."""
        draft = KeyDraft(kind, "试验", frozenset(scopes), account, channel)
        with self.installation.database.transaction() as tx:
            return self.context.access.keys.create(
                tx, "shop", draft, by=system_actor("test"), now=self.installation.clock.now()
            )[1]


def tracking_of(installation: Installation, limits: Limits) -> tuple[ApiContext, GroupWriter, Client]:
    """Put the routes together as the product does."""
    one = installation
    context = ApiContext(
        database=one.database,
        clock=one.clock,
        vault=one.vault,
        access=Access.of(one.database, one.vault, Passwords.cheap()),
        log=one.log,
        limits=limits,
        body_limits=BODY_LIMITS,
    )
    writer = GroupWriter(one.log)
    intake = EventIntake(one.database, one.log, one.vault, one.clock)
    return context, writer, Client(create_app(context, [routes(intake, writer, _authenticate(context))]))


@pytest.fixture
def limits() -> Limits:
    """No limit to speak of; a test of limits overrides this."""
    return Limits(Limit(100_000, 100_000), Limit(100_000, 100_000))


@pytest.fixture
def tracking(installation: Installation, limits: Limits) -> Iterator[Tracking]:
    """The routes over an installation, on both databases in turn."""
    context, writer, client = tracking_of(installation, limits)
    made = Tracking(installation, context, writer, client, "", "")
    keys = {
        "write_key": made.key(KeyKind.WRITE, Permission.EVENTS_WRITE, account="shop-web", channel="web"),
        "secret_key": made.key(KeyKind.SECRET, Permission.EVENTS_WRITE, Permission.EVENTS_READ),
    }
    writer.start()
    try:
        yield Tracking(installation, context, writer, client, **keys)
    finally:
        writer.stop()
