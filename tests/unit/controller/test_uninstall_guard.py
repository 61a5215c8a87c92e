"""What is said when an uninstall would take Syncs along."""

from sync_operator.controller.uninstall_guard import reason_to_refuse


def test_nothing_is_said_without_syncs() -> None:
    assert reason_to_refuse([]) == ""


def test_the_syncs_are_named_and_what_to_do() -> None:
    said = reason_to_refuse(["b/two", "a/one"])

    assert "2 Syncs" in said
    assert "a/one, b/two." in said
    assert "kubectl delete syncs --all --all-namespaces" in said
    assert "crds.keep=true" in said


def test_many_are_counted() -> None:
    said = reason_to_refuse([f"a/{number:03}" for number in range(25)])

    assert "a/019, and 5 more." in said
    assert "a/020" not in said
