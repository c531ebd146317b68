"""Settings: what the command line and the environment may say."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

import pytest

from dashapp.settings import VERSION, Settings, UsageError, default_archive, is_loopback, parse

PROJECT = Path(__file__).resolve().parents[2]

TOKEN = "a-token-of-some-length"


def refusal(*argv: str, **environ: str) -> str:
    with pytest.raises(UsageError) as raised:
        parse(argv, environ)
    message = str(raised.value)
    assert "\n" not in message
    return message


def test_without_options_the_demo_is_served_on_loopback():
    settings = parse([], {})
    assert settings == Settings(archive=default_archive({}, sys.platform))
    assert (settings.host, settings.port, settings.source) == ("127.0.0.1", 8050, "demo")
    assert settings.archive is not None
    assert settings.archive.endswith("archive.sqlite")
    assert settings.keep_days == 30


def test_every_option_is_also_an_environment_variable():
    given = {
        "HOST": "localhost",
        "PORT": "9000",
        "SOURCE": "binance-spot",
        "SYMBOLS": "btcusdt, ethusdt,BTCUSDT",
        "ARCHIVE": "none",
        "REDIS": "redis://localhost",
        "BINANCE_WS": "ws://localhost:1",
        "BINANCE_REST": "http://localhost:2",
        "TOKEN": "let-me-in-let-me-in",
        "LOG_LEVEL": "WARNING",
    }
    from_environment = parse([], {f"SPREADSCOPE_{name}": text for name, text in given.items()})
    argv = [f"--{name.lower().replace('_', '-')}={text}" for name, text in given.items()]
    assert parse(argv, {}) == from_environment
    assert from_environment.symbols == ("BTCUSDT", "ETHUSDT")
    assert from_environment.archive is None
    assert from_environment.log_level == "warning"


def test_the_command_line_wins_over_the_environment():
    assert parse(["--port", "1"], {"SPREADSCOPE_PORT": "2"}).port == 1


def test_an_empty_environment_variable_counts_as_absent():
    environ = {"SPREADSCOPE_TOKEN": "", "SPREADSCOPE_PORT": "", "SPREADSCOPE_ARCHIVE": ""}
    assert parse([], environ) == parse([], {})


@pytest.mark.parametrize("text", ["x", "-1", "65536", "8050.0", "٨", "", "9" * 5_000])
def test_a_port_out_of_range_is_refused_by_name(text):
    assert f"--port is {text!r}, expected a whole number" in refusal(f"--port={text}")


def test_a_mistake_in_the_environment_names_the_variable():
    assert refusal(SPREADSCOPE_PORT="many").startswith("SPREADSCOPE_PORT is 'many'")


@pytest.mark.parametrize("argv", [["--unknown"], ["--por", "1"], ["--port"], ["file.csv"]])
def test_an_unknown_or_incomplete_option_is_refused_in_one_line(argv):
    assert "--help" in refusal(*argv)


@pytest.mark.parametrize(
    "source",
    ["none", "binance-futures", "ws://h/x", "wss://h", "http://h:1/x?y=1", "https://u:p@h/"],
)
def test_a_named_source_or_a_stream_url_is_taken(source):
    settings = parse(["--source", source], {})
    assert settings.source == source
    assert not settings.source_is_file


@pytest.mark.parametrize(
    "source", ["ftp://host/x", "ws://", "http://[", "file:///etc/passwd", "ws://169.254.169.254/"]
)
def test_a_url_of_another_kind_is_refused(source):
    assert refusal("--source", source).startswith("--source: ")


def test_a_file_that_can_be_read_is_a_source(tmp_path):
    path = tmp_path / "ticks.ndjson"
    path.write_text("{}")
    assert parse(["--source", str(path)], {}).source_is_file


def test_a_file_that_is_not_there_or_is_a_folder_is_refused(tmp_path):
    assert "no such file" in refusal("--source", str(tmp_path / "nothing.csv"))
    assert "not a file" in refusal("--source", str(tmp_path))


@pytest.mark.parametrize("symbols", ["BTC USDT", "BTCUSDT,", "<b>", "A" * 65, "=BTC"])
def test_what_is_no_symbol_is_refused(symbols):
    told = refusal("--symbols", symbols)
    assert "--symbols has" in told
    assert "expected 1 to 64 letters, digits or . / - _ ^ = :" in told


@pytest.mark.parametrize("symbol", ["A" * 64, "BTC/USD:USDT", "^GSPC", "币安人生USDT", "ES=F"])
def test_symbols_as_exchanges_write_them_are_taken(symbol):
    assert parse(["--symbols", symbol], {}).symbols == (symbol,)


def test_an_archive_in_no_folder_or_that_is_a_folder_is_refused(tmp_path):
    assert "no folder" in refusal("--archive", str(tmp_path / "missing" / "a.sqlite"))
    assert "is a folder" in refusal("--archive", str(tmp_path))
    assert "path of a file" in refusal("--archive", "mysql://host/db")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "trading.example"])
def test_an_address_that_others_can_reach_needs_a_token(host):
    assert "set --token" in refusal("--host", host)
    assert parse(["--host", host, "--token", TOKEN], {}).host == host


@pytest.mark.parametrize(
    "host", ["0", "0.0.0.0", "::", "[::]", "0:0:0:0:0:0:0:0", "::ffff:0.0.0.0", "0x0", "0.0"]
)
def test_every_way_to_write_all_addresses_counts_as_such(host):
    assert "set --token" in refusal("--host", host)
    assert parse(["--host", host, "--token", TOKEN], {}).listens_everywhere


@pytest.mark.parametrize("host", ["127.0.0.1", "192.168.1.5", "::1", "trading.example", "1", "ü"])
def test_one_address_is_not_all_of_them(host):
    assert not parse(["--host", host, "--token", TOKEN], {}).listens_everywhere


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "[::1]", "localhost"])
def test_loopback_needs_no_token(host):
    assert is_loopback(parse(["--host", host], {}).host)


@pytest.mark.parametrize(
    "token",
    [
        "two words of a token",
        "tabs\t of a long token",
        "ünicode-of-a-token",
        "line-of-a-long-token\n",
    ],
)
def test_a_token_that_no_header_can_carry_is_refused_without_being_shown(token):
    assert token not in refusal("--token", token)


def test_a_refused_url_does_not_show_its_secrets():
    for option in ("--source", "--binance-ws", "--archive"):
        assert "hunter2" not in refusal(option, "ftp://me:hunter2@h/?key=hunter2")


def test_help_and_version_end_well(capsys):
    for option in ("--help", "--version"):
        with pytest.raises(SystemExit) as ended:
            parse([option], {})
        assert ended.value.code == 0
    out = capsys.readouterr().out
    assert "SPREADSCOPE_LOG_LEVEL" in out
    assert VERSION in out


def test_help_names_every_option_and_its_default(capsys):
    with pytest.raises(SystemExit):
        parse(["--help"], {})
    out = capsys.readouterr().out
    for name, default in vars(Settings()).items():
        assert f"--{name.replace('_', '-')}" in out
        if default:
            assert str(default) in out


def test_help_promises_only_what_there_is(capsys):
    with pytest.raises(SystemExit):
        parse(["--help"], {})
    out = " ".join(capsys.readouterr().out.split())
    for words in (
        "--redis URL redis://host:6379/0 to which live ticks are published too",
        "--archive PATH file in which ticks, alert rules and history are kept",
        "for backfilling gaps",
        "symbols to ask of an exchange",
    ):
        assert words in out


def test_the_version_is_the_projects():
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    assert project["version"] == VERSION


@pytest.mark.parametrize("token", ["", "t", "fifteen-letters"])
def test_a_short_token_is_refused_wherever_it_stands(token, tmp_path):
    words = f"has {len(token)} characters, expected at least 16"
    assert words in refusal("--token", token)
    file = tmp_path / "token"
    file.write_text(f"{token}\n")
    assert words in refusal("--token-file", str(file))
    if token:
        with pytest.raises(UsageError, match="SPREADSCOPE_TOKEN has"):
            parse([], {"SPREADSCOPE_TOKEN": token})


def test_a_token_in_a_file_is_that_of_the_server(tmp_path):
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    assert parse(["--token-file", str(file)], {}).token == TOKEN
    assert "only one" in refusal("--token-file", str(file), "--token", TOKEN)
    assert "cannot read" in refusal("--token-file", str(tmp_path / "none"))


def test_a_public_server_reaches_its_own_network_only_where_it_is_told_to(tmp_path):
    public = ["--host", "0.0.0.0", "--token", TOKEN]
    assert not parse(public, {}).reaches_local
    assert parse([*public, "--allow-local"], {}).reaches_local
    assert parse([], {}).reaches_local
    words = refusal(*public, "--source", "ws://127.0.0.1:9000/")
    assert words.startswith("--source: address 127.0.0.1 is loopback")
    assert "--allow-local" in words


def test_the_address_of_a_cluster_is_one_of_its_schemes():
    assert parse(["--scan-on", "tcp://10.0.0.5:8786"], {}).scan_on == "tcp://10.0.0.5:8786"
    assert parse([], {"SPREADSCOPE_SCAN_ON": "tls://host:1"}).scan_on == "tls://host:1"
    assert parse([], {}).scan_on is None
    with pytest.raises(UsageError, match="--scan-on is 'host:8786', expected a URL that starts"):
        parse(["--scan-on", "host:8786"], {})
