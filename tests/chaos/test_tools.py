"""The tests' own tools: what they are to notice, they notice."""

import base64
import copy
from collections.abc import Callable
from typing import Any, Final

import pytest
from tests.support import planted
from tests.support.faults import Call, Moment
from tests.support.invariants import Held, Wanted, attributes_of, spec_of, wrongs
from tests.support.kills import Kill, Point, Trap, When, common_points, kills_at, points_of
from tests.support.ledger import Ledger
from tests.support.storm import Storm

NAMES: Final = ("s-a1", "s-b1")


def sync(name: str, sync_id: str) -> dict[str, Any]:
    ready = {"type": "Ready", "status": "True", "observedGeneration": 1}
    status = {"id": sync_id, "origin": "Created", "conditions": [ready]}
    return {"metadata": {"name": name, "uid": f"uid-{name}", "generation": 1}, "status": status}


def cronjob(name: str, sync_id: str) -> dict[str, Any]:
    line = spec_of(name).get("cronExpression")
    container = {"env": [{"name": "SYNC_ID", "value": sync_id}]}
    template = {"spec": {"template": {"spec": {"containers": [container]}}}}
    spec = {"suspend": line is None, "schedule": line, "jobTemplate": template}
    return {"metadata": {"ownerReferences": [{"uid": f"uid-{name}"}]}, "spec": spec}


def stored(name: str) -> dict[str, Any]:
    return {"attributes": attributes_of(spec_of(name)), "status": "pending", "server_schedule": None}


def held() -> Held:
    ids = dict(zip(NAMES, ("1", "2"), strict=True))
    return Held(
        syncs={name: sync(name, sync_id) for name, sync_id in ids.items()},
        cronjobs={name: cronjob(name, sync_id) for name, sync_id in ids.items()},
        jobs={},
        stored={sync_id: stored(name) for name, sync_id in ids.items()} | {"9": stored("foreign-b1")},
    )


def found(change: Callable[[dict[str, Any]], object]) -> list[str]:
    """What is wrong after a change."""
    there = copy.deepcopy(held())
    change({name: getattr(there, name) for name in ("syncs", "cronjobs", "jobs", "stored")})
    return wrongs(
        {name: Wanted(spec_of(name), sync_id) for name, sync_id in zip(NAMES, "12", strict=True)}, {"9"}, there
    )


JOB: Final = {"metadata": {"annotations": {"squared.ai/sync-name": "gone"}}}
BREAKS: Final[list[tuple[Callable[[dict[str, Any]], object], str]]] = [
    (lambda there: there["stored"].update({"3": stored("s-a1")}), "server sync 3 is an orphan"),
    (lambda there: there["stored"].pop("9"), "server sync 9 is lost"),
    (lambda there: there["stored"].pop("1"), "which the server does not have"),
    (lambda there: there["syncs"]["s-a1"]["status"].update(id="2"), "server sync 2 belongs to 2 Syncs"),
    (lambda there: there["syncs"]["s-a1"]["status"].update(id="3"), "its sync was 1, and is 3 now"),
    (lambda there: there["syncs"]["s-a1"]["status"].update(origin="Adopted"), "status.origin is Adopted"),
    (lambda there: there["syncs"].pop("s-a1"), "Sync s-a1 is gone"),
    (lambda there: there["syncs"].update(other=sync("other", "9")), "Sync other is not gone"),
    (lambda there: there["syncs"]["s-b1"]["metadata"].update(generation=2), "not Ready for generation 2"),
    (lambda there: there["syncs"]["s-b1"]["status"].update(conditions=[]), "not Ready for generation 1"),
    (lambda there: there["stored"]["1"]["attributes"].update(sync_mode="incremental"), "sync_mode on the server is"),
    (lambda there: there["stored"]["1"]["attributes"].update(configuration=[]), "configuration on the server is"),
    (lambda there: there["stored"]["1"].update(status="disabled"), "the server's sync is disabled"),
    (lambda there: there["stored"]["1"].update(server_schedule="0 * * * *"), "its schedule 0 * * * *"),
    (lambda there: there["cronjobs"].pop("s-a1"), "it has no CronJob"),
    (lambda there: there["cronjobs"].update(other=cronjob("other", "1")), "CronJob other is not gone"),
    (lambda there: there["cronjobs"].update({"s-a1": cronjob("s-a1", "2")}), "its CronJob does not run sync 1"),
    (lambda there: there["cronjobs"]["s-a1"]["spec"].update(suspend=True), "its CronJob has schedule"),
    (lambda there: there["cronjobs"]["s-b1"]["spec"].update(suspend=False), "its CronJob has schedule"),
    (lambda there: there["cronjobs"]["s-a1"]["metadata"].update(ownerReferences=[]), "belongs to somebody else"),
    (lambda there: there["jobs"].update(one=JOB), "the Jobs of gone are not gone"),
]


def test_a_world_in_order_has_nothing_wrong() -> None:
    assert found(lambda _: None) == []


