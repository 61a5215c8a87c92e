"""Cuts an input into batches of pieces, and checks one batch: each object by itself. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sync_operator.api import constants
from sync_operator.api.constants import WORKSPACE_KIND
from sync_operator.api.enums import DialectChoice
from sync_operator.api.kinds.workspace import WorkspaceSpec
from sync_operator.commands.input_files import Source
from sync_operator.commands.manifests.manifest_set import Manifest, ManifestSet, manifests_in
from sync_operator.commands.manifests.spans import YamlError
from sync_operator.commands.manifests.yaml_reader import Document, Piece, read_piece, read_rest, split_text
from sync_operator.commands.validate.checks.kind_checks import check_connector, check_model, check_workspace
from sync_operator.commands.validate.checks.object_checks import Checked
from sync_operator.commands.validate.checks.sync_checks import MAX_RUNS, check_sync
from sync_operator.commands.validate.facts import Facts, facts_of, workspace_name
from sync_operator.settings import ToolSettings
from sync_operator.syncapi.pipeline.definitions import DefinitionSet
from sync_operator.syncapi.types import Dialect

__all__ = ["Batch", "Home", "Judge", "Results", "cut_batches", "home_of"]

type Home = tuple[str, str]
"""Namespace and name."""

_REGISTERED_KINDS: Final = frozenset({constants.CONNECTOR_KIND, constants.MODEL_KIND, constants.SYNC_KIND})
"""The kinds of what is registered on a server."""
_MAX_CHARACTERS: Final = 128 * 1024
"""Size of a batch: large against the cost of sending one, small enough to keep several processes busy to the end."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Pieces of one text that follow each other; items of at most one List.

    Attributes:
        number: the text's index in the input.
        pieces: the pieces.
        error: an error instead of pieces.
    """

    number: int
    pieces: Sequence[Piece]
    error: YamlError | None = None

    @property
    def is_small(self) -> bool:
        """False if a single document makes it so large that its check may take more than a second."""
        return sum(piece.cut.end - piece.cut.start for piece in self.pieces) < 2 * _MAX_CHARACTERS


@dataclass(slots=True)
class Results:
    """The results for objects, each checked by itself.

    Attributes:
        workspaces: the Workspaces.
        registered: the Connectors, Models and Syncs, each with its facts.
        found: problems of texts, and the number of objects of other kinds.
        failed_at: index of the piece that must be read together with all other items of its List, and from which on
            nothing was checked; None if there is none.
    """

    workspaces: list[Checked[WorkspaceSpec]] = field(default_factory=list)
    registered: list[tuple[Checked[Any], Facts]] = field(default_factory=list)
    found: ManifestSet = field(default_factory=ManifestSet)
    failed_at: int | None = None

    def add(self, more: "Results") -> None:
        """Add the results for the next objects."""
        self.workspaces += more.workspaces
        self.registered += more.registered
        self.found.problems += more.found.problems
        self.found.passed_over += more.found.passed_over

    def of(self, kind: str) -> list[tuple[Checked[Any], Facts]]:
        """The registered ones of a kind."""
        return [entry for entry in self.registered if entry[0].manifest.kind == kind]

    def dialects(self) -> dict[Home, Dialect]:
        """The dialects that Workspaces name explicitly."""
        known = ((home_of(it.manifest), it.spec) for it in self.workspaces)
        return {
            home: Dialect(spec.dialect.value)
            for home, spec in known
            if spec is not None and spec.dialect is not DialectChoice.AUTO
        }


@dataclass(frozen=True, slots=True)
class Judge:
    """What the check of an object depends on.

    Attributes:
        now: time from which next runs are computed (aware).
        settings: the operator's settings, as far as the environment holds them.
        namespace: namespace of objects that name none.
        dialects: the dialects of Workspaces, as far as they are known.
        max_runs: maximum number of next runs to compute for a Sync; at least 1.
        definitions: of connectors; None if they are not known.
    """

    now: datetime
    settings: ToolSettings
    namespace: str = ""
    dialects: Mapping[Home, Dialect] = field(default_factory=dict)
    max_runs: int = MAX_RUNS
    definitions: DefinitionSet | None = None

    def check(self, manifests: Iterable[Manifest], results: Results, *, is_kept: bool) -> None:
        """Check objects and add the results.

        Args:
            manifests: the objects; those of other kinds are skipped.
            results: receives the results.
            is_kept: whether these include the values and, but for Workspaces, which always have theirs, the specs.
        """
        for manifest in manifests:
            if manifest.kind == WORKSPACE_KIND:
                results.workspaces.append(check_workspace(manifest, self.settings.hosts))
            elif manifest.kind in _REGISTERED_KINDS:
                checked = self._check_registered(manifest)
                facts = facts_of(manifest, checked.spec)
                results.registered.append((checked if is_kept else checked.without_values(), facts))

    def _check_registered(self, manifest: Manifest) -> Checked[Any]:
        match manifest.kind:
            case constants.CONNECTOR_KIND:
                return check_connector(manifest, self.definitions)
            case constants.MODEL_KIND:
                return check_model(manifest)
            case _:
                dialect = self.dialects.get((manifest.namespace, workspace_name(manifest)))
                return check_sync(manifest, dialect, self.now, self.settings.run_pods, max_runs=self.max_runs)

    def judge(self, source: Source, pieces: Iterable[Piece], error: YamlError | None = None) -> Results:
        """Read and check a batch of a text, up to the first piece that cannot be read by itself."""
        results = Results()
        self._check_documents(source, () if error is None else (error,), results)
        for number, piece in enumerate(pieces):
            documents = read_piece(piece)
            if documents is None:
                results.failed_at = number
                break
            self._check_documents(source, documents, results)
        return results

    def judge_rest(self, source: Source, piece: Piece) -> Results:
        """Read and check an item that cannot be read by itself, and all items after it."""
        results = Results()
        self._check_documents(source, read_rest(piece), results)
        return results

    def _check_documents(self, source: Source, documents: Iterable[Document | YamlError], results: Results) -> None:
        for document in documents:
            self.check(manifests_in(document, source, self.namespace, results.found), results, is_kept=False)


def cut_batches(sources: Sequence[Source]) -> Iterator[Batch]:
    """The batches of an input, in order."""
    for number, source in enumerate(sources):
        pieces: list[Piece] = []
        size = 0
        for piece in split_text(source.text):
            if isinstance(piece, YamlError):
                if pieces:
                    yield Batch(number, pieces)
                yield Batch(number, (), piece)
                pieces, size = [], 0
                continue
            if pieces and (size > _MAX_CHARACTERS or pieces[-1].head is not piece.head):
                yield Batch(number, pieces)
                pieces, size = [], 0
            pieces.append(piece)
            size += piece.cut.end - piece.cut.start
        if pieces:
            yield Batch(number, pieces)


def home_of(manifest: Manifest) -> Home:
    """Namespace and name of an object."""
    return manifest.namespace, manifest.name
