"""Awkward histories: the events of each file here are played, and its answers are compared.

A file has a title, ``events``, and the answers after them, worked out by hand; ``-`` is null.

history, recent: captured_at (a day's balance has no time), balance, change, percent; a snapshot
    that does not count has the reason in place of a change
latest: account, captured_at, balance, change, percent, by account; then each currency's total
totals: day, balance, accounts, carried, missing
change: the parts of the range's change by name, then the accounts that begin or end in it
holds: account, balance, rule
revisions: kind, by, points
coverage: since, until, longest gap in days, whether it is stale
export: the numbers of snapshots, and of events but those of settings by kind

Words behind the name of an answer are an account, a currency, a range ``start..end`` and
parameters. ``untrue`` before it marks an answer that is known to be wrong: it must differ.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import pytest

from api.history_comparison import assert_equal, open_plain
from api.test_corrections import assert_sound
from application import App, Applications
from histories.life import ALWAYS, Life

FILES: Final = sorted(Path(__file__).parent.glob("*.txt"))
RATE_LIMITS: Final = ("x-ratelimit-remaining", "x-ratelimit-reset")
_TZ: Final = "UTC"


@dataclass(slots=True)
class Section:
    """A part of a file: its words, and its lines with single spaces."""

    words: list[str]
    lines: list[str] = field(default_factory=list)

    @property
    def query(self) -> dict[str, str]:
        found = dict(word.split("=", 1) for word in self.words if "=" in word)
        for word in self.words:
            if ".." in word:
                found["start_date"], found["end_date"] = word.split("..")
        return found

    @property
    def subject(self) -> str | None:
        """The account or the currency."""
        return next((one for one in self.words[1:] if "=" not in one and ".." not in one), None)


def read_sections(path: Path) -> list[Section]:
    _, *rest = path.read_text().split("\n\n")
    sections: list[Section] = []
    for line in "\n".join(rest).splitlines():
        if line.startswith(" "):
            sections[-1].lines.append(" ".join(line.split()))
        elif line:
            sections.append(Section(line.split()))
    return sections


def told(*values: object) -> str:
    return " ".join("-" if value is None else str(value) for value in values)


def shown_instant(text: str) -> str:
    return text.replace("T", " ").removesuffix("Z").removesuffix(":00")


def shown_day(text: str, tz: str) -> str:
    return str(datetime.fromisoformat(text).astimezone(ZoneInfo(tz)).date())


@dataclass(frozen=True, slots=True)
class Answers:
    """The answers of the application in the form of the files."""

    life: Life

    def get(self, path: str, query: dict[str, str]) -> Any:  # noqa: ANN401 - JSON
        answer = self.life.person.get(path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def name(self, account_id: str) -> str:
        return next(name for name, one in self.life.accounts.items() if one == account_id)

    def of_account(self, section: Section, path: str) -> Any:  # noqa: ANN401 - JSON
        account_id = self.life.accounts[str(section.subject)]
        return self.get(f"/accounts/{account_id}{path}", section.query)

    def history(self, section: Section) -> Iterator[str]:
        query = dict(pair.split("=") for pair in ALWAYS.split("&")) | {"detail": "evidence"}
        account_id = self.life.accounts[str(section.subject)]
        answer = self.get(f"/accounts/{account_id}/balance-history", query | section.query)
        yield from map(snapshot_line, answer["snapshots"])

    def recent(self, section: Section) -> Iterator[str]:
        section = replace(section, words=[*section.words, "detail=evidence"])
        answer = self.of_account(section, "/balance-snapshots")
        yield from map(snapshot_line, answer["snapshots"])

    def latest(self, section: Section) -> Iterator[str]:
        answer = self.get("/balance-snapshots", {"detail": "evidence"} | section.query)
        yield from sorted(
            told(self.name(one["account_id"]), snapshot_line(one)) for one in answer["snapshots"]
        )
        for currency, total in answer["total_balance_by_currency"].items():
            yield told(currency, total)

    def series(self, section: Section) -> Any:  # noqa: ANN401 - JSON
        """Return the series of the section's account or currency, None where it is left out."""
        query, subject = {"tz": _TZ} | section.query, section.subject
        if subject in self.life.accounts:
            query |= {"group_by": "account", "account_id": self.life.accounts[subject]}
        answer = self.get("/balance-history", query)
        found = answer.get("series", answer.get("accounts"))
        return next((one for one in found if len(str(subject)) > 3 or one["currency"] == subject),
                    None)  # fmt: skip

    def totals(self, section: Section) -> Iterator[str]:
        series = self.series(section)
        for point in series["points"] if series else []:
            counts = (point[name] for name in ("accounts", "carried", "missing") if name in point)
            day = shown_day(point["at"], section.query.get("tz", _TZ))
            yield told(day, point["balance"], *counts)

    def change(self, section: Section) -> Iterator[str]:
        series = self.series(section)
        if series is None:
            return
        change = series["change"]
        yield told("opening", change["opening"])
        percent = change["change_percent"]
        reason = change["change_percent_reason"] if percent is None else percent
        yield told("change", change["change_amount"], reason)
        for part in ("added", "closed"):
            if change[f"{part}_accounts"]:
                yield told(part, change[f"{part}_amount"], change[f"{part}_accounts"])
        yield told("closing", change["closing"])
        for one in series["coverage_events"]:
            at = shown_instant(one["at"])
            yield told(one["kind"], self.name(one["account_id"]), at, one["balance"])

    def holds(self, section: Section) -> Iterator[str]:
        for one in self.get("/holds", section.query)["holds"]:
            yield told(self.name(one["account_id"]), one["balance"], one["rule"])

    def revisions(self, section: Section) -> Iterator[str]:
        for one in self.of_account(section, "/revisions")["revisions"]:
            yield told(one["kind"], one["by"], one["points"])

    def coverage(self, section: Section) -> Iterator[str]:
        account = self.of_account(section, "")
        state = "stale" if account["is_stale"] else "fresh"
        coverage = account["coverage"]
        if coverage is None:
            yield told(None, state)
        else:
            since, until = (shown_instant(coverage[name]) for name in ("since", "until"))
            yield told(since, until, coverage["longest_gap_days"], state)

    def export(self, section: Section) -> Iterator[str]:
        answer = self.get("/export", section.query)
        yield told("snapshots", len(answer["balance_snapshots"]))
        kinds = Counter(one["kind"] for one in answer["account_events"])
        for kind, count in sorted(kinds.items()):
            if kind != "settings":
                yield told(kind, count)

    def of(self, section: Section) -> list[str]:
        answers: dict[str, Callable[[Section], Iterator[str]]] = {
            "history": self.history, "recent": self.recent, "latest": self.latest,
            "totals": self.totals, "change": self.change, "holds": self.holds,
            "revisions": self.revisions, "coverage": self.coverage, "export": self.export,
        }  # fmt: skip
        return list(answers[section.words[0]](section))


