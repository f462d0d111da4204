"""Writers that wait keep nobody from reading."""

import time
from concurrent.futures import ThreadPoolExecutor

from application import Applications


def test_reading_goes_on_while_many_wait_for_a_long_import(applications: Applications) -> None:
    app = applications.open()
    ada, bob = app.person(), app.person("bob@example.com")
    account_id = ada.account("1")
    with ThreadPoolExecutor(20) as pool:
        # As a long import does: it writes, and holds its user, until it ends.
        with app.services.database.write() as work:
            work.users.lock_for_recording(ada.id)
            at = "2025-02-01"
            typed = [pool.submit(ada.type, account_id, str(number), at) for number in range(20)]
            time.sleep(0.5)
            started = time.monotonic()
            for person in (ada, bob):
                assert person.get("/balance-snapshots").status_code == 200
            took_s = time.monotonic() - started
        assert {row.result()["account_id"] for row in typed} == {account_id}
    assert took_s < 3
    assert ada.history(account_id)["total_count"] == 21
