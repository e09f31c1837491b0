"""Long work over HTTP: seen and cancelled by whoever may do what it does."""

from __future__ import annotations

from guanxi.access import Permission
from guanxi.kernel.clock import SECOND
from guanxi.kernel.text import Text
from guanxi.runtime.work.jobs import Runner
from guanxi.runtime.work.model import Asker, NewWork, Outcome, Work
from guanxi.runtime.work.service import Works
from tests.api.composed import Composed
from tests.runtime.work.shop import Count


def ask(composed: Composed, permission: Permission) -> Work:
    asker = Asker("person", "per_1", "李店长")
    new = NewWork("count", Text("数数", "Counting"), {"to": 4}, asker, permission.value)
    return composed.context.service(Works).start("shop", new)


def do(composed: Composed, kind: Count) -> None:
    made = composed.installation
    files = composed.context.service(Works).files
    Runner(made.database, files, {"count": kind}, made.clock, beat=0.01).step()


def test_work_is_followed_to_its_end(composed: Composed) -> None:
    work = ask(composed, Permission.AUDIENCES_EXPORT)
    waiting = composed.own.get(f"/v1/work/{work.id}").json()
    assert (waiting["state"], waiting["started_at"], waiting["total"]) == ("waiting", None, None)
    seen: list[dict[str, object]] = []

    def at(handle: object, number: int) -> None:
        if number == 2:
            composed.installation.clock.move(2 * SECOND)
            getattr(handle, "beat")(60 * SECOND)  # noqa: B009 - the kinds of tests know handles by what they do
            seen.append(composed.own.get(f"/v1/work/{work.id}").json())

    do(composed, Count(at))
    (running,) = seen
    assert (running["state"], running["done"], running["total"]) == ("running", 2, 4)
    assert (running["rate"], running["seconds_left"]) == (1.0, 2.0)
    done = composed.own.get(f"/v1/work/{work.id}").json()
    assert (done["state"], done["counts"], done["file"]) == ("done", {"numbers": 4}, "numbers.csv")
    assert (done["title"], done["scope"]) == ({"zh": "数数", "en": "Counting"}, "audiences.export")
    assert composed.own.post(f"/v1/work/{work.id}/cancel").json()["state"] == "done"


def test_a_key_sees_what_its_scopes_allow(composed: Composed) -> None:
    export, apply = (
        ask(composed, one) for one in (Permission.AUDIENCES_EXPORT, Permission.DEFINITIONS_WRITE)
    )
    reader = composed.client(composed.key(Permission.DEFINITIONS_READ, Permission.AUDIENCES_EXPORT))
    assert [one["id"] for one in reader.get("/v1/work").json()["items"]] == [export.id]
    assert reader.get(f"/v1/work/{apply.id}").status_code == 403
    assert reader.post(f"/v1/work/{apply.id}/cancel").status_code == 403
    assert reader.post(f"/v1/work/{export.id}/cancel").json()["state"] == "cancelled"
    ids = {one["id"] for one in composed.own.get("/v1/work").json()["items"]}
    assert ids == {export.id, apply.id}
    assert composed.own.get("/v1/work/wrk_000000000000000000000000").status_code == 404


def test_what_failed_says_why(composed: Composed) -> None:
    class Fails(Count):
        def run(self, handle: object) -> Outcome:
            raise ValueError("13900001111 is nobody")

    work = ask(composed, Permission.AUDIENCES_EXPORT)
    do(composed, Fails())
    failed = composed.own.get(f"/v1/work/{work.id}").json()
    assert (failed["state"], failed["error"]["code"]) == ("failed", "internal")
    assert "1390000" not in failed["error"]["message"]["en"]
