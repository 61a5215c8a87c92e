"""The queue of keys that wait for a slot: each key once, in the order of their coming, urgent ones first."""

from hypothesis import given
from hypothesis import strategies as st

from sync_operator.syncapi.flow.wait_queue import RESERVATION_TTL, WaitQueue

KEYS = "abcd"
DEEDS = st.lists(
    st.tuples(
        st.sampled_from(["enqueue", "enqueue", "urgent", "remove", "redeem", "notify", "expire", "drain"]),
        st.sampled_from(KEYS),
    ),
    max_size=40,
)


@given(DEEDS)
def test_a_key_waits_once_or_has_one_reservation_or_neither(deeds: list[tuple[str, str]]) -> None:
    queue, now = WaitQueue(), 0.0
    urgent: list[str] = []
    waiting: list[str] = []
    reserved: set[str] = set()
    for deed, key in deeds:
        match deed:
            case "enqueue" | "urgent":
                queue.enqueue(key, urgent=deed == "urgent")
                if deed == "urgent" and key in waiting:
                    waiting.remove(key)
                if key not in {*urgent, *waiting, *reserved}:
                    (urgent if deed == "urgent" else waiting).append(key)
            case "remove":
                assert queue.remove(key) is (key in {*urgent, *waiting, *reserved})
                reserved.discard(key)
                for keys in (urgent, waiting):
                    if key in keys:
                        keys.remove(key)
            case "redeem":
                assert queue.redeem(key) is (key in reserved)
                reserved.discard(key)
            case "notify":
                notified = [*urgent, *waiting][:2]
                assert queue.notify_next(2, now) == tuple(notified)
                reserved.update(notified)
                urgent, waiting = ([key for key in keys if key not in notified] for keys in (urgent, waiting))
            case "expire":
                now += RESERVATION_TTL
                queue.expire(now)
                reserved.clear()
            case _:
                assert list(queue.drain()) == [(key, key in urgent) for key in [*urgent, *waiting]]
                urgent, waiting = [], []
        assert list(queue) == [*urgent, *waiting]
        assert (len(queue), queue.urgent, queue.reserved) == (len([*urgent, *waiting]), len(urgent), len(reserved))
        for one in KEYS:
            assert (one in queue, queue.is_reserved(one)) == (one in [*urgent, *waiting], one in reserved)
