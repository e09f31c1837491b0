"""The API as it is composed so far, over an installation with two merchants.

Every module of ``guanxi.api`` with a ``router`` joins by itself, and with it the fuzzing and the isolation test. What
its routes ask for by ``context.service`` is built in ``services``; what they need to find is put there by ``furnish``.
"""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass

from fastapi import APIRouter, FastAPI

import guanxi.api
from guanxi.access import ALL_PERMISSIONS, KeyDraft, KeyKind, Permission, system_actor
from guanxi.access.model import PersonDraft
from guanxi.access.service import Access, Passwords, people
from guanxi.api.app import CORE, create_app
from guanxi.api.context import ApiContext
from guanxi.api.dead_letters import letter_id
from guanxi.api.rate_limit import Limit, Limits
from guanxi.customers.accounts.model import AccountKind, Platform
from guanxi.customers.accounts.service import save_account
from guanxi.customers.audiences.lists import Lists
from guanxi.customers.audiences.service import Audiences
from guanxi.customers.boards.kinds import AttributeKind, AudienceKind, TraitKind
from guanxi.customers.boards.service import Boards
from guanxi.customers.events.model import Source
from guanxi.customers.events.service import EventIntake, declare
from guanxi.customers.facts.service import Facts
from guanxi.customers.members.service import Members
from guanxi.customers.privacy.service import Privacy
from guanxi.customers.profiles.service import Profiles
from guanxi.customers.projection.jobs import READER, Projection
from guanxi.customers.traits.basics import Basics
from guanxi.customers.traits.service import Vocabularies
from guanxi.definitions.service import Definitions
from guanxi.definitions.text import parse
from guanxi.kernel.text import Text
from guanxi.runtime.work.files import Files
from guanxi.runtime.work.model import Asker, NewWork
from guanxi.runtime.work.service import Works
from guanxi.storage.events import dead_letters
from guanxi.storage.merchants import Merchant, add_merchant, get_merchant
from guanxi.storage.person_keys import PersonKeys
from tests.api.client import Client
from tests.installation import Installation
from tests.settling import catch_up

OTHER = "other"
CLI = system_actor("test")
UNLIMITED = Limits(secret=Limit(1_000_000, 1_000_000), write=Limit(1_000_000, 1_000_000))


@dataclass(frozen=True)
class Composed:
    """The app, a key with every scope for each of the two merchants, and a client for each."""

    installation: Installation
    context: ApiContext
    app: FastAPI
    own_key: str
    other_key: str
    own: Client
    other: Client

    def key(self, *scopes: Permission, kind: KeyKind = KeyKind.SECRET) -> str:
        """Return a new key of the merchant ``shop``."""
        return _key(self.context, self.installation.merchant.merchant_id, frozenset(scopes), kind)

    def client(self, key: str | None, address: str = "203.0.113.7") -> Client:
        """Return a client that asks with a key."""
        return Client(self.app, key, address)


def routers() -> tuple[APIRouter, ...]:
    """Return every router of ``guanxi.api`` beyond the core ones."""
    found = []
    for module in pkgutil.iter_modules(guanxi.api.__path__, "guanxi.api."):
        router = getattr(importlib.import_module(module.name), "router", None)
        if isinstance(router, APIRouter) and router not in CORE:
            found.append(router)
    return tuple(found)


def services(installation: Installation) -> tuple[object, ...]:
    """Return what the routes ask for by type."""
    one = installation
    intake = EventIntake(one.database, one.log, one.vault, one.clock)
    keys = PersonKeys(one.vault)
    catch_up = projection_of(one, intake).catch_up
    return (
        intake,
        Members(one.log, intake, one.vault, keys),
        Privacy(one.database, one.log, intake, one.vault, keys, catch_up),
        *_knowing(one, intake),
        Works(one.database, Files(one.home.path / "work", one.vault, one.clock), one.clock),
    )


def _knowing(one: Installation, intake: EventIntake) -> tuple[object, ...]:
    """Return the services of definitions and audiences."""
    database, log, clock = one.database, one.log, one.clock
    readable = Definitions(database, (), clock)
    providers = (Basics(intake),)
    vocabularies = Vocabularies(intake, readable, providers)
    facts = Facts(one.home, database, log, one.locks, one.vault)
    profiles = Profiles(database, log, facts, providers, Lists(), READER)
    boards = Boards(database, log, intake, profiles, vocabularies, readable, clock)
    kinds = tuple(kind(vocabularies, boards, intake) for kind in (AttributeKind, TraitKind, AudienceKind))
    return (
        Definitions(database, kinds, clock),
        boards,
        Audiences(database, profiles, boards, vocabularies, readable, one.vault, clock),
    )


def furnish(composed: Composed, merchant_id: str) -> dict[str, str]:
    """Give a merchant one thing of each kind; return its id by the name of the path parameter that takes it."""
    context = composed.context
    now = context.clock.now()
    draft = PersonDraft(f"staff-{merchant_id}", "员工", "zh", ("analyst",))
    with context.database.transaction() as tx:
        people.add_person(tx, merchant_id, draft, context.access.passwords.nobody, by=CLI, now=now)
        key, _ = context.access.keys.create(
            tx,
            merchant_id,
            KeyDraft(KeyKind.SECRET, f"only-{merchant_id}", frozenset({Permission.EVENTS_READ})),
            by=CLI,
            now=now,
        )
    # Before there are members, who would be told to have entered.
    audiences = _furnish_audiences(context, merchant_id)
    work = _ask_for_work(context, merchant_id)
    return {"key_id": key.key_id, "work_id": work, **audiences, **_furnish_customers(composed, merchant_id)}


