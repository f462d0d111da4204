import json
import multiprocessing
import os
import signal
import stat
import time
from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from dashtam.domain.user import SessionId, UserId
from dashtam.security.jwt import JwtSigner
from dashtam.security.key_ring import (
    KeyRing,
    KeyRingSecrets,
    KeyRingUnreadable,
    LiveKeyRing,
    create,
    rotate,
)
from proofs import Proof

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
ME, MINE = UserId(uuid4()), SessionId(uuid4())

spawn = multiprocessing.get_context("spawn")


def signer_of(keys: LiveKeyRing) -> JwtSigner:
    return JwtSigner(keys, "issuer", "audience")


def test_the_file_is_private_to_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "ring.json"
    create(path, NOW)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    rotate(path, NOW)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_second_start_uses_the_ring_of_the_first(tmp_path: Path) -> None:
    path = tmp_path / "ring.json"
    assert create(path, NOW) == create(path, NOW) == KeyRing.load(path)


def test_processes_that_start_together_share_one_ring(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "ring.json"
    with spawn.Pool(4) as pool:
        rings = pool.starmap(create, [(path, NOW)] * 16, chunksize=1)
    assert set(rings) == {KeyRing.load(path)}


def rotate_until_killed(path: Path) -> None:
    while True:
        rotate(path, NOW + timedelta(days=1))


@pytest.mark.proves(20)
def test_a_killed_rotation_leaves_a_whole_ring(tmp_path: Path, proof: Proof) -> None:
    path = tmp_path / "ring.json"
    secret = create(path, NOW).secret
    for round_ in range(proof(20)):
        process = spawn.Process(target=rotate_until_killed, args=(path,))
        process.start()
        before = KeyRing.load(path)
        while KeyRing.load(path) == before:
            time.sleep(0.001)
        time.sleep(0.0003 * round_)
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        assert KeyRing.load(path).secret == secret
        rotate(path, NOW + timedelta(days=2))
        proof.record(kills=1)


def test_tokens_stay_valid_after_a_rotation_until_they_expire(tmp_path: Path) -> None:
    path = tmp_path / "ring.json"
    create(path, NOW)
    signer = signer_of(LiveKeyRing.at(path))
    old = signer.issue(ME, MINE, NOW)
    rotate(path, NOW)
    new = signer_of(LiveKeyRing.at(path)).issue(ME, MINE, NOW)
    assert old.partition(".")[0] != new.partition(".")[0]
    last_s = NOW + timedelta(seconds=899)
    assert signer.verify(old, last_s) is not None
    assert signer.verify(new, last_s) is not None
    assert signer.verify(old, NOW + timedelta(seconds=900)) is None


def test_a_running_process_verifies_with_a_new_key_at_once(tmp_path: Path) -> None:
    path = tmp_path / "ring.json"
    create(path, NOW)
    seconds = [0.0]
    running = LiveKeyRing(KeyRing.load(path), path, lambda: seconds[0])
    rotated = rotate(path, NOW)
    assert running.current() != rotated
    token = signer_of(LiveKeyRing.at(path)).issue(ME, MINE, NOW)
    assert signer_of(running).verify(token, NOW) is not None
    assert running.current() == rotated


def test_a_running_process_signs_with_a_new_key_a_second_later(tmp_path: Path) -> None:
    path = tmp_path / "ring.json"
    create(path, NOW)
    seconds = [0.0]
    running = LiveKeyRing(KeyRing.load(path), path, lambda: seconds[0])
    rotated = rotate(path, NOW)
    seconds[0] = 1.0
    assert running.current() == rotated


@pytest.mark.parametrize("broken", [None, b"", b"{}"])
def test_a_running_process_keeps_its_ring_when_the_file_breaks(
    tmp_path: Path, broken: bytes | None
) -> None:
    path = tmp_path / "ring.json"
    ring = create(path, NOW)
    running = LiveKeyRing.at(path)
    path.unlink()
    if broken is not None:
        path.write_bytes(broken)
    assert running.reload() == ring


def test_a_retired_key_is_dropped_when_its_tokens_have_expired() -> None:
    ring = KeyRing.new(NOW).with_new_keys(NOW)
    first, second = ring.signing_keys
    assert [key["kid"] for key in ring.jwks(NOW)["keys"]] == [second.kid, first.kid]
    later = NOW + timedelta(hours=1)
    assert [key["kid"] for key in ring.jwks(later)["keys"]] == [second.kid]
    assert first not in ring.with_new_keys(later).signing_keys


def test_public_keys_are_json_web_keys() -> None:
    ring = KeyRing.new(NOW)
    (key,) = ring.jwks(NOW)["keys"]
    assert key == {
        "kty": "OKP",
        "crv": "Ed25519",
        "x": urlsafe_b64encode(ring.signing_key.public_key.public_bytes_raw()).decode().rstrip("="),
        "kid": ring.signing_key.kid,
        "use": "sig",
        "alg": "EdDSA",
    }


def test_a_ring_is_parsed_from_its_own_text_and_its_repr_shows_no_secret() -> None:
    ring = KeyRing.new(NOW).with_new_keys(NOW)
    assert KeyRing.parse(ring.text) == ring
    assert KeyRing.parse(ring.text.decode()) == ring
    assert repr(ring.secret) not in repr(ring)
    assert repr(ring.signing_key.private) not in repr(ring)


@pytest.mark.parametrize(
    "text",
    [
        b"", b"{}", b"[]", b"\xff", b'{"version": 2, "secret": "", "signing": []}',
        b'{"version": 2, "secret": "AAAA", "signing": [], "sealing": []}',
        b'{"version": 2, "secret": "' + b"A" * 43 + b'=", "signing": [], "sealing": []}',
    ],
)  # fmt: skip
def test_other_text_is_refused(text: bytes) -> None:
    with pytest.raises(KeyRingUnreadable):
        KeyRing.parse(text)


@pytest.mark.parametrize("version", [-1, 0, 1, 3, 10**100])
def test_a_ring_of_another_version_is_refused_by_its_version(version: int) -> None:
    text = json.dumps(json.loads(KeyRing.new(NOW).text) | {"version": version})
    with pytest.raises(KeyRingUnreadable, match=f"has version {version},"):
        KeyRing.parse(text)


def test_derived_secrets_differ_by_purpose_and_survive_a_rotation(tmp_path: Path) -> None:
    path = tmp_path / "ring.json"
    create(path, NOW)
    before = KeyRingSecrets(LiveKeyRing.at(path))
    rotate(path, NOW)
    after = KeyRingSecrets(LiveKeyRing.at(path))
    assert before.derive("a", b"data") == after.derive("a", b"data")
    assert len({before.derive(p, d) for p, d in (("a", b"bc"), ("ab", b"c"), ("b", b"bc"))}) == 3
    assert before.random() != before.random()
