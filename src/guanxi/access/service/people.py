"""People and what they may do at a merchant.

Two guards hold everywhere: nobody gives or takes away more than they have themselves, and a merchant never loses its
last owner. What belongs to the account itself (password, disabling) is decided by a merchant only while the person
works for no other; so one merchant cannot take over an account that opens another's data.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from guanxi.access.actions import Action
from guanxi.access.decide import check_login, check_name, check_role, check_within, roles_named
from guanxi.access.errors import LastOwner, LoginTaken, RoleInUse, WorksElsewhere
from guanxi.access.model import Actor, ActorKind, Person, PersonDraft, Staff
from guanxi.access.permissions import BUILT_IN_ROLES, OWNER, Permission, Role, union
from guanxi.access.service.trail import record
from guanxi.access.store import people as store, sessions as session_store
from guanxi.kernel.errors import Forbidden, InvalidInput, NotFound
from guanxi.kernel.ids import fresh

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from guanxi.kernel.text import Language
    from guanxi.storage.database import Transaction


def add_person(
    tx: Transaction, merchant_id: str, draft: PersonDraft, password_hash: str, *, by: Actor, now: int
) -> Person:
    """Add a person who works for a merchant; ``password_hash`` comes from ``Passwords.hash``, outside the transaction.

    Raises ``Forbidden``, ``InvalidInput``, ``LoginTaken``, ``NotFound`` for a role, ``BeyondOwnPermissions``.
    """
    by.need(Permission.PEOPLE_MANAGE, merchant_id)
    roles = _roles_to_give(tx, merchant_id, draft.roles, by)
    login = check_login(draft.login)
    if store.person_by_login(tx, login) is not None:
        raise LoginTaken(login=login)
    person = Person(
        fresh("psn"), login, check_name(draft.name), draft.language, disabled=False, created_at=now
    )
    store.add_person(tx, person, password_hash)
    store.replace_roles(tx, merchant_id, person.person_id, [role.key for role in roles], now)
    record(
        tx,
        merchant_id,
        Action.PERSON_ADDED,
        by=by,
        now=now,
        target=person.person_id,
        detail={"roles": [role.key for role in roles]},
    )
    return person


def attach_person(
    tx: Transaction, merchant_id: str, login: str, roles: Sequence[str], *, by: Actor, now: int
) -> Person:
    """Let an existing person work for one more merchant; for the installation's operator only.

    Raises ``Forbidden`` for anybody else, ``NotFound`` for an unknown login or role.
    """
    if by.kind is not ActorKind.SYSTEM:
        raise Forbidden(permission=Permission.PEOPLE_MANAGE.value)
    found = store.person_by_login(tx, check_login(login))
    if found is None:
        raise NotFound(what_zh="人员", what_en="person", key=login)
    given = _roles_to_give(tx, merchant_id, roles, by)
    keys = [role.key for role in given]
    person = found[0]
    store.replace_roles(tx, merchant_id, person.person_id, keys, now)
    record(
        tx, merchant_id, Action.PERSON_ADDED, by=by, now=now, target=person.person_id, detail={"roles": keys}
    )
    return person


def get_staff(tx: Transaction, merchant_id: str, person_id: str) -> Staff:
    """Return somebody who works for a merchant; raises ``NotFound`` for anybody else, also if they exist elsewhere."""
    found = store.person_by_id(tx, person_id)
    keys = store.role_keys(tx, merchant_id, person_id)
    if found is None or not keys:
        raise NotFound(what_zh="人员", what_en="person", key=person_id)
    return Staff(found[0], _known_roles(store.custom_roles(tx, merchant_id), keys))


def list_staff(tx: Transaction, merchant_id: str) -> list[Staff]:
    """Return everybody who works for a merchant, by login."""
    custom = store.custom_roles(tx, merchant_id)
    return [Staff(person, _known_roles(custom, keys)) for person, keys in store.staff(tx, merchant_id)]


def set_roles(
    tx: Transaction, merchant_id: str, person_id: str, roles: Sequence[str], *, by: Actor, now: int
) -> Staff:
    """Replace somebody's roles, at once for their open sessions too.

    Raises ``Forbidden``, ``NotFound``, ``InvalidInput`` for none, ``BeyondOwnPermissions``, ``LastOwner``.
    """
    by.need(Permission.PEOPLE_MANAGE, merchant_id)
    before = get_staff(tx, merchant_id, person_id)
    custom = store.custom_roles(tx, merchant_id)
    after = _some(roles_named(custom, roles))
    changed = set(after) ^ set(before.roles)
    check_within(by, union(changed))
    if OWNER not in {role.key for role in after}:
        _keep_an_owner(tx, merchant_id, person_id)
    keys = [role.key for role in after]
    store.replace_roles(tx, merchant_id, person_id, keys, now)
    record(
        tx,
        merchant_id,
        Action.ROLES_SET,
        by=by,
        now=now,
        target=person_id,
        detail={"before": [role.key for role in before.roles], "after": keys},
    )
    return Staff(before.person, after)


def remove_person(
    tx: Transaction, merchant_id: str, person_id: str, *, by: Actor, now: int, reason: str = ""
) -> None:
    """End somebody's work for a merchant; their account and other merchants stay.

    Raises ``Forbidden``, ``NotFound``, ``BeyondOwnPermissions``, ``LastOwner``.
    """
    by.need(Permission.PEOPLE_MANAGE, merchant_id)
    check_within(by, get_staff(tx, merchant_id, person_id).permissions)
    _keep_an_owner(tx, merchant_id, person_id)
    store.replace_roles(tx, merchant_id, person_id, [], now)
    record(tx, merchant_id, Action.PERSON_REMOVED, by=by, now=now, target=person_id, reason=reason)


def set_disabled(
    tx: Transaction,
    merchant_id: str,
    person_id: str,
    *,
    disabled: bool,
    by: Actor,
    now: int,
    reason: str = "",
) -> None:
    """Forbid or allow somebody to sign in; disabling ends their sessions.

    Raises ``Forbidden``, ``NotFound``, ``BeyondOwnPermissions``, ``LastOwner``, ``WorksElsewhere``.
    """
    by.need(Permission.PEOPLE_MANAGE, merchant_id)
    _check_own_account(tx, merchant_id, person_id, by)
    if disabled:
        _keep_an_owner(tx, merchant_id, person_id)
        session_store.remove_all(tx, person_id)
    store.change_person(tx, person_id, disabled=int(disabled))
    action = Action.PERSON_DISABLED if disabled else Action.PERSON_ENABLED
    record(tx, merchant_id, action, by=by, now=now, target=person_id, reason=reason)


def set_password(
    tx: Transaction, merchant_id: str, person_id: str, password_hash: str, *, by: Actor, now: int
) -> None:
    """Give somebody a new password and end their sessions.

    Raises ``Forbidden``, ``NotFound``, ``BeyondOwnPermissions``, ``WorksElsewhere``. To change one's own, see
    ``Sessions.change_password``.
    """
    by.need(Permission.PEOPLE_MANAGE, merchant_id)
    _check_own_account(tx, merchant_id, person_id, by)
    store.change_person(tx, person_id, password_hash=password_hash)
    session_store.remove_all(tx, person_id)
    record(tx, merchant_id, Action.PASSWORD_SET, by=by, now=now, target=person_id)


def set_profile(
    tx: Transaction, person_id: str, *, name: str | None = None, language: Language | None = None
) -> None:
    """Change how somebody is called and addressed; the edge lets only themselves do it. Raises ``InvalidInput``."""
    if name is not None:
        store.change_person(tx, person_id, name=check_name(name))
    if language is not None:
        store.change_person(tx, person_id, language=language)


def list_roles(tx: Transaction, merchant_id: str) -> list[Role]:
    """Return built-in roles, then the merchant's own."""
    return [*BUILT_IN_ROLES.values(), *store.custom_roles(tx, merchant_id).values()]


