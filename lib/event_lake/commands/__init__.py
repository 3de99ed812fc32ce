"""Run the jobs from the command line. Each module is a job: it has a `main` and a `make_parser`, and its docstring is its help."""
