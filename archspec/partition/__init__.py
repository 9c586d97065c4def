"""How a model can be taken apart over several processes, read off its graph without torch."""
