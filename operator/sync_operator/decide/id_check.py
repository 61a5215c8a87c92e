"""Ids of source, destination and model, looked up before a sync is registered: the server takes any. Pure.

A server refuses no connector of another workspace, no destination as a source, and no model of another source. Ids are
fixed once the sync is registered, so they are looked up until then, in lists that all Syncs of an account share.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from sync_operator.decide.actions import ListNames
from sync_operator.decide.names import other_source, wrong_id
from sync_operator.decide.obstacles import SLOW_RETRY
from sync_operator.decide.picture import Obstacle, Phase, Picture
from sync_operator.decide.refs import field_path, found_by_name, lacks_names, named_roles
from sync_operator.errors import InvalidSpecError
from sync_operator.model.conditions import ConditionType, Reason
from sync_operator.model.names import CREATE_STARTED
from sync_operator.model.sync import SyncSpec
from sync_operator.remote.types import Named, Role

__all__ = ["id_obstacle", "id_words", "is_id_news", "list_names", "lists_since"]

_YOUNG: Final = timedelta(seconds=60)
"""An id is refused only by lists that are no older than this."""
_EVER: Final = timedelta(days=3650)


def list_names(picture: Picture) -> ListNames | None:
    """What has to be listed to register the sync: what is given by name, and what is given by id."""
    spec = picture.sync.spec
    named = named_roles(spec) if spec is not None and lacks_names(picture) else ()
    checks = _roles(picture) if _lacks_lists(picture) else ()
    return ListNames(named, Phase.REGISTRATION, checks) if named or checks else None


def lists_since(picture: Picture) -> datetime:
    """The earliest time at which a list was asked for that an id is looked up in: any will do to find it."""
    return picture.now - (_YOUNG if next(_troubles(picture), None) else _EVER)


def id_obstacle(picture: Picture) -> Obstacle | None:
    """An id in the spec is not one of this workspace's source, destination or model."""
    return None if _lacks_lists(picture) else next(_troubles(picture), None)


def id_words(picture: Picture) -> str:
    """For people, when a sync is registered whose ids could not be looked up; else empty."""
    spec = picture.sync.spec
    if picture.sync.status.id is not None or not picture.unlisted or (spec is not None and spec.external_id):
        return ""
    roles = ", ".join(f"{role}s" for role in Role if role in picture.unlisted)
    return f"; its ids were not looked up, because the server does not list its {roles}"


def is_id_news(picture: Picture) -> bool:
    """True when the lists say something else of a Sync's ids than its status does."""
    told, trouble = picture.sync.condition(ConditionType.REGISTERED), next(_troubles(picture), None)
    refused = told is not None and told.status == "False" and told.reason == Reason.INVALID_SPEC
    if not _roles(picture) or told is None or not refused:
        return False
    return trouble is None or trouble.message != told.message


def _roles(picture: Picture) -> tuple[Role, ...]:
    """All, while nothing has been sent: the model and the source have to fit each other too."""
    sync, spec = picture.sync, picture.sync.spec
    if spec is None or sync.deleting or picture.sync_id is not None or spec.external_id:
        return ()
    sent = picture.create_sent is not None or (CREATE_STARTED in sync.annotations and not picture.create_fresh)
    return () if sent or len(named_roles(spec)) == len(Role) else tuple(Role)


def _lacks_lists(picture: Picture) -> bool:
    wanted = [role for role in _roles(picture) if role not in picture.unlisted]
    since = lists_since(picture)
    return any(role not in picture.names or picture.names[role].at < since for role in wanted)


def _troubles(picture: Picture) -> Iterator[Obstacle]:
    spec = picture.sync.spec
    if spec is None or not _roles(picture):
        return
    for role in Role:
        number = getattr(spec, f"{role}_id")
        held = picture.names.get(role)
        if number is not None and held is not None and number not in held.by_id:
            yield _refused(f"spec.{role}Id: {wrong_id(role, number, picture.names)}")
    source, model = _found(picture, spec, Role.SOURCE), _found(picture, spec, Role.MODEL)
    if source is not None and model is not None and model.connector_id not in {None, source.id}:
        yield _refused(f"{field_path(spec, 'model_id')}: {other_source(model, source)}")


def _found(picture: Picture, spec: SyncSpec, role: Role) -> Named | None:
    held, number = picture.names.get(role), getattr(spec, f"{role}_id")
    if held is None or number is not None:
        return held.by_id.get(number) if held is not None else None
    try:
        return found_by_name(spec, role, picture.names)
    except InvalidSpecError:
        return None


def _refused(message: str) -> Obstacle:
    return Obstacle(Reason.INVALID_SPEC, message, stalled=True, retry_after=SLOW_RETRY)
