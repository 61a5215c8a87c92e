from collections.abc import Iterable
from itertools import islice

import pytest

from sync_operator.controller.informer.event_handlers import make_settings


@pytest.mark.parametrize("clusterwide", [True, False])
def test_a_watch_that_is_refused_is_tried_for_ever_but_not_often(clusterwide: bool) -> None:
    backoffs = make_settings(clusterwide=clusterwide).networking.error_backoffs

    assert isinstance(backoffs, Iterable)
    first, second = (list(islice(backoffs, 1000)) for _ in range(2))
    assert first == second
    assert len(first) == 1000
    assert first == sorted(first)
    assert (first[0], first[-1]) == (1, 20)


def test_nothing_outside_the_named_namespaces_is_asked_for() -> None:
    assert make_settings(clusterwide=False).scanning.disabled
    assert not make_settings(clusterwide=True).scanning.disabled
