"""For which actions the reconcile of a Sync holds the permit to call its server."""

from typing import cast

import pytest
from tests.support.snapshots import BORN

from sync_operator.controller.registration import reconcile_loop
from sync_operator.controller.sync.sync_reconciler import SYNC_STEPS
from sync_operator.domain.actions import Action, ApplyCronJob, CancelAndDeleteSync, ListRuns
from sync_operator.domain.blocker import Phase
from sync_operator.domain.registration.registration_actions import (
    CreateRemote,
    DropFinalizer,
    ReadSecrets,
    RecordCreateIntent,
)
from sync_operator.syncapi.flow.permit import Permit

MARK = RecordCreateIntent(BORN, fresh=True)
CREATE = CreateRemote({})
APPLY = ApplyCronJob("orders", {})


class Held:
    """A permit that only knows whether it is held."""

    def __init__(self) -> None:
        self.held = False

    def acquire(self) -> None:
        self.held = True

    def release(self) -> None:
        self.held = False


@pytest.mark.parametrize(
    ("actions", "held"),
    [
        pytest.param([ReadSecrets((), Phase.REGISTRATION)], [False], id="the cluster alone"),
        pytest.param([MARK, CREATE, APPLY], [True, True, False], id="create: released before the CronJob"),
        pytest.param([CREATE, APPLY, ListRuns("7")], [True, False, True], id="runs: acquired once more"),
        pytest.param([CancelAndDeleteSync("7"), DropFinalizer()], [True, False], id="delete: not for the finalizer"),
    ],
)
def test_the_permit_is_held_only_for_what_the_server_is_asked(actions: list[Action], held: list[bool]) -> None:
    permit, found = Held(), []
    for action in actions:
        reconcile_loop._ensure_permit(SYNC_STEPS, cast("Permit", permit), action)
        found.append(permit.held)
    assert found == held
