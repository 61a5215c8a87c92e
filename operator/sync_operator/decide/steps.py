"""The decision: from a picture to the next action. Called again with each action's result until nothing is left."""

from sync_operator.decide.actions import Action
from sync_operator.decide.deletion import deletion_step
from sync_operator.decide.late_creates import twin_step
from sync_operator.decide.picture import Picture
from sync_operator.decide.registration import registration_step
from sync_operator.decide.runs import run_step
from sync_operator.decide.scheduling import scheduling_step

__all__ = ["next_action"]


def next_action(picture: Picture) -> Action | None:
    """The one action to take now, or None when everything is in place or has to wait."""
    if picture.sync.deleting:
        return deletion_step(picture)
    return registration_step(picture) or twin_step(picture) or scheduling_step(picture) or run_step(picture)
