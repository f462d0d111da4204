"""nginx with the configuration of the guide: TLS, a path, uploads, and events at once."""

import os
import re
import shutil
import socket
import sqlite3
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from datetime import date, timedelta
from pathlib import Path

import httpx2
import pytest
import trustme

from debian_packages import find_or_install
from multi_process.remote_user import PASSWORD
from server_process import serving

GUIDE = Path(__file__).parents[2] / "docs" / "deploying.md"
BACKEND = "http://127.0.0.1:8000"
MISSING = "This test runs nginx, and there is none. On Debian and Ubuntu: apt-get install nginx."


@pytest.fixture
def nginx() -> str:
    """The program; Debian's is installed first where that can be done, and never started."""
    folders = os.pathsep.join([os.defpath, "/usr/sbin", "/usr/local/sbin"])
    found = find_or_install(lambda: shutil.which("nginx", path=folders), "nginx-light")
    assert found is not None, MISSING
    return found


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("path", ["", "/dashtam"])
def test_the_guides_nginx_serves_all_of_dashtam(
    nginx: str, database_url: str, tmp_path: Path, path: str
) -> None:
    authority = trustme.CA()
    with ExitStack() as stack:
        port = _free_port()
        public = f"https://localhost:{port}{path}"
        options = {
            "PUBLIC_URL": public,
            "TRUSTED_PROXIES": "127.0.0.0/8",
            "REGISTRATION": "open",
            "WORKER": "false",
        }
        server = stack.enter_context(serving(tmp_path / "data", database_url, **options))
        stack.enter_context(_proxy(nginx, tmp_path, authority, port, server.url, path))
        context = ssl.create_default_context()
        authority.configure_trust(context)
        client = stack.enter_context(
            httpx2.Client(base_url=public, verify=context, timeout=60, trust_env=False)
        )
        page = client.get("/", headers={"Accept": "text/html"})
        assert page.status_code == 200
        assert f'<base href="{path}/">' in page.text or not path
        sign_in(client, f"https://localhost:{port}", path)
        if not path:
            upload(client)
        follow(client, database_url, path)


def sign_in(client: httpx2.Client, origin: str, path: str) -> None:
    credentials = {"email": "ada@example.com", "password": PASSWORD}
    assert client.post("/api/v1/users", json=credentials).status_code == 201
    session = client.post("/api/v1/sessions", json=credentials | {"cookie": True})
    cookie = session.headers["set-cookie"].lower()
    assert "; secure" in cookie
    assert f"path={path}/api/v1" in cookie
    client.headers["Authorization"] = f"Bearer {session.json()['access_token']}"
    headers = {"Origin": origin}
    assert client.post("/api/v1/tokens", json={}, headers=headers).status_code == 201


def upload(client: httpx2.Client) -> None:
    days = [date(2010, 1, 1) + timedelta(days=number) for number in range(400)]
    rows = "".join(f"Savings,{day},{day.year}.00,USD,{'x' * 3000}\n" for day in days)
    file = {"file": ("large.csv", f"Account,Date,Balance,Currency,Note\n{rows}".encode())}
    assert len(file["file"][1]) > 1024 * 1024, "nginx takes that much by itself"
    tried = client.post("/api/v1/imports", files=file, data={"dry_run": "true"})
    assert tried.status_code == 201, tried.text
    assert tried.json()["recorded"] == len(days)


def follow(client: httpx2.Client, database_url: str, path: str) -> None:
    provider = {"provider": "demo", "credentials": {"seed": "nginx"}}
    made = client.post("/api/v1/connections", json=provider)
    assert made.status_code == 201, made.text
    assert made.headers["location"].startswith(f"{path}/api/v1/")
    (sync,) = client.get("/api/v1/syncs").json()["syncs"]
    finished_at = reopen(database_url)
    with client.stream("GET", f"/api/v1/syncs/{sync['id']}/events", timeout=10) as stream:
        chunks = stream.iter_bytes()
        assert b'"state":"running"' in next(chunks)
        end(database_url, finished_at)
        assert b'"state":"succeeded"' in b"".join(chunks)


@contextmanager
def _proxy(
    program: str, folder: Path, authority: trustme.CA, port: int, backend: str, path: str
) -> Iterator[None]:
    """Run nginx with the server of the guide, and with the guide's location of a path."""
    server, location = re.findall(r"```nginx\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    if path:
        server, replaced = re.subn(
            r"    location / \{.*?\n    \}\n", location, server, flags=re.DOTALL
        )
        assert replaced == 1
    certificate = authority.issue_cert("localhost")
    certificate.private_key_pem.write_to_path(folder / "key.pem")
    for blob in certificate.cert_chain_pems:
        blob.write_to_path(folder / "certificate.pem", append=True)
    for told, used in [
        ("443 ssl", f"127.0.0.1:{port} ssl"),
        ("/etc/ssl/certs/money.example.pem", str(folder / "certificate.pem")),
        ("/etc/ssl/private/money.example.key", str(folder / "key.pem")),
        ("money.example", "localhost"),
        (BACKEND, backend),
    ]:
        assert told in server, f"the guide has no {told}"
        server = server.replace(told, used)
    temporary = "".join(
        f"{name}_temp_path {folder}/{name};\n"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(
        f"{user} daemon off; pid {folder}/nginx.pid; worker_processes 1;\n"
        f"error_log {folder}/nginx.log; events {{}}\n"
        f"http {{ access_log off;\n{temporary}{server} }}\n"
    )
    process = subprocess.Popen(
        [program, "-e", f"{folder}/nginx.log", "-p", str(folder), "-c", f"{folder}/nginx.conf"],
        stderr=subprocess.PIPE,
    )
    try:
        _wait_until_listening(process, port)
        yield
    finally:
        process.terminate()
        process.communicate()


def _wait_until_listening(process: "subprocess.Popen[bytes]", port: int) -> None:
    deadline = time.monotonic() + 30
    while True:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        assert process.poll() is None, (process.stderr and process.stderr.read()) or b""
        assert time.monotonic() < deadline, "nginx does not listen"
        time.sleep(0.05)


def _free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as found:
        port: int = found.getsockname()[1]
    return port


def reopen(database_url: str) -> str:
    """Let the only sync run again, as no provider of a test is slow; return when it had ended."""
    path = database_url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path, timeout=30)) as opened, opened:
        ((finished_at,),) = opened.execute("SELECT finished_at FROM syncs").fetchall()
        opened.execute("UPDATE syncs SET state = 'running', finished_at = NULL")
    return str(finished_at)


def end(database_url: str, finished_at: str) -> None:
    path = database_url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path, timeout=30)) as opened, opened:
        opened.execute("UPDATE syncs SET state = 'succeeded', finished_at = ?", (finished_at,))
