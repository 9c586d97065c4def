"""The `train:` and `runtime:` sections: declared and checked against the architecture, without torch.

`check_recipe` (check.py) is the way in; what it gives is in model.py.
"""
