"""What an editor asks of a spec while it is written: pure functions of texts, and a server that hands them on."""
