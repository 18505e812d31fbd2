"""What `docker compose` runs beside the services: the bootstrap and the sample. See docker-compose.yml."""
