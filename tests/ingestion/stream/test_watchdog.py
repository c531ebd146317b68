"""Silence, as the watchdog sees it."""

from __future__ import annotations

from ingestion.stream.watchdog import Watchdog, WatchdogPolicy


def watchdog(symbols: tuple[str, ...] = ()) -> Watchdog:
    dog = Watchdog(WatchdogPolicy(feed_s=12, symbol_s=60, patience=5))
    dog.start(100.0, symbols)
    return dog


def test_a_connection_that_never_speaks_is_silent_after_the_limit() -> None:
    dog = watchdog()
    assert not dog.feed_silent(111.9)
    assert dog.feed_silent(112.0)


def test_data_puts_the_silence_off() -> None:
    dog = watchdog()
    dog.seen(111.0, ["BTCUSDT"])
    assert dog.remaining(111.0) == 12.0
    assert not dog.feed_silent(122.9)
    assert dog.feed_silent(123.0)


def test_a_source_that_speaks_once_a_minute_is_left_in_peace() -> None:
    dog = watchdog()
    for minute in range(5):
        dog.seen(100.0 + 60 * minute, ["EURUSD"])
    assert not dog.feed_silent(340.0 + 299)
    assert dog.feed_silent(340.0 + 300)


def test_one_pause_does_not_make_it_patient_for_long() -> None:
    dog = watchdog()
    now = 100.0
    for _ in range(100):
        now += 0.1
        dog.seen(now, ["BTCUSDT"])
    now += 11
    dog.seen(now, ["BTCUSDT"])
    for _ in range(20):
        now += 0.1
        dog.seen(now, ["BTCUSDT"])
    assert dog.feed_silent(now + 12.0)


def test_each_connection_given_up_for_silence_doubles_the_limit() -> None:
    dog = watchdog()
    limits = []
    for doubts in range(7):
        dog.start(0.0, (), doubts)
        limits.append(dog.remaining(0.0))
    assert limits == [12, 24, 48, 96, 192, 192, 192]


def test_one_symbol_falls_silent_while_others_flow() -> None:
    dog = watchdog(("BTCUSDT", "ETHUSDT"))
    for second in range(70):
        dog.seen(100.0 + second, ["BTCUSDT"])
    assert not dog.feed_silent(170.0)
    assert dog.silent_symbols(170.0) == ("ETHUSDT",)


def test_a_symbol_that_trades_rarely_gets_a_longer_limit() -> None:
    dog = watchdog(("BTCUSDT", "RAREUSDT"))
    for second in range(0, 400, 50):
        dog.seen(100.0 + second, ["RAREUSDT"])
    assert dog.silent_symbols(450.0 + 249) == ("BTCUSDT",)
    assert dog.silent_symbols(450.0 + 251) == ("BTCUSDT", "RAREUSDT")


def test_a_new_connection_counts_every_silence_from_its_opening() -> None:
    dog = watchdog(("BTCUSDT",))
    dog.start(500.0, ("BTCUSDT",))
    assert dog.silent_symbols(559.0) == ()
    assert not dog.feed_silent(511.0)


def test_symbols_that_are_not_watched_are_never_silent() -> None:
    dog = watchdog(("BTCUSDT",))
    dog.seen(100.0, ["ETHUSDT"])
    assert dog.silent_symbols(1_000.0) == ("BTCUSDT",)
    dog.watch(1_000.0, ("ETHUSDT",))
    assert dog.silent_symbols(1_001.0) == ()
