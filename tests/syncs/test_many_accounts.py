"""A sync of many accounts is written as a set, whatever becomes of them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from sqlalchemy import event

from application import App, Person
from dashtam.application.provider import Report
from scripted_provider import account


@contextmanager
def counted(app: App) -> Iterator[list[str]]:
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        statements.append(statement)

    event.listen(app.installation.engine, "before_cursor_execute", note)
    yield statements
    event.remove(app.installation.engine, "before_cursor_execute", note)


def told(count: int, ids: str, balance: str) -> Report:
    reports = [account(balance, str(number)) for number in range(count)]
    return Report(
        [
            replace(one, identity=replace(one.identity, external_id=f"{ids}-{number}"))
            for number, one in enumerate(reports)
        ]
    )


def test_accounts_that_continue_under_another_connection_move_in_one_statement(
    app: App, ada: Person
) -> None:
    def reconnect(count: int) -> int:
        app.provider.usual = told(count, f"of {count}", "1.00")
        first = app.connected(ada)
        assert ada.delete(f"/connections/{first['id']}").status_code == 204
        with counted(app) as statements:
            second = app.connected(ada)
        run = ada.get(f"/syncs/{second['sync_id']}").json()
        assert (run["state"], run["recorded"], run["skipped"]) == ("succeeded", count, 0)
        return len(statements)

    assert reconnect(2) == reconnect(30)
    assert app.events().count("account_continued") == 32


def test_joins_of_many_accounts_are_proposed_in_one_statement(app: App, ada: Person) -> None:
    def rename(count: int) -> int:
        app.provider.usual = told(count, f"of {count}", "1.00")
        path = f"/connections/{app.connected(ada)['id']}/syncs"
        app.clock.advance(days=1)
        app.provider.script = [told(count, f"new of {count}", "2.00")]
        with counted(app) as statements:
            run = ada.post(path).json()
        assert [one["code"] for one in run["accounts"]] == (
            ["join_proposed"] * count + ["not_reported"] * count
        )
        return len(statements)

    few = rename(2)
    assert rename(30) < few + 5
