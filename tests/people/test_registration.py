import pytest

from application import ADDRESS, EMAIL, PASSWORD, App
from concurrency import at_once
from dashtam.application.people import users
from dashtam.domain.errors import Conflict, DashtamError, Forbidden, RateLimited, Unprocessable
from dashtam.domain.user import User


def with_code(app: App, code: str | None) -> User:
    return users.register(
        app.services, EMAIL, PASSWORD, setup_code=code, needs_setup_code=True, address=ADDRESS
    )


def test_a_registered_user_is_kept_as_typed(app: App) -> None:
    user = app.register(f"  {EMAIL} ")
    with app.services.database.read() as work:
        assert users.load(work, user.id) == user
        assert work.users.find_by_email(EMAIL.upper()) == user
        assert list(work.users.all()) == [user]
    assert user.email == EMAIL
    assert app.events() == ["user_registered"]


@pytest.mark.parametrize("again", [EMAIL, "ANN@EXAMPLE.ORG", " ann@example.org "])
def test_an_email_registers_once_however_it_is_spelled(app: App, again: str) -> None:
    app.register()
    with pytest.raises(Conflict):
        app.register(again)


def test_letters_composed_in_two_ways_are_one_email(app: App) -> None:
    app.register("ren\u00e9@example.org")
    with pytest.raises(Conflict):
        app.register("RENE\u0301@example.org")


@pytest.mark.parametrize(
    "email", ["", "ann", "@example.org", "ann@", "a b@c.org", "a\x00@c.org", "\ud800@c.org",
              "x" * 250 + "@c.org"]
)  # fmt: skip
def test_a_malformed_email_is_refused_before_any_hash(app: App, email: str) -> None:
    with pytest.raises(Unprocessable) as error:
        app.register(email)
    assert [one.place for one in error.value.field_errors] == ["/email"]
    assert app.passwords.calls == 0


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("elevenchars", "length"),
        ("x" * 257, "length"),
        ("password1234", "common"),
        ("ann@example.org", "common"),
        ("dashtamdashtam", "common"),
        ("aaaaaaaaaaaa", "common"),
    ],
)
def test_a_weak_password_is_refused_before_any_hash(app: App, password: str, code: str) -> None:
    with pytest.raises(Unprocessable) as error:
        app.register(password=password)
    assert [(one.place, one.code) for one in error.value.field_errors] == [("/password", code)]
    assert app.passwords.calls == 0


@pytest.mark.proves(18, kinds_of_attempts_with_one_hash=2)
def test_taken_and_free_emails_cost_one_hash_each(app: App) -> None:
    app.register()
    assert app.passwords.calls == 1
    with pytest.raises(Conflict):
        app.register()
    assert app.passwords.calls == 2


def test_closed_registration_lets_nobody_in(app: App) -> None:
    app.set_registration("closed")
    with pytest.raises(Forbidden):
        app.register()
    assert app.passwords.calls == 0


def test_only_the_first_user_registers_by_default(app: App) -> None:
    app.set_registration("first_user")
    app.register()
    with pytest.raises(Forbidden):
        app.register("bob@example.org")
    assert app.passwords.calls == 1


def test_of_twenty_first_users_one_is_let_in(app: App) -> None:
    app.set_registration("first_user")
    outcomes = at_once(20, lambda number: app.register(f"user{number}@example.org"))
    assert sum(isinstance(outcome, User) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, Forbidden) for outcome in outcomes) == 19
    with app.services.database.read() as work:
        assert len(work.users.all()) == 1


def test_of_twenty_users_with_one_email_one_is_let_in(app: App) -> None:
    outcomes = at_once(20, lambda _: app.register())
    assert sum(isinstance(outcome, User) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, Conflict) for outcome in outcomes) == 19


@pytest.mark.parametrize("code", [None, "", "wrong", "\ud800"])
def test_the_first_user_needs_the_setup_code_where_strangers_reach_us(
    app: App, code: str | None
) -> None:
    app.set_registration("first_user", "4711-0815")
    with pytest.raises(Forbidden, match="setup code"):
        with_code(app, code)
    assert app.passwords.calls == 0
    assert with_code(app, " 4711-0815 ").email == EMAIL


def test_without_a_setup_code_none_is_right(app: App) -> None:
    app.set_registration("first_user", None)
    with pytest.raises(Forbidden, match="setup code"):
        with_code(app, "")


def test_setup_codes_cannot_be_guessed_for_long(app: App) -> None:
    app.set_registration("first_user", "4711-0815")
    errors: list[type[DashtamError]] = []
    for _ in range(12):
        with pytest.raises(DashtamError) as error:
            with_code(app, "wrong")
        errors.append(error.type)
    assert errors == [Forbidden] * 10 + [RateLimited] * 2
