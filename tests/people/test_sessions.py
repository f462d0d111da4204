import pytest

from dashtam.application.people import api_tokens, sessions, users
from dashtam.database.pagination import PageRequest
from dashtam.domain.errors import NotFound, RateLimited, Unauthorized, Unprocessable
from dashtam.domain.user import Principal, SessionId
from people.people_services import ADDRESS, EMAIL, PASSWORD, Stage, at_once, everything_stored

ANOTHER = "seven lanterns over the harbour"


def principal(people: Stage, access_token: str) -> Principal:
    with people.services.database.read() as work:
        return sessions.authenticate(work, people.services.signer, access_token)


def refusal_of(people: Stage, email: str, password: str) -> str:
    with pytest.raises(Unauthorized) as refusal:
        people.sign_in(email, password)
    return str(refusal.value)


def test_an_access_token_says_who_calls(people: Stage) -> None:
    user = people.register()
    pair = people.sign_in(" ANN@example.org")
    assert principal(people, pair.access_token) == Principal(user.id, pair.session.id)
    assert people.events() == ["user_registered", "signed_in"]


def test_an_access_token_is_good_for_fifteen_minutes(people: Stage) -> None:
    people.register()
    pair = people.sign_in()
    people.clock.pass_s(899.7)
    principal(people, pair.access_token)
    people.clock.pass_s(0.1)
    with pytest.raises(Unauthorized):
        principal(people, pair.access_token)


def test_unknown_emails_and_wrong_passwords_are_refused_in_the_same_words(people: Stage) -> None:
    people.register()
    sentences = {
        refusal_of(people, EMAIL, ANOTHER),
        refusal_of(people, "bob@example.org", PASSWORD),
        refusal_of(people, "not an e-mail", PASSWORD),
        refusal_of(people, "nul\x00@example.org", PASSWORD),
        refusal_of(people, "\ud800@example.org", PASSWORD),
        refusal_of(people, EMAIL, ""),
        refusal_of(people, EMAIL, "\ud800"),
        refusal_of(people, EMAIL, "x" * 100_000),
    }
    assert len(sentences) == 1


def test_every_attempt_costs_one_hash(people: Stage) -> None:
    people.register()
    people.passwords.calls = 0
    people.sign_in()
    assert people.passwords.calls == 1
    refusal_of(people, EMAIL, ANOTHER)
    assert people.passwords.calls == 2
    refusal_of(people, "bob@example.org", PASSWORD)
    assert people.passwords.calls == 3
    refusal_of(people, "not an e-mail", PASSWORD)
    assert people.passwords.calls == 4


@pytest.mark.parametrize("email", [EMAIL, "bob@example.org"])
def test_failures_are_limited_known_or_not(people: Stage, email: str) -> None:
    people.register()
    for _ in range(10):
        refusal_of(people, email, ANOTHER)
    people.passwords.calls = 0
    with pytest.raises(RateLimited) as limit:
        people.sign_in(email)
    assert people.passwords.calls == 0
    people.clock.pass_s(limit.value.retry_after_s)
    refusal_of(people, email, ANOTHER)


def test_only_failures_are_limited(people: Stage) -> None:
    people.register()
    for _ in range(15):
        people.sign_in()


def test_failures_at_one_address_do_not_lock_the_user_out_of_another(people: Stage) -> None:
    people.register()
    for _ in range(10):
        refusal_of(people, EMAIL, ANOTHER)
    sessions.sign_in(people.services, EMAIL, PASSWORD, "192.0.2.8", "")


def test_failures_at_the_same_moment_are_counted_each(people: Stage) -> None:
    people.register()
    outcomes = at_once(20, lambda _: people.sign_in(password=ANOTHER))
    assert sum(isinstance(outcome, Unauthorized) for outcome in outcomes) == 10
    assert sum(isinstance(outcome, RateLimited) for outcome in outcomes) == 10


def test_the_audit_log_names_failures_without_the_email(people: Stage, database_url: str) -> None:
    user = people.register()
    refusal_of(people, EMAIL, ANOTHER)
    refusal_of(people, "stranger@example.org", ANOTHER)
    with people.services.database.read() as work:
        unknown, known = work.audit_log.newest(2)
        assert work.audit_log.newest(1, user.id)[0] == known
    assert (known.event, known.user_id, known.address) == ("sign_in_failed", user.id, ADDRESS)
    assert (unknown.event, unknown.user_id) == ("sign_in_failed", None)
    assert "stranger" not in everything_stored(database_url)


def test_the_database_holds_no_credential(people: Stage, database_url: str) -> None:
    people.register()
    pair = people.sign_in()
    stored = everything_stored(database_url)
    for canary in (PASSWORD, pair.access_token, pair.refresh_token, pair.refresh_token[4:40]):
        assert canary not in stored


