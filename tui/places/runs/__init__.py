"""Places for active and finished work: runs, jobs, activity, problems."""
