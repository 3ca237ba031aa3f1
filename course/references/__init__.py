"""Reference solutions of the assignments. They are in no wheel and are never given out."""
