"""An import blocks no sign-in, and nothing is recorded for an erased user."""

from threading import Thread

import pytest

from dashtam.application.people import api_tokens, users
from dashtam.domain.errors import Unauthorized
from people.people_services import Stage


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_signing_in_does_not_wait_for_who_records(people: Stage) -> None:
    user = people.register()
    signing_in = Thread(target=people.sign_in, daemon=True)
    with people.services.database.write() as work:
        # As an import does: it locks its user, and writes rows that refer to the user.
        work.users.lock_for_recording(user.id)
        api_tokens.create(work, people.services.secrets, user.id, "script", None)
        signing_in.start()
        signing_in.join(5)
        assert not signing_in.is_alive()
    assert "signed_in" in people.events()


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_those_who_record_for_one_user_take_turns(people: Stage) -> None:
    ann, bob = people.register(), people.register("bob@example.org")
    done: list[str] = []

    def hold(name: str) -> None:
        with people.services.database.write() as work:
            work.users.lock_for_recording(ann.id if name == "ann" else bob.id)
            done.append(name)

    threads = {name: Thread(target=hold, args=(name,), daemon=True) for name in ("ann", "bob")}
    with people.services.database.write() as work:
        work.users.lock_for_recording(ann.id)
        for thread in threads.values():
            thread.start()
        threads["bob"].join(5)
        threads["ann"].join(0.3)
        assert done == ["bob"]
    threads["ann"].join(5)
    assert done == ["bob", "ann"]


def test_nothing_is_recorded_for_who_was_erased(people: Stage) -> None:
    user = people.register()
    with people.services.database.write() as work:
        users.erase(work, user)
    with pytest.raises(Unauthorized), people.services.database.write() as work:
        work.users.lock_for_recording(user.id)
    with pytest.raises(Unauthorized), people.services.database.write() as work:
        api_tokens.create(work, people.services.secrets, user.id, "script", None)
