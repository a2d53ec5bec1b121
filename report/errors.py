"""What the report room says about folders that it cannot read."""


class ReportError(ValueError):
    """A folder that is no run, or a file of a run that is damaged."""

    exit_code = 2
