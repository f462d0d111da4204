import pytest

from application import ADDRESS, EMAIL, PASSWORD, App
from concurrency import at_once
from dashtam.application.people import api_tokens, sessions, users
from dashtam.database.pagination import PageRequest
from dashtam.domain.errors import NotFound, RateLimited, Unauthorized, Unprocessable
from dashtam.domain.user import Principal, SessionId

ANOTHER = "seven lanterns over the harbour"


def principal(app: App, access_token: str) -> Principal:
    with app.services.database.read() as work:
        return sessions.authenticate(work, app.services.signer, access_token)


def refusal_of(app: App, email: str, password: str) -> str:
    with pytest.raises(Unauthorized) as error:
        app.sign_in(email, password)
    return str(error.value)


def test_an_access_token_names_its_user(app: App) -> None:
    user = app.register()
    pair = app.sign_in(" ANN@example.org")
    assert principal(app, pair.access_token) == Principal(user.id, pair.session.id)
    assert app.events() == ["user_registered", "signed_in"]


def test_an_access_token_is_good_for_fifteen_minutes(app: App) -> None:
    app.register()
    pair = app.sign_in()
    app.clock.advance(seconds=899.7)
    principal(app, pair.access_token)
    app.clock.advance(seconds=0.1)
    with pytest.raises(Unauthorized):
        principal(app, pair.access_token)


def test_unknown_emails_and_wrong_passwords_are_refused_in_the_same_words(app: App) -> None:
    app.register()
    sentences = {
        refusal_of(app, EMAIL, ANOTHER),
        refusal_of(app, "bob@example.org", PASSWORD),
        refusal_of(app, "not an e-mail", PASSWORD),
        refusal_of(app, "nul\x00@example.org", PASSWORD),
        refusal_of(app, "\ud800@example.org", PASSWORD),
        refusal_of(app, EMAIL, ""),
        refusal_of(app, EMAIL, "\ud800"),
        refusal_of(app, EMAIL, "x" * 100_000),
    }
    assert len(sentences) == 1


@pytest.mark.proves(18, kinds_of_attempts_with_one_hash=4)
def test_every_attempt_costs_one_hash(app: App) -> None:
    app.register()
    app.passwords.calls = 0
    app.sign_in()
    assert app.passwords.calls == 1
    refusal_of(app, EMAIL, ANOTHER)
    assert app.passwords.calls == 2
    refusal_of(app, "bob@example.org", PASSWORD)
    assert app.passwords.calls == 3
    refusal_of(app, "not an e-mail", PASSWORD)
    assert app.passwords.calls == 4


@pytest.mark.parametrize("email", [EMAIL, "bob@example.org"])
def test_failures_are_limited_known_or_not(app: App, email: str) -> None:
    app.register()
    for _ in range(10):
        refusal_of(app, email, ANOTHER)
    app.passwords.calls = 0
    with pytest.raises(RateLimited) as limit:
        app.sign_in(email)
    assert app.passwords.calls == 0
    app.clock.advance(seconds=limit.value.retry_after_s)
    refusal_of(app, email, ANOTHER)


def test_only_failures_are_limited(app: App) -> None:
    app.register()
    for _ in range(15):
        app.sign_in()


def test_failures_at_one_address_do_not_lock_the_user_out_of_another(app: App) -> None:
    app.register()
    for _ in range(10):
        refusal_of(app, EMAIL, ANOTHER)
    sessions.sign_in(app.services, EMAIL, PASSWORD, "192.0.2.8", "")


def test_failures_at_the_same_moment_are_counted_each(app: App) -> None:
    app.register()
    outcomes = at_once(20, lambda _: app.sign_in(password=ANOTHER))
    assert sum(isinstance(outcome, Unauthorized) for outcome in outcomes) == 10
    assert sum(isinstance(outcome, RateLimited) for outcome in outcomes) == 10


def test_the_audit_log_names_failures_without_the_email(app: App) -> None:
    user = app.register()
    refusal_of(app, EMAIL, ANOTHER)
    refusal_of(app, "stranger@example.org", ANOTHER)
    with app.services.database.read() as work:
        unknown, known = work.audit_log.newest(2)
        assert work.audit_log.newest(1, user.id)[0] == known
    assert (known.event, known.user_id, known.address) == ("sign_in_failed", user.id, ADDRESS)
    assert (unknown.event, unknown.user_id) == ("sign_in_failed", None)
    assert "stranger" not in app.rows_of_people()


@pytest.mark.proves(20, searches_of_stored_data=1)
def test_the_database_holds_no_credential(app: App) -> None:
    app.register()
    pair = app.sign_in()
    stored = app.rows_of_people()
    for canary in (PASSWORD, pair.access_token, pair.refresh_token, pair.refresh_token[4:40]):
        assert canary not in stored


