"""Places for work that goes on or is over: runs, jobs, activity, problems."""
