"""What users say of topics: other names, what belongs together, what must stay, what does not matter."""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictStr, ValidationError

from trace_clustering.constants import NOISE_TITLE
from trace_clustering.errors import InvalidSettingsError, explain_validation
from trace_clustering.text import MAX_TITLE_LENGTH, clean_line, escape_controls

# A topic is named by its id, or by the beginning of it that tables show.
MIN_ID_LENGTH: Final = 8
_ID_LENGTH: Final = 36
_ID = re.compile(rf"[0-9a-f]{{{MIN_ID_LENGTH}}}[0-9a-f-]{{0,{_ID_LENGTH - MIN_ID_LENGTH}}}")
MAX_DESCRIPTION_LENGTH = 2000
_MAX_LINE_LENGTH = 300


@dataclass(frozen=True)
class TopicEdit:
    """What a team says of one topic.

    Attributes
    ----------
    title, description : str
        Empty: those that the runs give it.
    merge_into : str
        Id, or the beginning of it, of the topic that it is a part of; empty if it stands for itself.
    pin : bool
        It stays a cluster as long as it has traces, however few.
    ignore : bool
        It is counted, but it is in no news.
    """

    title: str = ""
    description: str = ""
    merge_into: str = ""
    pin: bool = False
    ignore: bool = False


@dataclass(frozen=True)
class TopicEdits:
    """What a team says of its topics.

    Attributes
    ----------
    by_topic : mapping
        By the id of a topic, or the beginning of it.
    """

    by_topic: Mapping[str, TopicEdit] = field(default_factory=dict)

    @cached_property
    def digest(self) -> str:
        """Identity of the content, whatever its order in the file; empty if there is nothing."""
        if not self.by_topic:
            return ""
        content = {topic: asdict(edit) for topic, edit in self.by_topic.items()}
        return hashlib.blake2b(json.dumps(content, sort_keys=True).encode(), digest_size=8).hexdigest()

    @property
    def change_clusters(self) -> bool:
        """Whether they decide which traces belong together."""
        return any(edit.merge_into or edit.pin for edit in self.by_topic.values())

    def find(self, topic_id: str) -> TopicEdit:
        """Return what is said of a topic; an edit that changes nothing if nothing is said of it."""
        named = (edit for name, edit in self.by_topic.items() if topic_id.startswith(name))
        return next(named, TopicEdit())

    def find_merges(self, known: Collection[str]) -> dict[str, str]:
        """Return the topic that each merged topic ends up in, directly or through others, by full ids.

        Only the end must be a topic that is known. One that was merged long ago is in no run any more.

        Parameters
        ----------
        known : collection of str
            The ids of all topics that are known.
        """
        named = [*self.by_topic, *(edit.merge_into for edit in self.by_topic.values())]
        topics = {*known, *(name for name in named if len(name) == _ID_LENGTH)}
        lost = [name for name in self.by_topic if not any(topic.startswith(name) for topic in topics)]
        ends = {topic: self._find_end(topic, topics) for topic in [*topics, *lost]}
        return {topic: end for topic, end in ends.items() if end != topic and end in known}

    def list_unknown(self, known: Collection[str]) -> list[str]:
        """Return the names in the file that belong to no topic that is known, or to more than one."""
        names = {*self.by_topic, *(edit.merge_into for edit in self.by_topic.values() if edit.merge_into)}
        matches = Counter(name for name in names for topic in known if topic.startswith(name))
        return sorted(name for name in names if matches[name] != 1)

    def _find_end(self, topic: str, topics: Collection[str]) -> str:
        while target := self.find(topic).merge_into:  # the file has no circles
            full = [other for other in topics if other.startswith(target)]
            if len(full) != 1:
                return topic
            topic = full[0]
        return topic


class _WrittenEdit(BaseModel):
    model_config = ConfigDict(extra="forbid")

    rename: StrictStr | None = None
    description: StrictStr | None = Field(default=None, max_length=MAX_DESCRIPTION_LENGTH)
    merge_into: StrictStr | None = None
    pin: StrictBool = False
    ignore: StrictBool = False


def parse_edits(written: Mapping[str, Any]) -> TopicEdits:
    """Return what a team's part of the file says, checked.

    Parameters
    ----------
    written : mapping
        By the id of a topic, or at least the first 8 characters of it: a mapping with some of `rename`,
        `description`, `merge_into`, `pin` and `ignore`.

    Raises
    ------
    InvalidSettingsError
        If something in it is unknown, empty, or contradicts something else. The message names the topic.
    """
    edits = {_parse_id(topic, ""): _parse_edit(topic, edit) for topic, edit in written.items()}
    _refuse_names_of_one_topic(list(edits), written)
    _refuse_unclear_targets(edits)
    _refuse_circles(edits)
    _refuse_equal_titles(edits)
    return TopicEdits(edits)


