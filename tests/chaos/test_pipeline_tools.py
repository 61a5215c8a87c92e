"""The tools of the tests with whole pipelines: what they are to notice, they notice."""

import copy
from collections.abc import Callable
from typing import Any, Final

import pytest
from tests.support import planted
from tests.support.faults import Call
from tests.support.kills import Point, Reach
from tests.support.pipeline import MASK
from tests.support.syncs import MAPPING
from tests.support.wanted_pipelines import (
    COLLECTIONS,
    HeldPipelines,
    WantedPipeline,
    creates,
    deletions_out_of_order,
    pipeline_wrongs,
    resources_of,
    specs_of,
)

IDS: Final = dict(zip((name for _, name in resources_of("p")), ("11", "12", "21", "31"), strict=True))
SURVIVOR: Final = "39"

type There = dict[str, Any]


def resource(name: str) -> dict[str, Any]:
    ready = {"type": "Ready", "status": "True", "observedGeneration": 1}
    status = {"id": IDS[name], "origin": "Created", "conditions": [ready]}
    return {"metadata": {"name": name, "generation": 1}, "status": status}


def held() -> There:
    """A world in order: objects of the cluster by kind, rows of the server by collection."""
    specs = specs_of(WantedPipeline("p"))
    source, model = specs["p-warehouse"]["configuration"], specs["p-customers"]
    login = source["credentials"] | {"password": planted.CONFIGURATION}
    sync = {
        "source_id": 11, "destination_id": 12, "model_id": 21, "sync_mode": "full_refresh", "stream_name": "contacts",
        "configuration": MAPPING,
    }  # fmt: skip
    return {
        **{kind: {name: resource(name) for its, name in resources_of("p") if its == kind} for kind in COLLECTIONS},
        "connectors": [
            {"id": 11, "name": "p-warehouse", "kind": "source", "definition": "Postgresql"}
            | {"configuration": source | {"credentials": login}},
            {"id": 12, "name": "p-crm", "kind": "destination", "definition": "Hubspot"}
            | {"configuration": {"access_token": planted.CONFIGURATION}},
        ],
        "models": [
            {"id": 21, "name": "p-customers", "connector_id": 11, "query": model["query"], "primary_key": "id"},
        ],
        "syncs": [
            {"id": 31, "deleted": False, "attributes": sync},
            {"id": 32, "deleted": True, "attributes": sync},
            {"id": int(SURVIVOR), "deleted": False, "attributes": sync | {"stream_name": "companies"}},
        ],
    }


def found(change: Callable[[There], object]) -> list[str]:
    """What is wrong after a change."""
    there = copy.deepcopy(held())
    change(there)
    objects = {kind: there[kind] for kind in COLLECTIONS}
    wanted = {"p": WantedPipeline("p", ids=dict(IDS))}
    return pipeline_wrongs(wanted, HeldPipelines(objects, there), {SURVIVOR})


