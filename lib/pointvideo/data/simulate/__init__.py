"""Simulated worlds: actors, motion programs and a depth sensor, for where a recorded set is licensed or absent."""
