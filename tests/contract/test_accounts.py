"""Logins at the sandbox, on a clock that only the test moves."""

import asyncio
from collections.abc import AsyncIterator
from itertools import pairwise

import pytest
from tests.support.hosts import LOCAL
from tests.support.served import Served, served

from sync_operator.errors import NotFoundError, ThrottledError, TransientError, UnauthorizedError
from sync_operator.syncapi.auth.login import Token
from sync_operator.syncapi.auth.login_session import LoginSession, LoginSessions, TokenSource
from sync_operator.syncapi.client import ApiClient, Endpoint
from sync_operator.syncapi.http.connection_pool import PoolManager
from sync_operator.syncapi.http.server_client import ServerClient
from sync_operator.syncapi.types import Dialect

EMAIL, PASSWORD = "ops@example.com", "right"


class Rig:
    """Workspaces that log in to one sandbox as the same user."""

    def __init__(self, api: Served) -> None:
        self.api = api
        self.pool = PoolManager(LOCAL)
        self.renewed: list[LoginSession] = []
        self.stepped = 0.0
        self.accounts = LoginSessions(api.clock, self.renewed.append, seconds=lambda: self.since_start)
        api.store.passwords[EMAIL] = PASSWORD

    @property
    def since_start(self) -> float:
        """Seconds that only grow, whatever steps the time of day makes."""
        return self.api.clock.seconds() - self.stepped

    def step(self, seconds: float) -> None:
        """Somebody corrects the time of day."""
        self.stepped += seconds
        self.api.clock.advance(seconds)

    def login(
        self,
        holder: str = "a",
        password: str = PASSWORD,
        *,
        version: str = "1",
        email: str = EMAIL,
        namespace: str = "team",
        url: str = "",
    ) -> TokenSource:
        url = url or self.api.url
        client = ServerClient(self.pool.transport(url), url, token=None, timeout_seconds=5)
        account = self.accounts.get(self.api.url, email)
        return TokenSource(account, client, password, holder=holder, version=version, namespace=namespace)

    def client(self, login: TokenSource) -> ApiClient:
        endpoint = Endpoint(self.api.url, "1", Dialect.MULTIWOVEN, timeout_seconds=5)
        return ApiClient(endpoint, token=login, renew=login.renew, pool=self.pool)

    async def somebody_logs_in(self) -> None:
        """In another process, with the same address and password."""
        person = self.login("person")
        person.session = LoginSessions(self.api.clock, lambda _: None, seconds=self.api.clock.seconds).get(
            self.api.url, EMAIL
        )
        await ensure(person)

    def logins(self) -> list[int]:
        return [status for method, path, status in self.api.seen() if (method, path) == ("POST", "/login")]


@pytest.fixture
async def rig(api: Served) -> AsyncIterator[Rig]:
    rig = Rig(api)
    yield rig
    await rig.pool.aclose()


async def ensure(login: TokenSource) -> str:
    return (await login.session.get_valid_token(login)).value


async def test_many_workspaces_make_one_login(rig: Rig) -> None:
    logins = [rig.login(f"namespace-{number}") for number in range(10)]
    tokens = await asyncio.gather(*(ensure(login) for login in logins))
    assert len(set(tokens)) == 1
    assert rig.logins() == [200]
    assert len(rig.renewed) == 1
    assert {login() for login in logins} == set(tokens)
    assert (await rig.client(logins[3]).whoami()).email == EMAIL


async def test_a_token_is_renewed_ahead_of_its_end(rig: Rig) -> None:
    login = rig.login()
    first = await ensure(login)
    rig.api.clock.advance(19 * 60)
    assert await ensure(login) == first
    rig.api.clock.advance(60)
    assert await ensure(login) != first
    assert rig.logins() == [200, 200]


async def test_a_token_of_an_earlier_process_needs_no_login(rig: Rig) -> None:
    left = Token(await ensure(rig.login()), rig.api.clock())
    rig.accounts = LoginSessions(rig.api.clock, rig.renewed.append, seconds=rig.api.clock.seconds)
    login = rig.login()
    login.session.restore(login, left)
    rig.api.clock.advance(600)
    assert await ensure(login) == left.value
    assert (await rig.client(login).whoami()).email == EMAIL
    login.session.restore(login, Token("other", rig.api.clock()))
    assert login() == left.value
    assert rig.logins() == [200]


