"""Simpang: vehicle counts from junction cameras, from pixels to queries."""

__version__ = "0.1.0"
