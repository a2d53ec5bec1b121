"""Pictures: where they come from, how they are prepared, what is wrong with them, and their cached features."""
