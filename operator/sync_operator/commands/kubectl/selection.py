"""Which objects a verb is about: names, a label selector, or all of one or of all namespaces."""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from http import HTTPStatus
from typing import Final

from sync_operator.commands.kubectl.cluster.cluster_client import (
    CONNECTORS,
    MODELS,
    SYNCS,
    WORKSPACES,
    ClusterClient,
    Resource,
)
from sync_operator.commands.kubectl.views.resource_view import ResourceView
from sync_operator.errors import InvalidSpecError, KubernetesError, NotFoundError

__all__ = ["Selection", "add_selection_arguments", "named_object", "resource_of", "selected"]

_WORDS: Final = {
    word: resource
    for resource, short in ((SYNCS, "sy"), (WORKSPACES, "sws"), (CONNECTORS, "sconn"), (MODELS, "smod"))
    for word in (resource.plural, resource.kind.lower(), resource.name, f"{resource.kind.lower()}.squared.ai", short)
}


@dataclass(frozen=True, slots=True)
class Selection:
    """What the command line selects.

    Attributes:
        names: as written: ``NAME`` or ``KIND/NAME``.
        namespace: None for all.
        labels: label selector, or empty.
    """

    names: tuple[str, ...]
    namespace: str | None
    labels: str


def add_selection_arguments(parser: argparse.ArgumentParser, *, metavar: str = "NAME", everywhere: bool = True) -> None:
    """Add names and ``-l``, and ``-A`` if the verb may go over all namespaces."""
    parser.add_argument("names", nargs="*", metavar=metavar, help="name, or KIND/NAME such as workspace/default")
    parser.add_argument("-l", "--selector", metavar="LABELS", default="", help="label selector, such as team=crm")
    if everywhere:
        parser.add_argument("-A", "--all-namespaces", action="store_true", help="all namespaces")


def resource_of(word: str, kinds: Sequence[Resource]) -> tuple[Resource, str]:
    """Kind and name of ``NAME`` (of the first of these kinds) or ``KIND/NAME``.

    Raises:
        InvalidSpecError: it is none of these kinds.
    """
    kind, slash, name = word.rpartition("/")
    resource = _WORDS.get(kind.lower()) if slash else kinds[0]
    if resource is None or resource not in kinds or not name:
        allowed = ", ".join(entry.kind.lower() for entry in kinds)
        raise InvalidSpecError(word, f"write NAME or KIND/NAME, where KIND is one of: {allowed}")
    return resource, name


def selected(
    client: ClusterClient, selection: Selection, kinds: Sequence[Resource] = (SYNCS,)
) -> Iterator[ResourceView]:
    """The selected objects; those that are listed are of the first kind.

    Raises:
        InvalidSpecError: a word names no object.
        NotFoundError: there is no such object.
        KubernetesError: they cannot be read.
    """
    if not selection.names:
        for obj in client.list(kinds[0], selection.namespace, labels=selection.labels):
            yield ResourceView({"kind": kinds[0].kind, **obj})
        return
    if selection.labels or selection.namespace is None:
        option = "--selector" if selection.labels else "--all-namespaces"
        raise InvalidSpecError(option, "give names or this option, not both")
    for word in dict.fromkeys(selection.names):
        resource, name = resource_of(word, kinds)
        yield named_object(client, resource, selection.namespace, name)


def named_object(client: ClusterClient, resource: Resource, namespace: str, name: str) -> ResourceView:
    """One object by its name.

    Raises:
        NotFoundError: there is none; names those with a similar name.
        KubernetesError: it cannot be read.
    """
    try:
        return ResourceView(client.get(resource, namespace, name))
    except KubernetesError as error:
        if error.status != HTTPStatus.NOT_FOUND or error.reason != "NotFound":
            raise
        missing = f"there is no {resource.kind} {name!r} in namespace {namespace!r}"
    try:
        names = [str(obj["metadata"]["name"]) for obj in client.list(resource, namespace)]
    except KubernetesError:
        raise NotFoundError(missing) from None
    near = get_close_matches(name, names, n=3, cutoff=0.6)
    if near:
        missing += f"; did you mean {' or '.join(map(repr, near))}?"
    elif not names:
        missing += ", nor any other: choose another with -n"
    raise NotFoundError(missing)
