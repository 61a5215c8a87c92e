"""The guards of a rehearsal: a step that belongs to the controller alone, and a registration that does not end."""

import pytest
from tests.support.snapshots import pictured

from sync_operator.commands.plan import dry_run
from sync_operator.commands.plan.planned_kinds.planned_sync import PLANNED_SYNC


def test_a_step_that_only_the_controller_can_take_is_a_defect() -> None:
    with pytest.raises(AssertionError, match="is not a step of a registration that has its mark"):
        dry_run.dry_run(PLANNED_SYNC, pictured(), {}, {})


def test_a_registration_that_does_not_end_is_a_defect(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dry_run, "_MAX_STEPS", 0)

    with pytest.raises(AssertionError, match="does not end"):
        dry_run.dry_run(PLANNED_SYNC, pictured(), {}, {})
