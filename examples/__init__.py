"""Things to run the proxy before."""
