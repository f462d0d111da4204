"""The only writer of snapshots, sets of positions, external flows and account events."""

from collections import Counter
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from itertools import chain
from operator import attrgetter
from typing import Final

from dashtam.database.history.account_heads import AccountHead
from dashtam.database.history.balance_snapshots import RecordedReading
from dashtam.database.history_cache.chunk_rows import ChunkDraft
from dashtam.database.unit_of_work import UnitOfWork
from dashtam.domain.account import Account, AccountId
from dashtam.domain.errors import DashtamError
from dashtam.domain.history.account_event import EventKind, EventLink, NewEvent, link_events
from dashtam.domain.history.balance_snapshot import BalanceSnapshot, Basis, SnapshotId
from dashtam.domain.history.external_flow import ExternalFlow, FlowLink, link_flows
from dashtam.domain.history.hash_chain import Chain, Link, Record, link_records
from dashtam.domain.history.hold import (
    Hold,
    HoldRule,
    LiveBalance,
    find_rule,
    held_since,
    is_close,
    is_confirmed,
)
from dashtam.domain.history.position_set import (
    PositionLink,
    PositionSet,
    link_positions,
    to_content,
)
from dashtam.domain.money import EXACT, apply_sign
from dashtam.domain.period import MIN_INSTANT, Precision
from dashtam.domain.statement import Flow, Position, Reading, sum_market_values
from dashtam.domain.sync import SnapshotSource, SyncId

# A source may book a flow on another day later, under the same id.
_REBOOKED_WITHIN: Final = timedelta(days=31)
_AHEAD_AT_MOST: Final = timedelta(minutes=5)
_AMOUNTS: Final = attrgetter("balance", "available_balance", "holdings_value", "cash_value")


class ClockBehind(DashtamError):
    """The clock shows a time well before that of a live snapshot."""

    detail = "The clock is behind the recorded history: nothing is recorded until it is right."


@dataclass(frozen=True, slots=True)
class AccountReadings:
    """Readings of one account that one run reports.

    ``history`` are those of a file or of a provider's earlier days: there is at most one snapshot
    for each instant. ``current`` is a provider's present reading, of an instant or of a day.
    ``positions`` are None where none are reported. ``is_warned`` tells whether the provider warns
    of the account, ``is_in_new_currency`` whether it reported the account in another currency
    before.
    """

    account: Account
    source: SnapshotSource
    history: Sequence[Reading] = ()
    current: Reading | None = None
    positions: Sequence[Position] | None = None
    flows: Sequence[Flow] = ()
    is_warned: bool = False
    is_in_new_currency: bool = False

    @property
    def dated(self) -> Sequence[Reading]:
        """The readings at instants that their source states."""
        if self.current is None or self.current.precision is not Precision.DAY:
            return self.history
        return [*self.history, self.current]


@dataclass(slots=True)
class CaptureResult:
    """Readings by their result: recorded, known already, or in conflict with this very run.

    ``held_by`` is the rule by which the present reading, recorded too, does not count yet.
    """

    recorded: int = 0
    skipped: int = 0
    conflicts: list[Reading] = field(default_factory=list)
    held_by: HoldRule | None = None

    @property
    def has_news(self) -> bool:
        """Whether any reading was not known already."""
        return bool(self.recorded or self.conflicts)


def record_events(work: UnitOfWork, new: Mapping[Account, Sequence[NewEvent]]) -> None:
    """Append events to their accounts' chains, all of them in one statement."""
    heads = work.account_heads.lock(new)
    links: list[EventLink] = []
    for account, events in new.items():
        head = heads[account.id]
        links += link_events(head.events_chain, account.id, work.now, events)
        if events:
            head.events_chain = Chain(links[-1].number, links[-1].digest)
    work.account_events.add(links)


def record_settings(work: UnitOfWork, of: Collection[Account]) -> None:
    """Append the accounts' settings as they are from now on."""
    events = {
        account: [NewEvent(EventKind.SETTINGS, account.settings.to_content())] for account in of
    }
    record_events(work, events)


def record_removals(work: UnitOfWork, changed: Collection[Account]) -> None:
    """Append that accounts were removed or brought back, and refuse or allow reads of the cache."""
    record_settings(work, changed)
    heads = work.account_heads.lock(changed)
    for account in changed:
        heads[account.id].bypasses_cache = account.removed_at is not None


