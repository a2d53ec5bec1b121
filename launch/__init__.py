"""Launchers: plan, preflight, supervisor; they start the doors and never import them."""
