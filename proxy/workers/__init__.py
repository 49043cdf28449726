"""Workers: several processes that serve one port, and what makes one proxy of them to operators."""
