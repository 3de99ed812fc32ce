"""Run the jobs on Amazon EMR Serverless: build what is uploaded, start, watch and cancel job runs."""
