from base64 import urlsafe_b64decode, urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from application import App, Clock
from concurrency import at_once
from dashtam.application.people import refresh_tokens, sessions
from dashtam.application.people.sessions import TokenPair
from dashtam.domain.errors import Unauthorized
from dashtam.security.key_ring import KeyRing, KeyRingSecrets, LiveKeyRing
from proofs import Proof


def refresh(app: App, pair: TokenPair) -> TokenPair:
    return sessions.refresh(app.services, pair.refresh_token)


def refuses(app: App, refresh_token: str) -> None:
    with pytest.raises(Unauthorized):
        sessions.refresh(app.services, refresh_token)


def is_live(app: App, pair: TokenPair) -> bool:
    with app.services.database.read() as work:
        return work.sessions.is_live(pair.session.id, pair.session.user_id, work.now)


def test_each_refresh_token_brings_the_next(app: App) -> None:
    app.register()
    pair = app.sign_in()
    seen = {pair.refresh_token}
    for generation in range(1, 6):
        app.clock.advance(seconds=20 * 24 * 3600)
        pair = refresh(app, pair)
        assert pair.session.generation == generation
        seen.add(pair.refresh_token)
    assert len(seen) == 6
    assert is_live(app, pair)


def test_a_session_ends_thirty_days_after_its_last_refresh(app: App) -> None:
    app.register()
    pair = app.sign_in()
    app.clock.advance(seconds=30 * 24 * 3600)
    assert not is_live(app, pair)
    refuses(app, pair.refresh_token)


def test_a_lost_answer_brings_the_same_successor_again(app: App) -> None:
    app.register()
    spent = app.sign_in()
    first = refresh(app, spent)
    app.clock.advance(seconds=10)
    again = refresh(app, spent)
    assert again.refresh_token == first.refresh_token
    assert refresh(app, first).session.generation == 2
    assert "refresh_token_reused" not in app.events()


def test_a_spent_token_ends_the_session_after_the_grace(app: App) -> None:
    app.register()
    spent = app.sign_in()
    newest = refresh(app, spent)
    app.clock.advance(seconds=10.01)
    refuses(app, spent.refresh_token)
    assert not is_live(app, newest)
    refuses(app, newest.refresh_token)
    assert app.events()[-1] == "refresh_token_reused"


def test_a_spent_token_with_a_used_successor_ends_the_session_at_once(app: App) -> None:
    app.register()
    spent = app.sign_in()
    newest = refresh(app, refresh(app, spent))
    refuses(app, spent.refresh_token)
    assert not is_live(app, newest)


def test_a_reuse_leaves_other_sessions_alone(app: App) -> None:
    app.register()
    other, spent = app.sign_in(), app.sign_in()
    refresh(app, refresh(app, spent))
    refuses(app, spent.refresh_token)
    assert is_live(app, other)


@pytest.mark.proves(8)
def test_twenty_refreshes_at_once_have_one_successor(app: App, proof: Proof) -> None:
    app.register()
    pair = app.sign_in()
    rounds = proof(50)
    for _ in range(rounds):
        outcomes = at_once(20, lambda _: refresh(app, pair))  # noqa: B023 - it is over by the next round
        pairs = [outcome for outcome in outcomes if isinstance(outcome, TokenPair)]
        assert len(pairs) == 20, outcomes
        assert len({outcome.refresh_token for outcome in pairs}) == 1
        pair = pairs[0]
    assert pair.session.generation == rounds
    proof.record(parallel_refreshes=20 * rounds, successors=rounds)


def test_twenty_reuses_at_once_are_written_down_once(app: App) -> None:
    app.register()
    spent = app.sign_in()
    refresh(app, spent)
    app.clock.advance(seconds=11)
    outcomes = at_once(20, lambda _: refresh(app, spent))
    assert all(isinstance(outcome, Unauthorized) for outcome in outcomes)
    assert app.events().count("refresh_token_reused") == 1


def test_forged_tokens_revoke_nothing(app: App) -> None:
    app.register()
    pair = app.sign_in()
    data = urlsafe_b64decode(pair.refresh_token.removeprefix("dtr_") + "=")
    for place in range(len(data)):
        forged = bytearray(data)
        forged[place] ^= 1
        refuses(app, "dtr_" + urlsafe_b64encode(forged).decode().rstrip("="))
    assert is_live(app, pair)
    refresh(app, pair)
    assert "refresh_token_reused" not in app.events()


def test_a_token_has_one_spelling(app: App) -> None:
    app.register()
    pair = app.sign_in()
    text = pair.refresh_token
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    neighbour = alphabet[alphabet.index(text[-1]) + 1]
    for other in (text[:-1] + neighbour, text + "=", text + "\n", " " + text, text[4:], ""):
        refuses(app, other)
    assert is_live(app, pair)


@given(st.text() | st.text("Aa_-", min_size=91, max_size=91).map("dtr_{}".format))
def test_no_text_is_a_token_by_chance(text: str) -> None:
    secrets = KeyRingSecrets(LiveKeyRing(KeyRing.new(Clock()())))
    assert refresh_tokens.parse(text, secrets) is None
