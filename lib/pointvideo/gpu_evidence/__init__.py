"""All that a GPU can show, in one command that fits a few minutes on a bare machine (docs/gpu.md).

Stages, each a process of its own with a share of the budget: smoke, kernel tests, kernel benchmark, seeds of a table
side by side, the authors' sizes, profile of a step. Results are written as they come; a stage that fails, or that the
machine is too small for, does not stop the next.
"""
