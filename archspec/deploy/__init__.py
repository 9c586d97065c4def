"""Trained models in the forms that other programs run: torch.export, ONNX, TorchScript; source, and plain weights."""
