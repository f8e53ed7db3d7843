"""Prices in every usual spelling, and what is no price."""

# ruff: noqa: RUF001  (Cyrillic letters look like Latin ones; here they are meant)

import pytest
from babel.numbers import format_currency, format_decimal
from hypothesis import given
from hypothesis import strategies as st

from server.catalog.prices import NoPrice, parse


@pytest.mark.parametrize(
    ("text", "amount", "currency"),
    [
        ("19.90", 19.9, ""),
        ("1.234,56 €", 1234.56, "EUR"),
        ("USD 15.00", 15.0, "USD"),
        ("15.00 USD", 15.0, "USD"),
        ("₽ 1 200", 1200.0, "RUB"),
        ("1 200,50 руб.", 1200.5, "RUB"),
        ("1'234.50 CHF", 1234.5, "CHF"),
        ("1\u00a0234,50\u00a0zł", 1234.5, "PLN"),
        ("$1,299", 1299.0, ""),
        ("1,234,567.89", 1234567.89, ""),
        ("1.234.567", 1234567.0, ""),
        ("¥1,500", 1500.0, "JPY"),
        ("¥1.500", 1500.0, "JPY"),
        ("US$ 5", 5.0, "USD"),
        ("R$ 10,00", 10.0, "BRL"),
        ("0", 0.0, ""),
        (".99", 0.99, ""),
        ("49,99 kr", 49.99, ""),
        ("12.50 eur", 12.5, "EUR"),
        ("9,90 EUR", 9.9, "EUR"),
        ("1 234", 1234.0, ""),
    ],
)
def test_usual_spellings(text: str, amount: float, currency: str):
    assert parse(text) == (amount, currency)


def test_an_empty_text_is_no_price():
    assert parse("") == parse("  ") == (None, "")


@pytest.mark.parametrize(
    ("locale", "amount"), [("", 1.234), ("en-US", 1.234), ("de", 1234.0), ("de_DE", 1234.0), ("xx", 1.234)]
)
def test_the_locale_decides_where_a_point_could_be_either(locale: str, amount: float):
    assert parse("1.234", locale) == (amount, "")


def test_a_comma_with_three_digits_is_for_thousands_unless_the_locale_says_otherwise():
    assert parse("1,234")[0] == 1234.0
    assert parse("1,234", "de")[0] == 1.234
    assert parse("0,125")[0] == 0.125


@pytest.mark.parametrize(
    "text", ["free", "10 - 20", "-5", "5 apples", "1.2.3,4,5", "12 XYZ", "1e5 EUR x", "9" * 15, "1 20"]
)
def test_what_is_no_price_is_refused_with_what_would_be(text: str):
    with pytest.raises(NoPrice) as refused:
        parse(text)
    assert str(refused.value).startswith(("a ", "an ", "one "))


@given(st.text())
def test_any_text_is_a_price_or_refused(text: str):
    try:
        amount, currency = parse(text)
    except NoPrice:
        return
    assert amount is None or 0 <= amount < 1e12
    assert currency == "" or len(currency) == 3


@given(
    st.decimals(min_value=0, max_value=9_999_999, places=2),
    st.sampled_from(["en_US", "de_DE", "fr_FR", "pl_PL", "ru_RU", "de_CH", "it_IT", "nl_NL", "es_ES", "en_IN"]),
)
def test_what_babel_writes_is_read_back(value, locale: str):
    assert parse(format_decimal(value, "#,##0.00", locale=locale), locale.replace("_", "-"))[0] == float(value)
    amount, currency = parse(format_currency(value, "EUR", locale=locale), locale)
    assert (amount, currency) == (float(value), "EUR")
