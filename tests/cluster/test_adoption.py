from typing import Any, Final

from tests.support.running import Sandbox, eventually
from tests.support.syncs import MAPPING, Tenant, condition

from sync_operator.api.constants import SYNC_KIND
from sync_operator.domain.create_fence.late_creates import ADVICE

THEIRS: dict[str, Any] = {
    "source_id": 1,
    "destination_id": 2,
    "model_id": 3,
    "schedule_type": "interval",
    "sync_interval": 5,
    "sync_interval_unit": "minutes",
    "configuration": MAPPING,
    "stream_name": "contacts",
    "sync_mode": "full_refresh",
}


def made_by_somebody(sandbox: Sandbox, **changes: Any) -> None:
    assert sandbox.call("POST", "/syncs", sync=THEIRS | changes).status_code == 201


def test_a_sync_that_the_server_runs_is_taken_over(tenant: Tenant) -> None:
    made_by_somebody(tenant.sandbox)
    tenant.connect()

    sync = tenant.ready(externalId="1")

    assert sync["status"]["origin"] == "Adopted"
    assert condition(sync, "Registered")["reason"] == "Adopted"
    [stored] = tenant.sandbox.syncs()
    assert stored["attributes"]["schedule_type"] == "manual"
    assert stored["server_schedule"] is None, "the server's own schedule ended"
    assert stored["status"] == "pending", "and it can be triggered"

    tenant.delete()
    tenant.gone()
    assert len(tenant.sandbox.syncs()) == 1, "an adopted sync stays by default"


def test_a_sync_that_is_as_wanted_is_not_written_to(tenant: Tenant) -> None:
    made_by_somebody(tenant.sandbox, schedule_type="manual")
    tenant.connect()
    tenant.sandbox.forget_requests()

    tenant.ready(externalId="1")

    assert {entry["method"] for entry in tenant.sandbox.requests()} == {"GET"}


def test_advice_to_look_at_a_sync_is_taken_back_once_a_sync_has_it(tenant: Tenant) -> None:
    tenant.connect()
    tenant.sandbox.fault(method="POST", path="/syncs$", lose="after")
    tenant.sandbox.fault(method="GET", path="/syncs$", times=-1, status=503)
    tenant.sync(adoptionPolicy="Create")  # else it would wait for the list first
    eventually(tenant.sandbox.syncs, "the create whose answer is lost")
    made_by_somebody(tenant.sandbox, schedule_type="manual")
    tenant.sandbox.clear_faults()

    sync = tenant.when(SYNC_KIND, "orders", "Ready", seconds=60)
    assert f"sync 2 {ADVICE} Sync: check whether it is needed" in condition(sync, "Registered")["message"]
    tenant.ready("twin", externalId="2")

    def told() -> str:
        return str(condition(tenant.get(), "Registered")["message"])

    eventually(lambda: told() == "registered as sync 1 in workspace 1", "the advice to be taken back", seconds=45)


def test_an_id_may_be_named_later(tenant: Tenant) -> None:
    made_by_somebody(tenant.sandbox, schedule_type="manual")
    tenant.connect()
    tenant.sandbox.fault(
        method="POST", path="/syncs$", status=400, body={"errors": {"sync": {"stream_name": ["is unknown"]}}}
    )
    tenant.sync(adoptionPolicy="Create")
    tenant.when(SYNC_KIND, "orders", "Stalled", reason="Rejected")

    tenant.patch(externalId="1")

    sync = tenant.when(SYNC_KIND, "orders", "Ready")
    assert (sync["status"]["id"], sync["status"]["origin"]) == ("1", "Adopted")
    assert len(tenant.sandbox.syncs()) == 1


def test_what_cannot_become_the_spec_is_refused(tenant: Tenant) -> None:
    made_by_somebody(tenant.sandbox, schedule_type="manual", source_id=9)
    tenant.connect()

    tenant.sync("other", externalId="1")
    sync = tenant.when(SYNC_KIND, "other", "Stalled", reason="Conflict")
    assert "spec.sourceId" in condition(sync)["message"]

    tenant.sync("absent", externalId="77")
    words = condition(tenant.when(SYNC_KIND, "absent", "Stalled", reason="ExternalNotFound"), "Stalled")["message"]
    assert words.startswith("spec.externalId: the server has no sync 77 in this workspace; write the id")
    assert not tenant.sandbox.requests("PUT")


def test_of_two_that_want_one_sync_the_younger_stalls_until_the_elder_goes(tenant: Tenant) -> None:
    made_by_somebody(tenant.sandbox, schedule_type="manual")
    tenant.connect()
    tenant.ready("elder", externalId="1")

    tenant.sync("younger", externalId="1")
    sync = tenant.when(SYNC_KIND, "younger", "Stalled", reason="Conflict")
    assert f"{tenant.namespace}/elder" in condition(sync)["message"]
    assert tenant.cronjobs() == ["elder"]

    tenant.delete("elder")
    tenant.when(SYNC_KIND, "younger", "Ready")
    assert len(tenant.sandbox.syncs()) == 1


def test_the_younger_of_two_deletes_nothing_of_the_elders(tenant: Tenant) -> None:
    made_by_somebody(tenant.sandbox, schedule_type="manual")
    tenant.connect()
    tenant.ready("elder", externalId="1")
    tenant.sync("younger", externalId="1", deletionPolicy="Delete")
    tenant.when(SYNC_KIND, "younger", "Stalled", reason="Conflict")

    tenant.delete("younger")
    tenant.gone("younger")

    assert len(tenant.sandbox.syncs()) == 1
    assert not tenant.sandbox.requests("DELETE", "/syncs/1")


