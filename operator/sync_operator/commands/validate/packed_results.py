"""Results as tuples of plain values, which are sent from one process to another in a fraction of the time. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sync_operator.commands.diagnostics import Diagnostic, Severity
from sync_operator.commands.input_files import Source
from sync_operator.commands.manifests.document_splitter import Cut
from sync_operator.commands.manifests.manifest_set import Manifest, ManifestSet
from sync_operator.commands.manifests.spans import Span
from sync_operator.commands.manifests.yaml_reader import Document
from sync_operator.commands.validate.batches import Results
from sync_operator.commands.validate.checks.object_checks import Checked
from sync_operator.commands.validate.facts import Facts
from sync_operator.schedule.effective_schedule import Schedule

__all__ = ["PackedResults", "pack", "unpack"]

type _Values = tuple[Any, ...]


class PackedResults(NamedTuple):
    """`Results` without their text."""

    workspaces: list[tuple[_Values, Any]]
    registered: list[tuple[_Values, _Values]]
    problems: list[_Values]
    passed_over: int
    failed_at: int | None


def pack(results: Results) -> PackedResults:
    """Pack the results for a part of one text. Of the values and specs, only the specs of Workspaces are packed."""
    return PackedResults(
        [(_packed(checked), checked.spec) for checked in results.workspaces],
        [(_packed(checked), tuple(facts)) for checked, facts in results.registered],
        _packed_problems(results.found.problems),
        results.found.passed_over,
        results.failed_at,
    )


def unpack(packed: PackedResults, source: Source, head: Mapping[str, Any] | None) -> Results:
    """The results.

    Args:
        packed: what `pack` returned.
        source: the text.
        head: for items of a List: the List's other fields.
    """
    return Results(
        [_unpacked(values, source, head, spec) for values, spec in packed.workspaces],
        [(_unpacked(values, source, head), Facts(*facts)) for values, facts in packed.registered],
        ManifestSet(problems=list(_unpacked_problems(packed.problems, source)), passed_over=packed.passed_over),
        packed.failed_at,
    )


def _packed(checked: Checked[Any]) -> _Values:
    manifest, schedule = checked.manifest, checked.schedule
    document = manifest.document
    cut, start = document.cut, document.start
    return (
        (cut.start, cut.end, cut.line, cut.column, cut.is_json),
        (start.line, start.column, start.end),
        document.in_blocks,
        document.head is not None,
        (manifest.path, manifest.kind, manifest.namespace, manifest.name),
        _packed_problems(checked.problems),
        None
        if schedule is None
        else (
            schedule.expression,
            schedule.time_zone,
            schedule.every,
            schedule.deadline,
            schedule.written_by_user,
            schedule.warning,
        ),
        checked.runs,
        checked.by_server,
        checked.suspended,
    )


def _unpacked(values: _Values, source: Source, head: Mapping[str, Any] | None, spec: Any = None) -> Checked[Any]:
    cut, start, in_blocks, has_head, (path, *names), problems, schedule, runs, by_server, suspended = values
    document = Document(
        None, Cut(source.text, *cut), Span(*start), in_blocks=in_blocks, head=head if has_head else None
    )
    return Checked(
        Manifest(source, document, path, {}, *names),
        _unpacked_problems(problems, source),
        spec,
        None if schedule is None else Schedule(*schedule),
        runs,
        by_server=by_server,
        suspended=suspended,
    )


def _packed_problems(problems: Sequence[Diagnostic]) -> list[_Values]:
    return [
        (
            (problem.spot.line, problem.spot.column, problem.spot.end),
            problem.subject,
            problem.field,
            problem.message,
            problem.severity.value,
        )
        for problem in problems
    ]


def _unpacked_problems(problems: Sequence[_Values], source: Source) -> tuple[Diagnostic, ...]:
    return tuple(
        Diagnostic(source, Span(*spot), subject, path, message, Severity(severity))
        for spot, subject, path, message, severity in problems
    )