def save_role(
    tx: Transaction,
    merchant_id: str,
    key: str,
    *,
    name_zh: str,
    name_en: str,
    permissions: Collection[Permission],
    by: Actor,
    now: int,
) -> Role:
    """Make or replace a role of the merchant's own; one name may be empty and is then the other's.

    Raises ``Forbidden``, ``InvalidInput``, ``Conflict`` for a built-in's key, ``BeyondOwnPermissions`` (also for what
    the role allowed before).
    """
    by.need(Permission.PEOPLE_MANAGE, merchant_id)
    role = check_role(key, name_zh, name_en, frozenset(permissions))
    before = store.custom_roles(tx, merchant_id).get(key)
    check_within(by, role.permissions | (before.permissions if before else frozenset()))
    store.save_role(tx, merchant_id, role)
    record(
        tx,
        merchant_id,
        Action.ROLE_SAVED,
        by=by,
        now=now,
        target=key,
        detail={
            "before": sorted(before.permissions) if before else [],
            "after": sorted(role.permissions),
        },
    )
    return role


def delete_role(tx: Transaction, merchant_id: str, key: str, *, by: Actor, now: int) -> None:
    """Delete a role of the merchant's own; raises ``Forbidden``, ``NotFound``, ``RoleInUse``, ``BeyondOwnPermissions``."""
    by.need(Permission.PEOPLE_MANAGE, merchant_id)
    role = store.custom_roles(tx, merchant_id).get(key)
    if role is None:
        raise NotFound(what_zh="角色", what_en="role", key=key)
    check_within(by, role.permissions)
    if store.holders(tx, merchant_id, key):
        raise RoleInUse(role=key)
    store.delete_role(tx, merchant_id, key)
    record(tx, merchant_id, Action.ROLE_DELETED, by=by, now=now, target=key)


def roles_of(tx: Transaction, merchant_id: str, person_id: str) -> tuple[Role, ...]:
    """Return somebody's roles at a merchant; none if they do not work there."""
    return _known_roles(store.custom_roles(tx, merchant_id), store.role_keys(tx, merchant_id, person_id))


def _known_roles(custom: dict[str, Role], keys: Sequence[str]) -> tuple[Role, ...]:
    return roles_named(custom, [key for key in keys if key in BUILT_IN_ROLES or key in custom])


def _roles_to_give(tx: Transaction, merchant_id: str, keys: Sequence[str], by: Actor) -> tuple[Role, ...]:
    roles = _some(roles_named(store.custom_roles(tx, merchant_id), keys))
    check_within(by, union(roles))
    return roles


def _some(roles: tuple[Role, ...]) -> tuple[Role, ...]:
    if not roles:
        raise InvalidInput(reason_zh="请至少选择一个角色。", reason_en="choose one role at least.")
    return roles


def _keep_an_owner(tx: Transaction, merchant_id: str, without: str) -> None:
    owners = store.holders(tx, merchant_id, OWNER)
    if any(person.person_id == without for person in owners) and not any(
        person.person_id != without and not person.disabled for person in owners
    ):
        raise LastOwner


def _check_own_account(tx: Transaction, merchant_id: str, person_id: str, by: Actor) -> None:
    check_within(by, get_staff(tx, merchant_id, person_id).permissions)
    if by.kind is not ActorKind.SYSTEM and store.merchants_of(tx, person_id) != [merchant_id]:
        raise WorksElsewhere
