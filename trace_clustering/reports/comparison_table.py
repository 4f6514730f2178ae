"""A comparison for the terminal: what moved each figure, largest first, and nothing that is within noise."""

import math
from typing import Any, Final

from rich.table import Table
from rich.text import Text

from trace_clustering.clickhouse.compared_figures import Figure
from trace_clustering.reports.comparison import OUTLIERS, ComparedSide, Comparison
from trace_clustering.topics.comparison import Effect, FigureComparison
from trace_clustering.topics.mix_and_rate import Estimate

_NAMES: Final[dict[Figure, str]] = {
    "cost": "Cost per trace",
    "error_rate": "Error rate",
    "latency": "Latency per trace",
    "tokens": "Tokens per trace",
}
_MAX_DECIMALS: Final = 9
_REMARK: Final = (
    "Mix (other topics are asked for) and rate (the same topics fare otherwise) add up to the difference. "
    "The intervals are those of drawing traces; what another clustering would change is not in them."
)
_PERHAPS: Final = (
    "Perhaps: beyond noise if it were the only topic; of so many, one may look like this by chance."
)


def build_comparison_report(comparison: Comparison, *, everything: bool = False) -> list[Any]:
    """Return lines and tables for a console of rich; with `everything`, also effects within noise."""
    sides = (comparison.before, comparison.after)
    parts: list[Any] = [Text(_describe_side(comparison.key, side)) for side in sides]
    parts += [Text(note) for note in comparison.notes]
    for figure, compared in comparison.figures.items():
        parts.append(Text(""))
        if compared is None:
            parts.append(Text(f"{_NAMES[figure]}: not known of any trace of one side."))
        else:
            parts.append(_build_table(comparison, figure, compared, everything=everything))
    known = [compared for compared in comparison.figures.values() if compared]
    has_likely = any(effect.is_likely for compared in known for effect in compared.effects)
    return [*parts, Text(""), Text(_REMARK), *([Text(_PERHAPS)] if has_likely else [])]


def _describe_side(key: str, side: ComparedSide) -> str:
    return f"{key} {side.word}: {side.traces} traces of {side.window} (run {side.run_id})".lstrip()


def _name_sides(comparison: Comparison) -> tuple[str, str]:
    """Return what stands behind a figure of each side."""
    preposition = "with " if comparison.key else ""
    return f"{preposition}{comparison.before.word}", f"{preposition}{comparison.after.word}"


def _build_table(
    comparison: Comparison, figure: Figure, compared: FigureComparison, *, everything: bool
) -> Table:
    table = Table(title=Text(_write_title(comparison, figure, compared)), title_justify="left", expand=True)
    table.add_column("Difference", justify="right", no_wrap=True)
    table.add_column("95 % interval", justify="right", no_wrap=True)
    table.add_column("Topic", ratio=2)
    table.add_column("Why", ratio=3)
    told = [effect for effect in compared.effects if effect.kind == "mix" or _is_on_both_sides(effect)]
    shown = [effect for effect in told if everything or effect.is_beyond_noise]
    shown += [effect for effect in told if effect.is_likely and not everything]
    for effect in shown:
        title = comparison.titles.get(effect.topic_id) or OUTLIERS
        table.add_row(
            *_write_estimate(figure, effect.estimate),
            Text(title),
            Text(("perhaps " if effect.is_likely else "") + _explain_effect(comparison, figure, effect)),
        )
    rest = [effect for effect in told if effect not in shown]
    if rest:
        others = "other topics" if shown else "all topics"
        value = format_difference(figure, sum(effect.estimate.value for effect in rest))
        table.add_row(Text(value), "", Text(others), Text("each of them within noise"))
    table.add_section()
    table.add_row(*_write_estimate(figure, compared.total_mix), "", Text("mix of all topics"))
    table.add_row(*_write_estimate(figure, compared.total_rate), "", Text("rate of all topics"))
    table.add_row(*_write_estimate(figure, compared.difference), "", Text("together"))
    return table


def _is_on_both_sides(effect: Effect) -> bool:
    """Return whether the topic has a rate to compare; else, all of its effect is mix."""
    return effect.mean_before is not None and effect.mean_after is not None


def _write_title(comparison: Comparison, figure: Figure, compared: FigureComparison) -> str:
    before, after = _name_sides(comparison)
    return (
        f"{_NAMES[figure]}: {format_value(figure, compared.mean_before)} {before}, "
        f"{format_value(figure, compared.mean_after)} {after}; known of {compared.count_before} of "
        f"{comparison.before.traces} and {compared.count_after} of {comparison.after.traces} traces"
    )


def _write_estimate(figure: Figure, estimate: Estimate) -> tuple[Text, Text]:
    low, high = (format_difference(figure, end) for end in (estimate.low, estimate.high))
    return Text(format_difference(figure, estimate.value)), Text(f"{low} to {high}")


def _explain_effect(comparison: Comparison, figure: Figure, effect: Effect) -> str:
    before, after = _name_sides(comparison)
    share_before, share_after = f"{effect.share_before:.1%}", f"{effect.share_after:.1%}"
    if effect.mean_before is None or effect.mean_after is None:
        word, share, mean = (
            (after, share_after, effect.mean_after)
            if effect.mean_before is None
            else (before, share_before, effect.mean_before)
        )
        return f"only {word}: {share} of the traces, at {format_value(figure, mean or 0.0)}"
    if effect.kind == "mix":
        more = "more" if effect.share_after > effect.share_before else "fewer"
        level = format_value(figure, (effect.mean_before + effect.mean_after) / 2)
        return f"{more} of these: {share_before} {before}, {share_after} {after}, at {level}"
    means = [format_value(figure, mean) for mean in (effect.mean_before, effect.mean_after)]
    changed = "rose" if effect.estimate.value > 0 else "fell" if effect.estimate.value < 0 else "stayed"
    return f"these {changed}: {means[0]} {before}, {means[1]} {after}"


def format_value(figure: Figure, value: float) -> str:
    """Return a mean in its unit."""
    if figure == "error_rate":
        return f"{value:.1%}"
    digits = _write_digits(value)
    return {"cost": f"${digits}", "latency": f"{digits} s", "tokens": f"{value:,.0f}"}[figure]


def format_difference(figure: Figure, value: float) -> str:
    """Return a difference in its unit, with its sign."""
    sign = "-" if value < 0 else "+"
    if figure == "error_rate":
        return f"{sign}{abs(value) * 100:.2f} points"
    return f"{sign}{format_value(figure, abs(value))}"


def _write_digits(value: float) -> str:
    """Return a number of at least 0 with three digits that tell something, and without an exponent."""
    decimals = 2 - math.floor(math.log10(value)) if value else 2
    return f"{value:,.{min(max(decimals, 0), _MAX_DECIMALS)}f}"
