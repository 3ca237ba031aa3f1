"""Truth, controls and the figures that compare explanations."""
