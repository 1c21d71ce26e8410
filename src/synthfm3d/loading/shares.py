"""Settings that are shares."""


def check_shares(settings: object, *names: str) -> None:
    """Raise ValueError unless all the named settings lie within 0 and 1."""
    for name in names:
        value = getattr(settings, name)
        if not 0 <= value <= 1:
            raise ValueError(f"{name} is a share from 0 to 1, got {value}.")
