from threading import Thread

import pytest
from argon2 import extract_parameters

from dashtam.security.passwords import Argon2Passwords, dummy_hash
from people.stage import PASSWORD, at_once

cheap = Argon2Passwords(memory_kib=8, passes=1)


def test_hashes_are_argon2id_with_the_parameters_of_owasp() -> None:
    assert Argon2Passwords().hash(PASSWORD).startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_a_password_is_right_or_wrong() -> None:
    kept = cheap.hash(PASSWORD)
    assert cheap.verify(PASSWORD, kept)
    assert not cheap.verify(PASSWORD + " ", kept)
    assert not cheap.verify(PASSWORD, None)
    assert not cheap.verify(PASSWORD, "not a hash")


def test_keyboards_may_compose_letters_differently() -> None:
    assert cheap.verify("cafe\u0301 au lait", cheap.hash("caf\u00e9 au lait"))


def test_nobodys_hash_costs_what_a_real_one_does() -> None:
    real = Argon2Passwords(memory_kib=4096, passes=3).hash(PASSWORD)
    assert extract_parameters(dummy_hash(4096, 3)) == extract_parameters(real)


def test_hashes_wait_their_turn() -> None:
    passwords = Argon2Passwords(memory_kib=4096, passes=1)
    outcomes = at_once(8, lambda _: passwords.hash(PASSWORD))
    assert all(isinstance(outcome, str) for outcome in outcomes)


@pytest.mark.parametrize("password", ["correcthorse", "qwertyuiop12", "letmein12345", "a" * 256])
def test_common_passwords_are_known(password: str) -> None:
    assert cheap.is_common(password, "ann@example.org")


@pytest.mark.parametrize("password", [PASSWORD, "tr0mbone!gravel?Kite", PASSWORD * 9])
def test_uncommon_passwords_are_welcome(password: str) -> None:
    assert not cheap.is_common(password, "ann@example.org")


def test_judging_several_passwords_at_once_mixes_nobody_up() -> None:
    emails = [f"peculiar{number}walrus@example.org" for number in range(4)]
    threads = [Thread(target=cheap.is_common, args=(email, email)) for email in emails]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert cheap.is_common("peculiarwalrus@", "peculiarwalrus@example.org")
