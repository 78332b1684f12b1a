from aeon_jobs.actors.webhook_delivery.actor import webhook_delivery

__all__ = ["webhook_delivery"]