async def test_a_stolen_session_heals_with_one_login_however_many_calls_meet_it(rig: Rig) -> None:
    login = rig.login()
    await ensure(login)
    client = rig.client(login)
    await rig.somebody_logs_in()
    users = await asyncio.gather(*(client.whoami() for _ in range(10)))
    assert {user.email for user in users} == {EMAIL}
    assert rig.logins() == [200, 200, 200]
    assert len(rig.renewed) == 2


async def test_a_session_that_is_taken_again_and_again_is_taken_back_once_a_minute(rig: Rig) -> None:
    login = rig.login()
    await ensure(login)
    client = rig.client(login)
    taken_back, refused = [], []
    for second in range(300):
        if second % 10 == 0:
            await rig.somebody_logs_in()
        before = login()
        try:
            await client.whoami()
        except UnauthorizedError as error:
            refused.append(error)
        taken_back += [second] * (login() != before)
        rig.api.clock.advance(1)
    assert taken_back == [0, 60, 120, 180, 240]
    assert "another client keeps logging in as the user of spec.auth" in str(refused[0])
    assert "a user of its own" in str(refused[0])
    assert all(error.retry_after and error.retry_after <= 60 for error in refused)


async def test_a_token_that_simply_ended_is_replaced_at_once(rig: Rig) -> None:
    login = rig.login()
    for _ in range(3):
        await ensure(login)
        rig.api.clock.advance(31 * 60)
        await rig.client(login).whoami()
    rig.api.clock.advance(31 * 60)
    await rig.client(login).whoami()
    await rig.somebody_logs_in()
    await rig.client(login).whoami()
    assert set(rig.logins()) == {200}


async def test_a_wrong_password_is_not_repeated_until_its_secret_changes(rig: Rig) -> None:
    wrong = rig.login("a", "wrong")
    with pytest.raises(UnauthorizedError, match="not tried again before that Secret changes"):
        await ensure(wrong)
    for login in (wrong, rig.login("b", "wrong", version="9"), rig.login("a", "wrong")):
        for _ in range(3):
            with pytest.raises(UnauthorizedError, match="was refused"):
                await ensure(login)
    assert rig.logins() == [401]
    assert wrong.session.is_rejected(wrong)
    with pytest.raises(UnauthorizedError, match="there is no session"):
        wrong()

    rig.api.store.passwords[EMAIL] = "wrong"
    await ensure(rig.login("a", "wrong", version="2"))
    assert await ensure(rig.login("b", "wrong", version="9")) == wrong()
    rig.api.clock.advance(21 * 60)
    await ensure(rig.login("b", "wrong", version="9"))
    assert rig.logins() == [401, 200, 200]


async def test_who_does_not_know_the_password_gets_no_share_in_the_session(rig: Rig) -> None:
    token = await ensure(rig.login("a"))
    stranger = rig.login("b", "guessed")
    with pytest.raises(UnauthorizedError):
        stranger()
    stranger.session.restore(stranger, Token("planted", rig.api.clock()))
    with pytest.raises(UnauthorizedError):
        await ensure(stranger)
    assert rig.login("a")() == token
    assert (await rig.client(rig.login("a")).whoami()).email == EMAIL


async def test_a_password_changed_on_the_server_ends_the_session_with_one_refusal(rig: Rig) -> None:
    login = rig.login()
    await ensure(login)
    rig.api.store.passwords[EMAIL] = "changed"
    rig.api.store.tokens.clear()
    for _ in range(3):
        with pytest.raises(UnauthorizedError):
            await rig.client(login).whoami()
    assert rig.logins() == [200, 401]
    assert [status for method, path, status in rig.api.seen() if path == "/users/me"] == [401]
    changed = rig.login("a", "changed", version="2")
    await ensure(changed)
    await rig.client(changed).whoami()
    with pytest.raises(UnauthorizedError):
        login()


async def test_few_logins_go_to_one_server_in_a_short_time(rig: Rig) -> None:
    for number in range(5):
        rig.api.store.passwords[f"user-{number}"] = PASSWORD
    for number in range(4):
        await ensure(rig.login(email=f"user-{number}", namespace=f"team-{number}"))
        rig.api.clock.advance(1)
    with pytest.raises(ThrottledError) as waiting:
        await ensure(rig.login(email="user-4"))
    assert waiting.value.retry_after == 16
    rig.api.clock.advance(16)
    await ensure(rig.login(email="user-4"))
    assert rig.logins() == [200] * 5


