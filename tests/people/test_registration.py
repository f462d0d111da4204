import pytest

from dashtam.application.people import users
from dashtam.domain.errors import Conflict, DashtamError, Forbidden, RateLimited, Unprocessable
from dashtam.domain.user import User
from people.people_services import ADDRESS, EMAIL, PASSWORD, Stage, at_once


def with_code(people: Stage, code: str | None) -> User:
    return users.register(
        people.services, EMAIL, PASSWORD, setup_code=code, needs_setup_code=True, address=ADDRESS
    )


def test_a_registered_user_is_kept_as_typed(people: Stage) -> None:
    user = people.register(f"  {EMAIL} ")
    with people.services.database.read() as work:
        assert users.load(work, user.id) == user
        assert work.users.find_by_email(EMAIL.upper()) == user
        assert list(work.users.all()) == [user]
    assert user.email == EMAIL
    assert people.events() == ["user_registered"]


@pytest.mark.parametrize("again", [EMAIL, "ANN@EXAMPLE.ORG", " ann@example.org "])
def test_an_email_registers_once_however_it_is_spelled(people: Stage, again: str) -> None:
    people.register()
    with pytest.raises(Conflict):
        people.register(again)


def test_letters_composed_in_two_ways_are_one_email(people: Stage) -> None:
    people.register("ren\u00e9@example.org")
    with pytest.raises(Conflict):
        people.register("RENE\u0301@example.org")


@pytest.mark.parametrize(
    "email", ["", "ann", "@example.org", "ann@", "a b@c.org", "a\x00@c.org", "\ud800@c.org",
              "x" * 250 + "@c.org"]
)  # fmt: skip
def test_what_is_no_email_is_refused_before_any_hash(people: Stage, email: str) -> None:
    with pytest.raises(Unprocessable) as refusal:
        people.register(email)
    assert [fault.place for fault in refusal.value.field_errors] == ["/email"]
    assert people.passwords.calls == 0


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
def test_a_weak_password_is_refused_before_any_hash(
    people: Stage, password: str, code: str
) -> None:
    with pytest.raises(Unprocessable) as refusal:
        people.register(password=password)
    assert [(fault.place, fault.code) for fault in refusal.value.field_errors] == [
        ("/password", code)
    ]
    assert people.passwords.calls == 0


def test_taken_and_free_emails_cost_one_hash_each(people: Stage) -> None:
    people.register()
    assert people.passwords.calls == 1
    with pytest.raises(Conflict):
        people.register()
    assert people.passwords.calls == 2


def test_closed_registration_lets_nobody_in(people: Stage) -> None:
    people.decide("closed")
    with pytest.raises(Forbidden):
        people.register()
    assert people.passwords.calls == 0


def test_only_the_first_user_registers_by_default(people: Stage) -> None:
    people.decide("first_user")
    people.register()
    with pytest.raises(Forbidden):
        people.register("bob@example.org")
    assert people.passwords.calls == 1


def test_of_twenty_first_users_one_is_let_in(people: Stage) -> None:
    people.decide("first_user")
    outcomes = at_once(20, lambda number: people.register(f"user{number}@example.org"))
    assert sum(isinstance(outcome, User) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, Forbidden) for outcome in outcomes) == 19
    with people.services.database.read() as work:
        assert len(work.users.all()) == 1


def test_of_twenty_users_with_one_email_one_is_let_in(people: Stage) -> None:
    outcomes = at_once(20, lambda _: people.register())
    assert sum(isinstance(outcome, User) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, Conflict) for outcome in outcomes) == 19


@pytest.mark.parametrize("code", [None, "", "wrong", "\ud800"])
def test_the_first_user_needs_the_setup_code_where_strangers_reach_us(
    people: Stage, code: str | None
) -> None:
    people.decide("first_user", "4711-0815")
    with pytest.raises(Forbidden, match="setup code"):
        with_code(people, code)
    assert people.passwords.calls == 0
    assert with_code(people, " 4711-0815 ").email == EMAIL


def test_without_a_setup_code_none_is_right(people: Stage) -> None:
    people.decide("first_user", None)
    with pytest.raises(Forbidden, match="setup code"):
        with_code(people, "")


def test_setup_codes_cannot_be_guessed_for_long(people: Stage) -> None:
    people.decide("first_user", "4711-0815")
    refusals: list[type[DashtamError]] = []
    for _ in range(12):
        with pytest.raises(DashtamError) as refusal:
            with_code(people, "wrong")
        refusals.append(refusal.type)
    assert refusals == [Forbidden] * 10 + [RateLimited] * 2
