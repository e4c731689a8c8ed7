"""Triton forms of the point kernels, one file an operator: the kernels and the function that launches them.

Launchers take contiguous tensors of one device that the operator has checked already; nothing here checks again.
The modules import Triton, so an operator imports its own only when it is handed CUDA tensors.
"""
