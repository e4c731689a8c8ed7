"""Speed, measured: paired with a named baseline in one process, gated by equality, the ratio printed."""
