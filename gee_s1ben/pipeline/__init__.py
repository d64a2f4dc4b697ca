"""The stages, one a file: match, plan, fetch, assemble, verify, report; ``run`` is all of them."""
