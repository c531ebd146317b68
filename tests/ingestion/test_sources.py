"""The table of sources: every line has a feed, a name of its own and a market."""

from __future__ import annotations

import pytest

from dashapp.settings import NAMED_SOURCES, UsageError, parse
from ingestion.feed import MAKERS, make_feed
from ingestion.sources import LEGAL, NAMED, SOURCES, SourceKind, is_exchange, kind_of, source_of


def an_address(kind: SourceKind) -> list[str]:
    return [f"{scheme}://localhost:9/" for scheme in kind.schemes] or [kind.name]


@pytest.mark.parametrize("kind", SOURCES, ids=lambda kind: kind.name)
def test_every_kind_of_source_is_found_again_and_has_a_feed(kind):
    assert kind.name in MAKERS
    for source in an_address(kind):
        assert kind_of(source_of(source)) is kind
        feed = make_feed(source, ["BTCUSDT"], lambda *_: None)
        assert feed.status.state == "stopped"


def test_no_feed_is_made_for_what_is_not_in_the_table():
    assert set(MAKERS) == {kind.name for kind in SOURCES}


def test_no_two_kinds_share_a_name_or_a_scheme():
    names = [name for kind in SOURCES for name in {kind.name, *kind.aliases, *kind.schemes}]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("kind", NAMED, ids=lambda kind: kind.name)
def test_the_command_line_takes_every_named_source(kind):
    assert kind.name in NAMED_SOURCES
    assert kind.name in LEGAL
    assert parse(["--source", kind.name], {}).source == kind.name


def test_the_command_line_names_every_source_when_it_refuses_one():
    with pytest.raises(UsageError, match=", ".join(kind.name for kind in NAMED)):
        parse(["--source", "kraken"], {})


def test_only_an_exchange_is_asked_for_symbols():
    assert [kind.name for kind in SOURCES if is_exchange(kind.name)] == [
        "binance-futures",
        "binance-spot",
    ]
    assert not any(
        is_exchange(source) for kind in SOURCES if kind.schemes for source in an_address(kind)
    )
