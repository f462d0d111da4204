import json
import multiprocessing
import os
import shutil
import signal
import time
from base64 import b64decode
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine, insert, select, update

from dashtam.application.provider import Unsealable
from dashtam.bootstrap.key_rotation import reseal_credentials
from dashtam.database.engine import open_engine
from dashtam.database.tables import connections, users
from dashtam.database.unit_of_work import Database
from dashtam.domain.connection import ProviderKind
from dashtam.security import key_ring
from dashtam.security.cipher import KeyRingCipher, parse_key_id
from dashtam.security.key_ring import KeyRing, KeyRingUnreadable, LiveKeyRing
from proofs import Proof

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
PLACE = ("connections", "row-1", "owner-1", "credentials")
PLAIN = b'{"token": "planted-c4nary"}'
ROWS = 250

spawn = multiprocessing.get_context("spawn")


@pytest.fixture
def cipher() -> KeyRingCipher:
    return KeyRingCipher(LiveKeyRing(KeyRing.new(NOW)))


@given(st.binary(max_size=300), st.lists(st.text(max_size=20), max_size=5))
def test_sealed_text_opens_at_its_place(plain: bytes, place: list[str]) -> None:
    cipher = KeyRingCipher(LiveKeyRing(KeyRing.new(NOW)))
    assert cipher.open(cipher.seal(plain, place), place) == plain


def test_sealed_text_reveals_nothing_and_differs_each_time(cipher: KeyRingCipher) -> None:
    first, second = cipher.seal(PLAIN, PLACE), cipher.seal(PLAIN, PLACE)
    assert b"canary" not in first
    # The version and the key's id are the same; the nonce and the ciphertext are new.
    assert first[:9] == second[:9]
    assert first[9:21] != second[9:21]
    assert first[21:] != second[21:]


def test_sealed_text_opens_at_no_other_place(cipher: KeyRingCipher) -> None:
    sealed = cipher.seal(PLAIN, PLACE)
    others = [(*PLACE[:number], "other", *PLACE[number + 1 :]) for number in range(len(PLACE))]
    # Other parts may join to the same text.
    others += [
        PLACE[:-1], (*PLACE, ""), ("connectionsrow-1", *PLACE[2:]), ("connections", "row-1owner-1",
        "", "credentials"), tuple(reversed(PLACE)), ("".join(PLACE),), (),
    ]  # fmt: skip
    for other in others:
        with pytest.raises(Unsealable):
            cipher.open(sealed, other)


def test_any_change_is_detected(cipher: KeyRingCipher) -> None:
    sealed = cipher.seal(PLAIN, PLACE)
    for place in range(len(sealed)):
        changed = bytearray(sealed)
        changed[place] ^= 1
        with pytest.raises(Unsealable):
            cipher.open(bytes(changed), PLACE)
    for end in range(len(sealed)):
        with pytest.raises(Unsealable):
            cipher.open(sealed[:end], PLACE)


def test_parts_of_two_sealed_texts_do_not_open(cipher: KeyRingCipher) -> None:
    first, second = cipher.seal(PLAIN, PLACE), cipher.seal(b"other", PLACE)
    # A nonce opens its own text alone, though both belong to one place.
    with pytest.raises(Unsealable):
        cipher.open(first[:21] + second[21:], PLACE)


def test_another_key_ring_opens_nothing(cipher: KeyRingCipher) -> None:
    other = KeyRingCipher(LiveKeyRing(KeyRing.new(NOW)))
    with pytest.raises(Unsealable, match="not on the key ring"):
        other.open(cipher.seal(PLAIN, PLACE), PLACE)


def test_a_rotation_reaches_a_running_process(tmp_path: Path) -> None:
    path = tmp_path / "ring.json"
    key_ring.create(path, NOW)
    running = KeyRingCipher(LiveKeyRing.at(path))
    before = running.seal(PLAIN, PLACE)
    key_ring.rotate(path, NOW)
    later = KeyRingCipher(LiveKeyRing.at(path)).seal(PLAIN, PLACE)
    assert parse_key_id(later) != parse_key_id(before)
    assert running.open(later, PLACE) == running.open(before, PLACE) == PLAIN


def test_an_incomplete_key_ring_is_refused_without_its_secrets() -> None:
    kept = json.loads(KeyRing.new(NOW).text)
    short: dict[str, object] = {"key": "AAAA", "made_at": "2026-01-01T00:00:00Z"}
    changes: list[dict[str, object]] = [
        {"sealing": []}, {"version": 3}, {"sealing": [{"key": "AAAA"}]}, {"sealing": [short]},
    ]  # fmt: skip
    for change in changes:
        with pytest.raises(KeyRingUnreadable) as caught:
            KeyRing.parse(json.dumps(kept | change))
        assert kept["secret"] not in str(caught.value)


def test_the_repr_of_a_key_ring_shows_no_secret() -> None:
    ring = KeyRing.new(NOW)
    secrets = [ring.secret, ring.sealing_key.key, ring.signing_key.private]
    assert not any(repr(secret) in repr(ring) for secret in secrets)
    assert b64decode(json.loads(ring.text)["sealing"][0]["key"]) == ring.sealing_key.key


