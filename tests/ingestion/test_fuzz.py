"""Messages made to break the decoder: by grammar, and by damage done to good ones.

The long runs are `python -m pytest tests/ingestion/test_fuzz.py -m soak -s`; SPREADSCOPE_SEED
repeats one. A failure quotes the messages.
"""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.decode.decoder import Decoded, Decoder
from tests.ingestion.fuzz_grammar import Case, Tick, case
from tests.ingestion.fuzz_mutate import TEMPLATES, mutated
from tests.ingestion.fuzz_oracle import allows, objects, parts

MILLION = 1_000_000
#: A decoder lives for so many batches, so that layouts are learnt, used, and learnt anew.
LIFE = 40


def rows(decoded: Decoded) -> dict[str, list[Tick]]:
    """Ticks by symbol, in order."""
    found: dict[str, list[Tick]] = {}
    for batch in decoded.ticks:
        columns = (batch.ts_ms, batch.price, batch.size, batch.trade_id)
        values = zip(*(column.tolist() for column in columns), strict=True)
        found.setdefault(batch.symbol, []).extend(Tick(batch.symbol, *row) for row in values)
    return found


def faults(cases: list[Case], decoded: Decoded) -> list[str]:
    """What is wrong with what became of these messages; nothing, as it should be."""
    wanted: dict[str, list[Tick]] = {}
    for one in cases:
        for tick in one.ticks:
            wanted.setdefault(tick.symbol, []).append(tick)
    wrong = []
    got = rows(decoded)
    for symbol in sorted({*got, *wanted}):
        have, want = got.get(symbol, []), wanted.get(symbol, [])
        if have != want:
            wrong.append(
                f"too many: {sorted({*have} - {*want})}, not there: {sorted({*want} - {*have})}"
            )
            wrong.append(f"{len(have)} ticks of {symbol}, expected {len(want)}, in the same order")
    for index, one in enumerate(cases):
        refused = sum(1 for rejected in decoded.rejected if rejected.line == index)
        if not one.loose and refused != one.parts - len(one.ticks):
            wrong.append(f"{refused} refused of {one.text[:400]!r}, a {one.kind}")
        if one.loose and not refused:
            wrong.append(f"nothing refused of {one.text[:400]!r}, a {one.kind}")
    missing = {pair for one in cases for pair in one.consumed} - set(decoded.consumed)
    if missing:
        wrong.append(f"ids {missing} are used up, and that is not said")
    return wrong


def check(decoder: Decoder, cases: list[Case]) -> Decoded:
    decoded = decoder.decode_lines([one.text for one in cases], range(len(cases)))
    wrong = faults(cases, decoded)
    if wrong:
        alone = [faults([one], Decoder().decode_lines([one.text], [0])) for one in cases]
        culprits = [one.text[:600] for one, found in zip(cases, alone, strict=True) if found]
        raise AssertionError("\n".join([*wrong, f"alone too: {culprits}"])[:4_000])
    return decoded


@settings(max_examples=250, deadline=None)
@given(seed=st.integers(0, 2**32), count=st.integers(1, 40))
def test_messages_by_grammar_give_their_ticks_and_nothing_else(seed: int, count: int) -> None:
    rng = Random(seed)
    check(Decoder(), [case(rng) for _ in range(count)])


def judge(decoder: Decoder, message: bytes) -> Decoded:
    decoded = decoder.decode(message)
    ticks = [tick for group in rows(decoded).values() for tick in group]
    assert ticks or decoded.rejected, message
    if ticks:
        found = objects(message)
        for tick in ticks:
            assert allows(found, tick), (tick, message)
    expected = parts(message)
    if expected is not None and len(message) < 10_000:
        assert len(ticks) + len(decoded.rejected) == expected, message
    return decoded


@settings(max_examples=250, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_damaged_frames_give_no_tick_that_they_do_not_mean(seed: int) -> None:
    rng = Random(seed)
    decoder = Decoder()
    for _ in range(20):
        judge(decoder, mutated(rng, TEMPLATES))


@settings(max_examples=250, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_the_two_oracles_agree(seed: int) -> None:
    one = case(Random(seed))
    found = objects(one.text)
    assert all(allows(found, tick) for tick in one.ticks)


def test_the_grammar_makes_good_and_bad_messages_of_every_kind() -> None:
    rng = Random(1)
    cases = [case(rng) for _ in range(4_000)]
    good = Counter(one.kind for one in cases if one.ticks)
    bad = Counter(one.kind for one in cases if one.parts > len(one.ticks))
    assert set(good) == {"plain", "combined", "array", "lines", "of-stream"}
    assert set(bad) >= {
        "plain",
        "combined",
        "array",
        "lines",
        "control",
        "torn",
        "noise",
        "endless",
    }
    assert 0.5 < sum(good.values()) / len(cases) < 0.9


def seed_of_run() -> int:
    return int(os.environ.get("SPREADSCOPE_SEED", time.time_ns() % 10**9))


def tell(what: str, seed: int, reasons: Counter[str], messages: Counter[str], began: float) -> None:
    accepted = reasons.pop("accepted")
    every = messages.total()
    print(  # noqa: T201
        f"\n{what}, seed {seed}: {every:,} messages in {time.perf_counter() - began:.0f} s, "
        f"{messages['good'] / every:.0%} with ticks; {accepted:,} ticks accepted, none invalid; "
        f"{reasons.total():,} refused, of which for JSON {reasons['json'] / reasons.total():.0%}; "
        f"no crash. {dict(reasons.most_common())}"
    )


@pytest.mark.soak
@pytest.mark.timeout(1_800)
def test_a_million_messages_by_grammar() -> None:
    seed, began = seed_of_run(), time.perf_counter()
    rng, reasons, messages = Random(seed), Counter[str](), Counter[str]()
    while messages.total() < MILLION:
        decoder = Decoder()
        for _ in range(LIFE):
            cases = [case(rng) for _ in range(rng.randint(1, 50))]
            decoded = check(decoder, cases)
            reasons.update(refused.reason for refused in decoded.rejected)
            reasons["accepted"] += decoded.count
            messages.update("good" if one.ticks else "bad" for one in cases)
    tell("by grammar", seed, reasons, messages, began)


@pytest.mark.soak
@pytest.mark.timeout(1_800)
def test_a_million_damaged_frames(market_data: Path) -> None:
    lines = (market_data / "frames" / "real_frames.jsonl").read_text().splitlines()
    frames = [json.dumps(json.loads(line)["frame"], separators=(",", ":")) for line in lines]
    bases = [*TEMPLATES * 2, *(frame.encode() for frame in frames if len(frame) < 1_000)]
    seed, began = seed_of_run(), time.perf_counter()
    rng, reasons, messages = Random(seed), Counter[str](), Counter[str]()
    while messages.total() < MILLION:
        decoder = Decoder()
        for _ in range(20 * LIFE):
            decoded = judge(decoder, mutated(rng, bases))
            reasons.update(refused.reason for refused in decoded.rejected)
            reasons["accepted"] += decoded.count
            messages["good" if decoded.count else "bad"] += 1
    tell("damaged frames", seed, reasons, messages, began)
