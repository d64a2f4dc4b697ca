"""Counts with their nouns, 1 patch, 2 patches; and shares in percent."""

from __future__ import annotations


def plural(count: int, noun: str, *, grouped: bool = False) -> str:
    """Return a count and its noun, in the singular where it is one.

    Parameters
    ----------
    count : int
        How many.
    noun : str
        In the singular; words before it may be there too: ``STAC item``.
    grouped : bool
        Write 12,345 for 12345.

    Examples
    --------
    >>> plural(1, "pass"), plural(2, "pass"), plural(0, "query"), plural(3000, "patch", grouped=True)
    ('1 pass', '2 passes', '0 queries', '3,000 patches')
    """
    number = f"{count:,}" if grouped else str(count)
    if count == 1:
        return f"{number} {noun}"
    if noun.endswith(("s", "x", "ch", "sh")):
        return f"{number} {noun}es"
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        return f"{number} {noun[:-1]}ies"
    return f"{number} {noun}s"


def percent(share: float, decimals: int = 0) -> str:
    """Return a share in percent; rounding never makes none or all of what is neither.

    Parameters
    ----------
    share : float
        From 0 to 1; what differs from either by less than a millionth is taken for it.
    decimals : int
        Decimals of the percentage.

    Examples
    --------
    >>> percent(0.57), percent(0.997), percent(0.003), percent(1), percent(0.9996, 1)
    ('57 %', '>99 %', '<1 %', '100 %', '>99.9 %')
    """
    value, step = 100 * round(share, 6), 10.0**-decimals
    if 0 < value < step:
        return f"<{step:.{decimals}f} %"
    if 100 - step < value < 100:
        return f">{100 - step:.{decimals}f} %"
    return f"{value:.{decimals}f} %"
