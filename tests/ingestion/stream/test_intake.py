"""What is taken of a source's messages, and under which name, while other symbols are wanted."""

from __future__ import annotations

from ingestion.stream.intake import Intake

NAMELESS = b'{"ts":1723161256322,"price":5,"size":1}'


def taken(intake: Intake) -> tuple[list[str], list[str]]:
    """The symbols, and the reasons of what was refused, of a trade that names none."""
    made = intake.take([NAMELESS])
    return [batch.symbol for batch in made.ticks], [one.reason for one in made.rejected]


def test_trades_that_name_no_symbol_are_of_the_one_that_is_wanted_now() -> None:
    intake = Intake(("AUSD",), strict_ids=False)
    assert taken(intake) == (["AUSD"], [])
    intake.want(("BUSD",))
    assert taken(intake) == (["BUSD"], [])
    intake.want(("AUSD", "BUSD"))
    symbols, reasons = taken(intake)
    assert (symbols, len(reasons)) == ([], 1), "of two nobody knows which"
