"""The networks of the benchmarks as a person writes them in PyTorch."""
