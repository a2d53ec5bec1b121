"""Uses bundles; never imports MindSpore."""