def test_sessions_are_listed_newest_first(app: App) -> None:
    app.register()
    pairs = [app.sign_in() for _ in range(3)]
    me = principal(app, pairs[0].access_token)
    with app.services.database.read() as work:
        first = sessions.list_for_user(work, me, PageRequest(2))
        rest = sessions.list_for_user(work, me, PageRequest(2, first.last))
    assert [*first.items, *rest.items] == [pair.session for pair in reversed(pairs)]
    assert (first.total, rest.last) == (3, None)
    assert first.items[0].user_agent == "a browser"


def test_a_revoked_session_is_refused_at_once(app: App) -> None:
    app.register()
    kept, ended = app.sign_in(), app.sign_in()
    me = principal(app, kept.access_token)
    with app.services.database.write() as work:
        sessions.revoke(work, me, ended.session.id)
    with pytest.raises(Unauthorized):
        principal(app, ended.access_token)
    with pytest.raises(Unauthorized):
        sessions.refresh(app.services, ended.refresh_token)
    principal(app, kept.access_token)
    assert app.events()[-1] == "session_revoked"


def test_signing_out_ends_this_session_alone(app: App) -> None:
    app.register()
    kept, ended = app.sign_in(), app.sign_in()
    with app.services.database.write() as work:
        sessions.sign_out(work, Principal(ended.session.user_id, ended.session.id))
    with pytest.raises(Unauthorized):
        principal(app, ended.access_token)
    principal(app, kept.access_token)


def test_nobody_ends_the_session_of_another(app: App) -> None:
    app.register()
    ann = app.sign_in()
    bob = app.register("bob@example.org")
    for session_id in (ann.session.id, SessionId(bob.id)):
        with pytest.raises(NotFound), app.services.database.write() as work:
            sessions.revoke(work, Principal(bob.id, None), session_id)
    principal(app, ann.access_token)


def test_a_changed_password_ends_the_other_sessions(app: App) -> None:
    app.register()
    mine, other = app.sign_in(), app.sign_in()
    me = principal(app, mine.access_token)
    users.change_password(app.services, me, PASSWORD, ANOTHER, ADDRESS)
    principal(app, mine.access_token)
    with pytest.raises(Unauthorized):
        principal(app, other.access_token)
    refusal_of(app, EMAIL, PASSWORD)
    app.sign_in(password=ANOTHER)
    assert "password_changed" in app.events()


def test_a_wrong_old_password_changes_nothing_and_is_limited(app: App) -> None:
    app.register()
    me = principal(app, app.sign_in().access_token)
    for _ in range(10):
        with pytest.raises(Unprocessable) as error:
            users.change_password(app.services, me, ANOTHER, "x" + ANOTHER, ADDRESS)
        assert [one.place for one in error.value.field_errors] == ["/password"]
    with pytest.raises(RateLimited):
        users.change_password(app.services, me, PASSWORD, ANOTHER, ADDRESS)
    app.clock.advance(seconds=60)
    app.sign_in()


def test_a_weak_new_password_is_refused_by_its_place(app: App) -> None:
    app.register()
    me = principal(app, app.sign_in().access_token)
    with pytest.raises(Unprocessable) as error:
        users.change_password(app.services, me, PASSWORD, "short", ADDRESS)
    assert [one.place for one in error.value.field_errors] == ["/new_password"]


def test_of_two_changes_at_the_same_moment_one_counts(app: App) -> None:
    app.register()
    me = principal(app, app.sign_in().access_token)
    outcomes = at_once(
        5,
        lambda number: users.change_password(
            app.services, me, PASSWORD, f"{ANOTHER} {number}", ADDRESS
        ),
    )
    assert sum(not isinstance(outcome, Exception) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, Unprocessable) for outcome in outcomes) == 4


def test_a_reset_password_ends_every_session_and_token(app: App) -> None:
    user = app.register()
    pair = app.sign_in()
    with app.services.database.write() as work:
        _, script = api_tokens.create(work, app.services.secrets, user.id, "script", None)
    me = principal(app, pair.access_token)
    users.change_password(app.services, me, PASSWORD, ANOTHER, ADDRESS)
    # Scripts go on after a change by the user, and not after one that somebody else had to make.
    assert principal(app, script).user_id == user.id
    users.reset_password(app.services, user, ANOTHER)
    for token in (pair.access_token, script):
        with pytest.raises(Unauthorized):
            principal(app, token)
    app.sign_in(password=ANOTHER)
    assert "password_reset" in app.events()
