from hypothesis import given
from hypothesis import strategies as st

from sync_operator.util.fair_shares import FairShares


def filled(total: int, factor: float, holders: list[str]) -> FairShares:
    """Everybody takes in turns for as long as anybody may."""
    shares = FairShares(total)
    while any(shares.allow(holder, factor) for holder in holders):
        for holder in holders:
            if shares.allow(holder, factor):
                shares.take(holder)
    return shares


@given(st.integers(1, 300), st.integers(1, 12), st.sampled_from([0.5, 1, 3, 7]))
def test_each_gets_the_same_and_some_is_left_for_the_next(total: int, holders: int, factor: float) -> None:
    names = [f"holder-{number}" for number in range(holders)]
    shares = filled(total, factor, names)
    held = [shares.held(name) for name in names]
    assert max(held) - min(held) <= 1
    assert sum(held) == total - shares.free
    assert shares.free >= 0
    if total > holders * (factor + 1):
        assert shares.allow("newcomer", factor)


def test_one_alone_gets_nearly_all() -> None:
    assert filled(16, 3, ["a"]).held("a") == 12
    assert filled(16, 7, ["a"]).held("a") == 14
    assert filled(1, 3, ["a"]).held("a") == 1
    assert filled(2, 3, ["a"]).held("a") == 2


def test_what_is_given_back_is_free_again() -> None:
    shares = FairShares(2)
    shares.take("a", "server")
    shares.take("b", "server")
    assert (shares.free, shares.held("server"), shares.allow("c", 7)) == (0, 2, False)
    shares.give_back("a", "server")
    assert (shares.free, shares.held("a"), shares.held("server")) == (1, 0, 1)
    assert shares.allow("c", 7)


def test_more_may_be_taken_than_there_is() -> None:
    shares = FairShares(1)
    for holder in "abc":
        shares.take(holder)
    assert shares.free == -2
    assert not shares.allow("a", 7)
    for holder in "abc":
        shares.give_back(holder)
    assert shares.free == 1
