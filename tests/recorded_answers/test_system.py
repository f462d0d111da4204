import json

from sqlalchemy import create_engine, text

from recorded_answers.caller import RecordedApp
from recorded_answers.conftest import Recorded
from recorded_answers.routes import document

SYSTEM = ("/livez", "/readyz", "/openapi.json", "/.well-known/jwks.json", "/docs")
APP = "https://app.example"
PREFLIGHT = {"Access-Control-Request-Method": "PATCH",
             "Access-Control-Request-Headers": "Authorization, Content-Type"}  # fmt: skip


def test_paths_outside_the_api_are_answered_as_recorded(recorded: Recorded) -> None:
    with recorded("system") as app:
        app.open()
        record_system(app)
        record_dashboard(app)
        record_unknown_paths(app)
        record_metrics(app)
        record_other_origins(app)
        record_another_schema(app)


def record_system(app: RecordedApp) -> None:
    anybody = app.outside
    for path in ("/livez", "/readyz", "/.well-known/jwks.json"):
        anybody("GET", path)
    told = anybody("GET", "/openapi.json", leave_out=["body"])
    assert json.dumps(told) == json.dumps(document())
    # A page for people: other tests read it.
    anybody("GET", "/docs", leave_out=["body", "content-length"])
    for path in SYSTEM:
        anybody("HEAD", path, leave_out=["content-length"] if path == "/docs" else [])
        anybody("OPTIONS", path)
        anybody("POST", path, "the method is not allowed")
        anybody("GET", f"{path}?{'x' * 16_384}", "the address is too long")


def record_dashboard(app: RecordedApp) -> None:
    anybody = app.outside
    # Each build of the dashboard has another content.
    built = ["body", "content-length"]
    for path in ("/", "/accounts/00000000-0000-4000-8000-000000000000", "/settings"):
        anybody("GET", path, leave_out=built)
    anybody("GET", "/", "compressed", built, headers={"Accept-Encoding": "gzip"})
    anybody("HEAD", "/", leave_out=built)
    anybody("OPTIONS", "/")
    anybody("POST", "/", "the method is not allowed")
    anybody("GET", "/style.css", leave_out=built)
    anybody("GET", "/favicon.svg", leave_out=built)


def record_unknown_paths(app: RecordedApp) -> None:
    anybody = app.outside
    for path in ("/nothing", "/api/v1", "/api/v1/", "/api/v1/nothing", "/api/v1/accounts/",
                 "/API/V1/ACCOUNTS", "/api/v1/accounts/a/b/c", "/livez/",
                 "/%2e%2e/etc/passwd"):  # fmt: skip
        anybody("GET", path)
    anybody("HEAD", "/nothing")
    anybody("OPTIONS", "/nothing")
    anybody("POST", "/nothing", "a large body", content=b" " * (1024 * 1024 + 1))


def record_metrics(app: RecordedApp) -> None:
    app.outside("GET", "/metrics", "off")
    anybody = app.open(metrics=True).outside
    anybody.send("GET", "/livez")
    # Times and memory differ with each request.
    anybody("GET", "/metrics", "on", ["body", "content-length"])
    told = anybody.send("GET", "/metrics").text
    assert 'dashtam_requests_total{method="GET",status="200"} 2.0\n' in told
    anybody("HEAD", "/metrics", "on", ["content-length"])
    anybody("OPTIONS", "/metrics", "on")


def record_other_origins(app: RecordedApp) -> None:
    ada = app.open(cors_origins=APP, errors_url="https://errors.example/").person()
    for origin in (APP, "https://elsewhere.example"):
        sent = {"Origin": origin}
        ada("OPTIONS", "/accounts", f"asked by {origin}", headers=PREFLIGHT | sent)
        ada("GET", "/accounts", f"from {origin}", headers=sent)
        ada("GET", "/balance-snapshots", f"from {origin}", headers=sent)
        ada("GET", "/nothing", f"from {origin}", headers=sent)


def record_another_schema(app: RecordedApp) -> None:
    anybody = app.open().outside
    engine = create_engine(app.applications.database_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'another'"))
    engine.dispose()
    anybody("GET", "/readyz", "the schema is another")
    anybody("GET", "/livez", "the schema is another")
