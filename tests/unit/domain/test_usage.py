"""What keeps a connector or model from being deleted: who uses it, in the cluster and on the server."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from sync_operator.api.statuses.conditions import Reason
from sync_operator.domain.connector.connector_kind import CONNECTOR
from sync_operator.domain.registration.registration_actions import DeleteRemote
from sync_operator.domain.usage import ListUsers, Usage, Used, delete_unused, in_use


def used(*resources: str, remotes: tuple[str, ...] | None = None, leaving: bool = False) -> Used:
    found: Any = SimpleNamespace(kind=CONNECTOR, remote_id="5", usage=Usage(resources, remotes, leaving))
    return cast("Used", found)


def test_the_lists_are_read_right_before_it_is_deleted() -> None:
    assert delete_unused(used(), "5") == ListUsers("5")
    assert delete_unused(used(remotes=()), "5") == DeleteRemote("5")
    assert in_use(used()) is None
    assert in_use(used(remotes=())) is None


def test_resources_that_use_it_are_named_and_waited_for_by_the_watch() -> None:
    blocker = in_use(used("Model customers", "Sync orders", remotes=("sync 7",)))

    assert blocker is not None
    assert (blocker.reason, blocker.stalled, blocker.resolved_by_watch) == (Reason.IN_USE, False, True)
    assert "connector 5 is used by Model customers, Sync orders, which the server would delete with it" in (
        blocker.message
    )
    assert "set spec.deletionPolicy to Retain" in blocker.message


def test_what_is_on_the_server_alone_is_looked_at_again() -> None:
    blocker = in_use(used(remotes=("sync 7", "model 3")))

    assert blocker is not None
    assert (blocker.resolved_by_watch, blocker.retry_after is not None) == (False, True)
    assert "is used by sync 7, model 3, which" in blocker.message


@pytest.mark.parametrize(("count", "words"), [(5, "Sync 4, which"), (1000, "Sync 4 and 995 more, which")])
def test_of_many_only_the_first_are_named(count: int, words: str) -> None:
    blocker = in_use(used(*(f"Sync {number}" for number in range(count))))

    assert blocker is not None
    assert words in blocker.message


@pytest.mark.parametrize(
    ("found", "brief"),
    [
        (used("Sync orders", leaving=True), True),
        (used("Sync orders"), False),
        (used(remotes=("sync 7",), leaving=True), False),
    ],
)
def test_what_goes_by_itself_holds_it_back_briefly(found: Used, brief: bool) -> None:
    blocker = in_use(found)

    assert blocker is not None
    assert blocker.brief is brief
