"""What a CronJob keeps of an earlier apply, where the API server itself has copied it elsewhere."""

import json
from typing import Any

from tests.support.plane import Plane
from tests.support.snapshots import ours, pictured

from sync_operator.domain.scheduling.cronjob_manifest import cronjob_manifest


def test_a_service_account_that_the_spec_no_longer_names_is_given_up(plane: Plane, namespace: str) -> None:
    def apply(**pod: Any) -> dict[str, Any]:
        manifest = cronjob_manifest(pictured(ours(run={"pod": pod})), "7", suspended=True)
        manifest["metadata"] |= {"namespace": namespace, "ownerReferences": []}
        words = ("apply", "--server-side", "--field-manager", "sync-operator", "-o", "json", "-f", "-")
        done = plane.kubectl(*words, stdin=json.dumps(manifest))
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)["spec"]["jobTemplate"]["spec"]["template"]["spec"]
        return found

    assert apply(serviceAccountName="runs")["serviceAccountName"] == "runs"
    after = apply()

    assert (after["serviceAccountName"], after["serviceAccount"]) == ("default", "default")
