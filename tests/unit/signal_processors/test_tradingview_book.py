from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from core.model.failures import InvalidInput
from signal_processors import tradingview_book
from signal_processors.day_files import Record
from signal_processors.tradingview_alert import Alert, Side, Stand
from signal_processors.tradingview_book import Book, Entry, read_entry, write_entry
from signal_processors.tradingview_lane import Basis, Verdict
from signal_processors.tradingview_snapshot import format_book, load_book, save_book

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
FULL = Alert(
    "ETHUSDT", Decimal("0.5"), None, Decimal(3), Decimal("3328.25"), "e1", 7, NOW, NOW - timedelta(hours=1), "L",
    Stand(Side.FLAT, Decimal(0)), Stand(Side.LONG, Decimal("2.5")),
)  # fmt: skip


def record(sequence: int, alert: Alert, verdict: Verdict = Verdict.APPLIED, strategy: str = "trend") -> Record:
    return Record(
        sequence, NOW, write_entry(Entry(strategy, verdict, 3, 1.5, alert, "digest", Basis.CHAIN, note="why"))
    )


def test_an_entry_survives_its_record_to_the_digit() -> None:
    entry = read_entry(record(1, FULL))

    assert entry.alert == FULL
    assert (entry.strategy, entry.verdict, entry.basis, entry.note) == ("trend", Verdict.APPLIED, Basis.CHAIN, "why")


def test_a_record_that_is_folded_twice_acts_once() -> None:
    book = Book()
    for _ in range(2):
        book.fold(record(1, FULL))

    assert (book.changes, book.sequence) == (1, 1)


def test_only_what_is_in_force_changes_what_is_published() -> None:
    book = Book()
    book.fold(record(1, FULL))
    for number, verdict in enumerate((Verdict.OLDER, Verdict.HELD, Verdict.DUPLICATE, Verdict.REFUSED), start=2):
        book.fold(record(number, Alert("ETHUSDT", Decimal(-1)), verdict))

    assert (book.changes, book.sequence) == (1, 5)
    assert [signal.depth for signal in book.signals()] == [Decimal("0.5")]


def test_a_record_of_another_version_is_refused_and_changes_nothing() -> None:
    book = Book()
    for content in (
        {"strategy": "trend"},
        {"strategy": "trend", "verdict": "new"},
        {"strategy": 7, "verdict": "applied"},
    ):
        with pytest.raises(InvalidInput, match="record 1"):
            book.fold(Record(1, NOW, content))
    assert book == Book()


def test_the_number_of_identities_kept_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tradingview_book, "MOST_IDENTITIES", 10)
    book = Book()
    for number in range(1, 31):
        book.fold(record(number, _named(number)))

    assert len(book.seen) == 10
    assert {key[2] for key in book.seen} == {f"event e{number}" for number in range(21, 31)}


def _named(number: int) -> Alert:
    return Alert("ETHUSDT", Decimal("0.5"), event_id=f"e{number}")


def test_a_book_survives_its_snapshot(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("book")
    book = Book()
    book.fold(record(1, FULL))
    book.fold(record(2, Alert("ETHUSDT", Decimal(0), Side.LONG), Verdict.APPLIED))
    book.fold(record(3, Alert("ETHUSDT", Decimal(1)), Verdict.HELD))

    save_book(format_book(book), folder)

    assert load_book(folder) == (book, [])
