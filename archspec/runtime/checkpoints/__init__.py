"""Checkpoints: the whole state of a run as safetensors and JSON, hashed, and on disk either whole or not at all."""
