"""The room's one error: the data, or what was asked of it, is wrong."""


class DataError(ValueError):
    """Data that cannot be used; the message says what, where and what to do."""

    exit_code = 2
