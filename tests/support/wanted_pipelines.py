"""Whole pipelines that are to be there, and what must be true of them: exactly one of each on the server, as asked.

Pure: from what the cluster, the server and its request log hold to a list of what is wrong, in words.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tests.support import planted
from tests.support.manifests import merged
from tests.support.pipeline import DESTINATION, SOURCE
from tests.support.syncs import MAPPING, condition

from sync_operator.api.constants import CONNECTOR_KIND, MODEL_KIND, SYNC_KIND

__all__ = [
    "COLLECTIONS",
    "HeldPipelines",
    "WantedPipeline",
    "creates",
    "deletions_out_of_order",
    "pipeline_wrongs",
    "resources_of",
    "specs_of",
]

COLLECTIONS: Final = {CONNECTOR_KIND: "connectors", MODEL_KIND: "models", SYNC_KIND: "syncs"}
_PARTS: Final = (
    (CONNECTOR_KIND, "warehouse"),
    (CONNECTOR_KIND, "crm"),
    (MODEL_KIND, "customers"),
    (SYNC_KIND, "orders"),
)
_CREATED: Final = 201
_DELETED: Final = 204
_QUERY: Final = "SELECT id, email FROM customers ORDER BY id"


@dataclass
class WantedPipeline:
    """A pipeline that is to be there.

    Attributes:
        stage: begins all its names.
        password: what its Secret holds.
        edited: whether a field of each resource has been changed.
        origin: what `status.origin` says.
        ids: the server's ids by the names of the resources, once they are known; they must stay.
    """

    stage: str
    password: str = planted.CONFIGURATION
    edited: bool = False
    origin: str = "Created"
    ids: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class HeldPipelines:
    """What there is: objects of the cluster by kind and name, and the state of the server."""

    objects: Mapping[str, Mapping[str, dict[str, Any]]]
    state: Mapping[str, Any]


def resources_of(stage: str) -> list[tuple[str, str]]:
    """Kind and name of each resource, in the order of their references."""
    return [(kind, f"{stage}-{part}") for kind, part in _PARTS]


def specs_of(wanted: WantedPipeline) -> dict[str, dict[str, Any]]:
    """The spec of each resource, by its name."""
    stage, edited = wanted.stage, wanted.edited
    common = {"workspaceRef": {"name": stage}}
    secret = {"secretKeyRef": {"name": stage, "key": "password"}}
    [pointer], [token] = (
        [entry["pointer"] for entry in spec["configurationSecrets"]] for spec in (SOURCE, DESTINATION)
    )
    host = {"configuration": SOURCE["configuration"] | {"host": "replica.example.com"}} if edited else {}
    return {
        f"{stage}-warehouse": merged(SOURCE, common | {"configurationSecrets": [{"pointer": pointer} | secret]} | host),
        f"{stage}-crm": merged(
            DESTINATION,
            common
            | {"configurationSecrets": [{"pointer": token} | secret]}
            | {"description": "Leads" if edited else "Customers"},
        ),
        f"{stage}-customers": common
        | {
            "connectorRef": {"name": f"{stage}-warehouse"},
            "query": _QUERY.replace("email", "email, name") if edited else _QUERY,
            "primaryKey": "id",
        },
        f"{stage}-orders": common
        | {
            "sourceRef": {"name": f"{stage}-warehouse"},
            "destinationRef": {"name": f"{stage}-crm"},
            "modelRef": {"name": f"{stage}-customers"},
            "scheduleType": "manual",
            "syncMode": "incremental" if edited else "full_refresh",
            "streamName": "contacts",
            "configuration": MAPPING,
        },
    }


def pipeline_wrongs(wanted: Mapping[str, WantedPipeline], held: HeldPipelines, survivors: set[str]) -> list[str]:
    """Everything that is not as it must be.

    Args:
        wanted: the pipelines that are to be there, by stage; no others.
        held: what there is.
        survivors: ids of server syncs that belong to no Sync and must live on; no others.
    """
    expected = {stage: {name: kind for kind, name in resources_of(stage)} for stage in wanted}
    names = {name for each in expected.values() for name in each}
    rows = {collection: _living(held.state[collection]) for collection in COLLECTIONS.values()}
    models = {row["id"]: row["name"] for row in rows["models"]}
    owners = [(kind, row["name"]) for kind in (CONNECTOR_KIND, MODEL_KIND) for row in rows[COLLECTIONS[kind]]]
    owners += [(SYNC_KIND, _sync_of(row, models)) for row in rows["syncs"] if str(row["id"]) not in survivors]
    counts = Counter(owners)
    living = {str(row["id"]) for row in rows["syncs"]}
    return [
        *(f"server sync {each} is lost" for each in sorted(survivors - living)),
        *(f"{kind} {name} is not gone" for kind, objects in held.objects.items() for name in objects.keys() - names),
        *(f"{kind} {name} has {count} on the server" for (kind, name), count in counts.items() if name not in names),
        *(
            f"{kind} {name} has {counts[kind, name]} on the server"
            for each in expected.values()
            for name, kind in each.items()
            if counts[kind, name] != 1
        ),
        *(wrong for each in wanted.values() for wrong in _of_pipeline(each, held, rows)),
    ]


def _sync_of(row: Mapping[str, Any], models: Mapping[int, str]) -> str:
    """Name of the Sync to which a server's sync belongs, by its model."""
    model = models.get(int(row["attributes"]["model_id"]), "?-customers")
    return model.removesuffix("-customers") + "-orders"


