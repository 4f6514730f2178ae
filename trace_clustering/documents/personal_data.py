"""Finds e-mail addresses, phone numbers and card numbers in a text.

Every pattern is made so that a megabyte of hostile text takes no longer than any other: a run of characters
is entered once, and what repeats is bounded.
"""

import re
from collections.abc import Callable
from typing import Final

# Texts are often JSON, where `\n` and `\u00e9` stand for one character, which is no part of what follows.
_AFTER_ESCAPE: Final = r"(?<=\\[nrtbf])|(?<=\\u[0-9a-fA-F]{4})"
# Digits that are a part of an id, a path or a decimal number are none of these.
_START: Final = rf"(?:(?<![\w.+/\\@#=_-])|{_AFTER_ESCAPE})"
_END: Final = r"(?![\w@-]|\.\d|,\d{3}(?!\d))"

_EMAIL: Final = re.compile(
    rf"(?:(?<![\w.%+-])(?!(?<=\\)[nrtbfu])|{_AFTER_ESCAPE})[\w.%+-]++@"
    r"(?!\w+\.(?:png|jpe?g|gif|svg|webp|ico)\b)(?:[\w-]++\.){1,10}[^\W\d_]{2,}"
)

_CARD: Final = re.compile(
    rf"{_START}(?:\d{{13,19}}|\d{{4}}([ -])\d{{4}}\1\d{{4}}\1\d{{1,7}}|\d{{4}}([ -])\d{{6}}\2\d{{4,5}}){_END}"
)
# First digits and lengths of Visa, Mastercard, Amex, Discover, JCB, Diners and UnionPay.
_ISSUED: Final = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})|(?:5[1-5]|2[2-7])\d{14}|3[47]\d{13}|6(?:011|4[4-9]|5)\d{12,16}|"
    r"35\d{14}|3(?:0[0-5]|[68])\d{11,12}|62\d{14,17}"
)

_PHONE: Final = re.compile(
    rf"{_START}(?:"
    r"\+[1-9](?:[ ().-]{0,2}\d){7,14}|00[1-9]\d{0,2}[ -](?:[ ().-]{0,2}\d){6,12}|"  # international
    r"(?:1[ .-])?(?:\([2-9]\d\d\) ?|[2-9]\d\d[.-])\d{3}[ .-]\d{4}|"  # North America
    r"0[1-9](?:[ .-]\d\d){4}|"  # France
    r"\(?0[1-9]\d{1,3}\)?[ /]\d{3,4}(?:[ -]?\d{3,5})|"  # Britain, Germany, Italy and others
    r"0[1-9]\d{1,3}/\d{5,8}"
    rf"){_END}"
)
# Digits that might be anything else are a phone number where the words before say so.
_NAMED_PHONE: Final = re.compile(
    r"((?:\b|_)(?:phone|telephone|tel|mobile|cell|cellphone|fax|whatsapp|sms|"
    r"(?:call|text|reach) me (?:at|on)|(?:my|our) number is|"
    r"telefon(?:nummer)?|handy(?:nummer)?|teléfono|móvil|celular|téléphone|telefone|telefono|cellulare|"
    r"telefoon|mobiel|телефон|номер телефона|telefonu)(?:[ _](?:number|no|nr))?\b|"
    r"电话|手机号?|電話(?:番号)?|携帯|전화번호?|휴대폰|هاتف|טלפון|फ़ोन)"
    r"([^\d\n+]{0,16})(\+?\(?\d(?:[ ().-]{0,2}\d){6,14})(?![\d-]|\.\d)",
    re.IGNORECASE,
)
_DATE: Final = re.compile(r"(?:19|20)\d\d([-/.])\d{1,2}\1\d{1,2}\b|\d{1,2}([-/.])\d{1,2}\2(?:19|20)\d\d\b")

Replace = Callable[[re.Match[str], str], str]


def replace_emails(text: str, write: Replace) -> str:
    """Return a text in which `write` stands for each e-mail address."""
    return _EMAIL.sub(lambda match: write(match, match[0]), text) if "@" in text else text


def replace_cards(text: str, write: Replace) -> str:
    """Return a text in which `write` stands for each card number that an issuer may have given."""
    parts: list[str] = []
    done = position = 0
    while match := _CARD.search(text, position):
        if _is_card(match[0]):
            parts += [text[done : match.start()], write(match, match[0])]
            done = position = match.end()
        else:
            position = match.start() + 1  # a card number may begin within these digits
    return "".join([*parts, text[done:]])


def replace_phones(text: str, write: Replace) -> str:
    """Return a text in which `write` stands for each phone number."""

    def write_named(match: re.Match[str]) -> str:
        if _DATE.match(match[3]):
            return match[0]
        return match[1] + match[2] + write(match, match[3])

    return _NAMED_PHONE.sub(write_named, _PHONE.sub(lambda match: write(match, match[0]), text))


def _is_card(text: str) -> bool:
    digits = re.sub(r"\D", "", text)
    if not _ISSUED.fullmatch(digits):
        return False
    doubled = (sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return (sum(map(int, digits[-1::-2])) + sum(doubled)) % 10 == 0
