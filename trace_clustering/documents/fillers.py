"""Which texts of a person ask for nothing: greetings, thanks, and plain consent."""

import re
import unicodedata
from collections.abc import Iterable
from typing import Final

from trace_clustering.documents import words
from trace_clustering.documents.sentences import list_sentences

# A longer text of fillers alone is unlikely, and only so much is looked at.
MAX_FILLER_LENGTH: Final = 300
_MAX_WORDS_OF_THANKS = 12

_PUNCTUATION: Final = " \t\r\n,.!?:;…-–—~()\"'“”«»¡¿、，。！？：；،؟"
_HAS_WORD: Final = re.compile(r"[^\W_]")
_QUESTION: Final = re.compile("[?？؟]")


def _join(texts: Iterable[str]) -> str:
    """Return a pattern of any of these texts, of which the longest that fits is taken."""
    return "|".join(re.escape(text) for text in sorted(texts, key=lambda text: (-len(text), text)))


_GREETING: Final = re.compile(
    rf"(?:{_join((*words.GREETINGS, *words.LONG_GREETINGS))})(?![\w'’-])(?!\s+(?:world|kitty)\b)"
    r"(?:\s+(?:there|all|again|everyone|team|folks|guys|zusammen|assistant|bot|claude|chatgpt|gpt)\b)?",
    re.IGNORECASE,
)
_UNSPACED_GREETING: Final = re.compile(_join(words.UNSPACED_GREETINGS))
_UNSPACED_FILLER: Final = re.compile(_join(words.UNSPACED_FILLERS))
_CLOSING: Final = re.compile(
    rf"\b(?:{_join(words.CLOSINGS)})\b|{_join(words.UNSPACED_CLOSINGS)}", re.IGNORECASE
)
# Commands to the program itself, such as /clear, and how letters begin.
_PLEASANTRY: Final = re.compile(
    r"/[\w:-]+$|(?:i )?(?:really )?hope (?:this (?:e-?mail|message|note)|you|all|everything)\b.{0,60}"
    r"\b(?:well|good|great|fine|day|week)\W*$",
    re.IGNORECASE,
)
# Whom a person greets, if a comma or the end of the sentence follows: "Hi Dr. Ada Lovelace, ...".
_ADDRESSEE: Final = re.compile(r"\s+\w[\w.'-]{0,30}(?:\s+\w[\w.'-]{0,30}){0,2}(?=\s*[,!.:;，！。—–-])")


def strip_greeting(text: str) -> str:
    """Return a text without the greetings at its start; empty if it is nothing else."""
    stripped = text.lstrip(_PUNCTUATION)
    if not (_GREETING.match(stripped) or _UNSPACED_GREETING.match(stripped)):
        return text
    while match := _GREETING.match(stripped):
        rest = stripped[match.end() :]
        if named := _ADDRESSEE.match(rest):
            rest = rest[named.end() :]
        following = rest.lstrip(_PUNCTUATION)
        if not _is_apart(rest, following):
            return stripped
        stripped = following
    if match := _UNSPACED_GREETING.match(stripped):
        return stripped[match.end() :].lstrip(_PUNCTUATION)
    return stripped


def _is_apart(rest: str, following: str) -> bool:
    """Return whether a word greets: "hi i need" and "Hi I need" do, "Hello Fresh" is a name."""
    is_marked = rest.lstrip(" ")[:1] in _PUNCTUATION
    return is_marked or not following[:1].isupper() or following[:2] in ("I ", "I'", "I’")


def has_word(text: str) -> bool:
    """Return whether a text has a letter or a digit, in any script."""
    return bool(_HAS_WORD.search(text))


def is_filler(text: str) -> bool:
    """Return whether a text asks for nothing: it greets, thanks or agrees, in few words."""
    if len(text) > MAX_FILLER_LENGTH:
        return False
    if _PLEASANTRY.match(text.strip()):
        return True
    rest = _UNSPACED_FILLER.sub(" ", strip_greeting(unicodedata.normalize("NFC", text)))
    found = (word.strip(_PUNCTUATION).casefold().replace("’", "'") for word in rest.split())
    return all(word in words.FILLERS or not _HAS_WORD.search(word) for word in found)


def is_closing(text: str) -> bool:
    """Return whether a text may end a conversation: nothing but short thanks, and no question."""
    return not _QUESTION.search(text) and all(_is_thanks(sentence) for sentence in list_sentences(text))


def may_close(text: str) -> bool:
    """Return whether a text may end a conversation: a filler, or thanks and no question.

    Whoever says thanks may still want something; but nobody can say for sure that it was left undone.
    """
    return is_filler(text) or bool(_CLOSING.search(text) and not _QUESTION.search(text))


def _is_thanks(sentence: str) -> bool:
    is_short = len(sentence.split()) <= _MAX_WORDS_OF_THANKS and len(sentence) <= MAX_FILLER_LENGTH
    return is_filler(sentence) or bool(is_short and _CLOSING.search(sentence))
