"""What can happen to a request on its way to a server, and to the answer on its way back."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

__all__ = ["Answer", "Call", "Fault", "Moment", "Rule"]


class Moment(Enum):
    """Where on its way an exchange is."""

    BEFORE = "before"
    """The request is here whole, and has not been passed on."""
    AFTER = "after"
    """The answer is here whole, and has not been passed on."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request as it was received: ``to`` names the server, ``body`` is its JSON value, None where it has none."""

    to: str
    method: str
    path: str
    query: Mapping[str, str]
    body: Any

    @property
    def watches(self) -> bool:
        """True for a watch of the Kubernetes API, which is passed on line by line for as long as it lasts."""
        return self.query.get("watch") in {"1", "true"}


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of the proxy's own; without a body it is an empty page of HTML, as proxies send them."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to one exchange.

    Attributes:
        kind: name for reports.
        query: parameters of the query to be replaced.
        answer: is sent instead of the server's.
        carried_out: True where the request is passed on all the same before that answer is sent.
        lose: at this moment the connection is cut; nothing goes any further.
        then: is called at that moment, just before.
        late: seconds after which a request that was not passed on arrives at the server all the same.
        delay: seconds by which the request arrives later.
        linger: seconds by which the answer arrives later.
        twice: the request is passed on a second time, and the second answer counts. RFC 9110 (9.2.2) lets a proxy do
            so with idempotent requests only; a repeated POST would make a twin that no client can prevent.
        garble: what becomes of the answer's body.
        cut: only half of the answer's body arrives.
    """

    kind: str
    query: Mapping[str, str] = field(default_factory=dict)
    answer: Answer | None = None
    carried_out: bool = False
    lose: Moment | None = None
    then: Callable[[], None] | None = None
    late: float | None = None
    delay: float = 0.0
    linger: float = 0.0
    twice: bool = False
    garble: Callable[[bytes], bytes] | None = None
    cut: bool = False


type Rule = Callable[[Call], Fault | None]
"""Is asked about every request when it has been received; None lets it pass."""
