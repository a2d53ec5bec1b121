"""Packs pictures into MindRecord shards."""
