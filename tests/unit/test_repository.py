"""Promises of the repository itself: what is in it, and that its scripts say clearly what is wrong."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

import livetrader

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "livetrader"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
BENCHMARKS = [ROOT / "benchmarks" / name for name in ("peers.sh", "run_all")]
SCRIPTS = sorted([*(ROOT / "scripts").iterdir(), ROOT / ".ci" / "run", *BENCHMARKS])
MODULES = sorted(PACKAGE.rglob("*.py"))
PACKAGES = sorted(path.parent for path in PACKAGE.glob("*/**/__init__.py"))
LOCKS = ("requirements.lock", "requirements-dev.lock")

# In pieces, so that this file does not name what it forbids.
HOST = re.compile("|".join(["py" + r"pi\.org", "python" + r"hosted\.org", "ana" + r"conda\.org"]))
MACHINE_PATH = re.compile(r"(?<![\w.$}])/(?:" + "|".join(["wo" + "rk", "ro" + "ot", "tmp/" + "dev"]) + r")\b")


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


@cache
def files() -> tuple[Path, ...]:
    """Every file that git has or would take."""
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("not a git checkout")
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return tuple(path for name in listed.split("\0") if name and (path := ROOT / name).is_file())


@cache
def pins(lock: str) -> dict[str, Version]:
    found = re.findall(r"^([\w.-]+)==([^\s;]+)", (ROOT / lock).read_text(), re.MULTILINE)
    return {name: Version(version) for name, version in found}


@pytest.mark.parametrize(
    "forbidden", [pytest.param(HOST, id="registry host"), pytest.param(MACHINE_PATH, id="machine path")]
)
def test_no_file_names_a_registry_host_or_a_path_of_one_machine(forbidden: re.Pattern[str]) -> None:
    found = []
    for path in files():
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
            if forbidden.search(line):
                found.append(f"{relative(path)}:{number}: {line.strip()[:80]}")
    assert found == []


@pytest.mark.parametrize("line", ["see /wo" + "rk/main", "cd /ro" + "ot", '"/tmp/' + 'dev/v"'])
def test_the_search_for_machine_paths_finds_one(line: str) -> None:
    assert MACHINE_PATH.search(line)


@pytest.mark.parametrize("line", ["work/main", "$root/scripts", "https://example.com/workshop"])
def test_the_search_for_machine_paths_leaves_others_alone(line: str) -> None:
    assert not MACHINE_PATH.search(line)


@pytest.mark.parametrize("script", SCRIPTS, ids=relative)
def test_a_script_is_executable_strict_and_parses(script: Path) -> None:
    text = script.read_text()
    assert os.access(script, os.X_OK)
    assert text.startswith("#!/usr/bin/env bash\n#"), "a script says in its first comment what it is for"
    assert "\nset -euo pipefail\n" in text
    parsed = subprocess.run(["bash", "-n", str(script)], capture_output=True, text=True, check=False)
    assert (parsed.returncode, parsed.stderr) == (0, "")


@pytest.mark.parametrize("package", PACKAGES, ids=relative)
def test_every_package_is_documented(package: Path) -> None:
    """By a docstring of its own, or by name (as `folder/`) in README.md or docs/."""
    pages = [*ROOT.glob("README.md"), *ROOT.glob("docs/**/*.md")]
    named = any(f"{package.name}/" in page.read_text() for page in pages)
    assert named or ast.get_docstring(ast.parse((package / "__init__.py").read_text()))


@pytest.mark.parametrize("module", MODULES, ids=relative)
def test_a_module_says_what_it_is_and_is_short(module: Path) -> None:
    text = module.read_text()
    assert not text or ast.get_docstring(ast.parse(text)), "no docstring"
    assert text.count("\n") <= 400, "split it by station"


def test_the_package_and_its_metadata_have_one_version() -> None:
    assert PROJECT["project"]["version"] == livetrader.__version__


def test_the_changelog_has_an_unreleased_section_or_this_version() -> None:
    headings = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert {"Unreleased", livetrader.__version__} & set(headings)


def test_the_licence_is_the_one_that_the_metadata_names() -> None:
    text = (ROOT / "LICENSE").read_text()
    assert text.startswith(f"{PROJECT['project']['license']} License")
    assert "2026 livetrader contributors" in text


@pytest.mark.parametrize(
    ("lock", "requirements"),
    [
        pytest.param("requirements.lock", PROJECT["project"]["dependencies"], id="runtime"),
        pytest.param("requirements.lock", PROJECT["build-system"]["requires"], id="build"),
        pytest.param("requirements-dev.lock", PROJECT["project"]["optional-dependencies"]["dev"], id="dev"),
    ],
)
def test_the_lock_file_meets_every_requirement(lock: str, requirements: list[str]) -> None:
    """When this fails, run scripts/lock."""
    wanted = [Requirement(text) for text in requirements]
    unmet = [str(r) for r in wanted if r.name not in pins(lock) or pins(lock)[r.name] not in r.specifier]
    assert unmet == []


def test_what_is_tested_is_what_is_run() -> None:
    """The development lock file holds the pins of the runtime one."""
    assert pins("requirements.lock").items() <= pins("requirements-dev.lock").items()


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_file_pins_by_hash_and_says_nothing_of_where_from(lock: str) -> None:
    entries = re.split(r"\n(?=\S)", (ROOT / lock).read_text().strip())
    assert len(entries) == len(pins(lock)) > 20
    assert [entry for entry in entries if "--hash=sha256:" not in entry] == []
    assert not re.search(r"://|^-", "\n".join(entries), re.MULTILINE)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what `scripts/bootstrap` reads."""
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts")
    for name in ("pyproject.toml", *LOCKS):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def bootstrap(checkout: Path, *arguments: str, **environment: str) -> tuple[int, list[str]]:
    """Exit code and lines of `scripts/bootstrap` run from elsewhere."""
    bash = shutil.which("bash")
    assert bash is not None
    result = subprocess.run(
        [bash, str(checkout / "scripts" / "bootstrap"), *arguments],
        cwd="/", env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.stdout == ""
    return result.returncode, result.stderr.splitlines()


@pytest.mark.parametrize("present", [pytest.param(False, id="none"), pytest.param(True, id="an unsuitable one")])
def test_bootstrap_without_a_good_python_says_what_to_install_in_one_line(checkout: Path, present: bool) -> None:
    tools = checkout / "tools"
    tools.mkdir()
    for tool in ("dirname", "cat", "sha256sum", "sh"):
        found = shutil.which(tool)
        assert found is not None
        (tools / tool).symlink_to(found)
    if present:
        (tools / "python3").write_text("#!/usr/bin/env sh\necho no module named ensurepip >&2\nexit 1\n")
        (tools / "python3").chmod(0o755)
    code, lines = bootstrap(checkout, PATH=str(tools), HOME=str(checkout))
    assert (code, len(lines)) == (1, 1)
    assert re.search(r"no Python 3\.11 to 3\.13 .* apt-get install python3 python3-venv", lines[0])


def test_bootstrap_offline_fails_with_one_clear_line_and_leaves_no_stamp(checkout: Path) -> None:
    code, lines = bootstrap(
        checkout, PATH=os.environ["PATH"], HOME=str(checkout), PYTHON=sys.executable,
        PIP_CONFIG_FILE=os.devnull, PIP_NO_INDEX="1",
    )  # fmt: skip
    assert code == 1
    assert [line.split(" ")[1] for line in lines] == ["making", "installing", "pip"]
    assert "is this machine online? It said: ERROR" in lines[-1]
    assert not (checkout / ".venv" / ".stamp").exists()


def test_bootstrap_refuses_an_argument_that_it_does_not_know(checkout: Path) -> None:
    code, lines = bootstrap(checkout, "prod", PATH=os.environ["PATH"], HOME=str(checkout))
    assert (code, lines) == (1, ["bootstrap: unknown argument prod; give dev, or nothing"])
