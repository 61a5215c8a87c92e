"""Next runs: what the CronJob controller's own code does with the CronJob."""

from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import given
from tests.support.cron_cases import moments
from tests.support.cronlib import CronLib, Moment
from tests.support.firing_tables import FIRINGS, Firing
from tests.support.manifests import sync_spec
from tests.support.many import SEED, many

from sync_operator.api.validation.strict_validation import read_sync_spec
from sync_operator.schedule.effective_schedule import Schedule, effective_schedule, next_runs


@pytest.mark.parametrize("case", FIRINGS, ids=lambda case: case.name)
def test_the_table_says_what_the_controller_does(cronlib: CronLib, case: Firing) -> None:
    (runs,) = cronlib.runs([case.moment], max(1, len(case.expected)))

    assert runs == case.runs


@many(10_000)
@given(moments())
def test_next_runs_are_those_of_the_controller(cronlib: CronLib, batch: list[Moment]) -> None:
    for moment, runs in zip(batch, cronlib.runs(batch), strict=True):
        schedule = Schedule(moment.schedule, moment.time_zone, deadline=moment.deadline)

        assert next_runs(schedule, moment.now, anchor=moment.anchor) == runs, moment


def spec_of(random: Random, moment: Moment) -> dict[str, Any]:
    """The spec of a Sync of any schedule type that has one, with the deadline of the moment."""
    unit, most = random.choice((("minutes", 50_400), ("minutes", 100), ("hours", 840), ("days", 35), ("weeks", 5)))
    kind = random.choice(("interval", "cron_expression", "automated"))
    fields: dict[str, Any] = {"scheduleType": kind}
    if kind == "interval" or random.randrange(3) == 0:
        fields |= {"syncInterval": random.randint(1, most), "syncIntervalUnit": unit}
    if kind == "cron_expression" or (kind == "automated" and ("syncInterval" not in fields or random.randrange(2))):
        fields |= {"cronExpression": moment.schedule, "timeZone": moment.time_zone}
    if moment.deadline is not None:
        fields["run"] = {"startingDeadlineSeconds": max(30, moment.deadline // timedelta(seconds=1))}
    return sync_spec(**fields)


@many(1_000)
@given(moments())
def test_next_runs_of_syncs_are_those_of_their_cronjobs(cronlib: CronLib, batch: list[Moment]) -> None:
    random = Random(f"{SEED} {batch}")  # noqa: S311 - nothing secret
    asked, answered = [], []
    for moment in batch:
        spec = read_sync_spec(spec_of(random, moment))
        schedule = effective_schedule(spec, "team", f"sync-{random.randrange(10_000)}")
        assert schedule.expression is not None
        every = schedule.expression.startswith("@every")
        deadline = None if every else timedelta(seconds=spec.run.starting_deadline_seconds)
        asked.append(replace(moment, schedule=schedule.expression, time_zone=schedule.time_zone, deadline=deadline))
        answered.append(next_runs(schedule, moment.now, anchor=moment.anchor))

    for cronjob, runs, ours in zip(asked, cronlib.runs(asked), answered, strict=True):
        assert ours == runs, cronjob
