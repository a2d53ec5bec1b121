"""Plain values in, YAML out."""

from __future__ import annotations

import yaml


class _RecipeDumper(yaml.SafeDumper):
    """Writes YAML that 1.1 and 1.2 readers understand alike."""

    def ignore_aliases(self, data: object) -> bool:
        """Write equal values out in full."""
        return True


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    # 1e-3 and 0o7 are text to PyYAML and numbers to 1.2 readers; next-line characters break lines for 1.1 readers only.
    looks_like_number = text[:1] in "+-.0123456789"
    style = '"' if not text.isprintable() else "'" if looks_like_number else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_RecipeDumper.add_representer(str, _represent_text)


def write_yaml(value: object, *, on_one_line: bool = False) -> str:
    """Write mappings, lists and scalars as YAML, in the order they are given.

    Args:
        value: what JSON knows.
        on_one_line: write `[a, b]` instead of a line for each.
    """
    text: str = yaml.dump(
        value,
        Dumper=_RecipeDumper,
        sort_keys=False,
        allow_unicode=True,
        default_flow_style=on_one_line,
        width=float("inf") if on_one_line else 120,
    )
    return text.removesuffix("...\n")  # PyYAML ends a lone scalar with it