async def test_a_server_that_throttles_logins_is_left_alone_as_long_as_it_says(rig: Rig) -> None:
    rig.api.fault(path="/login", status=429, body={"error": "Throttle limit reached"}, retry_after="40")
    for _ in range(2):
        with pytest.raises(ThrottledError) as waiting:
            await ensure(rig.login())
        assert waiting.value.retry_after == 40
    rig.api.clock.advance(40)
    await ensure(rig.login())
    assert rig.logins() == [429, 200]


async def test_a_login_without_an_answer_is_repeated_less_and_less_often(rig: Rig) -> None:
    rig.api.fault(path="/login", times=-1, status=503)
    times: list[float] = []
    while len(times) < 9:
        made = len(rig.logins())
        with pytest.raises(TransientError) as failed:
            await ensure(rig.login())
        if len(rig.logins()) > made:
            times.append(rig.api.clock.seconds())
            with pytest.raises(TransientError):
                await ensure(rig.login("b"))
        assert failed.value.retry_after
        rig.api.clock.advance(failed.value.retry_after)
    # The fourth waits a little longer: no more than three of a namespace in twenty seconds.
    assert [after - before for before, after in pairwise(times)] == [1, 2, 17, 8, 16, 32, 60, 60]
    rig.api.faults.waiting.clear()
    await ensure(rig.login())
    assert rig.logins() == [503] * 9 + [200]


async def test_what_never_reaches_the_server_holds_up_that_workspace_alone(rig: Rig) -> None:
    other = rig.login("other", url="http://127.0.0.1:1")
    for _ in range(10):
        with pytest.raises(TransientError, match=r"cannot be reached|tried again soon"):
            await ensure(other)
        rig.api.clock.advance(0.1)
    await ensure(rig.login())
    assert rig.logins() == [200]


async def test_who_does_not_know_the_password_holds_up_nobody_who_does(rig: Rig) -> None:
    rig.api.fault(path="/login", status=503)
    with pytest.raises(TransientError):
        await ensure(rig.login("stranger", "guessed"))
    await ensure(rig.login())
    assert rig.logins() == [503, 200]


async def test_a_session_that_lives_is_there_while_somebody_elses_login_takes_long(rig: Rig) -> None:
    token = await ensure(rig.login())
    rig.api.fault(path="/login", delay=5)
    slow = asyncio.create_task(ensure(rig.login("stranger", "guessed")))
    await asyncio.sleep(0.05)
    assert await asyncio.wait_for(ensure(rig.login()), 1) == token
    slow.cancel()


async def test_a_renewal_that_fails_leaves_the_token_that_lives_still(rig: Rig) -> None:
    login = rig.login()
    token = await ensure(login)
    rig.api.fault(path="/login", times=-1, status=503)
    rig.api.clock.advance(25 * 60)
    assert await ensure(login) == token
    rig.api.clock.advance(5 * 60)
    with pytest.raises(TransientError):
        await ensure(login)


async def test_a_lost_answer_to_a_login_is_made_good_by_the_next(rig: Rig) -> None:
    rig.api.fault(path="/login", lose="after")
    login = rig.login()
    with pytest.raises(TransientError, match="was lost"):
        await ensure(login)
    rig.api.clock.advance(1)
    await ensure(login)
    assert (await rig.client(login).whoami()).email == EMAIL


async def test_forgotten_accounts_begin_anew(rig: Rig) -> None:
    login = rig.login()
    await ensure(login)
    rig.accounts.forget(login.session)
    await ensure(rig.login())
    assert rig.logins() == [200, 200]


async def test_both_dialects_log_in(either: Served) -> None:
    rig = Rig(either)
    login = rig.login()
    await ensure(login)
    client = rig.client(login)
    client.dialect = either.client.dialect
    assert (await client.syncs.list()).rows == ()
    with pytest.raises(NotFoundError):
        await client.syncs.get("7")
    await rig.pool.aclose()


async def test_a_server_without_login_says_so() -> None:
    async with served() as api:
        rig = Rig(api)
        api.fault(path="/login", status=404)
        with pytest.raises(TransientError, match="does not know this call"):
            await ensure(rig.login())
        await rig.pool.aclose()


@pytest.mark.parametrize("step", [-3600.0, 3600.0])
async def test_a_step_of_the_time_of_day_changes_no_pause(rig: Rig, step: float) -> None:
    login = rig.login()
    rig.api.fault(path="/login", status=503)
    with pytest.raises(TransientError):
        await ensure(login)
    rig.step(step)
    with pytest.raises(TransientError, match="tried again soon") as told:
        await ensure(login)
    assert told.value.retry_after == pytest.approx(1.0)

    rig.api.clock.advance(1.1)
    assert await ensure(login)
