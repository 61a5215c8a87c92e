"""A second, tiny kind for the registration engine: a Widget has a secret and a name of its own, and a mark.

The server masks the secret in every answer, stores a mask that is sent to it, and refuses a create whose name is taken:
as the real one does with connectors. Cluster and process are modelled in memory; the engine is the real one.
"""

from collections.abc import Iterable
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum
from hashlib import sha256
from typing import Any, Final, Self

from tests.support.snapshots import NOW, URL, connected

from sync_operator.api.enums import AdoptionPolicy, DeletionPolicy, DriftPolicy
from sync_operator.api.kinds.resource_ref import ConfigurationSecret, SecretKeyRef
from sync_operator.api.statuses.conditions import Reason
from sync_operator.api.statuses.status_fields import Condition
from sync_operator.controller.registration.create_fence import CreateFence
from sync_operator.domain.blocker import Blocker
from sync_operator.domain.create_fence.candidates import equals
from sync_operator.domain.create_fence.create_intent import intent_annotations
from sync_operator.domain.identity.resource_identity import registered_account, registered_at
from sync_operator.domain.registration.deletion_step import deletion_step
from sync_operator.domain.registration.desired_state import drifted_fields, is_registered, update_body
from sync_operator.domain.registration.field_diff import FieldRules
from sync_operator.domain.registration.json_pointer import with_secrets
from sync_operator.domain.registration.preconditions import registration_blocker
from sync_operator.domain.registration.registration_actions import (
    AdoptCreated,
    CheckCrd,
    CreateRemote,
    DeleteRemote,
    DropFinalizer,
    ForgetRemote,
    ListRemotes,
    LookForEqual,
    ReadRemote,
    ReadSecrets,
    RecordCreateIntent,
    UpdateRemote,
    VerifyWorkspace,
)
from sync_operator.domain.registration.registration_step import registration_step
from sync_operator.domain.registration.resource_kind import HiddenDrift, ResourceKind
from sync_operator.domain.registration.resource_snapshot import ResourceSnapshot, ResourceView
from sync_operator.domain.status.error_classification import classify_error, no_such_remote
from sync_operator.errors import OutcomeUnknownError, RejectedError, SyncOperatorError
from sync_operator.syncapi.types import RemoteList, RemoteResource

FINALIZER: Final = "example.com/widget"
MARK: Final = "managed by widget "
MASK: Final = "*************"
PASSWORD: Final = ConfigurationSecret(pointer="/password", secret_key_ref=SecretKeyRef(name="store", key="password"))
MAX_ACTIONS: Final = 12
STRANGER: Final[dict[str, Any]] = {
    "name": "shop",
    "family": "cog",
    "description": "made by hand",
    "configuration": {"size": 1, "password": "theirs"},
}
"""The body of one that somebody else has made."""


@dataclass(frozen=True)
class WidgetSpec:
    title: str = "shop"
    family: str = "sprocket"
    size: int = 1
    external_id: str | None = None
    adoption_policy: AdoptionPolicy = AdoptionPolicy.ADOPT_OR_CREATE
    deletion_policy: DeletionPolicy | None = None
    drift_policy: DriftPolicy = DriftPolicy.CORRECT


@dataclass(frozen=True)
class WidgetStatus:
    id: str | None = None
    workspace_id: str | None = None
    url: str | None = None
    registered_at: datetime | None = None
    account: str | None = None
    origin: str | None = None
    drift: tuple[str, ...] = ()
    digest: str = ""
    server_updated_at: datetime | None = None
    conditions: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WidgetView(ResourceView):
    status: WidgetStatus
    spec: WidgetSpec | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WidgetSnapshot(ResourceSnapshot):
    widget: WidgetView
    users: tuple[str, ...] = ()

    @property
    def resource(self) -> WidgetView:
        return self.widget

    def with_resource(self, resource: WidgetView, **changes: Any) -> Self:
        return replace(self, widget=resource, **changes)


def digest(secrets: Any) -> str:
    return sha256(repr(sorted((secrets or {}).items())).encode()).hexdigest()


