"""Simulations: whatever happens in whatever order, one server sync for one Sync, and peace in the end."""

import sys
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.support.manifests import BY_NAME
from tests.support.snapshots import MAPPING, URL, connected
from tests.unit.domain.model_server import Fate
from tests.unit.domain.verdicts import (
    check_orphans,
    check_settled,
    check_status,
    check_taken,
    check_write,
    owners,
    unknown,
)
from tests.unit.domain.world import OTHER_URL, World

from sync_operator.api.constants import RUN_REQUESTED_AT_ANNOTATION
from sync_operator.api.statuses.conditions import Reason
from sync_operator.domain.blocker import Blocker
from sync_operator.syncapi.types import RefKind

pytestmark = pytest.mark.timeout(600)  # a story that fails is made short before it is told

OTHER_MAPPING = [{"from": "mail", "to": "email", "mapping_type": "standard"}]
VECTOR = [{"from": "text", "to": "vector", "mapping_type": "vector", "embedding_config": {"mode": "openai"}}]
SECRET = [{"pointer": "/0/embedding_config/api_key", "secretKeyRef": {"name": "vectors", "key": "key"}}]
STRANGER = {"source_id": 1, "destination_id": 2, "model_id": 3, "stream_name": "contacts", "schedule_type": "interval"}
STRANGER |= {
    "sync_interval": 3,
    "sync_interval_unit": "hours",
    "sync_mode": "full_refresh",
    "configuration": OTHER_MAPPING,
}
LIKE_TWIN = STRANGER | {"schedule_type": "manual", "configuration": MAPPING}
"""What two of the Syncs ask for."""

NAMES: dict[str, dict[str, Any]] = {
    "twin": {},
    "brother": {},
    "adopter": {"externalId": "1"},
    "rival": {"externalId": "1"},
    "vectors": {"streamName": "vectors", "configuration": VECTOR, "configurationSecrets": SECRET},
    "named": {"streamName": "named", **BY_NAME},
}
BODY_CHANGES: list[dict[str, Any]] = [
    {"syncMode": "incremental"},
    {"syncMode": "full_refresh"},
    {"scheduler": "Server"},
    {"scheduler": "CronJob"},
]
CHANGES: list[dict[str, Any]] = [
    {"scheduleType": "interval", "syncInterval": 5, "syncIntervalUnit": "hours"},
    {"scheduleType": "interval", "syncInterval": 6, "syncIntervalUnit": "hours"},
    {"scheduleType": "cron_expression", "cronExpression": "17 3 * * *", "timeZone": "Europe/Berlin"},
    {"timeZone": "Nowhere/Atall"},
    {"timeZone": "Etc/UTC"},
    {"suspend": True, "suspendReason": "for tests"},
    {"suspend": False},
    {"driftPolicy": "Correct"},
    {"driftPolicy": "Report"},
    {"driftPolicy": "Ignore"},
    {"deletionPolicy": "Retain"},
    {"deletionPolicy": "Delete"},
    {"deletionPolicy": None},
    {"externalId": None},
    {"freshness": {"maxAge": "2h"}},
]
SERVER_CHANGES: list[dict[str, Any]] = [
    {"sync_mode": "incremental"},
    {"configuration": OTHER_MAPPING},
    {"schedule_type": "interval", "sync_interval": 5, "sync_interval_unit": "minutes"},
]
FATES = st.lists(st.sampled_from(list(Fate)), max_size=3)
SYNCS = st.sampled_from(list(NAMES))


