from recorded_answers.conftest import Recorded
from recorded_answers.error_responses import record_errors


def test_import_profiles_are_answered_as_recorded(recorded: Recorded) -> None:
    with recorded("import-profiles") as app:
        ada = app.open().person()
        ada("GET", "/import-profiles", "none yet")
        body: dict[str, object] = {
            "delimiter": ";",
            "columns": ["Tag", "Saldo"],
            "mapping": {"currency_code": "EUR"},
        }
        changes: dict[str, dict[str, object]] = {
            "for a header": {},
            "no columns": {"columns": []},
            "an unknown key": {"mapping": {"colour": "blue"}},
            "an unknown delimiter": {"delimiter": "-"},
        }
        for note, change in changes.items():
            ada("POST", "/import-profiles", note, json=body | change)
            app.clock.advance(seconds=1)
        key = {"Idempotency-Key": "a-profile"}
        ada("POST", "/import-profiles", "by a key", json=body, headers=key)
        other = body | {"columns": ["Other"]}
        ada("POST", "/import-profiles", "another by the key", json=other, headers=key)
        page = ada("GET", "/import-profiles")
        ada("HEAD", "/import-profiles")
        profile = page["import_profiles"][0]["id"]
        eve = app.person("eve@example.org")
        eve("DELETE", f"/import-profiles/{profile}", "another's")
        ada("DELETE", f"/import-profiles/{profile}")
        ada("DELETE", f"/import-profiles/{profile}", "again")
        record_errors(app, "import-profiles")