def _parse_id(text: str, place: str) -> str:
    name = text.strip().lower()
    if not _ID.fullmatch(name):
        raise InvalidSettingsError(
            f"{place}{escape_controls(text)!r} is not the id of a topic; give the id that the event and "
            f"`trace-clustering topics` show, or at least its first {MIN_ID_LENGTH} characters"
        )
    return name


def _parse_edit(topic: str, written: Any) -> TopicEdit:  # noqa: ANN401 - whatever stands in the file
    place = f"topic {escape_controls(topic)}: "
    if not isinstance(written, dict) or not written:
        raise InvalidSettingsError(
            f"{place}must map some of {', '.join(_WrittenEdit.model_fields)} to values, not {written!r}"
        )
    try:
        edit = _WrittenEdit.model_validate(written)
    except ValidationError as error:
        known = ", ".join(_WrittenEdit.model_fields)
        raise InvalidSettingsError(
            place + explain_validation(error, unknown=f"there is no such edit, only {known}")
        ) from None
    named = {name for name in edit.model_fields_set if getattr(edit, name) not in (None, False)}
    if edit.merge_into is not None and named != {"merge_into"}:
        others = ", ".join(sorted(named - {"merge_into"}))
        raise InvalidSettingsError(f"{place}merge_into makes it a part of another topic; say {others} there")
    if edit.pin and edit.ignore:
        raise InvalidSettingsError(f"{place}pin and ignore contradict each other; take one of them out")
    if edit.description is not None and edit.rename is None:
        raise InvalidSettingsError(f"{place}description needs a rename; a run may give it another title")
    return TopicEdit(
        title="" if edit.rename is None else _parse_title(edit.rename, place),
        description="" if edit.description is None else _parse_description(edit.description, place),
        merge_into="" if edit.merge_into is None else _parse_id(edit.merge_into, f"{place}merge_into = "),
        pin=edit.pin,
        ignore=edit.ignore,
    )


def _parse_title(text: str, place: str) -> str:
    """Return a title as it is shown: one plain line, like all titles."""
    title = clean_line(text, max(len(text), 1))
    if not title or title.casefold() == NOISE_TITLE.casefold():
        raise InvalidSettingsError(
            f"{place}rename = {escape_controls(text)!r}: give a title; {NOISE_TITLE} is none"
        )
    if len(title) > MAX_TITLE_LENGTH:
        raise InvalidSettingsError(
            f"{place}rename has {len(title)} characters, at most {MAX_TITLE_LENGTH} are allowed"
        )
    return title


def _parse_description(text: str, place: str) -> str:
    lines = [line for line in (clean_line(line, _MAX_LINE_LENGTH) for line in text.splitlines()) if line]
    if not lines:
        raise InvalidSettingsError(f"{place}description is empty; write one, or take it out")
    return "\n".join(lines)


def _refuse_names_of_one_topic(names: list[str], written: Mapping[str, Any]) -> None:
    if len(names) < len(written):
        raise InvalidSettingsError("a topic is there twice; ids are the same in capitals and small letters")
    for name in names:
        for other in names:
            if name != other and other.startswith(name):
                raise InvalidSettingsError(f"topics {name} and {other} may be one; name them in full")


def _refuse_unclear_targets(edits: Mapping[str, TopicEdit]) -> None:
    for topic, edit in edits.items():
        if edit.merge_into and sum(_are_one(name, edit.merge_into) for name in edits) > 1:
            raise InvalidSettingsError(
                f"topic {topic}: merge_into = {edit.merge_into!r} begins several topics of the file; "
                "name it in full"
            )


def _refuse_circles(edits: Mapping[str, TopicEdit]) -> None:
    """Refuse a topic that would be merged into itself, directly or through others."""
    for start in edits:
        path, topic = [start], edits[start].merge_into
        while topic:
            path.append(topic)
            if len(path) > len(edits) + 1 or _are_one(topic, start):
                raise InvalidSettingsError(
                    f"topic {start}: merge_into goes in a circle: {' -> '.join(path)}; take one of them out"
                )
            topic = next((edit.merge_into for name, edit in edits.items() if _are_one(name, topic)), "")


def _are_one(name: str, other: str) -> bool:
    """Return whether two names, of which one may be the beginning of the other, may mean one topic."""
    return name.startswith(other) or other.startswith(name)


def _refuse_equal_titles(edits: Mapping[str, TopicEdit]) -> None:
    topic_of: dict[str, str] = {}
    for topic, edit in edits.items():
        other = topic_of.setdefault(edit.title.casefold(), topic) if edit.title else topic
        if other != topic:
            raise InvalidSettingsError(
                f"topics {other} and {topic} get the same title {edit.title!r}; merge them, or name one else"
            )
