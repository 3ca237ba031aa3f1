"""The version of staa_widgets."""

__version__ = "0.1.0"
