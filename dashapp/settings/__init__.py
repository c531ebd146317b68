"""Settings: the only reader of the command line and of the environment.

`parse` turns both into one frozen value. Every option is also an environment variable,
`SPREADSCOPE_` and the option's name in capitals; the command line wins. A user's mistake
is a `UsageError` of one line that names the option, what was given and what is legal.
"""

from __future__ import annotations

import argparse
import ipaddress
import os
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from dashapp.settings import checks
from dashapp.settings.checks import UsageError as UsageError
from ingestion.sources import NAMED, kind_of
from ingestion.stream.subscribe import SubscribeError, messages_of
from ingestion.url_guard import REDIS_SCHEMES, SCHEMES, mask_url

VERSION = "0.1.0"

#: Sources that have a name; any other is a URL or a file.
NAMED_SOURCES = (*(kind.name for kind in NAMED), "none")
LOG_LEVELS = ("debug", "info", "warning", "error")
LOOPBACK_NAMES = ("127.0.0.1", "localhost", "::1")


#: Of a universe: every symbol that there is.
ALL = 1_000_000
LEAST_MEMORY_MB = 64


@dataclass(frozen=True)
class Settings:
    """Everything that can be set from outside, checked.

    source: a name of NAMED_SOURCES, a URL, or the path of a file. archive: a path or a
    postgresql:// URL. subscribe: sent to a WebSocket after connecting. archive, redis,
    binance_ws, binance_rest, scan_on, token, subscribe: None where there is none. keep_days: 0
    for ever. memory_mb: of ticks and bars. universe: symbols of the universe market, 0 for none,
    ALL for all. export_dataset: a folder to write the archive to, instead of serving.
    allow_local: feeds and webhooks reach loopback and private addresses although other machines
    reach this server.
    """

    host: str = "127.0.0.1"
    port: int = 8050
    source: str = "demo"
    symbols: tuple[str, ...] = ()
    subscribe: str | None = None
    archive: str | None = None
    keep_days: int = 30
    memory_mb: int = 2_048
    universe: int = 200
    export_dataset: str | None = None
    redis: str | None = None
    binance_ws: str | None = None
    binance_rest: str | None = None
    scan_on: str | None = None
    token: str | None = None
    allow_local: bool = False
    log_level: str = "info"

    @property
    def source_is_file(self) -> bool:
        """Whether the source is a path, neither a name nor a URL."""
        return self.source not in NAMED_SOURCES and "://" not in self.source

    @property
    def reaches_local(self) -> bool:
        """Whether feeds and webhooks may reach loopback and private addresses."""
        return self.allow_local or is_loopback(self.host)

    @property
    def listens_everywhere(self) -> bool:
        """Whether the server is bound to all addresses, so that its names are unknown."""
        return is_unspecified(self.host)


def is_loopback(host: str) -> bool:
    """Whether `host` reaches this machine only.

    >>> is_loopback("localhost"), is_loopback("127.0.0.2"), is_loopback("0.0.0.0")
    (True, True, False)
    """
    if host in LOOPBACK_NAMES:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_unspecified(host: str) -> bool:
    """Whether `host` stands for all addresses of this machine, however it is written.

    >>> is_unspecified("0"), is_unspecified("0:0:0:0:0:0:0:0"), is_unspecified("127.0.0.1")
    (True, True, False)
    """
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        try:
            return not any(socket.inet_aton(host))  # as the system reads 0, 0x0 and 0.0
        except (OSError, UnicodeError):
            return False
    return (getattr(address, "ipv4_mapped", None) or address).is_unspecified


def parse(argv: Sequence[str], environ: Mapping[str, str]) -> Settings:
    """The settings of a command line (without the program's name) and an environment.

    Raises UsageError; SystemExit(0) after `--help` and `--version`.

    >>> parse(["--port", "9000"], {"SPREADSCOPE_SOURCE": "none"}).source
    'none'
    """
    options = vars(_parser().parse_args(list(argv)))
    given: dict[str, tuple[str, str]] = {}
    for name in _OPTIONS:
        variable = f"SPREADSCOPE_{name.upper()}"
        if options[name] is not None:
            given[name] = (f"--{name.replace('_', '-')}", options[name])
        elif environ.get(variable):
            given[name] = (variable, environ[variable])
    values: dict[str, Any] = {
        name: _CHECKS[name](label, text) for name, (label, text) in given.items()
    }
    if "token_file" in values:
        if "token" in values:
            raise UsageError(f"{given['token'][0]} and {given['token_file'][0]}: only one is legal")
        values["token"] = values.pop("token_file")
    if "archive" not in values:
        values["archive"] = default_archive(environ, sys.platform)
    settings = Settings(**values)
    if settings.subscribe and not settings.source.startswith(("ws://", "wss://")):
        raise UsageError(
            f"{given['subscribe'][0]} is for a ws:// or wss:// --source, which is sent messages; "
            f"--source is {mask_url(settings.source)}"
        )
    if not is_loopback(settings.host) and settings.token is None:
        raise UsageError(
            f"{given['host'][0]} is {settings.host}, which other machines can reach: "
            "set --token-file too, its token is then asked of every client"
        )
    if not settings.reaches_local and kind_of(settings.source) and "://" in settings.source:
        checks.judged(given["source"][0], settings.source, local=False)
    return settings


