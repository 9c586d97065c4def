"""The weights of a file held against the model's, by name, shape and dtype: what goes where. Torch-free."""
