"""Where the embedded services of one DATA_DIR keep their files, and under whose name their programs run.

As an ordinary user everything is in DATA_DIR and runs as that user. As root it cannot: PostgreSQL refuses to run as
root. Then the servers run as nobody, from copies of their programs in a directory that every user can enter, and
nothing else on the machine changes.
"""

import importlib.metadata
import importlib.util
import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from fnmatch import fnmatch
from hashlib import sha256
from pathlib import Path

SHARED = Path("/var/lib/complaints-portal")  # as root: copies of the programs, and clusters that cannot be in DATA_DIR

# What the portal puts into DATA_DIR. `make reset` throws this away and nothing else.
OWN_FILES = (
    "services",
    "services.*",
    "launcher.lock",
    "log",
    "evidence",
    "sandbox",
    "static",
    "celerybeat-schedule*",
)
OTHERS_THAT_MAY_BE_THERE = ("test", "check", "lost+found")


class CannotStart(Exception):
    """The services cannot be brought; the message is a sentence that says what to do."""


@dataclass(frozen=True)
class Account:
    """Under whose numbers the servers run when we are root: PostgreSQL refuses to run as root."""

    uid: int
    gid: int


@dataclass(frozen=True)
class Place:
    """Where the embedded services of one DATA_DIR keep their files, and under which account they run."""

    data_dir: Path
    home: Path  # belongs to the account; holds the cluster, Valkey's files and the sockets
    account: Account | None  # None: as the current user
    password: str
    durable: bool  # False for tests: faster, and nothing survives a power cut

    @property
    def log_dir(self) -> Path:
        """Return the directory of the servers' logs."""
        return self.data_dir / "log"


def place_for(data_dir: Path, *, durable: bool) -> Place:
    """Return the place of a DATA_DIR's services, made when it does not exist yet.

    As root the servers run as another account, which may be unable to enter DATA_DIR (root's home has mode 700). Then
    their home is made under /var/lib, and `DATA_DIR/services` is a link to it: no mode of a directory that is not ours
    is changed.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    refuse_foreign(data_dir)
    (data_dir / "log").mkdir(mode=0o700, exist_ok=True)
    link = data_dir / "services"
    if not link.exists():
        link.unlink(missing_ok=True)
        _make_home(data_dir, link)
    home = link.resolve()
    owner = home.stat()
    if os.geteuid() not in (0, owner.st_uid):
        raise CannotStart(
            f"{home} belongs to {_name_of(owner.st_uid)}: start as that user, or set DATA_DIR to a directory of "
            "your own."
        )
    account = Account(owner.st_uid, owner.st_gid) if os.geteuid() == 0 else None
    return Place(data_dir, home, account, _password(data_dir / "services.password"), durable)


def is_own(path: Path) -> bool:
    """Say of something in DATA_DIR whether the portal made it."""
    return any(fnmatch(path.name, pattern) for pattern in OWN_FILES)


def refuse_foreign(data_dir: Path) -> None:
    """Refuse a directory that holds other things and was never used by the portal, such as somebody's home."""
    if (data_dir / "services.password").exists():
        return
    for path in sorted(data_dir.iterdir()):
        if not is_own(path) and path.name not in OTHERS_THAT_MAY_BE_THERE:
            raise CannotStart(
                f"{data_dir} holds what is not the portal's ({path.name}): set DATA_DIR to a directory of its own."
            )


def _make_home(data_dir: Path, link: Path) -> None:
    if os.geteuid() != 0:
        link.mkdir(mode=0o700)
        return
    nobody = pwd.getpwnam("nobody")  # initdb insists on an account that has a name
    if not _may_enter(data_dir, Account(nobody.pw_uid, nobody.pw_gid)):
        _make_shared(SHARED)
        home = SHARED / sha256(bytes(data_dir)).hexdigest()[:12]
        home.mkdir(mode=0o700, exist_ok=True)
        link.symlink_to(home)
    else:
        link.mkdir(mode=0o700)
    os.chown(link, nobody.pw_uid, nobody.pw_gid)


def _may_enter(directory: Path, account: Account) -> bool:
    command = ["/usr/bin/test", "-x", str(directory)]
    done = subprocess.run(command, check=False, user=account.uid, group=account.gid, extra_groups=[])  # noqa: S603
    return done.returncode == 0


def _make_shared(directory: Path) -> None:
    directory.mkdir(exist_ok=True)
    directory.chmod(0o755)


def _name_of(uid: int) -> str:
    try:
        return f"the user {pwd.getpwuid(uid).pw_name}"
    except KeyError:
        return f"the user with the number {uid}"


def _password(file: Path) -> str:
    if not file.exists():
        with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as new:
            new.write(secrets.token_urlsafe(24))
    return file.read_text()


def own_directory(path: Path, account: Account | None) -> Path:
    """Return the directory, made with mode 700 for the account; refuse one that somebody else has put there."""
    path.mkdir(mode=0o700, exist_ok=True)
    owner = account.uid if account else os.geteuid()
    if account and path.lstat().st_uid == 0:
        os.chown(path, account.uid, account.gid)
    if path.is_symlink() or path.stat().st_uid != owner:
        raise CannotStart(f"{path} belongs to somebody else: remove it, or set DATA_DIR to another directory.")
    return path


def run(place: Place, command: list[str | Path], log: Path) -> bool:
    """Run a program under the place's account with its words in a log; say whether it succeeded."""
    account = place.account
    with log.open("ab") as output:
        done = subprocess.run(  # noqa: S603 (the servers' programs, found below)
            command,
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=place.home,
            env={"PATH": os.defpath, "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"},
            umask=0o077,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )
    return done.returncode == 0


def fresh_log(place: Place, name: str) -> Path:
    """Return the log of a server that is about to start; the one of its last time stands beside it."""
    log = place.log_dir / f"{name}.log"
    if log.exists():
        log.replace(log.with_suffix(".log.1"))
    return log


def failure(what: str, log: Path) -> CannotStart:
    lines = log.read_text(errors="replace").splitlines()
    if any("No space left on device" in line for line in lines):
        return CannotStart(f"{what} did not start, because the disk is full: free some space and start again.")
    return CannotStart("\n".join([f"{what} did not start. The last lines of {log}:", *lines[-8:]]))


def programs_of_wheel(distribution: str, packages: list[str], account: Account | None) -> Path | None:
    """Return the directory that holds the packages of a wheel, None when it is not installed.

    For another account they are copied, once a version, to where every user can enter.
    """
    found = importlib.util.find_spec(packages[0])
    if found is None or found.origin is None:
        return None
    source = Path(found.origin).parent.parent
    if account is None:
        return source
    programs = SHARED / "programs"
    target = programs / f"{distribution}-{importlib.metadata.version(distribution)}"
    if not target.exists():
        _make_shared(SHARED)
        _make_shared(programs)
        with tempfile.TemporaryDirectory(dir=programs, ignore_cleanup_errors=True) as unfinished:
            copy = Path(unfinished) / "copy"
            for package in packages:
                shutil.copytree(source / package, copy / package, ignore=shutil.ignore_patterns("__pycache__"))
            for path in [copy, *copy.rglob("*")]:
                mode = path.stat().st_mode
                path.chmod(mode | 0o444 | (0o111 if mode & 0o100 else 0))
            if not target.exists():
                copy.rename(target)
    return target
