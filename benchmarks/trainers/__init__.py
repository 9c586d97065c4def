"""One epoch of the same training by different programs; each gives the seconds that its steps took."""
