"""One module a family of routes: what a request of it goes through, and how its errors are told."""
