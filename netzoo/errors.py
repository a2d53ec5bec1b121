"""What netzoo says when the user's input cannot work; doors print these without a traceback."""


class NetError(ValueError):
    """A network, a freezing rule or an adapter that cannot be made as asked."""

    exit_code = 2


class WeightsError(NetError):
    """A weights file that cannot be read, or does not fit the network."""
