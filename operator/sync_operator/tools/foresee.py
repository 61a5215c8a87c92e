"""What applying one Sync would do on its server: the controller's own decisions, without carrying them out. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sync_operator.decide.actions import (
    Action,
    CreateSync,
    ForgetSync,
    ListSyncs,
    ProveWorkspace,
    ReadSync,
    SetEnabled,
    TakeCreated,
    UpdateSync,
)
from sync_operator.decide.blocking import registration_obstacle
from sync_operator.decide.diff import Change, field_changes
from sync_operator.decide.obstacles import no_such_sync, obstacle_of
from sync_operator.decide.picture import Deployment, Phase, Picture, SyncView, WorkspaceView
from sync_operator.decide.pointers import value_at
from sync_operator.decide.registration import registration_step
from sync_operator.decide.server import wrong_fields
from sync_operator.model.names import CREATE_STARTED, FINALIZER
from sync_operator.model.status import SyncStatus
from sync_operator.model.sync import DriftPolicy, SyncSpec
from sync_operator.remote.types import Listing, RemoteSync

__all__ = ["Deed", "Foresight", "filled", "foresee", "picture_of"]

_HIDDEN: Final = "(hidden)"
_STATES: Final = ("disabled", "enabled")
_MAX_STEPS: Final = 20
"""More than any registration takes."""
_AFTER_TWO_LISTS: Final = "it is made anew once two lists of the workspace, a period apart, lack it"
_FOUND: Final = "sync {id} equals it and belongs to no Sync: it is adopted instead of one that is made anew"


class Deed(StrEnum):
    """What becomes of the server's sync."""

    CREATE = "create"
    UPDATE = "update"
    ADOPT = "adopt"
    RECREATE = "recreate"
    NOTHING = "nothing"
    BLOCKED = "blocked"