def _ask_for_work(context: ApiContext, merchant_id: str) -> str:
    """Give a merchant two pieces of long work, which nobody does."""
    asker = Asker("person", "per_1", "员工")
    new = NewWork("audience.export", Text("导出", "Export"), {}, asker, Permission.AUDIENCES_EXPORT.value)
    works = context.service(Works)
    works.start(merchant_id, new)
    return works.start(merchant_id, new).id


def _furnish_customers(composed: Composed, merchant_id: str) -> dict[str, str]:
    """Give a merchant two members, what they did, an erasure of a third, two dead letters, an account, an event type."""
    one, context = composed.installation, composed.context
    intake = context.service(EventIntake)
    phones = ["13916201188", "13916202299"] if merchant_id == OTHER else ["13816203377", "13816204466"]
    messages: list[dict[str, object]] = [
        {
            "type": "identify",
            "messageId": f"{merchant_id}-{phone[-4:]}",
            "userId": f"u-{merchant_id}-{phone[-4:]}",
            "traits": {"phone": phone, "name": f"王{phone[-2:]}", "city": "杭州"},
        }
        for phone in phones
    ]
    messages += [{"type": "track", "userId": f"{merchant_id}-{number}"} for number in range(2)]
    left = f"u-{merchant_id}-left"
    past: dict[str, object] = {"type": "identify", "messageId": left, "userId": left}
    intake.accept(
        merchant_id, Source("test", "", "web"), [{**past, "timestamp": "2026-03-01T08:00:00+08:00"}]
    )
    account = f"acc-{merchant_id}"
    intake.accept(merchant_id, Source("test", account, "web"), messages)
    projection = projection_of(one, intake)
    catch_up(one.database, one.log, projection, merchant_id)
    with context.database.transaction() as tx:
        save_account(
            tx,
            merchant_id,
            account,
            name="旗舰店",
            platform=Platform.DOUYIN,
            kind=AccountKind.BRAND,
            now=context.clock.now(),
        )
        declare(tx, merchant_id, f"{merchant_id}.visited", {"version": 1}, context.clock.now())
    members = context.service(Members)
    with context.database.reading() as tx:
        merchant = get_merchant(tx, merchant_id)
        line = members.list_members(tx, merchant, query=phones[0]).items[0]
        profile = members.get_member(tx, merchant, line.member_id)
        gone = members.list_members(tx, merchant, query=left).items[0]
    with context.database.transaction() as tx:
        erasure = context.service(Privacy).request(
            tx, merchant, gone.member_id, by="test", now=context.clock.now()
        )
    with context.database.tail.reading() as tx:
        letter = dead_letters.page(tx, merchant_id, "open", None, 1)[0]
    phone = next(one for one in profile.identities if one.type == "phone")
    return {
        "member_id": line.member_id,
        "identity_id": phone.identity_id,
        "letter_id": letter_id(letter.letter_id),
        "account": account,
        "event_type": f"{merchant_id}.visited",
        "erasure_id": erasure.erasure_id,
    }


def _furnish_audiences(context: ApiContext, merchant_id: str) -> dict[str, str]:
    """Give a merchant two audiences, one of them twice."""
    rule = "kind: audience\nkey: everybody_{0}\nrule: first_seen is not null and {1} = {1}\n"
    texts = [
        rule.format(merchant_id, 1),
        rule.format(merchant_id, 2) + f"---\nkind: audience\nkey: some_{merchant_id}\nstatic: true\n",
    ]
    for text in texts:
        context.service(Definitions).apply(merchant_id, parse(text), by="test", why="for tests")
    return {"kind": "audience", "key": f"everybody_{merchant_id}"}


def projection_of(installation: Installation, intake: EventIntake) -> Projection:
    """Return what makes members of events."""
    one = installation
    return Projection(one.database, one.log, intake, one.vault, PersonKeys(one.vault))


def compose(installation: Installation, limits: Limits = UNLIMITED) -> Composed:
    """Put the app together over an installation, and add the second merchant."""
    now = installation.clock.now()
    with installation.database.transaction() as tx:
        add_merchant(tx, Merchant(OTHER, "别家", "Asia/Shanghai", "CNY", "", now))
    context = ApiContext(
        database=installation.database,
        clock=installation.clock,
        vault=installation.vault,
        access=Access.of(installation.database, installation.vault, Passwords.cheap()),
        log=installation.log,
        services=services(installation),
        limits=limits,
    )
    app = create_app(context, routers())
    own = _key(context, installation.merchant.merchant_id, ALL_PERMISSIONS)
    other = _key(context, OTHER, ALL_PERMISSIONS)
    return Composed(installation, context, app, own, other, Client(app, own), Client(app, other))


def _key(
    context: ApiContext, merchant_id: str, scopes: frozenset[Permission], kind: KeyKind = KeyKind.SECRET
) -> str:
    with context.database.transaction() as tx:
        _, text = context.access.keys.create(
            tx, merchant_id, KeyDraft(kind, "试验", scopes), by=CLI, now=context.clock.now()
        )
    return text
