"""Callbacks of a run, one per file; `base` tells their moments."""
