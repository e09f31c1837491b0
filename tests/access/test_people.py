from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from guanxi.access import OWNER, Action, Permission, PersonDraft
from guanxi.access.errors import BeyondOwnPermissions, LastOwner, LoginTaken, RoleInUse, WorksElsewhere
from guanxi.access.service import people, trail
from guanxi.kernel.errors import Conflict, Forbidden, InvalidInput, NotFound
from tests.access.conftest import CLI, OTHER, SHOP, Desk


def test_a_person_is_known_by_the_merchant_they_work_for_and_by_no_other(desk: Desk) -> None:
    clerk = desk.add("Clerk", "service", "analyst")
    assert clerk.login == "clerk"
    with desk.installation.database.reading() as tx:
        staff = people.get_staff(tx, SHOP, clerk.person_id)
        assert [role.key for role in staff.roles] == ["analyst", "service"]
        assert Permission.MEMBERS_PII in staff.permissions
        assert Permission.KEYS_MANAGE not in staff.permissions
        assert [one.person.login for one in people.list_staff(tx, SHOP)] == ["clerk", "owner"]
        assert people.list_staff(tx, OTHER) == []
        with pytest.raises(NotFound):
            people.get_staff(tx, OTHER, clerk.person_id)


def test_bad_drafts_are_refused(desk: Desk) -> None:
    with pytest.raises(LoginTaken):
        desk.add("OWNER", "analyst")
    with pytest.raises(LoginTaken):
        desk.add("owner", "analyst", merchant=OTHER)
    with pytest.raises(InvalidInput):
        desk.add("has space", "analyst")
    with pytest.raises(InvalidInput):
        desk.add("nobody")
    with pytest.raises(NotFound):
        desk.add("clerk", "no-such-role")


def test_who_may_not_manage_people_cannot_and_nobody_grants_what_they_lack(desk: Desk) -> None:
    clerk = desk.add("clerk", "service")
    with desk.installation.database.transaction() as tx:
        people.save_role(
            tx,
            SHOP,
            "lead",
            name_zh="主管",
            name_en="Lead",
            permissions={Permission.PEOPLE_MANAGE, Permission.MEMBERS_READ},
            by=CLI,
            now=desk.now,
        )
    lead = desk.add("lead", "lead")
    by_clerk, by_lead = desk.actor(clerk), desk.actor(lead)
    with desk.installation.database.transaction() as tx:
        with pytest.raises(Forbidden):
            people.set_roles(tx, SHOP, clerk.person_id, ["analyst"], by=by_clerk, now=desk.now)
        with pytest.raises(BeyondOwnPermissions):
            people.set_roles(tx, SHOP, clerk.person_id, [OWNER], by=by_lead, now=desk.now)
        with pytest.raises(BeyondOwnPermissions):  # taking the owner's role away is as much
            people.set_roles(tx, SHOP, desk.owner.person_id, ["lead"], by=by_lead, now=desk.now)
        with pytest.raises(BeyondOwnPermissions):
            people.set_password(tx, SHOP, desk.owner.person_id, "hash", by=by_lead, now=desk.now)
        with pytest.raises(BeyondOwnPermissions):
            people.add_person(
                tx, SHOP, PersonDraft("boss", "Boss", "en", (OWNER,)), "hash", by=by_lead, now=desk.now
            )
        with pytest.raises(Forbidden):
            people.remove_person(tx, OTHER, clerk.person_id, by=by_lead, now=desk.now)


def test_a_merchant_keeps_an_owner_who_can_sign_in(desk: Desk) -> None:
    owner = desk.owner.person_id
    with desk.installation.database.transaction() as tx:
        for change in (
            lambda: people.set_roles(tx, SHOP, owner, ["analyst"], by=CLI, now=desk.now),
            lambda: people.remove_person(tx, SHOP, owner, by=CLI, now=desk.now),
            lambda: people.set_disabled(tx, SHOP, owner, disabled=True, by=CLI, now=desk.now),
        ):
            with pytest.raises(LastOwner):
                change()
    second = desk.add("second", OWNER)
    with desk.installation.database.transaction() as tx:
        people.set_disabled(tx, SHOP, second.person_id, disabled=True, by=CLI, now=desk.now)
        with pytest.raises(LastOwner):
            people.remove_person(tx, SHOP, owner, by=CLI, now=desk.now)
        people.set_disabled(tx, SHOP, second.person_id, disabled=False, by=CLI, now=desk.now)
        people.remove_person(tx, SHOP, owner, by=CLI, now=desk.now)


