"""What the deploy room says when the user's input cannot work, and when an export is wrong."""


class BundleError(ValueError):
    """A bundle, model file or format that cannot be used; the message says what, where and what to do."""

    exit_code = 2


class ParityError(RuntimeError):
    """An exported file does not compute what the trained network computes."""

    exit_code = 1
