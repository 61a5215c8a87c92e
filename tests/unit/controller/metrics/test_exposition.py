"""What is written is what Prometheus's own parser reads."""

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from sync_operator.controller.metrics.exposition import Family


@given(st.lists(st.text(), min_size=2, max_size=2), st.floats(allow_nan=False, allow_infinity=False))
def test_labels_and_values_are_read_as_they_were_given(values: list[str], value: float) -> None:
    family = Family("runs_total", "Runs.", ("who", "result"), metric_type="counter")
    family.add(values, value)

    [read] = text_string_to_metric_families(family.text().decode())

    assert (read.name, read.type, read.documentation) == ("runs", "counter", "Runs.")
    [sample] = read.samples
    assert (sample.name, sample.value) == ("runs_total", value)
    assert sample.labels == dict(zip(("who", "result"), values, strict=True))


def test_a_family_without_labels_or_without_series() -> None:
    assert (
        Family.single("leader", "It acts.", True).text() == b"# HELP leader It acts.\n# TYPE leader gauge\nleader 1.0\n"
    )
    assert Family("info", "None.", ("name",)).text() == b"# HELP info None.\n# TYPE info gauge\n"
