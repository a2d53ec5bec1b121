"""Typed config: schema, recipes, command line."""

from engine.config.command_line import parse_command_line
from engine.config.load import dump_config, load_config
from engine.config.schema import Config

__all__ = ["Config", "dump_config", "load_config", "parse_command_line"]