@dataclass(frozen=True, slots=True)
class Foresight:
    """What applying would do.

    Attributes:
        sync_id: of the server's sync; None for one that is to be made.
        changes: values that are written, as far as they differ.
        notes: what else is to be known.
    """

    deed: Deed
    sync_id: str | None = None
    changes: tuple[Change, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def changes_server(self) -> bool:
        """True when something is written; taking a sync over that is as wanted already writes nothing."""
        return self.deed in {Deed.CREATE, Deed.UPDATE, Deed.RECREATE} or bool(self.changes)


def picture_of(
    spec: SyncSpec, home: tuple[str, str], status: SyncStatus, workspace: WorkspaceView, now: datetime
) -> Picture:
    """The picture of a Sync that has just been applied and not yet been looked at."""
    sync = SyncView(
        namespace=home[0],
        name=home[1],
        uid="",
        generation=1,
        resource_version="",
        created_at=now,
        status=status,
        spec=spec,
        finalizers=(FINALIZER,),
        annotations={CREATE_STARTED: now.isoformat()},
    )
    return Picture(
        now=now,
        sync=sync,
        workspace=workspace,
        deployment=Deployment(""),
        create_fresh=True,
        mark_verified=True,
        secrets={},
    )


def foresee(picture: Picture, known: Mapping[str, str], syncs: Mapping[str, RemoteSync]) -> Foresight:
    """Follow the controller's decisions, with the server's list for answers.

    Args:
        picture: from `picture_of`.
        known: values from Secrets by JSON pointer; others are taken to be what the server holds.
        syncs: the server's syncs by id.
    """
    return _Rehearsal(picture, known, syncs).outcome()


def filled(spec: SyncSpec, known: Mapping[str, str], remote: RemoteSync | None) -> dict[str, str]:
    """Values of ``configurationSecrets`` by pointer: as known, else as on the server, else a stand-in."""
    held = remote.attributes.get("configuration") if remote else None
    values = {}
    for entry in spec.configuration_secrets:
        there = value_at(held, entry.pointer)
        values[entry.pointer] = known.get(entry.pointer) or (there if isinstance(there, str) else _HIDDEN)
    return values


class _Rehearsal:
    """One Sync's way through the decisions."""

    def __init__(self, picture: Picture, known: Mapping[str, str], syncs: Mapping[str, RemoteSync]) -> None:
        assert picture.sync.spec is not None  # noqa: S101 (only what has been read is foreseen)
        self._spec = picture.sync.spec
        self._adopts = picture.sync.status.id is None and self._spec.external_id is not None
        self._known = known
        self._syncs = syncs
        self._picture = replace(picture, secrets=filled(self._spec, known, None))
        self._changes: tuple[Change, ...] = ()
        self._notes: tuple[str, ...] = ()

    def outcome(self) -> Foresight:
        for _ in range(_MAX_STEPS):
            action = registration_step(self._picture)
            if action is None:
                return self._ended()
            if isinstance(action, CreateSync):
                return self._created(action.body)
            self._picture = self._after(action)
        raise AssertionError("a registration that does not end")

    def _ended(self) -> Foresight:
        obstacle = registration_obstacle(self._picture)
        if obstacle is not None:
            return Foresight(Deed.BLOCKED, self._picture.sync_id, notes=(f"{obstacle.reason}: {obstacle.message}",))
        deed = Deed.ADOPT if self._adopts else Deed.UPDATE if self._changes else Deed.NOTHING
        if deed is Deed.UPDATE and self._spec.drift_policy is not DriftPolicy.CORRECT:
            policy = self._spec.drift_policy.value
            self._notes += (
                f"driftPolicy {policy}: this is only written when the spec has changed since the last apply",
            )
        return Foresight(deed, self._picture.sync_id, self._changes, self._notes)

    def _after(self, action: Action) -> Picture:
        picture, remote = self._picture, self._picture.remote
        match action:
            case ReadSync(sync_id=sync_id):
                return self._read(sync_id)
            case ProveWorkspace():
                return replace(picture, proven=True)
            case ForgetSync():
                return self._forgotten()
            case ListSyncs():
                return replace(picture, listing=Listing(tuple(self._syncs.values())), listed_at=picture.now)
            case TakeCreated(remote=taken, others=others):
                self._adopts = True
                self._notes += (_FOUND.format(id=taken.id),)
                return replace(picture, remote=taken, looked=True, adopted=action.adopted, others=others)
            case UpdateSync() if remote is not None:
                return self._updated(action, remote)
            case SetEnabled(enabled=enabled) if remote is not None:
                self._changes += (Change("status", _STATES[not enabled], _STATES[enabled]),)
                return replace(picture, remote=replace(remote, status="pending" if enabled else "disabled"))
            case _:
                raise AssertionError(f"{type(action).__name__} is no step of a registration that has its mark")

    def _read(self, sync_id: str) -> Picture:
        picture, remote = self._picture, self._syncs.get(sync_id)
        if remote is not None:
            return replace(picture, remote=remote, looked=True, secrets=filled(self._spec, self._known, remote))
        if picture.sync.status.id is not None:
            return replace(picture, looked=True, gone=True, missing=True)
        return picture.failed(Phase.REGISTRATION, obstacle_of(no_such_sync(sync_id)))

    def _forgotten(self) -> Picture:
        """The sync is to be made anew, which takes the controller two lists, a period apart."""
        picture = self._picture
        self._notes += (_AFTER_TWO_LISTS,)
        gone = {"id": None, "registered_at": None, "account": None}
        return replace(
            picture,
            sync=replace(picture.sync, status=picture.sync.status.model_copy(update=gone)),
            looked=False,
            gone=False,
            missing=False,
            recreated=True,
        )

    def _updated(self, action: UpdateSync, remote: RemoteSync) -> Picture:
        fields = wrong_fields(self._picture, remote)
        secrets = self._picture.secrets or {}
        self._changes += field_changes(remote.attributes, action.body, fields, secrets=secrets)
        status = remote.status
        if action.take_over:
            self._notes += ("the server's own schedule is ended: the sync is disabled, updated, and enabled again",)
            status = "pending"
        after = replace(remote, attributes={**remote.attributes, **action.body}, status=status)
        return replace(self._picture, updated=True, remote=after)

    def _created(self, body: Mapping[str, Any]) -> Foresight:
        empty = {"configuration": _hollow(body["configuration"])}
        changes = field_changes(empty, body, tuple(body), secrets=self._picture.secrets or {})
        return Foresight(Deed.RECREATE if self._picture.recreated else Deed.CREATE, None, changes, self._notes)


def _hollow(value: Any) -> Any:
    """The objects and lists in a value, without anything in them: so that each value in it is told by itself."""
    if isinstance(value, Mapping):
        return {key: _hollow(inner) for key, inner in value.items() if isinstance(inner, Mapping | list)}
    return [_hollow(inner) for inner in value if isinstance(inner, Mapping | list)]
