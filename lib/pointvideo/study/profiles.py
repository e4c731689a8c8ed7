"""The sizes at which everything can be run."""

PROFILES = ("quick", "laptop", "gpu", "paper")  # sizes, never code: minutes, hours, the authors' models, their schedule
