"""Run the jobs from the command line. Each module is a job: it has a `main`, and its docstring is the job's help."""
