"""Whose turn it is to log in."""

from heapq import heappop, heappush
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_operator.syncapi.auth.login_limiter import MAX_LOGINS_OF_NAMESPACE, LoginLimiter


class Story:
    """Accounts that ask again when they were told to, until they may log in."""

    def __init__(self) -> None:
        self.window = LoginLimiter()
        self.made: dict[str, float] = {}
        self._coming: list[tuple[float, int, str, str, bool]] = []
        self._number = count()

    def comes(self, at: float, who: str, namespace: str, *, renewal: bool = False) -> None:
        heappush(self._coming, (at, next(self._number), who, namespace, renewal))

    def run(self, until: float, late: float = 0.01) -> None:
        while self._coming and self._coming[0][0] < until:
            now, _, who, namespace, renewal = heappop(self._coming)
            wait = self.window.reserve(now, who, namespace=namespace, renewal=renewal)
            if wait > 0:
                self.comes(now + wait + late, who, namespace, renewal=renewal)
            else:
                self.window.record(now, who, namespace=namespace)
                self.made[who] = now


@given(st.lists(st.tuples(st.floats(0, 30), st.sampled_from("abc")), max_size=40))
def test_no_twenty_seconds_see_more_than_four_logins_nor_more_than_three_of_a_namespace(
    comings: list[tuple[float, str]],
) -> None:
    story, now, namespaces = Story(), 1e6, dict[str, str]()
    for number, (gap, namespace) in enumerate(comings):
        now += gap
        namespaces[str(number)] = namespace
        story.comes(now, str(number), namespace)
    story.run(1e9)
    made = story.made
    assert set(made) == set(namespaces), "everybody's turn comes"
    for start in made.values():
        window = [namespaces[who] for who, time in made.items() if start <= time < start + 20]
        assert len(window) <= 4
        assert all(window.count(namespace) <= MAX_LOGINS_OF_NAMESPACE for namespace in "abc")


def test_the_window_tells_how_long_to_wait() -> None:
    window = LoginLimiter()
    for second in range(4):
        assert window.reserve(second, f"user-{second}", namespace=f"team-{second}") == 0
        window.record(second, f"user-{second}", namespace=f"team-{second}")
    assert window.reserve(4, "one more") == 16
    window.pause(None, 4)
    assert window.reserve(4, "one more") == 20
    window.pause(120, 4)
    window.pause(1, 5)
    assert window.reserve(5, "one more") == 119


@pytest.mark.parametrize("tenants", [1, 3, 10])
@pytest.mark.parametrize("accounts", [20, 300])
def test_the_many_accounts_of_one_tenant_leave_the_others_their_turns(tenants: int, accounts: int) -> None:
    story = Story()
    for number in range(accounts):
        story.comes(0.01 * number, f"many-{number}", "many")
    for number in range(tenants):
        story.comes(10 + number, f"tenant-{number}", f"team-{number}")
    story.run(200)
    waits = [story.made[f"tenant-{number}"] - 10 - number for number in range(tenants)]
    assert max(waits) <= 20 * (1 + tenants / 4)
    assert waits[0] == 0, "one place is left when others have logged in as often as they may"


def test_renewals_go_before_first_logins_of_other_namespaces() -> None:
    story = Story()
    for number in range(12):
        story.comes(0.1 * number, f"first-{number}", f"team-{number}")
    story.comes(15, "renewal", "late", renewal=True)
    story.run(200)
    assert story.made["renewal"] <= 21
    assert sorted(story.made.values()).index(story.made["renewal"]) < 8


def test_who_does_not_come_back_holds_nobody_up_for_long() -> None:
    window = LoginLimiter()
    for number in range(4):
        window.record(0, f"user-{number}", namespace=f"team-{number}")
    assert window.reserve(1, "gone", namespace="x") == 19
    assert window.reserve(2, "deleted", namespace="y") > 0
    window.cancel("deleted")
    assert window.reserve(3, "waits", namespace="z") == 17, "four are free again one after the other"
    for number in range(3):
        window.record(20, f"others-{number}", namespace=f"v-{number}")
    assert window.reserve(20, "waits", namespace="z") > 0, "the one before it has a few seconds to come"
    assert window.reserve(26, "waits", namespace="z") == 0


def test_a_login_that_never_reached_the_server_costs_no_place() -> None:
    window = LoginLimiter()
    for number in range(10):
        assert window.reserve(number, "a", namespace="team") == 0
        window.record(number, "a", namespace="team")
        window.give_back("team")
    window.give_back("another")
    assert window.reserve(10, "b", namespace="team") == 0
