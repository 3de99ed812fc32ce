"""Run the jobs from the command line. Each module is a job: its `main` runs it, and its docstring is its help."""
