"""`python -m benchmarks.pipelines`: many pipelines of a Secret, two Connectors, a Model and a Sync in one Workspace.

Operator and floor in turn, as with Syncs. The floor makes the same requests as the operator, also those for events.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, Final

from tests.support.manifests import REMOVED, connector_manifest, model_manifest, sync_manifest
from tests.support.pipeline import DESTINATION, PASSWORD, SOURCE
from tests.support.running import Sandbox

from benchmarks.contenders import Contender
from benchmarks.crowd import SPEC, Ref, UnfinishedError, why
from benchmarks.figures import Figure, machine
from benchmarks.load import Load
from benchmarks.measure import measure
from benchmarks.pipeline_work import CONNECTORS, MODELS
from benchmarks.publish import keep
from benchmarks.report import pipelines_report
from benchmarks.stage import Stage, staged
from benchmarks.work import NAMESPACE, Phase

_PARTS: Final = (("warehouse", "connectors"), ("crm", "connectors"), ("customers", "models"), ("contacts", "syncs"))
"""Of a pipeline, in the order of their references."""
_PHASES: Final = (Phase.CREATE, Phase.RESTART, Phase.COMPARE, Phase.DELETE)


def load_of_pipelines(pipelines: int) -> Load:
    """So many pipelines."""
    refs = [Ref(NAMESPACE, f"{part}-{number:05}", plural) for number in range(pipelines) for part, plural in _PARTS]
    return Load(
        count=pipelines,
        refs=refs,
        check=partial(_check, pipelines),
        prepare=partial(_prepare, pipelines),
        manifest_of=_manifest_of,
        floor="benchmarks.pipeline_floor",
        is_settled=_is_settled,
    )


def _manifest_of(ref: Ref) -> Mapping[str, Any]:
    part, _, number = ref.name.rpartition("-")
    match part:
        case "warehouse" | "crm":
            spec = SOURCE if part == "warehouse" else DESTINATION
            [secret] = spec["configurationSecrets"]
            ours = secret | {"secretKeyRef": {"name": f"secret-{number}", "key": "password"}}
            return connector_manifest(ref.name, **{**spec, "configurationSecrets": [ours]})
        case "customers":
            return model_manifest(ref.name, connectorRef={"name": f"warehouse-{number}"})
        case _:
            parts = (("sourceRef", "warehouse"), ("destinationRef", "crm"), ("modelRef", "customers"))
            refs = {field: {"name": f"{name}-{number}"} for field, name in parts}
            ids = dict.fromkeys(("sourceId", "destinationId", "modelId"), REMOVED)
            return sync_manifest(ref.name, **{**SPEC, **ids, **refs})


def _secret(number: int) -> dict[str, Any]:
    metadata = {"name": f"secret-{number:05}", "namespace": NAMESPACE}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {"password": PASSWORD}}


def _prepare(pipelines: int, stage: Stage, sandbox: Sandbox) -> None:
    """Take everything from the server, and make the Secret of each pipeline."""
    sandbox.control("PUT", "/state", {"syncs": [], "connectors": [], "models": []})
    secrets = {"apiVersion": "v1", "kind": "List", "items": [_secret(number) for number in range(pipelines)]}
    done = stage.plane.kubectl("create", "-f", "-", stdin=json.dumps(secrets))
    if done.returncode:
        raise UnfinishedError(done.stderr)


def _is_settled(stage: Stage) -> bool:
    """True once what uses each Connector and Model has been counted, which takes up to a minute."""
    lists = (json.loads(stage.plane.kubectl("get", "--raw", path).stdout) for path in (CONNECTORS, MODELS))
    return all(obj["status"].get("usedBy", {}).get("syncs") for listed in lists for obj in listed["items"])


def _check(pipelines: int, _: Stage, sandbox: Sandbox, phase: Phase) -> None:
    """Look at the server: it has all that belongs to the pipelines once, or nothing when they are deleted.

    Raises:
        UnfinishedError: it does not.
    """
    wanted = 0 if phase is Phase.DELETE else pipelines
    state = sandbox.state()
    syncs = sum(not sync["deleted"] for sync in state["syncs"])
    found = (len(state["connectors"]), len(state["models"]), syncs)
    if found != (2 * wanted, wanted, wanted):
        raise UnfinishedError(f"{phase} left {found} connectors, models and syncs on the server, of {wanted} pipelines")


def main() -> int:
    """Run all phases; 1 when a contender did not do its work, never for a figure."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pipelines", description=__doc__)
    parser.add_argument("--pipelines", type=int, default=1000)
    parser.add_argument("--only", type=Contender, nargs="+", default=[Contender.OPERATOR, Contender.FLOOR])
    parser.add_argument("--phases", type=Phase, nargs="+", default=list(_PHASES), help="what is done, in this order")
    parser.add_argument("--out", type=Path, help="a folder for pipelines.json; none when left out")
    arguments = parser.parse_args()
    figures: list[Figure] = []
    failed = False
    for contender in arguments.only:
        sys.stderr.write(f"bench: {contender}, {arguments.pipelines} pipelines\n")
        with staged() as stage:
            facts = machine(stage.version)
            try:
                load = load_of_pipelines(arguments.pipelines)
                figures += asyncio.run(measure(stage, contender, load, arguments.phases))
            except* UnfinishedError as errors:
                sys.stderr.write(f"bench: {contender}: {why(errors)}\n")
                failed = True
    if failed:
        return 1
    kept: dict[str, Any] = {"machine": facts, "figures": [asdict(figure) for figure in figures]}
    sys.stdout.write("".join(f"{line}\n" for line in pipelines_report(kept)))
    if arguments.out:
        keep(arguments.out, "pipelines", kept)
    return 0


if __name__ == "__main__":
    sys.exit(main())
