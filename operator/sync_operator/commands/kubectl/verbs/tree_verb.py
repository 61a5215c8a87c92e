"""`kubectl sync tree`: each Workspace with its Connectors, Models and Syncs, and what waits for what."""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from sync_operator.api.statuses.conditions import Reason
from sync_operator.commands.kubectl.cluster.cluster_client import CONNECTORS, MODELS, SYNCS, WORKSPACES
from sync_operator.commands.kubectl.output_formats import add_output_argument, write_data, write_names
from sync_operator.commands.kubectl.session import Session
from sync_operator.commands.kubectl.views.resource_view import ResourceView, age
from sync_operator.commands.kubectl.views.run_words import verdict_of
from sync_operator.commands.terminal import Style, first_columns
from sync_operator.errors import NotFoundError

__all__ = ["add_arguments", "main"]

_KINDS: Final = (WORKSPACES, CONNECTORS, MODELS, SYNCS)
_PARENTS: Final = (("modelRef", MODELS.kind), ("connectorRef", CONNECTORS.kind), ("sourceRef", CONNECTORS.kind))
"""Below what an object stands: the first of these that it refers to; else below its Workspace."""
_REFERENCES: Final = (*_PARENTS, ("destinationRef", CONNECTORS.kind))
_EPILOG: Final = """\
A Sync stands below the Model whose rows it sends, a Model below the Connector that it reads from; an arrow names where
the rows go. What refers to ids of the server alone stands below its Workspace.

exit codes:
  0  the tree was shown
  2  there is no such Workspace, wrong usage, or the cluster does not show it to you
  3  the API server cannot be reached

examples:
  kubectl sync tree
  kubectl sync tree default
"""

type _Key = tuple[str, str]


@dataclass(slots=True)
class _Node:
    """An object in the tree; ``view`` is None for a Workspace that does not exist."""

    kind: str
    name: str
    view: ResourceView | None = None
    children: list["_Node"] = field(default_factory=list)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the verb."""
    parser.add_argument("name", nargs="?", metavar="WORKSPACE", help="one Workspace (default: all)")
    add_output_argument(parser)
    parser.epilog = _EPILOG


def main(args: argparse.Namespace, session: Session) -> int:
    """Run `tree`."""
    roots = _roots(session)
    if args.name is not None:
        roots = [root for root in roots if root.name == args.name]
        if not roots:
            raise NotFoundError(f"there is no Workspace {args.name!r} in namespace {session.namespace!r}")
    if args.output == "name":
        write_names(node.view for root in roots for node in _all(root) if node.view is not None)
    elif args.output != "table":
        data = {"version": 1, "namespace": session.namespace, "workspaces": [_data(root) for root in roots]}
        write_data(data, args.output)
    elif not roots:
        session.note(f"nothing of this operator in namespace {session.namespace!r}")
    else:
        for root in roots:
            sys.stdout.writelines(f"{line}\n" for line in _lines(root, session))
    return 0


def _roots(session: Session) -> list[_Node]:
    """The Workspaces, those that are only named too, with what belongs to them."""
    nodes: dict[_Key, _Node] = {}
    for resource in _KINDS:
        for obj in session.client.list(resource, session.namespace):
            view = ResourceView({"kind": resource.kind, **obj})
            nodes[resource.kind, view.name] = _Node(resource.kind, view.name, view)
    roots = {name: node for (kind, name), node in nodes.items() if kind == WORKSPACES.kind}
    for node in nodes.values():
        if node.view is None or node.kind == WORKSPACES.kind:
            continue
        named = ((kind, node.view.reference(name)) for name, kind in _PARENTS)
        parent = next((nodes[kind, name] for kind, name in named if name is not None and (kind, name) in nodes), None)
        if parent is None:
            name = node.view.workspace
            parent = roots.setdefault(name, _Node(WORKSPACES.kind, name))
        parent.children.append(node)
    return [roots[name] for name in sorted(roots)]


def _all(node: _Node) -> Iterator[_Node]:
    yield node
    for child in node.children:
        yield from _all(child)


def _lines(node: _Node, session: Session, before: str = "", branch: str = "") -> Iterator[str]:
    style = session.style
    state, wrong = _state(node, session)
    plain = f"{before}{branch}{node.kind} {node.name}{_about(node)}: {state}"
    if style.width is not None and len(plain) > style.width:
        plain = f"{first_columns(plain, style.width - 1)}…"
    head, colon, rest = plain.partition(": ")
    yield f"{head}{colon}{_painted(rest, style, wrong=wrong)}"
    below = before + ("" if not branch else "   " if branch.startswith("└") else "│  ")
    for index, child in enumerate(node.children):
        last = index == len(node.children) - 1
        yield from _lines(child, session, below, "└─ " if last else "├─ ")


def _painted(words: str, style: Style, *, wrong: bool) -> str:
    return style.red(words) if wrong else style.green(words)


def _about(node: _Node) -> str:
    if node.view is None:
        return ""
    if node.kind == CONNECTORS.kind:
        return f" ({node.view.spec.get('connectorType', '?')})"
    target = node.view.reference("destinationRef")
    return f" → {target}" if target is not None else ""


def _state(node: _Node, session: Session) -> tuple[str, bool]:
    """Its state in a few words, and whether something is wrong."""
    view = node.view
    if view is None:
        return "does not exist", True
    if not view.is_seen:
        return "no operator has looked at it yet", True
    fault = next(iter(view.faults), None)
    if fault is not None:
        waits = _waits_for(view, fault.message) if fault.reason == Reason.REFERENCE_NOT_READY else None
        return f"waits for {waits}" if waits else f"{fault.reason}: {fault.message}", True
    words = ["suspended" if view.suspended else "ready" if view.is_true("Ready") else "waiting"]
    if node.kind == SYNCS.kind:
        words += [f"last run {verdict_of(view.last_run)}"] if view.last_run else []
        words += [f"next in {age(view.next_run - session.clock())}"] if view.next_run is not None else []
    return ", ".join(words), False


def _waits_for(view: ResourceView, message: str) -> str | None:
    found = (f"{kind} {view.reference(name)}" for name, kind in _REFERENCES if message.startswith(f"spec.{name}"))
    return next(found, None)


def _data(node: _Node) -> dict[str, Any]:
    faults = node.view.faults if node.view is not None else ()
    return {
        "kind": node.kind,
        "name": node.name,
        "exists": node.view is not None,
        "ready": node.view is not None and node.view.is_true("Ready"),
        "problems": [{"reason": fault.reason, "message": fault.message} for fault in faults],
        "children": [_data(child) for child in node.children],
    }
