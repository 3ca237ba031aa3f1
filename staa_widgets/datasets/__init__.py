"""Synthetic clips whose ground truth is known.

Begin with `drawn_actions.action_clip`.
"""
