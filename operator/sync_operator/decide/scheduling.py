"""The scheduling half: a CronJob that fires at the right times, and at no other."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from sync_operator.decide.actions import Action, ApplyCronJob, DeleteCronJob, GuardSchedule
from sync_operator.decide.blocking import conflict, workspace_changed
from sync_operator.decide.cluster_mark import cluster_changed
from sync_operator.decide.cronjob import cronjob_manifest, cronjob_name
from sync_operator.decide.identity import identity_conflict, is_unproven
from sync_operator.decide.obstacles import obstacle_of
from sync_operator.decide.picture import Obstacle, Phase, Picture
from sync_operator.decide.run_pods import pod_refusal
from sync_operator.decide.server import is_gone
from sync_operator.model.conditions import Reason
from sync_operator.model.names import APPLIED
from sync_operator.model.sync import Scheduler

__all__ = ["is_barred", "last_schedule", "scheduling_obstacle", "scheduling_step", "suspended"]

_FACTORS: Final = {
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    "": Decimal(1),
    **{suffix: Decimal(1000) ** power for power, suffix in enumerate(("k", "M", "G", "T", "P", "E"), 1)},
    **{suffix: Decimal(1024) ** power for power, suffix in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"), 1)},
}
_QUANTITY: Final = re.compile(rf"^([0-9]+(?:\.[0-9]*)?|\.[0-9]+)({'|'.join(sorted(_FACTORS, key=len, reverse=True))})$")


def scheduling_step(picture: Picture) -> Action | None:
    """The next thing to do for the schedule, or None when it is in place or cannot be."""
    spec, live = picture.sync.spec, picture.cronjob
    if spec is None or picture.sync.schedule is None or picture.applied or scheduling_obstacle(picture):
        return None
    if spec.scheduler is Scheduler.SERVER:
        return DeleteCronJob(cronjob_name(picture.sync.name), Phase.SCHEDULING) if live else None
    if picture.sync_id is None or picture.workspace.dialect is None or (live is None and cluster_changed(picture)):
        return None
    desired = _desired(picture, picture.sync_id)
    name = desired["metadata"]["name"]
    if live is None:
        lost = picture.sync.status.cron_job == name
        return ApplyCronJob(name, desired, f"CronJob {name} was deleted from outside and made again" if lost else "")
    if _holds(desired, live):
        return None
    if _looks_back(desired, live) and last_schedule(live) != picture.now.replace(microsecond=0):
        return GuardSchedule(name, picture.now.replace(microsecond=0))
    return ApplyCronJob(name, desired, _foreign_change(desired, live))


def scheduling_obstacle(picture: Picture) -> Obstacle | None:
    """What keeps the schedule from being put in place."""
    failed, spec = picture.failures.get(Phase.SCHEDULING), picture.sync.spec
    refused = pod_refusal(spec.run.pod, picture.deployment.run_pods) if spec is not None else None
    if failed is None and refused is not None:
        return obstacle_of(refused)
    if failed is not None or picture.cronjob is None:
        return failed
    owners = picture.cronjob["metadata"].get("ownerReferences", [])
    if any(owner.get("uid") == picture.sync.uid for owner in owners):
        return None
    name = picture.cronjob["metadata"]["name"]
    return Obstacle(
        Reason.CONFLICT,
        f"metadata.name: a CronJob {name!r} that does not belong to this Sync is in the way; delete or rename it",
        waits=True,
    )


def suspended(picture: Picture) -> bool:
    """True when the CronJob is to fire by request only: by the spec, or because the sync is not ours (any more)."""
    spec, schedule = picture.sync.spec, picture.sync.schedule
    manual = schedule is None or schedule.expression is None
    if manual or spec is None or spec.suspend or picture.workspace.suspended or is_gone(picture):
        return True
    if is_unproven(picture) and picture.cronjob is not None and picture.cronjob["spec"].get("suspend"):
        return True  # it may have been suspended because the sync is not ours
    return is_barred(picture)


def is_barred(picture: Picture) -> bool:
    """True when the sync on the server is not ours, or not ours any more."""
    changed = workspace_changed(picture) or cluster_changed(picture)
    return bool(changed or conflict(picture) or identity_conflict(picture))


def last_schedule(cronjob: Mapping[str, Any]) -> datetime | None:
    """The CronJob's ``status.lastScheduleTime``."""
    text = cronjob.get("status", {}).get("lastScheduleTime")
    return datetime.fromisoformat(text) if text else None


def _desired(picture: Picture, sync_id: str) -> dict[str, Any]:
    status = picture.sync.status
    if workspace_changed(picture) and status.url:
        there = replace(picture.workspace, url=status.url, workspace_id=status.workspace_id)
        picture = replace(picture, workspace=there)
        return cronjob_manifest(picture, sync_id, suspended=True)
    return cronjob_manifest(picture, sync_id, suspended=suspended(picture))


def _looks_back(desired: Mapping[str, Any], live: Mapping[str, Any]) -> bool:
    """True for a change after which the CronJob controller would look for runs missed in the past."""
    wanted, found = desired["spec"], live["spec"]
    resumed = found.get("suspend", False) and not wanted["suspend"]
    moved = any(wanted[name] != found.get(name) for name in ("schedule", "timeZone"))
    return bool(resumed or (moved and not wanted["suspend"]))


def _foreign_change(desired: Mapping[str, Any], live: Mapping[str, Any]) -> str:
    """What others changed on a CronJob that we have applied as it is to be; empty when we want something new."""
    if live["metadata"].get("annotations", {}).get(APPLIED) != desired["metadata"]["annotations"][APPLIED]:
        return ""
    places = [
        f"{part}.{name}"
        for part in ("metadata", "spec")
        for name, value in desired[part].items()
        if not _holds(value, live[part].get(name))
    ]
    return f"CronJob {desired['metadata']['name']}: {', '.join(places)} was changed from outside and put back"


def _holds(wanted: Any, found: Any, *, quantity: bool = False) -> bool:
    """True when everything we want is so; what the API server or others added beside it does not matter."""
    if wanted == found:
        return True
    match wanted:
        case dict():
            return isinstance(found, Mapping) and all(
                _holds(value, found.get(key), quantity=quantity or key == "resources") for key, value in wanted.items()
            )
        case list():
            return (
                isinstance(found, list)
                and len(found) == len(wanted)
                and all(_holds(one, other, quantity=quantity) for one, other in zip(wanted, found, strict=True))
            )
        case str() if quantity and isinstance(found, str):
            return _quantity(wanted) == _quantity(found)
        case _:
            return False


def _quantity(text: str) -> Decimal | str:
    """The amount that a Kubernetes quantity means: the API server writes ``1000m`` back as ``1``."""
    match = _QUANTITY.match(text)
    return Decimal(match[1]) * _FACTORS[match[2]] if match else text