BREAKS: Final[list[tuple[Callable[[There], object], str]]] = [
    (lambda there: there["connectors"].append({**there["connectors"][1], "id": 13}), "Connector p-crm has 2"),
    (lambda there: there["models"].append({**there["models"][0], "id": 22}), "Model p-customers has 2"),
    (lambda there: there["syncs"][1].update(deleted=False), "Sync p-orders has 2"),
    (lambda there: there["connectors"].append({"id": 14, "name": "q-crm"}), "Connector q-crm has 1"),
    (lambda there: there["models"].append({"id": 24, "name": "q-customers"}), "Model q-customers has 1"),
    (lambda there: there["syncs"][0]["attributes"].update(model_id=29), "Sync ?-orders has 1"),
    (lambda there: there["syncs"].pop(0), "Sync p-orders has 0"),
    (lambda there: there["syncs"].pop(), f"server sync {SURVIVOR} is lost"),
    (lambda there: there["Model"].pop("p-customers"), "Model p-customers is gone"),
    (lambda there: there["Model"].update({"q-customers": {}}), "Model q-customers is not gone"),
    (lambda there: there["Sync"]["p-orders"]["metadata"].update(generation=2), "Sync p-orders is not Ready"),
    (lambda there: there["Connector"]["p-crm"]["status"].update(conditions=[]), "Connector p-crm is not Ready"),
    (lambda there: there["Connector"]["p-crm"]["status"].update(origin="Adopted"), "status.origin is Adopted"),
    (lambda there: there["Connector"]["p-crm"]["status"].update(id="15"), "was 12 on the server, and is 15 now"),
    (lambda there: there["connectors"][1].update(id=15), "status.id is 12, which the server does not have"),
    (lambda there: there["connectors"][1]["configuration"].update(access_token=MASK), "p-crm: configuration"),
    (lambda there: there["connectors"][0]["configuration"].update(credentials={}), "p-warehouse: configuration"),
    (lambda there: there["models"][0].update(query="SELECT 1"), "p-customers: query"),
    (lambda there: there["models"][0].update(connector_id=12), "p-customers: connector_id"),
    (lambda there: there["syncs"][0]["attributes"].update(destination_id=11), "p-orders: destination_id"),
]


def test_a_pipeline_in_order_has_nothing_wrong() -> None:
    assert found(lambda _: None) == []


@pytest.mark.parametrize(("change", "words"), BREAKS, ids=[words for _, words in BREAKS])
def test_every_break_of_a_pipeline_is_told(change: Callable[[There], object], words: str) -> None:
    wrong = found(change)

    assert any(words in each for each in wrong), wrong
    assert planted.found([("wrongs", "\n".join(wrong))]) == []


def entry(method: str, path: str, status: int, **body: Any) -> dict[str, Any]:
    return {"method": method, "path": f"/api/v1/{path}", "status": status, "body": body}


def test_creates_are_those_that_the_server_carried_out() -> None:
    log = [
        entry("POST", "connectors", 201, connector={"name": "p-crm"}),
        entry("POST", "connectors", 422, connector={"name": "p-crm"}),
        entry("POST", "models", 201, model={"name": "p-customers"}),
        entry("POST", "models", 201, model={"name": "p-customers"}),
        entry("POST", "syncs", 201, sync={"model_id": 21}),
        entry("POST", "connectors/11/query_source", 201),
        entry("PUT", "connectors/11", 200, connector={"name": "p-crm"}),
    ]

    assert creates(log) == {"connectors p-crm": 1, "models p-customers": 2, "syncs 21": 1}


@pytest.mark.parametrize(
    ("paths", "wrong"),
    [
        ("syncs/31 models/21 connectors/11 connectors/12", ""),
        ("syncs/31 connectors/12 models/21 connectors/11", ""),
        ("models/21 syncs/31 connectors/11 connectors/12", "deleted in the order models/21, syncs/31"),
        ("connectors/12 syncs/31 models/21 connectors/11", "deleted in the order connectors/12"),
        ("syncs/31 connectors/11 models/21 connectors/12", "deleted in the order syncs/31, connectors/11"),
        ("syncs/31 connectors/11 connectors/12", "models/21 was not deleted by itself"),
    ],
)
def test_what_is_deleted_before_what_refers_to_it_is_told(paths: str, wrong: str) -> None:
    log = [entry("DELETE", "syncs/31", 404), *(entry("DELETE", path, 204) for path in paths.split())]

    told = deletions_out_of_order(log, WantedPipeline("p", ids=dict(IDS)))

    assert (wrong in told[0]) if wrong else told == []


def test_one_request_reaches_a_point() -> None:
    point = Point("server: PUT connectors/*", 2, 2)
    reach = Reach(point, 2, ["p-crm"])
    calls = [Call("server", "PUT", f"/api/v1/connectors/{number}", {}, {}) for number in (1, 1, 2, 1, 2, 2, 1)]

    assert [reach(call) for call in calls] == [False, False, False, False, True, False, False]
