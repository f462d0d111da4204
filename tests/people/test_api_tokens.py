import pytest

from dashtam.application.people import api_tokens, sessions
from dashtam.database.pagination import PageRequest
from dashtam.domain.errors import NotFound, Unauthorized, Unprocessable
from dashtam.domain.user import ApiToken, Principal, UserId
from people.people_services import Stage, everything_stored

DAY_S = 24 * 3600


def create(
    people: Stage, user_id: UserId, name: str = "my dashboard", days: int | None = None
) -> tuple[ApiToken, str]:
    with people.services.database.write() as work:
        return api_tokens.create(work, people.services.secrets, user_id, name, days)


def authenticate(people: Stage, text: str) -> Principal:
    with people.services.database.read() as work:
        return sessions.authenticate(work, people.services.signer, text)


def revoke(people: Stage, user_id: UserId, token: ApiToken) -> None:
    with people.services.database.write() as work:
        api_tokens.revoke(work, user_id, token.id)


def test_a_read_only_token_reads_and_never_writes(people: Stage) -> None:
    user = people.register()
    token, text = create(people, user.id)
    found = authenticate(people, text)
    assert (found.user_id, found.session_id, found.may_write) == (user.id, None, False)
    assert text.startswith("dta_")
    assert len(text) == 47
    assert token.expires_at is None
    assert people.events()[-1] == "access_token_created"


def test_its_use_is_written_down_once_a_minute(people: Stage) -> None:
    user = people.register()
    _, text = create(people, user.id)
    for seconds, is_due in ((0, True), (59.9, False), (0.1, True)):
        people.clock.pass_s(seconds)
        found = authenticate(people, text)
        assert (found.unrecorded_token_id is not None) == is_due
        with people.services.database.write() as work:
            if found.unrecorded_token_id is not None:
                work.api_tokens.mark_used(found.unrecorded_token_id, work.now)
    with people.services.database.read() as work:
        assert (
            api_tokens.list_for_user(work, user.id, PageRequest(1)).items[0].last_used_at
            == work.now
        )


def test_it_expires_when_it_was_said_to(people: Stage) -> None:
    user = people.register()
    _, text = create(people, user.id, days=30)
    people.clock.pass_s(30 * DAY_S - 1)
    authenticate(people, text)
    people.clock.pass_s(1)
    with pytest.raises(Unauthorized):
        authenticate(people, text)
    with people.services.database.read() as work:
        assert api_tokens.list_for_user(work, user.id, PageRequest(1)).total == 0


def test_a_revoked_token_is_refused_at_once(people: Stage) -> None:
    user = people.register()
    token, text = create(people, user.id)
    revoke(people, user.id, token)
    with pytest.raises(Unauthorized):
        authenticate(people, text)
    with pytest.raises(NotFound):
        revoke(people, user.id, token)
    assert people.events()[-1] == "access_token_revoked"


def test_nobody_revokes_the_token_of_another(people: Stage) -> None:
    ann, bob = people.register(), people.register("bob@example.org")
    token, text = create(people, ann.id)
    with pytest.raises(NotFound):
        revoke(people, bob.id, token)
    authenticate(people, text)


def test_tokens_are_listed_newest_first_without_their_text(
    people: Stage, database_url: str
) -> None:
    user = people.register()
    tokens = [create(people, user.id, f"script {number}") for number in range(3)]
    with people.services.database.read() as work:
        listed = api_tokens.list_for_user(work, user.id, PageRequest(100)).items
    assert list(listed) == [token for token, _ in reversed(tokens)]
    assert all(text not in everything_stored(database_url) for _, text in tokens)


@pytest.mark.parametrize("name", ["", "  ", "x" * 101, "a\x00b", "\ud800"])
def test_a_name_is_short_and_printable(people: Stage, name: str) -> None:
    user = people.register()
    with pytest.raises(Unprocessable) as refusal:
        create(people, user.id, name)
    assert [fault.place for fault in refusal.value.field_errors] == ["/name"]


@pytest.mark.parametrize("days", [0, -1, 3651, 10**30])
def test_days_are_bounded(people: Stage, days: int) -> None:
    user = people.register()
    with pytest.raises(Unprocessable) as refusal:
        create(people, user.id, days=days)
    assert [fault.place for fault in refusal.value.field_errors] == ["/expires_in_days"]


@pytest.mark.parametrize(
    "text", ["dta_", "dta_" + "A" * 43, "dta_" + "A" * 44, "dta_" + "é" * 43, "dta_\ud800"]
)
def test_a_made_up_token_is_refused(people: Stage, text: str) -> None:
    with pytest.raises(Unauthorized):
        authenticate(people, text)
