"""Makes bundles: writes each format, and proves it."""
