from aeon_jobs.actors.data_processing.actor import data_processing

__all__ = ["data_processing"]
