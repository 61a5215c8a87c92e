"""Dry run of one resource: follows the controller's own decisions without carrying them out on the server. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

from sync_operator.api.enums import DriftPolicy
from sync_operator.domain.blocker import Phase
from sync_operator.domain.registration.desired_state import drifted_fields
from sync_operator.domain.registration.field_diff import CONFIGURATION, Change
from sync_operator.domain.registration.preconditions import registration_blocker
from sync_operator.domain.registration.registration_actions import (
    AdoptCreated,
    CreateRemote,
    ForgetRemote,
    ListRemotes,
    LookForEqual,
    ReadRemote,
    UpdateRemote,
    VerifyWorkspace,
)
from sync_operator.domain.registration.registration_step import registration_step
from sync_operator.domain.registration.resource_snapshot import ResourceSnapshot
from sync_operator.domain.status.error_classification import classify_error, no_such_remote
from sync_operator.errors import NameTakenError
from sync_operator.syncapi.types import RemoteList, RemoteResource

__all__ = ["HIDDEN", "Effect", "PlanAction", "PlannedChange", "PlannedKind", "dry_run"]

HIDDEN: Final = "(hidden)"
_MAX_STEPS: Final = 20
"""Maximum number of actions for one resource: more than any registration needs."""
_AFTER_TWO_LISTS: Final = "it is created again once it is missing from two lists of the workspace, one period apart"
_LEFT_GONE: Final = "it is not on the server any more, and driftPolicy Ignore leaves it so"
_TAKEN: Final = "something else of that type has this name on the server already"
_FOUND: Final = "{noun} {id} equals it and belongs to no {kind}: it is adopted instead of creating a new one"


class PlanAction(StrEnum):
    """What applying a resource does to what the server has."""

    CREATE = "create"
    UPDATE = "update"
    ADOPT = "adopt"
    RECREATE = "recreate"
    NOTHING = "nothing"
    BLOCKED = "blocked"


@dataclass(frozen=True, slots=True)
class PlannedChange:
    """What applying one resource would do on the server.

    Attributes:
        action: the kind of change.
        remote_id: the server's id; None if it is to be created.
        changes: the written values that differ from those on the server.
        notes: further remarks for the user.
        hides_secrets: True if it is not known whether a secret differs from what was sent last.
    """

    action: PlanAction
    remote_id: str | None = None
    changes: tuple[Change, ...] = ()
    notes: tuple[str, ...] = ()
    hides_secrets: bool = False

    @property
    def changes_server(self) -> bool:
        """True if applying writes to the server; adopting what needs no change does not."""
        return self.action in {PlanAction.CREATE, PlanAction.UPDATE, PlanAction.RECREATE} or bool(self.changes)


@dataclass(frozen=True, slots=True)
class Effect[S: ResourceSnapshot]:
    """What an action does.

    Attributes:
        snapshot: the snapshot afterwards.
        changes: what is written to the server and no comparison of fields shows.
        notes: remarks for the user.
    """

    snapshot: S
    changes: tuple[Change, ...] = ()
    notes: tuple[str, ...] = ()


def _nothing(*_: object) -> None:
    """The answer of a kind that has no such thing."""


def _never(_: object) -> bool:
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedKind[S: ResourceSnapshot]:
    """What a dry run needs to know of a kind. All functions are pure.

    Attributes:
        with_values: of a snapshot, the values of Secrets and ConfigMaps that the input has (by JSON pointer), and what
            the server holds, if it is known: the snapshot with all values of the body. Missing ones are assumed to
            equal those on the server.
        updated: of a snapshot with what the server holds after an update, and the update: its effect beyond the fields
            that it writes.
        act: of a snapshot and an action of the kind's own: its effect; None if it is no such action.
        hides_secrets: of a snapshot, True if it is not known whether a secret differs from what was sent last.
    """

    with_values: Callable[[S, Mapping[str, str], RemoteResource | None], S]
    updated: Callable[[S, UpdateRemote], Effect[S]]
    act: Callable[[S, Any], Effect[S] | None] = _nothing
    hides_secrets: Callable[[S], bool] = _never


def dry_run[S: ResourceSnapshot](
    kind: PlannedKind[S],
    snapshot: S,
    known: Mapping[str, str],
    rows: Mapping[str, Any],
    equal: Callable[[S], tuple[Any, ...]] = lambda _: (),
) -> PlannedChange:
    """Follow the controller's decisions; the server's list stands in for its responses.

    Args:
        kind: of the resource.
        snapshot: of a resource that has just been applied, and whose create intent is written.
        known: values from Secrets and ConfigMaps by JSON pointer, as far as the input has them.
        rows: what the server lists of the kind, by id.
        equal: of a snapshot, those of them that equal its desired state and belong to no resource.
    """
    return _DryRun(kind, snapshot, known, rows, equal).outcome()


class _DryRun[S: ResourceSnapshot]:
    """State of one resource's dry run."""

    def __init__(
        self,
        kind: PlannedKind[S],
        snapshot: S,
        known: Mapping[str, str],
        rows: Mapping[str, Any],
        equal: Callable[[S], tuple[Any, ...]],
    ) -> None:
        assert snapshot.resource.spec is not None  # noqa: S101 (only valid specs get a dry run)
        self._kind = kind
        self._spec = snapshot.resource.spec
        self._adopts = snapshot.resource.status.id is None and self._spec.external_id is not None
        self._known = known
        self._rows = rows
        self._equal = equal
        self._snapshot = kind.with_values(snapshot, known, None)
        self._changes: tuple[Change, ...] = ()
        self._notes: tuple[str, ...] = ()

    def outcome(self) -> PlannedChange:
        for _ in range(_MAX_STEPS):
            action = registration_step(self._snapshot)
            if action is None:
                return self._ended()
            if isinstance(action, CreateRemote):
                if not self._is_name_taken(action.body) or self._snapshot.name_taken is not None:
                    return self._created(action.body)
                self._snapshot = self._snapshot.refused_name(classify_error(NameTakenError(_TAKEN)))
                continue
            self._snapshot = self._after(action)
        raise AssertionError("a registration that does not end")

    def _is_name_taken(self, body: Mapping[str, Any]) -> bool:
        """True if the server has what it has only once, and refuses to create another one."""
        unique = self._snapshot.kind.unique
        rows = self._rows.values() if unique else ()
        return any(all(row.attributes.get(name) == body.get(name) for name in unique) for row in rows)

    def _ended(self) -> PlannedChange:
        blocker = registration_blocker(self._snapshot)
        if blocker is not None:
            return PlannedChange(
                PlanAction.BLOCKED, self._snapshot.remote_id, notes=(f"{blocker.reason}: {blocker.message}",)
            )
        if self._snapshot.missing_from_lists:
            self._notes += (_LEFT_GONE,)
        action = PlanAction.ADOPT if self._adopts else PlanAction.UPDATE if self._changes else PlanAction.NOTHING
        if (
            action is PlanAction.UPDATE
            and self._spec.drift_policy is not DriftPolicy.CORRECT
            and not self._snapshot.was_in_sync
        ):
            policy = self._spec.drift_policy.value
            self._notes += (
                f"driftPolicy {policy}: this is only written when the spec has changed since the last apply",
            )
        hides_secrets = self._kind.hides_secrets(self._snapshot)
        return PlannedChange(action, self._snapshot.remote_id, self._changes, self._notes, hides_secrets)

    def _after(self, action: Any) -> S:
        snapshot, remote = self._snapshot, self._snapshot.remote
        match action:
            case ReadRemote(remote_id=remote_id):
                return self._read(remote_id)
            case VerifyWorkspace():
                return replace(snapshot, workspace_verified=True)
            case ForgetRemote():
                return self._forgotten()
            case LookForEqual():
                return replace(snapshot, adoptable=bool(self._equal(snapshot)))
            case ListRemotes():
                return self._listed()
            case AdoptCreated(remote=taken, others=others):
                self._adopts = True
                self._notes += (_FOUND.format(noun=snapshot.kind.noun, kind=snapshot.kind.kind, id=taken.id),)
                return replace(snapshot, remote=taken, was_read=True, adopted=action.adopted, others=others)
            case UpdateRemote() if remote is not None:
                return self._updated(action, remote)
        effect = self._kind.act(snapshot, action)
        if effect is None:
            raise AssertionError(f"{type(action).__name__} is not a step of a registration that has its mark")
        return self._told(effect)

    def _told(self, effect: Effect[S]) -> S:
        self._changes += effect.changes
        self._notes += effect.notes
        return effect.snapshot

    def _read(self, remote_id: str) -> S:
        snapshot, remote = self._snapshot, self._rows.get(remote_id)
        if remote is not None:
            return self._kind.with_values(replace(snapshot, remote=remote, was_read=True), self._known, remote)
        if snapshot.resource.status.id is not None:
            return replace(snapshot, was_read=True, not_found=True, missing_from_lists=True)
        return snapshot.failed(Phase.REGISTRATION, classify_error(no_such_remote(snapshot.kind.noun, remote_id)))

    def _listed(self) -> S:
        snapshot = self._snapshot
        equal = self._equal(snapshot) if snapshot.adoptable else ()
        rows = equal or tuple(self._rows.values())
        listed = replace(snapshot, listing=RemoteList(rows), listed_at=snapshot.now)
        return self._kind.with_values(listed, self._known, equal[0]) if equal else listed

    def _forgotten(self) -> S:
        """The snapshot of a resource that is gone on the server and is created again.

        The controller does that only after two lists without it, one period apart.
        """
        snapshot = self._snapshot
        self._notes += (_AFTER_TWO_LISTS,)
        resource: Any = snapshot.resource
        gone = {"id": None, "registered_at": None, "account": None}
        return snapshot.with_resource(replace(resource, status=resource.status.model_copy(update=gone))).forgotten()

    def _updated(self, action: UpdateRemote, remote: RemoteResource) -> S:
        snapshot, rules = self._snapshot, self._snapshot.kind.rules(self._snapshot)
        fields = [name for name in drifted_fields(snapshot, remote) if name in action.body]
        self._changes += rules.changes(remote.attributes, action.body, fields, secrets=snapshot.secrets or {})
        after = replace(remote, attributes={**remote.attributes, **action.body})
        snapshot = replace(snapshot, remote=after)
        return replace(self._told(self._kind.updated(snapshot, action)), updated=True)

    def _created(self, body: Mapping[str, Any]) -> PlannedChange:
        empty = {CONFIGURATION: _placeholder(body[CONFIGURATION])} if CONFIGURATION in body else {}
        rules = self._snapshot.kind.rules(self._snapshot)
        changes = rules.changes(empty, body, tuple(body), secrets=self._snapshot.secrets or {})
        return PlannedChange(
            PlanAction.RECREATE if self._snapshot.recreated else PlanAction.CREATE, None, changes, self._notes
        )


def _placeholder(value: Any) -> Any:
    """The objects and lists of a value without their scalars, so that each scalar is reported as its own change."""
    if isinstance(value, Mapping):
        return {key: _placeholder(inner) for key, inner in value.items() if isinstance(inner, Mapping | list)}
    return [_placeholder(inner) for inner in value if isinstance(inner, Mapping | list)]