def default_archive(environ: Mapping[str, str], platform: str) -> str:
    """The archive's path where none is given: in the user's data folder of this system.

    >>> default_archive({"XDG_DATA_HOME": "/home/ada/data"}, "linux")
    '/home/ada/data/spreadscope/archive.sqlite'
    """
    home = os.path.expanduser("~")
    if platform == "win32":
        folder = environ.get("LOCALAPPDATA") or os.path.join(home, "AppData", "Local")
    elif platform == "darwin":
        folder = os.path.join(home, "Library", "Application Support")
    else:
        folder = environ.get("XDG_DATA_HOME", "")
        if not os.path.isabs(folder):  # as the specification asks
            folder = os.path.join(home, ".local", "share")
    return os.path.join(folder, "spreadscope", "archive.sqlite")


_OPTIONS: dict[str, tuple[str, str]] = {
    "host": ("ADDRESS", "address to listen on (127.0.0.1); any other needs --token"),
    "port": ("NUMBER", "port to listen on (8050); 0 takes a free one"),
    "source": (
        "SOURCE",
        f"{', '.join(NAMED_SOURCES)}, a ws://, wss://, http://, https:// or redis:// URL, "
        "or the path of an NDJSON or OHLC CSV file (demo)",
    ),
    "symbols": ("A,B", "symbols to ask of an exchange, as BTCUSDT,ETHUSDT"),
    "subscribe": (
        "TEXT",
        "sent to a ws:// or wss:// source after connecting, a line a message; known hosts are "
        "sent what they want for --symbols",
    ),
    "archive": (
        "PATH",
        "file in which ticks, alert rules and history are kept (archive.sqlite in the user's "
        "data folder), or a postgresql:// URL; none keeps nothing",
    ),
    "export_dataset": (
        "FOLDER",
        "write the archive there as a Parquet dataset, by market, symbol and day, and exit",
    ),
    "keep_days": ("DAYS", "live ticks are kept so long after they came (30); 0 for ever"),
    "memory_mb": (
        "NUMBER",
        "memory of ticks and bars in MB (2048); beyond it the least looked-at symbols keep less",
    ),
    "universe": (
        "NUMBER",
        "symbols of an exchange's universe market, by turnover (200), all, or 0",
    ),
    "redis": (
        "URL",
        "redis://host:6379/0 to which live ticks are published too; as --source it is watched",
    ),
    "binance_ws": ("URL", "another base for the exchange's streams, ws:// or wss://"),
    "binance_rest": (
        "URL",
        "base of the exchange's REST interface, for backfilling gaps, http:// or https://",
    ),
    "scan_on": (
        "ADDRESS",
        "tcp:// or tls:// address of a Dask scheduler, on whose workers pairs are scanned",
    ),
    "token": (
        "TEXT",
        "token of at least 16 characters that every client must then present; the list of "
        "processes shows it, so rather --token-file or SPREADSCOPE_TOKEN",
    ),
    "token_file": ("PATH", "file that holds the token"),
    "allow_local": (
        "YES|NO",
        "with another --host: feeds and webhooks may reach this machine and its network (no)",
    ),
    "log_level": ("LEVEL", "debug, info, warning or error (info)"),
}


