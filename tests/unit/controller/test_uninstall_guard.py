"""What is said when an uninstall would take resources along."""

from sync_operator.controller.uninstall_guard import reason_to_refuse


def test_nothing_is_said_without_any() -> None:
    assert reason_to_refuse([]) == ""


def test_they_are_named_and_what_to_do() -> None:
    said = reason_to_refuse(["Sync b/two", "Model a/one"])

    assert "2 resources" in said
    assert "Model a/one, Sync b/two." in said
    assert "kubectl delete syncs,models,connectors --all --all-namespaces" in said
    assert "crds.keep=true" in said


def test_many_are_counted() -> None:
    said = reason_to_refuse([f"Sync a/{number:03}" for number in range(25)])

    assert "a/019, and 5 more." in said
    assert "a/020" not in said
