"""Published weights: read, renamed, loaded, converted."""

from netzoo.weights.files import read_weights
from netzoo.weights.loading import NEW_HEAD, LoadReport, load_weights

__all__ = ["NEW_HEAD", "LoadReport", "load_weights", "read_weights"]
