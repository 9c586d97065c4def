"""The model's parameters and buffers by name, and the patterns that choose among them. Torch-free.

One language of patterns serves `weights`, `freeze`, `init` and the optimizer's `groups`.
"""
