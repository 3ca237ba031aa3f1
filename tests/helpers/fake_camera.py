"""Chromium's fake camera: a script that notes the tracks that a page opens."""

from __future__ import annotations

NOTE_TRACKS = """
  const open = navigator.mediaDevices?.getUserMedia.bind(navigator.mediaDevices);
  window.tracks = [];
  if (open) navigator.mediaDevices.getUserMedia = async (wish) => {
    const stream = await open(wish);
    tracks.push(...stream.getTracks());
    return stream;
  };
"""
"""Script that a page runs first; `tracks` then holds the tracks of every camera that it opened."""
