"""Prices as people and machines write them: "19.90", "1.234,56 €", "USD 15.00", "₽ 1 200", "1'234.50 CHF"."""

# ruff: noqa: RUF001  (Cyrillic letters look like Latin ones; here they are meant)

import re
from functools import lru_cache

from babel import Locale, UnknownLocaleError
from babel.numbers import get_decimal_symbol

_PLAIN = re.compile(r"\d{1,12}(?:\.\d{1,2})?", re.ASCII)
_AMOUNT = re.compile(r"[-\u2212]?\d[\d.,'\u2019\s\u00a0\u202f\u2009]*\d|[-\u2212]?\d|[.,]\d+")
_GAPS = re.compile(r"['\u2019\s\u00a0\u202f\u2009]")
_IN_THREES = re.compile(r"\d{1,3}(?:\D\d{3})+(?:[.,]\d+)?", re.ASCII)
_CODE = re.compile(r"(?<![A-Za-z])[A-Za-z]{3}(?![A-Za-z])")
_SIGNS = {
    "R$": "BRL", "A$": "AUD", "C$": "CAD", "CA$": "CAD", "HK$": "HKD", "NZ$": "NZD", "S$": "SGD", "US$": "USD",
    "MX$": "MXN",
    "€": "EUR", "£": "GBP", "¥": "JPY", "₽": "RUB", "₴": "UAH", "₺": "TRY", "₹": "INR", "₩": "KRW", "₪": "ILS",
    "₫": "VND",
    "₸": "KZT", "₦": "NGN", "₱": "PHP", "฿": "THB", "₾": "GEL", "₡": "CRC", "zł": "PLN", "kč": "CZK",
    "руб": "RUB", "р.": "RUB",
    "грн": "UAH", "лв": "BGN", "ft": "HUF", "lei": "RON", "fr.": "CHF", "euro": "EUR", "円": "JPY", "元": "CNY",
    "tl": "TRY",
}  # fmt: skip
_LOCAL_SIGNS = {"$", "kr", "kr."}  # which currency these mean depends on the shop
_WHOLE = {"JPY", "KRW", "VND", "CLP", "ISK", "PYG", "UGX", "XAF", "XOF", "HUF", "IDR"}  # sold without decimals
_CODE_NAMES = (
    "AED AFN ALL AMD AOA ARS AUD AZN BAM BDT BGN BHD BND BOB BRL BYN CAD CHF CLP CNY COP CRC CZK DKK DOP DZD EGP "
    "ETB EUR GBP GEL GHS GTQ HKD HNL HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KRW KWD KZT LAK LBP LKR "
    "MAD MDL MGA MKD MMK MNT MOP MUR MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PHP PKR PLN PYG QAR RON RSD "
    "RUB RWF SAR SEK SGD SYP THB TND TRY TTD TWD TZS UAH UGX USD UYU UZS VES VND XAF XCD XOF XPF YER ZAR ZMW"
)
_CODES = frozenset(_CODE_NAMES.split())


class NoPrice(ValueError):  # noqa: N818  it says what the text is not
    """The text is not a price; the message says what would be one."""


def parse(text: str, locale: str = "") -> tuple[float | None, str]:
    """The amount and the ISO 4217 currency, if the text names one (else ""). An empty text is no price: None.

    `locale` ("de", "en-US") decides where a single separator with three digits behind it could mean either; without one
    a point is a decimal point, as machines write it.

    Raises:
        NoPrice: no amount, more than one, below zero, or an unknown currency.

    """
    if _PLAIN.fullmatch(text):
        return float(text), ""
    text = text.strip()
    if not text:
        return None, ""
    found = _AMOUNT.findall(text)
    if len(found) != 1:
        raise NoPrice("one amount such as 19.90 or 19.90 EUR" if found else "a number such as 19.90")
    amount = found[0].strip()
    rest = text.replace(amount, " ", 1).strip(" \u00a0\u202f:=~-")
    currency = _currency(rest)
    if amount[0] in "-\u2212" or text.startswith(("-", "\u2212")):
        raise NoPrice("an amount of 0 or more")
    value = _number(amount, locale, currency)
    if value >= 1e12:
        raise NoPrice("an amount below 1,000,000,000,000")
    return value, currency


def _currency(text: str) -> str:
    if not text or text.lower() in _LOCAL_SIGNS:
        return ""
    sign = (
        _SIGNS.get(text) or _SIGNS.get(text.upper()) or _SIGNS.get(text.lower()) or _SIGNS.get(text.lower().rstrip("."))
    )
    if sign:
        return sign
    codes = [code.upper() for code in _CODE.findall(text)]
    if len(codes) == 1 and codes[0] in _CODES:
        return codes[0]
    raise NoPrice("an amount with an ISO 4217 currency such as 19.90 EUR")


def _number(text: str, locale: str, currency: str) -> float:
    if _GAPS.search(text) and not _IN_THREES.fullmatch(text):
        raise NoPrice("one amount such as 1234.50")
    text = _GAPS.sub("", text)
    point, comma = text.rfind("."), text.rfind(",")
    if point >= 0 and comma >= 0:
        decimal = "." if point > comma else ","
        if text.count(decimal) > 1:
            raise NoPrice("one decimal separator, as in 1234.50")
    elif point < 0 and comma < 0:
        return float(text)
    else:
        decimal = _single(text, "." if point >= 0 else ",", locale, currency)
    whole = text.replace("," if decimal == "." else ".", "")
    return float(whole.replace(",", ".") if decimal == "," else whole)


def _single(text: str, separator: str, locale: str, currency: str) -> str:
    """The decimal separator of a number with only one kind of separator in it."""
    other = "," if separator == "." else "."
    if text.count(separator) > 1:
        return other
    if len(text) - text.index(separator) - 1 != 3 or text.startswith(("0", separator)):
        return separator
    if currency in _WHOLE:
        return other
    return decimal_symbol(locale) if locale else "."


@lru_cache(maxsize=64)
def decimal_symbol(locale: str) -> str:
    """The decimal separator of a locale, "." or ","."""
    try:
        return "," if get_decimal_symbol(Locale.parse(locale.replace("-", "_"))) == "," else "."
    except (UnknownLocaleError, ValueError):
        return "."
