"""Look at a machine before a job is started on it."""

from launch.preflight.checks import Check, Machine, table
from launch.preflight.every_check import check
from launch.preflight.host import output_dir

__all__ = ["Check", "Machine", "check", "output_dir", "table"]
