"""Tables of the customers capability."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Index, PrimaryKeyConstraint, String, Table, text

from guanxi.storage.schema import Big, Bytes, Code, Merchant, main


def _table(name: str, *columns: Column | Index, key: tuple[str, ...], note: str) -> Table:  # type: ignore[type-arg]
    return Table(
        name,
        main,
        Column("merchant_id", Merchant, nullable=False),
        *columns,
        PrimaryKeyConstraint("merchant_id", *key),
        sqlite_with_rowid=False,
        info={"note": note},
    )


def _big(name: str) -> Column[int]:
    return Column(name, Big, nullable=False)


def _text(name: str) -> Column[str]:
    return Column(name, String, nullable=False)


def _code(name: str) -> Column[str]:
    return Column(name, Code, nullable=False)


def _bytes(name: str) -> Column[bytes]:
    return Column(name, Bytes, nullable=False)


def _flag(name: str) -> Column[bool]:
    return Column(name, Boolean, nullable=False)


event_type = _table(
    "customer_event_type",
    _text("name"),
    _big("version"),
    _text("spec"),
    _big("created_at"),
    key=("name", "version"),
    note="A merchant's own event types, every version, as JSON.",
)

account = _table(
    "customer_account",
    _text("account"),
    _text("name"),
    _text("platform"),
    _text("kind"),
    _big("created_at"),
    key=("account",),
    note="The merchant's enterprise accounts: brand, stores, hosts on each platform. Members are shared by all.",
)

identity = _table(
    "customer_identity",
    _big("fragment"),
    _text("type"),
    _text("scope"),
    _text("mask"),
    _bytes("sealed"),
    _big("first_seen"),
    key=("fragment",),
    note="Identity values: masked for the screen, and whole under the key of their person.",
)

link = _table(
    "customer_link",
    _big("a"),
    _big("b"),
    _text("kind"),
    _big("slot"),
    _big("seen_at"),
    _code("event_id"),
    Index("ix_customer_link_b", "merchant_id", "b"),
    *(
        Index(
            f"ix_customer_link_firm_{end}",
            "merchant_id",
            end,
            sqlite_where=text("kind <> 'observed'"),
            postgresql_where=text("kind <> 'observed'"),
        )
        for end in ("a", "b")
    ),
    key=("a", "b", "kind", "slot"),
    note="Identities met together, a < b. `slot` is the day where a phone is involved, because phones change hands; else 0.",
)

crowd = _table(
    "customer_crowd",
    _big("fragment"),
    _big("seen"),
    _text("counted"),
    _text("scope"),
    key=("fragment",),
    note="Identities shared by so many that nothing can make them one person's again: their sightings need not be read.",
)

verdict = _table(
    "customer_verdict",
    _big("a"),
    _big("b"),
    _text("verdict"),
    _big("decided_at"),
    _code("decided_by"),
    key=("a", "b"),
    note="What a person decided about a pair of identities: joined or separated. The latest holds.",
)

member = _table(
    "customer_member",
    _big("member"),
    _flag("known"),
    _big("first_seen"),
    Index("ix_customer_member_first_seen", "merchant_id", "known", "first_seen", "member"),
    key=("member",),
    note="One row per person, named by its canonical fragment. `known` ones have more than a device.",
)

holding = _table(
    "customer_holding",
    _big("fragment"),
    _big("from_day"),
    _big("until_day"),
    _big("member"),
    Index("ix_customer_holding_member", "merchant_id", "member"),
    key=("fragment", "from_day"),
    note="Which person a fragment belongs to, from a day until before another. A fragment without a row is its own person.",
)

refusal = _table(
    "customer_refusal",
    _big("a"),
    _big("b"),
    _text("code"),
    _text("params"),
    _big("seen_at"),
    Index("ix_customer_refusal_b", "merchant_id", "b"),
    key=("a", "b"),
    note="Links that joined nobody, and why.",
)

attribute = _table(
    "customer_attribute",
    _big("fragment"),
    _text("name"),
    _flag("personal"),
    _bytes("value"),
    _big("time"),
    _code("event_id"),
    key=("fragment", "name"),
    note="The newest value of each attribute of each fragment, as JSON; sealed under the person's key when personal.",
)

consent = _table(
    "customer_consent",
    _big("fragment"),
    _text("purpose"),
    _text("channel"),
    _flag("given"),
    _big("time"),
    _code("event_id"),
    _text("evidence"),
    key=("fragment", "purpose", "channel"),
    note="Consent by purpose and channel, as last said.",
)

token = _table(
    "customer_token",
    _big("token"),
    _big("fragment"),
    Index("ix_customer_token_fragment", "merchant_id", "fragment"),
    key=("token", "fragment"),
    note="Keyed hashes of what one may search by: names whole and in pieces, the last digits of phones, member numbers.",
)

series = _table(
    "customer_series",
    _big("series"),
    _text("type"),
    _text("measure"),
    _text("dimension"),
    _text("value"),
    Index("uq_customer_series_name", "merchant_id", "type", "measure", "dimension", "value", unique=True),
    key=("series",),
    note="Numbers the kinds of buckets: an event type, one of its measures (or none: the count), one value of a dimension.",
)

bucket = _table(
    "customer_bucket",
    _big("day"),
    _big("fragment"),
    _big("series"),
    _big("n"),
    _big("total"),
    _big("low"),
    _big("high"),
    _big("first_at"),
    _big("last_at"),
    key=("day", "fragment", "series"),
    note="What happened per local day, fragment and series; the day first, so that new events touch few pages. Fragment 0 is everybody.",
)

listed = _table(
    "customer_listed",
    _code("audience"),
    _big("fragment"),
    _big("added_at"),
    Index("ix_customer_listed_fragment", "merchant_id", "fragment"),
    key=("audience", "fragment"),
    note="Identities put into static audiences; whoever holds one today is a member of it.",
)

board = _table(
    "customer_board",
    _big("board"),
    _text("file"),
    _big("as_of"),
    _big("release"),
    _big("epoch"),
    _big("number"),
    _big("generation"),
    _big("members"),
    _big("built_at"),
    _big("took"),
    _text("cuts"),
    _big("changes"),
    _big("told"),
    key=("board",),
    note="Wide tables of all members, the largest number being live: as of which day, release of definitions and position of"
    " the log; how many changes it brought, and of how many there are events.",
)

audience_size = _table(
    "customer_audience_size",
    _code("audience"),
    _big("board"),
    _big("at"),
    _big("size"),
    _big("entered"),
    _big("left"),
    key=("audience", "board"),
    note="How large each audience was, board by board, and who came and went since the one before.",
)

erasure = _table(
    "customer_erasure",
    _text("erasure_id"),
    _text("state"),
    _bytes("plan"),
    _big("tombstone"),
    _big("upto_epoch"),
    _big("upto_number"),
    _big("asked_at"),
    _text("asked_by"),
    _big("done_at"),
    key=("erasure_id",),
    note="Erasures under way and done. Plan (sealed: whose, and since when) and tombstone are wiped when nothing needs them.",
)
