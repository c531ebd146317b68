"""Values read out of lines that repeat one text, against Python's own reading of them."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ingestion.files.cells import Lines
from ingestion.files.line_values import (
    FIXED,
    MOMENT,
    NAME,
    NUMBER,
    TEXT,
    WHOLE,
    WORD,
    Around,
    LineValues,
    around,
    names_of,
)
from ingestion.files.lines import MAX_LINE
from ingestion.files.timeforms import Reading, times

#: What JSON has for numbers that are not negative.
NUMBERS = re.compile(r"(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
LINE = around([(b'{"p":', b"", NUMBER), (b'"s":"', b'"}', TEXT)])
digits = st.text("0123456789", min_size=1, max_size=22)
numbers = st.one_of(
    st.floats(0, 1e300).map(repr),
    st.from_regex(NUMBERS, fullmatch=True),
    st.builds("{}.{}".format, digits, digits),
    st.builds("{}e{}".format, digits, st.integers(-330, 330)),
    st.text("0123456789.eE+-", max_size=12),
)


def values_of(written: list[str], kind: int, first: int = 1) -> tuple[Around, LineValues]:
    """Lines of one value each, as they are read with that kind."""
    line = around([(b'{"v":', b"}", kind)])
    block = "".join(f'{{"v":{one}}}\n' for one in written).encode()
    return line, LineValues(Lines(block, first), line)


@given(written=st.lists(numbers, min_size=1, max_size=8))
@example(written=["9007199254740993", "9007199254740992", "900719925474099.3"])
@example(written=["1e22", "1e23", "1e-22", "1e-23", "123456789e-400", "1e999", "0.1e1000"])
@example(written=["0.30000000000000004", "18446744073709551617", "0.000000000000000000000001"])
@example(written=["", "-1", "01", "00", "0", "1.", ".5", "1e", "1e+", "1E5", "1.5e-07", "+1"])
def test_numbers_are_those_of_json_to_the_bit(written):
    _, values = values_of(written, NUMBER)
    good = [(at, float(one)) for at, one in enumerate(written, 1) if NUMBERS.fullmatch(one)]
    assert values.lines.tolist() == [at for at, _ in good]
    assert values.numbers(0).tobytes() == np.array([value for _, value in good]).tobytes()


@given(written=st.lists(st.one_of(digits, st.text("0123456789-+. ", max_size=4)), min_size=1))
@example(written=["1735689600000000000", "9223372036854775807", "9223372036854775808", "00"])
@example(written=["18446744073709551616", "18446744073709551617", "99999999999999999999"])
def test_whole_numbers_are_digits_that_fit_int64(written):
    _, values = values_of(written, WHOLE)
    found = dict(zip(values.lines.tolist(), values.whole(0).tolist(), strict=True))
    for at, one in enumerate(written, 1):
        good = re.fullmatch("0|[1-9][0-9]*", one) is not None
        if good and int(one) < 2**63 - 8:  # the last few are left to the decoder
            assert found[at] == int(one)
        elif not good or int(one) >= 2**63:
            assert at not in found


@given(text=st.text(st.characters(exclude_characters="\n"), max_size=12))
@example(text="a,b")
@example(text="\x7f")
def test_texts_are_what_json_has_between_quotes(text):
    block = f'{{"p":1,"s":"{text}"}}\n'.encode()
    found = LineValues(Lines(block, 1), LINE).texts(1).to_pylist()
    if text.isascii() and "\\" not in text:
        try:
            expected = [json.loads(block)["s"]]
        except ValueError:
            expected = []
        assert found == expected
    else:  # which the decoder reads
        assert found == []


def test_words_are_those_of_json():
    words = ["true", "false", "nul", "null", "", "1", "True", "trues", "falsetrue"]
    _, values = values_of(words, WORD)
    assert values.texts(0).to_pylist() == ["true", "false", "null"]


names = st.text(st.sampled_from('AB"\\币é\x01-'), max_size=4)


@given(known=st.lists(names, unique=True, max_size=6), asked=st.lists(names, min_size=1))
@example(known=["A", "AB", "ABC", "B"], asked=["A", "AB", "ABC", "ABCD", "B", "", "BA", "AA"])
@example(known=["币安USDT"], asked=["币安USDT", "币安USD", "币"])
def test_names_are_those_that_are_known(known, asked):
    numbers_of = {name: 3 * at for at, name in enumerate(known)}
    line = around([(b'{"s":"', b'"}', NAME)])
    written = [json.dumps(name, ensure_ascii=False)[1:-1] for name in asked]
    block = "".join(f'{{"s":"{name}"}}\n' for name in written).encode()
    values = LineValues(Lines(block, 0), line, names_of(numbers_of))
    found = dict(zip(values.lines.tolist(), values.whole(0).tolist(), strict=True))
    for at, (name, text) in enumerate(zip(asked, written, strict=True)):
        plain = name in numbers_of and text == name
        assert found.get(at) == (numbers_of[name] if plain else None), name


moments = st.datetimes(datetime(1970, 1, 1), datetime(2199, 12, 31))
fractions = st.one_of(st.just(""), st.text("0123456789", max_size=11).map(".{}".format))


@given(moment=moments, fraction=fractions, odd=st.text("0123456789-:TZ.+ ", max_size=26))
@example(moment=datetime(2024, 2, 29), fraction=".9999", odd="2023-02-29T00:00:00Z")
@example(moment=datetime(2000, 3, 1), fraction=".5", odd="2100-02-29T00:00:00Z")
@example(moment=datetime(1970, 1, 1), fraction="", odd="2024-13-01T00:00:00Z")
@example(moment=datetime(2024, 12, 31), fraction="", odd="2024-04-31T00:00:00Z")
@example(moment=datetime(2024, 1, 1), fraction="", odd="2024-01-01T24:00:00Z")
@example(moment=datetime(2024, 1, 1), fraction="", odd="2024-01-01T23:59:60Z")
@example(moment=datetime(2024, 1, 1), fraction="", odd="2024-01-00T23:60:00Z")
@example(moment=datetime(2024, 1, 1), fraction="", odd="2024-00-01T00:00:00Z")
@example(moment=datetime(2024, 1, 1), fraction="", odd="2024-01-01 00:00:00Z")
def test_moments_are_times_of_utc(moment, fraction, odd):
    written = [f"{moment:%Y-%m-%dT%H:%M:%S}{fraction}Z", odd]
    line = around([(b'{"t":"', b'"}', MOMENT)])
    block = "".join(f'{{"t":"{one}"}}\n' for one in written).encode()
    values = LineValues(Lines(block, 0), line)
    found = dict(zip(values.lines.tolist(), values.whole(0).tolist(), strict=True))
    if fraction != "." and len(fraction) <= 10:
        whole = moment.replace(microsecond=0, tzinfo=UTC).timestamp()
        assert found.pop(0) == int(whole) * 1_000 + int(f"{fraction[1:4]:0<3}")
    assert 0 not in found
    if 1 in found:  # then it is what the way of all other forms reads as well
        assert found[1] == times(pa.array([odd]), Reading())[0]


@pytest.mark.parametrize("odd", ["2024-01-01T00:00:00", "2024-01-01T00:00:00+00:00", "2024-01-01"])
def test_other_forms_of_time_are_no_moments(odd):
    block = f'{{"t":"{odd}"}}\n{{"t":"{odd}'.encode() + b"\n"
    assert not len(LineValues(Lines(block, 0), around([(b'{"t":"', b'"}', MOMENT)])).lines)


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_lines_keep_their_numbers(ending):
    lines = ["", '{"p":1,"s":"A"}', "x", "", '{"p":2,"s":"B"}', '{"p":3,"s":"C"']
    values = LineValues(Lines(ending.join([*lines, ""]).encode(), 5), LINE)
    assert values.lines.tolist() == [6, 9]
    assert values.numbers(0).tolist() == [1, 2]
    assert values.texts(1).to_pylist() == ["A", "B"]
    assert values.texts(1, np.array([1])).to_pylist() == ["B"]


@pytest.mark.parametrize(
    "line",
    [
        '{"p":1,"s":"A"} ',
        ' {"p":1,"s":"A"}',
        '{"p":1,"s":"A"},',
        '{"p":1;"s":"A"}',
        '{"p":1,"s":"A"}}',
        '{"p":1,"s":"A"}\r',
        '{"p":1\r,"s":"A"}',
        '{"p":1,"s":"A"},{"p":1,"s":"A"}',
        '{"p":1,"s":"A',
        '{"p":1,',
        '{"p":',
        "{",
    ],
)
def test_what_is_not_as_the_others_does_not_fit(line):
    good = '{"p":1,"s":"A"}\n'
    values = LineValues(Lines(f"{good}{line}\n{good}{line[:-1]}x\n".encode(), 1), LINE)
    assert values.lines.tolist() == ([1, 2, 3] if line.endswith('A"}\r') else [1, 3])


def test_a_line_that_is_cut_anywhere_ends_there():
    """It takes nothing of the next one with it, and those behind keep their numbers."""
    kinds = (FIXED, NAME, MOMENT, NUMBER, NUMBER, WHOLE, WORD, TEXT)
    good = (
        '{"e":"trade","s":"AB","t":"2024-08-08T23:54:16.322Z","p":"61.80","q":1.5e-3,"i":17,'
        '"m":true,"x":"y"}'
    )
    cut = [one.split(":", 1) for one in good.split(",")]
    values = ("", '"AB', '"2024-08-08T23:54:16.322Z', '"61.80', "1.5e-3", "17", "true", '"y')
    parts = []
    for (key, _), value, kind, whole in zip(cut, values, kinds, good.split(","), strict=True):
        text = value.removeprefix('"')
        before = whole if kind == FIXED else f"{key}:{value.removesuffix(text)}"
        parts.append((before.encode(), whole[len(before) + len(text) :].encode(), kind))
    line, names = around(parts), names_of({"AB": 4})
    for end in range(len(good) + 1):
        for odd in ("", "\r", "0", "Z", ",", '"'):
            block = f"{good[:end]}{odd}\n{good}\n{good[:end]}{odd}\n".encode()
            whole = end == len(good) and odd in ("", "\r")
            found = LineValues(Lines(block, 1), line, names)
            same = f"{good[:end]}{odd}" == good or whole
            assert found.lines.tolist() == ([1, 2, 3] if same else [2]), (end, odd)
            assert found.whole(1).tolist() == [4] * len(found.lines)
            for at in range(1, len(kinds)):  # nothing of another line is among their values
                assert set(found.texts(at).to_pylist()) == {values[at].removeprefix('"')}
            assert set(found.whole(2).tolist()) == {1_723_161_256_322}
            assert set(found.numbers(3).tolist()) == {61.8}
            assert set(found.numbers(4).tolist()) == {1.5e-3}
            assert set(found.whole(5).tolist()) == {17}
            torn = LineValues(Lines(f"{good[:end]}{odd}\n".encode(), 1), line, names)
            assert torn.lines.tolist() == ([1] if same else []), (end, odd)


def test_what_is_the_same_in_every_line_has_no_value():
    line = around([(b'{"e":"trade"', b"", FIXED), (b'"p":', b"}", NUMBER)])
    block = b'{"e":"trade","p":1}\n{"e":"trader","p":1}\n{"e":"trade" ,"p":1}\n{"e":"trade"\n'
    assert LineValues(Lines(block, 1), line).lines.tolist() == [1]


def test_a_block_may_be_a_part_of_a_text():
    text = b'{"p":1,"s":"A"}\n' * 5
    part = Lines(text, 3, 16, 48)
    assert (len(part), part[4], part.block) == (2, text[:15], text[:32])
    values = LineValues(part, LINE)
    assert values.lines.tolist() == [3, 4]


def test_blank_lines_take_no_room():
    """Of many keys and few lines, only the lines have a place in each column."""
    line = around(
        [(b'{"a":', b"", NUMBER), *[(b'"b":', b"", NUMBER)] * 250, (b'"c":', b"}", NUMBER)]
    )
    good = b'{"a":1,' + b'"b":2,' * 250 + b'"c":3}\n'
    values = LineValues(Lines(good * 3 + b"\n" * 1_000_000 + good, 1), line)
    assert values.lines.tolist() == [1, 2, 3, 1_000_004]
    assert values._numbers.size < 252 * 1_000
    shortest = LineValues(Lines(b'{"p":1,"s":""}\n' * 3, 1), LINE)
    assert len(shortest.lines) == 3


def test_a_line_longer_than_lines_may_be_does_not_fit():
    lines = [f'{{"p":1,"s":"{"x" * (MAX_LINE - 14 + more)}"}}' for more in (-1, 0, 1)]
    assert [len(one) - MAX_LINE for one in lines] == [-1, 0, 1]
    assert LineValues(Lines("\n".join([*lines, ""]).encode(), 1), LINE).lines.tolist() == [1, 2]


def test_a_line_that_does_not_fit_writes_over_none_that_does():
    """Also where there is room for no more lines than fit."""
    keys = (b'{"p":', b'"q":', b'"name":"')
    line = around([(keys[0], b"", NUMBER), (keys[1], b"", NUMBER), (keys[2], b'"}', TEXT)])
    good, other = b'{"p":1,"q":2,"name":"A"}\n', b'{"p":7,"q":8,"name":"B"}\n'
    for end in range(len(other) - 1):
        for block in (good + other[:end] + b"\n", other[:end] + b"\n" + good):
            values = LineValues(Lines(block, 1), line)
            assert values.numbers(0).tolist() == [1.0]
            assert values.numbers(1).tolist() == [2.0]
            assert values.texts(2).to_pylist() == ["A"]
        assert not len(LineValues(Lines(other[:end] + b"\n", 1), line).lines)
