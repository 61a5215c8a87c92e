"""What a reconcile asks of one picture many times is worked out once. Pure: a picture never changes, nor do answers."""

from collections.abc import Callable
from functools import wraps

from sync_operator.decide.picture import Picture

__all__ = ["once"]


def once[T](ask: Callable[[Picture], T]) -> Callable[[Picture], T]:
    """Have the picture remember the answer, which nobody may change; what is raised is raised anew each time."""

    @wraps(ask)
    def answer(picture: Picture) -> T:
        if ask not in picture.answers:
            picture.answers[ask] = ask(picture)
        known: T = picture.answers[ask]
        return known

    return answer
