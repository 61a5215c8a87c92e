"""Resolves names of a server's connectors and models, and explains names and ids that do not resolve. Pure."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from difflib import get_close_matches
from heapq import nlargest
from itertools import islice, pairwise, zip_longest
from typing import Final
from unicodedata import normalize

from sync_operator.syncapi.types import NamedResource, RefKind
from sync_operator.util.redact import redact

__all__ = ["NameList", "Names", "ambiguous", "missing", "name_list", "other_source", "resolves_differently", "wrong_id"]

_NAME_LIMIT: Final = 60
"""Characters of a name from the server that a message shows."""
_MAX_LISTED: Final = 5
MAX_COMPARED: Final = 20
MAX_COUNTED: Final = 1000
MAX_LENGTHS_APART: Final = 5
"""Maximum difference in length between a misspelled name and a suggestion."""
_RETRYABLE: Final = "this goes on by itself when the server has it"


@dataclass(frozen=True, slots=True)
class NameList:
    """All resources of one kind in a workspace.

    Attributes:
        at: when the list was requested, by our clock.
        by_id: index by id.
        by_name: index by name; names need not be unique on the server.
    """

    at: datetime
    by_id: Mapping[int, NamedResource]
    by_name: Mapping[str, tuple[NamedResource, ...]]
    _near: dict[str, list[str]] = field(default_factory=dict, init=False, repr=False, compare=False)

    def near(self, name: str) -> list[str]:
        """Names similar to one. Cached with the list, because the search is slow."""
        if name not in self._near:
            self._near[name] = _near(name, self.by_name)
        return self._near[name]


type Names = Mapping[RefKind, NameList]
"""The cached lists, by kind."""


def name_list(listed: Iterable[NamedResource], at: datetime) -> NameList:
    """A list with its indexes; ``at`` is when it was requested."""
    by_id = {named.id: named for named in sorted(listed, key=lambda named: named.id)}
    by_name = defaultdict[str, list[NamedResource]](list)
    for named in by_id.values():
        by_name[named.name].append(named)
    return NameList(at, by_id, {name: tuple(same) for name, same in by_name.items()})


def missing(role: RefKind, name: str, held: NameList) -> str:
    """Message: no resource has this name; with suggestions, or with what there is."""
    near = [named for found in held.near(name) for named in held.by_name[found]]
    if near:
        suggestion = f"did you mean {_listed(near)}{_unseen(name, near[0].name)}?"
        return f"the server has no {role} {_quoted(name)}; {suggestion} {_RETRYABLE.capitalize()}"
    if not held.by_id:
        return f"the server has no {role} {_quoted(name)}, nor any other; make it there: {_RETRYABLE}"
    there = f"its {role}s are {_listed(list(held.by_id.values()))}"
    return (
        f"the server has no {role} {_quoted(name)}; {there}; write one of these names, or make it there: {_RETRYABLE}"
    )


def ambiguous(role: RefKind, name: str, same: Iterable[NamedResource], field: str) -> str:
    """Message: several resources have this name; ``field`` is where an id can be written instead."""
    ids = _joined([str(named.id) for named in same])
    return (
        f"the server has several {role}s {_quoted(name)}, with the ids {ids}; write one of them into {field} "
        f"instead, or rename the others there: {_RETRYABLE} once"
    )


def wrong_id(role: RefKind, number: int, names: Names) -> str:
    """Message: no resource of this kind in the workspace has the id; with what has it instead, or what there is."""
    held = names[role]
    there = f"its {role}s are {_listed(list(held.by_id.values()))}" if held.by_id else f"it has no {role} at all"
    remedy = f"write the id of one of its {role}s, or make it there: {_RETRYABLE}"
    for other in (RefKind.SOURCE, RefKind.DESTINATION):
        found = names[other].by_id.get(number) if other in names and RefKind.MODEL is not role is not other else None
        if found is not None:
            return f"connector {_listed([found])} is a {other}, not a {role}; {there}; {remedy}"
    return f"the workspace has no {role} {number}; {there}; {remedy}"


def other_source(model: NamedResource, source: NamedResource) -> str:
    """Message: the model reads from another source than the one in the spec."""
    return (
        f"model {_listed([model])} reads from source {model.connector_id}, and not from {_listed([source])}; write a "
        f"model of that source, or source {model.connector_id}"
    )


def resolves_differently(
    role: RefKind, name: str, held: NameList, registered: int, sync_id: str
) -> tuple[bool, str] | None:
    """Check whether a name still resolves to the id that the sync was registered with.

    If neither name nor id is listed, that is no evidence: lists change while they are read, and deleting a connector
    deletes its syncs.

    Returns:
        True if the name resolves to another id, False if it does not resolve, and the message; None if there is no
        evidence of a change.
    """
    same, kept = held.by_name.get(name, ()), held.by_id.get(registered)
    if kept in same or (kept is None and not same):
        return None
    now = f", which is named {_quoted(kept.name)}" if kept else ""
    stays = f"sync {sync_id} was registered with {role} {registered}{now}, and that is fixed"
    remedy = f"write {'that name' if kept else 'the right name'} or spec.{role}Id: {registered}"
    if same:
        ids = _joined([str(named.id) for named in same])
        words = f"{_quoted(name)} is {role} {ids} on the server, but {stays}; {remedy}, or make another Sync for {ids}"
        return True, words
    return False, f"the server has no {role} {_quoted(name)}; {stays}; {remedy}, or rename it there"


def _unseen(name: str, found: str) -> str:
    """How two names differ that are displayed alike; empty if the difference is visible."""
    if _seen(name) != _seen(found):
        return ""
    at = next(number for number, (one, other) in enumerate(zip_longest(name, found)) if one != other)
    there, here = (f"U+{ord(text[at]):04X}" if at < len(text) else "no more" for text in (found, name))
    return f", which looks the same, but as character {at + 1} has {there} where the spec has {here}"


def _seen(name: str) -> str:
    """A name as it is displayed: with composed characters (NFC) and normalised white space."""
    return " ".join(normalize("NFC", name).split())


def _near(name: str, names: Collection[str]) -> list[str]:
    """Names similar to one, most similar first; or those that differ only in letter case or outer white space.

    Comparing two long names takes a millisecond, so only `MAX_COMPARED` names are compared: those of nearly the same
    length that have the most pairs of adjacent letters in common.
    """
    folded = name.strip().casefold()
    same = [other for other in names if other.strip().casefold() == folded]
    if same:
        return same
    alike = (other for other in names if abs(len(other) - len(name)) <= MAX_LENGTHS_APART)
    pairs = _pairs(name)
    likest = nlargest(MAX_COMPARED, islice(alike, MAX_COUNTED), key=lambda other: len(pairs & _pairs(other)))
    return get_close_matches(name, likest)


def _pairs(name: str) -> set[tuple[str, str]]:
    return set(pairwise(name))


def _listed(resources: list[NamedResource]) -> str:
    names = _joined([f"{_quoted(named.name)} (id {named.id})" for named in resources[:_MAX_LISTED]])
    more = len(resources) - _MAX_LISTED
    return names if more <= 0 else f"{names} and {more} more"


def _quoted(name: str) -> str:
    return f"'{redact(name, limit=_NAME_LIMIT)}'"


def _joined(words: list[str]) -> str:
    return ", ".join(words)
