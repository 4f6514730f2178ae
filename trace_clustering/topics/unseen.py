"""How much of the traffic is of kinds that the sample does not hold."""

from typing import NamedTuple


class UnseenShare(NamedTuple):
    """The share of the traffic that is of kinds not seen yet, and bounds that hold it with 95 %."""

    share: float
    low: float
    high: float


def estimate_unseen_share(traces: int, seen_once: int, seen_twice: int) -> UnseenShare:
    """Estimate how likely the next trace is of a kind that was not seen yet.

    The share of traces that are the only one of their kind estimates it (Good 1953, after Turing): each was
    of an unseen kind until it came. The bounds follow from the variance by Esty (1983), with Jeffreys'
    interval in place of the normal one, which would be of width 0 if no kind was seen once.

    Parameters
    ----------
    traces : int
        Number of traces in the sample, at least 1.
    seen_once, seen_twice : int
        Number of kinds of which one trace was seen, and two.
    """
    from scipy.stats import beta

    share = seen_once / traces
    binomial = share * (1 - share)
    variance = binomial + 2 * seen_twice / traces  # of one trace
    weight = binomial / variance if 0 < binomial <= variance else 1.0
    found, others = share * traces * weight + 0.5, (1 - share) * traces * weight + 0.5
    low = 0.0 if seen_once == 0 else float(beta.ppf(0.025, found, others))
    high = 1.0 if seen_once == traces else float(beta.ppf(0.975, found, others))
    return UnseenShare(share, low, high)
