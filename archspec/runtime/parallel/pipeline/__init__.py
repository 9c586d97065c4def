"""The layers one after another on several processes, by torch.distributed.pipelining: cut, then run by a schedule."""
