"""Where events come from: logging, structlog, web frameworks, SQLAlchemy, httpx, hooks."""
