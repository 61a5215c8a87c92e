"""`kubectl sync suspend`: sets ``spec.suspend``, and says who else sets it."""

import argparse
import sys
from collections.abc import Mapping
from typing import Any, Final

from sync_operator.commands.kubectl.cluster.cluster_client import FIELD_MANAGER, SYNCS, WORKSPACES, Resource
from sync_operator.commands.kubectl.output_formats import add_output_argument, as_name, write_data, write_names
from sync_operator.commands.kubectl.selection import Selection, add_selection_arguments, selected
from sync_operator.commands.kubectl.session import Session
from sync_operator.commands.kubectl.views.resource_view import ResourceView
from sync_operator.errors import InvalidSpecError

__all__ = ["add_arguments", "add_shared_arguments", "main", "set_suspended"]

KINDS: Final = (SYNCS, WORKSPACES)
EXIT_CODES: Final = """\
exit codes:
  0  done, also where nothing had to be changed
  2  the command was used wrongly, an object does not exist, or the cluster refuses the change
  3  the API server cannot be reached
"""
_EPILOG: Final = f"""\
A suspended Sync has no schedule and runs on request only (kubectl sync run). Of a suspended Workspace all Syncs are
suspended, and the operator sends nothing to its server.

{EXIT_CODES}
examples:
  kubectl sync suspend orders --reason "destination is being migrated"
  kubectl sync suspend -l team=crm
  kubectl sync suspend workspace/default
"""
_APPLY: Final = "Apply"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the verb."""
    add_shared_arguments(parser)
    parser.add_argument("--reason", metavar="TEXT", help="why, shown in the conditions of the Sync")
    parser.epilog = _EPILOG


def add_shared_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of both suspend and resume."""
    add_selection_arguments(parser, everywhere=False)
    add_output_argument(parser)


def main(args: argparse.Namespace, session: Session) -> int:
    """Run `suspend`."""
    reason = {} if args.reason is None else {"suspendReason": args.reason}
    return set_suspended(args, session, {"suspend": True, **reason}, "suspended")


def set_suspended(args: argparse.Namespace, session: Session, change: Mapping[str, Any], done: str) -> int:
    """Make a change to the spec of the selected objects; a Workspace has no reason."""
    if not args.names and not args.selector:
        raise InvalidSpecError("NAME", f"say what is to be {done}: names, or a label selector with -l")
    views = list(selected(session.client, Selection(tuple(args.names), session.namespace, args.selector), KINDS))
    changed = []
    for view in views:
        is_sync = view.kind == SYNCS.kind
        if not is_sync and change.get("suspendReason"):
            raise InvalidSpecError("--reason", "a Workspace has no field for it")
        wanted = dict(change) if is_sync else {"suspend": change["suspend"]}
        same = all(view.spec.get(name) == value for name, value in wanted.items() if name != "suspend")
        if same and view.suspended is wanted["suspend"]:
            changed.append(view)
            _say(args, f"{as_name(view)} is {done} already")
            continue
        resource: Resource = SYNCS if is_sync else WORKSPACES
        patched = ResourceView(session.client.patch(resource, view.namespace, view.name, {"spec": wanted}))
        changed.append(patched)
        _say(args, f"{as_name(view)} {done}")
        for manager in _other_managers(view):
            session.note(f"{view.name}: {manager} sets spec.suspend too, and may put it back: change it there as well")
    if not views:
        session.note(f"no Syncs found in namespace {session.namespace!r}")
    if args.output == "name":
        write_names(changed)
    elif args.output != "table":
        write_data({"apiVersion": "v1", "kind": "List", "items": [view.obj for view in changed]}, args.output)
    return 0


def _say(args: argparse.Namespace, words: str) -> None:
    if args.output == "table":
        sys.stdout.write(f"{words}\n")


def _other_managers(view: ResourceView) -> list[str]:
    """Who else sets ``spec.suspend`` again and again: field managers that apply."""
    entries = view.metadata.get("managedFields") or ()
    return sorted(
        {
            str(entry.get("manager"))
            for entry in entries
            if entry.get("operation") == _APPLY
            and entry.get("manager") != FIELD_MANAGER
            and "f:suspend" in (entry.get("fieldsV1") or {}).get("f:spec", {})
        }
    )
