"""Several processes or devices for one model, on PyTorch's own engine: a file a kind."""
