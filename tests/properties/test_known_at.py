"""Each past answer can be had again to the byte, whatever happened to the history since."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from io import BytesIO
from random import Random
from typing import Any
from urllib.parse import quote

import pytest

from application import App, Person
from dashtam.application.history.verification import verify
from dashtam.application.imports import file_import
from dashtam.application.imports.file_import import Progress, SentFile, import_file
from dashtam.application.provider import Report
from proofs import Proof
from scripted_provider import account, position

SEEDS = range(3)
STEPS = 40
SPAN = "start_date=2024-01-01&end_date=2027-12-31"


@dataclass
class Life:
    """A user whose accounts change at random; ``sent`` holds each answer with its instant."""

    app: App
    person: Person
    random: Random
    connection: str = ""
    accounts: list[str] = field(default_factory=list)
    sent: list[tuple[str, str, bytes]] = field(default_factory=list)

    def live(self) -> None:
        """Do something at random, some hours after the last thing."""
        self.app.clock.advance(hours=self.random.randint(1, 40), microseconds=self.random.random())
        often = (self.sync, self.type, self.correct, self.retract, self.import_long)
        seldom = (self.backdate, self.import_file, self.open_account, self.retract_run)
        actions = (*often, *often, *seldom, self.turn_sign, self.change)
        self.random.choice(actions)()

    def amount(self) -> str:
        return f"{self.random.randint(-999_999, 999_999) / 100:.2f}"

    def any_account(self) -> str:
        return self.random.choice(self.accounts)

    def any_snapshot(self) -> str | None:
        """The path of a snapshot that counts, of any account."""
        account_id = self.any_account()
        found = self.person.history(account_id)["snapshots"]
        if not found:
            return None
        chosen = self.random.choice(found)["id"]
        return f"/accounts/{account_id}/balance-snapshots/{chosen}"

    def open_account(self) -> None:
        name = self.random.choice("ABCDE")
        self.accounts.append(self.person.account(self.amount(), name=name))

    def sync(self) -> None:
        at = self.app.clock.now
        held = [
            position(symbol, self.random.choice(["1.00", self.amount()]), at)
            for symbol in self.random.sample(["VTI", "BND", "VTI"], self.random.randint(0, 3))
        ]
        self.app.provider.usual = Report(
            [account(self.amount(), positions=held), account(self.amount(), "2")]
        )
        run = self.person.post(f"/connections/{self.connection}/syncs", json={"force": True})
        assert run.status_code == 201, run.text

    def type(self) -> None:
        self.post_typed({"balance": self.amount()})

    def backdate(self) -> None:
        day = self.app.clock.now.date() - timedelta(days=self.random.randint(1, 500))
        self.post_typed({"balance": self.amount(), "captured_at": day.isoformat()})

    def post_typed(self, body: dict[str, str]) -> None:
        typed = self.person.post(f"/accounts/{self.any_account()}/balance-snapshots", json=body)
        assert typed.status_code in {201, 409}, typed.text

    def import_file(self) -> None:
        self.import_rows(3, lambda _recorded, _count: None)

    def import_long(self) -> None:
        """Import a file in pieces, between which time goes by and answers are kept."""

        def wait(_recorded: int, _count: int) -> None:
            self.app.clock.advance(seconds=1)
            self.keep_answers()
            # The next piece, or the end, is recorded at another instant.
            self.app.clock.advance(seconds=1)

        self.import_rows(40, wait)

    def import_rows(self, count: int, progress: Progress) -> None:
        end = self.app.clock.now.date()
        days = self.random.sample(range(1, 700), count)
        rows = [
            f"{end - timedelta(days=day)},{self.amount()},Giro {number % 3},EUR"
            for number, day in enumerate(days)
        ]
        text = "\n".join(["Date,Balance,Account,Currency", *rows])
        sent = SentFile(self.person.id, BytesIO(text.encode()), progress=progress)
        import_file(self.app.services, sent)
        self.accounts = [one["id"] for one in self.person.get("/accounts").json()["accounts"]]

    def correct(self) -> None:
        if path := self.any_snapshot():
            body = {"balance": self.amount(), "reason": "It was wrong."}
            assert self.person.post(f"{path}/correction", json=body).status_code == 201

    def retract(self) -> None:
        if path := self.any_snapshot():
            assert self.person.delete(path).status_code == 204

    def retract_run(self) -> None:
        run = self.random.choice(self.person.get("/syncs").json()["syncs"])
        assert self.person.delete(f"/syncs/{run['id']}").status_code == 204

    def turn_sign(self) -> None:
        self.patch({"balance_sign": self.random.choice([1, -1])})

    def change(self) -> None:
        closed_at = self.random.choice([None, self.app.clock.now.date().isoformat()])
        change = {"is_hidden": self.random.random() < 0.3, "closed_at": closed_at}
        self.patch(change | {"name": self.random.choice("ABCDE")})

    def patch(self, body: dict[str, Any]) -> None:
        changed = self.person.patch(f"/accounts/{self.any_account()}", json=body)
        assert changed.status_code in {200, 422}, changed.text

    def paths(self) -> Iterator[str]:
        for include in ("", "?include=hidden,closed", "?detail=evidence"):
            yield f"/balance-snapshots{include}"
        yield f"/balance-history?{SPAN}&interval=month"
        yield f"/balance-history?{SPAN}&interval=week&group_by=account"
        yield "/holdings"
        yield f"/holdings?at={self.app.clock.now.date() - timedelta(days=3)}"
        for account_id in self.accounts:
            path = f"/accounts/{account_id}"
            yield f"{path}/holdings"
            yield f"{path}/balance-history?{SPAN}"
            yield f"{path}/balance-history?{SPAN}&interval=week&tz=Europe/Berlin&max_points=9"
            yield f"{path}/balance-snapshots?limit=5"
            yield f"{path}/balance-snapshots?source=manual_sync&detail=evidence"
            yield f"{path}/balance-history?{SPAN}&include=superseded,retracted,held"

    def keep_answers(self) -> None:
        at = self.app.clock.now.isoformat()
        for path in self.paths():
            answer = self.person.get(path)
            assert answer.status_code == 200, answer.text
            self.sent.append((path, at, answer.content))


@pytest.mark.parametrize("seed", SEEDS)
def test_a_past_answer_is_the_one_that_was_sent_then(
    app: App, ada: Person, seed: int, monkeypatch: pytest.MonkeyPatch, proof: Proof
) -> None:
    monkeypatch.setattr(file_import, "_PIECE", 10)
    life = Life(app, ada, Random(seed))  # noqa: S311 - the same life each time
    app.provider.usual = Report([account("1.00"), account("2.00", "2")])
    life.connection = app.connected(ada)["id"]
    life.accounts = [one["id"] for one in ada.get("/accounts").json()["accounts"]]
    life.open_account()
    for step in range(max(14, proof(STEPS))):
        life.live()
        if step % 7 == 3:
            life.import_long()
        life.keep_answers()
    app.clock.advance(hours=1)
    for path, at, content in life.sent:
        separator = "&" if "?" in path else "?"
        again = ada.get(f"{path}{separator}known_at={quote(at)}")
        assert again.content == content, (path, at)
    report = verify(app.services.database)
    assert (report.found, report.outdated_chunks) == (0, [])
