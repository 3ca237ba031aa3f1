"""Synthetic clips whose ground truth is known.

Begin with `drawn_actions.action_clip`, which draws a stick figure that performs an action.
"""
