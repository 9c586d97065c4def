"""What a graph can do without where it is only run, not trained."""
