from aeon_jobs.actors.email_notification.actor import email_notification

__all__ = ["email_notification"]
