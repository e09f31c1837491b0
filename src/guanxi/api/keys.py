"""API keys over HTTP."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Response
from pydantic import AfterValidator, Field

from guanxi.access import Key, KeyDraft, KeyKind, Permission
from guanxi.access.service import idempotency
from guanxi.api.auth import Caller, require
from guanxi.api.context import ApiContext, context_of
from guanxi.api.document import problems
from guanxi.api.idempotency import REPLAYED, IdempotencyKey
from guanxi.api.paging import PageAsked, Paged
from guanxi.api.values import WHOLE, Input, Instant, Name, Output, Slug, distinct
from guanxi.kernel.clock import DAY

router = APIRouter(prefix="/v1/keys", tags=["access"])

Manager = Annotated[Caller, require(Permission.KEYS_MANAGE)]
Context = Annotated[ApiContext, Depends(context_of)]
KeyId = Annotated[str, Path(pattern=r"^key_[0-9a-hjkmnp-tv-z]{24}$")]
Scopes = Annotated[
    list[Permission],
    Field(min_length=1, max_length=len(Permission), json_schema_extra={"uniqueItems": True}),
    AfterValidator(distinct),
]
ExpiresInDays = Annotated[
    Annotated[int, Field(ge=1, le=3650), WHOLE] | None, Field(description="null: until it is revoked")
]


class KeyView(Output):
    """A key without its secret."""

    id: str
    kind: KeyKind
    name: str
    hint: str = Field(description="its beginning and end, to recognise it by")
    scopes: list[Permission]
    account: str
    channel: str
    created_by: str
    created_at: Instant
    expires_at: Instant | None
    revoked_at: Instant | None
    last_used_at: Instant | None = Field(description="to the hour")


class KeyPage(Paged[KeyView]):
    """Some keys, newest first."""


class CreatedKey(Output):
    """A key just made."""

    key: KeyView
    secret: str | None = Field(
        description="the key to send; shown this once. null when an idempotency key was repeated: if the first"
        " answer was lost, revoke this key and make another"
    )


class SecretKeyInput(Input):
    """A key for programs that act by its scopes."""

    kind: Literal["secret"]
    name: Name
    scopes: Scopes
    expires_in_days: ExpiresInDays = None

    def draft(self, now: int) -> KeyDraft:
        """Return the draft that the service takes."""
        expires_at = now + self.expires_in_days * DAY if self.expires_in_days else None
        return KeyDraft(KeyKind.SECRET, self.name, frozenset(self.scopes), expires_at=expires_at)


class WriteKeyInput(Input):
    """A key for tracking clients: it can send events and nothing else."""

    kind: Literal["write"]
    name: Name
    account: Slug | None = Field(default=None, description="enterprise account that its events belong to")
    channel: Slug | None = Field(default=None, description="channel that its events come by")
    expires_in_days: ExpiresInDays = None

    def draft(self, now: int) -> KeyDraft:
        """Return the draft that the service takes."""
        expires_at = now + self.expires_in_days * DAY if self.expires_in_days else None
        scopes = frozenset({Permission.EVENTS_WRITE})
        return KeyDraft(KeyKind.WRITE, self.name, scopes, self.account or "", self.channel or "", expires_at)


NewKey = Annotated[SecretKeyInput | WriteKeyInput, Field(discriminator="kind")]


def view(key: Key) -> KeyView:
    """Return a key as the API shows it."""
    return KeyView(
        id=key.key_id,
        kind=key.kind,
        name=key.name,
        hint=key.hint,
        scopes=sorted(key.scopes),
        account=key.account,
        channel=key.channel,
        created_by=key.created_by,
        created_at=key.created_at,
        expires_at=key.expires_at,
        revoked_at=key.revoked_at,
        last_used_at=key.last_used_at,
    )


@router.get("")
def list_keys(caller: Manager, context: Context, page: PageAsked) -> KeyPage:
    """List keys, newest first, revoked ones too."""
    with context.database.reading() as tx:
        found = context.access.keys.list(tx, caller.merchant_id, cursor=page.cursor, limit=page.limit)
    return KeyPage(items=[view(key) for key in found.items], next_cursor=found.next_cursor)


@router.post("", status_code=201, responses=problems(409))
def create_key(
    body: NewKey, caller: Manager, context: Context, response: Response, key: IdempotencyKey = None
) -> CreatedKey:
    """Make a key. Its scopes must be among the caller's own.

    With an `Idempotency-Key` a repeated request makes no second key for a day: it gets the same answer without the
    secret, and the header `Idempotent-Replayed: true`; the same idempotency key with another body is a conflict.
    """
    now = context.clock.now()
    keys = context.access.keys
    with context.database.transaction() as tx:
        claim = None
        if key is not None:
            asked = ["POST /v1/keys", body.model_dump(mode="json")]
            claim = idempotency.claim(
                tx, caller.merchant_id, caller.key.key_id, key=key, request=asked, now=now
            )
            if claim.replayed:
                response.headers[REPLAYED] = "true"
                return CreatedKey(key=view(keys.get(tx, caller.merchant_id, claim.before)), secret=None)
        made, secret = keys.create(tx, caller.merchant_id, body.draft(now), by=caller.actor, now=now)
        if claim is not None:
            claim.answer(tx, made.key_id)
    return CreatedKey(key=view(made), secret=secret)


@router.get("/{key_id}")
def get_key(key_id: KeyId, caller: Manager, context: Context) -> KeyView:
    """Return one key."""
    with context.database.reading() as tx:
        return view(context.access.keys.get(tx, caller.merchant_id, key_id))


@router.post("/{key_id}/revoke", responses=problems(409))
def revoke_key(key_id: KeyId, caller: Manager, context: Context) -> KeyView:
    """Refuse a key from now on, everywhere within five seconds. Repeating it changes nothing."""
    now = context.clock.now()
    with context.database.transaction() as tx:
        key = context.access.keys.revoke(tx, caller.merchant_id, key_id, by=caller.actor, now=now)
    return view(key)
