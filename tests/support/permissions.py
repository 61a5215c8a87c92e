"""The chart's service account: the controller as it, what it asked the API server for, and what it may ask for.

As a program, after `make test` and `make test-all`: fails when the controllers of `tests/cluster` were granted a right
that none of them used (`python -m tests.support.permissions FOLDER`).
"""

import itertools
import json
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from secrets import token_hex
from typing import Any, Final

import yaml
from tests.support.helm import NAMESPACE, RELEASE, Helm
from tests.support.plane import Plane

__all__ = [
    "ACCOUNT",
    "RARE",
    "UNUSED",
    "Permission",
    "account_kubeconfig",
    "denied",
    "granted",
    "install_account",
    "note_rights",
    "requests",
    "used",
]

type Permission = tuple[str, str, str]
"""Group, resource and verb."""

ACCOUNT: Final = f"{RELEASE}-sync-operator"
UNUSED: Final[dict[Permission, str]] = {
    ("squared.ai", "syncs/finalizers", "update"): "asked by an admission plugin when a CronJob is made, by no request",
}
"""Permissions that no request shows, and why they are granted all the same."""
RARE: Final[dict[Permission, str]] = {
    ("batch", "jobs", "delete"): "the garbage collector may be quicker, once their CronJob is gone",
    ("", "events", "list"): "only for a run that does not start and whose pod does not say why",
}
"""Permissions that some days no request shows, and why."""
_OWN: Final = frozenset({"ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"})


def install_account(helm: Helm, plane: Plane, folder: Path, **values: Any) -> Path:
    """Put the chart's service account and roles into the cluster, and no more of it; a kubeconfig of the account."""
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    account = [document for document in helm.template(**values) if document["kind"] in _OWN]
    applied = plane.kubectl("apply", "--server-side", "-f", "-", stdin=yaml.safe_dump_all([namespace, *account]))
    assert applied.returncode == 0, applied.stderr
    return account_kubeconfig(plane, folder)


def account_kubeconfig(plane: Plane, folder: Path) -> Path:
    """A kubeconfig with a token of the chart's service account."""
    token = plane.kubectl("create", "token", ACCOUNT, "-n", NAMESPACE, "--duration=12h")
    assert token.returncode == 0, token.stderr
    config = yaml.safe_load(plane.kubeconfig.read_text())
    for user in config["users"]:
        user["user"] = {"token": token.stdout.strip()}
    path = folder / "account.kubeconfig"
    path.write_text(yaml.dump(config))
    return path


def requests(plane: Plane) -> list[dict[str, Any]]:
    """What the account asked the API server, by its audit log."""
    name = f"system:serviceaccount:{NAMESPACE}:{ACCOUNT}"
    with plane.audit_log.open() as lines:
        # Most lines are of others, and to decode them all takes half a minute.
        entries = [json.loads(line) for line in lines if name in line]
    return [entry for entry in entries if entry["user"]["username"] == name]


def denied(entries: Iterable[Mapping[str, Any]]) -> list[str]:
    """Requests that were refused for want of a right, by the authorizer or by an admission plugin.

    Nobody has the right to make something in a namespace that is being deleted, or beyond its quota, nor an object
    whose owner is of a kind that the API server has only just come to know (its admission plugin learns of CRDs some
    seconds late).
    """
    nobody = ("because it is being terminated", "exceeded quota", "cannot find RESTMapping")
    return [
        f"{entry['verb']} {entry['requestURI']}: {entry['responseStatus'].get('message')}"
        for entry in entries
        if entry["responseStatus"]["code"] == 403
        and not any(words in entry["responseStatus"].get("message", "") for words in nobody)
    ]


def used(entries: Iterable[Mapping[str, Any]]) -> set[Permission]:
    """Permissions that the requests needed; a server-side apply that creates an object needs two."""
    found = set()
    for entry in entries:
        about = entry.get("objectRef")
        if about is not None:
            resource = "/".join(about[part] for part in ("resource", "subresource") if part in about)
            created = {"create"} if entry["verb"] == "patch" and entry["responseStatus"]["code"] == 201 else set()
            found |= {(about.get("apiGroup", ""), resource, verb) for verb in {entry["verb"], *created}}
    return found


def granted(plane: Plane, kind: str, *options: str) -> set[Permission]:
    """Permissions in the installed role; none where there is no such role."""
    role = json.loads(plane.kubectl("get", kind, f"{NAMESPACE}:{ACCOUNT}", "-o", "json", *options).stdout or "{}")
    return {
        permission
        for rule in role.get("rules", ())
        for permission in itertools.product(rule["apiGroups"], rule["resources"], rule["verbs"])
    }


_NOTES: Final = "RIGHTS_NOTES"
"""Environment variable with the folder for notes of several sessions; without it none are made."""


def note_rights(granted: set[Permission], used: set[Permission]) -> None:
    """Keep what a controller was granted and used, for when all sessions are over."""
    if folder := os.environ.get(_NOTES):
        Path(folder).mkdir(parents=True, exist_ok=True)
        (Path(folder) / f"{token_hex(8)}.json").write_text(json.dumps([sorted(granted), sorted(used)]))


def idle_rights(folder: Path) -> set[Permission]:
    """Rights that were granted, by the notes, and that no controller used, without those that may stay unused.

    Raises:
        FileNotFoundError: there are no notes.
    """
    notes = [json.loads(note.read_text()) for note in folder.glob("*.json")]
    if not notes:
        raise FileNotFoundError(f"no test noted any rights in {folder}")
    granted, used = ({tuple(right) for note in notes for right in note[place]} for place in (0, 1))
    return granted - used - set(RARE) - set(UNUSED)


def main(folder: str) -> int:
    """Print the rights that nobody used; 1 when there are any."""
    idle = sorted(idle_rights(Path(folder)))
    for right in idle:
        sys.stderr.write(f"the chart grants a right that no test of tests/cluster used: {right}\n")
    return int(bool(idle))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