def test_old_sealing_keys_are_removed_a_day_after_nothing_needs_them(tmp_path: Path) -> None:
    path = tmp_path / "ring.json"
    first = key_ring.create(path, NOW).sealing_key.id
    second = key_ring.rotate(path, NOW + timedelta(hours=1)).sealing_key.id

    def remaining(at: datetime, keep: frozenset[bytes] = frozenset()) -> list[bytes]:
        return [key.id for key in key_ring.remove_sealing_keys(path, at, keep).sealing_keys]

    assert remaining(NOW + timedelta(hours=24)) == [first, second]
    assert remaining(NOW + timedelta(days=9), frozenset({first})) == [first, second]
    assert remaining(NOW + timedelta(days=9)) == [second]
    assert remaining(NOW + timedelta(days=99)) == [second]


def insert_credentials(path: Path, cipher: KeyRingCipher) -> None:
    """Insert connections with sealed credentials, different in each row."""
    owner = uuid4()
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        connection.execute(
            insert(users),
            {
                "id": owner, "email": "a@b.example", "email_key": "a@b.example",
                "password_hash": "x", "created_at": NOW, "updated_at": NOW,
            },
        )  # fmt: skip
        for number in range(ROWS):
            row = uuid4()
            place = ("connections", str(row), str(owner), "credentials")
            connection.execute(
                insert(connections),
                {
                    "id": row, "user_id": owner, "provider": "demo", "kind": ProviderKind.API,
                    "institution": f"i{number}", "name": "n", "state": "active",
                    "credentials": cipher.seal(f"secret {row}".encode(), place),
                    "created_at": NOW, "updated_at": NOW,
                },
            )  # fmt: skip
    engine.dispose()


def sealed_rows(path: Path) -> list[tuple[UUID, UUID, bytes]]:
    engine = create_engine(f"sqlite:///{path}")
    statement = select(connections.c.id, connections.c.user_id, connections.c.credentials)
    with engine.connect() as connection:
        found = [(row[0], row[1], row[2]) for row in connection.execute(statement)]
    engine.dispose()
    return found


def can_open_all(path: Path, cipher: KeyRingCipher) -> bool:
    return all(
        cipher.open(sealed, ("connections", str(row), str(owner), "credentials"))
        == f"secret {row}".encode()
        for row, owner, sealed in sealed_rows(path)
    )


def rotate_and_reseal(database: Path, ring: Path) -> frozenset[bytes]:
    engine = open_engine(f"sqlite:///{database}", pool_size=1)
    try:
        return reseal_credentials(Database(engine, lambda: NOW), key_ring.rotate(ring, NOW))
    finally:
        engine.dispose()


@pytest.mark.proves(20)
def test_a_killed_rotation_can_be_repeated(
    migrated_sqlite: Path, tmp_path: Path, proof: Proof
) -> None:
    database, ring = tmp_path / "dashtam.db", tmp_path / "ring.json"
    shutil.copyfile(migrated_sqlite, database)
    key_ring.create(ring, NOW)
    insert_credentials(database, KeyRingCipher(LiveKeyRing.at(ring)))
    for round_ in range(proof(20)):
        newest = KeyRing.load(ring).sealing_key.id
        process = spawn.Process(target=rotate_and_reseal, args=(database, ring))
        process.start()
        while KeyRing.load(ring).sealing_key.id == newest and process.is_alive():
            time.sleep(0.001)
        time.sleep(0.01 * round_)
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        assert can_open_all(database, KeyRingCipher(LiveKeyRing.at(ring)))
    assert rotate_and_reseal(database, ring) == frozenset()
    ids = {parse_key_id(sealed) for _, _, sealed in sealed_rows(database)}
    assert ids == {KeyRing.load(ring).sealing_key.id}
    key_ring.remove_sealing_keys(ring, NOW + timedelta(days=2), frozenset())
    assert len(KeyRing.load(ring).sealing_keys) == 1
    assert can_open_all(database, KeyRingCipher(LiveKeyRing.at(ring)))
    proof.record(kills=proof(20), credentials_lost=0)


def test_a_row_that_cannot_be_opened_is_unchanged_and_its_key_is_kept(
    migrated_sqlite: Path, tmp_path: Path
) -> None:
    database, ring = tmp_path / "dashtam.db", tmp_path / "ring.json"
    shutil.copyfile(migrated_sqlite, database)
    old = key_ring.create(ring, NOW).sealing_key.id
    insert_credentials(database, KeyRingCipher(LiveKeyRing.at(ring)))
    (first, _, one), (second, _, other), *_ = sealed_rows(database)
    engine = create_engine(f"sqlite:///{database}")
    with engine.begin() as connection:
        for row, sealed in ((first, other), (second, one)):
            change = update(connections).where(connections.c.id == row)
            connection.execute(change.values(credentials=sealed))
    engine.dispose()
    assert rotate_and_reseal(database, ring) == {old}
    swapped = [(row, sealed) for row, _, sealed in sealed_rows(database)]
    assert (first, other) in swapped
    assert (second, one) in swapped
    ids = [parse_key_id(sealed) for _, sealed in swapped]
    assert ids.count(old) == 2
    with pytest.raises(Unsealable):
        can_open_all(database, KeyRingCipher(LiveKeyRing.at(ring)))
    assert len(set(ids)) == 2
