"""Frames from files, HTTP(S) and a simulated junction."""

from __future__ import annotations

from pipeline.source.factory import open_source
from pipeline.source.protocol import FrameSource, SourceStats
from pipeline.source.url import redact
from pipeline.source.video import VideoSource

__all__ = ["FrameSource", "SourceStats", "VideoSource", "open_source", "redact"]