def record_joins(
    work: UnitOfWork, changed: Collection[Account], before: Collection[AccountId]
) -> None:
    """Append the joins of the accounts to their chains, and have their histories read from rows.

    The rows stay. The caller has stored the accounts, which were joined to those of ``before``.
    """
    record_settings(work, changed)
    joins = work.account_joins.around([account.id for account in changed])
    ids = [*before, *(account.id for account in changed)]
    members = {one for account_id in ids for one in joins.members_of(account_id)}
    for head in work.account_heads.lock(work.accounts.of_ids(members)).values():
        head.bypasses_cache = len(joins.members_of(head.account_id)) > 1


def retract(work: UnitOfWork, account: Account, snapshot: Record, reason: str | None) -> None:
    """Let a snapshot of the account count no more."""
    content = _content_of(snapshot.id, snapshot.reading.captured_at) | {"reason": reason}
    event = NewEvent(EventKind.RETRACTION, content, sequence=snapshot.sequence, counts=False)
    record_events(work, {account: [event]})
    work.history_chunks.rebuild(account)


def release(
    work: UnitOfWork, account: Account, holds: Sequence[Hold], sync_id: SyncId | None = None
) -> None:
    """Let held snapshots of the account count; ``sync_id`` is the run that says the same."""
    _decide(work, account, holds, EventKind.RELEASE, sync_id)
    work.history_chunks.record(account, [hold.snapshot for hold in holds])


def reject(work: UnitOfWork, account: Account, hold: Hold) -> None:
    """Let a held snapshot of the account never count."""
    _decide(work, account, [hold], EventKind.REJECTION)


def _decide(
    work: UnitOfWork,
    account: Account,
    holds: Sequence[Hold],
    kind: EventKind,
    sync_id: SyncId | None = None,
) -> None:
    events = [
        NewEvent(
            kind,
            _content_of(hold.snapshot.id, hold.snapshot.captured_at),
            sync_id,
            hold.sequence,
            counts=kind is EventKind.RELEASE,
        )
        for hold in holds
    ]
    record_events(work, {account: events})


def _content_of(snapshot_id: SnapshotId, captured_at: datetime) -> dict[str, object]:
    return {"snapshot_id": str(snapshot_id), "captured_at": captured_at.isoformat()}


def _is_known(earlier: RecordedReading, reading: Reading) -> bool:
    """Tell whether a reading equals the recorded one, or one that its owner refused.

    An interim balance says nothing new of an instant with a closing one, and a closing one does of
    an instant with an interim one.
    """
    if earlier.reading is not None and earlier.reading.is_interim != reading.is_interim:
        return reading.is_interim
    known = (earlier.reading, *earlier.refused)
    return _AMOUNTS(reading) in [_AMOUNTS(one) for one in known if one is not None]


def _key_of(flow: Flow) -> Hashable:
    return flow.external_id or flow


def _days_before(day: date, span: timedelta) -> date:
    return day - span if day - date.min > span else date.min


def _hash_amounts(reading: Reading) -> int:
    """Return a hash that equal amounts share; the hash of -1 and of -2 is the same in Python."""
    return hash(
        tuple(
            None if amount is None else str(EXACT.normalize(amount)) for amount in _AMOUNTS(reading)
        )
    )


@dataclass(frozen=True, slots=True)
class _Unlikely:
    """The rule by which a reading is held, and the balance that counted before it."""

    rule: HoldRule
    previous: str | None


