"""Who refers to what: by the name of a resource, and by the id on the server."""

from typing import Any

from tests.support.manifests import REMOVED, sync_manifest

from sync_operator.api.constants import CONNECTOR_KIND, MODEL_KIND, SYNC_KIND
from sync_operator.controller.informer.store import Store
from sync_operator.controller.workqueue.workqueue import Key
from sync_operator.domain.usage import used_ids

WAREHOUSE = Key(CONNECTOR_KIND, "team", "warehouse")


def referring(name: str, version: int = 1, *, ref: dict[str, Any], status: dict[str, Any]) -> dict[str, Any]:
    obj = sync_manifest(name, sourceId=REMOVED, sourceRef=ref)
    obj["metadata"] |= {"namespace": "team", "uid": name, "resourceVersion": str(version), "generation": version}
    return obj | {"status": status}


def test_a_sync_is_found_by_the_resource_that_it_names_and_by_its_ids() -> None:
    store = Store()
    store.put(SYNC_KIND, referring("a", ref={"name": "warehouse"}, status={"id": "7", "sourceId": 21}))
    store.put(SYNC_KIND, referring("b", ref={"serverName": "Warehouse"}, status={}))

    assert store.references.referrers(WAREHOUSE) == [Key(SYNC_KIND, "team", "a")]
    assert store.references.referrers(WAREHOUSE._replace(namespace="other")) == []
    assert store.references.users(CONNECTOR_KIND, "21") == [Key(SYNC_KIND, "team", "a")]
    assert store.references.users(MODEL_KIND, "3") == [Key(SYNC_KIND, "team", each) for each in ("a", "b")]
    assert store.references.users(MODEL_KIND, "21") == []


def test_what_it_refers_to_no_more_is_forgotten() -> None:
    store = Store()
    store.put(SYNC_KIND, referring("a", ref={"name": "warehouse"}, status={}))
    changed = referring("a", 2, ref={"name": "lake"}, status={})
    store.put(SYNC_KIND, changed)
    assert store.references.referrers(WAREHOUSE) == []
    assert store.references.targets(SYNC_KIND, changed) == [Key(CONNECTOR_KIND, "team", "lake")]

    store.mark_deleted(SYNC_KIND, changed)
    assert store.references.referrers(WAREHOUSE._replace(name="lake")) == []


def test_the_ids_of_the_registration_come_before_those_of_the_spec() -> None:
    obj = referring("a", ref={"name": "warehouse"}, status={"id": "7", "sourceId": 21, "modelId": 9})

    assert used_ids(SYNC_KIND, obj) == {(CONNECTOR_KIND, "21"), (CONNECTOR_KIND, "2"), (MODEL_KIND, "9")}
