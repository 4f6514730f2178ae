"""Finds what a person asked in the prompt that a program made of it."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from trace_clustering.sources.messages import Message

# Shorter questions stand in other texts by chance.
_MIN_QUESTION: Final = 12
# Instructions and documents are at least so many characters; a line with the date hides no question.
_MIN_ADDED: Final = 200


def unwrap_prompts(messages: Iterable[Message], asked: Sequence[Message]) -> list[Message]:
    """Return the messages with a person's own words in the place of prompts that hold them.

    Parameters
    ----------
    messages : iterable of Message
        The conversation of the models, in which a question may stand among instructions and documents.
    asked : sequence of Message
        What went into the outermost step. Only plain texts of it are questions.
    """
    texts = {message.text.strip() for message in asked if message.is_guess and message.role == "user"}
    questions = sorted((text for text in texts if len(text) >= _MIN_QUESTION), key=len, reverse=True)
    return [_unwrap(message, questions) if message.role == "user" else message for message in messages]


def _unwrap(message: Message, questions: Sequence[str]) -> Message:
    longest = len(message.text) - _MIN_ADDED
    found = (text for text in questions if len(text) <= longest and text in message.text)
    question = next(found, None)
    return message if question is None else replace(message, text=question)
