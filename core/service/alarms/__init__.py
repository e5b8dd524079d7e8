"""Alarms: matters of an archive that need attention, as typed values for every face."""
