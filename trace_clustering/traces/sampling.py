"""What a sample is drawn from: which traces are left out, and which count as one."""

from dataclasses import dataclass
from typing import Literal

Automation = Literal["leave_out", "include", "only"]


@dataclass(frozen=True)
class SampleRules:
    """What is left out or taken together before a sample is drawn.

    Attributes
    ----------
    automation : {"leave_out", "include", "only"}
        What becomes of traces that no person started, as far as their source says so.
    one_per_session : bool
        Whether one trace stands for all of its session.
    fold_duplicates : bool
        Whether one trace stands for all whose texts differ only in ids, numbers and dates.
    """

    automation: Automation = "leave_out"
    one_per_session: bool = False
    fold_duplicates: bool = False