class _Parser(argparse.ArgumentParser):
    """argparse whose errors are UsageErrors."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; --help lists the options")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="spreadscope",
        description="Spreadscope: a live dashboard for pairs, served to a browser.",
        epilog="Every option is also an environment variable: --log-level is "
        "SPREADSCOPE_LOG_LEVEL. The command line wins.",
        allow_abbrev=False,
    )
    for name, (metavar, text) in _OPTIONS.items():
        optional: dict[str, Any] = {"nargs": "?", "const": "yes"} if metavar == "YES|NO" else {}
        flag = f"--{name.replace('_', '-')}"
        parser.add_argument(flag, metavar=metavar, help=text, **optional)
    parser.add_argument("--version", action="version", version=f"Spreadscope {VERSION}")
    return parser


def _host(label: str, text: str) -> str:
    host = text.strip().strip("[]")
    if not host or any(c.isspace() or c in "/@?#" for c in host):
        raise UsageError(f"{label} is {text!r}, expected an address such as 127.0.0.1")
    return host


def _port(label: str, text: str) -> int:
    plain = text.isascii() and text.isdigit() and len(text) <= 5
    if not plain or int(text) > 65_535:
        raise UsageError(f"{label} is {text!r}, expected a whole number from 0 to 65535")
    return int(text)


def _source(label: str, text: str) -> str:
    source = text.strip()
    if source in NAMED_SOURCES:
        return source
    kind = kind_of(source)
    if kind is not None and kind.published:
        return checks.url(label, source, kind.schemes)
    if "://" in source:
        return checks.judged(label, source, schemes={**SCHEMES, **REDIS_SCHEMES})
    if not os.path.exists(source):
        raise UsageError(
            f"{label} is {text!r}: no such file, and not one of {', '.join(NAMED_SOURCES)} "
            "or a ws://, wss://, http://, https:// or redis:// URL"
        )
    if not os.path.isfile(source):
        raise UsageError(f"{label} is {text!r}, which is not a file")
    try:
        with open(source, "rb"):
            return source
    except OSError as error:
        raise UsageError(f"{label}: cannot read {text!r}: {error.strerror}") from None


def _symbols(label: str, text: str) -> tuple[str, ...]:
    from analytics.model import SYMBOL_PATTERN, SYMBOL_WORDS  # numpy comes with it: not for --help

    symbols = tuple(dict.fromkeys(part.strip().upper() for part in text.split(",")))
    for symbol in symbols:
        if not SYMBOL_PATTERN.fullmatch(symbol):
            raise UsageError(
                f"{label} has {symbol!r}, expected {SYMBOL_WORDS}; for example BTCUSDT,ETHUSDT"
            )
    return symbols


def _subscribe(label: str, text: str) -> str:
    try:
        messages_of(text)
    except SubscribeError as error:
        raise UsageError(f"{label}: {error}") from None
    return text


def _archive(label: str, text: str) -> str | None:
    path = text.strip()
    if path.lower() == "none":
        return None
    if path.startswith(("postgresql://", "postgres://")):
        return checks.postgres_url(label, path)
    if "://" in path or not path:
        raise UsageError(
            f"{label} is {mask_url(text)!r}, expected the path of a file, a postgresql:// URL, "
            "or none"
        )
    folder = os.path.dirname(os.path.abspath(path))
    if not os.path.isdir(folder):
        raise UsageError(f"{label} is {text!r}, but there is no folder {folder!r}")
    if os.path.isdir(path):
        raise UsageError(f"{label} is {text!r}, which is a folder, expected a file")
    return path


def _folder(label: str, text: str) -> str:
    if not text.strip() or "\0" in text:
        raise UsageError(f"{label} is {text!r}, expected the path of a folder")
    return text


def _keep_days(label: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 5):
        raise UsageError(f"{label} is {text!r}, expected a whole number of days, 0 for ever")
    return int(text)


def _memory_mb(label: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 7 and int(text) >= LEAST_MEMORY_MB):
        raise UsageError(
            f"{label} is {text!r}, expected a whole number of MB from {LEAST_MEMORY_MB}"
        )
    return int(text)


def _universe(label: str, text: str) -> int:
    if text.strip().lower() == "all":
        return ALL
    if not (text.isascii() and text.isdigit() and len(text) <= 5):
        raise UsageError(f"{label} is {text!r}, expected a whole number of symbols, all, or 0")
    return int(text)


def _yes(label: str, text: str) -> bool:
    if text.lower() not in ("yes", "no"):
        raise UsageError(f"{label} is {text!r}, expected yes or no")
    return text.lower() == "yes"


def _log_level(label: str, text: str) -> str:
    if text.lower() not in LOG_LEVELS:
        raise UsageError(f"{label} is {text!r}, expected one of {', '.join(LOG_LEVELS)}")
    return text.lower()


_CHECKS: dict[str, Callable[[str, str], Any]] = {
    "host": _host,
    "port": _port,
    "source": _source,
    "symbols": _symbols,
    "subscribe": _subscribe,
    "archive": _archive,
    "export_dataset": _folder,
    "keep_days": _keep_days,
    "memory_mb": _memory_mb,
    "universe": _universe,
    "redis": checks.redis_url,
    "binance_ws": lambda label, text: checks.url(label, text, ("ws", "wss")),
    "binance_rest": lambda label, text: checks.url(label, text, ("http", "https")),
    "scan_on": lambda label, text: checks.url(label, text, ("tcp", "tls")),
    "token": checks.token,
    "token_file": checks.token_file,
    "allow_local": _yes,
    "log_level": _log_level,
}
