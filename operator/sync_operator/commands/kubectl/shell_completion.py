"""`kubectl_complete-sync`: what kubectl's completion (bash, zsh, fish) asks for the words behind `kubectl sync`.

It prints one completion on each line, and then the directive that files are none. Whatever goes wrong, it prints
fewer: nobody wants to read errors while typing.
"""

import argparse
import sys
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from sync_operator.commands.kubectl.cluster.cluster_client import (
    CONNECTORS,
    MODELS,
    NAMESPACES,
    SYNCS,
    WORKSPACES,
    ClusterClient,
)
from sync_operator.commands.kubectl.cluster.kubeconfig_access import context_names, load_access
from sync_operator.commands.kubectl.kubectl_command import VERBS, add_cluster_arguments, verb_parser
from sync_operator.errors import SyncOperatorError
from sync_operator.settings import kubeconfig_files

__all__ = ["completions", "main"]

_NO_FILES: Final = ":4"
_KINDS: Final = {
    "discover": (CONNECTORS,),
    "tree": (WORKSPACES,),
    "suspend": (SYNCS, WORKSPACES),
    "resume": (SYNCS, WORKSPACES),
    "status": (SYNCS, WORKSPACES, CONNECTORS, MODELS),
}
"""Verb → the kinds that it takes, the first by its bare name; Syncs if it is not here."""


def main() -> int:
    """Complete the last argument of the process."""
    words = sys.argv[1:]
    try:
        found = completions(words)
    except (SyncOperatorError, ModuleNotFoundError):
        found = []
    sys.stdout.writelines(f"{word}\n" for word in [*found, _NO_FILES])
    return 0


def completions(words: Sequence[str]) -> list[str]:
    """What the last word can become.

    Args:
        words: behind `kubectl sync`; the last may be empty.

    Raises:
        SyncOperatorError: the cluster does not tell.
    """
    current = words[-1] if words else ""
    before = list(words[:-1])
    verb = next((word for word in before if word in VERBS), None)
    parser = verb_parser(verb) if verb is not None else argparse.ArgumentParser()
    add_cluster_arguments(parser)
    return sorted(word for word in set(_candidates(verb, before, current, parser)) if word.startswith(current))


def _candidates(
    verb: str | None, before: Sequence[str], current: str, parser: argparse.ArgumentParser
) -> Iterable[str]:
    listed = parser._actions  # noqa: SLF001 (argparse has no other way to its options)
    actions = {name: action for action in listed for name in action.option_strings}
    option = actions.get(before[-1]) if before else None
    kubeconfig, context = _given(before, "--kubeconfig"), _given(before, "--context")
    files = (Path(kubeconfig).expanduser(),) if kubeconfig else kubeconfig_files()
    if option is not None and option.nargs != 0:
        if option.choices:
            return map(str, option.choices)
        if option.dest == "context":
            return context_names(files)
        if option.dest == "namespace":
            client = ClusterClient(partial(load_access, files, context))
            return (str(obj["metadata"]["name"]) for obj in client.list(NAMESPACES, None))
        return ()
    if current.startswith("-"):
        return actions
    if verb is None:
        return VERBS
    client = ClusterClient(partial(load_access, files, context))
    return _names(verb, current, client, _given(before, "-n", "--namespace") or client.access.namespace)


def _names(verb: str, current: str, client: ClusterClient, namespace: str) -> Iterable[str]:
    first, *others = _KINDS.get(verb, (SYNCS,))
    kind, slash, _ = current.partition("/")
    for resource in others if slash else ():
        if resource.kind.lower() == kind:
            yield from (f"{kind}/{obj['metadata']['name']}" for obj in client.list(resource, namespace))
    if not slash:
        yield from (str(obj["metadata"]["name"]) for obj in client.list(first, namespace))
        yield from (f"{resource.kind.lower()}/" for resource in others if current)


def _given(words: Sequence[str], *names: str) -> str | None:
    """The value that an option was given."""
    for index, word in enumerate(words):
        name, equals, value = word.partition("=")
        if name in names:
            return value if equals else next(iter(words[index + 1 :]), None)
    return None