@pytest.mark.parametrize(("change", "words"), BREAKS, ids=[words for _, words in BREAKS])
def test_every_break_of_an_invariant_is_told(change: Callable[[dict[str, Any]], object], words: str) -> None:
    assert any(words in wrong for wrong in found(change)), found(change)


@pytest.mark.parametrize("secret", [planted.TOKEN, planted.CONFIGURATION, planted.ROTATED, planted.AUTHORITY])
@pytest.mark.parametrize("before", ["", "a", "ab", "abc"])
def test_a_planted_secret_is_found_in_every_shape(secret: str, before: str) -> None:
    encoded = base64.b64encode(f"{before}{secret}".encode()).decode()

    assert planted.found([("log", f"one\n{before}{secret[:20]}…")]) == [f"log: {before}{secret[:20]}…"]
    assert planted.found([("log", f"value: {encoded}")])
    assert planted.found([("log", "planted, token, value")]) == []


def call(method: str, path: str, to: str = "cluster", **body: Any) -> Call:
    return Call(to, method, path, {}, body)


CALLS: Final = [
    call("GET", "/apis/squared.ai/v1/syncs"),
    call("PATCH", "/apis/squared.ai/v1/namespaces/n/syncs/s-a1/status"),
    call("PATCH", "/apis/squared.ai/v1/namespaces/n/syncs/s-b1/status"),
    call("PATCH", "/apis/squared.ai/v1/namespaces/n/syncs/s-a1/status"),
    call("DELETE", "/apis/batch/v1/namespaces/n/jobs/s-a1-by-hand"),
    call("POST", "/api/v1/namespaces/n/events", involvedObject={"name": "another"}),
    call("GET", "/api/v1/syncs", to="server"),
    call("GET", "/api/v1/syncs", to="server"),
    call("POST", "/api/v1/syncs", to="server"),
    call("PUT", "/api/v1/syncs/7", to="server"),
]


def test_points_are_what_is_asked_for_about_a_stage() -> None:
    points = points_of(CALLS, NAMES)

    assert points == [
        Point("cluster: DELETE jobs/*", 1, 1),
        Point("cluster: PATCH syncs/*/status", 1, 2),
        Point("cluster: PATCH syncs/*/status", 2, 1),
        Point("server: GET syncs", 1, 1),
        Point("server: POST syncs", 1, 1),
        Point("server: PUT syncs/*", 1, 1),
    ]
    assert common_points(points, points_of(CALLS[:3], NAMES)) == [Point("cluster: PATCH syncs/*/status", 1, 2)]
    whens = [(kill.point.label, kill.when) for kill in kills_at(points, "seed")]
    assert ("server: GET syncs", When.BEFORE) not in whens
    assert ("server: POST syncs", When.LATE) in whens
    assert len(whens) == 4 * 2 + 1 + 3


def test_a_trap_strikes_once_and_at_its_point_only() -> None:
    struck: list[str] = []
    kill = Kill(Point("cluster: PATCH syncs/*/status", 1, 2), When.AFTER, subject=2)
    trap = Trap(kill, NAMES, lambda: struck.append("now"))

    faults = [trap(each) for each in (*CALLS, *CALLS)]

    [(place, fault)] = [(place, fault) for place, fault in enumerate(faults) if fault]
    assert place == 2, "the first request about the second Sync"
    assert fault.lose is Moment.AFTER
    assert not struck
    assert fault.then is not None
    fault.then()
    assert struck
    assert trap.sprung.is_set()


def test_the_same_seed_has_the_same_in_store_for_the_same_request() -> None:
    def fates(seed: int, calls: list[Call]) -> dict[str, list[str]]:
        storm, told = Storm(seed, 0.3), dict[str, list[str]]()
        for each in calls:
            fault = storm(each)
            told.setdefault(f"{each.method} {each.path}", []).append(fault.kind if fault else "")
        return told

    many = [each for each in CALLS if each.body.get("involvedObject") is None] * 40

    assert fates(1, many) == fates(1, many[::-1])
    assert fates(1, many) != fates(2, many)
    assert sum(bool(kind) for kinds in fates(1, many).values() for kind in kinds) > 60


def test_a_trap_that_is_over_strikes_no_more() -> None:
    struck: list[str] = []
    kill = Kill(Point("cluster: PATCH syncs/*/status", 1, 2), When.AFTER, subject=2)
    trap = Trap(kill, NAMES, lambda: struck.append("now"))
    [fault] = [fault for fault in map(trap, CALLS) if fault is not None]

    assert not trap.over()
    assert fault.then is not None
    fault.then()

    assert not struck
    assert not trap.over()


def test_accounts_of_several_processes_are_added() -> None:
    account, other = Ledger(), Ledger()
    account.kills["create"] += 2
    other.kills["create"] += 1
    other.kills["storm"] += 4
    other.faults["cut"] += 3
    other.exits[71] += 1
    other.seeds.append("storm 1")

    account.add(other.plain())

    assert account.lines() == [
        "7 kills: create 3, storm 4",
        "0 points not come to again: none",
        "3 faults: cut 3",
        "controllers that ended by themselves, by exit code: 71 1",
        "seeds: storm 1",
    ]
