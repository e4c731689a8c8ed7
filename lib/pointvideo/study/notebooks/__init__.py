"""Notebooks: their parameters, strict execution, pages and the gate before they are committed.

`python -m pointvideo.study.notebooks run|check|navigate` is the command line.
"""
