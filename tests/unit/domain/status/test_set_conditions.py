"""Conditions over time: the transition time moves when the status does, and then only."""

from dataclasses import replace
from datetime import datetime

from hypothesis import given
from hypothesis import strategies as st
from tests.support.snapshots import HOUR, NOW

from sync_operator.api.statuses.conditions import ConditionType, Reason
from sync_operator.api.statuses.status_fields import Condition
from sync_operator.domain.blocker import Blocker
from sync_operator.domain.status.set_conditions import DesiredCondition, progress_conditions, set_conditions

TROUBLE = Blocker(Reason.SERVER_UNAVAILABLE, "no answer")
SAID = st.builds(
    DesiredCondition,
    type=st.sampled_from(list(ConditionType)),
    status=st.booleans(),
    reason=st.sampled_from(list(Reason)),
    message=st.text(max_size=2000),
)
STORIES = st.lists(st.lists(SAID, max_size=7, unique_by=lambda said: said.type), min_size=1, max_size=5)


@given(STORIES)
def test_conditions_over_time(story: list[list[DesiredCondition]]) -> None:
    held: tuple[Condition, ...] = ()
    moved: dict[str, tuple[str, datetime]] = {}
    for number, said in enumerate(story):
        now = NOW + number * HOUR

        held = set_conditions(said, held, generation=number, now=now)

        assert [entry.type for entry in held] == [entry.type for entry in said]
        assert set_conditions(said, held, generation=number, now=now + HOUR) == held
        words = {entry.type: "True" if entry.status else "False" for entry in said}
        moved = {
            kind: moved[kind] if moved.get(kind, ("",))[0] == word else (word, now) for kind, word in words.items()
        }
        for entry in held:
            assert (entry.status, entry.last_transition_time) == moved[entry.type]
            assert entry.observed_generation == number
            assert len(entry.message) <= 1024
            assert entry.message.isprintable()


def test_an_blocker_is_one_of_stalled_and_reconciling() -> None:
    assert progress_conditions(None) == ()
    for stalled, kind in ((True, ConditionType.STALLED), (False, ConditionType.RECONCILING)):
        [said] = progress_conditions(replace(TROUBLE, stalled=stalled))
        assert (said.type, said.status, said.reason, said.message) == (kind, True, TROUBLE.reason, TROUBLE.message)