def snapshot_line(one: dict[str, Any]) -> str:
    evidence, at = one["evidence"], shown_instant(one["captured_at"])
    if evidence["precision"] == "day":
        at = at.removesuffix(" 12:00")
    hold = evidence["hold"]
    reason = {
        evidence["superseded_at"] is not None: "superseded",
        hold is not None and hold["decision"] is None: "held",
        hold is not None and hold["decision"] == "reject": "rejected",
        evidence["retracted_at"] is not None: "retracted",
    }.get(True)
    change = (one["change_amount"], one["change_percent"]) if reason is None else (reason,)
    return told(at, one["balance"], *change)


def assert_sums(life: Life) -> None:
    """Assert that each total is the sum of its accounts, and each change that of its parts."""
    query = {"start_date": "2024-01-01", "end_date": "9999-12-31", "tz": _TZ}
    answer = life.person.get("/balance-history", params=query).json()
    by_account = life.person.get("/balance-history", params=query | {"group_by": "account"}).json()
    for series in answer["series"]:
        mine = [one for one in by_account["accounts"] if one["currency"] == series["currency"]]
        points = sorted(
            (point["at"], Decimal(point["balance"])) for one in mine for point in one["points"]
        )
        sums = [
            (at, sum(amounts := [amount for _, amount in group]), len(amounts))
            for at, group in groupby(points, key=lambda point: point[0])
        ]
        assert sums == [
            (point["at"], Decimal(point["balance"]), point["accounts"])
            for point in series["points"]
        ]
        for one in (series, *mine):
            change = one["change"]
            names = ("opening", "change_amount", "added_amount", "closed_amount")
            assert sum(Decimal(change[name] or 0) for name in names) == (
                Decimal(change["closing"] or 0)
            )


def assert_answers(answers: Answers, sections: Sequence[Section]) -> None:
    wrong = []
    for section in sections:
        is_untrue = section.words[0] == "untrue"
        asked = replace(section, words=section.words[1:]) if is_untrue else section
        found = answers.of(asked)
        if (found == section.lines) is is_untrue:
            wrong.append("\n  ".join([" ".join(section.words), *found]))
    assert not wrong, "\n\n".join(wrong)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_history_says_nothing_untrue(applications: Applications, app: App, path: Path) -> None:
    events, *answers = read_sections(path)
    assert events.words == ["events"]
    app.clock.now = datetime.fromisoformat(f"{events.lines[0][:10]}T00:00:00+00:00")
    life = Life(app, app.person())
    for line in events.lines:
        life.play(line)
    assert answers
    assert_answers(Answers(life), answers)
    assert_sums(life)
    plain = replace(life.person, client=open_plain(applications))
    for one in life.paths():
        assert_equal(life.person.get(one), plain.get(one), one, ignored=RATE_LIMITS)
    life.assert_past_answers()
    assert_sound(app)
