"""Checks that refuse impossible ranges, shares and numbers in settings."""

import math
from dataclasses import fields

Range = tuple[float, float]


def check_ranges(
    settings: object,
    *,
    positive: tuple[str, ...] = (),
    positive_or_none: tuple[str, ...] = (),
    signed: tuple[str, ...] = (),
    **most: float,
) -> None:
    """Raise ValueError, with the name of the setting, for an impossible range, share or number.

    Parameters
    ----------
    positive
        Names of log-uniform ranges, which must be above 0.
    positive_or_none
        Names of log-uniform ranges that may also be (0, 0) for none.
    signed
        Names of settings that may be negative; all others must be 0 or more.
    most
        Largest value of some settings.
    """
    for field in fields(settings):  # type: ignore[arg-type]
        name, value = field.name, getattr(settings, field.name)
        numbers = value if isinstance(value, tuple) else (value,)
        if not numbers:
            raise ValueError(f"{name} must not be empty.")
        if any(isinstance(number, bool | str) or not isinstance(number, int | float) for number in numbers):
            continue
        if not all(math.isfinite(number) for number in numbers):
            raise ValueError(f"{name} must be finite, got {value}.")
        if len(numbers) == 2 and not numbers[0] <= numbers[1]:
            raise ValueError(f"{name} must be a range low <= high, got {value}.")
        if name.endswith("_share") and not 0 <= value <= 1:
            raise ValueError(f"{name} must lie between 0 and 1, got {value}.")
        if name not in signed and min(numbers) < 0:
            raise ValueError(f"{name} must not be negative, got {value}.")
        if name in positive and min(numbers) == 0:
            raise ValueError(f"{name} must be above 0, got {value}.")
        if name in positive_or_none and numbers[0] == 0 < numbers[1]:
            raise ValueError(f"{name} is log-uniform: from above 0, or (0, 0) for none, got {value}.")
        if name in most and max(numbers) > most[name]:
            raise ValueError(f"{name} must be {most[name]:g} at most, got {value}.")


def check_ratios(shares: object, of: str) -> None:
    """Refuse shares of which only the ratios matter, where one is negative or all are 0."""
    values = [getattr(shares, field.name) for field in fields(shares)]  # type: ignore[arg-type]
    if min(values) < 0 or not sum(values) > 0:
        raise ValueError(f"{of} shares must be 0 or more and not all 0, got {shares}.")
