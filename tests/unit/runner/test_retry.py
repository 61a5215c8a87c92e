from pathlib import Path

import pytest
from tests.support.served import FakeClock

from sync_operator.errors import ThrottledError, TransientError, UnauthorizedError
from sync_operator.runner.retry import Retrier, RetryExhaustedError, TokenFile
from sync_operator.runner.server_clock import Clock


class Server:
    """Fails as told, then succeeds."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)

    async def __call__(self) -> str:
        if self.errors:
            raise self.errors.pop(0)
        return "answer"


def patience(clock: FakeClock, token: TokenFile | None = None, *, spread: float = 1.0) -> Retrier:
    return Retrier(
        Clock(clock.seconds, clock.sleep, clock, lambda: spread), token.text if token is not None else lambda: "good"
    )


async def test_waits_double_and_are_spread() -> None:
    clock = FakeClock()
    assert await patience(clock, spread=1.5).call(Server(*[TransientError("no")] * 6), seconds=1000) == "answer"
    assert clock.slept == [3.0, 6.0, 12.0, 24.0, 48.0, 90.0]


async def test_a_server_that_asks_for_more_time_than_there_is_ends_it_at_once() -> None:
    clock = FakeClock()
    with pytest.raises(RetryExhaustedError, match="too many; gave up after 0 s"):
        await patience(clock).call(Server(ThrottledError("too many", retry_after=301)), seconds=300)
    assert clock.slept == []


async def test_a_renewed_token_is_used_within_seconds(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("old")
    clock, asked = FakeClock(), []

    async def send() -> str:
        asked.append(clock.seconds())
        if TokenFile(file)() != "new":
            raise UnauthorizedError("401")
        return "answer"

    original = clock.sleep

    async def sleep(seconds: float) -> None:
        await original(seconds)
        if clock.seconds() >= 140:
            file.write_text("new\n")

    held = Retrier(Clock(clock.seconds, sleep, clock, lambda: 1.0), TokenFile(file).text)
    assert await held.call(send, seconds=300) == "answer"
    assert asked == [0, 30, 60, 90, 120, 140]


@pytest.mark.parametrize("text", ["", "\n", "two words", "tökèn", "a\x00b", "line\nline"])
async def test_a_file_without_a_token_is_waited_for_like_a_dead_one(tmp_path: Path, text: str) -> None:
    file = TokenFile(tmp_path / "token")
    (tmp_path / "token").write_text(text, encoding="utf-8")
    clock = FakeClock()

    async def send() -> str:
        return file()

    with pytest.raises(UnauthorizedError, match="holds no token") as refused:
        await patience(clock, file).call(send, seconds=300)
    assert text.strip() == "" or text not in str(refused.value)
    assert clock.seconds() >= 150