def _body(snapshot: WidgetSnapshot) -> dict[str, Any]:
    spec = snapshot.widget.spec
    assert spec is not None
    return {
        "name": spec.title,
        "family": spec.family,
        "description": f"{MARK}{snapshot.widget.uid}",
        "configuration": with_secrets({"size": spec.size, "password": ""}, snapshot.secrets or {}),
    }


def _known_fields(snapshot: WidgetSnapshot, _: datetime) -> tuple[dict[str, Any], bool]:
    spec = snapshot.widget.spec
    assert spec is not None
    return {"family": spec.family, "description": f"{MARK}{snapshot.widget.uid}"}, True


def _hidden_drift(snapshot: WidgetSnapshot, remote: RemoteResource) -> HiddenDrift | None:
    status = snapshot.widget.status
    if snapshot.created or snapshot.updated:
        return None
    if status.id is None:
        return HiddenDrift("configuration: what its Secret was is unknown", "configuration with its Secret")
    if snapshot.secrets is not None and digest(snapshot.secrets) != status.digest:
        return HiddenDrift("configuration: a Secret in it has changed", "configuration with the new Secret")
    if status.server_updated_at is not None and remote.updated_at != status.server_updated_at:
        return HiddenDrift("configuration: somebody wrote it", "configuration, which somebody wrote")
    return None


def _mark_owner(remote: RemoteResource) -> str | None:
    last = str(remote.attributes.get("description")).rpartition("\n")[2]
    return last.removeprefix(MARK) if last.startswith(MARK) else None


def _proof(snapshot: WidgetSnapshot, remote: RemoteResource) -> bool | None:
    owner = _mark_owner(remote)
    return owner == snapshot.widget.uid if owner is not None else None


def _update(snapshot: WidgetSnapshot, remote: RemoteResource, changes: tuple[str, ...]) -> UpdateRemote:
    assert drifted_fields(snapshot, remote) or _hidden_drift(snapshot, remote)
    return UpdateRemote(remote.id, update_body(snapshot), changes)


def _in_use(snapshot: WidgetSnapshot) -> Blocker | None:
    words = f"widget {snapshot.remote_id} is used by {', '.join(snapshot.users)}"
    return Blocker(Reason.CONFLICT, words, resolved_by_watch=True) if snapshot.users else None


WIDGET: Final = ResourceKind[WidgetSnapshot](
    kind="Widget",
    noun="widget",
    finalizer=FINALIZER,
    rules=lambda _: FieldRules(
        fixed=("family",),
        normalize=lambda held: {name: value for name, value in (held or {}).items() if name != "password"},
    ),
    body=_body,
    known_fields=_known_fields,
    field_path=lambda _, name: f"spec.{'title' if name == 'name' else name}",
    secrets=lambda _: (PASSWORD,),
    hidden_drift=_hidden_drift,
    is_name_taken=lambda error: isinstance(error, RejectedError) and "same name" in str(error),
    proof=_proof,
    mark_owner=_mark_owner,
    unmarked=lambda fields: {name: value for name, value in fields.items() if name != "description"},
    update=_update,
    delete=lambda _, remote_id: DeleteRemote(remote_id),
    in_use=_in_use,
)


class Fate(Enum):
    """What becomes of a request that changes something."""

    DONE = "done"
    LOST_BEFORE = "not carried out, and no answer"
    LOST_AFTER = "carried out, and no answer"
    LATE = "no answer, and carried out a minute later"
    DIED = "carried out, and our process dies"


class DiedError(Exception):
    """Our process is gone."""


