"""Finds what is wrong with pictures before training does."""
