"""How many Syncs and Models use a connector or model, and when a changed number is written."""

from types import SimpleNamespace
from typing import Any, cast

from tests.support.manifests import REMOVED, sync_manifest

from sync_operator.api.constants import API_VERSION, CONNECTOR_KIND, MODEL_KIND, SYNC_KIND, WORKSPACE_KIND
from sync_operator.controller.context import ControllerContext
from sync_operator.controller.informer.store import Store
from sync_operator.controller.references.use_counts import enqueue_used, use_counts
from sync_operator.controller.workqueue.workqueue import Key

HERE = "https://sync.example.com"
MODEL = Key(MODEL_KIND, "team", "customers")
WAREHOUSE = Key(CONNECTOR_KIND, "team", "warehouse")


def registered(kind: str, name: str, remote_id: str, *, url: str = HERE, version: int = 1, **more: Any) -> Any:
    """A resource of that kind that has that id on a server."""
    obj = sync_manifest(name) if kind == SYNC_KIND else {"apiVersion": API_VERSION, "spec": {}}
    spec, status = more.pop("spec", {}), {"id": remote_id, "url": url, "workspaceId": "1"} | more
    metadata = {"namespace": "team", "name": name, "uid": f"{kind}-{name}", "resourceVersion": str(version)}
    return obj | {
        "kind": kind,
        "metadata": metadata | {"generation": version},
        "spec": {key: value for key, value in (obj["spec"] | spec).items() if value is not REMOVED},
        "status": status,
    }


def sync(number: int, *, url: str = HERE, **status: Any) -> Any:
    ids = {"sourceId": 21, "destinationId": 22, "modelId": 31} | status
    return registered(SYNC_KIND, f"sync-{number}", str(1000 + number), url=url, **ids)


def shop(*previous_urls: str) -> Store:
    """A Workspace with a source and a model, which nothing uses."""
    store = Store()
    spec = {"url": HERE, "workspaceId": "1"} | ({"previousUrls": list(previous_urls)} if previous_urls else {})
    home = {"namespace": "team", "name": "default", "uid": "w", "resourceVersion": "1", "generation": 1}
    store.put(WORKSPACE_KIND, {"metadata": home, "spec": spec})
    store.put(CONNECTOR_KIND, registered(CONNECTOR_KIND, "warehouse", "21"))
    store.put(MODEL_KIND, registered(MODEL_KIND, "customers", "31", connectorId=21))
    return store


def counts(store: Store, key: Key = WAREHOUSE) -> dict[str, int]:
    obj = next(each for each in store.all(key.kind) if each["metadata"]["name"] == key.name)
    return use_counts(store, key.kind, obj)


class Clockwork:
    """A queue with a clock of its own: a key that is due is written, as its reconcile would."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.now = 0.0
        self.depth = 0
        self.timers: dict[Key, float] = {}
        self.writes: list[Key] = []
        self.context = cast("ControllerContext", SimpleNamespace(store=store, queue=self))

    def add_after(self, key: Key, seconds: float) -> None:
        self.timers[key] = min(self.now + seconds, self.timers.get(key, float("inf")))

    def wait(self, seconds: float) -> None:
        self.now += seconds
        for key in [key for key, due in self.timers.items() if due <= self.now]:
            del self.timers[key]
            self.writes.append(key)
            held = next(each for each in self.store.all(key.kind) if each["metadata"]["name"] == key.name)
            version = str(int(held["metadata"]["resourceVersion"]) + 1)
            status = held["status"] | {"usedBy": use_counts(self.store, key.kind, held)}
            self.store.put(
                key.kind, held | {"metadata": held["metadata"] | {"resourceVersion": version}, "status": status}
            )

    def register(self, obj: Any) -> None:
        self.store.put(obj["kind"], obj)
        enqueue_used(self.context, obj["kind"], obj)


def test_what_is_registered_with_it_is_counted_by_kind() -> None:
    store = shop()
    assert counts(store) == {"models": 1, "syncs": 0}
    for number in range(3):
        store.put(SYNC_KIND, sync(number))

    assert counts(store) == {"models": 1, "syncs": 3}
    assert counts(store, MODEL) == {"syncs": 3}
    store.mark_deleted(SYNC_KIND, sync(1))
    assert counts(store, MODEL) == {"syncs": 2}


def test_one_that_reads_from_where_it_writes_to_counts_once() -> None:
    store = shop()
    store.put(SYNC_KIND, sync(1, destinationId=21))

    assert counts(store)["syncs"] == 1


def test_the_same_id_on_another_server_or_in_another_workspace_is_another_one() -> None:
    store = shop()
    store.put(SYNC_KIND, sync(1, url="https://other.example.com"))
    store.put(SYNC_KIND, sync(2, workspaceId="2"))

    assert counts(store, MODEL) == {"syncs": 0}


def test_one_that_still_has_an_earlier_url_of_the_server_counts() -> None:
    store = shop("https://old.example.com/")
    store.put(SYNC_KIND, sync(1, url="https://old.example.com"))
    store.put(SYNC_KIND, sync(2))

    assert counts(store, MODEL) == {"syncs": 2}


def test_one_that_is_not_registered_yet_does_not_count() -> None:
    store = shop()
    store.put(SYNC_KIND, sync(1) | {"status": {}})

    assert counts(store, MODEL) == {"syncs": 0}


def test_a_new_user_has_all_that_it_uses_counted_after_a_while() -> None:
    store = shop()
    store.put(CONNECTOR_KIND, registered(CONNECTOR_KIND, "elsewhere", "21", url="https://other.example.com"))
    work = Clockwork(store)
    work.register(sync(1))

    assert set(work.timers) == {MODEL, WAREHOUSE}
    work.wait(1)
    assert work.writes == []
    work.wait(2)
    assert set(work.writes) == {MODEL, WAREHOUSE}
    enqueue_used(work.context, SYNC_KIND, sync(1))
    assert work.timers == {}, "nothing has changed since"


def test_a_count_waits_while_other_resources_wait_but_no_longer_than_a_minute() -> None:
    work = Clockwork(shop())
    work.depth = 200
    work.register(sync(1))
    work.wait(10)
    assert work.writes == []
    work.wait(5)
    assert set(work.writes) == {MODEL, WAREHOUSE}

    work.depth = 10_000
    work.register(sync(2))
    work.wait(59)
    assert len(work.writes) == 2
    work.wait(2)
    assert len(work.writes) == 4


def test_of_a_thousand_at_once_one_write_tells() -> None:
    work = Clockwork(shop())
    for number in range(1000):
        work.register(sync(number))
    work.wait(60)

    assert sorted(work.writes) == sorted((MODEL, WAREHOUSE))
    assert counts(work.store, MODEL) == {"syncs": 1000}


def test_of_a_thousand_one_after_the_other_few_writes_tell() -> None:
    work = Clockwork(shop())
    for number in range(1000):
        work.register(sync(number))
        work.wait(0.5)
    work.wait(60)

    assert work.writes.count(MODEL) < 50
    held = next(iter(work.store.all(MODEL_KIND)))
    assert held["status"]["usedBy"] == {"syncs": 1000}
