from threading import Thread

import pytest
from argon2 import extract_parameters

from application import PASSWORD
from concurrency import at_once
from dashtam.security.passwords import Argon2Passwords, dummy_hash

cheap = Argon2Passwords(memory_kib=8, passes=1)


def test_hashes_are_argon2id_with_the_parameters_of_owasp() -> None:
    assert Argon2Passwords().hash(PASSWORD).startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_a_password_is_right_or_wrong() -> None:
    kept = cheap.hash(PASSWORD)
    assert cheap.verify(PASSWORD, kept)
    assert not cheap.verify(PASSWORD + " ", kept)
    assert not cheap.verify(PASSWORD, None)
    assert not cheap.verify(PASSWORD, "not a hash")


def test_letters_composed_in_two_ways_are_one_password() -> None:
    assert cheap.verify("cafe\u0301 au lait", cheap.hash("caf\u00e9 au lait"))


def test_the_dummy_hash_has_the_parameters_of_a_real_one() -> None:
    real = Argon2Passwords(memory_kib=4096, passes=3).hash(PASSWORD)
    assert extract_parameters(dummy_hash(4096, 3)) == extract_parameters(real)


def test_many_hashes_at_once_all_finish() -> None:
    passwords = Argon2Passwords(memory_kib=4096, passes=1)
    outcomes = at_once(8, lambda _: passwords.hash(PASSWORD))
    assert all(isinstance(outcome, str) for outcome in outcomes)


@pytest.mark.parametrize("password", ["correcthorse", "qwertyuiop12", "letmein12345", "a" * 256])
def test_common_passwords_are_recognised(password: str) -> None:
    assert cheap.is_common(password, "ann@example.org")


@pytest.mark.parametrize("password", [PASSWORD, "tr0mbone!gravel?Kite", PASSWORD * 9])
def test_uncommon_passwords_are_accepted(password: str) -> None:
    assert not cheap.is_common(password, "ann@example.org")


def test_passwords_scored_at_the_same_time_do_not_mix() -> None:
    emails = [f"peculiar{number}walrus@example.org" for number in range(4)]
    threads = [Thread(target=cheap.is_common, args=(email, email)) for email in emails]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert cheap.is_common("peculiarwalrus@", "peculiarwalrus@example.org")
