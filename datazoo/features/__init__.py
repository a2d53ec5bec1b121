"""Cached outputs of frozen layers, and batches of them."""