class Server:
    """A collection of widgets by id, as the server stores them."""

    def __init__(self) -> None:
        self.now = NOW
        self.rows: dict[str, dict[str, Any]] = {}
        self.last_id = 0
        self.late: list[tuple[datetime, dict[str, Any]]] = []
        self.creates: list[str] = []

    def pass_time(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        due = [body for at, body in self.late if at <= self.now]
        self.late = [(at, body) for at, body in self.late if at > self.now]
        for body in due:
            if not self.has_name(body["name"]):
                self.create(body)

    def has_name(self, name: str) -> bool:
        return any(row["name"] == name for row in self.rows.values())

    def create(self, body: dict[str, Any]) -> str:
        if self.has_name(body["name"]):
            raise RejectedError("A connector with the same name already exists.")
        self.last_id += 1
        self.rows[str(self.last_id)] = {**deepcopy(body), "created_at": self.now, "updated_at": self.now}
        self.creates.append(str(self.last_id))
        return str(self.last_id)

    def update(self, row_id: str, body: dict[str, Any]) -> None:
        before = {**self.rows[row_id]}
        self.rows[row_id] |= deepcopy(body)
        if self.rows[row_id] != before:
            self.now += timedelta(milliseconds=1)  # no two writes have one time
            self.rows[row_id]["updated_at"] = self.now

    def shown(self, row_id: str) -> RemoteResource:
        """As an answer shows it: with masks."""
        row = deepcopy(self.rows[row_id])
        times = {name: row.pop(name) for name in ("created_at", "updated_at")}
        if "password" in row["configuration"]:
            row["configuration"]["password"] = MASK
        return RemoteResource(row_id, row, **times)

    def list(self) -> RemoteList[RemoteResource]:
        return RemoteList(tuple(self.shown(row_id) for row_id in self.rows), self.now)


@dataclass
class Stored:
    """A Widget in the cluster."""

    uid: str
    spec: WidgetSpec
    status: WidgetStatus = WidgetStatus()
    generation: int = 1
    finalizers: tuple[str, ...] = ()
    annotations: dict[str, str] = field(default_factory=dict)
    deleting: bool = False


class World:
    """One Widget, its server, and a process of ours."""

    def __init__(self) -> None:
        self.server = Server()
        self.password = "first"
        self.stored: Stored | None = None
        self.born = 0
        self.listed: RemoteList[RemoteResource] | None = None
        self.written: set[str] = set()
        self.users: tuple[str, ...] = ()
        self.blocker: Blocker | None = None
        self.acts: list[object] = []
        self.start_process()

    def start_process(self) -> None:
        self.fence = CreateFence[RemoteResource](self.server.now, settle=timedelta(minutes=5))
        self.listed, self.recheck, self.missing_since = None, True, None

    def apply(self, **changes: Any) -> None:
        if self.stored is None:
            self.born += 1
            self.stored = Stored(f"uid-{self.born}", WidgetSpec(**changes))
        else:
            spec = replace(self.stored.spec, **changes)
            self.stored.generation += spec != self.stored.spec
            self.stored.spec = spec

    def told(self) -> Reason | None:
        """Why it is not registered, by the last report; None if it is."""
        return self.blocker.reason if self.blocker else None

    def is_gone(self) -> bool:
        """True if the cluster has it no more."""
        return self.stored is None

    def delete(self) -> None:
        """Delete it, as the API server does: what no finalizer holds is gone at once."""
        if self.stored is not None:
            self.stored.deleting = True
            self.stored = self.stored if self.stored.finalizers else None

    def lose_cluster(self) -> None:
        """The cluster is made anew: it has nothing, and the server has everything."""
        self.stored = None
        self.start_process()

    def list_server(self) -> None:
        self.listed, self.written = self.server.list(), set()

    # One reconcile.

    def reconcile(self, fates: Iterable[Fate] = ()) -> None:
        coming = iter(fates)
        if self.stored is None:
            return
        try:
            snapshot = self.observe(self.stored)
            for _ in range(MAX_ACTIONS):
                action = (deletion_step if self.stored.deleting else registration_step)(snapshot)
                if action is None:
                    break
                self.acts.append(action)
                try:
                    snapshot = self.act(self.stored, snapshot, action, coming)
                except SyncOperatorError as error:
                    snapshot = snapshot.failed(action.phase, classify_error(error))
                if self.is_gone():
                    return
            else:
                raise AssertionError("a reconcile that does not end")
            self.report(self.stored, snapshot)
        except DiedError:
            self.start_process()

    def observe(self, stored: Stored) -> WidgetSnapshot:
        status, timeout = stored.status, timedelta(seconds=30)
        fresh_list = self.listed if status.id not in self.written else None
        seen = next((row for row in fresh_list.rows if row.id == status.id), None) if fresh_list else None
        condition = next(iter(status.conditions), None)
        told = condition is not None and condition.observed_generation == stored.generation
        there = status.id is not None and condition is not None and told and condition.status == "True"
        return WidgetSnapshot(
            now=self.server.now,
            kind=WIDGET,
            workspace=connected(),
            widget=self.view(stored),
            users=self.users,
            process="process",
            create_fresh=self.fence.fresh(stored.uid),
            intent_verified=self.fence.verified(stored.uid, self.server.now),
            create_sent=self.fence.sent_body(stored.uid),
            indeterminate_until=self.fence.indeterminate_until(stored.uid, timeout),
            remote=self.fence.unpersisted(stored.uid, connected().remote_workspace) if status.id is None else None,
            registered=there and not self.recheck,
            was_in_sync=there,
            last_listed=seen,
            missing_from_lists=fresh_list is not None and seen is None and status.id is not None,
            secrets_may_have_changed=self.recheck,
            recreated=self.fence.recreating(stored.uid),
        )

    def view(self, stored: Stored) -> WidgetView:
        return WidgetView(
            namespace="team",
            name="widget",
            uid=stored.uid,
            generation=stored.generation,
            resource_version="1",
            created_at=NOW,
            status=stored.status,
            spec=stored.spec,
            finalizers=stored.finalizers,
            annotations=dict(stored.annotations),
            deleting=stored.deleting,
        )

    def act(self, stored: Stored, snapshot: WidgetSnapshot, action: Any, fates: Any) -> WidgetSnapshot:
        match action:
            case ReadSecrets():
                return replace(snapshot, secrets={PASSWORD.pointer: self.password})
            case CheckCrd():
                return replace(snapshot, crd_deleted=False)
            case VerifyWorkspace():
                return replace(snapshot, workspace_verified=True)
            case RecordCreateIntent() | ForgetRemote() | DropFinalizer():
                return self._write(stored, snapshot, action)
            case _:
                return self._ask(stored, snapshot, action, fates)

    def _ask(self, stored: Stored, snapshot: WidgetSnapshot, action: Any, fates: Any) -> WidgetSnapshot:
        match action:
            case CreateRemote():
                return self._create(stored, snapshot, action, next(fates, Fate.DONE))
            case LookForEqual():
                return replace(snapshot, adoptable=any(equals(snapshot, row) for row in self.server.list().rows))
            case ListRemotes():
                return replace(snapshot, listing=self.server.list(), listed_at=self.server.now)
            case AdoptCreated():
                self.fence.succeeded(stored.uid, connected().remote_workspace, action.remote, adopted=action.adopted)
                return replace(snapshot, remote=action.remote, others=action.others, adopted=action.adopted)
            case ReadRemote():
                if action.remote_id in self.server.rows:
                    return replace(snapshot, remote=self.server.shown(action.remote_id), was_read=True)
                if stored.status.id is None:
                    raise no_such_remote("widget", action.remote_id)
                return replace(snapshot, was_read=True, not_found=True)
            case UpdateRemote():
                self.written.add(action.remote_id)
                self._send(next(fates, Fate.DONE), lambda: self.server.update(action.remote_id, dict(action.body)))
                return replace(snapshot, remote=self.server.shown(action.remote_id), updated=True)
            case DeleteRemote():
                self._send(next(fates, Fate.DONE), lambda: self.server.rows.pop(action.remote_id, None))
                return replace(snapshot, released=True)
        raise AssertionError(f"{action} is no action of a Widget")

    def _write(self, stored: Stored, snapshot: WidgetSnapshot, action: Any) -> WidgetSnapshot:
        match action:
            case ForgetRemote():
                stored.status = replace(stored.status, id=None, registered_at=None, account=None)
                self.fence.deleted_by_others(stored.uid, self.server.now)
                return self._mark(stored, snapshot, RecordCreateIntent(self.server.now, fresh=True)).forgotten()
            case DropFinalizer():
                self.fence.forget(stored.uid)
                self.stored = None
                return snapshot
        return self._mark(stored, snapshot, action)

    def _mark(self, stored: Stored, snapshot: WidgetSnapshot, action: RecordCreateIntent) -> WidgetSnapshot:
        repeated = self.server.now if action.repeats else None
        stored.finalizers = (FINALIZER,)
        for name, value in intent_annotations(action.at, "process", fresh=action.fresh, repeated=repeated).items():
            stored.annotations[name] = value or ""
        self.fence.intent_recorded(stored.uid, self.server.now, fresh=action.fresh)
        fresh = self.fence.fresh(stored.uid)
        return replace(snapshot, widget=self.view(stored), create_fresh=fresh, intent_verified=True)

    def _create(self, stored: Stored, snapshot: WidgetSnapshot, action: CreateRemote, fate: Fate) -> WidgetSnapshot:
        body, now = dict(action.body), self.server.now
        self.fence.indeterminate(stored.uid, body, now, now + timedelta(minutes=5))
        if fate is Fate.LATE:
            self.server.late.append((now + timedelta(minutes=1), body))
            raise OutcomeUnknownError("no answer")
        if fate is Fate.LOST_BEFORE:
            raise OutcomeUnknownError("no answer")
        try:
            made = self.server.create(body)
        except RejectedError as error:
            self.fence.rejected(stored.uid, fresh=snapshot.create_fresh)
            if WIDGET.is_name_taken(error):
                return snapshot.refused_name(classify_error(error))
            raise
        if fate is Fate.LOST_AFTER:
            raise OutcomeUnknownError("no answer")
        if fate is Fate.DIED:
            raise DiedError
        remote = self.server.shown(made)
        self.fence.succeeded(stored.uid, connected().remote_workspace, remote)
        self.written.add(made)
        return replace(snapshot, remote=remote, was_read=True, create_fresh=False, created=True)

    def _send(self, fate: Fate, carry_out: Any) -> None:
        if fate in {Fate.DONE, Fate.LOST_AFTER, Fate.DIED}:
            carry_out()
        if fate is Fate.DIED:
            raise DiedError
        if fate is not Fate.DONE:
            raise OutcomeUnknownError("no answer")

    def _digest(self, snapshot: WidgetSnapshot, before: WidgetStatus, *, done: bool) -> str:
        """Of what the server has; unknown after an update without an answer."""
        if snapshot.failures:
            return ""
        return digest(snapshot.secrets) if done and snapshot.secrets is not None else before.digest

    def report(self, stored: Stored, snapshot: WidgetSnapshot) -> None:
        """The status after a reconcile: what `domain.status` does for a Sync."""
        self.blocker = registration_blocker(snapshot) or next(iter(snapshot.failures.values()), None)
        done = self.blocker is None and is_registered(snapshot) and snapshot.remote_id is not None
        before, remote = stored.status, snapshot.remote
        condition = Condition(
            type="Registered",
            status="True" if done else "False",
            reason=self.blocker.reason if self.blocker else Reason.REGISTERED,
            message=self.blocker.message if self.blocker else "",
            last_transition_time=NOW,
            observed_generation=stored.generation,
        )
        if not stored.deleting:
            stored.status = replace(
                before,
                id=snapshot.remote_id,
                url=URL if snapshot.remote_id else None,
                workspace_id="1" if snapshot.remote_id else None,
                registered_at=registered_at(snapshot),
                account=registered_account(snapshot),
                origin=before.origin or ("Adopted" if stored.spec.external_id or snapshot.adopted else "Created"),
                digest=self._digest(snapshot, before, done=done),
                server_updated_at=remote.updated_at if done and remote is not None else before.server_updated_at,
                conditions=(condition,),
            )
            if snapshot.remote_id is not None:
                self.fence.persisted(stored.uid)
            self.recheck = self.recheck and not done