class Lives(RuleBasedStateMachine):
    """The lives of a few Syncs."""

    @initialize(
        ahead=st.sampled_from([timedelta(), timedelta(hours=7), timedelta(minutes=-90)]),
        names=st.sets(SYNCS, min_size=1),
        made=st.booleans(),
        equal=st.booleans(),
    )
    def begin(self, ahead: timedelta, names: set[str], made: bool, equal: bool) -> None:
        self.world = World(ahead)
        self.world.secrets["vectors"] = "one"
        for server in self.world.servers.values():
            for _ in range(3):
                server.create(STRANGER)
            if equal:
                server.create(LIKE_TWIN)
        self.world.pass_time(20)  # what somebody makes in the same seconds looks like the result of a lost create
        for name in sorted(names):
            self.world.cluster.apply(name, **NAMES[name])
            if made:
                self.world.tell()
                self.world.reconcile(name)

    @rule(name=SYNCS, change=st.sampled_from(CHANGES + BODY_CHANGES))
    def apply(self, name: str, change: dict[str, Any]) -> None:
        if name not in self.world.cluster.syncs and name not in self.world.under_way:
            self.world.cluster.apply(
                name, **NAMES[name] | {key: value for key, value in change.items() if value is not None}
            )
            self.world.tell()  # it hears of a new life under an old name before it writes
        elif name in self.world.cluster.syncs and (
            change not in BODY_CHANGES or name == "vectors" or not unknown(self.world, name)
        ):
            self.world.cluster.apply(name, **change)

    @rule(name=SYNCS)
    def delete(self, name: str) -> None:
        if name in self.world.cluster.syncs:
            self.world.cluster.delete(name)

    @rule(name=SYNCS, token=st.sampled_from(["one", "two"]))
    def request_run(self, name: str, token: str) -> None:
        if name in self.world.cluster.syncs:
            self.world.cluster.apply(name, at={"annotations": {RUN_REQUESTED_AT_ANNOTATION: token}})

    @rule(name=SYNCS, fates=FATES, seconds=st.sampled_from([0, 1, 40]), listed=st.booleans())
    def reconcile(self, name: str, fates: list[Fate], seconds: int, listed: bool) -> None:
        self.world.pass_time(seconds)
        self.world.tell()
        if listed:
            self.world.list_server()
        self.world.reconcile(name, fates)

    @rule(name=SYNCS, fates=FATES)
    def step(self, name: str, fates: list[Fate]) -> None:
        self.world.step(name, fates)

    @rule(seconds=st.sampled_from([20, 400, 90_000]))
    def pass_time(self, seconds: int) -> None:
        self.world.pass_time(seconds)

    @rule()
    def restart(self) -> None:
        self.world.start_process()

    @rule(number=st.integers(0, 6), change=st.sampled_from(SERVER_CHANGES))
    def people_edit(self, number: int, change: dict[str, Any]) -> None:
        if self.told_of(number):
            self.world.server.update(str(number), change)

    def told_of(self, number: int) -> bool:
        """People let a sync alone whose create was not answered yet."""
        held = self.world.server.syncs.get(str(number))
        return held is not None and (not held.maker or bool(owners(self.world, self.world.view.url, str(number))))

    @rule(number=st.integers(0, 6), wanted=st.booleans())
    def people_enable(self, number: int, wanted: bool) -> None:
        if str(number) in self.world.server.syncs:
            self.world.server.enable(str(number), wanted=wanted)

    @rule(number=st.sampled_from([1, 9]), name=st.sampled_from(["Warehouse", "Lake"]))
    def people_name(self, number: int, name: str) -> None:
        self.world.server.name(RefKind.SOURCE, number, name)

    @rule(number=st.integers(0, 6))
    def people_delete(self, number: int) -> None:
        if str(number) in self.world.server.syncs:
            self.world.server.delete(str(number))

    @rule(
        view=st.sampled_from(
            [
                {},
                {"suspended": True},
                {"blocker": Blocker(Reason.UNAUTHORIZED, "the token has ended", resolved_by_watch=True)},
                {"found": False, "blocker": Blocker(Reason.WORKSPACE_NOT_FOUND, "it is gone", resolved_by_watch=True)},
            ]
        )
    )
    def workspace(self, view: dict[str, Any]) -> None:
        self.world.view = connected(**{"url": self.world.view.url} | view)
        self.world.tell_workspace()

    @precondition(lambda self: not any(unknown(self.world, name) for name in self.world.cluster.syncs))
    @rule()
    def move_workspace(self) -> None:
        self.world.pass_time(1)  # syncs of two servers with the same id and time of creation pass for the same one
        self.workspace({"url": OTHER_URL if self.world.view.url == URL else URL})

    @rule(value=st.sampled_from(["one", "two"]))
    def rotate(self, value: str) -> None:
        self.world.secrets["vectors"] = value
        if "vectors" in self.world.cluster.syncs:
            self.world.context.recheck.add(self.world.cluster.syncs["vectors"]["metadata"]["uid"])

    @rule(name=SYNCS, suspend=st.booleans())
    def meddle(self, name: str, suspend: bool) -> None:
        live = self.world.cluster.cronjobs.get(name)
        if live is not None:
            self.world.cluster.write_cronjob(name, live | {"spec": live["spec"] | {"suspend": suspend}})

    @invariant()
    def statuses_follow_the_rules(self) -> None:
        for before, after in self.world.reports:
            check_status(before, after)
            check_taken(self.world, before, after)
        self.world.reports.clear()

    @invariant()
    def nothing_is_written_to_what_belongs_to_another(self) -> None:
        for url, server in self.world.servers.items():
            for sync_id, uid in server.writes:
                check_write(self.world, url, sync_id, uid)
            server.writes.clear()

    @invariant()
    def there_are_no_twins(self) -> None:
        for group in ({"vectors"}, {"named"}, set(NAMES) - {"vectors", "named"}):
            wanted = len(group & set(self.world.cluster.syncs)) + sum(name in group for name in self.world.released)
            living = [
                sync_id
                for server in self.world.servers.values()
                for sync_id, stored in server.syncs.items()
                if stored.maker.partition("-")[0] in group
            ]
            assert len(living) <= wanted, f"{living} for {wanted} Syncs"

    def teardown(self) -> None:
        if not hasattr(self, "world") or sys.exception() is not None:
            return
        self.calm()
        self.nothing_is_written_to_what_belongs_to_another()
        self.there_are_no_twins()
        for name in self.world.cluster.syncs:
            check_settled(self.world, name)
        check_orphans(self.world)

    def calm(self) -> None:
        """Nothing goes wrong any more; in a few rounds there is nothing left to do.

        What is missing on the server is not made anew before the second list that lacks it.
        """
        world, quiet = self.world, 0
        self.workspace({})
        for _ in range(15):
            world.pass_time(60)
            world.tell()
            world.list_server()
            world.acts.clear()
            before = self.written()
            for name in [*world.under_way, *world.cluster.syncs]:
                world.reconcile(name)
            self.statuses_follow_the_rules()
            quiet = quiet + 1 if self.written() == before else 0
            if quiet > 2:
                return
        raise AssertionError(f"no peace: {world.acts}")

    def written(self) -> list[int]:
        """How often anything was written, in the cluster and on the servers."""
        servers = self.world.servers.values()
        return [
            self.world.cluster.version,
            *(server.made for server in servers),
            *(len(server.writes) for server in servers),
        ]


TestLives = Lives.TestCase
TestLives.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