def test_two_syncs_alike_in_every_field_get_two_server_syncs(tenant: Tenant) -> None:
    tenant.connect()
    tenant.sync("one")
    tenant.sync("two")

    ids = {tenant.when(SYNC_KIND, name, "Ready")["status"]["id"] for name in ("one", "two")}

    assert ids == {str(sync["id"]) for sync in tenant.sandbox.syncs()}
    assert len(ids) == 2


def test_a_sync_restored_without_its_status_finds_its_own(tenant: Tenant) -> None:
    tenant.connect()
    sync = tenant.ready(deletionPolicy="Retain")
    mark = sync["metadata"]["annotations"]["squared.ai/create-started"]
    tenant.delete()
    tenant.gone()

    backup = {
        "apiVersion": sync["apiVersion"],
        "kind": SYNC_KIND,
        "metadata": {
            "name": "orders",
            "annotations": {"squared.ai/create-started": mark},
            "finalizers": ["squared.ai/sync"],
        },
        "spec": sync["spec"],
    }
    tenant.kube.create(backup, tenant.namespace)

    restored = tenant.when(SYNC_KIND, "orders", "Ready")
    assert restored["status"]["id"] == sync["status"]["id"]
    assert len(tenant.sandbox.syncs()) == 1


NAMES: Final = [f"sync-{number}" for number in range(6)]


def test_a_cluster_made_anew_from_git_finds_everything_and_creates_nothing(tenant: Tenant) -> None:
    tenant.connect()
    for name in NAMES:
        tenant.sync(name, streamName=f"{name[:-2]}{int(name[-1]) % 2}")
    before = {tenant.when(SYNC_KIND, name, "Ready")["status"]["id"] for name in NAMES}
    for name in NAMES:
        tenant.kube.patch(SYNC_KIND, name, tenant.namespace, {"spec": {"deletionPolicy": "Retain"}})
        tenant.delete(name)
    eventually(lambda: not tenant.names(), "all Syncs to be gone")
    tenant.sandbox.forget_requests()
    for name in NAMES:
        tenant.sync(name, streamName=f"{name[:-2]}{int(name[-1]) % 2}")

    syncs = [tenant.when(SYNC_KIND, name, "Ready") for name in NAMES]
    assert {sync["status"]["id"] for sync in syncs} == before
    assert {sync["status"]["origin"] for sync in syncs} == {"Adopted"}
    assert not tenant.sandbox.requests("POST", "/syncs")
    told = condition(syncs[0], "Registered")
    assert told["reason"] == "Adopted"
    assert "It stays on the server when this Sync is deleted, unless spec.deletionPolicy is Delete" in told["message"]


def test_a_sync_that_is_to_make_its_own_makes_a_second_one(tenant: Tenant) -> None:
    made_by_somebody(tenant.sandbox, schedule_type="manual")
    tenant.connect()

    assert tenant.ready(adoptionPolicy="Create")["status"]["origin"] == "Created"
    assert len(tenant.sandbox.syncs()) == 2


def test_of_several_equal_ones_the_oldest_is_taken_and_the_others_are_named(tenant: Tenant) -> None:
    for _ in range(3):
        made_by_somebody(tenant.sandbox, schedule_type="manual")
    tenant.connect()
    tenant.sandbox.forget_requests()

    sync = tenant.ready()

    assert (sync["status"]["id"], sync["status"]["origin"]) == ("1", "Adopted")
    assert f"sync 2, 3 {ADVICE} Sync" in condition(sync, "Registered")["message"]
    assert {entry["method"] for entry in tenant.sandbox.requests()} == {"GET"}


def test_two_syncs_alike_take_two_and_the_third_makes_its_own(tenant: Tenant) -> None:
    for _ in range(2):
        made_by_somebody(tenant.sandbox, schedule_type="manual")
    tenant.connect()
    for name in ("one", "two", "three"):
        tenant.sync(name)

    found = [tenant.when(SYNC_KIND, name, "Ready")["status"] for name in ("one", "two", "three")]
    assert sorted(status["id"] for status in found) == ["1", "2", "3"]
    assert sorted(status["origin"] for status in found) == ["Adopted", "Adopted", "Created"]


def test_where_the_server_refuses_the_list_a_sync_is_created_all_the_same(tenant: Tenant) -> None:
    made_by_somebody(tenant.sandbox, schedule_type="manual")
    tenant.sandbox.fault(method="GET", path="/syncs$", times=-1, status=400)
    tenant.connect()
    for name in ("one", "two"):
        tenant.sync(name)

    assert {tenant.when(SYNC_KIND, name, "Ready")["status"]["id"] for name in ("one", "two")} == {"2", "3"}


def test_where_the_server_does_not_tell_ages_a_person_decides(
    kube: Any, namespace: str, documented: Sandbox, controller: Any
) -> None:
    assert controller.log.exists()
    tenant = Tenant(kube, namespace, documented)
    tenant.connect()
    documented.fault(method="POST", path="/syncs$", lose="after")
    schedule: dict[str, Any] = {"scheduleType": "automated", "syncInterval": 5, "syncIntervalUnit": "minutes"}

    tenant.sync(**schedule)
    sync = tenant.when(SYNC_KIND, "orders", "Stalled", reason="OutcomeUnknown")
    assert "spec.externalId" in condition(sync)["message"]
    assert len(documented.syncs()) == 1

    tenant.patch(externalId="1")
    tenant.when(SYNC_KIND, "orders", "Ready")
    eventually(lambda: len(documented.syncs()) == 1, "still one sync")