@dataclass(frozen=True, slots=True)
class Capture:
    """One run's right to record readings, of all its accounts in the same few statements.

    ``drafts`` are those of a hidden run, None for others: its snapshots count for nothing before
    ``reveal``, and meanwhile the chunks of accounts without a history are made there.
    """

    work: UnitOfWork
    sync_id: SyncId
    drafts: dict[AccountId, ChunkDraft] | None = None

    def record_typed(self, account: Account, source: SnapshotSource, reading: Reading) -> None:
        """Record a reading that the owner typed; it is never skipped."""
        self._insert([(AccountReadings(account, source), [reading])], Basis.ENTERED)
        self.work.account_heads.mark_synced([account], self.work.now)

    def correct(self, account: Account, wrong: Record, reading: Reading, reason: str) -> None:
        """Record the reading that its owner typed in place of a snapshot, which counts no more."""
        work = self.work
        # Before the new snapshot, which is then not added to chunks that are written again.
        work.history_chunks.rebuild(account)
        typed = AccountReadings(account, SnapshotSource.MANUAL_SYNC)
        (corrected,) = self._insert([(typed, [reading])], Basis.ENTERED)
        content = _content_of(wrong.id, wrong.reading.captured_at)
        content |= {"superseded_by": str(corrected.id), "reason": reason}
        event = NewEvent(EventKind.CORRECTION, content, self.sync_id, wrong.sequence, counts=False)
        record_events(work, {account: [event]})

    def record(self, batch: Sequence[AccountReadings], at: datetime) -> list[CaptureResult]:
        """Record the readings of accounts that are synced as of an instant.

        A reading of a history that equals the newest one at its instant is skipped. One that
        differs is recorded after it and is the newest from then on; one that differs from another
        reading of the same run is a conflict, and the first of them stays.

        A present reading is recorded as of the whole second of the request (``at``), and at least
        a second after the account's last live snapshot, even if the clock went back. One of a day
        is recorded on that day, and skipped where it is known already. Positions
        are a set of their own at the instant of the present reading, or of the newest one. A
        present reading that is likely wrong is held: it does not count before a later sync or its
        owner confirms it, nor do its positions.

        Raises:
            ClockBehind: a live snapshot is more than five minutes ahead of the clock.
        """
        heads = self.work.account_heads.lock([readings.account for readings in batch])
        known = self._known(batch, heads)
        results = self._record_histories(batch, known)
        live: list[tuple[AccountReadings, list[Reading]]] = []
        live_at: dict[AccountId, datetime] = {}
        for readings, result in zip(batch, results, strict=True):
            current, account_id = readings.current, readings.account.id
            if current is None:
                continue
            if current.precision is Precision.INSTANT:
                # The provider's own instant is kept beside it, in ``as_of``.
                captured_at = self._live_instant(heads[account_id], at)
                current = replace(current, captured_at=captured_at)
            live_at[account_id] = current.captured_at
            recorded = known.get((account_id, current.captured_at))
            if is_new := not (recorded and _is_known(recorded, current)):
                live.append((readings, [current]))
            result.recorded += is_new
            result.skipped += not is_new
        watched = [one for one in live if one[0].account.holds_unlikely]
        held = self._find_unlikely(watched, heads)
        self._insert_live([one for one in live if one[0].account.id not in held])
        self._hold([one for one in live if one[0].account.id in held], held)
        for readings, result in zip(batch, results, strict=True):
            one = held.get(readings.account.id)
            result.held_by = None if one is None else one.rule
        synced = [
            readings.account
            for readings, result in zip(batch, results, strict=True)
            if result.recorded or result.skipped
        ]
        if self.drafts is None:
            # The positions of readings that are known, or refused, are so too.
            kept = [
                readings for readings, result in zip(batch, results, strict=True) if result.has_news
            ]
            self._record_positions(kept, heads, live_at, at)
            self._record_flows(batch, heads)
            self.work.account_heads.mark_synced(synced, at)
        return results

    def reveal(
        self,
        accounts: Collection[Account],
        changed: Collection[AccountId],
        evidence: Sequence[AccountReadings],
        at: datetime,
    ) -> None:
        """Let the snapshots of a hidden run count.

        ``accounts`` are those that it synced, as they were when it began; ``changed`` are those
        with new snapshots. ``evidence`` are the readings that came with positions or flows.
        """
        self.work.syncs.reveal(self.sync_id)
        heads = self.work.account_heads.lock(accounts)
        self._record_positions(evidence, heads, {}, at)
        self._record_flows(evidence, heads)
        self.work.account_heads.mark_synced(accounts, at)
        signs = {account.id: account.balance_sign for account in accounts}
        present = self.work.accounts.of_ids(changed)
        # Its owner may have changed an account's sign since its draft was begun.
        drafts = {
            account.id: self.drafts[account.id]
            for account in present
            if self.drafts and account.id in self.drafts
            if account.balance_sign == signs[account.id]
        }
        self.work.history_chunks.adopt(drafts, present)

    def compare(
        self, batch: Sequence[AccountReadings], earlier: dict[int, int]
    ) -> list[CaptureResult]:
        """Return the result that ``record`` would have for histories; lock and change nothing.

        ``earlier`` holds the readings of the run so far, each by the hash of its place: a preview
        of a long file fits into memory. This adds those of the batch.
        """
        results = []
        known = self._known(batch, self.work.account_heads.get([one.account for one in batch]))
        for readings in batch:
            result = CaptureResult()
            for reading in readings.history:
                place = readings.account.id, reading.captured_at
                key, amounts = hash(place), 2 * _hash_amounts(reading) + reading.is_interim
                if key in earlier and earlier[key] % 2 == reading.is_interim:
                    is_same = earlier[key] == amounts
                    if not is_same:
                        result.conflicts.append(reading)
                elif key in earlier:
                    is_same = reading.is_interim
                    earlier[key] = earlier[key] if is_same else amounts
                    result.recorded += not is_same
                else:
                    recorded = known.get(place)
                    is_same = recorded is not None and _is_known(recorded, reading)
                    if not is_same:
                        earlier[key] = amounts
                        result.recorded += 1
                result.skipped += is_same
            results.append(result)
        return results

    def _known(
        self, batch: Sequence[AccountReadings], heads: Mapping[AccountId, AccountHead]
    ) -> dict[tuple[AccountId, datetime], RecordedReading]:
        """Return the recorded readings at the instants that the source states."""
        # Only instants up to the newest one can have a snapshot already.
        places = {
            (readings.account.id, reading.captured_at)
            for readings in batch
            if (head := heads.get(readings.account.id)) is not None and head.newest_at is not None
            for reading in readings.dated
            if reading.captured_at <= head.newest_at
        }
        return self.work.balance_snapshots.readings_at(places, self.sync_id)

    def _record_histories(
        self,
        batch: Sequence[AccountReadings],
        known: dict[tuple[AccountId, datetime], RecordedReading],
    ) -> list[CaptureResult]:
        results = []
        new: list[tuple[AccountReadings, list[Reading]]] = []
        for readings in batch:
            result, recorded = CaptureResult(), []
            for reading in readings.history:
                place = readings.account.id, reading.captured_at
                earlier = known.get(place)
                if earlier and _is_known(earlier, reading):
                    result.skipped += 1
                elif (
                    earlier
                    and earlier.sync_id == self.sync_id
                    # A closing balance may follow the interim one of another file in an archive.
                    and not (earlier.reading and earlier.reading.is_interim > reading.is_interim)
                ):
                    result.conflicts.append(reading)
                else:
                    known[place] = RecordedReading(reading, self.sync_id)
                    recorded.append(reading)
            result.recorded = len(recorded)
            results.append(result)
            new.append((readings, recorded))
        self._insert(new, Basis.REPORTED)
        return results

    def _live_instant(self, head: AccountHead, at: datetime) -> datetime:
        captured_at = at.replace(microsecond=0)
        if head.last_live_at is not None:
            if head.last_live_at - self.work.now > _AHEAD_AT_MOST:
                raise ClockBehind
            captured_at = max(captured_at, head.last_live_at + timedelta(seconds=1))
        head.last_live_at = captured_at
        return captured_at

    def _find_unlikely(
        self,
        live: Sequence[tuple[AccountReadings, Sequence[Reading]]],
        heads: Mapping[AccountId, AccountHead],
    ) -> dict[AccountId, _Unlikely]:
        """Return the accounts with a present reading to hold, each with the rule.

        One that repeats a held reading of some hours ago releases it, and counts; but a 0 of which
        the provider warns still may be of the same outage.
        """
        work = self.work
        newest = work.history_chunks.newest_balances([one.account for one, _ in live])
        holds = self._holds({one.account.id: heads[one.account.id] for one, _ in live})
        had_positions = self._had_positions(live)
        rules: dict[AccountId, HoldRule | None] = {}
        undecided: dict[Account, LiveBalance] = {}
        for readings, [reading] in live:
            account = readings.account
            balance = apply_sign(reading.balance, account.balance_sign)
            pending, is_accepted = holds.get(account.id, ((), False))
            same = [hold for hold in pending if is_close(balance, hold.snapshot.balance.amount)]
            is_outage = readings.is_warned and not reading.balance
            if same and not is_outage and is_confirmed(same, reading.captured_at):
                release(work, account, same[::-1], self.sync_id)
                continue
            previous = newest.get(account.id)
            before = None if previous is None else previous.amount
            evidence = _evidence(readings, reading, before)
            if account.id in had_positions:
                evidence = replace(evidence, have_positions_vanished=True)
            if is_accepted:
                evidence = replace(evidence, positions_value=None)
            if same and (before is None or not is_close(balance, before)):
                rules[account.id] = same[0].rule
            elif evidence.needs_earlier_balances:
                undecided[account] = evidence
            else:
                rules[account.id] = find_rule(evidence, ())
        if undecided:
            for account, earlier in work.balance_snapshots.balances_of(undecided):
                rules[account.id] = find_rule(undecided[account], earlier)
        return {
            account_id: _Unlikely(rule, str(newest[account_id]) if account_id in newest else None)
            for account_id, rule in rules.items()
            if rule is not None
        }

    def _holds(
        self, heads: Mapping[AccountId, AccountHead]
    ) -> Mapping[AccountId, tuple[Sequence[Hold], bool]]:
        """Return the pending holds of each account with holds, and if a difference was accepted."""
        with_holds = [account_id for account_id, head in heads.items() if head.has_holds]
        if not with_holds:
            return {}
        snapshots = self.work.balance_snapshots
        last_counted = snapshots.latest_of(with_holds)
        found = {}
        for account_id, of_account in snapshots.holds_of(with_holds).items():
            pending = held_since(of_account, last_counted.get(account_id))
            is_accepted = any(hold.is_accepted_difference for hold in of_account)
            heads[account_id].has_holds = bool(pending) or is_accepted
            found[account_id] = pending, is_accepted
        return found

    def _had_positions(
        self, live: Sequence[tuple[AccountReadings, Sequence[Reading]]]
    ) -> Collection[AccountId]:
        """Return the accounts that had positions, and are said to have nothing at all."""
        emptied = [
            readings.account.id
            for readings, [reading] in live
            if not reading.balance and readings.positions is not None and not readings.positions
        ]
        stored = self.work.position_sets.of_accounts(emptied, None) if emptied else ()
        return {one.account_id for one in stored if one.holdings}

    def _hold(
        self,
        live: Sequence[tuple[AccountReadings, Sequence[Reading]]],
        unlikely: Mapping[AccountId, _Unlikely],
    ) -> None:
        accounts = {readings.account.id: readings.account for readings, _ in live}
        events = {}
        for record in self._insert_live(live, are_held=True):
            content = _content_of(record.id, record.reading.captured_at)
            found = unlikely[record.account_id]
            content |= {"rule": found.rule, "previous": found.previous}
            events[accounts[record.account_id]] = [
                NewEvent(EventKind.HOLD, content, self.sync_id, record.sequence, counts=False)
            ]
        if events:
            record_events(self.work, events)
            for head in self.work.account_heads.lock(events).values():
                head.has_holds = True

    def _record_positions(
        self,
        batch: Sequence[AccountReadings],
        heads: Mapping[AccountId, AccountHead],
        live_at: Mapping[AccountId, datetime],
        at: datetime,
    ) -> None:
        """Append the sets of positions to their accounts' chains, all of them in one statement."""
        links: list[PositionLink] = []
        for readings in batch:
            head, positions = heads[readings.account.id], readings.positions
            instants = [reading.captured_at for reading in readings.history]
            if positions is None or not (instants or readings.current):
                continue
            captured_at = live_at.get(readings.account.id) or max(instants)
            content = to_content(positions, captured_at, at)
            digest = sha256(content).digest()
            is_same = digest == head.positions_digest
            new = PositionSet(
                account_id=readings.account.id,
                number=head.positions_length + 1,
                sync_id=self.sync_id,
                captured_at=captured_at,
                recorded_at=self.work.now,
                same_as=head.positions_stored if is_same else None,
                content=content,
            )
            if not is_same:
                head.positions_stored, head.positions_digest = new.number, digest
            links.append(link_positions(head.positions_chain, new))
            head.positions_chain = Chain(new.number, links[-1].digest)
        if links:
            self.work.position_sets.add(links)

    def _record_flows(
        self, batch: Sequence[AccountReadings], heads: Mapping[AccountId, AccountHead]
    ) -> None:
        """Append the flows that are not recorded yet, all of them in one statement.

        A flow is known by its source's id. Without one it is known by its whole content: a source
        that reports the same content twice has two flows.
        """
        first_days: dict[AccountId, date] = {}
        for readings in batch:
            for flow in readings.flows:
                day = first_days.setdefault(readings.account.id, flow.booked_on)
                first_days[readings.account.id] = min(day, flow.booked_on)
        if not first_days:
            return
        since = {one: _days_before(day, _REBOOKED_WITHIN) for one, day in first_days.items()}
        known = Counter(
            (account_id, _key_of(flow))
            for account_id, flow in self.work.external_flows.since(since)
        )
        links: list[FlowLink] = []
        for readings in batch:
            account_id = readings.account.id
            head = heads[account_id]
            reported: Counter[Hashable] = Counter()
            new: list[ExternalFlow] = []
            for flow in readings.flows:
                key = account_id, _key_of(flow)
                reported[key] += flow.external_id is None or not reported[key]
                if reported[key] > known[key]:
                    known[key] += 1
                    number = head.flows_length + len(new) + 1
                    now, run = self.work.now, self.sync_id
                    new.append(ExternalFlow(account_id, number, run, now, flow))
            if new:
                links += link_flows(head.flows_chain, new)
                head.flows_chain = Chain(links[-1].number, links[-1].digest)
        self.work.external_flows.add(links)

    def _insert_live(
        self,
        live: Sequence[tuple[AccountReadings, Sequence[Reading]]],
        *,
        are_held: bool = False,
    ) -> Sequence[Record]:
        """Insert present readings: those of a day are not observed, but reported for it."""
        bases = {Precision.INSTANT: Basis.OBSERVED, Precision.DAY: Basis.REPORTED}
        records: list[Record] = []
        for precision, basis in bases.items():
            of_basis = [one for one in live if one[1][0].precision is precision]
            records += self._insert(of_basis, basis, are_held=are_held)
        return records

    def _insert(
        self,
        new: Iterable[tuple[AccountReadings, Sequence[Reading]]],
        basis: Basis,
        *,
        are_held: bool = False,
    ) -> Sequence[Record]:
        """Append the readings to their accounts' chains, and insert them in one statement.

        Held ones are not in the history that readers get.
        """
        work = self.work
        recorded = [(readings, of_account) for readings, of_account in new if of_account]
        heads = work.account_heads.lock([readings.account for readings, _ in recorded])
        accounts = {readings.account.id: readings.account for readings, _ in recorded}
        links: dict[AccountId, list[Link]] = {account_id: [] for account_id in accounts}
        for readings, of_account in recorded:
            head = heads[readings.account.id]
            records = [
                Record(
                    id=SnapshotId(id_),
                    account_id=readings.account.id,
                    sequence=sequence,
                    sync_id=self.sync_id,
                    source=readings.source,
                    basis=Basis.INTERIM if reading.is_interim else basis,
                    currency=readings.account.currency,
                    reading=reading,
                    created_at=work.now,
                )
                for sequence, (id_, reading) in enumerate(
                    zip(work.new_ids(len(of_account)), of_account, strict=True),
                    head.chain.length + 1,
                )
            ]
            new_links = list(link_records(head.chain, records))
            head.chain = Chain(records[-1].sequence, new_links[-1].digest)
            instants = [reading.captured_at for reading in of_account]
            head.newest_at = max(head.newest_at or MIN_INSTANT, *instants)
            links[readings.account.id] += new_links
        work.balance_snapshots.add(chain.from_iterable(links.values()))
        for account_id, its_links in links.items():
            account, shown = accounts[account_id], () if are_held else its_links
            snapshots = [link.record.to_snapshot(account.balance_sign) for link in shown]
            if self.drafts is None:
                work.history_chunks.record(account, snapshots)
            else:
                self._add_to_draft(self.drafts, account, snapshots)
        return [link.record for its_links in links.values() for link in its_links]

    def _add_to_draft(
        self,
        drafts: dict[AccountId, ChunkDraft],
        account: Account,
        snapshots: Sequence[BalanceSnapshot],
    ) -> None:
        draft = drafts.pop(account.id, None)
        if draft is None and self.work.account_heads.lock([account])[
            account.id
        ].chain_length == len(snapshots):
            draft = self.work.history_chunks.draft(account)
        if draft is not None and draft.record(snapshots):
            drafts[account.id] = draft


def _evidence(readings: AccountReadings, reading: Reading, previous: Decimal | None) -> LiveBalance:
    account = readings.account
    positions_value = sum_market_values(readings.positions, account.currency)
    if readings.positions is not None and not readings.positions:
        positions_value = Decimal(0)
    return LiveBalance(
        account_type=account.account_type,
        balance=apply_sign(reading.balance, account.balance_sign),
        previous=previous,
        cash_value=reading.cash_value,
        positions_value=positions_value,
        is_warned=readings.is_warned,
        is_in_new_currency=readings.is_in_new_currency,
    )
