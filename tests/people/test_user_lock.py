"""An import blocks no sign-in, and nothing is recorded for an erased user."""

from threading import Thread

import pytest

from application import App
from dashtam.application.people import api_tokens, users
from dashtam.domain.errors import Unauthorized


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_signing_in_does_not_wait_for_an_import(app: App) -> None:
    user = app.register()
    signing_in = Thread(target=app.sign_in, daemon=True)
    with app.services.database.write() as work:
        # As an import does: it locks its user, and writes rows that refer to the user.
        work.users.lock_for_recording(user.id)
        api_tokens.create(work, app.services.secrets, user.id, "script", None)
        signing_in.start()
        signing_in.join(5)
        assert not signing_in.is_alive()
    assert "signed_in" in app.events()


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_imports_of_one_user_wait_for_each_other(app: App) -> None:
    ann, bob = app.register(), app.register("bob@example.org")
    done: list[str] = []

    def hold(name: str) -> None:
        with app.services.database.write() as work:
            work.users.lock_for_recording(ann.id if name == "ann" else bob.id)
            done.append(name)

    threads = {name: Thread(target=hold, args=(name,), daemon=True) for name in ("ann", "bob")}
    with app.services.database.write() as work:
        work.users.lock_for_recording(ann.id)
        for thread in threads.values():
            thread.start()
        threads["bob"].join(5)
        threads["ann"].join(0.3)
        assert done == ["bob"]
    threads["ann"].join(5)
    assert done == ["bob", "ann"]


def test_nothing_is_recorded_for_an_erased_user(app: App) -> None:
    user = app.register()
    with app.services.database.write() as work:
        users.erase(work, user)
    with pytest.raises(Unauthorized), app.services.database.write() as work:
        work.users.lock_for_recording(user.id)
    with pytest.raises(Unauthorized), app.services.database.write() as work:
        api_tokens.create(work, app.services.secrets, user.id, "script", None)
