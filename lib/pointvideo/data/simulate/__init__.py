"""Simulated worlds: actors, motion programs and a depth sensor that stand in where a recorded set is licensed or absent."""
