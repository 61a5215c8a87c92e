"""A server's connectors or models by their names, and what to say when a name does not lead to one of them. Pure."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from difflib import get_close_matches
from heapq import nlargest
from itertools import islice, pairwise, zip_longest
from typing import Final
from unicodedata import normalize

from sync_operator.redact import redact
from sync_operator.remote.types import Named, Role

__all__ = ["NameList", "Names", "ambiguous", "leads_elsewhere", "missing", "name_list", "other_source", "wrong_id"]

_NAME_LIMIT: Final = 60
"""Characters of the server's names that a message shows."""
_MOST_TOLD: Final = 5
MAX_COMPARED: Final = 20
MAX_COUNTED: Final = 1000
MAX_LENGTHS_APART: Final = 5
"""Characters by which a name that was meant may be longer or shorter."""
_HEALS: Final = "this goes on by itself when the server has it"


@dataclass(frozen=True, slots=True)
class NameList:
    """A list of all that a workspace has of one role.

    Attributes:
        at: when it was asked for, by our clock.
        by_id: each once.
        by_name: the same; a server may have a name several times.
    """

    at: datetime
    by_id: Mapping[int, Named]
    by_name: Mapping[str, tuple[Named, ...]]
    _near: dict[str, list[str]] = field(default_factory=dict, init=False, repr=False, compare=False)

    def near(self, name: str) -> list[str]:
        """Names like one: looked for once, which takes its time, and forgotten with the list."""
        if name not in self._near:
            self._near[name] = _near(name, self.by_name)
        return self._near[name]


type Names = Mapping[Role, NameList]
"""The lists that are known."""


def name_list(listed: Iterable[Named], at: datetime) -> NameList:
    """A list, ready to be looked through; ``at`` is when it was asked for."""
    by_id = {named.id: named for named in sorted(listed, key=lambda named: named.id)}
    by_name = defaultdict[str, list[Named]](list)
    for named in by_id.values():
        by_name[named.name].append(named)
    return NameList(at, by_id, {name: tuple(same) for name, same in by_name.items()})


def missing(role: Role, name: str, held: NameList) -> str:
    """Nothing has the name: what was meant, or what there is."""
    near = [named for found in held.near(name) for named in held.by_name[found]]
    if near:
        meant = f"did you mean {_listed(near)}{_unseen(name, near[0].name)}?"
        return f"the server has no {role} {_quoted(name)}; {meant} {_HEALS.capitalize()}"
    if not held.by_id:
        return f"the server has no {role} {_quoted(name)}, nor any other; make it there: {_HEALS}"
    there = f"its {role}s are {_listed(list(held.by_id.values()))}"
    return f"the server has no {role} {_quoted(name)}; {there}; write one of these names, or make it there: {_HEALS}"


def ambiguous(role: Role, name: str, same: Iterable[Named]) -> str:
    """Several have the name."""
    ids = _joined([str(named.id) for named in same])
    return (
        f"the server has several {role}s {_quoted(name)}, with the ids {ids}; write one of them into spec.{role}Id "
        f"instead, or rename the others there: {_HEALS} once"
    )


def wrong_id(role: Role, number: int, names: Names) -> str:
    """No connector or model of that role has the id in this workspace: what has it instead, or what there is."""
    held = names[role]
    there = f"its {role}s are {_listed(list(held.by_id.values()))}" if held.by_id else f"it has no {role} at all"
    remedy = f"write the id of one of its {role}s, or make it there: {_HEALS}"
    for other in (Role.SOURCE, Role.DESTINATION):
        found = names[other].by_id.get(number) if other in names and Role.MODEL is not role is not other else None
        if found is not None:
            return f"connector {_listed([found])} is a {other}, not a {role}; {there}; {remedy}"
    return f"the workspace has no {role} {number}; {there}; {remedy}"


def other_source(model: Named, source: Named) -> str:
    """The model reads from another source than the one that the spec names."""
    return (
        f"model {_listed([model])} reads from source {model.connector_id}, and not from {_listed([source])}; write a "
        f"model of that source, or source {model.connector_id}"
    )


def leads_elsewhere(role: Role, name: str, held: NameList, registered: int, sync_id: str) -> tuple[bool, str] | None:
    """How a name no longer stands for what the sync was registered with; None while nothing speaks against it.

    That neither name nor id is listed says nothing: lists move while they are read, and a sync goes with its connector.

    Returns:
        Whether the name leads to something else, and what to say.
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
    """How two names differ that look the same; empty where anybody can see it."""
    if _seen(name) != _seen(found):
        return ""
    at = next(number for number, (one, other) in enumerate(zip_longest(name, found)) if one != other)
    there, here = (f"U+{ord(text[at]):04X}" if at < len(text) else "no more" for text in (found, name))
    return f", which looks the same, but as character {at + 1} has {there} where the spec has {here}"


def _seen(name: str) -> str:
    """A name as people see it: composed or not, and with any white space, it looks the same."""
    return " ".join(normalize("NFC", name).split())


def _near(name: str, names: Collection[str]) -> list[str]:
    """Names like one, the likest first; those that differ in letter case or outer white space only before all.

    Where there are many, only those of nearly the same length are looked at that have the most pairs of letters in
    common: to compare two long names takes a millisecond.
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


def _listed(things: list[Named]) -> str:
    told = _joined([f"{_quoted(named.name)} (id {named.id})" for named in things[:_MOST_TOLD]])
    more = len(things) - _MOST_TOLD
    return told if more <= 0 else f"{told} and {more} more"


def _quoted(name: str) -> str:
    return f"'{redact(name, limit=_NAME_LIMIT)}'"


def _joined(words: list[str]) -> str:
    return ", ".join(words)
