"""From texts to the objects in them: Syncs, Workspaces and Secrets; what is neither is passed over."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, Final

from sync_operator.model.names import API_VERSION, GROUP, SYNC_KIND, WORKSPACE_KIND
from sync_operator.model.reading import Place, field_path
from sync_operator.tools.problems import Problem, Severity
from sync_operator.tools.sources import Source
from sync_operator.tools.yamlread import Document, Misprint, read_documents

__all__ = ["SECRET_KIND", "Gathered", "Manifest", "gather"]

SECRET_KIND: Final = "Secret"  # noqa: S105 (the name of a kind)
_OURS: Final = (SYNC_KIND, WORKSPACE_KIND)
_TEMPLATE: Final = "{{"


@dataclass(frozen=True, slots=True)
class Manifest:
    """One object in a text.

    Attributes:
        source: the text.
        document: the document it stands in.
        place: where in the document; empty unless it is an item of a List.
        value: the object.
        kind: Sync, Workspace or Secret.
        namespace: its own, or the one given to the command.
    """

    source: Source
    document: Document = field(repr=False)
    place: Place
    value: Mapping[str, Any] = field(repr=False)
    kind: str
    namespace: str

    @property
    def metadata(self) -> Mapping[str, Any]:
        """``metadata``, empty where there is none that can be read."""
        return _mapping(self.value.get("metadata"))

    @property
    def name(self) -> str:
        """``metadata.name``, or the empty string."""
        name = self.metadata.get("name")
        return name if isinstance(name, str) else ""

    @property
    def subject(self) -> str:
        """The object in two words."""
        return f"{self.kind} {self.name or '(without a name)'}"

    @property
    def line(self) -> int:
        """The line of its beginning, as editors count."""
        return self.document.spot(self.place).line + 1

    def problem(self, place: Place, message: str, *, key: bool = False, severity: Severity = Severity.ERROR) -> Problem:
        """A problem at a place within the object; ``key`` points to the field's name instead of its value."""
        spot = self.document.spot((*self.place, *place), key=key)
        return Problem(self.source, spot, self.subject, field_path(place), message, severity)

    def misprints(self) -> Iterator[Problem]:
        """What is wrong with the text of the object."""
        for misprint in self.document.misprints:
            if misprint.place[: len(self.place)] == self.place:
                yield Problem(self.source, misprint.spot, self.subject, "", misprint.message)


@dataclass(slots=True)
class Gathered:
    """All that texts hold.

    Attributes:
        problems: of texts that cannot be read, and objects whose kind there is not.
        passed_over: how many objects of other kinds there are, and documents that are no Kubernetes objects.
    """

    manifests: list[Manifest] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    passed_over: int = 0

    def of(self, kind: str) -> list[Manifest]:
        """The objects of a kind."""
        return [manifest for manifest in self.manifests if manifest.kind == kind]


def gather(sources: Sequence[Source], namespace: str) -> Gathered:
    """Read texts.

    Args:
        sources: the texts.
        namespace: of objects that name none.
    """
    found = Gathered()
    for source in sources:
        documents, broken = read_documents(source.text)
        for document in documents:
            for place, value in _objects((), document.value):
                _sort(found, Manifest(source, document, place, value, str(value.get("kind")), namespace))
        if broken is not None:
            found.problems.append(_misprint(source, broken))
    return found


def _objects(place: Place, value: Any) -> Iterator[tuple[Place, Mapping[str, Any]]]:
    """An object, or those in a List."""
    if not isinstance(value, Mapping):
        yield place, {}
    elif isinstance(value.get("items"), list) and str(value.get("kind")).endswith("List"):
        for index, item in enumerate(value["items"]):
            yield from _objects((*place, "items", index), item)
    else:
        yield place, value


def _sort(found: Gathered, manifest: Manifest) -> None:
    """Keep what is ours, refuse what was meant to be, pass over the rest."""
    value, version = manifest.value, str(manifest.value.get("apiVersion"))
    refused = _refused(manifest, version)
    if refused is not None:
        found.problems.append(refused)
    elif (version == API_VERSION and manifest.kind in _OURS) or (version, manifest.kind) == ("v1", SECRET_KIND):
        own = manifest.metadata.get("namespace")
        namespace = own if isinstance(own, str) and own else manifest.namespace
        found.manifests.append(
            Manifest(manifest.source, manifest.document, manifest.place, value, manifest.kind, namespace)
        )
    else:
        found.passed_over += 1


def _refused(manifest: Manifest, version: str) -> Problem | None:
    """Why an object that looks like one of ours, or like one of any kind, is none."""
    value, group = manifest.value, version.partition("/")[0]
    if not {"apiVersion", "kind"} <= set(value):
        if manifest.kind not in _OURS and group != GROUP and not {"metadata", "spec"} <= set(value):
            return None
        missing = "apiVersion" if "apiVersion" not in value else "kind"
        remedy = f"write {missing}: {API_VERSION if missing == 'apiVersion' else SYNC_KIND}, if this is one of ours"
        return manifest.problem((missing,), f"is missing; {remedy}")
    if group == GROUP:
        if version != API_VERSION:
            return manifest.problem(("apiVersion",), f"{version!r} is no version that there is; write {API_VERSION}")
        if manifest.kind not in _OURS:
            near = get_close_matches(manifest.kind.capitalize(), _OURS, n=1) or [" or ".join(_OURS)]
            return manifest.problem(("kind",), f"{manifest.kind!r} is no kind of {GROUP}; write {near[0]}")
    elif manifest.kind in _OURS and get_close_matches(group, [GROUP], cutoff=0.7):
        return manifest.problem(("apiVersion",), f"{version!r} is not ours; write {API_VERSION}")
    return None


def _misprint(source: Source, misprint: Misprint) -> Problem:
    lines = source.text.splitlines()
    near = "".join(lines[max(0, misprint.spot.line - 1) : misprint.spot.line + 1])
    hint = "; templates are to be rendered first, as with `helm template . | sync-operator validate -`"
    return Problem(source, misprint.spot, "", "", misprint.message + (hint if _TEMPLATE in near else ""))


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