def test_two_owners_cannot_remove_each_other_at_the_same_moment(desk: Desk) -> None:
    second = desk.add("second", OWNER)

    def remove(person_id: str) -> bool:
        try:
            with desk.installation.database.transaction() as tx:
                people.remove_person(tx, SHOP, person_id, by=CLI, now=desk.now)
        except LastOwner:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(remove, [desk.owner.person_id, second.person_id]))
    assert sorted(done) == [False, True]


def test_one_merchant_cannot_take_over_the_account_of_somebody_who_works_for_another(desk: Desk) -> None:
    with desk.installation.database.transaction() as tx:
        people.attach_person(tx, OTHER, "owner", ["analyst"], by=CLI, now=desk.now)
    theirs = desk.add("their-owner", OWNER, merchant=OTHER)
    by = desk.actor(theirs, OTHER)
    owner = desk.owner.person_id
    with desk.installation.database.transaction() as tx:
        with pytest.raises(WorksElsewhere):
            people.set_password(tx, OTHER, owner, "hash", by=by, now=desk.now)
        with pytest.raises(WorksElsewhere):
            people.set_disabled(tx, OTHER, owner, disabled=True, by=by, now=desk.now)
        with pytest.raises(Forbidden):
            people.attach_person(tx, OTHER, "owner", [OWNER], by=by, now=desk.now)
        people.remove_person(tx, OTHER, owner, by=by, now=desk.now)
        assert people.roles_of(tx, OTHER, owner) == ()
        assert [role.key for role in people.roles_of(tx, SHOP, owner)] == [OWNER]


def test_roles_of_the_merchants_own(desk: Desk) -> None:
    def save(*permissions: Permission) -> None:
        with desk.installation.database.transaction() as tx:
            people.save_role(
                tx, SHOP, "night", name_zh="夜班", name_en="", permissions=permissions, by=CLI, now=desk.now
            )

    save(Permission.MEMBERS_READ)
    save(Permission.EVENTS_READ)
    clerk = desk.add("clerk", "night")
    assert desk.actor(clerk).permissions == {Permission.EVENTS_READ}
    with desk.installation.database.transaction() as tx:
        assert [role.key for role in people.list_roles(tx, SHOP)][-1] == "night"
        assert "night" not in [role.key for role in people.list_roles(tx, OTHER)]
        with pytest.raises(RoleInUse):
            people.delete_role(tx, SHOP, "night", by=CLI, now=desk.now)
        people.set_roles(tx, SHOP, clerk.person_id, ["analyst"], by=CLI, now=desk.now)
        people.delete_role(tx, SHOP, "night", by=CLI, now=desk.now)
        with pytest.raises(NotFound):
            people.delete_role(tx, SHOP, "night", by=CLI, now=desk.now)
        with pytest.raises(Conflict):
            people.save_role(
                tx,
                SHOP,
                "owner",
                name_zh="店主",
                name_en="",
                permissions={Permission.EVENTS_READ},
                by=CLI,
                now=desk.now,
            )


def test_every_change_is_in_the_trail_of_its_merchant(desk: Desk) -> None:
    clerk = desk.add("clerk", "service")
    with desk.installation.database.transaction() as tx:
        people.set_roles(tx, SHOP, clerk.person_id, ["analyst"], by=CLI, now=desk.now)
        people.set_disabled(tx, SHOP, clerk.person_id, disabled=True, by=CLI, now=desk.now, reason="离职")
        people.set_password(tx, SHOP, clerk.person_id, "hash", by=CLI, now=desk.now)
        people.set_profile(tx, clerk.person_id, name="新名", language="en")
        people.remove_person(tx, SHOP, clerk.person_id, by=CLI, now=desk.now)
    with desk.installation.database.reading() as tx:
        found = trail.entries(tx, SHOP, target=clerk.person_id).items
        assert trail.entries(tx, OTHER).items == []
    assert {entry.action for entry in found} == {
        Action.PERSON_ADDED,
        Action.ROLES_SET,
        Action.PERSON_DISABLED,
        Action.PASSWORD_SET,
        Action.PERSON_REMOVED,
    }
    [changed] = [entry for entry in found if entry.action is Action.ROLES_SET]
    assert changed.detail == {"before": ["service"], "after": ["analyst"]}
    assert {entry.reason for entry in found} == {"", "离职"}
