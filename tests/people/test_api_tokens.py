import pytest

from application import App
from dashtam.application.people import api_tokens, sessions
from dashtam.database.pagination import PageRequest
from dashtam.domain.errors import NotFound, Unauthorized, Unprocessable
from dashtam.domain.user import ApiToken, Principal, UserId

DAY_S = 24 * 3600


def create(
    app: App, user_id: UserId, name: str = "my dashboard", days: int | None = None
) -> tuple[ApiToken, str]:
    with app.services.database.write() as work:
        return api_tokens.create(work, app.services.secrets, user_id, name, days)


def authenticate(app: App, text: str) -> Principal:
    with app.services.database.read() as work:
        return sessions.authenticate(work, app.services.signer, text)


def revoke(app: App, user_id: UserId, token: ApiToken) -> None:
    with app.services.database.write() as work:
        api_tokens.revoke(work, user_id, token.id)


def test_a_read_only_token_reads_and_never_writes(app: App) -> None:
    user = app.register()
    token, text = create(app, user.id)
    found = authenticate(app, text)
    assert (found.user_id, found.session_id) == (user.id, None)
    assert text.startswith("dta_")
    assert len(text) == 47
    assert token.expires_at is None
    assert app.events()[-1] == "access_token_created"


def test_its_use_is_written_down_once_a_minute(app: App) -> None:
    user = app.register()
    _, text = create(app, user.id)
    for seconds, is_due in ((0, True), (59.9, False), (0.1, True)):
        app.clock.advance(seconds=seconds)
        found = authenticate(app, text)
        assert (found.unrecorded_token_id is not None) == is_due
        with app.services.database.write() as work:
            if found.unrecorded_token_id is not None:
                work.api_tokens.mark_used(found.unrecorded_token_id, work.now)
    with app.services.database.read() as work:
        assert (
            api_tokens.list_for_user(work, user.id, PageRequest(1)).items[0].last_used_at
            == work.now
        )


def test_it_expires_when_it_was_said_to(app: App) -> None:
    user = app.register()
    _, text = create(app, user.id, days=30)
    app.clock.advance(seconds=30 * DAY_S - 1)
    authenticate(app, text)
    app.clock.advance(seconds=1)
    with pytest.raises(Unauthorized):
        authenticate(app, text)
    with app.services.database.read() as work:
        assert api_tokens.list_for_user(work, user.id, PageRequest(1)).total == 0


def test_a_revoked_token_is_refused_at_once(app: App) -> None:
    user = app.register()
    token, text = create(app, user.id)
    revoke(app, user.id, token)
    with pytest.raises(Unauthorized):
        authenticate(app, text)
    with pytest.raises(NotFound):
        revoke(app, user.id, token)
    assert app.events()[-1] == "access_token_revoked"


def test_nobody_revokes_the_token_of_another(app: App) -> None:
    ann, bob = app.register(), app.register("bob@example.org")
    token, text = create(app, ann.id)
    with pytest.raises(NotFound):
        revoke(app, bob.id, token)
    authenticate(app, text)


def test_tokens_are_listed_newest_first_without_their_text(app: App) -> None:
    user = app.register()
    tokens = [create(app, user.id, f"script {number}") for number in range(3)]
    with app.services.database.read() as work:
        listed = api_tokens.list_for_user(work, user.id, PageRequest(100)).items
    assert list(listed) == [token for token, _ in reversed(tokens)]
    assert all(text not in app.rows_of_people() for _, text in tokens)


@pytest.mark.parametrize("name", ["", "  ", "x" * 101, "a\x00b", "\ud800"])
def test_a_name_is_short_and_printable(app: App, name: str) -> None:
    user = app.register()
    with pytest.raises(Unprocessable) as error:
        create(app, user.id, name)
    assert [one.place for one in error.value.field_errors] == ["/name"]


@pytest.mark.parametrize("days", [0, -1, 3651, 10**30])
def test_days_are_bounded(app: App, days: int) -> None:
    user = app.register()
    with pytest.raises(Unprocessable) as error:
        create(app, user.id, days=days)
    assert [one.place for one in error.value.field_errors] == ["/expires_in_days"]


@pytest.mark.parametrize(
    "text", ["dta_", "dta_" + "A" * 43, "dta_" + "A" * 44, "dta_" + "é" * 43, "dta_\ud800"]
)
def test_a_made_up_token_is_refused(app: App, text: str) -> None:
    with pytest.raises(Unauthorized):
        authenticate(app, text)
