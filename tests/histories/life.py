"""Plays the events of a history file, each at its instant, and keeps the answers after each."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from api.snapshot_lists import upload
from application import App, Person
from dashtam.application.provider import AccountReport, ProviderFailed, Report
from dashtam.domain.statement import Reading
from scripted_provider import identity, problem

ALWAYS: Final = "start_date=0001-01-01&end_date=9999-12-31"
_TOTALS: Final = "start_date=2024-01-01&end_date=9999-12-31"
_WARNING: Final = "Scripted Bank may need attention."
_BALANCE: Final = re.compile(
    r"(?P<name>[^@=]+)(@(?P<at>[^=]+))?(=(?P<amount>none|-?[\d.]+)(?P<currency>[A-Z]{3})?(?P<mark>!)?)?"
)


class Told(NamedTuple):
    """A balance as an event writes it: ``Giro@2025-03-01=100.00EUR``, with ``!`` for a problem."""

    name: str
    at: str | None
    amount: str | None
    currency: str
    has_problem: bool

    @classmethod
    def parse(cls, word: str) -> "Told":
        found = _BALANCE.fullmatch(word)
        assert found is not None, word
        currency = found["currency"] or "USD"
        return cls(found["name"], found["at"], found["amount"], currency, found["mark"] == "!")


@dataclass
class Life:
    """A user with accounts, by name; a second one of that name is ``name:currency``."""

    app: App
    person: Person
    connections: dict[str, str] = field(default_factory=dict)
    accounts: dict[str, str] = field(default_factory=dict)
    sent: dict[tuple[str, str], Any] = field(default_factory=dict)

    def play(self, line: str) -> None:
        day, time, verb, *words = line.split()
        self.app.clock.now = datetime.fromisoformat(f"{day}T{time}+00:00")
        verbs: dict[str, Callable[[list[str]], None]] = {
            "connect": self.connect, "disconnect": self.disconnect, "sync": self.sync,
            "daily": self.daily, "fail": self.fail, "import": self.upload, "open": self.open,
            "type": self.type, "correct": self.correct, "retract": self.retract,
            "undo": self.undo, "set": self.set, "zone": self.zone, "release": self.release,
            "reject": self.reject, "wait": lambda _words: None,
        }  # fmt: skip
        verbs[verb](words)
        self.notice_accounts()
        self.keep_answers()

    def notice_accounts(self) -> None:
        for one in self.person.get("/accounts").json()["accounts"]:
            if one["id"] not in self.accounts.values():
                name = one["name"]
                name = f"{name}:{one['currency']}" if name in self.accounts else name
                self.accounts[name] = one["id"]

    def report(self, words: list[str]) -> tuple[str, Report]:
        """Return the label of the connection, and the report that it gets."""
        label, warnings, reports = "", list[str](), list[AccountReport]()
        for word in words:
            if word == "warning":
                warnings.append(_WARNING)
            elif "=" not in word:
                label = word
            else:
                self.add_to(reports, Told.parse(word))
        return label, Report(reports, warnings)

    def add_to(self, reports: list[AccountReport], told: Told) -> None:
        amount = None if told.amount in {None, "none"} else Decimal(str(told.amount))
        if told.at is not None:
            assert amount is not None
            older = Reading.of_day(date.fromisoformat(told.at), amount)
            reports[-1] = replace(reports[-1], history=[*reports[-1].history, older])
            return
        institution, _, number = told.name.rpartition("/")
        who = replace(identity(number, told.currency, institution or "bank"), name=told.name)
        current = None if amount is None else Reading(self.app.clock(), amount)
        problems = [problem()] if told.has_problem else []
        reports.append(AccountReport(who, current, problems=problems))

    def connect(self, words: list[str]) -> None:
        label, self.app.provider.usual = self.report(words)
        self.connections[label] = self.app.connected(self.person)["id"]

    def disconnect(self, words: list[str]) -> None:
        connection = self.connections["".join(words)]
        assert self.person.delete(f"/connections/{connection}").status_code == 204

    def sync(self, words: list[str], status: int = 201) -> None:
        label, self.app.provider.usual = self.report(words)
        path = f"/connections/{self.connections[label]}/syncs"
        run = self.person.post(path, json={"force": True})
        assert run.status_code == status, run.text

    def daily(self, words: list[str]) -> None:
        for number in range(int(words[0])):
            self.app.clock.advance(days=1 if number else 0)
            self.sync(words[1:])

    def fail(self, words: list[str]) -> None:
        self.app.provider.script = [ProviderFailed("The bank is closed.")] if not words else []
        self.sync(words, status=502)

    def upload(self, words: list[str]) -> None:
        told = map(Told.parse, words)
        upload(self.person, [f"{one.at},{one.amount},{one.name},{one.currency}" for one in told])

    def open(self, words: list[str]) -> None:
        for told in map(Told.parse, words):
            at = told.at or self.app.clock().isoformat()
            self.person.account(str(told.amount), told.currency, name=told.name, captured_at=at)

    def type(self, words: list[str]) -> None:
        for told in map(Told.parse, words):
            at = told.at or self.app.clock().isoformat()
            self.person.type(self.accounts[told.name], str(told.amount), at)

    def snapshot(self, word: str) -> tuple[str, Told]:
        """Return the path of the account's last snapshot at an instant, and the word's parts."""
        told = Told.parse(word)
        account_id = self.accounts[told.name]
        found = [
            one["id"]
            for one in self.person.history(account_id, include="held")["snapshots"]
            if one["captured_at"].startswith(str(told.at))
        ]
        return f"/accounts/{account_id}/balance-snapshots/{found[-1]}", told

    def correct(self, words: list[str]) -> None:
        path, told = self.snapshot(words[0])
        body = {"balance": told.amount, "reason": "It was wrong."}
        assert self.person.post(f"{path}/correction", json=body).status_code == 201

    def retract(self, words: list[str]) -> None:
        assert self.person.delete(self.snapshot(words[0])[0]).status_code == 204

    def undo(self, words: list[str]) -> None:
        run = self.person.get(f"{self.snapshot(words[0])[0]}/sync").json()["id"]
        assert self.person.delete(f"/syncs/{run}").status_code == 204

    def set(self, words: list[str]) -> None:
        changes = (word.split("=") for word in words[1:])
        body = {name: json.loads(value) for name, value in changes}
        changed = self.person.patch(f"/accounts/{self.accounts[words[0]]}", json=body)
        assert changed.status_code == 200, changed.text

    def zone(self, words: list[str]) -> None:
        changed = self.person.patch("/users/me", json={"time_zone": words[0]})
        assert changed.status_code == 200

    def release(self, words: list[str]) -> None:
        self.decide(words[0], "release")

    def reject(self, words: list[str]) -> None:
        self.decide(words[0], "reject")

    def decide(self, word: str, decision: str) -> None:
        told = Told.parse(word)
        [hold] = [
            one["id"]
            for one in self.person.get("/holds").json()["holds"]
            if (one["account_id"], one["balance"]) == (self.accounts[told.name], told.amount)
        ]
        decided = self.person.post(f"/holds/{hold}/decision", json={"decision": decision})
        assert decided.status_code == 201, decided.text

    def paths(self) -> Iterator[str]:
        yield "/balance-snapshots"
        yield "/balance-snapshots?include=hidden,closed&detail=evidence"
        yield f"/balance-history?{_TOTALS}&interval=day&tz=UTC"
        yield f"/balance-history?{_TOTALS}&interval=month&tz=Pacific/Auckland&group_by=account"
        for account_id in self.accounts.values():
            yield f"/accounts/{account_id}/balance-history?{ALWAYS}"
            yield f"/accounts/{account_id}/balance-history?{ALWAYS}&interval=day&tz=UTC"
            yield f"/accounts/{account_id}/balance-snapshots"
            yield f"/accounts/{account_id}/balance-snapshots?include=superseded,retracted,held"

    def keep_answers(self) -> None:
        at = self.app.clock().isoformat()
        for path in self.paths():
            answer = self.person.get(path)
            assert answer.status_code == 200, answer.text
            self.sent[path, at] = answer.content
        exported = self.person.get("/export").json()["balance_snapshots"]
        self.sent["/export", at] = exported

    def assert_past_answers(self) -> None:
        """Assert that each answer that was sent can be had again."""
        self.app.clock.now += timedelta(hours=1)
        for (path, at), sent in self.sent.items():
            separator = "&" if "?" in path else "?"
            again = self.person.get(f"{path}{separator}known_at={quote(at)}")
            found = again.json()["balance_snapshots"] if path == "/export" else again.content
            assert found == sent, (path, at)
