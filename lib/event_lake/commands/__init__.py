"""The command lines of all jobs: each module has a `main(argv) -> int`, and its docstring is the job's help."""