def _living(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [row for row in rows if not row.get("deleted")]


def _of_pipeline(
    wanted: WantedPipeline, held: HeldPipelines, rows: Mapping[str, Sequence[Mapping[str, Any]]]
) -> Iterator[str]:
    found: dict[str, str] = {}
    for kind, name in resources_of(wanted.stage):
        obj = held.objects[kind].get(name)
        if obj is None:
            yield f"{kind} {name} is gone"
            continue
        status, ready = obj.get("status", {}), condition(obj)
        if ready.get("status") != "True" or ready.get("observedGeneration") != obj["metadata"]["generation"]:
            yield f"{kind} {name} is not Ready: {ready.get('reason')}: {ready.get('message')}"
        if wanted.ids.get(name) not in {None, status.get("id")}:
            yield f"{kind} {name} was {wanted.ids[name]} on the server, and is {status.get('id')} now"
        if status.get("origin") != wanted.origin:
            yield f"{kind} {name}: status.origin is {status.get('origin')}"
        found[name] = str(status.get("id"))
    for kind, name in resources_of(wanted.stage):
        row = next((row for row in rows[COLLECTIONS[kind]] if str(row["id"]) == found.get(name)), None)
        if row is None:
            yield f"{kind} {name}: status.id is {found.get(name)}, which the server does not have"
            continue
        for attribute, value in _attributes_of(wanted, found)[name].items():
            stored = row["attributes"] if kind == SYNC_KIND else row
            if stored.get(attribute) != value:
                # Not the values: they are secrets, and reports of tests are kept.
                yield f"{kind} {name}: {attribute} on the server is not what is asked for"


def _attributes_of(wanted: WantedPipeline, ids: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """What the server is to hold, by the names of the resources."""
    stage, specs = wanted.stage, specs_of(wanted)
    numbers = {name: int(each) if each.isdigit() else 0 for name, each in ids.items()}
    warehouse, crm, customers, orders = (name for _, name in resources_of(stage))
    source, model, sync = specs[warehouse], specs[customers], specs[orders]
    login = source["configuration"]["credentials"] | {"password": wanted.password}
    return {
        warehouse: {
            "name": warehouse,
            "kind": "source",
            "definition": source["connectorName"],
            "configuration": source["configuration"] | {"credentials": login},
        },
        crm: {
            "name": crm,
            "kind": "destination",
            "definition": specs[crm]["connectorName"],
            "configuration": {"access_token": wanted.password},
        },
        customers: {
            "name": customers,
            "connector_id": numbers.get(warehouse),
            "query": model["query"],
            "primary_key": model["primaryKey"],
        },
        orders: {
            "source_id": numbers.get(warehouse),
            "destination_id": numbers.get(crm),
            "model_id": numbers.get(customers),
            "sync_mode": sync["syncMode"],
            "stream_name": sync["streamName"],
            "configuration": sync["configuration"],
        },
    }


def creates(log: Sequence[Mapping[str, Any]]) -> Counter[str]:
    """How often something was created, by a server's request log: of a collection, and the name or the model's id."""
    counts: Counter[str] = Counter()
    for entry in log:
        collection = entry["path"].removeprefix("/api/v1/")
        if entry["method"] == "POST" and entry["status"] == _CREATED and collection in COLLECTIONS.values():
            body = entry["body"][collection.removesuffix("s")]
            counts[f"{collection} {body.get('name', body.get('model_id'))}"] += 1
    return counts


def deletions_out_of_order(log: Sequence[Mapping[str, Any]], wanted: WantedPipeline) -> list[str]:
    """What of a pipeline that is gone was not deleted by itself, and before all that it refers to."""
    done = [
        entry["path"].removeprefix("/api/v1/")
        for entry in log
        if entry["method"] == "DELETE" and entry["status"] == _DELETED
    ]
    paths = [f"{COLLECTIONS[kind]}/{wanted.ids[name]}" for kind, name in resources_of(wanted.stage)]
    if missing := [path for path in paths if path not in done]:
        return [f"{path} was not deleted by itself" for path in missing]
    warehouse, crm, model, sync = (done.index(path) for path in paths)
    in_order = sync < min(crm, model) and model < warehouse
    return [] if in_order else [f"deleted in the order {', '.join(done)}"]