def test_sessions_are_listed_newest_first(people: Stage) -> None:
    people.register()
    pairs = [people.sign_in() for _ in range(3)]
    me = principal(people, pairs[0].access_token)
    with people.services.database.read() as work:
        first = sessions.list_for_user(work, me, PageRequest(2))
        rest = sessions.list_for_user(work, me, PageRequest(2, first.last))
    assert [*first.items, *rest.items] == [pair.session for pair in reversed(pairs)]
    assert (first.total, rest.last) == (3, None)
    assert first.items[0].user_agent == "a browser"


def test_a_revoked_session_is_refused_at_once(people: Stage) -> None:
    people.register()
    kept, ended = people.sign_in(), people.sign_in()
    me = principal(people, kept.access_token)
    with people.services.database.write() as work:
        sessions.revoke(work, me, ended.session.id)
    with pytest.raises(Unauthorized):
        principal(people, ended.access_token)
    with pytest.raises(Unauthorized):
        sessions.refresh(people.services, ended.refresh_token)
    principal(people, kept.access_token)
    assert people.events()[-1] == "session_revoked"


def test_signing_out_ends_this_session_alone(people: Stage) -> None:
    people.register()
    kept, ended = people.sign_in(), people.sign_in()
    with people.services.database.write() as work:
        sessions.sign_out(work, Principal(ended.session.user_id, ended.session.id))
    with pytest.raises(Unauthorized):
        principal(people, ended.access_token)
    principal(people, kept.access_token)


def test_nobody_ends_the_session_of_another(people: Stage) -> None:
    people.register()
    ann = people.sign_in()
    bob = people.register("bob@example.org")
    for session_id in (ann.session.id, SessionId(bob.id)):
        with pytest.raises(NotFound), people.services.database.write() as work:
            sessions.revoke(work, Principal(bob.id, None), session_id)
    principal(people, ann.access_token)


def test_a_changed_password_ends_the_other_sessions(people: Stage) -> None:
    people.register()
    mine, other = people.sign_in(), people.sign_in()
    me = principal(people, mine.access_token)
    users.change_password(people.services, me, PASSWORD, ANOTHER, ADDRESS)
    principal(people, mine.access_token)
    with pytest.raises(Unauthorized):
        principal(people, other.access_token)
    refusal_of(people, EMAIL, PASSWORD)
    people.sign_in(password=ANOTHER)
    assert "password_changed" in people.events()


def test_a_wrong_old_password_changes_nothing_and_is_limited(people: Stage) -> None:
    people.register()
    me = principal(people, people.sign_in().access_token)
    for _ in range(10):
        with pytest.raises(Unprocessable) as refusal:
            users.change_password(people.services, me, ANOTHER, "x" + ANOTHER, ADDRESS)
        assert [fault.place for fault in refusal.value.field_errors] == ["/password"]
    with pytest.raises(RateLimited):
        users.change_password(people.services, me, PASSWORD, ANOTHER, ADDRESS)
    people.clock.pass_s(60)
    people.sign_in()


def test_a_weak_new_password_is_refused_by_its_place(people: Stage) -> None:
    people.register()
    me = principal(people, people.sign_in().access_token)
    with pytest.raises(Unprocessable) as refusal:
        users.change_password(people.services, me, PASSWORD, "short", ADDRESS)
    assert [fault.place for fault in refusal.value.field_errors] == ["/new_password"]


def test_of_two_changes_at_the_same_moment_one_counts(people: Stage) -> None:
    people.register()
    me = principal(people, people.sign_in().access_token)
    outcomes = at_once(
        5,
        lambda number: users.change_password(
            people.services, me, PASSWORD, f"{ANOTHER} {number}", ADDRESS
        ),
    )
    assert sum(not isinstance(outcome, Exception) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, Unprocessable) for outcome in outcomes) == 4


def test_a_reset_password_ends_every_session_and_token(people: Stage) -> None:
    user = people.register()
    pair = people.sign_in()
    with people.services.database.write() as work:
        _, script = api_tokens.create(work, people.services.secrets, user.id, "script", None)
    me = principal(people, pair.access_token)
    users.change_password(people.services, me, PASSWORD, ANOTHER, ADDRESS)
    # Scripts go on after a change by the user, and not after one that somebody else had to make.
    assert principal(people, script).user_id == user.id
    users.reset_password(people.services, user, ANOTHER)
    for token in (pair.access_token, script):
        with pytest.raises(Unauthorized):
            principal(people, token)
    people.sign_in(password=ANOTHER)
    assert "password_reset" in people.events()
